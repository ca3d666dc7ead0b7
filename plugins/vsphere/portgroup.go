package vsphere

import (
	"context"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// trunk is the VLAN id by which a standard port group says that it passes all of them.
const trunk = 4095

// standardGroups are the standard port groups of hosts. vCenter shows those of one name in one datacenter as one network;
// which switch each host has it on, and under which VLAN, it keeps with the host.
type standardGroups struct {
	of    map[groupKey]types.HostPortGroup
	blind map[types.ManagedObjectReference]bool // hosts that do not show theirs
}

type groupKey struct {
	host types.ManagedObjectReference
	name string
}

func (r *reader) standardGroups(ctx context.Context) (standardGroups, error) {
	g := standardGroups{of: map[groupKey]types.HostPortGroup{}, blind: map[types.ManagedObjectReference]bool{}}
	const property = "config.network.portgroup"
	err := r.each(ctx, sweep{types: []string{"HostSystem"}, properties: []string{"config.network.vswitch", property}}, func(o entry) error {
		var h mo.HostSystem
		if err := o.load(&h); err != nil {
			return err
		}
		if h.Config == nil || h.Config.Network == nil {
			g.blind[o.Obj] = true
			return nil
		}
		for _, p := range h.Config.Network.Portgroup {
			g.of[groupKey{o.Obj, plainName(p.Spec.Name)}] = p
		}
		return nil
	})
	if n := len(g.blind); err == nil && n > 0 {
		r.out.Warn("%d hosts do not show their port groups: VLANs and switches of those are left as they were", n)
	}
	return g, err
}

// translate adds what the hosts of a standard port group agree on, and leads to the switch of each.
func (g standardGroups) translate(r *reader, env *resource.Envelope, n networkEntry, attrs *schema.Network, fields *networkFields) {
	var seen []types.HostPortGroup
	blind := false
	for _, host := range n.hosts {
		blind = blind || g.blind[host]
		if p, ok := g.of[groupKey{host, env.Name}]; ok {
			seen = append(seen, p)
			env.Relations = append(env.Relations, resource.Relation{Verb: "part_of", Kind: "router", ExternalID: r.switchID(host, p.Spec.VswitchName)})
		}
	}
	if blind {
		env.Unread = append(env.Unread, "/attributes/vlan_id", "/attributes/switch_name", "/attributes/vsphere")
	}
	if blind || len(seen) == 0 {
		return
	}
	if agree(seen, func(p types.HostPortGroup) string { return p.Spec.VswitchName }) {
		attrs.SwitchName = seen[0].Spec.VswitchName
	}
	if agree(seen, func(p types.HostPortGroup) int32 { return p.Spec.VlanId }) {
		if id := int(seen[0].Spec.VlanId); id == trunk {
			attrs.VLANRanges = []string{"0-4094"}
		} else {
			attrs.VLANID = pointer(id)
		}
	}
	for _, f := range []struct {
		to   **bool
		read func(*types.HostNetworkSecurityPolicy) *bool
	}{
		{&fields.AllowPromiscuous, func(p *types.HostNetworkSecurityPolicy) *bool { return p.AllowPromiscuous }},
		{&fields.ForgedTransmits, func(p *types.HostNetworkSecurityPolicy) *bool { return p.ForgedTransmits }},
		{&fields.MACChanges, func(p *types.HostNetworkSecurityPolicy) *bool { return p.MacChanges }},
	} {
		known := func(p types.HostPortGroup) string {
			if p.ComputedPolicy.Security == nil || f.read(p.ComputedPolicy.Security) == nil {
				return ""
			}
			return map[bool]string{true: "yes", false: "no"}[*f.read(p.ComputedPolicy.Security)]
		}
		if answer := known(seen[0]); answer != "" && agree(seen, known) {
			*f.to = pointer(answer == "yes")
		}
	}
}

// agree says whether all have the same.
func agree[T any, V comparable](list []T, of func(T) V) bool {
	for _, item := range list {
		if of(item) != of(list[0]) {
			return false
		}
	}
	return true
}

// switchID is the external id of a standard switch, which vCenter has no reference for.
func (r *reader) switchID(host types.ManagedObjectReference, name string) string {
	return r.id(host) + "/switch/" + name
}
