package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// Approvals of a kind.
const (
	Approved = "approved"
	Pending  = "pending"
)

// kindsFor is how long a collector may not know what another one was told.
const kindsFor = 2 * time.Second

// registry caches the kinds of each tenant and remembers which have their indexes.
type registry struct {
	mu      sync.Mutex
	tenants map[string]cachedKinds
	ready   map[string]bool // kind and digest
}

type cachedKinds struct {
	at    time.Time
	kinds map[string]*KindInfo
}

func kindID(tenant, name string) string { return store.Key(tenant, name) }

// kind finds a kind of the tenant.
func (s *Service) kind(ctx context.Context, tenant, name string) (*KindInfo, error) {
	if k := s.builtin[name]; k != nil {
		return k, nil
	}
	kinds, err := s.declared(ctx, tenant, false)
	if err != nil {
		return nil, err
	}
	k := kinds[name]
	if k == nil {
		return nil, fmt.Errorf("kind %s: %w", name, ErrNotFound)
	}
	return k, nil
}

// declared are the kinds that plugins brought.
func (s *Service) declared(ctx context.Context, tenant string, fresh bool) (map[string]*KindInfo, error) {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	if c, ok := s.kinds.tenants[tenant]; ok && !fresh && s.now().Sub(c.at).Abs() < kindsFor {
		return c.kinds, nil
	}
	kinds := map[string]*KindInfo{}
	err := each(ctx, s.opt.Store, store.Query{Table: tKinds, Tenant: tenant}, func(row store.Row) error {
		doc, err := decodeRow[kindDoc](row)
		if err != nil {
			return err
		}
		k, err := schema.Parse(doc.Name, doc.Major, doc.Minor, []byte(doc.Schema))
		if err != nil {
			return fmt.Errorf("read kind %s: %w", doc.Name, err)
		}
		kinds[doc.Name] = &KindInfo{Kind: k, Approval: doc.Approval, Provider: doc.Provider}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.kinds.tenants[tenant] = cachedKinds{at: s.now(), kinds: kinds}
	return kinds, nil
}

func (s *Service) forgetKinds(tenant string) {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	delete(s.kinds.tenants, tenant)
}

// ensureKind makes the tables ready for a kind's resources.
func (s *Service) ensureKind(ctx context.Context, k *schema.Kind) error {
	key := k.Name + " " + k.Digest
	s.kinds.mu.Lock()
	ready := s.kinds.ready[key]
	s.kinds.mu.Unlock()
	if ready {
		return nil
	}
	if err := s.opt.Store.EnsurePart(ctx, tResources, k.Name, indexesOf(k)); err != nil {
		return fmt.Errorf("make indexes of kind %s: %w", k.Name, err)
	}
	s.kinds.mu.Lock()
	s.kinds.ready[key] = true
	s.kinds.mu.Unlock()
	return nil
}

// rule names what decides whether an item of the kind is taken.
func rule(k *KindInfo) string {
	return fmt.Sprintf("%d %s %s", ValidationVersion, k.Approval, k.Digest)
}

// RegisterKinds takes the kinds that a plugin declares. A new one is pending until ApproveKind, unless the Service
// approves automatically. It answers warnings, for example of a kind that contradicts what is known.
func (s *Service) RegisterKinds(ctx context.Context, tenant string, d provider.Description) (warnings []string, err error) {
	for _, ks := range d.Kinds {
		w, err := s.registerKind(ctx, tenant, d, ks)
		if err != nil {
			return warnings, fmt.Errorf("register kind %s: %w", ks.Kind, err)
		}
		if w != "" {
			warnings = append(warnings, w)
		}
	}
	s.forgetKinds(tenant)
	return warnings, nil
}

func (s *Service) registerKind(ctx context.Context, tenant string, d provider.Description, ks provider.KindSupport) (string, error) {
	if k := s.builtin[ks.Kind]; k != nil {
		if ks.Major != k.Major {
			return fmt.Sprintf("kind %s: plugin %s reads major version %d, known is %d; its rows are rejected", ks.Kind, d.Provider, ks.Major, k.Major), nil
		}
		return "", nil
	}
	if !strings.HasPrefix(ks.Kind, d.Provider+".") {
		return fmt.Sprintf("kind %s: plugin %s may only declare kinds named %s.<kind>", ks.Kind, d.Provider, d.Provider), nil
	}
	parsed, err := schema.Parse(ks.Kind, max(ks.Major, 1), 0, ks.Schema)
	if err != nil {
		return err.Error(), nil
	}
	warning := ""
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		id := kindID(tenant, ks.Kind)
		rows, err := tx.Get(ctx, tKinds, tenant, "", []string{id})
		if err != nil {
			return err
		}
		doc := kindDoc{Name: ks.Kind, Major: parsed.Major, Schema: string(parsed.Schema), Digest: parsed.Digest, Provider: d.Provider,
			Approval: Pending, Plugin: d.Version, At: store.At(s.now())}
		if s.opt.AutoApprove {
			doc.Approval = Approved
		}
		op, version := store.Insert, int64(1)
		if row, ok := rows[id]; ok {
			known, err := decodeRow[kindDoc](row)
			if err != nil {
				return err
			}
			if known.Digest == doc.Digest {
				return nil
			}
			was, err := schema.Parse(known.Name, known.Major, known.Minor, []byte(known.Schema))
			if err != nil {
				return err
			}
			problem := adds(was, parsed)
			if problem == "" {
				doc.Approval, doc.Minor = known.Approval, known.Minor+1
			} else {
				if adds(parsed, was) != "" {
					warning = fmt.Sprintf("kind %s of plugin %s %s is not taken: %s", ks.Kind, d.Provider, d.Version, problem)
				}
				return nil // an older plugin; the newest minor stays
			}
			op, version = store.Replace, row.Version+1
		}
		row, err := encodeRow(id, tenant, "", version, doc)
		if err != nil {
			return err
		}
		// A conflict means that another collector is told the same at this moment.
		_, err = tx.Write(ctx, store.Write{Table: tKinds, Op: op, Row: row})
		return err
	})
	return warning, err
}

