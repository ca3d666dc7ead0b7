package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// An account is a datacenter with the connections in it, or one connection of a datacenter that is shared. It may say whom it serves, a
// client, and whoever has a right on the client has it on the account. So that no resource is in two clients' accounts, a connection
// says whom it serves only where its datacenters say nothing else.

// The kinds of accounts.
const (
	KindDatacenter = "datacenter"
	KindConnection = "connection"
)

// serving is the part of an account that says whom it serves.
type serving struct {
	// Client is the id that it was told; where that was merged into another, the other is meant.
	Client      string     `json:"client,omitempty"`
	ClientSince store.Time `json:"client_since,omitzero"`
	// Moving is what the latest move is still to do; the sweeper takes it up after a crash.
	Moving *Moving `json:"moving,omitempty"`
}

// Moving is what is left of a move once the account says whom it serves now.
type Moving struct {
	// Grants are to be taken away, AuditID is the entry to be finished.
	Grants  []string   `json:"grants,omitempty"`
	AuditID string     `json:"audit_id"`
	At      store.Time `json:"at"`
}

func (v *serving) serve(client string, now store.Time) {
	if client != v.Client {
		v.Client, v.ClientSince = client, now
	}
}

// told is what the audit trail keeps of it.
func (v *serving) told() map[string]any {
	if v.Client == "" {
		return nil
	}
	return map[string]any{"client": v.Client}
}

// state takes what an edit says: a client for an account that has none. An edit that says nothing leaves it as it is, since programs
// that know nothing of clients edit too; and an edit never takes an account from a client, since people lose what they see by that.
func (v *serving) state(client string, now store.Time) (map[string]any, error) {
	switch {
	case client == "" || client == v.Client:
		return nil, nil
	case v.Client != "":
		return nil, &inventory.InvalidError{Pointer: "/client", Problem: "is another than before; to take an account from one client to another, move it: what people of the first may see ends with that"}
	}
	v.serve(client, now)
	return v.told(), nil
}

func with(a, b map[string]any) map[string]any {
	maps.Copy(b, a)
	return b
}

// Accounts are the tenant's datacenters and connections that say whom they serve. A connection that contradicts its datacenter, which two edits at
// the same moment can bring about, serves nobody: who would see too much sees nothing.
func (s *Service) Accounts(ctx context.Context, tenant string) ([]inventory.Account, error) {
	centers, err := all[datacenterDoc](ctx, s.opt.Store, tDatacenters, tenant, nil)
	if err != nil {
		return nil, err
	}
	conns, err := s.live(ctx, tenant, nil)
	if err != nil {
		return nil, err
	}
	of := map[string]string{}
	var out []inventory.Account
	for _, o := range centers {
		if o.doc.Client != "" {
			of[o.id] = o.doc.Client
			out = append(out, inventory.Account{ID: o.id, Kind: KindDatacenter, Name: o.doc.Name, Client: o.doc.Client, Since: o.doc.ClientSince.Time})
		}
	}
	for _, o := range conns {
		if o.doc.Client != "" && len(others(o.doc.places(), of, o.doc.Client)) == 0 {
			out = append(out, inventory.Account{ID: o.id, Kind: KindConnection, Name: o.doc.Name, Client: o.doc.Client, Since: o.doc.ClientSince.Time})
		}
	}
	return out, nil
}

// places are the datacenters that a connection leads to.
func (d *connectionDoc) places() []string {
	var out []string
	if d.Datacenter != "" {
		out = append(out, d.Datacenter)
	}
	for _, r := range d.Rules {
		if r.Datacenter != "" && !slices.Contains(out, r.Datacenter) {
			out = append(out, r.Datacenter)
		}
	}
	return out
}

// others are the places that serve somebody else than the client.
func others(places []string, of map[string]string, client string) []string {
	return slices.DeleteFunc(slices.Clone(places), func(id string) bool { return of[id] == "" || of[id] == client })
}

