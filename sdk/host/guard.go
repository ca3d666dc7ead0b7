package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/seal"
)

const (
	maxScopes     = 200_000
	maxPlanBytes  = 64 << 20
	maxKinds      = 500
	maxCheckItems = 5000
	progressEvery = 100 * time.Millisecond
)

// Guard puts the agent's distrust around any plugin: settings are validated before a call, what comes back is
// held to the contract, and every scope gets an outcome that says no more than what was delivered. Launch
// does it for a Process; tests do it for one in the same process.
func Guard(p provider.Plugin) provider.Plugin {
	return newGuard(p, 0, newRedactor(nil))
}

type guard struct {
	inner  provider.Plugin
	most   int // resources per scope; 0 is without limit
	secret *redactor

	mu       sync.Mutex
	known    *provider.Description
	rules    *seal.Rules
	settings *settingsChecker
}

func newGuard(inner provider.Plugin, most int, secret *redactor) *guard {
	return &guard{inner: inner, most: most, secret: secret}
}

var _ provider.Plugin = (*guard)(nil)

// Describe asks once; a description never changes while a plugin runs.
func (g *guard) Describe(ctx context.Context) (provider.Description, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known != nil {
		return *g.known, nil
	}
	d, err := g.inner.Describe(ctx)
	if err != nil {
		return d, g.secret.err(err)
	}
	checker, err := checkDescription(d)
	if err != nil {
		return d, permanent{fmt.Errorf("description: %w", g.secret.err(err))}
	}
	g.known, g.settings, g.rules = &d, checker, seal.For(d)
	return d, nil
}

// Rules are how the plugin's resources are sealed. Only after a Describe that succeeded.
func (g *guard) Rules() *seal.Rules {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rules
}

// ready describes the plugin if need be and validates the connection's settings.
func (g *guard) ready(ctx context.Context, conn *provider.Connection) error {
	if _, err := g.Describe(ctx); err != nil {
		return err
	}
	if len(conn.Settings) == 0 {
		conn.Settings = json.RawMessage("{}")
	}
	return g.secret.err(g.settings.check(conn.Settings))
}

func (g *guard) Check(ctx context.Context, conn provider.Connection, kinds []string) (provider.CheckReport, error) {
	if err := g.ready(ctx, &conn); err != nil {
		return provider.CheckReport{}, err
	}
	r, err := g.inner.Check(ctx, conn, kinds)
	r.Policy = g.secret.clean(r.Policy)
	if len(r.Items) > maxCheckItems {
		r.Items = r.Items[:maxCheckItems]
	}
	for i := range r.Items {
		r.Items[i].Message, r.Items[i].Advice = g.secret.clean(r.Items[i].Message), g.secret.clean(r.Items[i].Advice)
		r.Items[i].Certificate = g.tidyCertificate(r.Items[i].Certificate)
	}
	return r, g.secret.err(err)
}

func (g *guard) Plan(ctx context.Context, conn provider.Connection, kinds []string) (provider.Plan, error) {
	if err := g.ready(ctx, &conn); err != nil {
		return provider.Plan{}, err
	}
	plan, err := g.inner.Plan(ctx, conn, kinds)
	if err != nil {
		return provider.Plan{}, g.secret.err(err)
	}
	plan.Warnings = seal.Tidy(resource.Outcome{Warnings: plan.Warnings}).Warnings
	for i := range plan.Warnings {
		plan.Warnings[i] = g.secret.clean(plan.Warnings[i])
	}
	if len(plan.Scopes) > maxScopes {
		return provider.Plan{}, fmt.Errorf("plan: %d scopes, at most %d", len(plan.Scopes), maxScopes)
	}
	seen := make(map[string]bool, len(plan.Scopes))
	for _, s := range plan.Scopes {
		if err := s.Check(); err != nil {
			return provider.Plan{}, fmt.Errorf("plan: scope %s: %w", s, err)
		}
		if !slices.Contains(kinds, s.Kind) {
			return provider.Plan{}, fmt.Errorf("plan: scope %s is of a kind that was not asked for", s)
		}
		if seen[s.Key()] {
			return provider.Plan{}, fmt.Errorf("plan: scope %s is planned twice", s)
		}
		seen[s.Key()] = true
	}
	return plan, nil
}

func (g *guard) Discover(ctx context.Context, conn provider.Connection, scopes []resource.Scope, sink provider.Sink) error {
	if err := g.ready(ctx, &conn); err != nil {
		return err
	}
	books := &books{sink: sink, most: g.most, secret: g.secret, rules: g.rules, scopes: make([]book, len(scopes))}
	var ask []resource.Scope
	for i, s := range scopes {
		b := &books.scopes[i]
		b.scope = s
		_, problem := g.rules.Intake(s)
		if problem == nil {
			ask = append(ask, s)
			books.asked = append(books.asked, i)
			continue
		}
		// What the plugin does not read is answered here; it is never asked for it.
		b.done = true
		if err := sink.ScopeDone(i, seal.Tidy(resource.Outcome{Status: provider.StatusOf(problem), Error: plain(problem)})); err != nil {
			return err
		}
	}
	if len(ask) == 0 {
		return nil
	}
	if err := g.inner.Discover(ctx, conn, ask, books); err != nil {
		return g.secret.err(err)
	}
	return books.close()
}

