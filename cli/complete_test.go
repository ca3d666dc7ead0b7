package cli_test

import (
	"strings"
	"testing"
)

// TestCompletion: the shells complete kinds, names, connections and fields by asking the collector; without one they stay silent.
func TestCompletion(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	s.run("apply", "-f", s.write("dc.yaml", "kind: datacenter\nname: North hall\n"))
	for _, tc := range []struct {
		args []string
		want string // lines that must be there
		not  string
	}{
		{[]string{"get", "ser"}, "server", "volume"},
		{[]string{"get", "server", "w"}, "web", "db"},
		{[]string{"history", "server", ""}, "db web", ""},
		{[]string{"get", "server", "--fields", "name,memory_b"}, "name,memory_bytes", "name,name"},
		{[]string{"diff", "--datacenter", ""}, "", ""},
		{[]string{"diff", "--kind", "vol"}, "volume", "server"},
		{[]string{"run", ""}, "", "server"},
		{[]string{"appl"}, "apply", "agents"},
	} {
		out := s.run(append([]string{"__complete"}, tc.args...)...)
		lines := strings.Split(out, "\n")
		has := func(name string) bool {
			for _, l := range lines {
				if l == name || strings.HasPrefix(l, name+"\t") {
					return true
				}
			}
			return false
		}
		for _, want := range strings.Fields(tc.want) {
			if !has(want) {
				t.Errorf("%v: no %s in\n%s", tc.args, want, out)
			}
		}
		if tc.not != "" && has(tc.not) {
			t.Errorf("%v: %s in\n%s", tc.args, tc.not, out)
		}
	}
	if out := s.run("__complete", "diff", "--datacenter", ""); !strings.Contains(out, "North hall\n") {
		t.Errorf("got %s", out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := s.run("completion", shell); !strings.Contains(out, "maestro") {
			t.Errorf("%s: %s", shell, out)
		}
	}
	s.env["MAESTRO_URL"] = "http://127.0.0.1:1"
	if out, errs, code := s.try("__complete", "get", "ser"); code != 0 || strings.Contains(out+errs, "reach collector") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
