package vsphere

import (
	"context"
	"path"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func readClusters(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	properties := []string{"name", "parent", "summary", "configurationEx", "network", "datastore", "customValue"}
	return r.each(ctx, sweep{types: []string{"ClusterComputeResource"}, properties: properties}, func(o entry) error {
		var c mo.ClusterComputeResource
		if err := o.load(&c); err != nil {
			return err
		}
		env := r.envelope(o.Obj, c.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"},
			"summary":         {"/attributes/host_count", "/attributes/cpu_core_count", "/attributes/cpu_thread_count", "/attributes/cpu_mhz", "/attributes/memory_bytes"},
			"configurationEx": {"/attributes/high_availability", "/attributes/load_balancing", "/attributes/automation"},
		})
		env.Zone = env.Name
		tagger.tag(&env, c.CustomValue)
		for _, n := range c.Network {
			r.relate(&env, "connected_to", "network", n)
		}
		for _, d := range c.Datastore {
			r.relate(&env, "uses", "storage_pool", d)
		}
		attrs := &schema.Cluster{Type: "virtualization", Folder: folder(c.Parent)}
		if c.Summary != nil {
			s := c.Summary.GetComputeResourceSummary()
			attrs.HostCount, attrs.CPUCoreCount, attrs.CPUThreadCount = int(s.NumHosts), int(s.NumCpuCores), int(s.NumCpuThreads)
			attrs.CPUMHz, attrs.MemoryBytes = int64(s.TotalCpu), s.TotalMemory
		}
		if x, ok := c.ConfigurationEx.(*types.ClusterConfigInfoEx); ok {
			attrs.HighAvailability, attrs.LoadBalancing = x.DasConfig.Enabled, x.DrsConfig.Enabled
			attrs.Automation = string(x.DrsConfig.DefaultVmBehavior)
		}
		return r.emit(ctx, env, attrs)
	})
}

// readStoragePools emits datastores.
func readStoragePools(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	properties := []string{"name", "parent", "summary", "info", "host", "customValue"}
	return r.each(ctx, sweep{types: []string{"Datastore"}, properties: properties}, func(o entry) error {
		var d mo.Datastore
		if err := o.load(&d); err != nil {
			return err
		}
		env := r.envelope(o.Obj, d.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"}, "host": {"/attributes/host_count"}, "info": {"/attributes/location", "/attributes/media"},
			"summary": {"/attributes/type", "/attributes/size_bytes", "/attributes/accessible", "/attributes/maintenance", "/attributes/shared"},
		})
		tagger.tag(&env, d.CustomValue)
		s := d.Summary
		attrs := &schema.StoragePool{
			Type: strings.ToLower(s.Type), SizeBytes: s.Capacity, FreeBytes: s.FreeSpace, Shared: s.MultipleHostAccess,
			HostCount: len(d.Host), Location: s.Url, Folder: folder(d.Parent),
		}
		if o.has("summary") {
			attrs.Accessible = &s.Accessible
			attrs.Maintenance = pointer(s.MaintenanceMode != "" && s.MaintenanceMode != string(types.DatastoreSummaryMaintenanceModeStateNormal))
			attrs.ProvisionedBytes = s.Capacity - s.FreeSpace + s.Uncommitted
		}
		translateStore(&env, d.Info, attrs)
		return r.emit(ctx, env, attrs)
	})
}

func translateStore(env *resource.Envelope, info types.BaseDatastoreInfo, attrs *schema.StoragePool) {
	if info == nil {
		return
	}
	if url := info.GetDatastoreInfo().Url; url != "" {
		attrs.Location = url
	}
	switch i := info.(type) {
	case *types.VmfsDatastoreInfo:
		if i.Vmfs == nil {
			return
		}
		attrs.FileSystemVersion = i.Vmfs.Version
		if i.Vmfs.Ssd != nil {
			attrs.Media = map[bool]string{true: "ssd", false: "hdd"}[*i.Vmfs.Ssd]
		}
		for _, extent := range i.Vmfs.Extent {
			if strings.HasPrefix(extent.DiskName, "naa.") {
				identify(env, "naa", extent.DiskName)
			}
		}
	case *types.NasDatastoreInfo:
		if i.Nas != nil {
			attrs.Location = i.Nas.RemoteHost + ":" + path.Clean("/"+i.Nas.RemotePath)
		}
	}
}
