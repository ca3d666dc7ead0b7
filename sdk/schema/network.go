package schema

import "time"

// Network is the attributes of the kind "network".
type Network struct {
	Type        string   `json:"type,omitempty" label:"Type" enum:"vpc,vlan,port_group,distributed_port_group,overlay,bridge,network" maestro:"column,indexed"`
	Status      string   `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	CIDRs       []string `json:"cidrs,omitempty" label:"Address ranges" maestro:"column,indexed,searchable,set" example:"[\"10.0.0.0/16\"]"`
	VLANID      *int     `json:"vlan_id,omitempty" label:"VLAN" maestro:"column,indexed" help:"0 is untagged."`
	VLANRanges  []string `json:"vlan_ranges,omitempty" label:"VLAN trunk" maestro:"set" example:"[\"100-199\"]"`
	MTUBytes    int      `json:"mtu_bytes,omitempty" label:"MTU"`
	SwitchName  string   `json:"switch_name,omitempty" label:"Switch" maestro:"searchable"`
	PortCount   int      `json:"port_count,omitempty" label:"Ports"`
	Gateways    []IP     `json:"gateways,omitempty" label:"Gateways" maestro:"searchable,set"`
	DNSServers  []IP     `json:"dns_servers,omitempty" label:"DNS servers" maestro:"set"`
	Shared      *bool    `json:"shared,omitempty" label:"Shared" help:"Other projects or accounts may use it."`
	External    *bool    `json:"external,omitempty" label:"External" help:"It leads outside."`
	IsDefault   *bool    `json:"is_default,omitempty" label:"Default"`
	IsUplink    *bool    `json:"is_uplink,omitempty" label:"Uplink" help:"It carries a switch's own way out."`
	Description string   `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`

	ProvisionedAt time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// NetworkInterface is the attributes of the kind "network_interface".
type NetworkInterface struct {
	Type        string             `json:"type,omitempty" label:"Type" enum:"ethernet,wireless,loopback,bridge,bond,vlan,tunnel,virtual,other" maestro:"column,indexed"`
	Status      string             `json:"status,omitempty" label:"Status" enum:"up,down,unknown" maestro:"column,indexed"`
	DeviceName  string             `json:"device_name,omitempty" label:"Device" maestro:"column,searchable" example:"eth0"`
	MAC         string             `json:"mac,omitempty" label:"MAC address in use" maestro:"searchable" help:"Where it is not the one that the port was made with, which is an identifier."`
	PrimaryIP   IP                 `json:"primary_ip,omitempty" label:"Primary address" maestro:"column,indexed,searchable"`
	Addresses   []InterfaceAddress `json:"addresses,omitempty" label:"Addresses" maestro:"searchable" key:"ip"`
	MTUBytes    int                `json:"mtu_bytes,omitempty" label:"MTU"`
	Speed       int64              `json:"speed_bits_per_second,omitempty" label:"Speed" maestro:"column"`
	Duplex      string             `json:"duplex,omitempty" label:"Duplex" enum:"full,half"`
	Driver      string             `json:"driver,omitempty" label:"Driver"`
	VLANID      *int               `json:"vlan_id,omitempty" label:"VLAN"`
	SourceCheck *bool              `json:"source_check,omitempty" label:"Source check" help:"Traffic that is not its own is dropped."`
	Managed     *bool              `json:"managed,omitempty" label:"Managed" help:"A service of the provider made it and keeps it."`
	DNSNames    []string           `json:"dns_names,omitempty" label:"DNS names" maestro:"searchable,set"`
	Description string             `json:"description,omitempty" label:"Description" maestro:"searchable"`
	Provisioned time.Time          `json:"provisioned_at,omitzero" label:"Provisioned"`
}

// InterfaceAddress is one address of an interface.
type InterfaceAddress struct {
	IP           IP  `json:"ip" label:"Address"`
	PrefixLength int `json:"prefix_length,omitempty" label:"Prefix length"`
}
