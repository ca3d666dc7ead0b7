package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, change ...func(*Options)) *Spool {
	t.Helper()
	opt := Options{MachineID: "machine-1", BootID: "boot-1", Now: func() time.Time { return noon }}
	for _, c := range change {
		c(&opt)
	}
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func item(key, content string) Item {
	b := []byte(`{"external_id":"` + key + `","name":"` + content + `"}`)
	return Item{Key: key, Canonical: b, Hash: resource.HashOf(b)}
}

var scopes = []resource.Scope{{Kind: "server"}, {Kind: "volume"}}

func begin(t testing.TB, s *Spool, id string) *Run {
	t.Helper()
	r, err := s.Begin(RunInfo{RunID: id, ConnectionID: "c1", Epoch: 1, StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetPlan(RunPlan{Plan: provider.Plan{Scopes: scopes, Complete: true}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func capture(t testing.TB, r *Run, scope int, status resource.Status, items ...Item) {
	t.Helper()
	w := r.Capture(scope)
	for batch := range slices.Chunk(items, 2) {
		if err := w.Append(batch); err != nil {
			t.Fatal(err)
		}
	}
	end := CaptureEnd{HashFormat: 1, ReadAt: noon, Outcome: resource.Outcome{Status: status, Listed: len(items)}}
	if err := w.Finish(end); err != nil {
		t.Fatal(err)
	}
}

func finish(t testing.TB, r *Run) {
	t.Helper()
	if err := r.End(RunEnd{FinishedAt: noon}); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, r *Run, c *Capture) map[string]string {
	t.Helper()
	out := map[string]string{}
	for items, err := range r.Items(c, func(Row) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			out[it.Key] = string(it.Canonical)
		}
	}
	return out
}

func TestACaptureReadsBackAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := begin(t, s, "run-1")
	capture(t, r, 0, resource.StatusComplete, item("b", "old"), item("a", "1"), item("b", "new"), item("c", "3"))
	capture(t, r, 1, resource.StatusDenied)
	finish(t, r)
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.ID() != id {
		t.Error("the spool has another id")
	}
	runs := s.Runs("c1")
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	st := runs[0].State()
	want := map[string]string{"a": string(item("a", "1").Canonical), "b": string(item("b", "new").Canonical), "c": string(item("c", "3").Canonical)}
	if diff := cmp.Diff(want, content(t, runs[0], &st.Captures[0])); diff != "" {
		t.Error(diff)
	}
	var digest resource.Digest
	for key, name := range map[string]string{"a": "1", "b": "new", "c": "3"} {
		digest.AddRow(key, item(key, name).Hash)
	}
	if st.Captures[0].Digest != digest {
		t.Error("wrong digest")
	}
	if st.End == nil || st.Captures[1].Outcome.Status != resource.StatusDenied || !st.Plan.Complete {
		t.Errorf("state %+v", st)
	}
	next, err := s.Begin(RunInfo{RunID: "run-2", ConnectionID: "c1"})
	if err != nil || next.Info().Generation <= st.Info.Generation {
		t.Errorf("generation %d after %d, %v", next.Info().Generation, st.Info.Generation, err)
	}
}

func TestAnotherMachineGetsANewID(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	same := open(t, dir, func(o *Options) { o.BootID = "boot-2" })
	if same.ID() != id {
		t.Error("a reboot made a new id")
	}
	if err := same.Close(); err != nil {
		t.Fatal(err)
	}
	if open(t, dir, func(o *Options) { o.MachineID = "machine-2" }).ID() == id {
		t.Error("another machine speaks with the same id")
	}
}

func TestOnlyOneProcessMayHaveItOpen(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("got %v", err)
	}
}

func TestWhatSupersedesWhat(t *testing.T) {
	complete, partial := resource.StatusComplete, resource.StatusPartial
	tests := []struct {
		name          string
		first, second resource.Status
		kept          bool
	}{
		{"complete by complete", complete, complete, false},
		{"partial by complete", partial, complete, false},
		{"partial by partial", partial, partial, false},
		{"complete by partial", complete, partial, true},
		{"complete by denied", complete, resource.StatusDenied, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			old := begin(t, s, "old")
			capture(t, old, 0, tt.first, item("a", "1"))
			capture(t, old, 1, complete, item("v", "1"))
			finish(t, old)
			fresh := begin(t, s, "new")
			capture(t, fresh, 0, tt.second, item("a", "2"))
			st := old.State()
			if got := st.Captures[0].Stored(); got != tt.kept {
				t.Errorf("kept: %v", got)
			}
			if !tt.kept && tt.first == complete && st.Captures[0].Told().Status != resource.StatusNotTried {
				t.Error("a capture that is gone is still told as complete")
			}
			if !st.Captures[1].Stored() {
				t.Error("another scope was superseded")
			}
		})
	}
}

func TestARunOfWhichNothingIsLeftIsDroppedAndSaid(t *testing.T) {
	for _, announced := range []bool{false, true} {
		s := open(t, t.TempDir())
		old := begin(t, s, "old")
		capture(t, old, 0, resource.StatusComplete, item("a", "1"))
		capture(t, old, 1, resource.StatusComplete, item("v", "1"))
		finish(t, old)
		if announced {
			if err := old.Announced(); err != nil {
				t.Fatal(err)
			}
		}
		fresh := begin(t, s, "new")
		capture(t, fresh, 0, resource.StatusComplete, item("a", "1"))
		capture(t, fresh, 1, resource.StatusComplete, item("v", "1"))
		if got, want := len(s.Runs("")), map[bool]int{false: 1, true: 2}[announced]; got != want {
			t.Errorf("announced %v: %d runs, want %d", announced, got, want)
		}
		if notices := strings.Join(s.Stats().Notices, "\n"); !announced && !strings.Contains(notices, "old") {
			t.Errorf("nothing said: %q", notices)
		}
	}
}

func TestWhatIsBeingSentIsNotSuperseded(t *testing.T) {
	s := open(t, t.TempDir())
	old := begin(t, s, "old")
	capture(t, old, 0, resource.StatusComplete, item("a", "1"))
	release := old.Pin()
	fresh := begin(t, s, "new")
	capture(t, fresh, 0, resource.StatusComplete, item("a", "2"))
	if st := old.State(); !st.Captures[0].Stored() {
		t.Error("a pinned capture was freed")
	}
	release()
}

func TestSizeLimitDropsTheOldestAndSaysIt(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.MaxBytes = 3000 })
	noise := func(seed string) Item {
		b := []byte(seed)
		for len(b) < 1500 {
			h := resource.HashOf(b)
			b = append(b, h[:]...)
		}
		return Item{Key: seed, Canonical: b, Hash: resource.HashOf(b)}
	}
	old := begin(t, s, "old")
	capture(t, old, 0, resource.StatusComplete, noise("a"))
	finish(t, old)
	fresh := begin(t, s, "new")
	capture(t, fresh, 1, resource.StatusComplete, noise("b"))
	if st := old.State(); st.Captures[0].Stored() || !strings.Contains(st.Captures[0].Freed, "limit") {
		t.Errorf("old capture: %+v", st.Captures[0])
	}
	if notices := strings.Join(s.Stats().Notices, "\n"); !strings.Contains(notices, "old") {
		t.Errorf("nothing said: %q", notices)
	}
	// A run that alone is too large goes on and ends as failed.
	w := fresh.Capture(0)
	err := w.Append([]Item{noise("c"), noise("d"), noise("e")})
	if !errors.Is(err, ErrFull) {
		t.Fatalf("got %v", err)
	}
	if err := w.Append([]Item{noise("f")}); err != nil {
		t.Fatalf("said twice: %v", err)
	}
	if err := w.Finish(CaptureEnd{Outcome: resource.Outcome{Status: resource.StatusComplete, Listed: 4}}); err != nil {
		t.Fatal(err)
	}
	st := fresh.State()
	got := st.Captures[1]
	if got.Outcome.Status != resource.StatusFailed || !strings.Contains(got.Outcome.Error, "full") || got.Size != 0 {
		t.Errorf("capture %+v", got)
	}
	if b := s.Stats().Bytes; b > 3000 || b <= 0 {
		t.Errorf("%d bytes", b)
	}
}

