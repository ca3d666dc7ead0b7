package inventory

import (
	"context"
	"time"

	"maestro.internal/sdk/resource"
)

// KindHealth is how a kind of one connection stands, over all scopes that its latest plan has.
type KindHealth struct {
	Kind string
	// Status is the worst among the scopes; "" when one was never tried and none is worse.
	Status        resource.Status
	Error, Advice string
	// Run is the latest of the scope that Status is of.
	Run string
	// Scopes are planned, Complete of them were complete when read last. Scopes of what the provider does not have count as neither.
	Scopes, Complete int
	Listed, Rejected int
	// LastComplete is the moment since which nothing of the kind is unread: that of the scope that was complete longest ago. Zero
	// while one never was.
	LastComplete time.Time
}

// badness orders outcomes by what they keep from being known.
var badness = map[resource.Status]int{resource.StatusComplete: 1, resource.StatusNotTried: 2, "": 3, resource.StatusPartial: 4, resource.StatusThrottled: 5,
	resource.StatusUnreachable: 6, resource.StatusDenied: 7, resource.StatusFailed: 8}

func (h *KindHealth) add(s ScopeInfo) {
	h.Listed += s.Listed
	h.Rejected += s.Rejected
	if s.Status == resource.StatusUnsupported {
		if h.Scopes == 0 {
			h.Status, h.Run = s.Status, s.LastRun
		}
		return
	}
	first := h.Scopes == 0
	h.Scopes++
	if s.Status == resource.StatusComplete {
		h.Complete++
	}
	if first || badness[s.Status] > badness[h.Status] {
		h.Status, h.Error, h.Advice, h.Run = s.Status, s.Error, s.Advice, s.LastRun
	}
	switch {
	case first:
		h.LastComplete = s.LastComplete
	case h.LastComplete.IsZero() || s.LastComplete.IsZero():
		h.LastComplete = time.Time{}
	case s.LastComplete.Before(h.LastComplete):
		h.LastComplete = s.LastComplete
	}
}

// Health is how each kind of each connection stands that the caller sees, by connection and kind: one walk over the coverage ledger.
func (s *Service) Health(ctx context.Context, c Caller) (map[string]map[string]*KindHealth, error) {
	out := map[string]map[string]*KindHealth{}
	err := s.EachScope(ctx, c, ScopeQuery{}, func(info ScopeInfo) bool {
		kinds := out[info.Connection]
		if kinds == nil {
			kinds = map[string]*KindHealth{}
			out[info.Connection] = kinds
		}
		h := kinds[info.Scope.Kind]
		if h == nil {
			h = &KindHealth{Kind: info.Scope.Kind}
			kinds[info.Scope.Kind] = h
		}
		h.add(info)
		return true
	})
	return out, err
}
