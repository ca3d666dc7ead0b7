package uplink_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// collector is a small collector: real TLS and gRPC, and of ingest as much as decides verdicts. Hooks let a test
// answer differently.
type collector struct {
	uplinkv1.UnimplementedUplinkServer
	t       testing.TB
	key     *ecdsa.PrivateKey
	ca      *x509.Certificate
	token   protocol.JoinToken
	life    time.Duration
	address string
	stop    func()

	mu          sync.Mutex
	serial      int64
	used        bool
	hellos      []*uplinkv1.Hello
	beats       int
	progress    []*uplinkv1.RunProgress
	plugins     map[string]*uplinkv1.PluginDescription
	atHand      [][]string
	builds      map[string]string // of the plugins that were told last
	results     map[string]*uplinkv1.CommandResult
	toSend      []*uplinkv1.CollectorMessage
	sent        chan struct{}
	scopes      map[string]*scopeState // by connection and scope key
	runs        map[string]*uplinkv1.RunClose
	unchanged   []string
	requests    []string // kinds of push messages, in order
	onOpen      func(*uplinkv1.RunOpen) *uplinkv1.RunReply
	onCapture   func(*uplinkv1.CaptureOpen) *uplinkv1.CaptureReply
	onBatch     func(*uplinkv1.Batch) *uplinkv1.BatchReceipt
	beforeEach  func() error
	recoverable bool
	// pace is put into every answer and into the welcome.
	pace func(*uplinkv1.PushResponse)
	// parts has it tell the sums of what it holds when it asks for a list; listed are the rows that came then.
	parts  bool
	listed []string
	// hold keeps answers to captures back until so many wait: whoever waits for each is stuck.
	hold int
}

type scopeState struct {
	rows   map[string]resource.Hash
	status string
	state  resource.ScopeState
}

func (s *scopeState) digest() (d resource.Digest) {
	for k, h := range s.rows {
		d.AddRow(k, h)
	}
	return d
}

func newCollector(t testing.TB) *collector {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{t: t, key: key, life: time.Hour, sent: make(chan struct{}, 1), scopes: map[string]*scopeState{},
		runs: map[string]*uplinkv1.RunClose{}, plugins: map[string]*uplinkv1.PluginDescription{}, results: map[string]*uplinkv1.CommandResult{}}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if c.token, err = protocol.NewJoinToken(protocol.Fingerprint(c.ca)); err != nil {
		t.Fatal(err)
	}
	c.serve("127.0.0.1:0")
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *collector) serve(address string) {
	c.t.Helper()
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	leaf := c.issue(serverKey.Public().(*ecdsa.PublicKey), "collector", x509.ExtKeyUsageServerAuth, time.Hour)
	pool := x509.NewCertPool()
	pool.AddCert(c.ca)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf, c.ca.Raw}, PrivateKey: serverKey}},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: pool})))
	uplinkv1.RegisterUplinkServer(server, c)
	var lis net.Listener
	for range 50 {
		if lis, err = net.Listen("tcp", address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.address = lis.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(lis) // ends with Stop
	}()
	c.stop = sync.OnceFunc(func() {
		server.Stop()
		<-done
	})
}

func (c *collector) issue(key *ecdsa.PublicKey, name string, use x509.ExtKeyUsage, life time.Duration) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(c.serial + 1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Second), NotAfter: time.Now().Add(life), ExtKeyUsage: []x509.ExtKeyUsage{use},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, c.ca, key, c.key)
	if err != nil {
		c.t.Error(err)
	}
	return der
}

func (c *collector) answer(csr []byte) (*uplinkv1.EnrollResponse, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil || req.CheckSignature() != nil {
		return nil, status.Error(codes.InvalidArgument, "bad request")
	}
	leaf := c.issue(req.PublicKey.(*ecdsa.PublicKey), "agent-1", x509.ExtKeyUsageClientAuth, c.life)
	return &uplinkv1.EnrollResponse{AgentId: "agent-1", Tenant: "default", Certificates: [][]byte{leaf}, Authorities: [][]byte{c.ca.Raw}}, nil
}

func (c *collector) Enroll(_ context.Context, r *uplinkv1.EnrollRequest) (*uplinkv1.EnrollResponse, error) {
	c.mu.Lock()
	ok := r.GetToken() == c.token.Text() && !c.used
	c.used = c.used || ok
	c.mu.Unlock()
	if !ok {
		return nil, status.Error(codes.PermissionDenied, "the join token is unknown or was used")
	}
	return c.answer(r.GetCsr())
}

