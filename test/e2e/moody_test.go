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
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// The test binary is a plugin too, when an agent starts it: one whose scopes end as a file says.
func TestMain(m *testing.M) {
	if playRoster() {
		return
	}
	if os.Getenv("MAESTRO_PLUGIN") != "" {
		if strings.HasSuffix(os.Args[0], "keen") {
			serve.Provider(keen{})
			return
		}
		serve.Provider(moody{})
		return
	}
	os.Exit(m.Run())
}

type moody struct{}

func (moody) Describe() provider.Description {
	return provider.Description{Provider: "moody", Version: "1.0.0", Title: "Moody",
		Kinds:    []provider.KindSupport{{Kind: "server", Major: 1, Schema: schema.FieldsOf(moodFields{})}, {Kind: "volume", Major: 1}},
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

// moodFields are what the plugin adds to servers; one of them never stays the same.
type moodFields struct {
	Temper int      `json:"temper" label:"Temper" maestro:"indexed,column"`
	Swings int64    `json:"swings" maestro:"volatile"`
	Fears  []string `json:"fears" maestro:"set"`
}

type mood struct {
	File   string `json:"file"`
	denied string
}

func (m mood) Discover(ctx context.Context, scope sdk.Scope, out provider.Emitter) error {
	if strings.Contains(m.denied, scope.Kind) {
		return provider.Denied(errors.New("not in the mood for a "+scope.Kind), "try again tomorrow")
	}
	attributes := []byte(`{}`)
	if scope.Kind == "server" {
		now := time.Now().UnixNano() / 1000
		fears := []string{"audits", "storms"}
		if now%2 == 0 {
			fears = []string{"storms", "audits"}
		}
		var err error
		if attributes, err = json.Marshal(map[string]any{"moody": moodFields{Temper: 7, Swings: now, Fears: fears}}); err != nil {
			return fmt.Errorf("write attributes: %w", err)
		}
	}
	return out.Emit(ctx, sdk.Envelope{Kind: scope.Kind, Major: 1, ExternalID: scope.Kind + "-1", Name: "moody " + scope.Kind, Attributes: attributes})
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
	// The fields that the plugin adds to servers are filtered by and explained like the kind's own, and those that
	// change all the time made no change in all these runs.
	for _, c := range []struct{ args, want string }{
		{"get server --filter moody.temper>5", "moody server"}, {"get server --filter moody.fears:storms", "moody server"}, {"explain server", "moody.temper"},
	} {
		if stdout, stderr, code := d.cli(env, strings.Fields(c.args)...); code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("maestro %s: exit code %d, no %q in\n%s%s", c.args, code, c.want, stdout, stderr)
		}
	}
	if stdout, stderr, code := d.cli(env, "get", "server", "--filter", "moody.temper > 7"); code != 0 || strings.Contains(stdout, "moody server") {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	for _, r := range list[resource](d.api, "/resources/server") {
		if r.Name == "moody server" && r.Version != 1 {
			t.Errorf("it is in version %d, though nothing but what is volatile changed", r.Version)
		}
	}
	// Without --wait there is nothing to tell yet.
	deny("server volume")
	if stdout, stderr, code := d.cli(env, "run", "moody"); code != 0 || !strings.Contains(stdout, "queued") {
		t.Errorf("without --wait: exit code %d:\n%s%s", code, stdout, stderr)
	}
	d.stop()
}
