package agent_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/agent"
	"maestro.internal/internal/config"
	"maestro.internal/internal/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func configured(t *testing.T) agent.Config {
	t.Helper()
	cfg := agent.DefaultConfig()
	cfg.DataDir, cfg.PluginDir = filepath.Join(t.TempDir(), "data"), t.TempDir()
	return cfg
}

func TestAFreshAgentNeedsATokenAndItsDirectoryForItself(t *testing.T) {
	cfg := configured(t)
	a, err := agent.New(cfg, agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := agent.New(cfg, agent.Options{}); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent: %v", err)
	}
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "collector is not set") {
		t.Errorf("without a collector: %v", err)
	}
	if st := a.Status(); st.AgentID != "" || st.Spool.MaxBytes != cfg.SpoolMaxBytes {
		t.Errorf("status %+v", st)
	}
	info, err := os.Stat(filepath.Join(cfg.DataDir, "identity", "agent.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
}

func TestItWaitsForACollectorThatIsNotThereYet(t *testing.T) {
	cfg := configured(t)
	cfg.Collector = "127.0.0.1:1"
	token, err := protocol.NewJoinToken([32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAESTRO_AGENT_JOIN_TOKEN", token.Text())
	t.Setenv("MAESTRO_AGENT_DATA_DIR", cfg.DataDir)
	if err := config.Load("", agent.EnvPrefix, nil, &cfg); err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(cfg, agent.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Errorf("it gave up: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// An agent whose key file is gone says so, and makes no other one without a token to enroll with.
func TestALostKeyIsSaid(t *testing.T) {
	cfg := configured(t)
	cfg.Collector = "127.0.0.1:1"
	dir := filepath.Join(cfg.DataDir, "identity")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(`{"agent_id":"agent-7"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	enroll := func() (said string, err error) {
		t.Helper()
		var log bytes.Buffer
		a, err := agent.New(cfg, agent.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}()
		err = a.Enroll(t.Context())
		return log.String(), err
	}
	const lost = "the key of agent agent-7 is lost"
	if _, err := enroll(); err == nil || !strings.Contains(err.Error(), lost) || !strings.Contains(err.Error(), filepath.Join(dir, "agent.key")) {
		t.Errorf("without a token: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("in %s: %v, %v", dir, left, err)
	}
	token, err := protocol.NewJoinToken([32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.JoinTokenFile = filepath.Join(cfg.DataDir, "token")
	if err := os.WriteFile(cfg.JoinTokenFile, []byte(token.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := enroll(); !strings.Contains(said, lost) || err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("with a token and without a collector: %v; said %s", err, said)
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	tests := map[string]func(*agent.Config){
		"data_dir":          func(c *agent.Config) { c.DataDir = "" },
		"collector":         func(c *agent.Config) { c.Collector = "nowhere" },
		"spool_max_bytes":   func(c *agent.Config) { c.SpoolMaxBytes = 1 },
		"max_parallel_runs": func(c *agent.Config) { c.MaxParallelRuns = 0 },
		"log.level":         func(c *agent.Config) { c.Log.Level = "loud" },
		"log.format":        func(c *agent.Config) { c.Log.Format = "xml" },
	}
	for want, change := range tests {
		cfg := agent.DefaultConfig()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	cfg := configured(t)
	cfg.PolicyFile = "/nowhere/policy.yaml"
	if _, err := agent.New(cfg, agent.Options{}); err == nil || !strings.Contains(err.Error(), "/nowhere/policy.yaml") {
		t.Errorf("missing policy file: %v", err)
	}
}
