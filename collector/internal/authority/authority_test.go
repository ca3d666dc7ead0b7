package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

func open(t *testing.T, st store.Store, key authority.Key, now time.Time) *authority.Authority {
	t.Helper()
	a, err := authority.Open(t.Context(), st, key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newStore(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: authority.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func newKey(t *testing.T) authority.Key {
	t.Helper()
	k, err := authority.LoadKey(filepath.Join(t.TempDir(), "master.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func request(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// TestTwoCollectorsShareOneAuthority: the second start, and a second collector, find the first one's.
func TestTwoCollectorsShareOneAuthority(t *testing.T) {
	st, key, now := newStore(t), newKey(t), time.Now()
	first := open(t, st, key, now).Fingerprint()
	if open(t, st, key, now).Fingerprint() != first {
		t.Error("another authority after the second opening")
	}
	if _, err := authority.Open(t.Context(), st, newKey(t), time.Now); !errors.Is(err, authority.ErrKey) {
		t.Errorf("with another key file: %v", err)
	}
}

// TestIssue: a certificate names the agent and tenant that we say, whatever the request asks for, and only for its life.
func TestIssue(t *testing.T) {
	now := time.Now()
	a := open(t, newStore(t), newKey(t), now)
	issued, err := a.Issue(request(t, elliptic.P256()), "ten/ant", "agent-1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(issued.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	peer, err := authority.PeerOf(leaf)
	if err != nil || peer.AgentID != "agent-1" || peer.KeyHash != issued.KeyHash {
		t.Fatalf("peer %+v, %v", peer, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificates()[0])
	use := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for after, want := range map[time.Duration]bool{time.Minute: true, 2 * time.Hour: false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now.Add(after), KeyUsages: use})
		if (err == nil) != want {
			t.Errorf("after %s: %v", after, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("rubbish"), request(t, elliptic.P384())} {
		if _, err := a.Issue(bad, "t", "a", time.Hour); !errors.Is(err, authority.ErrRequest) {
			t.Errorf("bad request: %v", err)
		}
	}
}

// TestKeyDoesNotPrint: a key in a log line is a word.
func TestKeyDoesNotPrint(t *testing.T) {
	k := newKey(t)
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(f, k); !strings.Contains(s, "secret") {
			t.Errorf("%s prints %q", f, s)
		}
	}
}
