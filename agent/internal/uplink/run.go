package uplink

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// The verdicts, shorter.
const (
	done       = uplinkv1.Verdict_VERDICT_DONE
	send       = uplinkv1.Verdict_VERDICT_SEND
	list       = uplinkv1.Verdict_VERDICT_LIST
	superseded = uplinkv1.Verdict_VERDICT_SUPERSEDED
	refused    = uplinkv1.Verdict_VERDICT_REFUSED
	failed     = uplinkv1.Verdict_VERDICT_FAILED
	retry      = uplinkv1.Verdict_VERDICT_RETRY
)

// damagedError says that a capture in the spool cannot be read.
type damagedError struct {
	capture *spool.Capture
	err     error
}

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// runPush is one run on its way.
type runPush struct {
	*pusher
	run    *spool.Run
	info   spool.RunInfo
	opened bool
	// forget says that the collector wants lists for all of the run.
	forget bool
	// The run as it is now; the captures up to looked were looked at, those in later did not change and wait for the end.
	planned  *spool.RunPlan
	captures []*spool.Capture
	end      *spool.RunEnd
	looked   int
	later    []int
	// digests are those of scopes of which more is known than their captures list.
	digests map[int]resource.Digest
}

// view is a capture as it is going to be told.
type view struct {
	capture *spool.Capture
	outcome resource.Outcome
	// base is what the difference is computed against; nil when there is none or its hashes are not comparable.
	base *spool.Baseline
	// digest is over all that is known to be in the scope.
	digest  resource.Digest
	changed bool
	seq     int64
}

func (v *view) complete() bool { return v.outcome.Status == resource.StatusComplete }

func (r *runPush) spool() *spool.Spool { return r.session.uplink.cfg.Spool }

// step sends what can be sent of the run as it is now; over says that the run is gone from the spool.
func (r *runPush) step(ctx context.Context) (over bool, err error) {
	var more []*spool.Capture
	r.planned, more, r.end = r.run.Since(len(r.captures))
	r.captures = append(r.captures, more...)
	for ; r.looked < len(r.captures); r.looked++ {
		v, err := r.view(r.looked)
		if err != nil {
			return false, err
		}
		// What did not change waits for the end: perhaps nothing needs to be sent at all.
		if !v.changed {
			r.later = append(r.later, r.looked)
			continue
		}
		if over, err := r.open(ctx, nil); over || err != nil {
			return over, err
		}
		if v, err = r.view(r.looked); err != nil { // the collector may have asked to forget the baselines
			return false, err
		}
		if err := r.capture(ctx, v); err != nil {
			return false, err
		}
	}
	if r.end == nil {
		return false, nil
	}
	return r.finish(ctx)
}

func (r *runPush) finish(ctx context.Context) (over bool, err error) {
	if !r.opened && r.end.Error == "" && r.planned != nil {
		over, err = r.open(ctx, r.root())
	} else {
		over, err = r.open(ctx, nil)
	}
	if over || err != nil {
		return over, err
	}
	if err := r.rest(ctx); err != nil {
		return false, err
	}
	answer, err := r.ask(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Close{Close: &uplinkv1.RunClose{
		RunId: r.info.RunID, FinishedAt: stamp(r.end.FinishedAt), Error: r.end.Error, Log: r.end.Log}}})
	if err != nil {
		return false, err
	}
	receipt := answer.GetClose()
	switch receipt.GetVerdict() {
	case done:
		return true, r.run.Done(true)
	case retry:
		return false, retryOf(answer, receipt.GetReason())
	case send, list:
		// The collector holds something else than it acknowledged; the next run goes through the lists.
		return true, errors.Join(r.forgetAll(), r.run.Done(true))
	case superseded, refused, failed:
		return true, r.drop(receipt.GetVerdict(), receipt.GetReason())
	}
	return false, fmt.Errorf("close run %s: the collector answers %v", r.info.RunID, answer)
}

// open announces the run, once. With a root it may be over with that.
func (r *runPush) open(ctx context.Context, root []byte) (over bool, err error) {
	if r.opened {
		return false, nil
	}
	msg := &uplinkv1.RunOpen{RunId: r.info.RunID, ConnectionId: r.info.ConnectionID, Epoch: r.info.Epoch, Generation: r.info.Generation,
		Trigger: r.info.Trigger, Kinds: r.info.Kinds, StartedAt: stamp(r.info.StartedAt), Root: root}
	if r.planned != nil {
		msg.Scopes, msg.PluginVersion = int32(len(r.planned.Scopes)), r.planned.PluginVersion
	}
	if r.end != nil {
		msg.FinishedAt = stamp(r.end.FinishedAt)
	}
	if err := r.run.Announced(); err != nil {
		return false, err
	}
	answer, err := r.ask(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Open{Open: msg}})
	if err != nil {
		return false, err
	}
	reply := answer.GetRun()
	switch reply.GetVerdict() {
	case done:
		return true, r.run.Done(true)
	case send, list:
		r.opened, r.forget = true, reply.GetVerdict() == list
		return false, r.plan(ctx)
	case superseded, refused, failed:
		return true, r.drop(reply.GetVerdict(), reply.GetReason())
	case retry:
		return false, retryOf(answer, reply.GetReason())
	}
	return false, fmt.Errorf("open run %s: the collector answers %v", r.info.RunID, answer)
}

