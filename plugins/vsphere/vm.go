package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// guestDetails is the one option of a machine that is read: what its tools say about the operating system. The
// others are not even asked for, since people put secrets there.
const guestDetails = `config.extraConfig["guestInfo.detailed.data"]`

// isTemplate is known of every machine, also of those whose files vCenter cannot reach.
const isTemplate = "summary.config.template"

var vmProperties = []string{
	"name", "parent", "runtime.powerState", "runtime.connectionState", "runtime.host", "runtime.bootTime",
	"resourcePool", "runtime.minRequiredEVCModeKey", isTemplate, "config.uuid", "config.instanceUuid", "config.guestId", "config.guestFullName", "config.version",
	"config.firmware", "config.annotation", "config.hardware.numCPU", "config.hardware.numCoresPerSocket",
	"config.hardware.memoryMB", "config.hardware.device", guestDetails,
	"config.files.vmPathName", "config.cpuAllocation", "config.memoryAllocation", "config.cpuHotAddEnabled", "config.memoryHotAddEnabled",
	"config.changeTrackingEnabled", "config.bootOptions.efiSecureBootEnabled",
	"guest.guestFamily", "guest.guestFullName", "guest.hostName", "guest.ipAddress", "guest.net", "guest.toolsRunningStatus",
	"guest.toolsVersion", "guest.toolsVersionStatus2", "network", "datastore", "customValue", "summary.quickStats.uptimeSeconds",
}

// vmUnread says which parts of a resource a property of vCenter feeds.
var vmUnread = map[string][]string{
	"name": {"/name"}, "config.uuid": {"/identifiers/bios_uuid"}, "config.instanceUuid": {"/identifiers/instance_uuid"},
	isTemplate: {"/attributes/is_template"}, "config.guestId": {"/attributes/os"}, "config.guestFullName": {"/attributes/os"},
	"config.version": {"/attributes/hardware_version"}, "config.firmware": {"/attributes/firmware"},
	"config.annotation": {"/attributes/description"}, "config.hardware.numCPU": {"/attributes/cpu_count"},
	"config.hardware.numCoresPerSocket": {"/attributes/cpu_cores_per_socket"}, "config.hardware.memoryMB": {"/attributes/memory_bytes"},
	"config.hardware.device": {"/attributes/network_adapters", "/attributes/disk_bytes"},
	"guest.hostName":         {"/attributes/hostname"}, "guest.ipAddress": {"/attributes/primary_ip"}, "guest.net": {"/attributes/ip_addresses"},
	"guest.toolsRunningStatus": {"/attributes/guest_agent_status"}, "guest.toolsVersion": {"/attributes/guest_agent_version"},
	"runtime.powerState": {"/attributes/power_state"}, "runtime.host": {"/zone"}, "customValue": {"/tags"},
	"resourcePool": {"/attributes/vsphere/resource_pool", "/attributes/vsphere/vapp"}, "config.files.vmPathName": {"/attributes/vsphere/configuration_file"},
	"config.cpuAllocation":    {"/attributes/vsphere/cpu_reservation_mhz", "/attributes/vsphere/cpu_limit_mhz"},
	"config.memoryAllocation": {"/attributes/vsphere/memory_reservation_bytes", "/attributes/vsphere/memory_limit_bytes"},
	"config.cpuHotAddEnabled": {"/attributes/vsphere/cpu_hot_add"}, "config.memoryHotAddEnabled": {"/attributes/vsphere/memory_hot_add"},
	"config.changeTrackingEnabled":            {"/attributes/vsphere/changed_block_tracking"},
	"config.bootOptions.efiSecureBootEnabled": {"/attributes/vsphere/secure_boot"}, "runtime.minRequiredEVCModeKey": {"/attributes/vsphere/evc_mode"},
	"guest.toolsVersionStatus2": {"/attributes/vsphere/tools_version_status"},
}

// readServers emits hosts and virtual machines. Templates are images.
func readServers(ctx context.Context, r *reader) error {
	clusters, err := r.names(ctx, "ClusterComputeResource")
	if err != nil {
		return err
	}
	tagger := r.tagger(ctx)
	where := placement{hosts: map[types.ManagedObjectReference]types.ManagedObjectReference{}, clusters: clusters}
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	if err := readHosts(ctx, r, where, folder, tagger); err != nil {
		return err
	}
	pool, err := r.pools(ctx)
	if err != nil {
		return err
	}
	return r.tagged(ctx, tagger, sweep{types: []string{"VirtualMachine"}, properties: vmProperties}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
		}
		if vm.Summary.Config.Template {
			return nil
		}
		env := r.envelope(o.Obj, vm.Name)
		unread(&env, o, vmUnread)
		where.place(r, &env, vm.Runtime.Host, true)
		if vm.Runtime.Host != nil {
			r.relate(&env, "runs_on", "server", *vm.Runtime.Host)
		}
		for _, n := range vm.Network {
			r.relate(&env, "connected_to", "network", n)
		}
		for _, d := range vm.Datastore {
			r.relate(&env, "uses", "storage_pool", d)
		}
		tagger.tag(&env, o.Obj, vm.CustomValue)
		attrs, fields := translateVM(&env, o, &vm)
		attrs.Folder = folder(vm.Parent)
		fields.ResourcePool, fields.VApp = pool(vm.ResourcePool)
		return r.emit(ctx, env, attrs, fields)
	})
}

