package schema

import "time"

// connectivityKinds are the parts of networks.
func connectivityKinds() []definition {
	inNetwork := RelationAlias{Alias: "networks", Verb: "part_of", Direction: "out", Target: "network"}
	return []definition{
		{name: "subnet", attrs: Subnet{}, root: document{
			Label: "Subnet", Plural: "Subnets", Group: "network", Icon: "sitemap",
			Summary:     "A part of a network with addresses of its own.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				inNetwork,
				{Alias: "network_interfaces", Verb: "connected_to", Direction: "in", Target: "network_interface"},
				{Alias: "servers", Verb: "connected_to", Direction: "in", Target: "server"},
				{Alias: "load_balancers", Verb: "connected_to", Direction: "in", Target: "load_balancer"},
				{Alias: "route_tables", Verb: "uses", Direction: "out", Target: "route_table"},
				{Alias: "network_acls", Verb: "protects", Direction: "in", Target: "network_acl"},
				{Alias: "security_groups", Verb: "protects", Direction: "in", Target: "security_group"},
				{Alias: "routers", Verb: "connected_to", Direction: "in", Target: "router"},
			},
		}},
		{name: "prefix", attrs: Prefix{}, root: document{
			Label: "Prefix", Plural: "Prefixes", Group: "network", Icon: "hierarchy",
			Summary: "A range of addresses that is planned or announced, in a routing domain.",
			Relations: []RelationAlias{
				inNetwork,
				{Alias: "parent", Verb: "part_of", Direction: "out", Target: "prefix"},
				{Alias: "children", Verb: "part_of", Direction: "in", Target: "prefix"},
			},
		}},
		{name: "address", attrs: Address{}, root: document{
			Label: "Address", Plural: "Addresses", Group: "network", Icon: "at",
			Summary:     "An address that exists by itself: a public, elastic or floating one.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "network_interfaces", Verb: "attached_to", Direction: "out", Target: "network_interface"},
				{Alias: "load_balancers", Verb: "attached_to", Direction: "out", Target: "load_balancer"},
				{Alias: "gateways", Verb: "attached_to", Direction: "out", Target: "gateway"},
				{Alias: "networks", Verb: "part_of", Direction: "out", Target: "network"},
				{Alias: "routers", Verb: "uses", Direction: "out", Target: "router"},
			},
		}},
		{name: "security_group", attrs: SecurityGroup{}, root: document{
			Label: "Security group", Plural: "Security groups", Group: "network", Icon: "shield",
			Summary:     "Rules on the traffic of what belongs to it.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				inNetwork,
				{Alias: "servers", Verb: "protects", Direction: "out", Target: "server"},
				{Alias: "network_interfaces", Verb: "protects", Direction: "out", Target: "network_interface"},
				{Alias: "subnets", Verb: "protects", Direction: "out", Target: "subnet"},
				{Alias: "used_by", Verb: "uses", Direction: "in", Target: "server"},
				{Alias: "load_balancers", Verb: "uses", Direction: "in", Target: "load_balancer"},
				{Alias: "databases", Verb: "uses", Direction: "in", Target: "database"},
			},
		}},
		{name: "network_acl", attrs: NetworkACL{}, root: document{
			Label: "Network ACL", Plural: "Network ACLs", Group: "network", Icon: "list-check",
			Summary:   "Ordered rules on the traffic of subnets.",
			Relations: []RelationAlias{inNetwork, {Alias: "subnets", Verb: "protects", Direction: "out", Target: "subnet"}},
		}},
		{name: "route_table", attrs: RouteTable{}, root: document{
			Label: "Route table", Plural: "Route tables", Group: "network", Icon: "route",
			Summary: "Where traffic of subnets goes.",
			Relations: []RelationAlias{
				inNetwork,
				{Alias: "subnets", Verb: "uses", Direction: "in", Target: "subnet"},
				{Alias: "gateways", Verb: "routes_to", Direction: "out", Target: "gateway"},
				{Alias: "peerings", Verb: "routes_to", Direction: "out", Target: "peering"},
				{Alias: "network_interfaces", Verb: "routes_to", Direction: "out", Target: "network_interface"},
				{Alias: "network_endpoints", Verb: "routes_to", Direction: "out", Target: "network_endpoint"},
			},
		}},
		{name: "router", attrs: Router{}, root: document{
			Label: "Router", Plural: "Routers", Group: "network", Icon: "router",
			Summary:     "What carries traffic between networks: a virtual or physical router, a switch.",
			Identifiers: map[string]int{"instance_uuid": 1, "serial": 2, "mac": 3},
			Relations: []RelationAlias{
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "network_interfaces", Verb: "attached_to", Direction: "in", Target: "network_interface"},
				{Alias: "servers", Verb: "connected_to", Direction: "in", Target: "server"},
				{Alias: "ports", Verb: "part_of", Direction: "in", Target: "network"},
			},
		}},
		{name: "gateway", attrs: Gateway{}, root: document{
			Label: "Gateway", Plural: "Gateways", Group: "network", Icon: "door-exit",
			Summary:     "A way out of a network: NAT, VPN, the internet, a transit hub.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "addresses", Verb: "attached_to", Direction: "in", Target: "address"},
				{Alias: "own_addresses", Verb: "uses", Direction: "out", Target: "address"},
				{Alias: "network_interfaces", Verb: "uses", Direction: "out", Target: "network_interface"},
				{Alias: "route_tables", Verb: "routes_to", Direction: "in", Target: "route_table"},
			},
		}},
		{name: "peering", attrs: Peering{}, root: document{
			Label: "Peering", Plural: "Peerings", Group: "network", Icon: "arrows-exchange",
			Summary:   "Two networks whose traffic passes between them.",
			Relations: []RelationAlias{{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"}},
		}},
		{name: "network_endpoint", attrs: NetworkEndpoint{}, root: document{
			Label: "Network endpoint", Plural: "Network endpoints", Group: "network", Icon: "plug",
			Summary: "A private way from a network to a service of the provider or of somebody else.",
			Relations: []RelationAlias{
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "route_tables", Verb: "uses", Direction: "out", Target: "route_table"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "network_interfaces", Verb: "uses", Direction: "out", Target: "network_interface"},
			},
		}},
	}
}

