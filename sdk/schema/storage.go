package schema

import "time"

// storageKinds are what storage is made of beside volumes.
func storageKinds() []definition {
	return []definition{
		{name: "storage_pool", attrs: StoragePool{}, minor: 1, root: document{
			Label: "Storage pool", Plural: "Storage pools", Group: "storage", Icon: "stack-2",
			Summary:     "Storage from which volumes are cut: a datastore, a volume group, an aggregate.",
			Identifiers: map[string]int{"instance_uuid": 1, "naa": 2},
			Relations: []RelationAlias{
				{Alias: "volumes", Verb: "stored_on", Direction: "in", Target: "volume"},
				{Alias: "servers", Verb: "uses", Direction: "in", Target: "server"},
				{Alias: "storage_systems", Verb: "stored_on", Direction: "out", Target: "storage_system"},
				{Alias: "part_of", Verb: "member_of", Direction: "out", Target: "storage_pool"},
				{Alias: "parts", Verb: "member_of", Direction: "in", Target: "storage_pool"},
			},
		}},
		{name: "storage_system", attrs: StorageSystem{}, root: document{
			Label: "Storage system", Plural: "Storage systems", Group: "storage", Icon: "server-2",
			Summary:     "A machine or service that offers storage to others: an array, a filer, a storage account.",
			Identifiers: map[string]int{"instance_uuid": 1, "serial": 2, "wwn": 3},
			Relations: []RelationAlias{
				{Alias: "storage_pools", Verb: "stored_on", Direction: "in", Target: "storage_pool"},
				{Alias: "volumes", Verb: "stored_on", Direction: "in", Target: "volume"},
				{Alias: "host_ports", Verb: "attached_to", Direction: "in", Target: "host_port"},
			},
		}},
		{name: "host_port", attrs: HostPort{}, root: document{
			Label: "Host port", Plural: "Host ports", Group: "storage", Icon: "plug",
			Summary:     "A port by which a server or a storage system speaks to storage: an HBA, an initiator, a target.",
			Identifiers: map[string]int{"wwn": 1, "iqn": 2},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "attached_to", Direction: "out", Target: "server"},
				{Alias: "storage_systems", Verb: "attached_to", Direction: "out", Target: "storage_system"},
			},
		}},
		{name: "snapshot", attrs: Snapshot{}, root: document{
			Label: "Snapshot", Plural: "Snapshots", Group: "storage", Icon: "camera",
			Summary:     "The state of a volume or a machine at one moment, kept to go back to.",
			Identifiers: map[string]int{"instance_uuid": 1},
			Relations: []RelationAlias{
				{Alias: "volumes", Verb: "created_from", Direction: "out", Target: "volume"},
				{Alias: "servers", Verb: "created_from", Direction: "out", Target: "server"},
				{Alias: "databases", Verb: "created_from", Direction: "out", Target: "database"},
				{Alias: "images", Verb: "uses", Direction: "in", Target: "image"},
				{Alias: "parent", Verb: "part_of", Direction: "out", Target: "snapshot"},
				{Alias: "children", Verb: "part_of", Direction: "in", Target: "snapshot"},
			},
		}},
	}
}

