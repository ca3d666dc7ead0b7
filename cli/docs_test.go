package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"maestro.internal/cli/internal/reference"
)

var update = flag.Bool("update", false, "write docs/cli anew")

// TestDocs: docs/cli says what the commands say.
func TestDocs(t *testing.T) {
	root := newRoot(&app{})
	root.InitDefaultCompletionCmd()
	dir := filepath.Join("..", "docs", "cli")
	pages := reference.Markdown(root)
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("docs/cli/%s is of no command; run go test ./cli -run Docs -update", f.Name())
		}
	}
	for name, text := range pages {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != text {
			t.Errorf("docs/cli/%s is not current (%v); run go test ./cli -run Docs -update", name, err)
		}
	}
	if len(pages) < 40 {
		t.Errorf("only %d pages", len(pages))
	}
}

// TestEveryCommandExplainsItself: a line each for what it does, and its flags say what they are.
func TestEveryCommandExplainsItself(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" && c.HasParent() {
			t.Errorf("%s says nothing", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s says nothing", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{}))
}

// TestMan: a page each, and no line of them is a request of troff's by mistake.
func TestMan(t *testing.T) {
	dir := t.TempDir()
	if code, said := call(t, nil, "man", dir); code != exitOK || !strings.Contains(said, "pages into") {
		t.Fatalf("exit %d: %s", code, said)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 40 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), ".TH ") {
			t.Errorf("%s begins with %.20q", f.Name(), b)
		}
		for line := range strings.Lines(string(b)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case !strings.HasPrefix(line, ".") && !strings.HasPrefix(line, "'"):
			case word == ".TH", word == ".SH", word == ".TP", word == ".B", word == ".BR", word == ".PP", word == ".nf", word == ".fi":
			default:
				t.Errorf("%s: %s", f.Name(), line)
			}
		}
	}
}