func known(ctx context.Context) error {
	p, _ := peer.FromContext(ctx)
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return status.Error(codes.Unauthenticated, "no certificate")
	}
	return nil
}

func (c *collector) Renew(ctx context.Context, r *uplinkv1.RenewRequest) (*uplinkv1.EnrollResponse, error) {
	if err := known(ctx); err != nil {
		return nil, err
	}
	return c.answer(r.GetCsr())
}

func (c *collector) Recover(_ context.Context, r *uplinkv1.RecoverRequest) (*uplinkv1.EnrollResponse, error) {
	c.mu.Lock()
	ok := c.recoverable
	c.mu.Unlock()
	sum := protocol.RecoverDigest(r.GetAgentId(), r.GetAt().AsTime().UTC().Format(time.RFC3339Nano), r.GetCsr())
	req, err := x509.ParseCertificateRequest(r.GetCsr())
	if !ok || err != nil || !ecdsa.VerifyASN1(req.PublicKey.(*ecdsa.PublicKey), sum[:], r.GetProof()) {
		return nil, status.Error(codes.PermissionDenied, "an administrator must allow this agent to recover")
	}
	return c.answer(r.GetCsr())
}

func (c *collector) tell(msgs ...*uplinkv1.CollectorMessage) {
	c.mu.Lock()
	c.toSend = append(c.toSend, msgs...)
	c.mu.Unlock()
	select {
	case c.sent <- struct{}{}:
	default:
	}
}

func (c *collector) signed(a *uplinkv1.Assignment) *uplinkv1.SignedAssignment {
	b, err := proto.Marshal(a)
	if err != nil {
		c.t.Fatal(err)
	}
	sig, err := protocol.SignAssignment(c.key, b)
	if err != nil {
		c.t.Fatal(err)
	}
	return &uplinkv1.SignedAssignment{Assignment: b, Signature: sig}
}

func (c *collector) Session(st grpc.BidiStreamingServer[uplinkv1.AgentMessage, uplinkv1.CollectorMessage]) error {
	if err := known(st.Context()); err != nil {
		return err
	}
	first, err := st.Recv()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.hellos = append(c.hellos, first.GetHello())
	c.mu.Unlock()
	err = st.Send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Welcome{Welcome: &uplinkv1.Welcome{
		Capability: 1, AgentId: "agent-1", CollectorVersion: "test", HeartbeatSeconds: 1}}})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			c.mu.Lock()
			msgs := c.toSend
			c.toSend = nil
			c.mu.Unlock()
			for _, m := range msgs {
				if st.Send(m) != nil {
					return
				}
			}
			select {
			case <-ended:
				return
			case <-c.sent:
			}
		}
	})
	defer writer.Wait()
	defer close(ended)
	for {
		msg, err := st.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.hear(msg)
	}
}

func (c *collector) hear(msg *uplinkv1.AgentMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := msg.GetMessage().(type) {
	case *uplinkv1.AgentMessage_Heartbeat:
		c.beats++
	case *uplinkv1.AgentMessage_Progress:
		c.progress = append(c.progress, m.Progress)
	case *uplinkv1.AgentMessage_Plugin:
		c.plugins[m.Plugin.GetDigest()] = m.Plugin
	case *uplinkv1.AgentMessage_PluginsAtHand:
		c.atHand = append(c.atHand, m.PluginsAtHand.GetDigests())
		c.builds = m.PluginsAtHand.GetBuilds()
	case *uplinkv1.AgentMessage_Result:
		c.results[m.Result.GetId()] = m.Result
	}
}

// push is one Push stream's state.
type push struct {
	open     *uplinkv1.RunOpen
	plan     []resource.Scope
	complete bool
	captures map[int32]*captureState
}

type captureState struct {
	open    *uplinkv1.CaptureOpen
	listing bool
	listed  bool
	wanted  map[string]bool
	list    map[string]resource.Hash
}

func (c *collector) Push(st grpc.BidiStreamingServer[uplinkv1.PushRequest, uplinkv1.PushResponse]) error {
	if err := known(st.Context()); err != nil {
		return err
	}
	p := &push{}
	var held []*uplinkv1.PushResponse
	for {
		req, err := st.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.mu.Lock()
		answer, err := c.handle(p, req)
		if answer != nil && c.pace != nil {
			c.pace(answer)
		}
		hold := c.hold
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if held = append(held, answer); answer == nil {
			held = held[:len(held)-1]
		}
		if answer.GetCapture() != nil && len(held) < hold {
			continue
		}
		for _, answer := range held {
			if err := st.Send(answer); err != nil {
				return err
			}
		}
		held = nil
	}
}

