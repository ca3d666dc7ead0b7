// Package vsphere discovers what a VMware vCenter manages: virtual machines and ESXi hosts as servers, virtual
// disks as volumes, snapshots, templates as images, port groups as networks, clusters, and datastores and their clusters
// as storage pools.
//
// A vSphere datacenter is a partition, the region of what is in it; a cluster is a zone. Each scope is read in one
// sweep per type through the property collector, which asks for chosen properties only, so that the cost for
// vCenter grows with the pages and not with the machines. Nothing is ever changed there: read-only is enough.
package vsphere

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// The variables of a credential.
const (
	envUsername = "VSPHERE_USERNAME"
	envPassword = "VSPHERE_PASSWORD"
)

// Partition is the label key by which scopes are told apart.
const Partition = "vcenter_datacenter"

const apiLimit = "api"

// Settings are a connection's settings.
type Settings struct {
	URL         string   `json:"url" label:"vCenter" example:"https://vcenter.example.org" maestro:"required,credential-target" help:"Address of the vCenter server; /sdk is added when it has no path."`
	Thumbprint  string   `json:"thumbprint,omitempty" label:"Certificate thumbprint" maestro:"credential-target" help:"SHA-256 of the server's certificate, when it is signed by nobody this machine trusts."`
	CA          string   `json:"ca_certificate,omitempty" label:"Certificate authority" maestro:"credential-target" help:"PEM of an authority to trust beside the machine's own: that of the vCenter can be downloaded from its start page."`
	Insecure    bool     `json:"insecure,omitempty" label:"Accept any certificate" maestro:"credential-target" help:"Only for a first try: whoever sits in between can read the password."`
	Datacenters []string `json:"datacenters,omitempty" label:"Only these datacenters" maestro:"narrows" help:"Names or patterns such as EMEA/*; empty means all."`
}

// Provider is the plugin.
type Provider struct{}

// New is the provider of vSphere.
func New() *Provider { return &Provider{} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	const minute, hour, day = 60, 3600, 86400
	usual := map[string]int64{"server": 5 * minute, "volume": 6 * hour, "storage_pool": 5 * hour, "cluster": day, "host_port": day, "snapshot": day,
		"image": day, "network": 14 * day, "network_interface": day, "router": 14 * day}
	kind := func(name string) provider.KindSupport {
		return provider.KindSupport{
			Kind: name, Major: 1, GlobalIDs: true, Permissions: wantedPrivileges(), Policy: rolePolicy, IntervalSeconds: usual[name],
			Schema: addedFields(name),
			// A sweep that begins again after a session has ended sees what changed in between twice.
			Unstable: true,
		}
	}
	return provider.Description{
		Provider: "vsphere", Version: serve.Version(), Title: "VMware vSphere",
		Summary: "Virtual machines, hosts and their adapters, templates, disks, snapshots, networks, switches, clusters, datastores and datastore clusters of a vCenter server.",
		Kinds: []provider.KindSupport{
			kind("cluster"), kind("host_port"), kind("image"), kind("network"), kind("network_interface"), kind("router"), kind("server"), kind("snapshot"),
			kind("storage_pool"), kind("volume"),
		},
		Policy:   rolePolicy,
		Settings: schema.SettingsOf(Settings{}),
		CredentialEnv: []provider.EnvVar{
			{Name: envUsername, Title: "User name", Help: "A vCenter user with the role Read-only, for example maestro@vsphere.local.", Sealable: true},
			{Name: envPassword, Title: "Password", Help: "Its password.", Secret: true},
		},
		Limits:  []provider.Limit{{Name: apiLimit, MaxConcurrent: 4}},
		Choices: []string{"/datacenters"},
	}
}

// rolePolicy makes the role with VMware's own command line, where the built-in Read-only is not wanted. Every kind needs
// the same.
const rolePolicy = `govc role.create Maestro System.Anonymous System.Read System.View
govc permissions.set -principal maestro@vsphere.local -role Maestro -propagate=true /
`

// wantedPrivileges are what vCenter's role Read-only consists of.
func wantedPrivileges() []string { return []string{"System.Anonymous", "System.Read", "System.View"} }

// Connect signs in.
func (*Provider) Connect(ctx context.Context, conn provider.Connection) (provider.Session, error) {
	s, err := readSettings(conn.Settings)
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx, s, url.UserPassword(os.Getenv(envUsername), os.Getenv(envPassword)))
	if err != nil {
		return nil, err
	}
	return &session{client: c, settings: s}, nil
}