// adds says why a schema is no mere addition to another; "" when it is.
func adds(old, new *schema.Kind) string {
	if old.Major != new.Major {
		return fmt.Sprintf("major version %d is another kind and needs another name than that of version %d", new.Major, old.Major)
	}
	for _, f := range old.Fields {
		g, ok := new.Field(f.Path)
		if !ok {
			return fmt.Sprintf("field %s is missing; within a major version fields are only added", f.Path)
		}
		if g.Type != f.Type {
			return fmt.Sprintf("field %s has become %s, it was %s", f.Path, g.Type, f.Type)
		}
	}
	return ""
}

// ApproveKind lets a pending kind in; its rows are asked for with the next capture.
func (s *Service) ApproveKind(ctx context.Context, c Caller, name, reason string) (*KindInfo, error) {
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "kind.approve", Address: c.Address,
		Object: &audit.Ref{ID: name, Name: name, Kind: "kind"}, Reason: reason})
	if err != nil {
		return nil, err
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		id := kindID(c.Tenant, name)
		rows, err := tx.Get(ctx, tKinds, c.Tenant, "", []string{id})
		if err != nil {
			return err
		}
		row, ok := rows[id]
		if !ok {
			return ErrNotFound
		}
		doc, err := decodeRow[kindDoc](row)
		if err != nil {
			return err
		}
		doc.Approval = Approved
		next, err := encodeRow(id, c.Tenant, "", row.Version+1, doc)
		if err != nil {
			return err
		}
		_, err = tx.Write(ctx, store.Write{Table: tKinds, Op: store.Put, Row: next})
		return err
	})
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("approve kind %s: %w", name, err)
	}
	s.forgetKinds(c.Tenant)
	return s.kind(ctx, c.Tenant, name)
}

// finish ends an audit entry with the outcome of what it was begun for, and answers that outcome.
func (s *Service) finish(ctx context.Context, tenant, entry string, cause error) error {
	// The end is noted even when the request is canceled meanwhile.
	return errors.Join(cause, s.opt.Audit.Finish(context.WithoutCancel(ctx), tenant, entry, cause))
}

// Kind is one kind; ErrNotFound if it is not registered.
func (s *Service) Kind(ctx context.Context, tenant, name string) (*KindInfo, error) {
	return s.kind(ctx, tenant, name)
}

// Kinds are all kinds of the tenant, by name.
func (s *Service) Kinds(ctx context.Context, tenant string) ([]KindInfo, error) {
	declared, err := s.declared(ctx, tenant, false)
	if err != nil {
		return nil, err
	}
	var out []KindInfo
	for _, k := range s.builtin {
		out = append(out, *k)
	}
	for _, k := range declared {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b KindInfo) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
