package seal

import (
	"fmt"

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
		kind, _ := schema.Lookup(k.Kind)
		if len(k.Schema) > 0 {
			var err error
			if kind, err = schema.Parse(k.Kind, k.Major, 0, k.Schema); err != nil {
				r.broken[k.Kind] = err
				continue
			}
		}
		// A built-in kind that this version does not know yet is passed on as it is: a newer plugin needs
		// no newer agent.
		r.kinds[k.Kind] = kind
		r.sealers[k.Kind] = New(kind, k, d.Provider)
	}
	return r
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