func (r *runPush) plan(ctx context.Context) error {
	if r.planned == nil {
		return r.send(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Plan{Plan: &uplinkv1.RunPlan{RunId: r.info.RunID, Last: true}}})
	}
	for first := 0; ; first += protocol.MaxPlanChunk {
		chunk := r.planned.Scopes[first:min(first+protocol.MaxPlanChunk, len(r.planned.Scopes))]
		msg := &uplinkv1.RunPlan{RunId: r.info.RunID, First: int32(first), Last: first+len(chunk) == len(r.planned.Scopes),
			Complete: r.planned.Complete, Warnings: r.planned.Warnings}
		for _, s := range chunk {
			msg.Scopes = append(msg.Scopes, scopeProto(s))
		}
		if err := r.send(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Plan{Plan: msg}}); err != nil || msg.Last {
			return err
		}
	}
}

// drop frees a run that the collector does not want.
func (r *runPush) drop(v uplinkv1.Verdict, reason string) error {
	r.session.log.Warn("the collector does not take a run", "run", r.info.RunID, "connection", r.info.ConnectionID,
		"verdict", v.String(), "reason", reason)
	err := r.forgetAll()
	if v == refused {
		err = r.spool().ForgetConnection(r.info.ConnectionID)
	}
	return errors.Join(err, r.run.Done(false))
}

func (r *runPush) forgetAll() error {
	if r.planned == nil {
		return nil
	}
	var errs []error
	for _, s := range r.planned.Scopes {
		errs = append(errs, r.spool().ForgetBaseline(r.info.ConnectionID, s.Key()))
	}
	return errors.Join(errs...)
}

// view looks at a capture beside its baseline.
func (r *runPush) view(at int) (*view, error) {
	c := r.captures[at]
	v, err := r.beside(c)
	if err == nil && v.digest != c.Digest {
		r.digests[c.Scope] = v.digest
	}
	return v, err
}

func (r *runPush) beside(c *spool.Capture) (*view, error) {
	v := &view{capture: c, outcome: c.Told(), digest: c.Digest}
	if !c.Stored() {
		v.digest = resource.Digest{}
	}
	if !r.forget {
		v.base = r.spool().Baseline(r.info.ConnectionID, c.Key())
	}
	if v.base != nil && !c.Stored() {
		// There is nothing to compare; what is known stays as it is.
		v.digest = v.base.Digest
		return v, nil
	}
	if v.base != nil && !v.base.Comparable(c) {
		v.base = nil
	}
	switch {
	case v.base == nil:
		v.changed = v.digest.Count > 0
	case v.complete():
		v.changed = v.base.Digest != v.digest
	default:
		v.digest = v.base.Digest
		if c.Digest.Count > 0 {
			v.digest = resource.Digest{}
			for row, err := range r.overlay(v) {
				if err != nil {
					return nil, err
				}
				v.digest.AddRow(row.Key, row.Hash)
			}
		}
		v.changed = v.base.Digest != v.digest
	}
	return v, nil
}

// root is over how every scope stands.
func (r *runPush) root() []byte {
	var states []resource.ScopeState
	complete := false
	if r.planned != nil {
		complete = r.planned.Complete
		for _, c := range r.captures {
			s := resource.ScopeState{Scope: r.planned.Scopes[c.Scope], Status: c.Told().Status, Digest: c.Digest,
				Fingerprint: c.Fingerprint, HashFormat: c.HashFormat, KindDigest: c.KindDigest, PolicyDigest: c.PolicyDigest}
			if d, ok := r.digests[c.Scope]; ok {
				s.Digest = d
			}
			states = append(states, s)
		}
	}
	h := resource.Root(states, complete)
	return h[:]
}

// Rows that tell whose fault it is when they cannot be read.

func (r *runPush) rows(v *view) spool.Rows {
	return tagged(r.run.Rows(v.capture), func(err error) error { return &damagedError{capture: v.capture, err: err} })
}

func (r *runPush) baseRows(v *view) spool.Rows {
	if v.base == nil {
		return spool.NoRows
	}
	key := v.capture.Key()
	return tagged(r.spool().BaselineRows(r.info.ConnectionID, key), func(err error) error {
		return errors.Join(fmt.Errorf("baseline of %s: %w", key, err), r.spool().ForgetBaseline(r.info.ConnectionID, key))
	})
}

func (r *runPush) overlay(v *view) spool.Rows { return spool.Overlay(r.baseRows(v), r.rows(v)) }

func tagged(rows spool.Rows, tag func(error) error) spool.Rows {
	return func(yield func(spool.Row, error) bool) {
		for row, err := range rows {
			if err != nil {
				if errors.Is(err, spool.ErrCorrupt) {
					err = tag(err)
				}
				yield(row, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}
