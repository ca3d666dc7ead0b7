package openstack

import (
	"context"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// ownedFields are those of kinds that have a project and nothing else of their own.
type ownedFields struct {
	ProjectID   string `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
}

// routerFields are what only Neutron's routers have.
type routerFields struct {
	ProjectID   string   `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string   `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	FlavorID    string   `json:"flavor_id,omitempty" label:"Flavor"`
	Zones       []string `json:"availability_zones,omitempty" label:"Zones" maestro:"set"`
	ZoneHints   []string `json:"availability_zone_hints,omitempty" label:"Zones asked for" maestro:"set"`
}

type neutronRouter struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Status      string   `json:"status"`
	Project     string   `json:"project_id"`
	AdminUp     *bool    `json:"admin_state_up"`
	Distributed *bool    `json:"distributed"`
	HA          *bool    `json:"ha"`
	Flavor      string   `json:"flavor_id"`
	Zones       []string `json:"availability_zones"`
	ZoneHints   []string `json:"availability_zone_hints"`
	Created     string   `json:"created_at"`
	Tags        []string `json:"tags"`
	Gateway     *struct {
		Network string `json:"network_id"`
		SNAT    *bool  `json:"enable_snat"`
		Fixed   []struct {
			IP string `json:"ip_address"`
		} `json:"external_fixed_ips"`
	} `json:"external_gateway_info"`
	Routes []struct {
		Destination string `json:"destination"`
		NextHop     string `json:"nexthop"`
	} `json:"routes"`
}

type routerAttributes struct {
	schema.Router
	OpenStack routerFields `json:"openstack"`
}

func readRouters(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronRouter) error {
		ids := make([]string, len(page))
		for i, x := range page {
			ids[i] = x.ID
		}
		ports, refused, err := r.portsOf(ctx, ids)
		if err != nil {
			return err
		}
		if refused != nil {
			r.out.Warn("networks of routers are left out: %v", refused)
		}
		for _, x := range page {
			env, attributes := r.router(x, ports[x.ID])
			if refused != nil {
				env.Unread = append(env.Unread, "/relations", "/attributes/port_count")
			}
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) router(x neutronRouter, ports []neutronPort) (resource.Envelope, routerAttributes) {
	env := r.thing(x.ID, x.Name)
	tagAll(&env, nil, x.Tags)
	o := r.owner(&env, x.Project)
	a := routerAttributes{
		Router: schema.Router{
			Type: "virtual", Status: x.Status, Enabled: x.AdminUp, Distributed: x.Distributed, HA: x.HA, PortCount: len(ports), Description: x.Description, Provisioned: stamp(x.Created),
		},
		OpenStack: routerFields{ProjectID: o.id, ProjectName: o.name, FlavorID: x.Flavor, Zones: x.Zones, ZoneHints: x.ZoneHints},
	}
	if g := x.Gateway; g != nil {
		a.ExternalNetwork, a.SNAT = g.Network, g.SNAT
		relate(&env, "connected_to", "network", g.Network)
		for _, f := range g.Fixed {
			a.ExternalIPs = appendNew(a.ExternalIPs, address(f.IP))
		}
	}
	for _, route := range x.Routes {
		a.Routes = append(a.Routes, schema.Route{Destination: route.Destination, Target: route.NextHop, TargetType: "address"})
	}
	for _, p := range ports {
		relate(&env, "connected_to", "network", p.Network)
		for _, f := range p.Fixed {
			relate(&env, "connected_to", "subnet", f.Subnet)
		}
	}
	return env, a
}

type neutronGroup struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Project     string        `json:"project_id"`
	Stateful    *bool         `json:"stateful"`
	Created     string        `json:"created_at"`
	Tags        []string      `json:"tags"`
	Rules       []neutronRule `json:"security_group_rules"`
}

type neutronRule struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Direction   string `json:"direction"`
	EtherType   string `json:"ethertype"`
	Protocol    any    `json:"protocol"`
	PortMin     *int   `json:"port_range_min"`
	PortMax     *int   `json:"port_range_max"`
	Prefix      string `json:"remote_ip_prefix"`
	Group       string `json:"remote_group_id"`
	AddressSet  string `json:"remote_address_group_id"`
}

type groupAttributes struct {
	schema.SecurityGroup
	OpenStack ownedFields `json:"openstack"`
}

func readGroups(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronGroup) error {
		for _, g := range page {
			env, attributes := r.group(g)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) group(g neutronGroup) (resource.Envelope, groupAttributes) {
	env := r.thing(g.ID, g.Name)
	tagAll(&env, nil, g.Tags)
	o := r.owner(&env, g.Project)
	a := groupAttributes{
		SecurityGroup: schema.SecurityGroup{
			IsDefault: pointer(g.Name == "default"), Stateful: g.Stateful, RuleCount: len(g.Rules), Description: g.Description, Provisioned: stamp(g.Created),
		},
		OpenStack: ownedFields{o.id, o.name},
	}
	open := false
	for _, n := range g.Rules {
		f := firewallRule(n)
		a.Rules = append(a.Rules, f)
		for _, cidr := range f.CIDRs {
			open = open || f.Direction == "in" && strings.HasSuffix(cidr, "/0")
		}
	}
	a.OpenToAll = &open
	return env, a
}

// firewallRule is one rule. A rule that names no other side is for everybody, which is said.
func firewallRule(n neutronRule) schema.FirewallRule {
	f := schema.FirewallRule{ID: n.ID, Action: "allow", Direction: "in", Protocol: "any", PortMin: n.PortMin, PortMax: n.PortMax, Group: n.Group, EtherType: n.EtherType, Description: n.Description}
	if n.Direction == "egress" {
		f.Direction = "out"
	}
	if p, ok := n.Protocol.(string); ok && p != "" {
		f.Protocol = strings.ToLower(p)
	}
	switch {
	case n.Prefix != "":
		f.CIDRs = []string{n.Prefix}
	case n.Group != "":
	case n.AddressSet != "":
		f.Group = n.AddressSet
	case n.EtherType == "IPv6":
		f.CIDRs = []string{"::/0"}
	default:
		f.CIDRs = []string{"0.0.0.0/0"}
	}
	return f
}

type neutronFloating struct {
	ID          string   `json:"id"`
	Description string   `json:"description"`
	Status      string   `json:"status"`
	Project     string   `json:"project_id"`
	IP          string   `json:"floating_ip_address"`
	Fixed       string   `json:"fixed_ip_address"`
	Network     string   `json:"floating_network_id"`
	Port        string   `json:"port_id"`
	Router      string   `json:"router_id"`
	DNSName     string   `json:"dns_name"`
	DNSDomain   string   `json:"dns_domain"`
	Created     string   `json:"created_at"`
	Tags        []string `json:"tags"`
	Details     *struct {
		Device string `json:"device_id"`
		Owner  string `json:"device_owner"`
	} `json:"port_details"`
}

type floatingAttributes struct {
	schema.Address
	OpenStack ownedFields `json:"openstack"`
}

func readFloating(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronFloating) error {
		for _, f := range page {
			env, attributes := r.floating(f)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) floating(f neutronFloating) (resource.Envelope, floatingAttributes) {
	env := r.thing(f.ID, f.IP)
	tagAll(&env, nil, f.Tags)
	o := r.owner(&env, f.Project)
	a := floatingAttributes{
		Address: schema.Address{
			IP: address(f.IP), Type: "floating", Status: f.Status, Allocation: "static", FixedIP: address(f.Fixed), Pool: f.Network, InUse: pointer(f.Port != ""),
			DNSName: strings.Trim(f.DNSName+"."+f.DNSDomain, "."), Description: f.Description, Provisioned: stamp(f.Created),
		},
		OpenStack: ownedFields{o.id, o.name},
	}
	relate(&env, "part_of", "network", f.Network)
	relate(&env, "attached_to", "network_interface", f.Port)
	relate(&env, "uses", "router", f.Router)
	if d := f.Details; d != nil && strings.HasPrefix(d.Owner, "compute:") {
		relate(&env, "attached_to", "server", d.Device)
	} else if d != nil && d.Owner == "Octavia" {
		relate(&env, "attached_to", "load_balancer", strings.TrimPrefix(d.Device, "lb-"))
	}
	return env, a
}
