package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Account is a datacenter or a connection that says whom it serves: a client, which is a resource. Whoever keeps accounts answers them
// (Options.Accounts); here is what follows from it for resources.
type Account struct {
	// ID is the access root that its resources have.
	ID, Kind, Name string
	// Client is the id that it was told; it may have been merged into another since.
	Client string
	// Since is when it began to serve the client.
	Since time.Time
}

// kindClient is what accounts serve, and systems.
const kindClient = "client"

// Served is a client that an account, or a system, names: what it has become by merges, and on the way there everything that it was.
type Served struct {
	// Head is zero where the client is gone for good.
	Head
	// Line begins with the id that was named, and ends with that of Head.
	Line []string
}

// Clients follows ids of clients to what they are now. Nothing in it is cut by rights: whoever asks cuts it.
func (s *Service) Clients(ctx context.Context, tenant string, ids []string) (map[string]Served, error) {
	out := map[string]Served{}
	at := map[string]string{} // where each has come to
	for _, id := range ids {
		if id != "" {
			at[id], out[id] = id, Served{}
		}
	}
	for depth := 0; len(at) > 0 && depth < 20; depth++ {
		rows, err := getChunks(ctx, s.opt.Store, tHeads, tenant, "", unique(slices.Collect(maps.Values(at))))
		if err != nil {
			return nil, fmt.Errorf("read clients: %w", err)
		}
		next := map[string]string{}
		for id, now := range at {
			served := out[id]
			served.Line = append(served.Line, now)
			if row, ok := rows[now]; ok {
				doc, err := decodeRow[headDoc](row)
				if err != nil {
					return nil, err
				}
				if doc.State == Merged && doc.RedirectTo != "" && !slices.Contains(served.Line, doc.RedirectTo) {
					next[id] = doc.RedirectTo
				} else {
					served.Head = doc.view(row)
				}
			}
			out[id] = served
		}
		at = next
	}
	return out, nil
}

// SystemsOf are the systems that serve a client because a person said so. What a source or a rule says of it does not count here: it
// decides who may see what.
func (s *Service) SystemsOf(ctx context.Context, tenant, client string) ([]string, error) {
	related, err := s.outgoing(ctx, Caller{Tenant: tenant, TenantWide: true}, client)
	if err != nil {
		return nil, fmt.Errorf("find systems of client: %w", err)
	}
	var out []string
	for _, r := range related {
		if servesClient(r.Verb, r.Kind) && r.Source == SourceCurated && r.ID != "" && !slices.Contains(out, r.ID) {
			out = append(out, r.ID)
		}
	}
	return out, nil
}

func servesClient(verb, kind string) bool { return verb == "uses" && kind == "system" }

// ClientsOf are the clients that a system serves because a person said so.
func (s *Service) ClientsOf(ctx context.Context, tenant, system string) ([]Head, error) {
	related, err := s.RelatedTo(ctx, Caller{Tenant: tenant, TenantWide: true}, "system", system)
	if err != nil {
		return nil, fmt.Errorf("find clients of system: %w", err)
	}
	var out []Head
	for _, r := range related {
		if r.Direction == "in" && r.Verb == "uses" && r.Kind == kindClient && r.Source == SourceCurated && r.ID != "" {
			out = append(out, Head{ID: r.ID, Kind: r.Kind, Name: r.Name, State: r.State})
		}
	}
	return out, nil
}

// Beneath are those of the resources that have one of the roots.
func (s *Service) Beneath(ctx context.Context, tenant string, ids, roots []string) ([]Head, error) {
	rows, err := getChunks(ctx, s.opt.Store, tHeads, tenant, "", unique(slices.Clone(ids)))
	if err != nil {
		return nil, fmt.Errorf("read resources: %w", err)
	}
	var out []Head
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		doc, err := decodeRow[headDoc](rows[id])
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(doc.AccessRoots, func(r string) bool { return slices.Contains(roots, r) }) {
			out = append(out, doc.view(rows[id]))
		}
	}
	return out, nil
}

