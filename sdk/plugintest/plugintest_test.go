//go:build unix

package plugintest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-bad" {
		d := good()
		badInProcess[os.Args[2]](d)
		serve.Provider(d)
		if os.Args[2] == "needs force" {
			signal.Ignore(syscall.SIGTERM)
			select {}
		}
		return
	}
	plugintest.Main(m, func() provider.Provider { return good() })
}

const schemaText = `{"type":"object","properties":{
	"size_bytes":{"type":"integer"},
	"flags":{"type":"array","items":{"type":"string"},"x-maestro-set":true},
	"uptime_seconds":{"type":"integer","x-maestro-volatile":true}}}`

// demo is a provider that keeps the contract, until a test spoils one of its functions.
type demo struct {
	describe func() provider.Description
	connect  func(context.Context, provider.Connection) error
	plan     func(kinds []string) (provider.Plan, error)
	check    func() (provider.CheckReport, error)
	choices  func(provider.Connection, string) (provider.Choices, error)
	discover func(context.Context, resource.Scope, provider.Emitter) error
}

type session struct{ *demo }

func (d *demo) Describe() provider.Description { return d.describe() }

func (d *demo) Connect(ctx context.Context, c provider.Connection) (provider.Session, error) {
	if err := d.connect(ctx, c); err != nil {
		return nil, err
	}
	return session{d}, nil
}

func (d *demo) Choices(_ context.Context, c provider.Connection, setting string) (provider.Choices, error) {
	return d.choices(c, setting)
}

func (s session) Plan(_ context.Context, kinds []string) (provider.Plan, error) { return s.plan(kinds) }
func (s session) Check(context.Context, []string) (provider.CheckReport, error) { return s.check() }
func (s session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	return s.discover(ctx, scope, out)
}

var reads atomic.Int64

func thing(i int) resource.Envelope {
	flags := []string{"a", "b", "c"}
	if i%2 == 0 {
		slices.Reverse(flags)
	}
	attributes, err := json.Marshal(map[string]any{"size_bytes": i, "flags": flags, "uptime_seconds": reads.Add(1)})
	if err != nil {
		panic(err)
	}
	return resource.Envelope{ExternalID: fmt.Sprint("thing-", i), Name: "Thing", Attributes: attributes,
		Tags:        []resource.Tag{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}},
		Identifiers: []resource.Identifier{{Type: "serial", Value: fmt.Sprint("SN", i)}},
		Relations:   []resource.Relation{{Verb: "member_of", Kind: "demo.group", ExternalID: "g"}},
		ConsoleURL:  "https://demo.example/things"}
}

// fields are what the plugin adds to servers under its provider's name.
type fields struct {
	Hints     []string `json:"hints,omitempty" maestro:"set"`
	Heartbeat int64    `json:"heartbeat_seconds,omitempty" maestro:"volatile"`
	Tools     struct {
		Version int `json:"version,omitempty" maestro:"indexed"`
	} `json:"tools,omitzero"`
}

func server(scope resource.Scope) resource.Envelope {
	hints := []string{"a", "b"}
	now := reads.Add(1)
	if now%2 == 0 {
		slices.Reverse(hints)
	}
	f := fields{Hints: hints, Heartbeat: now}
	f.Tools.Version = 12
	attributes, err := json.Marshal(map[string]any{"cpu_count": 2, "demo": f})
	if err != nil {
		panic(err)
	}
	return resource.Envelope{ExternalID: "server of " + scope.Key(), Attributes: attributes}
}

func emit(ctx context.Context, out provider.Emitter, envs ...resource.Envelope) error {
	for _, env := range envs {
		if err := out.Emit(ctx, env); err != nil {
			return err
		}
	}
	return nil
}

