package ledger

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/store"
)

// Finding is something that was removed, edited or put in.
type Finding struct {
	Tenant, Stream string
	// ID of the entry, or "checkpoint <number>".
	ID      string
	At      time.Time
	Problem string
}

// Head is a stream's newest checkpoint. Kept elsewhere, it proves later that nothing before it was cut off.
type Head struct {
	Tenant, Stream string
	Number         int64
	Hash           string
	Until          time.Time
}

// Verification is what Verify found.
type Verification struct {
	Entries, Sealed, Purged, Checkpoints int
	Heads                                []Head
	Findings                             []Finding
	// More says that there are findings beyond the first ones.
	More bool
}

// OK says that nothing was found.
func (v *Verification) OK() bool { return len(v.Findings) == 0 }

// mostFindings bounds what one verification lists.
const mostFindings = 200

func (v *Verification) add(f Finding) {
	if len(v.Findings) == mostFindings {
		v.More = true
		return
	}
	v.Findings = append(v.Findings, f)
}

// Verify reads all entries and checkpoints of the tenants (nil: of all) and compares. expect are hashes of checkpoints that
// were kept elsewhere and must be there.
func (l *Ledger) Verify(ctx context.Context, tenants []string, expect []string) (*Verification, error) {
	v := &Verification{}
	missing := map[string]bool{}
	for _, hash := range expect {
		missing[hash] = true
	}
	for _, s := range l.opt.Streams {
		of, err := l.tenantsOf(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("verify %s: %w", s.Name(), err)
		}
		for _, tenant := range of {
			if tenants != nil && !slices.Contains(tenants, tenant) {
				continue
			}
			c := &check{l: l, s: s, tenant: tenant, v: v, expect: missing, chains: map[string]link{}, odd: map[string]bool{}, kept: map[string]keep{}}
			if err := c.run(ctx); err != nil {
				return nil, fmt.Errorf("verify %s of tenant %q: %w", s.Name(), tenant, err)
			}
		}
	}
	for hash := range missing {
		v.add(Finding{ID: "checkpoint", Problem: "the checkpoint with hash " + hash + " is not there"})
	}
	return v, nil
}

