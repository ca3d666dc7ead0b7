package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// TestPrefixes: a tree of ranges as people read it, and one of them with its addresses.
func TestPrefixes(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	site := rest.Ref{ID: "datacenter:d1", Name: "North"}
	lan := rest.Prefix{ID: "p1", Domain: site, Prefix: "fd00::/48", Size: 1 << 80, Free: 1 << 80, Resources: []rest.Ref{{Kind: "network", Name: "lan"}}}
	front := rest.Prefix{ID: "p2", Domain: site, Prefix: "10.1.0.0/24", Depth: 1, Size: 256, Used: 2, Free: 254, UsedIsLowerBound: true, Duplicate: true,
		Resources: []rest.Ref{{Kind: "subnet", Name: "a"}, {Kind: "subnet", Name: "b"}, {Kind: "subnet", Name: "c"}, {Kind: "subnet", Name: "d"}}, Overlaps: []rest.Ref{{Kind: "subnet", Name: "old"}}}
	mux.HandleFunc("GET /api/v1/prefixes", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("as_of") == "2026-11-01T08:00:00Z" && q.Get("filter") == "":
			answer(w, rest.List[rest.Prefix]{Items: []rest.Prefix{lan}, TotalSize: 1})
		case q.Get("domain") != "North":
			w.WriteHeader(http.StatusBadRequest)
			answer(w, rest.Problem{Status: 400, Title: "Bad Request", Detail: "Say which routing domain."})
		case q.Get("filter") == `prefix = "10.9.0.0/24"`:
			answer(w, rest.List[rest.Prefix]{})
		case strings.HasPrefix(q.Get("filter"), "prefix = "):
			answer(w, rest.List[rest.Prefix]{Items: []rest.Prefix{front}, TotalSize: 1})
		default:
			answer(w, rest.List[rest.Prefix]{Items: []rest.Prefix{lan, front}, TotalSize: 2})
		}
	})
	mux.HandleFunc("GET /api/v1/prefixes/p2", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.PrefixDetail{Prefix: front, Around: []rest.Prefix{lan}, FreeBlocks: []string{"10.1.0.128/25"}, MoreFreeBlocks: true})
	})
	mux.HandleFunc("GET /api/v1/prefixes/p2/addresses", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.PrefixAddress]{Items: []rest.PrefixAddress{{Address: "10.1.0.5", Duplicate: true, Resources: []rest.Ref{{Kind: "server", Name: "web"}, {Kind: "server", Name: "db"}}}}, TotalSize: 1})
	})
	mux.HandleFunc("GET /api/v1/routing_domains", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.RoutingDomain]{Items: []rest.RoutingDomain{{ID: site.ID, Name: site.Name, Datacenters: []rest.Ref{{ID: "d1", Name: "North"}}}, {ID: "named:lab", Name: "lab"}}, TotalSize: 2})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args string
		code int
		out  []string
	}{
		{"prefixes --domain North", 0, []string{"fd00::/48", "2^80", "network lan", "  10.1.0.0/24", ">= 2", "254", "subnet a, subnet b, subnet c, 1 more", "duplicate, overlaps subnet old"}},
		{"prefixes --domain North 10.1.0.0/24", 0, []string{"10.1.0.5", "server web, server db", "duplicate", "254 free of 256; 1 ranges around it, 0 within", "Free: 10.1.0.128/25, ..."}},
		{"prefixes --domain North 10.1.0.0/24 -o json", 0, []string{`"free_blocks"`, `"addresses"`}},
		{"prefixes --domain North 10.9.0.0/24", 5, []string{"Nothing says that it is 10.9.0.0/24"}},
		{"prefixes --domain North --as-of 2026-11-01T08:00:00Z", 0, []string{"fd00::/48", "As it was at 2026-11-01T08:00:00Z."}},
		{"prefixes --as-of never", 2, []string{"--as-of"}},
		{"prefixes", 2, []string{"say which routing domain with --domain", `"North", "lab"`}},
		{"prefixes 10.1.0.0/24", 2, []string{`"North", "lab"`}},
		{"prefixes domains", 0, []string{"datacenter:d1", "North"}},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var out bytes.Buffer
			code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now,
				Getenv: func(k string) string { return env[k] }})
			if code != tc.code {
				t.Errorf("exit %d, want %d\n%s", code, tc.code, out.String())
			}
			for _, want := range tc.out {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
		})
	}
}
