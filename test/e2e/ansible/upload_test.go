//go:build e2e

package ansible

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/test/e2e/site"
)

// TestUploads goes the whole way of facts that people upload: a connection that waits for them, the command that brings
// them, the agent that fetches them, the plugin that reads them; and what is no longer uploaded is gone.
func TestUploads(t *testing.T) {
	s := site.New(t)
	s.StartCollector()
	s.StartAgent("a", "credentials: {}\n", "ansible")
	facts := s.Connect("facts", "ansible", "", map[string]any{"source": "upload"})
	before := s.Run(facts)
	if before.State != "succeeded" || before.PlanComplete || len(before.Warnings) != 1 || !strings.Contains(before.Warnings[0], "waiting for the first upload") {
		t.Fatalf("before the first upload: %s, %q, %q", before.State, before.Error, before.Warnings)
	}
	const hosts = 300
	for i := range hosts {
		s.Write(fmt.Sprintf("out/host-%03d", i), fmt.Sprintf(`{"ansible_facts":{"ansible_hostname":"host-%03d","ansible_system":"Linux","ansible_machine_id":"%032x"}}`, i, i+1))
	}
	s.Write("out/broken", `{"ansible_facts":{"ansible_hostn`)
	began := time.Now()
	// One that is half-written keeps no other back.
	out, err := s.TryCLI("connections", "upload", "facts", s.Path("out"), "--prune")
	if err == nil || !strings.Contains(out, "300 uploaded, 0 unchanged, 0 deleted.") || !strings.Contains(out, `Refused: "broken" is broken or half-written`) {
		t.Fatal(out, err)
	}
	t.Logf("%d files were uploaded in %s", hosts, time.Since(began).Round(time.Millisecond))
	first := s.Run(facts)
	if first.State != "succeeded" || s.Count("server", "") != hosts {
		t.Fatalf("%s, %q, %d servers", first.State, first.Error, s.Count("server", ""))
	}
	if got := s.Count("server", `name = "host-007" AND attributes.hostname = "host-007"`); got != 1 {
		t.Errorf("%d servers are host-007", got)
	}
	s.Write("fewer/host-000", `{"ansible_facts":{"ansible_hostname":"host-000","ansible_system":"Linux"}}`)
	if out := s.CLI("connections", "upload", "facts", s.Path("fewer")); !strings.Contains(out, "1 uploaded, 0 unchanged, 0 deleted.") {
		t.Fatal(out)
	}
	s.Call(http.MethodDelete, "/connections/"+facts+"/files/"+url.PathEscape("host-001"), nil, nil)
	second := s.Run(facts)
	if second.State != "succeeded" || s.Count("server", "state = gone") != 1 || s.Count("server", "") != hosts-1 {
		t.Errorf("%s, %q, %d gone, %d there", second.State, second.Error, s.Count("server", "state = gone"), s.Count("server", ""))
	}
	var files rest.List[rest.ConnectionFile]
	if s.Call(http.MethodGet, "/connections/"+facts+"/files?page_size=1", nil, &files); files.TotalSize != hosts-1 {
		t.Errorf("%d files, want %d", files.TotalSize, hosts-1)
	}
}
