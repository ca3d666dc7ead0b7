package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/gophercloud/gophercloud/v2"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// list is one thing that is read: which kind it fills, of which service, what it needs, and how it is read.
type list struct {
	kind    string
	service string
	// path below the service's address, and key of its answer.
	path, key string
	// all is what an administrator adds to get every project's; nil where the service does so by itself.
	all url.Values
	// own is the parameter that selects the one project; empty where the service does so by itself.
	own string
	// ownAdmin is the same where an ordinary user sees more than the project's own, which is wanted: public images,
	// shared networks. An administrator would see everybody's.
	ownAdmin string
	// stranger is the parameter by which a project that is not there is asked for, to learn whether all may be seen;
	// role is what to give to whom is refused. Empty where the role of administrators decides.
	stranger, role string
	// ownOnly says that a token sees its own project only, whatever its role.
	ownOnly bool
	// unique says that external ids of the kind are unique in the world.
	unique bool
	// policies are the rules of the service's policy that must allow it.
	policies []string
	// rules are what an application credential has to be allowed.
	rules    []accessRule
	interval int64
	// fields that the plugin adds to the built-in kind.
	fields any
	read   func(ctx context.Context, r *reader) error
}

// accessRule is one of an application credential's access rules.
type accessRule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

// query is that of the list for a scope.
func (l list) query(all, admin bool, project string) url.Values {
	q := url.Values{}
	switch {
	case all:
		for k, v := range l.all {
			q[k] = v
		}
	case l.own != "":
		q.Set(l.own, project)
	case l.ownAdmin != "" && admin:
		q.Set(l.ownAdmin, project)
	}
	return q
}

func rule(service, path string) accessRule {
	return accessRule{Service: service, Method: "GET", Path: path}
}

func listOf(kind string) (list, bool) {
	for _, l := range lists() {
		if l.kind == kind {
			return l, true
		}
	}
	return list{}, false
}

// kindSupport is what Describe says of the kinds.
func kindSupport() []provider.KindSupport {
	all := lists()
	out := make([]provider.KindSupport, 0, len(all))
	for _, l := range all {
		k := provider.KindSupport{
			Kind: l.kind, Major: 1, GlobalIDs: l.unique, Unstable: true, Permissions: l.policies,
			Policy: policyText([]list{l}), IntervalSeconds: l.interval,
		}
		if l.fields != nil {
			k.Schema = schema.FieldsOf(l.fields)
		}
		out = append(out, k)
	}
	return out
}

// policyText are the access rules of an application credential that may read the lists and do nothing else, as
// `openstack application credential create --access-rules` takes them.
func policyText(of []list) string {
	rules := []accessRule{rule("identity", "/v3/projects")}
	for _, l := range of {
		for _, r := range l.rules {
			if !slices.Contains(rules, r) {
				rules = append(rules, r)
			}
		}
	}
	text, err := json.MarshalIndent(rules, "", "  ")
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

// partition of a list's scope in a region.
func (s *session) partition(l list, region string) resource.Partition {
	p := resource.Partition{{Key: labelRegion, Value: region}}
	if !s.all || l.ownOnly {
		p = append(p, resource.Label{Key: labelProject, Value: s.grant.Project.ID})
	}
	return p
}

// Plan is a scope for each kind and region of the catalogue. A service that a region does not have is planned too, and
// ends as unsupported, so that it can be seen. Regions that share one service have it read in the first of them.
func (s *session) Plan(_ context.Context, kinds []string) (provider.Plan, error) {
	plan := provider.Plan{Complete: true}
	regions := slices.DeleteFunc(s.regions(), func(r string) bool { return !s.settings.wantsRegion(r) })
	switch found := s.regions(); {
	case len(found) == 0:
		// An empty catalogue proves nothing: a token without rights has one.
		plan.Complete = false
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("the catalogue has no services for the interface %s", s.login.wanted))
	case len(regions) == 0:
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("the settings select none of the regions %v", found))
	}
	for _, l := range lists() {
		if !slices.Contains(kinds, l.kind) {
			continue
		}
		seen := map[string]string{}
		for _, region := range regions {
			address := s.endpoint(l.service, region)
			if first, shared := seen[address]; shared && address != "" {
				plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s of region %s are those of region %s, which has the same service", l.kind, region, first))
				continue
			}
			seen[address] = region
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: l.kind, Partition: s.partition(l, region)})
		}
	}
	return plan, nil
}

// Discover reads one kind in one region.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	l, ok := listOf(scope.Kind)
	if !ok {
		return provider.Unsupported(fmt.Errorf("the plugin openstack does not read %s", scope.Kind))
	}
	region, _ := scope.Partition.Get(labelRegion)
	if !scope.Partition.Equal(s.partition(l, region)) {
		return provider.Permanent(fmt.Errorf("the scope %s is none of this connection: the project or the setting projects has changed", scope.Key()))
	}
	service, err := s.service(l.service, region)
	if err != nil {
		return err
	}
	r := &reader{session: s, list: l, scope: scope, out: out, service: service, region: region, all: s.all && !l.ownOnly}
	err = r.call(ctx, func(ctx context.Context) error { return s.seesAll(ctx, l, service) })
	if err != nil {
		return err
	}
	if err := r.learnProjects(ctx); err != nil {
		return err
	}
	return l.read(ctx, r)
}

// query is that of the scope's list.
func (r *reader) query() url.Values {
	return r.list.query(r.all, r.session.admin, r.session.grant.Project.ID)
}

// own reads the list of the scope's kind.
func own[T any](ctx context.Context, r *reader, fn func([]T) error) error {
	return each(ctx, r, r.main(r.list.path, r.list.key, r.query()), fn)
}

// tokenProject is a project as Keystone lists it.
type tokenProject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func identityClient(s *session) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{ProviderClient: s.client, Endpoint: s.client.IdentityBase + "v3/"}
}
