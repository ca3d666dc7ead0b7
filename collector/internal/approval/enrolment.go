package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// Enrolments are agents that came with a join token and wait to be let in.
type Enrolments struct{ Fleet *fleet.Service }

// EnrolmentOf is the agent that an approval is about.
func EnrolmentOf(a *Approval) (fleet.Enrolment, error) {
	var e fleet.Enrolment
	if err := json.Unmarshal([]byte(a.Payload), &e); err != nil {
		return e, fmt.Errorf("decode enrolment of approval %s: %w", a.ID, err)
	}
	return e, nil
}

// Waiting hands out the agents that wait. Who made the token has asked.
func (e Enrolments) Waiting(ctx context.Context, tenant string, fn func(Ask) error) error {
	list, err := e.Fleet.Enrolments(ctx, tenant)
	if err != nil {
		return err
	}
	for _, x := range list {
		payload, err := json.Marshal(x)
		if err != nil {
			return fmt.Errorf("encode enrolment: %w", err)
		}
		title := fmt.Sprintf("Let in the agent %s", x.Name)
		if x.Site != "" {
			title = fmt.Sprintf("Let in the agent %s of site %s", x.Name, x.Site)
		}
		if err := fn(Ask{Kind: Enrolment, Key: x.ID, Title: title, Count: 1, At: x.At, By: x.AskedBy, Payload: string(payload)}); err != nil {
			return err
		}
	}
	return nil
}

// Carry lets the agent in, or tells it that it will not be: what nobody decided in time is no, since the agent asks until it hears.
func (e Enrolments) Carry(ctx context.Context, a *Approval) (bool, error) {
	by, reason := System, a.Problem
	switch a.State {
	case Approved, Refused:
		by, reason = a.Last().By, a.Last().Reason
	case Withdrawn:
		by, reason = a.RequestedBy, "withdrawn"
	case Pending, Expired, Failed:
	}
	err := e.Fleet.DecideEnrolment(ctx, a.Tenant, a.Key, a.State == Approved, by, reason)
	var conflict *inventory.ConflictError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return true, &UnableError{"it waits no more: its join token was deleted"}
	case errors.As(err, &conflict):
		return true, &UnableError{conflict.Problem}
	}
	return err == nil, err
}

// HoldsEnrolment says whether a tenant wants to be asked before an agent is let in.
func HoldsEnrolment(approvals func() *Service) func(ctx context.Context, tenant string) (bool, error) {
	return func(ctx context.Context, tenant string) (bool, error) {
		rules, err := approvals().Rules(ctx, tenant)
		return rules.Of[Enrolment].Required, err
	}
}

var _ Arising = Enrolments{}
