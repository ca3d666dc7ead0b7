// Package openstack discovers what projects run in an OpenStack cloud: servers and their volumes, networks, load
// balancers, images, flavors, and containers of objects.
//
// One connection reads one project, or all projects for an administrator. Nova, Cinder, Neutron and Octavia answer an
// administrator for all projects in one list, so a scope is then a kind in a region: no list is asked once per project,
// and what a complete scope no longer lists is gone whichever project it was in. For one project the scope is a kind in
// a region and project. What a token can see of its own project only (containers of objects) always has the project
// in its scope.
//
// Signing in, the catalogue, renewal of tokens, microversion headers and clouds.yaml are gophercloud's. The lists are
// decoded here, into the fields that are used and no others: a field that changes its type spoils one item and not a
// page, and passwords or user data never enter memory as values.
package openstack

import (
	"context"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// The label keys by which scopes are told apart.
const (
	labelRegion  = "region"
	labelProject = "project"
)

// apiLimit bounds the requests of one region.
const apiLimit = "api"

// Provider is the plugin.
type Provider struct{}

// New is the provider of OpenStack.
func New() *Provider { return &Provider{} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	return provider.Description{
		Provider: "openstack", Version: serve.Version(), Title: "OpenStack",
		Summary:       "Servers, storage, networks and load balancers of one project or of all projects of an OpenStack cloud.",
		Kinds:         kindSupport(),
		Settings:      schema.SettingsOf(Settings{}),
		Policy:        policyText(lists()),
		CredentialEnv: credentialEnv(),
		Choices:       choosable(),
		Limits:        []provider.Limit{{Name: apiLimit, MaxConcurrent: 4, Per: []string{labelRegion}}},
	}
}

// Connect signs in at Keystone.
func (*Provider) Connect(ctx context.Context, conn provider.Connection) (provider.Session, error) {
	s, err := readSettings(conn.Settings)
	if err != nil {
		return nil, err
	}
	l, err := readLogin(s)
	if err != nil {
		return nil, err
	}
	return connect(ctx, s, l)
}
