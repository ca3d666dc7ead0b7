package openstack

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

// choosable are the settings whose choices Keystone knows.
func choosable() []string { return []string{"/project", "/regions", "/exclude_regions"} }

// Choices are the regions of the catalogue, or the projects that may be signed in to. The latter are asked for without a
// project, since it is what has to be chosen.
func (*Provider) Choices(ctx context.Context, conn provider.Connection, setting string) (out provider.Choices, err error) {
	settings, err := readSettings(conn.Settings)
	if err != nil {
		return out, err
	}
	read := readLogin
	if setting == "/project" {
		read = readUnscoped
	}
	l, err := read(settings)
	if err != nil {
		return out, err
	}
	s, err := connect(ctx, settings, l)
	if err != nil {
		return out, err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	if setting == "/project" {
		return s.projectChoices(ctx)
	}
	for _, region := range slices.Sorted(slices.Values(s.regions())) {
		out.Items = append(out.Items, provider.Choice{Value: region})
	}
	return out, nil
}

func (s *session) projectChoices(ctx context.Context) (out provider.Choices, err error) {
	var answer struct {
		Projects []struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			Domain  string `json:"domain_id"`
			Enabled *bool  `json:"enabled"`
		} `json:"projects"`
		Links struct {
			Next string `json:"next"`
		} `json:"links"`
	}
	keystone := &service{client: &gophercloud.ServiceClient{ProviderClient: s.client, Endpoint: s.client.IdentityBase}}
	err = retry.Do(ctx, func(ctx context.Context) error {
		return keystone.fetch(ctx, strings.TrimRight(s.client.IdentityBase, "/")+"/v3/auth/projects", nil, &answer)
	})
	if err != nil {
		return out, err
	}
	out.More = answer.Links.Next != ""
	for _, p := range answer.Projects {
		c := provider.Choice{Value: p.ID, Label: p.Name, Note: "domain " + p.Domain}
		if p.Enabled != nil && !*p.Enabled {
			c.Note += ", switched off"
		}
		out.Items = append(out.Items, c)
	}
	slices.SortFunc(out.Items, func(a, b provider.Choice) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value))
	})
	return out, nil
}
