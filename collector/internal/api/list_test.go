package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/internal/rest"
)

func (w *world) makeTokens(names ...string) {
	w.t.Helper()
	for _, name := range names {
		_, _, err := w.access.CreateToken(w.t.Context(), access.Caller{Tenant: "default", Name: "user:admin", Role: access.RoleAdmin}, name, access.RoleReader, 0)
		must(w.t, err)
	}
}

// pages reads a list to its end and answers the names in order. between runs after each page.
func (w *world) pages(query url.Values, between func()) []string {
	w.t.Helper()
	var all []string
	for range 100 {
		l := documentOf[rest.List[rest.Token]](w.ask(w.admin, "GET", "/api/v1/tokens?"+query.Encode(), nil).is(200))
		for _, t := range l.Items {
			all = append(all, t.Name)
		}
		if l.NextPageToken == "" {
			return all
		}
		query.Set("page_token", l.NextPageToken)
		between()
	}
	w.t.Fatal("the list has no end")
	return nil
}

func TestPagesNeitherRepeatNorSkipWhileOthersInsert(t *testing.T) {
	w := newWorld(t)
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("t%02d", i))
	}
	w.makeTokens(names...)
	n := 0
	got := w.pages(url.Values{"page_size": {"3"}, "order_by": {"name desc"}, "filter": {`name = "t*"`}}, func() {
		w.makeTokens(fmt.Sprintf("t%02dx", 9-n), fmt.Sprintf("a%d", n))
		n++
	})
	want := "t09 t08 t07 t06 t05 t04 t03 t02 t01 t00"
	var old []string
	for _, name := range got {
		if !strings.HasSuffix(name, "x") {
			old = append(old, name)
		}
	}
	if strings.Join(old, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAPageTokenBelongsToItsQuestion(t *testing.T) {
	w := newWorld(t)
	w.makeTokens("a", "b", "c")
	first := documentOf[rest.List[rest.Token]](w.ask(w.admin, "GET", "/api/v1/tokens?page_size=1", nil).is(200))
	if first.TotalSize != 5 || len(first.Items) != 1 || first.NextPageToken == "" { // a, b, c, admin, reader
		t.Fatalf("%+v", first)
	}
	token := url.QueryEscape(first.NextPageToken)
	w.ask(w.admin, "GET", "/api/v1/tokens?page_size=2&page_token="+token, nil).is(200)
	for _, other := range []string{"/api/v1/tokens?order_by=name&page_token=", "/api/v1/tokens?filter=role%3Dreader&page_token=", "/api/v1/kinds?page_token="} {
		if p := w.ask(w.admin, "GET", other+token, nil).problem(400); p.Errors[0].Location != "query.page_token" {
			t.Errorf("%s: %+v", other, p)
		}
	}
}

func TestFieldsCutItemsDown(t *testing.T) {
	w := newWorld(t)
	a := w.ask(w.admin, "GET", "/api/v1/tokens?fields=name,no.such", nil).is(200)
	var l struct {
		Items []map[string]any `json:"items"`
	}
	a.decode(&l)
	for _, item := range l.Items {
		if len(item) != 2 || item["id"] == nil || item["name"] == nil {
			t.Errorf("%v", item)
		}
	}
	if !strings.Contains(string(a.body), `"total_size":2`) {
		t.Errorf("%s", a.body)
	}
}

func TestOnlyKeepsWhatIsNamed(t *testing.T) {
	doc := map[string]any{
		"name": "a", "state": "active",
		"attributes": map[string]any{"os": map[string]any{"name": "linux", "version": "6"}, "cpu": 4},
		"tags":       []any{map[string]any{"key": "env", "value": "prod"}},
	}
	got := fmt.Sprint(only(doc, [][]string{{"name"}, {"attributes", "os", "name"}, {"tags", "key"}, {"none", "x"}, {"name", "x"}}))
	if want := "map[attributes:map[os:map[name:linux]] name:a tags:[map[key:env]]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFieldsOfADocumentType(t *testing.T) {
	f := fieldsOf[rest.Connection]()
	for name, want := range map[string]string{
		"name": "string name", "paused": "bool paused", "epoch": "number epoch", "created_at": "time created_at",
		"agent": "string agent.id", "agent.name": "string agent.name", "kinds.kind": "string kinds.kind", "last_run.state": "string last_run.state",
	} {
		field, ok := f.Field(name)
		if got := fmt.Sprint(field.Type, " ", field); !ok || got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if field, _ := f.Field("kinds.kind"); !field.Multi {
		t.Error("kinds.kind has one value")
	}
	if _, ok := f.Field("settings"); ok {
		t.Error("settings can be filtered")
	}
	if e := f.Enum("health"); len(e) != 6 {
		t.Errorf("health: %v", e)
	}
}

func TestAFilterErrorSaysWhere(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		parameter, text string
		position        int
		suggestion      string
	}{
		{"filter", `nam = "ci"`, 0, "name"},
		{"filter", `name = "é" AND rol = reader`, 15, "role"},
		{"filter", `name = `, -1, ""},
		{"filter", `(name = a`, -1, ""},
		{"filter", `created_at = king`, -1, ""},
		{"filter", `name = a OR role = reader AND name = b`, -1, ""},
		{"order_by", `nam desc`, 0, "name"},
		{"order_by", `name sideways`, 0, ""},
	} {
		p := w.ask(w.admin, "GET", "/api/v1/tokens?"+url.Values{tt.parameter: {tt.text}}.Encode(), nil).problem(400)
		if p.Filter == nil || p.Filter.Parameter != tt.parameter || p.Filter.Message == "" || p.Filter.Suggestion != tt.suggestion {
			t.Errorf("%s: %+v %+v", tt.text, p, p.Filter)
			continue
		}
		if tt.position >= 0 && p.Filter.Position != tt.position {
			t.Errorf("%s: position %d, want %d", tt.text, p.Filter.Position, tt.position)
		}
	}
}

func TestListsInMemoryAreFiltered(t *testing.T) {
	w := newWorld(t)
	w.makeTokens("ci-build", "ci-deploy", "backup")
	for text, want := range map[string]string{
		"":                        "admin backup ci-build ci-deploy reader",
		`role = "admin"`:          "admin",
		`name = "ci-*"`:           "ci-build ci-deploy",
		`name ~ "DEPLOY"`:         "ci-deploy",
		`deploy`:                  "ci-deploy",
		`created_at > -1d`:        "admin backup ci-build ci-deploy reader",
		`created_at < -1d`:        "",
		`NOT name = "ci-*"`:       "admin backup reader",
		`role = reader AND bui`:   "ci-build",
		`expires_at > 2020-01-01`: "",
	} {
		got := strings.Join(w.pages(url.Values{"filter": {text}, "order_by": {"name"}}, func() {}), " ")
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

type placedBase struct {
	Name string `json:"name,omitempty"`
}

type placedThing struct {
	placedBase
	ID    string     `json:"id"`
	At    *time.Time `json:"at,omitempty"`
	Agent struct {
		ID   string `json:"id,omitempty"`
		Name string `json:"name,omitempty"`
	} `json:"agent"`
}

// A list without a filter looks at no more of its items than its order needs; it must come out as if it looked at all.
func TestOrderLooksAtNoMoreThanItNeeds(t *testing.T) {
	at := func(s string) *time.Time { x, err := time.Parse(time.RFC3339, s); must(t, err); return &x }
	items := []placedThing{{ID: "a", At: at("2026-01-02T00:00:00+02:00")}, {ID: "b", placedBase: placedBase{"x"}}, {ID: "c", placedBase: placedBase{"b"}, At: at("2026-01-01T23:00:00Z")}, {ID: "d"}}
	items[2].Agent.ID, items[3].Agent.ID = "z", "y"
	fields := fieldsOf[placedThing]()
	for _, by := range []string{"name", "name desc", "at", "at desc,name", "agent", "agent.name,id desc", "id"} {
		order, err := filter.ParseOrder(by, fields)
		must(t, err)
		sorted := func(where filter.Expr) (ids []string) {
			rows, err := matching(items, func(x placedThing) string { return x.ID }, fields, where, order)
			must(t, err)
			slices.SortStableFunc(rows, compareRows[placedThing](order))
			for _, r := range rows {
				ids = append(ids, r.item.ID+fmt.Sprint(r.cursor.Values))
			}
			return ids
		}
		if got, want := sorted(nil), sorted(filter.Const(true)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, looking at all of it %v", by, got, want)
		}
	}
}
