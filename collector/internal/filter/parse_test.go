package filter_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// names is a list of servers as the parser sees it.
type names map[string]filter.Field

var servers = names{
	"name":                 {Path: []string{"name"}, Type: filter.String},
	"state":                {Path: []string{"state"}, Type: filter.String},
	"region":               {Path: []string{"region"}, Type: filter.String},
	"created_at":           {Path: []string{"created_at"}, Type: filter.Time},
	"attributes.cpu.cores": {Path: []string{"attributes", "cpu", "cores"}, Type: filter.Number},
	"attributes.disks.gib": {Path: []string{"attributes", "disks", "gib"}, Type: filter.Number, Multi: true},
	"attributes.protected": {Path: []string{"attributes", "protected"}, Type: filter.Bool},
	"addresses":            {Path: []string{"addresses"}, Type: filter.String, Multi: true},
	"datacenter":           {Path: []string{"datacenter"}, Type: filter.String},
	"connection":           {Path: []string{"connections"}, Type: filter.String, Multi: true},
	"ids.mac":              {Path: []string{"id_pairs"}, Type: filter.String, Multi: true},
	"agent":                {Path: []string{"agent", "id"}, Type: filter.String},
}

// Reference: two datacenters are called alike, connections are meant by id, an agent may be one that nobody named.
func (n names) Reference(name string) (filter.Reference, bool) {
	named := func() (map[string]string, error) {
		return map[string]string{"d1": "Frankfurt", "d2": "Oslo (old)", "d3": "frankfurt", "d4": "Osaka"}, nil
	}
	switch name {
	case "datacenter":
		return filter.Reference{Noun: name, Named: named}, true
	case "connection":
		return filter.Reference{Noun: name}, true
	case "agent":
		return filter.Reference{Noun: name, Named: named, Open: true}, true
	}
	return filter.Reference{}, false
}

func (n names) Field(name string) (filter.Field, bool) {
	f, ok := n[name]
	return f, ok
}

func (n names) Names() []string {
	var out []string
	for _, name := range []string{"name", "state", "region", "created_at", "attributes.cpu.cores", "attributes.disks.gib", "attributes.protected", "addresses", "tags"} {
		if _, ok := n[name]; ok || name == "tags" {
			out = append(out, name)
		}
	}
	return out
}

func (n names) Text() (filter.Field, bool) {
	return filter.Field{Path: []string{"words"}, Type: filter.String, Multi: true}, true
}

func (n names) Enum(name string) []string {
	if name == "state" {
		return []string{"active", "gone", "unwatched"}
	}
	return nil
}

func (n names) Map(name string) (keys, pairs filter.Field, ok bool) {
	return filter.Field{Path: []string{"tags", "key"}, Type: filter.String, Multi: true},
		filter.Field{Path: []string{"tag_pairs"}, Type: filter.String, Multi: true}, name == "tags"
}

func (n names) Keyed(name, key string) (filter.Keyed, bool) {
	at := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String, Multi: true} }
	return filter.Keyed{Keys: at("ids", "type"), Values: at("ids", "value"), Pairs: at("id_pairs"), Spell: strings.ToLower}, name == "ids" && key == "mac"
}

// Servers have volumes and are part of systems, which clients use, who have systems again.
func (n names) Hop(alias string) (filter.Relation, filter.Resolver, bool) {
	switch {
	case alias == "volumes" && n["region"].Type != "":
		return filter.Relation{Alias: alias, Verb: "attached_to", Direction: "in", Target: "volume"}, names{"name": servers["name"], "size": {Path: []string{"size"}, Type: filter.Number}}, true
	case alias == "system" && n["region"].Type != "":
		return filter.Relation{Alias: alias, Verb: "part_of", Direction: "out", Target: "system"}, names{"name": servers["name"], "state": servers["state"]}, true
	case alias == "clients" && n["region"].Type == "":
		return filter.Relation{Alias: alias, Verb: "uses", Direction: "in", Target: "client"}, names{"name": servers["name"]}, true
	}
	return filter.Relation{}, nil, false
}

func (n names) Hops() []string {
	if n["region"].Type == "" {
		return []string{"clients"}
	}
	return []string{"system", "volumes"}
}

func (n names) Addresses(name string) (filter.Field, []string, bool) {
	f, ok := n[name]
	return filter.Field{Path: []string{"nets"}, Type: filter.String, Multi: true}, []string{name + "|"}, ok && f.Path[0] == "addresses"
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("", 3600))

