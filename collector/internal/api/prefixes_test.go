package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func envelope(id, name, attributes string) resource.Envelope {
	return resource.Envelope{ExternalID: id, Name: name, Attributes: json.RawMessage(attributes)}
}

// Two sites use 10.0.0.0/8, each for itself, until somebody says that they are one routing domain.
func TestPrefixes(t *testing.T) {
	w := newWorld(t)
	site := func(name string) (*source, rest.Datacenter) {
		dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: name}).is(201))
		s := w.source(name)
		s.connection.Datacenter = dc.ID
		return s, dc
	}
	north, northDC := site("North")
	south, southDC := site("South")
	north.sync("network", envelope("n1", "lan", `{"cidrs":["10.0.0.0/8"]}`))
	north.sync("subnet", envelope("u1", "front", `{"cidrs":["10.1.0.0/30"]}`))
	north.sync("server", envelope("s1", "web", `{"primary_ip":"10.1.0.1"}`), envelope("s2", "db", `{"primary_ip":"10.1.0.1"}`))
	south.sync("network", envelope("n1", "lan", `{"cidrs":["10.0.0.0/8"]}`))
	south.sync("server", envelope("s1", "web", `{"primary_ip":"10.1.0.1"}`))

	domains := documentOf[rest.List[rest.RoutingDomain]](w.ask(w.reader, "GET", "/api/v1/routing_domains", nil).is(200))
	var named []string
	for _, d := range domains.Items {
		named = append(named, d.Name)
	}
	if fmt.Sprint(named) != "[North South recorded without a datacenter]" {
		t.Errorf("%v", named)
	}
	tree := func(query string) []string {
		t.Helper()
		l := documentOf[rest.List[rest.Prefix]](w.ask(w.reader, "GET", "/api/v1/prefixes?"+query, nil).is(200))
		var out []string
		for _, p := range l.Items {
			line := fmt.Sprintf("%s%s %d used, %v free", strings.Repeat(" ", p.Depth), p.Prefix, int(p.Used), p.Free)
			if p.Duplicate {
				line += ", duplicate"
			}
			out = append(out, line)
		}
		return out
	}
	same := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	same(tree("domain=North"), "10.0.0.0/8 1 used, 1.6777212e+07 free", " 10.1.0.0/30 1 used, 3 free")
	same(tree("domain="+url.QueryEscape("datacenter:"+southDC.ID)), "10.0.0.0/8 1 used, 1.6777215e+07 free")
	same(tree("domain=North&within=10.1.0.0/30&filter=depth+%3E+0"), " 10.1.0.0/30 1 used, 3 free")
	same(tree("domain=North&order_by=free&page_size=1"), " 10.1.0.0/30 1 used, 3 free")

	front := documentOf[rest.List[rest.Prefix]](w.ask(w.reader, "GET", "/api/v1/prefixes?domain=North&filter=prefix+%3D+%2210.1.0.0/30%22", nil).is(200)).Items[0]
	d := documentOf[rest.PrefixDetail](w.ask(w.reader, "GET", "/api/v1/prefixes/"+front.ID, nil).is(200))
	if d.Prefix.Prefix != "10.1.0.0/30" || len(d.Around) != 1 || len(d.Within) != 0 || fmt.Sprint(d.FreeBlocks) != "[10.1.0.0/32 10.1.0.2/31]" ||
		len(d.Resources) != 1 || d.Resources[0].Name != "front" || d.Resources[0].Kind != "subnet" {
		t.Errorf("%+v", d)
	}
	used := documentOf[rest.List[rest.PrefixAddress]](w.ask(w.reader, "GET", "/api/v1/prefixes/"+front.ID+"/addresses", nil).is(200)).Items
	if len(used) != 1 || used[0].Address != "10.1.0.1" || !used[0].Duplicate || len(used[0].Resources) != 2 {
		t.Errorf("%+v", used)
	}

	for _, dc := range []rest.Datacenter{northDC, southDC} {
		w.ask(w.admin, "PUT", "/api/v1/datacenters/"+dc.ID, rest.DatacenterWrite{Name: dc.Name, RoutingDomain: "backbone"}, "If-Match", `"1"`).is(200)
	}
	same(tree("domain=backbone"), "10.0.0.0/8 1 used, 1.6777212e+07 free, duplicate", " 10.1.0.0/30 1 used, 3 free")
	w.ask(w.reader, "GET", "/api/v1/prefixes/"+front.ID, nil).problem(404)

	for query, want := range map[string]string{
		"domain=Nort": `There is no routing domain "Nort". There are: backbone.`, "domain=backbone&within=10.0.0.1/8": `10.0.0.1/8 has bits beyond its length of 8; did you mean "10.0.0.0/8"?`,
		"domain=backbone&within=ten": `"ten" is no range of addresses; expected a range such as "10.0.0.0/8" or "2001:db8::/32".`,
	} {
		r := w.ask(w.reader, "GET", "/api/v1/prefixes?"+query, nil)
		if p := r.problem(r.status); r.status < 400 || r.status >= 500 || p.Detail != want {
			t.Errorf("%s: %d %s", query, r.status, p.Detail)
		}
	}
	for _, id := range []string{"x", "%20", "MTAuMC4wLjAvOA", strings.Repeat("A", 400)} {
		w.ask(w.reader, "GET", "/api/v1/prefixes/"+id, nil).problem(404)
	}
}

// TestOnlyTheDomainOfRecords: where there is no other, a refusal names it instead of nothing.
func TestOnlyTheDomainOfRecords(t *testing.T) {
	w := newWorld(t)
	if p := w.ask(w.stranger, "GET", "/api/v1/prefixes?domain=x", nil).problem(404); !strings.HasSuffix(p.Detail, "There is only none, for addresses that were recorded without a datacenter.") {
		t.Errorf("which domains there are: %q", p.Detail)
	}
}
