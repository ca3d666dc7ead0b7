package openstack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

// Check asks every list for one item, in every region.
func (s *session) Check(ctx context.Context, kinds []string) (provider.CheckReport, error) {
	report := provider.CheckReport{Items: []provider.CheckItem{s.whoAmI()}}
	regions := slices.DeleteFunc(s.regions(), func(r string) bool { return !s.settings.wantsRegion(r) })
	item := provider.CheckItem{Name: "regions", OK: len(regions) > 0, Message: fmt.Sprintf("%d of %d selected: %s", len(regions), len(s.regions()), strings.Join(regions, ", "))}
	if !item.OK {
		item.Advice = "check the settings regions and interface against `openstack catalog list`"
	}
	report.Items = append(report.Items, item)
	items, missing := s.probeAll(ctx, kinds, regions)
	if ctx.Err() != nil {
		return report, ctx.Err()
	}
	report.Items = append(report.Items, items...)
	if len(missing) > 0 {
		report.Policy = policyText(missing)
	}
	return report, nil
}

// probeAll asks all lists, some at a time, and keeps their order. missing are those that are denied somewhere.
func (s *session) probeAll(ctx context.Context, kinds, regions []string) (items []provider.CheckItem, missing []list) {
	type question struct {
		list   list
		region string
		err    error
	}
	var asked []question
	for _, l := range lists() {
		for _, region := range regions {
			if slices.Contains(kinds, l.kind) {
				asked = append(asked, question{list: l, region: region})
			}
		}
	}
	var g errgroup.Group
	g.SetLimit(4)
	for i := range asked {
		g.Go(func() error {
			asked[i].err = retry.Do(ctx, func(ctx context.Context) error { return s.probe(ctx, asked[i].list, asked[i].region) })
			return nil
		})
	}
	_ = g.Wait() // each keeps its own error
	for _, q := range asked {
		item := provider.CheckItem{Kind: q.list.kind, Name: strings.Join(q.list.policies, ", "), OK: true, Message: q.region}
		if q.err != nil {
			item = failed(q.list, q.region, q.err)
		}
		if isDenied(q.err) {
			missing = append(missing, q.list)
		}
		items = append(items, item)
	}
	return items, missing
}

func (s *session) whoAmI() provider.CheckItem {
	var roles []string
	for _, r := range s.grant.Roles {
		roles = append(roles, r.Name)
	}
	slices.Sort(roles)
	what := "reads this project"
	if s.all {
		what = "reads all projects"
	}
	return provider.CheckItem{Name: "sign in", OK: true,
		Message: fmt.Sprintf("%s by %s, project %s, roles %s: %s", s.grant.User.Name, s.login.how, s.grant.Project.Name, strings.Join(roles, ", "), what)}
}

// probe asks for the first item of a list.
func (s *session) probe(ctx context.Context, l list, region string) error {
	service, err := s.service(l.service, region)
	if err != nil {
		return err
	}
	if err := s.seesAll(ctx, l, service); err != nil {
		return err
	}
	query := l.query(s.all && !l.ownOnly, s.admin, s.grant.Project.ID)
	query.Set("limit", "1")
	var body any
	return service.get(ctx, l.path, query, &body)
}

func failed(l list, region string, err error) provider.CheckItem {
	item := provider.CheckItem{Kind: l.kind, Name: strings.Join(l.policies, ", "), Message: region + ": " + err.Error()}
	var known *provider.Error
	if errors.As(err, &known) {
		item.Message, item.Advice = region+": "+known.Err.Error(), known.Advice
	}
	if without(err) {
		item.Advice = "nothing of this kind will be found there; that is no fault where the cloud does not offer it"
	}
	return item
}
