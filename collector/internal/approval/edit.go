package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/transfer"
)

// BulkEdits are edits of many resources.
type BulkEdits struct {
	Transfer *transfer.Service
	// Request reads what somebody asked for, with the rights that he has now; store.ErrNotFound: he is nobody any more.
	Request func(ctx context.Context, tenant, who string, a transfer.Asking) (inventory.Caller, transfer.EditRequest, error)
}

// AskingOf is what an approval of a bulk edit is about.
func AskingOf(a *Approval) (transfer.Asking, error) {
	var out transfer.Asking
	if err := json.Unmarshal([]byte(a.Payload), &out); err != nil {
		return out, fmt.Errorf("decode bulk edit of approval %s: %w", a.ID, err)
	}
	return out, nil
}

// Carry begins the edit that was approved, and says whether it is over.
func (b BulkEdits) Carry(ctx context.Context, a *Approval) (bool, error) {
	ask, err := AskingOf(a)
	if err != nil {
		return false, err
	}
	if a.State != Approved {
		return true, b.Transfer.Drop(ctx, a.Tenant, a.ID, ask.Operation, "it was not approved: it is "+string(a.State))
	}
	c, req, err := b.Request(ctx, a.Tenant, a.RequestedBy, ask)
	if errors.Is(err, store.ErrNotFound) {
		return b.unable(ctx, a, ask, "who asked for it cannot sign in any more")
	}
	var invalid *inventory.InvalidError
	if errors.As(err, &invalid) {
		return b.unable(ctx, a, ask, "it cannot be read any more: "+invalid.Error())
	}
	if err != nil {
		return false, err
	}
	op, err := b.Transfer.Carry(ctx, c, a.ID, ask, req)
	var busy *inventory.ConflictError
	switch {
	case errors.As(err, &busy):
		return false, nil // the sweeper comes by
	case errors.Is(err, store.ErrNotFound):
		return true, &UnableError{"the operation is forgotten; ask for the edit anew"}
	case errors.Is(err, transfer.ErrElsewhere) && op.Approval != a.ID:
		return true, &UnableError{"what it would edit has changed since it was shown; it was asked anew"}
	case errors.Is(err, transfer.ErrElsewhere):
		return false, nil
	case err != nil:
		return false, err
	}
	switch op.State {
	case transfer.Done, transfer.Undone:
		return true, nil
	case transfer.Failed, transfer.Interrupted, transfer.Dropped:
		return true, &UnableError{op.Error}
	}
	return false, nil
}

func (b BulkEdits) unable(ctx context.Context, a *Approval, ask transfer.Asking, why string) (bool, error) {
	if err := b.Transfer.Drop(ctx, a.Tenant, a.ID, ask.Operation, why); err != nil {
		return false, err
	}
	return true, &UnableError{why}
}

// Gate asks before much is edited at once.
type Gate struct{ Approvals func() *Service }

// Asks says whether an edit of so many has to be approved.
func (g Gate) Asks(ctx context.Context, tenant string, resources int) (bool, error) {
	rules, err := g.Approvals().Rules(ctx, tenant)
	r := rules.Of[BulkEdit]
	return r.Required && resources > r.Over, err
}

// Ask asks for an edit as it was shown.
func (g Gate) Ask(ctx context.Context, c inventory.Caller, a transfer.Asking) (string, error) {
	payload, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode bulk edit: %w", err)
	}
	ask := Ask{Kind: BulkEdit, Key: a.Operation, Title: fmt.Sprintf("Edit resources of kind %s: %d", a.Kind, a.Changed), Count: a.Changed, Roots: a.Roots, Reason: a.Reason,
		Payload: string(payload), Operation: a.Operation}
	for _, r := range a.Sample {
		ask.Refs = append(ask.Refs, Ref{Kind: r.Kind, ID: r.ID, Name: r.Name})
	}
	v, err := g.Approvals().Ask(ctx, access.Caller{Tenant: c.Tenant, Name: c.Name, Address: c.Address}, ask)
	if err != nil {
		return "", err
	}
	return v.ID, nil
}

var (
	_ transfer.Gate = Gate{}
	_ Arising       = Removals{}
	_ Arising       = PluginKinds{}
	_ Subject       = BulkEdits{}
)
