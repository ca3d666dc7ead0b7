package schema

import "time"

// templateKinds are what machines are made of: images, flavors and keys.
func templateKinds() []definition {
	return []definition{
		{name: "image", attrs: Image{}, root: document{
			Label: "Image", Plural: "Images", Group: "compute", Icon: "disc",
			Summary:     "What machines are started from: a machine image, a template, an ISO.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "created_from", Direction: "in", Target: "server"},
				{Alias: "snapshots", Verb: "uses", Direction: "out", Target: "snapshot"},
				{Alias: "storage_pools", Verb: "stored_on", Direction: "out", Target: "storage_pool"},
				{Alias: "volumes", Verb: "attached_to", Direction: "in", Target: "volume"},
				{Alias: "made_of", Verb: "created_from", Direction: "out", Target: "server"},
			},
		}},
		{name: "flavor", attrs: Flavor{}, root: document{
			Label: "Flavor", Plural: "Flavors", Group: "compute", Icon: "ruler-2",
			Summary: "A size in which a cloud offers machines.",
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "uses", Direction: "in", Target: "server"},
			},
		}},
		{name: "key_pair", attrs: KeyPair{}, root: document{
			Label: "Key pair", Plural: "Key pairs", Group: "compute", Icon: "key",
			Summary: "A public key that new machines accept, by its name; never the key itself.",
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "uses", Direction: "in", Target: "server"},
			},
		}},
	}
}

// Image is the attributes of the kind "image".
type Image struct {
	Type            string          `json:"type,omitempty" label:"Type" enum:"machine,template,iso,container,kernel,ramdisk" maestro:"column,indexed"`
	Status          string          `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	OS              OperatingSystem `json:"os,omitzero" label:"Operating system" group:"Operating system"`
	Architecture    string          `json:"architecture,omitempty" label:"Architecture" group:"Hardware" maestro:"column" example:"x86_64"`
	SizeBytes       int64           `json:"size_bytes,omitempty" label:"Size" group:"Storage" maestro:"column"`
	MinDiskBytes    int64           `json:"min_disk_bytes,omitempty" label:"Least disk" group:"Storage"`
	MinMemoryBytes  int64           `json:"min_memory_bytes,omitempty" label:"Least memory" group:"Hardware"`
	DiskFormat      string          `json:"disk_format,omitempty" label:"Disk format" group:"Storage" example:"qcow2"`
	ContainerFormat string          `json:"container_format,omitempty" label:"Container format" group:"Storage"`
	RootDeviceName  string          `json:"root_device_name,omitempty" label:"Root device" group:"Storage"`
	RootDeviceType  string          `json:"root_device_type,omitempty" label:"Root device type" group:"Storage"`
	Disks           []ImageDisk     `json:"disks,omitempty" label:"Disks" group:"Storage" key:"device_name"`
	Hypervisor      string          `json:"hypervisor,omitempty" label:"Hypervisor" group:"Hardware"`
	Virtualization  string          `json:"virtualization_type,omitempty" label:"Virtualization" group:"Hardware"`
	Firmware        string          `json:"firmware,omitempty" label:"Firmware" group:"Hardware" enum:"bios,uefi"`
	CPUCount        int             `json:"cpu_count,omitempty" label:"CPUs" group:"Hardware" help:"Of machines made of it, where it says so."`
	MemoryBytes     int64           `json:"memory_bytes,omitempty" label:"Memory" group:"Hardware" help:"Of machines made of it, where it says so."`
	Public          *bool           `json:"public,omitempty" label:"Public" group:"Protection" maestro:"column,indexed" help:"Anybody may use it."`
	Protected       *bool           `json:"protected,omitempty" label:"Protected" group:"Protection" help:"It cannot be deleted before that is lifted."`
	Encrypted       *bool           `json:"encrypted,omitempty" label:"Encrypted" group:"Protection"`
	Visibility      string          `json:"visibility,omitempty" label:"Visibility" group:"Protection"`
	Checksum        string          `json:"checksum,omitempty" label:"Checksum" group:"Details"`
	Location        string          `json:"location,omitempty" label:"Location" group:"Origin" maestro:"searchable"`
	Folder          string          `json:"folder,omitempty" label:"Folder" group:"Origin" maestro:"searchable"`
	Account         string          `json:"owner_account,omitempty" label:"Owner account" group:"Origin" maestro:"searchable"`
	Publisher       string          `json:"publisher,omitempty" label:"Publisher" group:"Origin" maestro:"searchable"`
	Version         string          `json:"version,omitempty" label:"Version" group:"Origin"`
	Description     string          `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned     time.Time       `json:"provisioned_at,omitzero" label:"Made" group:"Origin" maestro:"indexed"`
	DeprecatedAt    time.Time       `json:"deprecated_at,omitzero" label:"Deprecated" group:"Origin" maestro:"indexed"`
}

