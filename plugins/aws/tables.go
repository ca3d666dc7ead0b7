package aws

// lists are everything that is read. One row is one list.
func lists() []list {
	ec2 := func(kind, name string, read reading, actions ...string) list {
		for i, a := range actions {
			actions[i] = "ec2:" + a
		}
		return list{kind: kind, name: name, limit: "ec2", actions: actions, read: read}
	}
	return sorted([]list{
		ec2("server", "ec2", readServers, "DescribeInstances", "DescribeInstanceTypes"),
		ec2("volume", "volumes", readVolumes, "DescribeVolumes"),
		ec2("snapshot", "snapshots", readSnapshots, "DescribeSnapshots"),
		ec2("image", "images", readImages, "DescribeImages"),
		ec2("key_pair", "key_pairs", readKeyPairs, "DescribeKeyPairs"),
		ec2("flavor", "instance_types", readFlavors, "DescribeInstances", "DescribeInstanceTypes"),
		ec2("network", "vpcs", readNetworks, "DescribeVpcs"),
		ec2("subnet", "subnets", readSubnets, "DescribeSubnets", "DescribeRouteTables"),
		ec2("security_group", "security_groups", readSecurityGroups, "DescribeSecurityGroups"),
		ec2("network_acl", "network_acls", readNetworkACLs, "DescribeNetworkAcls"),
		ec2("route_table", "route_tables", readRouteTables, "DescribeRouteTables"),
		ec2("network_interface", "network_interfaces", readInterfaces, "DescribeNetworkInterfaces"),
		ec2("address", "elastic_ips", readAddresses, "DescribeAddresses"),
		ec2("peering", "peerings", readPeerings, "DescribeVpcPeeringConnections"),
		ec2("network_endpoint", "endpoints", readEndpoints, "DescribeVpcEndpoints"),
		ec2("gateway", "nat", readNATGateways, "DescribeNatGateways"),
		ec2("gateway", "internet", readInternetGateways, "DescribeInternetGateways"),
		ec2("gateway", "vpn", readVPNGateways, "DescribeVpnGateways"),
		ec2("gateway", "transit", readTransitGateways, "DescribeTransitGateways"),
	})
}

// extensions are the fields that the plugin adds to built-in kinds under its own name.
func extensions() map[string]any {
	return map[string]any{
		"server": serverFields{}, "volume": volumeFields{}, "snapshot": snapshotFields{}, "image": imageFields{}, "network": networkFields{},
		"subnet": subnetFields{}, "network_interface": interfaceFields{}, "address": addressFields{}, "network_endpoint": endpointFields{},
	}
}
