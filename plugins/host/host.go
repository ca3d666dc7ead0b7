// Package host discovers the machine that it runs on: the server itself, its disks and mounts as volumes, its
// network interfaces. It needs no account, so it is the first connection anyone tries, and it is how machines
// that no provider's API knows come into the inventory.
//
// It works without privileges and inside a container; what it may not read it names as unread. In a container it
// leaves out the serial numbers and disks that it can see there, because they are the container host's.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// Settings are a connection's settings.
type Settings struct {
	IncludeMounts     []string `json:"include_mounts,omitempty" label:"Only these mounts" maestro:"narrows" help:"Patterns such as /srv/*; a file system is read only if one of its mount points matches. Empty means all."`
	ExcludeMounts     []string `json:"exclude_mounts,omitempty" label:"Not these mounts" maestro:"narrows" help:"Patterns; mount points that match are left out, and file systems that have no other."`
	VirtualInterfaces bool     `json:"virtual_interfaces,omitempty" label:"Read virtual interfaces" maestro:"narrows" help:"Also the ends of containers' cables and the like, which come and go."`
}

// Provider is the plugin. Its zero value reads this machine.
type Provider struct {
	// machine is replaced in tests.
	machine *machine
}

// New is the provider of this machine.
func New() *Provider { return &Provider{} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	return provider.Description{
		Provider: "host", Version: serve.Version(), Title: "This machine",
		Summary: "The machine that the agent runs on: server, volumes and network interfaces.",
		Kinds: []provider.KindSupport{
			{Kind: "network_interface", Major: 1},
			{Kind: "server", Major: 1, Permissions: []string{"read access to /sys/class/dmi/id (root) for serial number and BIOS UUID"}},
			{Kind: "volume", Major: 1},
		},
		Settings:             schema.SettingsOf(Settings{}),
		StatelessConnections: true,
	}
}

// Connect reads the settings; there is nothing to connect to.
func (p *Provider) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	var s Settings
	if len(conn.Settings) > 0 {
		if err := json.Unmarshal(conn.Settings, &s); err != nil {
			return nil, &provider.SettingsError{Problem: err.Error()}
		}
	}
	for pointer, patterns := range map[string][]string{"/include_mounts": s.IncludeMounts, "/exclude_mounts": s.ExcludeMounts} {
		for _, pattern := range patterns {
			if _, err := path.Match(pattern, "/"); err != nil {
				return nil, &provider.SettingsError{Pointer: pointer, Problem: "pattern " + pattern + " is malformed"}
			}
		}
	}
	m := p.machine
	if m == nil {
		m = thisMachine()
	}
	return &session{machine: m, settings: s}, nil
}

type session struct {
	machine  *machine
	settings Settings
}

// Discover reads one kind; the machine is one scope.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	switch scope.Kind {
	case "server":
		return s.servers(ctx, out)
	case "volume":
		return s.volumes(ctx, out)
	case "network_interface":
		return s.networkInterfaces(ctx, out)
	}
	return provider.Unsupported(errors.New("the plugin host does not read " + scope.Kind))
}

// Check says whether what identifies the machine elsewhere can be read.
func (s *session) Check(_ context.Context, kinds []string) (provider.CheckReport, error) {
	var report provider.CheckReport
	if len(kinds) == 0 || slices.Contains(kinds, "server") {
		item := provider.CheckItem{Kind: "server", Name: "serial number and BIOS UUID", OK: true}
		if _, unread := s.machine.dmiIdentifiers(); len(unread) > 0 {
			item.OK = false
			item.Message = "not readable for this user, so joins with other sources use MAC addresses only"
			item.Advice = "run the agent as root, or let its user read /sys/class/dmi/id/product_uuid and product_serial"
		}
		report.Items = append(report.Items, item)
	}
	if len(kinds) == 0 || slices.Contains(kinds, "volume") {
		item := provider.CheckItem{Kind: "volume", Name: "mount table", OK: true}
		if _, err := s.machine.mounts(); err != nil {
			item.OK, item.Message = false, err.Error()
		}
		report.Items = append(report.Items, item)
	}
	return report, nil
}

// emit hands over one resource with its attributes.
func emit(ctx context.Context, out provider.Emitter, env resource.Envelope, attributes any) error {
	text, err := json.Marshal(attributes)
	if err != nil {
		return err
	}
	env.Major, env.Attributes = 1, text
	return out.Emit(ctx, env)
}

// identifier appends a value that names something, and leaves out what a manufacturer wrote for nothing.
func identifier(list []resource.Identifier, typ, value string) []resource.Identifier {
	if v, ok := schema.NormalizeIdentifier(typ, value); ok {
		list = append(list, resource.Identifier{Type: typ, Value: v})
	}
	return list
}
