package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The model is the inventory as one would explain it, in memory and without any of the product's code: who saw what, what
// that makes of a server, and what happened to it. It knows nothing of hashes, lists, claims or writes.

// seen is what one connection last saw of a key.
type seen struct {
	state   string // active, held, gone, unwatched
	scope   string
	version int // content
	left    int // when it left, by the model's own count
	silent  bool
}

// row is how a key stands in a scope.
type row struct {
	state string // applied, rejected, held, refused, unwatched; missing until the run decides
	fp    string
	held  int
}

type modelConn struct {
	name    string
	seen    map[string]*seen
	rows    map[string]map[string]*row // by scope
	applied map[string]position        // by scope
	status  map[string]string
}

type model struct {
	conns   map[string]*modelConn
	history map[string][]string // by server
	now     int
	held    []*modelHeld
	// closed are the runs that were gone through to their end: what comes of one again says nothing.
	closed map[string]position
	// counts of the run that is being applied.
	counts map[string]int
	// poison is what the store chokes on: connection, key and content.
	poison string
	people
}

type modelHeld struct {
	conn, scope string
	open        bool
}

func newModel(names ...string) *model {
	m := &model{conns: map[string]*modelConn{}, history: map[string][]string{}, counts: map[string]int{}, closed: map[string]position{}, people: newPeople()}
	for _, n := range names {
		m.conns[n] = &modelConn{name: n, seen: map[string]*seen{}, rows: map[string]map[string]*row{}, applied: map[string]position{}, status: map[string]string{}}
	}
	return m
}

// shared keys carry a serial number and are one server whoever sees them, unless people decide otherwise; others belong to their
// connection.
func shared(key string) bool { return key < "k3" }

func live(state string) bool { return state == "active" || state == "held" }

// look is what a server looks like: state, fields and sources.
func (m *model) look(server string) string {
	if m.merged[server] != "" {
		return m.frozen[server]
	}
	type part struct {
		conn, key string
		*seen
	}
	var all []part
	for _, member := range m.members(server) { // a before b, as their precedence is
		conn, key, _ := strings.Cut(member, "/")
		all = append(all, part{conn, key, m.conns[conn].seen[key]})
	}
	var deciding []part
	for _, p := range all {
		if live(p.state) {
			deciding = append(deciding, p)
		}
	}
	state := "active"
	if len(deciding) == 0 && len(all) > 0 {
		last := all[0]
		for _, p := range all {
			if p.left > last.left {
				last = p
			}
		}
		deciding, state = []part{last}, last.state
	}
	// A source that was silent for too long speaks after the others.
	slices.SortStableFunc(deciding, func(x, y part) int {
		switch {
		case x.silent == y.silent:
			return 0
		case x.silent:
			return 1
		}
		return -1
	})
	name, cpu, host, conns := m.curated[server]["name"].value, "", "", ""
	for _, p := range deciding {
		if name == "" {
			name = fmt.Sprintf("%s %s v%d", p.conn, p.key, p.version)
		}
		if p.conn == "a" {
			cpu = fmt.Sprint(cpuOf(p.key, p.version))
		} else {
			host = hostSeen(p.key, p.version)
		}
		conns = sorted(conns + p.conn)
	}
	return fmt.Sprintf("%s name=%q cpu=%s host=%s by=%s notes=%s", state, name, cpu, host, conns, m.curated[server]["notes"].value)
}

// changed appends to the history what became of a server, if anything did.
func (m *model) changed(server string) {
	h := m.history[server]
	now := m.look(server)
	action := "updated"
	if len(h) == 0 {
		action = "created"
	} else {
		_, before, _ := strings.Cut(h[len(h)-1], ": ")
		if before == now {
			return
		}
		was, is := strings.Fields(before)[0], strings.Fields(now)[0]
		switch {
		case was == is:
		case is == "active":
			action = "returned"
		default:
			action = is
		}
	}
	m.history[server] = append(h, action+": "+now)
	m.counts[action]++
}

func (c *modelConn) scope(key string) map[string]*row {
	if c.rows[key] == nil {
		c.rows[key] = map[string]*row{}
	}
	return c.rows[key]
}

func (m *model) leave(c *modelConn, key, state string) {
	s := c.seen[key]
	m.now++
	s.state, s.left = state, m.now
	m.changed(m.server(c.name, key))
}

// modelRun is a run as the model understands it.
type modelRun struct {
	conn     string
	pos      position
	fp       string
	complete bool // the plan
	reads    []modelRead
}

type modelRead struct {
	scope, status string
	items         map[string]int // key -> content
}

func (m *model) run(r modelRun) {
	m.counts = map[string]int{}
	c := m.conns[r.conn]
	missing := map[string][]string{} // keys that a complete reading did not list, by scope
	current := map[string]bool{}     // scopes that this run may speak for
	for _, rd := range r.reads {
		if r.pos.less(c.applied[rd.scope]) || r.pos == c.applied[rd.scope] {
			continue
		}
		current[rd.scope] = true
		c.applied[rd.scope], c.status[rd.scope] = r.pos, rd.status
		rows := c.scope(rd.scope)
		for _, key := range slices.Sorted(maps.Keys(rd.items)) {
			m.see(c, rd.scope, key, rd.items[key], r.fp)
		}
		if rd.status == "complete" {
			for key, w := range rows {
				if _, listed := rd.items[key]; !listed && w.listed() {
					missing[rd.scope] = append(missing[rd.scope], key)
					w.state = "missing"
				}
			}
		}
	}
	wasRead := func(scope string) bool {
		return current[scope] && (c.status[scope] == "complete" || c.status[scope] == "partial")
	}
	for _, rd := range r.reads {
		if current[rd.scope] {
			m.absent(c, rd, missing[rd.scope], r.fp, wasRead)
		}
	}
	if r.complete {
		m.unplanned(c, r, wasRead)
	}
}

