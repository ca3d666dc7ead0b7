package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"maestro.internal/internal/config"
)

type logging struct {
	Level string `yaml:"level" help:"How much is logged."`
	JSON  bool   `yaml:"json"`
}

type settings struct {
	DataDir  string            `yaml:"data_dir" help:"Folder of everything that is kept."`
	Log      logging           `yaml:"log"`
	Every    time.Duration     `yaml:"every"`
	Limit    int64             `yaml:"limit"`
	Names    []string          `yaml:"names"`
	Labels   map[string]string `yaml:"labels"`
	Rejected bool              `yaml:"rejected"`
}

func (s *settings) Validate() error {
	if s.Rejected {
		return errors.New("rejected is true")
	}
	return nil
}

func defaults() settings {
	return settings{DataDir: "/var/lib/x", Log: logging{Level: "info"}, Every: time.Minute, Limit: 7}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("x", pflag.ContinueOnError)
	set.String("config", "", "")
	d := defaults()
	if err := config.Define(set, &d); err != nil {
		t.Fatal(err)
	}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestLaterSourcesWin(t *testing.T) {
	path := file(t, "data_dir: /file\nlog: {level: warn}\nevery: 5s\nnames: [a, b]\nlabels: {k: v}\n")
	t.Setenv("TX_LOG_LEVEL", "error")
	t.Setenv("TX_EVERY", "6s")
	t.Setenv("TX_SERVICE_HOST", "injected by a container platform")
	got := defaults()
	if err := config.Load(path, "TX", flags(t, "--every=7s", "--log-json", "--names=c, d", "--config=ignored"), &got); err != nil {
		t.Fatal(err)
	}
	want := settings{DataDir: "/file", Log: logging{Level: "error", JSON: true}, Every: 7 * time.Second, Limit: 7,
		Names: []string{"c", "d"}, Labels: map[string]string{"k": "v"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutFileAndFlagsDefaultsStay(t *testing.T) {
	got := defaults()
	if err := config.Load("", "TX", nil, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesNameTheirPlace(t *testing.T) {
	tests := []struct {
		name, yaml string
		env        [2]string
		flags      []string
		want       []string
	}{
		{name: "unknown key", yaml: "data_dir: /a\nlgo:\n  level: x\n", want: []string{"c.yaml:2:1", `"lgo"`}},
		{name: "unknown nested key", yaml: "log:\n  level: x\n  colour: y\n", want: []string{"c.yaml:3:3", `"colour"`}},
		{name: "repeated key", yaml: "limit: 1\nlimit: 2\n", want: []string{"c.yaml:2:1", "limit"}},
		{name: "wrong type", yaml: "limit: 1\nlog: 3\n", want: []string{"c.yaml:2:"}},
		{name: "wrong duration", yaml: "every: soon\n", want: []string{"c.yaml", "soon"}},
		{name: "broken yaml", yaml: "a: [1\n", want: []string{"c.yaml:1:"}},
		{name: "unknown variable", env: [2]string{"TX_LOG_LEVELS", "x"}, want: []string{"TX_LOG_LEVELS"}},
		{name: "wrong variable", env: [2]string{"TX_LIMIT", "many"}, want: []string{"TX_LIMIT", "many"}},
		{name: "wrong flag", flags: []string{"--limit=many"}, want: []string{"--limit", "many"}},
		{name: "refused by itself", yaml: "rejected: true\n", want: []string{"rejected is true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env[0] != "" {
				t.Setenv(tt.env[0], tt.env[1])
			}
			got := defaults()
			err := config.Load(file(t, tt.yaml), "TX", flags(t, tt.flags...), &got)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	got := defaults()
	if err := config.Load("/nowhere/c.yaml", "TX", nil, &got); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