// settings with what has been made of them.
type settings struct {
	Settings
	endpoint *url.URL
	tls      *tls.Config
}

func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if err := json.Unmarshal(raw, &s.Settings); err != nil {
		return s, &provider.SettingsError{Problem: err.Error()}
	}
	text := strings.TrimSpace(s.URL)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		// The parser's own words would repeat the address, and people paste passwords into addresses.
		return s, &provider.SettingsError{Pointer: "/url", Problem: "is no address such as https://vcenter.example.org"}
	case u.User != nil:
		return s, &provider.SettingsError{Pointer: "/url", Problem: "must not contain a user or password; they belong into the credential"}
	case u.Scheme != "https":
		return s, &provider.SettingsError{Pointer: "/url", Problem: "must begin with https://"}
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/sdk"
	}
	s.endpoint = u
	var sum []byte
	if s.Thumbprint != "" {
		if sum, err = readThumbprint(s.Thumbprint); err != nil {
			return s, &provider.SettingsError{Pointer: "/thumbprint", Problem: err.Error()}
		}
	}
	if s.tls, err = trust(s.Settings, sum); err != nil {
		return s, &provider.SettingsError{Pointer: "/ca_certificate", Problem: err.Error()}
	}
	for _, pattern := range s.Datacenters {
		if _, err := path.Match(pattern, ""); err != nil {
			return s, &provider.SettingsError{Pointer: "/datacenters", Problem: fmt.Sprintf("pattern %q is malformed", pattern)}
		}
	}
	return s, nil
}

// wanted says whether the settings select a datacenter, by its name or its path among folders.
func (s settings) wanted(d datacenter) bool {
	return len(s.Datacenters) == 0 || slices.ContainsFunc(s.Datacenters, func(p string) bool {
		byPath, _ := path.Match(p, d.path) // readSettings has checked the patterns
		byName, _ := path.Match(p, d.name)
		return byPath || byName
	})
}

// session is one call's connection to a vCenter.
type session struct {
	client   *client
	settings settings
}

// Plan is one scope for each kind and datacenter. Clusters of vCenters are few, so one sweep finds them all.
func (s *session) Plan(ctx context.Context, kinds []string) (provider.Plan, error) {
	found, unread, err := s.client.datacenters(ctx)
	if err != nil {
		return provider.Plan{}, err
	}
	plan := provider.Plan{Complete: len(unread) == 0}
	for _, ref := range unread {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("the name of datacenter %s may not be read, so it is left out", ref))
	}
	selected := 0
	for _, d := range found {
		if !s.settings.wanted(d) {
			continue
		}
		selected++
		for _, kind := range kinds {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: kind, Partition: resource.Partition{{Key: Partition, Value: d.path}}})
		}
	}
	if selected == 0 && len(found) > 0 {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("the settings select none of the %d datacenters", len(found)))
	}
	if len(found) == 0 {
		// vCenter answers nothing instead of refusing where a user has no rights, so this proves nothing.
		plan.Complete = false
		plan.Warnings = append(plan.Warnings, "no datacenter is visible; give the user the role Read-only on the vCenter, with propagation")
	}
	return plan, nil
}

// Discover reads one kind of one datacenter.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	readers := map[string]func(context.Context, *reader) error{
		"cluster": readClusters, "host_port": readHostPorts, "image": readImages, "network": readNetworks, "network_interface": readInterfaces, "router": readSwitches,
		"server": readServers, "snapshot": readSnapshots, "storage_pool": readStoragePools, "volume": readVolumes,
	}
	read := readers[scope.Kind]
	if read == nil {
		return provider.Unsupported(fmt.Errorf("the plugin vsphere does not read %s", scope.Kind))
	}
	name, _ := scope.Partition.Get(Partition)
	found, _, err := s.client.datacenters(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(d datacenter) bool { return d.path == name })
	if i < 0 {
		return provider.Permanent(fmt.Errorf("datacenter %q is not there, or not visible for this user", name))
	}
	return read(ctx, &reader{client: s.client, dc: found[i], scope: scope, out: out})
}

// Close signs out; vCenter allows only so many sessions.
func (s *session) Close() error { return s.client.close() }
