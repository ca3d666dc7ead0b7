package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func set(pairs ...any) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		b, err := json.Marshal(pairs[i+1])
		if err != nil {
			panic(err)
		}
		out[pairs[i].(string)] = b
	}
	return out
}

func (l *lab) apply(op Operation, kind string, edits ...Edit) []Edited {
	l.t.Helper()
	out, err := l.s.ApplyEdits(context.Background(), everyone, op, kind, edits)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) undo(of string) []Edited {
	l.t.Helper()
	var out []Edited
	err := l.s.UndoEdits(context.Background(), everyone, Operation{ID: "undo of " + of}, of, func(b []Edited) error {
		out = append(out, b...)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func actions(list []Edited) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Action)
	}
	return out
}

// Every kind that a plugin may fill a person may fill too: with identifiers where the kind has ranks, and relations.
func TestHandMadeResourcesOfEveryKind(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Builtin = schema.Builtin() })
	if err := l.s.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	target := l.apply(Operation{ID: "base"}, "server", Edit{Row: 1, Set: set("/name", "base")})[0].ID
	for i, k := range schema.Builtin() {
		e := Edit{Row: 1, Set: set("/name", "made by hand", "/common/environment", "production"),
			Relations: []PersonRelation{{Verb: "uses", Kind: "server", ID: target, Name: "base"}}}
		for typ := range k.Ranks {
			if typ == "serial" {
				e.Identifiers = append(e.Identifiers, resource.Identifier{Type: typ, Value: fmt.Sprintf("SN-%d-77Q", i)})
			}
		}
		got := l.apply(Operation{ID: "op-" + k.Name}, k.Name, e)[0]
		if got.Action != EditCreated {
			t.Errorf("%s: %s %v", k.Name, got.Action, got.Err)
			continue
		}
		r, err := l.s.Get(context.Background(), everyone, k.Name, got.ID)
		if err != nil || r.Name != "made by hand" || len(r.Identifiers) != len(e.Identifiers) {
			t.Errorf("%s: %+v %v", k.Name, r, err)
		}
		rel, err := l.s.RelatedTo(context.Background(), everyone, k.Name, got.ID)
		if err != nil || len(rel) != 1 || rel[0].ID != target || rel[0].Direction != "out" {
			t.Errorf("%s: relations %+v %v", k.Name, rel, err)
		}
	}
	back, err := l.s.RelatedTo(context.Background(), everyone, "server", target)
	if err != nil || len(back) != len(schema.Builtin()) {
		t.Errorf("the target has %d relations (%v), want one from each of %d kinds", len(back), err, len(schema.Builtin()))
	}
}

func TestSameEditsAgainWriteNothing(t *testing.T) {
	l := newLab(t)
	var edits []Edit
	for i := range 300 {
		edits = append(edits, Edit{Row: i, Set: set("/name", fmt.Sprintf("web%03d", i), "/tags/env", "prod")})
	}
	first := l.apply(Operation{ID: "one"}, "server", edits...)
	for i := range edits {
		edits[i].ID = first[i].ID
	}
	l.count.Reset()
	got := l.apply(Operation{ID: "two"}, "server", edits...)
	if n := slices.Index(actions(got), EditUpdated); n >= 0 || len(l.count.Writes()) != 0 {
		t.Errorf("writes %v, first update at %d", l.count.Writes(), n)
	}
}

func TestPreviewSaysWhatApplyDoes(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "vc", 1)
	l.run(a, complete(scopeOf("server"), thing(scopeOf("server"), "vm-1", named("web1"))))
	web := l.server("web1")
	edits := []Edit{{Row: 1, ID: web.ID, Set: set("/common/owner/name", "anna")}, {Row: 2, Set: set("/name", "new")},
		{Row: 3, ID: web.ID, Set: set("/name", "again")}, {Row: 4, Set: set("/region", "fra")}, {Row: 5, ID: "nobody", Set: set("/name", "x")}}
	op := Operation{ID: "op"}
	shown, err := l.s.PreviewEdits(context.Background(), everyone, op, "server", edits)
	if err != nil {
		t.Fatal(err)
	}
	if r := l.server("web1"); r.Version != web.Version {
		t.Fatal("the preview wrote")
	}
	did := l.apply(op, "server", edits...)
	want := []string{EditUpdated, EditCreated, EditRefused, EditRefused, EditRefused}
	if !slices.Equal(actions(shown), want) || !slices.Equal(actions(did), want) {
		t.Fatalf("preview %v, apply %v, want %v", actions(shown), actions(did), want)
	}
	for i := range did {
		if fmt.Sprint(shown[i].Diff) != fmt.Sprint(did[i].Diff) || shown[i].ID != did[i].ID {
			t.Errorf("row %d: preview %v, apply %v", did[i].Row, shown[i].Diff, did[i].Diff)
		}
	}
}

