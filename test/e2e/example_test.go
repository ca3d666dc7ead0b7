//go:build e2e

package e2e

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers of docs/data-model.md anew")

// The example of docs/data-model.md is done as it is written there, command by command, and every answer is what the page says. Ids, moments
// and how long something took differ each time and are not compared; that an id is the same as further up is.
func TestTheExampleOfTheDataModel(t *testing.T) {
	path, err := filepath.Abs("../../docs/data-model.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := startDev(t, workshop(t, "maestro-plugin-ansible"), 12)
	e := &example{t: t, d: d, dir: t.TempDir(), ids: map[string]string{}, back: map[string]string{}}
	if err := os.Symlink(d.data, filepath.Join(e.dir, ".maestro")); err != nil { // a reader's is in his folder
		t.Fatal(err)
	}
	var out []string
	commands := 0
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if lines[i] != "```console" {
			continue
		}
		for i++; i < len(lines) && lines[i] != "```"; commands++ {
			command, ok := strings.CutPrefix(lines[i], "$ ")
			if !ok {
				t.Fatalf("docs/data-model.md:%d: a block begins with a command: %q", i+1, lines[i])
			}
			out = append(out, lines[i])
			at := i + 1
			var answer []string
			for i++; i < len(lines) && lines[i] != "```" && !strings.HasPrefix(lines[i], "$ "); i++ {
				answer = append(answer, lines[i])
			}
			got := e.run(at, command, answer)
			if !*update {
				e.compare(at, command, answer, got)
			}
			out = append(out, got...)
		}
		out = append(out, "```")
	}
	if commands < 10 {
		t.Errorf("%d commands found", commands)
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.stop()
}

// example runs the page's commands in a folder of its own.
type example struct {
	t   *testing.T
	d   *dev
	dir string
	// variables of the shell that were set on the way.
	variables []string
	// ids leads from an id of the page to the one that it is now; back leads back.
	ids, back map[string]string
}

var (
	uuidText = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	passing  = regexp.MustCompile(`just now|[0-9]+ (s|min) ago|[0-9.]+ (ms|s|min)\b|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)
	assigned = regexp.MustCompile(`^[A-Z]+=`)
	blanks   = regexp.MustCompile(` {2,}`)
)

// run answers what a command prints. A file that the page shows is made first.
func (e *example) run(at int, command string, answer []string) []string {
	e.t.Helper()
	if file, ok := strings.CutPrefix(command, "cat "); ok {
		path := filepath.Join(e.dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			e.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Join(answer, "\n")+"\n"), 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
	variable := assigned.FindString(command)
	script := "set -o pipefail; " + command
	if variable != "" {
		script += "; echo $" + strings.TrimSuffix(variable, "=")
	}
	cmd := exec.CommandContext(e.t.Context(), "bash", "-c", script)
	cmd.Dir = e.dir
	cmd.Env = environment(append(e.variables, "HOME="+e.d.work, "XDG_CONFIG_HOME="+e.d.work, "MAESTRO_URL="+e.d.info.URL, "MAESTRO_TOKEN="+e.d.info.APIToken,
		"PATH="+filepath.Join(e.d.work, "bin")+":"+os.Getenv("PATH"))...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		e.t.Fatalf("docs/data-model.md:%d: %s: %v\n%s%s", at, command, err, &stdout, &stderr)
	}
	if variable != "" {
		e.variables = append(e.variables, variable+strings.TrimSpace(stdout.String()))
		return nil
	}
	got := strings.Split(strings.TrimRight(stdout.String(), "\n"), "\n")
	for i := range got {
		got[i] = strings.TrimRight(got[i], " ")
	}
	if len(got) == 1 && got[0] == "" {
		return nil
	}
	return got
}

// compare learns the ids that an answer shows for the first time.
func (e *example) compare(at int, command string, want, got []string) {
	e.t.Helper()
	if len(got) != len(want) {
		e.t.Fatalf("docs/data-model.md:%d: %s\nanswers\n%s\nthe page says\n%s", at, command, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range got {
		pages, nows := uuidText.FindAllString(want[i], -1), uuidText.FindAllString(got[i], -1)
		for j := range min(len(pages), len(nows)) {
			if _, known := e.ids[pages[j]]; !known && e.back[nows[j]] == "" {
				e.ids[pages[j]], e.back[nows[j]] = nows[j], pages[j]
			}
		}
		now := uuidText.ReplaceAllStringFunc(got[i], func(id string) string {
			if page := e.back[id]; page != "" {
				return page
			}
			return id + " (not the same as before)"
		})
		if plain(now) != plain(want[i]) {
			e.t.Errorf("docs/data-model.md:%d: %s\nanswers\n%s\nthe page says\n%s", at, command, now, want[i])
		}
	}
}

func plain(line string) string {
	return strings.TrimRight(blanks.ReplaceAllString(passing.ReplaceAllString(line, "…"), " "), " ")
}
