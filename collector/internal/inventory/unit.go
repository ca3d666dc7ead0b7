package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/reference"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// cause says on whose behalf something is written.
type cause struct {
	actor      string
	runID      string
	connection string
	auditID    string
	reason     string
	observedAt time.Time
	// rules is set when hashes differ because the rules that make them do: differences that only the rules
	// explain make no change. kindChanged says that the kind's schema is among them.
	rules       bool
	kindChanged bool
}

// unit is one piece of work on one kind: observations, the resources they make up, and the claims between them are
// loaded, changed in memory, and written in the order that makes every prefix harmless.
type unit struct {
	s      *Service
	tx     store.Tx
	tenant string
	kind   *schema.Kind
	keyed  map[string]string
	hidden []string // pointers of sensitive fields
	now    time.Time
	cause  cause
	// rules are the tenant's mapping rules, where their conditions for the kind.
	rules *tenantRules
	where []filter.Expr
	// roll are resources whose projection is known to be behind their changes.
	roll map[string]bool
	// patient says to wait for another writer that is not through yet.
	patient bool

	obs    map[string]*obsRec
	res    map[string]*resRec
	alias  map[string]string // merged resource -> the one it lives on as
	claims map[string]*claimRec
	pins   map[string]pinDoc // of observations that are new
	// givenUp are observations that are not going to be what a revision says of them.
	givenUp map[string]bool

	touched []string
	scopes  *scopeSet     // whose chunks are written before all else
	first   []store.Write // operations and reviews
	past    []store.Write // what was and will be no more
	index   []store.Write // scope-index rows
	last    []store.Write // what must not be there before all else is
	merges  []operationDoc
	after   func() // once all changes are made, before they are written
	// relink are resources whose relations by people are written again, dropped are such rows that go.
	relink, dropped []string
	// reference is what fills fields that nobody says; a preview tries another.
	reference *reference.Data
}

// obsRec is an observation in work.
type obsRec struct {
	id    string
	doc   obsDoc
	blob  []byte
	seen  *observed // as it is now
	was   *observed // as it is stored; nil when new
	row   int64     // version of the stored row, 0 when new
	dirty bool
}

// resRec is a resource in work.
type resRec struct {
	id      string
	version int64 // of rev; 0 when it is not there yet
	rev     revision
	hash    string
	// behind says that the stored projection is older than rev.
	behind  bool
	touched bool
	members map[string]bool // observations that it consists of now
	// manualBefore are the relations by people whose rows are stored.
	manualBefore []edge
	rulesBefore  []edge          // of mapping rules
	before       map[string]bool // as stored
	change       *changeDoc
	// stray are relations that a try which was given up may have left.
	stray []edge
	// mergedInto is the resource that it is to live on as; restored says that it is not merged any more.
	mergedInto string
	restored   bool
	// next is what people decided of it, where that is changing.
	next *revision
}

// draft is what people decided of the resource, to be changed.
func (r *resRec) draft() *revision {
	if r.next == nil {
		next := r.rev
		next.Curated, next.Pins, next.ManualIdentifiers = slices.Clone(next.Curated), slices.Clone(next.Pins), slices.Clone(next.ManualIdentifiers)
		next.Absorbed, next.Apart, next.ManualEdges = slices.Clone(next.Absorbed), slices.Clone(next.Apart), slices.Clone(next.ManualEdges)
		r.next = &next
	}
	return r.next
}

// content is what people decided of the resource as it stands.
func (r *resRec) content() *revision {
	if r.next != nil {
		return r.next
	}
	return &r.rev
}

type claimRec struct {
	id      string
	doc     claimDoc
	stored  claimDoc // as it is stored, if it is
	version int64    // 0 when new
	dirty   bool
	drop    bool
}

// raceError says that another collector was first, or that a crash left a projection behind: load again.
type raceError struct {
	resources []string
	// wait says that the other one is not through yet.
	wait bool
}

func (e *raceError) Error() string { return "another writer was first" }

// mostRaces bounds how often a unit is tried again because another was first, mostWaits how often it waits for one that is not
// through: that starts at firstWait and doubles, to ten seconds in all.
const (
	mostRaces = 60
	mostWaits = 12
	firstWait = 5 * time.Millisecond
)

