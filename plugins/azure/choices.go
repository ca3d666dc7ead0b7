package azure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

// choosable are the settings whose choices Azure knows.
func choosable() []string { return []string{"/subscriptions", "/exclude_subscriptions", "/regions"} }

// Choices are the subscriptions that the identity sees, or the regions that the first of them may use.
func (p *Provider) Choices(ctx context.Context, conn provider.Connection, setting string) (provider.Choices, error) {
	opened, err := p.Connect(ctx, conn)
	if err != nil {
		return provider.Choices{}, err
	}
	s, ok := opened.(*session)
	if !ok {
		return provider.Choices{}, provider.Permanent(fmt.Errorf("choices: unexpected session %T", opened))
	}
	defer s.close()
	subs, more, err := s.subscriptionChoices(ctx)
	if err != nil || setting != "/regions" {
		return provider.Choices{Items: subs, More: more}, err
	}
	if len(subs) == 0 {
		return provider.Choices{}, provider.Denied(fmt.Errorf("no subscription is visible"), "give the identity the role Reader on a subscription or a management group")
	}
	return s.regionChoices(ctx, subs[0])
}

func (s *session) subscriptionChoices(ctx context.Context) (out []provider.Choice, more bool, err error) {
	err = pages(ctx, s.client, retry.Do, s.client.link("/subscriptions", "2022-12-01"), func(string, ...any) { more = true }, func(list []subscription) error {
		for _, sub := range list {
			c := provider.Choice{Value: strings.ToLower(sub.ID), Label: sub.Name}
			if sub.State != "" && sub.State != "Enabled" {
				c.Note = sub.State
			}
			out = append(out, c)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("list subscriptions: %w", err)
	}
	slices.SortFunc(out, func(a, b provider.Choice) int {
		return cmp.Or(cmp.Compare(a.Note, b.Note), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value))
	})
	return out, more, nil
}

// location is a region as Resource Manager lists it.
type location struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Metadata    struct {
		RegionType string `json:"regionType"`
	} `json:"metadata"`
}

func (s *session) regionChoices(ctx context.Context, sub provider.Choice) (out provider.Choices, err error) {
	err = pages(ctx, s.client, retry.Do, s.client.link("/subscriptions/"+sub.Value+"/locations", "2022-12-01"), func(string, ...any) { out.More = true }, func(list []location) error {
		for _, l := range list {
			if l.Metadata.RegionType != "Logical" { // "europe" is no place where anything runs
				out.Items = append(out.Items, provider.Choice{Value: l.Name, Label: l.DisplayName})
			}
		}
		return nil
	})
	if err != nil {
		return provider.Choices{}, fmt.Errorf("list regions of subscription %s: %w", sub.Value, err)
	}
	slices.SortFunc(out.Items, func(a, b provider.Choice) int { return cmp.Compare(a.Label, b.Label) })
	return out, nil
}
