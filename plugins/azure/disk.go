package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// disk is a managed disk or a snapshot of one.
type disk struct {
	ProvisioningState string `json:"provisioningState"`
	State             string `json:"diskState"`
	TimeCreated       string `json:"timeCreated"`
	SizeGB            int64  `json:"diskSizeGB"`
	SizeBytes         int64  `json:"diskSizeBytes"`
	OSType            string `json:"osType"`
	Generation        string `json:"hyperVGeneration"`
	UniqueID          string `json:"uniqueId"`
	Tier              string `json:"tier"`
	IOPS              int64  `json:"diskIOPSReadWrite"`
	MBps              int64  `json:"diskMBpsReadWrite"`
	MaxShares         int    `json:"maxShares"`
	NetworkAccess     string `json:"networkAccessPolicy"`
	Incremental       *bool  `json:"incremental"`
	// Completion is of a snapshot that is being copied.
	Completion *float64 `json:"completionPercent"`
	Creation   struct {
		Option  string `json:"createOption"`
		Source  string `json:"sourceResourceId"`
		URI     string `json:"sourceUri"`
		Image   ref    `json:"imageReference"`
		Gallery ref    `json:"galleryImageReference"`
	} `json:"creationData"`
	Encryption struct {
		Type string `json:"type"`
		Set  string `json:"diskEncryptionSetId"`
	} `json:"encryption"`
	GuestEncryption struct {
		Enabled *bool `json:"enabled"`
	} `json:"encryptionSettingsCollection"`
	Capabilities struct {
		Architecture string `json:"architecture"`
	} `json:"supportedCapabilities"`
}

func (d disk) size() int64 {
	if d.SizeBytes > 0 {
		return d.SizeBytes
	}
	return d.SizeGB * gib
}

func (d disk) own() DiskFields {
	f := DiskFields{
		OSType: strings.ToLower(d.OSType), CreateOption: d.Creation.Option, Generation: d.Generation, Architecture: d.Capabilities.Architecture,
		Encryption: d.Encryption.Type, GuestEncrypts: d.GuestEncryption.Enabled, NetworkAccess: d.NetworkAccess, PerformTier: d.Tier,
	}
	for _, source := range []string{d.Creation.Source, d.Creation.Gallery.ID, d.Creation.Image.ID} {
		if source != "" && f.Source == "" {
			f.Source = canonical(source)
		}
	}
	if d.MaxShares > 1 {
		f.MaxShares = d.MaxShares
	}
	return f
}

// createdFrom relates a disk or a snapshot to what it was made of.
func (d disk) createdFrom(env *resource.Envelope) {
	source := canonical(d.Creation.Source)
	switch {
	case strings.Contains(source, "/microsoft.compute/snapshots/"):
		relate(env, "created_from", "snapshot", source)
	case strings.Contains(source, "/microsoft.compute/disks/"):
		relate(env, "created_from", "volume", source)
	}
	if image := canonical(d.Creation.Image.ID); strings.Contains(image, "/microsoft.compute/images/") {
		relate(env, "created_from", "image", image)
	}
}

// media is what a class of disks is made of.
func media(sku string) string {
	switch {
	case sku == "":
		return ""
	case strings.HasPrefix(sku, "Standard_"):
		return "hdd"
	}
	return "ssd"
}

func readDisks(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[disk]) error {
		env, p := envelope(r, i), i.Properties
		v := schema.Volume{
			Type: "virtual_disk", Status: p.State, SizeBytes: p.size(), PerformanceClass: i.SKU.Name, Media: media(i.SKU.Name),
			// Azure counts a megabyte of throughput as a million bytes.
			IOPSLimit: p.IOPS, ThroughputLimit: p.MBps * 1e6, EncryptionKeyName: nameOf(p.Encryption.Set), ProvisionedAt: moment(p.TimeCreated),
		}
		if p.Encryption.Type != "" {
			v.Encrypted = pointer(true)
		}
		if p.OSType != "" {
			v.Bootable = pointer(true)
		}
		if p.MaxShares > 1 {
			v.Shareable = pointer(true)
		}
		identify(&env, "instance_uuid", p.UniqueID)
		for _, id := range append([]string{i.ManagedBy}, i.SharedBy...) {
			if strings.Contains(canonical(id), "/virtualmachines/") {
				relate(&env, "attached_to", "server", id)
			}
		}
		p.createdFrom(&env)
		return r.emit(ctx, env, v, fieldsOf(i, p.ProvisioningState), p.own())
	})
}