// CountIn counts the resources of an account that are not gone, up to 10,000 exactly: for a datacenter what is in it, for a connection
// what it sees.
func (s *Service) CountIn(ctx context.Context, tenant, kind, id string) (count int, more bool, err error) {
	q := store.Query{Table: tHeads, Tenant: tenant, Where: filter.And{eq(text("datacenter"), id), shown(false)}}
	if kind == "connection" {
		q = store.Query{Table: tObservations, Tenant: tenant, Where: filter.And{eq(text("connection"), id), shown(false)}}
	}
	return s.countUpTo(ctx, q, false)
}

// accounts are those of a tenant that serve somebody.
func (s *Service) accounts(ctx context.Context, tenant string) ([]Account, error) {
	if s.opt.Accounts == nil {
		return nil, nil
	}
	list, err := s.opt.Accounts(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return slices.DeleteFunc(list, func(a Account) bool { return a.Client == "" }), nil
}

// refuseServed answers *ConflictError for a client that accounts name: they would serve nobody, without anybody having said so.
func (s *Service) refuseServed(ctx context.Context, tenant, kind, id string) error {
	if kind != kindClient {
		return nil
	}
	accounts, err := s.accounts(ctx, tenant)
	if err != nil || len(accounts) == 0 {
		return err
	}
	ids := make([]string, len(accounts))
	for i, a := range accounts {
		ids[i] = a.Client
	}
	served, err := s.Clients(ctx, tenant, ids)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if slices.Contains(served[a.Client].Line, id) {
			return &ConflictError{ResourceID: a.ID, Problem: fmt.Sprintf("the %s %q serves this client; move it to another client, or to none, first", a.Kind, a.Name)}
		}
	}
	return nil
}

// served is the client that the rules' source account.client names.
type served struct {
	name  string
	since store.Time
}

// servedBy is whom each account serves, by the root that its resources have.
func (s *Service) servedBy(ctx context.Context, tenant string) (map[string]served, error) {
	accounts, err := s.accounts(ctx, tenant)
	if err != nil || len(accounts) == 0 {
		return nil, err
	}
	ids := make([]string, len(accounts))
	for i, a := range accounts {
		ids[i] = a.Client
	}
	clients, err := s.Clients(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]served{}
	for _, a := range accounts {
		if name := clients[a.Client].Name; name != "" {
			out[a.ID] = served{name: name, since: store.At(a.Since)}
		}
	}
	return out, nil
}

// mayServe says whether the caller may say that a client uses systems: the client's people see these from then on, with all their parts,
// so it takes the right to change the systems as well as the client.
func (s *Service) mayServe(ctx context.Context, c Caller, kind string, edges []edge) error {
	if kind != kindClient || c.Writes == nil {
		return nil
	}
	edges = slices.DeleteFunc(slices.Clone(edges), func(e edge) bool { return !servesClient(e.Verb, e.Kind) })
	if len(edges) == 0 {
		return nil
	}
	found, err := s.resolveWants(ctx, c.Tenant, wantsOf(edges))
	if err != nil {
		return err
	}
	var ids []string
	for _, to := range found {
		ids = append(ids, to...)
	}
	rows, err := getChunks(ctx, s.opt.Store, tHeads, c.Tenant, "", unique(ids))
	if err != nil {
		return fmt.Errorf("read systems: %w", err)
	}
	for _, row := range rows {
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return err
		}
		if c.mayWrite(doc.AccessRoots) != nil {
			return fmt.Errorf("system %s for a client: %w", row.ID, ErrForbidden)
		}
	}
	return nil
}

// HeadsOf are the resources with the ids, after merges, by the ids asked for; those that the caller may see.
func (s *Service) HeadsOf(ctx context.Context, c Caller, ids []string) (map[string]Head, error) {
	return s.heads(ctx, c, unique(slices.Clone(ids)))
}