// TestFullDisk writes to a device that is always full.
func TestFullDisk(t *testing.T) {
	// The capture is removed by its name, which must not be the device's.
	link := filepath.Join(t.TempDir(), "0.capture")
	if err := os.Symlink("/dev/full", link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	full, err := os.OpenFile(link, os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full here: %v", err)
	}
	s := open(t, t.TempDir())
	r := begin(t, s, "run-1")
	w := r.Capture(0)
	w.file = full
	if err := w.Append([]Item{item("a", "1")}); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v", err)
	}
	if err := w.Finish(CaptureEnd{Outcome: resource.Outcome{Status: resource.StatusComplete}}); err != nil {
		t.Fatal(err)
	}
	st := r.State()
	if c := st.Captures[0]; c.Outcome.Status != resource.StatusFailed || c.Stored() {
		t.Errorf("capture %+v", c)
	}
	tries := 0
	err = s.retryWithReserve(func() error {
		if tries++; tries == 1 {
			return syscall.ENOSPC
		}
		return nil
	})
	if err != nil || tries != 2 || s.reserved {
		t.Errorf("the reserve was not given away: %v after %d tries", err, tries)
	}
}

// TestACrashAtAnyByte cuts each file of a finished run off at each length and opens the spool again: it opens, and
// everything it still offers is what was written.
func TestACrashAtAnyByte(t *testing.T) {
	origin := t.TempDir()
	s := open(t, origin)
	r := begin(t, s, "run-1")
	capture(t, r, 0, resource.StatusComplete, item("a", "1"), item("b", "2"), item("c", "3"))
	capture(t, r, 1, resource.StatusPartial, item("v", "1"))
	finish(t, r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.log", "0.capture", "1.capture"} {
		whole, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(whole) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, "runs", filepath.Base(r.dir), name), int64(cut)); err != nil {
				t.Fatal(err)
			}
			checkOpens(t, dir, fmt.Sprintf("%s cut at %d of %d", name, cut, len(whole)))
		}
	}
}

