package inventory

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestFill puts MAESTRO_BENCH_RESOURCES servers into the store MAESTRO_BENCH_STORE of a collector that does not run, for
// web/e2e/bench to look at them through the real one.
func TestFill(t *testing.T) {
	path := os.Getenv("MAESTRO_BENCH_STORE")
	n, err := strconv.Atoi(os.Getenv("MAESTRO_BENCH_RESOURCES"))
	if path == "" || err != nil {
		t.Skip("MAESTRO_BENCH_STORE says which store to fill, MAESTRO_BENCH_RESOURCES with how many servers")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err) // a new store would lack what the collector keeps beside
	}
	x := &scale{t: t, n: n, path: path, clock: &clock{t: time.Now().UTC()}}
	x.open(t.Context())
	t.Cleanup(func() { x.must(x.st.Close()) })
	took := x.sync(t.Context())
	x.say("filled", "%d servers, %.2f ms each", n, ms(took)/float64(n))
}
