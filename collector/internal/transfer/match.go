package transfer

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// hits are what the rows of a batch may mean.
type hits struct {
	ids         map[string]inventory.Head
	identifiers map[resource.Identifier]string
	byKey       map[string][]inventory.Found
}

// byKey says by which field the resources of a batch are looked up; "" by none.
func (p *planner) byKey() string {
	switch {
	case len(p.m.keys) > 0:
		return p.m.keys[0].name
	case p.m.key == "auto":
		return "name"
	}
	return ""
}

func (p *planner) lookUp(ctx context.Context, rows []*draft) (hits, error) {
	var ids []string
	var idents []resource.Identifier
	for _, d := range rows {
		if d.id != "" {
			ids = append(ids, d.id)
		}
		idents = append(idents, d.identifiers...)
	}
	var h hits
	var err error
	if len(ids) > 0 {
		if h.ids, err = p.find.FindByID(ctx, p.caller, p.m.kind.Name, ids); err != nil {
			return h, fmt.Errorf("find resources by id: %w", err)
		}
	}
	if len(idents) > 0 {
		if h.identifiers, err = p.find.FindByIdentifier(ctx, p.caller, p.m.kind.Name, idents); err != nil {
			return h, fmt.Errorf("find resources by identifiers: %w", err)
		}
	}
	field := p.byKey()
	if field == "" {
		return h, nil
	}
	var values []string
	for _, d := range rows {
		told := p.m.key == "auto" && (d.id != "" || slices.ContainsFunc(d.identifiers, func(id resource.Identifier) bool { return h.identifiers[id] != "" }))
		if v := d.text(p.keyPointer()); v != "" && !told {
			values = append(values, v)
		}
	}
	if len(values) > 0 {
		if h.byKey, err = p.find.FindByField(ctx, p.caller, p.m.kind.Name, field, values); err != nil {
			return h, fmt.Errorf("find resources by %s: %w", field, err)
		}
	}
	return h, nil
}

func (p *planner) keyPointer() string {
	if len(p.m.keys) > 0 {
		return p.m.keys[0].pointer
	}
	return "/name"
}

// match decides which resource a row is of.
func (p *planner) match(d *draft, h hits) {
	kind := p.m.kind.Name
	if d.id != "" && (p.m.key == "auto" || p.m.key == "id") {
		head, ok := h.ids[d.id]
		if !ok {
			d.problem("id", "there is no %s with the id %s", kind, shorten(d.id))
			return
		}
		d.edit.ID = head.ID
		return
	}
	switch p.m.key {
	case "id":
		if d.id == "" {
			d.problem("id", "is missing, and the mapping finds resources by it")
		}
		return
	case "auto", "identifier":
		if p.matchIdentifiers(d, h) {
			return
		}
		if p.m.key == "identifier" {
			if len(d.identifiers) == 0 {
				d.problem("", "has no identifier, and the mapping finds resources by them")
			}
			p.named(d)
			return
		}
	}
	p.matchKey(d, h)
	p.named(d)
}

// named refuses what would be made without a name.
func (p *planner) named(d *draft) {
	if d.edit.ID == "" && len(d.errs) == 0 && d.text("/name") == "" {
		d.problem("name", "is missing; a new resource needs one")
	}
}

func (p *planner) matchIdentifiers(d *draft, h hits) bool {
	var owners []string
	for _, id := range d.identifiers {
		if _, ok := schema.NormalizeIdentifier(id.Type, id.Value); !ok {
			d.problem("identifiers."+id.Type, "%s is no %s", shorten(id.Value), id.Type)
			continue
		}
		if owner := h.identifiers[id]; owner != "" && !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	if len(owners) > 1 {
		d.problem("", "its identifiers belong to %d different resources", len(owners))
	}
	if len(owners) > 0 {
		d.edit.ID = owners[0]
	}
	return len(owners) > 0
}

func (p *planner) matchKey(d *draft, h hits) {
	key := d.text(p.keyPointer())
	if key == "" {
		if len(p.m.keys) > 0 {
			d.problem("", "says nothing of %s, by which the mapping finds resources", p.m.keys[0].name)
		}
		return
	}
	found := slices.DeleteFunc(slices.Clone(h.byKey[key]), func(f inventory.Found) bool { return !p.fits(d, f) })
	switch len(found) {
	case 0:
	case 1:
		d.edit.ID = found[0].ID
	default:
		d.problem("", "%d resources of kind %s have the %s %s; add an identifier, the id or the datacenter", len(found), p.m.kind.Name, p.byKey(), shorten(key))
	}
}

// fits says whether what was found by the first key may be what a row means.
func (p *planner) fits(d *draft, f inventory.Found) bool {
	if len(p.m.keys) > 0 {
		fields := inventory.FieldsOf(p.m.kind)
		for _, k := range p.m.keys[1:] {
			field, ok := fields.Field(k.name)
			if !ok || field.Type != filter.String || f.Text(field) != d.text(k.pointer) {
				return false
			}
		}
		return true
	}
	if d.hasDC && f.Datacenter != "" && f.Datacenter != d.datacenter {
		return false
	}
	// One that has another serial is another machine, whatever it is called.
	for _, id := range d.identifiers {
		v, _ := schema.NormalizeIdentifier(id.Type, id.Value)
		other := false
		for _, has := range f.Identifiers {
			if has.Type == id.Type {
				if other = has.Value != v; !other {
					break
				}
			}
		}
		if other {
			return false
		}
	}
	return true
}
