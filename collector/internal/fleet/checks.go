package fleet

import (
	"context"
	"encoding/json"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/sdk/provider"
)

// checkLife is how long the answer to a permission check is kept: whoever asks why something is missing wants to know what the
// last one said.
const checkLife = 30 * 24 * time.Hour

// life is how long a command is kept after its last news.
func (d commandDoc) life() time.Duration {
	if d.Type == CommandCheck && (d.State == stateDone || d.State == stateFailed) {
		return checkLife
	}
	return commandLife
}

// LastCheck is what the latest answered permission check of a connection said.
type LastCheck struct {
	At time.Time
	// Report is what the plugin found; Error why there is none.
	Report provider.CheckReport
	Error  string
	// Outdated says that the connection was edited since.
	Outdated bool
}

// LastChecks are the latest answered checks of the connections that the caller may read, by connection.
func (s *Service) LastChecks(ctx context.Context, c inventory.Caller) (map[string]LastCheck, error) {
	conns, err := s.live(ctx, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	epochs := map[string]int64{}
	for _, o := range conns {
		if mayReadConnection(c, o) {
			epochs[o.id] = o.doc.Epoch
		}
	}
	out := map[string]LastCheck{}
	for _, state := range []string{stateDone, stateFailed} {
		list, err := all[commandDoc](ctx, s.opt.Store, tCommands, c.Tenant, filter.And{eq(text("state"), state), eq(text("type"), CommandCheck)})
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			epoch, ok := epochs[o.doc.Connection]
			if !ok || !out[o.doc.Connection].At.Before(o.doc.UpdatedAt.Time) {
				continue
			}
			check := LastCheck{At: o.doc.UpdatedAt.Time, Error: o.doc.Error, Outdated: o.doc.Epoch != epoch}
			if state == stateDone && json.Unmarshal([]byte(o.doc.Detail), &check.Report) != nil {
				check.Error = "the agent's answer cannot be read"
			}
			out[o.doc.Connection] = check
		}
	}
	return out, nil
}