// work runs fn as one unit, and again as long as somebody else gets in between.
func (s *Service) work(ctx context.Context, tenant string, kind *schema.Kind, c cause, fn func(*unit) error) error {
	if err := s.ensureKind(ctx, kind); err != nil {
		return err
	}
	roll := map[string]bool{}
	wait := cmp.Or(s.opt.firstWait, firstWait)
	for waits, races := 0, 0; waits < mostWaits && races < mostRaces; {
		rules, err := s.rulesFor(ctx, tenant)
		if err != nil {
			return err
		}
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			u := s.unit(tenant, kind, c, tx)
			u.follow(rules)
			u.roll, u.patient = roll, waits < mostWaits-2
			if len(roll) > 0 {
				if err := u.loadResources(ctx, slices.Sorted(maps.Keys(roll))); err != nil {
					return err
				}
			}
			if err := fn(u); err != nil {
				return err
			}
			if err := u.settle(); err != nil {
				return err
			}
			if u.after != nil {
				u.after()
			}
			return u.write(ctx)
		})
		var race *raceError
		if !errors.As(err, &race) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, id := range race.resources {
			roll[id] = true
		}
		if !race.wait {
			races++
			continue
		}
		waits++
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
	return fmt.Errorf("write %s: %w", kind.Name, &raceError{})
}

// unit is one that nothing is loaded in.
func (s *Service) unit(tenant string, kind *schema.Kind, c cause, tx store.Tx) *unit {
	return &unit{s: s, tx: tx, tenant: tenant, kind: kind, keyed: keyedArrays(kind), hidden: sensitivePointers(kind), now: s.now(), cause: c, reference: s.opt.Reference,
		roll: map[string]bool{}, obs: map[string]*obsRec{}, res: map[string]*resRec{}, alias: map[string]string{}, claims: map[string]*claimRec{},
		pins: map[string]pinDoc{}, givenUp: map[string]bool{}}
}

// resolve follows merges.
func (u *unit) resolve(id string) string {
	for range 20 {
		to, ok := u.alias[id]
		if !ok {
			return id
		}
		id = to
	}
	return id
}

func (u *unit) touch(rec *resRec) {
	if !rec.touched {
		rec.touched = true
		u.touched = append(u.touched, rec.id)
	}
}

// newResource is the record of a resource that nothing is known of. If it does exist after all, inserting its first
// change conflicts and the unit runs again with it loaded.
func (u *unit) newResource(id string) *resRec {
	if rec := u.res[id]; rec != nil {
		return rec
	}
	rec := &resRec{id: id, members: map[string]bool{}, before: map[string]bool{}}
	u.res[id] = rec
	return rec
}

// join makes an observation part of a resource.
func (u *unit) join(o *obsRec, rec *resRec) {
	if old := u.res[o.doc.ResourceID]; old != nil && old != rec {
		delete(old.members, o.id)
	}
	o.doc.ResourceID = rec.id
	rec.members[o.id] = true
	u.touch(rec)
}

// settle merges every touched resource and makes the changes.
func (u *unit) settle() error {
	for _, id := range u.touched {
		rec := u.res[id]
		if rec.mergedInto != "" {
			if err := u.settleMerged(rec); err != nil {
				return err
			}
			continue
		}
		if rec.rev.State == Merged && !rec.restored {
			continue // rolled forward only
		}
		in := mergeInput{id: id, kind: u.kind, prev: rec.content(), now: u.now, rules: u.rules, where: u.where, reference: u.reference}
		if u.behind(rec) {
			return &raceError{wait: true}
		}
		for _, m := range slices.Sorted(maps.Keys(rec.members)) {
			o := u.obs[m]
			if o.seen.row = o.row; o.dirty {
				o.seen.row++
			}
			in.obs = append(in.obs, o.seen)
		}
		if err := u.commit(rec, merge(in)); err != nil {
			return err
		}
	}
	return nil
}

// behind says whether the resource's revision was made of an observation that its maker has still to write: on a store without
// transactions the change comes first. It does so soon, unless it died; then its agent comes again with the same, and what that
// brings is of this resource.
func (u *unit) behind(rec *resRec) bool {
	if !u.patient || rec.rev.State != Active {
		return false
	}
	return slices.ContainsFunc(rec.rev.Sources, func(src source) bool {
		o := u.obs[src.Observation]
		if u.givenUp[src.Observation] {
			return false
		}
		return o == nil && src.Row > 0 || o != nil && o.row < src.Row && !(o.dirty && rec.members[o.id])
	})
}

