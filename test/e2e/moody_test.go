//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	sdk "maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// The test binary is a plugin too, when an agent starts it: one whose scopes end as a file says.
func TestMain(m *testing.M) {
	if os.Getenv("MAESTRO_PLUGIN") != "" {
		serve.Provider(moody{})
		return
	}
	os.Exit(m.Run())
}

type moody struct{}

func (moody) Describe() provider.Description {
	return provider.Description{Provider: "moody", Version: "1.0.0", Title: "Moody",
		Kinds:    []provider.KindSupport{{Kind: "server", Major: 1}, {Kind: "volume", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","required":["file"],"additionalProperties":false,"properties":{"file":{"type":"string"}}}`)}
}

func (moody) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	s := mood{}
	if err := json.Unmarshal(conn.Settings, &s); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	b, err := os.ReadFile(s.File)
	if err != nil {
		return nil, fmt.Errorf("read mood: %w", err)
	}
	s.denied = string(b)
	return s, nil
}

type mood struct {
	File   string `json:"file"`
	denied string
}

func (m mood) Discover(ctx context.Context, scope sdk.Scope, out provider.Emitter) error {
	if strings.Contains(m.denied, scope.Kind) {
		return provider.Denied(errors.New("not in the mood for a "+scope.Kind), "try again tomorrow")
	}
	return out.Emit(ctx, sdk.Envelope{Kind: scope.Kind, Major: 1, ExternalID: scope.Kind + "-1", Name: "moody " + scope.Kind, Attributes: json.RawMessage(`{}`)})
}

// What a script learns from the exit code of `maestro run --wait`, and that what could not be read stays.
func TestExitCodesOfRuns(t *testing.T) {
	work := workshop(t)
	me, err := os.Executable()
	if err == nil {
		err = os.Symlink(me, filepath.Join(work, "bin", "maestro-plugin-moody"))
	}
	if err != nil {
		t.Fatal(err)
	}
	denied := filepath.Join(work, "denied")
	deny := func(kinds string) {
		t.Helper()
		if err := os.WriteFile(denied, []byte(kinds), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deny("")
	d := startDev(t, work, 5)
	settings, err := json.Marshal(map[string]string{"file": denied})
	if err != nil {
		t.Fatal(err)
	}
	var agent string
	eventually(t, "the agent has told of the plugin", 20*time.Second, func() bool {
		for _, p := range list[rest.Plugin](d.api, "/plugins") {
			if p.Provider == "moody" {
				agent = p.Agents[0].ID
			}
		}
		return agent != ""
	})
	d.call("POST", "/connections", rest.ConnectionWrite{Name: "moody", Provider: "moody", Agent: agent, Settings: settings}, nil)

	env := []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}
	for _, c := range []struct {
		denied         string
		code           int
		stdout, stderr string
	}{
		{"", 0, "succeeded", ""},
		{"volume", 3, "Not everything was read: of 2 scopes 1 denied.", ""},
		{"server volume", 1, "failed", "failed: of 2 scopes 2 denied"},
		{"server", 3, "partial", ""},
		{"", 0, "succeeded", ""},
	} {
		deny(c.denied)
		stdout, stderr, code := d.cli(env, "run", "moody", "--wait")
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("denied %q: exit code %d, want %d with %q and %q; said:\n%s%s", c.denied, code, c.code, c.stdout, c.stderr, stdout, stderr)
		}
		for _, kind := range []string{"server", "volume"} {
			found := 0
			for _, r := range list[resource](d.api, "/resources/"+kind) {
				if r.Name == "moody "+kind && r.State == "active" {
					found++
				}
			}
			if found != 1 {
				t.Errorf("denied %q: %d active %ss, want the one that was there before", c.denied, found, kind)
			}
		}
	}
	// Without --wait there is nothing to tell yet.
	deny("server volume")
	if stdout, stderr, code := d.cli(env, "run", "moody"); code != 0 || !strings.Contains(stdout, "queued") {
		t.Errorf("without --wait: exit code %d:\n%s%s", code, stdout, stderr)
	}
	d.stop()
}
