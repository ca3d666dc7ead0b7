package cli_test

import (
	"fmt"
	"os"
	"os/exec"
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
		{[]string{"why", "--connection", ""}, "", "server"},
		{[]string{"runs", "logs", ""}, "", "server"},
		{[]string{"agents", "drain", ""}, "", "server"},
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

// TestCompletionInPlainBash: where the package bash-completion is not installed, words are put together by the script itself. What
// it would ask is told by a command in maestro's place.
func TestCompletionInPlainBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not here")
	}
	script := newSite(t).run("completion", "bash")
	for _, tc := range []struct {
		line  string
		point int // where the cursor is; 0: at the end
		words string
		want  string
	}{
		{line: "maestro get ser", words: "maestro get ser", want: "<__complete><get><ser>"},
		{line: "maestro get ", words: "maestro get ''", want: "<__complete><get><>"},
		{line: "maestro get server --output=js", words: "maestro get server --output = js", want: "<__complete><get><server><--output=js>"},
		{line: "maestro get server --output=", words: "maestro get server --output =", want: "<__complete><get><server><--output=>"},
		{line: "maestro get server --filter name:we", words: "maestro get server --filter name : we", want: "<__complete><get><server><--filter><name:we>"},
		{line: "maestro  get   server  w", words: "maestro get server w", want: "<__complete><get><server><w>"},
		{line: "maestro get server web", point: len("maestro get ser"), words: "maestro get server web", want: "<__complete><get><ser>"},
	} {
		point, at := tc.point, "$((${#COMP_WORDS[@]} - 1))"
		if point == 0 {
			point = len(tc.line)
		} else {
			at = "2"
		}
		run := script + `
maestro() { printf '<%s>' "$@" >>"$ASKED"; echo :4; }
COMP_LINE=` + quoted(tc.line) + ` COMP_POINT=` + fmt.Sprint(point) + `
COMP_WORDS=(` + tc.words + `) COMP_TYPE=9
COMP_CWORD=` + at + `
compopt() { :; }
__start_maestro
`
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile", "-c", run)
		asked := t.TempDir() + "/asked"
		cmd.Env = []string{"ASKED=" + asked, "PATH=/usr/bin:/bin"}
		said, err := cmd.CombinedOutput()
		got, _ := os.ReadFile(asked)
		if err != nil || string(got) != tc.want || len(said) > 0 {
			t.Errorf("%q asks %s, want %s; %v: %s", tc.line, got, tc.want, err, said)
		}
	}
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