// commit turns the difference between what a resource was and is into a change, if there is one.
func (u *unit) commit(rec *resRec, rev revision) error {
	old := rec.rev
	c := changeDoc{ResourceID: rec.id, Kind: u.kind.Name, Name: rev.Name, At: store.At(u.now), ObservedAt: store.At(u.cause.observedAt),
		Actor: u.cause.actor, RunID: u.cause.runID, Connection: u.cause.connection, AuditID: u.cause.auditID, Reason: u.cause.reason,
		AccessRoots: rev.AccessRoots, PrevHash: rec.hash}
	switch {
	case rec.version == 0:
		c.Action = "created"
		rev.CreatedAt = store.At(u.now)
	default:
		was, is := u.discreet(old), u.discreet(rev)
		c.Diff = diff(&was, &is, u.keyed)
		c.Action = actionOf(old.State, rev.State)
		same := c.Action == "updated" && len(c.Diff) == 0 && sameCuration(&old, &rev) && sameSources(&old, &rev)
		if same && slices.Equal(old.OtherNames, rev.OtherNames) {
			if rec.behind && len(u.hidden) > 0 {
				rec.rev.Attributes = rev.Attributes // what history holds hashes of
			}
			return nil
		}
		// What other sources call it is for those who look for it, and is shown with them: no change of the thing itself.
		c.Quiet = same || u.cause.rules && c.Action == "updated" && len(c.Diff) > 0 && u.byRules(&old, &rev, c.Diff)
	}
	if c.Reason == "" && c.Action != "created" && c.Action != "updated" {
		c.Reason = rev.StateReason
	}
	if !c.Quiet || rec.version == 0 {
		rev.UpdatedAt = store.At(u.now)
	}
	return u.put(rec, rev, c)
}

// put makes rev the resource's next version.
func (u *unit) put(rec *resRec, rev revision, c changeDoc) error {
	rec.version++
	c.Version, c.Revision = rec.version, u.discreet(rev)
	hash, err := hashChange(c)
	if err != nil {
		return err
	}
	c.Hash = hash
	if err := u.rememberPast(rec, &rev); err != nil {
		return err
	}
	rec.rev, rec.hash, rec.change = rev, hash, &c
	return nil
}

func actionOf(old, new State) string {
	switch {
	case old == new:
		return "updated"
	case old == Merged:
		return "split"
	case new == Active:
		return "returned"
	}
	return string(new)
}

func sameSources(a, b *revision) bool {
	return slices.EqualFunc(a.Sources, b.Sources, func(x, y source) bool { return x.Observation == y.Observation })
}

// byRules says whether a difference is explained by other rules of hashing alone: what a site withholds, and which
// fields a kind has.
func (u *unit) byRules(old, new *revision, d []FieldChange) bool {
	withheld := slices.Concat(old.Withheld, new.Withheld)
	for _, f := range d {
		switch {
		case f.Pointer == "/withheld", f.Pointer == "/warnings", covers(withheld, f.Pointer):
		case u.cause.kindChanged && (f.Old == nil || f.New == nil) && strings.HasPrefix(f.Pointer, "/attributes/"):
		default:
			return false
		}
	}
	return true
}

// settleMerged gives a resource up in favour of another.
func (u *unit) settleMerged(rec *resRec) error {
	if rec.rev.State == Merged {
		return nil
	}
	rev := rec.rev
	rev.State, rev.StateSince, rev.StateReason, rev.RedirectTo = Merged, store.At(u.now), u.cause.reason, rec.mergedInto
	rev.UpdatedAt = store.At(u.now)
	return u.put(rec, rev, changeDoc{ResourceID: rec.id, Kind: u.kind.Name, Name: rev.Name, Action: "merged", At: store.At(u.now),
		ObservedAt: store.At(u.cause.observedAt), Actor: u.cause.actor, RunID: u.cause.runID, Connection: u.cause.connection,
		AuditID: u.cause.auditID, Reason: u.cause.reason, AccessRoots: rev.AccessRoots, PrevHash: rec.hash})
}
