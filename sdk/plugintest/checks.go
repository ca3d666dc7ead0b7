package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/seal"
)

// soon is how long a call may take to return after its context is done.
const soon = 5 * time.Second

func (s *suite) describe(ctx context.Context) {
	d, err := s.plugin.Describe(ctx)
	if err != nil {
		s.problem("%v", err)
		return
	}
	s.description, s.rules = d, seal.For(d)
	// The guard remembers the first answer, so the second is asked for behind its back.
	for range 2 {
		if again, err := s.raw.Describe(ctx); err != nil || !reflect.DeepEqual(d, again) {
			s.problem("the second answer differs: %v", err)
			break
		}
	}
	if d.Summary == "" {
		s.problem("no summary: people choose plugins by it")
	}
	for _, v := range d.CredentialEnv {
		if v.Name == "" || v.Help == "" {
			s.problem("credential variable %q has no name or no help", v.Name)
		}
	}
	for name := range s.Env {
		if !slices.ContainsFunc(d.CredentialEnv, func(v provider.EnvVar) bool { return v.Name == name }) {
			s.problem("the variable %s is used and not described", name)
		}
	}
	for _, k := range s.Kinds {
		if !slices.ContainsFunc(d.Kinds, func(ks provider.KindSupport) bool { return ks.Kind == k }) {
			s.problem("the case wants kind %s, which is not declared", k)
		}
	}
	for _, k := range d.Kinds {
		if _, err := s.rules.Sealer(k.Kind); err != nil {
			s.problem("kind %s: %v", k.Kind, err)
		} else if _, known := schema.Lookup(k.Kind); !known && !strings.Contains(k.Kind, ".") {
			s.problem("kind %s is neither built in nor the plugin's own", k.Kind)
		}
	}
}

func (s *suite) badSettings(ctx context.Context) {
	if _, err := s.plugin.Plan(ctx, s.Connection, s.kinds()); err != nil {
		s.problem("the settings of the case are refused: %v", err)
	}
	for _, bad := range append(s.spoiled(), s.BadSettings...) {
		conn := provider.Connection{ID: s.Connection.ID, Settings: bad}
		_, err := s.plugin.Plan(ctx, conn, s.kinds())
		var wrong *provider.SettingsError
		switch {
		case err == nil:
			s.problem("settings %s are accepted", bad)
		case !errors.As(err, &wrong):
			s.problem("settings %s give an error that does not say what is wrong with them: %v", bad, err)
		case wrong.Problem == "":
			s.problem("settings %s give an empty error", bad)
		}
	}
}

// spoiled makes settings that no schema may accept: no object, an unknown name, a value of another type.
func (s *suite) spoiled() []json.RawMessage {
	out := []json.RawMessage{json.RawMessage(`[]`), json.RawMessage(`{"no_such_setting":1}`)}
	var settings map[string]json.RawMessage
	if json.Unmarshal(s.Connection.Settings, &settings) != nil {
		return out
	}
	for name := range settings {
		spoiled := map[string]json.RawMessage{}
		for n, v := range settings {
			spoiled[n] = v
		}
		spoiled[name] = json.RawMessage(`{"no":{"such":["type"]}}`)
		if b, err := json.Marshal(spoiled); err == nil {
			out = append(out, b)
		}
	}
	return out
}

func (s *suite) plan(ctx context.Context) {
	plan, err := s.plugin.Plan(ctx, s.Connection, s.kinds())
	if err != nil {
		s.problem("%v", err)
		return
	}
	s.planned = plan
	if !plan.Complete {
		s.problem("the plan is not complete: %s", strings.Join(plan.Warnings, "; "))
	}
	for _, k := range s.kinds() {
		if !slices.ContainsFunc(plan.Scopes, func(sc resource.Scope) bool { return sc.Kind == k }) {
			s.problem("kind %s has no scope", k)
		}
	}
	again, err := s.plugin.Plan(ctx, s.Connection, s.kinds())
	if err != nil {
		s.problem("the second time: %v", err)
	} else if got, want := keysOf(again.Scopes), keysOf(plan.Scopes); !slices.Equal(got, want) {
		s.problem("the second plan differs: %v, before %v", got, want)
	}
	for _, k := range s.kinds() {
		one, err := s.plugin.Plan(ctx, s.Connection, []string{k})
		if err != nil {
			s.problem("plan of %s alone: %v", k, err)
			continue
		}
		for _, sc := range one.Scopes {
			if sc.Kind != k {
				s.problem("plan of %s alone has scope %s", k, sc)
			}
		}
	}
}

func keysOf(scopes []resource.Scope) []string {
	var out []string
	for _, s := range scopes {
		out = append(out, s.Key())
	}
	slices.Sort(out)
	return out
}

func (s *suite) check(ctx context.Context) {
	report, err := s.plugin.Check(ctx, s.Connection, s.kinds())
	if err != nil {
		s.problem("%v", err)
		return
	}
	s.report = report
	for _, item := range report.Items {
		if item.Name == "" {
			s.problem("an item has no name: %+v", item)
		}
		if item.Kind != "" && !slices.Contains(s.kinds(), item.Kind) {
			s.problem("item %s is about kind %s, which was not asked for", item.Name, item.Kind)
		}
		if !item.OK && item.Message == "" && item.Advice == "" {
			s.problem("item %s is not in order and does not say why", item.Name)
		}
	}
}

