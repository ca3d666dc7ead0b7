package openstack

import (
	"context"
	"net/url"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// novaFlavor is a flavor, and since microversion 2.47 what a server repeats of it.
type novaFlavor struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	OriginalName string            `json:"original_name"`
	Description  string            `json:"description"`
	VCPUs        number            `json:"vcpus"`
	RAM          number            `json:"ram"`
	Disk         number            `json:"disk"`
	Ephemeral    number            `json:"ephemeral"`
	OwnEphemeral number            `json:"OS-FLV-EXT-DATA:ephemeral"`
	Swap         number            `json:"swap"`
	Public       *bool             `json:"os-flavor-access:is_public"`
	Disabled     *bool             `json:"OS-FLV-DISABLED:disabled"`
	RXTX         float64           `json:"rxtx_factor"`
	Specs        map[string]string `json:"extra_specs"`
}

// flavorBook finds the flavors that servers name.
type flavorBook struct {
	byID   map[string]novaFlavor
	byName map[string]string
}

func (b flavorBook) idOf(name string) string { return b.byName[name] }

// flavorBook reads all flavors, of which a cloud has some dozens. Servers name theirs by its name, and before
// microversion 2.47 by its id and nothing else. Where it may not be read the servers go without.
func (r *reader) flavorBook(ctx context.Context) (flavorBook, error) {
	b := flavorBook{byID: map[string]novaFlavor{}, byName: map[string]string{}}
	compute, err := r.session.service("compute", r.region)
	if err != nil {
		return b, err
	}
	query := url.Values{}
	if r.all {
		query.Set("is_public", "none") // both public and not
	}
	err = each(ctx, r, listing{service: compute, path: "flavors/detail", key: "flavors", query: query}, func(page []novaFlavor) error {
		for _, f := range page {
			b.byID[f.ID], b.byName[f.Name] = f, f.ID
		}
		return nil
	})
	if ctx.Err() != nil {
		return b, ctx.Err()
	}
	if err != nil {
		r.out.Warn("flavors of servers are left out: %v", err)
	}
	return b, nil
}

// flavorFields are what only Nova's flavors have.
type flavorFields struct {
	ID         string            `json:"id,omitempty" label:"Id" help:"Unique in its region only."`
	ExtraSpecs map[string]string `json:"extra_specs,omitempty" label:"Extra specs" help:"What machines of it need or get beside numbers."`
}

type flavorAttributes struct {
	schema.Flavor
	OpenStack flavorFields `json:"openstack"`
}

func readFlavors(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []novaFlavor) error {
		for _, f := range page {
			env, attributes := r.flavor(f)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) flavor(f novaFlavor) (resource.Envelope, flavorAttributes) {
	env := r.envelope(r.local(f.ID), f.Name)
	a := flavorAttributes{
		Flavor: schema.Flavor{
			CPUCount: int(f.VCPUs), MemoryBytes: int64(f.RAM) * mebibyte, SwapBytes: int64(f.Swap) * mebibyte, DiskBytes: int64(f.Disk) * gibibyte,
			EphemeralDiskBytes: int64(f.OwnEphemeral) * gibibyte, Public: f.Public, Disabled: f.Disabled, Description: f.Description,
		},
		OpenStack: flavorFields{ID: f.ID, ExtraSpecs: f.Specs},
	}
	var gpus number
	if gpus.UnmarshalJSON([]byte(f.Specs["resources:VGPU"])) == nil {
		a.GPUCount = int(gpus)
	}
	return env, a
}
