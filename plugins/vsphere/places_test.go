package vsphere

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// plainly reads all properties of all objects of a type, one by one.
func plainly[T any](t *testing.T, v *vcenter, typ string) map[string]T {
	t.Helper()
	pc, out := property.DefaultCollector(v.plain(t).Client), map[string]T{}
	for _, o := range v.model.Map().All(typ) {
		var one T
		if err := pc.RetrieveOne(t.Context(), o.Reference(), nil, &one); err != nil {
			t.Fatal(err)
		}
		out[v.model.ServiceContent.About.InstanceUuid+"/"+o.Reference().Value] = one
	}
	if len(out) == 0 {
		t.Fatalf("there is no %s", typ)
	}
	return out
}

// compare tells which of the pairs differ.
func compare(t *testing.T, name string, pairs map[string][2]any) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(pairs)) {
		if pair := pairs[what]; fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			t.Errorf("%s: %s is %v, want %v", name, what, pair[0], pair[1])
		}
	}
}

func finish(t *testing.T, task *object.Task, err error) {
	t.Helper()
	if err == nil {
		err = task.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Templates are images and no servers; their disks and snapshots lead to the image.
func TestTemplatesAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	ctx, client := t.Context(), v.plain(t)
	for i, o := range v.model.Map().All("VirtualMachine") {
		vm := object.NewVirtualMachine(client.Client, o.Reference())
		if i%2 > 0 {
			continue
		}
		task, err := vm.PowerOff(ctx)
		finish(t, task, err)
		task, err = vm.CreateSnapshot(ctx, "golden", "", false, false)
		finish(t, task, err)
		if err := vm.MarkAsTemplate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	c := discover(t, v.settings())
	templates := 0
	for id, vm := range plainly[mo.VirtualMachine](t, v, "VirtualMachine") {
		image, isImage := c.resources["image "+id]
		_, isServer := c.resources["server "+id]
		if isImage != vm.Config.Template || isServer == vm.Config.Template {
			t.Errorf("%s: template %v, found as image %v, as server %v", vm.Name, vm.Config.Template, isImage, isServer)
		}
		kind := "server"
		if vm.Config.Template {
			kind = "image"
			templates++
			disk := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
			attrs := attributes[schema.Image](t, image)
			fields := attributes[struct{ VSphere imageFields }](t, image).VSphere
			compare(t, vm.Name, map[string][2]any{
				"name": {image.Name, vm.Name}, "type": {attrs.Type, "template"}, "cpus": {attrs.CPUCount, vm.Config.Hardware.NumCPU},
				"memory": {attrs.MemoryBytes, int64(vm.Config.Hardware.MemoryMB) << 20}, "os": {attrs.OS.Name, vm.Config.GuestFullName},
				"disks": {attrs.Disks, []schema.ImageDisk{{DeviceName: disk.DeviceInfo.GetDescription().Label, SizeBytes: disk.CapacityInBytes}}},
				"size":  {attrs.SizeBytes, disk.CapacityInBytes}, "instance uuid": {identifierOf(image, "instance_uuid"), vm.Config.InstanceUuid},
				"location": {attrs.Location, vm.Config.Files.VmPathName}, "guest": {fields.GuestID, vm.Config.GuestId}, "hardware": {fields.HardwareVersion, vm.Config.Version},
				"datastore":   {relationOf(image, "stored_on"), v.model.ServiceContent.About.InstanceUuid + "/" + vm.Datastore[0].Value},
				"description": {attrs.Description, vm.Config.Annotation}, "made": {attrs.Provisioned, vm.Config.CreateDate.UTC()},
			})
		}
		for _, env := range slices.Concat(c.ofKind("volume"), c.ofKind("snapshot")) {
			for _, r := range env.Relations {
				if r.ExternalID == id && r.Kind != kind {
					t.Errorf("%s is %s to the %s %s", env.Name, r.Verb, r.Kind, vm.Name)
				}
			}
		}
	}
	if got := len(c.ofKind("image")); got != templates || templates == 0 || len(c.ofKind("snapshot")) != templates {
		t.Errorf("%d images, %d snapshots, want %d", got, len(c.ofKind("snapshot")), templates)
	}
}

// A machine that would not say whether it is a template leaves open whether the list of images is complete.
func TestHiddenTemplate(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	v.model.Map().Handler = func(_ *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		// Where nothing of an object may be read but that it is there, the property is missing.
		if req, ok := m.Body.(*types.RetrievePropertiesEx); ok && slices.Equal(req.SpecSet[0].PropSet[0].PathSet, []string{isTemplate}) {
			req.SpecSet[0].PropSet[0].PathSet = []string{"guest.guestStateChangeSupported"}
		}
		return nil, nil
	}
	c := discover(t, v.settings(), "image")
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusPartial || !strings.Contains(out.Advice, "Read-only") {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

// Datastore clusters are storage pools, and their datastores are part of them; the folder of both is the one that
// the cluster lies in.
func TestDatastoresAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine, m.Datastore, m.Pod = 1, 1, 3, 1 })
	credential(t)
	ctx, client := t.Context(), v.plain(t)
	pod := v.model.Map().Any("StoragePod").(*simulator.StoragePod)
	moved := v.model.Map().All("Datastore")[:2]
	task, err := object.NewFolder(client.Client, pod.Self).MoveInto(ctx, []types.ManagedObjectReference{moved[0].Reference(), moved[1].Reference()})
	finish(t, task, err)
	c := discover(t, v.settings(), "storage_pool")
	base := client.ServiceContent.About.InstanceUuid + "/"
	for id, p := range plainly[mo.StoragePod](t, v, "StoragePod") {
		env := c.resources["storage_pool "+id]
		attrs, fields := attributes[schema.StoragePool](t, env), attributes[struct{ VSphere storagePoolFields }](t, env).VSphere
		compare(t, p.Name, map[string][2]any{
			"name": {env.Name, p.Name}, "type": {attrs.Type, "datastore_cluster"}, "size": {attrs.SizeBytes, p.Summary.Capacity}, "free": {attrs.FreeBytes, p.Summary.FreeSpace},
			"storage drs": {*fields.StorageDRS, p.PodStorageDrsEntry.StorageDrsConfig.PodConfig.Enabled},
		})
	}
	inside := 0
	datastores := plainly[mo.Datastore](t, v, "Datastore")
	for id, d := range datastores {
		env := c.resources["storage_pool "+id]
		attrs, want := attributes[schema.StoragePool](t, env), ""
		if d.Parent.Type == "StoragePod" {
			want = base + d.Parent.Value
			inside++
		}
		compare(t, d.Name, map[string][2]any{
			"name": {env.Name, d.Name}, "part of": {relationOf(env, "member_of"), want}, "size": {attrs.SizeBytes, d.Summary.Capacity}, "free": {attrs.FreeBytes, d.Summary.FreeSpace},
			"type": {attrs.Type, strings.ToLower(d.Summary.Type)}, "hosts": {attrs.HostCount, len(d.Host)}, "accessible": {*attrs.Accessible, d.Summary.Accessible}, "folder": {attrs.Folder, ""},
		})
	}
	if inside != 2 || len(c.ofKind("storage_pool")) != len(datastores)+1 {
		t.Errorf("%d of %d datastores are in the cluster, %d storage pools", inside, len(datastores), len(c.ofKind("storage_pool")))
	}
}

// Clusters are what plain reads show.
func TestClustersAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Machine = 0 })
	credential(t)
	for _, o := range v.model.Map().All("ClusterComputeResource") {
		cluster := o.(*simulator.ClusterComputeResource)
		config := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
		config.DrsConfig.VmotionRate, config.DasConfig.AdmissionControlEnabled = 2, pointer(true)
		cluster.Summary.(*types.ClusterComputeResourceSummary).CurrentEVCModeKey = "intel-broadwell"
	}
	c := discover(t, v.settings(), "cluster")
	clusters := plainly[mo.ClusterComputeResource](t, v, "ClusterComputeResource")
	for id, want := range clusters {
		env := c.resources["cluster "+id]
		attrs, fields := attributes[schema.Cluster](t, env), attributes[struct{ VSphere clusterFields }](t, env).VSphere
		sum, config := want.Summary.GetComputeResourceSummary(), want.ConfigurationEx.(*types.ClusterConfigInfoEx)
		edges := 0
		for _, r := range env.Relations {
			if r.Verb == "uses" || r.Verb == "connected_to" {
				edges++
			}
		}
		compare(t, want.Name, map[string][2]any{
			"name": {env.Name, want.Name}, "hosts": {attrs.HostCount, sum.NumHosts}, "cores": {attrs.CPUCoreCount, sum.NumCpuCores}, "memory": {attrs.MemoryBytes, sum.TotalMemory},
			"balancing": {*attrs.LoadBalancing, *config.DrsConfig.Enabled}, "edges": {edges, len(want.Network) + len(want.Datastore)},
			"evc": {fields.EVCMode, "intel-broadwell"}, "threshold": {fields.MigrationThreshold, config.DrsConfig.VmotionRate}, "admission": {*fields.AdmissionControl, true},
		})
	}
	if len(c.ofKind("cluster")) != len(clusters) {
		t.Errorf("%d clusters, plain reads show %d", len(c.ofKind("cluster")), len(clusters))
	}
}

