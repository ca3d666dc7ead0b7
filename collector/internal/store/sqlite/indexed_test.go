package sqlite

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// explain is SQLite's plan of a list.
func explain(t *testing.T, s *Store, q store.Query) string {
	t.Helper()
	stmt, err := firstOf(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	err = s.reads.query(t.Context(), "EXPLAIN QUERY PLAN "+stmt.String(), stmt.args, func(r *sql.Rows) error {
		var a, b, c int
		var line string
		err := r.Scan(&a, &b, &c, &line)
		plan = append(plan, line)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// Whatever a schema marks as indexed, and what every kind has an index of, is searched and never gone through: for every
// field, with every operator that an index can answer.
func TestEveryIndexedFieldIsSearched(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: inventory.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	every := []string{`name = a`, `name = a*`, `name = (a OR b)`, `name > a`, `state = gone`, `datacenter = d`, `connection = c`, `identifiers = i`,
		`identifiers = i*`, `updated_at > -30d`, `updated_at >= 2026-01-31`, `tags:env`, `tags:env*`, `tags.env = prod`, `tags.env = p*`,
		`tags:"env=prod"`, `tags.env:*`, `tags:(env OR team)`, `web`, `web prod`, `name = a AND NOT region = b`}
	fields, conditions := 0, 0
	for _, k := range schema.Builtin() {
		if err := s.EnsurePart(t.Context(), "resources", k.Name, inventory.Indexes(k)); err != nil {
			t.Fatal(err)
		}
		q := store.Query{Table: "resources", Tenant: "t", Part: k.Name, Order: []store.Order{{Field: filter.Field{Path: []string{"region"}, Type: filter.String}}}}
		// A connection notices new indexes when it runs a statement.
		if _, err := s.Find(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		set := inventory.FieldsOf(k)
		texts := every
		for _, f := range k.Fields {
			if !f.Indexed || f.Sensitive {
				continue
			}
			fields++
			texts = append(texts, conditionsOn(set, "attributes."+f.Path)...)
		}
		for _, name := range set.Names() {
			if _, _, ok := set.Addresses(name); ok {
				texts = append(texts, `cidr(`+name+`, "10.0.0.0/9")`, `cidr(`+name+`, "2001:db8::/33")`)
			}
		}
		if _, _, ok := set.Addresses("address"); ok {
			texts = append(texts, `cidr(address, 10.0.0.0/8)`)
		}
		for _, text := range texts {
			conditions++
			e, _, err := filter.Parse(text, set, time.Now())
			if err != nil {
				t.Fatalf("%s: %v", k.Name, err)
			}
			q.Where = filter.And{filter.Not{Of: filter.In{Field: filter.Field{Path: []string{"state"}, Type: filter.String}, Values: []any{"merged", "gone"}}}, e}
			if text == `state = gone` {
				q.Where = e
			}
			plan := explain(t, s, q)
			if strings.Contains(plan, "SCAN t") || strings.Contains(plan, "__list") || !strings.Contains(plan, "SEARCH") {
				t.Errorf("%s where %s goes through the list:\n%s", k.Name, text, plan)
			}
		}
	}
	// What has no index is gone through: otherwise the above would say nothing.
	set := inventory.FieldsOf(schema.Builtin()[0])
	e, _, err := filter.Parse("zone = a", set, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	part := store.Query{Table: "resources", Tenant: "t", Part: schema.Builtin()[0].Name}
	part.Where = e
	if plan := explain(t, s, part); !strings.Contains(plan, "__list") {
		t.Errorf("zone has no index, but the plan is\n%s", plan)
	}
	// Relations are followed by their ends, and what they lead to is read by id.
	in := func(name string, n int) filter.Expr {
		list := filter.In{Field: filter.Field{Path: []string{name}, Type: filter.String}}
		if name == "id" {
			list.Field = filter.RowID
		}
		for range n {
			list.Values = append(list.Values, "x")
		}
		return list
	}
	verb := filter.Compare{Field: filter.Field{Path: []string{"verb"}, Type: filter.String}, Op: filter.Eq, Value: "uses"}
	part.Where = in("id", 5000)
	for want, q := range map[string]store.Query{
		"relations__ix_want_": {Table: "relations", Tenant: "t", Where: filter.And{in("want", 500), verb}},
		"relations__ix_from_": {Table: "relations", Tenant: "t", Where: filter.And{in("from", 500), verb}},
		"part=? AND id=?)":    part,
	} {
		if plan := explain(t, s, q); !strings.Contains(plan, want) {
			t.Errorf("plan lacks %s:\n%s", want, plan)
		}
	}
	// The address space of a routing domain is found by the keys of addresses; its ranges by their kinds as well.
	addresses := filter.Field{Path: []string{"addresses"}, Type: filter.String, Multi: true}
	kinds := filter.In{Field: filter.Field{Path: []string{"kind"}, Type: filter.String}, Values: []any{"network", "subnet", "prefix"}}
	within := filter.Within{Field: addresses, Spans: []filter.Span{{From: "c|dc|40a000000", To: "c|dc|40affffff"}, {From: "d|x|40a000000", To: "d|x|40affffff"}}}
	for what, where := range map[string]filter.Expr{
		"ranges":    filter.And{kinds, filter.Or{within, filter.In{Field: addresses, Values: []any{"c|dc|40000000000"}}}},
		"addresses": filter.And{filter.Not{Of: kinds}, within},
	} {
		plan := explain(t, s, store.Query{Table: "heads", Tenant: "t", Where: where})
		if strings.Contains(plan, "SCAN t") || strings.Contains(plan, "heads__list (tenant=? AND part=?)") || !strings.Contains(plan, "SEARCH t") {
			t.Errorf("%s go through all heads:\n%s", what, plan)
		}
	}
	if fields < 100 || conditions < 1000 {
		t.Errorf("only %d fields and %d conditions were tried", fields, conditions)
	}
	t.Logf("%d indexed fields, %d conditions", fields, conditions)
}

// conditionsOn are conditions on a field that an index of it can answer.
func conditionsOn(set *inventory.FieldSet, name string) []string {
	f, ok := set.Field(name)
	if !ok {
		return nil
	}
	value, other := "a", "b"
	switch f.Type {
	case filter.Number:
		value, other = "1", "2"
	case filter.Bool:
		return []string{name + " = true", name + " = false"}
	case filter.Time:
		return []string{name + " > -30d", name + " <= now+1w", name + " >= 2026-01-31"}
	}
	if enum := set.Enum(name); len(enum) > 1 {
		return []string{name + " = " + enum[0], name + " = (" + enum[0] + " OR " + enum[1] + ")"}
	}
	out := []string{name + " = " + value, name + ":" + value, name + " = (" + value + " OR " + other + ")", name + " > " + value, name + " <= " + value}
	if f.Type == filter.String {
		out = append(out, name+" = "+value+"*")
	}
	return out
}
