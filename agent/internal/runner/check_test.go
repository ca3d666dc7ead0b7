package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"maestro.internal/agent/internal/runner"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/seal"
)

// slow is a plugin whose provider limits how often it may be asked.
type slow struct {
	provider.Plugin
	takes time.Duration
	err   error
}

func (slow) Describe(context.Context) (provider.Description, error) {
	return provider.Description{Kinds: []provider.KindSupport{{Kind: "server"}, {Kind: "volume"}}}, nil
}

func (s slow) Check(ctx context.Context, _ provider.Connection, kinds []string) (provider.CheckReport, error) {
	select {
	case <-ctx.Done():
		return provider.CheckReport{}, ctx.Err()
	case <-time.After(s.takes):
	}
	return provider.CheckReport{Items: []provider.CheckItem{{Name: strings.Join(kinds, " "), OK: true}}}, s.err
}

func (slow) Close() error       { return nil }
func (slow) Rules() *seal.Rules { return nil }
func (slow) Tail() []string     { return nil }

// A check answers within its time, whatever the provider does: what was not finished is named, and is no error.
func TestACheckIsBounded(t *testing.T) {
	check := func(ctx context.Context, s slow, within time.Duration) (provider.CheckReport, error) {
		r := &runner.Runner{CheckWithin: within}
		return r.Check(ctx, runner.Job{Launch: func(context.Context) (runner.Process, error) { return s, nil }})
	}
	quick, err := check(t.Context(), slow{}, time.Minute)
	if err != nil || len(quick.Items) != 1 || quick.Items[0].Name != "server volume" {
		t.Errorf("%+v %v", quick, err)
	}
	late, err := check(t.Context(), slow{takes: time.Hour}, 20*time.Millisecond)
	if err != nil || len(late.Items) != 3 || late.Items[0].OK || late.Items[2].Kind != "volume" || !strings.Contains(late.Items[2].Message, "not finished") {
		t.Errorf("%+v %v", late, err)
	}
	wrong := errors.New("no such region")
	if _, err := check(t.Context(), slow{err: wrong}, time.Minute); !errors.Is(err, wrong) {
		t.Errorf("its own error is lost: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := check(gone, slow{takes: time.Hour}, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("who asked has gone, and the answer is %v", err)
	}
}