// What only vSphere has, of machines in nested resource pools and vApps and of hosts, is what plain reads show.
func TestFieldsAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) {
		m.Datacenter, m.Cluster, m.Machine, m.App, m.Pool, m.Folder = 1, 1, 1, 1, 1, 1
	})
	credential(t)
	var deep *simulator.VirtualMachine
	for _, o := range v.model.Map().All("VirtualMachine") {
		vm := o.(*simulator.VirtualMachine)
		c := vm.Config
		c.CpuAllocation = &types.ResourceAllocationInfo{Reservation: types.NewInt64(500), Limit: types.NewInt64(-1)}
		c.MemoryAllocation = &types.ResourceAllocationInfo{Reservation: types.NewInt64(0), Limit: types.NewInt64(4096)}
		c.CpuHotAddEnabled, c.MemoryHotAddEnabled, c.ChangeTrackingEnabled = pointer(true), pointer(false), pointer(true)
		c.BootOptions = &types.VirtualMachineBootOptions{EfiSecureBootEnabled: pointer(true)}
		vm.Guest.ToolsVersionStatus2 = "guestToolsNeedUpgrade"
		vm.Runtime.MinRequiredEVCModeKey = "intel-skylake"
		if vm.ResourcePool.Type == "ResourcePool" {
			deep = vm
		}
	}
	for _, o := range v.model.Map().All("HostSystem") {
		h := o.(*simulator.HostSystem)
		config := *h.Config
		config.LockdownMode = types.HostLockdownModeLockdownStrict
		h.Config, h.Summary.CurrentEVCModeKey = &config, "intel-broadwell"
	}
	// A pool within a pool, for one machine.
	child := types.ManagedObjectReference{}
	for _, o := range v.model.Map().All("ResourcePool") {
		if p := o.(*simulator.ResourcePool); p.Parent.Type == "ResourcePool" {
			inner, err := object.NewResourcePool(v.plain(t).Client, p.Self).Create(t.Context(), "inner", types.DefaultResourceConfigSpec())
			if err != nil {
				t.Fatal(err)
			}
			child = inner.Reference()
		}
	}
	deep.ResourcePool = &child
	c := discover(t, v.settings(), "server")
	pools := map[string]mo.ResourcePool{}
	for _, typ := range []string{"ResourcePool", "VirtualApp"} {
		maps.Copy(pools, plainly[mo.ResourcePool](t, v, typ))
	}
	apps, nested := 0, 0
	for id, vm := range plainly[mo.VirtualMachine](t, v, "VirtualMachine") {
		env := c.resources["server "+id]
		got := attributes[struct{ VSphere serverFields }](t, env).VSphere
		path, app := []string{}, ""
		for p := pools[v.model.ServiceContent.About.InstanceUuid+"/"+vm.ResourcePool.Value]; p.Parent.Type == "ResourcePool" || p.Parent.Type == "VirtualApp"; p = pools[v.model.ServiceContent.About.InstanceUuid+"/"+p.Parent.Value] {
			path = append([]string{p.Name}, path...)
			if p.Self.Type == "VirtualApp" {
				app = p.Name
				apps++
			}
		}
		if len(path) == 2 {
			nested++
		}
		want := serverFields{
			ResourcePool: strings.Join(path, "/"), VApp: app, ToolsVersionStatus: vm.Guest.ToolsVersionStatus2, GuestID: vm.Config.GuestId,
			ConfigurationFile: vm.Config.Files.VmPathName, CPUReservationMHz: *vm.Config.CpuAllocation.Reservation, MemoryLimit: *vm.Config.MemoryAllocation.Limit << 20,
			CPUHotAdd: vm.Config.CpuHotAddEnabled, MemoryHotAdd: vm.Config.MemoryHotAddEnabled, ChangedBlockTracking: vm.Config.ChangeTrackingEnabled,
			SecureBoot: vm.Config.BootOptions.EfiSecureBootEnabled, EVCMode: vm.Runtime.MinRequiredEVCModeKey,
		}
		if a, b := plainText(t, got), plainText(t, want); a != b {
			t.Errorf("%s: %s\nwant %s", vm.Name, a, b)
		}
	}
	if apps == 0 || nested == 0 {
		t.Errorf("%d machines in vApps, %d in nested pools", apps, nested)
	}
	for id, h := range plainly[mo.HostSystem](t, v, "HostSystem") {
		got := attributes[struct{ VSphere serverFields }](t, c.resources["server "+id]).VSphere
		if got.EVCMode != h.Summary.CurrentEVCModeKey || got.LockdownMode != string(h.Config.LockdownMode) {
			t.Errorf("%s: %+v", h.Name, got)
		}
	}
}

