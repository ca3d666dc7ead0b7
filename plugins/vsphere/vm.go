package vsphere

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// guestDetails is the one option of a machine that is read: what its tools say about the operating system. The
// others are not even asked for, since people put secrets there.
const guestDetails = `config.extraConfig["guestInfo.detailed.data"]`

var vmProperties = []string{
	"name", "parent", "runtime.powerState", "runtime.connectionState", "runtime.host", "runtime.bootTime",
	"config.uuid", "config.instanceUuid", "config.template", "config.guestId", "config.guestFullName", "config.version",
	"config.firmware", "config.annotation", "config.hardware.numCPU", "config.hardware.numCoresPerSocket",
	"config.hardware.memoryMB", "config.hardware.device", guestDetails,
	"guest.guestFamily", "guest.guestFullName", "guest.hostName", "guest.ipAddress", "guest.net", "guest.toolsRunningStatus",
	"guest.toolsVersion", "guest.toolsVersionStatus2", "network", "datastore", "customValue", "summary.quickStats.uptimeSeconds",
}

// vmUnread says which parts of a resource a property of vCenter feeds.
var vmUnread = map[string][]string{
	"name": {"/name"}, "config.uuid": {"/identifiers/bios_uuid"}, "config.instanceUuid": {"/identifiers/instance_uuid"},
	"config.template": {"/attributes/is_template"}, "config.guestId": {"/attributes/os"}, "config.guestFullName": {"/attributes/os"},
	"config.version": {"/attributes/hardware_version"}, "config.firmware": {"/attributes/firmware"},
	"config.annotation": {"/attributes/description"}, "config.hardware.numCPU": {"/attributes/cpu_count"},
	"config.hardware.numCoresPerSocket": {"/attributes/cpu_cores_per_socket"}, "config.hardware.memoryMB": {"/attributes/memory_bytes"},
	"config.hardware.device": {"/attributes/network_adapters", "/attributes/disk_bytes"},
	"guest.hostName":         {"/attributes/hostname"}, "guest.ipAddress": {"/attributes/primary_ip"}, "guest.net": {"/attributes/ip_addresses"},
	"guest.toolsRunningStatus": {"/attributes/guest_agent_status"}, "guest.toolsVersion": {"/attributes/guest_agent_version"},
	"runtime.powerState": {"/attributes/power_state"}, "runtime.host": {"/zone"}, "customValue": {"/tags"},
}

// placement says which cluster a host is in.
type placement struct {
	hosts    map[types.ManagedObjectReference]types.ManagedObjectReference // host -> cluster
	clusters map[types.ManagedObjectReference]string
}

// place fills in where something on a host lies.
func (p placement) place(r *reader, env *resource.Envelope, host *types.ManagedObjectReference, member bool) {
	if host == nil {
		return
	}
	if cluster, ok := p.hosts[*host]; ok {
		env.Zone = p.clusters[cluster]
		if member {
			r.relate(env, "member_of", "cluster", cluster)
		}
	}
}

func readServers(ctx context.Context, r *reader) error {
	clusters, err := r.names(ctx, "ClusterComputeResource")
	if err != nil {
		return err
	}
	tagger := r.tagger(ctx)
	where := placement{hosts: map[types.ManagedObjectReference]types.ManagedObjectReference{}, clusters: clusters}
	if err := readHosts(ctx, r, where, tagger); err != nil {
		return err
	}
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	return r.each(ctx, sweep{types: []string{"VirtualMachine"}, properties: vmProperties}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
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
		tagger.tag(&env, vm.CustomValue)
		attrs := translateVM(&env, o, &vm)
		attrs.Folder = folder(vm.Parent)
		return r.emit(ctx, env, attrs)
	})
}