func good() *demo {
	return &demo{
		describe: func() provider.Description {
			return provider.Description{
				Provider: "demo", Version: "1", Title: "Demo", Summary: "Things that are not there.",
				Kinds: []provider.KindSupport{
					{Kind: "demo.thing", Major: 1, Schema: json.RawMessage(schemaText)},
					{Kind: "demo.group", Major: 1, Schema: json.RawMessage(`{"type":"object"}`)},
					{Kind: "server", Major: 1, Schema: schema.FieldsOf(fields{})},
				},
				Settings:      json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"},"regions":{"type":"array","items":{"type":"string","maxLength":9}}},"required":["url"],"additionalProperties":false}`),
				CredentialEnv: []provider.EnvVar{{Name: "DEMO_TOKEN", Help: "A token.", Secret: true}},
				Choices:       []string{"/regions"},
			}
		},
		connect: func(context.Context, provider.Connection) error { return nil },
		plan: func(kinds []string) (provider.Plan, error) {
			plan := provider.Plan{Complete: true}
			for _, k := range kinds {
				for _, r := range []string{"north", "south"} {
					plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k, Partition: resource.Partition{{Key: "region", Value: r}}})
				}
			}
			return plan, nil
		},
		check: func() (provider.CheckReport, error) {
			return provider.CheckReport{Items: []provider.CheckItem{{Kind: "demo.thing", Name: "things.list", OK: true}}}, nil
		},
		choices: func(provider.Connection, string) (provider.Choices, error) {
			return provider.Choices{Items: []provider.Choice{{Value: "north", Label: "North"}, {Value: "south"}}}, nil
		},
		discover: func(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
			switch scope.Kind {
			case "demo.group":
				return nil
			case "server":
				return emit(ctx, out, server(scope))
			}
			if r, _ := scope.Partition.Get("region"); r == "south" {
				return emit(ctx, out, thing(3))
			}
			return emit(ctx, out, thing(1), thing(2))
		},
	}
}

func example() plugintest.Case {
	return plugintest.Case{
		Connection:   provider.Connection{Settings: json.RawMessage(`{"url":"x"}`)},
		Env:          map[string]string{"DEMO_TOKEN": "the-token"},
		MinResources: map[string]int{"demo.thing": 3},
		Timeout:      20 * time.Second,
	}
}

func TestGoodPluginPasses(t *testing.T) {
	plugintest.RunProvider(t, func() provider.Provider { return good() }, example())
}

