package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type prefixesIn struct {
	ListIn
	AtIn
	Domain string `query:"domain" maxLength:"300" doc:"Id or name of a routing domain; may be absent where there is one"`
	Within string `query:"within" maxLength:"60" example:"10.0.0.0/8" doc:"Only ranges in this one, and those around it"`
}

// PrefixIn names a range.
type PrefixIn struct {
	ID string `path:"id" maxLength:"500"`
}

// AtIn asks for a moment; which datacenters share a routing domain is settings, and as it is now.
type AtIn struct {
	AsOf time.Time `query:"as_of" doc:"The address space as the collector had it at that moment"`
}

type domainsIn struct {
	ListIn
	AtIn
}

type prefixIn struct {
	PrefixIn
	AtIn
}

type prefixListIn struct {
	ListIn
	PrefixIn
	AtIn
}

func (s *Server) prefixRoutes() {
	const tag = "prefixes"
	handle(s, route{method: "GET", path: "/routing_domains", id: "list-routing-domains", tag: tag, action: access.Read,
		summary: "Routing domains: what addresses are unique in"}, s.listRoutingDomains)
	handle(s, route{method: "GET", path: "/prefixes", id: "list-prefixes", tag: tag, action: access.Read,
		summary: "Ranges of addresses of a routing domain as a tree"}, s.listPrefixes)
	handle(s, route{method: "GET", path: "/prefixes/{id}", id: "get-prefix", tag: tag, action: access.Read,
		summary: "One range, with those around and within and what is free"}, s.getPrefix)
	handle(s, route{method: "GET", path: "/prefixes/{id}/addresses", id: "list-prefix-addresses", tag: tag, action: access.Read,
		summary: "Addresses that are used in a range"}, s.listPrefixAddresses)
}

// Ids of routing domains say what they are.
const (
	domainNamed      = "named:"
	domainDatacenter = "datacenter:"
	domainConnection = "connection:"
	domainNone       = "none"
)

// routingDomains are those that the caller may know of: every name that resources or datacenters give, every other datacenter
// and every connection without one. addresses of records in none of them are in a domain of their own.
func (s *Server) routingDomains(ctx context.Context, c access.Caller, at time.Time) ([]inventory.RoutingDomain, *names, error) {
	who := domainCaller(c)
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	named, err := s.opt.Inventory.RoutingDomainNames(ctx, who, at)
	if err != nil {
		return nil, nil, err
	}
	centers, err := s.opt.Fleet.Datacenters(ctx, who)
	if err != nil {
		return nil, nil, err
	}
	connections, err := s.opt.Fleet.Connections(ctx, who)
	if err != nil {
		return nil, nil, err
	}
	var out []inventory.RoutingDomain
	place := map[string]int{}
	byName := func(name string) *inventory.RoutingDomain {
		i, ok := place[name]
		if !ok {
			i = len(out)
			place[name] = i
			out = append(out, inventory.RoutingDomain{ID: domainNamed + name, Name: name, Named: name})
		}
		return &out[i]
	}
	for _, name := range named {
		byName(name)
	}
	for _, d := range centers {
		if d.RoutingDomain != "" {
			shared := byName(d.RoutingDomain)
			shared.Datacenters = append(shared.Datacenters, d.ID)
		}
	}
	for _, d := range centers {
		if d.RoutingDomain == "" {
			out = append(out, inventory.RoutingDomain{ID: domainDatacenter + d.ID, Name: d.Name, Datacenters: []string{d.ID}})
		}
	}
	for _, x := range connections {
		if x.Datacenter == nil {
			out = append(out, inventory.RoutingDomain{ID: domainConnection + x.ID, Name: x.Name, Connections: []string{x.ID}})
		}
	}
	out = append(out, inventory.RoutingDomain{ID: domainNone, Name: "recorded without a datacenter", Connections: []string{""}})
	return out, names, nil
}

