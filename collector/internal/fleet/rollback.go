package fleet

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// Stated is what an agent was told of a connection, under this collector's own signature, and how far it was acknowledged.
type Stated struct {
	Connection, Name               string
	Provider, Settings, Credential string
	// Epoch is that of the signed assignment.
	Epoch int64
	// At is the highest acknowledged run.
	AtEpoch, AtGeneration int64
}

// Remember compares what an agent was told and acknowledged with what the store knows. Where the store knows less it is older than it
// was: somebody restored a backup. The connection's epoch then rises above all that was stated, so that no epoch ever means two things,
// and its next run goes through the lists. What the agent holds of connections that the store does not know at all is only said.
func (s *Service) Remember(ctx context.Context, k Known, stated []Stated) error {
	var back, lost []string
	for _, st := range stated {
		o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, k.Tenant, st.Connection)
		if errors.Is(err, store.ErrNotFound) {
			lost = append(lost, st.Name+" ("+st.Connection+")")
			continue
		}
		if err != nil {
			return err
		}
		older, err := s.older(ctx, k.Tenant, o.doc, st)
		if err != nil {
			return err
		}
		if !older {
			continue
		}
		// Lists are asked for first: if this ends here, the epochs still tell the next session.
		if err := s.opt.Inventory.Resend(ctx, k.Tenant, st.Connection); err != nil {
			return fmt.Errorf("ask for lists: %w", err)
		}
		raised, err := change(ctx, s, tConnections, k.Tenant, st.Connection, func(o *object[connectionDoc]) error {
			o.doc.Epoch = max(o.doc.Epoch, st.Epoch, st.AtEpoch) + 1
			return nil
		})
		if err != nil {
			return fmt.Errorf("raise epoch: %w", err)
		}
		if err := s.opt.Inventory.GiveUp(ctx, k.Tenant, st.Connection, raised.doc.Epoch, "the store was found to be older than the agent; the next run compares everything"); err != nil {
			return fmt.Errorf("end runs: %w", err)
		}
		back = append(back, o.doc.Name+" ("+st.Connection+")")
	}
	if len(back) == 0 && len(lost) == 0 {
		return nil
	}
	detail := map[string]any{}
	if len(back) > 0 {
		detail["compared_again"] = back
	}
	if len(lost) > 0 {
		detail["unknown_here"] = lost
	}
	c := inventory.Caller{Tenant: k.Tenant, Name: "agent:" + k.ID}
	s.opt.Log.Warn("the store knows less than an agent was told before: it was restored from a backup", "agent", k.ID, "compared_again", back, "unknown_here", lost)
	return s.audit(ctx, c, "store.rolled_back", audit.Ref{ID: k.ID, Name: k.Name, Kind: "agent"},
		"the agent holds assignments under this collector's signature that are newer than the store: it was restored from a backup; "+
			"epochs were raised above them and whole lists are compared", detail)
}

// older says whether the store knows less of a connection than was stated.
func (s *Service) older(ctx context.Context, tenant string, d connectionDoc, st Stated) (bool, error) {
	switch {
	case st.Epoch > d.Epoch, st.AtEpoch > d.Epoch:
		return true, nil
	case st.Epoch == d.Epoch && (st.Provider != d.Provider || st.Settings != d.Settings || st.Credential != d.Credential):
		// The number was given out again after the store went back: it was another edit that it stood for.
		return true, nil
	case st.AtEpoch < d.Epoch || st.AtGeneration == 0:
		return false, nil
	}
	known, err := s.opt.Inventory.Reached(ctx, tenant, st.Connection, d.Epoch, st.AtGeneration)
	return !known, err
}