// ImageDisk is a disk that machines made of an image get.
type ImageDisk struct {
	DeviceName       string `json:"device_name" label:"Device"`
	SizeBytes        int64  `json:"size_bytes,omitempty" label:"Size"`
	PerformanceClass string `json:"performance_class,omitempty" label:"Class"`
	IOPSLimit        int64  `json:"iops_limit,omitempty" label:"IOPS limit" unit:"1/s"`
	Encrypted        *bool  `json:"encrypted,omitempty" label:"Encrypted"`
	Snapshot         string `json:"snapshot,omitempty" label:"Snapshot"`
	VirtualName      string `json:"virtual_name,omitempty" label:"Virtual name"`
}

// Flavor is the attributes of the kind "flavor".
type Flavor struct {
	Family             string   `json:"family,omitempty" label:"Family" maestro:"column,indexed,searchable" example:"m5"`
	CPUCount           int      `json:"cpu_count,omitempty" label:"CPUs" group:"Hardware" maestro:"column,indexed"`
	CPUCoreCount       int      `json:"cpu_core_count,omitempty" label:"CPU cores" group:"Hardware"`
	CPUModel           string   `json:"cpu_model,omitempty" label:"CPU model" group:"Hardware" maestro:"searchable"`
	CPUMHz             int      `json:"cpu_mhz,omitempty" label:"CPU speed" group:"Hardware"`
	Architectures      []string `json:"architectures,omitempty" label:"Architectures" group:"Hardware" maestro:"set"`
	MemoryBytes        int64    `json:"memory_bytes,omitempty" label:"Memory" group:"Hardware" maestro:"column,indexed"`
	SwapBytes          int64    `json:"swap_bytes,omitempty" label:"Swap" group:"Hardware"`
	DiskBytes          int64    `json:"disk_bytes,omitempty" label:"Disk" group:"Hardware" maestro:"column"`
	EphemeralDiskBytes int64    `json:"ephemeral_disk_bytes,omitempty" label:"Ephemeral disk" group:"Hardware"`
	GPUCount           int      `json:"gpu_count,omitempty" label:"GPUs" group:"Hardware" maestro:"indexed"`
	GPUModel           string   `json:"gpu_model,omitempty" label:"GPU model" group:"Hardware"`
	NetworkPerformance string   `json:"network_performance,omitempty" label:"Network" group:"Network" maestro:"column"`
	MaxInterfaces      int      `json:"max_network_interfaces,omitempty" label:"Most interfaces" group:"Network"`
	MaxIPs             int      `json:"max_ip_addresses,omitempty" label:"Most addresses" group:"Network"`
	Hypervisor         string   `json:"hypervisor,omitempty" label:"Hypervisor" group:"Details"`
	BareMetal          *bool    `json:"bare_metal,omitempty" label:"Bare metal" group:"Details"`
	Burstable          *bool    `json:"burstable,omitempty" label:"Burstable" group:"Details"`
	Public             *bool    `json:"public,omitempty" label:"Public" group:"Details" help:"Every project may use it."`
	Disabled           *bool    `json:"disabled,omitempty" label:"Disabled" group:"Details"`
	Current            *bool    `json:"current_generation,omitempty" label:"Current generation" group:"Details" maestro:"indexed"`
	Description        string   `json:"description,omitempty" label:"Description" group:"Details" maestro:"searchable"`
}

// KeyPair is the attributes of the kind "key_pair".
type KeyPair struct {
	Type        string    `json:"type,omitempty" label:"Type" maestro:"column,indexed" example:"ed25519"`
	Fingerprint string    `json:"fingerprint,omitempty" label:"Fingerprint" maestro:"column,searchable"`
	Account     string    `json:"owner_account,omitempty" label:"Owner account" maestro:"searchable"`
	Provisioned time.Time `json:"provisioned_at,omitzero" label:"Made"`
}
