package host

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func (s *session) servers(ctx context.Context, out provider.Emitter) error {
	m := s.machine
	id, err := m.id()
	if err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	env := resource.Envelope{Kind: "server", ExternalID: id}
	attrs, err := s.serverAttributes(ctx, out, &env)
	if err != nil {
		return err
	}
	out.Page()
	return emit(ctx, out, env, attrs)
}

func (s *session) serverAttributes(ctx context.Context, out provider.Emitter, env *resource.Envelope) (*schema.Server, error) {
	m := s.machine
	ctx = m.withRoot(ctx)
	hostname, err := m.hostname()
	if err != nil {
		return nil, fmt.Errorf("read host name: %w", err)
	}
	env.Name = hostname
	attrs := &schema.Server{Type: "physical", PowerState: "on", Hostname: hostname}

	if info, err := host.InfoWithContext(ctx); err != nil {
		// One odd file must not hide the machine.
		out.Warn("read operating system: %v", err)
		env.Unread = append(env.Unread, "/attributes/os")
	} else {
		attrs.Architecture = info.KernelArch
		attrs.OS = m.operatingSystem(info)
		attrs.BootedAt = time.Unix(int64(info.BootTime), 0).UTC()
		attrs.UptimeSeconds = int64(info.Uptime)
		if info.VirtualizationRole == "guest" && info.VirtualizationSystem != "docker" {
			attrs.Type, attrs.VirtualizationType = "virtual", info.VirtualizationSystem
		}
	}
	s.hardware(ctx, out, env, attrs)
	if m.inContainer() {
		attrs.Type = "container"
	} else {
		env.Identifiers = identifier(env.Identifiers, "machine_id", m.machineID())
		found, unread := m.dmiIdentifiers()
		env.Identifiers, env.Unread = append(env.Identifiers, found...), append(env.Unread, unread...)
	}
	env.Identifiers = identifier(env.Identifiers, "fqdn", hostname)
	return attrs, s.serverNetwork(env, attrs)
}

func (s *session) hardware(ctx context.Context, out provider.Emitter, env *resource.Envelope, attrs *schema.Server) {
	m := s.machine
	if n, err := cpu.CountsWithContext(ctx, true); err == nil {
		attrs.CPUCount = n
	} else {
		out.Warn("count processors: %v", err)
		env.Unread = append(env.Unread, "/attributes/cpu_count")
	}
	if list, err := cpu.InfoWithContext(ctx); err == nil && len(list) > 0 {
		attrs.CPUModel = strings.Join(strings.Fields(list[0].ModelName), " ")
		if attrs.Type == "physical" && slices.Contains(list[0].Flags, "hypervisor") {
			attrs.Type = "virtual"
		}
		sockets := map[string]map[string]bool{}
		for _, c := range list {
			if c.PhysicalID != "" {
				if sockets[c.PhysicalID] == nil {
					sockets[c.PhysicalID] = map[string]bool{}
				}
				sockets[c.PhysicalID][c.CoreID] = true
			}
		}
		attrs.CPUSocketCount = len(sockets)
		for _, cores := range sockets {
			attrs.CPUCoresPerSocket = max(attrs.CPUCoresPerSocket, len(cores))
		}
		// The nominal speed where it is known; the present one changes all the time.
		attrs.CPUMHz = int(math.Round(float64(m.number("/sys/devices/system/cpu/cpu0/cpufreq/base_frequency")) / 1000))
	}
	if v, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		attrs.MemoryBytes = int64(v.Total)
	} else {
		out.Warn("read memory: %v", err)
		env.Unread = append(env.Unread, "/attributes/memory_bytes")
	}
	if m.inContainer() {
		return
	}
	attrs.Manufacturer = m.text("/sys/class/dmi/id/sys_vendor")
	attrs.Model = m.text("/sys/class/dmi/id/product_name")
	attrs.FirmwareVersion = m.text("/sys/class/dmi/id/bios_version")
	if m.exists("/sys/firmware/efi") {
		attrs.Firmware = "uefi"
	} else if m.exists("/sys/class/dmi/id/bios_version") {
		attrs.Firmware = "bios"
	}
	for _, d := range m.blockDevices() {
		if d.kind == "disk" {
			attrs.DiskBytes += d.size
		}
	}
}

func (s *session) serverNetwork(env *resource.Envelope, attrs *schema.Server) error {
	m := s.machine
	nics, err := s.readInterfaces()
	if err != nil {
		return fmt.Errorf("list network interfaces: %w", err)
	}
	gateway := m.defaultRouteInterface()
	for _, nic := range nics {
		if nic.mac != "" && nic.hardware {
			env.Identifiers = identifier(env.Identifiers, "mac", nic.mac)
		}
		for _, a := range nic.addresses {
			ip := a.Addr()
			if ip.IsLoopback() || ip.IsLinkLocalUnicast() || slices.Contains(attrs.IPAddresses, schema.IP(ip.String())) {
				continue
			}
			attrs.IPAddresses = append(attrs.IPAddresses, schema.IP(ip.String()))
			if attrs.PrimaryIP == "" && (gateway == "" || nic.name == gateway) {
				attrs.PrimaryIP = schema.IP(ip.String())
			}
			if attrs.PublicIP == "" && public(ip) {
				attrs.PublicIP = schema.IP(ip.String())
			}
		}
	}
	return nil
}

// public says whether the whole internet could reach the address.
func public(ip netip.Addr) bool {
	if !ip.Is4() || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	// Carriers' own addresses and those that are reserved for documentation and tests.
	for _, p := range []string{"100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"} {
		if netip.MustParsePrefix(p).Contains(ip) {
			return false
		}
	}
	return true
}

func (m *machine) operatingSystem(info *host.InfoStat) schema.OperatingSystem {
	os := schema.OperatingSystem{Family: "other", Name: info.Platform, Version: info.PlatformVersion, Kernel: info.KernelVersion}
	switch info.OS {
	case "linux", "windows", "freebsd", "openbsd", "netbsd", "solaris", "aix":
		os.Family = info.OS
	case "darwin":
		os.Family, os.Name = "macos", "macOS"
	}
	if os.Family != "linux" {
		return os
	}
	release := m.osRelease()
	if name := release["NAME"]; name != "" {
		os.Name = name
	}
	if v := release["VERSION_ID"]; v != "" {
		os.Version = v
	}
	return os
}

func (m *machine) osRelease() map[string]string {
	text := m.text("/etc/os-release")
	if text == "" {
		text = m.text("/usr/lib/os-release")
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[k] = strings.Trim(v, `"'`)
		}
	}
	return out
}
