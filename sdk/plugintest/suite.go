// Package plugintest is the conformance suite of provider plugins. What the contract in sdk/provider says in
// prose, it tries out: in this process, over a child process, and against a finished binary in any language.
//
// A test of a provider in Go is two functions:
//
//	func TestMain(m *testing.M) { plugintest.Main(m, func() provider.Provider { return demo.New() }) }
//
//	func TestConformance(t *testing.T) {
//		plugintest.RunProvider(t, func() provider.Provider { return demo.New() }, plugintest.Case{
//			Connection: provider.Connection{Settings: json.RawMessage(`{"url":"..."}`)},
//		})
//	}
//
// Over gRPC the agent's own cancellation hides a provider that ignores its context, and in one process nothing
// shows what a crash does, so both are run always.
package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/seal"
)

// Case is what a plugin is tried out on. The provider behind it should hold still meanwhile.
type Case struct {
	// Connection has settings that work.
	Connection provider.Connection
	// Kinds to read; all that the plugin declares when empty.
	Kinds []string
	// Env is the credential: the variables that the plugin needs. Its values are secrets and must appear
	// in nothing that the plugin says.
	Env map[string]string
	// BadSettings are refused with a *provider.SettingsError. Some are made from the schema anyway.
	BadSettings []json.RawMessage
	// MinResources is how many there must be at least in each kind; kinds that are not named may be empty.
	MinResources map[string]int
	// Incomplete are the kinds whose scopes may end otherwise than complete here, for example for lack of
	// a privilege of the test's machine.
	Incomplete []string
	// Moving are the kinds that change between two reads even when nobody touches anything.
	Moving []string
	// NoChoices are settings that the provider behind this case knows no choices of, or refuses to say.
	NoChoices []string
	// ExtraFields allows attributes that the kind's schema does not have.
	ExtraFields bool
	// Timeout bounds each call; 0 means a minute.
	Timeout time.Duration
}

// Result is what one check found.
type Result struct {
	Name string
	// Why is the sentence of the contract that is checked.
	Why string
	// Problems are what is wrong; none means passed.
	Problems []string
	Took     time.Duration
}

// Suite runs every check on a running plugin. It never stops at the first problem, since authors want the
// whole list.
func Suite(ctx context.Context, p provider.Plugin, c Case) []Result {
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if len(c.Connection.Settings) == 0 {
		c.Connection.Settings = json.RawMessage("{}")
	}
	if c.Connection.ID == "" {
		c.Connection.ID = "plugintest"
	}
	s := &suite{Case: c, plugin: p, raw: p}
	if _, guarded := p.(*host.Process); !guarded {
		s.plugin = host.Guard(p)
	}
	var out []Result
	for _, check := range checks {
		s.problems = nil
		began := time.Now()
		cctx, cancel := context.WithTimeout(ctx, c.Timeout)
		check.run(s, cctx)
		cancel()
		out = append(out, Result{Name: check.name, Why: check.why, Problems: s.problems, Took: time.Since(began)})
		if check.name == "describe" && len(s.problems) > 0 {
			return out // without a description nothing else means anything
		}
	}
	return out
}

// checks are in an order in which each can use what the one before found.
var checks = []struct {
	name, why string
	run       func(*suite, context.Context)
}{
	{"describe", "Describe is complete, cheap and answers the same every time.", (*suite).describe},
	{"settings", "Wrong settings are refused with an error that says which.", (*suite).badSettings},
	{"plan", "Plan answers scopes of the kinds asked for, each once, the same every time.", (*suite).plan},
	{"check", "Check answers for a connection that works.", (*suite).check},
	{"choices", "Choices answers for the settings that the description names, with what they accept.", (*suite).choices},
	{"unknown_kind", "A kind that the plugin does not read is unsupported or failed, never a crash, and spoils nothing else.", (*suite).unknownKind},
	{"discover", "Every scope ends with one outcome, and emits only what belongs to it.", (*suite).discover},
	{"resources", "Resources are valid: ids, sizes, attributes after the kind's schema, relations, numbers.", (*suite).resources},
	{"cancel", "A call returns soon after its context is done.", (*suite).cancel},
	{"repeat", "Reading twice gives equal hashes, also after a call that was canceled.", (*suite).repeat},
	{"shuffle", "The order of lists whose order means nothing does not change a hash.", (*suite).shuffle},
	{"secrets", "Nothing that the plugin says holds a value of its credential.", (*suite).secrets},
}

type suite struct {
	Case
	plugin      provider.Plugin
	raw         provider.Plugin // without the guard, where there is such a thing
	description provider.Description
	rules       *seal.Rules
	planned     provider.Plan
	report      provider.CheckReport
	offered     []provider.Choices
	first       *reading
	problems    []string
}

// maxProblems per check: a mistake in a translation repeats for every resource.
const maxProblems = 12

func (s *suite) problem(format string, args ...any) {
	switch {
	case len(s.problems) < maxProblems:
		s.problems = append(s.problems, fmt.Sprintf(format, args...))
	case len(s.problems) == maxProblems:
		s.problems = append(s.problems, "and more of the kind")
	}
}

func (s *suite) kinds() []string {
	if len(s.Kinds) > 0 {
		return s.Kinds
	}
	var out []string
	for _, k := range s.description.Kinds {
		out = append(out, k.Kind)
	}
	return out
}

// reading is everything that one Discover said. It is a provider.Sink.
type reading struct {
	scopes    []resource.Scope
	resources [][]resource.Envelope
	outcomes  []*resource.Outcome
	progress  int
	onWord    func()
}

func newReading(scopes []resource.Scope) *reading {
	return &reading{scopes: scopes, resources: make([][]resource.Envelope, len(scopes)), outcomes: make([]*resource.Outcome, len(scopes))}
}

func (r *reading) word() {
	if r.onWord != nil {
		r.onWord()
	}
}

func (r *reading) Resources(index int, batch []resource.Envelope) error {
	r.resources[index] = append(r.resources[index], batch...)
	r.word()
	return nil
}

func (r *reading) Progress(int, int, int) error {
	r.progress++
	r.word()
	return nil
}

func (r *reading) ScopeDone(index int, out resource.Outcome) error {
	if r.outcomes[index] != nil {
		return fmt.Errorf("scope %s ended twice", r.scopes[index])
	}
	r.outcomes[index] = &out
	r.word()
	return nil
}

// read makes one Discover of everything planned.
func (s *suite) read(ctx context.Context) (*reading, error) {
	r := newReading(s.planned.Scopes)
	return r, s.plugin.Discover(ctx, s.Connection, s.planned.Scopes, r)
}

func (s *suite) mayEnd(kind string, out *resource.Outcome) bool {
	return out.Status == resource.StatusComplete || slices.Contains(s.Incomplete, kind)
}
