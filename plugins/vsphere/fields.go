package vsphere

import (
	"encoding/json"

	"maestro.internal/sdk/schema"
)

// What vSphere knows and the built-in kinds have no field for stands under attributes.vsphere, one struct per kind.

type serverFields struct {
	ResourcePool         string `json:"resource_pool,omitempty" label:"Resource pool" maestro:"indexed,searchable" help:"With those it lies in."`
	VApp                 string `json:"vapp,omitempty" label:"vApp" maestro:"indexed,searchable"`
	ToolsVersionStatus   string `json:"tools_version_status,omitempty" label:"Tools version status" maestro:"indexed" example:"guestToolsNeedUpgrade" help:"In vCenter's words."`
	GuestID              string `json:"guest_id,omitempty" label:"Configured guest" example:"ubuntu64Guest" help:"The operating system it was set up for."`
	ConfigurationFile    string `json:"configuration_file,omitempty" label:"Configuration file" maestro:"searchable" example:"[nfs-1] web/web.vmx"`
	CPUReservationMHz    int64  `json:"cpu_reservation_mhz,omitempty" label:"CPU reservation"`
	CPULimitMHz          int64  `json:"cpu_limit_mhz,omitempty" label:"CPU limit"`
	MemoryReservation    int64  `json:"memory_reservation_bytes,omitempty" label:"Memory reservation"`
	MemoryLimit          int64  `json:"memory_limit_bytes,omitempty" label:"Memory limit"`
	CPUHotAdd            *bool  `json:"cpu_hot_add,omitempty" label:"CPU hot add"`
	MemoryHotAdd         *bool  `json:"memory_hot_add,omitempty" label:"Memory hot add"`
	SecureBoot           *bool  `json:"secure_boot,omitempty" label:"Secure boot"`
	ChangedBlockTracking *bool  `json:"changed_block_tracking,omitempty" label:"Changed block tracking"`
	EVCMode              string `json:"evc_mode,omitempty" label:"EVC mode" example:"intel-broadwell" help:"The processor generation it is held to, or needs."`
	LockdownMode         string `json:"lockdown_mode,omitempty" label:"Lockdown mode" help:"Of a host, in vCenter's words."`
}

type imageFields struct {
	ToolsVersionStatus string `json:"tools_version_status,omitempty" label:"Tools version status" help:"In vCenter's words."`
	GuestID            string `json:"guest_id,omitempty" label:"Configured guest" example:"ubuntu64Guest"`
	HardwareVersion    string `json:"hardware_version,omitempty" label:"Virtual hardware version" example:"vmx-19"`
}

type clusterFields struct {
	EVCMode            string `json:"evc_mode,omitempty" label:"EVC mode" example:"intel-broadwell" help:"The processor generation that its hosts are held to."`
	AdmissionControl   *bool  `json:"admission_control,omitempty" label:"Admission control" help:"Room for failed hosts is kept free."`
	MigrationThreshold int    `json:"migration_threshold,omitempty" label:"Migration threshold" help:"1 moves machines most eagerly, 5 only when it must."`
	VSAN               *bool  `json:"vsan_enabled,omitempty" label:"vSAN"`
}

type storagePoolFields struct {
	StorageDRS       *bool  `json:"storage_drs,omitempty" label:"Storage DRS" help:"Disks are placed and moved among its datastores."`
	Automation       string `json:"automation,omitempty" label:"Automation" help:"How much of that is done without asking, in vCenter's words."`
	IOLoadBalancing  *bool  `json:"io_load_balancing,omitempty" label:"I/O load balancing"`
	IOControl        *bool  `json:"io_control,omitempty" label:"Storage I/O control"`
	MaintenanceState string `json:"maintenance_state,omitempty" label:"Maintenance state" help:"In vCenter's words."`
}

type volumeFields struct {
	ParentPath   string `json:"parent_path,omitempty" label:"Differs from" maestro:"searchable" help:"The file that holds what this one does not, as after a snapshot or in a linked clone."`
	WriteThrough *bool  `json:"write_through,omitempty" label:"Write through"`
}

type networkFields struct {
	PortBinding      string `json:"port_binding,omitempty" label:"Port binding" help:"In vCenter's words."`
	AllowPromiscuous *bool  `json:"allow_promiscuous,omitempty" label:"Promiscuous mode" help:"A machine may see the traffic of others."`
	ForgedTransmits  *bool  `json:"forged_transmits,omitempty" label:"Forged transmits" help:"A machine may send under another MAC address."`
	MACChanges       *bool  `json:"mac_changes,omitempty" label:"MAC changes"`
}

// addedFields are the schemas of what is added to each kind.
func addedFields(kind string) json.RawMessage {
	switch kind {
	case "server":
		return schema.FieldsOf(serverFields{})
	case "image":
		return schema.FieldsOf(imageFields{})
	case "cluster":
		return schema.FieldsOf(clusterFields{})
	case "storage_pool":
		return schema.FieldsOf(storagePoolFields{})
	case "volume":
		return schema.FieldsOf(volumeFields{})
	case "network":
		return schema.FieldsOf(networkFields{})
	}
	return nil
}

// withFields are the attributes of a kind with what vSphere adds to them.
func withFields(attributes, fields any) (json.RawMessage, error) {
	text, err := json.Marshal(attributes)
	if err != nil || fields == nil {
		return text, err
	}
	more, err := json.Marshal(fields)
	if err != nil || len(more) <= len("{}") {
		return text, err
	}
	if len(text) > len("{}") {
		text = append(text[:len(text)-1], ',')
	} else {
		text = []byte("{")
	}
	text = append(text, `"vsphere":`...)
	return append(append(text, more...), '}'), nil
}
