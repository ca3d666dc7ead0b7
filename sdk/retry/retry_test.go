package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

func TestDo(t *testing.T) {
	refused := errors.New("refused")
	quick := retry.Policy{First: time.Millisecond, Most: 2 * time.Millisecond, Tries: 4}
	tests := []struct {
		name   string
		policy retry.Policy
		// answers are those of fn, the last again and again.
		answers []error
		want    error
		tries   int
	}{
		{"at once", quick, []error{nil}, nil, 1},
		{"after a while", quick, []error{provider.Unreachable(refused), provider.Throttled(refused, 0), nil}, nil, 3},
		{"unclassified", quick, []error{refused}, refused, 1},
		{"denied", quick, []error{provider.Denied(refused, "grant it")}, refused, 1},
		{"denied at last", quick, []error{provider.Unreachable(refused), provider.Unreachable(refused), provider.Unreachable(refused), provider.Denied(refused, "")}, refused, 4},
		{"never", quick, []error{provider.Unreachable(refused)}, refused, 4},
		{"asked to wait too long", quick, []error{provider.Throttled(refused, time.Hour)}, refused, 1},
		{"asked to wait", quick, []error{provider.Throttled(refused, 30*time.Millisecond), nil}, nil, 2},
		{"no more time", retry.Policy{First: time.Millisecond, Most: time.Millisecond, GiveUp: 30 * time.Millisecond}, []error{provider.Unreachable(refused)}, refused, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tries, pauses, began := 0, 0, time.Now()
			tt.policy.Each = func() { pauses++ }
			err := tt.policy.Do(t.Context(), func(context.Context) error {
				tries++
				return tt.answers[min(tries, len(tt.answers))-1]
			})
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			var classed *provider.Error
			if last := tt.answers[min(tries, len(tt.answers))-1]; err != nil && errors.As(last, &classed) && err != last { //nolint:errorlint // the very same is wanted
				t.Errorf("got %#v, not the error as it was made", err)
			}
			if tt.tries > 0 && tries != tt.tries || pauses != tries-1 {
				t.Errorf("%d tries with %d pauses, want %d", tries, pauses, tt.tries)
			}
			if tt.name == "asked to wait" && time.Since(began) < 30*time.Millisecond {
				t.Errorf("it waited %s only", time.Since(began))
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A canceled call waits no longer.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no longer wanted")
	err := retry.Policy{First: time.Hour, Most: time.Hour, GiveUp: 3 * time.Hour, Each: func() { cancel(why) }}.Do(ctx, func(context.Context) error {
		return provider.Unreachable(errors.New("refused"))
	})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
