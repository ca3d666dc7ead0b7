package inventory

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Several collectors take pushes of the same machines at once. Whoever inserts a claim or a change first decides; the others
// load again. In the end each machine is one resource with an unbroken history.
func TestRacingCollectors(t *testing.T) {
	for name, open := range map[string]func(*testing.T) store.Store{
		"with transactions":    func(t *testing.T) store.Store { return openSQLite(t) },
		"without transactions": func(t *testing.T) store.Store { return piecemeal{openSQLite(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			const collectors, machines, rounds = 4, 12, 2
			st := open(t)
			group, ctx := errgroup.WithContext(context.Background())
			for i := range collectors {
				group.Go(func() error {
					c := newClock()
					a := newAgent(New(Options{Store: st, Clock: c.now}), fmt.Sprintf("c%d", i), int64(i))
					a.conn.Provider = fmt.Sprintf("p%d", i)
					for round := range rounds {
						var items []resource.Envelope
						for m := range machines {
							items = append(items, thing(one, fmt.Sprintf("m%d-%d", i, m), named(fmt.Sprintf("c%d m%d r%d", i, m, round)), has("serial", fmt.Sprintf("SERIAL-%d", m)),
								has("mac", fmt.Sprintf("02:00:00:00:00:%02x", m))))
						}
						if _, err := a.push(ctx, a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			s := New(Options{Store: st})
			list, err := s.List(context.Background(), everyone, ListQuery{Kind: "server", StateNamed: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != machines {
				t.Errorf("%d servers, should be %d", len(list.Items), machines)
			}
			for _, r := range list.Items {
				if len(r.Connections) != collectors {
					t.Errorf("%s is seen by %v", r.Name, r.Connections)
				}
				if err := s.Verify(context.Background(), tenant, r.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// slow is a store without transactions on which one writer pauses before it writes observations.
type slow struct {
	piecemeal
	pause func()
}

func (s slow) Update(ctx context.Context, fn func(store.Tx) error) error {
	return fn(slowTx{piecemealTx{s.Store}, s.pause})
}

type slowTx struct {
	piecemealTx
	pause func()
}

func (t slowTx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	if len(ops) > 0 && ops[0].Table == tObservations {
		t.pause()
	}
	return t.piecemealTx.Write(ctx, ops...)
}

// One collector has committed its change and not yet written its observation when another joins the same machine: that one waits,
// or the first one's fields would be lost.
func TestJoinWaitsForTheOtherWriter(t *testing.T) {
	st := openSQLite(t)
	committed, write := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first := New(Options{Store: slow{piecemeal{st}, func() {
		once.Do(func() {
			close(committed)
			<-write
		})
	}}})
	second := New(Options{Store: piecemeal{st}})
	a, b := newAgent(first, "a", 1), newAgent(second, "b", 2)
	b.conn.Provider = "other"
	group, ctx := errgroup.WithContext(context.Background())
	group.Go(func() error {
		_, err := a.push(ctx, a.build([]string{"server"}, time.Now(), complete(one, thing(one, "a1", has("serial", "SN12345"), attrs(`{"cpu_count":2}`)))))
		return err
	})
	group.Go(func() error {
		<-committed
		time.AfterFunc(30*time.Millisecond, func() { close(write) })
		_, err := b.push(ctx, b.build([]string{"server"}, time.Now(), complete(one, thing(one, "b1", has("serial", "SN12345"), attrs(`{"hostname":"h"}`)))))
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := second.List(context.Background(), everyone, ListQuery{Kind: "server"})
	if err != nil || len(list.Items) != 1 || string(list.Items[0].Attributes) != `{"cpu_count":2,"hostname":"h"}` {
		t.Fatalf("%+v %v", list, err)
	}
}
