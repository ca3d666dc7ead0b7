package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// nic is a network interface as it is reported.
type nic struct {
	netInterface
	name      string
	kind      string // the attribute "type"
	mac       string
	hardware  bool // its MAC address belongs to this machine alone
	addresses []netip.Prefix
	master    string
}

func (s *session) networkInterfaces(ctx context.Context, out provider.Emitter) error {
	m := s.machine
	id, err := m.id()
	if err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	nics, err := s.readInterfaces()
	if err != nil {
		return fmt.Errorf("list network interfaces: %w", err)
	}
	out.Page()
	for _, n := range nics {
		env := resource.Envelope{
			Kind: "network_interface", ExternalID: id + "/nic/" + n.name, Name: n.name,
			Relations: []resource.Relation{{Verb: "attached_to", Kind: "server", ExternalID: id}},
		}
		if n.mac != "" && n.hardware {
			env.Identifiers = identifier(env.Identifiers, "mac", n.mac)
		}
		if slices.ContainsFunc(nics, func(o nic) bool { return o.name == n.master }) {
			env.Relations = append(env.Relations, resource.Relation{Verb: "member_of", Kind: "network_interface", ExternalID: id + "/nic/" + n.master})
		}
		if err := emit(ctx, out, env, m.interfaceAttributes(n)); err != nil {
			return err
		}
	}
	return nil
}

// readInterfaces lists what is reported, sorted by name.
func (s *session) readInterfaces() ([]nic, error) {
	m := s.machine
	list, err := m.interfaces()
	if err != nil {
		return nil, err
	}
	temporary := m.temporaryAddresses()
	container := m.inContainer()
	var out []nic
	for _, i := range list {
		n := nic{netInterface: i, name: i.Name, kind: m.interfaceType(i)}
		n.mac, _ = schema.NormalizeIdentifier("mac", cmp.Or(m.text("/sys/class/net/"+i.Name+"/bonding_slave/perm_hwaddr"), i.HardwareAddr.String()))
		if m.goos == "linux" {
			n.hardware = !container && m.exists("/sys/class/net/"+i.Name+"/device")
		} else {
			n.hardware = n.kind == "ethernet" && len(i.HardwareAddr) == 6 && i.HardwareAddr[0]&2 == 0
		}
		if target, err := filepath.EvalSymlinks(m.path("/sys/class/net/" + i.Name + "/master")); err == nil {
			n.master = filepath.Base(target)
		}
		global := false
		for _, a := range i.Addresses {
			ip, ok := netip.AddrFromSlice(a.IP)
			if !ok || temporary[ip.Unmap()] {
				continue
			}
			ones, _ := a.Mask.Size()
			n.addresses = append(n.addresses, netip.PrefixFrom(ip.Unmap(), ones))
			global = global || !ip.IsLinkLocalUnicast()
		}
		if n.kind == "virtual" && !global && !s.settings.VirtualInterfaces {
			continue
		}
		slices.SortFunc(n.addresses, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b nic) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func (m *machine) interfaceAttributes(n nic) schema.NetworkInterface {
	at := "/sys/class/net/" + n.name
	attrs := schema.NetworkInterface{
		Type: n.kind, Status: m.interfaceStatus(n), DeviceName: n.name, MTUBytes: n.MTU,
	}
	if used, ok := schema.NormalizeIdentifier("mac", n.HardwareAddr.String()); ok && (!n.hardware || used != n.mac) {
		attrs.MAC = used
	}
	if mbits := m.number(at + "/speed"); mbits > 0 {
		attrs.Speed = mbits * 1_000_000
	}
	if d := m.text(at + "/duplex"); d == "full" || d == "half" {
		attrs.Duplex = d
	}
	if driver, err := filepath.EvalSymlinks(m.path(at + "/device/driver")); err == nil {
		attrs.Driver = filepath.Base(driver)
	}
	if vlan, ok := m.vlanID(n.name); ok {
		attrs.VLANID = &vlan
	}
	for _, p := range n.addresses {
		a := schema.InterfaceAddress{IP: schema.IP(p.Addr().String()), PrefixLength: p.Bits()}
		if attrs.PrimaryIP == "" && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			attrs.PrimaryIP = a.IP
		}
		attrs.Addresses = append(attrs.Addresses, a)
	}
	return attrs
}

func (m *machine) interfaceType(i netInterface) string {
	at := "/sys/class/net/" + i.Name
	devtype := ""
	for line := range strings.Lines(m.text(at + "/uevent")) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVTYPE="); ok {
			devtype = v
		}
	}
	switch {
	case i.Flags&net.FlagLoopback != 0:
		return "loopback"
	case devtype == "wlan" || m.exists(at+"/wireless"):
		return "wireless"
	case devtype == "bridge" || m.exists(at+"/bridge"):
		return "bridge"
	case devtype == "bond" || m.exists(at+"/bonding"):
		return "bond"
	case devtype == "vlan":
		return "vlan"
	case devtype == "wireguard" || devtype == "vxlan" || devtype == "geneve" || m.exists(at+"/tun_flags") || i.Flags&net.FlagPointToPoint != 0:
		return "tunnel"
	case m.exists(at + "/device"):
		return "ethernet"
	case m.goos != "linux" && len(i.HardwareAddr) == 6:
		return "ethernet"
	}
	return "virtual"
}

func (m *machine) interfaceStatus(n nic) string {
	switch m.text("/sys/class/net/" + n.name + "/operstate") {
	case "up":
		return "up"
	case "down", "lowerlayerdown", "notpresent":
		return "down"
	}
	// Loopback and tunnels have no state of their own.
	if n.Flags&net.FlagUp != 0 {
		return "up"
	}
	return "down"
}

func (m *machine) vlanID(name string) (int, bool) {
	for line := range strings.Lines(m.text("/proc/net/vlan/" + name)) {
		if _, after, ok := strings.Cut(line, "VID:"); ok {
			if f := strings.Fields(after); len(f) > 0 {
				id, err := strconv.Atoi(f[0])
				return id, err == nil
			}
		}
	}
	return 0, false
}

// temporaryAddresses are IPv6 addresses that the kernel makes up for privacy and changes every day.
func (m *machine) temporaryAddresses() map[netip.Addr]bool {
	const temporary = 0x01
	out := map[netip.Addr]bool{}
	for line := range strings.Lines(m.text("/proc/net/if_inet6")) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		raw, err := hex.DecodeString(f[0])
		flags, err2 := strconv.ParseUint(f[4], 16, 32)
		if ip, ok := netip.AddrFromSlice(raw); err == nil && err2 == nil && ok && flags&temporary != 0 {
			out[ip] = true
		}
	}
	return out
}

// defaultRouteInterface is the way to everywhere else, whose address is the one that people mean.
func (m *machine) defaultRouteInterface() string {
	for line := range strings.Lines(m.text("/proc/net/route")) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			return f[0]
		}
	}
	return ""
}
