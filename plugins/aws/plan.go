package aws

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// place is an account with the regions that are read in it.
type place struct {
	account string
	regions []string
	err     error // why the regions are not the account's own answer
}

// Plan is a scope for each account, region and list.
func (s *session) Plan(ctx context.Context, kinds []string) (provider.Plan, error) {
	accounts, warnings, err := s.accountIDs(ctx)
	if err != nil {
		return provider.Plan{}, err
	}
	places, err := s.places(ctx, accounts)
	if err != nil {
		return provider.Plan{}, err
	}
	plan := provider.Plan{Complete: true, Warnings: warnings}
	for _, p := range places {
		if p.err != nil {
			plan.Complete = false
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("account %s does not say which regions it has enabled (%v); those of account %s are tried", p.account, p.err, s.own))
		}
		if len(p.regions) == 0 && p.err == nil {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("the settings select none of the regions that account %s has enabled", p.account))
		}
		for _, l := range lists() {
			if slices.Contains(kinds, l.kind) && s.settings.wants(l) {
				plan.Scopes = append(plan.Scopes, s.scopes(p, l)...)
			}
		}
	}
	return plan, nil
}

// scopes are those of a list in a place.
func (s *session) scopes(p place, l list) []resource.Scope {
	regions := p.regions
	if l.global {
		if regions = nil; s.settings.wantsGlobal() {
			regions = []string{globalRegion}
		}
	}
	out := make([]resource.Scope, 0, len(regions))
	for _, region := range regions {
		labels := resource.Partition{{Key: labelAccount, Value: p.account}, {Key: labelRegion, Value: region}}
		if l.labelled() {
			labels = append(labels, resource.Label{Key: labelService, Value: l.name})
		}
		out = append(out, resource.Scope{Kind: l.kind, Partition: labels})
	}
	return out
}

// accountIDs are the accounts to read. The organisation's list has an end or is an error, so they are always all.
func (s *session) accountIDs(ctx context.Context) (ids, warnings []string, err error) {
	if s.settings.Organization.Enabled {
		if ids, warnings, err = s.members(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range s.settings.Accounts {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if !s.settings.Organization.Enabled && len(ids) == 0 {
		ids = []string{s.own}
	}
	return ids, warnings, nil
}

// places asks each account for its regions, several at a time. An account that does not answer is planned with the
// regions of the credential's own account, so that its scopes end with the reason instead of being left out.
func (s *session) places(ctx context.Context, accounts []string) ([]place, error) {
	out := make([]place, len(accounts))
	if names, ok := s.settings.literalRegions(); ok {
		for i, id := range accounts {
			out[i] = place{account: id, regions: names}
		}
		return out, nil
	}
	var g errgroup.Group
	g.SetLimit(16)
	for i, id := range accounts {
		g.Go(func() error {
			regions, err := s.enabledRegions(ctx, id)
			out[i] = place{account: id, regions: regions, err: err}
			return nil
		})
	}
	_ = g.Wait() // each place has its own error
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fallback, err := s.fallbackRegions(ctx, out)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].err != nil {
			out[i].regions = fallback
		}
	}
	return out, nil
}

// fallbackRegions are what is tried in accounts that do not answer. If no account at all says its regions, nothing
// is known and the plan fails with the first reason.
func (s *session) fallbackRegions(ctx context.Context, places []place) ([]string, error) {
	var first error
	var answered []string
	own := false
	for _, p := range places {
		if p.err != nil && first == nil {
			first = p.err
		}
		if p.err == nil && (answered == nil || p.account == s.own) {
			answered = p.regions
		}
		own = own || p.account == s.own
	}
	if first == nil || answered != nil {
		return answered, nil
	}
	if own {
		return nil, first
	}
	regions, err := s.enabledRegions(ctx, s.own)
	if err != nil {
		return nil, first
	}
	return regions, nil
}

// enabledRegions are the regions that an account has enabled and the settings select.
func (s *session) enabledRegions(ctx context.Context, account string) ([]string, error) {
	var out []string
	err := insist(ctx, func(ctx context.Context) error {
		cfg, err := s.config(ctx, account, s.settings.Region)
		if err != nil {
			return err
		}
		answer, err := ec2.NewFromConfig(cfg).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		if err != nil {
			return err
		}
		out = nil
		for _, r := range answer.Regions {
			if name := aws.ToString(r.RegionName); s.settings.wantsRegion(name) && aws.ToString(r.OptInStatus) != "not-opted-in" {
				out = append(out, name)
			}
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}
