package ingest_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/ingest"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var admin = inventory.Caller{Tenant: "default", Name: "user:anna", TenantWide: true}

// flaky is a store that fails when it is told to.
type flaky struct {
	store.Store
	broken atomic.Bool
	// slow is how long every change of the store takes beside what it takes.
	slow atomic.Int64
}

var errDisk = errors.New("the disk is gone")

func (f *flaky) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.broken.Load() {
		return errDisk
	}
	time.Sleep(time.Duration(f.slow.Load()))
	return f.Store.Update(ctx, fn)
}

// world is a collector's machine plane over a real store, called over real TLS.
type world struct {
	t         *testing.T
	address   string
	store     *flaky
	keyFile   string
	authority *authority.Authority
	audit     *audit.Log
	fleet     *fleet.Service
	inventory *inventory.Service
	clock     func() time.Time
	closed    atomic.Bool  // the tenant default is disabled
	holds     atomic.Bool  // tenants want to be asked before an agent is let in
	skip      atomic.Int64 // how far the collector's clock has been moved
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, openStore(t), filepath.Join(t.TempDir(), "master.key"))
}

var prepared storetest.Prepared

func openStore(t *testing.T) store.Store {
	t.Helper()
	tables := slices.Concat(fleet.Tables(), inventory.Tables(), audit.Tables(), authority.Tables(), lease.Tables(), archive.Tables(), blob.Tables())
	path := prepared.Copy(t, func(path string) error {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
		if err != nil {
			return err
		}
		return errors.Join(inventory.New(inventory.Options{Store: st, Audit: audit.New(st, time.Now)}).Prepare(t.Context()), st.Close())
	})
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	return st
}

// newWorldOn is a collector over a store that may have a past.
func newWorldOn(t *testing.T, st store.Store, keyFile string) *world {
	t.Helper()
	w := &world{t: t, keyFile: keyFile}
	clock := func() time.Time { return time.Now().Add(time.Duration(w.skip.Load())) }
	w.store = &flaky{Store: st}
	key, err := authority.LoadKey(keyFile, true)
	must(t, err)
	w.authority, err = authority.Open(t.Context(), w.store, key, clock)
	must(t, err)
	w.audit = audit.New(w.store, clock)
	w.inventory = inventory.New(inventory.Options{Store: w.store, Audit: w.audit, Clock: clock})
	must(t, w.inventory.Prepare(t.Context()))
	w.fleet = fleet.New(fleet.Options{HoldEnrolment: func(context.Context, string) (bool, error) { return w.holds.Load(), nil }, Store: w.store, Inventory: w.inventory, Audit: w.audit, Clock: clock, Fingerprint: w.authority.Fingerprint(),
		AgentAddress: func() string { return w.address }, Closed: func(_ context.Context, tenant string) error {
			if w.closed.Load() && tenant == "default" {
				return &fleet.ClosedError{Why: `the tenant "default" is disabled: unpaid`}
			}
			return nil
		}})
	w.clock = clock
	w.address = w.serve("collector-1")
	return w
}

