package api

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// Whatever stands in a request, the answer is a problem of the request and never one of the collector.
func TestHostileRequestsAreNeverTheCollectorsFault(t *testing.T) {
	w := newWorld(t)
	w.source("lab").sync("server", server(id12(1), "web-1", 1))
	id := w.first("server").ID
	values := []string{
		"\x00", "\xff\xfe", "..", "%2e%2e%2f", strings.Repeat("a", 300), strings.Repeat("(", 500), `"`, `'; DROP TABLE users; --`, "$where", "{\"$gt\":\"\"}",
		"name = \"\x00\"", "attributes.$x = 1", "name = 1e999", "-9223372036854775809", "as_of", "‮gnp", base64.RawURLEncoding.EncodeToString([]byte(`{"q":"x","a":"y"}`)),
		strings.Repeat("name = a AND ", 200) + "name = b", "state = gone = gone", "memory_bytes = 99999999999999999999999999", "created_at = yesterday",
	}
	for _, v := range values {
		e := url.PathEscape(v)
		for _, path := range []string{"/runs/" + e, "/runs/" + e + "/scopes", "/removals/" + e, "/resources/" + e, "/resources/server/" + e, "/resources/" + e + "/" + id,
			"/resources/server/" + e + "/history", "/resources/server/" + e + "/relations", "/kinds/" + e, "/agents/" + e, "/connections/" + e, "/datacenters/" + e, "/plugins/" + e} {
			if a := w.ask(w.reader, "GET", "/api/v1"+path, nil); a.status >= 500 || a.status == 200 && v != ".." {
				t.Errorf("%q: %d %s", path, a.status, a.body)
			}
		}
		for _, parameter := range []string{"filter", "order_by", "page_token", "page_size", "fields", "count", "as_of", "q", "kind"} {
			q := url.Values{parameter: {v}}.Encode()
			for _, path := range []string{"/resources/server", "/resources", "/changes", "/audit", "/runs", "/removals", "/kinds", "/coverage", "/connections", "/agents", "/datacenters", "/plugins"} {
				if a := w.ask(w.reader, "GET", "/api/v1"+path+"?"+q, nil); a.status >= 500 {
					t.Errorf("%s?%s=%q: %d %s", path, parameter, v, a.status, a.body)
				}
			}
		}
		body := map[string]any{"name": v, "region": v, "tags": []any{map[string]any{"key": v, "value": v}},
			"identifiers": []any{map[string]any{"type": v, "value": v}}, "attributes": map[string]any{v: v}, "request_id": v}
		if a := w.ask(w.admin, "POST", "/api/v1/resources/server", body); a.status >= 500 {
			t.Errorf("create %q: %d %s", v, a.status, a.body)
		}
		for _, pointer := range []string{v, "/" + v, "/attributes/" + v, "/tags/" + v, "/common/" + v, "/name/" + v} {
			edit := map[string]any{"set": map[string]any{pointer: v}, "reset": []string{pointer + "x"}}
			if a := w.ask(w.admin, "PATCH", "/api/v1/resources/server/"+id, edit, "If-Match", `"1"`); a.status >= 500 {
				t.Errorf("patch %q: %d %s", pointer, a.status, a.body)
			}
		}
	}
	for _, body := range []string{"", "null", "[]", "{", `{"name":null}`, `{"name":1}`, "\xff", strings.Repeat("[", 20_000), `{"name":"x","attributes":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + "}",
		`{"name":"` + strings.Repeat("x", 2<<20) + `"}`, `{"name":"x","attributes":{"memory_bytes":1e400}}`} {
		if a := w.ask(w.admin, "POST", "/api/v1/resources/server", body); a.status >= 500 || a.status < 400 {
			t.Errorf("%.60q: %d %.300s", body, a.status, a.body)
		}
	}
}
