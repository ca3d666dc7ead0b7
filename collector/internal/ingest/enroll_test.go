package ingest_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
)

// A token lets one key in, once; whoever lost the answer may ask again with the same key.
func TestAJoinTokenIsForOneAgent(t *testing.T) {
	w := newWorld(t)
	token := w.token("default")
	first, second := w.newAgent(), w.newAgent()
	must(t, first.enroll(token))
	id := first.id
	must(t, first.enroll(token))
	if first.id != id {
		t.Errorf("the same key with the same token became another agent")
	}
	wantCode(t, "another key with a used token", second.enroll(token), codes.PermissionDenied)
	w.skip.Store(int64(time.Hour))
	wantCode(t, "an expired token", first.enroll(token), codes.PermissionDenied)
	wantCode(t, "rubbish", second.enroll("mjt_rubbish"), codes.PermissionDenied)
	if n := w.refusals("default", "agent.enroll"); n != 2 {
		t.Errorf("%d refusals in the audit trail, want the used and the expired one", n)
	}
	_, err := w.dial(nil, nil).Enroll(t.Context(), &uplinkv1.EnrollRequest{Token: w.token("default"), Csr: []byte("rubbish")})
	wantCode(t, "a request that is none", err, codes.InvalidArgument)
}

// Whoever tries tokens gets tired before the audit trail is full.
func TestGuessingTokensIsBounded(t *testing.T) {
	w := newWorld(t)
	forged, err := protocol.NewJoinToken(w.authority.Fingerprint())
	must(t, err)
	client, key := w.dial(nil, nil), newKey(t)
	try := func(token string) error {
		_, err := client.Enroll(t.Context(), &uplinkv1.EnrollRequest{Token: token, Csr: csrOf(t, key)})
		return err
	}
	for range 20 {
		wantCode(t, "a token that is not known", try(forged.Text()), codes.PermissionDenied)
	}
	wantCode(t, "one more", try(forged.Text()), codes.ResourceExhausted)
	if n := w.refusals("default", "agent.enroll"); n != 20 {
		t.Errorf("%d refusals in the audit trail, want 20", n)
	}
	w.skip.Store(int64(2 * time.Minute))
	must(t, try(w.token("default")))
}

// The collector's port speaks TLS 1.3 and presents its authority, which is all that a joining agent can check.
func TestThePortPresentsItsAuthority(t *testing.T) {
	w := newWorld(t)
	if _, err := tls.Dial("tcp", w.address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is accepted")
	}
	conn, err := tls.Dial("tcp", w.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	must(t, err)
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) != 2 || protocol.Fingerprint(chain[1]) != w.authority.Fingerprint() {
		t.Errorf("a chain of %d certificates without the authority", len(chain))
	}
}

// Only a certificate of this collector, of an agent that it knows and did not revoke, opens anything but Enroll and Recover.
func TestStrangersAreRefusedAndAudited(t *testing.T) {
	w := newWorld(t)
	known := w.joined("default")
	calls := map[string]func(*agent) error{
		"renew": func(a *agent) error {
			_, err := a.client().Renew(t.Context(), &uplinkv1.RenewRequest{Csr: csrOf(t, a.key)})
			return err
		},
		"session": func(a *agent) error { return a.session(a.hello()).ended() },
		"push": func(a *agent) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := a.client().Push(ctx)
			must(t, err)
			_, err = s.Recv()
			return err
		},
	}
	none, foreign, other := w.newAgent(), w.newAgent(), w.newAgent()
	foreign.cert = [][]byte{selfSigned(t, foreign, known.id)}
	other.cert = issuedElsewhere(t, other, known.id)
	for name, call := range calls {
		wantCode(t, name+" without a certificate", call(none), codes.Unauthenticated)
		wantCode(t, name+" with a certificate of one's own making", call(foreign), codes.Unauthenticated)
		wantCode(t, name+" with a certificate of another collector", call(other), codes.Unauthenticated)
	}
	if w.refusals("default", "agent.connect") == 0 {
		t.Error("nothing in the audit trail")
	}
	_, err := w.fleet.RevokeAgent(t.Context(), admin, known.id, "lost")
	must(t, err)
	before := w.refusals("default", "agent.connect")
	for name, call := range calls {
		wantCode(t, name+" of a revoked agent", call(known), codes.PermissionDenied)
	}
	if n := w.refusals("default", "agent.connect"); n != before+1 {
		t.Errorf("%d more refusals in the audit trail, want one for the same agent within a minute", n-before)
	}
	w.skip.Store(int64(48 * time.Hour))
	late := w.newAgent()
	late.key, late.cert = known.key, known.cert
	wantCode(t, "with an expired certificate", calls["renew"](late), codes.Unauthenticated)
}

