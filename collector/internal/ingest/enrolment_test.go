package ingest_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/audit"
)

// Where a tenant wants to be asked, a token lets nobody in by itself: who waits has no certificate, asks again, and is let in once.
func TestAnAgentWaitsToBeLetIn(t *testing.T) {
	w := newWorld(t)
	early := w.joined("default")
	w.holds.Store(true)
	early.session(early.hello()).next() // whoever is in stays in
	token := w.token("default")
	a := w.newAgent()
	for range 3 {
		wantCode(t, "the first times", a.enroll(token), codes.FailedPrecondition)
	}
	wantCode(t, "another key with the token", w.newAgent().enroll(token), codes.PermissionDenied)
	list, err := w.fleet.Enrolments(t.Context(), "default")
	must(t, err)
	if len(list) != 1 || list[0].Name != "fra-1" || list[0].AskedBy != "user:anna" || !strings.HasPrefix(list[0].Fingerprint, "sha256:") || list[0].Address == "" {
		t.Fatalf("%+v", list)
	}
	if err := a.enroll(token); !strings.Contains(status.Convert(err).Message(), list[0].Fingerprint) {
		t.Errorf("it does not say which key: %v", err)
	}
	if agents, err := w.fleet.Agents(t.Context(), admin); err != nil || len(agents) != 1 {
		t.Errorf("%d agents, %v: who waits is none", len(agents), err)
	}
	if page, err := w.audit.List(t.Context(), "default", audit.Query{Action: "agent.ask_to_enroll", Limit: 10}); err != nil || len(page.Entries) != 1 {
		t.Errorf("%d entries of one who waits: %v", len(page.Entries), err)
	}
	// The token's time is over while nobody decides: who waits goes on waiting, nobody new comes.
	w.skip.Store(int64(3 * time.Hour))
	wantCode(t, "after the token's time", a.enroll(token), codes.FailedPrecondition)
	for range 2 {
		must(t, w.fleet.DecideEnrolment(t.Context(), "default", list[0].ID, true, "user:ben", ""))
	}
	must(t, a.enroll(token))
	if a.id != list[0].ID || len(a.cert) == 0 {
		t.Fatalf("%q with %d certificates", a.id, len(a.cert))
	}
	must(t, a.enroll(token)) // its answer was lost
	if err := w.fleet.DecideEnrolment(t.Context(), "default", list[0].ID, false, "user:ben", ""); err == nil {
		t.Error("who was let in is refused")
	}
	w.skip.Store(int64(28 * time.Hour))
	wantCode(t, "a day after it was let in", a.enroll(token), codes.PermissionDenied)
}

func TestAnAgentThatIsNotLetIn(t *testing.T) {
	w := newWorld(t)
	w.holds.Store(true)
	waits := func() (*agent, string, string) {
		t.Helper()
		token, a := w.token("default"), w.newAgent()
		wantCode(t, "at first", a.enroll(token), codes.FailedPrecondition)
		list, err := w.fleet.Enrolments(t.Context(), "default")
		must(t, err)
		return a, token, list[len(list)-1].ID
	}
	a, token, id := waits()
	must(t, w.fleet.DecideEnrolment(t.Context(), "default", id, false, "user:ben", "not ours"))
	err := a.enroll(token)
	wantCode(t, "who was refused", err, codes.PermissionDenied)
	if said := status.Convert(err).Message(); !strings.Contains(said, "user:ben refused") || !strings.Contains(said, "not ours") {
		t.Errorf("it says %q", said)
	}
	// A token that is taken back takes who waits with it.
	a, token, id = waits()
	tokens, err := w.fleet.JoinTokens(t.Context(), admin)
	must(t, err)
	for _, x := range tokens {
		must(t, w.fleet.DeleteJoinToken(t.Context(), admin, x.ID))
	}
	if list, err := w.fleet.Enrolments(t.Context(), "default"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	wantCode(t, "without its token", a.enroll(token), codes.PermissionDenied)
	if err := w.fleet.DecideEnrolment(t.Context(), "default", id, true, "user:ben", ""); err == nil {
		t.Error("who waits no more is let in")
	}
	// Nobody wants to be asked any more.
	a, token, _ = waits()
	w.holds.Store(false)
	must(t, a.enroll(token))
	w.holds.Store(true)
	if list, err := w.fleet.Enrolments(t.Context(), "default"); err != nil || len(list) != 0 {
		t.Errorf("who is in waits: %+v, %v", list, err)
	}
}
