package inventory

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Bounds of what is gone through for one tree.
const (
	mostRanges    = 20_000
	mostAddresses = 100_000
)

// RoutingDomain is what addresses are unique in: resources that name it, and all others of its datacenters or connections.
type RoutingDomain struct {
	ID, Name string
	// Named is the name by which resources and datacenters belong to it; empty for one that a single datacenter or connection is.
	Named       string
	Datacenters []string
	Connections []string
}

func (d RoutingDomain) places() []string {
	var out []string
	if d.Named != "" {
		out = append(out, store.Key(placeNamed, d.Named))
	}
	for _, id := range d.Datacenters {
		out = append(out, store.Key(placeDatacenter, id))
	}
	for _, id := range d.Connections {
		out = append(out, store.Key(placeConnection, id))
	}
	return out
}

// Range is a range of addresses that resources of a routing domain say they are.
type Range struct {
	Prefix netip.Prefix
	// Depth counts the ranges around it; Parent is the nearest, invalid when there is none.
	Depth    int
	Parent   netip.Prefix
	Children int
	// Resources are what says so. Duplicate: two of one kind do. Overlaps are other networks, or subnets, around one of the same kind.
	Resources []Head
	Duplicate bool
	Overlaps  []Head
	// Size counts addresses; Allocated those in ranges within; Used those that some resource has; Free is what is neither.
	Size, Allocated, Used, Free float64

	direct float64 // used and in no range within
	parent int
}

// UsedAddress is an address that resources have. Duplicate: two of one kind have it.
type UsedAddress struct {
	Address   netip.Addr
	Holders   []Head
	Duplicate bool
}

// RangeTree is the ranges and addresses of a routing domain, as far as the caller may see: each range before those in it.
type RangeTree struct {
	Ranges    []Range
	Addresses []UsedAddress
	// More says that there are more addresses than were gone through, so that what is used is at least that much.
	More bool
}

// RoutingDomainNames are the routing domains that resources name, or named at a moment; a zero one is now.
func (s *Service) RoutingDomainNames(ctx context.Context, c Caller, at time.Time) ([]string, error) {
	var out []string
	field := text("attributes", "routing_domain")
	for _, kind := range []string{"prefix", "address"} {
		k, err := s.kind(ctx, c.Tenant, kind)
		if err != nil {
			return nil, err
		}
		if err := s.ensureKind(ctx, k.Kind); err != nil {
			return nil, err
		}
		groups, err := s.groupsAt(ctx, c, at, k.Kind, filter.And{c.may(), shown(false), filter.Exists{Field: field}}, []filter.Field{field}, 10_000)
		if err != nil {
			return nil, fmt.Errorf("list routing domains: %w", err)
		}
		for _, g := range groups {
			if name, ok := g.Values[0].(string); ok && name != "" {
				out = append(out, name)
			}
		}
	}
	return unique(out), nil
}

// Ranges is the tree of a routing domain, now or at a moment; with a valid prefix what lies within it, and the ranges around it.
func (s *Service) Ranges(ctx context.Context, c Caller, d RoutingDomain, within netip.Prefix, at time.Time) (*RangeTree, error) {
	if at.IsZero() {
		return s.rangesFrom(d, within, c, func(where filter.And, fn func(store.Row) error) error {
			return store.Each(ctx, s.opt.Store, store.Query{Table: tHeads, Tenant: c.Tenant, Where: where}, fn)
		})
	}
	if err := s.withinHorizon(ctx, c.Tenant, at); err != nil {
		return nil, err
	}
	var tree *RangeTree
	err := s.differing(ctx, c, nil, at, true, func(p *pastSet) (err error) {
		tree, err = s.rangesFrom(d, within, c, func(where filter.And, fn func(store.Row) error) error { return s.eachThen(ctx, c, p, where, fn) })
		return err
	})
	return tree, err
}

