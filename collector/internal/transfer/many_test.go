package transfer

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"maestro.internal/collector/internal/transfer/sheet"
)

// manyRows is how many rows are imported: MAESTRO_IMPORT_ROWS=1000000 shows the whole of what issue C asks for, for an hour of patience.
func manyRows(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MAESTRO_IMPORT_ROWS")
	if text == "" {
		return 3000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MAESTRO_IMPORT_ROWS: %q is no number of rows", text)
	}
	return n
}

// processorTime is what this process has used of the processors, which a busy machine doesn't change as it does the time on the wall.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// An import holds a batch of rows at a time and one number per row that it makes, so that two rows of one thing are told. Beside that its
// memory doesn't grow with the file: 64 MiB and 150 bytes per row are allowed, 64 + 143 MiB for a million.
func TestManyRowsAreImportedInBoundedMemory(t *testing.T) {
	const fixed, perRow = 64 << 20, 150
	rows := manyRows(t)
	l := newLab(t)
	file := func() *os.File {
		f := l.file(nil)
		w := bufio.NewWriter(f)
		fmt.Fprintln(w, "name,region,identifiers.serial,cpu_count,memory_bytes,owner.name,tags.env,datacenter")
		for i := range rows {
			fmt.Fprintf(w, "server-%07d,fra,SN-%07d-ABQ,%d,16 GiB,team %d,prod,FRA1\n", i, i, 2+i%8, i%20)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	imported := func(want string) {
		t.Helper()
		runtime.GC()
		before, used, began := heap(), processorTime(t), time.Now()
		op, err := l.s.Import(l.ctx, anna, ImportRequest{Kind: "server", File: sheet.Options{Name: "servers.csv"}}, file())
		if err != nil {
			t.Fatal(err)
		}
		peak, wait, step := uint64(0), time.Millisecond, 0
		for limit := time.Now().Add(time.Duration(rows)*50*time.Millisecond + 5*time.Minute); op.State == Running; time.Sleep(wait) {
			if time.Now().After(limit) {
				t.Fatalf("the import does not end: %+v", op)
			}
			if op, err = l.s.Operation(l.ctx, anna, op.ID); err != nil {
				t.Fatal(err)
			}
			peak, wait = max(peak, heap()), min(wait*2, 200*time.Millisecond)
			if at := op.Rows * 10 / rows; rows >= 100_000 && at != step {
				step = at
				t.Logf("%s %d rows after %s, %s of processor", op.Phase, op.Rows, time.Since(began).Round(time.Millisecond), (processorTime(t) - used).Round(time.Millisecond))
			}
		}
		l.want(op, want)
		grown := peak - min(peak, before)
		t.Logf("%d rows: %s of processor, %s each, %s on the wall, heap up to %d MiB", rows, (processorTime(t) - used).Round(time.Millisecond),
			((processorTime(t) - used) / time.Duration(rows)).Round(time.Microsecond), time.Since(began).Round(time.Millisecond), peak>>20)
		if allowed := uint64(fixed + perRow*rows); grown > allowed {
			t.Errorf("the heap grew by %d MiB, allowed are %d", grown>>20, allowed>>20)
		}
	}
	imported(fmt.Sprintf("done: %d rows, %d created, 0 updated, 0 unchanged, 0 removed, 0 refused", rows, rows))
	l.count.Reset()
	imported(fmt.Sprintf("done: %d rows, 0 created, 0 updated, %d unchanged, 0 removed, 0 refused", rows, rows))
	if w := l.inventoryWrites(); len(w) != 0 {
		t.Errorf("the second run wrote %v", w)
	}
}