// TestTheSuiteBites spoils the good provider in one way each and expects the check whose business it is to
// find it.
func TestTheSuiteBites(t *testing.T) {
	t.Setenv("DEMO_TOKEN", "the-token")
	var turn atomic.Int64
	var over chan struct{} // closed when the suite has spoken
	first := func() bool { return turn.Add(1)%2 == 1 }
	with := func(change func(*resource.Envelope)) func(*demo) {
		return func(d *demo) {
			d.discover = func(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
				if r, _ := scope.Partition.Get("region"); r == "south" || scope.Kind != "demo.thing" {
					return nil
				}
				env := thing(1)
				change(&env)
				return emit(ctx, out, env, thing(2), thing(3))
			}
		}
	}
	withServer := func(attributes string) func(*demo) {
		return func(d *demo) {
			d.discover = func(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
				if scope.Kind != "server" {
					return nil
				}
				env := server(scope)
				env.Attributes = json.RawMessage(attributes)
				return emit(ctx, out, env)
			}
		}
	}
	tests := []struct {
		name  string
		spoil func(*demo)
		check string
		want  string
	}{
		{"description changes", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description {
				x := of()
				x.Version = fmt.Sprint(turn.Add(1))
				return x
			}
		}, "describe", "second answer differs"},
		{"description panics", func(d *demo) { d.describe = func() provider.Description { panic("oh") } }, "describe", "panic: oh"},
		{"settings schema is none", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description {
				x := of()
				x.Settings = json.RawMessage(`{"type":"strnig"}`)
				return x
			}
		}, "describe", "settings schema"},
		{"settings schema accepts everything", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description {
				x := of()
				x.Settings, x.Choices = json.RawMessage(`{}`), nil
				return x
			}
		}, "settings", `{"no_such_setting":1} are accepted`},
		{"kind of another provider", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description { x := of(); x.Kinds[0].Kind = "other.thing"; return x }
		}, "describe", "not named after the provider"},
		{"plan of another kind", func(d *demo) {
			d.plan = func([]string) (provider.Plan, error) {
				return provider.Plan{Complete: true, Scopes: []resource.Scope{{Kind: "demo.thing"}, {Kind: "demo.group"}}}, nil
			}
		}, "plan", "kind that was not asked for"},
		{"plan changes", func(d *demo) {
			of := d.plan
			d.plan = func(kinds []string) (provider.Plan, error) {
				p, err := of(kinds)
				if first() {
					p.Scopes = p.Scopes[1:]
				}
				return p, err
			}
		}, "plan", "the second plan differs"},
		{"plan twice", func(d *demo) {
			of := d.plan
			d.plan = func(kinds []string) (provider.Plan, error) {
				p, err := of(kinds)
				p.Scopes = append(p.Scopes, p.Scopes[0])
				return p, err
			}
		}, "plan", "planned twice"},
		{"check fails", func(d *demo) {
			d.check = func() (provider.CheckReport, error) { return provider.CheckReport{}, errors.New("no idea") }
		}, "check", "no idea"},
		{"check says nothing", func(d *demo) {
			d.check = func() (provider.CheckReport, error) {
				return provider.CheckReport{Items: []provider.CheckItem{{Name: "x"}}}, nil
			}
		}, "check", "does not say why"},
		{"choices fail", func(d *demo) {
			d.choices = func(provider.Connection, string) (provider.Choices, error) {
				return provider.Choices{}, errors.New("no idea")
			}
		}, "choices", "no idea"},
		{"no choices", func(d *demo) {
			d.choices = func(provider.Connection, string) (provider.Choices, error) { return provider.Choices{}, nil }
		}, "choices", "/regions has no choices"},
		{"choices that the setting refuses", func(d *demo) {
			d.choices = func(provider.Connection, string) (provider.Choices, error) {
				return provider.Choices{Items: []provider.Choice{{Value: "north-by-north-west"}}}, nil
			}
		}, "choices", "offered for /regions and refused"},
		{"choices that repeat", func(d *demo) {
			d.choices = func(provider.Connection, string) (provider.Choices, error) {
				return provider.Choices{Items: []provider.Choice{{Value: "north"}, {Value: "north"}}}, nil
			}
		}, "choices", "1 of 2 are empty, repeated"},
		{"secret in a choice", func(d *demo) {
			d.choices = func(provider.Connection, string) (provider.Choices, error) {
				return provider.Choices{Items: []provider.Choice{{Value: "north", Note: os.Getenv("DEMO_TOKEN")}}}, nil
			}
		}, "secrets", "DEMO_TOKEN"},
		{"panic", with(func(*resource.Envelope) { panic("seeded") }), "discover", "panic: seeded"},
		{"another kind", with(func(e *resource.Envelope) { e.Kind = "demo.group" }), "discover", `kind "demo.group" in a scope of kind "demo.thing"`},
		{"another partition", with(func(e *resource.Envelope) { e.Partition = resource.Partition{{Key: "a", Value: "b"}} }), "discover", "partition {a=b}"},
		{"differing repeat", with(func(e *resource.Envelope) { e.ExternalID = "thing-2" }), "discover", "twice with different content"},
		{"too many tags", with(func(e *resource.Envelope) {
			for i := range 201 {
				e.Tags = append(e.Tags, resource.Tag{Key: fmt.Sprint(i)})
			}
		}), "discover", "too many tags"},
		{"not UTF-8", with(func(e *resource.Envelope) { e.Name = "\xff" }), "discover", "not valid UTF-8"},
		{"no external id", with(func(e *resource.Envelope) { e.ExternalID = "" }), "discover", "no external id"},
		{"wrong type", with(func(e *resource.Envelope) { e.Attributes = json.RawMessage(`{"size_bytes":"big"}`) }), "resources", "size_bytes"},
		{"unknown attribute", with(func(e *resource.Envelope) { e.Attributes = json.RawMessage(`{"sizeBytes":1}`) }), "resources", `no attribute "sizeBytes"`},
		{"field of its own not declared", withServer(`{"demo":{"tools":{"version":1,"flavour":"x"}}}`), "resources", `"demo.tools.flavour" is not declared`},
		{"fields of its own not an object", withServer(`{"demo":[1]}`), "resources", "/attributes/demo"},
		{"field of its own of another type", withServer(`{"demo":{"tools":{"version":"new"}}}`), "resources", "/attributes/demo/tools/version"},
		{"fields of another provider", withServer(`{"other":{"version":1}}`), "resources", `no attribute "other"`},
		{"fields without a schema", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description { x := of(); x.Kinds[2].Schema = nil; return x }
		}, "resources", `"demo" is not declared`},
		{"fields that are none", func(d *demo) {
			of := d.describe
			d.describe = func() provider.Description {
				x := of()
				x.Kinds[2].Schema = json.RawMessage(`{"type":"object","properties":{"a":{"type":"colour"}}}`)
				return x
			}
		}, "describe", "kind server: fields of demo"},
		{"inexact number", with(func(e *resource.Envelope) { e.Attributes = json.RawMessage(`{"size_bytes":9007199254740993}`) }), "resources", "9007199254740993"},
		{"unread of nothing", with(func(e *resource.Envelope) { e.Unread = []string{"/disks"} }), "resources", `unread "/disks"`},
		{"unregistered identifier", with(func(e *resource.Envelope) { e.Identifiers[0].Type = "barcode" }), "resources", `"barcode"`},
		{"script as console URL", with(func(e *resource.Envelope) { e.ConsoleURL = "javascript:alert(1)" }), "resources", "no web address"},
		{"changes by itself", with(func(e *resource.Envelope) { e.Name = fmt.Sprint(turn.Add(1)) }), "repeat", "differs at"},
		{"comes and goes", with(func(e *resource.Envelope) { e.ExternalID = fmt.Sprint(turn.Add(1)) }), "repeat", "is missing"},
		{"secret in a name", with(func(e *resource.Envelope) { e.Name = "x" + os.Getenv("DEMO_TOKEN") }), "secrets", "DEMO_TOKEN"},
		{"secret in a warning", func(d *demo) {
			d.discover = func(_ context.Context, _ resource.Scope, out provider.Emitter) error {
				out.Warn("signed in with %s", os.Getenv("DEMO_TOKEN"))
				return nil
			}
		}, "secrets", "DEMO_TOKEN"},
		{"fewer than there are", func(d *demo) {
			d.discover = func(context.Context, resource.Scope, provider.Emitter) error { return nil }
		}, "discover", "0 resources of kind demo.thing"},
		{"incomplete", func(d *demo) {
			d.discover = func(context.Context, resource.Scope, provider.Emitter) error {
				return provider.Denied(errors.New("nope"), "")
			}
		}, "discover", "ends as denied: nope"},
		{"deaf to cancellation", func(d *demo) {
			d.discover = func(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
				select {
				case <-ctx.Done():
					<-over // whatever the clocks of a busy machine do, it is not back when the suite has waited
				case <-time.After(time.Second):
				}
				return nil
			}
		}, "cancel", "has not returned after 5s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.check == "cancel" && testing.Short() {
				t.Skip("waits for seconds")
			}
			p := good()
			tt.spoil(p)
			var found []string
			over = make(chan struct{})
			results := plugintest.Suite(t.Context(), serve.Local(p), example())
			close(over)
			for _, r := range results {
				if r.Name == tt.check {
					found = r.Problems
				}
			}
			if !strings.Contains(strings.Join(found, "\n"), tt.want) {
				t.Errorf("check %s found %q and not %q", tt.check, found, tt.want)
			}
		})
	}
}

