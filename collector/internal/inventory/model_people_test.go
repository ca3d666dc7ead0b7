package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
)

// people is what persons decided, in the model: which server each sighting belongs to, what was merged into what, and what was set.
type people struct {
	place    map[string]string // "connection/key" -> server
	merged   map[string]string // server -> the one that it lives on as
	frozen   map[string]string // how a merged server looked
	was      map[string][]string
	absorbed map[string][]string
	curated  map[string]map[string]note
	manual   map[string]bool
	came     map[string]bool   // merged server -> the other is hand-made for its sake
	serials  map[string]string // key whose serial number a person typed -> the server that has it now
	typed    map[string][]string
	ids      map[string]string // of servers that are named after no sighting
	decided  bool
	stamps   int
}

// note is a value that somebody set at a moment.
type note struct {
	value string
	stamp int
}

func newPeople() people {
	return people{place: map[string]string{}, merged: map[string]string{}, frozen: map[string]string{}, was: map[string][]string{}, absorbed: map[string][]string{},
		curated: map[string]map[string]note{}, manual: map[string]bool{}, came: map[string]bool{}, serials: map[string]string{}, typed: map[string][]string{}, ids: map[string]string{}}
}

// server is the one that a sighting belongs to; the first of a key finds it by its serial number.
func (m *model) server(conn, key string) string {
	member := conn + "/" + key
	if s, ok := m.place[member]; ok {
		return s
	}
	own := member
	if owner := m.owner(conn, key); owner != "" && !slices.ContainsFunc(m.members(owner), func(x string) bool { return strings.HasPrefix(x, conn+"/") }) {
		own = owner
	}
	m.place[member] = own
	return own
}

// owner of a key's serial number.
func (m *model) owner(conn, key string) string {
	if !shared(key) {
		return ""
	}
	if s := m.serials[key]; s != "" {
		return s
	}
	return m.place[map[string]string{"a": "b", "b": "a"}[conn]+"/"+key]
}

