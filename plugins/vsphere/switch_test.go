package vsphere

import (
	"testing"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"

	"maestro.internal/sdk/schema"
)

// Switches are those of plain reads, and each distributed port group is part of its own.
func TestSwitchesAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	ctx, client := t.Context(), v.plain(t)
	c := discover(t, v.settings(), "router", "network")
	pc, instance, count := property.DefaultCollector(client.Client), client.ServiceContent.About.InstanceUuid, 0
	for _, o := range v.model.Map().All("DistributedVirtualSwitch") {
		count++
		var s mo.DistributedVirtualSwitch
		if err := pc.RetrieveOne(ctx, o.Reference(), []string{"name", "config"}, &s); err != nil {
			t.Fatal(err)
		}
		env, config := c.resources["router "+instance+"/"+s.Self.Value], s.Config.GetDVSConfigInfo()
		attrs := attributes[schema.Router](t, env)
		if env.Name != s.Name || attrs.Type != "distributed_switch" || attrs.PortCount != int(config.NumPorts) || attrs.HostCount != len(config.Host) || attrs.Version != config.ProductInfo.Version {
			t.Errorf("%s: %+v %+v", s.Name, env, attrs)
		}
	}
	for _, o := range v.model.Map().All("HostSystem") {
		var h mo.HostSystem
		if err := pc.RetrieveOne(ctx, o.Reference(), []string{"name", "config.network"}, &h); err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Config.Network.Vswitch {
			count++
			env := c.resources["router "+instance+"/"+h.Self.Value+"/switch/"+s.Name]
			attrs := attributes[schema.Router](t, env)
			if env.Name != h.Name+" / "+s.Name || attrs.Type != "switch" || attrs.PortCount != int(s.NumPorts) || attrs.MTUBytes != int(s.Mtu) ||
				len(attrs.Uplinks) != len(s.Pnic) || relationOf(env, "part_of") != instance+"/"+h.Self.Value {
				t.Errorf("%s %s: %+v %+v", h.Name, s.Name, env, attrs)
			}
		}
	}
	if got := len(c.ofKind("router")); got != count || count == 0 {
		t.Errorf("%d switches, plain reads show %d", got, count)
	}
	for _, o := range v.model.Map().All("DistributedVirtualPortgroup") {
		var g mo.DistributedVirtualPortgroup
		if err := pc.RetrieveOne(ctx, o.Reference(), []string{"name", "config"}, &g); err != nil {
			t.Fatal(err)
		}
		env := c.resources["network "+instance+"/"+g.Self.Value]
		if got, want := relationOf(env, "part_of"), instance+"/"+g.Config.DistributedVirtualSwitch.Value; got != want {
			t.Errorf("%s is part of %q, want %q", g.Name, got, want)
		}
	}
}
