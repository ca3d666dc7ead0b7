package inventory

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// addressField is a field of a kind that holds addresses or ranges of addresses.
type addressField struct {
	path []string // within the attributes
	// own says that the resource itself has the address, or is the range, rather than referring to somebody else's.
	own bool
}

// mostKeys bounds how many addresses of one resource can be looked up.
const mostKeys = 2000

// rangeKinds are ranges of addresses; other kinds may name ranges that belong to somebody else.
var rangeKinds = []string{"network", "subnet", "prefix"}

// refers are the words in names of fields that hold an address of something else.
var refers = []string{"gateway", "gateways", "dns", "next", "fixed", "first", "last", "destination", "ntp", "peer", "remote", "listeners"}

// addressFields are the fields of a kind that hold addresses: those of the schema's type for it, and texts whose name says that
// they are ranges.
func addressFields(k *schema.Kind) []addressField {
	var out []addressField
	add := func(path string, t schema.Type) {
		segments := strings.Split(path, ".")
		words := strings.Split(segments[len(segments)-1], "_")
		isRange := t == schema.TypeString && (slices.Contains(words, "cidr") || slices.Contains(words, "cidrs"))
		if t != schema.TypeIP && !isRange {
			return
		}
		own := !slices.ContainsFunc(strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '_' }), func(w string) bool { return slices.Contains(refers, w) })
		if isRange {
			own = slices.Contains(rangeKinds, k.Name)
		}
		out = append(out, addressField{path: segments, own: own})
	}
	for _, f := range k.Fields {
		if f.Sensitive || f.Volatile {
			continue
		}
		if f.Type != schema.TypeArray {
			add(f.Path, f.Type)
			continue
		}
		for _, item := range f.Items {
			if item.Path == "" {
				add(f.Path, item.Type)
			} else {
				add(f.Path+"."+item.Path, item.Type)
			}
		}
	}
	return out
}

// Typed finds who has the address that a text is, whoever lies in the range that it is, or whose port has that MAC, however
// people write them. An address is looked for among the resource's own only.
func (s *FieldSet) Typed(word string) (filter.Expr, bool) {
	if p, err := filter.ParsePrefix(word); err == nil {
		begins := s.addresses[anyAddress]
		if len(begins) == 0 {
			return nil, false
		}
		span := filter.AddressSpan(p)
		within := filter.Within{Field: texts("nets")}
		for _, b := range begins {
			within.Spans = append(within.Spans, filter.Span{From: b + span.From, To: b + span.To})
		}
		return within, true
	}
	mac, ok := macOf(word)
	if !ok || !s.tags {
		return nil, false
	}
	any := filter.Or{eq(texts("identifiers", "value"), mac)}
	for _, name := range macFields {
		if f, ok := s.fields[name]; ok && f.Type == filter.String {
			any = append(any, eq(f, mac))
		}
	}
	return any, true
}

// macFields hold the MAC of a port that is a resource itself.
var macFields = []string{"mac", "mac_address"}

// macOf is a MAC as it is stored.
func macOf(word string) (string, bool) {
	if hw, err := net.ParseMAC(word); err != nil || len(hw) != 6 {
		return "", false
	}
	return schema.NormalizeIdentifier("mac", word)
}

func (f addressField) name() string { return strings.Join(f.path, ".") }

// keysAt are the keys of the addresses that a field has in decoded attributes.
func (f addressField) keysAt(tree any) []string {
	var out []string
	for _, text := range textsAt(tree, f.path) {
		if key, ok := filter.AddressKey(text); ok {
			out = append(out, key)
		}
	}
	return out
}

// textsAt are the texts at a path, through lists.
func textsAt(v any, path []string) []string {
	switch v := v.(type) {
	case string:
		if len(path) == 0 {
			return []string{v}
		}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, textsAt(e, path)...)
		}
		return out
	case map[string]any:
		if len(path) > 0 {
			return textsAt(v[path[0]], path[1:])
		}
	}
	return nil
}

// netsOf are the keys of all addresses of a resource behind the names of their fields, for cidr(); and those that are its own.
func netsOf(fields []addressField, attributes any) (nets, own []string) {
	for _, f := range fields {
		for _, key := range f.keysAt(attributes) {
			nets = append(nets, f.name()+"|"+key)
			if f.own {
				own = append(own, key)
			}
		}
	}
	nets, own = unique(nets), unique(own)
	return nets[:min(len(nets), mostKeys)], own[:min(len(own), mostKeys)]
}

// A place is what addresses are unique in as far as the resource tells: the routing domain that it names, or else its
// datacenter, or else its connection. Routing domains are made of places.
const (
	placeNamed      = "d"
	placeDatacenter = "c"
	placeConnection = "x"
)

// place of a resource.
func (d *resourceDoc) place() string {
	switch {
	case d.domain != "":
		return store.Key(placeNamed, d.domain)
	case d.Datacenter != "":
		return store.Key(placeDatacenter, d.Datacenter)
	case len(d.Connections) > 0:
		return store.Key(placeConnection, d.Connections[0])
	}
	return store.Key(placeConnection, "")
}

// placed are the keys of the addresses that a resource has, as its head keeps them. What is gone has none any more.
func (d *resourceDoc) placed() []string {
	if d.State == Gone || d.State == Merged {
		return nil
	}
	place := d.place()
	var out []string
	for _, key := range d.own {
		if p, ok := filter.KeyPrefix(key); ok && routed(p.Addr()) {
			out = append(out, place+"|"+key)
		}
	}
	return out
}

// routed says whether an address is one of a routing domain: those of a single machine or wire are everywhere the same.
func routed(a netip.Addr) bool {
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified()
}

// mostHolders bounds, by kind, the resources that are found across kinds by what they hold.
const mostHolders = 1000

// Holders are the resources of all kinds that hold what a text is, or held it at a moment: an address, a range or a MAC. ok is false
// when it is none of these; more says that there are more of a kind than are told.
func (s *Service) Holders(ctx context.Context, c Caller, word string, at time.Time) (ids []string, more, ok bool, err error) {
	kinds, err := s.Kinds(ctx, c.Tenant)
	if err != nil {
		return nil, false, false, err
	}
	for i := range kinds {
		k := &kinds[i]
		where, typed := FieldsOf(k.Kind).Typed(word)
		if !typed {
			continue
		}
		ok = true
		if err := s.ensureKind(ctx, k.Kind); err != nil {
			return nil, false, false, err
		}
		found, others, err := s.holdersOf(ctx, c, k.Kind, filter.And{c.may(), shown(false), where}, at)
		if err != nil {
			return nil, false, false, fmt.Errorf("look for %s among %s: %w", word, k.Name, err)
		}
		more, ids = more || others, append(ids, found...)
	}
	return ids, more, ok, nil
}

func (s *Service) holdersOf(ctx context.Context, c Caller, k *schema.Kind, where filter.And, at time.Time) (ids []string, more bool, err error) {
	take := func(row store.Row) error { ids = append(ids, row.ID); return nil }
	if at.IsZero() {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: tResources, Tenant: c.Tenant, Part: k.Name, Limit: mostHolders, Where: where})
		for _, row := range page.Rows {
			ids = append(ids, row.ID)
		}
		return ids, page.Next != "", err
	}
	if err := s.withinHorizon(ctx, c.Tenant, at); err != nil {
		return nil, false, err
	}
	err = s.differing(ctx, c, k, at, true, func(p *pastSet) (err error) {
		ids = nil
		more, err = upTo(mostHolders, take, func(fn func(store.Row) error) error { return s.eachThen(ctx, c, p, where, fn) })
		return err
	})
	return ids, more, err
}
