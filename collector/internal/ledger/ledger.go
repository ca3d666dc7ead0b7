// Package ledger makes the past hard to forge: what was written down as having happened cannot be removed or edited in the
// store without that being found, and named.
//
// Intervals of entries that nothing is added to any more are closed by checkpoints: a Merkle root over the entries' hashes,
// a number, the hash of the checkpoint before, all signed with a key that is not in the store. The list of hashes stays beside
// the root. Entries that are purged leave checkpoint and hashes, and the moment up to which was purged is signed as well.
// Writers know nothing of it, so that they need not queue: one collector seals what all have written, minutes later.
//
// What it cannot show: that entries of the last minutes, not yet sealed, are all there; and that the newest checkpoints were
// not cut off together with their entries, unless somebody kept a checkpoint's hash (they are logged) and asks for it.
package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

const (
	tCheckpoints = "checkpoints"
	tHorizons    = "horizons"
)

// Entry is one thing that happened, with the hash of all that was written of it.
type Entry struct {
	ID   string
	At   time.Time
	Hash [32]byte
	// Problem is what the entry says of itself that cannot be, found while it was read.
	Problem string
	// Owner, Version and Prev are of entries that carry their predecessor's hash.
	Owner   string
	Version int64
	Prev    string
}

// Position is a place in the order of entries: by moment, then by id.
type Position struct {
	At time.Time
	ID string
}

func (p Position) compare(q Position) int {
	if c := p.At.Compare(q.At); c != 0 {
		return c
	}
	switch {
	case p.ID < q.ID:
		return -1
	case p.ID > q.ID:
		return 1
	}
	return 0
}

func (e Entry) position() Position { return Position{At: e.At, ID: e.ID} }

// Stream is a table of entries.
type Stream interface {
	Name() string
	Tenants(ctx context.Context) ([]string, error)
	// Settled is the moment before which no entry is added or changes any more.
	Settled(ctx context.Context, tenant string, now time.Time) (time.Time, error)
	// Entries are the next ones after a position and before a moment, in order.
	Entries(ctx context.Context, tenant string, after Position, before time.Time, limit int) ([]Entry, error)
	// Forget deletes what these entries, all from before the horizon, make superfluous: nothing that is needed to answer
	// for a moment from the horizon on. Again does no harm.
	Forget(ctx context.Context, tenant string, entries []Entry, horizon time.Time) (int, error)
	// Kept names the owner, of whose entries Forget leaves the one with the highest version; "" when it leaves none.
	Kept(id string) (owner string, version int64)
	// Recheck looks at one owner's chain with care and says what is wrong, "" when nothing is. Whole says that it must begin
	// with its first entry.
	Recheck(ctx context.Context, tenant, owner string, whole bool) (string, error)
}

// Tables are the tables that the Ledger needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: tCheckpoints, Indexes: []store.Index{{Name: "number", Fields: []filter.Field{
			{Path: []string{"stream"}, Type: filter.String}, {Path: []string{"number"}, Type: filter.Number}}}}},
		{Name: tHorizons},
	}
}

// Options of a Ledger.
type Options struct {
	Store store.Store
	// Seed of the signing key, 32 bytes, the same for every collector of the installation and never in the store.
	Seed    []byte
	Streams []Stream
	Clock   func() time.Time
	Log     *slog.Logger
	// Every is how old the first open entry becomes before an interval is closed (1 hour), Most how many entries one has.
	Every time.Duration
	Most  int
}

// Ledger seals, verifies and purges.
type Ledger struct {
	opt Options
	key ed25519.PrivateKey
}

