//go:build unix

package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// TestMain makes the test binary the plugin of its own tests: started with -plugin NAME it is that plugin.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-plugin" {
		playPlugin(os.Args[2])
		return
	}
	goleak.VerifyTestMain(m)
}

// config starts this binary as the named plugin of plugins_test.go.
func config(t *testing.T, plugin string) host.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return host.Config{Path: self, Args: []string{"-plugin", plugin}, Name: plugin, Dir: dir,
		StartTimeout: 10 * time.Second, StopTimeout: time.Second, Env: map[string]string{"DEMO_PASSWORD": secret}}
}

const secret = "hunter2-is-secret/+%"

func launch(t *testing.T, cfg host.Config) *host.Process {
	t.Helper()
	p, err := host.Launch(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(cfg.Dir); err == nil && len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return p
}

// gather is a sink that keeps everything.
type gather struct {
	mu        sync.Mutex
	resources map[int][]resource.Envelope
	outcomes  map[int]resource.Outcome
	onDone    func()
}

func newGather() *gather {
	return &gather{resources: map[int][]resource.Envelope{}, outcomes: map[int]resource.Outcome{}}
}

func (g *gather) Resources(index int, batch []resource.Envelope) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.resources[index] = append(g.resources[index], batch...)
	return nil
}

func (g *gather) Progress(int, int, int) error { return nil }

func (g *gather) ScopeDone(index int, out resource.Outcome) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, twice := g.outcomes[index]; twice {
		return fmt.Errorf("scope %d is done twice", index)
	}
	g.outcomes[index] = out
	if g.onDone != nil {
		g.onDone()
	}
	return nil
}

func scopes(kinds ...string) []resource.Scope {
	var out []resource.Scope
	for _, k := range kinds {
		out = append(out, resource.Scope{Kind: k})
	}
	return out
}

var conn = provider.Connection{ID: "c1", Settings: json.RawMessage(`{"count":3}`)}

func TestGoodPlugin(t *testing.T) {
	p := launch(t, config(t, "good"))
	d, err := p.Describe(t.Context())
	if err != nil || d.Provider != "demo" || len(d.Kinds) != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	plan, err := p.Plan(t.Context(), conn, []string{"demo.thing", "demo.other"})
	if err != nil || len(plan.Scopes) != 2 || !plan.Complete {
		t.Fatalf("%+v, %v", plan, err)
	}
	report, err := p.Check(t.Context(), conn, []string{"demo.thing"})
	if err != nil || len(report.Items) != 1 || !report.Items[0].OK {
		t.Fatalf("%+v, %v", report, err)
	}
	g := newGather()
	if err := p.Discover(t.Context(), conn, append(plan.Scopes, scopes("server")...), g); err != nil {
		t.Fatal(err)
	}
	if len(g.resources[0]) != 3 || g.outcomes[0].Status != resource.StatusComplete || g.outcomes[0].Listed != 3 {
		t.Fatalf("%+v %+v", g.resources[0], g.outcomes[0])
	}
	if g.outcomes[2].Status != resource.StatusUnsupported || !strings.Contains(g.outcomes[2].Error, `"server"`) {
		t.Fatalf("%+v", g.outcomes[2])
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("a good plugin ended badly: %v", err)
	}
	if _, err := p.Plan(t.Context(), conn, []string{"demo.thing"}); err == nil {
		t.Fatal("a closed plugin answers")
	}
}

func TestSettingsAreValidated(t *testing.T) {
	p := launch(t, config(t, "good"))
	for settings, pointer := range map[string]string{`{"count":"x"}`: "/count", `{"else":1}`: "", `[]`: "", `{`: ""} {
		_, err := p.Plan(t.Context(), provider.Connection{Settings: json.RawMessage(settings)}, []string{"demo.thing"})
		var wrong *provider.SettingsError
		if !errors.As(err, &wrong) || wrong.Pointer != pointer {
			t.Errorf("%s: %v", settings, err)
		}
	}
	// What only the plugin can know comes back as the same error.
	_, err := p.Plan(t.Context(), provider.Connection{Settings: json.RawMessage(`{"count":13}`)}, []string{"demo.thing"})
	var wrong *provider.SettingsError
	if !errors.As(err, &wrong) || wrong.Pointer != "/count" || wrong.Problem != "thirteen is unlucky" {
		t.Errorf("%#v", err)
	}
}

func TestErrorClassesCrossTheProcess(t *testing.T) {
	p := launch(t, config(t, "good"))
	_, err := p.Plan(t.Context(), conn, []string{"demo.denied"})
	var classed *provider.Error
	if !errors.As(err, &classed) || classed.Status != resource.StatusDenied || classed.Advice != "grant it" {
		t.Fatalf("%#v", err)
	}
	if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[redacted]") {
		t.Fatalf("a secret in %v", err)
	}
}

func TestEnvironmentIsAlmostEmpty(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the agent's own")
	t.Setenv("HTTPS_PROXY", "http://me:proxy-password@proxy:1")
	cfg := config(t, "environ")
	p := launch(t, cfg)
	g := newGather()
	if err := p.Discover(t.Context(), conn, scopes("demo.thing"), g); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"HOME": true, "PATH": true, "HTTPS_PROXY": true, "DEMO_PASSWORD": true,
		"MAESTRO_PLUGIN": true, "MAESTRO_LOG_LEVEL": true}
	seen := map[string]string{}
	for _, r := range g.resources[0] {
		seen[r.ExternalID] = r.Name
		if !allowed[r.ExternalID] && !strings.HasPrefix(r.ExternalID, "PLUGIN_") {
			t.Errorf("the plugin sees %s", r.ExternalID)
		}
	}
	if seen["DEMO_PASSWORD"] != secret || seen["HTTPS_PROXY"] != "http://me:proxy-password@proxy:1" || !strings.HasPrefix(seen["HOME"], cfg.Dir) {
		t.Errorf("%v", seen)
	}
}

// TestNothingLeaks starts and ends plugins and looks at what this process holds afterwards.
func TestNothingLeaks(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	var before int
	for i := range 6 {
		if i == 1 {
			before = open() // the first one leaves what is made once
		}
		p, err := host.Launch(t.Context(), config(t, "good"))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		_, _ = host.Launch(t.Context(), config(t, "dies early"))
	}
	if after := open(); after > before {
		t.Errorf("%d open files, before %d", after, before)
	}
}

func TestLogIsRelayed(t *testing.T) {
	var mu sync.Mutex
	var text strings.Builder
	cfg := config(t, "talkative")
	cfg.Log = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(b)
	}), nil)).With("run", "r1")
	p := launch(t, cfg)
	if err := p.Discover(t.Context(), conn, scopes("demo.thing"), newGather()); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level=WARN msg=careful run=r1 plugin=talkative", "scope=demo.thing", "plain words", "printed by mistake", "password is [redacted]"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), secret) || strings.Contains(strings.Join(p.Tail(), ""), secret) {
		t.Error("a secret in the log")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
