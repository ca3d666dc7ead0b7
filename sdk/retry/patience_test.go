package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

// TestPatience waits as long as a provider is likely to need, and where nobody is, not long.
func TestPatience(t *testing.T) {
	busy := errors.New("busy")
	for name, tt := range map[string]struct {
		heals     time.Duration // when the provider is well again
		err       error         // what it answers until then
		want      error
		from, til time.Duration // when Do returns
	}{
		"throttled for a minute":         {time.Minute, provider.Throttled(busy, 0), nil, time.Minute, 71 * time.Second},
		"throttled, says for how long":   {time.Minute, provider.Throttled(busy, 30*time.Second), nil, time.Minute, time.Minute},
		"throttled for ever":             {time.Hour, provider.Throttled(busy, 0), busy, 80 * time.Second, 101 * time.Second},
		"throttled for an hour, it says": {time.Hour, provider.Throttled(busy, time.Hour), busy, 0, 0},
		"unreachable":                    {time.Hour, provider.Unreachable(busy), busy, 0, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := retry.Do(t.Context(), func(context.Context) error {
					if time.Since(began) < tt.heals {
						return tt.err
					}
					return nil
				})
				if took := time.Since(began); !errors.Is(err, tt.want) || took < tt.from || took > tt.til {
					t.Errorf("%v after %s, want %v after %s to %s", err, took, tt.want, tt.from, tt.til)
				}
			})
		})
	}
}
