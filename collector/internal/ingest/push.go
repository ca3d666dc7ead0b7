package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

const (
	// maxIndexBytes of a receipt; a larger index is left out, and the agent goes through a list next time.
	maxIndexBytes = 16 << 20
	// retryAfter is what an agent is told to wait after an error of the collector's own.
	retryAfter = 2 * time.Second
	// fullResend is how many items a capture without a baseline has that needs one of the places for lists.
	fullResend = 1000
	// renewEvery is how often a lease is renewed while messages come in.
	renewEvery = lease.Life / 3
)

// push is one Push stream: runs of one connection after another. Every message but the plan is answered by one of its
// kind, in order; what cannot be done for a reason of the collector's own is answered RETRY, and everything of that run with
// it, until the agent begins the run anew.
type push struct {
	s    *Server
	peer fleet.Known

	// connection and run that the stream is about; run is nil when there is none to go on with.
	connection string
	epoch      int64
	runID      string
	run        *inventory.Run
	// stop is what the rest of the run is answered while run is nil.
	stop   uplinkv1.Verdict
	reason string

	scopes []resource.Scope
	// slot holds one of the bounded places for lists, for scope listing.
	slot    bool
	listing int32
	release func()
	lease   *lease.Lease
	renewed time.Time
	// slowed says that the agent was told to be slower on this stream.
	slowed bool
	// wait is how long the agent is told to stay away when it is to come again; 0 is retryAfter.
	wait time.Duration
}

