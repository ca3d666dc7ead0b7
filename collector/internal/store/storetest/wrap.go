package storetest

import (
	"context"
	"errors"
	"maps"
	"sync"

	"maestro.internal/collector/internal/store"
)

// Counter counts what is written, for tests of what a resync may cost.
type Counter struct {
	store.Store
	mu     sync.Mutex
	writes map[string]int
}

// Counting wraps a store.
func Counting(s store.Store) *Counter { return &Counter{Store: s, writes: map[string]int{}} }

// Writes answers the operations by table since the last Reset, whether or not they conflicted or were rolled back.
func (c *Counter) Writes() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.writes)
}

// Reset starts counting anew.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.writes)
}

// Update counts the writes of fn.
func (c *Counter) Update(ctx context.Context, fn func(store.Tx) error) error {
	return c.Store.Update(ctx, func(tx store.Tx) error { return fn(countingTx{tx, c}) })
}

type countingTx struct {
	store.Tx
	c *Counter
}

func (t countingTx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	t.c.mu.Lock()
	for _, op := range ops {
		t.c.writes[op.Table]++
	}
	t.c.mu.Unlock()
	return t.Tx.Write(ctx, ops...)
}

// ErrCrash is answered by a Crasher whose time has come.
var ErrCrash = errors.New("crashed by the test")

// Crasher is a store that dies between two operations: what came before is passed on, what comes after is not.
// On an engine with transactions the Update is rolled back, on one without them the prefix stays, as after a crash.
type Crasher struct {
	store.Store
	mu      sync.Mutex
	left    int
	crashed bool
}

// Crashing wraps a store that dies after so many operations of Tx.Write; every call after that answers ErrCrash
// until Revive. A negative number never dies.
func Crashing(s store.Store, afterOps int) *Crasher {
	return &Crasher{Store: s, left: afterOps}
}

// Revive lets the store live for so many operations more.
func (c *Crasher) Revive(afterOps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.crashed = afterOps, false
}

// Crashed says whether it has died.
func (c *Crasher) Crashed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crashed
}

// take answers how many of n operations are still done.
func (c *Crasher) take(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.crashed:
		return 0
	case c.left < 0:
		return n
	case n > c.left:
		n, c.crashed = c.left, true
	}
	c.left -= n
	return n
}

// Update runs fn unless the store is dead.
func (c *Crasher) Update(ctx context.Context, fn func(store.Tx) error) error {
	if c.Crashed() {
		return ErrCrash
	}
	return c.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(crashingTx{tx, c}); err != nil {
			return err
		}
		if c.Crashed() { // fn overlooked it; a dead process commits nothing
			return ErrCrash
		}
		return nil
	})
}

type crashingTx struct {
	store.Tx
	c *Crasher
}

func (t crashingTx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	n := t.c.take(len(ops))
	conflicts, err := t.Tx.Write(ctx, ops[:n]...)
	if err == nil && n < len(ops) {
		err = ErrCrash
	}
	return conflicts, err
}
