package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"maestro.internal/agent/internal/command"
	"maestro.internal/internal/protocol"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// TestMain lets the test binary play the plugin.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "maestro-plugin-") {
		serve.Provider(demo{})
		return
	}
	// The signal handler of os/signal stays for the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.signal_recv"), goleak.IgnoreAnyFunction("os/signal.loop"))
}

type demo struct{}

type session struct {
	Count  int  `json:"count"`
	Denied bool `json:"denied"`
}

func (demo) Describe() provider.Description {
	thing := json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"}}}`)
	return provider.Description{Provider: "demo", Version: "1", Title: "Demo",
		Settings: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"count":{"type":"integer"},"denied":{"type":"boolean"}}}`),
		Kinds:    []provider.KindSupport{{Kind: "demo.thing", Major: 1, Schema: thing}, {Kind: "demo.other", Major: 1, Schema: thing}}}
}

func (demo) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	var s session
	if err := json.Unmarshal(conn.Settings, &s); err != nil {
		return nil, err
	}
	if s.Count == 13 {
		return nil, &provider.SettingsError{Pointer: "/count", Problem: "thirteen is unlucky"}
	}
	return &s, nil
}

func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	if s.Denied && scope.Kind == "demo.other" {
		return provider.Denied(errors.New("forbidden"), "grant it")
	}
	for i := range s.Count {
		if err := out.Emit(ctx, resource.Envelope{ExternalID: fmt.Sprint(i), Attributes: json.RawMessage(`{"text":"a<b&c"}`)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) Check(context.Context, []string) (provider.CheckReport, error) {
	return provider.CheckReport{Items: []provider.CheckItem{{Name: "login", OK: !s.Denied}}}, nil
}

type result struct {
	code        int
	out, errors string
}

func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "maestro-plugin-demo")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAESTRO_AGENT_PLUGIN_DIR", dir)
	t.Setenv("MAESTRO_AGENT_DATA_DIR", filepath.Join(dir, "data"))
	var out, errs bytes.Buffer
	code := command.Main(args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// The token comes in without a shell or a list of processes seeing it, and is never repeated.
func TestEnrollReadsTheTokenFromStandardInput(t *testing.T) {
	token, err := protocol.NewJoinToken([32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		stdin, file, says string
	}{
		"a token":                  {token.Text() + "\n", "-", "127.0.0.1:1: no answer"},
		"not a token":              {"mjt_rubbish", "-", "not a join token"},
		"nothing":                  {"", "-", "neither join_token nor join_token_file"},
		"nobody can be asked":      {token.Text(), "", "no terminal to ask at"},
		"a file that is not there": {"", "/nowhere/token", "/nowhere/token"},
	} {
		args := []string{"enroll", "--collector", "127.0.0.1:1"}
		if tc.file != "" {
			args = append(args, "--join-token-file", tc.file)
		}
		r := call(t, tc.stdin, args...)
		if r.code != command.ExitFailed || !strings.Contains(r.errors, tc.says) {
			t.Errorf("%s: exit %d: %s", name, r.code, r.errors)
		}
		if all := r.out + r.errors; strings.Contains(all, token.Text()) || strings.Contains(all, "rubbish") {
			t.Errorf("%s: the token is repeated: %s", name, all)
		}
	}
}

func TestRunPrintsLines(t *testing.T) {
	r := call(t, "count: 2\n", "run", "--plugin", "demo", "--settings", "-")
	if r.code != command.ExitOK {
		t.Fatalf("exit %d: %s", r.code, r.errors)
	}
	seen := map[string]int{}
	for line := range strings.Lines(r.out) {
		var l struct {
			Type, Hash string
			Resource   json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		seen[l.Type]++
		if l.Type == "resource" && resource.HashOf(l.Resource).String() != l.Hash {
			t.Errorf("these are not the bytes that were hashed: %s", l.Resource)
		}
	}
	if seen["plan"] != 1 || seen["resource"] != 4 || seen["outcome"] != 2 || seen["end"] != 1 {
		t.Errorf("lines %v", seen)
	}
	if !strings.Contains(r.errors, "4 resources, 2 of 2 scopes complete") {
		t.Errorf("said %q", r.errors)
	}
}

func TestRunPrintsOneDocument(t *testing.T) {
	for count, want := range map[string]int{"0": 0, "3": 3} {
		r := call(t, `{"count":`+count+`}`, "run", "--plugin", "demo", "--settings", "-", "--kinds", "demo.thing", "-o", "json", "-q")
		var doc struct {
			Resources []json.RawMessage
			Outcomes  map[string]resource.Outcome
		}
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
			t.Fatalf("%v in %s", err, r.out)
		}
		if r.code != command.ExitOK || len(doc.Resources) != want || len(doc.Outcomes) != 1 || r.errors != "" {
			t.Errorf("exit %d, %+v, %q", r.code, doc, r.errors)
		}
	}
}

func TestExitCodes(t *testing.T) {
	plain, text := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "text")
	for path, mode := range map[string]os.FileMode{plain: 0o600, text: 0o700} {
		if err := os.WriteFile(path, []byte("not a program"), mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"partial", `{"count":1,"denied":true}`, []string{"run", "--plugin", "demo", "--settings", "-"}, command.ExitPartial, "demo.other: denied"},
		{"nothing", `{"denied":true}`, []string{"run", "--plugin", "demo", "--settings", "-", "--kinds", "demo.other"}, command.ExitFailed, "forbidden"},
		{"unknown setting", `{"cuont":1}`, []string{"run", "--plugin", "demo", "--settings", "-"}, command.ExitUsage, "cuont"},
		{"setting of the wrong type", `{"denied":null}`, []string{"run", "--plugin", "demo", "--settings", "-"}, command.ExitUsage, "denied"},
		{"setting of check", `{"count":"x"}`, []string{"check", "--plugin", "demo", "--settings", "-"}, command.ExitUsage, "count"},
		{"setting that the plugin refuses", `{"count":13}`, []string{"run", "--plugin", "demo", "--settings", "-"}, command.ExitUsage, "unlucky"},
		{"settings that are none", `- 1`, []string{"run", "--plugin", "demo", "--settings", "-"}, command.ExitUsage, "not an object"},
		{"settings that are not there", "", []string{"run", "--plugin", "demo", "--settings", "/nowhere.yaml"}, command.ExitUsage, "/nowhere.yaml"},
		{"files that are not there", "", []string{"run", "--plugin", "demo", "--files", "/nowhere"}, command.ExitUsage, "/nowhere"},
		{"no plugin named", "", []string{"run"}, command.ExitUsage, "--plugin is required"},
		{"no such plugin", "", []string{"run", "--plugin", "nope"}, command.ExitFailed, "not installed"},
		{"no such kind", "", []string{"run", "--plugin", "demo", "--kinds", "demo.thng"}, command.ExitUsage, "demo.thing"},
		{"no such kind to check", "", []string{"check", "--plugin", "demo", "--kinds", "demo.thng"}, command.ExitUsage, "demo.thing"},
		{"plugin that is not executable", "", []string{"describe", "--plugin", plain}, command.ExitFailed, "is not executable"},
		{"plugin that is no program", "", []string{"describe", "--plugin", text}, command.ExitFailed, "is not a program for"},
		{"unknown flag", "", []string{"run", "--plguin", "demo"}, command.ExitUsage, "plguin"},
		{"output", "", []string{"run", "--plugin", "demo", "-o", "xml"}, command.ExitUsage, "xml"},
		{"check fine", `{}`, []string{"check", "--plugin", "demo", "--settings", "-"}, command.ExitOK, ""},
		{"check not fine", `{"denied":true}`, []string{"check", "--plugin", "demo", "--settings", "-"}, command.ExitPartial, ""},
		{"output of status", "", []string{"status", "-o", "xml"}, command.ExitUsage, "xml"},
		{"unknown command", "", []string{"sevre"}, command.ExitUsage, "sevre"},
		{"no status", "", []string{"status"}, command.ExitFailed, "no agent runs"},
		{"enroll without token", "", []string{"enroll", "--collector", "127.0.0.1:1"}, command.ExitFailed, "join_token"},
		{"enroll nowhere", "", []string{"enroll"}, command.ExitFailed, "collector is not set"},
		{"bad address", "", []string{"serve", "--collector", "nowhere"}, command.ExitUsage, "host:port"},
		{"no such configuration", "", []string{"serve", "--config", "/nowhere.yaml"}, command.ExitUsage, "/nowhere.yaml"},
		{"bad level", "", []string{"run", "--plugin", "demo", "--log-level", "loud"}, command.ExitUsage, "loud"},
	}
	// A mistake on the command line is one whatever the command is.
	for _, name := range []string{"serve", "enroll", "status", "version", "run", "check", "describe"} {
		tests = append(tests, tests[0], tests[0])
		tests[len(tests)-2].name, tests[len(tests)-2].args = name+" with an unknown flag", []string{name, "--nosuch"}
		tests[len(tests)-1].name, tests[len(tests)-1].args = name+" with an argument", []string{name, "nosuch"}
		for i := len(tests) - 2; i < len(tests); i++ {
			tests[i].code, tests[i].want = command.ExitUsage, "nosuch"
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, tt.stdin, tt.args...)
			if r.code != tt.code || !strings.Contains(r.errors, tt.want) {
				t.Errorf("exit %d, want %d; said %q", r.code, tt.code, r.errors)
			}
		})
	}
}

func TestDescribeAndVersion(t *testing.T) {
	r := call(t, "", "describe", "--plugin", "demo", "-o", "json")
	var d provider.Description
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || d.Provider != "demo" || len(d.Kinds) != 2 {
		t.Errorf("%v: %s %s", err, r.out, r.errors)
	}
	if r := call(t, "", "version"); !strings.HasPrefix(r.out, "maestro-agent ") {
		t.Error(r.out)
	}
}

func TestAMisspeltKeyNamesItsLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte("name: x\nplugin_dri: /y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := call(t, "", "serve", "--config", file)
	if r.code != command.ExitUsage || !strings.Contains(r.errors, "agent.yaml:2:1") || !strings.Contains(r.errors, "plugin_dri") {
		t.Errorf("exit %d: %s", r.code, r.errors)
	}
}

func TestTheJoinTokenHasNoFlagAndIsNotPrinted(t *testing.T) {
	if r := call(t, "", "serve", "--join-token", "mjt_x"); r.code != command.ExitUsage {
		t.Errorf("exit %d", r.code)
	}
	t.Setenv("MAESTRO_AGENT_JOIN_TOKEN", "mjt_verysecret")
	r := call(t, "", "enroll", "--collector", "127.0.0.1:1")
	if r.code != command.ExitFailed || !strings.Contains(r.errors, "not a join token") || strings.Contains(r.errors+r.out, "verysecret") {
		t.Errorf("exit %d: %s", r.code, r.errors)
	}
}
