// Package lease says which collector does something that only one may do at a time: hold an agent's session, take a
// connection's push, run the sweeper. A lease is a row with an owner, a life of seconds and a fencing token that rises
// with every change of hands, so that whoever lost it finds out at the next renewal.
package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/store"
)

// Life is how long a lease holds without renewal.
const Life = 30 * time.Second

const table = "leases"

var (
	// ErrHeld says that somebody else holds the lease.
	ErrHeld = errors.New("lease is held by another collector")
	// ErrLost says that the lease went to somebody else.
	ErrLost = errors.New("lease was lost")
)

// Tables are the tables that leases need.
func Tables() []store.Table { return []store.Table{{Name: table}} }

// Leases hands out leases to one collector.
type Leases struct {
	store store.Store
	owner string
	clock func() time.Time
	guard func(context.Context, store.Reader) error
}

// Guard has a check made whenever a lease is obtained or renewed: where it fails, this collector may do nothing any more,
// because a newer one has been at the store.
func (l *Leases) Guard(check func(context.Context, store.Reader) error) { l.guard = check }

func (l *Leases) check(ctx context.Context, r store.Reader) error {
	if l.guard == nil {
		return nil
	}
	return l.guard(ctx, r)
}

// New makes Leases for a collector; owner is unique to the running process.
func New(st store.Store, owner string, clock func() time.Time) *Leases {
	return &Leases{store: st, owner: owner, clock: clock}
}

// Lease is one lease as it was obtained.
type Lease struct {
	leases *Leases
	tenant string
	name   string
	// Token rises whenever the lease changes hands.
	Token int64
}

type doc struct {
	Owner     string     `json:"owner"`
	Token     int64      `json:"token"`
	ExpiresAt store.Time `json:"expires_at"`
}

// Acquire obtains a lease that nobody holds; ErrHeld otherwise.
func (l *Leases) Acquire(ctx context.Context, tenant, name string) (*Lease, error) {
	return l.obtain(ctx, tenant, name, false)
}

// TakeOver obtains a lease whoever holds it: the holder finds out when it renews.
func (l *Leases) TakeOver(ctx context.Context, tenant, name string) (*Lease, error) {
	return l.obtain(ctx, tenant, name, true)
}

func (l *Leases) obtain(ctx context.Context, tenant, name string, force bool) (*Lease, error) {
	for range 5 {
		out := &Lease{leases: l, tenant: tenant, name: name}
		raced := false
		err := l.store.Update(ctx, func(tx store.Tx) error {
			if err := l.check(ctx, tx); err != nil {
				return err
			}
			row, d, err := read(ctx, tx, tenant, name)
			if err != nil {
				return err
			}
			now := l.clock()
			if !force && row.Version > 0 && d.Owner != "" && now.Before(d.ExpiresAt.Time) {
				return ErrHeld
			}
			out.Token = d.Token + 1
			raced, err = out.write(ctx, tx, row.Version, l.owner, now.Add(Life))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("obtain lease %s: %w", name, err)
		}
		if !raced {
			return out, nil
		}
	}
	return nil, fmt.Errorf("obtain lease %s: %w", name, ErrHeld)
}

// Renew makes the lease live on; ErrLost when somebody else has it now.
func (l *Lease) Renew(ctx context.Context) error {
	if err := l.leases.check(ctx, l.leases.store); err != nil {
		return fmt.Errorf("renew lease %s: %w", l.name, err)
	}
	return l.change(ctx, l.leases.owner, l.leases.clock().Add(Life))
}

// Release gives the lease back, if it is still held.
func (l *Lease) Release(ctx context.Context) error {
	err := l.change(ctx, "", l.leases.clock())
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

func (l *Lease) change(ctx context.Context, owner string, until time.Time) error {
	err := l.leases.store.Update(ctx, func(tx store.Tx) error {
		row, d, err := read(ctx, tx, l.tenant, l.name)
		if err != nil {
			return err
		}
		if d.Token != l.Token {
			return ErrLost
		}
		raced, err := l.write(ctx, tx, row.Version, owner, until)
		if raced {
			return ErrLost
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("renew lease %s: %w", l.name, err)
	}
	return nil
}

func id(tenant, name string) string { return store.Key(tenant, name) }

func read(ctx context.Context, r store.Reader, tenant, name string) (store.Row, doc, error) {
	rows, err := r.Get(ctx, table, tenant, "", []string{id(tenant, name)})
	if err != nil {
		return store.Row{}, doc{}, err
	}
	row, ok := rows[id(tenant, name)]
	if !ok {
		return store.Row{}, doc{}, nil
	}
	var d doc
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return store.Row{}, doc{}, fmt.Errorf("decode lease: %w", err)
	}
	return row, d, nil
}

func (l *Lease) write(ctx context.Context, tx store.Tx, version int64, owner string, until time.Time) (raced bool, err error) {
	b, err := json.Marshal(doc{Owner: owner, Token: l.Token, ExpiresAt: store.At(until)})
	if err != nil {
		return false, err
	}
	op := store.Replace
	if version == 0 {
		op = store.Insert
	}
	conflicts, err := tx.Write(ctx, store.Write{Table: table, Op: op,
		Row: store.Row{ID: id(l.tenant, l.name), Tenant: l.tenant, Version: version + 1, Doc: b}})
	return len(conflicts) > 0, err
}
