package approval

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestStatesOfAnApproval(t *testing.T) {
	type step struct {
		do, by string
		after  time.Duration
		want   State
		bad    bool
	}
	one, two := Rule{Persons: 1}, Rule{Persons: 2}
	for name, tc := range map[string]struct {
		by    string
		rule  Rule
		steps []step
	}{
		"one is enough":                     {"user:anna", one, []step{{do: "approve", by: "user:ben", want: Approved}, {do: "refuse", by: "user:carl", want: Approved, bad: true}}},
		"who asked does not decide":         {"user:anna", one, []step{{do: "approve", by: "user:anna", want: Pending, bad: true}, {do: "refuse", by: "user:anna", want: Pending, bad: true}}},
		"unless the rule says so":           {"user:anna", Rule{Persons: 1, RequesterMayDecide: true}, []step{{do: "approve", by: "user:anna", want: Approved}}},
		"two are two":                       {"user:anna", two, []step{{do: "approve", by: "user:ben", want: Pending}, {do: "approve", by: "user:ben", want: Pending, bad: true}, {do: "approve", by: "user:carl", want: Approved}}},
		"one refusal ends it":               {"user:anna", two, []step{{do: "approve", by: "user:ben", want: Pending}, {do: "refuse", by: "user:carl", want: Refused}, {do: "approve", by: "user:dora", want: Refused, bad: true}}},
		"a token decides what nobody asked": {System, one, []step{{do: "approve", by: "token:ci", want: Approved}}},
		"a token is no second person":       {System, two, []step{{do: "approve", by: "token:ci", want: Pending, bad: true}}},
		"a token is nobody else's eyes":     {"user:anna", one, []step{{do: "approve", by: "token:ci", want: Pending, bad: true}}},
		"withdrawn by who asked":            {"user:anna", one, []step{{do: "withdraw", by: "user:ben", want: Pending, bad: true}, {do: "withdraw", by: "user:anna", want: Withdrawn}, {do: "approve", by: "user:ben", want: Withdrawn, bad: true}}},
		"expires":                           {"user:anna", one, []step{{do: "expire", after: 59 * time.Minute, want: Pending, bad: true}, {do: "expire", after: time.Minute, want: Expired}, {do: "expire", want: Expired, bad: true}}},
		"too late before anybody swept":     {"user:anna", one, []step{{do: "approve", by: "user:ben", after: time.Hour, want: Pending, bad: true}}},
		"decided, it does not expire":       {"user:anna", one, []step{{do: "approve", by: "user:ben", want: Approved}, {do: "expire", after: 2 * time.Hour, want: Approved, bad: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Approval{State: Pending, RequestedBy: tc.by, RequestedAt: noon, ExpiresAt: noon.Add(time.Hour)}
			now := noon
			for i, s := range tc.steps {
				now = now.Add(s.after)
				err := do(a, s.do, s.by, now, tc.rule)
				if a.State != s.want || (err != nil) != s.bad {
					t.Fatalf("step %d, %s by %s: %s, %v", i, s.do, s.by, a.State, err)
				}
			}
		})
	}
}

func do(a *Approval, what, by string, now time.Time, r Rule) error {
	switch what {
	case "withdraw":
		return a.withdraw(by, now)
	case "expire":
		if !a.expire(now) {
			return errors.New("it is not due")
		}
		return nil
	}
	return a.decide(Decision{By: by, At: now, Approve: what == "approve"}, r)
}

// A plain model of the same, without states: what was said, by whom and when. However the words come, the approval says what the model says,
// and what has ended stays as it ended.
func TestApprovalsAgreeWithAPlainModel(t *testing.T) {
	people := []string{"user:anna", "user:ben", "user:carl", "token:ci"}
	rapid.Check(t, func(t *rapid.T) {
		r := Rule{Persons: rapid.IntRange(1, 2).Draw(t, "persons"), RequesterMayDecide: rapid.Bool().Draw(t, "own")}
		by := rapid.SampledFrom([]string{"user:anna", "token:ci", System}).Draw(t, "by")
		a := &Approval{State: Pending, RequestedBy: by, RequestedAt: noon, ExpiresAt: noon.Add(10 * time.Hour)}
		var yes []string
		model, now := Pending, noon
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "hours")) * time.Hour)
			what, who := rapid.SampledFrom([]string{"approve", "approve", "refuse", "withdraw", "expire"}).Draw(t, "what"), rapid.SampledFrom(people).Draw(t, "who")
			late := !now.Before(noon.Add(10 * time.Hour))
			own, token := who == by, who == "token:ci"
			eyes := by != System && !r.RequesterMayDecide
			may := !slices.Contains(yes, who) && (!own || r.RequesterMayDecide) && (!token || r.Persons == 1 && !eyes)
			if model == Pending {
				switch {
				case what == "expire" && late:
					model = Expired
				case late:
				case what == "withdraw" && own:
					model = Withdrawn
				case what == "refuse" && may:
					model = Refused
				case what == "approve" && may:
					if yes = append(yes, who); len(yes) == r.Persons {
						model = Approved
					}
				}
			}
			_ = do(a, what, who, now, r) // that it is refused shows in the state
			if a.State != model || a.Approvals() != len(yes) {
				t.Fatalf("%s by %s at %s: %s with %d, the model says %s with %d", what, who, now, a.State, a.Approvals(), model, len(yes))
			}
		}
	})
}

func TestOnlyWhatWasApprovedCanFail(t *testing.T) {
	for _, s := range States {
		a := &Approval{State: s}
		a.settle(noon, &UnableError{"it is gone"})
		want := s
		if s == Approved {
			want = Failed
		}
		if a.State != want || !a.Settled {
			t.Errorf("%s: %s, settled %t", s, a.State, a.Settled)
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	ok := Rule{Required: true, Persons: 1}
	for name, tc := range map[string]struct {
		k    Kind
		edit func(*Rule)
	}{
		"removals always wait": {Removal, func(r *Rule) { r.Required = false }},
		"so do kinds":          {PluginKind, func(r *Rule) { r.Required = false }},
		"nobody":               {BulkEdit, func(r *Rule) { r.Persons = 0 }},
		"a crowd":              {BulkEdit, func(r *Rule) { r.Persons = 3 }},
		"over is of edits":     {Removal, func(r *Rule) { r.Over = 5 }},
		"less than nothing":    {BulkEdit, func(r *Rule) { r.Over = -1 }},
		"before now":           {BulkEdit, func(r *Rule) { r.ExpiresAfterHours = -1 }},
		"everybody by name":    {BulkEdit, func(r *Rule) { r.Roles = make([]string, mostListed+1) }},
	} {
		r := ok
		if err := r.check(tc.k); err != nil {
			t.Fatal(err)
		}
		tc.edit(&r)
		if err := r.check(tc.k); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for k, r := range Defaults() {
		if err := r.check(k); err != nil {
			t.Error(fmt.Errorf("default of %s: %w", k, err))
		}
	}
}
