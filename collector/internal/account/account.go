// Package account says what belongs to a client, and moves accounts from one client to another. An account is a datacenter, or a connection
// in a datacenter that several clients share; what serves a client is its accounts, and the systems that it uses. Rights on a client
// are inherited by all of that, so this package stands between what keeps accounts (fleet), rights (access) and resources (inventory),
// none of which needs to know the others for it.
package account

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
)

// Options of a Service.
type Options struct {
	Fleet     *fleet.Service
	Access    *access.Service
	Inventory *inventory.Service
	Audit     *audit.Log
}

// Service answers and moves. It keeps nothing itself.
type Service struct{ opt Options }

// New makes a Service.
func New(opt Options) *Service { return &Service{opt: opt} }

// Belongings are what serves a client: the access roots of its accounts, and the ids of its systems.
type Belongings struct{ Accounts, Systems []string }

// Of is what belongs to clients, by the id that was asked for. What serves a client that was merged into another belongs to both: to the
// one that it was told, so that nobody loses what he saw by a merge, and to what that has become.
func (s *Service) Of(ctx context.Context, tenant string, clients []string) (map[string]Belongings, error) {
	accounts, err := s.accounts(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := map[string]Belongings{}
	for _, id := range clients {
		var b Belongings
		for _, a := range accounts {
			if slices.Contains(a.line, id) {
				b.Accounts = append(b.Accounts, a.ID)
			}
		}
		if b.Systems, err = s.opt.Inventory.SystemsOf(ctx, tenant, id); err != nil {
			return nil, err
		}
		out[id] = b
	}
	return out, nil
}

// served is an account with the clients that lead to it.
type served struct {
	inventory.Account
	line []string
	head inventory.Head
}

func (s *Service) accounts(ctx context.Context, tenant string) ([]served, error) {
	list, err := s.opt.Fleet.Accounts(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = a.Client
	}
	clients, err := s.opt.Inventory.Clients(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	out := make([]served, len(list))
	for i, a := range list {
		out[i] = served{Account: a, line: clients[a.Client].Line, head: clients[a.Client].Head}
	}
	return out, nil
}

// Way is a client whose grants lead to something, and by what of it.
type Way struct{ Client, Through access.Target }

// Ways are the clients that lead to any of some places: datacenters, connections and systems. Nothing in it is cut by rights.
func (s *Service) Ways(ctx context.Context, tenant string, places []access.Target) ([]Way, error) {
	var out []Way
	add := func(id, name string, through access.Target) {
		if !slices.ContainsFunc(out, func(w Way) bool { return w.Client.ID == id }) {
			out = append(out, Way{Client: access.Target{Kind: access.KindClient, ID: id, Name: name}, Through: through})
		}
	}
	var accounts []served
	for _, p := range places {
		switch p.Kind {
		case access.KindDatacenter, access.KindConnection:
			if accounts == nil {
				var err error
				if accounts, err = s.accounts(ctx, tenant); err != nil {
					return nil, err
				}
			}
			for _, a := range accounts {
				if a.ID != p.ID {
					continue
				}
				for _, id := range a.line {
					add(id, a.head.Name, p)
				}
			}
		case access.KindSystem:
			clients, err := s.opt.Inventory.ClientsOf(ctx, tenant, p.ID)
			if err != nil {
				return nil, err
			}
			for _, h := range clients {
				add(h.ID, h.Name, p)
			}
		}
	}
	return out, nil
}

// CheckMerge says whether the caller may make one client of two: the people of the second see what serves the first from then on.
func (s *Service) CheckMerge(ctx context.Context, c access.Caller, from, into string) error {
	of, err := s.Of(ctx, c.Tenant, []string{from})
	if err != nil {
		return err
	}
	if has := of[from]; len(has.Accounts)+len(has.Systems) == 0 || c.Administers([]string{from}) && c.Administers([]string{into}) {
		return nil
	}
	return &DeniedError{"Accounts or systems serve the client that would be merged, and the other client's people would see them: that takes the right to administer both clients."}
}
