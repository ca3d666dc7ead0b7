package why

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/quiet"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// counted says something of one, or of several, whose number comes first.
func (w *walk) counted(n int, one, many string, args ...any) string {
	if n == 1 {
		return w.say(one, args...)
	}
	return w.say(many, append([]any{n}, args...)...)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func (w *walk) place(s resource.Scope) string {
	var parts []string
	for _, l := range s.Partition {
		parts = append(parts, l.Key+" "+l.Value)
	}
	if len(parts) == 0 {
		return s.Kind
	}
	return w.say("%s in %s", s.Kind, strings.Join(parts, ", "))
}

// loadNarrowing finds which settings of a plugin leave things out.
func (w *walk) loadNarrowing(ctx context.Context) error {
	plugins, err := w.s.opt.Fleet.Plugins(ctx, w.c)
	if err != nil {
		return fmt.Errorf("read plugins: %w", err)
	}
	w.narrows = map[string][]string{}
	for _, p := range plugins {
		form, err := schema.ParseSettings(p.Settings)
		if err != nil {
			continue // nobody could have made a connection by it
		}
		for _, f := range form.Fields {
			if f.Narrows {
				w.narrows[p.Provider] = append(w.narrows[p.Provider], f.Pointer)
			}
		}
	}
	return nil
}

// narrowed are the settings of a connection that leave things out, as they are set.
func (w *walk) narrowed(x rest.Connection) []string {
	var set map[string]any
	if json.Unmarshal(x.Settings, &set) != nil {
		return nil
	}
	var out []string
	for _, pointer := range w.narrows[x.Provider] {
		var v any = set
		for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
			m, _ := v.(map[string]any)
			v = m[step]
		}
		if text := settingText(v); text != "" {
			out = append(out, strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")+" = "+text)
		}
	}
	return out
}

func settingText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, settingText(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// connection: which connections could see it, and whether they look.
func (w *walk) connection(context.Context) (rest.WhyStep, error) {
	var findings []rest.WhyFinding
	for _, x := range w.connections {
		findings = append(findings, w.lookedAt(x)...)
	}
	if len(w.connections) == 0 {
		text := w.say("No connection that you may see reads anything.")
		if len(w.seen) > 0 {
			text = w.say("No connection that you may see saw it; its sources are others, or were deleted.")
		}
		return rest.WhyStep{Step: stepConnection, Verdict: cannotTell, Found: text,
			Advice: w.say("Make a connection to where it is, or ask an administrator which one should see it.")}, nil
	}
	if len(findings) == 0 {
		return rest.WhyStep{Step: stepConnection, Verdict: stopsHere, Found: w.say("No connection reads the kind %s.", w.q.Kind),
			Advice: w.say("Make a connection of a plugin that reads it, or record it by hand.")}, nil
	}
	return w.sum(stepConnection, w.counted(len(asked(findings)), "1 connection could see it.", "%d connections could see it."), findings), nil
}

func asked(findings []rest.WhyFinding) map[string]bool {
	out := map[string]bool{}
	for _, f := range findings {
		if f.Connection != nil {
			out[f.Connection.ID] = true
		}
	}
	return out
}

// lookedAt is nothing for a connection whose plugin does not know the kind.
func (w *walk) lookedAt(x rest.Connection) []rest.WhyFinding {
	var on, off []string
	for _, k := range x.Kinds {
		switch {
		case !w.wanted(k.Kind):
		case k.Enabled:
			on = append(on, k.Kind)
		default:
			off = append(off, k.Kind)
		}
	}
	if len(on)+len(off) == 0 {
		return nil
	}
	finding := func(verdict, advice, format string, args ...any) rest.WhyFinding {
		return rest.WhyFinding{Verdict: verdict, Connection: w.ref(x.ID), Text: w.say(format, args...), Advice: advice}
	}
	var out []rest.WhyFinding
	for _, kind := range off {
		f := finding(stopsHere, w.say("Turn the kind on in the connection's settings."), "%s does not read the kind %s: it is turned off.", x.Name, kind)
		if w.q.Kind == "" && len(w.seen) == 0 && len(on) > 0 {
			f.Verdict = cannotTell
		}
		f.Kind = kind
		out = append(out, f)
	}
	if len(on) == 0 {
		return out
	}
	switch {
	case x.Health == "no_agent":
		return append(out, finding(stopsHere, w.say("Give the connection an agent that runs in its network."), "%s has no agent that could run it.", x.Name))
	case x.Paused:
		return append(out, finding(stopsHere, w.say("Resume the connection."), "%s is paused: nothing is read.", x.Name))
	}
	if a, known := w.agents[agentOf(x)]; known && a.Status == "held" {
		out = append(out, finding(stopsHere, w.say("Say which copy is the agent: `maestro agents release %s`.", a.ID),
			"There are two copies of the agent %s of %s. Both go on reading, and nothing they read is taken.", a.Name, x.Name))
	} else if known && a.Status != "online" {
		out = append(out, finding(cannotTell, w.say("Look after the agent: `maestro get agents`, and the service on its machine."),
			"The agent %s of %s is %s; nothing that is newer than %s has come.", a.Name, x.Name, w.word(a.Status), moment(a.LastContact)))
	}
	if hours, err := quiet.Parse(x.QuietHours, x.TimeZone); err == nil {
		if end, now := hours.Until(w.now); now {
			until := w.say("for good")
			if !end.IsZero() {
				until = w.say("until %s", moment(end))
			}
			out = append(out, finding(cannotTell, w.say("Wait, or ask for a run now: `maestro run %s`.", x.ID), "%s has quiet hours %s: nothing is read by schedule.", x.Name, until))
		}
	}
	if n := w.narrowed(x); len(n) > 0 && len(w.seen) == 0 {
		out = append(out, finding(cannotTell, w.say("See whether these settings leave it out."), "%s reads only a part of its provider: %s.", x.Name, strings.Join(n, "; ")))
	}
	if len(out) == 0 {
		out = append(out, finding(ok, "", "%s reads %s.", x.Name, strings.Join(on, ", ")))
	}
	return out
}

func agentOf(x rest.Connection) string {
	if x.Agent == nil {
		return ""
	}
	return x.Agent.ID
}

// permission: what the latest check and the latest readings were refused.
func (w *walk) permission(context.Context) (rest.WhyStep, error) {
	var findings []rest.WhyFinding
	for _, x := range w.connections {
		check, there := w.checks[x.ID]
		if !there {
			continue
		}
		verdict, note := stopsHere, ""
		if check.Outdated {
			verdict, note = cannotTell, " "+w.say("The connection was edited since.")
		}
		if check.Error != "" {
			findings = append(findings, rest.WhyFinding{Verdict: verdict, Connection: w.ref(x.ID), At: check.At,
				Text: w.say("The last check of %s could not be done: %s.", x.Name, check.Error) + note})
		}
		for _, i := range check.Report.Items {
			if i.OK || i.Kind != "" && !w.wanted(i.Kind) {
				continue
			}
			findings = append(findings, rest.WhyFinding{Verdict: verdict, Connection: w.ref(x.ID), Kind: i.Kind, At: check.At, Advice: i.Advice,
				Text: w.say("The last check of %s missed %s: %s.", x.Name, i.Name, strings.TrimSuffix(i.Message, ".")) + note})
		}
	}
	for _, s := range w.scopes {
		if s.Status == resource.StatusDenied && w.wanted(s.Scope.Kind) {
			findings = append(findings, w.ofScope(s, stopsHere, "The provider refuses to show %s: %s", w.place(s.Scope), w.orNothing(s.Error)))
		}
	}
	well := w.say("No reading that could have it was refused.")
	if len(w.scopes) == 0 {
		return rest.WhyStep{Step: stepPermission, Verdict: cannotTell, Found: w.say("Nothing that could have it was ever asked for."), Findings: findings}, nil
	}
	return w.sum(stepPermission, well, findings), nil
}

func (w *walk) orNothing(s string) string {
	if s == "" {
		return w.say("it did not say why")
	}
	return s
}

func (w *walk) ofScope(s inventory.ScopeInfo, verdict, format string, args ...any) rest.WhyFinding {
	f := rest.WhyFinding{Verdict: verdict, Connection: w.ref(s.Connection), Kind: s.Scope.Kind, Partition: s.Scope.Partition, RunID: s.LastRun, At: s.LastComplete,
		Text: w.say(format, args...), Advice: s.Advice}
	if !strings.HasSuffix(f.Text, ".") {
		f.Text += "."
	}
	if !s.LastComplete.IsZero() && s.Status != resource.StatusComplete {
		f.Text += " " + w.say("It was last read to its end on %s.", moment(s.LastComplete))
	}
	return f
}

// run: whether the latest runs read the places that could have it, to the end.
func (w *walk) run(ctx context.Context) (rest.WhyStep, error) {
	findings, err := w.lastRuns(ctx)
	if err != nil {
		return rest.WhyStep{}, err
	}
	complete, oldest := 0, time.Time{}
	unsure := map[string]bool{}
	for _, s := range w.scopes {
		if !w.wanted(s.Scope.Kind) {
			continue
		}
		switch s.Status {
		case resource.StatusDenied: // told before
		case resource.StatusComplete:
			complete++
			if oldest.IsZero() || s.LastComplete.Before(oldest) {
				oldest = s.LastComplete
			}
		case "":
			findings = append(findings, w.ofScope(s, stopsHere, "%s was planned by %s and never read", w.place(s.Scope), w.nameOf(s.Connection)))
		case resource.StatusUnsupported:
			findings = append(findings, w.ofScope(s, cannotTell, "The provider says that there is no %s", w.place(s.Scope)))
		default:
			findings = append(findings, w.ofScope(s, stopsHere, "%s was not read to its end by %s: %s: %s", w.place(s.Scope), w.nameOf(s.Connection),
				w.word(string(s.Status)), w.orNothing(s.Error)))
		}
		if s.Undecided {
			findings = append(findings, w.ofScope(s, cannotTell, "%s has keys of which nothing is decided yet", w.place(s.Scope)))
		}
		if !s.PlanComplete && s.Status != "" {
			unsure[s.Connection] = true
		}
	}
	for _, x := range w.connections {
		if unsure[x.ID] {
			findings = append(findings, rest.WhyFinding{Verdict: cannotTell, Connection: w.ref(x.ID), Text: w.say("%s could not find out everything that there is to read, so a place may be missing from its plan.", x.Name)})
		}
	}
	well := w.say("Nothing was ever read that could have it.")
	if complete > 0 {
		well = w.counted(complete, "1 place that could have it, read to the end; the longest ago on %s.", "%d places that could have it, read to the end; the longest ago on %s.", moment(oldest))
		if len(w.found) == 0 {
			well += " " + w.say("None listed it under this name.")
		}
	}
	out := w.sum(stepRun, well, findings)
	if complete == 0 && out.Verdict == ok {
		out.Verdict = cannotTell
	}
	return out, nil
}

// lastRuns tells of runs that never were, go on, or broke before they read anything.
func (w *walk) lastRuns(ctx context.Context) ([]rest.WhyFinding, error) {
	var ids []string
	for _, x := range w.connections {
		ids = append(ids, x.ID)
	}
	last, err := w.s.opt.Inventory.LastRuns(ctx, w.c.Tenant, ids)
	if err != nil {
		return nil, err
	}
	var out []rest.WhyFinding
	for _, x := range w.connections {
		if len(w.lookedAt(x)) == 0 {
			continue
		}
		r, ran := last[x.ID]
		f := rest.WhyFinding{Connection: w.ref(x.ID), RunID: r.ID, At: r.StartedAt}
		switch {
		case !ran:
			f.Verdict, f.Text, f.Advice = stopsHere, w.say("%s never ran.", x.Name), w.say("Ask for a run: `maestro run %s`.", x.ID)
		case r.State == "queued":
			f.Verdict, f.Text = cannotTell, w.say("A run of %s waits for its agent since %s.", x.Name, moment(r.QueuedAt))
		case r.State == "running":
			f.Verdict, f.Text = cannotTell, w.say("A run of %s goes on: %d of %d places are read.", x.Name, r.ScopesDone, r.ScopesTotal)
		case r.State == "failed":
			f.Verdict, f.Text = stopsHere, w.say("The last run of %s failed: %s.", x.Name, strings.TrimSuffix(w.orNothing(r.Error), "."))
		case r.State == "canceled":
			f.Verdict, f.Text = cannotTell, w.say("The last run of %s was canceled.", x.Name)
		default:
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// spool: what the agents keep back or have not sent yet.
func (w *walk) spool(context.Context) (rest.WhyStep, error) {
	var findings []rest.WhyFinding
	agents := map[string]bool{}
	for _, x := range w.connections {
		a, known := w.agents[agentOf(x)]
		if !known || len(w.lookedAt(x)) == 0 {
			continue
		}
		for _, rule := range a.Policy {
			if f, concerns := w.withheld(rule); concerns {
				f.Connection = w.ref(x.ID)
				f.Text = w.say("The site's policy at the agent %s: %s.", a.Name, rule)
				findings = append(findings, f)
			}
		}
		if agents[a.ID] {
			continue
		}
		agents[a.ID] = true
		if a.Spool.Captures > 0 {
			findings = append(findings, rest.WhyFinding{Verdict: cannotTell, At: a.LastContact, Advice: w.say("Wait until the agent has sent it; `maestro get agents` shows its spool."),
				Text: w.counted(a.Spool.Captures, "1 capture is held by the agent %s, which has not sent it.", "%d captures are held by the agent %s, which has not sent them.", a.Name)})
		}
		for _, n := range a.Notices {
			findings = append(findings, rest.WhyFinding{Verdict: cannotTell, At: a.LastContact, Text: w.say("The agent %s says: %s", a.Name, n)})
		}
	}
	if len(agents) == 0 {
		return rest.WhyStep{Step: stepSpool, Verdict: cannotTell, Found: w.say("You may not see the agents concerned, or there are none.")}, nil
	}
	return w.sum(stepSpool, w.counted(len(agents), "Nothing waits at 1 agent, and no rule of a site keeps it back.", "Nothing waits at %d agents, and no rule of a site keeps it back."), findings), nil
}

// withheld says whether a rule of a site's policy may be why something is not found.
func (w *walk) withheld(rule string) (rest.WhyFinding, bool) {
	what, dropped := strings.CutSuffix(rule, " is dropped")
	if pattern, ok := strings.CutPrefix(what, "kind "); ok && dropped {
		for kind := range w.kinds {
			if w.wanted(kind) && matches(pattern, kind) && (w.q.Kind != "" || len(w.seen) > 0 || pattern == "every kind") {
				return rest.WhyFinding{Verdict: stopsHere, Kind: kind, Advice: w.say("Ask who runs the site: only its own policy file can change that.")}, true
			}
		}
		return rest.WhyFinding{Verdict: cannotTell, Advice: w.say("If it is of that kind, it does not leave the site.")}, w.q.Kind == "" && len(w.seen) == 0
	}
	hidesName := strings.HasPrefix(rule, "field /name of ") || strings.HasPrefix(rule, "identifier ")
	return rest.WhyFinding{Verdict: cannotTell, Advice: w.say("It may be there under what the policy leaves of its name: look for it by something else.")}, hidesName && len(w.found) == 0
}

func matches(pattern, kind string) bool {
	if pattern == "every kind" {
		return true
	}
	same, err := path.Match(pattern, kind)
	return err == nil && same
}