func selfSigned(t *testing.T, a *agent, id string) []byte {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{{Scheme: "maestro", Host: "agent", Path: "/default/" + id}}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, a.key.Public(), a.key)
	must(t, err)
	return der
}

func issuedElsewhere(t *testing.T, a *agent, id string) [][]byte {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: authority.Tables()})
	must(t, err)
	defer st.Close()
	key, err := authority.LoadKey(filepath.Join(t.TempDir(), "master.key"), true)
	must(t, err)
	other, err := authority.Open(t.Context(), st, key, time.Now)
	must(t, err)
	issued, err := other.Issue(csrOf(t, a.key), "default", id, time.Hour)
	must(t, err)
	return issued.Chain
}

// A certificate is renewed for the bound key only.
func TestRenew(t *testing.T) {
	w := newWorld(t)
	a := w.joined("default")
	w.skip.Store(int64(16 * time.Hour))
	answer, err := a.client().Renew(t.Context(), &uplinkv1.RenewRequest{Csr: csrOf(t, a.key)})
	must(t, err)
	leaf, err := x509.ParseCertificate(answer.GetCertificates()[0])
	must(t, err)
	if answer.GetAgentId() != a.id || time.Until(leaf.NotAfter) < 39*time.Hour {
		t.Errorf("agent %s, valid until %s", answer.GetAgentId(), leaf.NotAfter)
	}
	_, err = a.client().Renew(t.Context(), &uplinkv1.RenewRequest{Csr: csrOf(t, newKey(t))})
	wantCode(t, "for another key", err, codes.PermissionDenied)
	if w.refusals("default", "agent.renew") != 1 {
		t.Error("a renewal for another key is not in the audit trail")
	}
}

// An expired agent comes back only if an administrator allowed it, and only with the bound key.
func TestRecoverNeedsAGrant(t *testing.T) {
	w := newWorld(t)
	a := w.joined("default")
	ask := func(at time.Time, signer *agent) error {
		csr := csrOf(t, signer.key)
		sum := protocol.RecoverDigest(a.id, at.UTC().Format(time.RFC3339Nano), csr)
		proof, err := signer.key.Sign(rand.Reader, sum[:], nil)
		must(t, err)
		_, err = w.dial(nil, nil).Recover(t.Context(), &uplinkv1.RecoverRequest{AgentId: a.id, Csr: csr, At: timestamppb.New(at), Proof: proof})
		return err
	}
	wantCode(t, "a clock that is off", ask(time.Now().Add(-time.Hour), a), codes.FailedPrecondition)
	err := ask(time.Now(), a)
	wantCode(t, "not allowed", err, codes.PermissionDenied)
	if err == nil || !strings.Contains(err.Error(), "join token") {
		t.Errorf("%v does not say what to do", err)
	}
	wantCode(t, "again within a minute", ask(time.Now(), a), codes.ResourceExhausted)
	w.skip.Store(int64(2 * time.Minute))
	wantCode(t, "another key", ask(time.Now().Add(2*time.Minute), w.newAgent()), codes.PermissionDenied)
	if n := w.refusals("default", "agent.recover"); n != 2 {
		t.Errorf("%d refusals in the audit trail, want 2", n)
	}

	// The certificate expires, and an administrator allows one recovery.
	w.skip.Store(int64(48 * time.Hour))
	now := func() time.Time { return time.Now().Add(time.Duration(w.skip.Load())) }
	_, err = w.fleet.GrantRecovery(t.Context(), admin, a.id, rest.RecoveryGrant{})
	must(t, err)
	wantCode(t, "another key, though it was allowed", ask(now(), w.newAgent()), codes.PermissionDenied)
	w.skip.Add(int64(2 * time.Minute))
	must(t, ask(now(), a))
	w.skip.Add(int64(2 * time.Minute))
	wantCode(t, "a second time", ask(now(), a), codes.PermissionDenied)
	page, err := w.audit.List(t.Context(), "default", audit.Query{Action: "agent.recover", Outcome: audit.OK})
	must(t, err)
	if len(page.Entries) != 1 {
		t.Errorf("%d recoveries in the audit trail, want 1", len(page.Entries))
	}
}