// Push takes runs.
func (s *Server) Push(stream uplinkv1.Uplink_PushServer) error {
	peer, err := peerFrom(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := s.while(stream.Context())
	defer cancel(nil)
	p := &push{s: s, peer: peer}
	defer p.end()
	s.metrics.pushes.Inc()
	defer s.metrics.pushes.Dec()
	// The next message is read while one is worked on, and the handler returns when the collector stops.
	type received struct {
		req *uplinkv1.PushRequest
		err error
	}
	in := make(chan received)
	s.readers.Go(func() {
		for {
			req, err := stream.Recv()
			select {
			case in <- received{req, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return whyDone(ctx)
		case r := <-in:
			if errors.Is(r.err, io.EOF) {
				return nil
			}
			if r.err != nil {
				return r.err
			}
			answer, err := p.handle(ctx, cancel, r.req)
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return whyDone(ctx)
			}
			if answer == nil {
				continue
			}
			if err := stream.Send(p.pace(answer)); err != nil {
				return err
			}
		}
	}
}

// end gives back what the stream holds.
func (p *push) end() {
	p.free()
	p.leave()
}

func (p *push) leave() {
	if p.lease != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.lease.Release(ctx); err != nil {
			p.s.opt.Log.Warn("release the lease of a connection", "connection", p.connection, "error", err)
		}
		p.lease = nil
	}
	if p.release != nil {
		p.release()
		p.release = nil
	}
	p.connection = ""
}

// free gives back the place for a list.
func (p *push) free() {
	if p.slot {
		<-p.s.lists
		p.slot = false
	}
}

func (p *push) handle(ctx context.Context, cancel context.CancelCauseFunc, req *uplinkv1.PushRequest) (*uplinkv1.PushResponse, error) {
	switch m := req.GetMessage().(type) {
	case *uplinkv1.PushRequest_Open:
		if err := p.s.admitted(ctx, p.peer); err != nil {
			return nil, err
		}
		return p.open(ctx, cancel, m.Open), nil
	case *uplinkv1.PushRequest_Plan:
		p.plan(ctx, m.Plan)
		return nil, nil
	case *uplinkv1.PushRequest_Capture:
		return p.capture(ctx, m.Capture), nil
	case *uplinkv1.PushRequest_Batch:
		return p.batch(ctx, m.Batch), nil
	case *uplinkv1.PushRequest_Close:
		return p.close(ctx, m.Close), nil
	}
	return nil, status.Error(codes.InvalidArgument, "a message of a kind that this collector does not know")
}

// ended notes that nothing more of the run is taken, and what the rest of it is answered.
func (p *push) ended(v uplinkv1.Verdict, reason string) {
	p.free()
	p.run, p.stop, p.reason, p.wait = nil, v, reason, 0
}

// broken is an error of the collector's own: never a rejection, never acknowledged.
func (p *push) broken(doing string, err error) {
	if errors.Is(err, context.Canceled) {
		p.s.opt.Log.Debug("push interrupted", "doing", doing, "connection", p.connection, "run", p.runID)
	} else {
		p.s.opt.Log.Error("take a push", "doing", doing, "connection", p.connection, "run", p.runID, "agent", p.peer.ID, "error", err)
	}
	p.s.metrics.errors.Inc()
	p.ended(uplinkv1.Verdict_VERDICT_RETRY, "the collector could not do it; its log says why")
}

// answer adds how long to wait, when it is to be tried again.
func (p *push) answer(v uplinkv1.Verdict) *uplinkv1.PushResponse {
	if v == uplinkv1.Verdict_VERDICT_RETRY {
		return &uplinkv1.PushResponse{RetryAfterMs: cmp.Or(p.wait, retryAfter).Milliseconds()}
	}
	return &uplinkv1.PushResponse{}
}

func (p *push) open(ctx context.Context, cancel context.CancelCauseFunc, m *uplinkv1.RunOpen) *uplinkv1.PushResponse {
	p.ended(uplinkv1.Verdict_VERDICT_REFUSED, "the run was not opened")
	p.runID, p.scopes = m.GetRunId(), nil
	reply := func(v uplinkv1.Verdict, reason string) *uplinkv1.PushResponse {
		p.s.metrics.runs.WithLabelValues(v.String()).Inc()
		out := p.answer(v)
		out.Message = &uplinkv1.PushResponse_Run{Run: &uplinkv1.RunReply{RunId: m.GetRunId(), Verdict: v, Reason: reason}}
		return out
	}
	if problem := checkRun(m); problem != "" {
		p.ended(uplinkv1.Verdict_VERDICT_REFUSED, problem)
		return reply(p.stop, problem)
	}
	if p.heldBack(ctx) {
		return reply(p.stop, p.reason)
	}
	conn, ok := p.stands(ctx, m.GetConnectionId(), m.GetEpoch())
	if !ok {
		return reply(p.stop, p.reason)
	}
	if err := p.hold(ctx, cancel, conn.ID); err != nil {
		p.broken("lease the connection", err)
		return reply(p.stop, p.reason)
	}
	p.epoch = m.GetEpoch()
	run, got, reason, err := p.s.opt.Inventory.OpenRun(ctx, inventory.RunStart{
		Tenant: p.peer.Tenant, Connection: conn, RunID: m.GetRunId(), Epoch: m.GetEpoch(), Generation: m.GetGeneration(), Trigger: m.GetTrigger(),
		Kinds: m.GetKinds(), StartedAt: moment(m.GetStartedAt()), FinishedAt: moment(m.GetFinishedAt()), Root: m.GetRoot(), Scopes: int(m.GetScopes()),
		PluginVersion: m.GetPluginVersion()})
	if err != nil {
		p.broken("open the run", err)
		return reply(p.stop, p.reason)
	}
	p.run = run
	if run == nil {
		p.ended(verdict(got), reason)
	}
	return reply(verdict(got), reason)
}

// heldWait is how long an agent that is held waits before it asks again.
const heldWait = 30 * time.Second

// heldBack ends the run of an agent of which there are two: it waits for a person.
func (p *push) heldBack(ctx context.Context) bool {
	held, err := p.s.opt.Fleet.Held(ctx, p.peer)
	switch {
	case err != nil:
		p.broken("look whether the agent is held", err)
	case held:
		p.ended(uplinkv1.Verdict_VERDICT_RETRY, "there are two copies of this agent; what both push waits until a person says which one is the agent")
		p.wait = heldWait
	}
	return err != nil || held
}

func checkRun(m *uplinkv1.RunOpen) string {
	switch {
	case m.GetRunId() == "" || len(m.GetRunId()) > 200 || m.GetConnectionId() == "" || len(m.GetConnectionId()) > 200:
		return "a run without its id or connection"
	case m.GetEpoch() < 1 || m.GetGeneration() < 1:
		return "a run without epoch or generation"
	case m.GetScopes() > protocol.MaxPlan || len(m.GetKinds()) > 10_000:
		return "a run of too many scopes or kinds"
	}
	return ""
}

// standing says whether the peer may push for the connection now; the verdict is empty when it may.
func (p *push) standing(ctx context.Context, connection string, epoch int64) (inventory.Connection, inventory.Verdict, string, error) {
	holds, conn, err := p.s.opt.Fleet.Holds(ctx, p.peer, connection, epoch)
	switch {
	case err != nil:
		return conn, "", "", err
	case holds == fleet.Now:
		return conn, "", "", nil
	case holds == fleet.Once:
		return conn, inventory.Superseded, "the connection was edited, moved or deleted since", nil
	}
	const reason = "the connection was never given to this agent"
	p.s.refused(ctx, audit.Entry{Tenant: p.peer.Tenant, Actor: "agent:" + p.peer.ID, Action: "push.open", Address: addressOf(ctx),
		Object: &audit.Ref{ID: connection, Kind: "connection"}, Reason: reason, Detail: map[string]any{"epoch": epoch}})
	return conn, inventory.Refused, reason, nil
}

// hold makes this stream the only one that pushes for the connection: another one of the same agent ends first.
func (p *push) hold(ctx context.Context, cancel context.CancelCauseFunc, connection string) error {
	if p.connection == connection {
		return p.renew(ctx)
	}
	p.leave()
	release, err := p.s.streams.enter(ctx, "push "+p.peer.Tenant+" "+connection, cancel)
	if err != nil {
		return err
	}
	p.release, p.connection = release, connection
	if p.lease, err = p.s.opt.Leases.TakeOver(ctx, p.peer.Tenant, "connection "+connection); err != nil {
		return err
	}
	p.renewed = p.s.opt.Clock()
	return nil
}

// renew makes sure now and then that no other collector has taken the connection over.
func (p *push) renew(ctx context.Context) error {
	now := p.s.opt.Clock()
	if now.Sub(p.renewed) < renewEvery {
		return nil
	}
	if err := p.lease.Renew(ctx); err != nil {
		return err
	}
	p.renewed = now
	return nil
}

// current looks again whether the epoch still holds: the connection may have been edited, moved or deleted while the run came in.
func (p *push) current(ctx context.Context) bool {
	before := p.renewed
	if err := p.renew(ctx); err != nil {
		p.broken("renew the lease of the connection", err)
		return false
	}
	if p.renewed != before && p.heldBack(ctx) {
		return false
	}
	_, ok := p.stands(ctx, p.connection, p.epoch)
	return ok
}

// stands is standing, with the run ended when it may not: a superseded one is over for those who watch it too.
func (p *push) stands(ctx context.Context, connection string, epoch int64) (inventory.Connection, bool) {
	conn, v, reason, err := p.standing(ctx, connection, epoch)
	if err == nil && v == inventory.Superseded {
		err = p.s.opt.Inventory.SupersedeRun(ctx, p.peer.Tenant, connection, p.runID, reason)
	}
	switch {
	case err != nil:
		p.broken("find the connection", err)
	case v != "":
		p.ended(verdict(v), reason)
	default:
		return conn, true
	}
	return conn, false
}

// plan has no answer: what is wrong with it is said to what follows.
func (p *push) plan(ctx context.Context, m *uplinkv1.RunPlan) {
	if p.run == nil || m.GetRunId() != p.runID {
		return
	}
	switch {
	case int(m.GetFirst()) != len(p.scopes):
		p.ended(uplinkv1.Verdict_VERDICT_FAILED, "the plan's pieces are out of order")
		return
	case len(m.GetScopes()) > protocol.MaxPlanChunk || len(p.scopes)+len(m.GetScopes()) > protocol.MaxPlan:
		p.ended(uplinkv1.Verdict_VERDICT_FAILED, "the plan has too many scopes")
		return
	}
	for _, sc := range m.GetScopes() {
		p.scopes = append(p.scopes, scopeOf(sc))
	}
	if !m.GetLast() {
		return
	}
	err := p.run.Plan(ctx, p.scopes, m.GetComplete(), m.GetWarnings())
	var invalid *inventory.InvalidError
	switch {
	case errors.As(err, &invalid):
		p.ended(uplinkv1.Verdict_VERDICT_FAILED, invalid.Error())
	case err != nil:
		p.broken("take the plan", err)
	}
}

func (p *push) capture(ctx context.Context, m *uplinkv1.CaptureOpen) *uplinkv1.PushResponse {
	p.free()
	reply := func(v uplinkv1.Verdict, reason string) *uplinkv1.PushResponse {
		p.s.metrics.captures.WithLabelValues(v.String()).Inc()
		out := p.answer(v)
		out.Message = &uplinkv1.PushResponse_Capture{Capture: &uplinkv1.CaptureReply{RunId: m.GetRunId(), Scope: m.GetScope(), Verdict: v, Reason: reason}}
		return out
	}
	if p.run == nil || m.GetRunId() != p.runID || !p.current(ctx) {
		return reply(p.stop, p.reason)
	}
	c, err := captureOf(m)
	switch {
	case err != nil:
		return reply(uplinkv1.Verdict_VERDICT_REFUSED, "the capture's digest is malformed")
	case c.Scope < 0 || c.Scope >= len(p.scopes):
		return reply(uplinkv1.Verdict_VERDICT_REFUSED, "the capture is of no scope of the plan")
	case !knownStatus(c.Outcome.Status):
		return reply(uplinkv1.Verdict_VERDICT_REFUSED, fmt.Sprintf("the outcome %q is not known", c.Outcome.Status))
	}
	v, reason, err := p.run.OpenCapture(ctx, c)
	if err != nil {
		p.broken("open the capture", err)
		return reply(p.stop, p.reason)
	}
	full := v == inventory.Send && c.Baseline == nil && c.Digest.Count >= fullResend
	if (v == inventory.List || full) && !p.admit(m.GetScope()) {
		// They are heavy: a bounded number is taken at a time, the others come again.
		p.ended(uplinkv1.Verdict_VERDICT_RETRY, "the collector takes no more lists and first readings at the moment")
		return reply(p.stop, p.reason)
	}
	sums, err := p.buckets(ctx, v, c.Scope)
	if err != nil {
		p.broken("add up the scope", err)
		return reply(p.stop, p.reason)
	}
	out := reply(verdict(v), reason)
	out.GetCapture().BucketSums = sums
	return out
}

// buckets are the sums of the parts of a scope that is to be listed, for an agent that knows what to do with them.
func (p *push) buckets(ctx context.Context, v inventory.Verdict, scope int) ([]byte, error) {
	if v != inventory.List || p.peer.Capability < protocol.CapabilityParts {
		return nil, nil
	}
	sums, err := p.run.Buckets(ctx, scope)
	if err != nil || sums == nil {
		return nil, err
	}
	return sums.Bytes(), nil
}

func (p *push) admit(scope int32) bool {
	if p.slot {
		return true
	}
	select {
	case p.s.lists <- struct{}{}:
		p.slot, p.listing = true, scope
		return true
	default:
		return false
	}
}

func (p *push) batch(ctx context.Context, m *uplinkv1.Batch) *uplinkv1.PushResponse {
	reply := func(res inventory.BatchResult) *uplinkv1.PushResponse {
		out := p.answer(verdict(res.Verdict))
		out.Message = &uplinkv1.PushResponse_Batch{Batch: receiptOf(m, res)}
		return out
	}
	stopped := func() *uplinkv1.PushResponse {
		out := p.answer(p.stop)
		out.Message = &uplinkv1.PushResponse_Batch{Batch: &uplinkv1.BatchReceipt{RunId: m.GetRunId(), Scope: m.GetScope(), Seq: m.GetSeq(),
			Verdict: p.stop, Reason: p.reason}}
		return out
	}
	if p.run == nil || m.GetRunId() != p.runID {
		return stopped()
	}
	problem := checkBatch(m)
	b, err := batchOf(m)
	if err != nil {
		problem = "the list says in a way that is not known which parts it speaks of"
	}
	if problem != "" {
		return reply(inventory.BatchResult{Verdict: inventory.Failed, Reason: problem})
	}
	if err := p.renew(ctx); err != nil {
		p.broken("renew the lease of the connection", err)
		return stopped()
	}
	began := p.s.opt.Clock()
	res, err := p.run.Apply(ctx, b)
	p.s.load.took(p.s.opt.Clock().Sub(began))
	if err != nil {
		p.broken("take a batch", err)
		return stopped()
	}
	p.s.metrics.items.Add(float64(len(m.GetUpserts())))
	p.s.metrics.rejected.Add(float64(len(res.Rejected)))
	if res.Verdict == inventory.List && !p.admit(m.GetScope()) {
		p.ended(uplinkv1.Verdict_VERDICT_RETRY, "the collector takes no more lists at the moment")
		return stopped()
	}
	if res.Verdict != "" && res.Verdict != inventory.List && res.Verdict != inventory.Send && p.listing == m.GetScope() {
		p.free()
	}
	if size := indexSize(res.Index); size > maxIndexBytes {
		res.Index = nil
	}
	sums, err := p.buckets(ctx, res.Verdict, b.Scope)
	if err != nil {
		p.broken("add up the scope", err)
		return stopped()
	}
	out := reply(res)
	out.GetBatch().BucketSums = sums
	return out
}

// checkBatch holds a batch to the limits of contracts 3.5.
func checkBatch(m *uplinkv1.Batch) string {
	if n := len(m.GetUpserts()) + len(m.GetRemoved()) + len(m.GetList()); n > resource.MaxBatchItems {
		return fmt.Sprintf("the batch has %d items, at most %d are allowed", n, resource.MaxBatchItems)
	}
	size := 0
	for _, it := range m.GetUpserts() {
		size += len(it.GetCanonical()) + len(it.GetHash()) + len(it.GetVolatile())
	}
	for _, key := range m.GetRemoved() {
		size += len(key)
		if len(key) > resource.MaxExternalID || !utf8.ValidString(key) {
			return "the batch removes a key that is none"
		}
	}
	for _, row := range m.GetList() {
		size += len(row.GetKey()) + len(row.GetHash())
	}
	if size > resource.MaxBatchBytes {
		return fmt.Sprintf("the batch has %d bytes, at most %d are allowed", size, resource.MaxBatchBytes)
	}
	return ""
}

func indexSize(rows []inventory.Row) int {
	size := 0
	for _, r := range rows {
		size += len(r.Key) + len(r.Hash) + 8
	}
	return size
}

func (p *push) close(ctx context.Context, m *uplinkv1.RunClose) *uplinkv1.PushResponse {
	p.free()
	reply := func(v uplinkv1.Verdict, reason string) *uplinkv1.PushResponse {
		out := p.answer(v)
		out.Message = &uplinkv1.PushResponse_Close{Close: &uplinkv1.RunReceipt{RunId: m.GetRunId(), Verdict: v, Reason: reason}}
		return out
	}
	if p.run == nil || m.GetRunId() != p.runID || !p.current(ctx) {
		if p.stop == uplinkv1.Verdict_VERDICT_FAILED {
			p.fail(ctx)
		}
		return reply(p.stop, p.reason)
	}
	v, reason, err := p.run.Close(ctx, inventory.RunEnd{FinishedAt: moment(m.GetFinishedAt()), Error: m.GetError(), Log: m.GetLog()})
	if err != nil {
		p.broken("close the run", err)
		return reply(p.stop, p.reason)
	}
	p.ended(uplinkv1.Verdict_VERDICT_REFUSED, "the run is over")
	return reply(verdict(v), reason)
}

// fail ends the row of a run that could not be taken.
func (p *push) fail(ctx context.Context) {
	if p.connection == "" {
		return
	}
	if err := p.s.opt.Inventory.FailRun(ctx, p.peer.Tenant, p.runID, p.reason); err != nil && !errors.Is(err, inventory.ErrNotFound) {
		p.s.opt.Log.Error("note that a run failed", "run", p.runID, "error", err)
	}
}