func TestUndoRestoresUnlessChangedSince(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	ids := l.apply(Operation{ID: "before"}, "server",
		Edit{Row: 1, Set: set("/name", "a", "/region", "fra")}, Edit{Row: 2, Set: set("/name", "b")}, Edit{Row: 3, Set: set("/name", "c")})
	l.apply(Operation{ID: "op"}, "server",
		Edit{Row: 1, ID: ids[0].ID, Set: set("/region", "ber", "/zone", "z1")},
		Edit{Row: 2, ID: ids[1].ID, Set: set("/region", "ber"), Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: ids[2].ID}},
			Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}}},
		Edit{Row: 3, Set: set("/name", "new")}, Edit{Row: 4, Set: set("/name", "new and touched")})
	touched := l.server("new and touched")
	l.apply(Operation{ID: "other"}, "server", Edit{ID: ids[0].ID, Set: set("/zone", "z2")}, Edit{ID: touched.ID, Set: set("/zone", "z9")})

	got := l.undo("op")
	if want := []string{EditUpdated, EditUpdated, EditRemoved, EditRefused}; !slices.Equal(actions(got), want) {
		t.Fatalf("%v, want %v", actions(got), want)
	}
	if !slices.Equal(got[0].Conflicts, []string{"/zone"}) || !slices.Equal(got[3].Conflicts, []string{"/zone"}) {
		t.Errorf("conflicts %v and %v, want the zones", got[0].Conflicts, got[3].Conflicts)
	}
	if a := l.server("a"); a.Region != "fra" || a.Zone != "z2" {
		t.Errorf("a is in %s/%s", a.Region, a.Zone)
	}
	b := l.server("b")
	rel, err := l.s.RelatedTo(ctx, everyone, "server", b.ID)
	if err != nil || b.Region != "" || len(b.Identifiers) != 0 || len(rel) != 0 {
		t.Errorf("b kept %q %v %v %v", b.Region, b.Identifiers, rel, err)
	}
	l.want(l.servers(), "a active ", "b active ", "c active ", "new and touched active ", "new gone ")
	if again := l.undo("op"); slices.Contains(actions(again), EditUpdated) || slices.Contains(actions(again), EditRemoved) {
		t.Errorf("undoing again did %v", actions(again))
	}
	// What was removed gave its identifiers back.
	if r := l.apply(Operation{ID: "later"}, "server", Edit{Set: set("/name", "d"), Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}}}); r[0].Action != EditCreated {
		t.Errorf("the serial is not free: %v", r[0].Err)
	}
}

// What discovery adopted meanwhile stays when the import that made it is undone.
func TestUndoLeavesWhatDiscoveryAdopted(t *testing.T) {
	l := newLab(t)
	made := l.apply(Operation{ID: "op"}, "server", Edit{Row: 1, Set: set("/name", "by hand"),
		Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}}})[0]
	a := newAgent(l.s, "vc", 1)
	l.run(a, complete(scopeOf("server"), thing(scopeOf("server"), "vm-1", named("found"), has("serial", "SN-4711-X"))))
	if r := l.server("by hand"); r.ID != made.ID {
		t.Fatal("discovery did not adopt it")
	}
	l.undo("op")
	l.want(l.servers(), "found active vc")
	if r := l.server("found"); r.ID != made.ID {
		t.Error("it is another resource now")
	}
}

