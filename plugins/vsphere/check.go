package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

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
	missing, err := s.missingPrivileges(ctx, found)
	if err != nil {
		return report, err
	}
	for _, kind := range kinds {
		item := provider.CheckItem{Kind: kind, Name: "privileges " + strings.Join(privileges(), ", "), OK: len(missing) == 0}
		if !item.OK {
			item.Message = strings.Join(missing, "; ")
			item.Advice = "give the user the role Read-only on the vCenter, with propagation to children"
		}
		report.Items = append(report.Items, item)
	}
	if len(missing) > 0 || len(found) == 0 {
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
		item.Message, item.Advice = err.Error(), "without it tags are missing from the inventory, and everything else is there"
	case n == 0:
		item.OK, item.Message = true, "no tag is visible"
		item.Advice = "where there are tags, give the user the role Read-only as a global permission"
	default:
		item.OK, item.Message = true, fmt.Sprintf("%d visible", n)
	}
	return item
}

// missingPrivileges is a sentence for each datacenter where something is missing.
func (s *session) missingPrivileges(ctx context.Context, found []datacenter) ([]string, error) {
	var refs []types.ManagedObjectReference
	var names []string
	for _, d := range found {
		if s.settings.wanted(d) {
			refs, names = append(refs, d.ref), append(names, d.path)
		}
	}
	current, err := s.client.sessions.UserSession(ctx)
	if err != nil {
		return nil, classify(err)
	}
	manager := s.client.vim.ServiceContent.AuthorizationManager
	if len(refs) == 0 || current == nil || manager == nil {
		return nil, nil
	}
	answer, err := methods.HasPrivilegeOnEntities(ctx, s.client.vim, &types.HasPrivilegeOnEntities{
		This: *manager, Entity: refs, SessionId: current.Key, PrivId: privileges(),
	})
	if err != nil {
		return nil, classify(err)
	}
	var out []string
	for _, entity := range answer.Returnval {
		var lacking []string
		for _, p := range entity.PrivAvailability {
			if !p.IsGranted {
				lacking = append(lacking, p.PrivId)
			}
		}
		if i := slices.Index(refs, entity.Entity); len(lacking) > 0 && i >= 0 {
			out = append(out, fmt.Sprintf("%s lacks %s", names[i], strings.Join(lacking, ", ")))
		}
	}
	return out, nil
}
