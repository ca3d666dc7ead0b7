package approval

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maestro.internal/collector/internal/inventory"
)

// PluginKinds are kinds, and fields of kinds, that plugins bring.
type PluginKinds struct{ Inventory *inventory.Service }

// Waiting hands out what plugins declared and nobody let in.
func (p PluginKinds) Waiting(ctx context.Context, tenant string, fn func(Ask) error) error {
	pending, err := p.Inventory.PendingKinds(ctx, tenant)
	if err != nil {
		return err
	}
	for _, k := range pending {
		plugins := strings.Join(k.Providers, ", ")
		ask := Ask{Kind: PluginKind, Key: k.Key, Count: k.Fields, At: k.Since, Title: fmt.Sprintf("Let in the kind %s of plugin %s", k.Name, plugins), Payload: k.Name}
		if k.Extends {
			ask.Title = fmt.Sprintf("Let in fields of the kind %s of plugin %s", k.Name, plugins)
		}
		ask.Refs = append(ask.Refs, Ref{Kind: "kind", ID: k.Name, Name: k.Name})
		for _, provider := range k.Providers {
			ask.Refs = append(ask.Refs, Ref{Kind: "plugin", ID: provider, Name: provider})
		}
		if err := fn(ask); err != nil {
			return err
		}
	}
	return nil
}

// Carry lets in what was approved, as it was declared then. What was refused stays out until the plugin declares something else.
func (p PluginKinds) Carry(ctx context.Context, a *Approval) (bool, error) {
	if a.State != Approved {
		return true, nil
	}
	last := a.Last()
	_, err := p.Inventory.ApproveDeclared(ctx, inventory.Caller{Tenant: a.Tenant, Name: last.By, TenantWide: true}, a.Payload, a.Key, last.Reason)
	var conflict *inventory.ConflictError
	if errors.As(err, &conflict) || errors.Is(err, inventory.ErrNotFound) {
		return true, &UnableError{Problem: err.Error()}
	}
	return err == nil, err
}
