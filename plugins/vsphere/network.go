package vsphere

import (
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/schema"
)

// readNetworks emits port groups and networks. What is special about distributed port groups is read in a sweep of
// their own, since the property collector knows one set of properties per type; what is special about standard ones
// only their hosts know.
func readNetworks(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	switches := map[types.ManagedObjectReference]mo.DistributedVirtualSwitch{}
	err := r.each(ctx, sweep{types: []string{"DistributedVirtualSwitch"}, properties: []string{"name", "config"}}, func(o entry) error {
		var s mo.DistributedVirtualSwitch
		err := o.load(&s)
		switches[o.Obj] = s
		return err
	})
	if err != nil {
		return err
	}
	groups := map[types.ManagedObjectReference]mo.DistributedVirtualPortgroup{}
	denied := map[types.ManagedObjectReference]bool{}
	err = r.each(ctx, sweep{types: []string{"DistributedVirtualPortgroup"}, properties: []string{"config"}}, func(o entry) error {
		var g mo.DistributedVirtualPortgroup
		err := o.load(&g)
		groups[o.Obj], denied[o.Obj] = g, len(o.denied) > 0
		return err
	})
	if err != nil {
		return err
	}
	standard, err := r.standardGroups(ctx)
	if err != nil {
		return err
	}
	return r.tagged(ctx, tagger, sweep{types: []string{"Network"}, properties: []string{"name", "summary", "host", "customValue"}}, func(o entry) error {
		var n networkEntry
		n.read(o)
		env := r.envelope(o.Obj, n.name)
		unread(&env, o, map[string][]string{"name": {"/name"}, "customValue": {"/tags"}, "summary": {"/attributes/type"}})
		tagger.tag(&env, o.Obj, n.custom)
		attrs, fields := &schema.Network{Type: "port_group"}, &networkFields{}
		if n.opaque {
			attrs.Type = "overlay"
		}
		if g, ok := groups[o.Obj]; ok {
			if denied[o.Obj] {
				env.Unread = append(env.Unread, "/attributes/vlan_id", "/attributes/port_count", "/attributes/switch_name", "/attributes/mtu_bytes", "/attributes/is_uplink", "/attributes/vsphere")
			}
			if ref := g.Config.DistributedVirtualSwitch; ref != nil {
				r.relate(&env, "part_of", "router", *ref)
			}
			translatePortgroup(g, switches, attrs, fields)
		} else if o.Obj.Type == "Network" {
			standard.translate(r, &env, n, attrs, fields)
		}
		return r.emit(ctx, env, attrs, fields)
	})
}

// networkEntry is what all sorts of networks have in common.
type networkEntry struct {
	name   string
	hosts  []types.ManagedObjectReference
	custom []types.BaseCustomFieldValue
	opaque bool
}

func (n *networkEntry) read(o entry) {
	n.opaque = o.Obj.Type == "OpaqueNetwork"
	for _, p := range o.PropSet {
		switch v := p.Val.(type) {
		case string:
			n.name = v
		case types.ArrayOfManagedObjectReference:
			n.hosts = v.ManagedObjectReference
		case types.ArrayOfCustomFieldValue:
			n.custom = v.CustomFieldValue
		case types.OpaqueNetworkSummary:
			n.opaque = true
		}
	}
}

func translatePortgroup(g mo.DistributedVirtualPortgroup, switches map[types.ManagedObjectReference]mo.DistributedVirtualSwitch, attrs *schema.Network, fields *networkFields) {
	attrs.Type = "distributed_port_group"
	if g.Config.BackingType == "nsx" {
		attrs.Type = "overlay"
	}
	attrs.PortCount, attrs.Description, attrs.IsUplink = int(g.Config.NumPorts), g.Config.Description, g.Config.Uplink
	if ref := g.Config.DistributedVirtualSwitch; ref != nil {
		if s, ok := switches[*ref]; ok {
			attrs.SwitchName = plainName(s.Name)
			if c, ok := s.Config.(*types.VMwareDVSConfigInfo); ok {
				attrs.MTUBytes = int(c.MaxMtu)
			}
		}
	}
	fields.PortBinding = g.Config.Type
	setting, ok := g.Config.DefaultPortConfig.(*types.VMwareDVSPortSetting)
	if !ok {
		return
	}
	if p := setting.SecurityPolicy; p != nil {
		value := func(p *types.BoolPolicy) *bool {
			if p == nil {
				return nil
			}
			return p.Value
		}
		fields.AllowPromiscuous, fields.ForgedTransmits, fields.MACChanges = value(p.AllowPromiscuous), value(p.ForgedTransmits), value(p.MacChanges)
	}
	switch v := setting.Vlan.(type) {
	case *types.VmwareDistributedVirtualSwitchVlanIdSpec:
		attrs.VLANID = pointer(int(v.VlanId))
	case *types.VmwareDistributedVirtualSwitchTrunkVlanSpec:
		for _, span := range v.VlanId {
			attrs.VLANRanges = append(attrs.VLANRanges, fmt.Sprintf("%d-%d", span.Start, span.End))
		}
		slices.Sort(attrs.VLANRanges)
	case *types.VmwareDistributedVirtualSwitchPvlanSpec:
		attrs.VLANID = pointer(int(v.PvlanId))
	}
}