// checkClient says whether a connection may serve a client, the one that it already serves if none is named.
func (s *Service) checkClient(ctx context.Context, tenant, self, client string, d connectionDoc) error {
	if client == "" && self != "" {
		o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, tenant, self)
		if err != nil {
			return err
		}
		client = o.doc.Client
	}
	if client == "" {
		return nil
	}
	for _, id := range d.places() {
		o, err := load[datacenterDoc](ctx, s.opt.Store, tDatacenters, tenant, id)
		if err != nil {
			return err
		}
		if o.doc.Client != "" && o.doc.Client != client {
			return &inventory.InvalidError{Pointer: "/client", Problem: fmt.Sprintf("is another than that of the datacenter %q, whose people would see what this connection reads; a connection "+
				"says whom it serves only where its datacenters say nothing else", o.doc.Name)}
		}
	}
	return nil
}

// aloneIn says whether a datacenter may serve a client: no connection that leads there serves another one by its own word.
func (s *Service) aloneIn(ctx context.Context, tenant, datacenter, client string) error {
	if client == "" {
		return nil
	}
	conns, err := s.live(ctx, tenant, nil)
	if err != nil {
		return err
	}
	for _, o := range conns {
		if o.doc.Client != "" && o.doc.Client != client && slices.Contains(o.doc.places(), datacenter) {
			return &inventory.ConflictError{ResourceID: o.id, Problem: fmt.Sprintf("the connection %q leads to this datacenter and serves another client by its own word; move the connection to no client first", o.doc.Name)}
		}
	}
	return nil
}

// clientRefs names clients, those that the caller may see, as they are now.
func (s *Service) clientRefs(ctx context.Context, c inventory.Caller, ids []string) (map[string]*rest.Ref, error) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.opt.Inventory.HeadsOf(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]*rest.Ref{}
	for id, h := range found {
		out[id] = &rest.Ref{ID: h.ID, Name: h.Name}
	}
	return out, nil
}

func (s *Service) nameClients(ctx context.Context, c inventory.Caller, views []rest.Datacenter, list []object[datacenterDoc]) error {
	of, ids := map[string]string{}, make([]string, 0, len(list))
	for _, o := range list {
		of[o.id] = o.doc.Client
		ids = append(ids, o.doc.Client)
	}
	refs, err := s.clientRefs(ctx, c, ids)
	for i := range views {
		views[i].Client = refs[of[views[i].ID]]
	}
	return err
}

// nameClientsOf says whom connections serve: by their own word, else by that of the datacenters that they lead to, where these agree.
func (s *Service) nameClientsOf(ctx context.Context, c inventory.Caller, views []rest.Connection, list []object[connectionDoc], centers []object[datacenterDoc]) error {
	of := map[string]string{}
	for _, o := range centers {
		of[o.id] = o.doc.Client
	}
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i], views[i].OwnClient = o.doc.Client, o.doc.Client != ""
		if places := o.doc.places(); ids[i] == "" && len(places) > 0 && len(others(places, of, of[places[0]])) == 0 && !slices.ContainsFunc(places, func(id string) bool { return of[id] == "" }) {
			ids[i] = of[places[0]]
		}
	}
	refs, err := s.clientRefs(ctx, c, slices.Clone(ids))
	for i := range views {
		views[i].Client = refs[ids[i]]
	}
	return err
}

// Account is one account as it is, with its version. One that the caller may not read is not found.
func (s *Service) Account(ctx context.Context, c inventory.Caller, kind, id string) (inventory.Account, int64, error) {
	if kind == KindConnection {
		o, err := s.connection(ctx, c, id)
		return inventory.Account{ID: id, Kind: kind, Name: o.doc.Name, Client: o.doc.Client, Since: o.doc.ClientSince.Time}, o.version, err
	}
	if !mayRead(c, id) {
		return inventory.Account{}, 0, fmt.Errorf("datacenter %s: %w", id, store.ErrNotFound)
	}
	o, err := load[datacenterDoc](ctx, s.opt.Store, tDatacenters, c.Tenant, id)
	return inventory.Account{ID: id, Kind: kind, Name: o.doc.Name, Client: o.doc.Client, Since: o.doc.ClientSince.Time}, o.version, err
}

