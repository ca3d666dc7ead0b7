package inventory

import (
	"context"
	"errors"
	"testing"

	"maestro.internal/collector/internal/store"
)

var errCounted = errors.New("rows are counted")

// uncounted is a store that counts nothing.
type uncounted struct{ store.Store }

func (uncounted) Count(context.Context, store.Query, int) (int, error) { return 0, errCounted }

// A page that is the whole list says how long it is: the store is not asked a second time.
func TestWholeListIsNotCounted(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2"), thing(one, "k3")))
	l.s.opt.Store = uncounted{l.s.opt.Store}
	for limit, want := range map[int]error{2: errCounted, 3: nil, 10: nil} {
		q := ListQuery{Kind: "server", Limit: limit}
		list, err := l.s.List(l.ctx, everyone, q)
		if !errors.Is(err, want) || err == nil && (list.Total != 3 || list.More) {
			t.Errorf("list, %d a page: %+v %v", limit, list, err)
		}
		heads, err := l.s.Heads(l.ctx, everyone, q)
		if !errors.Is(err, want) || err == nil && (heads.Total != 3 || heads.More) {
			t.Errorf("search, %d a page: %+v %v", limit, heads, err)
		}
	}
}
