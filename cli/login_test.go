package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// Whoever has a second factor is asked for a code, by the terminal or with a flag.
func TestLoginWithASecondFactor(t *testing.T) {
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in rest.SignIn
		switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1") {
		case "POST /session":
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			if in.Password != "secret" || in.Code != "123456" {
				w.WriteHeader(http.StatusUnauthorized)
				problem := rest.Problem{Type: rest.ProblemCodeNeeded, Status: 401, Title: "Unauthorized", Detail: "Enter the code."}
				if in.Code != "" {
					problem.Type, problem.Detail = rest.ProblemCodeWrong, "The code is wrong."
				}
				answer(w, problem)
				return
			}
			answer(w, rest.Session{Username: "anna"})
		case "POST /tokens":
			answer(w, rest.Token{Secret: "mst_made"})
		case "GET /session":
			answer(w, rest.Session{Username: "anna", Role: "admin"})
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer srv.Close()
	for name, tt := range map[string]struct {
		args     []string
		terminal bool
		code     int
		out      string
	}{
		"asked":      {nil, true, 0, "as anna (admin)"},
		"flag":       {[]string{"--password-stdin", "--code", "123456"}, false, 0, "as anna (admin)"},
		"nobody":     {[]string{"--password-stdin"}, false, 2, "--code"},
		"wrong code": {[]string{"--password-stdin", "--code", "000000"}, false, 4, "The code is wrong."},
	} {
		var out, errs lockedText
		home := filepath.Join(t.TempDir(), "home")
		env := cli.Environment{In: strings.NewReader("secret\n"), Out: &out, Err: &errs, Now: time.Now, Getenv: func(k string) string { return map[string]string{"HOME": home}[k] }}
		var asked []string
		if tt.terminal {
			env.ReadPassword = func(prompt string) (string, error) {
				asked = append(asked, prompt)
				return map[string]string{"Password of anna: ": "secret", "Code of the second factor: ": "123456"}[prompt], nil
			}
		}
		if code := cli.Main(append([]string{"login", srv.URL, "--username", "anna"}, tt.args...), env); code != tt.code || !strings.Contains(out.String()+errs.String(), tt.out) {
			t.Errorf("%s: exit %d: %s%s", name, code, out.String(), errs.String())
		}
		if tt.terminal && len(asked) != 2 {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}
