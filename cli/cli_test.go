package cli_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
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
		{"get", nil, 2, "accepts"},
		{"get server --colour", nil, 2, "unknown flag"},
		{"version -o xml", nil, 2, "unknown output"},
		{"login ftp://here --token-stdin", nil, 1, "want http"},
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
