package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// domainCaller is the caller as the inventory knows it.
func domainCaller(c access.Caller) inventory.Caller {
	return inventory.Caller{Tenant: c.Tenant, Name: c.Name, Address: c.Address, TenantWide: c.TenantWide(), Roots: c.Roots(),
		Connections: c.Connections, Sensitive: access.Decide(c, access.ReadSensitive, access.Object{}) == access.Allowed,
		Writes: func(roots []string) bool {
			return access.Decide(c, access.EditResources, access.Object{Roots: roots}) == access.Allowed
		},
		Costs: func(roots []string) bool {
			return access.Decide(c, access.EditCosts, access.Object{Roots: roots}) == access.Allowed
		}}
}

func (s *Server) listKinds(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.KindInfo]], error) {
	kinds, err := s.opt.Inventory.Kinds(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.KindInfo, 0, len(kinds))
	for i := range kinds {
		docs = append(docs, kindDocument(&kinds[i]))
	}
	return small(s, in, docs, func(k rest.KindInfo) string { return k.Name }, "name")
}

func (s *Server) getKind(ctx context.Context, c access.Caller, in *kindIn) (*out[rest.KindInfo], error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	return &out[rest.KindInfo]{Body: kindDocument(k)}, nil
}

func (s *Server) approveKind(ctx context.Context, c access.Caller, in *decideKindIn) (*out[rest.KindInfo], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	pending, err := s.opt.Inventory.PendingKinds(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	// One that nobody waits for is let in already, which is no mistake.
	if i := slices.IndexFunc(pending, func(p inventory.PendingKind) bool { return p.Name == in.Kind }); i >= 0 {
		if _, err := s.decideSubject(ctx, c, approval.PluginKind, pending[i].Key, true, in.reason()); err != nil {
			return nil, err
		}
	}
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	return &out[rest.KindInfo]{Body: kindDocument(k)}, nil
}

// kind is one that the tenant has; otherwise the problem says which there are.
func (s *Server) kind(ctx context.Context, c access.Caller, name string) (*inventory.KindInfo, error) {
	k, err := s.opt.Inventory.Kind(ctx, c.Tenant, name)
	if !isNotFound(err) {
		return k, err
	}
	kinds, err := s.opt.Inventory.Kinds(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if sameWords(name, k.Plural) || sameWords(name, k.Label) || sameWords(name, k.Name) || sameWords(inventory.CustomProvider+"."+name, k.Name) {
			return nil, problem(http.StatusNotFound, "There is no kind %q; did you mean %s?", name, k.Name)
		}
	}
	return nil, problem(http.StatusNotFound, "There is no kind %q. The page of the kinds, maestro kinds and GET %s/kinds list those there are.", name, prefix)
}

// sameWords says whether two names differ in nothing but spelling: "Load balancers" and load_balancers.
func sameWords(a, b string) bool {
	plain := strings.NewReplacer(" ", "", "_", "", "-", "")
	return strings.EqualFold(plain.Replace(a), plain.Replace(b))
}

func (s *Server) listResources(ctx context.Context, c access.Caller, in *resourcesIn) (*out[rest.List[rest.Resource]], error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	fields, err := s.fieldsOfKind(ctx, c, k.Name)
	if err != nil {
		return nil, err
	}
	q, question, err := s.listQuery(&in.ListIn, fields, in.Filter, "resources", in.Kind, momentText(in.AsOf))
	if err != nil {
		return nil, err
	}
	q.Kind, q.AsOf = in.Kind, in.AsOf
	found, err := s.opt.Inventory.List(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Resource, 0, len(found.Items))
	for i := range found.Items {
		r, err := resourceDocument(&found.Items[i], names)
		if err != nil {
			return nil, err
		}
		items = append(items, r)
	}
	list, err := listOf(items, question, found.Next, found.Total, found.More)
	return lookedThrough(list, found.Looked), err
}

// lookedThrough says of a page how far it went, where that is why it ends.
func lookedThrough[T any](page *out[rest.List[T]], looked int) *out[rest.List[T]] {
	if page != nil {
		page.Body.LookedThrough = looked
	}
	return page
}

// momentText is part of what a question is: empty means the moment of asking.
func momentText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func (s *Server) searchResources(ctx context.Context, c access.Caller, in *searchIn) (*out[rest.List[rest.ResourceHead]], error) {
	q, question, err := s.listQuery(&in.ListIn, inventory.HeadFields().Naming(s.naming(ctx, c)), in.Filter, "heads", in.Q, momentText(in.AsOf))
	if err != nil {
		return nil, err
	}
	q.AsOf = in.AsOf
	if words := filter.Words(in.Q); len(words) > 0 {
		field, ok := inventory.HeadFields().Text()
		if !ok {
			return nil, fmt.Errorf("search resources: heads have no words")
		}
		text := filter.Text{Field: field, Words: words}
		if q.Where == nil {
			q.Where = text
		} else {
			q.Where = filter.And{q.Where, text}
		}
	}
	more, err := s.heldBy(ctx, c, &q, in)
	if err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.Heads(ctx, domainCaller(c), byID(q, in))
	if err == nil && looksLikeID(in.Q) && len(found.Items) == 0 && found.Next == "" {
		found, err = s.opt.Inventory.Heads(ctx, domainCaller(c), q) // a word that only looks like the beginning of an id
	}
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.ResourceHead, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, headDocument(&found.Items[i], names))
	}
	list, err := listOf(items, question, found.Next, found.Total, found.More || more)
	return lookedThrough(list, found.Looked), err
}

