package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/mapping"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// Mapping is what a tenant's administrators wrote down of the meaning of tags, names and accounts: one document, of which
// every version is kept, so that any can be brought back.
type Mapping struct {
	Version int64
	Rules   []mapping.Rule
	// Spellings bring tags to one spelling; resources show the result as labels.
	Spellings []mapping.Spelling
	// Policy is what tags are asked for.
	Policy  []mapping.Requirement
	SavedAt time.Time
	SavedBy string
	Reason  string
}

// mappingDoc is a version of it. Job says how far the inventory follows it.
type mappingDoc struct {
	Rules     []mapping.Rule        `json:"rules"`
	Spellings []mapping.Spelling    `json:"spellings,omitempty"`
	Policy    []mapping.Requirement `json:"policy,omitempty"`
	At        store.Time            `json:"at"`
	By        string                `json:"by"`
	Reason    string                `json:"reason,omitempty"`
}

// mappingJobDoc brings all resources in line with the version. One row per tenant.
type mappingJobDoc struct {
	Version int64      `json:"version"`
	State   string     `json:"state"` // running, done
	After   string     `json:"after,omitempty"`
	Done    int        `json:"done"`
	Total   int        `json:"total"`
	Changed int        `json:"changed"`
	Began   store.Time `json:"began"`
	Ended   store.Time `json:"ended,omitzero"`
	// Reference is the reference data that is applied; reference.go.
	Reference string `json:"reference,omitempty"`
	// Accounts is whom accounts served when the rules were applied, by the root of their resources; Only are the roots to look at,
	// where nothing else has changed. rules_accounts.go.
	Accounts map[string]string `json:"accounts,omitempty"`
	Only     []string          `json:"only,omitempty"`
}

// tenantRules are a version of the mapping, ready for use.
type tenantRules struct {
	version   int64
	at        store.Time
	rules     *mapping.Rules
	spellings *mapping.Spellings
	// served is whom accounts serve, if a rule asks for it.
	served map[string]served
	// disagreed takes what the rules disagree about, by resource; of a preview only.
	disagreed map[string][]mapping.Conflict
}

const keptMappings = 50

// rulesCache keeps the rules of each tenant for a moment.
type rulesCache struct {
	mu      sync.Mutex
	tenants map[string]cachedRules
}

type cachedRules struct {
	at    time.Time
	ready *tenantRules
}

func mappingID(tenant string, version int64) string {
	return store.Key(tenant, fmt.Sprintf("%012d", version))
}

// currentMapping is the newest version; version 0 is that nobody wrote any.
func (s *Service) currentMapping(ctx context.Context, tenant string) (mappingDoc, int64, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tMappings, Tenant: tenant, Limit: 1, Order: []store.Order{{Field: when("at"), Desc: true}}})
	if err != nil {
		return mappingDoc{}, 0, fmt.Errorf("read mapping rules: %w", err)
	}
	if len(page.Rows) == 0 {
		return mappingDoc{}, 0, nil
	}
	doc, err := decodeRow[mappingDoc](page.Rows[0])
	return doc, page.Rows[0].Version, err
}