func (m *model) members(server string) []string {
	var out []string
	for member, s := range m.place {
		if s == server {
			out = append(out, member)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) set(server, field, value string) {
	m.stamps++
	if m.curated[server] == nil {
		m.curated[server] = map[string]note{}
	}
	m.curated[server][field] = note{value, m.stamps}
}

func (m *model) merge(into, other string) {
	m.decided = true
	m.frozen[other] = "merged" + strings.TrimPrefix(m.look(other), strings.Fields(m.look(other))[0])
	m.was[other] = m.members(other)
	for _, member := range m.was[other] {
		m.place[member] = into
	}
	for field, n := range m.curated[other] {
		if m.curated[into] == nil {
			m.curated[into] = map[string]note{}
		}
		if _, taken := m.curated[into][field]; !taken {
			m.curated[into][field] = n
		}
	}
	m.typed[other] = nil
	for key, s := range m.serials {
		if s == other {
			m.serials[key] = into
			m.typed[other] = append(m.typed[other], key)
		}
	}
	m.came[other] = m.manual[other] && !m.manual[into]
	m.manual[into] = m.manual[into] || m.manual[other]
	m.merged[other] = into
	m.absorbed[into] = append(m.absorbed[into], other)
	m.history[other] = append(m.history[other], "merged: "+m.frozen[other])
	m.changed(into)
}

// restored finds the merged server that a split of sightings brings back; "" is none.
func (m *model) restored(server string, of []string) string {
	for _, a := range m.absorbed[server] {
		left := slices.DeleteFunc(slices.Clone(m.was[a]), func(x string) bool { return m.place[x] != server })
		if len(left) > 0 && !slices.ContainsFunc(left, func(x string) bool { return !slices.Contains(of, x) }) {
			return a
		}
	}
	return ""
}

// possible says whether both of a split would be of something.
func (m *model) possible(server, back string, of []string) bool {
	manual := m.manual[server] && !(back != "" && m.came[back])
	return (len(of) > 0 || back != "" && m.manual[back]) && (len(of) < len(m.members(server)) || manual)
}

func (m *model) split(server, off string, of []string) {
	m.decided = true
	for _, member := range of {
		m.place[member] = off
	}
	if i := slices.Index(m.absorbed[server], off); i >= 0 {
		m.absorbed[server] = slices.Delete(m.absorbed[server], i, i+1)
		m.manual[server] = m.manual[server] && !m.came[off]
		for field, n := range m.curated[off] {
			if m.curated[server][field] == n {
				delete(m.curated[server], field)
			}
		}
		for _, key := range m.typed[off] {
			m.serials[key] = off
		}
		delete(m.merged, off)
		m.history[off] = append(m.history[off], "split: "+m.look(off))
	} else {
		m.changed(off)
	}
	m.changed(server)
}

// nameOf is the model's name of a resource.
func (x *comparison) nameOf(id string) string {
	for _, server := range slices.Sorted(maps.Keys(x.m.history)) {
		if x.idOf(server) == id {
			return server
		}
	}
	return "a server that should not be, " + id
}

func (x *comparison) idOf(server string) string {
	if id := x.m.ids[server]; id != "" {
		return id
	}
	conn, key, _ := strings.Cut(server, "/")
	return resourceIDOf(obsID(tenant, conn, "server", key))
}

// seenChanges leaves out updates of what the model doesn't look at.
func seenChanges(history []string) []string {
	var out []string
	for _, h := range history {
		if len(out) > 0 && strings.HasPrefix(h, "updated: ") {
			_, before, _ := strings.Cut(out[len(out)-1], ": ")
			if before == strings.TrimPrefix(h, "updated: ") {
				continue
			}
		}
		out = append(out, h)
	}
	return out
}

func (x *comparison) decidePeople(op string) {
	x.rt.Helper()
	var there []string
	for _, s := range slices.Sorted(maps.Keys(x.m.history)) {
		if x.m.merged[s] == "" {
			there = append(there, s)
		}
	}
	if op == "record" {
		x.record(fmt.Sprintf("k%d", rapid.IntRange(0, 2).Draw(x.rt, "serial")))
		return
	}
	if len(there) == 0 {
		return
	}
	one := rapid.SampledFrom(there).Draw(x.rt, "server")
	switch op {
	case "note":
		x.note(one, fmt.Sprintf("n%d", len(x.story)))
	case "merge":
		other := rapid.SampledFrom(there).Draw(x.rt, "other")
		conns := map[string]bool{}
		for _, m := range x.m.members(one) {
			conns[m[:1]] = true
		}
		if one == other || slices.ContainsFunc(x.m.members(other), func(m string) bool { return conns[m[:1]] }) {
			return // who of one connection left last is more than this model can tell
		}
		x.tell("merge %s into %s", other, one)
		x.mergeReal(one, other)
		x.m.merge(one, other)
	case "split":
		members := x.m.members(one)
		if len(members) > 0 {
			of := []string{rapid.SampledFrom(members).Draw(x.rt, "member")}
			x.splitReal(one, x.m.restored(one, of), of, false)
		}
		if list := x.m.absorbed[one]; len(members) == 0 && len(list) > 0 {
			back := list[len(list)-1]
			x.splitReal(one, back, nil, true)
		}
	}
}

// dying does something that may die in the middle of it, and has the sweeper end it.
func (x *comparison) dying(do func() error) {
	x.rt.Helper()
	x.crash.Revive(rapid.SampledFrom([]int{-1, -1, -1, 1, 2, 3, 5, 8, 13}).Draw(x.rt, "writes"))
	err := do()
	x.crash.Revive(-1)
	if err == nil {
		return
	}
	if !errors.Is(err, storetest.ErrCrash) {
		x.fail("%v", err)
	}
	x.tell("  crashed")
	if err := x.s.Sweep(context.Background(), x.clock.now()); err != nil {
		x.fail("%v", err)
	}
}

func (x *comparison) get(server string) *Resource {
	x.rt.Helper()
	r, err := x.s.Get(context.Background(), everyone, "server", x.idOf(server))
	if err != nil {
		x.fail("get %s: %v", server, err)
	}
	return r
}

func (x *comparison) mergeReal(into, other string) {
	x.rt.Helper()
	for range 9 {
		r := x.get(into)
		x.dying(func() error {
			_, err := x.s.Merge(context.Background(), everyone, MergeRequest{Kind: "server", ID: r.ID, Other: x.idOf(other), Version: r.Version})
			return err
		})
		if x.get(other).State == Merged {
			return
		}
	}
	x.fail("%s was not merged", other)
}

func (x *comparison) splitReal(server, back string, of []string, absorbed bool) {
	x.rt.Helper()
	ctx := context.Background()
	req := SplitRequest{Kind: "server", ID: x.idOf(server)}
	for _, member := range of {
		conn, key, _ := strings.Cut(member, "/")
		req.Observations = append(req.Observations, ObservationKey{conn, key})
	}
	if absorbed {
		req.Absorbed = x.idOf(back)
	}
	x.tell("split %v off %s, back comes %q", of, server, back)
	if !x.m.possible(server, back, of) {
		var invalid *InvalidError
		req.Version = x.get(server).Version
		if _, err := x.s.Split(ctx, everyone, req); !errors.As(err, &invalid) {
			x.fail("a split that leaves nothing was answered %v", err)
		}
		return
	}
	// where says which resource it has become; the same one as before when it died before it was decided.
	where := func() string {
		if back != "" && len(of) == 0 {
			if x.get(back).State == Merged {
				return x.idOf(server)
			}
			return x.idOf(back)
		}
		conn, key, _ := strings.Cut(of[0], "/")
		id := obsID(tenant, conn, "server", key)
		rows, err := x.s.opt.Store.Get(ctx, tObservations, tenant, "", []string{id})
		if err != nil {
			x.fail("%v", err)
		}
		doc, err := decodeRow[obsDoc](rows[id])
		if err != nil {
			x.fail("%v", err)
		}
		return doc.ResourceID
	}
	for range 9 {
		req.Version = x.get(server).Version
		x.dying(func() error {
			_, err := x.s.Split(ctx, everyone, req)
			return err
		})
		if at := where(); at != x.idOf(server) {
			off := back
			if off == "" {
				off = fmt.Sprintf("split %d", len(x.m.ids))
				x.m.ids[off] = at
			}
			if at != x.idOf(off) {
				x.fail("it became %s, should be %s", at, x.idOf(off))
			}
			x.m.split(server, off, of)
			return
		}
	}
	x.fail("%v was not split off", of)
}

func (x *comparison) note(server, value string) {
	x.rt.Helper()
	x.tell("set notes of %s to %s", server, value)
	for range 9 {
		r := x.get(server)
		if strings.Contains(string(r.Common), fmt.Sprintf("%q", value)) {
			x.m.set(server, "notes", value)
			x.m.changed(server)
			return
		}
		x.dying(func() error {
			_, err := x.s.Patch(context.Background(), everyone, PatchRequest{Kind: "server", ID: r.ID, Version: r.Version,
				Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(fmt.Sprintf("%q", value))}})
			var stale *StaleError
			if errors.As(err, &stale) {
				return nil // the attempt before this one got through
			}
			return err
		})
	}
	x.fail("notes of %s were not set", server)
}

// record makes a server by hand with the serial number of a key that nobody has seen yet: discovery will adopt it.
func (x *comparison) record(key string) {
	x.rt.Helper()
	server := "made " + key
	if x.m.history[server] != nil || x.m.place["a/"+key] != "" || x.m.place["b/"+key] != "" {
		return
	}
	x.tell("record %s", server)
	req := CreateRequest{Kind: "server", Name: server, RequestID: server, Identifiers: []resource.Identifier{{Type: "serial", Value: "SERIAL-" + key}}}
	for range 9 {
		x.dying(func() error {
			_, err := x.s.Create(context.Background(), everyone, req)
			return err
		})
		id := uuidOf("request", tenant, "server", server, "0")
		if _, err := x.s.Get(context.Background(), everyone, "server", id); err == nil {
			x.m.ids[server], x.m.manual[server], x.m.serials[key] = id, true, server
			x.m.set(server, "name", server)
			x.m.changed(server)
			return
		}
	}
	x.fail("%s was not recorded", server)
}
