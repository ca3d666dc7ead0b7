package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// maxDescription bounds what an agent may report of a plugin, in bytes.
const maxDescription = 1 << 20

type pluginDoc struct {
	Digest       string     `json:"digest"`
	Description  string     `json:"description"` // JSON as text: it holds schemas, whose keys are the plugin's
	BinarySHA256 string     `json:"binary_sha256,omitempty"`
	ReportedAt   store.Time `json:"reported_at"`
}

func (d pluginDoc) parse() (provider.Description, error) {
	var out provider.Description
	if err := json.Unmarshal([]byte(d.Description), &out); err != nil {
		return out, fmt.Errorf("decode description of a plugin: %w", err)
	}
	return out, nil
}

func pluginID(tenant, digest string) string { return store.Key(tenant, digest) }

func (s *Service) plugin(ctx context.Context, tenant, digest string) (object[pluginDoc], error) {
	return load[pluginDoc](ctx, s.opt.Store, tPlugins, tenant, pluginID(tenant, digest))
}

func (s *Service) description(ctx context.Context, tenant, digest string) (provider.Description, error) {
	o, err := s.plugin(ctx, tenant, digest)
	if err != nil {
		return provider.Description{}, err
	}
	return o.doc.parse()
}

// ErrDescription says that what an agent reported is not a plugin's description.
var ErrDescription = errors.New("not a plugin's description")

// Describe takes a plugin's description from an agent. Its kinds are registered: new ones wait for an administrator.
func (s *Service) Describe(ctx context.Context, k Known, digest string, description []byte, binarySHA256 string) error {
	sum := sha256.Sum256(description)
	if len(description) > maxDescription || hex.EncodeToString(sum[:]) != digest {
		return fmt.Errorf("%w: it is too large or its digest is another", ErrDescription)
	}
	var d provider.Description
	dec := json.NewDecoder(bytes.NewReader(description))
	if err := dec.Decode(&d); err != nil || d.Provider == "" {
		return fmt.Errorf("%w: %w", ErrDescription, err)
	}
	warnings, err := s.opt.Inventory.RegisterKinds(ctx, k.Tenant, d)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		s.opt.Log.Warn("plugin kind", "agent", k.ID, "provider", d.Provider, "warning", w)
	}
	o := object[pluginDoc]{id: pluginID(k.Tenant, digest), tenant: k.Tenant, doc: pluginDoc{Digest: digest, Description: string(description),
		BinarySHA256: foreign(binarySHA256), ReportedAt: store.At(s.now())}}
	if err := insert(ctx, s.opt.Store, tPlugins, o); err != nil && !errors.Is(err, errRaced) {
		return err
	}
	return nil
}

// Equip notes that an agent's plugins are others than at its greeting: one was installed, upgraded or removed. It
// answers the plugin descriptions that are not known yet.
func (s *Service) Equip(ctx context.Context, k Known, digests []string, builds map[string]string) (want []string, err error) {
	_, err = change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		if now := atHand(digests, builds); !slices.Equal(o.doc.Plugins, now) {
			o.doc.Plugins = now
			return nil
		}
		return errSame
	})
	if err != nil {
		return nil, fmt.Errorf("note an agent's plugins: %w", err)
	}
	return s.unknown(ctx, k.Tenant, digests)
}

func atHand(digests []string, builds map[string]string) []agentPlugin {
	var out []agentPlugin
	for _, d := range digests {
		p := agentPlugin{Digest: foreign(d)}
		if sum := builds[d]; isSHA256(sum) {
			p.SHA256 = sum
		}
		out = append(out, p)
	}
	return out
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

// unknown are the descriptions that have to be asked for.
func (s *Service) unknown(ctx context.Context, tenant string, digests []string) (want []string, err error) {
	for _, digest := range digests {
		if _, err := s.plugin(ctx, tenant, digest); errors.Is(err, store.ErrNotFound) {
			want = append(want, digest)
		} else if err != nil {
			return nil, err
		}
	}
	return want, nil
}

// Plugins are the providers that live agents have, each in the version reported last.
func (s *Service) Plugins(ctx context.Context, c inventory.Caller) ([]rest.Plugin, error) {
	out := []rest.Plugin{}
	if !c.TenantWide {
		return out, nil
	}
	agents, err := all[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	list, err := all[pluginDoc](ctx, s.opt.Store, tPlugins, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(x, y object[pluginDoc]) int { return y.doc.ReportedAt.Compare(x.doc.ReportedAt.Time) })
	at := map[string]int{}
	for _, o := range list {
		d, err := o.doc.parse()
		if err != nil {
			return nil, err
		}
		var refs []rest.Ref
		for _, a := range agents {
			has := slices.ContainsFunc(a.doc.Plugins, func(p agentPlugin) bool { return p.Digest == o.doc.Digest })
			if has && a.doc.RevokedAt.IsZero() {
				refs = append(refs, rest.Ref{ID: a.id, Name: a.doc.Name})
			}
		}
		if len(refs) == 0 {
			continue
		}
		if i, ok := at[d.Provider]; ok {
			out[i].Agents = append(out[i].Agents, refs...)
			continue
		}
		at[d.Provider] = len(out)
		out = append(out, rest.Plugin{Description: d, Digest: o.doc.Digest, Agents: refs})
	}
	slices.SortFunc(out, func(x, y rest.Plugin) int { return strings.Compare(x.Provider, y.Provider) })
	return out, nil
}