// rulesFor are the tenant's rules, at most kindsFor old.
func (s *Service) rulesFor(ctx context.Context, tenant string) (*tenantRules, error) {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	was := s.rules.tenants[tenant]
	if was.ready != nil && s.now().Sub(was.at).Abs() < kindsFor {
		return was.ready, nil
	}
	doc, version, err := s.currentMapping(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if was.ready == nil || was.ready.version != version {
		if was.ready, err = readyRules(doc, version); err != nil {
			// A newer Maestro wrote it. Nothing that it says is undone by not knowing it.
			s.opt.Log.Warn("the mapping rules are not understood and not applied", "tenant", tenant, "error", err)
			was.ready = &tenantRules{version: version}
		}
	}
	if was.ready, err = s.withServed(ctx, tenant, was.ready); err != nil {
		return nil, err
	}
	was.at = s.now()
	s.rules.tenants[tenant] = was
	return was.ready, nil
}

func (s *Service) forgetRules(tenant string) {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	c := s.rules.tenants[tenant]
	c.at = time.Time{}
	s.rules.tenants[tenant] = c
}

func readyRules(doc mappingDoc, version int64) (*tenantRules, error) {
	rules, err := mapping.Compile(doc.Rules)
	if err != nil {
		return nil, err
	}
	spellings, err := mapping.CompileSpellings(doc.Spellings)
	if err != nil {
		return nil, err
	}
	return &tenantRules{version: version, at: doc.At, rules: rules, spellings: spellings}, nil
}

// conditions are the rules' conditions for a kind. One that names a field that the kind does not have is never fulfilled.
func (t *tenantRules) conditions(k *schema.Kind, now time.Time) []filter.Expr {
	var out []filter.Expr
	for _, r := range t.rules.List() {
		var e filter.Expr
		if r.Where != "" {
			var err error
			if e, _, err = filter.Parse(r.Where, FieldsOf(k), now); err != nil {
				e = filter.Const(false)
			}
		}
		out = append(out, e)
	}
	return out
}

// apply applies the rules to what the merge has made. People and connections' own mappings decide before rules do.
func (t *tenantRules) apply(id string, rev *revision, deciding []*observed, k *schema.Kind, where []filter.Expr) {
	if t == nil || t.rules == nil {
		return
	}
	rev.Labels = t.spellings.Labels(rev.Tags)
	if len(t.rules.List()) == 0 {
		return
	}
	thing := mapping.Thing{Kind: k.Name, Name: rev.Name, Region: rev.Region, Zone: rev.Zone, Tags: rev.Tags}
	if len(deciding) > 0 {
		thing.Provider, thing.Partition = deciding[0].provider, deciding[0].env.Partition
	}
	account := t.accountOf(rev, deciding)
	thing.Client = account.name
	var attributes any
	thing.Attribute = func(path string) (string, bool) {
		if attributes == nil {
			attributes = decodeJSON(rev.Attributes)
		}
		return scalarAt(attributes, path)
	}
	var text []byte
	thing.Matches = func(i int) bool {
		if text == nil {
			doc := resourceDoc{revision: *rev}
			doc.derive(k)
			text = encodeJSON(doc)
		}
		return i < len(where) && where[i] != nil && filter.MatchRow(where[i], id, text)
	}
	common, _ := decodeJSON(rev.Common).(map[string]any)
	if common == nil {
		common = map[string]any{}
	}
	decided := func(pointer string) bool {
		_, has := valueAt(common, strings.TrimPrefix(pointer, "/common"))
		return has || slices.ContainsFunc(rev.Curated, func(c curated) bool { return covers([]string{c.Pointer}, pointer) })
	}
	t.disagree(id, &thing, decided)
	set := false
	for _, o := range t.rules.Apply(&thing) {
		if o.Pointer == "" {
			rev.RuleEdges = append(rev.RuleEdges, edge{Verb: o.Verb, Kind: o.Kind, Want: wantName(o.Kind, o.Value), Label: o.Value, Rule: o.Rule})
			continue
		}
		if decided(o.Pointer) {
			continue
		}
		put(common, strings.Split(strings.TrimPrefix(o.Pointer, "/common/"), "/"), o.Value)
		set = true
		at := t.at
		if o.From == mapping.FromAccountClient && account.since.After(at.Time) {
			at = account.since
		}
		rev.Provenance = append(rev.Provenance, provenance{Pointers: []string{o.Pointer}, Actor: "rule:" + o.Rule, At: at})
	}
	if set {
		rev.Common = encodeJSON(common)
	}
}

func put(tree map[string]any, path []string, value string) {
	for len(path) > 1 {
		next, ok := tree[path[0]].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[path[0]] = next
		}
		tree, path = next, path[1:]
	}
	tree[path[0]] = value
}

func scalarAt(v any, path string) (string, bool) {
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		v = m[part]
	}
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		if v == math.Trunc(v) {
			return strconv.FormatFloat(v, 'f', 0, 64), true
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// wantName is the key by which a rule's edge finds what people recorded under a name.
func wantName(kind, name string) string { return store.Key("n", kind, name) }

// namesHeld are the want keys of a resource's name; of the kinds that rules relate to.
func namesHeld(kind string, rev *revision) []string {
	if rev.Name == "" || rev.State != Active || !mapping.ByName(kind) {
		return nil
	}
	return []string{wantName(kind, rev.Name)}
}

// Mapping is the tenant's newest mapping.
func (s *Service) Mapping(ctx context.Context, tenant string) (*Mapping, error) {
	doc, version, err := s.currentMapping(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return doc.view(version), nil
}

func (d *mappingDoc) view(version int64) *Mapping {
	return &Mapping{Version: version, Rules: d.Rules, Spellings: d.Spellings, Policy: d.Policy, SavedAt: d.At.Time, SavedBy: d.By, Reason: d.Reason}
}

// MappingHistory are the versions that are kept, newest first.
func (s *Service) MappingHistory(ctx context.Context, tenant string) ([]Mapping, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tMappings, Tenant: tenant, Limit: keptMappings, Order: []store.Order{{Field: when("at"), Desc: true}}})
	if err != nil {
		return nil, fmt.Errorf("read mapping rules: %w", err)
	}
	var out []Mapping
	for _, row := range page.Rows {
		doc, err := decodeRow[mappingDoc](row)
		if err != nil {
			return nil, err
		}
		out = append(out, *doc.view(row.Version))
	}
	return out, nil
}