// New makes a Ledger.
func New(opt Options) (*Ledger, error) {
	if len(opt.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("make ledger: want a seed of %d bytes", ed25519.SeedSize)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Every <= 0 {
		opt.Every = time.Hour
	}
	if opt.Most <= 0 {
		opt.Most = 20_000
	}
	return &Ledger{opt: opt, key: ed25519.NewKeyFromSeed(opt.Seed)}, nil
}

// Checkpoint closes an interval. All of it is signed but the signature.
type Checkpoint struct {
	Tenant string `json:"tenant"`
	Stream string `json:"stream"`
	// Number counts from 1 in the tenant's stream.
	Number int64 `json:"number"`
	// Until is the last entry's position; the interval begins behind the one before.
	Until   store.Time `json:"until"`
	UntilID string     `json:"until_id"`
	Count   int        `json:"count"`
	Root    string     `json:"root"`
	// Prev is the hash of the checkpoint before; "" for the first.
	Prev      string     `json:"prev"`
	SealedAt  store.Time `json:"sealed_at"`
	Signature []byte     `json:"signature,omitempty"`
}

func (c Checkpoint) position() Position { return Position{At: c.Until.Time, ID: c.UntilID} }

// Hash names the checkpoint; whoever keeps it can later prove that nothing before it was cut off.
func (c Checkpoint) Hash() (string, error) {
	c.Signature = nil
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode checkpoint: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (l *Ledger) sign(purpose, hash string) []byte {
	return ed25519.Sign(l.key, []byte(purpose+"\x00"+hash))
}

func (l *Ledger) signed(purpose, hash string, signature []byte) bool {
	public, ok := l.key.Public().(ed25519.PublicKey)
	return ok && ed25519.Verify(public, []byte(purpose+"\x00"+hash), signature)
}

func checkpointID(tenant, stream string, number int64) string {
	return store.Key(tenant, stream, fmt.Sprintf("%012d", number))
}

// last is the newest checkpoint; number 0 when there is none.
func (l *Ledger) last(ctx context.Context, tenant, stream string) (Checkpoint, error) {
	number := filter.Field{Path: []string{"number"}, Type: filter.Number}
	page, err := l.opt.Store.Find(ctx, store.Query{Table: tCheckpoints, Tenant: tenant, Limit: 1, Order: []store.Order{{Field: number, Desc: true}},
		Where: filter.Compare{Field: filter.Field{Path: []string{"stream"}, Type: filter.String}, Op: filter.Eq, Value: stream}})
	if err != nil || len(page.Rows) == 0 {
		return Checkpoint{}, err
	}
	return decodeCheckpoint(page.Rows[0])
}

func decodeCheckpoint(r store.Row) (Checkpoint, error) {
	var c Checkpoint
	if err := json.Unmarshal(r.Doc, &c); err != nil {
		return c, fmt.Errorf("decode checkpoint %s: %w", r.ID, err)
	}
	return c, nil
}

// Seal closes the intervals that are due. One collector at a time calls it; of two that do, one inserts.
func (l *Ledger) Seal(ctx context.Context) error {
	for _, s := range l.opt.Streams {
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return fmt.Errorf("seal %s: %w", s.Name(), err)
		}
		for _, tenant := range tenants {
			for more := true; more; {
				if more, err = l.sealNext(ctx, s, tenant); err != nil {
					return fmt.Errorf("seal %s of tenant %q: %w", s.Name(), tenant, err)
				}
			}
		}
	}
	return nil
}

// readAtOnce is how many entries are asked for at once.
const readAtOnce = 1000

func (l *Ledger) sealNext(ctx context.Context, s Stream, tenant string) (more bool, err error) {
	now := l.opt.Clock()
	settled, err := s.Settled(ctx, tenant, now)
	if err != nil {
		return false, err
	}
	before, err := l.last(ctx, tenant, s.Name())
	if err != nil {
		return false, err
	}
	next := Checkpoint{Tenant: tenant, Stream: s.Name(), Number: before.Number + 1, SealedAt: store.At(now)}
	after := before.position()
	if before.Number > 0 {
		if next.Prev, err = before.Hash(); err != nil {
			return false, err
		}
	}
	first, err := s.Entries(ctx, tenant, after, settled, 1)
	if err != nil || len(first) == 0 || now.Sub(first[0].At) < l.opt.Every {
		return false, err
	}
	var entries []Entry
	for len(entries) < l.opt.Most {
		page, err := s.Entries(ctx, tenant, after, settled, min(readAtOnce, l.opt.Most-len(entries)))
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			break
		}
		entries = append(entries, page...)
		after = page[len(page)-1].position()
	}
	root := rootOf(entries)
	next.Count, next.Root, next.Until, next.UntilID = len(entries), hex.EncodeToString(root[:]), store.At(after.At), after.ID
	return l.insert(ctx, next, entries)
}

func (l *Ledger) insert(ctx context.Context, c Checkpoint, entries []Entry) (more bool, err error) {
	hash, err := c.Hash()
	if err != nil {
		return false, err
	}
	c.Signature = l.sign("checkpoint", hash)
	doc, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("encode checkpoint: %w", err)
	}
	list, err := pack(entries)
	if err != nil {
		return false, err
	}
	row := store.Row{ID: checkpointID(c.Tenant, c.Stream, c.Number), Tenant: c.Tenant, Version: 1, Doc: doc, Blob: list}
	var conflicts []int
	err = l.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err = tx.Write(ctx, store.Write{Table: tCheckpoints, Op: store.Insert, Row: row})
		return err
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("write checkpoint: %w", err)
	case len(conflicts) > 0:
		return false, errors.New("another collector sealed meanwhile")
	}
	l.opt.Log.InfoContext(ctx, "sealed", "tenant", c.Tenant, "stream", c.Stream, "number", c.Number, "entries", c.Count, "until", c.Until.Time, "checkpoint", hash)
	return c.Count == l.opt.Most, nil
}
