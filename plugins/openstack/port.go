package openstack

// neutronPort is what is used of a port.
type neutronPort struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Project     string   `json:"project_id"`
	Network     string   `json:"network_id"`
	MAC         string   `json:"mac_address"`
	Status      string   `json:"status"`
	AdminUp     *bool    `json:"admin_state_up"`
	Device      string   `json:"device_id"`
	Owner       string   `json:"device_owner"`
	Host        string   `json:"binding:host_id"`
	VIF         string   `json:"binding:vif_type"`
	VNIC        string   `json:"binding:vnic_type"`
	Security    *bool    `json:"port_security_enabled"`
	DNSName     string   `json:"dns_name"`
	Created     string   `json:"created_at"`
	Tags        []string `json:"tags"`
	Groups      []string `json:"security_groups"`
	Fixed       []struct {
		Subnet string `json:"subnet_id"`
		IP     string `json:"ip_address"`
	} `json:"fixed_ips"`
}