// serve starts one collector's machine plane; there may be several over the one store.
func (w *world) serve(name string) (address string) {
	w.t.Helper()
	s, err := ingest.New(ingest.Options{Authority: w.authority, Fleet: w.fleet, Inventory: w.inventory, Audit: w.audit, Clock: w.clock,
		Leases: lease.New(w.store, name, w.clock), Names: []string{"127.0.0.1"}, Poll: 20 * time.Millisecond, Lists: 1, Version: "1.2.3"})
	must(w.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	w.t.Cleanup(func() {
		cancel()
		must(w.t, <-served)
	})
	return l.Addr().String()
}

// agent is a client with a key of its own.
type agent struct {
	w    *world
	key  *ecdsa.PrivateKey
	id   string
	cert [][]byte
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func (w *world) newAgent() *agent { return &agent{w: w, key: newKey(w.t)} }

func csrOf(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return csr
}

func (w *world) token(tenant string) string {
	w.t.Helper()
	tok, err := w.fleet.CreateJoinToken(w.t.Context(), inventory.Caller{Tenant: tenant, Name: "user:anna", TenantWide: true},
		rest.JoinTokenCreate{Name: "fra-1", TTLSeconds: 600})
	must(w.t, err)
	return tok.Token
}

// dial connects with a certificate, or with none; the collector is held to its authority.
func (w *world) dial(chain [][]byte, key crypto.PrivateKey) uplinkv1.UplinkClient {
	w.t.Helper()
	pool := x509.NewCertPool()
	for _, c := range w.authority.Certificates() {
		pool.AddCert(c)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
	if len(chain) > 0 {
		cfg.Certificates = []tls.Certificate{{Certificate: chain, PrivateKey: key}}
	}
	conn, err := grpc.NewClient("passthrough:///"+w.address, grpc.WithTransportCredentials(credentials.NewTLS(cfg)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20), grpc.MaxCallSendMsgSize(64<<20)))
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, conn.Close()) })
	return uplinkv1.NewUplinkClient(conn)
}

func (a *agent) client() uplinkv1.UplinkClient { return a.w.dial(a.cert, a.key) }

// enroll uses a token without a certificate.
func (a *agent) enroll(token string) error {
	a.w.t.Helper()
	answer, err := a.w.dial(nil, nil).Enroll(a.w.t.Context(), &uplinkv1.EnrollRequest{Token: token, Csr: csrOf(a.w.t, a.key), Name: "fra"})
	if err != nil {
		return err
	}
	a.id, a.cert = answer.GetAgentId(), answer.GetCertificates()
	return nil
}

// joined is an agent that was let in.
func (w *world) joined(tenant string) *agent {
	w.t.Helper()
	a := w.newAgent()
	must(w.t, a.enroll(w.token(tenant)))
	return a
}

var toy = provider.Description{Provider: "toy", Version: "1.0.0", Title: "Toy", Kinds: []provider.KindSupport{
	{Kind: "server", Major: 1}, {Kind: "volume", Major: 1},
	{Kind: "toy.robot", Major: 1, Schema: json.RawMessage(`{"type":"object","x-maestro-label":"Robot","properties":{"arms":{"type":"integer"}}}`)}},
	Settings: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"}}}`), Files: true}

// described is an agent that has told of its plugin, and a connection that it runs.
func (w *world) described(tenant string) (*agent, rest.Connection) {
	w.t.Helper()
	a := w.joined(tenant)
	s := a.session(a.hello())
	s.next().GetWelcome()
	b, digest := description(w.t)
	// The first agent of a tenant is asked for what its plugin can do; of the second it is known.
	if want := s.next().GetWantPlugins(); len(want.GetDigests()) == 1 {
		s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Plugin{Plugin: &uplinkv1.PluginDescription{Digest: digest, Description: b}}})
	}
	c := inventory.Caller{Tenant: tenant, Name: "user:anna", TenantWide: true}
	eventually(w.t, "the plugin is known", func() bool {
		list, err := w.fleet.Plugins(w.t.Context(), c)
		must(w.t, err)
		return len(list) == 1
	})
	s.hangUp()
	conn, err := w.fleet.CreateConnection(w.t.Context(), c, rest.ConnectionWrite{Name: "toys of " + a.id, Provider: "toy", Agent: a.id})
	must(w.t, err)
	return a, conn
}

