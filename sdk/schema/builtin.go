package schema

import "slices"

// builtins lists the built-in kinds that have a struct. Adding one: write its struct in a file of its own,
// add it here, run the tests of this package with -update.
func builtins() []definition {
	return slices.Concat(coreKinds(), storageKinds(), templateKinds(), connectivityKinds(), serviceKinds(), businessKinds())
}

// coreKinds are machines and what they are connected to.
func coreKinds() []definition {
	return []definition{
		{name: "server", attrs: Server{}, minor: 2, root: document{
			Label: "Server", Plural: "Servers", Group: "compute", Icon: "server",
			Summary: "A machine that runs an operating system: physical, virtual, a hypervisor or a container.",
			Identifiers: map[string]int{
				"instance_uuid": 1, "instance_id": 1, "bios_uuid": 2, "machine_id": 3, "serial": 3, "mac": 4, "fqdn": 5,
			},
			Relations: []RelationAlias{
				{Alias: "volumes", Verb: "attached_to", Direction: "in", Target: "volume"},
				{Alias: "network_interfaces", Verb: "attached_to", Direction: "in", Target: "network_interface"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "storage_pools", Verb: "uses", Direction: "out", Target: "storage_pool"},
				{Alias: "clusters", Verb: "member_of", Direction: "out", Target: "cluster"},
				{Alias: "host", Verb: "runs_on", Direction: "out", Target: "server"},
				{Alias: "guests", Verb: "runs_on", Direction: "in", Target: "server"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "image", Verb: "created_from", Direction: "out", Target: "image"},
				{Alias: "flavor", Verb: "uses", Direction: "out", Target: "flavor"},
				{Alias: "key_pair", Verb: "uses", Direction: "out", Target: "key_pair"},
				{Alias: "snapshots", Verb: "created_from", Direction: "in", Target: "snapshot"},
				{Alias: "addresses", Verb: "attached_to", Direction: "in", Target: "address"},
				{Alias: "load_balancers", Verb: "routes_to", Direction: "in", Target: "load_balancer"},
				{Alias: "scaling_groups", Verb: "contains", Direction: "in", Target: "backing_service"},
				{Alias: "member_of_services", Verb: "member_of", Direction: "out", Target: "backing_service"},
				{Alias: "applications", Verb: "runs_on", Direction: "in", Target: "application"},
				{Alias: "databases", Verb: "runs_on", Direction: "in", Target: "database"},
				{Alias: "software", Verb: "runs_on", Direction: "in", Target: "software"},
				{Alias: "host_ports", Verb: "attached_to", Direction: "in", Target: "host_port"},
			},
		}},
		{name: "volume", attrs: Volume{}, minor: 2, root: document{
			Label: "Volume", Plural: "Volumes", Group: "storage", Icon: "database",
			Summary:     "A piece of storage that a server can use: a disk, a partition, a file system, a share.",
			Identifiers: map[string]int{"instance_uuid": 1, "naa": 2, "wwn": 2, "serial": 3},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "storage_pools", Verb: "stored_on", Direction: "out", Target: "storage_pool"},
				{Alias: "part_of", Verb: "member_of", Direction: "out", Target: "volume"},
				{Alias: "parts", Verb: "member_of", Direction: "in", Target: "volume"},
				{Alias: "storage_systems", Verb: "stored_on", Direction: "out", Target: "storage_system"},
				{Alias: "snapshots", Verb: "created_from", Direction: "in", Target: "snapshot"},
				{Alias: "snapshot", Verb: "created_from", Direction: "out", Target: "snapshot"},
				{Alias: "image", Verb: "created_from", Direction: "out", Target: "image"},
				{Alias: "template", Verb: "attached_to", Direction: "out", Target: "image"},
			},
		}},
		{name: "network", attrs: Network{}, minor: 1, root: document{
			Label: "Network", Plural: "Networks", Group: "network", Icon: "network",
			Summary:     "A layer 2 or private network that servers are connected to: a VPC, a VLAN, a port group.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "connected_to", Direction: "in", Target: "server"},
				{Alias: "network_interfaces", Verb: "connected_to", Direction: "in", Target: "network_interface"},
				{Alias: "subnets", Verb: "part_of", Direction: "in", Target: "subnet"},
				{Alias: "security_groups", Verb: "part_of", Direction: "in", Target: "security_group"},
				{Alias: "route_tables", Verb: "part_of", Direction: "in", Target: "route_table"},
				{Alias: "gateways", Verb: "connected_to", Direction: "in", Target: "gateway"},
				{Alias: "peerings", Verb: "connected_to", Direction: "in", Target: "peering"},
				{Alias: "routers", Verb: "connected_to", Direction: "in", Target: "router"},
				{Alias: "switch", Verb: "part_of", Direction: "out", Target: "router"},
			},
		}},
		{name: "network_interface", attrs: NetworkInterface{}, minor: 1, root: document{
			Label: "Network interface", Plural: "Network interfaces", Group: "network", Icon: "plug-connected",
			Summary:     "A port of a server, real or virtual, with its addresses.",
			Identifiers: map[string]int{"instance_uuid": 1, "mac": 2},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "member_of", Verb: "member_of", Direction: "out", Target: "network_interface"},
				{Alias: "members", Verb: "member_of", Direction: "in", Target: "network_interface"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "routers", Verb: "attached_to", Direction: "out", Target: "router"},
				{Alias: "load_balancers", Verb: "attached_to", Direction: "out", Target: "load_balancer"},
				{Alias: "addresses", Verb: "attached_to", Direction: "in", Target: "address"},
			},
		}},
		{name: "cluster", attrs: Cluster{}, root: document{
			Label: "Cluster", Plural: "Clusters", Group: "compute", Icon: "hexagons",
			Summary:     "Servers that are run as one: a vSphere, database or container cluster.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "member_of", Direction: "in", Target: "server"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "storage_pools", Verb: "uses", Direction: "out", Target: "storage_pool"},
			},
		}},
	}
}
