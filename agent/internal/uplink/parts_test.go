package uplink_test

import (
	"fmt"
	"slices"
	"testing"

	"maestro.internal/sdk/resource"
)

// A collector that says how the parts of a scope add up is told only those that are others here, and one that does not say so all.
func TestOnlyDifferingPartsAreListed(t *testing.T) {
	for _, parts := range []bool{true, false} {
		t.Run(fmt.Sprintf("parts %t", parts), func(t *testing.T) {
			c := newCollector(t)
			s := newSite(t, c)
			s.start()
			var pairs []string
			for i := range 2000 {
				pairs = append(pairs, fmt.Sprintf("vm-%04d", i), "1")
			}
			s.run("r1", complete(pairs...), complete(), complete())
			s.drained()
			if err := s.spool.ForgetConnection("c1"); err != nil {
				t.Fatal(err)
			}
			c.set(func() {
				c.parts, c.listed = parts, nil
				rows := c.state("c1", plan[0].Key()).rows
				delete(rows, "vm-0003")
				rows["vm-stranger"] = resource.HashOf([]byte("x"))
			})
			pairs[3] = "2"
			s.run("r2", complete(pairs...), complete(), complete())
			s.drained()
			got := c.rows(0)
			want := slices.Clone(got[:0:0])
			for i := 0; i < len(pairs); i += 2 {
				want = append(want, pairs[i])
			}
			if !slices.Equal(got, want) {
				t.Errorf("the collector holds %d rows, wanted are %d", len(got), len(want))
			}
			if n := len(c.listed); parts && (n == 0 || n > 100) || !parts && n != 2000 {
				t.Errorf("%d rows were listed", n)
			}
			if got := s.spool.Baseline("c1", plan[0].Key()); got == nil || got.Digest.Count != 2000 {
				t.Errorf("the baseline is %+v", got)
			}
		})
	}
}
