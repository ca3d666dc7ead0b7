package vsphere

import (
	"context"
	"net/netip"
	"net/url"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// reader reads one scope.
type reader struct {
	client *client
	dc     datacenter
	scope  resource.Scope
	out    provider.Emitter
}

// each reads everything of some types in the datacenter.
func (r *reader) each(ctx context.Context, sw sweep, fn func(entry) error) error {
	call := func(ctx context.Context, do func(context.Context) error) error {
		err := r.out.Call(ctx, apiLimit, do)
		if err == nil {
			r.out.Page()
		}
		return err
	}
	return r.client.sweep(ctx, r.dc.ref, sw, call, fn)
}

// id is the external id of a managed object. References repeat from vCenter to vCenter, so its UUID stands before.
func (r *reader) id(ref types.ManagedObjectReference) string {
	return r.client.instance + "/" + ref.Value
}

// envelope is what all resources have in common.
func (r *reader) envelope(ref types.ManagedObjectReference, name string) resource.Envelope {
	return resource.Envelope{
		Kind: r.scope.Kind, Major: 1, ExternalID: r.id(ref), Name: plainName(name), Partition: r.scope.Partition,
		Region: r.dc.name, ConsoleURL: r.consoleURL(ref),
	}
}

// emit hands over a resource; fields are what vSphere adds to its kind, or nil.
func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes, fields any) error {
	text, err := withFields(attributes, fields)
	if err != nil {
		return err
	}
	env.Attributes = text
	return r.out.Emit(ctx, env)
}

// consoleURL leads to the object in the vSphere Client.
func (r *reader) consoleURL(ref types.ManagedObjectReference) string {
	page := map[string]string{
		"VirtualMachine": "vm;nav=v", "HostSystem": "host;nav=h", "ClusterComputeResource": "cluster;nav=h",
		"Datastore": "datastore;nav=s", "StoragePod": "dscluster;nav=s", "VmwareDistributedVirtualSwitch": "dvs;nav=n", "Network": "network;nav=n", "OpaqueNetwork": "network;nav=n", "DistributedVirtualPortgroup": "dvportgroup;nav=n",
	}[ref.Type]
	if page == "" || !r.client.vim.IsVC() {
		return ""
	}
	u := url.URL{Scheme: "https", Host: r.client.vim.URL().Host}
	return u.String() + "/ui/app/" + page + "/urn:vmomi:" + ref.Type + ":" + ref.Value + ":" + r.client.instance + "/summary"
}

// relate adds an edge to another resource of this connection.
func (r *reader) relate(env *resource.Envelope, verb, kind string, ref types.ManagedObjectReference) {
	edge := resource.Relation{Verb: verb, Kind: kind, ExternalID: r.id(ref)}
	if !slices.Contains(env.Relations, edge) {
		env.Relations = append(env.Relations, edge)
	}
}

// identify adds an identifier unless its value names nothing.
func identify(env *resource.Envelope, typ, value string) {
	v, ok := schema.NormalizeIdentifier(typ, value)
	if id := (resource.Identifier{Type: typ, Value: v}); ok && !slices.Contains(env.Identifiers, id) {
		env.Identifiers = append(env.Identifiers, id)
	}
}

// unread names what vCenter would not tell: each property that was denied stands for some pointers.
func unread(env *resource.Envelope, o entry, pointers map[string][]string) {
	for _, property := range o.denied {
		env.Unread = append(env.Unread, pointers[property]...)
	}
}

// names reads the names of all objects of a type, for what is shown beside others.
func (r *reader) names(ctx context.Context, typ string) (map[types.ManagedObjectReference]string, error) {
	out := map[types.ManagedObjectReference]string{}
	err := r.each(ctx, sweep{types: []string{typ}, properties: []string{"name"}}, func(o entry) error {
		for _, p := range o.PropSet {
			if s, ok := p.Val.(string); ok {
				out[o.Obj] = plainName(s)
			}
		}
		return nil
	})
	return out, err
}

// address is an IP address as others can reach it, or nothing.
func address(s string) (schema.IP, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() {
		return "", false
	}
	return schema.IP(a.Unmap().String()), true
}

func pointer[T any](v T) *T { return &v }
