package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maestro.internal/sdk/provider"
)

// Choices asks a plugin what a setting may be. Somebody waits before a form, so it has the patience of a check.
func (r *Runner) Choices(ctx context.Context, job Job, setting string) (got provider.Choices, err error) {
	within := r.CheckWithin
	if within <= 0 {
		within = checkWithin
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	process, err := job.Launch(bounded)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	got, err = process.Choices(bounded, job.Connection, setting)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return got, &provider.Error{Status: provider.StatusOf(provider.Unreachable(err)), Err: fmt.Errorf("the provider had not answered after %s", within.Round(time.Second)),
			Advice: "It is slow or cannot be reached from the agent: check the address and the network, or type the setting."}
	}
	return got, err
}
