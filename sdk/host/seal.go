package host

import (
	"encoding/json"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/seal"
)

// Seal brings an envelope into the form that is hashed, travels and is stored; see seal.Sealer. kind may be
// nil when its schema is not known. volatile is a JSON object or nil. The site's policy acts before.
//
// Who seals many of a kind keeps a seal.Sealer instead.
func Seal(env resource.Envelope, kind *schema.Kind, d provider.Description) (canonical []byte, hash resource.Hash, volatile json.RawMessage, err error) {
	support := provider.KindSupport{Kind: env.Kind, Major: env.Major}
	for _, k := range d.Kinds {
		if k.Kind == env.Kind {
			support = k
		}
	}
	s, err := seal.New(kind, support, d.Provider).Seal(env)
	return s.Canonical, s.Hash, s.Volatile, err
}
