package azure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/retry"
)

// subscription is one that the identity sees.
type subscription struct {
	ID     string `json:"subscriptionId"`
	Name   string `json:"displayName"`
	State  string `json:"state"`
	Tenant string `json:"tenantId"`
}

// descendant is a group or a subscription below a management group.
type descendant struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Name       string `json:"name"`
	Properties struct {
		DisplayName string `json:"displayName"`
	} `json:"properties"`
}

// enumeration is which subscriptions there are, and what is known to be missing.
type enumeration struct {
	found    []subscription // selected by the settings, sorted by id
	visible  int
	complete bool
	warnings []string
	tenants  map[string]bool // of every visible subscription
}

// Plan is one scope for each kind and subscription.
func (s *session) Plan(ctx context.Context, kinds []string) (provider.Plan, error) {
	e, err := s.enumerate(ctx)
	if err != nil {
		return provider.Plan{}, err
	}
	plan := provider.Plan{Complete: e.complete, Warnings: e.warnings}
	for _, sub := range e.found {
		for _, kind := range kinds {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: kind, Partition: resource.Partition{{Key: Partition, Value: sub.ID}}})
		}
	}
	return plan, nil
}

func (e *enumeration) lacks(format string, args ...any) {
	e.complete = false
	e.warnings = append(e.warnings, fmt.Sprintf(format, args...))
}

// enumerate lists the subscriptions that the settings select.
func (s *session) enumerate(ctx context.Context) (enumeration, error) {
	e := enumeration{complete: true, tenants: map[string]bool{}}
	visible := map[string]subscription{}
	err := pages(ctx, s.client, retry.Do, s.client.link("/subscriptions", "2022-12-01"), func(f string, a ...any) { e.lacks(f, a...) }, func(list []subscription) error {
		for _, sub := range list {
			sub.ID = strings.ToLower(sub.ID)
			if !guid.MatchString(sub.ID) {
				e.lacks("Azure lists a subscription with the id %q, which is left out", sub.ID)
				continue
			}
			visible[sub.ID] = sub
			e.tenants[strings.ToLower(sub.Tenant)] = true
		}
		return nil
	})
	if err != nil {
		return e, fmt.Errorf("list subscriptions: %w", err)
	}
	e.visible = len(visible)
	candidates := visible
	if len(s.settings.ManagementGroups) > 0 {
		if candidates, err = s.belowGroups(ctx, visible, &e); err != nil {
			return e, err
		}
	}
	for _, sub := range candidates {
		switch {
		case !s.settings.selects(sub.ID, sub.Name):
		case sub.State == "Deleted":
			e.warnings = append(e.warnings, fmt.Sprintf("subscription %s (%s) is deleted, so it is left out", sub.ID, sub.Name))
		default:
			e.found = append(e.found, sub)
		}
	}
	slices.SortFunc(e.found, func(a, b subscription) int { return cmp.Compare(a.ID, b.ID) })
	switch {
	case len(candidates) == 0:
		// Azure answers an empty list instead of refusing where an identity has no role, so this proves nothing.
		e.lacks("no subscription is visible; give the identity the role Reader on a subscription or a management group")
	case len(e.found) == 0:
		e.warnings = append(e.warnings, fmt.Sprintf("the settings select none of the %d subscriptions", len(candidates)))
	}
	for _, tenant := range s.undelegated(e) {
		e.lacks("no subscription of the tenant %s is visible: its delegation is missing or was taken back", tenant)
	}
	slices.Sort(e.warnings)
	return e, nil
}

// undelegated are the tenants whose subscriptions were expected in vain.
func (s *session) undelegated(e enumeration) []string {
	var out []string
	for _, tenant := range s.settings.DelegatedTenants {
		if !e.tenants[strings.ToLower(tenant)] {
			out = append(out, strings.ToLower(tenant))
		}
	}
	return out
}

// belowGroups are the subscriptions below the management groups of the settings. One that is not visible is kept:
// that it may not be read is what its scopes will say.
func (s *session) belowGroups(ctx context.Context, visible map[string]subscription, e *enumeration) (map[string]subscription, error) {
	out := map[string]subscription{}
	var first error
	failed := 0
	for _, group := range s.settings.ManagementGroups {
		link := s.client.link("/providers/Microsoft.Management/managementGroups/"+group+"/descendants", "2021-04-01")
		err := pages(ctx, s.client, retry.Do, link, func(f string, a ...any) { e.lacks(f, a...) }, func(list []descendant) error {
			for _, d := range list {
				id := strings.ToLower(d.Name)
				if !strings.HasSuffix(strings.ToLower(d.Type), "/subscriptions") || !guid.MatchString(id) {
					continue
				}
				sub, ok := visible[id]
				if !ok {
					sub = subscription{ID: id, Name: d.Properties.DisplayName}
				}
				out[id] = sub
			}
			return nil
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			err = fmt.Errorf("list management group %s: %w", group, err)
			if failed++; first == nil {
				first = err
			}
			e.lacks("%v", err)
		}
	}
	if failed == len(s.settings.ManagementGroups) {
		return nil, first
	}
	return out, nil
}
