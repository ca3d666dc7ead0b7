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

// readStoragePools emits datastore clusters and datastores.
func readStoragePools(ctx context.Context, r *reader) error {
	tagger := r.tagger(ctx)
	folder, err := r.folders(ctx)
	if err != nil {
		return err
	}
	if err := readPods(ctx, r, folder, tagger); err != nil {
		return err
	}
	properties := []string{"name", "parent", "summary", "info", "host", "customValue", "iormConfiguration.enabled"}
	return r.tagged(ctx, tagger, sweep{types: []string{"Datastore"}, properties: properties}, func(o entry) error {
		var d mo.Datastore
		if err := o.load(&d); err != nil {
			return err
		}
		env := r.envelope(o.Obj, d.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"}, "host": {"/attributes/host_count"}, "info": {"/attributes/location", "/attributes/media"},
			"summary": {"/attributes/type", "/attributes/size_bytes", "/attributes/accessible", "/attributes/maintenance", "/attributes/shared"},
		})
		tagger.tag(&env, o.Obj, d.CustomValue)
		if d.Parent != nil && d.Parent.Type == "StoragePod" {
			r.relate(&env, "member_of", "storage_pool", *d.Parent)
		}
		s := d.Summary
		attrs := &schema.StoragePool{
			Type: strings.ToLower(s.Type), SizeBytes: s.Capacity, FreeBytes: s.FreeSpace, Shared: s.MultipleHostAccess,
			HostCount: len(d.Host), Location: s.Url, Folder: folder(d.Parent),
		}
		fields := &storagePoolFields{MaintenanceState: s.MaintenanceMode}
		if d.IormConfiguration != nil {
			fields.IOControl = &d.IormConfiguration.Enabled
		}
		if o.has("summary") {
			attrs.Accessible = &s.Accessible
			attrs.Maintenance = pointer(s.MaintenanceMode != "" && s.MaintenanceMode != string(types.DatastoreSummaryMaintenanceModeStateNormal))
			attrs.ProvisionedBytes = s.Capacity - s.FreeSpace + s.Uncommitted
		}
		translateStore(&env, d.Info, attrs)
		return r.emit(ctx, env, attrs, fields)
	})
}

// readPods emits datastore clusters.
func readPods(ctx context.Context, r *reader, folder func(*types.ManagedObjectReference) string, tagger *tagger) error {
	properties := []string{"name", "parent", "summary", "podStorageDrsEntry", "customValue"}
	return r.tagged(ctx, tagger, sweep{types: []string{"StoragePod"}, properties: properties}, func(o entry) error {
		var p mo.StoragePod
		if err := o.load(&p); err != nil {
			return err
		}
		env := r.envelope(o.Obj, p.Name)
		unread(&env, o, map[string][]string{
			"name": {"/name"}, "customValue": {"/tags"}, "summary": {"/attributes/size_bytes"}, "podStorageDrsEntry": {"/attributes/vsphere"},
		})
		tagger.tag(&env, o.Obj, p.CustomValue)
		attrs := &schema.StoragePool{Type: "datastore_cluster", Folder: folder(p.Parent)}
		if p.Summary != nil {
			attrs.SizeBytes, attrs.FreeBytes = p.Summary.Capacity, p.Summary.FreeSpace
		}
		fields := &storagePoolFields{}
		if e := p.PodStorageDrsEntry; e != nil {
			c := e.StorageDrsConfig.PodConfig
			fields.StorageDRS, fields.Automation, fields.IOLoadBalancing = &c.Enabled, c.DefaultVmBehavior, &c.IoLoadBalanceEnabled
		}
		return r.emit(ctx, env, attrs, fields)
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