// rangesFrom makes the tree of the heads that each goes through.
func (s *Service) rangesFrom(d RoutingDomain, within netip.Prefix, c Caller, each func(filter.And, func(store.Row) error) error) (*RangeTree, error) {
	places := d.places()
	spans := spansOf(places, within)
	if len(spans) == 0 {
		return &RangeTree{}, nil
	}
	ranges, addresses := map[netip.Prefix][]Head{}, map[netip.Prefix][]Head{}
	inDomain := keysIn(places)
	collect := func(into map[netip.Prefix][]Head, isRange bool) func(store.Row) error {
		return func(row store.Row) error {
			doc, err := decodeRow[headDoc](row)
			if err != nil {
				return err
			}
			for _, p := range inDomain(doc.Addresses) {
				lies := !within.IsValid() || within.Overlaps(p) && p.Bits() >= within.Bits()
				if lies && (isRange || p.IsSingleIP()) || isRange && within.IsValid() && p.Overlaps(within) {
					into[p] = append(into[p], doc.view(row))
				}
			}
			return nil
		}
	}
	kinds := in(text("kind"), rangeKinds)
	where := filter.Within{Field: texts("addresses"), Spans: spans}
	var around filter.Expr = filter.Const(false)
	if within.IsValid() {
		around = in(texts("addresses"), keysAround(places, within))
	}
	if more, err := upTo(mostRanges, collect(ranges, true), func(fn func(store.Row) error) error {
		return each(filter.And{c.may(), kinds, filter.Or{where, around}}, fn)
	}); err != nil {
		return nil, fmt.Errorf("read ranges: %w", err)
	} else if more {
		return nil, &FilterError{Of: ErrTooBroad, Problem: &filter.Error{Message: fmt.Sprintf("the routing domain %s has more than %d ranges there", d.Name, mostRanges),
			Expected: "a narrower range"}}
	}
	more, err := upTo(mostAddresses, collect(addresses, false), func(fn func(store.Row) error) error {
		return each(filter.And{c.may(), filter.Not{Of: kinds}, where}, fn)
	})
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	return rangeTree(ranges, addresses, more), nil
}

// eachUpTo goes through what a query finds, and says whether there was more than most.
func (s *Service) eachUpTo(ctx context.Context, q store.Query, most int, fn func(store.Row) error) (bool, error) {
	return upTo(most, fn, func(fn func(store.Row) error) error { return store.Each(ctx, s.opt.Store, q, fn) })
}

// upTo goes through rows and says whether there were more than most.
func upTo(most int, fn func(store.Row) error, each func(func(store.Row) error) error) (bool, error) {
	n := 0
	stop := fmt.Errorf("enough")
	err := each(func(row store.Row) error {
		if n++; n > most {
			return stop
		}
		return fn(row)
	})
	if err == stop { //nolint:errorlint // it is this very one
		return true, nil
	}
	return false, err
}

func spansOf(places []string, within netip.Prefix) []filter.Span {
	var out []filter.Span
	for _, place := range places {
		span := filter.Span{From: "4", To: "7"}
		if within.IsValid() {
			span = filter.AddressSpan(within)
		}
		out = append(out, filter.Span{From: place + "|" + span.From, To: place + "|" + span.To})
	}
	return out
}

// keysAround are the keys that ranges around p may have.
func keysAround(places []string, p netip.Prefix) []string {
	var out []string
	for bits := range p.Bits() {
		key := filter.PrefixKey(netip.PrefixFrom(p.Addr(), bits).Masked())
		for _, place := range places {
			out = append(out, place+"|"+key)
		}
	}
	return out
}

// keysIn answers the function that picks, of a head's addresses, those in any of the places.
func keysIn(places []string) func([]string) []netip.Prefix {
	return func(addresses []string) []netip.Prefix {
		var out []netip.Prefix
		for _, a := range addresses {
			i := strings.LastIndexByte(a, '|')
			if i < 0 || !slices.Contains(places, a[:i]) {
				continue
			}
			if p, ok := filter.KeyPrefix(a[i+1:]); ok {
				out = append(out, p)
			}
		}
		return out
	}
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()), a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func sizeOf(p netip.Prefix) float64 { return math.Exp2(float64(p.Addr().BitLen() - p.Bits())) }