// Disks are the devices of the machines, with what lies behind them.
func TestDisksAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	for _, o := range v.model.Map().All("VirtualMachine") {
		for _, d := range o.(*simulator.VirtualMachine).Config.Hardware.Device {
			if disk, ok := d.(*types.VirtualDisk); ok {
				disk.StorageIOAllocation = &types.StorageIOAllocationInfo{Limit: types.NewInt64(1500)}
				backing := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
				backing.Uuid, backing.WriteThrough = "6000c292-4f3c-1111-2222-333344445555", pointer(false)
				backing.Parent = &types.VirtualDiskFlatVer2BackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[LocalDS_0] base/base.vmdk"}}
			}
		}
	}
	c := discover(t, v.settings(), "volume")
	base, count := v.model.ServiceContent.About.InstanceUuid+"/", 0
	for id, vm := range plainly[mo.VirtualMachine](t, v, "VirtualMachine") {
		for _, device := range object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
			count++
			d, key := device.(*types.VirtualDisk), fmt.Sprintf("%s/disk-%d", id, device.GetVirtualDevice().Key)
			env := c.resources["volume "+key]
			attrs, fields, backing := attributes[schema.Volume](t, env), attributes[struct{ VSphere volumeFields }](t, env).VSphere, d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			compare(t, env.Name, map[string][2]any{
				"server": {relationOf(env, "attached_to"), id}, "datastore": {relationOf(env, "stored_on"), base + backing.Datastore.Value}, "size": {attrs.SizeBytes, d.CapacityInBytes},
				"path": {attrs.Path, backing.FileName}, "mode": {attrs.DiskMode, backing.DiskMode}, "thin": {*attrs.Thin, *backing.ThinProvisioned}, "limit": {attrs.IOPSLimit, 1500},
				"parent": {fields.ParentPath, backing.Parent.FileName}, "write through": {*fields.WriteThrough, false}, "naa": {identifierOf(env, "naa"), strings.ReplaceAll(backing.Uuid, "-", "")},
			})
		}
	}
	if got := len(c.ofKind("volume")); got != count || count == 0 {
		t.Errorf("%d volumes, plain reads show %d", got, count)
	}
}

