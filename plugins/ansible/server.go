package ansible

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// ServerFields are what Ansible knows of a server and the built-in kind has no field for.
type ServerFields struct {
	ServiceManager string    `json:"service_manager,omitempty" label:"Service manager" maestro:"indexed" example:"systemd"`
	PackageManager string    `json:"package_manager,omitempty" label:"Package manager" maestro:"indexed" example:"apt"`
	Release        string    `json:"release,omitempty" label:"OS release" example:"bookworm"`
	BIOSDate       string    `json:"bios_date,omitempty" label:"BIOS date"`
	BoardName      string    `json:"board_name,omitempty" label:"Board"`
	SwapBytes      int64     `json:"swap_bytes,omitempty" label:"Swap"`
	NameServers    []string  `json:"name_servers,omitempty" label:"DNS servers"`
	SearchDomains  []string  `json:"search_domains,omitempty" label:"DNS search domains"`
	SELinux        string    `json:"selinux,omitempty" label:"SELinux" help:"Its mode, or disabled."`
	AppArmor       string    `json:"apparmor,omitempty" label:"AppArmor"`
	FIPS           *bool     `json:"fips,omitempty" label:"FIPS mode" maestro:"indexed"`
	PythonVersion  string    `json:"python_version,omitempty" label:"Python"`
	GatheredAt     time.Time `json:"gathered_at,omitzero" label:"Facts of" maestro:"volatile" help:"When Ansible gathered them, by the clock of the host."`
}

// server is the kind's attributes with ours.
type server struct {
	schema.Server
	Ansible ServerFields `json:"ansible,omitzero"`
}

func (s *session) server(ctx context.Context, out provider.Emitter, h *host) error {
	f := h.facts
	env := resource.Envelope{Kind: "server", ExternalID: h.name, Name: h.name, Identifiers: identifiers(h)}
	a := server{Server: schema.Server{
		Type: machineType(f), PowerState: "on", Hostname: firstOf(f.text("ansible_nodename"), f.text("ansible_hostname")),
		OS: operatingSystem(f), Architecture: architecture(f),
		CPUCount: cpuCount(f), CPUSocketCount: int(f.number("ansible_processor_count")),
		CPUCoresPerSocket: int(f.number("ansible_processor_cores")), CPUModel: cpuModel(f),
		MemoryBytes:  f.number("ansible_memtotal_mb") << 20, // Ansible's MB are MiB
		Manufacturer: firstOf(f.text("ansible_system_vendor"), f.text("ansible_product_vendor")), Model: f.text("ansible_product_name"),
		FirmwareVersion: f.text("ansible_bios_version"), VirtualizationType: virtualization(f),
		PrimaryIP: schema.IP(primaryAddress(f)), IPAddresses: addresses(f), DNSNames: dnsNames(f),
		UptimeSeconds: f.number("ansible_uptime_seconds"), Services: runningServices(f),
	}}
	for _, d := range h.disks() {
		a.DiskBytes += d.attrs.SizeBytes
	}
	if user := f.text("ansible_user_id"); user != "" {
		a.Users = []string{user}
	}
	dns := f.object("ansible_dns")
	a.Ansible = ServerFields{
		ServiceManager: f.text("ansible_service_mgr"), PackageManager: f.text("ansible_pkg_mgr"), Release: f.text("ansible_distribution_release"),
		BIOSDate: f.text("ansible_bios_date"), BoardName: f.text("ansible_board_name"), SwapBytes: f.number("ansible_swaptotal_mb") << 20,
		NameServers: dns.texts("nameservers"), SearchDomains: dns.texts("search"), SELinux: mode(f.object("ansible_selinux")),
		AppArmor: f.object("ansible_apparmor").text("status"), PythonVersion: f.text("ansible_python_version"),
		GatheredAt: gathered(f.object("ansible_date_time")),
	}
	if _, ok := f["ansible_fips"]; ok {
		fips := f.flag("ansible_fips")
		a.Ansible.FIPS = &fips
	}
	return emit(ctx, out, env, a)
}

// identifiers are what other sources know the machine by. A container sees its host's serial numbers: they are not its
// own.
func identifiers(h *host) []resource.Identifier {
	f := h.facts
	var list []resource.Identifier
	if machineType(f) != "container" {
		list = identify(list, "bios_uuid", f.text("ansible_product_uuid"))
		serial := f.text("ansible_product_serial")
		list = identify(list, "serial", serial)
		// VMware's serial number is the BIOS UUID in the order in which vCenter writes it; SMBIOS may swap its bytes, and
		// Windows' facts have no other.
		if uuid, ok := strings.CutPrefix(serial, "VMware-"); ok {
			list = identify(list, "bios_uuid", uuid)
		}
	}
	list = identify(list, "machine_id", f.text("ansible_machine_id"))
	list = identify(list, "fqdn", f.text("ansible_fqdn"))
	for _, i := range h.ports() {
		if i.real {
			list = identify(list, "mac", i.mac)
		}
	}
	return list
}

