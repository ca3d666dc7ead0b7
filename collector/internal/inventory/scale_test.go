package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	_ "modernc.org/sqlite" // for the statements that somebody would write by hand

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/sdk/resource"
)

// scale is a large site and what is measured on it.
type scale struct {
	t      *testing.T
	n      int
	path   string
	st     *sqlite.Store
	s      *Service
	clock  *clock
	agents []*agent
	// told is what each agent has told last. Its list is made anew when it speaks again, so that only the collector's memory counts.
	told []toldRun
	// edited changes every 50th server.
	edited bool
}

type toldRun struct {
	edited     bool
	epoch, gen int64
}

// rawUpTo bounds the reference of raw writes, which needs a copy of the file: 13 kB for each resource.
const rawUpTo = 1_000_000

// perConnection is how many servers one connection has: what lies in an agent's memory is not the collector's.
const perConnection = 5000

// TestScale measures at MAESTRO_BENCH_RESOURCES resources, on a real disk; `make bench` runs it. Each figure has its reference in
// the same run.
func TestScale(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MAESTRO_BENCH_RESOURCES"))
	if err != nil {
		t.Skip("MAESTRO_BENCH_RESOURCES says how many resources to measure with")
	}
	x := &scale{t: t, n: n, path: filepath.Join(t.TempDir(), "maestro.db"), clock: newClock()}
	ctx := t.Context()
	x.open(ctx)
	t.Cleanup(func() { x.must(x.st.Close()) })
	x.say("resident before", "%.0f MiB", resident())
	first := x.first(ctx)
	x.say("resident after the first sync", "%.0f MiB", resident())
	debug.FreeOSMemory()
	x.say("resident, garbage given back", "%.0f MiB", resident())
	again := x.sync(ctx)
	x.say("unchanged resync", "%.4f ms each, %.0f times the first", float64(again.Microseconds())/1000/float64(n), float64(first)/float64(again))
	size, err := x.st.Size(ctx)
	x.must(err)
	x.say("disk", "%.1f kB each", float64(size)/1000/float64(n))

	hand := x.hand(ctx)
	for _, q := range x.questions() {
		x.compare(ctx, hand, q)
	}
	counts := median(func() {
		sum, err := x.s.Summary(ctx, everyone, time.Time{})
		x.must(err)
		if len(sum.Kinds) != 1 || sum.Kinds[0].Active != n {
			t.Errorf("the dashboard counts %+v", sum.Kinds)
		}
	})
	byHand := median(func() {
		var kind, state string
		var found int
		x.must(hand.QueryRowContext(ctx, "SELECT kind, state, count(*) FROM server GROUP BY kind, state").Scan(&kind, &state, &found))
		if found != n {
			t.Errorf("the statement by hand counts %d", found)
		}
	})
	x.say("dashboard's counts", "%.1f ms, %.1f times the %.1f of SQL by hand", ms(counts), float64(counts)/float64(byHand), ms(byHand))
	before := x.clock.now()
	x.edited = true
	x.say("resync with 2% changed", "%.2f ms for each that changed", float64(x.sync(ctx).Microseconds())/1000/float64(n/50))
	x.timed("as-of list of 50, 2% changed since", func() {
		list, err := x.s.List(ctx, everyone, ListQuery{Kind: "server", AsOf: before, Limit: 50, Order: []store.Order{{Field: text("name")}}})
		x.must(err)
		if list.Total != min(n, countMax) || list.Items[0].Version != 1 {
			t.Errorf("as of before the edits there are %d servers", list.Total)
		}
	})
	x.timed("what changed since, page of 50", func() {
		list, err := x.s.Compare(ctx, everyone, CompareQuery{Since: before, Limit: 50})
		x.must(err)
		if len(list.Items) != min(50, n/50) {
			t.Errorf("%d servers are different", len(list.Items))
		}
	})
	debug.FreeOSMemory()
	x.say("resident after the questions", "%.0f MiB", resident())
}

func (x *scale) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *scale) say(what, format string, args ...any) {
	fmt.Printf("%-46s %s\n", what, fmt.Sprintf(format, args...))
}

func resident() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	kb, _ := strconv.ParseFloat(string(m[1]), 64) // digits
	return kb / 1024
}

func (x *scale) items(connection int) []resource.Envelope { return x.itemsOf(connection, x.edited) }