func translateVM(env *resource.Envelope, o entry, vm *mo.VirtualMachine) *schema.Server {
	attrs := &schema.Server{
		Type: "virtual", VirtualizationType: "vmware", PowerState: powerState(string(vm.Runtime.PowerState)),
		ConnectionState: string(vm.Runtime.ConnectionState), UptimeSeconds: int64(vm.Summary.QuickStats.UptimeSeconds),
	}
	if vm.Runtime.BootTime != nil {
		attrs.BootedAt = vm.Runtime.BootTime.UTC()
	}
	if vm.Config == nil {
		// vCenter knows a machine whose files it cannot reach by name only; what was known before still holds.
		env.Unread = append(env.Unread, "/attributes/memory_bytes", "/attributes/cpu_count", "/attributes/os", "/attributes/network_adapters",
			"/attributes/disk_bytes", "/attributes/is_template", "/attributes/hardware_version", "/attributes/firmware", "/attributes/description")
	} else {
		configured(env, vm.Config, attrs)
	}
	if vm.Guest != nil {
		reported(env, vm.Guest, attrs)
	}
	attrs.OS = operatingSystem(vm, o.keyed(guestDetails))
	slices.Sort(attrs.IPAddresses)
	return attrs
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
	attrs.IsTemplate, attrs.HardwareVersion, attrs.Description = &c.Template, c.Version, c.Annotation
	switch c.Firmware {
	case "efi":
		attrs.Firmware = "uefi"
	case "bios":
		attrs.Firmware = "bios"
	}
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

// reported is what the tools inside the machine say.
func reported(env *resource.Envelope, g *types.GuestInfo, attrs *schema.Server) {
	attrs.Hostname = g.HostName
	identify(env, "fqdn", g.HostName)
	if ip, ok := address(g.IpAddress); ok {
		attrs.PrimaryIP = ip
		attrs.IPAddresses = append(attrs.IPAddresses, ip)
	}
	if n, err := strconv.Atoi(g.ToolsVersion); err == nil && n > 0 {
		attrs.GuestAgentVersion = fmt.Sprintf("%d.%d.%d", n>>10, n>>5&31, n&31)
	}
	switch {
	case g.ToolsVersionStatus2 == "guestToolsNotInstalled":
		attrs.GuestAgentStatus = "not_installed"
	case g.ToolsRunningStatus == "guestToolsRunning":
		attrs.GuestAgentStatus = "running"
	case g.ToolsRunningStatus == "guestToolsNotRunning":
		attrs.GuestAgentStatus = "not_running"
	}
	for _, n := range g.Net {
		if n.DeviceConfigId < 0 {
			continue // an interface that exists inside the machine only, such as a container's bridge
		}
		var ips []schema.IP
		for _, text := range guestAddresses(n) {
			if ip, ok := address(text); ok {
				ips = append(ips, ip)
				if !slices.Contains(attrs.IPAddresses, ip) {
					attrs.IPAddresses = append(attrs.IPAddresses, ip)
				}
			}
		}
		mac, _ := schema.NormalizeIdentifier("mac", n.MacAddress)
		for i := range attrs.NetworkAdapters {
			if a := &attrs.NetworkAdapters[i]; a.MAC != "" && a.MAC == mac {
				slices.Sort(ips)
				a.IPAddresses, a.Network = ips, plainName(n.Network)
			}
		}
	}
}

// guestAddresses leaves out the addresses that a guest makes up for privacy and changes every day.
func guestAddresses(n types.GuestNicInfo) []string {
	if n.IpConfig == nil {
		return n.IpAddress
	}
	var out []string
	for _, a := range n.IpConfig.IpAddress {
		if a.Origin != string(types.NetIpConfigInfoIpAddressOriginRandom) {
			out = append(out, a.IpAddress)
		}
	}
	return out
}

func operatingSystem(vm *mo.VirtualMachine, details string) schema.OperatingSystem {
	var os schema.OperatingSystem
	id := ""
	if vm.Config != nil {
		os.Name, id = vm.Config.GuestFullName, vm.Config.GuestId
	}
	family := ""
	if vm.Guest != nil {
		family = vm.Guest.GuestFamily
		if vm.Guest.GuestFullName != "" {
			os.Name = vm.Guest.GuestFullName
		}
	}
	if os.Name == "" {
		return os
	}
	os.Family = osFamily(family, id)
	d := parseDetails(details)
	if d["distroName"] != "" && os.Family != "windows" { // Windows calls itself Windows 10.0 there
		os.Name, os.Version = d["distroName"], d["distroVersion"]
	}
	if os.Family == "windows" && d["prettyName"] != "" {
		os.Name = d["prettyName"]
	}
	os.Kernel = d["kernelVersion"]
	return os
}

func osFamily(family, id string) string {
	switch family {
	case "linuxGuest":
		return "linux"
	case "windowsGuest":
		return "windows"
	case "darwinGuestFamily":
		return "macos"
	case "solarisGuest":
		return "solaris"
	}
	id = strings.ToLower(id)
	for _, known := range []struct{ prefix, family string }{
		{"win", "windows"}, {"freebsd", "freebsd"}, {"darwin", "macos"}, {"solaris", "solaris"}, {"vmkernel", "esxi"},
		{"centos", "linux"}, {"debian", "linux"}, {"fedora", "linux"}, {"opensuse", "linux"}, {"oraclelinux", "linux"}, {"rhel", "linux"},
		{"sles", "linux"}, {"suse", "linux"}, {"ubuntu", "linux"}, {"rocky", "linux"}, {"almalinux", "linux"}, {"amazonlinux", "linux"},
		{"coreos", "linux"}, {"photon", "linux"}, {"vmwarephoton", "linux"}, {"otherlinux", "linux"}, {"other24xlinux", "linux"},
		{"other26xlinux", "linux"}, {"other3xlinux", "linux"}, {"other4xlinux", "linux"}, {"other5xlinux", "linux"}, {"other6xlinux", "linux"},
		{"asianux", "linux"}, {"crxpod", "linux"}, {"mandr", "linux"}, {"redhat", "linux"},
	} {
		if strings.HasPrefix(id, known.prefix) {
			return known.family
		}
	}
	return "other"
}

// parseDetails reads key='value' pairs.
func parseDetails(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, "='")
		if !ok {
			break
		}
		value, after, ok := strings.Cut(rest, "'")
		if !ok {
			break
		}
		out[strings.TrimSpace(key)] = value
		s = after
	}
	return out
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
