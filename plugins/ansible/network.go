package ansible

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// port is one interface, in the one shape behind the many.
type port struct {
	name, mac string
	// real says that its address is the machine's own and not made up by software that comes and goes.
	real  bool
	attrs schema.NetworkInterface
}

// virtualPrefixes begin the names of interfaces that software makes.
var virtualPrefixes = []string{"lo", "veth", "docker", "br-", "virbr", "ifb", "dummy", "tun", "tap", "cni", "flannel", "cali", "vnet", "lxc", "lxd", "podman",
	"kube", "nodelocal", "wg", "ovs", "qvo", "qvb", "qbr", "gre", "sit", "ip6tnl", "teql", "pflog", "enc", "utun", "awdl", "llw"}

func interfaces(f facts) []port {
	var out []port
	seen := map[string]bool{}
	for _, i := range f.objects("ansible_interfaces") { // Windows
		p := port{name: firstOf(i.text("connection_name"), i.text("interface_name")), mac: i.text("macaddress"), real: i.text("macaddress") != ""}
		p.attrs = schema.NetworkInterface{Type: "ethernet", Status: "unknown", Description: i.text("interface_name"), MTUBytes: int(i.number("mtu")),
			Speed: i.number("speed") * 1_000_000}
		p.attrs.Addresses = append(ipv4Of(i), ipv6Of(i)...)
		out = append(out, p)
		seen[p.name] = true
	}
	for _, name := range f.texts("ansible_interfaces") {
		// The fact's name has no dashes, dots or colons.
		i := f.object("ansible_" + strings.NewReplacer("-", "_", ".", "_", ":", "_", "@", "_").Replace(name))
		if i == nil || seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, unixPort(name, i))
	}
	slices.SortFunc(out, func(a, b port) int { return strings.Compare(a.name, b.name) })
	return out
}

func unixPort(name string, i facts) port {
	p := port{name: name, mac: firstOf(i.text("perm_macaddress"), i.text("macaddress"))}
	virtual := slices.ContainsFunc(virtualPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	// A bond or VLAN has the address of an interface below it, which is known by it already.
	p.real = !virtual && p.mac != "" && !slices.Contains([]string{"bridge", "loopback", "bonding", "team", "vlan"}, i.text("type")) && !strings.Contains(name, ".") &&
		i.text("vlan") == ""
	p.attrs = schema.NetworkInterface{Type: portType(name, i.text("type"), virtual), Status: "down", MTUBytes: int(i.number("mtu")),
		Driver: i.text("module"), Speed: max(i.number("speed"), 0) * 1_000_000}
	if i.flag("active") || strings.EqualFold(i.text("status"), "active") || slices.Contains(i.texts("flags"), "UP") {
		p.attrs.Status = "up"
	}
	if mac, ok := schema.NormalizeIdentifier("mac", i.text("macaddress")); ok {
		p.attrs.MAC = mac
	}
	p.attrs.Addresses = append(ipv4Of(i), ipv6Of(i)...)
	if id := i.text("vlanid"); id != "" {
		if n, err := strconv.Atoi(id); err == nil {
			p.attrs.VLANID = &n
		}
	}
	return p
}

func portType(name, typ string, virtual bool) string {
	switch typ {
	case "loopback", "bridge", "tunnel", "vlan":
		return typ
	case "bonding", "team":
		return "bond"
	case "ether", "ethernet":
		if virtual {
			return "virtual"
		}
		return "ethernet"
	}
	switch {
	case strings.HasPrefix(name, "lo"):
		return "loopback"
	case virtual:
		return "virtual"
	case typ == "":
		return "ethernet"
	}
	return "other"
}

// ipv4Of are the addresses of one family: one object on Linux, a list on BSD, with more in a fact beside it.
func ipv4Of(i facts) []schema.InterfaceAddress {
	var out []schema.InterfaceAddress
	for _, a := range append(i.objects("ipv4"), i.objects("ipv4_secondaries")...) {
		ip, ok := address(a.text("address"))
		if !ok {
			continue
		}
		out = append(out, schema.InterfaceAddress{IP: schema.IP(ip), PrefixLength: prefixOf(a)})
	}
	return out
}

func ipv6Of(i facts) []schema.InterfaceAddress {
	var out []schema.InterfaceAddress
	for _, a := range i.objects("ipv6") {
		if ip, ok := address(strings.SplitN(a.text("address"), "%", 2)[0]); ok {
			out = append(out, schema.InterfaceAddress{IP: schema.IP(ip), PrefixLength: int(a.number("prefix"))})
		}
	}
	return out
}

// prefixOf is the length, which older versions give as a mask only.
func prefixOf(a facts) int {
	if n := a.number("prefix"); n > 0 && n <= 128 {
		return int(n)
	}
	mask, bits := a.text("netmask"), 0
	if hex, ok := strings.CutPrefix(mask, "0x"); ok { // BSD
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			return 0
		}
		for ; n != 0; n &= n - 1 {
			bits++
		}
		return bits
	}
	for part := range strings.SplitSeq(mask, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return 0
		}
		for ; n != 0; n &= n - 1 {
			bits++
		}
	}
	return bits
}

func distinct(list []schema.InterfaceAddress) []schema.InterfaceAddress {
	var out []schema.InterfaceAddress
	for _, a := range list {
		if !slices.ContainsFunc(out, func(b schema.InterfaceAddress) bool { return a.IP == b.IP }) {
			out = append(out, a)
		}
	}
	return out
}

func (s *session) networkInterfaces(ctx context.Context, out provider.Emitter, h *host) error {
	emitted, shared := map[string]bool{}, map[string]int{}
	ports := h.ports()
	for _, p := range ports {
		if p.real {
			shared[p.mac]++
		}
	}
	for _, p := range ports {
		if p.name == "" || emitted[p.name] || p.attrs.Type == "loopback" {
			continue
		}
		emitted[p.name] = true
		env := resource.Envelope{Kind: "network_interface", ExternalID: h.name + "/" + p.name, Name: p.name,
			Relations: []resource.Relation{{Verb: "attached_to", Kind: "server", ExternalID: h.name}}}
		if p.real && shared[p.mac] == 1 { // what several share names none of them
			env.Identifiers = identify(env.Identifiers, "mac", p.mac)
		}
		p.attrs.DeviceName = p.name
		p.attrs.Addresses = distinct(p.attrs.Addresses)
		for _, a := range p.attrs.Addresses {
			if !strings.HasPrefix(string(a.IP), "fe80:") {
				p.attrs.PrimaryIP = a.IP
				break
			}
		}
		if len(env.Identifiers) > 0 && env.Identifiers[0].Value == p.attrs.MAC {
			p.attrs.MAC = "" // said already
		}
		if err := emit(ctx, out, env, p.attrs); err != nil {
			return err
		}
	}
	return nil
}