func (c *collector) handle(p *push, req *uplinkv1.PushRequest) (*uplinkv1.PushResponse, error) {
	if c.beforeEach != nil {
		if err := c.beforeEach(); err != nil {
			return nil, err
		}
	}
	switch m := req.GetMessage().(type) {
	case *uplinkv1.PushRequest_Open:
		c.requests = append(c.requests, "open")
		return &uplinkv1.PushResponse{RetryAfterMs: c.retryAfter(), Message: &uplinkv1.PushResponse_Run{Run: c.runOpen(p, m.Open)}}, nil
	case *uplinkv1.PushRequest_Plan:
		c.requests = append(c.requests, "plan")
		for _, s := range m.Plan.GetScopes() {
			sc := resource.Scope{Kind: s.GetKind()}
			for _, l := range s.GetPartition() {
				sc.Partition = append(sc.Partition, resource.Label{Key: l.GetKey(), Value: l.GetValue()})
			}
			p.plan = append(p.plan, sc)
		}
		p.complete = m.Plan.GetComplete()
		return nil, nil
	case *uplinkv1.PushRequest_Capture:
		c.requests = append(c.requests, "capture")
		return &uplinkv1.PushResponse{Message: &uplinkv1.PushResponse_Capture{Capture: c.captureOpen(p, m.Capture)}}, nil
	case *uplinkv1.PushRequest_Batch:
		c.requests = append(c.requests, "batch")
		r := c.batch(p, m.Batch)
		r.RunId, r.Scope, r.Seq = m.Batch.GetRunId(), m.Batch.GetScope(), m.Batch.GetSeq()
		return &uplinkv1.PushResponse{Message: &uplinkv1.PushResponse_Batch{Batch: r}}, nil
	case *uplinkv1.PushRequest_Close:
		c.requests = append(c.requests, "close")
		c.runs[m.Close.GetRunId()] = m.Close
		return &uplinkv1.PushResponse{Message: &uplinkv1.PushResponse_Close{Close: &uplinkv1.RunReceipt{RunId: m.Close.GetRunId(), Verdict: uplinkv1.Verdict_VERDICT_DONE}}}, nil
	}
	return nil, status.Error(codes.Unimplemented, "?")
}

func (c *collector) retryAfter() int64 { return 20 }

func (c *collector) state(connection, key string) *scopeState {
	s := c.scopes[connection+"/"+key]
	if s == nil {
		s = &scopeState{rows: map[string]resource.Hash{}}
		c.scopes[connection+"/"+key] = s
	}
	return s
}

func (c *collector) root(open *uplinkv1.RunOpen, complete bool) resource.Hash {
	var states []resource.ScopeState
	for _, s := range c.scopes {
		if s.status != "" && len(s.state.Scope.Kind) > 0 {
			st := s.state
			st.Digest = s.digest()
			states = append(states, st)
		}
	}
	return resource.Root(states, complete)
}

func (c *collector) runOpen(p *push, m *uplinkv1.RunOpen) *uplinkv1.RunReply {
	*p = push{open: m, captures: map[int32]*captureState{}}
	if c.onOpen != nil {
		if r := c.onOpen(m); r != nil {
			return r
		}
	}
	if _, closed := c.runs[m.GetRunId()]; closed {
		return &uplinkv1.RunReply{Verdict: uplinkv1.Verdict_VERDICT_DONE}
	}
	if len(m.GetRoot()) > 0 && c.root(m, true) == resource.Hash(m.GetRoot()) {
		c.unchanged = append(c.unchanged, m.GetRunId())
		c.runs[m.GetRunId()] = &uplinkv1.RunClose{}
		return &uplinkv1.RunReply{Verdict: uplinkv1.Verdict_VERDICT_DONE}
	}
	return &uplinkv1.RunReply{Verdict: uplinkv1.Verdict_VERDICT_SEND}
}

func (c *collector) captureOpen(p *push, m *uplinkv1.CaptureOpen) *uplinkv1.CaptureReply {
	reply := func(v uplinkv1.Verdict) *uplinkv1.CaptureReply {
		return &uplinkv1.CaptureReply{RunId: m.GetRunId(), Scope: m.GetScope(), Verdict: v}
	}
	if c.onCapture != nil {
		if r := c.onCapture(m); r != nil {
			return r
		}
	}
	cs := &captureState{open: m, wanted: map[string]bool{}, list: map[string]resource.Hash{}}
	p.captures[m.GetScope()] = cs
	st := c.state(p.open.GetConnectionId(), p.plan[m.GetScope()].Key())
	complete := m.GetOutcome().GetStatus() == "complete"
	want := resource.Digest{Sum: resource.Hash(m.GetDigest()), Count: m.GetCount()}
	have := st.digest()
	switch {
	case have == want && (complete || m.GetBaseline() != nil || have.Count == 0):
		c.finished(p, m)
		return reply(uplinkv1.Verdict_VERDICT_DONE)
	case m.GetBaseline() == nil && (have.Count == 0 || !complete && want.Count == 0),
		m.GetBaseline() != nil && resource.Hash(m.GetBaseline().GetDigest()) == have.Sum:
		return reply(uplinkv1.Verdict_VERDICT_SEND)
	}
	cs.listing = true
	r := reply(uplinkv1.Verdict_VERDICT_LIST)
	r.BucketSums = c.sums(st)
	return r
}

