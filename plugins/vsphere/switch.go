package vsphere

import (
	"context"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/schema"
)

// readSwitches emits distributed switches and the standard switches of hosts. A standard switch has no reference
// of its own in vCenter: it is named within its host.
func readSwitches(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	properties := []string{"name", "parent", "config", "customValue"}
	err = r.tagged(ctx, tagger, sweep{types: []string{"DistributedVirtualSwitch"}, properties: properties}, func(o entry) error {
		var s mo.DistributedVirtualSwitch
		if err := o.load(&s); err != nil {
			return err
		}
		env := r.envelope(o.Obj, s.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"},
			"config": {"/attributes/port_count", "/attributes/mtu_bytes", "/attributes/version", "/attributes/manufacturer", "/attributes/description", "/attributes/host_count", "/attributes/provisioned_at"},
		})
		tagger.tag(&env, o.Obj, s.CustomValue)
		attrs := &schema.Router{Type: "distributed_switch", Distributed: pointer(true), Folder: folder(s.Parent)}
		if s.Config != nil {
			c := s.Config.GetDVSConfigInfo()
			attrs.PortCount, attrs.HostCount, attrs.Description = int(c.NumPorts), len(c.Host), c.Description
			attrs.Version, attrs.Manufacturer, attrs.Provisioned = c.ProductInfo.Version, c.ProductInfo.Vendor, c.CreateTime.UTC()
		}
		if c, ok := s.Config.(*types.VMwareDVSConfigInfo); ok {
			attrs.MTUBytes = int(c.MaxMtu)
		}
		return r.emit(ctx, env, attrs, nil)
	})
	if err != nil {
		return err
	}
	blind := 0
	err = r.each(ctx, sweep{types: []string{"HostSystem"}, properties: []string{"name", "config.network.vswitch", "config.network.pnic"}}, func(o entry) error {
		var h mo.HostSystem
		if err := o.load(&h); err != nil {
			return err
		}
		if h.Config == nil || h.Config.Network == nil {
			blind++
			return nil
		}
		devices := map[string]string{}
		for _, p := range h.Config.Network.Pnic {
			devices[p.Key] = p.Device
		}
		for _, s := range h.Config.Network.Vswitch {
			env := r.envelope(h.Self, h.Name+" / "+s.Name)
			env.ExternalID = r.switchID(h.Self, s.Name)
			r.relate(&env, "part_of", "server", h.Self)
			attrs := &schema.Router{Type: "switch", PortCount: int(s.NumPorts), MTUBytes: int(s.Mtu)}
			for _, key := range s.Pnic {
				if device := devices[key]; device != "" {
					attrs.Uplinks = append(attrs.Uplinks, device)
				}
			}
			if err := r.emit(ctx, env, attrs, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = unreadHosts(blind, "switches")
	}
	return err
}
