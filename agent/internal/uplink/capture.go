package uplink

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// capture sends one scope and holds what the collector acknowledged as the new baseline.
func (r *runPush) capture(ctx context.Context, v *view) error {
	// A capture is opened again at most once: without its baseline, when the collector does not know that.
	for range 2 {
		answer, err := r.ask(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Capture{Capture: r.captureOpen(v)}})
		if err != nil {
			return err
		}
		reply := answer.GetCapture()
		var got *receipt
		switch reply.GetVerdict() {
		case retry:
			return retryOf(answer, reply.GetReason())
		case send:
			got, err = r.difference(ctx, v)
		case list:
			if r.withoutBaseline(v) {
				continue
			}
			got, err = r.list(ctx, v, reply.GetBucketSums())
		default:
			got = &receipt{verdict: reply.GetVerdict(), reason: reply.GetReason()}
		}
		if err != nil {
			return err
		}
		if got.verdict == list && r.withoutBaseline(v) {
			continue
		}
		return r.settle(ctx, v, got)
	}
	return fmt.Errorf("scope %s: the collector asks for lists without end", v.capture.Key())
}

// maxAhead is how many captures are announced without waiting: each is a way to the collector and back otherwise, and an
// organisation has a hundred thousand scopes, most of them empty or unchanged.
const maxAhead = 200

// rest announces the captures that did not change, many at a time. The collector mostly has nothing to ask of them.
func (r *runPush) rest(ctx context.Context) error {
	for len(r.later) > 0 {
		ahead := r.later[:min(len(r.later), maxAhead)]
		views := make([]*view, len(ahead))
		for i, at := range ahead {
			var err error
			if views[i], err = r.view(at); err != nil {
				return err
			}
			if err := r.send(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Capture{Capture: r.captureOpen(views[i])}}); err != nil {
				return err
			}
		}
		var asked []*view
		for _, v := range views {
			answer, err := r.recv(ctx)
			if err != nil {
				return err
			}
			reply := answer.GetCapture()
			switch reply.GetVerdict() {
			case retry:
				return retryOf(answer, reply.GetReason())
			case send, list:
				asked = append(asked, v)
			default:
				if err := r.settle(ctx, v, &receipt{verdict: reply.GetVerdict(), reason: reply.GetReason()}); err != nil {
					return err
				}
			}
		}
		// Those of which more is wanted are announced once more, each by itself.
		for _, v := range asked {
			if err := r.capture(ctx, v); err != nil {
				return err
			}
		}
		r.later = r.later[len(ahead):]
	}
	return nil
}

// withoutBaseline makes a capture that is not complete speak of what it lists only: its baseline means nothing to the
// collector, and the bodies of the baseline are not here.
func (r *runPush) withoutBaseline(v *view) bool {
	if v.complete() || v.base == nil {
		return false
	}
	v.base, v.digest = nil, v.capture.Digest
	if !v.capture.Stored() {
		v.digest = resource.Digest{}
	}
	return true
}

func (r *runPush) captureOpen(v *view) *uplinkv1.CaptureOpen {
	c := v.capture
	msg := &uplinkv1.CaptureOpen{RunId: r.info.RunID, Scope: int32(c.Scope), Outcome: outcomeProto(v.outcome),
		Digest: v.digest.Bytes(), Count: v.digest.Count, Fingerprint: c.Fingerprint, HashFormat: int32(c.HashFormat),
		KindDigest: c.KindDigest, PolicyDigest: c.PolicyDigest, ReadAt: stamp(c.ReadAt)}
	if b := v.base; b != nil {
		msg.Baseline = &uplinkv1.Baseline{Epoch: b.Epoch, Generation: b.Generation, Digest: b.Digest.Bytes(), Count: b.Digest.Count}
	}
	return msg
}

// settle goes on until the collector's word is the last.
func (r *runPush) settle(ctx context.Context, v *view, got *receipt) error {
	connection, key := r.info.ConnectionID, v.capture.Key()
	listed := false
	for {
		var err error
		switch got.verdict {
		case done:
			return r.acknowledge(v, got.index)
		case retry:
			return got.retry()
		case list:
			if listed {
				return fmt.Errorf("scope %s: the collector asks for lists without end", key)
			}
			listed = true
			got, err = r.list(ctx, v, got.sums)
		case send:
			got, err = r.bodies(ctx, v, got.want)
			if err == nil && got.verdict == send {
				return fmt.Errorf("scope %s: the collector asks for bodies without end", key)
			}
		case superseded, refused, failed:
			r.session.log.Warn("the collector does not take a scope", "run", r.info.RunID, "scope", key,
				"verdict", got.verdict.String(), "reason", got.reason)
			return r.spool().ForgetBaseline(connection, key)
		default:
			return fmt.Errorf("scope %s: the collector answers verdict %v", key, got.verdict)
		}
		if err != nil {
			return err
		}
	}
}