// heldBy asks for who has the address, lies in the range, or has the MAC that somebody typed, and says whether there are more; it
// leaves words as they are.
func (s *Server) heldBy(ctx context.Context, c access.Caller, q *inventory.ListQuery, in *searchIn) (more bool, err error) {
	word := strings.TrimSpace(in.Q)
	if !strings.ContainsAny(word, ".:-") || strings.ContainsAny(word, " \t") {
		return false, nil
	}
	ids, more, ok, err := s.opt.Inventory.Holders(ctx, domainCaller(c), word, in.AsOf)
	if err != nil || !ok {
		return false, err
	}
	list := filter.In{Field: filter.RowID}
	for _, id := range ids {
		list.Values = append(list.Values, id)
	}
	where, _, err := s.parseFilter(in.Filter, inventory.HeadFields())
	if err != nil {
		return false, err
	}
	if q.Where = list; where != nil {
		q.Where = filter.And{where, list}
	}
	return more, nil
}

var idBeginning = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F-]{0,27})?$`)

// looksLikeID says that somebody may search for an id, or for the part of it that he remembers.
func looksLikeID(words string) bool { return idBeginning.MatchString(strings.TrimSpace(words)) }

// byID asks for ids that begin so, if the words look like one; whatever their state, since an id is asked for on purpose.
func byID(q inventory.ListQuery, in *searchIn) inventory.ListQuery {
	if !looksLikeID(in.Q) || in.Filter != "" {
		return q
	}
	q.Where, q.StateNamed = filter.Compare{Field: filter.RowID, Op: filter.Prefix, Value: strings.ToLower(strings.TrimSpace(in.Q))}, true
	return q
}

// listQuery reads the parameters of a list that the store answers. more are what else decides the question.
func (s *Server) listQuery(in *ListIn, fields resolver, text string, more ...string) (inventory.ListQuery, string, error) {
	q := inventory.ListQuery{Limit: in.size(), CountExact: in.Count == "exact"}
	where, named, err := s.parseFilter(text, fields)
	if err != nil {
		return q, "", err
	}
	q.Where, q.StateNamed = where, named("state")
	if q.Order, err = s.parseOrder(in.OrderBy, fields); err != nil {
		return q, "", err
	}
	question := questionOf(append(more, text, in.OrderBy)...)
	q.After, err = readToken(question, in.PageToken)
	return q, question, err
}

func listOf[T any](items []T, question, next string, total int, more bool) (*out[rest.List[T]], error) {
	token, err := nextToken(question, next)
	if err != nil {
		return nil, err
	}
	return &out[rest.List[T]]{Body: rest.List[T]{Items: items, NextPageToken: token, TotalSize: total, TotalSizeIsLowerBound: more}}, nil
}

func (s *Server) getResource(ctx context.Context, c access.Caller, in *resourceAtIn) (*versioned[rest.Resource], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	if !in.AsOf.IsZero() {
		r, err := s.opt.Inventory.AsOf(ctx, domainCaller(c), in.Kind, in.ID, in.AsOf)
		if err != nil {
			return nil, orNotFound(err, "resource at that moment")
		}
		return s.oneResource(ctx, c, r, nil)
	}
	r, err := s.opt.Inventory.Get(ctx, domainCaller(c), in.Kind, in.ID)
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	seen, err := s.opt.Inventory.Observations(ctx, domainCaller(c), in.Kind, in.ID)
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	return s.oneResource(ctx, c, r, seen)
}

func (s *Server) oneResource(ctx context.Context, c access.Caller, r *inventory.Resource, seen []inventory.ObservationView) (*versioned[rest.Resource], error) {
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	doc, err := resourceDocument(r, names)
	if err != nil {
		return nil, err
	}
	doc.Provenance, doc.Apart = provenanceDocument(r.Provenance, names), r.Apart
	for _, a := range r.Absorbed {
		doc.Absorbed = append(doc.Absorbed, rest.Ref{ID: a.ID, Name: a.Name, Kind: r.Kind})
	}
	for i := range seen {
		doc.Observations = append(doc.Observations, observationDocument(&seen[i], names))
	}
	return &versioned[rest.Resource]{ETag: etag(r.Version), Body: doc}, nil
}

func (s *Server) createResource(ctx context.Context, c access.Caller, in *createResourceIn) (*versioned[rest.Resource], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	// Read once more without going through float64, which would spoil large numbers.
	var raw struct {
		Attributes json.RawMessage `json:"attributes"`
		Common     json.RawMessage `json:"common"`
	}
	if err := json.Unmarshal(in.RawBody, &raw); err != nil {
		return nil, problem(http.StatusBadRequest, "The body is not valid JSON.")
	}
	var relations []inventory.PersonRelation
	for _, r := range in.Body.Relations {
		relations = append(relations, inventory.PersonRelation{Verb: r.Verb, Kind: r.Target.Kind, ID: r.Target.ID})
	}
	if err := s.placed(ctx, c, in.Body.Datacenter); err != nil {
		return nil, err
	}
	r, err := s.opt.Inventory.Create(ctx, domainCaller(c), inventory.CreateRequest{
		Kind: in.Kind, Name: in.Body.Name, Datacenter: in.Body.Datacenter, Region: in.Body.Region, Zone: in.Body.Zone,
		Tags: in.Body.Tags, Identifiers: in.Body.Identifiers, Attributes: raw.Attributes, Common: raw.Common,
		Relations: relations, RequestID: in.Body.RequestID, Reason: in.Body.Reason,
	})
	if err != nil {
		return nil, err
	}
	return s.oneResource(ctx, c, r, nil)
}

func (s *Server) patchResource(ctx context.Context, c access.Caller, in *patchResourceIn) (*versioned[rest.Resource], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	var raw struct {
		Set map[string]json.RawMessage `json:"set"`
	}
	if err := json.Unmarshal(in.RawBody, &raw); err != nil {
		return nil, problem(http.StatusBadRequest, "The body is not valid JSON.")
	}
	if err := s.placedIn(ctx, c, raw.Set); err != nil {
		return nil, err
	}
	r, err := s.opt.Inventory.Patch(ctx, domainCaller(c), inventory.PatchRequest{Kind: in.Kind, ID: in.ID, Version: version,
		Set: raw.Set, Reset: in.Body.Reset, Identifiers: in.Body.Identifiers, RemoveIdentifiers: in.Body.RemoveIdentifiers, Reason: in.Body.Reason})
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	seen, err := s.opt.Inventory.Observations(ctx, domainCaller(c), in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	return s.oneResource(ctx, c, r, seen)
}

// placed says whether there is a datacenter that somebody puts a resource into. Who may put nothing there is refused by rights, which
// tell nothing of what there is.
func (s *Server) placed(ctx context.Context, c access.Caller, datacenter string) error {
	if datacenter == "" || access.Decide(c, access.EditResources, access.Object{Roots: []string{datacenter}}) != access.Allowed {
		return nil
	}
	_, err := s.opt.Fleet.Datacenter(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, datacenter)
	if isNotFound(err) {
		return &inventory.InvalidError{Pointer: "/datacenter", Problem: "there is no such datacenter"}
	}
	return err
}

// placedIn is placed for what an edit sets; what is no text is refused with the other values.
func (s *Server) placedIn(ctx context.Context, c access.Caller, set map[string]json.RawMessage) error {
	var to any
	_ = json.Unmarshal(set["/datacenter"], &to) // nothing is set, or the body was no JSON to begin with
	datacenter, _ := to.(string)
	return s.placed(ctx, c, datacenter)
}

func (s *Server) deleteResource(ctx context.Context, c access.Caller, in *deleteResourceIn) (*out[rest.Operation], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	op, err := s.opt.Transfer.Delete(ctx, domainCaller(c), inventory.DeleteRequest{Kind: in.Kind, ID: in.ID, Version: version, Reason: in.Reason})
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	return &out[rest.Operation]{Body: op}, nil
}

func (s *Server) listRelations(ctx context.Context, c access.Caller, in *relationsIn) (*out[rest.List[rest.RelatedResource]], error) {
	var related []inventory.Related
	var err error
	if in.AsOf.IsZero() {
		related, err = s.opt.Inventory.RelatedTo(ctx, domainCaller(c), in.Kind, in.ID)
	} else {
		related, err = s.opt.Inventory.RelatedAsOf(ctx, domainCaller(c), in.Kind, in.ID, in.AsOf)
	}
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	docs := make([]rest.RelatedResource, 0, len(related))
	for i := range related {
		r := &related[i]
		d := rest.RelatedResource{Verb: r.Verb, Direction: r.Direction, State: string(r.State), Wanted: r.Wanted, Warning: r.Warning, Source: r.Source}
		if r.ID != "" {
			d.Resource = &rest.Ref{ID: r.ID, Name: r.Name, Kind: r.Kind}
		}
		docs = append(docs, d)
	}
	return small(s, &in.ListIn, docs, relationKey, "direction desc, verb, resource.name")
}

// relationKey tells edges apart: paging needs a key, and an edge has no id.
func relationKey(r rest.RelatedResource) string {
	id := ""
	if r.Resource != nil {
		id = r.Resource.ID
	}
	return store.Key(r.Direction, r.Verb, id, r.Wanted)
}

func (in *decideKindIn) reason() string {
	if in.Body == nil {
		return ""
	}
	return strings.TrimSpace(in.Body.Reason)
}

func (in *decideIn) reason() string {
	if in.Body == nil {
		return ""
	}
	return strings.TrimSpace(in.Body.Reason)
}