// Subnet is the attributes of the kind "subnet".
type Subnet struct {
	Status          string      `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	CIDRs           []string    `json:"cidrs,omitempty" label:"Address ranges" maestro:"column,indexed,searchable,set" example:"[\"10.0.1.0/24\"]"`
	GatewayIP       IP          `json:"gateway_ip,omitempty" label:"Gateway" maestro:"column,searchable"`
	DHCP            *bool       `json:"dhcp,omitempty" label:"DHCP" maestro:"column"`
	AllocationPools []IPRange   `json:"allocation_pools,omitempty" label:"Allocation pools" maestro:"set"`
	DNSServers      []IP        `json:"dns_servers,omitempty" label:"DNS servers" maestro:"set"`
	Routes          []HostRoute `json:"host_routes,omitempty" label:"Host routes" maestro:"set"`
	FreeAddresses   int64       `json:"free_address_count,omitempty" label:"Free addresses" maestro:"volatile"`
	IsDefault       *bool       `json:"is_default,omitempty" label:"Default"`
	Public          *bool       `json:"public,omitempty" label:"Public" maestro:"indexed" help:"What starts in it gets a public address."`
	Purpose         string      `json:"purpose,omitempty" label:"Purpose"`
	IPv6Mode        string      `json:"ipv6_address_mode,omitempty" label:"IPv6 address mode"`
	Description     string      `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned     time.Time   `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// IPRange is addresses from the first to the last.
type IPRange struct {
	First IP `json:"first" label:"First"`
	Last  IP `json:"last" label:"Last"`
}

// HostRoute is a route that machines in a subnet are given.
type HostRoute struct {
	Destination string `json:"destination" label:"Destination"`
	NextHop     IP     `json:"next_hop" label:"Next hop"`
}

// Prefix is the attributes of the kind "prefix".
type Prefix struct {
	CIDR          string `json:"cidr,omitempty" label:"Address range" maestro:"column,indexed,searchable" example:"10.0.0.0/8"`
	RoutingDomain string `json:"routing_domain,omitempty" label:"Routing domain" maestro:"column,indexed,searchable"`
	Status        string `json:"status,omitempty" label:"Status" maestro:"column,indexed"`
	Role          string `json:"role,omitempty" label:"Role" maestro:"column,indexed"`
	VLANID        *int   `json:"vlan_id,omitempty" label:"VLAN" maestro:"indexed"`
	IsPool        *bool  `json:"is_pool,omitempty" label:"Pool" help:"Every address in it can be used."`
	Description   string `json:"description,omitempty" label:"Description" maestro:"searchable"`
}

// Address is the attributes of the kind "address".
type Address struct {
	IP            IP        `json:"ip,omitempty" label:"Address" maestro:"column,indexed,searchable"`
	Type          string    `json:"type,omitempty" label:"Type" enum:"public,private,floating,virtual" maestro:"column,indexed"`
	Status        string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Allocation    string    `json:"allocation,omitempty" label:"Allocation" enum:"static,dynamic"`
	FixedIP       IP        `json:"fixed_ip,omitempty" label:"Leads to" maestro:"column,indexed,searchable" help:"The private address behind it."`
	DNSName       string    `json:"dns_name,omitempty" label:"DNS name" maestro:"column,searchable"`
	RoutingDomain string    `json:"routing_domain,omitempty" label:"Routing domain" maestro:"indexed"`
	Tier          string    `json:"tier,omitempty" label:"Tier" group:"Details"`
	Pool          string    `json:"pool,omitempty" label:"Pool" group:"Details"`
	InUse         *bool     `json:"in_use,omitempty" label:"In use" maestro:"column,indexed"`
	Description   string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned   time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// SecurityGroup is the attributes of the kind "security_group".
type SecurityGroup struct {
	Rules       []FirewallRule `json:"rules,omitempty" label:"Rules" maestro:"set"`
	IsDefault   *bool          `json:"is_default,omitempty" label:"Default" maestro:"column"`
	Stateful    *bool          `json:"stateful,omitempty" label:"Stateful"`
	RuleCount   int            `json:"rule_count,omitempty" label:"Rules" maestro:"column"`
	OpenToAll   *bool          `json:"open_to_all,omitempty" label:"Open to all" maestro:"column,indexed" help:"A rule lets in traffic from every address."`
	Description string         `json:"description,omitempty" label:"Description" group:"Origin" maestro:"column,searchable"`
	Provisioned time.Time      `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// FirewallRule says which traffic passes.
type FirewallRule struct {
	ID          string   `json:"id,omitempty" label:"Id"`
	Name        string   `json:"name,omitempty" label:"Name"`
	Priority    int      `json:"priority,omitempty" label:"Priority"`
	Direction   string   `json:"direction,omitempty" label:"Direction" enum:"in,out"`
	Action      string   `json:"action,omitempty" label:"Action" enum:"allow,deny"`
	Protocol    string   `json:"protocol,omitempty" label:"Protocol" example:"tcp" help:"In lower case; any for all of them."`
	PortMin     *int     `json:"port_min,omitempty" label:"From port"`
	PortMax     *int     `json:"port_max,omitempty" label:"To port"`
	Ports       []string `json:"ports,omitempty" label:"Ports" maestro:"set" help:"Where there are several ranges."`
	CIDRs       []string `json:"cidrs,omitempty" label:"Other side" maestro:"set"`
	Group       string   `json:"group,omitempty" label:"Other side's group"`
	EtherType   string   `json:"ether_type,omitempty" label:"Ether type"`
	Description string   `json:"description,omitempty" label:"Description"`
}

// NetworkACL is the attributes of the kind "network_acl".
type NetworkACL struct {
	Rules     []FirewallRule `json:"rules,omitempty" label:"Rules" maestro:"set"`
	IsDefault *bool          `json:"is_default,omitempty" label:"Default" maestro:"column"`
	RuleCount int            `json:"rule_count,omitempty" label:"Rules" maestro:"column"`
}

// RouteTable is the attributes of the kind "route_table".
type RouteTable struct {
	Routes      []Route   `json:"routes,omitempty" label:"Routes" maestro:"set"`
	RouteCount  int       `json:"route_count,omitempty" label:"Routes" maestro:"column"`
	IsMain      *bool     `json:"is_main,omitempty" label:"Main" maestro:"column,indexed" help:"It holds for subnets without one of their own."`
	Propagation *bool     `json:"route_propagation,omitempty" label:"Route propagation" help:"Gateways add routes by themselves."`
	Provisioned time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// Route is where traffic for one destination goes.
type Route struct {
	Name        string `json:"name,omitempty" label:"Name"`
	Destination string `json:"destination" label:"Destination"`
	TargetType  string `json:"target_type,omitempty" label:"Target type" example:"nat_gateway"`
	Target      string `json:"target,omitempty" label:"Target"`
	Origin      string `json:"origin,omitempty" label:"Origin"`
	Status      string `json:"status,omitempty" label:"Status"`
}

// Router is the attributes of the kind "router".
type Router struct {
	Type            string    `json:"type,omitempty" label:"Type" enum:"virtual,physical,distributed_switch,switch" maestro:"column,indexed"`
	Status          string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Enabled         *bool     `json:"enabled,omitempty" label:"Enabled" maestro:"column"`
	ExternalNetwork string    `json:"external_network,omitempty" label:"External network" maestro:"column,searchable"`
	ExternalIPs     []IP      `json:"external_ips,omitempty" label:"External addresses" maestro:"column,searchable,set"`
	SNAT            *bool     `json:"snat,omitempty" label:"Source NAT"`
	Distributed     *bool     `json:"distributed,omitempty" label:"Distributed"`
	HA              *bool     `json:"high_availability,omitempty" label:"High availability"`
	Routes          []Route   `json:"routes,omitempty" label:"Routes" maestro:"set"`
	Version         string    `json:"version,omitempty" label:"Version" group:"Details" maestro:"searchable"`
	Manufacturer    string    `json:"manufacturer,omitempty" label:"Manufacturer" group:"Details" maestro:"searchable"`
	Model           string    `json:"model,omitempty" label:"Model" group:"Details" maestro:"searchable"`
	PortCount       int       `json:"port_count,omitempty" label:"Ports" group:"Details"`
	HostCount       int       `json:"host_count,omitempty" label:"Hosts" group:"Details"`
	MTUBytes        int       `json:"mtu_bytes,omitempty" label:"MTU" group:"Details"`
	Uplinks         []string  `json:"uplinks,omitempty" label:"Uplinks" group:"Details" maestro:"set"`
	Folder          string    `json:"folder,omitempty" label:"Folder" group:"Origin"`
	Description     string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned     time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// Gateway is the attributes of the kind "gateway".
type Gateway struct {
	Type         string    `json:"type,omitempty" label:"Type" enum:"nat,vpn,internet,transit" maestro:"column,indexed"`
	Status       string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	PublicIPs    []IP      `json:"public_ips,omitempty" label:"Public addresses" maestro:"column,indexed,searchable,set"`
	PrivateIPs   []IP      `json:"private_ips,omitempty" label:"Private addresses" maestro:"searchable,set"`
	ASN          int64     `json:"asn,omitempty" label:"ASN"`
	Connectivity string    `json:"connectivity,omitempty" label:"Connectivity" enum:"public,private"`
	Class        string    `json:"performance_class,omitempty" label:"Class"`
	ErrorMessage string    `json:"status_message,omitempty" label:"Status message"`
	Description  string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned  time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// Peering is the attributes of the kind "peering".
type Peering struct {
	Status           string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	StatusMessage    string    `json:"status_message,omitempty" label:"Status message"`
	Requester        string    `json:"requester_network,omitempty" label:"Requester" maestro:"column,searchable"`
	RequesterAccount string    `json:"requester_account,omitempty" label:"Requester's account" maestro:"searchable"`
	RequesterRegion  string    `json:"requester_region,omitempty" label:"Requester's region"`
	RequesterCIDRs   []string  `json:"requester_cidrs,omitempty" label:"Requester's ranges" maestro:"searchable,set"`
	Accepter         string    `json:"accepter_network,omitempty" label:"Accepter" maestro:"column,searchable"`
	AccepterAccount  string    `json:"accepter_account,omitempty" label:"Accepter's account" maestro:"searchable"`
	AccepterRegion   string    `json:"accepter_region,omitempty" label:"Accepter's region"`
	AccepterCIDRs    []string  `json:"accepter_cidrs,omitempty" label:"Accepter's ranges" maestro:"searchable,set"`
	Forwarding       *bool     `json:"forwarding,omitempty" label:"Forwarding" help:"Traffic from beyond the other network passes too."`
	ExpiresAt        time.Time `json:"expires_at,omitzero" label:"Expires"`
}

// NetworkEndpoint is the attributes of the kind "network_endpoint".
type NetworkEndpoint struct {
	Type        string    `json:"type,omitempty" label:"Type" enum:"interface,gateway,gateway_load_balancer,private_link,other" maestro:"column,indexed"`
	Status      string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Service     string    `json:"service,omitempty" label:"Service" maestro:"column,indexed,searchable" example:"com.amazonaws.eu-west-1.s3"`
	DNSNames    []string  `json:"dns_names,omitempty" label:"DNS names" maestro:"searchable,set"`
	PrivateIPs  []IP      `json:"private_ips,omitempty" label:"Private addresses" maestro:"searchable,set"`
	PrivateDNS  *bool     `json:"private_dns,omitempty" label:"Private DNS"`
	Provisioned time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}
