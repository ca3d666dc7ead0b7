package api

import (
	"context"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type noFleet struct{ Fleet }

func (noFleet) Connections(context.Context, inventory.Caller) ([]rest.Connection, error) {
	return nil, nil
}
func (noFleet) Datacenters(context.Context, inventory.Caller) ([]rest.Datacenter, error) {
	return nil, nil
}
func (noFleet) Agents(context.Context, inventory.Caller) ([]rest.Agent, error) { return nil, nil }
