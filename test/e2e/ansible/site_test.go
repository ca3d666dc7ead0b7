//go:build e2e

package ansible

import (
	"fmt"
	"testing"

	"maestro.internal/test/e2e/site"
)

// running is a collector with an agent, and the simulated vCenter beside it.
type running struct {
	*site.Site
	t    *testing.T
	demo struct{ URL, Username, Password, Thumbprint string }
}

func startAll(t *testing.T) *running {
	t.Helper()
	s := &running{Site: site.New(t), t: t}
	s.Start("maestro-demo", "--machines", "20", "--ready-file", s.Path("demo.json"))
	s.StartCollector()
	s.Await("demo.json", &s.demo)
	s.StartAgent("site", fmt.Sprintf(`credentials:
  facts: {providers: [ansible], env: {ANSIBLE_MAESTRO_ROOT: {value: %q}}}
  vcenter: {providers: [vsphere], env: {VSPHERE_USERNAME: {value: %q}, VSPHERE_PASSWORD: {value: %q}}}
`, s.Path("facts"), s.demo.Username, s.demo.Password), "ansible", "vsphere")
	return s
}
