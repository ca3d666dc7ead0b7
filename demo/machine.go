package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/units"
	"github.com/vmware/govmomi/vim25/types"
)

// machine is a virtual machine before it is made.
type machine struct {
	name     string
	site     *site
	cluster  clusterPlan
	host     *object.HostSystem
	env      string
	role     role
	os       guestOS
	network  networkPlan
	ip       string
	state    types.VirtualMachinePowerState
	template bool
	tools    bool
	note     string
}

// customFields are vCenter's custom attributes, which people use as tags.
func (v *VCenter) customFields(ctx context.Context) (map[string]int32, error) {
	m, err := object.GetCustomFieldsManager(v.client)
	if err != nil {
		return nil, err
	}
	out := map[string]int32{}
	for _, name := range []string{"environment", "owner", "backup"} {
		def, err := m.Add(ctx, name, "VirtualMachine", nil, nil)
		if err != nil {
			return nil, err
		}
		out[name] = def.Key
	}
	return out, nil
}

func (v *VCenter) buildMachines(ctx context.Context, r *rand.Rand, count int, fields map[string]int32) error {
	counters, addresses := map[string]int{}, map[string]int{}
	odd := oddNames()
	for i := range count {
		m := v.draw(r, counters, addresses)
		switch {
		case i%19 == 7 && len(odd) > 0:
			m.name, odd = odd[0], odd[1:]
			m.note = "Nobody knows what this is for."
		case i%40 == 11:
			m.name, m.template, m.state = fmt.Sprintf("template-%s-%s-%02d", strings.ToLower(strings.Fields(m.os.name)[0]), m.site.plan.city, i/40+1), true, types.VirtualMachinePowerStatePoweredOff
		}
		if _, err := v.create(ctx, r, m, fields); err != nil {
			return fmt.Errorf("machine %s (%s in %s): %w", m.name, m.role.name, m.cluster.name, err)
		}
	}
	return nil
}

// draw makes one machine up.
func (v *VCenter) draw(r *rand.Rand, counters, addresses map[string]int) machine {
	m := machine{site: pick(r, v.sites), role: pickRole(r), state: types.VirtualMachinePowerStatePoweredOn, tools: r.IntN(20) > 0}
	m.cluster = m.site.plan.clusters[0]
	if r.IntN(4) == 0 {
		m.cluster = m.site.plan.clusters[1]
	}
	m.env = []string{"prod", "prod", "prod", "stage", "dev"}[r.IntN(5)]
	if strings.HasSuffix(m.cluster.name, "-dev") {
		m.env = "dev"
	}
	m.os = pick(r, m.role.os)
	m.host = pick(r, m.site.hosts[m.cluster.name])
	for _, n := range m.site.plan.networks {
		if strings.Contains(n.name, "-"+m.role.network+"-") {
			m.network = n
		}
	}
	key := m.site.plan.city + "-" + m.env + "-" + m.role.name
	counters[key]++
	m.name = fmt.Sprintf("%s-%02d", key, counters[key])
	addresses[m.network.name]++
	m.ip = address(m.site.plan.subnet, m.network.octet, 10+addresses[m.network.name])
	switch n := r.IntN(100); {
	case n < 10:
		m.state = types.VirtualMachinePowerStatePoweredOff
	case n < 12:
		m.state = types.VirtualMachinePowerStateSuspended
	}
	return m
}

func (m machine) datastore() string {
	for _, d := range m.site.plan.datastores {
		if d.cluster == m.cluster.name {
			return d.name
		}
	}
	return m.site.plan.datastores[0].name
}

func (m machine) spec() (types.VirtualMachineConfigSpec, error) {
	// Files are named by hash: the names of machines are none that every file system takes.
	folder := strings.ReplaceAll(nameUUID("folder", m.name), "-", "")
	spec := types.VirtualMachineConfigSpec{
		Name: m.name, GuestId: m.os.id, NumCPUs: m.role.cpu, MemoryMB: m.role.memoryMiB, Annotation: m.note,
		Uuid: nameUUID("bios", m.name), InstanceUuid: nameUUID("instance", m.name), Firmware: "efi",
		Files: &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s] %s/%s.vmx", m.datastore(), folder, folder)},
	}
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return spec, err
	}
	devices = append(devices, scsi)
	controller, ok := scsi.(types.BaseVirtualController)
	if !ok {
		return spec, errors.New("the SCSI controller is none")
	}
	thin := true
	for i, size := range m.role.disksGiB {
		disk := devices.CreateDisk(controller, types.ManagedObjectReference{}, fmt.Sprintf("[%s] %s/disk-%d.vmdk", m.datastore(), folder, i))
		disk.CapacityInKB = size * units.GB / units.KB
		disk.CapacityInBytes = size * units.GB
		if b, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
			b.ThinProvisioned = &thin
			b.Uuid = nameUUID("disk", fmt.Sprintf("%s/%d", m.name, i))
		}
		devices = append(devices, disk)
	}
	nic, err := devices.CreateEthernetCard("vmxnet3", m.site.networks[m.network.name])
	if err != nil {
		return spec, err
	}
	if card, ok := nic.(types.BaseVirtualEthernetCard); ok {
		card.GetVirtualEthernetCard().MacAddress = nameMAC(m.name)
		card.GetVirtualEthernetCard().AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
	}
	devices = append(devices, nic)
	spec.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	return spec, err
}