// TestParse compares with testdata/parse.txt: a filter on a line, then what it means or what is wrong with it.
// go test -update writes the answers anew; a new case needs its first line only.
func TestParse(t *testing.T) {
	const file = "testdata/parse.txt"
	in, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.SplitSeq(string(in), "\n") {
		switch {
		case strings.HasPrefix(line, "\t"):
			continue
		case line == "" || strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
			continue
		}
		fmt.Fprintf(&out, "%s\n\t%s\n", line, answer(line))
	}
	got := strings.TrimRight(out.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(in) {
		g, w := strings.Split(got, "\n"), strings.Split(string(in), "\n")
		for i := range g {
			if i >= len(w) || g[i] != w[i] {
				t.Fatalf("%s:%d: got\n%s\nwant\n%s", file, i+1, g[i], append(w, "the end")[min(i, len(w))])
			}
		}
		t.Fatalf("%s has more lines than answers", file)
	}
}

func answer(text string) string {
	e, info, err := filter.Parse(text, servers, now)
	if err != nil {
		var fe *filter.Error
		if !errors.As(err, &fe) {
			return "not a filter.Error: " + err.Error()
		}
		return fmt.Sprintf("error at %d: %s", fe.Offset, strings.TrimPrefix(err.Error(), "filter: "))
	}
	s := filter.Format(e)
	if len(info.Fields) > 0 || info.Text {
		s += fmt.Sprintf("   (fields %v", info.Fields)
		if info.Text {
			s += ", text"
		}
		s += ")"
	}
	return s
}

func TestLimits(t *testing.T) {
	for what, text := range map[string]string{
		"at most 8192 are allowed":     strings.Repeat("a", filter.MaxLength+1),
		"more than 100 conditions":     strings.Repeat("a ", filter.MaxTerms+1),
		"nested deeper than 10":        strings.Repeat("(", filter.MaxDepth+1) + "a" + strings.Repeat(")", filter.MaxDepth+1),
		"deeper than 10 levels":        strings.Repeat("NOT ", filter.MaxDepth+1) + "a",
		"has more than 100":            "name = (" + strings.Repeat("a OR ", filter.MaxTerms) + "a)",
		"not valid UTF-8":              "a\xff",
		"holds a NUL":                  "a\x00",
		"\"x\" follows name; exp":      "order:name x",
		"more than 3 fields":           "order:name, state, region, created_at",
		"name is named twice":          "order:name, name desc",
		"addresses has several":        "order:addresses",
		"mean region?":                 "order:regoin",
		"no field stands here":         "order:name,",
		"there is no field \"tags.x\"": "order:tags.x",
	} {
		var err error
		if order, ok := strings.CutPrefix(text, "order:"); ok {
			_, err = filter.ParseOrder(order, servers)
		} else {
			_, _, err = filter.Parse(text, servers, now)
		}
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%.40q: %v, want %q", text, err, what)
		}
	}
	if _, _, err := filter.Parse(strings.Repeat("(", filter.MaxDepth)+"a"+strings.Repeat(")", filter.MaxDepth), servers, now); err != nil {
		t.Errorf("the deepest filter: %v", err)
	}
}

func TestParseOrder(t *testing.T) {
	got, err := filter.ParseOrder(" name ,created_at desc,region asc", servers)
	if err != nil || fmt.Sprint(got) != "[{name false} {created_at true} {region false}]" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := filter.ParseOrder("  ", servers); err != nil || got != nil {
		t.Errorf("nothing to order by: %v, %v", got, err)
	}
}

// A list without fields for words, keys or enumerations still parses the rest.
func TestPlainResolver(t *testing.T) {
	type plain struct{ filter.Resolver }
	if _, _, err := filter.Parse("name = a", plain{servers}, now); err != nil {
		t.Error(err)
	}
	if _, _, err := filter.Parse("web", plain{servers}, now); err == nil {
		t.Error("words were searched for")
	}
}

// Moments in a filter are written as they are in documents, which compare as text.
func TestTimeLayout(t *testing.T) {
	e, _, err := filter.Parse("created_at < now", servers, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.(filter.Compare).Value, now.UTC().Format(store.TimeLayout); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzParse(f *testing.F) {
	if in, err := os.ReadFile("testdata/parse.txt"); err == nil {
		for line := range strings.SplitSeq(string(in), "\n") {
			f.Add(line)
		}
	}
	doc := []byte(`{"name":"web","state":"active","tags":[{"key":"env","value":"prod"}],"tag_pairs":["env=prod"],"words":["web","prod"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, info, err := filter.Parse(text, servers, now)
		if err != nil {
			var fe *filter.Error
			if !errors.As(err, &fe) {
				t.Fatalf("no filter.Error: %v", err)
			}
			if fe.Offset < 0 || fe.Offset > len(text) || fe.Rune != utf8.RuneCountInString(text[:fe.Offset]) || fe.Message == "" {
				t.Fatalf("error is nowhere: %+v", fe)
			}
			return
		}
		if e = withoutHops(t, e); filter.Check(e) != nil {
			t.Fatalf("parsed what no store can be asked: %v", filter.Check(e))
		}
		if filter.Match(e, doc) == filter.Match(filter.Not{Of: filter.And{e}}, doc) && e != nil {
			t.Fatalf("neither it nor its opposite holds: %s", filter.Format(e))
		}
		if strings.TrimSpace(text) != "" && len(info.Fields) == 0 && !info.Text {
			t.Fatalf("a filter about nothing: %q", text)
		}
	})
}

// withoutHops is what an expression is for one who has no relations.
func withoutHops(t *testing.T, e filter.Expr) filter.Expr {
	e, err := filter.Resolve(e, func(h filter.Hop) (filter.Expr, error) { return filter.Const(false), nil })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Hops are resolved from the innermost outwards, wherever in an expression they stand.
func TestResolve(t *testing.T) {
	e, _, err := filter.Parse("(system.clients.name = a OR NOT volumes.size > 3) AND name = x", servers, now)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	got, err := filter.Resolve(e, func(h filter.Hop) (filter.Expr, error) {
		seen = append(seen, fmt.Sprintf("%s at %d: %s", h.Name, h.Offset, filter.Format(h.Of)))
		return filter.Compare{Field: filter.RowID, Op: filter.Eq, Value: h.Name}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `system.clients at 1: name = "a"; system at 1: id = "system.clients"; volumes at 32: size > 3`
	if s := strings.Join(seen, "; "); s != want {
		t.Errorf("resolved\n%s\nwant\n%s", s, want)
	}
	if s := filter.Format(got); s != `((id = "system" OR NOT id = "volumes") AND name = "x")` {
		t.Errorf("got %s", s)
	}
}
