package openstack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
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
	var missing []list
	for _, l := range lists() {
		if !slices.Contains(kinds, l.kind) {
			continue
		}
		for _, region := range regions {
			item := provider.CheckItem{Kind: l.kind, Name: strings.Join(l.policies, ", "), OK: true, Message: region}
			if err := s.probe(ctx, l, region); err != nil {
				if ctx.Err() != nil {
					return report, ctx.Err()
				}
				item = failed(l, region, err)
				if isDenied(err) {
					missing = append(missing, l)
				}
			}
			report.Items = append(report.Items, item)
		}
	}
	if len(missing) > 0 {
		report.Policy = policyText(missing)
	}
	return report, nil
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
