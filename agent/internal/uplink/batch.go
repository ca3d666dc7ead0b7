package uplink

import (
	"context"
	"fmt"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

const (
	// batchBytes and batchItems keep batches well under the limits of contracts 3.5.
	batchBytes = 1 << 20
	batchItems = 500
	// maxFlight bounds batches whose receipts are not there yet; defaultWindow their bytes.
	maxFlight     = 8
	defaultWindow = 8 << 20
)

// batches cuts what is sent of a capture into batches and keeps a few of them in flight.
type batches struct {
	push    *runPush
	view    *view
	batch   *uplinkv1.Batch
	bytes   int
	items   int
	flight  []int // bytes of each batch under way
	flying  int
	result  receipt
	decided bool
	// parts that the list speaks of; they stand in each of its batches.
	parts []byte
}

func (r *runPush) batches(v *view) *batches {
	b := &batches{push: r, view: v}
	b.reset()
	return b
}

// listing says which parts of the scope are going to be listed; nil is all.
func (b *batches) listing(parts *resource.BucketSet) {
	if parts != nil {
		b.parts = parts.Bytes()
		b.batch.Buckets = b.parts
	}
}

func (b *batches) reset() {
	b.batch = &uplinkv1.Batch{RunId: b.push.info.RunID, Scope: int32(b.view.capture.Scope), Seq: b.view.seq, Buckets: b.parts}
	b.view.seq++
	b.bytes, b.items = 0, 0
}

func (b *batches) item(ctx context.Context, it spool.Item) error {
	if err := b.room(ctx, len(it.Canonical)+len(it.Volatile)+len(it.Hash)); err != nil {
		return err
	}
	b.batch.Upserts = append(b.batch.Upserts, itemProto(it))
	return nil
}

func (b *batches) removed(ctx context.Context, key string) error {
	if err := b.room(ctx, len(key)); err != nil {
		return err
	}
	b.batch.Removed = append(b.batch.Removed, key)
	return nil
}

func (b *batches) row(ctx context.Context, row spool.Row) error {
	if err := b.room(ctx, len(row.Key)+len(row.Hash)); err != nil {
		return err
	}
	b.batch.List = append(b.batch.List, &uplinkv1.Row{Key: row.Key, Hash: row.Hash.Bytes()})
	return nil
}

// room makes place for one more.
func (b *batches) room(ctx context.Context, size int) error {
	if b.items > 0 && (b.items >= batchItems || b.bytes+size > batchBytes) {
		if err := b.ship(ctx); err != nil {
			return err
		}
	}
	b.items++
	b.bytes += size + 16
	return nil
}

// ship sends the batch. Once the collector has decided there is no use in more.
func (b *batches) ship(ctx context.Context) error {
	if !b.decided {
		for len(b.flight) >= maxFlight || len(b.flight) > 0 && int64(b.flying+b.bytes) > b.push.session.told.inFlight() {
			if err := b.land(ctx); err != nil {
				return err
			}
		}
	}
	if !b.decided {
		if err := b.push.send(ctx, &uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Batch{Batch: b.batch}}); err != nil {
			return err
		}
		b.flight = append(b.flight, b.bytes)
		b.flying += b.bytes
	}
	b.reset()
	return nil
}

// land takes the oldest receipt under way.
func (b *batches) land(ctx context.Context) error {
	answer, err := b.push.recv(ctx)
	if err != nil {
		return err
	}
	got := answer.GetBatch()
	if got == nil || int(got.GetScope()) != b.view.capture.Scope {
		return fmt.Errorf("scope %s: the collector answers %v to a batch", b.view.capture.Key(), answer)
	}
	b.flying -= b.flight[0]
	b.flight = b.flight[1:]
	if rejected := got.GetRejected(); len(rejected) > 0 {
		b.push.session.log.Warn("the collector rejects resources", "scope", b.view.capture.Key(), "count", len(rejected),
			"first", rejected[0].GetKey(), "reason", rejected[0].GetReason())
	}
	for _, w := range got.GetWarnings() {
		b.push.session.log.Debug("the collector warns", "scope", b.view.capture.Key(), "warning", w)
	}
	b.result.want = append(b.result.want, got.GetWant()...)
	b.result.index = append(b.result.index, got.GetIndex()...)
	if sums := got.GetBucketSums(); len(sums) > 0 {
		b.result.sums = sums
	}
	if v := got.GetVerdict(); v != uplinkv1.Verdict_VERDICT_UNSPECIFIED && !b.decided {
		b.decided = true
		b.result.verdict, b.result.reason, b.result.answer = v, got.GetReason(), answer
	}
	return nil
}

// finish sends the last batch and waits for every receipt.
func (b *batches) finish(ctx context.Context) (*receipt, error) {
	b.batch.Last = true
	if err := b.ship(ctx); err != nil {
		return nil, err
	}
	for len(b.flight) > 0 {
		if err := b.land(ctx); err != nil {
			return nil, err
		}
	}
	if !b.decided {
		return nil, fmt.Errorf("scope %s: the collector does not say what becomes of the last batch", b.view.capture.Key())
	}
	return &b.result, nil
}
