package openstack

import "net/url"

const (
	hour = 3600
	day  = 24 * hour
)

// lists are everything that is read. One row is one list, in the order of the kinds' names.
func lists() []list {
	tenants := url.Values{"all_tenants": {"1"}}
	nova := rule("compute", "/v2.1/")
	return []list{
		{
			kind: "address", service: "network", path: "floatingips", key: "floatingips", own: "project_id", unique: true, interval: 14 * day,
			policies: []string{"get_floatingip"}, rules: []accessRule{rule("network", "/v2.0/floatingips")}, fields: ownedFields{}, read: readFloating,
		},
		{
			kind: "backing_service", service: "object_store", ownOnly: true, interval: day,
			policies: []string{"a role of Swift's operator_roles, or a read ACL of the account"}, rules: []accessRule{rule("object-store", "/v1/*")}, fields: ownedFields{}, read: readContainers,
		},
		{
			kind: "flavor", service: "compute", path: "flavors/detail", key: "flavors", all: url.Values{"is_public": {"none"}}, interval: 14 * day,
			policies: []string{"os_compute_api:flavors", "os_compute_api:os-flavor-extra-specs:index"}, rules: []accessRule{nova, rule("compute", "/v2.1/flavors/detail")},
			fields: flavorFields{}, read: readFlavors,
		},
		{
			kind: "image", service: "image", path: "images", key: "images", ownAdmin: "owner", unique: true, interval: 14 * day,
			policies: []string{"get_images", "get_image"}, rules: []accessRule{rule("image", "/v2/images")}, fields: imageFields{}, read: readImages,
		},
		{
			kind: "key_pair", service: "compute", path: "os-keypairs", key: "keypairs", interval: 14 * day,
			policies: []string{"os_compute_api:os-keypairs:index"}, rules: []accessRule{nova, rule("compute", "/v2.1/os-keypairs"), rule("compute", "/v2.1/servers/detail")},
			fields: keyPairFields{}, read: readKeyPairs,
		},
		{
			kind: "load_balancer", service: "load_balancer", path: "lbaas/loadbalancers", key: "loadbalancers", own: "project_id", unique: true, interval: 6 * hour,
			stranger: "project_id", role: "give the user the role load-balancer_admin or load-balancer_global_observer, for Octavia has roles of its own",
			policies: []string{
				"os_load-balancer_api:loadbalancer:get_all", "os_load-balancer_api:loadbalancer:get_all-global", "os_load-balancer_api:listener:get_all",
				"os_load-balancer_api:pool:get_all", "os_load-balancer_api:member:get_all", "os_load-balancer_api:healthmonitor:get_all",
			},
			rules: []accessRule{
				rule("load-balancer", "/v2.0/lbaas/loadbalancers"), rule("load-balancer", "/v2.0/lbaas/listeners"), rule("load-balancer", "/v2.0/lbaas/pools"),
				rule("load-balancer", "/v2.0/lbaas/pools/*/members"), rule("load-balancer", "/v2.0/lbaas/healthmonitors"), rule("network", "/v2.0/ports"),
			},
			fields: balancerFields{}, read: readBalancers,
		},
		{
			kind: "network", service: "network", path: "networks", key: "networks", ownAdmin: "project_id", unique: true, interval: 14 * day,
			policies: []string{"get_network", "get_subnet"}, rules: []accessRule{rule("network", "/v2.0/networks"), rule("network", "/v2.0/subnets")}, fields: networkFields{}, read: readNetworks,
		},
		{
			kind: "network_interface", service: "network", path: "ports", key: "ports", own: "project_id", unique: true, interval: 14 * day,
			policies: []string{"get_port"}, rules: []accessRule{rule("network", "/v2.0/ports")}, fields: portFields{}, read: readPorts,
		},
		{
			kind: "router", service: "network", path: "routers", key: "routers", own: "project_id", unique: true, interval: 14 * day,
			policies: []string{"get_router", "get_port"}, rules: []accessRule{rule("network", "/v2.0/routers"), rule("network", "/v2.0/ports")}, fields: routerFields{}, read: readRouters,
		},
		{
			kind: "security_group", service: "network", path: "security-groups", key: "security_groups", own: "project_id", unique: true, interval: 6 * hour,
			policies: []string{"get_security_group", "get_security_group_rule"}, rules: []accessRule{rule("network", "/v2.0/security-groups")}, fields: ownedFields{}, read: readGroups,
		},
		{
			kind: "server", service: "compute", path: "servers/detail", key: "servers", all: tenants, unique: true, interval: 300,
			policies: []string{"os_compute_api:servers:detail", "os_compute_api:servers:detail:get_all_tenants"},
			rules: []accessRule{
				nova, rule("compute", "/v2.1/servers/detail"), rule("compute", "/v2.1/flavors/detail"), rule("network", "/v2.0/ports"), rule("image", "/v2/images"),
			},
			fields: serverFields{}, read: readServers,
		},
		{
			kind: "snapshot", service: "volume", path: "snapshots/detail", key: "snapshots", all: tenants, unique: true, interval: 14 * day,
			policies: []string{"volume:get_all_snapshots", "volume_extension:extended_snapshot_attributes"}, rules: cinder("snapshots/detail"),
			fields: snapshotFields{}, read: readSnapshots,
		},
		{
			kind: "subnet", service: "network", path: "subnets", key: "subnets", ownAdmin: "project_id", unique: true, interval: 14 * day,
			policies: []string{"get_subnet"}, rules: []accessRule{rule("network", "/v2.0/subnets")}, fields: subnetFields{}, read: readSubnets,
		},
		{
			kind: "volume", service: "volume", path: "volumes/detail", key: "volumes", all: tenants, unique: true, interval: 6 * hour,
			policies: []string{"volume:get_all"}, rules: cinder("volumes/detail"), fields: volumeFields{}, read: readVolumes,
		},
	}
}

// cinder are the rules for one of Cinder's lists. What its operator calls it in rules is one of two.
func cinder(list string) []accessRule {
	var out []accessRule
	for _, service := range []string{"volumev3", "block-storage"} {
		out = append(out, rule(service, "/v3/"), rule(service, "/v3/*/"+list))
	}
	return out
}
