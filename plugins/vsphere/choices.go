package vsphere

import (
	"context"
	"fmt"

	"maestro.internal/sdk/provider"
)

// Choices are the datacenters that the user sees, by their path among folders.
func (p *Provider) Choices(ctx context.Context, conn provider.Connection, _ string) (out provider.Choices, err error) {
	opened, err := p.Connect(ctx, conn)
	if err != nil {
		return out, err
	}
	s, ok := opened.(*session)
	if !ok {
		return out, provider.Permanent(fmt.Errorf("choices: unexpected session %T", opened))
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	found, _, err := s.client.datacenters(ctx)
	for _, d := range found {
		c := provider.Choice{Value: d.path}
		if d.name != d.path {
			c.Label = d.name
		}
		out.Items = append(out.Items, c)
	}
	return out, err
}
