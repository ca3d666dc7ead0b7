package openstack

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// networkFields are what only Neutron's networks have.
type networkFields struct {
	ProjectID       string   `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName     string   `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	NetworkType     string   `json:"network_type,omitempty" label:"Network type" maestro:"indexed" example:"vxlan" help:"Administrators see it."`
	PhysicalNetwork string   `json:"physical_network,omitempty" label:"Physical network"`
	SegmentationID  *int64   `json:"segmentation_id,omitempty" label:"Segment"`
	PortSecurity    *bool    `json:"port_security,omitempty" label:"Port security"`
	VLANTransparent *bool    `json:"vlan_transparent,omitempty" label:"VLAN transparent"`
	ScopeV4         string   `json:"ipv4_address_scope_id,omitempty" label:"IPv4 address scope"`
	ScopeV6         string   `json:"ipv6_address_scope_id,omitempty" label:"IPv6 address scope"`
	AdminUp         *bool    `json:"admin_state_up,omitempty" label:"Enabled"`
	SubnetIDs       []string `json:"subnet_ids,omitempty" label:"Subnets" maestro:"set"`
	Zones           []string `json:"availability_zones,omitempty" label:"Zones" maestro:"set"`
}

type neutronNetwork struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Description     string   `json:"description"`
	Status          string   `json:"status"`
	Project         string   `json:"project_id"`
	Subnets         []string `json:"subnets"`
	AdminUp         *bool    `json:"admin_state_up"`
	Shared          *bool    `json:"shared"`
	External        *bool    `json:"router:external"`
	IsDefault       *bool    `json:"is_default"`
	MTU             int      `json:"mtu"`
	Type            string   `json:"provider:network_type"`
	Physical        string   `json:"provider:physical_network"`
	Segment         *int64   `json:"provider:segmentation_id"`
	PortSecurity    *bool    `json:"port_security_enabled"`
	VLANTransparent *bool    `json:"vlan_transparent"`
	ScopeV4         string   `json:"ipv4_address_scope"`
	ScopeV6         string   `json:"ipv6_address_scope"`
	Zones           []string `json:"availability_zones"`
	Created         string   `json:"created_at"`
	Tags            []string `json:"tags"`
}

type networkAttributes struct {
	schema.Network
	OpenStack networkFields `json:"openstack"`
}

