package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Reserved are the names of all built-in kinds, sorted. They are a closed set, and no plugin may take them.
func Reserved() []string {
	return []string{
		"address", "application", "backing_service", "client", "cluster", "database", "flavor", "gateway",
		"host_port", "image", "key_pair", "load_balancer", "network", "network_acl", "network_endpoint",
		"network_interface", "peering", "prefix", "route_table", "router", "security_group", "server", "snapshot",
		"software", "storage_pool", "storage_system", "subnet", "system", "volume",
	}
}

// builtin is made once; reflection over constant structs cannot fail but by a mistake of ours, which every
// test of this package would meet.
var builtin = sync.OnceValue(func() []*Kind {
	out := make([]*Kind, 0, 8)
	for _, b := range builtins() {
		text, err := b.schema()
		if err == nil {
			var k *Kind
			if k, err = build(b.name, 1, b.minor, text); err == nil {
				out = append(out, k)
			}
		}
		if err != nil {
			panic(fmt.Sprintf("built-in kind %s: %v", b.name, err))
		}
	}
	slices.SortFunc(out, func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) })
	return out
})

// Builtin are the built-in kinds, sorted by name. What they point to is shared and must not be changed.
func Builtin() []*Kind { return slices.Clone(builtin()) }

// Lookup finds a built-in kind. It must not be changed.
func Lookup(name string) (*Kind, bool) {
	for _, k := range builtin() {
		if k.Name == name {
			return k, true
		}
	}
	return nil, false
}

// Field finds a leaf by its dotted path: "os.name".
func (k *Kind) Field(path string) (*Field, bool) {
	for i := range k.Fields {
		if k.Fields[i].Path == path {
			return &k.Fields[i], true
		}
	}
	return nil, false
}

// FieldAt finds a leaf by its JSON pointer inside the resource: "/attributes/os/name".
func (k *Kind) FieldAt(pointer string) (*Field, bool) {
	for i := range k.Fields {
		if k.Fields[i].Pointer == pointer {
			return &k.Fields[i], true
		}
	}
	return nil, false
}
