package schema

import "time"

// Server is the attributes of the kind "server".
type Server struct {
	Type       string `json:"type,omitempty" label:"Type" enum:"physical,virtual,hypervisor,container" maestro:"column,indexed" help:"What sort of machine it is; a hypervisor is a physical machine that runs others."`
	PowerState string `json:"power_state,omitempty" label:"Power" enum:"on,off,suspended,unknown" maestro:"column,indexed" help:"Whether it is running."`
	Status     string `json:"status,omitempty" label:"Status" help:"The provider's own word for its state."`
	Role       string `json:"role,omitempty" label:"Role" maestro:"searchable" example:"database" help:"What it is for."`
	Hostname   string `json:"hostname,omitempty" label:"Host name" maestro:"column,indexed,searchable" help:"The name that the operating system gives itself."`

	OS           OperatingSystem `json:"os,omitzero" label:"Operating system" group:"Operating system"`
	Architecture string          `json:"architecture,omitempty" label:"Architecture" group:"Hardware" example:"x86_64" help:"Of the processor, as the operating system calls it."`

	CPUCount           int    `json:"cpu_count,omitempty" label:"CPUs" group:"Hardware" maestro:"column,indexed" help:"Logical processors that the machine can use."`
	CPUSocketCount     int    `json:"cpu_socket_count,omitempty" label:"Sockets" group:"Hardware" help:"Processor packages."`
	CPUCoresPerSocket  int    `json:"cpu_cores_per_socket,omitempty" label:"Cores per socket" group:"Hardware"`
	CPUModel           string `json:"cpu_model,omitempty" label:"CPU model" group:"Hardware" maestro:"searchable"`
	CPUMHz             int    `json:"cpu_mhz,omitempty" label:"CPU speed" group:"Hardware" help:"Nominal speed of one core."`
	MemoryBytes        int64  `json:"memory_bytes,omitempty" label:"Memory" group:"Hardware" maestro:"column,indexed"`
	DiskBytes          int64  `json:"disk_bytes,omitempty" label:"Disk" group:"Hardware" help:"Sum of the sizes of its disks."`
	Manufacturer       string `json:"manufacturer,omitempty" label:"Manufacturer" group:"Hardware" maestro:"searchable"`
	Model              string `json:"model,omitempty" label:"Model" group:"Hardware" maestro:"searchable"`
	Firmware           string `json:"firmware,omitempty" label:"Firmware" group:"Hardware" enum:"bios,uefi"`
	FirmwareVersion    string `json:"firmware_version,omitempty" label:"Firmware version" group:"Hardware"`
	HardwareVersion    string `json:"hardware_version,omitempty" label:"Virtual hardware version" group:"Hardware" example:"vmx-19"`
	VirtualizationType string `json:"virtualization_type,omitempty" label:"Virtualization" group:"Hardware" example:"kvm" help:"The technology that the machine runs in."`
	Flavor             string `json:"flavor,omitempty" label:"Flavor" group:"Hardware" maestro:"indexed" help:"The size as the cloud names it."`

	PrimaryIP   IP       `json:"primary_ip,omitempty" label:"Primary address" group:"Network" maestro:"column,indexed,searchable"`
	PublicIP    IP       `json:"public_ip,omitempty" label:"Public address" group:"Network" maestro:"indexed,searchable"`
	IPAddresses []IP     `json:"ip_addresses,omitempty" label:"Addresses" group:"Network" maestro:"indexed,searchable,set" help:"Every address that the machine answers to."`
	DNSNames    []string `json:"dns_names,omitempty" label:"DNS names" group:"Network" maestro:"searchable,set"`

	NetworkAdapters []ServerNetworkAdapter `json:"network_adapters,omitempty" label:"Network adapters" group:"Network" key:"name"`

	GuestAgentStatus  string `json:"guest_agent_status,omitempty" label:"Guest agent" group:"Operating system" enum:"running,not_running,not_installed,unknown" help:"For example VMware Tools or the QEMU guest agent."`
	GuestAgentVersion string `json:"guest_agent_version,omitempty" label:"Guest agent version" group:"Operating system"`

	Services       []ServerService `json:"services,omitempty" label:"Services" group:"Software" key:"name"`
	ServiceManager string          `json:"service_manager,omitempty" label:"Service manager" group:"Software" example:"systemd"`
	PackageManager string          `json:"package_manager,omitempty" label:"Package manager" group:"Software" example:"apt"`

	Logins  []ServerLogin `json:"logins,omitempty" label:"Ways to sign in" group:"Access" key:"name" help:"Notes, never secrets."`
	KeyName string        `json:"key_pair,omitempty" label:"Key pair" group:"Access" maestro:"searchable" help:"The name of the key that its first user signs in with."`
	IAMRole string        `json:"instance_role,omitempty" label:"Role" group:"Access" maestro:"searchable" help:"What it may do at its cloud's API, by name."`
	Users   []string      `json:"users,omitempty" label:"Users" group:"Access" maestro:"set" help:"Accounts that sign in to administer it."`

	Image         string    `json:"image,omitempty" label:"Image" group:"Origin" help:"The image or template that it was made of."`
	IsTemplate    *bool     `json:"is_template,omitempty" label:"Template" group:"Origin" help:"It is not run but copied."`
	Folder        string    `json:"folder,omitempty" label:"Folder" group:"Origin" maestro:"searchable" help:"Where the provider files it."`
	Description   string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	ProvisionedAt time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`

	Spot            *bool     `json:"spot,omitempty" label:"Spot" group:"State" maestro:"indexed" help:"The provider may take it away."`
	Monitoring      *bool     `json:"detailed_monitoring,omitempty" label:"Detailed monitoring" group:"State"`
	StatusMessage   string    `json:"status_message,omitempty" label:"Status message" group:"State"`
	Maintenance     *bool     `json:"maintenance,omitempty" label:"In maintenance" group:"State"`
	ConnectionState string    `json:"connection_state,omitempty" label:"Connection" group:"State" help:"Whether the provider's manager can reach it."`
	BootedAt        time.Time `json:"booted_at,omitzero" label:"Booted" group:"State" maestro:"volatile"`
	UptimeSeconds   int64     `json:"uptime_seconds,omitempty" label:"Uptime" group:"State" maestro:"volatile"`
}

// ServerLogin notes a way to sign in to a server; the secret itself lies elsewhere.
type ServerLogin struct {
	Name   string `json:"name" label:"Name"`
	Type   string `json:"type,omitempty" label:"Type" enum:"key,password,directory,saml,other"`
	User   string `json:"user,omitempty" label:"User"`
	Secret string `json:"secret_location,omitempty" label:"Where the secret lies" example:"vault:ops/web"`
}

// OperatingSystem is what a server runs.
type OperatingSystem struct {
	Family  string `json:"family,omitempty" label:"OS family" enum:"linux,windows,macos,freebsd,openbsd,netbsd,solaris,aix,esxi,other" maestro:"indexed"`
	Name    string `json:"name,omitempty" label:"OS" example:"Ubuntu" maestro:"column,indexed,searchable" help:"The product, without its version where that is known apart."`
	Version string `json:"version,omitempty" label:"OS version" example:"24.04" maestro:"searchable"`
	Kernel  string `json:"kernel,omitempty" label:"Kernel" maestro:"searchable"`
}

// ServerNetworkAdapter is a server's port where it is no resource of its own.
type ServerNetworkAdapter struct {
	Name        string `json:"name" label:"Name"`
	MAC         string `json:"mac,omitempty" label:"MAC address"`
	Type        string `json:"type,omitempty" label:"Adapter type"`
	Network     string `json:"network,omitempty" label:"Network"`
	Connected   *bool  `json:"connected,omitempty" label:"Connected"`
	IPAddresses []IP   `json:"ip_addresses,omitempty" label:"Addresses" maestro:"set"`
}

// ServerService is a program that a server offers.
type ServerService struct {
	Name    string `json:"name" label:"Name"`
	Version string `json:"version,omitempty" label:"Version"`
	Status  string `json:"status,omitempty" label:"Status" enum:"running,stopped,failed,unknown"`
	Port    int    `json:"port,omitempty" label:"Port"`
}
