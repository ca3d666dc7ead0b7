package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// The ways in which a text leads to a resource.
const (
	ByID         = "id"
	ByName       = "name"
	ByOtherName  = "other name"
	ByIdentifier = "identifier"
	ByAddress    = "address"
	ByExternalID = "external id"
	ByPast       = "former name"
	ByWords      = "words"
)

// Bounds of a trace.
const (
	mostTraces   = 20
	mostAlike    = 100
	mostPast     = 5_000 // changes that are gone through for a former name
	mostExternal = 20_000
	mostRejected = 1_000 // rejected rows of a scope that are looked at
)

// TraceQuery asks what is known under a text: a resource's id or name, the value of an identifier, an address, or the external id
// at a provider. Kind may be empty.
type TraceQuery struct {
	Text string
	Kind string
	// External are the kinds that each connection reads, by the connection's id: where an external id is looked for.
	External map[string][]string
}

// Trace is a resource that the text leads to, as it is now.
type Trace struct {
	Head
	// How it was found, one of the ways above; Detail says it in words.
	How, Detail string
	// Into is what it was merged into; nil where the caller may not see that.
	Into *Head
	// Pruned says that only its history is left.
	Pruned bool
	// Renamed says that a person gave it the name that is shown instead of the source's.
	Renamed bool
	// Contested says that the identifier was seen at several things and so joins nothing.
	Contested bool
}

// Trace finds what is known under a text, whatever its state, as far as the caller may see it. What is exactly called so comes
// first; only when there is nothing of the kind are former names and words tried.
func (s *Service) Trace(ctx context.Context, c Caller, q TraceQuery) ([]Trace, error) {
	t := &tracer{s: s, c: c, q: q, seen: map[string]int{}}
	for _, step := range []func(context.Context) error{t.byID, t.byName, t.byOtherName, t.byClaim, t.byField, t.byExternalID} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
	}
	for _, step := range []func(context.Context) error{t.byPast, t.byWords} {
		if len(t.found) > 0 {
			break
		}
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
	}
	return t.found[:min(len(t.found), mostTraces)], t.intoMerged(ctx)
}

type tracer struct {
	s     *Service
	c     Caller
	q     TraceQuery
	found []Trace
	seen  map[string]int // resource id -> position
	into  []string       // by position
}

func (t *tracer) add(row store.Row, doc headDoc, how, detail string) {
	if how == ByOtherName && slices.Contains(t.into, row.ID) {
		return // what was called so lives on in it, and says so itself
	}
	if _, ok := t.seen[row.ID]; ok || !t.c.mayRoots(doc.AccessRoots) || t.q.Kind != "" && doc.Kind != t.q.Kind {
		return
	}
	t.seen[row.ID] = len(t.found)
	t.found = append(t.found, Trace{Head: doc.view(row), How: how, Detail: detail})
	t.into = append(t.into, doc.RedirectTo)
}

// addIDs adds resources by id.
func (t *tracer) addIDs(ctx context.Context, ids []string, how string, detail func(id string) string) error {
	rows, err := getChunks(ctx, t.s.opt.Store, tHeads, t.c.Tenant, "", unique(slices.Clone(ids)))
	if err != nil {
		return err
	}
	for _, id := range ids {
		row, ok := rows[id]
		if !ok {
			continue
		}
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return err
		}
		t.add(row, doc, how, detail(id))
	}
	return nil
}

func (t *tracer) byID(ctx context.Context) error {
	return t.addIDs(ctx, []string{t.q.Text}, ByID, func(string) string { return "its id" })
}

func (t *tracer) heads(ctx context.Context, where filter.Expr, how, detail string, limit int) error {
	all := filter.And{t.c.may(), where}
	if t.q.Kind != "" {
		all = append(all, eq(text("kind"), t.q.Kind))
	}
	page, err := t.s.opt.Store.Find(ctx, store.Query{Table: tHeads, Tenant: t.c.Tenant, Where: all, Limit: limit})
	if err != nil {
		return fmt.Errorf("find by %s: %w", how, err)
	}
	for _, row := range page.Rows {
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return err
		}
		t.add(row, doc, how, detail)
	}
	return nil
}

