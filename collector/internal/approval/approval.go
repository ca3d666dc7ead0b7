// Package approval lets somebody decide before something is done that is hard to take back: a removal that is too large to be
// believed, a plugin's new kind, a bulk edit of many resources, that two resources are one,
// an agent that shows a join token. It is apart from them so that
// who may decide, how long a question stays, whether a second person is needed and what is written down are answered once, and
// not by each of them a little differently.
//
// What is asked is a row; a decision is a change of that row and nothing else; what was decided is carried out afterwards by the
// subject, which can be told again wherever it stopped. So a crash between decision and effect loses neither, and nothing
// is done twice.
package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is the kind of subject that is decided.
type Kind string

// The kinds of subjects.
const (
	Removal    Kind = "removal"
	BulkEdit   Kind = "bulk_edit"
	PluginKind Kind = "plugin_kind"
	Merge      Kind = "merge"
	Enrolment  Kind = "agent_enrolment"
)

// Kinds are all of them, as people read them.
var Kinds = []Kind{Removal, PluginKind, BulkEdit, Merge, Enrolment}

// State is how far an approval is.
type State string

// The states. Only a pending one can become another, but for one that was approved and could not be carried out.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Refused   State = "refused"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
	Failed    State = "failed"
)

// States are all of them.
var States = []State{Pending, Approved, Refused, Expired, Withdrawn, Failed}

// System is who asks when nobody did: a run that no longer finds things, a plugin that brings a kind.
const System = "system"

// Ref names something that an approval concerns.
type Ref struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Decision is one person's word.
type Decision struct {
	By      string
	At      time.Time
	Approve bool
	Reason  string
}

// Approval is one question and what became of it.
type Approval struct {
	ID, Tenant string
	Version    int64
	Kind       Kind
	// Key names the subject within its kind; Round counts how often it was asked for.
	Key   string
	Round int
	Title string
	// Refs are the first of what it concerns, Count is all of it.
	Refs  []Ref
	Count int
	// Roots are the access roots that all of it has in common: who has a right on one of them has it on everything concerned.
	// Without any it concerns the tenant as a whole.
	Roots       []string
	RequestedBy string
	RequestedAt time.Time
	// NoticedAt is when it was written down, which may be later than what waits by itself began to; zero in rows of before.
	NoticedAt time.Time
	Reason    string
	// ExpiresAt is zero for what stays until it is decided.
	ExpiresAt time.Time
	State     State
	Decisions []Decision
	// Needed is how many people have to approve.
	Needed int
	// Settled says that what follows from the state was carried out.
	Settled bool
	EndedAt time.Time
	// Problem says why it failed, or why it ended without anybody's word.
	Problem string
	// Operation that carries it out, where that is one.
	Operation string
	// Payload is what carrying it out needs, known to the subject alone.
	Payload string
}

// EndedError says that nothing is to be decided any more.
type EndedError struct {
	ID    string
	State State
}

func (e *EndedError) Error() string { return fmt.Sprintf("it is %s already", e.State) }

// ForbiddenError says why somebody may not decide what he sees.
type ForbiddenError struct{ Why string }

func (e *ForbiddenError) Error() string { return e.Why }

// Approvals counts those who approved.
func (a *Approval) Approvals() int {
	n := 0
	for _, d := range a.Decisions {
		if d.Approve {
			n++
		}
	}
	return n
}

// decidedBy says that somebody gave his word already.
func (a *Approval) decidedBy(who string) bool {
	return slices.ContainsFunc(a.Decisions, func(d Decision) bool { return d.By == who })
}

// Last is whose word ended it; the system where nobody's did.
func (a *Approval) Last() Decision {
	if len(a.Decisions) == 0 {
		return Decision{By: System, At: a.EndedAt, Reason: a.Problem}
	}
	return a.Decisions[len(a.Decisions)-1]
}

// due says that its time is over.
func (a *Approval) due(now time.Time) bool { return !a.ExpiresAt.IsZero() && !now.Before(a.ExpiresAt) }

// open is nil while something can be decided.
func (a *Approval) open(now time.Time) error {
	switch {
	case a.State != Pending:
		return &EndedError{ID: a.ID, State: a.State}
	case a.due(now):
		return &EndedError{ID: a.ID, State: Expired}
	}
	return nil
}

// decide adds a word under a rule. One refusal ends it; it is approved when as many as needed have approved.
func (a *Approval) decide(d Decision, r Rule) error {
	if err := a.open(d.At); err != nil {
		return err
	}
	if err := a.mayBy(d.By, r); err != nil {
		return err
	}
	a.Needed = r.Persons
	a.Decisions = append(slices.Clone(a.Decisions), d)
	switch {
	case !d.Approve:
		a.end(Refused, d.At, "")
	case a.Approvals() >= a.Needed:
		a.end(Approved, d.At, "")
	}
	return nil
}

// mayBy says whether it may be this one who decides, rights aside. Where two pairs of eyes are the point, a token is nobody's
// eyes: whoever may make one could be both.
func (a *Approval) mayBy(who string, r Rule) error {
	asked := a.RequestedBy != System
	switch {
	case a.decidedBy(who):
		return &ForbiddenError{"You have decided this already; another person has to."}
	case asked && a.RequestedBy == who && !r.RequesterMayDecide:
		return &ForbiddenError{"You asked for this; another person has to decide it."}
	case !strings.HasPrefix(who, "user:") && (r.Persons > 1 || asked && !r.RequesterMayDecide):
		return &ForbiddenError{"This is for people to decide, not for tokens. Sign in as a user."}
	}
	return nil
}

// withdraw takes the question back; only who asked can.
func (a *Approval) withdraw(who string, at time.Time) error {
	if err := a.open(at); err != nil {
		return err
	}
	if a.RequestedBy != who {
		return &ForbiddenError{"Only who asked for it can withdraw it; you can refuse it."}
	}
	a.end(Withdrawn, at, "")
	return nil
}

// expire ends what nobody decided in time, and says whether it did.
func (a *Approval) expire(now time.Time) bool {
	if a.State != Pending || !a.due(now) {
		return false
	}
	a.end(Expired, now, "nobody decided it in time")
	return true
}

func (a *Approval) end(state State, at time.Time, problem string) {
	a.State, a.EndedAt, a.Problem, a.Settled = state, at, problem, false
}

// settle notes that what follows from the state is done, or cannot be done.
func (a *Approval) settle(at time.Time, unable *UnableError) {
	if unable != nil && a.State == Approved {
		a.State, a.EndedAt, a.Problem = Failed, at, unable.Problem
	}
	a.Settled = true
}
