package azure

import (
	"context"

	"maestro.internal/sdk/schema"
)

// virtualNetwork has its subnets and peerings in it, so that one list makes three kinds.
type virtualNetwork struct {
	ProvisioningState string         `json:"provisioningState"`
	GUID              string         `json:"resourceGuid"`
	Space             addressSpace   `json:"addressSpace"`
	Subnets           []item[subnet] `json:"subnets"`
	Peerings          []item[peer]   `json:"virtualNetworkPeerings"`
	DDoS              *bool          `json:"enableDdosProtection"`
	DDoSPlan          ref            `json:"ddosProtectionPlan"`
	VMProtection      *bool          `json:"enableVmProtection"`
	Encryption        struct {
		Enabled *bool `json:"enabled"`
	} `json:"encryption"`
	DHCP struct {
		DNS []string `json:"dnsServers"`
	} `json:"dhcpOptions"`
}

type addressSpace struct {
	Prefixes []string `json:"addressPrefixes"`
}

type subnet struct {
	ProvisioningState string   `json:"provisioningState"`
	Prefix            string   `json:"addressPrefix"`
	Prefixes          []string `json:"addressPrefixes"`
	NSG               ref      `json:"networkSecurityGroup"`
	RouteTable        ref      `json:"routeTable"`
	NAT               ref      `json:"natGateway"`
	Purpose           string   `json:"purpose"`
	EndpointPolicies  string   `json:"privateEndpointNetworkPolicies"`
	DefaultOutbound   *bool    `json:"defaultOutboundAccess"`
	Endpoints         []struct {
		Service string `json:"service"`
	} `json:"serviceEndpoints"`
	Delegations []struct {
		Properties struct {
			Service string `json:"serviceName"`
		} `json:"properties"`
	} `json:"delegations"`
}

type peer struct {
	ProvisioningState string       `json:"provisioningState"`
	State             string       `json:"peeringState"`
	SyncLevel         string       `json:"peeringSyncLevel"`
	Remote            ref          `json:"remoteVirtualNetwork"`
	RemoteSpace       addressSpace `json:"remoteAddressSpace"`
	RemoteNetwork     addressSpace `json:"remoteVirtualNetworkAddressSpace"`
	Access            *bool        `json:"allowVirtualNetworkAccess"`
	Forwarding        *bool        `json:"allowForwardedTraffic"`
	GatewayTransit    *bool        `json:"allowGatewayTransit"`
	RemoteGateways    *bool        `json:"useRemoteGateways"`
}

func readNetworks(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[virtualNetwork]) error {
		env, p := envelope(r, i), i.Properties
		identify(&env, "instance_uuid", p.GUID)
		n := schema.Network{Type: "vpc", Status: p.ProvisioningState, CIDRs: sorted(p.Space.Prefixes), DNSServers: sorted(addresses(p.DHCP.DNS))}
		own := NetworkFields{DDoS: p.DDoS, DDoSPlan: nameOf(p.DDoSPlan.ID), VMProtection: p.VMProtection, Encrypted: p.Encryption.Enabled}
		return r.emit(ctx, env, n, fieldsOf(i, p.ProvisioningState), own)
	})
}

func readSubnets(ctx context.Context, r *reader, l list) error {
	return eachWhole(ctx, r, l, func(network item[virtualNetwork]) error {
		for _, i := range network.Properties.Subnets {
			i.Location = network.Location
			env, p := envelope(r, i), i.Properties
			cidrs := p.Prefixes
			if p.Prefix != "" {
				cidrs = append(cidrs, p.Prefix)
			}
			s := schema.Subnet{Status: p.ProvisioningState, CIDRs: sorted(cidrs), Purpose: p.Purpose, DHCP: pointer(true)}
			own := NetworkFields{EndpointPolicies: p.EndpointPolicies, DefaultOutbound: p.DefaultOutbound}
			for _, e := range p.Endpoints {
				own.ServiceEndpoints = append(own.ServiceEndpoints, e.Service)
			}
			for _, d := range p.Delegations {
				own.Delegations = append(own.Delegations, d.Properties.Service)
			}
			relate(&env, "part_of", "network", network.ID)
			relate(&env, "uses", "route_table", p.RouteTable.ID)
			relate(&env, "uses", "security_group", p.NSG.ID)
			relate(&env, "uses", "gateway", p.NAT.ID)
			if err := r.emit(ctx, env, s, fieldsOf(i, p.ProvisioningState), own); err != nil {
				return err
			}
		}
		return nil
	})
}