// see is one listed key. What the store chokes on is listed and not taken: what was seen of it before stays.
func (m *model) see(c *modelConn, scope, key string, version int, fp string) {
	rows := c.scope(scope)
	if m.poison == poisonOf(c.name, key, version) {
		rows[key] = &row{state: "rejected", fp: fp}
		return
	}
	s := c.seen[key]
	if s == nil {
		s = &seen{}
		c.seen[key] = s
	}
	known := s.state == "active" && s.scope == scope && s.version == version && rows[key] != nil && rows[key].state != "rejected"
	*s = seen{state: "active", scope: scope, version: version, left: s.left, silent: s.silent && known}
	rows[key] = &row{state: "applied", fp: fp}
	m.changed(m.server(c.name, key))
}

// cpuOf and hostSeen tell of every reading of every key apart what it says.
func cpuOf(key string, version int) int { return int(key[1]-'0'+1)*100_000 + version }

func hostSeen(key string, version int) string { return fmt.Sprintf("h-%s-%d", key, version) }

func poisonOf(conn, key string, version int) string {
	return fmt.Sprintf("%s %s v%d", conn, key, version)
}

// sorted puts letters in order.
func sorted(s string) string {
	letters := strings.Split(s, "")
	slices.Sort(letters)
	return strings.Join(letters, "")
}

// listed says that the scope's last reading had the key.
func (r *row) listed() bool { return r.state == "applied" || r.state == "rejected" }

// elsewhere hands a key to another scope of the run that still has it.
func (c *modelConn) elsewhere(key, scope string, wasRead func(string) bool) bool {
	for _, other := range slices.Sorted(maps.Keys(c.rows)) {
		if w := c.rows[other][key]; other != scope && w != nil && w.listed() && wasRead(other) {
			c.seen[key].scope = other
			return true
		}
	}
	return false
}

func (m *model) absent(c *modelConn, rd modelRead, keys []string, fp string, wasRead func(string) bool) {
	slices.Sort(keys)
	rows := c.scope(rd.scope)
	var gone []string
	for _, key := range keys {
		switch {
		case c.seen[key] == nil || c.seen[key].scope != rd.scope || c.seen[key].state == "gone", c.elsewhere(key, rd.scope, wasRead):
			delete(rows, key)
		case rows[key].fp != fp:
			m.forget(c, key, rd.scope)
			rows[key].state = "unwatched"
			m.leave(c, key, "unwatched")
		default:
			gone = append(gone, key)
		}
	}
	if n := len(gone); n > holdItems && n*100 > holdPercent*(len(rd.items)+n) {
		m.held = append(m.held, &modelHeld{conn: c.name, scope: rd.scope, open: true})
		for _, key := range gone {
			*rows[key] = row{state: "held", fp: rows[key].fp, held: len(m.held)}
			c.seen[key].state = "held"
		}
		return
	}
	for _, key := range gone {
		m.forget(c, key, rd.scope)
		delete(rows, key)
		m.leave(c, key, "gone")
	}
}

// forget drops what other scopes, which were not read, say of a key that leaves.
func (m *model) forget(c *modelConn, key, scope string) {
	for other, rows := range c.rows {
		if other != scope && rows[key] != nil && rows[key].state != "rejected" {
			delete(rows, key)
		}
	}
}

func (m *model) unplanned(c *modelConn, r modelRun, wasRead func(string) bool) {
	for _, scope := range slices.Sorted(maps.Keys(c.rows)) {
		planned := slices.ContainsFunc(r.reads, func(rd modelRead) bool { return rd.scope == scope })
		if !planned && !r.pos.less(c.applied[scope]) {
			m.unwatch(c, scope, wasRead)
		}
	}
}

func (m *model) unwatch(c *modelConn, scope string, wasRead func(string) bool) {
	rows := c.scope(scope)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		if rows[key].state == "unwatched" {
			continue
		}
		if c.seen[key] == nil || c.seen[key].scope != scope || c.seen[key].state == "gone" || c.elsewhere(key, scope, wasRead) {
			delete(rows, key)
			continue
		}
		m.forget(c, key, scope)
		rows[key] = &row{state: "unwatched", fp: rows[key].fp}
		m.leave(c, key, "unwatched")
	}
}

func (m *model) decide(n int, approve bool) {
	h := m.held[n-1]
	c := m.conns[h.conn]
	rows := c.scope(h.scope)
	m.counts = map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		w := rows[key]
		if w.held != n || w.state != "held" {
			continue
		}
		if !approve {
			w.state = "refused"
			if c.seen[key].state == "held" {
				c.seen[key].state = "active"
			}
			continue
		}
		switch {
		case c.seen[key].scope != h.scope || c.seen[key].state == "gone",
			c.elsewhere(key, h.scope, func(s string) bool { return c.status[s] == "complete" }):
			delete(rows, key)
		default:
			m.forget(c, key, h.scope)
			delete(rows, key)
			m.leave(c, key, "gone")
		}
	}
	h.open = false
}

const holdItems, holdPercent = 2, 40
