package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// unreadHosts ends a scope in which some hosts would not show their adapters.
func unreadHosts(hosts int, what string) error {
	if hosts == 0 {
		return nil
	}
	return &provider.Error{
		Status: resource.StatusPartial, Err: fmt.Errorf("%d hosts do not show their %s", hosts, what),
		Advice: "give the user the role Read-only on them, with propagation; a host that is not connected shows them when it is back",
	}
}

// readInterfaces emits the physical network adapters of hosts.
func readInterfaces(ctx context.Context, r *reader) error {
	blind := 0
	err := r.each(ctx, sweep{types: []string{"HostSystem"}, properties: []string{"name", "config.network.pnic"}}, func(o entry) error {
		var h mo.HostSystem
		if err := o.load(&h); err != nil {
			return err
		}
		if h.Config == nil || h.Config.Network == nil {
			blind++
			return nil
		}
		for _, p := range h.Config.Network.Pnic {
			env := r.envelope(h.Self, h.Name+" / "+p.Device)
			env.ExternalID = r.id(h.Self) + "/" + p.Device
			r.relate(&env, "attached_to", "server", h.Self)
			identify(&env, "mac", p.Mac)
			attrs := &schema.NetworkInterface{Type: "ethernet", Status: "down", DeviceName: p.Device, Driver: p.Driver}
			if link := p.LinkSpeed; link != nil {
				attrs.Status, attrs.Speed, attrs.Duplex = "up", int64(link.SpeedMb)*1_000_000, "half"
				if link.Duplex {
					attrs.Duplex = "full"
				}
			}
			if err := r.emit(ctx, env, attrs, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = unreadHosts(blind, "network adapters")
	}
	return err
}

// readHostPorts emits the storage adapters of hosts. What they use to sign in to targets stays unread: only the
// names below are taken from the answer.
func readHostPorts(ctx context.Context, r *reader) error {
	blind := 0
	err := r.each(ctx, sweep{types: []string{"HostSystem"}, properties: []string{"name", "config.storageDevice.hostBusAdapter"}}, func(o entry) error {
		var h mo.HostSystem
		if err := o.load(&h); err != nil {
			return err
		}
		if h.Config == nil || h.Config.StorageDevice == nil {
			blind++
			return nil
		}
		for _, adapter := range h.Config.StorageDevice.HostBusAdapter {
			a := adapter.GetHostHostBusAdapter()
			env := r.envelope(h.Self, h.Name+" / "+a.Device)
			env.ExternalID = r.id(h.Self) + "/" + a.Device
			r.relate(&env, "attached_to", "server", h.Self)
			attrs := &schema.HostPort{
				Type: "other", Role: "initiator", Status: a.Status, DeviceName: a.Device, Model: a.Model, Driver: a.Driver, BusAddress: a.Pci,
			}
			translateAdapter(&env, adapter, attrs)
			if err := r.emit(ctx, env, attrs, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = unreadHosts(blind, "storage adapters")
	}
	return err
}

func translateAdapter(env *resource.Envelope, adapter types.BaseHostHostBusAdapter, attrs *schema.HostPort) {
	fibre := func(typ string, f types.HostFibreChannelHba) {
		attrs.Type, attrs.Speed = typ, f.Speed
		// World wide names are 64 bits without a sign.
		identify(env, "wwn", fmt.Sprintf("%016x", uint64(f.PortWorldWideName)))
		attrs.NodeWWN, _ = schema.NormalizeIdentifier("wwn", fmt.Sprintf("%016x", uint64(f.NodeWorldWideName)))
	}
	switch a := adapter.(type) {
	case *types.HostFibreChannelOverEthernetHba:
		fibre("fcoe", a.HostFibreChannelHba)
	case *types.HostFibreChannelHba:
		fibre("fibre_channel", *a)
	case *types.HostInternetScsiHba:
		attrs.Type, attrs.Speed = "iscsi", int64(a.CurrentSpeedMb)*1_000_000
		identify(env, "iqn", a.IScsiName)
	case *types.HostSerialAttachedHba:
		attrs.Type = "sas"
	}
}
