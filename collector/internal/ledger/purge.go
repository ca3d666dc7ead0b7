package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"maestro.internal/collector/internal/store"
)

// horizon says up to which moment a stream was purged. It is written before anything is deleted.
type horizon struct {
	Tenant string     `json:"tenant"`
	Stream string     `json:"stream"`
	Before store.Time `json:"before"`
	// Number is the last checkpoint whose interval lies before.
	Number int64 `json:"number"`
	// Done is the last one whose entries were deleted; it is not signed, and only saves work.
	Done      int64  `json:"done"`
	Signature []byte `json:"signature,omitempty"`
}

func (h horizon) hash() (string, error) {
	h.Signature, h.Done = nil, 0
	b, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("encode horizon: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (l *Ledger) horizon(ctx context.Context, tenant, stream string) (h horizon, version int64, err error) {
	id := store.Key(tenant, stream)
	rows, err := l.opt.Store.Get(ctx, tHorizons, tenant, "", []string{id})
	if err != nil {
		return h, 0, fmt.Errorf("read horizon: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return horizon{Tenant: tenant, Stream: stream}, 0, nil
	}
	if err := json.Unmarshal(row.Doc, &h); err != nil {
		return h, 0, fmt.Errorf("decode horizon: %w", err)
	}
	return h, row.Version, nil
}

// Horizon is the earliest moment that a stream still answers for; zero when nothing was purged.
func (l *Ledger) Horizon(ctx context.Context, tenant, stream string) (time.Time, error) {
	h, _, err := l.horizon(ctx, tenant, stream)
	return h.Before.Time, err
}

func (l *Ledger) saveHorizon(ctx context.Context, h horizon, version int64) error {
	hash, err := h.hash()
	if err != nil {
		return err
	}
	h.Signature = l.sign("horizon", hash)
	doc, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode horizon: %w", err)
	}
	err = l.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: tHorizons, Op: store.Put,
			Row: store.Row{ID: store.Key(h.Tenant, h.Stream), Tenant: h.Tenant, Version: version + 1, Doc: doc}})
		return err
	})
	if err != nil {
		return fmt.Errorf("write horizon: %w", err)
	}
	return nil
}

// Purged is what one purge deleted.
type Purged struct {
	Tenant, Stream string
	Before         time.Time
	Entries        int
}

// Purge forgets whole sealed intervals that ended before a moment. Stopped between any two of its writes, the next one goes
// on. Each is told of, so that it can be audited.
func (l *Ledger) Purge(ctx context.Context, stream string, before time.Time, tell func(Purged) error) error {
	for _, s := range l.opt.Streams {
		if s.Name() != stream {
			continue
		}
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return fmt.Errorf("purge %s: %w", stream, err)
		}
		for _, tenant := range tenants {
			p, err := l.purge(ctx, s, tenant, before)
			if err == nil && p.Entries > 0 {
				err = tell(p)
			}
			if err != nil {
				return fmt.Errorf("purge %s of tenant %q: %w", stream, tenant, err)
			}
		}
	}
	return nil
}

func (l *Ledger) purge(ctx context.Context, s Stream, tenant string, before time.Time) (Purged, error) {
	p := Purged{Tenant: tenant, Stream: s.Name()}
	h, version, err := l.horizon(ctx, tenant, s.Name())
	if err != nil {
		return p, err
	}
	for {
		c, _, err := l.checkpoint(ctx, tenant, s.Name(), h.Number+1, false)
		if err != nil {
			return p, err
		}
		if c.Number == 0 || !c.Until.Before(before) {
			break
		}
		h.Number, h.Before = c.Number, store.At(c.Until.Add(time.Microsecond))
	}
	p.Before = h.Before.Time
	if h.Done == h.Number {
		return p, nil
	}
	if err := l.saveHorizon(ctx, h, version); err != nil {
		return p, err
	}
	for number := h.Done + 1; number <= h.Number; number++ {
		_, entries, err := l.checkpoint(ctx, tenant, s.Name(), number, true)
		if err != nil {
			return p, err
		}
		n, err := s.Forget(ctx, tenant, entries, h.Before.Time)
		if err != nil {
			return p, err
		}
		p.Entries += n
	}
	h.Done = h.Number
	return p, l.saveHorizon(ctx, h, version+1)
}

// checkpoint reads one; number 0 when it is not there.
func (l *Ledger) checkpoint(ctx context.Context, tenant, stream string, number int64, list bool) (Checkpoint, []Entry, error) {
	id := checkpointID(tenant, stream, number)
	rows, err := l.opt.Store.Get(ctx, tCheckpoints, tenant, "", []string{id})
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return Checkpoint{}, nil, nil
	}
	c, err := decodeCheckpoint(row)
	if err != nil || !list {
		return c, nil, err
	}
	entries, err := unpack(row.Blob)
	if err != nil {
		return c, nil, fmt.Errorf("read checkpoint %d: %w", number, err)
	}
	return c, entries, nil
}