func readNetworks(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronNetwork) error {
		ids := make([]string, len(page))
		for i, n := range page {
			ids[i] = n.ID
		}
		subnets, refused, err := r.subnetsOf(ctx, ids)
		if err != nil {
			return err
		}
		if refused != nil {
			r.out.Warn("address ranges of networks are left out: %v", refused)
		}
		for _, n := range page {
			env, attributes := r.network(n, subnets[n.ID])
			if refused != nil {
				env.Unread = append(env.Unread, "/attributes/cidrs", "/attributes/gateways", "/attributes/dns_servers")
			}
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

// subnetsOf reads the subnets of some networks, in few requests.
func (r *reader) subnetsOf(ctx context.Context, networks []string) (subnets map[string][]neutronSubnet, refused, end error) {
	subnets = map[string][]neutronSubnet{}
	var mu sync.Mutex
	refused, end = r.side(ctx, networks, idsAtOnce, func(ctx context.Context, ids []string) error {
		l := listing{service: r.service, path: "subnets", key: "subnets", query: url.Values{
			"network_id": ids, "fields": {"id", "network_id", "cidr", "gateway_ip", "dns_nameservers"},
		}}
		return each(ctx, r, l, func(page []neutronSubnet) error {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range page {
				subnets[s.Network] = append(subnets[s.Network], s)
			}
			return nil
		})
	})
	return subnets, refused, end
}

func (r *reader) network(n neutronNetwork, subnets []neutronSubnet) (resource.Envelope, networkAttributes) {
	env := r.thing(n.ID, n.Name)
	tagAll(&env, nil, n.Tags)
	o := r.owner(&env, n.Project)
	a := networkAttributes{
		Network: schema.Network{
			Type: networkType(n.Type), Status: n.Status, MTUBytes: n.MTU, Shared: n.Shared, External: n.External, IsDefault: n.IsDefault,
			Description: n.Description, ProvisionedAt: stamp(n.Created),
		},
		OpenStack: networkFields{
			ProjectID: o.id, ProjectName: o.name, NetworkType: n.Type, PhysicalNetwork: n.Physical, SegmentationID: n.Segment, PortSecurity: n.PortSecurity,
			VLANTransparent: n.VLANTransparent, ScopeV4: n.ScopeV4, ScopeV6: n.ScopeV6, AdminUp: n.AdminUp, SubnetIDs: n.Subnets, Zones: n.Zones,
		},
	}
	if n.Type == "vlan" && n.Segment != nil {
		a.VLANID = pointer(int(*n.Segment))
	}
	for _, s := range subnets {
		a.CIDRs = appendNew(a.CIDRs, s.CIDR)
		a.Gateways = appendNew(a.Gateways, address(s.Gateway))
		for _, d := range s.DNS {
			a.DNSServers = appendNew(a.DNSServers, address(d))
		}
	}
	return env, a
}

func networkType(t string) string {
	switch t {
	case "vlan":
		return "vlan"
	case "vxlan", "gre", "geneve":
		return "overlay"
	}
	return "network"
}

// appendNew adds what is not empty and not there yet.
func appendNew[T ~string](list []T, v T) []T {
	if v == "" || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// subnetFields are what only Neutron's subnets have.
type subnetFields struct {
	ProjectID   string   `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string   `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	IPVersion   int      `json:"ip_version,omitempty" label:"IP version" maestro:"indexed"`
	RAMode      string   `json:"ipv6_ra_mode,omitempty" label:"IPv6 router advertisements"`
	PoolID      string   `json:"subnet_pool_id,omitempty" label:"Subnet pool"`
	SegmentID   string   `json:"segment_id,omitempty" label:"Segment"`
	Services    []string `json:"service_types,omitempty" label:"Service types" maestro:"set"`
}

type neutronSubnet struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Project     string   `json:"project_id"`
	Network     string   `json:"network_id"`
	CIDR        string   `json:"cidr"`
	IPVersion   int      `json:"ip_version"`
	Gateway     string   `json:"gateway_ip"`
	DHCP        *bool    `json:"enable_dhcp"`
	DNS         []string `json:"dns_nameservers"`
	AddressMode string   `json:"ipv6_address_mode"`
	RAMode      string   `json:"ipv6_ra_mode"`
	Pool        string   `json:"subnetpool_id"`
	Segment     string   `json:"segment_id"`
	Services    []string `json:"service_types"`
	Created     string   `json:"created_at"`
	Tags        []string `json:"tags"`
	Pools       []struct {
		Start string `json:"start"`
		End   string `json:"end"`
	} `json:"allocation_pools"`
	Routes []struct {
		Destination string `json:"destination"`
		NextHop     string `json:"nexthop"`
	} `json:"host_routes"`
}

type subnetAttributes struct {
	schema.Subnet
	OpenStack subnetFields `json:"openstack"`
}

func readSubnets(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronSubnet) error {
		for _, s := range page {
			env, attributes := r.subnet(s)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) subnet(s neutronSubnet) (resource.Envelope, subnetAttributes) {
	env := r.thing(s.ID, s.Name)
	tagAll(&env, nil, s.Tags)
	o := r.owner(&env, s.Project)
	a := subnetAttributes{
		Subnet: schema.Subnet{
			CIDRs: appendNew(nil, s.CIDR), GatewayIP: address(s.Gateway), DHCP: s.DHCP, IPv6Mode: s.AddressMode, Description: s.Description, Provisioned: stamp(s.Created),
		},
		OpenStack: subnetFields{
			ProjectID: o.id, ProjectName: o.name, IPVersion: s.IPVersion, RAMode: s.RAMode, PoolID: s.Pool, SegmentID: s.Segment, Services: s.Services,
		},
	}
	for _, p := range s.Pools {
		if from, to := address(p.Start), address(p.End); from != "" && to != "" {
			a.AllocationPools = append(a.AllocationPools, schema.IPRange{First: from, Last: to})
		}
	}
	for _, d := range s.DNS {
		a.DNSServers = appendNew(a.DNSServers, address(d))
	}
	for _, route := range s.Routes {
		if hop := address(route.NextHop); hop != "" {
			a.Routes = append(a.Routes, schema.HostRoute{Destination: route.Destination, NextHop: hop})
		}
	}
	relate(&env, "part_of", "network", s.Network)
	return env, a
}

// portFields are what only Neutron's ports have.
type portFields struct {
	ProjectID   string `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	Owner       string `json:"device_owner,omitempty" label:"Device owner" maestro:"indexed" example:"compute:nova"`
	Device      string `json:"device_id,omitempty" label:"Device id"`
	Host        string `json:"host,omitempty" label:"Host" help:"Administrators see it."`
	VIF         string `json:"vif_type,omitempty" label:"Virtual interface"`
	VNIC        string `json:"vnic_type,omitempty" label:"VNIC type" example:"direct"`
	AdminUp     *bool  `json:"admin_state_up,omitempty" label:"Enabled"`
	Status      string `json:"status,omitempty" label:"Neutron's status"`
}

type portAttributes struct {
	schema.NetworkInterface
	OpenStack portFields `json:"openstack"`
}

func readPorts(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []neutronPort) error {
		for _, p := range page {
			env, attributes := r.port(p)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) port(p neutronPort) (resource.Envelope, portAttributes) {
	env := r.thing(p.ID, p.Name)
	tagAll(&env, nil, p.Tags)
	identify(&env, "mac", p.MAC)
	o := r.owner(&env, p.Project)
	status, known := map[string]string{"ACTIVE": "up", "DOWN": "down"}[p.Status]
	if !known {
		status = "unknown"
	}
	a := portAttributes{
		NetworkInterface: schema.NetworkInterface{
			Type: "virtual", Status: status, SourceCheck: p.Security, Description: p.Description, Provisioned: stamp(p.Created),
			Managed: pointer(strings.HasPrefix(p.Owner, "network:") || p.Owner == "Octavia"), DNSNames: appendNew(nil, p.DNSName),
		},
		OpenStack: portFields{
			ProjectID: o.id, ProjectName: o.name, Owner: p.Owner, Device: p.Device, Host: p.Host, VIF: p.VIF, VNIC: p.VNIC, AdminUp: p.AdminUp, Status: p.Status,
		},
	}
	for _, f := range p.Fixed {
		if ip := address(f.IP); ip != "" && !slices.ContainsFunc(a.Addresses, func(have schema.InterfaceAddress) bool { return have.IP == ip }) {
			a.Addresses = append(a.Addresses, schema.InterfaceAddress{IP: ip})
			if a.PrimaryIP == "" || strings.Contains(string(a.PrimaryIP), ":") && !strings.Contains(string(ip), ":") {
				a.PrimaryIP = ip
			}
		}
		relate(&env, "connected_to", "subnet", f.Subnet)
	}
	relate(&env, "connected_to", "network", p.Network)
	for _, g := range p.Groups {
		relate(&env, "uses", "security_group", g)
	}
	switch {
	case strings.HasPrefix(p.Owner, "compute:"):
		relate(&env, "attached_to", "server", p.Device)
	case isRouterPort(p.Owner):
		relate(&env, "attached_to", "router", p.Device)
	case p.Owner == "Octavia":
		relate(&env, "attached_to", "load_balancer", strings.TrimPrefix(p.Device, "lb-"))
	}
	return env, a
}

// isRouterPort knows the owners of routers' ports: interfaces, gateways, those of distributed and redundant routers.
func isRouterPort(owner string) bool {
	return strings.HasPrefix(owner, "network:router_") || owner == "network:ha_router_replicated_interface"
}