func description(t *testing.T) (b []byte, digest string) {
	t.Helper()
	b, err := json.Marshal(toy)
	must(t, err)
	sum := sha256.Sum256(b)
	return b, hex.EncodeToString(sum[:])
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// refusals are the audit entries of what was refused.
func (w *world) refusals(tenant, action string) int {
	w.t.Helper()
	page, err := w.audit.List(w.t.Context(), tenant, audit.Query{Action: action, Outcome: audit.Refused})
	must(w.t, err)
	return len(page.Entries)
}

func wantCode(t *testing.T, what string, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}

// ---- sessions ----

type clientSession struct {
	a      *agent
	stream uplinkv1.Uplink_SessionClient
	end    context.CancelFunc
}

func (a *agent) hello() *uplinkv1.Hello {
	_, digest := description(a.w.t)
	return &uplinkv1.Hello{Capability: 1, SpoolId: "spool-1", PluginDigests: []string{digest}, Info: &uplinkv1.AgentInfo{Version: "0.9", Hostname: "fra-1"}}
}

func (a *agent) session(hello *uplinkv1.Hello) *clientSession {
	a.w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a.w.t.Cleanup(cancel)
	stream, err := a.client().Session(ctx)
	must(a.w.t, err)
	s := &clientSession{a: a, stream: stream, end: cancel}
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Hello{Hello: hello}})
	return s
}

func (s *clientSession) say(m *uplinkv1.AgentMessage) {
	s.a.w.t.Helper()
	// io.EOF only says that the stream is over; Recv says why.
	if err := s.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		s.a.w.t.Fatal(err)
	}
}

func (s *clientSession) next() *uplinkv1.CollectorMessage {
	s.a.w.t.Helper()
	m, err := s.stream.Recv()
	must(s.a.w.t, err)
	return m
}

// ended waits for the end of the stream and answers how it came.
func (s *clientSession) ended() error {
	for {
		if _, err := s.stream.Recv(); err != nil {
			return err
		}
	}
}

func (s *clientSession) hangUp() {
	s.end()
	_ = s.ended()
}

// ---- pushes ----

type clientPush struct {
	a      *agent
	stream uplinkv1.Uplink_PushClient
	runID  string
	conn   string
	epoch  int64
}

func (a *agent) push(conn rest.Connection, runID string) *clientPush {
	a.w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a.w.t.Cleanup(cancel)
	stream, err := a.client().Push(ctx)
	must(a.w.t, err)
	return &clientPush{a: a, stream: stream, runID: runID, conn: conn.ID, epoch: conn.Epoch}
}

func (p *clientPush) ask(req *uplinkv1.PushRequest) *uplinkv1.PushResponse {
	p.a.w.t.Helper()
	must(p.a.w.t, p.stream.Send(req))
	answer, err := p.stream.Recv()
	must(p.a.w.t, err)
	return answer
}

func (p *clientPush) open(generation int64, root []byte) *uplinkv1.RunReply {
	p.a.w.t.Helper()
	return p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Open{Open: &uplinkv1.RunOpen{RunId: p.runID, ConnectionId: p.conn,
		Epoch: p.epoch, Generation: generation, Trigger: "schedule", Kinds: []string{"server"}, Root: root}}}).GetRun()
}

func (p *clientPush) plan(scopes ...resource.Scope) {
	p.a.w.t.Helper()
	m := &uplinkv1.RunPlan{RunId: p.runID, Last: true, Complete: true}
	for _, s := range scopes {
		m.Scopes = append(m.Scopes, &uplinkv1.Scope{Kind: s.Kind})
	}
	must(p.a.w.t, p.stream.Send(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Plan{Plan: m}}))
}

var kindDigest, policyDigest, fingerprint = make([]byte, 32), make([]byte, 32), make([]byte, 32)

func (p *clientPush) capture(scope int32, digest resource.Digest) *uplinkv1.CaptureReply {
	p.a.w.t.Helper()
	return p.ask(p.opening(scope, digest)).GetCapture()
}

func (p *clientPush) opening(scope int32, digest resource.Digest) *uplinkv1.PushRequest {
	return &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Capture{Capture: &uplinkv1.CaptureOpen{RunId: p.runID, Scope: scope,
		Outcome: &uplinkv1.Outcome{Status: "complete", Listed: int32(digest.Count)}, Digest: digest.Bytes(), Count: digest.Count,
		Fingerprint: fingerprint, HashFormat: resource.HashFormat, KindDigest: kindDigest, PolicyDigest: policyDigest}}}
}

