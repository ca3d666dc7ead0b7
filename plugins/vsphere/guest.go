package vsphere

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

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
