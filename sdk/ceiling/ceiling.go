// Package ceiling keeps a connection's requests to its provider within what the site allows.
//
// The bound is carried by the context of every call, so that it holds for whatever makes the request, listing,
// detail or sign-in alike, without each plugin's author having to pass it around. Package httpclient asks for
// it by itself; only plugins that speak something else than HTTP call Wait.
package ceiling

import (
	"context"
	"sync"

	"golang.org/x/time/rate"

	"maestro.internal/sdk/provider"
)

type key struct{}

type bound struct {
	rate *rate.Limiter // nil: without limit
	slot chan struct{} // nil: without limit
}

// With is ctx with a bound of its own; what is called with it shares the bound. The zero ceiling bounds nothing.
func With(ctx context.Context, c provider.Ceiling) context.Context {
	b := &bound{}
	if c.PerSecond > 0 {
		// A burst of one: the site asked for a rate, and a burst would exceed it.
		b.rate = rate.NewLimiter(rate.Limit(c.PerSecond), 1)
	}
	if c.MaxConcurrent > 0 {
		b.slot = make(chan struct{}, c.MaxConcurrent)
	}
	return context.WithValue(ctx, key{}, b)
}

// Wait returns when one more request may be made. done is to be called, once or more often, when the request is
// over. The error is that of ctx.
func Wait(ctx context.Context) (done func(), err error) {
	b, ok := ctx.Value(key{}).(*bound)
	if !ok || b.rate == nil && b.slot == nil {
		return func() {}, ctx.Err()
	}
	done = func() {}
	if b.slot != nil {
		select {
		case b.slot <- struct{}{}:
			done = sync.OnceFunc(func() { <-b.slot })
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if b.rate != nil {
		if err := b.rate.Wait(ctx); err != nil {
			done()
			return nil, err
		}
	}
	return done, nil
}
