package plugintest

import (
	"context"
	"reflect"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
)

// SuiteBinary runs every check on a plugin's executable, and those that only a process can fail: starting,
// describing itself alike in the next process, and ending when it is asked to.
func SuiteBinary(ctx context.Context, cfg host.Config, c Case) []Result {
	cfg.Env = c.Env
	start := Result{Name: "start", Why: "The process shakes hands within seconds and describes itself as the one before did."}
	began := time.Now()
	p, err := host.Launch(ctx, cfg)
	if err != nil {
		start.Problems = append(start.Problems, err.Error())
		start.Took = time.Since(began)
		return []Result{start}
	}
	start.Problems = append(start.Problems, sameDescription(ctx, cfg, p)...)
	start.Took = time.Since(began)
	results := append([]Result{start}, Suite(ctx, p, c)...)

	end := Result{Name: "end", Why: "The process ends well when it is asked to, and leaves nothing behind."}
	began = time.Now()
	if err := p.Close(); err != nil {
		end.Problems = append(end.Problems, err.Error())
	}
	if err := p.Wait(); err != nil {
		end.Problems = append(end.Problems, err.Error())
	}
	if p.Killed() {
		end.Problems = append(end.Problems, "it did not end when it was asked to and had to be killed")
	}
	end.Took = time.Since(began)
	return append(results, end)
}

func sameDescription(ctx context.Context, cfg host.Config, first provider.Plugin) []string {
	second, err := host.Launch(ctx, cfg)
	if err != nil {
		return []string{"the second time: " + err.Error()}
	}
	var problems []string
	a, errA := first.Describe(ctx)
	b, errB := second.Describe(ctx)
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		problems = append(problems, "two processes describe themselves differently")
	}
	if err := second.Close(); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}
