//go:build e2e

package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
	"maestro.internal/test/e2e/site"
)

// gate stands before the emulator and refuses to let anybody assume a role of one account, as a trust that was taken
// back does.
type gate struct {
	*httptest.Server
	refused atomic.Value // the account's id; empty for none
}

func startGate(t *testing.T, e emulator) *gate {
	t.Helper()
	to, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	g.refused.Store("")
	forward := httputil.NewSingleHostReverseProxy(to)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // whoever asked is gone
		}
		form, _ := url.ParseQuery(string(text)) // what is no form asks for no role
		if id := g.refused.Load().(string); id != "" && form.Get("Action") == "AssumeRole" && strings.Contains(form.Get("RoleArn"), id) {
			w.Header().Set("Content-Type", "text/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// TestOneAccountOfFifty: an account that is denied keeps all that it had, while what really went in another account is
// gone; and when the trust is back, nothing has happened to it. One that is closed is unwatched.
func TestOneAccountOfFifty(t *testing.T) {
	t.Setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false") // or the emulator makes those of Amazon fifty times
	e := startEmulator(t)
	accounts := map[string]string{}
	if err := json.Unmarshal(e.python(t, "seed.py", "fifty"), &accounts); err != nil {
		t.Fatal(err)
	}
	s, g := site.New(t), startGate(t, e)
	s.StartCollector()
	s.StartAgent("aws", credentials, "aws")
	company := s.Connect("company", "aws", "moto", map[string]any{"endpoint": g.URL, "regions": []string{"eu-west-1"}, "external_id": "e2e", "organization": map[string]any{"enabled": true},
		"skip_services": slices.DeleteFunc(services(t), func(name string) bool { return name == "ec2" || name == "volumes" })})
	expect := func(what string, run rest.Run, state string, active, gone int) {
		t.Helper()
		if run.State != state {
			t.Errorf("%s: %+v, want %s", what, run, state)
		}
		if got := s.Count("server", `name = team-*`); got != active {
			t.Errorf("%s: %d machines are there, want %d", what, got, active)
		}
		if got := s.Count("server", "state = gone"); got != gone {
			t.Errorf("%s: %d machines are gone, want %d", what, got, gone)
		}
	}
	expect("at first", s.Run(company), "succeeded", 50, 0)
	const denied, emptied = "team-07", "team-31"
	g.refused.Store(accounts[denied])
	e.python(t, "seed.py", "terminate_in", accounts[emptied])
	second := s.Run(company)
	expect("one account denied", second, "partial", 49, 1)
	if got := s.Count("server", fmt.Sprintf("name = %q", denied)); got != 1 {
		t.Errorf("the machine of the denied account: %d, want it to be there still", got)
	}
	if got := s.Count("server", fmt.Sprintf("name = %q AND state = gone", emptied)); got != 1 {
		t.Errorf("the machine that was terminated: %d gone, want it", got)
	}
	toldOf(t, s, second.ID, accounts[denied])
	g.refused.Store("")
	expect("the trust is back", s.Run(company), "succeeded", 49, 1)
	// An account that is closed is reported and no longer watched; nothing of it is taken for gone.
	const closed = "team-12"
	e.python(t, "seed.py", "close", accounts[closed])
	last := s.Run(company)
	if last.State != "succeeded" || !last.PlanComplete || !strings.Contains(strings.Join(last.Warnings, "\n"), accounts[closed]+" ("+closed+") is closed") {
		t.Errorf("an account closed: %+v", last)
	}
	if gone, unwatched := s.Count("server", "state = gone"), s.Count("server", fmt.Sprintf("name = %q AND state = unwatched", closed)); gone != 1 || unwatched != 1 {
		t.Errorf("an account closed: %d machines gone, %d unwatched, want the one of before and the one of the account", gone, unwatched)
	}
}

// services are the names of all lists, from the table of the docs, which a test of the plugin holds against the code.
func services(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/providers/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range regexp.MustCompile("(?m)^\\| [^|]+ \\| `[a-z_]+` \\| `([a-z0-9_]+)` \\|").FindAllSubmatch(text, -1) {
		out = append(out, string(row[1]))
	}
	return out
}

// toldOf wants the page of a run to say of an account's servers that they were denied, why, and what to do; and of the
// others that they are complete.
func toldOf(t *testing.T, s *site.Site, run, account string) {
	t.Helper()
	denied, complete := 0, 0
	for token := ""; ; {
		var page struct {
			Items []rest.RunScope `json:"items"`
			Next  string          `json:"next_page_token"`
		}
		s.Call(http.MethodGet, "/runs/"+run+"/scopes?"+url.Values{"page_token": {token}}.Encode(), nil, &page)
		for _, scope := range page.Items {
			id, _ := scope.Partition.Get("account")
			switch out := scope.Outcome; {
			case out.Status == resource.StatusComplete:
				complete++
			case id == account && out.Status == resource.StatusDenied && strings.Contains(out.Error, "AssumeRole: AccessDenied") && strings.Contains(out.Advice, "external id"):
				denied++
			default:
				t.Errorf("%s of account %s: %+v", scope.Kind, id, out)
			}
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if denied == 0 || complete < 40*denied {
		t.Errorf("%d scopes denied, %d complete; want those of one account of fifty denied", denied, complete)
	}
}
