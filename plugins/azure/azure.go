// Package azure discovers what a Microsoft Entra tenant's identity may read in Azure: the subscriptions of a whole
// organisation, delegated ones included, as one connection.
//
// A subscription is a partition. Every list is one row of a table (see lists): the address in Azure Resource
// Manager, the permission it needs, and the function that translates what comes back. The management API is asked
// directly, with the SDK's pipeline for signing in, since the generated clients of all these services would make a
// binary of many times the size for the same requests. Resource Graph is asked where the management API would need
// a call per parent, and believed only where its answer adds up. Nothing is ever changed, not even by
// registering a resource provider: the role Reader is more than enough.
package azure

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// Partition is the label key by which scopes are told apart.
const Partition = "subscription"

// The names of the limits.
const (
	armLimit   = "resource_manager"
	graphLimit = "resource_graph"
)

// Provider is the plugin.
type Provider struct{}

// New is the provider of Azure.
func New() *Provider { return &Provider{} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	var kinds []provider.KindSupport
	for _, k := range kindNames() {
		kinds = append(kinds, provider.KindSupport{
			Kind: k, Major: 1, GlobalIDs: true, Unstable: true, Schema: ownFields(k),
			Permissions: permissionsOf(k), Policy: roleDefinition("Maestro Reader ("+k+")", permissionsOf(k)),
			IntervalSeconds: interval(k),
		})
	}
	return provider.Description{
		Provider: "azure", Version: serve.Version(), Title: "Microsoft Azure",
		Summary: "Machines, disks, networks, load balancers, databases, storage accounts and Kubernetes clusters of all subscriptions that an identity may read.",
		Kinds:   kinds, Settings: schema.SettingsOf(Settings{}), Policy: roleDefinition("Maestro Reader", permissionsOf(kindNames()...)),
		CredentialEnv: credentialVariables(),
		Limits: []provider.Limit{
			// Resource Manager lets an identity read 250 times at once and 25 times a second in a subscription.
			{Name: armLimit, PerSecond: 20, Burst: 100, MaxConcurrent: 8, Per: []string{Partition}},
			// Resource Graph answers an identity 15 times in 5 seconds.
			{Name: graphLimit, PerSecond: 2.5, Burst: 10, MaxConcurrent: 4},
		},
		MaxParallelScopes: 12, Choices: choosable(),
	}
}

// Connect makes a client that signs in with its first request.
func (*Provider) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	s, err := readSettings(conn.Settings)
	if err != nil {
		return nil, err
	}
	transport, err := httpclient.New(httpclient.Options{CA: []byte(s.CA)})
	if err != nil {
		return nil, &provider.SettingsError{Pointer: "/ca", Problem: err.Error()}
	}
	// A list that moves elsewhere would take the token there.
	transport.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c, err := newClient(s, transport)
	if err != nil {
		transport.CloseIdleConnections()
		return nil, err
	}
	return &session{client: c, settings: s, close: transport.CloseIdleConnections}, nil
}

// session is one call's work.
type session struct {
	client   *client
	settings settings
	close    func()
}

// Discover reads one kind of one subscription.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	subscription, ok := scope.Partition.Get(Partition)
	if !ok || !guid.MatchString(subscription) {
		return provider.Permanent(fmt.Errorf("%q is no id of a subscription", subscription))
	}
	if !slices.Contains(kindNames(), scope.Kind) {
		return provider.Unsupported(fmt.Errorf("the plugin azure does not read %s", scope.Kind))
	}
	r := &reader{client: s.client, settings: s.settings, scope: scope, subscription: subscription, out: out}
	return r.readLists(ctx)
}

// Close gives the connections back; there is nothing to sign out of.
func (s *session) Close() error {
	s.close()
	return nil
}
