package inventory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func serverKind(t interface{ Fatal(...any) }) *schema.Kind {
	k, ok := schema.Lookup("server")
	if !ok {
		t.Fatal("no kind server")
	}
	return k
}

func source1(id, connection string, precedence int64, env resource.Envelope) *observed {
	at := store.At(time.Date(2026, 11, 1, 0, 0, int(precedence), 0, time.UTC))
	return &observed{id: id, connection: connection, precedence: precedence, state: Active, since: at.Time, at: at, env: env}
}

func TestMerge(t *testing.T) {
	kind := serverKind(t)
	vc := source1("1", "vcenter", 1, thing(one, "vm-1", named("web-1"), attrs(`{"cpu_count":2,"network_adapters":[{"name":"eth0","mac":"02:00:00:00:00:01"},{"name":"eth1","network":"lan"}]}`),
		tagged("env", "prod"), tagged("note", "a"), tagged("note", "b")))
	host := source1("2", "host", 2, thing(one, "h-1", named("web-1.example.org"), attrs(`{"cpu_count":4,"hostname":"web-1","network_adapters":[{"name":"eth0","ip_addresses":["10.0.0.1"]},{"name":"lo"}]}`), tagged("env", "test")))
	in := func(prev revision, obs ...*observed) revision {
		return merge(mergeInput{id: "id", kind: kind, obs: obs, prev: &prev, now: time.Unix(0, 0)})
	}
	with := func(o *observed, state State, since int) *observed {
		c := *o
		c.state, c.since, c.reason = state, time.Unix(int64(since), 0), "because"
		return &c
	}
	for name, tc := range map[string]struct {
		rev  revision
		want string
	}{
		"field by field, the first connection wins": {in(revision{}, host, vc),
			`active web-1 {"cpu_count":2,"hostname":"web-1","network_adapters":[{"ip_addresses":["10.0.0.1"],"mac":"02:00:00:00:00:01","name":"eth0"},{"name":"eth1","network":"lan"},{"name":"lo"}]} [{env prod} {note a} {note b}] [/attributes/cpu_count /name /tags/env]`},
		"what only one live source has": {in(revision{}, with(vc, Gone, 5), host),
			`active web-1.example.org {"cpu_count":4,"hostname":"web-1","network_adapters":[{"name":"eth0","ip_addresses":["10.0.0.1"]},{"name":"lo"}]} [{env test}] []`},
		"the last to leave decides": {in(revision{}, with(vc, Unwatched, 5), with(host, Gone, 6)),
			`gone web-1.example.org {"cpu_count":4,"hostname":"web-1","network_adapters":[{"name":"eth0","ip_addresses":["10.0.0.1"]},{"name":"lo"}]} [{env test}] []`},
		"held is live": {in(revision{}, with(vc, stateHeld, 5)),
			`active web-1 {"cpu_count":2,"network_adapters":[{"name":"eth0","mac":"02:00:00:00:00:01"},{"name":"eth1","network":"lan"}]} [{env prod} {note a} {note b}] []`},
		"curated wins, null hides": {in(revision{Curated: []curated{{Pointer: "/attributes/cpu_count", Value: json.RawMessage(`8`)}, {Pointer: "/tags/env", Value: json.RawMessage(`null`)},
			{Pointer: "/attributes/network_adapters", Value: json.RawMessage(`[]`)}, {Pointer: "/common/owner/name", Value: json.RawMessage(`"anna"`)}}}, vc),
			`active web-1 {"cpu_count":8,"network_adapters":[]} [{note a} {note b}] []`},
		"a pin beats precedence and people": {in(revision{Pins: []pin{{Pointer: "/attributes/cpu_count", Connection: "host"}}, Curated: []curated{{Pointer: "/attributes/cpu_count", Value: json.RawMessage(`8`)}}}, vc, host),
			`active web-1 {"cpu_count":4,"hostname":"web-1","network_adapters":[{"ip_addresses":["10.0.0.1"],"mac":"02:00:00:00:00:01","name":"eth0"},{"name":"eth1","network":"lan"},{"name":"lo"}]} [{env prod} {note a} {note b}] [/attributes/cpu_count /name /tags/env]`},
		"made by hand": {in(revision{Manual: true, Curated: []curated{{Pointer: "/name", Value: json.RawMessage(`"planned"`)}}}), `active planned {} [] []`},
	} {
		got := fmt.Sprintf("%s %s %s %v %v", tc.rev.State, tc.rev.Name, tc.rev.Attributes, tc.rev.Tags, tc.rev.Conflicts)
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

// anyJSON draws attributes of all shapes, known fields and unknown ones.
func anyJSON(t *rapid.T) map[string]any {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		options := []*rapid.Generator[any]{
			rapid.Just(any(true)), rapid.Map(rapid.Int32(), func(i int32) any { return float64(i) }), rapid.Map(rapid.StringMatching(`[a-z~/ü"<]{0,5}`), func(s string) any { return s })}
		if depth > 0 {
			options = append(options,
				rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(l []any) any { return l }),
				rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-z~/.$]{0,3}`), value(depth-1), 0, 3), func(m map[string]any) any { return m }))
		}
		return rapid.OneOf(options...)
	}
	out := rapid.MapOfN(rapid.StringMatching(`[a-z~/.$]{1,3}`), value(3), 0, 4).Draw(t, "attributes")
	if n := rapid.IntRange(0, 3).Draw(t, "adapters"); n > 0 {
		var list []any
		for i := range n {
			list = append(list, map[string]any{"name": fmt.Sprintf("eth%d", i), "mac": value(1).Draw(t, "mac")})
		}
		out["network_adapters"] = list
	}
	return out
}

// The short way for one source comes to what the general one does.
func TestMergeOneIsMergeFields(t *testing.T) {
	kind := serverKind(t)
	keyed := keyedArrays(kind)
	rapid.Check(t, func(rt *rapid.T) {
		env := thing(one, "k", named("n"))
		env.Region = rapid.SampledFrom([]string{"", "eu"}).Draw(rt, "region")
		env.Attributes = encodeJSON(anyJSON(rt))
		for range rapid.IntRange(0, 3).Draw(rt, "tags") {
			env.Tags = append(env.Tags, resource.Tag{Key: rapid.StringMatching(`[ab/~]{0,2}`).Draw(rt, "key"), Value: rapid.StringMatching(`[xy]{0,1}`).Draw(rt, "value")})
		}
		env.Sort()
		o := source1("1", "c", 1, env)
		o.client, o.datacenter = "acme", "dc"
		var short, long revision
		mergeOne(&short, o)
		mergeFields(&long, []*observed{o}, keyed)
		if d := diff(&short, &long, keyed); len(d) > 0 {
			rt.Fatalf("differ at %+v", d)
		}
		if !slices.Equal(short.Tags, long.Tags) {
			rt.Fatalf("tags %v and %v", short.Tags, long.Tags)
		}
	})
}

// Taking a document apart and putting it together again changes nothing but what null says.
func TestLeavesAndBack(t *testing.T) {
	keyed := keyedArrays(serverKind(t))
	rapid.Check(t, func(rt *rapid.T) {
		tree := anyJSON(rt)
		l := leaves{}
		l.add("/attributes", tree, keyed)
		if len(tree) == 0 {
			delete(l, "/attributes")
		}
		if got := l.tree("/attributes", keyed); !reflect.DeepEqual(got, tree) {
			rt.Fatalf("got %v, was %v", got, tree)
		}
	})
}

func TestDiffIsReadable(t *testing.T) {
	kind := serverKind(t)
	keyed := keyedArrays(kind)
	before := merge(mergeInput{id: "id", kind: kind, prev: &revision{}, obs: []*observed{source1("1", "c", 1,
		thing(one, "k", attrs(`{"cpu_count":2,"network_adapters":[{"name":"eth0","mac":"a"},{"name":"eth1"}],"ip_addresses":["1","2"]}`), tagged("a/b", "1")))}})
	after := merge(mergeInput{id: "id", kind: kind, prev: &revision{}, obs: []*observed{source1("1", "c", 1,
		thing(one, "k", attrs(`{"cpu_count":4,"network_adapters":[{"name":"eth0","mac":"b"}],"ip_addresses":["1"]}`), has("serial", "SN12345")))}})
	var got []string
	for _, d := range diff(&before, &after, keyed) {
		got = append(got, fmt.Sprintf("%s: %s -> %s", d.Pointer, d.Old, d.New))
	}
	want := []string{"/attributes/cpu_count: 2 -> 4", `/attributes/ip_addresses: ["1","2"] -> ["1"]`, `/attributes/network_adapters/eth0/mac: "a" -> "b"`,
		`/attributes/network_adapters/eth1/name: "eth1" -> `, `/identifiers/serial:  -> ["SN12345"]`, `/tags/a~1b: "1" -> `}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}
