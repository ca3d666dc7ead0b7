package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
)

var (
	works  = provider.CheckReport{Items: []provider.CheckItem{{Name: "sign in", OK: true}, {Kind: "server", Name: "toy.list", OK: true}}}
	denies = provider.CheckReport{Items: []provider.CheckItem{{Name: "sign in", OK: true}, {Kind: "server", Name: "toy.list", Message: "toy says no"}}, Policy: "allow toy.list"}
)

// propose does what the browser does with a new credential that is to be checked.
func (w *world) propose(connection, password string) rest.SealedCredential {
	w.t.Helper()
	s, err := w.Rotate(w.t.Context(), admin, connection, w.sealFor(connection, password))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// asked are the checks that an agent is asked for, with the password that each is to be made with.
func (w *world) asked(s *fleet.Service, v vault) (ids, passwords []string) {
	w.t.Helper()
	due, err := s.Due(w.t.Context(), v.Known)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range due {
		if c.Type != fleet.CommandCheck {
			w.t.Fatalf("the agent is asked for %q", c.Type)
		}
		var e sealed.Envelope
		if err := json.Unmarshal(c.Assignment.Sealed, &e); err != nil {
			w.t.Fatal(err)
		}
		values, err := e.Open(v.key)
		if err != nil {
			w.t.Fatal(err)
		}
		ids, passwords = append(ids, c.ID), append(passwords, values["TOY_PASSWORD"])
	}
	return ids, passwords
}

func (w *world) finds(v vault, id string, report provider.CheckReport) {
	w.t.Helper()
	detail, err := json.Marshal(report)
	if err == nil {
		err = w.Answered(w.t.Context(), v.Known, id, true, "", detail)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// asks answers the one check that the agent is asked for with this password.
func (w *world) asks(v vault, password string) string {
	w.t.Helper()
	ids, passwords := w.asked(w.Service, v)
	if len(ids) != 1 || passwords[0] != password {
		w.t.Fatalf("asked to check %q, want %q", passwords, password)
	}
	return ids[0]
}

func TestACredentialIsUsedOnceItWorks(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	c := w.connect(v.Known, "toy")
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "old")); err != nil {
		t.Fatal(err)
	}
	if s := w.propose(c.ID, "new"); s.State != "ready" || s.Candidate == nil || s.Candidate.State != "checking" || s.Candidate.SealedBy != admin.Name {
		t.Fatalf("proposed: %+v", s)
	}
	id := w.asks(v, "new")
	if !w.opens(v, c.ID, "old") {
		t.Fatal("what is not checked yet is in use")
	}
	w.now = w.now.Add(time.Minute)
	w.finds(v, id, works)
	s := w.state(c.ID)
	if s.State != "ready" || s.Candidate != nil || s.CheckedAt != w.now || s.SealedBy != admin.Name || !w.opens(v, c.ID, "new") {
		t.Fatalf("it works: %+v", s)
	}
	w.finds(v, id, denies) // an answer that comes twice
	if !w.opens(v, c.ID, "new") || w.state(c.ID).Candidate != nil {
		t.Error("an answer that comes twice does something")
	}
	if w.audited("credential.propose", "ok") != 1 || w.audited("credential.rotate", "ok") != 1 {
		t.Error("it is not audited once")
	}
}

func TestACredentialThatDoesNotWorkIsKeptAside(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	c := w.connect(v.Known, "toy")
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "old")); err != nil {
		t.Fatal(err)
	}
	w.propose(c.ID, "new")
	w.finds(v, w.asks(v, "new"), denies)
	s := w.state(c.ID)
	if x := s.Candidate; x == nil || x.State != "refused" || !strings.Contains(x.Error, "toy.list") || x.Report == nil || x.Report.Policy == "" || !w.opens(v, c.ID, "old") {
		t.Fatalf("lacks a permission: %+v", s.Candidate)
	}
	if w.audited("credential.refuse", "failed") != 1 || w.audited("credential.rotate", "") != 0 {
		t.Error("the refusal is not audited as one")
	}
	// Again, and the provider does not let it in at all.
	if _, err := w.CheckCandidate(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Answered(t.Context(), v.Known, w.asks(v, "new"), false, "sign in: 401 wrong password", nil); err != nil {
		t.Fatal(err)
	}
	if x := w.state(c.ID).Candidate; x == nil || x.State != "refused" || !strings.Contains(x.Error, "401") || x.Report != nil {
		t.Fatalf("not let in: %+v", x)
	}
	// A plugin that looks at nothing proves nothing.
	if _, err := w.CheckCandidate(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	w.finds(v, w.asks(v, "new"), provider.CheckReport{})
	if x := w.state(c.ID).Candidate; x == nil || x.State != "refused" {
		t.Fatalf("nothing was checked: %+v", x)
	}
	// Replaced by one that works: the old answer is not about it.
	if _, err := w.CheckCandidate(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	first := w.asks(v, "new")
	w.propose(c.ID, "newer")
	w.finds(v, first, works)
	if x := w.state(c.ID).Candidate; x == nil || x.State != "checking" || !w.opens(v, c.ID, "old") {
		t.Fatalf("the answer about another candidate counts: %+v", x)
	}
	w.finds(v, w.asks(v, "newer"), works)
	if !w.opens(v, c.ID, "newer") {
		t.Error("the better one is not used")
	}
	// Discarded.
	w.propose(c.ID, "newest")
	id := w.asks(v, "newest")
	if err := w.DiscardCandidate(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	w.finds(v, id, works)
	if s := w.state(c.ID); s.Candidate != nil || !w.opens(v, c.ID, "newer") {
		t.Errorf("what was discarded is used: %+v", s)
	}
	var conflict *inventory.ConflictError
	if _, err := w.CheckCandidate(t.Context(), admin, c.ID); !errors.As(err, &conflict) {
		t.Errorf("check what is not there: %v", err)
	}
	if err := w.DiscardCandidate(t.Context(), admin, c.ID); !errors.As(err, &conflict) {
		t.Errorf("discard what is not there: %v", err)
	}
	if _, err := w.CheckCandidate(t.Context(), inventory.Caller{Tenant: "default", Name: "user:bob"}, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who may not see the connection: %v", err)
	}
}

func TestAFirstCredentialMayBeCheckedToo(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	c := w.connect(v.Known, "toy")
	if s := w.propose(c.ID, "first"); s.State != "none" || s.Candidate == nil {
		t.Fatalf("%+v", s)
	}
	if _, err := w.Envelope(t.Context(), admin, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a candidate is given out as what is in use: %v", err)
	}
	id := w.asks(v, "first")
	w.vault("vault-2", "lab") // settles what is sealed; there is nothing to share yet
	if w.opens(v, c.ID, "first") || w.share(v) != 0 {
		t.Error("it is used or shared unchecked")
	}
	if err := w.DiscardCandidate(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	w.finds(v, id, works)
	if s := w.state(c.ID); s.State != "none" || s.Candidate != nil {
		t.Fatalf("discarded: %+v", s)
	}
	w.propose(c.ID, "second")
	w.finds(v, w.asks(v, "second"), works)
	if s := w.state(c.ID); s.State != "ready" || !w.opens(v, c.ID, "second") {
		t.Errorf("%+v", s)
	}
}

func TestACandidateFollowsItsConnection(t *testing.T) {
	w := newWorld(t)
	v, other := w.vault("vault-1", "lab"), w.vault("vault-2", "lab")
	c := w.connect(v.Known, "toy")
	w.propose(c.ID, "new")
	id := w.asks(v, "new")
	now, err := w.Connection(t.Context(), admin, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpdateConnection(t.Context(), admin, c.ID, now.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: other.ID, Settings: now.Settings}); err != nil {
		t.Fatal(err)
	}
	w.finds(v, id, works) // of an agent that does not run it any more
	if s := w.state(c.ID); s.State != "none" || s.Candidate == nil || s.Candidate.State != "checking" {
		t.Fatalf("the former agent's word counts: %+v", s)
	}
	w.finds(other, w.asks(other, "new"), works)
	if !w.opens(other, c.ID, "new") {
		t.Error("the new agent does not use it")
	}
	// A question that got lost is asked again, when the agent is heard of.
	w.propose(c.ID, "newer")
	w.now = w.now.Add(2 * time.Hour)
	if s := w.state(c.ID); s.Candidate == nil || !strings.Contains(s.Candidate.Error, "vault-2 is not connected") {
		t.Errorf("it does not say what it waits for: %+v", s.Candidate)
	}
	for range 2 {
		if err := w.Sweep(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
	}
	w.finds(other, w.asks(other, "newer"), works)
	if !w.opens(other, c.ID, "newer") {
		t.Error("a question that got lost is not asked again")
	}
}

func TestCredentialsComeToAnAge(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	c := w.connect(v.Known, "toy")
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "old")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.AddDate(0, 0, 40)
	if s := w.state(c.ID); s.AgeDays != 40 || s.Due || !s.RotateBy.IsZero() {
		t.Errorf("without a reminder: %+v", s)
	}
	if r, err := w.SetRotation(t.Context(), admin, 90); err != nil || r.EveryDays != 90 || r.SetBy != admin.Name {
		t.Fatal(r, err)
	}
	if _, err := w.SetRecoveryKey(t.Context(), admin, nil); err != nil { // is kept beside it
		t.Fatal(err)
	}
	if s := w.state(c.ID); s.Due || s.RotateBy.IsZero() {
		t.Errorf("after 40 of 90 days: %+v", s)
	}
	if _, err := w.SetRotation(t.Context(), admin, 30); err != nil {
		t.Fatal(err)
	}
	if s := w.state(c.ID); !s.Due {
		t.Errorf("after 40 of 30 days: %+v", s)
	}
	w.propose(c.ID, "new")
	if s := w.state(c.ID); !s.Due {
		t.Error("a candidate makes the one in use younger")
	}
	w.vaultSpeaks(v)
	w.finds(v, w.asks(v, "new"), works)
	if s := w.state(c.ID); s.Due || s.AgeDays != 0 {
		t.Errorf("rotated: %+v", s)
	}
	var invalid *inventory.InvalidError
	if _, err := w.SetRotation(t.Context(), admin, -1); !errors.As(err, &invalid) {
		t.Errorf("minus one day: %v", err)
	}
}

// vaultSpeaks is a sign of life.
func (w *world) vaultSpeaks(v vault) {
	w.t.Helper()
	if err := w.Heard(w.t.Context(), v.Known, fleet.Beat{Clock: w.now}); err != nil {
		w.t.Fatal(err)
	}
}

// crashing is a store whose process dies before a write: nothing is written from then on.
type crashing struct {
	store.Store
	left int
}

var errCrash = errors.New("the process died")

func (c *crashing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if c.left <= 0 {
		return errCrash
	}
	c.left--
	return c.Store.Update(ctx, fn)
}

// Wherever the collector dies, one credential is in use whole, and in the end the one that works is.
func TestNothingIsHalfRotated(t *testing.T) {
	ended := false
	for writes := 0; !ended; writes++ {
		if writes > 60 {
			t.Fatal("it never comes to an end")
		}
		w := newWorld(t)
		v := w.vault("vault-1", "lab")
		c := w.connect(v.Known, "toy")
		if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "old")); err != nil {
			t.Fatal(err)
		}
		dying := &crashing{Store: w.store, left: writes}
		clock := func() time.Time { return w.now }
		short := fleet.New(fleet.Options{Store: dying, Inventory: w.inventory, Audit: audit.New(dying, clock), Clock: clock})
		err := func() error {
			if _, err := short.Rotate(t.Context(), admin, c.ID, w.sealFor(c.ID, "new")); err != nil {
				return err
			}
			due, err := short.Due(t.Context(), v.Known)
			if err != nil || len(due) != 1 {
				return errors.Join(err, errCrash)
			}
			detail, err := json.Marshal(works)
			if err != nil {
				return err
			}
			return short.Answered(t.Context(), v.Known, due[0].ID, true, "", detail)
		}()
		if ended = err == nil; err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if !w.opens(v, c.ID, "old") && !w.opens(v, c.ID, "new") {
			t.Fatalf("after %d writes no credential is in use", writes)
		}
		proposed := w.state(c.ID).Candidate != nil
		used := w.opens(v, c.ID, "new")
		// The collector is started again, and the agent comes back.
		w.now = w.now.Add(2 * time.Minute)
		for range 2 {
			if err := w.Sweep(t.Context(), w.now); err != nil {
				t.Fatal(err)
			}
			if err := w.Resume(t.Context(), v.Known); err != nil {
				t.Fatal(err)
			}
			ids, _ := w.asked(w.Service, v)
			for _, id := range ids {
				w.finds(v, id, works)
			}
			w.now = w.now.Add(2 * time.Minute)
		}
		switch s := w.state(c.ID); {
		case s.Candidate != nil:
			t.Errorf("after %d writes the candidate stays %s", writes, s.Candidate.State)
		case proposed || used:
			if !w.opens(v, c.ID, "new") || w.audited("credential.rotate", "ok") == 0 { // twice, if it died between the two
				t.Errorf("after %d writes: the new one is used: %v, and %d entries say so", writes, w.opens(v, c.ID, "new"), w.audited("credential.rotate", "ok"))
			}
		case !w.opens(v, c.ID, "old"):
			t.Errorf("after %d writes what was never entered is used", writes)
		}
	}
}
