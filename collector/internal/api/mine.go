package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// What is asked of all tenants at once is asked of one after the other, each with the rights that the person has there: so it is
// never more than the sum of what one sees in each, and nothing of it can be written.

func (s *Server) mineRoutes() {
	const tag = "mine"
	handle(s, route{method: "GET", path: "/mine", id: "list-own-summaries", tag: tag, action: access.Self,
		summary: "What there is in each tenant that one is in"}, s.listMine)
	handle(s, route{method: "GET", path: "/mine/search", id: "search-own-tenants", tag: tag, action: access.Self,
		summary: "Search resources of all kinds in all tenants that one is in"}, s.searchMine)
	handle(s, route{method: "GET", path: "/mine/resources/{kind}", id: "list-own-resources", tag: tag, action: access.Self,
		summary: "Resources of a kind in all tenants that one is in, one tenant after the other"}, s.listMyResources)
	handle(s, route{method: "GET", path: "/mine/connections", id: "list-own-connections", tag: tag, action: access.Self,
		summary: "Connections of all tenants that one is in"}, s.listMyConnections)
	handle(s, route{method: "GET", path: "/mine/agents", id: "list-own-agents", tag: tag, action: access.Self,
		summary: "Agents of all tenants that one is in"}, s.listMyAgents)
	handle(s, route{method: "GET", path: "/mine/runs", id: "list-own-runs", tag: tag, action: access.Self,
		summary: "Runs in all tenants that one is in"}, s.listMyRuns)
}

// eye is a person in one of the tenants.
type eye struct {
	place access.Place
	c     access.Caller
}

