package vsphere

import (
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
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

func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes any) error {
	text, err := json.Marshal(attributes)
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
		"Datastore": "datastore;nav=s", "Network": "network;nav=n", "OpaqueNetwork": "network;nav=n", "DistributedVirtualPortgroup": "dvportgroup;nav=n",
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

// folders are the paths of folders below the four that every datacenter has.
func (r *reader) folders(ctx context.Context) (func(*types.ManagedObjectReference) string, error) {
	list := map[types.ManagedObjectReference]mo.Folder{}
	err := r.each(ctx, sweep{types: []string{"Folder"}, properties: []string{"name", "parent"}}, func(o entry) error {
		var f mo.Folder
		err := o.load(&f)
		list[o.Obj] = f
		return err
	})
	path := func(ref *types.ManagedObjectReference) string {
		var parts []string
		for depth := 0; ref != nil && ref.Type == "Folder" && depth < 64; depth++ {
			f, ok := list[*ref]
			if !ok || f.Parent == nil || f.Parent.Type == "Datacenter" {
				break
			}
			parts = append([]string{plainName(f.Name)}, parts...)
			ref = f.Parent
		}
		return strings.Join(parts, "/")
	}
	return path, err
}

// tagger turns custom attributes, which people use as tags, into tags.
type tagger struct {
	names map[int32]string
	blind bool // their names could not be read
}

func (r *reader) tagger(ctx context.Context) tagger {
	t := tagger{names: map[int32]string{}}
	manager := r.client.vim.ServiceContent.CustomFieldsManager
	if manager == nil {
		return t
	}
	var m mo.CustomFieldsManager
	err := r.out.Call(ctx, apiLimit, func(ctx context.Context) error {
		return classify(property.DefaultCollector(r.client.vim).RetrieveOne(ctx, *manager, []string{"field"}, &m))
	})
	if err != nil {
		r.out.Warn("custom attributes are left out: %v", err)
		t.blind = true
		return t
	}
	for _, f := range m.Field {
		t.names[f.Key] = f.Name
	}
	return t
}

func (t tagger) tag(env *resource.Envelope, values []types.BaseCustomFieldValue) {
	if t.blind {
		env.Unread = append(env.Unread, "/tags")
		return
	}
	for _, v := range values {
		s, ok := v.(*types.CustomFieldStringValue)
		if name := t.names[v.GetCustomFieldValue().Key]; ok && name != "" && s.Value != "" && len(env.Tags) < resource.MaxTags {
			env.Tags = append(env.Tags, resource.Tag{Key: name, Value: s.Value})
		}
	}
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