func (p *clientPush) batch(b *uplinkv1.Batch) *uplinkv1.BatchReceipt {
	p.a.w.t.Helper()
	b.RunId = p.runID
	return p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Batch{Batch: b}}).GetBatch()
}

func (p *clientPush) close() *uplinkv1.RunReceipt {
	p.a.w.t.Helper()
	return p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Close{Close: &uplinkv1.RunClose{RunId: p.runID}}}).GetClose()
}

// server is one item and its row.
func server(t *testing.T, id, name string) (*uplinkv1.Item, resource.Hash) {
	t.Helper()
	return item(t, resource.Envelope{Kind: "server", Major: 1, ExternalID: id, Name: name})
}

func item(t *testing.T, e resource.Envelope) (*uplinkv1.Item, resource.Hash) {
	t.Helper()
	b, err := resource.Canonical(e)
	must(t, err)
	h := resource.HashOf(b)
	return &uplinkv1.Item{Canonical: b, Hash: h.Bytes()}, h
}

// servers are items with their digest.
func servers(t *testing.T, names ...string) ([]*uplinkv1.Item, resource.Digest) {
	t.Helper()
	var items []*uplinkv1.Item
	var d resource.Digest
	for _, name := range names {
		it, h := server(t, name, name)
		items = append(items, it)
		d.AddRow(name, h)
	}
	return items, d
}

// run pushes one run of the kind server from beginning to end.
func (p *clientPush) run(generation int64, names ...string) *uplinkv1.RunReceipt {
	p.a.w.t.Helper()
	items, digest := servers(p.a.w.t, names...)
	if got := p.open(generation, nil); got.GetVerdict() != uplinkv1.Verdict_VERDICT_SEND {
		p.a.w.t.Fatalf("open: %v", got)
	}
	p.plan(resource.Scope{Kind: "server"})
	switch got := p.capture(0, digest); got.GetVerdict() {
	case uplinkv1.Verdict_VERDICT_DONE:
	case uplinkv1.Verdict_VERDICT_SEND:
		p.sendAll(items)
	case uplinkv1.Verdict_VERDICT_LIST:
		p.list(items)
	default:
		p.a.w.t.Fatalf("capture: %v", got)
	}
	return p.close()
}

func (p *clientPush) sendAll(items []*uplinkv1.Item) {
	p.a.w.t.Helper()
	if got := p.batch(&uplinkv1.Batch{Upserts: items, Last: true}); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
		p.a.w.t.Fatalf("batch: %v", got)
	}
}

// list tells keys and hashes, and then the bodies that are wanted.
func (p *clientPush) list(items []*uplinkv1.Item) {
	p.a.w.t.Helper()
	b := &uplinkv1.Batch{Last: true}
	byKey := map[string]*uplinkv1.Item{}
	for _, it := range items {
		e, err := resource.ParseCanonical(it.GetCanonical())
		must(p.a.w.t, err)
		b.List = append(b.List, &uplinkv1.Row{Key: e.ExternalID, Hash: it.GetHash()})
		byKey[e.ExternalID] = it
	}
	got := p.batch(b)
	if got.GetVerdict() == uplinkv1.Verdict_VERDICT_SEND {
		var wanted []*uplinkv1.Item
		for _, key := range got.GetWant() {
			wanted = append(wanted, byKey[key])
		}
		got = p.batch(&uplinkv1.Batch{Upserts: wanted, Last: true, Seq: 1})
	}
	if got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
		p.a.w.t.Fatalf("list: %v", got)
	}
}

// names are the active resources of a kind.
func (w *world) names(tenant, kind string) []string {
	w.t.Helper()
	list, err := w.inventory.List(w.t.Context(), inventory.Caller{Tenant: tenant, TenantWide: true}, inventory.ListQuery{Kind: kind})
	must(w.t, err)
	var out []string
	for _, r := range list.Items {
		if r.State == "active" {
			out = append(out, r.Name)
		}
	}
	slices.Sort(out)
	return out
}