func machineType(f facts) string {
	kind := f.text("ansible_virtualization_type")
	switch {
	case f.text("ansible_virtualization_role") != "guest":
		// "host" is said of every machine whose kernel could run guests, so it makes no hypervisor.
		if f.text("ansible_virtualization_role") == "" && kind == "" && f.text("ansible_system") == "" {
			return ""
		}
		return "physical"
	case slices.Contains([]string{"docker", "podman", "lxc", "container", "containerd", "openvz", "systemd-nspawn", "wsl", "jail", "zone"}, strings.ToLower(kind)):
		return "container"
	}
	return "virtual"
}

func virtualization(f facts) string {
	if f.text("ansible_virtualization_role") != "guest" {
		return ""
	}
	return strings.ToLower(f.text("ansible_virtualization_type"))
}

func operatingSystem(f facts) schema.OperatingSystem {
	system := strings.ToLower(firstOf(f.text("ansible_system"), f.text("ansible_os_family")))
	family := map[string]string{"linux": "linux", "windows": "windows", "win32nt": "windows", "darwin": "macos", "freebsd": "freebsd", "openbsd": "openbsd",
		"netbsd": "netbsd", "sunos": "solaris", "aix": "aix"}[system]
	if family == "" && system != "" {
		family = "other"
	}
	return schema.OperatingSystem{Family: family, Name: f.text("ansible_distribution"), Version: f.text("ansible_distribution_version"),
		Kernel: f.text("ansible_kernel")}
}

func architecture(f facts) string {
	// Windows says "64-bit" and, in newer versions, the machine's own word.
	a := firstOf(f.text("ansible_architecture2"), f.text("ansible_architecture"), f.text("ansible_machine"))
	switch strings.ToLower(a) {
	case "64-bit", "amd64":
		return "x86_64"
	case "32-bit":
		return "x86"
	}
	return a
}

// cpuModel is the third of the words about a processor where the first is its number (Linux, Windows); others have the
// model alone.
func cpuModel(f facts) string {
	words := f.texts("ansible_processor")
	model := ""
	if len(words) > 0 {
		model = words[0]
		if _, err := strconv.Atoi(words[0]); err == nil {
			model = words[min(2, len(words)-1)]
		}
	}
	return strings.Join(strings.Fields(model), " ")
}

// cpuCount is the number of logical processors, for systems that do not say it by the product of what they do say.
func cpuCount(f facts) int {
	sockets, cores := max(f.number("ansible_processor_count"), 1), max(f.number("ansible_processor_cores"), 1)
	if f.text("ansible_processor_count") == "" {
		sockets = 0
	}
	return int(firstNumber(f.number("ansible_processor_vcpus"), f.number("ansible_processor_nproc"), sockets*cores))
}

func primaryAddress(f facts) string {
	for _, name := range []string{"ansible_default_ipv4", "ansible_default_ipv6"} {
		if a, ok := address(f.object(name).text("address")); ok {
			return a
		}
	}
	for _, text := range f.texts("ansible_ip_addresses") { // Windows
		if a, ok := address(text); ok {
			return a
		}
	}
	return ""
}

func addresses(f facts) []schema.IP {
	var out []schema.IP
	for _, name := range []string{"ansible_all_ipv4_addresses", "ansible_all_ipv6_addresses", "ansible_ip_addresses"} {
		for _, text := range f.texts(name) {
			if a, ok := address(text); ok && !strings.HasPrefix(a, "fe80:") && !slices.Contains(out, schema.IP(a)) {
				out = append(out, schema.IP(a))
			}
		}
	}
	return out
}

func dnsNames(f facts) []string {
	if name, ok := schema.NormalizeIdentifier("fqdn", f.text("ansible_fqdn")); ok {
		return []string{name}
	}
	return nil
}

func mode(f facts) string {
	if f.text("status") == "enabled" {
		return firstOf(f.text("mode"), "enabled")
	}
	return f.text("status")
}

func gathered(f facts) time.Time {
	at, err := time.Parse(time.RFC3339, f.text("iso8601"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
