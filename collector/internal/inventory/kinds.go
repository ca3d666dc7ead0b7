package inventory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	built map[string]*KindInfo // by what they were made of, so that what stays is not parsed again
}

func kindID(tenant, name string) string { return store.Key(tenant, name) }

// kind finds a kind of the tenant.
func (s *Service) kind(ctx context.Context, tenant, name string) (*KindInfo, error) {
	kinds, err := s.declared(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if k := kinds[name]; k != nil {
		return k, nil
	}
	if k := s.builtin[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("kind %s: %w", name, ErrNotFound)
}

// declared are the kinds that plugins brought, and the built-in ones to which they added fields.
func (s *Service) declared(ctx context.Context, tenant string) (map[string]*KindInfo, error) {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	was := s.kinds.tenants[tenant]
	if was.kinds != nil && s.now().Sub(was.at).Abs() < kindsFor {
		return was.kinds, nil
	}
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, Tenant: tenant})
	if err != nil {
		return nil, err
	}
	is := cachedKinds{at: s.now(), kinds: map[string]*KindInfo{}, built: map[string]*KindInfo{}}
	for name, of := range byName(docs) {
		key := signature(of)
		k := was.built[key]
		if k == nil {
			if k, err = s.assemble(of); err != nil {
				return nil, err
			}
		}
		if k != nil {
			is.kinds[name], is.built[key] = k, k
		}
	}
	s.nameWaysBack(is.kinds)
	s.kinds.tenants[tenant] = is
	return is.kinds, nil
}

func (s *Service) forgetKinds(tenant string) {
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	c := s.kinds.tenants[tenant]
	c.kinds = nil
	s.kinds.tenants[tenant] = c
}

// rule names what decides whether an item of the kind is taken.
func rule(k *KindInfo) string {
	return fmt.Sprintf("%d %s %s", ValidationVersion, k.Approval, k.Digest)
}

// RegisterKinds takes the kinds that a plugin declares. A new one is pending until ApproveKind, unless the Service
// approves automatically. It answers warnings, for example of a kind that contradicts what is known.
func (s *Service) RegisterKinds(ctx context.Context, tenant string, d provider.Description) (warnings []string, err error) {
	if d.Provider == CustomProvider {
		return []string{"a plugin may not call its provider custom: that is where administrators' own fields stand; its kinds are not taken"}, nil
	}
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
		if len(ks.Schema) == 0 {
			return "", nil
		}
		return s.registerFields(ctx, tenant, k.Kind, d, ks)
	}
	if !strings.HasPrefix(ks.Kind, d.Provider+".") {
		return fmt.Sprintf("kind %s: plugin %s may only declare kinds named %s.<kind>", ks.Kind, d.Provider, d.Provider), nil
	}
	parsed, err := schema.Parse(ks.Kind, max(ks.Major, 1), 0, ks.Schema)
	if err != nil {
		return err.Error(), nil
	}
	doc := kindDoc{Name: ks.Kind, Major: parsed.Major, Schema: string(parsed.Schema), Digest: parsed.Digest, Provider: d.Provider, Plugin: d.Version}
	return s.take(ctx, tenant, kindID(tenant, ks.Kind), doc, parsed)
}

