package vsphere

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

var diskProperties = []string{"name", isTemplate, "runtime.host", "config.hardware.device"}

// readVolumes emits the disks of virtual machines. A disk has no identity of its own in vCenter: it is a device of
// its machine.
func readVolumes(ctx context.Context, r *reader) error {
	where, err := r.placement(ctx)
	if err != nil {
		return err
	}
	blind := 0
	err = r.each(ctx, sweep{types: []string{"VirtualMachine"}, properties: diskProperties}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
		}
		if vm.Config == nil || !o.has("config.hardware.device") {
			blind++
			return nil
		}
		for _, device := range vm.Config.Hardware.Device {
			if d, ok := device.(*types.VirtualDisk); ok {
				if err := r.emitDisk(ctx, where, &vm, d); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && blind > 0 {
		// Which disks these machines have is not known, so what is not listed is not proven gone.
		return unknownDisks(blind)
	}
	return err
}

func (r *reader) emitDisk(ctx context.Context, where placement, vm *mo.VirtualMachine, d *types.VirtualDisk) error {
	label := deviceLabel(&d.VirtualDevice)
	env := r.envelope(vm.Self, vm.Name+" / "+label)
	env.ExternalID = fmt.Sprintf("%s/disk-%d", r.id(vm.Self), d.Key)
	where.place(r, &env, vm.Runtime.Host, false)
	r.relate(&env, "attached_to", machineKind(vm), vm.Self)
	attrs := &schema.Volume{
		Type: "virtual_disk", DeviceName: label, SizeBytes: diskSize(d), Controller: controller(vm.Config.Hardware.Device, d),
	}
	if file, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		f := file.GetVirtualDeviceFileBackingInfo()
		attrs.Path = f.FileName
		if f.Datastore != nil {
			r.relate(&env, "stored_on", "storage_pool", *f.Datastore)
		}
	}
	if io := d.StorageIOAllocation; io != nil && io.Limit != nil && *io.Limit > 0 {
		attrs.IOPSLimit = *io.Limit
	}
	return r.emit(ctx, env, attrs, translateBacking(&env, d.Backing, attrs))
}

func translateBacking(env *resource.Envelope, backing types.BaseVirtualDeviceBackingInfo, attrs *schema.Volume) *volumeFields {
	uuid, fields := "", &volumeFields{}
	switch b := backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		attrs.DiskMode, attrs.Thin, uuid = b.DiskMode, b.ThinProvisioned, b.Uuid
		attrs.Encrypted, fields.WriteThrough = pointer(b.KeyId != nil), b.WriteThrough
		if b.Parent != nil {
			fields.ParentPath = b.Parent.FileName
		}
		attrs.Shareable = pointer(b.Sharing == string(types.VirtualDiskSharingSharingMultiWriter))
	case *types.VirtualDiskSeSparseBackingInfo:
		attrs.DiskMode, attrs.Thin, uuid = b.DiskMode, pointer(true), b.Uuid
		attrs.Encrypted = pointer(b.KeyId != nil)
		if b.Parent != nil {
			fields.ParentPath = b.Parent.FileName
		}
	case *types.VirtualDiskSparseVer2BackingInfo:
		attrs.DiskMode, attrs.Thin, uuid = b.DiskMode, pointer(true), b.Uuid
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		attrs.DiskMode, uuid = b.DiskMode, b.Uuid
		attrs.Description = "raw device mapping of " + b.DeviceName
	}
	// A guest sees the UUID as the NAA name of its disk, which joins the two where both are known.
	identify(env, "naa", strings.ReplaceAll(uuid, "-", ""))
	return fields
}

func diskSize(d *types.VirtualDisk) int64 {
	if d.CapacityInBytes > 0 {
		return d.CapacityInBytes
	}
	return d.CapacityInKB << 10
}

// controller is the address of a disk inside its machine: "pvscsi 0:1".
func controller(devices []types.BaseVirtualDevice, d *types.VirtualDisk) string {
	for _, device := range devices {
		c, ok := device.(types.BaseVirtualController)
		if !ok || c.GetVirtualController().Key != d.ControllerKey {
			continue
		}
		kind := "controller"
		switch device.(type) {
		case *types.ParaVirtualSCSIController:
			kind = "pvscsi"
		case types.BaseVirtualSCSIController:
			kind = "scsi"
		case *types.VirtualNVMEController:
			kind = "nvme"
		case types.BaseVirtualSATAController:
			kind = "sata"
		case *types.VirtualIDEController:
			kind = "ide"
		}
		unit := int32(0)
		if d.UnitNumber != nil {
			unit = *d.UnitNumber
		}
		return fmt.Sprintf("%s %d:%d", kind, c.GetVirtualController().BusNumber, unit)
	}
	return ""
}
