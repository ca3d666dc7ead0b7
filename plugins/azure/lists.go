package azure

import (
	"context"
	"slices"
)

// list is one listing of Azure.
type list struct {
	kind string
	name string
	// path below the subscription, and the version of the API.
	path, version string
	permissions   []string
	read          func(context.Context, *reader, list) error
}

const (
	computeVersion = "2024-07-01"
	diskVersion    = "2023-10-02"
	networkVersion = "2024-05-01"
	sqlVersion     = "2021-11-01"
)

// The permissions that more than one list needs.
const (
	readNICs      = "Microsoft.Network/networkInterfaces/read"
	readPublicIPs = "Microsoft.Network/publicIPAddresses/read"
	readVNets     = "Microsoft.Network/virtualNetworks/read"
	readSets      = "Microsoft.Compute/virtualMachineScaleSets/read"
	readSizes     = "Microsoft.Compute/locations/vmSizes/read"
)

// lists is everything that is read: one row for each list, and the function that translates it.
func lists() []list {
	const (
		compute = "/providers/Microsoft.Compute"
		network = "/providers/Microsoft.Network"
		sql     = "/providers/Microsoft.Sql"
	)
	with := func(permissions ...string) []string { return permissions }
	return []list{
		{"server", "virtual machines", compute + "/virtualMachines", computeVersion,
			with("Microsoft.Compute/virtualMachines/read", readSizes, readNICs, readPublicIPs), readMachines},
		{"server", "instances of scale sets", compute + "/virtualMachineScaleSets", computeVersion,
			with(readSets, "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read", readSizes,
				"Microsoft.Compute/virtualMachineScaleSets/networkInterfaces/read", "Microsoft.Compute/virtualMachineScaleSets/publicIPAddresses/read"), readInstances},
		{"backing_service", "scale sets", compute + "/virtualMachineScaleSets", computeVersion, with(readSets), readScaleSets},
		{"backing_service", "Kubernetes clusters", "/providers/Microsoft.ContainerService/managedClusters", "2024-05-01", with("Microsoft.ContainerService/managedClusters/read"), readKubernetes},
		{"volume", "disks", compute + "/disks", diskVersion, with("Microsoft.Compute/disks/read"), readDisks},
		{"snapshot", "snapshots", compute + "/snapshots", diskVersion, with("Microsoft.Compute/snapshots/read"), readSnapshots},
		{"image", "images", compute + "/images", computeVersion, with("Microsoft.Compute/images/read"), readImages},
		{"network_interface", "network interfaces", network + "/networkInterfaces", networkVersion, with(readNICs), readInterfaces},
		{"address", "public IP addresses", network + "/publicIPAddresses", networkVersion, with(readPublicIPs, readNICs), readAddresses},
		{"route_table", "route tables", network + "/routeTables", networkVersion, with("Microsoft.Network/routeTables/read"), readRouteTables},
		{"network", "virtual networks", network + "/virtualNetworks", networkVersion, with(readVNets), readNetworks},
		{"subnet", "subnets of virtual networks", network + "/virtualNetworks", networkVersion, with(readVNets), readSubnets},
		{"peering", "peerings of virtual networks", network + "/virtualNetworks", networkVersion, with(readVNets), readPeerings},
		{"gateway", "NAT gateways", network + "/natGateways", networkVersion, with("Microsoft.Network/natGateways/read", readPublicIPs), readNATGateways},
		{"security_group", "network security groups", network + "/networkSecurityGroups", networkVersion, with("Microsoft.Network/networkSecurityGroups/read"), readSecurityGroups},
		{"load_balancer", "load balancers", network + "/loadBalancers", networkVersion, with("Microsoft.Network/loadBalancers/read", readNICs, readPublicIPs), readLoadBalancers},
		{"load_balancer", "application gateways", network + "/applicationGateways", networkVersion, with("Microsoft.Network/applicationGateways/read", readNICs, readPublicIPs), readApplicationGateways},
		{"database", "SQL servers", sql + "/servers", sqlVersion, with("Microsoft.Sql/servers/read"), readSQLServers},
		{"database", "SQL databases", sql + "/servers", sqlVersion, with("Microsoft.Sql/servers/read", "Microsoft.Sql/servers/databases/read"), readSQLDatabases},
		{"database", "SQL managed instances", sql + "/managedInstances", sqlVersion, with("Microsoft.Sql/managedInstances/read"), readManagedInstances},
		{"database", "PostgreSQL flexible servers", "/providers/Microsoft.DBforPostgreSQL/flexibleServers", "2024-08-01", with("Microsoft.DBforPostgreSQL/flexibleServers/read"), readPostgres},
		{"database", "MySQL flexible servers", "/providers/Microsoft.DBforMySQL/flexibleServers", "2023-12-30", with("Microsoft.DBforMySQL/flexibleServers/read"), readMySQL},
		{"storage_system", "storage accounts", "/providers/Microsoft.Storage/storageAccounts", "2023-05-01", with("Microsoft.Storage/storageAccounts/read"), readStorageAccounts},
	}
}

// always are the permissions without which no kind can be read.
func always() []string {
	return []string{"Microsoft.Resources/subscriptions/read", "Microsoft.Authorization/permissions/read"}
}

// kindNames are the kinds that are read, sorted.
func kindNames() []string {
	var out []string
	for _, l := range lists() {
		out = append(out, l.kind)
	}
	return sorted(out)
}

// permissionsOf are what some kinds need together.
func permissionsOf(kinds ...string) []string {
	out := always()
	for _, l := range lists() {
		if slices.Contains(kinds, l.kind) {
			out = append(out, l.permissions...)
		}
	}
	return sorted(out)
}

// interval is how often a kind is read unless a connection says otherwise, in seconds.
func interval(kind string) int64 {
	const hour, day = 3600, 86400
	switch kind {
	case "server":
		return 300
	case "volume", "load_balancer", "security_group":
		return 6 * hour
	case "backing_service", "database", "storage_system":
		return day
	case "gateway":
		return 3 * day
	}
	return 14 * day
}
