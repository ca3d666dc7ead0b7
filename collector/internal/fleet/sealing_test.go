package fleet_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
)

// vault is an agent with a sealing key and a plugin that takes a password and sends it to url.
type vault struct {
	fleet.Known
	key sealed.PrivateKey
}

func (w *world) vault(name, site string) vault {
	w.t.Helper()
	tok, err := w.CreateJoinToken(w.t.Context(), admin, rest.JoinTokenCreate{Name: name, Site: site, TTLSeconds: 600})
	if err != nil {
		w.t.Fatal(err)
	}
	k, err := w.join(tok.Token, name)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := sealed.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	desc, err := json.Marshal(provider.Description{Provider: "toy", Version: "2.0.0", Title: "Toy", Kinds: []provider.KindSupport{{Kind: "server", Major: 1}},
		CredentialEnv: []provider.EnvVar{{Name: "TOY_PASSWORD", Secret: true}, {Name: "TOY_FILE"}},
		Settings: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{
			"url":{"type":"string","x-maestro-credential-target":true},"depth":{"type":"integer"}}}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(desc)
	digest := hex.EncodeToString(sum[:])
	if _, err := w.Greet(w.t.Context(), k, fleet.Greeting{SpoolID: "spool-" + name, Plugins: []string{digest}, Clock: w.now, SealingKey: key.Public().Bytes()}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Describe(w.t.Context(), k, digest, desc, ""); err != nil {
		w.t.Fatal(err)
	}
	return vault{k, key}
}

// sealFor does what the browser does with the collector's answer.
func (w *world) sealFor(connection, password string) rest.SealedEnvelope {
	w.t.Helper()
	terms := w.state(connection)
	h := sealed.Header{Tenant: terms.Tenant, Connection: terms.ID, Provider: terms.Provider, SealedAt: w.now}
	if err := json.Unmarshal(terms.Targets, &h.Targets); err != nil {
		w.t.Fatal(err)
	}
	var to []sealed.PublicKey
	for _, r := range terms.Recipients {
		pk, err := sealed.ParsePublicKey(r.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		to = append(to, pk)
	}
	e, err := sealed.Seal(h, map[string]string{"TOY_PASSWORD": password}, to)
	if err != nil {
		w.t.Fatal(err)
	}
	out := rest.SealedEnvelope{Header: e.Header, Ciphertext: e.Ciphertext}
	for _, x := range e.Wraps {
		out.Wraps = append(out.Wraps, rest.SealedWrap(x))
	}
	return out
}

func (w *world) state(connection string) rest.SealedCredential {
	w.t.Helper()
	s, err := w.SealedCredential(w.t.Context(), admin, connection)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// opens says whether an agent gets the password with its assignments.
func (w *world) opens(v vault, connection, password string) bool {
	w.t.Helper()
	list, err := w.Assignments(w.t.Context(), v.Known)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range list {
		if a.ConnectionID == connection && a.Sealed != nil {
			var e sealed.Envelope
			if err := json.Unmarshal(a.Sealed, &e); err != nil {
				w.t.Fatal(err)
			}
			got, err := e.Open(v.key)
			return err == nil && got["TOY_PASSWORD"] == password
		}
	}
	return false
}

// share does what an agent does that is asked to.
func (w *world) share(v vault) int {
	w.t.Helper()
	list, err := w.Unshared(w.t.Context(), v.Known, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range list {
		var e sealed.Envelope
		if err := json.Unmarshal(x.Envelope, &e); err != nil || len(e.Ciphertext) > 0 || len(e.Wraps) != 1 {
			w.t.Fatalf("asked to share %s: %v", x.Envelope, err)
		}
		var to []sealed.PublicKey
		for _, point := range x.Recipients {
			pk, err := sealed.ParsePublicKey(point)
			if err != nil {
				w.t.Fatal(err)
			}
			to = append(to, pk)
		}
		wraps, err := e.Rewrap(v.key, to)
		if err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(e.Header))
		if err := w.Share(w.t.Context(), v.Known, fleet.Shared{Connection: x.Connection, HeaderDigest: sum[:], Wraps: wraps}); err != nil {
			w.t.Fatal(err)
		}
	}
	return len(list)
}

func TestSealedCredentialsFollowTheAgents(t *testing.T) {
	w := newWorld(t)
	first := w.vault("vault-1", "lab")
	c := w.connect(first.Known, "toy")
	if s := w.state(c.ID); s.State != "none" || len(s.Recipients) != 1 || len(s.Wanted) != 1 || s.Wanted[0].Name != "TOY_PASSWORD" {
		t.Fatalf("before: %+v", s)
	}
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "first")); err != nil {
		t.Fatal(err)
	}
	if s := w.state(c.ID); s.State != "ready" || s.SealedBy != admin.Name || !slices.Equal(s.Variables, []string{"TOY_PASSWORD"}) || !w.opens(first, c.ID, "first") {
		t.Fatalf("sealed: %+v", s)
	}
	elsewhere := w.vault("vault-x", "another site")
	if n := w.share(first); n != 0 {
		t.Errorf("%d are to be shared with an agent of another site", n)
	}
	second := w.vault("vault-2", "lab")
	if n := w.share(elsewhere); n != 0 {
		t.Error("an agent is asked that cannot open it")
	}
	if n := w.share(first); n != 1 {
		t.Fatalf("%d are to be shared when an agent joins", n)
	}
	if n := w.share(first); n != 0 {
		t.Errorf("%d are to be shared when all is done", n)
	}
	move := func(to vault) {
		t.Helper()
		now, err := w.Connection(t.Context(), admin, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateConnection(t.Context(), admin, c.ID, now.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: to.ID, Settings: now.Settings}); err != nil {
			t.Fatal(err)
		}
	}
	move(second)
	if !w.opens(second, c.ID, "first") {
		t.Error("the second agent cannot open it")
	}
	// To another site: who can open it lets the new agent in, and is out once that is done.
	move(elsewhere)
	if s := w.state(c.ID); s.State != "waiting" || !strings.Contains(s.Reason, "vault-1") {
		t.Errorf("moved: %s, %s", s.State, s.Reason)
	}
	w.share(second)
	if s := w.state(c.ID); s.State != "ready" || len(s.OpenedBy) != 1 || !w.opens(elsewhere, c.ID, "first") {
		t.Errorf("after the move: %+v", s)
	}
	// Its machine is lost.
	if _, err := w.RevokeAgent(t.Context(), admin, elsewhere.ID, ""); err != nil {
		t.Fatal(err)
	}
	move(first)
	if s := w.state(c.ID); s.State != "reenter" || s.Recoverable || !strings.Contains(s.Advice, "vault-x") {
		t.Errorf("its only reader is gone: %+v", s)
	}
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "second")); err != nil {
		t.Fatal(err)
	}
	if s := w.state(c.ID); s.State != "ready" || s.Advice != "" || !w.opens(first, c.ID, "second") {
		t.Errorf("entered again: %+v", s)
	}
}