// tenantsOf has those too whose entries are all gone.
func (l *Ledger) tenantsOf(ctx context.Context, s Stream) ([]string, error) {
	of, err := s.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := l.opt.Store.Tenants(ctx, tCheckpoints)
	if err != nil {
		return nil, err
	}
	all := append(of, sealed...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

type link struct {
	version int64
	hash    string
}

// check verifies one stream of one tenant.
type check struct {
	l      *Ledger
	s      Stream
	tenant string
	v      *Verification
	expect map[string]bool
	// horizon is the signed one; next are the entries read and not compared yet, all that is read when drained is set.
	horizon horizon
	next    []Entry
	last    Position
	drained bool
	// chains are the newest links by owner, odd the owners whose entries did not come in order.
	chains map[string]link
	odd    map[string]bool
	// kept are the entries that a purge had to leave, by owner.
	kept map[string]keep
}

type keep struct {
	version int64
	entry   Entry
	there   bool
}

// note follows what a purge had to leave of an interval that it went over.
func (c *check) note(e Entry, there bool) {
	owner, version := c.s.Kept(e.ID)
	if owner != "" && version >= c.kept[owner].version {
		c.kept[owner] = keep{version, e, there}
	}
}

func (c *check) find(id string, at time.Time, format string, args ...any) {
	c.v.add(Finding{Tenant: c.tenant, Stream: c.s.Name(), ID: id, At: at, Problem: fmt.Sprintf(format, args...)})
}

func (c *check) run(ctx context.Context) error {
	h, _, err := c.l.horizon(ctx, c.tenant, c.s.Name())
	if err != nil {
		return err
	}
	if h.Number > 0 {
		hash, err := h.hash()
		if err != nil {
			return err
		}
		if !c.l.signed("horizon", hash, h.Signature) {
			c.find("horizon", h.Before.Time, "the record of what was purged is not signed by this installation")
			h = horizon{}
		}
	}
	c.horizon = h
	prev := Checkpoint{}
	for number := int64(1); ; number++ {
		cp, entries, err := c.l.checkpoint(ctx, c.tenant, c.s.Name(), number, true)
		if err != nil && cp.Number == 0 {
			return err
		}
		if cp.Number == 0 {
			last, err := c.l.last(ctx, c.tenant, c.s.Name())
			if err != nil {
				return err
			}
			if last.Number < number {
				break
			}
			c.find(fmt.Sprintf("checkpoint %d", number), time.Time{}, "is missing; the newest is %d", last.Number)
			prev = Checkpoint{Number: number}
			continue
		}
		if err != nil {
			c.find(fmt.Sprintf("checkpoint %d", number), cp.Until.Time, "%v", err)
		}
		if err := c.checkpoint(cp, prev, entries, err == nil); err != nil {
			return err
		}
		if err := c.compare(ctx, cp, entries); err != nil {
			return err
		}
		prev = cp
		c.v.Checkpoints++
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	for _, k := range c.kept {
		if !k.there {
			c.find(k.entry.ID, k.entry.At, "was removed: a purge would have left it")
		}
	}
	for owner := range c.odd {
		problem, err := c.s.Recheck(ctx, c.tenant, owner, c.horizon.Number == 0)
		if err != nil {
			return err
		}
		if problem != "" {
			c.find(owner, time.Time{}, "%s", problem)
		}
	}
	if prev.Number == 0 || prev.Stream == "" {
		return nil
	}
	hash, err := prev.Hash()
	c.v.Heads = append(c.v.Heads, Head{Tenant: c.tenant, Stream: c.s.Name(), Number: prev.Number, Hash: hash, Until: prev.Until.Time})
	return err
}

// checkpoint checks one against its signature, its predecessor and its list.
func (c *check) checkpoint(cp, prev Checkpoint, entries []Entry, listed bool) error {
	id := fmt.Sprintf("checkpoint %d", cp.Number)
	hash, err := cp.Hash()
	if err != nil {
		return err
	}
	delete(c.expect, hash)
	if !c.l.signed("checkpoint", hash, cp.Signature) || cp.Tenant != c.tenant || cp.Stream != c.s.Name() {
		c.find(id, cp.Until.Time, "was edited: its signature is not this installation's")
	}
	if before, err := prev.Hash(); err != nil {
		return err
	} else if cp.Number > 1 && prev.Stream != "" && cp.Prev != before {
		c.find(id, cp.Until.Time, "does not carry the hash of the one before")
	}
	if !listed {
		return nil
	}
	if root := rootOf(entries); hex.EncodeToString(root[:]) != cp.Root || len(entries) != cp.Count {
		c.find(id, cp.Until.Time, "its list of entries was edited")
	}
	return nil
}

// read answers the next entry without taking it; false at the end of what is settled or not.
func (c *check) read(ctx context.Context) (Entry, bool, error) {
	if len(c.next) == 0 && !c.drained {
		page, err := c.s.Entries(ctx, c.tenant, c.last, c.l.opt.Clock().Add(100*365*24*time.Hour), readAtOnce)
		if err != nil {
			return Entry{}, false, err
		}
		c.drained = len(page) == 0
		c.next = page
		if len(page) > 0 {
			c.last = page[len(page)-1].position()
		}
	}
	if len(c.next) == 0 {
		return Entry{}, false, nil
	}
	return c.next[0], true, nil
}

func (c *check) take() {
	e := c.next[0]
	c.next = c.next[1:]
	c.v.Entries++
	if e.Problem != "" {
		c.find(e.ID, e.At, "%s", e.Problem)
	}
	if e.Owner == "" {
		return
	}
	hash := hex.EncodeToString(e.Hash[:])
	before, known := c.chains[e.Owner]
	switch {
	case !known && e.Version != 1 && c.horizon.Number == 0, known && (e.Version != before.version+1 || e.Prev != before.hash):
		c.odd[e.Owner] = true // another collector's clock, or something is missing: looked at with care later
	}
	if !known || e.Version > before.version {
		c.chains[e.Owner] = link{e.Version, hash}
	}
}

// compare goes along a list and what is stored, side by side.
func (c *check) compare(ctx context.Context, cp Checkpoint, list []Entry) error {
	purged := cp.Number <= c.horizon.Number
	until := cp.position()
	for {
		have, ok, err := c.read(ctx)
		if err != nil {
			return err
		}
		inside := ok && have.position().compare(until) <= 0
		switch {
		case len(list) == 0 && !inside:
			return nil
		case len(list) == 0 || inside && have.position().compare(list[0].position()) < 0:
			c.find(have.ID, have.At, "was put in, or moved to another moment, after its time had been sealed")
			c.take()
		case !inside || list[0].position().compare(have.position()) < 0:
			if purged {
				c.v.Purged++
				c.note(list[0], false)
			} else {
				c.find(list[0].ID, list[0].At, "was removed, or moved to another moment")
			}
			list = list[1:]
		default:
			if have.Hash != list[0].Hash {
				c.find(have.ID, have.At, "was edited")
			}
			if purged {
				c.note(have, true)
			}
			c.v.Sealed++
			c.take()
			list = list[1:]
		}
	}
}

// open goes through what no checkpoint closes yet; chains are checked there too.
func (c *check) open(ctx context.Context) error {
	for {
		_, ok, err := c.read(ctx)
		if err != nil || !ok {
			return err
		}
		c.take()
	}
}

// After is where a store goes on behind a position, for streams ordered by a moment and the id.
func After(p Position, order []store.Order) (string, error) {
	if p.At.IsZero() {
		return "", nil
	}
	return store.Cursor{Values: []any{p.At.UTC().Format(store.TimeLayout)}, ID: p.ID}.Encode(order)
}