func translateVM(env *resource.Envelope, o entry, vm *mo.VirtualMachine) (*schema.Server, *serverFields) {
	attrs := &schema.Server{
		Type: "virtual", VirtualizationType: "vmware", PowerState: powerState(string(vm.Runtime.PowerState)),
		ConnectionState: string(vm.Runtime.ConnectionState), UptimeSeconds: int64(vm.Summary.QuickStats.UptimeSeconds),
	}
	fields := &serverFields{EVCMode: vm.Runtime.MinRequiredEVCModeKey}
	if o.has(isTemplate) {
		attrs.IsTemplate = pointer(false)
	}
	if vm.Runtime.BootTime != nil {
		attrs.BootedAt = vm.Runtime.BootTime.UTC()
	}
	if vm.Config == nil {
		// vCenter knows a machine whose files it cannot reach by name only; what was known before still holds.
		env.Unread = append(env.Unread, "/attributes/memory_bytes", "/attributes/cpu_count", "/attributes/os", "/attributes/network_adapters",
			"/attributes/disk_bytes", "/attributes/hardware_version", "/attributes/firmware", "/attributes/description", "/attributes/vsphere")
	} else {
		configured(env, vm.Config, attrs)
		configuredFields(vm.Config, fields)
	}
	if vm.Guest != nil {
		reported(env, vm.Guest, attrs)
		fields.ToolsVersionStatus = vm.Guest.ToolsVersionStatus2
	}
	attrs.OS = operatingSystem(vm, o.keyed(guestDetails))
	slices.Sort(attrs.IPAddresses)
	return attrs, fields
}

// configuredFields is what vCenter gives the machine and the kind has no field for.
func configuredFields(c *types.VirtualMachineConfigInfo, f *serverFields) {
	f.GuestID, f.ConfigurationFile = c.GuestId, c.Files.VmPathName
	f.CPUHotAdd, f.MemoryHotAdd, f.ChangedBlockTracking = c.CpuHotAddEnabled, c.MemoryHotAddEnabled, c.ChangeTrackingEnabled
	if c.BootOptions != nil {
		f.SecureBoot = c.BootOptions.EfiSecureBootEnabled
	}
	// Without a limit vCenter says -1.
	amount := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return max(*n, 0)
	}
	if a := c.CpuAllocation; a != nil {
		f.CPUReservationMHz, f.CPULimitMHz = amount(a.Reservation), amount(a.Limit)
	}
	if a := c.MemoryAllocation; a != nil {
		f.MemoryReservation, f.MemoryLimit = amount(a.Reservation)<<20, amount(a.Limit)<<20
	}
}

// configured is what vCenter gives the machine.
func configured(env *resource.Envelope, c *types.VirtualMachineConfigInfo, attrs *schema.Server) {
	identify(env, "instance_uuid", c.InstanceUuid)
	identify(env, "bios_uuid", c.Uuid)
	attrs.CPUCount = int(c.Hardware.NumCPU)
	if per := c.Hardware.NumCoresPerSocket; per != nil && *per > 0 {
		attrs.CPUCoresPerSocket = int(*per)
		attrs.CPUSocketCount = max(1, int(c.Hardware.NumCPU / *per))
	}
	attrs.MemoryBytes = int64(c.Hardware.MemoryMB) << 20
	attrs.HardwareVersion, attrs.Description, attrs.Firmware = c.Version, c.Annotation, firmware(c.Firmware)
	for _, d := range c.Hardware.Device {
		switch d := d.(type) {
		case *types.VirtualDisk:
			attrs.DiskBytes += diskSize(d)
		case types.BaseVirtualEthernetCard:
			card := d.GetVirtualEthernetCard()
			a := schema.ServerNetworkAdapter{Name: deviceLabel(&card.VirtualDevice), Type: cardType(d)}
			if mac, ok := schema.NormalizeIdentifier("mac", card.MacAddress); ok {
				a.MAC = mac
				identify(env, "mac", mac)
			}
			if card.Connectable != nil {
				a.Connected = &card.Connectable.Connected
			}
			attrs.NetworkAdapters = append(attrs.NetworkAdapters, a)
		}
	}
}

func firmware(s string) string {
	switch s {
	case "efi":
		return "uefi"
	case "bios":
		return "bios"
	}
	return ""
}

func powerState(s string) string {
	switch s {
	case "poweredOn":
		return "on"
	case "poweredOff", "standBy":
		return "off"
	case "suspended":
		return "suspended"
	}
	return "unknown"
}

func deviceLabel(d *types.VirtualDevice) string {
	if d.DeviceInfo != nil {
		if label := d.DeviceInfo.GetDescription().Label; label != "" {
			return label
		}
	}
	return fmt.Sprintf("device %d", d.Key)
}

func cardType(card types.BaseVirtualEthernetCard) string {
	switch card.(type) {
	case *types.VirtualVmxnet3, *types.VirtualVmxnet3Vrdma:
		return "vmxnet3"
	case *types.VirtualVmxnet2, *types.VirtualVmxnet:
		return "vmxnet"
	case *types.VirtualE1000:
		return "e1000"
	case *types.VirtualE1000e:
		return "e1000e"
	case *types.VirtualSriovEthernetCard:
		return "sriov"
	case *types.VirtualPCNet32:
		return "pcnet32"
	}
	return ""
}