func (v *VCenter) create(ctx context.Context, r *rand.Rand, m machine, fields map[string]int32) (*object.VirtualMachine, error) {
	spec, err := m.spec()
	if err != nil {
		return nil, err
	}
	dir, _, _ := strings.Cut(strings.SplitN(spec.Files.VmPathName, " ", 2)[1], "/")
	if err := makeFolder(m.site.home, m.datastore(), dir); err != nil {
		return nil, err
	}
	task, err := m.site.folders.VmFolder.CreateVM(ctx, spec, m.site.pools[m.cluster.name], m.host)
	ref, err := v.wait(ctx, task, err)
	if err != nil {
		return nil, err
	}
	vm := object.NewVirtualMachine(v.client, ref)
	if m.state != types.VirtualMachinePowerStatePoweredOff {
		task, err := vm.PowerOn(ctx)
		if _, err := v.wait(ctx, task, err); err != nil {
			return nil, err
		}
	}
	backup := []string{"daily", "weekly", "none"}[r.IntN(3)]
	booted := epoch.AddDate(0, 0, r.IntN(600))
	obj := v.get(vm.Reference()).(*simulator.VirtualMachine)
	v.Service.Context.Map.WithLock(v.Service.Context, obj.Reference(), func() {
		m.settle(obj)
		if m.env != "" && !m.template {
			obj.CustomValue = []types.BaseCustomFieldValue{
				customValue(fields["environment"], m.env), customValue(fields["owner"], m.role.owner), customValue(fields["backup"], backup),
			}
		}
		if obj.Runtime.BootTime != nil {
			obj.Runtime.BootTime = &booted
			obj.Summary.Runtime.BootTime = &booted
		}
	})
	return vm, nil
}

func customValue(key int32, value string) types.BaseCustomFieldValue {
	return &types.CustomFieldStringValue{CustomFieldValue: types.CustomFieldValue{Key: key}, Value: value}
}

// settle writes what a guest would report and removes what differs from start to start.
func (m machine) settle(vm *simulator.VirtualMachine) {
	vm.Config.CreateDate = &epoch
	vm.Config.GuestFullName = m.os.name
	vm.Summary.Config.GuestFullName = m.os.name
	vm.Config.Template = m.template
	vm.Summary.Config.Template = m.template
	vm.Runtime.PowerState, vm.Summary.Runtime.PowerState = m.state, m.state
	if m.template {
		vm.ResourcePool = nil
	}
	ownController(vm)
	label(vm)
	g := vm.Guest
	if !m.tools {
		g.ToolsStatus, g.ToolsRunningStatus, g.ToolsVersionStatus2 = types.VirtualMachineToolsStatusToolsNotInstalled, "guestToolsNotRunning", "guestToolsNotInstalled"
		g.Net, g.IpAddress, g.HostName = nil, "", ""
		return
	}
	g.ToolsVersion, g.ToolsVersionStatus2 = "12389", "guestToolsCurrent"
	g.GuestId, g.GuestFamily, g.GuestFullName = m.os.id, m.os.family, m.os.name
	if m.os.detailed != "" {
		vm.Config.ExtraConfig = append(vm.Config.ExtraConfig, &types.OptionValue{Key: "guestInfo.detailed.data", Value: m.os.detailed})
	}
	if m.state != types.VirtualMachinePowerStatePoweredOn {
		g.ToolsStatus, g.ToolsRunningStatus = types.VirtualMachineToolsStatusToolsNotRunning, "guestToolsNotRunning"
		g.Net, g.IpAddress, g.HostName = nil, "", ""
		return
	}
	g.ToolsStatus, g.ToolsRunningStatus = types.VirtualMachineToolsStatusToolsOk, "guestToolsRunning"
	g.IpAddress, g.HostName = m.ip, hostName(m.name)+"."+m.site.plan.city+".example.net"
	addresses := []string{m.ip, "fe80::250:56ff:fe00:1"}
	g.Net = []types.GuestNicInfo{{
		Network: m.network.name, IpAddress: addresses, MacAddress: nameMAC(m.name), Connected: true, DeviceConfigId: 4000,
		IpConfig: &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{
			{IpAddress: addresses[0], PrefixLength: 24}, {IpAddress: addresses[1], PrefixLength: 64},
		}},
	}}
	vm.Summary.Guest.IpAddress, vm.Summary.Guest.HostName = g.IpAddress, g.HostName
	vm.Summary.Guest.ToolsRunningStatus, vm.Summary.Guest.ToolsStatus = g.ToolsRunningStatus, g.ToolsStatus
}

// ownController gives the machine a PCI controller of its own. The simulator's machines share one, which so lists the
// devices of all of them.
func ownController(vm *simulator.VirtualMachine) {
	devices := vm.Config.Hardware.Device
	for i, d := range devices {
		shared, ok := d.(*types.VirtualPCIController)
		if !ok {
			continue
		}
		own := *shared
		own.Device = nil
		for _, d := range devices {
			if v := d.GetVirtualDevice(); v.ControllerKey == own.Key {
				own.Device = append(own.Device, v.Key)
			}
		}
		devices[i] = &own
	}
}

// label names devices as vCenter does.
func label(vm *simulator.VirtualMachine) {
	disks, cards := 0, 0
	for _, d := range vm.Config.Hardware.Device {
		info := d.GetVirtualDevice().DeviceInfo
		if info == nil {
			continue
		}
		switch d.(type) {
		case *types.VirtualDisk:
			disks++
			info.GetDescription().Label = fmt.Sprintf("Hard disk %d", disks)
		case types.BaseVirtualEthernetCard:
			cards++
			info.GetDescription().Label = fmt.Sprintf("Network adapter %d", cards)
		}
	}
}

// hostName makes of a machine's name what a host may be called.
func hostName(name string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	parts := slices.DeleteFunc(strings.Split(out, "-"), func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "host-" + nameUUID("host", name)[:6]
	}
	return strings.Join(parts, "-")
}