// acknowledge makes what the collector now holds the baseline of the scope.
func (r *runPush) acknowledge(v *view, index []*uplinkv1.Row) error {
	c := v.capture
	next := spool.Baseline{Scope: c.Key(), Epoch: r.info.Epoch, Generation: r.info.Generation,
		HashFormat: c.HashFormat, KindDigest: c.KindDigest, PolicyDigest: c.PolicyDigest}
	var rows spool.Rows
	switch {
	case v.complete() && v.base != nil && v.base.Digest == v.digest, v.complete() && v.base == nil && c.Digest.Count == 0 && c.Stored():
		return nil
	case v.complete() && c.Digest.Count == 0 && c.Stored():
		// Nothing is what a scope without a baseline holds.
		return r.spool().ForgetBaseline(r.info.ConnectionID, c.Key())
	case v.complete():
		rows = r.rows(v)
	case len(index) > 0:
		rows = rowsOf(index)
	case v.base != nil && (v.base.Digest == v.digest || !c.Stored()):
		return nil
	case v.base != nil:
		rows = r.overlay(v)
	default:
		// Nothing was listed and nothing is known.
		return r.spool().ForgetBaseline(r.info.ConnectionID, c.Key())
	}
	kept, err := r.spool().SetBaseline(r.info.ConnectionID, next, rows)
	if err != nil {
		return err
	}
	v.digest = kept.Digest
	return nil
}

func rowsOf(index []*uplinkv1.Row) spool.Rows {
	return func(yield func(spool.Row, error) bool) {
		for _, row := range index {
			h, err := resource.HashFromBytes(row.GetHash())
			if !yield(spool.Row{Key: row.GetKey(), Hash: h}, err) || err != nil {
				return
			}
		}
	}
}

// receipt is what the receipts of a series of batches come to.
type receipt struct {
	verdict uplinkv1.Verdict
	reason  string
	want    []string
	index   []*uplinkv1.Row
	// sums of the collector's rows, with the wish for a list.
	sums   []byte
	answer *uplinkv1.PushResponse
}

func (r *receipt) retry() error { return retryOf(r.answer, r.reason) }

// difference sends what changed against the baseline; all of it when there is none.
func (r *runPush) difference(ctx context.Context, v *view) (*receipt, error) {
	d, err := spool.Compare(r.baseRows(v), r.rows(v))
	if err != nil {
		return nil, err
	}
	b := r.batches(v)
	if err := r.items(ctx, b, v, func(row spool.Row) bool { return d.Changed[row.Key] }); err != nil {
		return nil, err
	}
	if v.complete() {
		for _, key := range d.Removed {
			if err := b.removed(ctx, key); err != nil {
				return nil, err
			}
		}
	}
	return b.finish(ctx)
}

// list sends the (key, hash) list: that of the parts in which the collector's sums differ from what was read, or all of it where
// it told none.
func (r *runPush) list(ctx context.Context, v *view, sums []byte) (*receipt, error) {
	b := r.batches(v)
	parts, err := r.differing(v, sums)
	if err != nil {
		return nil, err
	}
	b.listing(parts)
	for row, err := range r.rows(v) {
		if err == nil && (parts == nil || parts.Has(row.Key)) {
			err = b.row(ctx, row)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.finish(ctx)
}

// differing says which parts of a scope the collector holds otherwise; nil means that all have to be listed.
func (r *runPush) differing(v *view, sums []byte) (*resource.BucketSet, error) {
	if len(sums) == 0 || !v.complete() {
		return nil, nil
	}
	theirs, err := resource.BucketsFromBytes(sums)
	if err != nil {
		return nil, fmt.Errorf("scope %s: the collector's answer: %w", v.capture.Key(), err)
	}
	var ours resource.Buckets
	for row, err := range r.rows(v) {
		if err != nil {
			return nil, err
		}
		ours.AddRow(row.Key, row.Hash)
	}
	parts := ours.Differing(theirs)
	return &parts, nil
}

// bodies sends what the collector asked for after a list.
func (r *runPush) bodies(ctx context.Context, v *view, want []string) (*receipt, error) {
	wanted := make(map[string]bool, len(want))
	for _, key := range want {
		wanted[key] = true
	}
	b := r.batches(v)
	if err := r.items(ctx, b, v, func(row spool.Row) bool { return wanted[row.Key] }); err != nil {
		return nil, err
	}
	return b.finish(ctx)
}

func (r *runPush) items(ctx context.Context, b *batches, v *view, want func(spool.Row) bool) error {
	for items, err := range r.run.Items(v.capture, want) {
		if errors.Is(err, spool.ErrCorrupt) {
			return &damagedError{capture: v.capture, err: err}
		}
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := b.item(ctx, it); err != nil {
				return err
			}
		}
	}
	return nil
}
