package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// What is asked of the present can be asked of a moment: search, counts of values, the address space and counts of a datacenter.
func TestThePastOfInventory(t *testing.T) {
	w := newWorld(t)
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "North"}).is(201))
	north := w.source("North")
	north.connection.Datacenter = dc.ID
	north.sync("subnet", envelope("u1", "front", `{"cidrs":["10.1.0.0/30"]}`))
	web := envelope("s1", "web one", `{"primary_ip":"10.1.0.1","power_state":"on","cpu_count":2}`)
	web.Identifiers = []resource.Identifier{{Type: "mac", Value: "02:00:00:00:00:01"}}
	north.sync("server", web, envelope("s2", "db", `{"primary_ip":"10.1.0.1","power_state":"on","cpu_count":4}`))
	then := time.Now().UTC()
	time.Sleep(2 * time.Millisecond) // changes are told apart by microseconds
	north.sync("server", envelope("s1", "shop", `{"primary_ip":"10.1.0.2","power_state":"off","cpu_count":8}`), envelope("s3", "web two", `{"primary_ip":"10.1.0.3"}`))
	north.sync("subnet", envelope("u1", "back", `{"cidrs":["10.1.0.0/29"]}`))

	at := func(path string, query url.Values, past bool) string {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		if past {
			q.Set("as_of", then.Format(time.RFC3339Nano))
		}
		return "/api/v1" + path + "?" + q.Encode()
	}
	search := func(who string, query url.Values, past bool) string {
		t.Helper()
		if query == nil {
			query = url.Values{}
		}
		query.Set("order_by", "name")
		query.Set("page_size", "1")
		query.Del("page_token")
		var names []string
		for {
			list := documentOf[rest.List[rest.ResourceHead]](w.ask(who, "GET", at("/resources", query, past), nil).is(200))
			for _, r := range list.Items {
				names = append(names, r.Name)
			}
			if list.NextPageToken == "" {
				return fmt.Sprintf("%s (%d)", strings.Join(names, ", "), list.TotalSize)
			}
			query.Set("page_token", list.NextPageToken)
		}
	}
	for _, ask := range []struct {
		query     url.Values
		now, then string
	}{
		{nil, "back, shop, web two (3)", "db, front, web one (3)"},
		{url.Values{"q": {"web"}}, "web two (1)", "web one (1)"},
		{url.Values{"q": {"10.1.0.1"}}, " (0)", "db, web one (2)"},
		{url.Values{"q": {"10.1.0.0/30"}}, "shop, web two (2)", "db, front, web one (3)"},
		{url.Values{"q": {"02-00-00-00-00-01"}}, " (0)", "web one (1)"},
		{url.Values{"filter": {"kind = server AND datacenter = North"}}, "shop, web two (2)", "db, web one (2)"},
		{url.Values{"filter": {"kind = server AND state = gone"}}, "db (1)", " (0)"},
		{url.Values{"filter": {"name = d*"}}, " (0)", "db (1)"},
	} {
		if got := search(w.reader, ask.query, false); got != ask.now {
			t.Errorf("%v finds %s now, want %s", ask.query, got, ask.now)
		}
		if got := search(w.reader, ask.query, true); got != ask.then {
			t.Errorf("%v found %s, want %s", ask.query, got, ask.then)
		}
		if strings.Contains(ask.query.Get("filter"), "North") {
			continue // which is no name for another tenant
		}
		if got := search(w.stranger, ask.query, true); got != " (0)" {
			t.Errorf("%v found %s for another tenant", ask.query, got)
		}
	}
	values := func(path string, query url.Values, past bool) string {
		t.Helper()
		var out []string
		for _, f := range documentOf[rest.Facets](w.ask(w.reader, "GET", at(path, query, past), nil).is(200)).Facets {
			for _, v := range f.Values {
				out = append(out, fmt.Sprintf("%v=%d", v.Value, v.Count))
			}
		}
		return strings.Join(out, " ")
	}
	fields := url.Values{"fields": {"power_state,state"}, "filter": {"cpu_count > 2"}}
	if got := values("/resources/server/facets", fields, true); got != "on=1 active=1" {
		t.Errorf("the values were %s", got)
	}
	if got := values("/resources/server/facets", fields, false); got != "off=1 active=1 gone=1" {
		t.Errorf("the values are %s", got)
	}
	tree := func(past bool) string {
		t.Helper()
		var out []string
		for _, p := range documentOf[rest.List[rest.Prefix]](w.ask(w.reader, "GET", at("/prefixes", url.Values{"domain": {"North"}}, past), nil).is(200)).Items {
			d := documentOf[rest.PrefixDetail](w.ask(w.reader, "GET", at("/prefixes/"+p.ID, nil, past), nil).is(200))
			out = append(out, fmt.Sprintf("%s %s %v", p.Prefix, p.Resources[0].Name, d.FreeBlocks))
			for _, a := range documentOf[rest.List[rest.PrefixAddress]](w.ask(w.reader, "GET", at("/prefixes/"+p.ID+"/addresses", nil, past), nil).is(200)).Items {
				out = append(out, fmt.Sprintf("%s %d %t", a.Address, len(a.Resources), a.Duplicate))
			}
			w.ask(w.reader, "GET", at("/prefixes/"+p.ID, nil, !past), nil).problem(404) // there was another one
		}
		return strings.Join(out, "; ")
	}
	if got, want := tree(true), "10.1.0.0/30 front [10.1.0.0/32 10.1.0.2/31]; 10.1.0.1 2 true"; got != want {
		t.Errorf("the address space was %s, want %s", got, want)
	}
	if got, want := tree(false), "10.1.0.0/29 back [10.1.0.0/31 10.1.0.4/30]; 10.1.0.2 1 false; 10.1.0.3 1 false"; got != want {
		t.Errorf("the address space is %s, want %s", got, want)
	}
	sum := documentOf[rest.Summary](w.ask(w.reader, "GET", at("/summary", nil, true), nil).is(200))
	if i := slices.IndexFunc(sum.Kinds, func(k rest.KindCount) bool { return k.Kind == "server" }); i < 0 || sum.Kinds[i].Active != 2 || sum.Kinds[i].Gone != 0 {
		t.Errorf("counts were %+v", sum.Kinds)
	}
	origins := documentOf[rest.List[rest.OriginCount]](w.ask(w.reader, "GET", at("/datacenters/"+dc.ID+"/origins", nil, true), nil).is(200))
	if len(origins.Items) != 2 || origins.Items[0].Kind != "server" || origins.Items[0].Discovered != 2 {
		t.Errorf("the three lists were %+v", origins.Items)
	}
	capacity := documentOf[rest.List[rest.Capacity]](w.ask(w.reader, "GET", at("/datacenters/"+dc.ID+"/capacity", nil, true), nil).is(200))
	if len(capacity.Items) != 1 || capacity.Items[0].Count != 2 || capacity.Items[0].CPUCount != 6 {
		t.Errorf("the capacity was %+v", capacity.Items)
	}
}

