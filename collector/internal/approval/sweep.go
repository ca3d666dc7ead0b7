package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// noticeAtOnce is how many of what waits by itself are looked up at a time.
const noticeAtOnce = 500

// notice makes approvals of what waits by itself, and ends those whose subject waits no more. It writes nothing when it was
// done already, and the same whoever does it.
func (s *Service) notice(ctx context.Context, tenant string) error {
	for _, k := range Kinds {
		if arising, ok := s.opt.Subjects[k].(Arising); ok {
			if err := s.noticeKind(ctx, tenant, k, arising); err != nil {
				return fmt.Errorf("notice what waits for approval: %w", err)
			}
		}
	}
	return nil
}

func (s *Service) noticeKind(ctx context.Context, tenant string, k Kind, subject Arising) error {
	// Before what waits is read, or what came in between would seem to wait no more.
	var pending []*Approval
	q := store.Query{Table: tApprovals, Tenant: tenant, Where: filter.And{is(fieldState, string(Pending)), is(fieldKind, string(k))}}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		a, err := decode(row)
		pending = append(pending, a)
		return err
	})
	if err != nil {
		return fmt.Errorf("read pending approvals: %w", err)
	}
	waiting := map[string]bool{}
	var asks []Ask
	flush := func() error {
		err := s.noticeThese(ctx, tenant, asks)
		asks = asks[:0]
		return err
	}
	err = subject.Waiting(ctx, tenant, func(ask Ask) error {
		waiting[ask.Key] = true
		if asks = append(asks, ask); len(asks) < noticeAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	for _, a := range pending {
		if waiting[a.Key] {
			continue
		}
		a.end(Withdrawn, s.now(), "it waits for nobody any more")
		a.Settled = true
		if err := s.replace(ctx, a); err != nil && !errors.Is(err, errRaced) {
			return err
		}
	}
	return nil
}

func (s *Service) noticeThese(ctx context.Context, tenant string, asks []Ask) error {
	if len(asks) == 0 {
		return nil
	}
	ids := make([]string, len(asks))
	for i, ask := range asks {
		ids[i] = arisenID(tenant, ask.Kind, ask.Key, 1)
	}
	there, err := s.opt.Store.Get(ctx, tApprovals, tenant, "", ids)
	if err != nil {
		return fmt.Errorf("read approvals: %w", err)
	}
	rules, err := s.Rules(ctx, tenant)
	if err != nil {
		return err
	}
	var ops []store.Write
	for i, ask := range asks {
		if _, ok := there[ids[i]]; ok {
			continue
		}
		row, err := encode(asked(tenant, ids[i], cmp.Or(ask.By, System), ask, 1, rules.Of[ask.Kind]), s.now())
		if err != nil {
			return err
		}
		ops = append(ops, store.Write{Table: tApprovals, Op: store.Insert, Row: row})
	}
	if len(ops) == 0 {
		return nil
	}
	// A conflict means that another collector notices it at this moment.
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, ops...)
		return err
	})
}

func is(f filter.Field, v any) filter.Expr { return filter.Compare{Field: f, Op: filter.Eq, Value: v} }

// Of is the approval of something that waits by itself, for whoever knows the subject and not the approval. What expired, or was
// refused and waits still, is asked anew.
func (s *Service) Of(ctx context.Context, c access.Caller, k Kind, key string) (*View, error) {
	if err := s.notice(ctx, c.Tenant); err != nil {
		return nil, err
	}
	last, err := s.latest(ctx, c.Tenant, k, key)
	if err != nil {
		return nil, err
	}
	if !sees(c, last) {
		return nil, fmt.Errorf("approval of %s: %w", key, ErrNotFound)
	}
	if last.due(s.now()) && last.State == Pending || last.State == Expired || last.State == Refused && last.Settled || last.State == Failed {
		if last, err = s.again(ctx, last); err != nil {
			return nil, err
		}
	}
	return s.Get(ctx, c, last.ID)
}

func (s *Service) latest(ctx context.Context, tenant string, k Kind, key string) (*Approval, error) {
	var last *Approval
	q := store.Query{Table: tApprovals, Tenant: tenant, Where: filter.And{is(fieldKey, key), is(fieldKind, string(k))}}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		a, err := decode(row)
		if err == nil && (last == nil || a.Round > last.Round) {
			last = a
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find approval: %w", err)
	}
	if last == nil {
		return nil, fmt.Errorf("approval of %s: %w", key, ErrNotFound)
	}
	return last, nil
}

// again asks once more for what still waits by itself; what waits no more stays as it is.
func (s *Service) again(ctx context.Context, last *Approval) (*Approval, error) {
	arising, ok := s.opt.Subjects[last.Kind].(Arising)
	if !ok {
		return last, nil
	}
	var next *Approval
	rules, err := s.Rules(ctx, last.Tenant)
	if err != nil {
		return nil, err
	}
	err = arising.Waiting(ctx, last.Tenant, func(ask Ask) error {
		if ask.Key == last.Key {
			ask.At = s.now()
			next = asked(last.Tenant, arisenID(last.Tenant, last.Kind, last.Key, last.Round+1), cmp.Or(ask.By, System), ask, last.Round+1, rules.Of[last.Kind])
		}
		return nil
	})
	if err != nil || next == nil {
		return last, err
	}
	if err := s.insert(ctx, next); err != nil && !errors.Is(err, errRaced) {
		return nil, err
	}
	return next, nil
}

// Sweep does what time asks for: it notices what waits, ends what nobody decided in time, and goes on with what was decided and
// not carried out.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	tenants, err := s.opt.Tenants(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range tenants {
		errs = append(errs, s.notice(ctx, t))
	}
	due := filter.And{is(fieldState, string(Pending)), filter.Compare{Field: fieldExpires, Op: filter.Le, Value: now.UTC().Format(store.TimeLayout)}}
	errs = append(errs, s.eachRow(ctx, due, func(a *Approval) error { return s.expire(ctx, a, now) }))
	ended := filter.And{is(fieldSettled, false), filter.Not{Of: is(fieldState, string(Pending))}}
	// What cannot be carried out now keeps nothing else from it.
	errs = append(errs, s.eachRow(ctx, ended, func(a *Approval) error {
		errs = append(errs, s.settle(ctx, a))
		return nil
	}))
	return errors.Join(errs...)
}

func (s *Service) eachRow(ctx context.Context, where filter.Expr, fn func(*Approval) error) error {
	q := store.Query{Table: tApprovals, AllTenants: true, Where: where, Limit: 200}
	return store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		a, err := decode(row)
		if err != nil {
			return err
		}
		return fn(a)
	})
}

func (s *Service) expire(ctx context.Context, a *Approval, now time.Time) error {
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: a.Tenant, Actor: System, Action: "approval.expire", Object: &audit.Ref{ID: a.ID, Name: a.Title, Kind: "approval"},
		Detail: a.detail()})
	if err != nil {
		return err
	}
	_, err = s.changed(ctx, a.Tenant, a.ID, func(is *Approval, _ Rule) error {
		if !is.expire(now) {
			return &EndedError{ID: is.ID, State: is.State}
		}
		return nil
	})
	var ended *EndedError
	switch err = s.finish(ctx, a.Tenant, entry, err); {
	case errors.As(err, &ended): // somebody decided in the last moment
		return nil
	case err != nil:
		return fmt.Errorf("expire approval: %w", err)
	}
	return nil
}