// TestFlippedBytes damages each byte of the captures and of the log.
func TestFlippedBytes(t *testing.T) {
	origin := t.TempDir()
	s := open(t, origin)
	r := begin(t, s, "run-1")
	capture(t, r, 0, resource.StatusComplete, item("a", "1"), item("b", "2"), item("c", "3"))
	finish(t, r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.log", "0.capture"} {
		whole, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 7 {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			damaged := bytes.Clone(whole)
			damaged[at] ^= 0x41
			if err := os.WriteFile(filepath.Join(dir, "runs", filepath.Base(r.dir), name), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			checkOpens(t, dir, fmt.Sprintf("%s byte %d", name, at))
		}
	}
}

func checkOpens(t *testing.T, dir, what string) {
	t.Helper()
	s, err := Open(dir, Options{MachineID: "machine-1", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer s.Close()
	for _, r := range s.Runs("") {
		st := r.State()
		if st.End == nil {
			t.Errorf("%s: a run without an end", what)
		}
		for i := range st.Captures {
			c := &st.Captures[i]
			for items, err := range r.Items(c, func(Row) bool { return true }) {
				if err != nil {
					if !errors.Is(err, ErrCorrupt) {
						t.Errorf("%s: %v", what, err)
					}
					if err := r.Damaged(c, err); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					break
				}
				for _, it := range items {
					if resource.HashOf(it.Canonical) != it.Hash {
						t.Errorf("%s: wrong content", what)
					}
				}
			}
		}
		if st := r.State(); len(st.Captures) > 0 && !st.Captures[0].Stored() && st.Captures[0].Told().Status == resource.StatusComplete {
			t.Errorf("%s: a damaged capture is told as complete", what)
		}
	}
}

func TestAnInterruptedRunEndsWithAnOutcomeForEveryScope(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := begin(t, s, "run-1")
	capture(t, r, 1, resource.StatusComplete, item("v", "1"))
	w := r.Capture(0)
	if err := w.Append([]Item{item("a", "1")}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.file.Close(), r.closeLog(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	st := s.Runs("")[0].State()
	if st.End == nil || st.End.Error == "" || len(st.Captures) != 2 {
		t.Fatalf("state %+v", st)
	}
	for _, c := range st.Captures {
		want := map[int]resource.Status{0: resource.StatusNotTried, 1: resource.StatusComplete}[c.Scope]
		if c.Told().Status != want {
			t.Errorf("scope %d is told as %s", c.Scope, c.Told().Status)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "0.capture")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the unfinished capture's file is still there")
	}
}

func TestBaselines(t *testing.T) {
	s := open(t, t.TempDir())
	rows := func(list ...Row) Rows {
		return func(yield func(Row, error) bool) {
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	a, b, b2 := Row{"a", item("a", "1").Hash}, Row{"b", item("b", "1").Hash}, Row{"b", item("b", "2").Hash}
	if s.Baseline("c1", "server") != nil {
		t.Fatal("a baseline out of nothing")
	}
	if _, err := s.SetBaseline("c1", Baseline{Scope: "server", Epoch: 1, Generation: 4, HashFormat: 1}, rows(a, b)); err != nil {
		t.Fatal(err)
	}
	got := s.Baseline("c1", "server")
	if got == nil || got.Generation != 4 || got.Digest.Count != 2 {
		t.Fatalf("baseline %+v", got)
	}
	d, err := Compare(s.BaselineRows("c1", "server"), rows(b2, Row{"c", a.Hash}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Difference{Changed: map[string]bool{"b": true, "c": true}, Removed: []string{"a"}}, d); diff != "" {
		t.Error(diff)
	}
	path := s.baselinePath("c1", "server")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Baseline("c1", "server") != nil {
		t.Error("a damaged baseline is believed")
	}
	if err := s.ForgetConnection("c1"); err != nil {
		t.Fatal(err)
	}
}

// TestListsAgreeWithMaps compares the walks over sorted lists with maps.
func TestListsAgreeWithMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.MapOfN(rapid.StringN(0, 2, 4), rapid.Byte(), 0, 8)
		before, after := list.Draw(t, "before"), list.Draw(t, "after")
		rows := func(m map[string]byte) Rows {
			return func(yield func(Row, error) bool) {
				for _, k := range slices.Sorted(maps.Keys(m)) {
					if !yield(Row{Key: k, Hash: resource.Hash{m[k]}}, nil) {
						return
					}
				}
			}
		}
		d, err := Compare(rows(before), rows(after))
		if err != nil {
			t.Fatal(err)
		}
		for k := range after {
			if old, ok := before[k]; d.Changed[k] != (!ok || old != after[k]) {
				t.Fatalf("changed %q: %v", k, d.Changed[k])
			}
		}
		for k := range before {
			if _, ok := after[k]; slices.Contains(d.Removed, k) == ok {
				t.Fatalf("removed %q", k)
			}
		}
		merged := maps.Clone(before)
		maps.Copy(merged, after)
		got := map[string]byte{}
		for r, err := range Overlay(rows(before), rows(after)) {
			if err != nil {
				t.Fatal(err)
			}
			got[r.Key] = r.Hash[0]
		}
		if diff := cmp.Diff(merged, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, 'R', []byte("one")), 'B', nil))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := newFrameReader(bytes.NewReader(b), 0)
		var again []byte
		for {
			kind, payload, err := frames.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
				break
			}
			again = appendFrame(again, kind, payload)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatal("frames were read that are not there")
		}
	})
}

func FuzzItems(f *testing.F) {
	f.Add(appendItems(nil, []Item{item("a", "1"), item("b", "2")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseItems(b); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if _, err := parseRows(b); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