// Wherever a batch stops, sweeping and repeating it under a new operation comes to the same end, and undoing both
// operations takes everything back.
func TestEditsStoppedAnywhere(t *testing.T) {
	type end struct{ relations, history string }
	var want *end
	for stop := 0; ; stop++ {
		l := newLab(t)
		ctx := context.Background()
		ids := l.apply(Operation{ID: "base"}, "server", Edit{Row: 1, Set: set("/name", "a")}, Edit{Row: 2, Set: set("/name", "b")})
		edits := func() []Edit {
			out := []Edit{{Row: 1, ID: ids[0].ID, Set: set("/region", "fra"), Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: ids[1].ID}}},
				{Row: 2, Set: set("/name", "c"), Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}}}}
			found, err := l.s.FindByField(ctx, everyone, "server", "name", []string{"c"})
			if err != nil {
				t.Fatal(err)
			}
			if len(found["c"]) == 1 {
				out[1].ID = found["c"][0].ID
			}
			return out
		}
		whole := l.s.opt.Store
		l.s.opt.Store, l.s.opt.firstWait = storetest.Crashing(piecemeal{whole}, stop), nobody
		_, err := l.s.ApplyEdits(ctx, everyone, Operation{ID: "op"}, "server", edits())
		l.s.opt.Store = whole
		if err != nil && !errors.Is(err, storetest.ErrCrash) {
			t.Fatal(err)
		}
		l.clock.add(2 * relinkAfter)
		if e := l.s.Sweep(ctx, l.clock.now()); e != nil {
			t.Fatal(e)
		}
		again := l.apply(Operation{ID: "op2"}, "server", edits()...)
		for _, e := range again {
			if e.Err != nil {
				t.Fatalf("stop %d: repeating: %v", stop, e.Err)
			}
		}
		rel, e := l.s.RelatedTo(ctx, everyone, "server", ids[0].ID)
		if e != nil {
			t.Fatal(e)
		}
		got := end{fmt.Sprint(rel), fmt.Sprint(l.servers(), l.server("a").Region, len(l.server("c").Identifiers))}
		if want == nil {
			want = &got
		}
		if got != *want {
			t.Fatalf("stop %d: %+v, want %+v", stop, got, *want)
		}
		l.undo("op2")
		l.undo("op")
		rel, e = l.s.RelatedTo(ctx, everyone, "server", ids[0].ID)
		if e != nil || len(rel) != 0 || l.server("a").Region != "" {
			t.Fatalf("stop %d: after undo %v %v", stop, rel, e)
		}
		l.want(l.servers(), "a active ", "b active ", "c gone ")
		if err == nil {
			if stop < 8 {
				t.Fatalf("only %d writes", stop)
			}
			return
		}
	}
}

// What an operation makes gets ids that rise with its rows, the same ones each time, and ones that no other operation or kind makes.
func TestIDsOfAnOperationRise(t *testing.T) {
	const first, second = "01938a52-7b1c-7c3e-9d5f-0a1b2c3d4e5f", "01938a52-7b1d-7c3e-9d5f-0a1b2c3d4e5f" // a millisecond later
	last, seen := "", map[string]bool{}
	for _, operation := range []string{first, second} {
		for _, row := range []int{0, 1, 2, 255, 256, 16_383, 16_384, 4_194_303, 4_194_304, 67_108_863} {
			id := NewEditID("default", "server", operation, row)
			if u, err := uuid.Parse(id); err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
				t.Errorf("row %d: %s is no UUIDv8 (%v)", row, id, err)
			}
			if id <= last || id != NewEditID("default", "server", operation, row) {
				t.Errorf("row %d: %s comes after %s, and again it is %s", row, id, last, NewEditID("default", "server", operation, row))
			}
			last = id
			for _, other := range []string{id, NewEditID("default", "flavor", operation, row), NewEditID("other", "server", operation, row)} {
				if seen[other] {
					t.Errorf("row %d: %s twice", row, other)
				}
				seen[other] = true
			}
		}
	}
	if a, b := NewEditID("default", "server", first, 67_108_864), NewEditID("default", "server", first, 0); a == b {
		t.Errorf("what is beyond the last row that rises gets the id of the first: %s", a)
	}
	if a, b := NewEditID("default", "server", "op", 1), NewEditID("default", "server", "op", 2); a == b || len(a) != 36 {
		t.Errorf("an operation without a time makes %s and %s", a, b)
	}
}
