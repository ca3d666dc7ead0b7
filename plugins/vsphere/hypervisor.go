package vsphere

import (
	"context"
	"slices"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

var hostProperties = []string{
	"name", "parent", "runtime.powerState", "runtime.connectionState", "runtime.inMaintenanceMode", "runtime.bootTime",
	"summary.hardware", "hardware.systemInfo", "hardware.biosInfo", "config.product", "config.network.pnic", "config.network.vnic",
	"config.network.dnsConfig", "network", "datastore", "customValue", "summary.quickStats.uptime",
	"summary.currentEVCModeKey", "config.lockdownMode",
}

var hostUnread = map[string][]string{
	"name": {"/name"}, "runtime.powerState": {"/attributes/power_state"}, "runtime.inMaintenanceMode": {"/attributes/maintenance"},
	"summary.hardware":    {"/attributes/cpu_count", "/attributes/cpu_model", "/attributes/memory_bytes", "/attributes/manufacturer", "/attributes/model"},
	"hardware.systemInfo": {"/identifiers/bios_uuid", "/identifiers/serial"}, "hardware.biosInfo": {"/attributes/firmware_version"},
	"config.product": {"/attributes/os"}, "config.network.pnic": {"/attributes/network_adapters"},
	"config.network.vnic": {"/attributes/ip_addresses"}, "config.network.dnsConfig": {"/attributes/hostname"}, "customValue": {"/tags"},
	"summary.currentEVCModeKey": {"/attributes/vsphere/evc_mode"}, "config.lockdownMode": {"/attributes/vsphere/lockdown_mode"},
}

// readHosts emits ESXi hosts and notes which cluster each is in.
func readHosts(ctx context.Context, r *reader, where placement, folder func(*types.ManagedObjectReference) string, tagger *tagger) error {
	return r.tagged(ctx, tagger, sweep{types: []string{"HostSystem"}, properties: hostProperties}, func(o entry) error {
		var h mo.HostSystem
		if err := o.load(&h); err != nil {
			return err
		}
		where.add(o.Obj, h.Parent)
		env := r.envelope(o.Obj, h.Name)
		unread(&env, o, hostUnread)
		where.place(r, &env, &o.Obj, true)
		for _, n := range h.Network {
			r.relate(&env, "connected_to", "network", n)
		}
		for _, d := range h.Datastore {
			r.relate(&env, "uses", "storage_pool", d)
		}
		tagger.tag(&env, o.Obj, h.CustomValue)
		attrs := translateHost(&env, &h)
		attrs.Folder = folder(h.Parent)
		return r.emit(ctx, env, attrs, hostFields(&h))
	})
}

func hostFields(h *mo.HostSystem) *serverFields {
	fields := &serverFields{EVCMode: h.Summary.CurrentEVCModeKey}
	if h.Config != nil {
		fields.LockdownMode = string(h.Config.LockdownMode)
	}
	return fields
}

func translateHost(env *resource.Envelope, h *mo.HostSystem) *schema.Server {
	attrs := &schema.Server{
		Type: "hypervisor", PowerState: powerState(string(h.Runtime.PowerState)), ConnectionState: string(h.Runtime.ConnectionState),
		Maintenance: &h.Runtime.InMaintenanceMode, UptimeSeconds: int64(h.Summary.QuickStats.Uptime), Architecture: "x86_64",
		OS: schema.OperatingSystem{Family: "esxi"},
	}
	if h.Runtime.BootTime != nil {
		attrs.BootedAt = h.Runtime.BootTime.UTC()
	}
	if hw := h.Summary.Hardware; hw != nil {
		attrs.Manufacturer, attrs.Model, attrs.CPUModel = hw.Vendor, hw.Model, hw.CpuModel
		attrs.CPUCount, attrs.CPUSocketCount, attrs.CPUMHz = int(hw.NumCpuThreads), int(hw.NumCpuPkgs), int(hw.CpuMhz)
		if hw.NumCpuPkgs > 0 {
			attrs.CPUCoresPerSocket = int(hw.NumCpuCores / hw.NumCpuPkgs)
		}
		attrs.MemoryBytes = hw.MemorySize
		identify(env, "bios_uuid", hw.Uuid)
		identifySerials(env, hw.OtherIdentifyingInfo)
	}
	if h.Hardware != nil {
		identify(env, "bios_uuid", h.Hardware.SystemInfo.Uuid)
		identify(env, "serial", h.Hardware.SystemInfo.SerialNumber)
		identifySerials(env, h.Hardware.SystemInfo.OtherIdentifyingInfo)
		if bios := h.Hardware.BiosInfo; bios != nil {
			attrs.FirmwareVersion = bios.BiosVersion
			switch bios.FirmwareType {
			case "UEFI":
				attrs.Firmware = "uefi"
			case "BIOS":
				attrs.Firmware = "bios"
			}
		}
	}
	if h.Config == nil {
		return attrs
	}
	attrs.OS.Name, attrs.OS.Version, attrs.OS.Kernel = h.Config.Product.Name, h.Config.Product.Version, h.Config.Product.Build
	if n := h.Config.Network; n != nil {
		hostNetwork(env, n, attrs)
	}
	// vCenter lists hosts by the name or the address under which they were added.
	if attrs.Hostname == "" {
		attrs.Hostname = h.Name
	}
	identify(env, "fqdn", attrs.Hostname)
	return attrs
}

// identifySerials finds the serial number among what a mainboard says of itself. The enclosure's, which blades
// share, goes by another name.
func identifySerials(env *resource.Envelope, info []types.HostSystemIdentificationInfo) {
	for _, i := range info {
		key := ""
		if i.IdentifierType != nil {
			key = i.IdentifierType.GetElementDescription().Key
		}
		if (key == "SerialNumberTag" || key == "ServiceTag") && !slices.ContainsFunc(env.Identifiers, func(id resource.Identifier) bool { return id.Type == "serial" }) {
			identify(env, "serial", i.IdentifierValue)
		}
	}
}

func hostNetwork(env *resource.Envelope, n *types.HostNetworkInfo, attrs *schema.Server) {
	for _, p := range n.Pnic {
		a := schema.ServerNetworkAdapter{Name: p.Device, Type: p.Driver, Connected: pointer(p.LinkSpeed != nil)}
		if mac, ok := schema.NormalizeIdentifier("mac", p.Mac); ok {
			a.MAC = mac
			identify(env, "mac", mac)
		}
		attrs.NetworkAdapters = append(attrs.NetworkAdapters, a)
	}
	for _, v := range n.Vnic {
		if v.Spec.Ip == nil {
			continue
		}
		if ip, ok := address(v.Spec.Ip.IpAddress); ok && !slices.Contains(attrs.IPAddresses, ip) {
			attrs.IPAddresses = append(attrs.IPAddresses, ip)
			if attrs.PrimaryIP == "" {
				attrs.PrimaryIP = ip
			}
		}
	}
	slices.Sort(attrs.IPAddresses)
	if n.DnsConfig == nil {
		return
	}
	if dns := n.DnsConfig.GetHostDnsConfig(); dns != nil && dns.HostName != "" && dns.HostName != "localhost" {
		attrs.Hostname = dns.HostName
		if dns.DomainName != "" {
			attrs.Hostname += "." + dns.DomainName
		}
	}
}
