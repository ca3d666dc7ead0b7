package why

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// inventory: whether it is there after all, and if it left, how.
func (w *walk) inventory(ctx context.Context) (rest.WhyStep, error) {
	if len(w.found) == 0 {
		text := w.say("Nothing that you may see is called %q, or was.", w.q.Text)
		if w.q.Kind != "" {
			text = w.say("No %s that you may see is called %q, or was.", w.q.Kind, w.q.Text)
		}
		if n := len(w.traces); n > 0 {
			text += " " + w.counted(n, "1 other has the same words.", "%d others have the same words.")
		}
		return rest.WhyStep{Step: stepInventory, Verdict: cannotTell, Found: text, Advice: w.say("Ask with another name, its serial number, an address, or what its provider calls it.")}, nil
	}
	var findings []rest.WhyFinding
	there := false
	for _, t := range w.found {
		f, err := w.standing(ctx, t)
		if err != nil {
			return rest.WhyStep{}, err
		}
		there = there || f.Verdict == ok
		findings = append(findings, f)
	}
	if there { // what is there is the answer; what else was called so is told beside it
		slices.SortStableFunc(findings, func(a, b rest.WhyFinding) int { return b2i(a.Verdict != ok) - b2i(b.Verdict != ok) })
		return rest.WhyStep{Step: stepInventory, Verdict: ok, Found: findings[0].Text, Advice: findings[0].Advice, Findings: findings[:min(len(findings), mostFindings)],
			More: max(0, len(findings)-mostFindings)}, nil
	}
	w.certain = stepInventory
	return w.sum(stepInventory, "", findings), nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// standing tells how one of the found resources is.
func (w *walk) standing(ctx context.Context, t inventory.Trace) (rest.WhyFinding, error) {
	f := rest.WhyFinding{Verdict: stopsHere, Kind: t.Kind, Resource: &rest.Ref{ID: t.ID, Name: t.Name, Kind: t.Kind}, At: t.UpdatedAt}
	what := w.say("The %s %q", strings.ReplaceAll(t.Kind, "_", " "), t.Name)
	if t.Pruned {
		f.Text, f.Advice = w.say("%s was pruned; only its history is left.", what), w.say("It is kept as long as settings say after it is gone: retention.gone of the collector.")
		return f, nil
	}
	if t.State == inventory.Merged {
		return w.mergedAway(ctx, t, f, what)
	}
	r, err := w.s.opt.Inventory.Get(ctx, w.c, t.Kind, t.ID)
	if err != nil {
		return f, err
	}
	f.At = r.StateSince
	switch r.State {
	case inventory.Gone:
		f.Text, f.Advice = w.say("%s is gone since %s: %s.", what, moment(r.StateSince), w.orNothing(w.q.In.Say(r.StateReason))), w.say("Lists hide what is gone: add `state = gone` to the filter. Its history is on its page.")
		f.RunID, err = w.runThat(ctx, t, "gone")
	case inventory.Unwatched:
		f.Text = w.say("%s is listed, but nobody looks at it since %s: %s.", what, moment(r.StateSince), w.orNothing(w.q.In.Say(r.StateReason)))
		f.Advice = w.say("It keeps its last values and is shown as unwatched until a connection reads its place again.")
	default:
		f.Verdict, f.Text = ok, w.say("%s is there: found by %s%s.", what, w.way(t.Detail), w.where(t))
		if t.How == inventory.ByOtherName || t.How == inventory.ByPast {
			f.Text = w.say("%s is it: found by %s%s.", what, w.way(t.Detail), w.where(t))
		}
		if held := w.heldOf(t.ID); held != "" {
			f.Text += " " + held
			f.Advice = w.say("Approve or refuse the held removal.")
		}
	}
	return f, err
}

func (w *walk) where(t inventory.Trace) string {
	if name := w.names[t.Datacenter]; name != "" {
		return w.say(", in the datacenter %s", name)
	}
	return ""
}

func (w *walk) heldOf(id string) string {
	for _, o := range w.seen {
		if o.head.ID == id && o.State == "held" {
			return w.say("%s no longer lists it; its removal waits for a person.", w.nameOf(o.Connection))
		}
	}
	return ""
}

func (w *walk) mergedAway(ctx context.Context, t inventory.Trace, f rest.WhyFinding, what string) (rest.WhyFinding, error) {
	changes, err := w.s.opt.Inventory.Changes(ctx, w.c, inventory.ChangeQuery{ResourceID: t.ID, Action: "merged", Limit: 1})
	if err != nil {
		return f, err
	}
	f.Text = w.say("%s was merged into another resource that you may not see.", what)
	if t.Into != nil {
		f.Text = w.say("%s lives on as %q, having been merged into it", what, t.Into.Name)
		f.Resource = &rest.Ref{ID: t.Into.ID, Name: t.Into.Name, Kind: t.Into.Kind}
		for _, ch := range changes.Items {
			f.At, f.RunID = ch.At, ch.RunID
			f.Text += w.say(" by %s on %s", ch.Actor, moment(ch.At))
		}
		f.Text += "."
		f.Advice = w.say("If they are two: `maestro split %s %s --resource %s`.", t.Into.Kind, t.Into.ID, t.ID)
	}
	return f, nil
}

// runThat finds the run that made a resource what it is.
func (w *walk) runThat(ctx context.Context, t inventory.Trace, action string) (string, error) {
	list, err := w.s.opt.Inventory.Changes(ctx, w.c, inventory.ChangeQuery{ResourceID: t.ID, Action: action, Limit: 1})
	if err != nil || len(list.Items) == 0 {
		return "", err
	}
	return list.Items[0].RunID, nil
}

// receipt: what the collector did not take.
func (w *walk) receipt(ctx context.Context) (rest.WhyStep, error) {
	var findings []rest.WhyFinding
	for _, name := range sortedKinds(w.kinds) {
		if k := w.kinds[name]; k.Approval != inventory.Approved && w.wanted(name) && w.read(name) {
			findings = append(findings, rest.WhyFinding{Verdict: stopsHere, Kind: name, Text: w.say("The kind %s, of the plugin %s, waits for an administrator: nothing of it is taken.", name, k.Provider),
				Advice: w.say("`maestro kinds approve %s`; what was rejected is then asked for.", name)})
		}
	}
	for _, s := range w.scopes {
		if !w.wanted(s.Scope.Kind) {
			continue
		}
		if s.Verdict == "failed" {
			findings = append(findings, w.ofScope(s, stopsHere, "The collector could not take what %s read of %s", w.nameOf(s.Connection), w.place(s.Scope)))
		}
		if s.Rejected == 0 || len(findings) > 2*mostFindings {
			continue
		}
		more, err := w.rejected(ctx, s)
		if err != nil {
			return rest.WhyStep{}, err
		}
		findings = append(findings, more...)
	}
	return w.sum(stepReceipt, w.say("Nothing that was sent for these places was rejected."), findings), nil
}

func sortedKinds(kinds map[string]inventory.KindInfo) []string {
	out := make([]string, 0, len(kinds))
	for name := range kinds {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// read says whether any connection concerned reads the kind.
func (w *walk) read(kind string) bool {
	return slices.ContainsFunc(w.connections, func(x rest.Connection) bool {
		return slices.ContainsFunc(x.Kinds, func(k rest.KindSchedule) bool { return k.Kind == kind && k.Enabled })
	})
}

func (w *walk) rejected(ctx context.Context, s inventory.ScopeInfo) ([]rest.WhyFinding, error) {
	rows, err := w.s.opt.Inventory.RejectedRows(ctx, w.c, s.Connection, s.Scope, w.q.Text, 3)
	if err != nil {
		return nil, err
	}
	var out []rest.WhyFinding
	var others []string
	for _, r := range rows {
		if r.Asked {
			w.certain = stepReceipt
			out = append(out, w.ofScope(s, stopsHere, "It was read by %s as %q and not taken: %s", w.nameOf(s.Connection), r.Key, w.q.In.Say(r.Reason)))
			continue
		}
		others = append(others, fmt.Sprintf("%q (%s)", r.Key, w.q.In.Say(r.Reason)))
	}
	if len(out) == 0 && len(w.found) == 0 && len(others) > 0 {
		out = append(out, w.ofScope(s, cannotTell, "%s", w.counted(s.Rejected, "1 item of %s not taken, such as %s", "%d items of %s not taken, such as %s", w.place(s.Scope), strings.Join(others, ", "))))
	}
	for i := range out {
		out[i].Advice = w.say("Mend it at its source, or at the plugin; it is asked for again when it changes, or with `maestro connections resend`.")
	}
	return out, nil
}

// merge: which resource it was joined into, and what is doubtful about that.
func (w *walk) merge(ctx context.Context) (rest.WhyStep, error) {
	var findings []rest.WhyFinding
	var ids []string
	for _, t := range w.found {
		ids = append(ids, t.ID)
		switch {
		case t.Contested:
			findings = append(findings, rest.WhyFinding{Verdict: stopsHere, Resource: refTo(t.Head), Advice: w.say("See the review items: the things that have it are to be told apart, or merged."),
				Text: w.say("%s, which %q has too, was seen at several things, so it joins nothing.", capital(w.way(t.Detail)), t.Name)})
		case t.Renamed:
			findings = append(findings, rest.WhyFinding{Verdict: ok, Resource: refTo(t.Head),
				Text: w.say("A source calls it %q; a person named it %q.", w.q.Text, t.Name)})
		case t.How == inventory.ByOtherName:
			findings = append(findings, rest.WhyFinding{Verdict: stopsHere, Resource: refTo(t.Head), Advice: w.say("If they are two, split them: `maestro split`."),
				Text: w.say("A source that calls it %q was joined into %q, whose other source's name is shown.", w.q.Text, t.Name)})
		}
	}
	for _, o := range w.seen {
		text := w.say("%s sees it as %q: %s.", capital(w.nameOf(o.Connection)), o.ExternalID, w.q.In.Say(o.Match))
		if o.Match == "" {
			text = w.say("%s sees it as %q.", capital(w.nameOf(o.Connection)), o.ExternalID)
		}
		findings = append(findings, rest.WhyFinding{Verdict: ok, Connection: w.ref(o.Connection), Kind: o.Kind, Partition: o.Partition, Resource: refTo(o.head), RunID: o.RunID, At: o.LastSeen, Text: text})
	}
	doubts, err := w.s.opt.Inventory.Doubts(ctx, w.c, ids)
	if err != nil {
		return rest.WhyStep{}, err
	}
	for _, d := range doubts {
		findings = append(findings, rest.WhyFinding{Verdict: cannotTell, At: d.At, Text: w.say("A review item (%s) waits for a person: %s.", d.Type, w.orNothing(w.q.In.Say(d.Detail))),
			Advice: w.say("`maestro review merge %s`, or `keep-apart`.", d.ID)})
	}
	well := w.say("Nothing that was taken was joined into something of another name.")
	if len(w.seen) > 0 {
		well = w.counted(len(w.seen), "It is made of what 1 source sees.", "It is made of what %d sources see.")
	}
	out := w.sum(stepMerge, well, findings)
	if out.Verdict == stopsHere && w.certain == "" {
		w.certain = stepMerge
	}
	return out, nil
}

func refTo(h inventory.Head) *rest.Ref { return &rest.Ref{ID: h.ID, Name: h.Name, Kind: h.Kind} }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// access: what the asker may see. It says nothing of what he may not, not even that there is something.
func (w *walk) access(context.Context) (rest.WhyStep, error) {
	if w.c.TenantWide {
		return rest.WhyStep{Step: stepAccess, Verdict: ok, Found: w.say("You may read everything of this tenant.")}, nil
	}
	return rest.WhyStep{Step: stepAccess, Verdict: cannotTell, Found: w.say("You see what was granted to you, in %d places. Something elsewhere would not be shown to you, here neither.", len(w.c.Roots)),
		Advice: w.say("Ask an administrator to look, or for a grant.")}, nil
}

// answer says the whole in a sentence.
func (w *walk) answer() rest.Why {
	out := rest.Why{Asked: w.q.Text, Kind: w.q.Kind, Steps: w.steps}
	for _, t := range w.traces {
		r := rest.WhyResource{How: t.How, Detail: w.way(t.Detail), Pruned: t.Pruned, Resource: rest.ResourceHead{ID: t.ID, Kind: t.Kind, Version: t.Version, State: string(t.State), Name: t.Name, UpdatedAt: t.UpdatedAt}}
		if t.Datacenter != "" {
			r.Resource.Datacenter = &rest.Ref{ID: t.Datacenter, Name: w.names[t.Datacenter]}
		}
		if t.Into != nil {
			r.Into = refTo(*t.Into)
		}
		out.Resources = append(out.Resources, r)
	}
	first := func(verdict string) *rest.WhyStep {
		for i := range w.steps {
			if s := &w.steps[i]; s.Verdict == verdict && s.Step != stepAccess && (s.Step != stepInventory || verdict != cannotTell) {
				return s
			}
		}
		return nil
	}
	if w.certain != "" {
		i := slices.IndexFunc(w.steps, func(s rest.WhyStep) bool { return s.Step == w.certain })
		out.Verdict, out.StopsAt, out.Summary = stopsHere, w.certain, w.steps[i].Found
		return out
	}
	if w.steps[0].Verdict == ok {
		out.Verdict, out.Summary = ok, w.steps[0].Found
		return out
	}
	if s := first(stopsHere); s != nil {
		out.Verdict, out.StopsAt = stopsHere, s.Step
		out.Summary = w.say("The inventory does not know it. Most likely: %s", s.Found)
		return out
	}
	out.Verdict = cannotTell
	if s := first(cannotTell); s != nil {
		out.StopsAt = s.Step
		out.Summary = w.say("The inventory does not know it, and this may be why: %s", s.Found)
		return out
	}
	out.Summary = w.say("The inventory does not know it, and nothing went wrong: %s It is not at these providers under this name, or it is newer than that.", w.readThrough())
	return out
}

func (w *walk) readThrough() string {
	for _, s := range w.steps {
		if s.Step == stepRun {
			return s.Found
		}
	}
	return ""
}
