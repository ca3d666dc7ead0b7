package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/notify"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/transfer"
	"maestro.internal/collector/internal/view"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/collector/internal/why"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

// world is the whole human plane over a real store, asked over real HTTP.
type world struct {
	t         *testing.T
	url       string
	store     store.Store
	access    *access.Service
	audit     *audit.Log
	inventory *inventory.Service
	ledger    *ledger.Ledger
	fleet     *fleet.Service
	log       *lockedBuffer
	mailbox   chan letter
	// post takes letters in place of the mailbox.
	post   notify.Mail
	notify *notify.Service
	server *Server
	// certificateEnds is when the certificate of the web UI ends.
	certificateEnds time.Time
	approvals       *approval.Service
	accounts        *account.Service
	// Tokens of an administrator and a reader of tenant default, and of an administrator of tenant other.
	admin, reader, stranger string
}

func newWorld(t *testing.T, set ...func(*inventory.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &lockedBuffer{}}
	tables := slices.Concat(access.Tables(), audit.Tables(), inventory.Tables(), fleet.Tables(), ledger.Tables(), transfer.Tables(), view.Tables(), notify.Tables(), picture.Tables(), blob.Tables(), approval.Tables())
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: tables})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.store, w.audit = st, audit.New(st, time.Now)
	w.access = access.New(access.Options{Store: st, Audit: w.audit, Log: log, Hashing: access.Argon2{MemoryKiB: 64, Passes: 1, Threads: 1},
		SecretKey: bytes.Repeat([]byte{5}, 32), Mail: w, PublicURL: "https://maestro.example"})
	approvals := func() *approval.Service { return w.approvals }
	held := inventory.Options{Gate: approval.MergeGate{Approvals: approvals}, Store: st, Audit: w.audit, Builtin: schema.Builtin(), Clock: time.Now, Log: log,
		Accounts: func(ctx context.Context, tenant string) ([]inventory.Account, error) {
			return w.fleet.Accounts(ctx, tenant)
		}}
	for _, to := range set {
		to(&held)
	}
	w.inventory = inventory.New(held)
	w.fleet = fleet.New(fleet.Options{HoldEnrolment: approval.HoldsEnrolment(approvals), Store: st, Inventory: w.inventory, Audit: w.audit, Fingerprint: [32]byte{1},
		AgentAddress: func() string { return "collector.example:7071" }, Log: log})
	w.ledger, err = ledger.New(ledger.Options{Store: st, Seed: bytes.Repeat([]byte{1}, 32), Streams: []ledger.Stream{w.inventory.Stream(), w.audit.Stream()},
		Clock: func() time.Time { return time.Now().Add(3 * time.Hour) }})
	must(t, err)
	moves := transfer.New(transfer.Options{Gate: approval.Gate{Approvals: approvals}, Store: st, Audit: w.audit, Inventory: w.inventory, Datacenters: w.fleet.Datacenters, Log: log})
	t.Cleanup(moves.Close)
	w.mailbox = make(chan letter, 8)
	running, stop := context.WithCancel(t.Context())
	var mailing sync.WaitGroup
	mailing.Go(func() { w.access.Run(running) })
	t.Cleanup(func() { stop(); mailing.Wait() })
	w.notify = notify.New(notify.Options{Store: st, History: w.inventory, Audit: w.audit, Mail: w, PublicURL: "https://maestro.example", Key: bytes.Repeat([]byte{6}, 32), Clock: time.Now, Log: log,
		Lag: time.Millisecond, Webhooks: webhook.New(webhook.Options{Clock: time.Now})})
	pictures := picture.New(picture.Options{Store: st, Contents: blob.NewRows(st), Audit: w.audit, Log: log})
	w.approvals = approval.New(approval.Options{Store: st, Audit: w.audit, Log: log, Tenants: func(context.Context) ([]string, error) { return []string{"default", "other"}, nil },
		Subjects: map[approval.Kind]approval.Subject{
			approval.Removal:    approval.Removals{Inventory: w.inventory, Names: w.fleet.ConnectionNames},
			approval.PluginKind: approval.PluginKinds{Inventory: w.inventory},
			approval.BulkEdit: approval.BulkEdits{Transfer: moves, Request: func(ctx context.Context, tenant, who string, a transfer.Asking) (inventory.Caller, transfer.EditRequest, error) {
				return w.server.EditAsked(ctx, tenant, who, a)
			}},
			approval.Enrolment: approval.Enrolments{Fleet: w.fleet},
			approval.Merge: approval.Merges{Inventory: w.inventory, As: func(ctx context.Context, tenant, who string) (inventory.Caller, error) {
				return w.server.As(ctx, tenant, who)
			}},
		}})
	w.accounts = account.New(account.Options{Fleet: w.fleet, Access: w.access, Inventory: w.inventory, Audit: w.audit})
	s, err := New(Options{CertificateEnds: func() time.Time { return w.certificateEnds }, Approvals: w.approvals, Accounts: w.accounts, Pictures: pictures, Notify: w.notify, PublicURL: "https://maestro.example", Views: view.New(st, w.audit, time.Now, log), Transfer: moves, Ledger: w.ledger, Access: w.access, Audit: w.audit, Inventory: w.inventory, Fleet: w.fleet, Why: why.New(why.Options{Inventory: w.inventory, Fleet: w.fleet}), Log: log, Metrics: prometheus.NewRegistry(),
		Version: "1.2.3", Engine: st.Engine()})
	must(t, err)
	w.server = s
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	t.Cleanup(s.EndStreams) // before, since the server waits for what it answers
	w.url = srv.URL
	w.admin, w.reader, w.stranger = w.token("default", access.RoleAdmin), w.token("default", access.RoleReader), w.token("other", access.RoleAdmin)
	return w
}

// letter is one that was sent.
type letter struct{ to, subject, text string }

func (w *world) Send(ctx context.Context, to, subject, text string) error {
	if w.post != nil {
		return w.post.Send(ctx, to, subject, text)
	}
	w.mailbox <- letter{to, subject, text}
	return nil
}

// lockedBuffer takes the log of requests that are answered side by side.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) token(tenant string, role access.Role) string {
	w.t.Helper()
	_, secret, err := w.access.CreateToken(w.t.Context(), access.Caller{Tenant: tenant, Name: "user:admin", Role: access.RoleAdmin}, string(role), role, 0)
	must(w.t, err)
	return secret.Reveal()
}

const password = "correct horse battery"

func (w *world) user(name string, role access.Role) {
	w.t.Helper()
	must(w.t, w.access.CreateUser(w.t.Context(), access.User{Tenant: "default", Username: name, Role: role}, access.NewSecret(password)))
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// ask makes a request as the holder of a token (may be empty); body may be nil, text or anything that JSON encodes.
func (w *world) ask(token, method, path string, body any, header ...string) *answer {
	w.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = bytes.NewReader([]byte(b))
	default:
		text, err := json.Marshal(b)
		must(w.t, err)
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, r)
	must(w.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { must(w.t, resp.Body.Close()) }()
	got, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return &answer{t: w.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: got}
}

func (a *answer) is(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

func (a *answer) problem(status int) rest.Problem {
	a.t.Helper()
	a.is(status)
	var p rest.Problem
	a.decode(&p)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" || p.Status != status || p.Title == "" || p.Detail == "" {
		a.t.Errorf("%s: %s, %s is no problem document", a.what, got, a.body)
	}
	return p
}

func (a *answer) decode(into any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
}

func documentOf[T any](a *answer) T {
	a.t.Helper()
	var v T
	a.decode(&v)
	return v
}