// rangeTree puts each range into the nearest around it, and each address into the nearest range.
func rangeTree(ranges, addresses map[netip.Prefix][]Head, more bool) *RangeTree {
	t := &RangeTree{More: more}
	var around []int // the ranges around the one that is looked at, widest first
	for _, p := range sortedPrefixes(ranges) {
		r := Range{Prefix: p, Resources: sortedHeads(ranges[p]), Size: sizeOf(p), parent: -1}
		for len(around) > 0 && !t.Ranges[around[len(around)-1]].Prefix.Overlaps(p) {
			around = around[:len(around)-1]
		}
		if r.Depth = len(around); r.Depth > 0 {
			r.parent = around[r.Depth-1]
			r.Parent = t.Ranges[r.parent].Prefix
			t.Ranges[r.parent].Children++
			t.Ranges[r.parent].Allocated += r.Size
		}
		r.Duplicate = sharesKind(r.Resources)
		for _, i := range around {
			r.Overlaps = append(r.Overlaps, overlapping(t.Ranges[i].Resources, r.Resources)...)
		}
		t.Ranges = append(t.Ranges, r)
		around = append(around, len(t.Ranges)-1)
	}
	for _, p := range sortedPrefixes(addresses) {
		holders := sortedHeads(addresses[p])
		t.Addresses = append(t.Addresses, UsedAddress{Address: p.Addr(), Holders: holders, Duplicate: sharesKind(holders)})
		if i := t.nearest(p); i >= 0 {
			t.Ranges[i].direct++
		}
	}
	for i := len(t.Ranges) - 1; i >= 0; i-- { // what is within comes after, so it is counted already
		r := &t.Ranges[i]
		r.Used += r.direct
		r.Free = max(0, r.Size-r.Allocated-r.direct)
		if r.parent >= 0 {
			t.Ranges[r.parent].Used += r.Used
		}
	}
	return t
}

func sortedPrefixes(m map[netip.Prefix][]Head) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(m))
	for p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, comparePrefixes)
	return out
}

func sortedHeads(list []Head) []Head {
	slices.SortFunc(list, func(a, b Head) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(list, func(a, b Head) bool { return a.ID == b.ID })
}

// nearest is the narrowest range around p, -1 when there is none.
func (t *RangeTree) nearest(p netip.Prefix) int {
	i, _ := slices.BinarySearchFunc(t.Ranges, p, func(r Range, p netip.Prefix) int {
		if comparePrefixes(r.Prefix, p) <= 0 {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i = t.Ranges[i].parent {
		if t.Ranges[i].Prefix.Contains(p.Addr()) {
			return i
		}
	}
	return -1
}

// Find is the range itself.
func (t *RangeTree) Find(p netip.Prefix) (*Range, bool) {
	i := slices.IndexFunc(t.Ranges, func(r Range) bool { return r.Prefix == p })
	if i < 0 {
		return nil, false
	}
	return &t.Ranges[i], true
}

func sharesKind(list []Head) bool {
	for i := 1; i < len(list); i++ {
		if list[i].Kind == list[i-1].Kind {
			return true
		}
	}
	return false
}

// overlapping are those of outer that have no business around inner: a prefix may lie in a prefix, and a subnet in a network,
// but of two networks, or two subnets, neither lies in the other.
func overlapping(outer, inner []Head) []Head {
	var out []Head
	for _, o := range outer {
		if o.Kind != "prefix" && slices.ContainsFunc(inner, func(i Head) bool { return i.Kind == o.Kind && i.ID != o.ID }) {
			out = append(out, o)
		}
	}
	return out
}

// FreeIn are the widest blocks of p that are in no range within it and that nobody has an address of, at most most of them;
// the second answer says that there are more.
func (t *RangeTree) FreeIn(p netip.Prefix, most int) ([]netip.Prefix, bool) {
	var taken []netip.Prefix
	for _, r := range t.Ranges {
		if r.Parent == p && r.Prefix != p {
			taken = append(taken, r.Prefix)
		}
	}
	for _, a := range t.Addresses {
		if p.Contains(a.Address) {
			taken = append(taken, netip.PrefixFrom(a.Address, a.Address.BitLen()))
		}
	}
	slices.SortFunc(taken, comparePrefixes)
	var out []netip.Prefix
	more := free(p, taken, most, &out)
	return out, more
}

// free collects what is left of p; taken is sorted and lies in p. It answers true when it stopped for having found enough.
func free(p netip.Prefix, taken []netip.Prefix, most int, out *[]netip.Prefix) bool {
	switch {
	case len(taken) == 0 && len(*out) == most:
		return true
	case len(taken) == 0:
		*out = append(*out, p)
		return false
	case taken[0].Bits() <= p.Bits():
		return false
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	raw := p.Addr().AsSlice()
	raw[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	middle, _ := netip.AddrFromSlice(raw)
	high := netip.PrefixFrom(middle, p.Bits()+1)
	i, _ := slices.BinarySearchFunc(taken, middle, func(t netip.Prefix, m netip.Addr) int { return t.Addr().Compare(m) })
	return free(low, taken[:i], most, out) || free(high, taken[i:], most, out)
}
