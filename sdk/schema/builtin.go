package schema

// builtins lists the built-in kinds that have a struct. Adding one: write its struct in a file of its own,
// add it here, run the tests of this package with -update.
func builtins() []definition {
	return []definition{
		{name: "server", attrs: Server{}, root: document{
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
			},
		}},
		{name: "volume", attrs: Volume{}, root: document{
			Label: "Volume", Plural: "Volumes", Group: "storage", Icon: "database",
			Summary:     "A piece of storage that a server can use: a disk, a partition, a file system, a share.",
			Identifiers: map[string]int{"instance_uuid": 1, "naa": 2, "wwn": 2, "serial": 3},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "storage_pools", Verb: "stored_on", Direction: "out", Target: "storage_pool"},
				{Alias: "part_of", Verb: "member_of", Direction: "out", Target: "volume"},
				{Alias: "parts", Verb: "member_of", Direction: "in", Target: "volume"},
			},
		}},
		{name: "network", attrs: Network{}, root: document{
			Label: "Network", Plural: "Networks", Group: "network", Icon: "network",
			Summary:     "A layer 2 or private network that servers are connected to: a VPC, a VLAN, a port group.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "connected_to", Direction: "in", Target: "server"},
				{Alias: "network_interfaces", Verb: "connected_to", Direction: "in", Target: "network_interface"},
			},
		}},
		{name: "network_interface", attrs: NetworkInterface{}, root: document{
			Label: "Network interface", Plural: "Network interfaces", Group: "network", Icon: "plug-connected",
			Summary:     "A port of a server, real or virtual, with its addresses.",
			Identifiers: map[string]int{"instance_uuid": 1, "mac": 2},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "member_of", Verb: "member_of", Direction: "out", Target: "network_interface"},
				{Alias: "members", Verb: "member_of", Direction: "in", Target: "network_interface"},
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
		{name: "storage_pool", attrs: StoragePool{}, root: document{
			Label: "Storage pool", Plural: "Storage pools", Group: "storage", Icon: "stack-2",
			Summary:     "Storage from which volumes are cut: a datastore, a volume group, an aggregate.",
			Identifiers: map[string]int{"instance_uuid": 1, "naa": 2},
			Relations: []RelationAlias{
				{Alias: "volumes", Verb: "stored_on", Direction: "in", Target: "volume"},
				{Alias: "servers", Verb: "uses", Direction: "in", Target: "server"},
			},
		}},
	}
}