func (x *scale) itemsOf(connection int, edited bool) []resource.Envelope {
	items := benchItems(min(perConnection, x.n-connection*perConnection))
	for i := range items {
		n := connection*perConnection + i
		description := "made by the benchmark"
		if edited && n%50 == 0 {
			description = "edited by the benchmark"
		}
		items[i] = thing(one, fmt.Sprintf("vm-%07d", n), has("bios_uuid", fmt.Sprintf("4210f2a4-0000-1111-2222-%012d", n)),
			has("mac", fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", n>>24&255, n>>16&255, n>>8&255, n&255)),
			tagged("env", []string{"prod", "test"}[n%2]), tagged("team", fmt.Sprintf("team-%d", n%50)), related("member_of", "cluster", "c1"),
			attrs(`{"type":"virtual","power_state":"on","cpu_count":%d,"memory_bytes":%d,"hostname":"host-%d.example.org","os":{"family":"linux","name":"Ubuntu","version":"%d.04"},"primary_ip":"10.%d.%d.%d","ip_addresses":["10.%d.%d.%d"],"guest_agent_status":"running","folder":"/prod/payments","description":%q}`,
				n%64, 1<<30*int64(n%512), n, n%30, n>>16&255, n>>8&255, n&255, n>>16&255, n>>8&255, n&255, description))
	}
	return items
}

// sync pushes a run of every connection and answers how long the collector took.
func (x *scale) sync(ctx context.Context) (took time.Duration) {
	for c := 0; c*perConnection < x.n; c++ {
		took += x.push(ctx, c)
	}
	return took
}

func (x *scale) push(ctx context.Context, c int) time.Duration {
	if c == len(x.agents) {
		a := newAgent(x.s, fmt.Sprintf("c%04d", c), 1)
		a.batch = 500
		x.agents, x.told = append(x.agents, a), append(x.told, toldRun{})
	}
	a, told := x.agents[c], x.told[c]
	if told.gen > 0 {
		l := &listing{rows: map[string]resource.Hash{}, epoch: told.epoch, gen: told.gen}
		for _, env := range x.itemsOf(c, told.edited) {
			b, err := resource.Canonical(env)
			x.must(err)
			l.rows[env.ExternalID] = resource.HashOf(b)
		}
		a.base[one.Key()] = l
	}
	sp := a.build([]string{"server"}, x.clock.now(), complete(one, x.items(c)...))
	begun := time.Now()
	_, err := a.push(ctx, sp)
	x.must(err)
	took := time.Since(begun)
	x.told[c] = toldRun{x.edited, sp.epoch, sp.gen}
	clear(a.base)
	a.log = nil
	return took
}

// first syncs everything for the first time. The last connection's writes are kept, and written without the inventory into a
// copy of the store as it was before them: the same rows into the same trees.
func (x *scale) first(ctx context.Context) time.Duration {
	connections := (x.n + perConnection - 1) / perConnection
	var took, one time.Duration
	for c := range connections - 1 {
		one = x.push(ctx, c)
		took += one
		if c == 0 {
			x.say("first sync, first 5,000", "%.2f ms each", ms(one)/perConnection)
		}
		if done := (c + 1) * perConnection; done%100_000 == 0 {
			x.say(fmt.Sprintf("first sync, at %d", done), "%.2f ms each; resident %.0f MiB", ms(one)/perConnection, resident())
		}
	}
	if x.n > rawUpTo {
		one = x.push(ctx, connections-1)
		took += one
		x.say("first sync, last 5,000", "%.2f ms each", ms(one)/float64(x.n-(connections-1)*perConnection))
		x.say("first sync, all", "%.2f ms each", ms(took)/float64(x.n))
		return took
	}
	x.must(x.st.Close())
	before := filepath.Join(x.t.TempDir(), "before.db")
	x.must(sqlite.Alone(ctx, x.path))
	b, err := exec.CommandContext(ctx, "cp", x.path, before).CombinedOutput()
	if err != nil {
		x.t.Fatalf("copy store: %v: %s", err, b)
	}
	x.open(ctx)
	rec := &recorder{Store: x.st}
	x.s.opt.Store = rec
	one = x.push(ctx, connections-1)
	x.s.opt.Store = x.st
	took += one
	n := float64(x.n - (connections-1)*perConnection)
	target, err := sqlite.Open(ctx, sqlite.Options{Path: before, Tables: append(Tables(), audit.Tables()...)})
	x.must(err)
	begun := time.Now()
	for _, ops := range rec.writes {
		x.must(target.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, ops...)
			return err
		}))
	}
	raw := time.Since(begun)
	x.must(target.Close())
	x.must(os.Remove(before))
	x.say("first sync, last 5,000", "%.2f ms each; the same rows, raw, batched, into a copy of the store %.2f: %.2f of that speed",
		ms(one)/n, ms(raw)/n, float64(raw)/float64(one))
	x.say("first sync, all", "%.2f ms each", ms(took)/float64(x.n))
	return took
}

