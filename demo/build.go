package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// site is a datacenter that has been built.
type site struct {
	plan     sitePlan
	dc       *object.Datacenter
	folders  *object.DatacenterFolders
	dvs      *object.DistributedVirtualSwitch
	hosts    map[string][]*object.HostSystem // by cluster; "" is the standalone one
	repaired []*object.HostSystem
	pools    map[string]*object.ResourcePool
	networks map[string]types.BaseVirtualDeviceBackingInfo
	home     string // folder of files that stand for datastores
}

// epoch is when everything in the demo was made; a real time would differ at every start.
var epoch = time.Date(2024, 3, 4, 9, 30, 0, 0, time.UTC)

func (v *VCenter) build(ctx context.Context, machines int) error {
	client, err := vim25.NewClient(ctx, v.Service)
	if err != nil {
		return err
	}
	v.client = client
	home := ""
	for _, s := range v.Service.Context.Map.OptionManager().Setting {
		if o := s.GetOptionValue(); o.Key == "vcsim.home" {
			home, _ = o.Value.(string)
		}
	}
	r := random()
	for _, plan := range plans() {
		s := &site{plan: plan, home: filepath.Join(home, plan.city)}
		if err := v.buildSite(ctx, s, r); err != nil {
			return fmt.Errorf("%s: %w", plan.name, err)
		}
		v.sites = append(v.sites, s)
	}
	fields, err := v.customFields(ctx)
	if err != nil {
		return err
	}
	return v.buildMachines(ctx, r, machines, fields)
}