// A standard port group is part of the switch of every host that has it. What its hosts disagree on is left open.
func TestStandardPortGroupsAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	hosts := v.model.Map().All("HostSystem")
	network := v.model.Map().Any("Network").(*mo.Network)
	for i, o := range hosts {
		network.Host = append(network.Host, o.Reference())
		h := o.(*simulator.HostSystem)
		config, network := *h.Config, *h.Config.Network
		security := types.HostNetworkSecurityPolicy{AllowPromiscuous: pointer(false), ForgedTransmits: pointer(true), MacChanges: pointer(i == 0)}
		network.Portgroup = []types.HostPortGroup{{
			Spec:           types.HostPortGroupSpec{Name: "VM Network", VswitchName: "vSwitch0", VlanId: 42},
			ComputedPolicy: types.HostNetworkPolicy{Security: &security},
		}}
		config.Network, h.Config = &network, &config
	}
	read := func() (resource.Envelope, schema.Network, networkFields) {
		c := discover(t, v.settings(), "network", "router")
		for id, n := range plainly[mo.Network](t, v, "Network") {
			env := c.resources["network "+id]
			want := map[string]bool{}
			for id, h := range plainly[mo.HostSystem](t, v, "HostSystem") {
				for _, p := range h.Config.Network.Portgroup {
					if p.Spec.Name == n.Name && slices.Contains(n.Host, h.Self) {
						want[id+"/switch/"+p.Spec.VswitchName] = true
					}
				}
			}
			for _, r := range env.Relations {
				if _, there := c.resources["router "+r.ExternalID]; r.Verb != "part_of" || r.Kind != "router" || !want[r.ExternalID] || !there {
					t.Errorf("%s leads to %+v", n.Name, r)
				}
				delete(want, r.ExternalID)
			}
			if len(want) > 0 || len(env.Relations) == 0 {
				t.Errorf("%s lacks %v", n.Name, want)
			}
			return env, attributes[schema.Network](t, env), attributes[struct{ VSphere networkFields }](t, env).VSphere
		}
		panic("no network")
	}
	env, attrs, fields := read()
	if *attrs.VLANID != 42 || attrs.SwitchName != "vSwitch0" || *fields.AllowPromiscuous || !*fields.ForgedTransmits || fields.MACChanges != nil || len(env.Unread) > 0 {
		t.Errorf("%+v %+v", attrs, fields)
	}
	hosts[0].(*simulator.HostSystem).Config.Network.Portgroup[0].Spec.VlanId = 43
	if _, attrs, _ := read(); attrs.VLANID != nil {
		t.Errorf("VLAN %d", *attrs.VLANID)
	}
	for _, o := range hosts {
		o.(*simulator.HostSystem).Config.Network.Portgroup[0].Spec.VlanId = trunk
	}
	if _, attrs, _ := read(); attrs.VLANID != nil || !slices.Equal(attrs.VLANRanges, []string{"0-4094"}) {
		t.Errorf("%+v", attrs)
	}
	// A host that shows nothing leaves what was known.
	h := hosts[0].(*simulator.HostSystem)
	h.Config = nil
	c := discover(t, v.settings(), "network")
	env = c.resources["network "+v.model.ServiceContent.About.InstanceUuid+"/"+v.model.Map().Any("Network").Reference().Value]
	if !slices.Contains(env.Unread, "/attributes/vlan_id") {
		t.Errorf("unread %q", env.Unread)
	}
}

func plainText(t *testing.T, v any) string {
	t.Helper()
	text, err := withFields(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