// checkMapping says what is wrong with rules; a condition must be understood for at least one kind that it is for.
func (s *Service) checkMapping(ctx context.Context, tenant string, m Mapping) (*tenantRules, error) {
	at := func(list string, err error) error {
		var wrong *mapping.Error
		if errors.As(err, &wrong) {
			return &InvalidError{Pointer: fmt.Sprintf("/%s/%d/%s", list, wrong.Rule, wrong.Member), Problem: wrong.Problem}
		}
		return err
	}
	rules, err := mapping.Compile(m.Rules)
	if err != nil {
		return nil, at("rules", err)
	}
	spellings, err := mapping.CompileSpellings(m.Spellings)
	if err != nil {
		return nil, at("spellings", err)
	}
	if err := mapping.CheckPolicy(m.Policy); err != nil {
		return nil, at("policy", err)
	}
	ready, err := s.withServed(ctx, tenant, &tenantRules{version: m.Version, at: store.At(s.now()), rules: rules, spellings: spellings})
	if err != nil {
		return nil, err
	}
	kinds, err := s.Kinds(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for i, r := range m.Rules {
		if r.Where == "" {
			continue
		}
		var first error
		understood := false
		for _, k := range kinds {
			if len(r.Kinds) > 0 && !slices.Contains(r.Kinds, k.Name) {
				continue
			}
			err := plainCondition(r.Where, k.Kind, s.now())
			understood, first = understood || err == nil, cmp.Or(first, err)
		}
		if !understood {
			return nil, &InvalidError{Pointer: fmt.Sprintf("/rules/%d/where", i), Problem: fmt.Sprintf("is not understood: %v", first)}
		}
	}
	return ready, nil
}

// plainCondition says why a text is no condition on a record by itself. Rules do not look at what a record is related to:
// relations change without it.
func plainCondition(where string, k *schema.Kind, now time.Time) error {
	e, _, err := filter.Parse(where, FieldsOf(k).Naming(idsOnly()), now)
	if err != nil {
		return err
	}
	_, err = filter.Resolve(e, func(h filter.Hop) (filter.Expr, error) {
		return nil, fmt.Errorf("%s: rules look at the record alone, not at what it is related to", h.Name)
	})
	return err
}

// idsOnly: a rule outlives the name of what it is about, and a renaming derives nothing anew.
func idsOnly() map[string]filter.Reference {
	return map[string]filter.Reference{"datacenter": {Noun: "datacenter"}, "connection": {Noun: "connection"}}
}

// SaveMapping makes a mapping the tenant's, based on the version that its author saw. The inventory follows in the
// background; MappingJob says how far it is.
func (s *Service) SaveMapping(ctx context.Context, c Caller, m Mapping, reason string) (*Mapping, error) {
	if _, err := s.checkMapping(ctx, c.Tenant, m); err != nil {
		return nil, err
	}
	_, version, err := s.currentMapping(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	if version != m.Version {
		return nil, &StaleError{Current: version}
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "mapping.save", Address: c.Address,
		Object: &audit.Ref{ID: c.Tenant, Kind: "mapping"}, Reason: reason})
	if err != nil {
		return nil, err
	}
	doc := mappingDoc{Rules: m.Rules, Spellings: m.Spellings, Policy: m.Policy, At: store.At(s.now()), By: c.Name, Reason: reason}
	err = s.writeMapping(ctx, c.Tenant, doc, version)
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("save mapping rules: %w", err)
	}
	s.forgetRules(c.Tenant)
	s.Wake()
	return doc.view(version + 1), nil
}

func (s *Service) writeMapping(ctx context.Context, tenant string, doc mappingDoc, version int64) error {
	row, err := encodeRow(mappingID(tenant, version+1), tenant, "", version+1, doc)
	if err != nil {
		return err
	}
	total, _, err := s.countUpTo(ctx, store.Query{Table: tHeads, Tenant: tenant}, true)
	if err != nil {
		return err
	}
	job, err := encodeRow(store.Key(tenant), tenant, "", 1, mappingJobDoc{Version: version + 1, State: "running", Total: total, Began: doc.At, Reference: s.referenceLabel()})
	if err != nil {
		return err
	}
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: tMappings, Op: store.Insert, Row: row})
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return &StaleError{Current: version + 1}
		}
		ops := []store.Write{{Table: tMappingJobs, Op: store.Put, Row: job}}
		if old := version + 1 - keptMappings; old > 0 {
			ops = append(ops, store.Write{Table: tMappings, Op: store.Delete, Row: store.Row{ID: mappingID(tenant, old), Tenant: tenant}})
		}
		_, err = tx.Write(ctx, ops...)
		return err
	})
}

// Wake says that there is work for Sweep that somebody waits for.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Waiting is signalled when there is such work.
func (s *Service) Waiting() <-chan struct{} { return s.wake }

// SeedMapping gives a tenant that never had rules those that are usual.
func (s *Service) SeedMapping(ctx context.Context, tenant string) error {
	_, version, err := s.currentMapping(ctx, tenant)
	if err != nil || version > 0 {
		return err
	}
	err = s.writeMapping(ctx, tenant, mappingDoc{Rules: mapping.Usual(), At: store.At(s.now()), By: "system", Reason: "the usual rules of a new tenant"}, 0)
	var raced *StaleError
	if errors.As(err, &raced) {
		return nil // another collector did it
	}
	s.forgetRules(tenant)
	return err
}
