package seal

import (
	"encoding/json"
	"fmt"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Rules are the sealers of everything that a plugin says it reads.
type Rules struct {
	sealers map[string]*Sealer
	kinds   map[string]*schema.Kind
	broken  map[string]error
}

// For makes the rules of a description. A kind whose own schema is no schema is kept out: asking for it gives
// the error, and the other kinds work.
func For(d provider.Description) *Rules {
	r := &Rules{sealers: map[string]*Sealer{}, kinds: map[string]*schema.Kind{}, broken: map[string]error{}}
	for _, k := range d.Kinds {
		kind, err := KindOf(d.Provider, k)
		if err != nil {
			r.broken[k.Kind] = err
			continue
		}
		r.kinds[k.Kind] = kind
		r.sealers[k.Kind] = New(kind, k, d.Provider)
	}
	return r
}

// KindOf is a kind as a provider's plugin reads it: its own, or a built-in one with the fields that the plugin
// adds. A built-in kind that this version does not know yet is nil, or nothing but the fields added, and its
// resources are passed on as they are: a newer plugin needs no newer agent.
func KindOf(providerName string, k provider.KindSupport) (*schema.Kind, error) {
	if strings.Contains(k.Kind, ".") {
		if len(k.Schema) == 0 {
			return nil, nil
		}
		return schema.Parse(k.Kind, k.Major, 0, k.Schema)
	}
	kind, known := schema.Lookup(k.Kind)
	if len(k.Schema) == 0 {
		return kind, nil
	}
	if !known {
		kind = &schema.Kind{Name: k.Kind, Major: k.Major, Schema: json.RawMessage(`{"type":"object"}`)}
	}
	return schema.Extend(kind, providerName, k.Schema)
}

// Sealer is the one for a kind. An undeclared kind is an error that says so.
func (r *Rules) Sealer(kind string) (*Sealer, error) {
	if s, ok := r.sealers[kind]; ok {
		return s, nil
	}
	if err, ok := r.broken[kind]; ok {
		return nil, err
	}
	return nil, provider.Unsupported(fmt.Errorf("the plugin does not read kind %q", kind))
}

// Kind is the schema that a kind is read after, or nil when it is not known here.
func (r *Rules) Kind(kind string) *schema.Kind { return r.kinds[kind] }

// Intake opens the books of a scope.
func (r *Rules) Intake(scope resource.Scope) (*Intake, error) {
	if err := scope.Check(); err != nil {
		return nil, err
	}
	s, err := r.Sealer(scope.Kind)
	if err != nil {
		return nil, err
	}
	return &Intake{scope: scope, sealer: s, seen: map[string]mark{}}, nil
}