// sums are those of the parts of a scope, if the collector tells them.
func (c *collector) sums(st *scopeState) []byte {
	if !c.parts {
		return nil
	}
	var b resource.Buckets
	for k, h := range st.rows {
		b.AddRow(k, h)
	}
	return b.Bytes()
}

func (c *collector) finished(p *push, m *uplinkv1.CaptureOpen) {
	scope := p.plan[m.GetScope()]
	st := c.state(p.open.GetConnectionId(), scope.Key())
	st.status = m.GetOutcome().GetStatus()
	st.state = resource.ScopeState{Scope: scope, Status: resource.Status(st.status), Fingerprint: m.GetFingerprint(),
		HashFormat: int(m.GetHashFormat()), KindDigest: m.GetKindDigest(), PolicyDigest: m.GetPolicyDigest()}
}

func (c *collector) batch(p *push, b *uplinkv1.Batch) *uplinkv1.BatchReceipt {
	if c.onBatch != nil {
		if r := c.onBatch(b); r != nil {
			return r
		}
	}
	cs := p.captures[b.GetScope()]
	st := c.state(p.open.GetConnectionId(), p.plan[b.GetScope()].Key())
	complete := cs.open.GetOutcome().GetStatus() == "complete"
	r := &uplinkv1.BatchReceipt{}
	for _, it := range b.GetUpserts() {
		if resource.HashOf(it.GetCanonical()) != resource.Hash(it.GetHash()) {
			c.t.Error("an item with a wrong hash")
		}
		st.rows[keyOf(it.GetCanonical())] = resource.Hash(it.GetHash())
		delete(cs.wanted, keyOf(it.GetCanonical()))
	}
	for _, k := range b.GetRemoved() {
		delete(st.rows, k)
	}
	in := func(string) bool { return true }
	if len(b.GetBuckets()) > 0 {
		set, err := resource.BucketSetFromBytes(b.GetBuckets())
		if err != nil {
			c.t.Error(err)
		}
		in = set.Has
	}
	for _, row := range b.GetList() {
		if !in(row.GetKey()) {
			c.t.Errorf("%s is listed and not of the parts that the list speaks of", row.GetKey())
		}
		c.listed = append(c.listed, row.GetKey())
		cs.list[row.GetKey()] = resource.Hash(row.GetHash())
		if st.rows[row.GetKey()] != resource.Hash(row.GetHash()) {
			r.Want = append(r.Want, row.GetKey())
			cs.wanted[row.GetKey()] = true
		}
	}
	if !b.GetLast() {
		return r
	}
	if cs.listing {
		cs.listing, cs.listed = false, true
		if complete {
			for k := range st.rows {
				if _, ok := cs.list[k]; !ok && in(k) {
					delete(st.rows, k)
				}
			}
		}
		if len(cs.wanted) > 0 {
			r.Verdict = uplinkv1.Verdict_VERDICT_SEND
			return r
		}
	}
	want := resource.Digest{Sum: resource.Hash(cs.open.GetDigest()), Count: cs.open.GetCount()}
	switch {
	case (complete || cs.open.GetBaseline() != nil) && st.digest() != want && !cs.listed:
		cs.listing = true
		r.Verdict, r.BucketSums = uplinkv1.Verdict_VERDICT_LIST, c.sums(st)
		return r
	case (complete || cs.open.GetBaseline() != nil) && st.digest() != want, len(cs.wanted) > 0:
		r.Verdict = uplinkv1.Verdict_VERDICT_FAILED
		return r
	}
	r.Verdict = uplinkv1.Verdict_VERDICT_DONE
	c.finished(p, cs.open)
	if !complete {
		for _, k := range sortedKeys(st.rows) {
			h := st.rows[k]
			r.Index = append(r.Index, &uplinkv1.Row{Key: k, Hash: h.Bytes()})
		}
	}
	return r
}
