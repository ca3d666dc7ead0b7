package inventory

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// scopeSet is the scope states of one connection, as stored in chunks.
type scopeSet struct {
	tenant, connection string
	states             []*scopeState
	byKey              map[string]int
	versions           []int64 // of the chunk rows
	dirty              map[int]bool
	writer             string // tells our own rows from others'
}

// ErrMoved says that the scopes of a connection were changed by somebody else meanwhile: begin again.
var ErrMoved = errors.New("scopes were changed by another writer")

func loadScopes(ctx context.Context, r store.Reader, tenant, connection string) (*scopeSet, error) {
	set := &scopeSet{tenant: tenant, connection: connection, byKey: map[string]int{}, dirty: map[int]bool{},
		writer: uuid.NewString()}
	type stored struct {
		doc     scopeChunk
		version int64
	}
	var chunks []stored
	same := map[string]string{} // the rules are those of a few kinds, in states of a hundred thousand scopes
	err := store.Each(ctx, r, store.Query{Table: tScopes, Tenant: tenant, Where: eq(text("connection"), connection)}, func(row store.Row) error {
		doc, err := decodeRow[scopeChunk](row)
		if err != nil {
			return err
		}
		for i := range doc.States {
			st := &doc.States[i]
			for _, rules := range []*string{&st.Fingerprint, &st.CompleteFingerprint, &st.KindDigest, &st.PolicyDigest, &st.Rule, &st.LastRun} {
				if _, ok := same[*rules]; !ok {
					same[*rules] = *rules
				}
				*rules = same[*rules]
			}
		}
		chunks = append(chunks, stored{doc, row.Version})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(chunks, func(a, b stored) int { return a.doc.Number - b.doc.Number })
	for i := range chunks {
		states := chunks[i].doc.States
		for j := range states {
			set.byKey[states[j].Key] = len(set.states)
			set.states = append(set.states, &states[j])
		}
		set.versions = append(set.versions, chunks[i].version)
	}
	return set, nil
}

// state of a scope, made when it is new.
func (set *scopeSet) state(key string, now store.Time) *scopeState {
	if i, ok := set.byKey[key]; ok {
		return set.states[i]
	}
	st := &scopeState{Key: key, Since: now}
	set.byKey[key] = len(set.states)
	set.states = append(set.states, st)
	set.touch(key)
	return st
}

func (set *scopeSet) touch(key string) { set.dirty[set.byKey[key]/statesPerChunk] = true }

// write writes the chunks that changed. Somebody else may have changed them since they were loaded (a person deleted the
// connection, the sweeper came by): then nothing is overwritten and ErrMoved is answered.
func (set *scopeSet) write(ctx context.Context, tx store.Tx) error {
	for _, n := range slices.Sorted(maps.Keys(set.dirty)) {
		doc := scopeChunk{Connection: set.connection, Number: n, Writer: set.writer}
		for _, st := range set.states[n*statesPerChunk : min(len(set.states), (n+1)*statesPerChunk)] {
			doc.States = append(doc.States, *st)
		}
		for len(set.versions) <= n {
			set.versions = append(set.versions, 0)
		}
		if err := set.writeChunk(ctx, tx, n, doc); err != nil {
			return fmt.Errorf("write scopes: %w", err)
		}
	}
	return nil
}

func (set *scopeSet) writeChunk(ctx context.Context, tx store.Tx, n int, doc scopeChunk) error {
	id := chunkID(set.tenant, set.connection, n)
	for range 2 {
		op := store.Replace
		if set.versions[n] == 0 {
			op = store.Insert
		}
		row, err := encodeRow(id, set.tenant, "", set.versions[n]+1, doc)
		if err != nil {
			return err
		}
		conflicts, err := tx.Write(ctx, store.Write{Table: tScopes, Op: op, Row: row})
		if err != nil || len(conflicts) == 0 {
			return err
		}
		// On a store without transactions a try that was given up may have left our own row there.
		rows, err := tx.Get(ctx, tScopes, set.tenant, "", []string{id})
		if err != nil {
			return err
		}
		there, err := decodeRow[scopeChunk](rows[id])
		if err != nil {
			return err
		}
		if there.Writer != set.writer {
			return ErrMoved
		}
		set.versions[n] = rows[id].Version
	}
	return ErrMoved
}

// doubt notes that what the state says of the scope's index may be wrong until it is counted again.
func (set *scopeSet) doubt(key string, now store.Time) {
	st := set.state(key, now)
	if st.Open == (position{}) {
		st.Open = position{Epoch: max(st.Applied.Epoch, 1), Generation: st.Applied.Generation}
	}
	set.touch(key)
}

// written notes that what was dirty is in the store.
func (set *scopeSet) written() {
	for n := range set.dirty {
		set.versions[n]++
	}
	clear(set.dirty)
}

// saveScopes writes the chunks that changed.
func (s *Service) saveScopes(ctx context.Context, set *scopeSet) error {
	if len(set.dirty) == 0 {
		return nil
	}
	if err := s.opt.Store.Update(ctx, func(tx store.Tx) error { return set.write(ctx, tx) }); err != nil {
		return err
	}
	set.written()
	return nil
}

// count adds up the scope's index.
func (s *Service) count(ctx context.Context, r store.Reader, tenant, scopeID string) (resource.Digest, int, error) {
	rows, err := s.rows(ctx, r, tenant, scopeID, rowApplied, rowRejected)
	if err != nil {
		return resource.Digest{}, 0, err
	}
	var t tally
	for _, row := range rows {
		t.add(row)
	}
	return t.digest, t.rejected, nil
}

// waiting says whether the scope has rows of which it is not decided what their absence means.
func (s *Service) waiting(ctx context.Context, tenant, scopeID string) (bool, error) {
	n, err := s.opt.Store.Count(ctx, store.Query{Table: tIndex, Tenant: tenant, Where: filter.And{
		eq(text("scope_id"), scopeID), in(text("state"), []string{string(rowPending), string(rowLeaving)})}}, 1)
	if err != nil {
		return false, fmt.Errorf("count undecided rows: %w", err)
	}
	return n > 0, nil
}

// recount brings a state in line with its index after rows were moved about.
func (s *Service) recount(ctx context.Context, set *scopeSet, key string) error {
	st := set.state(key, store.At(s.now()))
	digest, rejected, err := s.count(ctx, s.opt.Store, set.tenant, scopeID(set.connection, key))
	if err != nil {
		return err
	}
	st.Digest, st.Rejected = digest, rejected
	set.touch(key)
	return nil
}

// forRoot is the state as it goes into a run's root.
func (st *scopeState) forRoot() (resource.ScopeState, error) {
	scope, err := resource.ParseScopeKey(st.Key)
	if err != nil {
		return resource.ScopeState{}, err
	}
	out := resource.ScopeState{Scope: scope, Status: st.Status, Digest: st.Digest, HashFormat: st.HashFormat}
	for _, f := range []struct {
		to   *[]byte
		from string
	}{{&out.Fingerprint, st.Fingerprint}, {&out.KindDigest, st.KindDigest}, {&out.PolicyDigest, st.PolicyDigest}} {
		if *f.to, err = hex.DecodeString(f.from); err != nil {
			return out, fmt.Errorf("read scope %s: %w", st.Key, err)
		}
	}
	return out, nil
}

// refreshEvery is how often volatile values are asked for by themselves, when nothing real changes.
const refreshEvery = 24 * time.Hour

// refreshDue says that the scope's volatile values are a day old.
func (st *scopeState) refreshDue(kind *KindInfo, now time.Time) bool {
	return kind != nil && st.Status == resource.StatusComplete && st.Digest.Count > 0 && now.Sub(st.Refreshed.Time) >= refreshEvery &&
		slices.ContainsFunc(kind.Fields, func(f schema.Field) bool { return f.Volatile })
}

// settled says that nothing about the scope waits for another capture. rule is the kind's present one.
func (st *scopeState) settled(rule string) bool {
	return st.Status != "" && !st.Undecided && !st.Resend && st.Open == (position{}) && (st.Rejected == 0 || st.Rule == rule)
}
