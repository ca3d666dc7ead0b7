package openstack

import "net/url"

const (
	hour = 3600
	day  = 24 * hour
)

// lists are everything that is read. One row is one list, in the order of the kinds' names.
func lists() []list {
	tenants := url.Values{"all_tenants": {"1"}}
	return []list{
		{
			kind: "server", service: "compute", path: "servers/detail", key: "servers", all: tenants, unique: true,
			policies: []string{"os_compute_api:servers:detail", "os_compute_api:servers:detail:get_all_tenants"}, interval: 300,
			rules: []accessRule{
				rule("compute", "/v2.1"), rule("compute", "/v2.1/servers/detail"), rule("compute", "/v2.1/flavors/detail"), rule("network", "/v2.0/ports"), rule("image", "/v2/images"),
			},
			fields: serverFields{}, read: readServers,
		},
	}
}