func (s *Server) listRoutingDomains(ctx context.Context, c access.Caller, in *domainsIn) (*out[rest.List[rest.RoutingDomain]], error) {
	domains, names, err := s.routingDomains(ctx, c, in.AsOf)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.RoutingDomain, 0, len(domains))
	for _, d := range domains {
		doc := rest.RoutingDomain{ID: d.ID, Name: d.Name}
		for _, id := range d.Datacenters {
			doc.Datacenters = append(doc.Datacenters, *names.datacenter(id))
		}
		for _, id := range d.Connections {
			if id != "" {
				doc.Connections = append(doc.Connections, *names.connection(id))
			}
		}
		docs = append(docs, doc)
	}
	return small(s, &in.ListIn, docs, func(d rest.RoutingDomain) string { return d.ID }, "name")
}

// routingDomain finds a domain by its id or, where that says enough, by its name. Without either there has to be but one with
// ranges in it.
func (s *Server) routingDomain(ctx context.Context, c access.Caller, given string, at time.Time) (inventory.RoutingDomain, error) {
	domains, _, err := s.routingDomains(ctx, c, at)
	if err != nil {
		return inventory.RoutingDomain{}, err
	}
	var hits []inventory.RoutingDomain
	var known []string
	for _, d := range domains {
		if d.ID == given {
			return d, nil
		}
		if d.ID != domainNone {
			known = append(known, d.Name)
		}
		if d.Name == given || given == "" && d.ID != domainNone {
			hits = append(hits, d)
		}
	}
	switch {
	case len(hits) == 1:
		return hits[0], nil
	case given == "":
		return inventory.RoutingDomain{}, problem(http.StatusBadRequest, "Say which routing domain: GET %s/routing_domains lists them.", prefix).at("query.domain", "is needed where there is more than one")
	case len(hits) > 1:
		return inventory.RoutingDomain{}, problem(http.StatusBadRequest, "%d routing domains are named %q. Give its id: GET %s/routing_domains lists them.", len(hits), given, prefix).at("query.domain", "names more than one")
	}
	if len(known) == 0 {
		return inventory.RoutingDomain{}, problem(http.StatusNotFound, "There is no routing domain %q. There is only %s, for addresses that were recorded without a datacenter.", given, domainNone)
	}
	slices.Sort(known)
	return inventory.RoutingDomain{}, problem(http.StatusNotFound, "There is no routing domain %q. There are: %s.", given, strings.Join(known[:min(20, len(known))], ", "))
}

// prefixID names a range of a domain in a path.
func prefixID(domain string, p netip.Prefix) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.String() + " " + domain))
}

func (s *Server) prefixOf(ctx context.Context, c access.Caller, id string, at time.Time) (inventory.RoutingDomain, netip.Prefix, error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	text, domain, ok := strings.Cut(string(raw), " ")
	p, bad := netip.ParsePrefix(text)
	if err != nil || !ok || bad != nil || p != p.Masked() {
		return inventory.RoutingDomain{}, p, notFound("range")
	}
	domains, _, err := s.routingDomains(ctx, c, at)
	if err != nil {
		return inventory.RoutingDomain{}, p, err
	}
	i := slices.IndexFunc(domains, func(d inventory.RoutingDomain) bool { return d.ID == domain })
	if i < 0 {
		return inventory.RoutingDomain{}, p, notFound("range")
	}
	return domains[i], p, nil
}

func (s *Server) ranges(ctx context.Context, c access.Caller, d inventory.RoutingDomain, within netip.Prefix, at time.Time) (*inventory.RangeTree, error) {
	tree, err := s.opt.Inventory.Ranges(ctx, domainCaller(c), d, within, at)
	var broad *inventory.FilterError
	if errors.As(err, &broad) {
		return nil, problem(http.StatusBadRequest, "%s Ask for a narrower range with within.", sentence(broad.Problem.Message)).at("query.within", "is too wide")
	}
	return tree, err
}

