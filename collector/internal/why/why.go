// Package why answers why something is not where one looks for it. A resource comes a long way: a connection has to ask for its
// kind, the provider to permit it, a run to read the place it is in, the agent to send what was read, the collector to take it, and
// the reader to be allowed to see it. Each of these keeps its own record of what went wrong; this package walks them in that order,
// so that nobody has to know where to look.
//
// It only reads, through the calls that lists use, on behalf of who asks: what the caller may not see is not there for it either.
package why

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

// The verdicts of a step and of the whole.
const (
	ok         = "ok"
	stopsHere  = "stops_here"
	cannotTell = "cannot_tell"
)

// The steps, in the order of the way.
const (
	stepInventory  = "inventory"
	stepConnection = "connection"
	stepPermission = "permission"
	stepRun        = "run"
	stepSpool      = "spool"
	stepReceipt    = "receipt"
	stepMerge      = "merge"
	stepAccess     = "access"
)

// Bounds of an answer.
const (
	mostFindings = 20
	mostDetailed = 5 // resources of which observations are read
)

// Fleet is what is asked of connections and agents.
type Fleet interface {
	Connections(ctx context.Context, c inventory.Caller) ([]rest.Connection, error)
	Agents(ctx context.Context, c inventory.Caller) ([]rest.Agent, error)
	Plugins(ctx context.Context, c inventory.Caller) ([]rest.Plugin, error)
	Datacenters(ctx context.Context, c inventory.Caller) ([]rest.Datacenter, error)
	LastChecks(ctx context.Context, c inventory.Caller) (map[string]fleet.LastCheck, error)
}

// Options of a Service.
type Options struct {
	Inventory *inventory.Service
	Fleet     Fleet
	Clock     func() time.Time
}

// Service answers.
type Service struct{ opt Options }

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	return &Service{opt: opt}
}

// Question is what is missed.
type Question struct {
	// Text is a name, an id, the value of an identifier, an address or an external id.
	Text string
	// Kind that it should be of, and Connection (id or name) that should see it; both may be empty.
	Kind, Connection string
	// In is the language of the answer.
	In words.Language
}

// walk is one question being answered.
type walk struct {
	s   *Service
	c   inventory.Caller
	q   Question
	now time.Time

	connections []rest.Connection
	agents      map[string]rest.Agent
	checks      map[string]fleet.LastCheck
	narrows     map[string][]string // settings that leave things out, by provider
	names       map[string]string   // of datacenters
	kinds       map[string]inventory.KindInfo

	traces []inventory.Trace
	// found are those that the text names, not merely resembles.
	found []inventory.Trace
	seen  []sighting
	// scopes are the lines of the ledger that it could be in.
	scopes []inventory.ScopeInfo
	steps  []rest.WhyStep
	// certain is the step that is known to be the reason.
	certain string
}

// sighting is an observation of something found.
type sighting struct {
	head inventory.Head
	inventory.ObservationView
}

// Ask walks the way. Its error for a connection or kind that is not there is an *inventory.InvalidError.
func (s *Service) Ask(ctx context.Context, c inventory.Caller, q Question) (rest.Why, error) {
	w := &walk{s: s, c: c, q: q, now: s.opt.Clock()}
	if strings.TrimSpace(q.Text) == "" {
		return rest.Why{}, &inventory.InvalidError{Pointer: "/name", Problem: "say what is missing: a name, an id, the value of an identifier, or an address"}
	}
	if err := w.load(ctx); err != nil {
		return rest.Why{}, err
	}
	if err := w.look(ctx); err != nil {
		return rest.Why{}, err
	}
	for _, step := range []func(context.Context) (rest.WhyStep, error){w.inventory, w.connection, w.permission, w.run, w.spool, w.receipt, w.merge, w.access} {
		out, err := step(ctx)
		if err != nil {
			return rest.Why{}, fmt.Errorf("ask why: %w", err)
		}
		w.steps = append(w.steps, out)
	}
	return w.answer(), nil
}

// load reads what the steps look at.
func (w *walk) load(ctx context.Context) error {
	f := w.s.opt.Fleet
	conns, err := f.Connections(ctx, w.c)
	if err != nil {
		return fmt.Errorf("read connections: %w", err)
	}
	if !w.c.TenantWide { // the inventory names to the caller what the fleet shows it
		w.c.Connections = nil
		for _, x := range conns {
			w.c.Connections = append(w.c.Connections, x.ID)
		}
	}
	kinds, err := w.s.opt.Inventory.Kinds(ctx, w.c.Tenant)
	if err != nil {
		return fmt.Errorf("read kinds: %w", err)
	}
	w.kinds = map[string]inventory.KindInfo{}
	for _, k := range kinds {
		w.kinds[k.Name] = k
	}
	if _, known := w.kinds[w.q.Kind]; w.q.Kind != "" && !known {
		return &inventory.InvalidError{Pointer: "/kind", Problem: fmt.Sprintf("there is no kind %q", w.q.Kind)}
	}
	if w.connections, err = w.choose(conns); err != nil {
		return err
	}
	agents, err := f.Agents(ctx, w.c)
	if err != nil {
		return fmt.Errorf("read agents: %w", err)
	}
	w.agents = map[string]rest.Agent{}
	for _, a := range agents {
		w.agents[a.ID] = a
	}
	if w.checks, err = f.LastChecks(ctx, w.c); err != nil {
		return fmt.Errorf("read checks: %w", err)
	}
	centers, err := f.Datacenters(ctx, w.c)
	if err != nil {
		return fmt.Errorf("read datacenters: %w", err)
	}
	w.names = map[string]string{}
	for _, d := range centers {
		w.names[d.ID] = d.Name
	}
	return w.loadNarrowing(ctx)
}

