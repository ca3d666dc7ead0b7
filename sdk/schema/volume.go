package schema

import "time"

// Volume is the attributes of the kind "volume".
type Volume struct {
	Type             string `json:"type,omitempty" label:"Type" enum:"disk,virtual_disk,partition,logical_volume,file_system,share" maestro:"column,indexed"`
	Status           string `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	SizeBytes        int64  `json:"size_bytes,omitempty" label:"Size" maestro:"column,indexed"`
	UsedBytes        int64  `json:"used_bytes,omitempty" label:"Used" maestro:"volatile"`
	DeviceName       string `json:"device_name,omitempty" label:"Device" maestro:"column,searchable" example:"/dev/sda" help:"As its server calls it."`
	Path             string `json:"path,omitempty" label:"Path" maestro:"searchable" help:"Where it lies in its storage."`
	PerformanceClass string `json:"performance_class,omitempty" label:"Class" group:"Performance" maestro:"indexed" example:"gp3" help:"The class as the provider names it."`
	Media            string `json:"media,omitempty" label:"Media" group:"Performance" enum:"hdd,ssd,nvme,tape,optical,memory"`
	IOPSLimit        int64  `json:"iops_limit,omitempty" label:"IOPS limit" group:"Performance" unit:"1/s"`
	ThroughputLimit  int64  `json:"throughput_limit_bytes_per_second,omitempty" label:"Throughput limit" group:"Performance"`

	FileSystem  string   `json:"file_system,omitempty" label:"File system" group:"File system" maestro:"column,indexed" example:"ext4"`
	MountPoints []string `json:"mount_points,omitempty" label:"Mounted at" group:"File system" maestro:"column,searchable,set"`
	ReadOnly    *bool    `json:"read_only,omitempty" label:"Read only" group:"File system"`

	Encrypted         *bool  `json:"encrypted,omitempty" label:"Encrypted" group:"Protection" maestro:"indexed"`
	EncryptionKeyName string `json:"encryption_key_name,omitempty" label:"Encryption key" group:"Protection" help:"The name of the key, never the key."`
	BuiltIn           *bool  `json:"built_in,omitempty" label:"Built in" group:"Details" maestro:"indexed" help:"It belongs to its server and goes with it; others are attached and outlive it."`
	DeletedWithServer *bool  `json:"deleted_with_server,omitempty" label:"Deleted with its server" group:"Details"`
	VolumeGroup       string `json:"volume_group,omitempty" label:"LVM volume group" group:"File system" maestro:"searchable" help:"Of a logical volume, or of the disk that is a part of it."`
	Thin              *bool  `json:"thin,omitempty" label:"Thin provisioned" group:"Details"`
	Bootable          *bool  `json:"bootable,omitempty" label:"Bootable" group:"Details"`
	Removable         *bool  `json:"removable,omitempty" label:"Removable" group:"Details"`
	Shareable         *bool  `json:"shareable,omitempty" label:"Shareable" group:"Details" help:"Several servers may use it at once."`
	DiskMode          string `json:"disk_mode,omitempty" label:"Disk mode" group:"Details"`
	Controller        string `json:"controller,omitempty" label:"Controller" group:"Details"`
	Manufacturer      string `json:"manufacturer,omitempty" label:"Manufacturer" group:"Details"`
	Model             string `json:"model,omitempty" label:"Model" group:"Details" maestro:"searchable"`
	SectorBytes       int    `json:"sector_bytes,omitempty" label:"Sector size" group:"Details"`

	Description   string    `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	ProvisionedAt time.Time `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}