func readPeerings(ctx context.Context, r *reader, l list) error {
	return eachWhole(ctx, r, l, func(network item[virtualNetwork]) error {
		for _, i := range network.Properties.Peerings {
			i.Location = network.Location
			env, p := envelope(r, i), i.Properties
			remote := p.RemoteNetwork.Prefixes
			if len(remote) == 0 {
				remote = p.RemoteSpace.Prefixes
			}
			a := schema.Peering{
				Status: p.State, Requester: network.Name, RequesterAccount: r.subscription, RequesterRegion: regionName(network.Location), RequesterCIDRs: sorted(network.Properties.Space.Prefixes),
				Accepter: nameOf(p.Remote.ID), AccepterAccount: segment(canonical(p.Remote.ID), "subscriptions"), AccepterCIDRs: sorted(remote), Forwarding: p.Forwarding,
			}
			relate(&env, "connected_to", "network", network.ID)
			relate(&env, "connected_to", "network", p.Remote.ID)
			own := NetworkFields{SyncLevel: p.SyncLevel, GatewayTransit: p.GatewayTransit, RemoteGateways: p.RemoteGateways, NetworkAccess: p.Access}
			if err := r.emit(ctx, env, a, fieldsOf(i, p.ProvisioningState), own); err != nil {
				return err
			}
		}
		return nil
	})
}

// routeTable is where traffic of subnets goes.
type routeTable struct {
	ProvisioningState string `json:"provisioningState"`
	NoPropagation     *bool  `json:"disableBgpRoutePropagation"`
	Routes            []item[struct {
		Prefix string `json:"addressPrefix"`
		Type   string `json:"nextHopType"`
		IP     string `json:"nextHopIpAddress"`
		State  string `json:"provisioningState"`
	}] `json:"routes"`
}

func readRouteTables(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[routeTable]) error {
		env, p := envelope(r, i), i.Properties
		t := schema.RouteTable{RouteCount: len(p.Routes)}
		if p.NoPropagation != nil {
			t.Propagation = pointer(!*p.NoPropagation)
		}
		for _, route := range p.Routes {
			one := route.Properties
			t.Routes = append(t.Routes, schema.Route{Name: route.Name, Destination: one.Prefix, TargetType: one.Type, Target: one.IP, Status: one.State})
		}
		return r.emit(ctx, env, t, fieldsOf(i, p.ProvisioningState), NetworkFields{})
	})
}

// natGateway is a way out of subnets.
type natGateway struct {
	ProvisioningState string `json:"provisioningState"`
	GUID              string `json:"resourceGuid"`
	IdleMinutes       int    `json:"idleTimeoutInMinutes"`
	PublicIPs         []ref  `json:"publicIpAddresses"`
	Subnets           []ref  `json:"subnets"`
}

func readNATGateways(ctx context.Context, r *reader, l list) error {
	j := joined{}
	public, err := r.publicIPs(ctx)
	if err := j.without(ctx, r, err, "public addresses", []string{"/attributes/public_ips"}); err != nil {
		return err
	}
	return each(ctx, r, l, func(i item[natGateway]) error {
		env, p := envelope(r, i), i.Properties
		env.Unread = append(env.Unread, j.blind...)
		g := schema.Gateway{Type: "nat", Status: p.ProvisioningState, Connectivity: "public", Class: i.SKU.Name}
		for _, ip := range p.PublicIPs {
			if found := public[keyOf(ip.ID)]; found.ip != "" {
				g.PublicIPs = append(g.PublicIPs, found.ip)
			}
		}
		g.PublicIPs = sorted(g.PublicIPs)
		identify(&env, "instance_uuid", p.GUID)
		for _, s := range p.Subnets {
			relate(&env, "connected_to", "subnet", s.ID)
			relate(&env, "connected_to", "network", below(s.ID, "virtualNetworks"))
		}
		return r.emit(ctx, env, g, fieldsOf(i, p.ProvisioningState), NetworkFields{IdleMinutes: p.IdleMinutes})
	})
}
