package inventory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

// leaner is a store whose parts lack the indexes that it leaves out.
type leaner struct {
	store.Store
	out func(store.Index) bool
}

func (l leaner) EnsurePart(ctx context.Context, table, part string, indexes []store.Index) error {
	return l.Store.EnsurePart(ctx, table, part, slices.DeleteFunc(slices.Clone(indexes), l.out))
}

// TestIndexCost holds the first sync of MAESTRO_BENCH_RESOURCES servers against that of the same ones into stores that lack some of
// the indexes, connection by connection in turns: processor time, which others on the machine change little.
func TestIndexCost(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MAESTRO_BENCH_RESOURCES"))
	if err != nil {
		t.Skip("MAESTRO_BENCH_RESOURCES says how many resources to measure with")
	}
	none := func(store.Index) bool { return false }
	sites := []struct {
		name   string
		part   func(store.Index) bool
		change string
		// unranked leaves out the order within each access root.
		unranked bool
		x        *scale
		took     time.Duration
		last     time.Duration
	}{
		{name: "all indexes", part: none},
		{name: "without those of the common block", part: func(ix store.Index) bool { return strings.HasPrefix(ix.Name, "common_") }},
		{name: "without that of the facets", part: func(ix store.Index) bool { return ix.Name == "default_facets" }},
		{name: "without that of changes by action", part: none, change: "action"},
		{name: "without that of changes by name", part: none, change: "name"},
		{name: "without the orders within an access root", part: none, unranked: true},
	}
	ctx := t.Context()
	for i := range sites {
		at := &sites[i]
		tables := append(Tables(), audit.Tables()...)
		for j, table := range tables {
			if table.Name == tResources && at.unranked {
				tables[j].Indexes = slices.DeleteFunc(table.Indexes, func(ix store.Index) bool { return strings.HasPrefix(ix.Name, "roots_") })
				tables[j].Indexes = append(tables[j].Indexes, store.Index{Name: "roots", Fields: []filter.Field{texts("access_roots")}})
			}
			if table.Name == tChanges {
				tables[j].Indexes = slices.DeleteFunc(table.Indexes, func(ix store.Index) bool { return ix.Name == at.change })
			}
		}
		x := &scale{t: t, n: n, path: filepath.Join(t.TempDir(), "maestro.db"), clock: newClock()}
		x.st, err = sqlite.Open(ctx, sqlite.Options{Path: x.path, Tables: tables})
		x.must(err)
		t.Cleanup(func() { x.must(x.st.Close()) })
		x.s = New(Options{Store: leaner{x.st, at.part}, Clock: x.clock.now})
		x.must(x.s.Prepare(ctx))
		at.x = x
	}
	for c := 0; c*perConnection < n; c++ {
		for i := range sites {
			at := &sites[i]
			used := processor(t)
			at.x.push(ctx, c)
			at.last = processor(t) - used
			at.took += at.last
		}
	}
	for _, at := range sites {
		size, err := at.x.st.Size(ctx)
		at.x.must(err)
		at.x.say(at.name, "%.2f ms of processor time each, %.2f for the last connection's, %.2f of the first's; %.1f kB each",
			ms(at.took)/float64(n), ms(at.last)/float64(min(n, perConnection)), float64(at.took)/float64(sites[0].took), float64(size)/1000/float64(n))
	}
	if len(sites[0].x.agents)*perConnection < n {
		t.Error("not everything was read")
	}
	fmt.Println()
}

// processor is what this process has used of the processors.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
