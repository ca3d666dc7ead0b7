package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"golang.org/x/sync/errgroup"
)

// member is an account of the organisation.
type member struct {
	id, name string
	closed   bool
}

// organizationActions are what the management account must allow beside the lists.
func organizationActions() []string {
	return []string{"organizations:ListAccounts", "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent", "organizations:ListTagsForResource", "sts:AssumeRole"}
}

// members lists the accounts that the settings select, by id. The warnings say which of them were closed.
func (s *session) members(ctx context.Context) (found []string, warnings []string, err error) {
	client := organizations.NewFromConfig(s.base)
	all, err := listMembers(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	o := s.settings.Organization
	keep, err := s.unitFilter(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	var open []member
	for _, m := range all {
		switch {
		case len(o.IncludeAccounts) > 0 && !slices.Contains(o.IncludeAccounts, m.id), slices.Contains(o.ExcludeAccounts, m.id), !keep(m.id):
		case m.closed:
			warnings = append(warnings, fmt.Sprintf("account %s (%s) is closed: what was in it is no longer watched", m.id, m.name))
		default:
			open = append(open, m)
		}
	}
	if open, err = s.tagFilter(ctx, client, open); err != nil {
		return nil, nil, err
	}
	if len(open) == 0 {
		warnings = append(warnings, fmt.Sprintf("the settings select none of the organisation's %d accounts", len(all)))
	}
	for _, m := range open {
		found = append(found, m.id)
	}
	slices.Sort(found)
	return found, warnings, nil
}

func listMembers(ctx context.Context, client *organizations.Client) ([]member, error) {
	var out []member
	pages := paged(client.ListAccounts, &organizations.ListAccountsInput{}, func(in *organizations.ListAccountsInput, out *organizations.ListAccountsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err := eachPlain(ctx, pages, func(page *organizations.ListAccountsOutput) error {
		for _, a := range page.Accounts {
			out = append(out, member{id: aws.ToString(a.Id), name: aws.ToString(a.Name), closed: closed(a)})
		}
		return nil
	})
	return out, err
}

// closed reads the state of an account. Older endpoints know its status only, newer ones its state only.
func closed(a orgtypes.Account) bool {
	state := string(a.State)
	if state == "" {
		state = string(a.Status)
	}
	return state != "" && state != string(orgtypes.AccountStateActive)
}

// unitFilter says which accounts lie in the organisational units that the settings select.
func (s *session) unitFilter(ctx context.Context, client *organizations.Client) (func(id string) bool, error) {
	o := s.settings.Organization
	below := func(units []string) (map[string]bool, error) {
		out := map[string]bool{}
		for _, u := range units {
			if err := accountsBelow(ctx, client, u, out, 0); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	in, err := below(o.IncludeOUs)
	if err != nil {
		return nil, err
	}
	out, err := below(o.ExcludeOUs)
	if err != nil {
		return nil, err
	}
	return func(id string) bool { return (len(o.IncludeOUs) == 0 || in[id]) && !out[id] }, nil
}

// accountsBelow walks down from a unit. Amazon allows five levels.
func accountsBelow(ctx context.Context, client *organizations.Client, unit string, into map[string]bool, depth int) error {
	if depth > 8 {
		return nil
	}
	parent := aws.String(unit)
	accounts := paged(client.ListAccountsForParent, &organizations.ListAccountsForParentInput{ParentId: parent}, func(in *organizations.ListAccountsForParentInput, out *organizations.ListAccountsForParentOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err := eachPlain(ctx, accounts, func(page *organizations.ListAccountsForParentOutput) error {
		for _, a := range page.Accounts {
			into[aws.ToString(a.Id)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var children []string
	units := paged(client.ListOrganizationalUnitsForParent, &organizations.ListOrganizationalUnitsForParentInput{ParentId: parent}, func(in *organizations.ListOrganizationalUnitsForParentInput, out *organizations.ListOrganizationalUnitsForParentOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err = eachPlain(ctx, units, func(page *organizations.ListOrganizationalUnitsForParentOutput) error {
		for _, u := range page.OrganizationalUnits {
			children = append(children, aws.ToString(u.Id))
		}
		return nil
	})
	for i := 0; err == nil && i < len(children); i++ {
		err = accountsBelow(ctx, client, children[i], into, depth+1)
	}
	return err
}

// tagFilter keeps the accounts whose tags the settings select. Tags are asked for only if they matter.
func (s *session) tagFilter(ctx context.Context, client *organizations.Client, in []member) ([]member, error) {
	o := s.settings.Organization
	if len(o.IncludeTags)+len(o.ExcludeTags) == 0 {
		return in, nil
	}
	var mu sync.Mutex
	keep := map[string]bool{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, m := range in {
		g.Go(func() error {
			var tags []orgtypes.Tag
			pages := paged(client.ListTagsForResource, &organizations.ListTagsForResourceInput{ResourceId: aws.String(m.id)}, func(in *organizations.ListTagsForResourceInput, out *organizations.ListTagsForResourceOutput) (**string, *string) {
				return &in.NextToken, out.NextToken
			})
			err := eachPlain(ctx, pages, func(page *organizations.ListTagsForResourceOutput) error {
				tags = append(tags, page.Tags...)
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			keep[m.id] = (len(o.IncludeTags) == 0 || hasTag(tags, o.IncludeTags)) && !hasTag(tags, o.ExcludeTags)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(in, func(m member) bool { return !keep[m.id] }), nil
}

func hasTag(tags []orgtypes.Tag, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		key, value, both := strings.Cut(w, "=")
		return slices.ContainsFunc(tags, func(t orgtypes.Tag) bool {
			return aws.ToString(t.Key) == key && (!both || aws.ToString(t.Value) == value)
		})
	})
}
