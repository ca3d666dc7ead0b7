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

// TestSearch: what is found across kinds, now and at a moment.
func TestSearch(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/resources", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		list := rest.List[rest.ResourceHead]{Items: []rest.ResourceHead{}}
		switch {
		case q.Get("q") == "web north" && q.Get("as_of") == "":
			list.Items, list.TotalSize = []rest.ResourceHead{{ID: "r1", Kind: "server", Name: "web-1", State: "active"}}, 40
		case q.Get("q") == "rare" && q.Get("as_of") != "":
			// Short pages, as of a moment around which much happened: nothing, one, the last one.
			switch q.Get("page_token") {
			case "":
				list.NextPageToken, list.LookedThrough, list.TotalSizeIsLowerBound = "a", 1000, true
			case "a":
				list.Items, list.NextPageToken, list.LookedThrough, list.TotalSize, list.TotalSizeIsLowerBound = []rest.ResourceHead{{ID: "r1", Kind: "server", Name: "rare-1"}}, "b", 2000, 1, true
			case "b":
				list.Items, list.TotalSize = []rest.ResourceHead{{ID: "r2", Kind: "server", Name: "rare-2"}}, 2
			}
		case q.Get("q") == "web" && q.Get("as_of") == "2026-11-01T08:00:00Z" && q.Get("filter") == "kind = server":
			list.Items, list.TotalSize = []rest.ResourceHead{{ID: "r1", Kind: "server", Name: "web-0", State: "active"}}, 1
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	env := map[string]string{"MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "t"}
	for _, ask := range []struct {
		line string
		code int
		want []string
	}{
		{"search web north --limit 1", 0, []string{"r1", "server", "web-1", "1 of 40; --limit 0 prints all"}},
		{"search web -f @ --as-of 2026-11-01T08:00:00Z", 0, []string{"web-0", "As it was at 2026-11-01T08:00:00Z."}},
		{"search rare --as-of 2026-11-01T08:00:00Z", 0, []string{"rare-1", "rare-2", "Looked through 1000 resources as they were, and looking on."}},
		{"search nobody", 0, []string{"Nothing is found."}},
		{"search web --as-of sometime", 2, []string{"--as-of"}},
	} {
		args := strings.Fields(ask.line)
		for i, a := range args {
			if a == "@" {
				args[i] = "kind = server"
			}
		}
		var out bytes.Buffer
		code := cli.Main(args, cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string { return env[k] }})
		text := out.String()
		if code != ask.code {
			t.Errorf("%s: code %d: %s", ask.line, code, text)
		}
		for _, want := range ask.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q: %s", ask.line, want, text)
			}
		}
	}
}
