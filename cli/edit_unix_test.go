//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// editor makes a program that edits as somebody would: each time it is opened it does the next of the steps, which are
// commands of the shell with the document's path in $1.
func (s *site) editor(steps ...string) {
	s.t.Helper()
	dir := s.t.TempDir()
	script := "#!/bin/sh\nset -e\ncd '" + dir + "'\nn=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; cp \"$1\" opened.$n\ncase $n in\n"
	for i, step := range steps {
		script += fmt.Sprintf("%d) %s ;;\n", i+1, step)
	}
	path := filepath.Join(dir, "edit")
	s.must(os.WriteFile(path, []byte(script+"esac\n"), 0o700))
	s.env["EDITOR"], s.env["STEPS"] = path, dir
}

// opened is what the editor showed the nth time.
func (s *site) opened(n int) string {
	b, err := os.ReadFile(filepath.Join(s.env["STEPS"], fmt.Sprintf("opened.%d", n)))
	s.must(err)
	return string(b)
}

const sed = "sed -i.bak "

// TestEditFieldsOfOne: with fields named no editor is opened, and nothing but these fields of that one is written.
func TestEditFieldsOfOne(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	s.editor("exit 1")
	if out := s.run("edit", "server", "web", "--set", "region=ber", "--dry-run"); !strings.Contains(out, "1 would be updated") {
		t.Errorf("said %s", out)
	}
	s.run("edit", "server", "web", "--set", "region=ber", "--set", "owner.name=Berta", "--reason", "moved")
	if out := s.run("get", "server", "--fields", "name,region", "-f", `region = ber`, "-o", "csv"); out != "name,region\nweb,ber\n" {
		t.Errorf("got %s", out)
	}
	s.run("edit", "server", "web", "--reset", "owner.name")
	for want, args := range map[string][]string{"without a name": {"--set", "zone=a", "-f", "name = web"}, `no field "zoen"`: {"--set", "zoen=a"}} {
		if _, errs, code := s.try(append([]string{"edit", "server", "web"}, args...)...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("exit %d: %s", code, errs)
		}
	}
	if _, errs, code := s.try("edit", "server", "nobody", "--set", "zone=a"); code != 5 || !strings.Contains(errs, `There is no server named "nobody"`) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestEditInAnEditor: only what was changed is written, mistakes can be mended, and the history says who did what.
func TestEditInAnEditor(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	s.editor(sed + `'s/region: fra/region: ber/; s/memory_bytes: 1024/memory_bytes: 8192/' "$1"`)
	if out := s.run("edit", "server", "web", "--reason", "moved"); !regexp.MustCompile(`(?m)^region +fra +ber`).MatchString(out) || !regexp.MustCompile(`(?m)^memory_bytes +`).MatchString(out) || !strings.Contains(out, "ber") {
		t.Errorf("said %s", out)
	}
	if out := s.run("get", "server", "web", "--fields", "name,region,memory_bytes,owner.name", "-o", "csv"); out != "name,region,memory_bytes,owner.name\nweb,ber,8192,Anna\n" {
		t.Errorf("got %s", out)
	}
	out := s.run("history", "server", "web")
	for _, want := range []string{"(moved)", "region", "fra", "ber", "created"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	s.editor("true")
	if out := s.run("edit", "server", "web"); !strings.Contains(out, "Nothing was changed") {
		t.Errorf("said %s", out)
	}
	if out := s.run("history", "server", "web", "-o", "template={{.version}}"); strings.Count(out, "\n") != 2 {
		t.Errorf("closing without a change wrote: %s", out)
	}
	// A mistake comes back with what is wrong, and nothing typed is lost.
	s.editor(sed+`'s/region: ber/region: [/' "$1"`, sed+`'s/region: \[/region: lis/; s/memory_bytes: 8192/memory_bytes: much/' "$1"`, sed+`'s/memory_bytes: much/memory_bytes: 1/' "$1"`)
	s.run("edit", "server", "web")
	if second, third := s.opened(2), s.opened(3); !strings.Contains(second, "# NOT WRITTEN: read document") || !strings.Contains(third, "NOT WRITTEN") || !strings.Contains(third, "memory_bytes: much") {
		t.Errorf("opened\n%s\nthen\n%s", second, third)
	}
	if out := s.run("get", "server", "web", "--fields", "region,memory_bytes", "-o", "csv"); out != "region,memory_bytes\nlis,1\n" {
		t.Errorf("got %s", out)
	}
	// A program that writes the same again is not asked for ever.
	s.editor(`printf 'region: [\n' > "$1"`, `printf 'region: [\n' > "$1"`)
	if _, errs, code := s.try("edit", "server", "web"); code != 1 || strings.Count(errs, "not found") != 1 || strings.ContainsRune(errs, '\uFFFD') || !strings.Contains(errs, "what you typed is in") {
		t.Errorf("exit %d: %s", code, errs)
	}
	// Giving up says where the text is.
	s.editor(sed+`'s/region: lis/region: [/' "$1"`, "true")
	_, errs, code := s.try("edit", "server", "web")
	path := regexp.MustCompile(`\S+maestro-edit-\S+`).FindString(errs)
	if b, err := os.ReadFile(path); code != 1 || err != nil || !strings.Contains(string(b), "region: [") {
		t.Errorf("exit %d, %s: %v\n%s", code, errs, err, b)
	}
	s.must(os.Remove(path))
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"edit server nobody", 5, "there is no"}, {"edit server web -f region=1", 2, "--filter"}, {"history server nobody", 5, "there is no"}, {"history server", 2, "want maestro history kind name-or-id, and 1 came"},
	} {
		if _, errs, code := s.try(strings.Fields(tc.args)...); code != tc.code || !strings.Contains(strings.ToLower(errs), tc.says) {
			t.Errorf("%s: exit %d: %s", tc.args, code, errs)
		}
	}
}