func (s *Server) listPrefixes(ctx context.Context, c access.Caller, in *prefixesIn) (*out[rest.List[rest.Prefix]], error) {
	var within netip.Prefix
	if in.Within != "" {
		var err error
		if within, err = filter.ParsePrefix(in.Within); err != nil {
			why := strings.TrimPrefix(err.Error(), "filter: character 1: ")
			return nil, problem(http.StatusBadRequest, "%s", sentence(why)).at("query.within", why)
		}
	}
	d, err := s.routingDomain(ctx, c, in.Domain, in.AsOf)
	if err != nil {
		return nil, err
	}
	tree, err := s.ranges(ctx, c, d, within, in.AsOf)
	if err != nil {
		return nil, err
	}
	return small(s, &in.ListIn, prefixDocuments(d, tree, tree.Ranges), func(p rest.Prefix) string { return p.ID }, "key")
}

func (s *Server) getPrefix(ctx context.Context, c access.Caller, in *prefixIn) (*out[rest.PrefixDetail], error) {
	d, p, err := s.prefixOf(ctx, c, in.ID, in.AsOf)
	if err != nil {
		return nil, err
	}
	tree, err := s.ranges(ctx, c, d, p, in.AsOf)
	if err != nil {
		return nil, err
	}
	docs := prefixDocuments(d, tree, tree.Ranges)
	doc := rest.PrefixDetail{Around: []rest.Prefix{}, Within: []rest.Prefix{}, FreeBlocks: []string{}}
	found := false
	for i, r := range tree.Ranges {
		switch cmp.Compare(r.Prefix.Bits(), p.Bits()) {
		case -1:
			doc.Around = append(doc.Around, docs[i])
		case 1:
			doc.Within = append(doc.Within, docs[i])
		default:
			doc.Prefix, found = docs[i], true
		}
	}
	if !found {
		return nil, notFound("range")
	}
	blocks, more := tree.FreeIn(p, 100)
	for _, b := range blocks {
		doc.FreeBlocks = append(doc.FreeBlocks, b.String())
	}
	doc.MoreFreeBlocks = more
	return &out[rest.PrefixDetail]{Body: doc}, nil
}

func (s *Server) listPrefixAddresses(ctx context.Context, c access.Caller, in *prefixListIn) (*out[rest.List[rest.PrefixAddress]], error) {
	d, p, err := s.prefixOf(ctx, c, in.ID, in.AsOf)
	if err != nil {
		return nil, err
	}
	tree, err := s.ranges(ctx, c, d, p, in.AsOf)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.PrefixAddress, 0, len(tree.Addresses))
	for _, a := range tree.Addresses {
		docs = append(docs, rest.PrefixAddress{Address: a.Address.String(), Key: filter.PrefixKey(netip.PrefixFrom(a.Address, a.Address.BitLen())),
			Resources: headRefs(a.Holders), Duplicate: a.Duplicate})
	}
	return small(s, &in.ListIn, docs, func(a rest.PrefixAddress) string { return a.Key }, "key")
}

func prefixDocuments(d inventory.RoutingDomain, tree *inventory.RangeTree, list []inventory.Range) []rest.Prefix {
	docs := make([]rest.Prefix, 0, len(list))
	for _, r := range list {
		doc := rest.Prefix{ID: prefixID(d.ID, r.Prefix), Domain: rest.Ref{ID: d.ID, Name: d.Name}, Prefix: r.Prefix.String(), Key: filter.PrefixKey(r.Prefix),
			Depth: r.Depth, Children: r.Children, Resources: headRefs(r.Resources), Duplicate: r.Duplicate, Overlaps: headRefs(r.Overlaps),
			Size: r.Size, Allocated: r.Allocated, Used: r.Used, Free: r.Free, UsedIsLowerBound: tree.More}
		if r.Parent.IsValid() {
			doc.Parent = r.Parent.String()
		}
		docs = append(docs, doc)
	}
	return docs
}

// mostRefs bounds how many resources one range or address names.
const mostRefs = 50

func headRefs(list []inventory.Head) []rest.Ref {
	refs := make([]rest.Ref, 0, min(len(list), mostRefs))
	for _, h := range list[:min(len(list), mostRefs)] {
		refs = append(refs, rest.Ref{ID: h.ID, Name: h.Name, Kind: h.Kind})
	}
	return refs
}
