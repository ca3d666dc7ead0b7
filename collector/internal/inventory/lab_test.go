package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/store/storetest"
)

// lab is a collector with agents, for tests that read like stories.
type lab struct {
	t     *testing.T
	ctx   context.Context
	clock *clock
	count *storetest.Counter
	s     *Service
}

func newLab(t *testing.T, edit ...func(*Options)) *lab {
	t.Helper()
	c := newClock()
	count := storetest.Counting(openSQLite(t))
	opt := Options{Store: count, Clock: c.now}
	for _, e := range edit {
		e(&opt)
	}
	return &lab{t: t, ctx: context.Background(), clock: c, count: count, s: New(opt)}
}

// run discovers and pushes, and returns the run as it is recorded.
func (l *lab) run(a *agent, reads ...read) *RunInfo {
	l.t.Helper()
	return l.push(a, a.build([]string{"server"}, l.clock.now(), reads...))
}

func (l *lab) push(a *agent, sp *spec) *RunInfo {
	l.t.Helper()
	a.log = nil
	if _, err := a.push(l.ctx, sp); err != nil {
		l.t.Fatalf("push: %v\n%s", err, strings.Join(a.log, "\n"))
	}
	info, err := l.s.Run(l.ctx, everyone, sp.id)
	if err != nil {
		l.t.Fatal(err)
	}
	return info
}

// servers is a line for each server: name, state, and what it consists of.
func (l *lab) servers() []string {
	l.t.Helper()
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", StateNamed: true})
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, r := range list.Items {
		out = append(out, fmt.Sprintf("%s %s %s", r.Name, r.State, strings.Join(r.Connections, "+")))
	}
	slices.Sort(out)
	return out
}

func (l *lab) server(name string) *Resource {
	l.t.Helper()
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", StateNamed: true})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range list.Items {
		if r.Name == name {
			got, err := l.s.Get(l.ctx, everyone, "server", r.ID)
			if err != nil {
				l.t.Fatal(err)
			}
			return got
		}
	}
	l.t.Fatalf("no server %q among %q", name, l.servers())
	return nil
}

// history is a resource's actions, oldest first.
func (l *lab) history(id string) []string {
	l.t.Helper()
	h, err := l.s.History(l.ctx, everyone, "server", id, "", 0)
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, c := range h.Items {
		line := c.Action
		for _, d := range c.Diff {
			line += " " + d.Pointer
		}
		out = append(out, line)
	}
	slices.Reverse(out)
	return out
}

func (l *lab) want(got []string, want ...string) {
	l.t.Helper()
	if !slices.Equal(got, want) {
		l.t.Fatalf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// checkChain checks that each change carries its predecessor's hash and its own.
func (l *lab) checkChain(kind string) {
	l.t.Helper()
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: kind, StateNamed: true})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range list.Items {
		if err := l.s.Verify(l.ctx, tenant, r.ID); err != nil {
			l.t.Fatal(err)
		}
	}
}
