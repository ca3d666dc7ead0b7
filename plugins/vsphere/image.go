package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

var imageProperties = []string{
	"name", "parent", "runtime.host", "config.instanceUuid", "config.guestId", "config.guestFullName", "config.version", "config.firmware",
	"config.annotation", "config.files.vmPathName", "config.hardware.numCPU", "config.hardware.memoryMB", "config.hardware.device", guestDetails,
	"config.createDate", "guest.toolsVersionStatus2", "datastore", "customValue",
}

var imageUnread = map[string][]string{
	"name": {"/name"}, "config.instanceUuid": {"/identifiers/instance_uuid"}, "runtime.host": {"/zone"},
	"config.guestId": {"/attributes/os", "/attributes/vsphere/guest_id"}, "config.guestFullName": {"/attributes/os"},
	"config.version": {"/attributes/vsphere/hardware_version"}, "config.firmware": {"/attributes/firmware"}, "config.annotation": {"/attributes/description"},
	"config.files.vmPathName": {"/attributes/location"}, "config.hardware.numCPU": {"/attributes/cpu_count"}, "config.hardware.memoryMB": {"/attributes/memory_bytes"},
	"config.hardware.device": {"/attributes/disks", "/attributes/size_bytes"}, "config.createDate": {"/attributes/provisioned_at"},
	"guest.toolsVersionStatus2": {"/attributes/vsphere/tools_version_status"}, "customValue": {"/tags"},
}

// readImages emits templates. One word of every machine says which they are, and only those are read.
func readImages(ctx context.Context, r *reader) error {
	var templates []types.ManagedObjectReference
	blind := 0
	err := r.each(ctx, sweep{types: []string{"VirtualMachine"}, properties: []string{isTemplate}}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
		}
		switch {
		case !o.has(isTemplate):
			blind++
		case vm.Summary.Config.Template:
			templates = append(templates, o.Obj)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(templates) > 0 {
		if err := r.emitImages(ctx, templates); err != nil {
			return err
		}
	}
	if blind > 0 {
		return &provider.Error{
			Status: resource.StatusPartial, Err: fmt.Errorf("%d machines do not show whether they are templates", blind),
			Advice: "give the user the role Read-only on them, with propagation",
		}
	}
	return nil
}

func (r *reader) emitImages(ctx context.Context, templates []types.ManagedObjectReference) error {
	where, err := r.placement(ctx)
	if err != nil {
		return err
	}
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	tagger := r.tagger(ctx)
	return r.tagged(ctx, tagger, sweep{types: []string{"VirtualMachine"}, properties: imageProperties, objects: templates}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
		}
		env := r.envelope(o.Obj, vm.Name)
		unread(&env, o, imageUnread)
		where.place(r, &env, vm.Runtime.Host, false)
		for _, d := range vm.Datastore {
			r.relate(&env, "stored_on", "storage_pool", d)
		}
		tagger.tag(&env, o.Obj, vm.CustomValue)
		attrs := &schema.Image{Type: "template", Hypervisor: "vmware", Folder: folder(vm.Parent), OS: operatingSystem(&vm, o.keyed(guestDetails))}
		fields := &imageFields{}
		if vm.Guest != nil {
			fields.ToolsVersionStatus = vm.Guest.ToolsVersionStatus2
		}
		if vm.Config == nil {
			// As with machines: files that cannot be reached say nothing, and what was known still holds.
			env.Unread = append(env.Unread, "/attributes/os", "/attributes/location", "/attributes/firmware", "/attributes/description",
				"/attributes/cpu_count", "/attributes/memory_bytes", "/attributes/disks", "/attributes/size_bytes", "/attributes/vsphere")
		} else {
			translateTemplate(&env, vm.Config, attrs, fields)
		}
		return r.emit(ctx, env, attrs, fields)
	})
}

func translateTemplate(env *resource.Envelope, c *types.VirtualMachineConfigInfo, attrs *schema.Image, fields *imageFields) {
	identify(env, "instance_uuid", c.InstanceUuid)
	attrs.Location, attrs.Firmware, attrs.Description = c.Files.VmPathName, firmware(c.Firmware), c.Annotation
	attrs.CPUCount, attrs.MemoryBytes = int(c.Hardware.NumCPU), int64(c.Hardware.MemoryMB)<<20
	if c.CreateDate != nil {
		attrs.Provisioned = c.CreateDate.UTC()
	}
	fields.GuestID, fields.HardwareVersion = c.GuestId, c.Version
	for _, device := range c.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok {
			attrs.Disks = append(attrs.Disks, schema.ImageDisk{DeviceName: deviceLabel(&d.VirtualDevice), SizeBytes: diskSize(d)})
			attrs.SizeBytes += diskSize(d)
		}
	}
}

// machineKind is the kind under which a machine is found: templates are images.
func machineKind(vm *mo.VirtualMachine) string {
	if vm.Summary.Config.Template {
		return "image"
	}
	return "server"
}