func (w *walk) choose(conns []rest.Connection) ([]rest.Connection, error) {
	if w.q.Connection == "" {
		return conns, nil
	}
	i := slices.IndexFunc(conns, func(x rest.Connection) bool { return x.ID == w.q.Connection || x.Name == w.q.Connection })
	if i < 0 {
		return nil, &inventory.InvalidError{Pointer: "/connection", Problem: fmt.Sprintf("there is no connection %q", w.q.Connection)}
	}
	return conns[i : i+1], nil
}

// look finds what is known under the text, and the lines of the ledger that it is in or could be in.
func (w *walk) look(ctx context.Context) error {
	external := map[string][]string{}
	for _, x := range w.connections {
		for _, k := range x.Kinds {
			external[x.ID] = append(external[x.ID], k.Kind)
		}
	}
	// Names may begin and end with blanks. Only where nothing is called exactly so are they taken for a slip of who asks.
	for _, text := range slices.Compact([]string{w.q.Text, strings.TrimSpace(w.q.Text)}) {
		var err error
		w.q.Text = text
		if w.traces, err = w.s.opt.Inventory.Trace(ctx, w.c, inventory.TraceQuery{Text: text, Kind: w.q.Kind, External: external}); err != nil {
			return fmt.Errorf("ask why: %w", err)
		}
		for _, t := range w.traces {
			if t.How != inventory.ByWords {
				w.found = append(w.found, t)
			}
		}
		if len(w.found) > 0 {
			break
		}
	}
	for i, t := range w.found {
		if i == mostDetailed {
			break
		}
		if t.Pruned {
			continue
		}
		observations, err := w.s.opt.Inventory.Observations(ctx, w.c, t.Kind, t.ID)
		if err != nil {
			return fmt.Errorf("ask why: %w", err)
		}
		for _, o := range observations {
			w.seen = append(w.seen, sighting{t.Head, o})
		}
	}
	if len(w.seen) == 0 {
		return w.wholeLedger(ctx)
	}
	return w.ownLedger(ctx)
}

// wholeLedger is every scope that could have it.
func (w *walk) wholeLedger(ctx context.Context) error {
	for _, x := range w.connections {
		q := inventory.ScopeQuery{Connection: x.ID, Kind: w.q.Kind}
		err := w.s.opt.Inventory.EachScope(ctx, w.c, q, func(i inventory.ScopeInfo) bool {
			w.scopes = append(w.scopes, i)
			return true
		})
		if err != nil {
			return fmt.Errorf("ask why: %w", err)
		}
	}
	return nil
}

// ownLedger is the scopes of what was found; connections that have nothing to do with it are left out.
func (w *walk) ownLedger(ctx context.Context) error {
	done := map[string]bool{}
	for _, o := range w.seen {
		if done[o.head.ID] {
			continue
		}
		done[o.head.ID] = true
		scopes, err := w.s.opt.Inventory.ScopesOf(ctx, w.c, o.head.Kind, o.head.ID)
		if err != nil {
			return fmt.Errorf("ask why: %w", err)
		}
		w.scopes = append(w.scopes, scopes...)
	}
	w.connections = slices.DeleteFunc(slices.Clone(w.connections), func(x rest.Connection) bool {
		return !slices.ContainsFunc(w.seen, func(o sighting) bool { return o.Connection == x.ID })
	})
	return nil
}

// wanted says whether the question is about things of the kind.
func (w *walk) wanted(kind string) bool {
	if len(w.seen) > 0 {
		return slices.ContainsFunc(w.seen, func(o sighting) bool { return o.Kind == kind })
	}
	return w.q.Kind == "" || w.q.Kind == kind
}

func (w *walk) ref(connection string) *rest.Ref {
	if connection == "" {
		return nil
	}
	i := slices.IndexFunc(w.connections, func(x rest.Connection) bool { return x.ID == connection })
	if i < 0 {
		return &rest.Ref{ID: connection}
	}
	return &rest.Ref{ID: connection, Name: w.connections[i].Name}
}

func (w *walk) nameOf(connection string) string {
	if r := w.ref(connection); r != nil && r.Name != "" {
		return r.Name
	}
	return w.say("another source")
}

// say words something in the language of who asks: the catalogue of explanations has every format that stands here.
func (w *walk) say(format string, args ...any) string { return w.q.In.Explain(format, args...) }

// word is what the program calls a state, as a person would.
func (w *walk) word(state string) string {
	return strings.ReplaceAll(w.q.In.Explained(state), "_", " ")
}

// way says by what something was found.
func (w *walk) way(detail string) string {
	if typ, ok := strings.CutPrefix(detail, "its identifier "); ok {
		return w.say("its identifier %s", typ)
	}
	return w.q.In.Explained(detail)
}

// sum makes a step of its findings: it stops where any of them does.
func (w *walk) sum(step, allWell string, findings []rest.WhyFinding) rest.WhyStep {
	rank := map[string]int{stopsHere: 0, cannotTell: 1, ok: 2}
	slices.SortStableFunc(findings, func(a, b rest.WhyFinding) int { return rank[a.Verdict] - rank[b.Verdict] })
	out := rest.WhyStep{Step: step, Verdict: ok, Found: allWell}
	if len(findings) > 0 && findings[0].Verdict != ok {
		n := 0
		for _, f := range findings {
			if f.Verdict == findings[0].Verdict {
				n++
			}
		}
		out.Verdict, out.Found, out.Advice = findings[0].Verdict, findings[0].Text, findings[0].Advice
		if n > 1 {
			out.Found = w.say("%s; and %d more like it", strings.TrimSuffix(out.Found, "."), n-1)
		}
	}
	out.More = max(0, len(findings)-mostFindings)
	out.Findings = findings[:min(len(findings), mostFindings)]
	return out
}
