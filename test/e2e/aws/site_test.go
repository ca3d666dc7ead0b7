//go:build e2e

package aws

import (
	"bytes"
	"encoding/json"
	"testing"

	"maestro.internal/test/e2e/site"
)

const credentials = `credentials:
  moto: {providers: [aws], env: {AWS_ACCESS_KEY_ID: {value: AKIAIOSFODNN7EXAMPLE}, AWS_SECRET_ACCESS_KEY: {value: a-secret-key-of-the-test}}}
`

// TestUnderTheAgent goes the whole way: connection, agent, plugin, collector, filters; and a machine that is terminated
// is gone after the next run, alone.
func TestUnderTheAgent(t *testing.T) {
	e := startEmulator(t)
	e.python(t, "seed.py")
	s := site.New(t)
	s.StartCollector()
	s.StartAgent("aws", credentials, "aws")
	cloud := s.Connect("cloud", "aws", "moto", map[string]any{"endpoint": e.url, "regions": regions})
	first := s.Run(cloud)
	if first.State != "succeeded" || first.Rejected > 0 || !first.PlanComplete {
		t.Fatalf("the first run: %+v", first)
	}
	want := map[string]int{}
	for text := range bytes.Lines(e.python(t, "inventory.py", regions...)) {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		want[r.Kind]++
	}
	for kind, n := range want {
		if got := s.Count(kind, ""); got != n {
			t.Errorf("%d of %s in the inventory, want %d", got, kind, n)
		}
	}
	for filter, n := range map[string]int{
		`attributes.aws.instance_type = "m5.large"`: 6,
		`attributes.power_state = "off"`:            3,
		`region = "eu-west-1" AND name = "web-1"`:   1,
	} {
		if got := s.Count("server", filter); got != n {
			t.Errorf("%d machines with %s, want %d", got, filter, n)
		}
	}
	e.python(t, "seed.py", "terminate", "eu-west-1", "web-1")
	second := s.Run(cloud)
	if second.State != "succeeded" {
		t.Errorf("the second run: %+v", second)
	}
	if got := s.Count("server", `state = gone`); got != 1 {
		t.Errorf("%d machines are gone, want the one that was terminated", got)
	}
	if got := s.Count("server", ""); got != want["server"]-1 {
		t.Errorf("%d machines, want %d", got, want["server"]-1)
	}
}
