package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// playPlugin is what the test binary does when it is started as a plugin.
func playPlugin(name string) {
	if act, ok := badMains[name]; ok {
		act()
		return
	}
	read, ok := readers[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no such plugin %q\n", name)
		os.Exit(9)
	}
	serve.Provider(&demo{read: read})
}

// demo is a provider whose reading differs from test to test.
type demo struct {
	read func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error
}

type session struct {
	Count int `json:"count"`
	*demo
}

func (d *demo) Describe() provider.Description {
	thing := json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer"}}}`)
	return provider.Description{
		Provider: "demo", Version: "1", Title: "Demo",
		Kinds: []provider.KindSupport{
			{Kind: "demo.thing", Major: 1, Schema: thing},
			{Kind: "demo.other", Major: 1, Schema: thing, Unstable: true},
			{Kind: "demo.denied", Major: 1, Schema: thing},
		},
		Settings:      json.RawMessage(`{"type":"object","properties":{"count":{"type":"integer"}},"additionalProperties":false}`),
		CredentialEnv: []provider.EnvVar{{Name: "DEMO_PASSWORD", Help: "The password.", Secret: true}},
	}
}

func (d *demo) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	s := &session{demo: d}
	if err := json.Unmarshal(conn.Settings, s); err != nil {
		return nil, err
	}
	if s.Count == 13 {
		return nil, &provider.SettingsError{Pointer: "/count", Problem: "thirteen is unlucky"}
	}
	return s, nil
}

func (s *session) Plan(_ context.Context, kinds []string) (provider.Plan, error) {
	plan := provider.Plan{Complete: true}
	for _, k := range kinds {
		if k == "demo.denied" {
			return plan, provider.Denied(errors.New("wrong password "+os.Getenv("DEMO_PASSWORD")), "grant it")
		}
		plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k})
	}
	return plan, nil
}

func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	return s.read(ctx, s, scope, out)
}

type reader = func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error

var readers = map[string]reader{
	"good": func(ctx context.Context, s *session, _ resource.Scope, out provider.Emitter) error {
		for i := range s.Count {
			if err := out.Emit(ctx, numbered(i)); err != nil {
				return err
			}
		}
		return nil
	},
	"environ": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		for _, e := range os.Environ() {
			name, value, _ := strings.Cut(e, "=")
			if err := out.Emit(ctx, resource.Envelope{ExternalID: name, Name: value}); err != nil {
				return err
			}
		}
		return nil
	},
	"talkative": func(_ context.Context, _ *session, scope resource.Scope, _ provider.Emitter) error {
		slog.Warn("careful", "scope", scope.Key())
		slog.Debug("nobody hears this")
		logFile.WriteString("plain words\n")
		slog.Info("password is " + os.Getenv("DEMO_PASSWORD"))
		return nil
	},
}

// logFile is the process's real standard error; go-plugin replaces os.Stderr.
var logFile = os.Stderr

var badMains = map[string]func(){}

func numbered(i int) resource.Envelope {
	return resource.Envelope{ExternalID: fmt.Sprintf("thing-%d", i), Attributes: json.RawMessage(fmt.Sprintf(`{"number":%d}`, i))}
}
