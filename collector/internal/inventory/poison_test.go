package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// toxic is a store that cannot write observations whose bytes contain a word, as with a bug that one value wakes.
type toxic struct {
	store.Store
	word string
	// at is another table whose documents it cannot write with the word in them; keeps says that what was to be written before them is there.
	at    string
	keeps bool
	panic bool
	down  bool
}

var errToxic = errors.New("the store chokes")

func (s *toxic) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.down {
		return errToxic
	}
	return s.Store.Update(ctx, func(tx store.Tx) error { return fn(&toxicTx{tx, s}) })
}

type toxicTx struct {
	store.Tx
	s *toxic
}

func (x *toxicTx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	for i, op := range ops {
		if x.s.word != "" && (op.Table == tObservations && bytes.Contains(op.Row.Blob, []byte(x.s.word)) ||
			op.Table == x.s.at && bytes.Contains(op.Row.Doc, []byte(x.s.word))) {
			if x.s.keeps {
				if _, err := x.Tx.Write(ctx, ops[:i]...); err != nil {
					return nil, err
				}
			}
			if x.s.panic {
				panic("chokes on a value")
			}
			return nil, errToxic
		}
	}
	return x.Tx.Write(ctx, ops...)
}

// untilTaken pushes a run again and again, as the agent does, and says how often the collector could not.
func (l *lab) untilTaken(a *agent, sp *spec) (failed int) {
	l.t.Helper()
	for ; failed < 20; failed++ {
		_, err := a.push(l.ctx, sp)
		if err == nil {
			return failed
		}
		if !errors.Is(err, errToxic) && !strings.Contains(err.Error(), "panic") {
			l.t.Fatal(err)
		}
	}
	l.t.Fatal("the run is never taken")
	return 0
}

// One item of a scope cannot be written. After five failures it is put aside with its bytes, the others go in, and nothing is
// gone; once the fault is mended and somebody asks, it comes in as well.
func TestPoisonIsFoundAndPutAside(t *testing.T) {
	for _, kind := range []string{"error", "panic"} {
		t.Run(kind, func(t *testing.T) {
			bad := &toxic{Store: openSQLite(t), word: "poison", panic: kind == "panic"}
			l := newLab(t, func(o *Options) { o.Store = bad })
			a := newAgent(l.s, "a", 1)
			a.batch = 10
			items := fleetOf(15)
			l.run(a, complete(one, items...))
			items[3].Name, items[9].Name, items[14].Name = "poison three", "nine", "poison fourteen"
			sp := a.build([]string{"server"}, l.clock.now(), complete(one, items...))
			if failed := l.untilTaken(a, sp); failed != poisonAfter-1 {
				t.Errorf("taken apart after %d failures", failed+1)
			}
			info, err := l.s.Run(l.ctx, everyone, sp.id)
			if err != nil || info.State != "succeeded" || info.Updated != 1 || info.Rejected != 2 || info.Gone != 0 {
				t.Fatalf("run %+v %v", info, err)
			}
			if got := strings.Join(l.servers(), " "); !strings.Contains(got, "nine active") || strings.Contains(got, "poison") || len(l.servers()) != 15 {
				t.Fatalf("servers %s", got)
			}
			list, more, err := l.s.Rejected(l.ctx, tenant, "a")
			if err != nil || more || len(list) != 2 || list[0].Key != "vm-00003" || list[0].At.IsZero() || !strings.HasPrefix(list[0].Reason, internalReason) {
				t.Fatalf("rejected %+v %t %v", list, more, err)
			}
			body, err := l.s.RejectedBody(l.ctx, tenant, "a", list[0].Scope.Key(), list[0].Key)
			if err != nil || resource.HashOf(body).String() != list[0].Hash || len(body) != list[0].Kept {
				t.Fatalf("kept %q %v", body, err)
			}
			if _, err := l.s.RejectedBody(l.ctx, "other", "a", list[0].Scope.Key(), list[0].Key); !errors.Is(err, ErrNotFound) {
				t.Errorf("another tenant reads it: %v", err)
			}
			// It is known and not sent again.
			if info := l.run(a, complete(one, items...)); !info.Unchanged {
				t.Fatalf("then %+v", info)
			}
			bad.word = ""
			if err := l.s.Resend(l.ctx, tenant, "a"); err != nil {
				t.Fatal(err)
			}
			if info := l.run(a, complete(one, items...)); info.Updated != 2 || info.Rejected != 0 {
				t.Fatalf("mended: %+v", info)
			}
			if list, _, err := l.s.Rejected(l.ctx, tenant, "a"); err != nil || len(list) != 0 {
				t.Fatalf("still rejected: %+v %v", list, err)
			}
		})
	}
}

// A store that takes nothing is no fault of the items, however often it fails.
func TestADeadStoreRejectsNothing(t *testing.T) {
	bad := &toxic{Store: openSQLite(t)}
	l := newLab(t, func(o *Options) { o.Store = bad })
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, fleetOf(4)...))
	for _, fault := range []func(on bool){
		func(on bool) { bad.down = on },
		func(on bool) { bad.word = map[bool]string{true: "external_id"}[on] }, // every observation fails
	} {
		items := fleetOf(4)
		for i := range items {
			items[i].Name = fmt.Sprintf("after %p %d", fault, i)
		}
		sp := a.build([]string{"server"}, l.clock.now(), complete(one, items...))
		fault(true)
		for range 2 * poisonAfter {
			if _, err := a.push(l.ctx, sp); !errors.Is(err, errToxic) {
				t.Fatalf("pushed: %v", err)
			}
		}
		fault(false)
		if info := l.push(a, sp); info.Rejected != 0 || info.Updated != 4 {
			t.Fatalf("run %+v", info)
		}
	}
}
