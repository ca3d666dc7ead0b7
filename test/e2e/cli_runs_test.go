//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/test/e2e/site"
)

// TestRunLogsAndSupport: what a run did is told by its connection's name; and a bundle of a site that works has no secret of it.
func TestRunLogsAndSupport(t *testing.T) {
	s := site.New(t)
	s.StartCollector()
	s.StartAgent("here", "credentials: {}\n", "host")
	s.Run(s.Connect("this machine", "host", "", map[string]any{}))
	if out := s.CLI("runs", "logs", "this machine", "--all", "--follow"); !strings.Contains(out, "scopes complete") || !strings.Contains(out, "server") || !strings.Contains(out, "complete") {
		t.Errorf("got %s", out)
	}
	var l struct {
		Run    rest.Run        `json:"run"`
		Scopes []rest.RunScope `json:"scopes"`
	}
	if err := json.Unmarshal([]byte(s.CLI("runs", "logs", "this machine", "-o", "json")), &l); err != nil || len(l.Scopes) != l.Run.ScopesTotal || l.Run.ScopesTotal == 0 {
		t.Errorf("%v: %+v", err, l)
	}
	file := s.Path("bundle.zip")
	s.CLI("support-bundle", "--file", file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), s.Token) || len(b) < 2000 {
		t.Errorf("a bundle of %d bytes, with the token: %t", len(b), strings.Contains(string(b), s.Token))
	}
	if found, err := filepath.Glob(s.Path("bundle.zip.*")); err != nil || len(found) > 0 {
		t.Errorf("left over: %v %v", found, err)
	}
}