func (t *tracer) byName(ctx context.Context) error {
	return t.heads(ctx, eq(text("name"), t.q.Text), ByName, "its name", mostTraces)
}

// byClaim looks through what identifiers of any type lead to.
func (t *tracer) byClaim(ctx context.Context) error {
	var pairs []string
	types := []string{}
	for _, typ := range schema.IdentifierTypes() {
		types = append(types, typ.Name)
	}
	for _, typ := range types {
		if v, ok := schema.NormalizeIdentifier(typ, t.q.Text); ok {
			pairs = append(pairs, pairOf(resource.Identifier{Type: typ, Value: v}))
		}
	}
	page, err := t.s.opt.Store.Find(ctx, store.Query{Table: tClaims, Tenant: t.c.Tenant, Where: in(text("pair"), unique(pairs)), Limit: mostTraces})
	if err != nil {
		return fmt.Errorf("find by identifier: %w", err)
	}
	for _, row := range page.Rows {
		doc, err := decodeRow[claimDoc](row)
		if err != nil {
			return err
		}
		owners := []string{doc.ResourceID}
		if doc.Contested {
			if owners, err = t.ownersOf(ctx, doc.Holders); err != nil {
				return err
			}
		}
		first := len(t.found)
		if err := t.addIDs(ctx, owners, ByIdentifier, func(string) string { return "its identifier " + doc.Type }); err != nil {
			return err
		}
		for i := first; i < len(t.found); i++ {
			t.found[i].Contested = doc.Contested
		}
	}
	return nil
}

func (t *tracer) ownersOf(ctx context.Context, observations []string) ([]string, error) {
	rows, err := getChunks(ctx, t.s.opt.Store, tObservations, t.c.Tenant, "", observations)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range observations {
		if row, ok := rows[id]; ok {
			doc, err := decodeRow[obsDoc](row)
			if err != nil {
				return nil, err
			}
			out = append(out, doc.ResourceID)
		}
	}
	return out, nil
}

// byOtherName finds, among what has the words of the text, what another source calls so, and what is written otherwise.
func (t *tracer) byOtherName(ctx context.Context) error {
	words := filter.Words(t.q.Text)
	if len(words) == 0 {
		return nil
	}
	page, err := t.s.opt.Store.Find(ctx, store.Query{Table: tHeads, Tenant: t.c.Tenant, Limit: mostAlike,
		Where: filter.And{t.c.may(), filter.Text{Field: texts("words"), Words: words}}})
	if err != nil {
		return fmt.Errorf("find by other name: %w", err)
	}
	byKind := map[string][]string{}
	for _, row := range page.Rows {
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return err
		}
		if strings.EqualFold(doc.Name, t.q.Text) {
			t.add(row, doc, ByName, "its name, written otherwise")
		}
		byKind[doc.Kind] = append(byKind[doc.Kind], row.ID)
	}
	for _, kind := range keysOf(byKind) {
		rows, err := getRows(ctx, t.s.opt.Store, tResources, t.c.Tenant, kind, byKind[kind])
		if err != nil {
			return err
		}
		for _, id := range byKind[kind] {
			row, ok := rows[id]
			if !ok {
				continue // pruned meanwhile
			}
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(doc.OtherNames, func(n string) bool { return strings.EqualFold(n, t.q.Text) }) {
				at, renamed := len(t.found), slices.ContainsFunc(doc.Curated, func(c curated) bool { return c.Pointer == "/name" })
				detail := "its name at another source"
				if renamed {
					detail = "its name at a source, which somebody changed here"
				}
				if err := t.addIDs(ctx, []string{id}, ByOtherName, func(string) string { return detail }); err != nil {
					return err
				}
				for i := at; i < len(t.found); i++ {
					t.found[i].Renamed = renamed
				}
			}
		}
	}
	return nil
}

