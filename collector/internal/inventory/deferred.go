package inventory

import (
	"context"
	"encoding/json"
	"fmt"

	"maestro.internal/collector/internal/store"
)

// Gate says whether what a person decides about which things are one waits for somebody else.
type Gate interface {
	// Asks says whether it has to be approved.
	Asks(ctx context.Context, tenant string) (bool, error)
	// Ask asks for it, and answers the approval. What waits already is not asked twice.
	Ask(ctx context.Context, c Caller, d Deferred) (string, error)
}

// Deferred is a merge or split that waits. One of its requests is there.
type Deferred struct {
	Merge  *MergeRequest   `json:"merge,omitempty"`
	Split  *SplitRequest   `json:"split,omitempty"`
	Review *ReviewDecision `json:"review,omitempty"`

	// Title says in one line what would be done, to Resources, which have Roots in common. Key is the same for the same request.
	Title     string   `json:"-"`
	Key       string   `json:"-"`
	Reason    string   `json:"-"`
	Resources []Head   `json:"-"`
	Roots     []string `json:"-"`
}

// ReviewDecision answers a review item.
type ReviewDecision struct {
	ID     string
	One    bool
	Reason string
}

// AskedError says that nothing was done yet, since somebody has to approve it.
type AskedError struct{ Approval string }

func (e *AskedError) Error() string {
	return "it waits for approval " + e.Approval + "; nothing is done until then"
}

// decision is what a person decided, with what its approval would be about.
type decision struct {
	// free says that nobody has to allow it; approval is the one that did.
	free     bool
	approval string
	title    string
	request  Deferred
	heads    []Head
}

// ask asks for a decision where that is wanted: *AskedError. Nil means that it may be done.
func (s *Service) ask(ctx context.Context, c Caller, kind, reason string, d decision) error {
	if d.free || d.approval != "" || s.opt.Gate == nil {
		return nil
	}
	asks, err := s.opt.Gate.Asks(ctx, c.Tenant)
	if err != nil || !asks {
		return err
	}
	ids := make([]string, len(d.heads))
	for i, h := range d.heads {
		ids[i] = h.ID
	}
	roots, err := s.CommonRoots(ctx, c.Tenant, kind, ids)
	if err != nil {
		return err
	}
	b, err := json.Marshal(d.request)
	if err != nil {
		return fmt.Errorf("encode decision: %w", err)
	}
	ask := d.request
	ask.Title, ask.Resources, ask.Roots, ask.Reason, ask.Key = d.title, d.heads, roots, reason, uuidOf("deferred", c.Tenant, string(b))
	id, err := s.opt.Gate.Ask(ctx, c, ask)
	if err != nil {
		return err
	}
	return &AskedError{Approval: id}
}

// Carry does what was asked for and approved, as whoever asked. Told again it does nothing more. It is about the resources as they
// are now: what was read of them meanwhile does not matter, what became of them does.
func (s *Service) Carry(ctx context.Context, c Caller, approval string, d Deferred) error {
	done, err := s.carried(ctx, c.Tenant, approval, d)
	if err != nil || done {
		return err
	}
	switch {
	case d.Merge != nil:
		_, err = s.merge(ctx, c, *d.Merge, approval)
	case d.Split != nil:
		_, err = s.split(ctx, c, *d.Split, approval)
	case d.Review != nil:
		_, err = s.decideReview(ctx, c, d.Review.ID, d.Review.One, d.Review.Reason, approval)
	default:
		err = &InvalidError{Problem: "says neither what is merged nor what is split"}
	}
	return err
}

// carried goes on with what an approval had announced before a collector stopped, and says whether it is done.
func (s *Service) carried(ctx context.Context, tenant, approval string, d Deferred) (bool, error) {
	id := approvedID(tenant, approval)
	if d.Review != nil {
		id = reviewedID(tenant, d.Review.ID)
	}
	rows, err := getRows(ctx, s.opt.Store, tOperations, tenant, "", []string{id})
	if err != nil {
		return false, err
	}
	row, ok := rows[id]
	if !ok {
		return false, nil
	}
	op, err := decodeRow[operationDoc](row)
	switch {
	case err != nil:
		return false, err
	case op.Approval != approval:
		return false, ErrReviewed
	case op.State == "open":
		err = s.operate(ctx, row, op)
	}
	if err != nil {
		return false, err
	}
	// The collector that stopped did not come to say how it ended; saying it twice says the same.
	return true, s.opt.Audit.Finish(ctx, tenant, op.AuditID, nil)
}

func approvedID(tenant, approval string) string { return store.Key(tenant, "approval", approval) }
func reviewedID(tenant, review string) string   { return store.Key(tenant, "review", review) }
