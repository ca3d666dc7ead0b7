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
// their own, since the property collector knows one set of properties per type.
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
	return r.each(ctx, sweep{types: []string{"Network"}, properties: []string{"name", "summary", "customValue"}}, func(o entry) error {
		name := ""
		var custom []types.BaseCustomFieldValue
		attrs := &schema.Network{Type: "port_group"}
		for _, p := range o.PropSet {
			switch v := p.Val.(type) {
			case string:
				name = v
			case types.ArrayOfCustomFieldValue:
				custom = v.CustomFieldValue
			case types.OpaqueNetworkSummary:
				attrs.Type = "overlay"
			}
		}
		env := r.envelope(o.Obj, name)
		unread(&env, o, map[string][]string{"name": {"/name"}, "customValue": {"/tags"}, "summary": {"/attributes/type"}})
		tagger.tag(&env, custom)
		if o.Obj.Type == "OpaqueNetwork" {
			attrs.Type = "overlay"
		}
		if g, ok := groups[o.Obj]; ok {
			if denied[o.Obj] {
				env.Unread = append(env.Unread, "/attributes/vlan_id", "/attributes/port_count", "/attributes/switch_name", "/attributes/mtu_bytes", "/attributes/is_uplink")
			}
			if ref := g.Config.DistributedVirtualSwitch; ref != nil {
				r.relate(&env, "part_of", "router", *ref)
			}
			translatePortgroup(g, switches, attrs)
		}
		return r.emit(ctx, env, attrs)
	})
}

func translatePortgroup(g mo.DistributedVirtualPortgroup, switches map[types.ManagedObjectReference]mo.DistributedVirtualSwitch, attrs *schema.Network) {
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
	setting, ok := g.Config.DefaultPortConfig.(*types.VMwareDVSPortSetting)
	if !ok || setting.Vlan == nil {
		return
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
