package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// An address is found as an address, in a list and across all kinds, however it is written, and not what only looks like it.
func TestAddressesAreFoundAsTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	host := func(id, name, mac string, addresses ...string) resource.Envelope {
		e := server(id, name, 1<<30)
		e.Identifiers = append(e.Identifiers, resource.Identifier{Type: "mac", Value: mac})
		e.Attributes, _ = json.Marshal(map[string]any{"primary_ip": addresses[0], "ip_addresses": addresses})
		return e
	}
	w.source("one").sync("server",
		host("000000000001", "web-1", "00:50:56:ab:0c:01", "10.1.2.3", "2001:db8::5"),
		host("000000000002", "web-2", "00:50:56:ab:0c:02", "10.1.2.30"),
		host("000000000003", "10.9.9.9", "00:50:56:ab:01:0c", "10.3.2.1"))
	for ask, want := range map[string][]string{
		"10.1.2.3":           {"web-1"},
		"10.1.2.0/24":        {"web-1", "web-2"},
		"2001:DB8:0:0::5":    {"web-1"},
		"2001:db8::/32":      {"web-1"},
		"00-50-56-AB-0C-02":  {"web-2"},
		"0050.56ab.0c01":     {"web-1"},
		"10.7.7.7":           nil,
		`"10.9.9.9"`:         {"10.9.9.9"},
		"10.1.2.3/24":        nil, // bits beyond its length: no range, so words
		"web":                {"web-1", "web-2"},
		"10.1.2.3 10.1.2.30": nil,
	} {
		q := url.Values{"filter": {ask}}
		var list, all []string
		for _, r := range documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?"+q.Encode(), nil).is(200)).Items {
			list = append(list, r.Name)
		}
		for _, r := range documentOf[rest.List[rest.ResourceHead]](w.ask(w.reader, "GET", "/api/v1/resources?"+url.Values{"q": {ask}}.Encode(), nil).is(200)).Items {
			all = append(all, r.Name)
		}
		slices.Sort(list)
		slices.Sort(all)
		if !slices.Equal(list, want) {
			t.Errorf("the list finds %v by %s, not %v", list, ask, want)
		}
		if ask != "10.1.2.3 10.1.2.30" && !slices.Equal(all, want) {
			t.Errorf("all kinds find %v by %s, not %v", all, ask, want)
		}
	}
}
