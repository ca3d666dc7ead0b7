package vsphere

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/schema"
)

// The adapters of hosts are those of plain reads, and no secret of theirs leaves the plugin.
func TestAdaptersAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	for _, h := range v.model.Map().All("HostSystem") {
		host := h.(*simulator.HostSystem)
		config := *host.Config
		config.StorageDevice = &types.HostStorageDeviceInfo{HostBusAdapter: []types.BaseHostHostBusAdapter{
			&types.HostFibreChannelHba{HostHostBusAdapter: types.HostHostBusAdapter{Device: "vmhba2", Status: "online", Model: "QLE2692", Driver: "qlnativefc", Pci: "0000:3b:00.0"},
				PortWorldWideName: 0x21000024ff7b1234, NodeWorldWideName: 0x20000024ff7b1234, Speed: 16_000_000_000},
			&types.HostInternetScsiHba{HostHostBusAdapter: types.HostHostBusAdapter{Device: "vmhba64", Status: "online"}, IScsiName: "iqn.1998-01.com.vmware:esx1", CurrentSpeedMb: 10000,
				AuthenticationProperties: types.HostInternetScsiHbaAuthenticationProperties{ChapSecret: "planted-secret"}},
			&types.HostBlockHba{HostHostBusAdapter: types.HostHostBusAdapter{Device: "vmhba0", Status: "unknown"}},
		}}
		host.Config = &config
	}
	ctx, client := t.Context(), v.plain(t)
	c := discover(t, v.settings(), "network_interface", "host_port")
	nics, ports := 0, 0
	for _, ref := range v.model.Map().All("HostSystem") {
		var h mo.HostSystem
		if err := property.DefaultCollector(client.Client).RetrieveOne(ctx, object.NewHostSystem(client.Client, ref.Reference()).Reference(), []string{"name", "config"}, &h); err != nil {
			t.Fatal(err)
		}
		base := client.ServiceContent.About.InstanceUuid + "/" + h.Self.Value
		for _, p := range h.Config.Network.Pnic {
			nics++
			env := c.resources["network_interface "+base+"/"+p.Device]
			attrs := attributes[schema.NetworkInterface](t, env)
			if identifierOf(env, "mac") != strings.ToLower(p.Mac) || relationOf(env, "attached_to") != base || attrs.Driver != p.Driver ||
				(p.LinkSpeed != nil && attrs.Speed != int64(p.LinkSpeed.SpeedMb)*1_000_000) || (attrs.Status == "up") != (p.LinkSpeed != nil) {
				t.Errorf("%s %s: %+v %+v", h.Name, p.Device, env, attrs)
			}
		}
		for _, adapter := range h.Config.StorageDevice.HostBusAdapter {
			ports++
			a := adapter.GetHostHostBusAdapter()
			env := c.resources["host_port "+base+"/"+a.Device]
			attrs := attributes[schema.HostPort](t, env)
			if attrs.Status != a.Status || attrs.Model != a.Model || attrs.BusAddress != a.Pci || relationOf(env, "attached_to") != base {
				t.Errorf("%s %s: %+v %+v", h.Name, a.Device, env, attrs)
			}
		}
		fibre, iscsi := c.resources["host_port "+base+"/vmhba2"], c.resources["host_port "+base+"/vmhba64"]
		if got := attributes[schema.HostPort](t, fibre); got.Type != "fibre_channel" || got.Speed != 16_000_000_000 || identifierOf(fibre, "wwn") != "21000024ff7b1234" || got.NodeWWN != "20000024ff7b1234" {
			t.Errorf("fibre channel: %+v %+v", fibre, got)
		}
		if got := attributes[schema.HostPort](t, iscsi); got.Type != "iscsi" || got.Speed != 10_000_000_000 || identifierOf(iscsi, "iqn") != "iqn.1998-01.com.vmware:esx1" {
			t.Errorf("iSCSI: %+v %+v", iscsi, got)
		}
	}
	if len(c.ofKind("network_interface")) != nics || len(c.ofKind("host_port")) != ports || nics == 0 || ports == 0 {
		t.Errorf("%d interfaces, %d ports; plain reads show %d and %d", len(c.ofKind("network_interface")), len(c.ofKind("host_port")), nics, ports)
	}
	if text, _ := json.Marshal(c.resources); strings.Contains(string(text), "planted-secret") {
		t.Error("the secret of an adapter is in a resource")
	}
}