// Within are the connections that lead to a datacenter and nowhere else: what moves with it.
func (s *Service) Within(ctx context.Context, tenant, datacenter string) ([]rest.Ref, error) {
	conns, err := s.live(ctx, tenant, nil)
	if err != nil {
		return nil, err
	}
	out := []rest.Ref{}
	for _, o := range conns {
		if slices.Equal(o.doc.places(), []string{datacenter}) {
			out = append(out, rest.Ref{ID: o.id, Name: o.doc.Name})
		}
	}
	return out, nil
}

// CheckMove says whether an account may serve a client, "" being nobody in particular.
func (s *Service) CheckMove(ctx context.Context, tenant, kind, id, client string) error {
	if kind == KindDatacenter {
		return s.aloneIn(ctx, tenant, id, client)
	}
	if client == "" {
		return nil
	}
	o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, tenant, id)
	if err != nil {
		return err
	}
	return s.checkClient(ctx, tenant, id, client, o.doc)
}

// Move has an account serve another client from now on, in one write: whoever sees it by the client sees it, or does not, with the next
// request. What is left to do is written down with it; Settled ends that.
func (s *Service) Move(ctx context.Context, tenant, kind, id string, version int64, client string, left Moving) error {
	left.At = store.At(s.now())
	move := func(v *serving, at int64) error {
		if at != version {
			return &inventory.StaleError{Current: at}
		}
		if v.Moving != nil { // a crash left it
			return &inventory.ConflictError{ResourceID: id, Problem: "the move before this one is not finished yet; the collector carries it through within two minutes"}
		}
		v.serve(client, left.At)
		v.Moving = &left
		return nil
	}
	return s.onServing(ctx, tenant, kind, id, move)
}

// onServing edits whom an account serves.
func (s *Service) onServing(ctx context.Context, tenant, kind, id string, fn func(v *serving, version int64) error) error {
	if kind == KindConnection {
		_, err := change(ctx, s, tConnections, tenant, id, func(o *object[connectionDoc]) error {
			if !o.doc.DeletedAt.IsZero() {
				return store.ErrNotFound
			}
			return fn(&o.doc.serving, o.version)
		})
		return err
	}
	_, err := change(ctx, s, tDatacenters, tenant, id, func(o *object[datacenterDoc]) error { return fn(&o.doc.serving, o.version) })
	return err
}

// Settled notes that nothing of a move is left to do.
func (s *Service) Settled(ctx context.Context, tenant, kind, id, auditID string) error {
	return s.onServing(ctx, tenant, kind, id, func(v *serving, _ int64) error {
		if v.Moving == nil || v.Moving.AuditID != auditID {
			return errSame // a later move has work of its own
		}
		v.Moving = nil
		return nil
	})
}

// LeftBehind tells of the moves that were begun before a moment and not finished.
func (s *Service) LeftBehind(ctx context.Context, before time.Time, fn func(tenant, kind, id string, left Moving) error) error {
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tDatacenters, AllTenants: true}, func(row store.Row) error {
		o, err := decode[datacenterDoc](row)
		if err != nil || o.doc.Moving == nil || !o.doc.Moving.At.Before(before) {
			return err
		}
		return fn(o.tenant, KindDatacenter, o.id, *o.doc.Moving)
	})
	if err != nil {
		return fmt.Errorf("look for unfinished moves: %w", err)
	}
	err = store.Each(ctx, s.opt.Store, store.Query{Table: tConnections, AllTenants: true}, func(row store.Row) error {
		o, err := decode[connectionDoc](row)
		if err != nil || o.doc.Moving == nil || !o.doc.Moving.At.Before(before) {
			return err
		}
		return fn(o.tenant, KindConnection, o.id, *o.doc.Moving)
	})
	if err != nil {
		return fmt.Errorf("look for unfinished moves: %w", err)
	}
	return nil
}
