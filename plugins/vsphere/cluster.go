package vsphere

import (
	"context"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/schema"
)

func readClusters(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	properties := []string{"name", "parent", "summary", "configurationEx", "network", "datastore", "customValue"}
	return r.tagged(ctx, tagger, sweep{types: []string{"ClusterComputeResource"}, properties: properties}, func(o entry) error {
		var c mo.ClusterComputeResource
		if err := o.load(&c); err != nil {
			return err
		}
		env := r.envelope(o.Obj, c.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"},
			"summary": {"/attributes/host_count", "/attributes/cpu_core_count", "/attributes/cpu_thread_count", "/attributes/cpu_mhz", "/attributes/memory_bytes"},
			"configurationEx": {"/attributes/high_availability", "/attributes/load_balancing", "/attributes/automation",
				"/attributes/vsphere/admission_control", "/attributes/vsphere/migration_threshold", "/attributes/vsphere/vsan_enabled"},
		})
		env.Zone = env.Name
		tagger.tag(&env, o.Obj, c.CustomValue)
		for _, n := range c.Network {
			r.relate(&env, "connected_to", "network", n)
		}
		for _, d := range c.Datastore {
			r.relate(&env, "uses", "storage_pool", d)
		}
		attrs := &schema.Cluster{Type: "virtualization", Folder: folder(c.Parent)}
		fields := &clusterFields{}
		if c.Summary != nil {
			s := c.Summary.GetComputeResourceSummary()
			attrs.HostCount, attrs.CPUCoreCount, attrs.CPUThreadCount = int(s.NumHosts), int(s.NumCpuCores), int(s.NumCpuThreads)
			attrs.CPUMHz, attrs.MemoryBytes = int64(s.TotalCpu), s.TotalMemory
		}
		if s, ok := c.Summary.(*types.ClusterComputeResourceSummary); ok {
			fields.EVCMode = s.CurrentEVCModeKey
		}
		if x, ok := c.ConfigurationEx.(*types.ClusterConfigInfoEx); ok {
			attrs.HighAvailability, attrs.LoadBalancing = x.DasConfig.Enabled, x.DrsConfig.Enabled
			attrs.Automation = string(x.DrsConfig.DefaultVmBehavior)
			fields.AdmissionControl, fields.MigrationThreshold = x.DasConfig.AdmissionControlEnabled, int(x.DrsConfig.VmotionRate)
			if x.VsanConfigInfo != nil {
				fields.VSAN = x.VsanConfigInfo.Enabled
			}
		}
		return r.emit(ctx, env, attrs, fields)
	})
}