// badInProcess are faults that only a process shows, or that would take the tests down with them.
var badInProcess = map[string]func(*demo){
	"hangs": func(d *demo) {
		d.discover = func(context.Context, resource.Scope, provider.Emitter) error { select {} }
	},
	"exits": func(d *demo) {
		d.discover = func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
			_ = emit(ctx, out, thing(1))
			os.Exit(4)
			return nil
		}
	},
	"crashes": func(d *demo) {
		d.discover = func(context.Context, resource.Scope, provider.Emitter) error {
			go panic("in a goroutine")
			select {}
		}
	},
	"floods": func(d *demo) {
		d.discover = func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
			for i := 0; ; i++ {
				if err := out.Emit(ctx, thing(i)); err != nil {
					return err
				}
			}
		}
	},
	"describes itself anew": func(d *demo) {
		of := d.describe
		d.describe = func() provider.Description { x := of(); x.Version = fmt.Sprint(os.Getpid()); return x }
	},
	"needs force": func(*demo) {},
}

func TestTheSuiteBitesOverAProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ check, want string }{
		"hangs":                 {"discover", "deadline exceeded"},
		"exits":                 {"discover", "plugin hostile ended: exit code 4"},
		"crashes":               {"discover", "panic: in a goroutine"},
		"floods":                {"discover", "more than 2000 resources"},
		"describes itself anew": {"start", "two processes describe themselves differently"},
		"needs force":           {"end", "had to be killed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "pt")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			c := example()
			c.Timeout = 3 * time.Second
			results := plugintest.SuiteBinary(t.Context(), host.Config{Path: self, Args: []string{"-bad", name}, Name: "hostile",
				Dir: dir, MaxResources: 2000, StopTimeout: time.Second}, c)
			for _, r := range results {
				if r.Name == tt.check && strings.Contains(strings.Join(r.Problems, "\n"), tt.want) {
					return
				}
			}
			t.Errorf("no check %s with %q in %+v", tt.check, tt.want, results)
		})
	}
}
