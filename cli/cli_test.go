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
	"maestro.internal/sdk/schema"
)

// TestWithoutCollector: what the command says, and its exit code, when there is nobody to ask.
func TestWithoutCollector(t *testing.T) {
	for _, tc := range []struct {
		args string
		env  map[string]string
		code int
		out  string
	}{
		{"version", nil, 0, "maestro dev"},
		{"version -o json", nil, 0, `"version"`},
		{"explain server", nil, 0, "memory_bytes"},
		{"explain spaceship", nil, 1, "not built in"},
		{"get server", nil, 1, "maestro login"},
		{"get", nil, 2, "want maestro get KIND [NAME-OR-ID], and 0 came after it; maestro get --help says more"},
		{"get server --colour", nil, 2, "unknown flag"},
		{"version -o xml", nil, 2, "unknown output"},
		{"login ftp://here --token-stdin", nil, 2, "want http"},
		{"login http://here", nil, 2, "no terminal"},
		{"get server --context nowhere", nil, 2, "no context"},
		{"contexts use nowhere", nil, 2, "no context"},
		{"get server", map[string]string{"MAESTRO_URL": "here"}, 2, "want http"},
		{"gett server", nil, 2, "did you mean get"},
		{"connections upload x /nowhere/at/all", nil, 2, "/nowhere/at/all"},
		{"connections create -f /nowhere", nil, 2, "/nowhere"},
		{"get server", map[string]string{"MAESTRO_URL": "http://127.0.0.1:1"}, 1, "reach collector at 127.0.0.1:1"},
		{"contexts", nil, 0, "maestro login"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			home := t.TempDir()
			var out bytes.Buffer
			code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader("token\n"), Out: &out, Err: &out, Now: time.Now,
				Getenv: func(k string) string {
					if k == "HOME" {
						return home
					}
					return tc.env[k]
				}})
			if code != tc.code || !strings.Contains(out.String(), tc.out) {
				t.Errorf("exit %d, want %d; output %q, want %q in it", code, tc.code, out.String(), tc.out)
			}
		})
	}
}

// TestExplainFieldsOfPlugins: a collector knows what plugins add to a built-in kind, and who did.
func TestExplainFieldsOfPlugins(t *testing.T) {
	server, _ := schema.Lookup("server")
	k, err := schema.Extend(server, "vsphere", schema.FieldsOf(struct {
		Tools int `json:"tools_version" maestro:"indexed" help:"Of the guest."`
	}{}))
	if err != nil {
		t.Fatal(err)
	}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(rest.KindInfo{Kind: *k, Approval: "approved", BuiltIn: true,
			Extensions: []rest.KindExtension{{Provider: "vsphere", PluginVersion: "1.2", Approval: "pending"}}}); err != nil {
			t.Error(err)
		}
	}))
	defer collector.Close()
	var out bytes.Buffer
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": collector.URL, "MAESTRO_TOKEN": "token"}
	code := cli.Main([]string{"explain", "server"}, cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now,
		Getenv: func(k string) string { return env[k] }})
	for _, want := range []string{"vsphere.tools_version", "Of the guest.", "plugin vsphere 1.2 and wait"} {
		if code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("exit %d, %q is not in\n%s", code, want, out.String())
		}
	}
}