// TestEditAtTheSameTime: changes of other fields stand side by side; of the same field both versions are shown, and the person decides.
func TestEditAtTheSameTime(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	meanwhile := func(set ...string) (out, errs string, code int) {
		t.Helper()
		type result struct {
			out, errs string
			code      int
		}
		done := make(chan result, 1)
		go func() {
			out, errs, code := s.try("edit", "server", "web")
			done <- result{out, errs, code}
		}()
		started := filepath.Join(s.env["STEPS"], "started")
		for range 200 {
			if _, err := os.Stat(started); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		args := []string{"edit", "server", "-f", `memory_bytes = 1024`}
		for _, x := range set {
			args = append(args, "--set", x)
		}
		s.run(args...)
		s.must(os.WriteFile(filepath.Join(s.env["STEPS"], "go"), nil, 0o600))
		r := <-done
		return r.out, r.errs, r.code
	}
	const wait = `touch started; while [ ! -f go ]; do sleep 0.05; done; `
	s.editor(wait + sed + `'s/region: fra/region: ber/' "$1"`)
	if _, errs, code := meanwhile("zone=z1"); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	if out := s.run("get", "server", "web", "--fields", "region,zone", "-o", "csv"); out != "region,zone\nber,z1\n" {
		t.Errorf("one change was lost: %s", out)
	}
	s.editor(wait+sed+`'s/region: ber/region: mine/' "$1"`, sed+`'s/region: mine/region: both/' "$1"`)
	_, errs, code := meanwhile("region=theirs", "zone=z2")
	if again := s.opened(2); code != 0 || !strings.Contains(errs, "region: yours mine, theirs theirs") || !strings.Contains(again, "# region: yours mine, theirs theirs") ||
		!strings.Contains(again, "region: mine\n") || !strings.Contains(again, "zone: z2\n") {
		t.Errorf("exit %d: %s; opened\n%s", code, errs, again)
	}
	if out := s.run("get", "server", "web", "--fields", "region,zone", "-o", "csv"); out != "region,zone\nboth,z2\n" {
		t.Errorf("got %s", out)
	}
}