// byField looks at what is indexed of each kind: values of identifiers that join nothing, and addresses.
func (t *tracer) byField(ctx context.Context) error {
	kinds, err := t.s.Kinds(ctx, t.c.Tenant)
	if err != nil {
		return err
	}
	key := ""
	if a, err := netip.ParseAddr(t.q.Text); err == nil {
		key, _ = filter.AddressKey(a.String())
	}
	for i := range kinds {
		k := &kinds[i]
		if t.q.Kind != "" && k.Name != t.q.Kind {
			continue
		}
		if err := t.s.ensureKind(ctx, k.Kind); err != nil {
			return err
		}
		var nets []string
		for _, f := range addressFields(k.Kind) {
			if key != "" && f.own {
				nets = append(nets, f.name()+"|"+key)
			}
		}
		values := unique([]string{t.q.Text, strings.ToLower(t.q.Text), strings.ToUpper(t.q.Text)})
		asks := []struct {
			how, detail string
			where       filter.Expr
		}{{ByIdentifier, "one of its identifiers", in(texts("identifiers", "value"), values)}}
		if len(nets) > 0 {
			asks = append(asks, struct {
				how, detail string
				where       filter.Expr
			}{ByAddress, "an address that it has", in(texts("nets"), nets)})
		}
		for _, ask := range asks {
			page, err := t.s.opt.Store.Find(ctx, store.Query{Table: tResources, Tenant: t.c.Tenant, Part: k.Name, Where: filter.And{t.c.may(), ask.where}, Limit: mostTraces})
			if err != nil {
				return fmt.Errorf("find %s by %s: %w", k.Name, ask.how, err)
			}
			var ids []string
			for _, row := range page.Rows {
				ids = append(ids, row.ID)
			}
			if err := t.addIDs(ctx, ids, ask.how, func(string) string { return ask.detail }); err != nil {
				return err
			}
		}
	}
	return nil
}

// byExternalID asks for the observations that each connection would have under the text.
func (t *tracer) byExternalID(ctx context.Context) error {
	if len(t.q.Text) > resource.MaxExternalID {
		return nil
	}
	var keys []string
	for _, connection := range keysOf(t.q.External) {
		for _, kind := range t.q.External[connection] {
			if (t.q.Kind == "" || kind == t.q.Kind) && len(keys) < mostExternal {
				keys = append(keys, obsID(t.c.Tenant, connection, kind, t.q.Text))
			}
		}
	}
	owners, err := t.ownersOf(ctx, keys)
	if err != nil {
		return err
	}
	return t.addIDs(ctx, owners, ByExternalID, func(string) string { return "what its provider calls it" })
}