// What is not kept as it was says so instead of answering of now.
func TestListsWithoutPast(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/runs", "/changes", "/datacenters", "/connections", "/agents", "/coverage", "/mapping/compliance", "/removals", "/review-items", "/audit", "/kinds", "/views"} {
		if p := w.ask(w.admin, "GET", "/api/v1"+path+"?as_of=2026-11-01T00:00:00Z", nil).problem(422); !strings.Contains(p.Detail, "as_of") {
			t.Errorf("%s says %q", path, p.Detail)
		}
	}
}

// Of a moment around which more happened than one answer goes through, an answer says how far it looked and goes on: read to the end all are found.
func TestAPastThatIsLookedThrough(t *testing.T) {
	w := newWorld(t, func(o *inventory.Options) { o.ChangesHeld, o.PastWork = 1, 50 })
	north := w.source("North")
	servers := func(round int) (out []resource.Envelope) {
		for i := range 60 {
			name := fmt.Sprintf("shop %02d", i)
			if i%20 == 7 {
				name = fmt.Sprintf("payments %02d", i)
			}
			out = append(out, envelope(fmt.Sprintf("s%02d", i), fmt.Sprintf("%s r%d", name, round), fmt.Sprintf(`{"cpu_count":%d}`, (i*7+round)%60+1)))
		}
		return out
	}
	var then time.Time
	for round := range 4 {
		north.sync("server", servers(round)...)
		if round == 1 {
			then = time.Now().UTC()
			time.Sleep(2 * time.Millisecond) // changes are told apart by microseconds
		}
	}
	ask := func(path string, query url.Values) (names []string, short int, total int) {
		t.Helper()
		query.Set("as_of", then.Format(time.RFC3339Nano))
		for pages := 0; ; pages++ {
			list := documentOf[rest.List[rest.ResourceHead]](w.ask(w.reader, "GET", "/api/v1"+path+"?"+query.Encode(), nil).is(200))
			for _, r := range list.Items {
				names = append(names, r.Name)
			}
			if list.LookedThrough > 0 {
				short++
				if list.NextPageToken == "" || !list.TotalSizeIsLowerBound || list.LookedThrough > 60 {
					t.Fatalf("%s %v: a page that is short: %+v", path, query, list)
				}
			}
			if list.NextPageToken == "" || pages > 200 {
				return names, short, list.TotalSize
			}
			query.Set("page_token", list.NextPageToken)
		}
	}
	want := "payments 07 r1, payments 27 r1, payments 47 r1"
	for _, q := range []struct {
		path  string
		query url.Values
	}{
		{"/resources", url.Values{"q": {"payments"}, "order_by": {"name"}}},
		{"/resources/server", url.Values{"filter": {"payments"}, "order_by": {"name"}, "page_size": {"2"}}},
		{"/resources/server", url.Values{"filter": {"payments"}, "order_by": {"name, cpu_count"}, "count": {"exact"}}},
	} {
		names, short, total := ask(q.path, q.query)
		if got := strings.Join(names, ", "); got != want || short == 0 || total != 3 {
			t.Errorf("%s %v: %s, %d short pages, %d in all", q.path, q.query, got, short, total)
		}
	}
	names, short, total := ask("/resources/server", url.Values{"order_by": {"cpu_count desc"}, "page_size": {"50"}})
	if len(names) != 60 || total != 60 || short == 0 || names[0] != "shop 34 r1" || names[59] != "shop 17 r1" {
		t.Errorf("by processors: %v, %d short pages, %d in all", names, short, total)
	}
	facets := documentOf[rest.Facets](w.ask(w.reader, "GET", "/api/v1/resources/server/facets?fields=state&as_of="+then.Format(time.RFC3339Nano), nil).is(200))
	if n := facets.LookedThrough; n == 0 || n >= 60 || facets.Facets[0].Values[0].Count != n {
		t.Errorf("the values are %+v", facets)
	}
	// A position that somebody made up shows nothing that its list has not.
	query := url.Values{"filter": {"payments"}, "order_by": {"name, cpu_count"}, "as_of": {then.Format(time.RFC3339Nano)}}
	first := documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?"+query.Encode(), nil).is(200))
	forged := forgedPosition(t, first.NextPageToken, func(position map[string]any) {
		var best []byte
		for _, r := range documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?page_size=10", nil).is(200)).Items {
			for version := range byte(5) {
				id := uuid.MustParse(r.ID)
				best = append(append(best, id[:]...), version)
			}
		}
		position["b"], position["s"] = best, 50
	})
	query.Set("page_token", forged)
	w.ask(w.reader, "GET", "/api/v1/resources/server?"+query.Encode(), nil).is(200)
	names, _, _ = ask("/resources/server", query)
	if slices.ContainsFunc(names, func(name string) bool { return !strings.Contains(want, name) }) {
		t.Errorf("a position that was made up shows %v", names)
	}
	for _, broken := range []func(map[string]any){func(p map[string]any) { p["n"] = -1 }, func(p map[string]any) { p["s"] = 0 }, func(p map[string]any) { p["g"] = "x" }, func(p map[string]any) { p["b"] = []int{1} }, func(p map[string]any) { p["b"] = []byte("short") }, func(p map[string]any) { p["s"] = 1000 }} {
		query.Set("page_token", forgedPosition(t, first.NextPageToken, broken))
		w.ask(w.reader, "GET", "/api/v1/resources/server?"+query.Encode(), nil).problem(400)
	}
}

// forgedPosition changes the position in a token of a list that is gone through.
func forgedPosition(t *testing.T, token string, change func(map[string]any)) string {
	t.Helper()
	unpack := func(text string, into any) {
		t.Helper()
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	pack := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	var outer pageToken
	unpack(token, &outer)
	position := map[string]any{}
	unpack(strings.TrimPrefix(outer.After, "~"), &position)
	change(position)
	outer.After = "~" + pack(position)
	return pack(outer)
}