// StorageSystem is the attributes of the kind "storage_system".
type StorageSystem struct {
	Type         string    `json:"type,omitempty" label:"Type" enum:"array,filer,object_store,account,software_defined,tape_library,other" maestro:"column,indexed"`
	Status       string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Manufacturer string    `json:"manufacturer,omitempty" label:"Manufacturer" maestro:"column,indexed,searchable"`
	Model        string    `json:"model,omitempty" label:"Model" maestro:"column,searchable"`
	Version      string    `json:"version,omitempty" label:"Version" maestro:"searchable"`
	SizeBytes    int64     `json:"size_bytes,omitempty" label:"Size" group:"Capacity" maestro:"column,indexed"`
	UsedBytes    int64     `json:"used_bytes,omitempty" label:"Used" group:"Capacity" maestro:"volatile"`
	Class        string    `json:"performance_class,omitempty" label:"Class" group:"Capacity" maestro:"indexed" help:"The class as the provider names it."`
	Replication  string    `json:"replication,omitempty" label:"Replication" group:"Protection" maestro:"indexed" example:"zone_redundant" help:"How copies are kept, in the provider's words."`
	Encrypted    *bool     `json:"encrypted,omitempty" label:"Encrypted" group:"Protection" maestro:"indexed"`
	Public       *bool     `json:"public,omitempty" label:"Public" group:"Protection" maestro:"indexed" help:"Something in it can be read without signing in."`
	MinimumTLS   string    `json:"minimum_tls_version,omitempty" label:"Minimum TLS" group:"Protection"`
	Protocols    []string  `json:"protocols,omitempty" label:"Protocols" group:"Network" maestro:"set" example:"[\"nfs\", \"iscsi\"]"`
	Endpoints    []string  `json:"endpoints,omitempty" label:"Endpoints" group:"Network" maestro:"searchable,set"`
	ManagementIP IP        `json:"management_ip,omitempty" label:"Management address" group:"Network" maestro:"searchable"`
	Folder       string    `json:"folder,omitempty" label:"Folder" group:"Origin"`
	Description  string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned  time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// HostPort is the attributes of the kind "host_port".
type HostPort struct {
	Type         string `json:"type,omitempty" label:"Type" enum:"fibre_channel,fcoe,iscsi,nvme,sas,raid,other" maestro:"column,indexed"`
	Role         string `json:"role,omitempty" label:"Role" enum:"initiator,target" maestro:"indexed"`
	Status       string `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	DeviceName   string `json:"device_name,omitempty" label:"Device" maestro:"column,searchable" example:"vmhba2"`
	Speed        int64  `json:"speed_bits_per_second,omitempty" label:"Speed" maestro:"column"`
	Manufacturer string `json:"manufacturer,omitempty" label:"Manufacturer"`
	Model        string `json:"model,omitempty" label:"Model" maestro:"column,searchable"`
	Driver       string `json:"driver,omitempty" label:"Driver"`
	NodeWWN      string `json:"node_wwn,omitempty" label:"Node name" maestro:"searchable" help:"World wide name of the node; that of the port is an identifier."`
	BusAddress   string `json:"bus_address,omitempty" label:"Bus address" example:"0000:3b:00.0"`
}

// Snapshot is the attributes of the kind "snapshot".
type Snapshot struct {
	Type              string    `json:"type,omitempty" label:"Type" enum:"volume,machine,database,backup" maestro:"column,indexed" help:"Of what it is the state."`
	Status            string    `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	StatusMessage     string    `json:"status_message,omitempty" label:"Status message"`
	TakenAt           time.Time `json:"taken_at,omitzero" label:"Taken" maestro:"column,indexed"`
	SizeBytes         int64     `json:"size_bytes,omitempty" label:"Size" maestro:"column,indexed" help:"Of what it restores, not what it occupies."`
	StoredBytes       int64     `json:"stored_bytes,omitempty" label:"Occupies" maestro:"volatile"`
	ProgressPercent   *int      `json:"progress_percent,omitempty" label:"Progress" maestro:"volatile" unit:"%"`
	Encrypted         *bool     `json:"encrypted,omitempty" label:"Encrypted" group:"Protection" maestro:"indexed"`
	EncryptionKeyName string    `json:"encryption_key_name,omitempty" label:"Encryption key" group:"Protection" help:"The name of the key, never the key."`
	Public            *bool     `json:"public,omitempty" label:"Public" group:"Protection" maestro:"indexed" help:"Anybody may read it."`
	StorageTier       string    `json:"storage_tier,omitempty" label:"Storage tier" group:"Details" example:"archive"`
	Incremental       *bool     `json:"incremental,omitempty" label:"Incremental" group:"Details"`
	Automatic         *bool     `json:"automatic,omitempty" label:"Automatic" group:"Details" help:"A schedule made it, not a person."`
	Quiesced          *bool     `json:"quiesced,omitempty" label:"Quiesced" group:"Details" help:"File systems were at rest when it was taken."`
	WithMemory        *bool     `json:"with_memory,omitempty" label:"With memory" group:"Details"`
	Current           *bool     `json:"current,omitempty" label:"Current" group:"Details" help:"The machine's disks continue from it."`
	Account           string    `json:"owner_account,omitempty" label:"Owner account" group:"Origin" maestro:"searchable"`
	Description       string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
}