func (s *suite) unknownKind(ctx context.Context) {
	const unknown = "no_such_kind"
	if plan, err := s.plugin.Plan(ctx, s.Connection, []string{unknown}); err == nil {
		for _, sc := range plan.Scopes {
			if sc.Kind != unknown {
				s.problem("the plan of an unknown kind has scope %s", sc)
			}
		}
	}
	scopes := []resource.Scope{{Kind: unknown}}
	if len(s.planned.Scopes) > 0 {
		scopes = append(scopes, s.planned.Scopes[0])
	}
	r := newReading(scopes)
	if err := s.plugin.Discover(ctx, s.Connection, scopes, r); err != nil {
		s.problem("%v", err)
		return
	}
	if o := r.outcomes[0]; o == nil || (o.Status != resource.StatusUnsupported && o.Status != resource.StatusFailed) {
		s.problem("the unknown kind ends as %+v", o)
	}
	if len(scopes) > 1 && (r.outcomes[1] == nil || !s.mayEnd(scopes[1].Kind, r.outcomes[1])) {
		s.problem("beside it scope %s ends as %+v", scopes[1], r.outcomes[1])
	}
	if _, err := s.plugin.Describe(ctx); err != nil {
		s.problem("afterwards: %v", err)
	}
}

func (s *suite) discover(ctx context.Context) {
	r, err := s.read(ctx)
	if err != nil {
		s.problem("%v", err)
		return
	}
	s.first = r
	count := map[string]int{}
	for i, sc := range r.scopes {
		o := r.outcomes[i]
		if o == nil {
			s.problem("scope %s has no outcome", sc)
			continue
		}
		count[sc.Kind] += len(r.resources[i])
		if !s.mayEnd(sc.Kind, o) {
			s.problem("scope %s ends as %s: %s", sc, o.Status, o.Error)
		}
		if o.Status != resource.StatusComplete && o.Error == "" {
			s.problem("scope %s ends as %s and does not say why", sc, o.Status)
		}
		if o.Duplicates > 0 {
			s.problem("scope %s emits %d resources twice", sc, o.Duplicates)
		}
		if o.Listed > len(r.resources[i]) {
			s.problem("scope %s lists %d and emits %d", sc, o.Listed, len(r.resources[i]))
		}
	}
	for kind, least := range s.MinResources {
		if count[kind] < least {
			s.problem("%d resources of kind %s, expected are %d at least", count[kind], kind, least)
		}
	}
}

func (s *suite) cancel(ctx context.Context) {
	if len(s.planned.Scopes) == 0 {
		return
	}
	// Once before it begins, once at its first word, once a moment after it began.
	for _, when := range []string{"before it began", "at its first word", "a moment after it began"} {
		cctx, cancel := context.WithCancel(ctx)
		r := newReading(s.planned.Scopes)
		canceled := make(chan time.Time, 1)
		stop := func() {
			select {
			case canceled <- time.Now():
				cancel()
			default:
			}
		}
		switch when {
		case "before it began":
			stop()
		case "at its first word":
			r.onWord = stop
		default:
			time.AfterFunc(20*time.Millisecond, stop)
		}
		done := make(chan error, 1)
		go func() { done <- s.plugin.Discover(cctx, s.Connection, s.planned.Scopes, r) }()
		if !s.returnsSoon(ctx, done, canceled, when) {
			cancel()
			return // it still runs, and what it does from now on says nothing
		}
		cancel()
	}
	if _, err := s.plugin.Describe(ctx); err != nil {
		s.problem("afterwards: %v", err)
	}
}

// returnsSoon waits for a call that is canceled somewhere on the way. The call's goroutine ends with it; one
// that never ends is the very problem that is reported.
func (s *suite) returnsSoon(ctx context.Context, done <-chan error, canceled chan time.Time, when string) bool {
	for {
		select {
		case <-done: // any error will do, and a call that was quicker than its cancellation needs none
			return true
		case <-canceled:
			late := time.NewTimer(soon)
			defer late.Stop()
			select {
			case <-done:
				return true
			case <-late.C:
				s.problem("canceled %s, it has not returned after %s", when, soon)
				return false
			}
		case <-ctx.Done():
			s.problem("to be canceled %s, it said no word in time", when)
			return false
		}
	}
}

func (s *suite) secrets(context.Context) {
	var said []any
	said = append(said, s.description, s.planned, s.report, s.offered)
	if s.first != nil {
		said = append(said, s.first.resources, s.first.outcomes)
		for _, list := range s.first.resources {
			for _, env := range list {
				said = append(said, env.Volatile)
			}
		}
	}
	b, err := json.Marshal(said)
	if err != nil {
		s.problem("%v", err)
		return
	}
	text := string(b)
	for name, value := range s.Env {
		if len(value) < 4 || !s.secret(name) {
			continue
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			continue
		}
		for _, form := range []string{value, strings.Trim(string(quoted), `"`)} {
			if i := strings.Index(text, form); i >= 0 {
				around := text[max(0, i-60):i]
				s.problem("the value of %s appears after %s", name, fmt.Sprintf("%q", around))
				break
			}
		}
	}
}

func (s *suite) secret(name string) bool {
	for _, v := range s.description.CredentialEnv {
		if v.Name == name {
			return v.Secret
		}
	}
	return true
}