func TestWhatIsSealedWronglyIsRefused(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	a, b := w.connect(v.Known, "a"), w.connect(v.Known, "b")
	good := w.sealFor(a.ID, "x")
	stranger, err := sealed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	var invalid *inventory.InvalidError
	tests := map[string]func(*rest.SealedEnvelope){
		"another place":     func(e *rest.SealedEnvelope) { e.Header = strings.Replace(e.Header, "https://toy", "https://evil", 1) },
		"another plugin":    func(e *rest.SealedEnvelope) { e.Header = strings.Replace(e.Header, `"toy"`, `"aws"`, 1) },
		"a file's path":     func(e *rest.SealedEnvelope) { e.Header = strings.Replace(e.Header, "TOY_PASSWORD", "TOY_FILE", 1) },
		"an unknown name":   func(e *rest.SealedEnvelope) { e.Header = strings.Replace(e.Header, "TOY_PASSWORD", "LD_PRELOAD", 1) },
		"not for its agent": func(e *rest.SealedEnvelope) { e.Wraps = nil },
		"for a stranger": func(e *rest.SealedEnvelope) {
			e.Wraps = append(slices.Clone(e.Wraps), rest.SealedWrap{Recipient: stranger.Public().Fingerprint(), Data: []byte{1}})
		},
		"no header": func(e *rest.SealedEnvelope) { e.Header = "{}" },
	}
	for name, change := range tests {
		e := good
		change(&e)
		if _, err := w.Seal(t.Context(), admin, a.ID, e); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Seal(t.Context(), admin, b.ID, good); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "another connection") {
		t.Errorf("moved to another connection: %v", err)
	}
	if _, err := w.Seal(t.Context(), inventory.Caller{Tenant: "default", Name: "user:bob"}, a.ID, good); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who may not see the connection: %v", err)
	}
	if list, err := w.SealedCredentials(t.Context(), inventory.Caller{Tenant: "default", Name: "user:bob"}); err != nil || len(list) != 0 {
		t.Errorf("who may not see the connections sees %v, %v", list, err)
	}
	if _, err := w.Seal(t.Context(), admin, a.ID, good); err != nil {
		t.Fatal(err)
	}
	guest := inventory.Caller{Tenant: "default", Name: "user:eve", Connections: []string{a.ID}}
	list, err := w.SealedCredentials(t.Context(), guest)
	if err != nil || len(list) != 1 || list[0].State != "ready" || len(list[0].Recipients)+len(list[0].OpenedBy) > 0 {
		t.Errorf("who may see one connection sees %+v, %v", list, err)
	}
	// Settings lead elsewhere: what is sealed is not for there.
	now, err := w.Connection(t.Context(), admin, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpdateConnection(t.Context(), admin, a.ID, now.Version, rest.ConnectionWrite{Name: "a", Provider: "toy", Agent: v.ID, Settings: json.RawMessage(`{"url":"https://evil"}`)}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(a.ID); s.State != "reenter" || !strings.Contains(s.Reason, "another place") {
		t.Errorf("led elsewhere: %s, %s", s.State, s.Reason)
	}
	if err := w.DeleteConnection(t.Context(), admin, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Envelope(t.Context(), admin, a.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted connection's: %v", err)
	}
}

func TestTheRecoveryKey(t *testing.T) {
	w := newWorld(t)
	first := w.vault("vault-1", "")
	c := w.connect(first.Known, "toy")
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "x")); err != nil {
		t.Fatal(err)
	}
	offline, err := sealed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetRecoveryKey(t.Context(), admin, []byte("no key")); err == nil {
		t.Error("what is no key is taken")
	}
	if _, err := w.SetRecoveryKey(t.Context(), admin, offline.Public().Bytes()); err != nil {
		t.Fatal(err)
	}
	if n := w.share(first); n != 1 || !w.state(c.ID).Recoverable {
		t.Fatalf("%d shared with the recovery key", n)
	}
	if _, err := w.RevokeAgent(t.Context(), admin, first.ID, ""); err != nil {
		t.Fatal(err)
	}
	next := w.vault("vault-2", "")
	now, err := w.Connection(t.Context(), admin, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UpdateConnection(t.Context(), admin, c.ID, now.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: next.ID, Settings: now.Settings}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(c.ID); s.State != "reenter" || !s.Recoverable {
		t.Fatalf("the agent is gone: %+v", s)
	}
	stored, err := w.Envelope(t.Context(), admin, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	e := sealed.Envelope{Header: stored.Header, Ciphertext: stored.Ciphertext}
	for _, x := range stored.Wraps {
		e.Wraps = append(e.Wraps, sealed.Wrap(x))
	}
	wraps, err := e.Rewrap(offline, []sealed.PublicKey{next.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(e.Header))
	var conflict *inventory.ConflictError
	if _, err := w.AddWraps(t.Context(), admin, c.ID, rest.SealedWraps{HeaderDigest: bytes.Repeat([]byte{1}, 32), Wraps: []rest.SealedWrap{rest.SealedWrap(wraps[0])}}); !errors.As(err, &conflict) {
		t.Errorf("for what was replaced: %v", err)
	}
	s, err := w.AddWraps(t.Context(), admin, c.ID, rest.SealedWraps{HeaderDigest: sum[:], Wraps: []rest.SealedWrap{rest.SealedWrap(wraps[0])}})
	if err != nil || s.State != "ready" || !w.opens(next, c.ID, "x") {
		t.Errorf("recovered: %+v, %v", s, err)
	}
	if k, err := w.SetRecoveryKey(t.Context(), admin, nil); err != nil || k.Fingerprint != "" || w.state(c.ID).Recoverable {
		t.Errorf("the recovery key is still there: %+v, %v", k, err)
	}
	if err := w.Sweep(t.Context(), w.now); err != nil || w.state(c.ID).State != "ready" {
		t.Errorf("after sweeping: %v", err)
	}
}

// TestCheckAfterSealing: a check that was asked for before the credential was entered is not the answer to one after.
func TestCheckAfterSealing(t *testing.T) {
	w := newWorld(t)
	v := w.vault("vault-1", "lab")
	c := w.connect(v.Known, "toy")
	ask := func() []fleet.Command {
		t.Helper()
		if res, err := w.Check(t.Context(), admin, c.ID, nil, time.Millisecond); err != nil || res.State != "pending" {
			t.Fatalf("%+v, %v", res, err)
		}
		return mustDue(t, w, v.Known)
	}
	if due := ask(); len(due) != 1 {
		t.Fatalf("%d checks", len(due))
	}
	w.now = w.now.Add(time.Second)
	if _, err := w.Seal(t.Context(), admin, c.ID, w.sealFor(c.ID, "first")); err != nil {
		t.Fatal(err)
	}
	if due := ask(); len(due) != 1 {
		t.Errorf("%d checks with the new credential", len(due))
	}
	if due := ask(); len(due) != 0 {
		t.Errorf("%d more while that is under way", len(due))
	}
}
