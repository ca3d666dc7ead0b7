package schema

// Cluster is the attributes of the kind "cluster".
type Cluster struct {
	Type             string `json:"type,omitempty" label:"Type" enum:"virtualization,container,database,storage,failover,other" maestro:"column,indexed"`
	Status           string `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Version          string `json:"version,omitempty" label:"Version" maestro:"column,searchable"`
	HostCount        int    `json:"host_count,omitempty" label:"Hosts" group:"Capacity" maestro:"column,indexed"`
	CPUCoreCount     int    `json:"cpu_core_count,omitempty" label:"CPU cores" group:"Capacity" maestro:"column"`
	CPUThreadCount   int    `json:"cpu_thread_count,omitempty" label:"CPU threads" group:"Capacity"`
	CPUMHz           int64  `json:"cpu_mhz,omitempty" label:"CPU capacity" group:"Capacity" help:"Sum over all cores."`
	MemoryBytes      int64  `json:"memory_bytes,omitempty" label:"Memory" group:"Capacity" maestro:"column,indexed"`
	HighAvailability *bool  `json:"high_availability,omitempty" label:"High availability" group:"Behaviour" maestro:"indexed" help:"Work of a failed member is started on another."`
	LoadBalancing    *bool  `json:"load_balancing,omitempty" label:"Load balancing" group:"Behaviour" help:"Work is moved among the members by itself."`
	Automation       string `json:"automation,omitempty" label:"Automation" group:"Behaviour" help:"How much the load balancing does without asking, in the provider's words."`
	Folder           string `json:"folder,omitempty" label:"Folder" group:"Origin"`
	Description      string `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
}

// StoragePool is the attributes of the kind "storage_pool".
type StoragePool struct {
	Type              string `json:"type,omitempty" label:"Type" maestro:"column,indexed" example:"vmfs" help:"As the provider names it, in lower case: vmfs, nfs, vsan, lvm, zfs."`
	Status            string `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	SizeBytes         int64  `json:"size_bytes,omitempty" label:"Size" group:"Capacity" maestro:"column,indexed"`
	FreeBytes         int64  `json:"free_bytes,omitempty" label:"Free" group:"Capacity" maestro:"column,volatile"`
	ProvisionedBytes  int64  `json:"provisioned_bytes,omitempty" label:"Provisioned" group:"Capacity" maestro:"volatile" help:"What its volumes may grow to; more than the size where they are thin."`
	Accessible        *bool  `json:"accessible,omitempty" label:"Accessible" group:"State" maestro:"indexed"`
	Maintenance       *bool  `json:"maintenance,omitempty" label:"In maintenance" group:"State"`
	Shared            *bool  `json:"shared,omitempty" label:"Shared" group:"State" maestro:"column" help:"More than one server uses it."`
	HostCount         int    `json:"host_count,omitempty" label:"Hosts" group:"State" help:"Servers that have it mounted."`
	Media             string `json:"media,omitempty" label:"Media" group:"Details" enum:"hdd,ssd,nvme,mixed"`
	FileSystemVersion string `json:"file_system_version,omitempty" label:"File system version" group:"Details"`
	Location          string `json:"location,omitempty" label:"Location" group:"Details" maestro:"searchable" help:"Its URL or the server and path it is mounted from."`
	Folder            string `json:"folder,omitempty" label:"Folder" group:"Origin"`
	Description       string `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
}
