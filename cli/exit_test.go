package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func call(t *testing.T, env map[string]string, args ...string) (code int, said string) {
	t.Helper()
	home := t.TempDir()
	var out bytes.Buffer
	code = Main(args, Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string {
		if k == "HOME" {
			return home
		}
		return env[k]
	}})
	return code, out.String()
}

// TestMistakesOnTheCommandLine: every command, also of a later day, calls an unknown flag and too many arguments usage.
func TestMistakesOnTheCommandLine(t *testing.T) {
	many := strings.Fields(strings.Repeat("x ", 10))
	n := 0
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		for _, sub := range c.Commands() {
			walk(sub, append(path[:len(path):len(path)], sub.Name()))
		}
		if len(path) == 0 || !c.Runnable() {
			return
		}
		n++
		name := strings.Join(path, " ")
		if code, said := call(t, nil, append(path, "--no-such-flag")...); code != exitUsage || !strings.Contains(said, "no-such-flag") {
			t.Errorf("%s --no-such-flag: exit %d: %s", name, code, said)
		}
		if c.Args == nil {
			t.Errorf("%s does not say which arguments it takes", name)
			return
		}
		if c.Args(c, many) == nil {
			return // it takes any number
		}
		if code, said := call(t, nil, append(path, many...)...); code != exitUsage {
			t.Errorf("%s with ten arguments: exit %d: %s", name, code, said)
		}
	}
	walk(newRoot(&app{}), nil)
	if n < 15 {
		t.Fatalf("only %d commands were tried", n)
	}
}

// TestWhatTheCollectorAnswersDecidesTheCode: scripts tell a mistake of theirs from a failure.
func TestWhatTheCollectorAnswersDecidesTheCode(t *testing.T) {
	for status, want := range map[int]int{400: exitUsage, 422: exitUsage, 401: exitDenied, 403: exitDenied, 404: exitNotFound, 409: exitFailed,
		412: exitFailed, 500: exitFailed, 503: exitFailed} {
		collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":%d,"title":"no","detail":"not so"}`, status)
		}))
		code, said := call(t, map[string]string{"MAESTRO_URL": collector.URL}, "get", "server", "-f", "(((")
		collector.Close()
		if code != want || !strings.Contains(said, "not so") {
			t.Errorf("%d: exit %d, want %d: %s", status, code, want, said)
		}
	}
}