// plain is an error's text without its class, which the status says already.
func plain(err error) string {
	var classed *provider.Error
	if errors.As(err, &classed) {
		return classed.Err.Error()
	}
	return err.Error()
}

// books is the sink that keeps an Intake for every scope of a call.
type books struct {
	sink   provider.Sink
	most   int
	secret *redactor
	rules  *seal.Rules
	scopes []book
	asked  []int // position in the plugin's call -> position in the caller's
}

// book is one scope. Its Intake is there from the first word of the scope to its last: a call may be for a hundred thousand.
type book struct {
	scope  resource.Scope
	intake *seal.Intake
	spoke  time.Time
	done   bool
}

func (bs *books) find(index int) (*book, int, error) {
	if index < 0 || index >= len(bs.asked) {
		return nil, 0, fmt.Errorf("the plugin speaks of scope %d of %d", index, len(bs.asked))
	}
	at := bs.asked[index]
	b := &bs.scopes[at]
	if b.done {
		return nil, 0, fmt.Errorf("the plugin speaks of scope %s after its end", b.scope)
	}
	return b, at, bs.open(b)
}

func (bs *books) open(b *book) (err error) {
	if b.intake == nil {
		b.intake, err = bs.rules.Intake(b.scope)
	}
	return err
}

func (bs *books) Resources(index int, batch []resource.Envelope) error {
	b, at, err := bs.find(index)
	if err != nil {
		return err
	}
	kept := batch[:0]
	for i := range batch {
		// An error means that the scope is broken; its outcome will say so, and other scopes go on.
		if keep, err := b.intake.Take(&batch[i]); keep && err == nil {
			kept = append(kept, batch[i])
		}
	}
	if bs.most > 0 && b.intake.Listed() > bs.most {
		return fmt.Errorf("scope %s: more than %d resources", b.scope, bs.most)
	}
	if len(kept) == 0 {
		return nil
	}
	return bs.sink.Resources(at, kept)
}

func (bs *books) Progress(index int, listed, pages int) error {
	b, at, err := bs.find(index)
	if err != nil {
		return err
	}
	if now := time.Now(); now.Sub(b.spoke) >= progressEvery {
		b.spoke = now
		return bs.sink.Progress(at, max(listed, 0), max(pages, 0))
	}
	return nil
}

func (bs *books) ScopeDone(index int, out resource.Outcome) error {
	b, at, err := bs.find(index)
	if err != nil {
		return err
	}
	b.done = true
	out = b.intake.Settle(out)
	b.intake = nil
	out.Error, out.Advice = bs.secret.clean(out.Error), bs.secret.clean(out.Advice)
	for i := range out.Warnings {
		out.Warnings[i] = bs.secret.clean(out.Warnings[i])
	}
	return bs.sink.ScopeDone(at, out)
}

// close ends what a plugin left open although it said that it was through.
func (bs *books) close() error {
	for i := range bs.scopes {
		b := &bs.scopes[i]
		if b.done {
			continue
		}
		b.done = true
		if err := bs.open(b); err != nil {
			return err
		}
		out := b.intake.Settle(resource.Outcome{Status: resource.StatusFailed,
			Error: "the plugin ended the call without saying how this scope ended"})
		if err := bs.sink.ScopeDone(i, out); err != nil {
			return err
		}
	}
	return nil
}

// checkDescription says what is wrong with a plugin's description, and makes the checker of its settings.
func checkDescription(d provider.Description) (*settingsChecker, error) {
	if !word(d.Provider) {
		return nil, fmt.Errorf("provider %q is not a lower_snake word", d.Provider)
	}
	if d.Version == "" || d.Title == "" {
		return nil, errors.New("version and title are required")
	}
	if len(d.Kinds) == 0 || len(d.Kinds) > maxKinds {
		return nil, fmt.Errorf("%d kinds; there must be 1 to %d", len(d.Kinds), maxKinds)
	}
	seen := map[string]bool{}
	for _, k := range d.Kinds {
		own := strings.HasPrefix(k.Kind, d.Provider+".")
		switch {
		case seen[k.Kind]:
			return nil, fmt.Errorf("kind %q is declared twice", k.Kind)
		case k.Major < 1:
			return nil, fmt.Errorf("kind %q has no major version", k.Kind)
		case (resource.Scope{Kind: k.Kind}).Check() != nil:
			return nil, fmt.Errorf("kind %q is not a kind's name", k.Kind)
		case strings.Contains(k.Kind, ".") && !own:
			return nil, fmt.Errorf("kind %q is not named after the provider %q", k.Kind, d.Provider)
		case own && len(k.Schema) == 0:
			return nil, fmt.Errorf("kind %q is the plugin's own and has no schema", k.Kind)
		}
		if _, err := seal.KindOf(d.Provider, k); err != nil {
			return nil, err
		}
		seen[k.Kind] = true
	}
	names := map[string]bool{}
	for _, l := range d.Limits {
		if l.Name == "" || names[l.Name] || l.PerSecond < 0 || l.Burst < 0 || l.MaxConcurrent < 0 {
			return nil, fmt.Errorf("limit %q has no name of its own or is negative", l.Name)
		}
		names[l.Name] = true
	}
	checker, err := newSettingsChecker(d.Settings)
	if err != nil {
		return nil, err
	}
	return checker, errors.Join(checkChoices(d), checkFileTypes(d))
}

func word(s string) bool {
	return s != "" && len(s) <= 63 && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
