//go:build e2e

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/test/e2e/site"
)

// TestApplyConnections: documents make a connection at an agent, with its schedule; again they write nothing; and prune takes away
// what they made and nothing else.
func TestApplyConnections(t *testing.T) {
	s := site.New(t)
	s.StartCollector()
	s.StartAgent("here", "credentials: {}\n", "host")
	s.Write("site.yaml", `
kind: schedule
connection: this machine
every: 20m
quiet_hours: ["22:00-06:00"]
time_zone: Europe/Lisbon
---
kind: connection
name: this machine
provider: host
agent: here
datacenter: Home
kinds: [server, {kind: volume, interval_seconds: 7200}]
precedence: 7
max_requests_per_second: 5
---
kind: datacenter
name: Home
`)
	documents := s.Path("site.yaml")
	said := func(want string, args ...string) {
		t.Helper()
		if out := s.CLI(args...); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", strings.Join(args, " "), want, out)
		}
	}
	said("Dry run, nothing was written: 2 created, 1 unchanged.", "apply", "-f", documents, "--dry-run")
	said("2 created, 1 unchanged.", "apply", "-f", documents)
	said("3 unchanged.", "apply", "-f", documents, "--prune")
	conn := func() rest.Connection {
		t.Helper()
		var list rest.List[rest.Connection]
		s.Call(http.MethodGet, "/connections", nil, &list)
		if len(list.Items) != 1 {
			t.Fatalf("%d connections", len(list.Items))
		}
		return list.Items[0]
	}
	on := func(c rest.Connection) (kinds []string) {
		for _, k := range c.Kinds {
			if k.Enabled {
				kinds = append(kinds, k.Kind)
			}
		}
		return kinds
	}
	c := conn()
	if c.Agent.Name != "here" || c.Datacenter.Name != "Home" || c.Precedence != 7 || len(c.QuietHours) != 1 || c.ManagedBy != "apply" || len(on(c)) != 2 || c.Kinds[1].IntervalSeconds != 1200 {
		t.Errorf("got %+v", c)
	}
	// Other commands leave alone what they are not about.
	s.CLI("connections", "set", "this machine", "--pause")
	if c := conn(); !c.Paused || c.Precedence != 7 || c.MaxRequestsPerSecond != 5 || len(c.QuietHours) != 1 || c.TimeZone != "Europe/Lisbon" || c.ManagedBy != "apply" {
		t.Errorf("pausing changed more: %+v", c)
	}
	said("3 unchanged.", "apply", "-f", documents)
	s.Write("less.yaml", "kind: datacenter\nname: Elsewhere\n")
	said("1 created, 2 removed.", "apply", "-f", s.Path("less.yaml"), "--prune")
	said("Elsewhere", "get", "datacenters")
	var list rest.List[rest.Connection]
	if s.Call(http.MethodGet, "/connections", nil, &list); len(list.Items) != 0 {
		t.Errorf("still there: %+v", list.Items)
	}
}
