package ingest_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"maestro.internal/internal/protocol/uplinkv1"
)

// TestAgentsOfADisabledTenantAreToldPlainly: no session begins or goes on and nobody enrols, each with the reason; the certificate is
// renewed still, so that the agent can come back, and it does once the tenant is enabled.
func TestAgentsOfADisabledTenantAreToldPlainly(t *testing.T) {
	w := newWorld(t)
	a, other := w.joined("default"), w.joined("other")
	s := a.session(a.hello())
	until(s, assignments)
	token := w.token("default")
	w.closed.Store(true)
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Heartbeat{Heartbeat: &uplinkv1.Heartbeat{}}})
	told := func(what string, err error) {
		t.Helper()
		wantCode(t, what, err, codes.PermissionDenied)
		if !strings.Contains(err.Error(), "is disabled: unpaid") {
			t.Errorf("%s is told %v", what, err)
		}
	}
	told("the session that there was", s.ended())
	told("a new session", a.session(a.hello()).ended())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	push, err := a.client().Push(ctx)
	must(t, err)
	_, err = push.Recv()
	told("a push", err)
	late := w.newAgent()
	err = late.enroll(token)
	told("who enrols", err)
	if _, err := a.client().Renew(t.Context(), &uplinkv1.RenewRequest{Csr: csrOf(t, a.key)}); err != nil {
		t.Errorf("renewing: %v", err)
	}
	until(other.session(other.hello()), assignments)
	w.closed.Store(false)
	until(a.session(a.hello()), assignments)
	if err := late.enroll(token); err != nil {
		t.Errorf("the token that was refused: %v", err)
	}
}