func readSnapshots(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[disk]) error {
		env, p := envelope(r, i), i.Properties
		s := schema.Snapshot{
			Type: "volume", Status: p.State, TakenAt: moment(p.TimeCreated), SizeBytes: p.size(), StorageTier: i.SKU.Name,
			Incremental: p.Incremental, EncryptionKeyName: nameOf(p.Encryption.Set),
		}
		if s.Status == "" {
			s.Status = p.ProvisioningState
		}
		if p.Encryption.Type != "" {
			s.Encrypted = pointer(true)
		}
		if p.Completion != nil {
			s.ProgressPercent = pointer(int(*p.Completion))
		}
		identify(&env, "instance_uuid", p.UniqueID)
		p.createdFrom(&env)
		return r.emit(ctx, env, s, fieldsOf(i, p.ProvisioningState), p.own())
	})
}

// image is a managed image: disks, from which machines are made.
type image struct {
	ProvisioningState string `json:"provisioningState"`
	Generation        string `json:"hyperVGeneration"`
	Machine           ref    `json:"sourceVirtualMachine"`
	Storage           struct {
		ZoneResilient *bool       `json:"zoneResilient"`
		OS            imageDisk   `json:"osDisk"`
		Data          []imageDisk `json:"dataDisks"`
	} `json:"storageProfile"`
}

type imageDisk struct {
	Lun      int    `json:"lun"`
	OSType   string `json:"osType"`
	OSState  string `json:"osState"`
	SizeGB   int64  `json:"diskSizeGB"`
	Class    string `json:"storageAccountType"`
	Managed  ref    `json:"managedDisk"`
	Snapshot ref    `json:"snapshot"`
	Blob     string `json:"blobUri"`
	KeySet   ref    `json:"diskEncryptionSet"`
}

func readImages(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[image]) error {
		env, p := envelope(r, i), i.Properties
		a := schema.Image{
			Type: "machine", Status: p.ProvisioningState, OS: schema.OperatingSystem{Family: osFamily(p.Storage.OS.OSType)},
			Hypervisor: "hyperv", Firmware: firmware(p.Generation),
		}
		add := func(name string, d imageDisk) {
			a.SizeBytes += d.SizeGB * gib
			one := schema.ImageDisk{DeviceName: name, SizeBytes: d.SizeGB * gib, PerformanceClass: d.Class, Snapshot: nameOf(d.Snapshot.ID)}
			if d.KeySet.ID != "" {
				one.Encrypted = pointer(true)
			}
			a.Disks = append(a.Disks, one)
			relate(&env, "uses", "snapshot", d.Snapshot.ID)
			relate(&env, "uses", "volume", d.Managed.ID)
		}
		add("os", p.Storage.OS)
		for _, d := range p.Storage.Data {
			add(fmt.Sprintf("lun %d", d.Lun), d)
		}
		relate(&env, "created_from", "server", p.Machine.ID)
		own := DiskFields{OSType: strings.ToLower(p.Storage.OS.OSType), OSState: p.Storage.OS.OSState, Generation: p.Generation, ZoneResilient: p.Storage.ZoneResilient}
		return r.emit(ctx, env, a, fieldsOf(i, p.ProvisioningState), own)
	})
}

func osFamily(word string) string {
	word = strings.ToLower(word)
	if slices.Contains([]string{"linux", "windows"}, word) {
		return word
	}
	return ""
}

// firmware is what a generation of Hyper-V starts with.
func firmware(generation string) string {
	switch generation {
	case "V1":
		return "bios"
	case "V2":
		return "uefi"
	}
	return ""
}