func (x *scale) open(ctx context.Context) {
	var err error
	x.st, err = sqlite.Open(ctx, sqlite.Options{Path: x.path, Tables: append(Tables(), audit.Tables()...)})
	x.must(err)
	if x.s == nil {
		x.s = New(Options{Store: x.st, Clock: x.clock.now})
	}
	x.s.opt.Store = x.st
	x.must(x.s.Prepare(ctx))
}

// hand is the database that somebody would make for these questions alone: documents in a table, two indexes, full text.
func (x *scale) hand(ctx context.Context) *sql.DB {
	path := filepath.Join(x.t.TempDir(), "hand.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=cache_size(-32768)")
	x.must(err)
	x.t.Cleanup(func() { x.must(db.Close()) })
	db.SetMaxOpenConns(1)
	for _, q := range []string{
		"ATTACH '" + x.path + "' AS ours",
		"CREATE TABLE server (id TEXT PRIMARY KEY, name TEXT, kind TEXT, state TEXT, doc BLOB) WITHOUT ROWID",
		"INSERT INTO server SELECT id, doc ->> '$.name', part, doc ->> '$.state', doc FROM ours.resources WHERE part = 'server' ORDER BY id",
		"CREATE INDEX by_kind ON server (kind, state)",
		"CREATE INDEX by_cpu ON server (json_extract(doc, '$.attributes.cpu_count'), name, id)",
		"CREATE VIRTUAL TABLE words USING fts5 (id UNINDEXED, name, text)",
		"INSERT INTO words SELECT id, name, (SELECT group_concat(value, ' ') FROM json_each(doc, '$.words')) FROM server",
		"DETACH ours",
	} {
		_, err := db.ExecContext(ctx, q)
		x.must(err)
	}
	return db
}

// question is asked of both.
type question struct {
	name  string
	where filter.Expr
	sql   string
	count string
}

func (x *scale) questions() []question {
	last := fmt.Sprintf("%07d", x.n-7)
	page := " ORDER BY name, id LIMIT 50"
	return []question{
		{"page of 50, indexed filter and order", eq(number("attributes", "cpu_count"), 7.0),
			"SELECT id, json(doc) FROM server WHERE json_extract(doc, '$.attributes.cpu_count') = 7" + page,
			"SELECT count(*) FROM (SELECT 1 FROM server WHERE json_extract(doc, '$.attributes.cpu_count') = 7 LIMIT 10000)"},
		{"page of 50, unindexed filter", eq(text("attributes", "os", "version"), "13.04"),
			"SELECT id, json(doc) FROM server WHERE json_extract(doc, '$.attributes.os.version') = '13.04'" + page,
			"SELECT count(*) FROM (SELECT 1 FROM server WHERE json_extract(doc, '$.attributes.os.version') = '13.04' LIMIT 10000)"},
		{"page of 50, text that one has", filter.Text{Field: texts("words"), Words: []string{last}},
			"SELECT id, json(doc) FROM server WHERE id IN (SELECT id FROM words WHERE words MATCH '" + last + "*')" + page,
			"SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH '" + last + "*' LIMIT 10000)"},
		{"page of 50, two words that all have", filter.Text{Field: texts("words"), Words: []string{"made", "benchmark"}},
			"SELECT id, json(doc) FROM server WHERE id IN (SELECT id FROM words WHERE words MATCH 'made* AND benchmark*')" + page,
			"SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH 'made* AND benchmark*' LIMIT 10000)"},
	}
}

func (x *scale) compare(ctx context.Context, hand *sql.DB, q question) {
	var mine, theirs int
	ours := median(func() {
		list, err := x.s.List(ctx, everyone, ListQuery{Kind: "server", Where: q.where, Limit: 50, Order: []store.Order{{Field: text("name")}}})
		x.must(err)
		mine = min(list.Total, countMax)
	})
	reference := median(func() {
		rows, err := hand.QueryContext(ctx, q.sql)
		x.must(err)
		for rows.Next() {
			var id, doc string
			x.must(rows.Scan(&id, &doc))
		}
		x.must(rows.Err())
		x.must(hand.QueryRowContext(ctx, q.count).Scan(&theirs))
	})
	if mine != theirs {
		x.t.Errorf("%s: we find %d, the statement by hand %d", q.name, mine, theirs)
	}
	x.say(q.name, "%.1f ms, %.1f times the %.1f of SQL by hand (%d found)", ms(ours), float64(ours)/float64(reference), ms(reference), mine)
}

func (x *scale) timed(what string, fn func()) { x.say(what, "%.1f ms", ms(median(fn))) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median of three, after one that fills caches.
func median(fn func()) time.Duration {
	fn()
	var took [3]time.Duration
	for i := range took {
		begun := time.Now()
		fn()
		took[i] = time.Since(begun)
	}
	a, b, c := took[0], took[1], took[2]
	return max(min(a, b), min(max(a, b), c))
}