// open are the tenants of a person that let him read anything.
func (s *Server) openPlaces(ctx context.Context, c access.Caller) (open []eye, left []rest.LeftOut, err error) {
	places, err := s.opt.Access.Places(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range places {
		if p.Disabled {
			left = append(left, rest.LeftOut{Tenant: p.Tenant, Name: p.Name, Why: "This tenant is disabled."})
			continue
		}
		there, err := s.opt.Access.In(ctx, c, p.Tenant)
		var closed *access.DisabledError
		if errors.As(err, &closed) || errors.Is(err, access.ErrNotMember) {
			continue // decided since the list was read
		}
		if err != nil {
			return nil, nil, err
		}
		if p.Tenant != c.Tenant {
			if there, err = s.reach(ctx, there); err != nil {
				return nil, nil, err
			}
		}
		if access.Decide(there, access.Read, access.Object{Tenant: there.Tenant, Anywhere: true}) != access.Allowed {
			left = append(left, rest.LeftOut{Tenant: p.Tenant, Name: p.Name, Why: "You may read nothing there."})
			continue
		}
		open = append(open, eye{p, there})
	}
	return open, left, nil
}

func (s *Server) listMine(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.PlaceSummary]], error) {
	open, _, err := s.openPlaces(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := []rest.PlaceSummary{}
	for _, e := range open {
		sum, err := s.getSummary(ctx, e.c, &summaryIn{})
		if err != nil {
			return nil, err
		}
		d := rest.PlaceSummary{Place: placeDocument(e.place, c), Summary: sum.Body}
		for _, k := range sum.Body.Kinds {
			d.Resources += k.Active
		}
		if d.Approvals, err = s.opt.Approvals.Waits(ctx, e.c); err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return small(s, in, docs, func(d rest.PlaceSummary) string { return d.Place.Tenant }, "resources desc")
}

// minePosition is a place in a list over several tenants: the tenant, and the place in its list.
type minePosition struct {
	Tenant string `json:"t"`
	Token  string `json:"p,omitempty"`
}

func readMine(token string) (at minePosition, err error) {
	if token == "" {
		return at, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	if err != nil || at.Tenant == "" {
		return at, problem(http.StatusBadRequest, "page_token does not fit this question. Begin at the first page of the list.").at("query.page_token", "is not what next_page_token was")
	}
	return at, nil
}

func (at minePosition) text() (string, error) {
	b, err := json.Marshal(at)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// across asks one tenant after the other until a page is full. A tenant that does not understand the question (a kind or a field that
// only others have) is left out and named.
func across[T any](ctx context.Context, s *Server, c access.Caller, in *ListIn, ask func(context.Context, access.Caller, ListIn) (*out[rest.List[T]], error)) (*out[rest.MineList[T]], error) {
	at, err := readMine(in.PageToken)
	if err != nil {
		return nil, err
	}
	open, left, err := s.openPlaces(ctx, c)
	if err != nil {
		return nil, err
	}
	list := rest.MineList[T]{Items: []rest.Mine[T]{}, Left: left}
	begun, full := at.Tenant == "", false
	var refusal error
	for _, e := range open {
		question := *in
		question.PageToken = ""
		begun = begun || e.place.Tenant == at.Tenant
		if begun && e.place.Tenant == at.Tenant {
			question.PageToken = at.Token
		}
		room := in.size() - len(list.Items)
		question.PageSize = max(room, 1)
		page, err := ask(ctx, e.c, question)
		var p *problemError
		if err != nil {
			if err = s.asProblem(ctx, err); !errors.As(err, &p) || p.Status >= http.StatusInternalServerError {
				return nil, err
			}
			refusal = err
			list.Left = append(list.Left, rest.LeftOut{Tenant: e.place.Tenant, Name: e.place.Name, Why: p.Detail})
			continue
		}
		refusal = nil
		list.TotalSize += page.Body.TotalSize
		list.TotalSizeIsLowerBound = list.TotalSizeIsLowerBound || page.Body.TotalSizeIsLowerBound
		if !begun || full {
			continue // counted only
		}
		if room <= 0 {
			full = true
			if list.NextPageToken, err = (minePosition{Tenant: e.place.Tenant}).text(); err != nil {
				return nil, err
			}
			continue
		}
		for _, x := range page.Body.Items {
			list.Items = append(list.Items, rest.Mine[T]{Tenant: e.place.Tenant, TenantName: e.place.Name, Item: x})
		}
		if page.Body.NextPageToken != "" {
			full = true
			if list.NextPageToken, err = (minePosition{Tenant: e.place.Tenant, Token: page.Body.NextPageToken}).text(); err != nil {
				return nil, err
			}
		}
	}
	if !begun {
		return nil, problem(http.StatusBadRequest, "page_token names a tenant that you cannot read any more. Begin at the first page of the list.").at("query.page_token", "is no position of this list")
	}
	if refusal != nil && len(list.Items) == 0 && len(list.Left) == len(left)+len(open) {
		return nil, refusal // nobody understands it
	}
	return &out[rest.MineList[T]]{Body: list}, nil
}

func (s *Server) searchMine(ctx context.Context, c access.Caller, in *searchIn) (*out[rest.MineList[rest.ResourceHead]], error) {
	return across(ctx, s, c, &in.ListIn, func(ctx context.Context, c access.Caller, l ListIn) (*out[rest.List[rest.ResourceHead]], error) {
		return s.searchResources(ctx, c, &searchIn{ListIn: l, Q: in.Q})
	})
}

type mineResourcesIn struct {
	ListIn
	Kind string `path:"kind" maxLength:"200"`
}

func (s *Server) listMyResources(ctx context.Context, c access.Caller, in *mineResourcesIn) (*out[rest.MineList[rest.Resource]], error) {
	return across(ctx, s, c, &in.ListIn, func(ctx context.Context, c access.Caller, l ListIn) (*out[rest.List[rest.Resource]], error) {
		return s.listResources(ctx, c, &resourcesIn{ListIn: l, Kind: in.Kind})
	})
}

func (s *Server) listMyConnections(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.MineList[rest.Connection]], error) {
	return across(ctx, s, c, in, func(ctx context.Context, c access.Caller, l ListIn) (*out[rest.List[rest.Connection]], error) {
		return s.listConnections(ctx, c, &l)
	})
}

func (s *Server) listMyAgents(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.MineList[rest.Agent]], error) {
	return across(ctx, s, c, in, func(ctx context.Context, c access.Caller, l ListIn) (*out[rest.List[rest.Agent]], error) {
		return s.listAgents(ctx, c, &l)
	})
}

func (s *Server) listMyRuns(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.MineList[rest.Run]], error) {
	return across(ctx, s, c, in, func(ctx context.Context, c access.Caller, l ListIn) (*out[rest.List[rest.Run]], error) {
		return s.listRuns(ctx, c, &l)
	})
}
