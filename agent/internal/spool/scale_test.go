package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func organisation(n int) []resource.Scope {
	out := make([]resource.Scope, n)
	for i := range out {
		out[i] = resource.Scope{Kind: "server", Partition: resource.Partition{
			{Key: "account", Value: fmt.Sprintf("%012d", i/17)}, {Key: "region", Value: fmt.Sprintf("region-%02d", i%17)}}}
	}
	return out
}

// many spools a run over many scopes, of which every hundredth has something in it.
func many(t *testing.T, s *Spool, id string, n int) *Run {
	t.Helper()
	r, err := s.Begin(RunInfo{RunID: id, ConnectionID: "c1", Epoch: 1, StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetPlan(RunPlan{Plan: provider.Plan{Scopes: organisation(n), Complete: true}}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if i%100 == 0 {
			capture(t, r, i, resource.StatusComplete, item("k", id))
		} else {
			capture(t, r, i, resource.StatusComplete)
		}
	}
	return r
}

// TestALargeOrganisation is a run over many scopes, of which most are empty and cost no file. It is there after a crash, and
// a newer run takes its place.
func TestALargeOrganisation(t *testing.T) {
	const n = 25_000
	dir := t.TempDir()
	s := open(t, dir)
	began := time.Now()
	step := func(what string) {
		t.Logf("%s: %s", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	r := many(t, s, "run-1", n)
	step("spooled")
	files, err := os.ReadDir(r.dir)
	if err != nil || len(files) != n/100+1 {
		t.Errorf("%d files, want one for each of %d scopes and the log (%v)", len(files), n/100, err)
	}
	if err := s.Close(); err != nil { // the run was going on
		t.Fatal(err)
	}
	s = open(t, dir)
	step("opened again")
	r = s.Runs("")[0]
	st := r.State()
	if plan, captures, end := r.Since(n - 3); len(plan.Scopes) != n || len(captures) != 3 || end == nil || captures[2].Key() != st.Captures[n-1].Key() {
		t.Errorf("since the last three: %d scopes, %d captures", len(plan.Scopes), len(captures))
	}
	if len(st.Plan.Scopes) != n || len(st.Captures) != n || st.End == nil {
		t.Fatalf("%d scopes, %d captures", len(st.Plan.Scopes), len(st.Captures))
	}
	for _, i := range []int{0, 1, n - 100, n - 1} {
		c := &st.Captures[i]
		want := 0
		if i%100 == 0 {
			want = 1
		}
		if got := content(t, r, c); len(got) != want || c.Key() != st.Plan.Scopes[c.Scope].Key() || !c.Stored() || c.Digest.Count != int64(want) {
			t.Errorf("scope %d: %d items, %+v", i, len(got), c)
		}
	}
	newer := many(t, s, "run-2", n)
	finish(t, newer)
	step("superseded")
	if stats := s.Stats(); stats.Runs != 2 && stats.Runs != 1 || stats.Captures != n {
		t.Errorf("%+v", stats)
	}
}

// TestAPlanThatWasCutOff: a crash within the records of a long plan leaves a run without one.
func TestAPlanThatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r, err := s.Begin(RunInfo{RunID: "run-1", ConnectionID: "c1", Epoch: 1, StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetPlan(RunPlan{Plan: provider.Plan{Scopes: organisation(3 * planPerRecord), Complete: true}}); err != nil {
		t.Fatal(err)
	}
	path := r.logPath()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if runs := s.Runs(""); len(runs) != 1 || runs[0].State().Plan != nil || runs[0].State().End == nil {
		t.Errorf("runs %+v", runs)
	}
	if put, err := filepath.Glob(filepath.Join(dir, "quarantine", "*")); err != nil || len(put) != 0 {
		t.Errorf("put aside: %v %v", put, err)
	}
}
