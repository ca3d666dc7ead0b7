package inventory

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"maestro.internal/sdk/resource"
)

// benchParts is how many datacenters, each with an agent, the servers of a benchmark are in.
const benchParts = 100

// benchService is an empty inventory on SQLite, and how many servers to measure with: MAESTRO_BENCH_RESOURCES, or as many as usual.
func benchService(b *testing.B, usual int) (*Service, *clock, int) {
	b.Helper()
	n := usual
	if text := os.Getenv("MAESTRO_BENCH_RESOURCES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	c := newClock()
	s := New(Options{Store: openSQLite(b), Clock: c.now})
	if err := s.Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s, c, n
}

// fillDatacenters has a hundred agents, each of a datacenter of its own, push n servers together.
func fillDatacenters(b *testing.B, s *Service, c *clock, n int, server func(datacenter, number int) resource.Envelope) {
	b.Helper()
	for i := range benchParts {
		a := newAgent(s, fmt.Sprintf("a%d", i), int64(i+1))
		a.batch, a.conn.Datacenter = 500, fmt.Sprintf("dc%d", i)
		var items []resource.Envelope
		for j := range n / benchParts {
			items = append(items, server(i, j))
		}
		if _, err := a.push(b.Context(), a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
			b.Fatal(err)
		}
	}
}
