package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func (w *world) facets(query url.Values) map[string]rest.Facet {
	w.t.Helper()
	doc := documentOf[rest.Facets](w.ask(w.reader, "GET", "/api/v1/resources/server/facets?"+query.Encode(), nil).is(200))
	out := map[string]rest.Facet{}
	for _, f := range doc.Facets {
		out[f.Field] = f
	}
	return out
}

// tagged are servers of which every third is of the test.
func tagged(n int) []resource.Envelope {
	var out []resource.Envelope
	for i := range n {
		e := server(fmt.Sprintf("%012d", i), fmt.Sprintf("web-%d", i), int64(i%2)<<30)
		env := "prod"
		if i%3 == 0 {
			env = "test"
		}
		e.Region = []string{"eu-west-2", "eu west \"3\"", ""}[i%3]
		e.Tags = []resource.Tag{{Key: "env", Value: env}, {Key: "cost centre", Value: `a "b" (c)`}}
		out = append(out, e)
	}
	return out
}

// What a facet counts is what the list finds by the facet's own condition.
func TestFacetsCountWhatTheListFinds(t *testing.T) {
	w := newWorld(t)
	src := w.source("one")
	src.sync("server", tagged(31)...)
	src.sync("server", tagged(30)...) // one is gone
	for _, where := range []string{"", `tags.env = prod`, `name ~ 1 AND tags:env`, "state = gone", "nothinglikethis"} {
		facets := w.facets(url.Values{"filter": {where}, "fields": {"state,region,tags,datacenter,memory_bytes"}, "limit": {"50"}})
		if len(facets) != 5 {
			t.Fatalf("%d facets", len(facets))
		}
		for name, f := range facets {
			for _, v := range f.Values {
				both := v.Where
				if where != "" {
					both = "(" + where + ") AND " + v.Where
				}
				if n := w.list("/api/v1/resources/server", url.Values{"filter": {both}}).TotalSize; n != v.Count {
					t.Errorf("under %q: %s counts %d, the list finds %d", where, v.Where, v.Count, n)
				}
			}
			if name == "region" {
				both := "region = null"
				if where != "" {
					both = "(" + where + ") AND " + both
				}
				if n := w.list("/api/v1/resources/server", url.Values{"filter": {both}}).TotalSize; n != f.Without {
					t.Errorf("under %q: %d are without a region, the list finds %d", where, f.Without, n)
				}
			}
		}
	}
	// Whoever has not asked for states is told what he does not see.
	if f := w.facets(url.Values{})["state"]; len(f.Values) != 2 || f.Values[1].Value != "gone" || f.Values[1].Count != 1 {
		t.Errorf("states %+v", f)
	}
}

func TestFacetsAreBoundedAndFiltered(t *testing.T) {
	w := newWorld(t)
	w.source("one").sync("server", tagged(30)...)
	if f := w.facets(url.Values{"fields": {"name"}, "limit": {"7"}})["name"]; len(f.Values) != 7 || !f.More {
		t.Errorf("%d names, more %v", len(f.Values), f.More)
	}
	usual := w.facets(url.Values{})
	for _, name := range []string{"state", "datacenter", "region", "tags", "power_state"} {
		if _, ok := usual[name]; !ok {
			t.Errorf("%s is not among the usual facets", name)
		}
	}
	if got := documentOf[rest.Facets](w.ask(w.stranger, "GET", "/api/v1/resources/server/facets?fields=state", nil).is(200)); len(got.Facets[0].Values) != 0 {
		t.Errorf("another tenant counts %+v", got)
	}
	for query, status := range map[string]int{
		"?fields=nosuch": 422, "?fields=updated_at": 422, "?fields=ip_addresses": 422, "?filter=nosuch%20%3D%201": 400, "?limit=0": 422, "?limit=201": 422,
		"?fields=a,b,c,d,e,f,g,h,i,j,k,l,m": 400,
	} {
		w.ask(w.reader, "GET", "/api/v1/resources/server/facets"+query, nil).problem(status)
	}
	if !slices.ContainsFunc(usual["tags"].Values, func(v rest.FacetValue) bool { return v.Value == "env=prod" && v.Count == 20 }) {
		t.Errorf("tags %+v", usual["tags"])
	}
}

// What a person has ticked is edited by a filter too.
func TestResourcesAreFoundById(t *testing.T) {
	w := newWorld(t)
	w.source("one").sync("server", tagged(5)...)
	before := w.list("/api/v1/resources/server", nil)
	a, b := before.Items[0], before.Items[3]
	both := url.Values{"filter": {fmt.Sprintf("id = (%s OR %s)", a.ID, b.ID)}}
	for _, moment := range []string{"", time.Now().UTC().Format(time.RFC3339Nano)} {
		if moment != "" {
			both.Set("as_of", moment)
		}
		if got := w.list("/api/v1/resources/server", both); len(got.Items) != 2 {
			t.Errorf("as of %q: found %d", moment, len(got.Items))
		}
	}
	rest := w.list("/api/v1/resources/server", url.Values{"filter": {"id != " + a.ID + " AND tags:env"}})
	if len(rest.Items) != 4 {
		t.Errorf("found %d others", len(rest.Items))
	}
	p := w.ask(w.reader, "GET", "/api/v1/resources/server?order_by=id", nil).problem(400)
	if len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Message, "order_by: character 1: ") {
		t.Errorf("what is wrong with the order is told as %+v", p.Errors)
	}
}

// One question finds things of every kind by name, tag, identifier, address and id.
func TestSearchFindsByWhatPeopleKnow(t *testing.T) {
	w := newWorld(t)
	w.source("one").sync("server", tagged(3)...)
	first := w.list("/api/v1/resources/server", url.Values{"order_by": {"name"}}).Items[0]
	for _, q := range []string{"env=test eu-west-2", first.ID, first.ID[:8], strings.ToUpper(first.ID), first.ID[:15], first.Identifiers[0].Value} {
		found := documentOf[rest.List[rest.ResourceHead]](w.ask(w.reader, "GET", "/api/v1/resources?"+url.Values{"q": {q}}.Encode(), nil).is(200))
		if len(found.Items) != 1 || found.Items[0].ID != first.ID {
			t.Errorf("%q finds %+v", q, found.Items)
		}
		if other := documentOf[rest.List[rest.ResourceHead]](w.ask(w.stranger, "GET", "/api/v1/resources?"+url.Values{"q": {q}}.Encode(), nil).is(200)); len(other.Items) != 0 {
			t.Errorf("%q finds %+v for another tenant", q, other.Items)
		}
	}
}
