package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// unknownDisks ends a scope in which some machines would not say which disks they have.
func unknownDisks(machines int) error {
	return &provider.Error{
		Status: resource.StatusPartial, Err: fmt.Errorf("%d machines do not show their disks", machines),
		Advice: "machines whose files cannot be reached show none: remove or repair them; where it is a matter of rights, give the user the role Read-only on them, with propagation",
	}
}

// Check asks vCenter which privileges the user has on each datacenter.
func (s *session) Check(ctx context.Context, kinds []string) (provider.CheckReport, error) {
	about := s.client.vim.ServiceContent.About
	report := provider.CheckReport{Items: []provider.CheckItem{{Name: "sign in", OK: true, Message: about.FullName}}}
	found, mute, err := s.client.datacenters(ctx)
	if err != nil {
		return report, err
	}
	report.Items = append(report.Items, s.checkDatacenters(found, mute))
	if s.client.tags != nil {
		report.Items = append(report.Items, s.checkTags(ctx))
	}
	report.Items = append(report.Items, s.checkClock())
	privileges, err := s.privileges(ctx, found)
	if err != nil {
		return report, err
	}
	lacking := false
	for _, kind := range kinds {
		missing := privileges.of(kind)
		lacking = lacking || len(missing) > 0
		item := provider.CheckItem{Kind: kind, Name: "privileges " + strings.Join(wantedPrivileges(), ", "), OK: len(missing) == 0}
		if !item.OK {
			item.Message = strings.Join(missing, "; ")
			item.Advice = "give the user the role Read-only on the vCenter, with propagation to children"
		}
		report.Items = append(report.Items, item)
	}
	if lacking || len(found) == 0 {
		report.Policy = "govc permissions.set -principal USER -role ReadOnly -propagate=true /"
	}
	return report, nil
}

func (s *session) checkDatacenters(found []datacenter, mute []string) provider.CheckItem {
	selected := slices.DeleteFunc(slices.Clone(found), func(d datacenter) bool { return !s.settings.wanted(d) })
	item := provider.CheckItem{Name: "datacenters", OK: len(selected) > 0 && len(mute) == 0, Message: fmt.Sprintf("%d visible, %d selected", len(found), len(selected))}
	switch {
	case len(found) == 0:
		item.Advice = "give the user the role Read-only on the vCenter, with propagation to children"
	case len(selected) == 0:
		item.Advice = "the setting of datacenters selects none of those that are visible"
	case len(mute) > 0:
		item.Advice = "some datacenters do not show their names to this user"
	}
	return item
}

// checkTags says whether tags are going to be there. They are outside the inventory's tree of permissions, so a role on the
// vCenter does not show them, and vCenter answers nothing instead of refusing.
func (s *session) checkTags(ctx context.Context) provider.CheckItem {
	item := provider.CheckItem{Name: "tags"}
	n, err := s.client.tags.visible(ctx)
	switch {
	case err != nil:
		item.OK = errors.Is(err, errNoTags) // a site may well do without
		item.Message, item.Advice = err.Error(), "tags are missing from the inventory, and everything else is there"
	case n == 0:
		item.OK, item.Message = true, "no tag is visible"
		item.Advice = "where there are tags, give the user the role Read-only as a global permission"
	default:
		item.OK, item.Message = true, fmt.Sprintf("%d visible", n)
	}
	return item
}

// checkClock compares the server's clock with ours: certificates and sign-ins end too early or too late where one is off.
func (s *session) checkClock() provider.CheckItem {
	item := provider.CheckItem{Name: "clock", OK: true}
	if skew := s.client.answers.skew(); skew.Abs() > httpclient.MaxSkew {
		item.OK, item.Message, item.Advice = false, fmt.Sprintf("the server's clock is %s off from ours", skew), clockAdvice(skew)
	}
	return item
}
