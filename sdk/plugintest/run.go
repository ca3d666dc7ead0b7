package plugintest

import (
	"os"
	"slices"
	"testing"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/serve"
)

// serveFlag tells a test binary that it was started as the plugin.
const serveFlag = "-plugintest-serve"

// Main is for TestMain: it makes the test binary the plugin of its own tests, so that a child process needs
// no build step. Otherwise it runs the tests.
func Main(m *testing.M, newProvider func() provider.Provider) {
	if slices.Contains(os.Args[1:], serveFlag) {
		serve.Provider(newProvider())
		return
	}
	os.Exit(m.Run())
}

// Run tries out a plugin that newPlugin starts, one subtest for each check.
func Run(t *testing.T, newPlugin func(t *testing.T) provider.Plugin, c Case) {
	t.Helper()
	show(t, Suite(t.Context(), newPlugin(t), c))
}

func show(t *testing.T, results []Result) {
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if len(r.Problems) > 0 {
				t.Log(r.Why)
			}
			for _, p := range r.Problems {
				t.Error(p)
			}
		})
	}
}

// RunProvider tries out a provider in this process and as a child process. The latter needs Main in TestMain.
func RunProvider(t *testing.T, newProvider func() provider.Provider, c Case) {
	t.Helper()
	t.Run("in_process", func(t *testing.T) {
		for name, value := range c.Env {
			t.Setenv(name, value)
		}
		Run(t, func(*testing.T) provider.Plugin { return serve.Local(newProvider()) }, c)
	})
	t.Run("process", func(t *testing.T) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		RunBinary(t, host.Config{Path: self, Args: []string{serveFlag}, Name: "under_test"}, c)
	})
}

// RunBinary tries out a finished plugin.
func RunBinary(t *testing.T, cfg host.Config, c Case) {
	t.Helper()
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "pt") // t.TempDir is too long a path for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		cfg.Dir = dir
	}
	show(t, SuiteBinary(t.Context(), cfg, c))
}