func (v *VCenter) buildSite(ctx context.Context, s *site, r *rand.Rand) error {
	dc, err := object.NewRootFolder(v.client).CreateDatacenter(ctx, s.plan.name)
	if err != nil {
		return err
	}
	s.dc = dc
	if s.folders, err = dc.Folders(ctx); err != nil {
		return err
	}
	if err := v.buildSwitch(ctx, s); err != nil {
		return err
	}
	s.hosts, s.pools = map[string][]*object.HostSystem{}, map[string]*object.ResourcePool{}
	for _, plan := range s.plan.clusters {
		if err := v.buildCluster(ctx, s, plan, r); err != nil {
			return fmt.Errorf("cluster %s: %w", plan.name, err)
		}
	}
	if name := s.plan.standalone; name != "" {
		task, err := s.folders.HostFolder.AddStandaloneHost(ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
		host, err := v.hostOf(ctx, task, err)
		if err != nil {
			return err
		}
		s.hosts[""] = append(s.hosts[""], host)
		small := clusterPlan{vendor: "HPE", model: "ProLiant MicroServer Gen10 Plus", cpu: "Intel(R) Xeon(R) E-2224 CPU @ 3.40GHz", sockets: 1, coresPerCPU: 4, mhz: 3400, memoryGiB: 64}
		v.equip(s, host, small, 250, r)
	}
	if err := v.buildPortgroups(ctx, s); err != nil {
		return err
	}
	return v.buildDatastores(ctx, s)
}

func (v *VCenter) buildSwitch(ctx context.Context, s *site) error {
	var spec types.DVSCreateSpec
	spec.ConfigSpec = &types.VMwareDVSConfigSpec{}
	spec.ConfigSpec.GetDVSConfigSpec().Name = s.plan.city + "-dvs"
	task, err := s.folders.NetworkFolder.CreateDVS(ctx, spec)
	made, err := v.wait(ctx, task, err)
	if err != nil {
		return err
	}
	s.dvs = object.NewDistributedVirtualSwitch(v.client, made)
	if err := v.waitForUplinks(ctx, made); err != nil {
		return err
	}
	if sw, ok := v.get(s.dvs.Reference()).(*simulator.DistributedVirtualSwitch); ok {
		sw.Uuid = nameUUID("dvs", s.plan.city)
		if config, ok := sw.Config.(*types.VMwareDVSConfigInfo); ok {
			config.MaxMtu = 9000
			config.Uuid = sw.Uuid
		}
	}
	return nil
}

// waitForUplinks waits for the port group that a new switch gets by itself, in a task that nobody is told of. Going on
// without it would make the ids of everything that follows a matter of chance.
func (v *VCenter) waitForUplinks(ctx context.Context, dvs types.ManagedObjectReference) error {
	pc := property.DefaultCollector(v.client)
	for {
		var sw mo.DistributedVirtualSwitch
		if err := pc.RetrieveOne(ctx, dvs, []string{"portgroup"}, &sw); err != nil {
			return err
		}
		if len(sw.Portgroup) > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func (v *VCenter) buildPortgroups(ctx context.Context, s *site) error {
	s.networks = map[string]types.BaseVirtualDeviceBackingInfo{}
	for _, n := range s.plan.networks {
		var vlan types.BaseVmwareDistributedVirtualSwitchVlanSpec = &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: n.vlan}
		if from, to, ok := strings.Cut(n.trunk, "-"); ok {
			start, _ := strconv.Atoi(from)
			end, _ := strconv.Atoi(to)
			vlan = &types.VmwareDistributedVirtualSwitchTrunkVlanSpec{VlanId: []types.NumericRange{{Start: int32(start), End: int32(end)}}}
		}
		task, err := s.dvs.AddPortgroup(ctx, []types.DVPortgroupConfigSpec{{
			Name: n.name, Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding), NumPorts: 128,
			DefaultPortConfig: &types.VMwareDVSPortSetting{Vlan: vlan},
		}})
		if _, err := v.wait(ctx, task, err); err != nil {
			return err
		}
		// The task does not say what it made.
		folder := v.get(s.folders.NetworkFolder.Reference()).(*simulator.Folder)
		pg := v.Service.Context.Map.FindByName(n.name, folder.ChildEntity)
		if s.networks[n.name], err = object.NewDistributedVirtualPortgroup(v.client, pg.Reference()).EthernetCardBackingInfo(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (v *VCenter) buildCluster(ctx context.Context, s *site, plan clusterPlan, r *rand.Rand) error {
	cluster, err := s.folders.HostFolder.CreateCluster(ctx, plan.name, types.ClusterConfigSpecEx{
		DrsConfig: &types.ClusterDrsConfigInfo{Enabled: &plan.drs, DefaultVmBehavior: types.DrsBehaviorFullyAutomated},
		DasConfig: &types.ClusterDasConfigInfo{Enabled: &plan.ha},
	})
	if err != nil {
		return err
	}
	for i := range plan.hosts {
		name := fmt.Sprintf("esx%02d.%s.example.net", len(s.allHosts())+1, s.plan.city)
		task, err := cluster.AddHost(ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
		host, err := v.hostOf(ctx, task, err)
		if err != nil {
			return err
		}
		v.equip(s, host, plan, len(s.allHosts())+11, r)
		if err := v.join(ctx, s, host); err != nil {
			return err
		}
		if i == plan.hosts-1 && plan.name == "lon-dev" { // one is being repaired and runs nothing
			v.get(host.Reference()).(*simulator.HostSystem).Runtime.InMaintenanceMode = true
			s.repaired = append(s.repaired, host)
			continue
		}
		s.hosts[plan.name] = append(s.hosts[plan.name], host)
	}
	if obj, ok := v.get(cluster.Reference()).(*simulator.ClusterComputeResource); ok {
		sum := obj.Summary.GetComputeResourceSummary()
		cores := plan.sockets * plan.coresPerCPU * int16(plan.hosts)
		sum.NumCpuCores, sum.NumCpuThreads = cores, cores*2
		sum.TotalCpu, sum.EffectiveCpu = int32(cores)*plan.mhz, int32(cores)*plan.mhz
		sum.TotalMemory, sum.EffectiveMemory = plan.memoryGiB<<30*int64(plan.hosts), plan.memoryGiB<<10*int64(plan.hosts)
	}
	s.pools[plan.name], err = cluster.ResourcePool(ctx)
	return err
}

func (s *site) allHosts() []*object.HostSystem {
	var out []*object.HostSystem
	for _, c := range s.plan.clusters {
		out = append(out, s.hosts[c.name]...)
	}
	return slices.Concat(out, s.repaired, s.hosts[""])
}

func (v *VCenter) hostOf(ctx context.Context, task *object.Task, err error) (*object.HostSystem, error) {
	ref, err := v.wait(ctx, task, err)
	if err != nil {
		return nil, err
	}
	if ref.Type == "ComputeResource" { // a standalone host comes with one of its own
		ref = v.get(ref).(*mo.ComputeResource).Host[0]
	}
	return object.NewHostSystem(v.client, ref), nil
}

// join plugs a host into the site's switch.
func (v *VCenter) join(ctx context.Context, s *site, host *object.HostSystem) error {
	task, err := s.dvs.Reconfigure(ctx, &types.DVSConfigSpec{Host: []types.DistributedVirtualSwitchHostMemberConfigSpec{{
		Operation: string(types.ConfigSpecOperationAdd), Host: host.Reference(),
	}}})
	_, err = v.wait(ctx, task, err)
	return err
}

// equip gives a host hardware of its own; the simulator's hosts are all the same machine.
func (v *VCenter) equip(s *site, ref *object.HostSystem, plan clusterPlan, last int, r *rand.Rand) {
	h := v.get(ref.Reference()).(*simulator.HostSystem)
	id, serial := nameUUID("host", h.Name), serialNumber(r, plan.vendor)
	cores := plan.sockets * plan.coresPerCPU
	hw := h.Summary.Hardware
	hw.Vendor, hw.Model, hw.Uuid, hw.CpuModel, hw.CpuMhz = plan.vendor, plan.model, id, plan.cpu, plan.mhz
	hw.NumCpuPkgs, hw.NumCpuCores, hw.NumCpuThreads, hw.MemorySize = plan.sockets, cores, cores*2, plan.memoryGiB<<30
	hw.OtherIdentifyingInfo = []types.HostSystemIdentificationInfo{{
		IdentifierValue: serial,
		IdentifierType:  &types.ElementDescription{Key: "SerialNumberTag", Description: types.Description{Label: "Serial number tag"}},
	}}
	h.Hardware.SystemInfo = types.HostSystemInfo{
		Vendor: plan.vendor, Model: plan.model, Uuid: id, SerialNumber: serial, OtherIdentifyingInfo: hw.OtherIdentifyingInfo,
	}
	h.Hardware.MemorySize = hw.MemorySize
	h.Hardware.BiosInfo = &types.HostBIOSInfo{BiosVersion: fmt.Sprintf("%d.%d.%d", 1+r.IntN(2), r.IntN(9), r.IntN(9)), Vendor: plan.vendor, FirmwareType: "UEFI"}
	if h.Summary.Config.Product != nil {
		product := *h.Summary.Config.Product
		product.Version, product.Build, product.FullName = "8.0.2", "22380479", "VMware ESXi 8.0.2 build-22380479"
		h.Summary.Config.Product = &product
		h.Config.Product = product
	}
	for i := range h.Config.Network.Pnic {
		h.Config.Network.Pnic[i].Mac = nameMAC(fmt.Sprintf("%s/%d", h.Name, i))
	}
	for i := range h.Config.Network.Vnic {
		h.Config.Network.Vnic[i].Spec.Ip = &types.HostIpConfig{IpAddress: address(s.plan.subnet, 10, last), SubnetMask: "255.255.255.0"}
		h.Config.Network.Vnic[i].Spec.Mac = nameMAC(fmt.Sprintf("%s/vmk%d", h.Name, i))
	}
	if name, domain, ok := strings.Cut(h.Name, "."); ok {
		h.Config.Network.DnsConfig = &types.HostDnsConfig{HostName: name, DomainName: domain, Address: []string{address(s.plan.subnet, 10, 2)}}
	}
	booted := epoch.AddDate(0, 0, r.IntN(500))
	h.Runtime.BootTime = &booted
}

// wait polls a task. The simulator's own way of waiting takes 20 ms for each, which adds up to many seconds.
func (v *VCenter) wait(ctx context.Context, task *object.Task, err error) (types.ManagedObjectReference, error) {
	var made types.ManagedObjectReference
	if err != nil {
		return made, err
	}
	pc := property.DefaultCollector(v.client)
	for {
		var t mo.Task
		if err := pc.RetrieveOne(ctx, task.Reference(), []string{"info"}, &t); err != nil {
			return made, err
		}
		switch t.Info.State {
		case types.TaskInfoStateSuccess:
			made, _ = t.Info.Result.(types.ManagedObjectReference)
			return made, nil
		case types.TaskInfoStateError:
			return made, fmt.Errorf("%s: %s", t.Info.Name, t.Info.Error.LocalizedMessage)
		}
		select {
		case <-ctx.Done():
			return made, ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func (v *VCenter) get(ref types.ManagedObjectReference) mo.Reference {
	return v.Service.Context.Map.Get(ref)
}

func (v *VCenter) buildDatastores(ctx context.Context, s *site) error {
	for _, plan := range s.plan.datastores {
		dir := filepath.Join(s.home, plan.name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		var made *simulator.Datastore
		for _, host := range s.allHosts() {
			if plan.cluster != "" && !contains(s.hosts[plan.cluster], host) {
				continue
			}
			system, err := host.ConfigManager().DatastoreSystem(ctx)
			if err != nil {
				return err
			}
			// On the first host it is made, on the others only mounted, and then the answer refers to nothing.
			ds, err := system.CreateLocalDatastore(ctx, plan.name, dir)
			if err != nil {
				return fmt.Errorf("datastore %s: %w", plan.name, err)
			}
			if obj, ok := v.get(ds.Reference()).(*simulator.Datastore); ok {
				made = obj
			}
		}
		if made != nil {
			fillDatastore(made, plan)
		}
	}
	return nil
}

func contains(list []*object.HostSystem, host *object.HostSystem) bool {
	for _, h := range list {
		if h.Reference() == host.Reference() {
			return true
		}
	}
	return false
}

// fillDatastore makes a folder on this disk look like what it stands for. Summary.Url stays the folder, since the
// simulator needs it.
func fillDatastore(ds *simulator.Datastore, plan datastorePlan) {
	id := nameUUID("datastore", plan.name)
	info := types.DatastoreInfo{Name: plan.name, Url: "ds:///vmfs/volumes/" + id + "/", Timestamp: &epoch}
	ds.Summary.Type = plan.kind
	ds.Summary.Capacity = plan.capacityTiB << 40
	ds.Summary.FreeSpace = ds.Summary.Capacity // what the machines take is taken off as they are made
	ds.Summary.Uncommitted = ds.Summary.Capacity / 4
	shared := true
	ds.Summary.MultipleHostAccess = &shared
	switch plan.kind {
	case "VMFS":
		ds.Info = &types.VmfsDatastoreInfo{DatastoreInfo: info, Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{Type: "VMFS", Name: plan.name, Capacity: ds.Summary.Capacity},
			Uuid:                 id, Version: "6.82", MajorVersion: 6, Ssd: &plan.ssd, BlockSizeMb: 1,
			Extent: []types.HostScsiDiskPartition{{DiskName: "naa.60060160" + strings.ReplaceAll(id, "-", "")[:24], Partition: 1}},
		}}
	case "vsan":
		ds.Info = &types.VsanDatastoreInfo{DatastoreInfo: info, MembershipUuid: id}
	default:
		host, path, _ := strings.Cut(plan.nfs, ":")
		ds.Info = &types.NasDatastoreInfo{DatastoreInfo: info, Nas: &types.HostNasVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{Type: plan.kind, Name: plan.name, Capacity: ds.Summary.Capacity},
			RemoteHost:           host, RemotePath: path,
		}}
	}
}
