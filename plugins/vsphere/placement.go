package vsphere

import (
	"context"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
)

// placement says which cluster a host is in.
type placement struct {
	hosts    map[types.ManagedObjectReference]types.ManagedObjectReference // host -> cluster
	clusters map[types.ManagedObjectReference]string
}

// place fills in where something on a host lies.
func (p placement) place(r *reader, env *resource.Envelope, host *types.ManagedObjectReference, member bool) {
	if host == nil {
		return
	}
	if cluster, ok := p.hosts[*host]; ok {
		env.Zone = p.clusters[cluster]
		if member {
			r.relate(env, "member_of", "cluster", cluster)
		}
	}
}

// placement reads which hosts there are in which clusters.
func (r *reader) placement(ctx context.Context) (placement, error) {
	clusters, err := r.names(ctx, "ClusterComputeResource")
	where := placement{hosts: map[types.ManagedObjectReference]types.ManagedObjectReference{}, clusters: clusters}
	if err != nil {
		return where, err
	}
	return where, r.each(ctx, sweep{types: []string{"HostSystem"}, properties: []string{"parent"}}, func(o entry) error {
		var h mo.HostSystem
		err := o.load(&h)
		where.add(o.Obj, h.Parent)
		return err
	})
}

func (p placement) add(host types.ManagedObjectReference, parent *types.ManagedObjectReference) {
	if parent != nil {
		if _, ok := p.clusters[*parent]; ok {
			p.hosts[host] = *parent
		}
	}
}

// inner is an object that others lie in.
type inner struct {
	name   string
	parent *types.ManagedObjectReference
}

// tree reads the names and parents of everything of a type.
func (r *reader) tree(ctx context.Context, typ string) (map[types.ManagedObjectReference]inner, error) {
	list := map[types.ManagedObjectReference]inner{}
	err := r.each(ctx, sweep{types: []string{typ}, properties: []string{"name", "parent"}, base: "ManagedEntity"}, func(o entry) error {
		var n inner
		for _, p := range o.PropSet {
			switch v := p.Val.(type) {
			case string:
				n.name = plainName(v)
			case types.ManagedObjectReference:
				n.parent = &v
			}
		}
		list[o.Obj] = n
		return nil
	})
	return list, err
}

// maxNesting ends the way up a tree that is broken.
const maxNesting = 64

// folders are the paths of folders below the four that every datacenter has. A datastore cluster is a folder to
// vCenter; the folder of what is in it is the one that it lies in itself.
func (r *reader) folders(ctx context.Context) (func(*types.ManagedObjectReference) string, error) {
	list, err := r.tree(ctx, "Folder")
	return func(ref *types.ManagedObjectReference) string {
		var parts []string
		for depth := 0; ref != nil && depth < maxNesting; depth++ {
			f, ok := list[*ref]
			if !ok || f.parent == nil || f.parent.Type == "Datacenter" {
				break
			}
			if ref.Type == "Folder" {
				parts = append([]string{f.name}, parts...)
			}
			ref = f.parent
		}
		return strings.Join(parts, "/")
	}, err
}

// pools are the paths of resource pools below the one that every cluster and host has, and the vApp that a machine
// belongs to: a vApp is a resource pool.
func (r *reader) pools(ctx context.Context) (func(*types.ManagedObjectReference) (path, vApp string), error) {
	list, err := r.tree(ctx, "ResourcePool")
	return func(ref *types.ManagedObjectReference) (path, vApp string) {
		var parts []string
		for depth := 0; ref != nil && depth < maxNesting; depth++ {
			p, ok := list[*ref]
			if !ok || p.parent == nil {
				break
			}
			if _, nested := list[*p.parent]; !nested {
				break
			}
			if ref.Type == "VirtualApp" && vApp == "" {
				vApp = p.name
			}
			parts = append([]string{p.name}, parts...)
			ref = p.parent
		}
		return strings.Join(parts, "/"), vApp
	}, err
}