// byPast goes back through the latest changes for what was called so once, and has another name now or was pruned.
func (t *tracer) byPast(ctx context.Context) error {
	where := filter.And{t.c.may()}
	if t.q.Kind != "" {
		where = append(where, eq(text("kind"), t.q.Kind))
	}
	q := store.Query{Table: tChanges, Tenant: t.c.Tenant, Where: where, Order: []store.Order{{Field: when("at"), Desc: true}}, Limit: 500}
	wanted := string(encodeJSON(t.q.Text))
	var ids []string
	last := map[string]changeDoc{}
	_, err := t.s.eachUpTo(ctx, q, mostPast, func(row store.Row) error {
		ch, err := decodeRow[changeDoc](row)
		if err != nil {
			return err
		}
		renamed := slices.ContainsFunc(ch.Diff, func(d FieldChange) bool { return d.Pointer == "/name" && string(d.Old) == wanted })
		if _, ok := last[ch.ResourceID]; !ok && (renamed || ch.Name == t.q.Text) && len(ids) < mostTraces {
			ids = append(ids, ch.ResourceID)
			last[ch.ResourceID] = ch
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := t.addIDs(ctx, ids, ByPast, func(id string) string {
		return "its name until " + last[id].At.UTC().Format(time.RFC3339)
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if _, there := t.seen[id]; there {
			continue
		}
		ch := last[id]
		t.seen[id] = len(t.found)
		t.found = append(t.found, Trace{Head: Head{ID: id, Kind: ch.Kind, Name: ch.Name, State: ch.Revision.State, Version: ch.Version, UpdatedAt: ch.At.Time},
			How: ByPast, Detail: "the last change that names it", Pruned: true})
		t.into = append(t.into, "")
	}
	return nil
}

// byWords finds what text search does, for names that are remembered in part.
func (t *tracer) byWords(ctx context.Context) error {
	words := filter.Words(t.q.Text)
	if text := strings.TrimSpace(t.q.Text); len(words) == 0 || isAddressText(text) {
		return nil // of an address the numbers are words that half of everything has
	}
	return t.heads(ctx, filter.And{shown(true), filter.Text{Field: texts("words"), Words: words}}, ByWords, "the words are somewhere in it", mostTraces/2)
}

// isAddressText says whether it is an IP address, a range or a MAC.
func isAddressText(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	_, ok := macOf(text)
	return ok
}

// intoMerged names what the merged ones live on as.
func (t *tracer) intoMerged(ctx context.Context) error {
	n := min(len(t.found), mostTraces)
	var ids []string
	for _, id := range t.into[:n] {
		if id != "" {
			ids = append(ids, id)
		}
	}
	heads, err := t.s.heads(ctx, t.c, unique(ids))
	if err != nil {
		return err
	}
	for i := range t.found[:n] {
		if h, ok := heads[t.into[i]]; ok && t.into[i] != "" {
			t.found[i].Into = &h
		}
	}
	return nil
}

// Doubt is an open question about a resource: a review item, told in words.
type Doubt struct {
	ID, Type, Detail string
	At               time.Time
}

// Doubts are the open review items about any of the resources, as far as the caller may read both that each is about.
func (s *Service) Doubts(ctx context.Context, c Caller, ids []string) ([]Doubt, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tReviews, Tenant: c.Tenant, Limit: mostTraces, Where: filter.And{eq(text("state"), "open"),
		filter.Or{in(text("resource_id"), ids), in(text("other_id"), ids)}}})
	if err != nil {
		return nil, fmt.Errorf("find review items: %w", err)
	}
	var out []Doubt
	for _, row := range page.Rows {
		doc, err := decodeRow[reviewDoc](row)
		if err != nil {
			return nil, err
		}
		both, err := s.heads(ctx, c, unique([]string{doc.ResourceID, doc.OtherID}))
		if err != nil {
			return nil, err
		}
		if _, seen := both[doc.ResourceID]; !seen || doc.OtherID != "" && both[doc.OtherID].ID == "" {
			continue
		}
		d := Doubt{ID: row.ID, Type: doc.Type, Detail: doc.Detail, At: doc.At.Time}
		if d.Type == "" {
			d.Type = ReviewBridge
		}
		if d.Detail == "" && doc.Pair != "" {
			typ, _, _ := strings.Cut(doc.Pair, "=")
			d.Detail = "two resources have the same " + typ
		}
		out = append(out, d)
	}
	return out, nil
}

// RejectedRow is an item of a scope that was not taken.
type RejectedRow struct {
	Key, Name, Reason string
	// Asked says that it is the one asked for.
	Asked bool
}

// RejectedRows are those of a scope, what is asked for first; at most limit. Of items whose name was not readable only the key is known.
func (s *Service) RejectedRows(ctx context.Context, c Caller, connection string, scope resource.Scope, asked string, limit int) ([]RejectedRow, error) {
	if !c.sees(connection) {
		return nil, nil
	}
	q := store.Query{Table: tIndex, Tenant: c.Tenant, Where: filter.And{eq(text("scope_id"), scopeID(connection, scope.Key())), eq(text("state"), string(rowRejected))},
		Order: []store.Order{{Field: text("key")}}}
	var out []RejectedRow
	_, err := s.eachUpTo(ctx, q, mostRejected, func(row store.Row) error {
		doc, err := decodeRow[indexDoc](row)
		if err != nil {
			return err
		}
		r := RejectedRow{Key: doc.Key, Name: doc.Name, Reason: doc.Reason, Asked: asked != "" && (strings.TrimSpace(doc.Name) == strings.TrimSpace(asked) || doc.Key == asked || strings.Contains(doc.Key, asked))}
		switch {
		case r.Asked:
			out = slices.Insert(out, 0, r)
		case len(out) < limit:
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rejected rows: %w", err)
	}
	return out[:min(len(out), limit)], nil
}