// take stores what a plugin declares, unless it is known or no mere addition to what is. Approval, once given,
// holds for what is added later.
func (s *Service) take(ctx context.Context, tenant, id string, doc kindDoc, parsed *schema.Kind) (warning string, err error) {
	doc.Approval, doc.At = Pending, store.At(s.now())
	doc.Since = doc.At
	if s.opt.AutoApprove {
		doc.Approval = Approved
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		warning = ""
		next := doc
		rows, err := tx.Get(ctx, tKinds, tenant, "", []string{id})
		if err != nil {
			return err
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
			was, err := known.parse()
			if err != nil {
				return err
			}
			if problem := adds(was, parsed); problem != "" {
				if adds(parsed, was) != "" {
					warning = fmt.Sprintf("%s of plugin %s %s is not taken: %s", doc.title(), doc.Provider, doc.Plugin, problem)
				}
				return nil // an older plugin; the newest minor stays
			}
			next.Approval, next.Minor, next.Since = known.Approval, known.Minor+1, known.Since
			op, version = store.Replace, row.Version+1
		}
		row, err := encodeRow(id, tenant, "", version, next)
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

// ApproveKind lets in what waits of a kind, whatever it is.
func (s *Service) ApproveKind(ctx context.Context, c Caller, name, reason string) (*KindInfo, error) {
	return s.ApproveDeclared(ctx, c, name, "", reason)
}

// ApproveDeclared lets a pending kind in; its rows are asked for with the next capture. Of a built-in kind it lets in
// the fields that plugins want to add. key is the PendingKind.Key of what was looked at: if something else waits now, it is a
// *ConflictError; that none waits any more is none.
func (s *Service) ApproveDeclared(ctx context.Context, c Caller, name, key, reason string) (*KindInfo, error) {
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "kind.approve", Address: c.Address,
		Object: &audit.Ref{ID: name, Name: name, Kind: "kind"}, Reason: reason})
	if err != nil {
		return nil, err
	}
	err = s.approve(ctx, c.Tenant, name, key)
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("approve kind %s: %w", name, err)
	}
	s.forgetKinds(c.Tenant)
	return s.kind(ctx, c.Tenant, name)
}

func (s *Service) approve(ctx context.Context, tenant, name, key string) error {
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, Tenant: tenant, Where: eq(text("name"), name)})
	if err != nil {
		return err
	}
	if len(docs) == 0 {
		return ErrNotFound
	}
	if is := pendingKey(docs); key != "" && is != "" && is != key {
		return &ConflictError{Problem: "a plugin declares something else of kind " + name + " meanwhile; look at it again"}
	}
	var ids []string
	for _, d := range docs {
		ids = append(ids, d.id)
	}
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Get(ctx, tKinds, tenant, "", ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			row, ok := rows[id]
			if !ok {
				return ErrNotFound
			}
			doc, err := decodeRow[kindDoc](row)
			if err != nil {
				return err
			}
			doc.Approval = Approved
			next, err := encodeRow(id, tenant, "", row.Version+1, doc)
			if err != nil {
				return err
			}
			if _, err = tx.Write(ctx, store.Write{Table: tKinds, Op: store.Put, Row: next}); err != nil {
				return err
			}
		}
		return nil
	})
}

// PendingKind is what plugins declared of one kind and nobody let in yet.
type PendingKind struct {
	Name string
	// Key is another one as soon as something else is declared.
	Key       string
	Providers []string
	// Extends says that it is fields of a kind that works without them.
	Extends bool
	Fields  int
	Since   time.Time
}

// PendingKinds are what waits for somebody to let it in, by name.
func (s *Service) PendingKinds(ctx context.Context, tenant string) ([]PendingKind, error) {
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, Tenant: tenant, Where: eq(text("approval"), Pending)})
	if err != nil {
		return nil, err
	}
	var out []PendingKind
	for name, of := range byName(docs) {
		k := PendingKind{Name: name, Key: pendingKey(of), Extends: true}
		for _, d := range of {
			parsed, err := d.parse()
			if err != nil {
				return nil, fmt.Errorf("read kind %s: %w", name, err)
			}
			k.Fields += len(parsed.Fields)
			k.Extends = k.Extends && d.Extends
			k.Providers = append(k.Providers, d.Provider)
			if k.Since.IsZero() || d.At.Before(k.Since) {
				k.Since = d.At.Time
			}
		}
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b PendingKind) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// pendingKey names what of the declarations waits; "" is nothing.
func pendingKey(docs []declaredKind) string {
	var parts []string
	for _, d := range docs {
		if d.Approval == Pending {
			parts = append(parts, d.Provider+" "+d.Digest)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(docs[0].Name + "\n" + strings.Join(parts, "\n")))
	return docs[0].Name + "@" + hex.EncodeToString(sum[:8])
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
	declared, err := s.declared(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []KindInfo
	for name, k := range s.builtin {
		if declared[name] == nil {
			out = append(out, *k)
		}
	}
	for _, k := range declared {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b KindInfo) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
