package retry

import (
	"testing"
	"time"
)

func TestFullJitter(t *testing.T) {
	b := &fullJitter{first: 100 * time.Millisecond, most: time.Second}
	for i := range 1000 {
		if b.NextBackOff() > b.bound+time.Millisecond || b.bound > time.Second {
			t.Fatalf("wait beyond its bound %s", b.bound)
		}
		if i == 0 && b.bound != 100*time.Millisecond || i > 5 && b.bound != time.Second {
			t.Fatalf("bound %s after %d", b.bound, i)
		}
	}
}
