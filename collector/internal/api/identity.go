package api

import (
	"context"
	"errors"
	"net/http"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type mergeIn struct {
	ResourceIn
	IfMatch string `header:"If-Match" doc:"The version decided on, as in the ETag; required"`
	Body    rest.ResourceMerge
}

type splitIn struct {
	ResourceIn
	IfMatch string `header:"If-Match" doc:"The version decided on, as in the ETag; required"`
	Body    rest.ResourceSplit
}

// identityRoutes are about which observations are one thing.
func (s *Server) identityRoutes() {
	tag := "resources"
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}/observations", id: "list-resource-observations", tag: tag, action: access.Read,
		summary: "What each connection saw of a resource, and why it belongs to it"}, s.listObservations)
	handle(s, route{method: "POST", path: "/resources/{kind}/{id}/merge", id: "merge-resource", tag: tag, action: access.EditResources,
		summary: "Say that another resource is the same thing; it lives on as this one. 202: it waits for an approval, as the rules of the tenant say"}, s.mergeResource)
	handle(s, route{method: "POST", path: "/resources/{kind}/{id}/split", id: "split-resource", tag: tag, action: access.EditResources,
		summary: "Say that a resource is two things; answers the one that is split off. 202: it waits for an approval"}, s.splitResource)
	handle(s, route{method: "GET", path: "/taken", id: "list-taken", tag: tag, action: access.Read,
		summary: "Resources of a kind that have a name or an address already, for a warning while a form is filled"}, s.listTaken)
	handle(s, route{method: "GET", path: "/datacenters/{id}/origins", id: "list-datacenter-origins", tag: "datacenters", action: access.Read,
		summary: "What is only recorded, only discovered, and both in a datacenter, counted by kind; the lists are filters: datacenter and origin"}, s.listOrigins)
	handle(s, route{method: "GET", path: "/datacenters/{id}/capacity", id: "list-datacenter-capacity", tag: "datacenters", action: access.Read,
		summary: "What a datacenter's active resources hold together: servers by their type, storage pools, volumes"}, s.listCapacity)

	tag = "review"
	handle(s, route{method: "GET", path: "/review-items", id: "list-review-items", tag: tag, action: access.Read,
		summary: "Pairs of resources that may be one, newest first; the filter may name kind, type and state (open unless named)"}, s.listReviewItems)
	handle(s, route{method: "GET", path: "/review-items/{id}", id: "get-review-item", tag: tag, action: access.Read,
		summary: "One review item, whatever its state"}, s.getReviewItem)
	handle(s, route{method: "POST", path: "/review-items/{id}/merge", id: "merge-review-item", tag: tag, action: access.EditResources,
		summary: "The two are one; the older one stays"}, s.mergeReviewItem)
	handle(s, route{method: "POST", path: "/review-items/{id}/keep-apart", id: "keep-apart-review-item", tag: tag, action: access.EditResources,
		summary: "The two are two, and no rule joins them from now on"}, s.keepApartReviewItem)
}

func (s *Server) listObservations(ctx context.Context, c access.Caller, in *resourceListIn) (*out[rest.List[rest.Observation]], error) {
	question, _, err := plainList(&in.ListIn, "observations", in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	seen, err := s.opt.Inventory.Observations(ctx, domainCaller(c), in.Kind, in.ID)
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Observation, 0, len(seen))
	for i := range seen {
		items = append(items, observationDocument(&seen[i], names))
	}
	return listOf(items, question, "", len(items), false)
}

func (s *Server) mergeResource(ctx context.Context, c access.Caller, in *mergeIn) (*decidedOut[rest.Resource], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	if in.Kind == access.KindClient {
		if err := s.opt.Accounts.CheckMerge(ctx, c, in.Body.With, in.ID); err != nil {
			return nil, err
		}
	}
	r, err := s.opt.Inventory.Merge(ctx, domainCaller(c), inventory.MergeRequest{Kind: in.Kind, ID: in.ID, Version: version,
		Other: in.Body.With, Reason: in.Body.Reason})
	return s.decided(ctx, c, in.Kind, in.ID, r, err)
}

func (s *Server) splitResource(ctx context.Context, c access.Caller, in *splitIn) (*decidedOut[rest.Resource], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	req := inventory.SplitRequest{Kind: in.Kind, ID: in.ID, Version: version, Absorbed: in.Body.Resource, Reason: in.Body.Reason}
	for _, o := range in.Body.Observations {
		req.Observations = append(req.Observations, inventory.ObservationKey{Connection: o.Connection, ExternalID: o.ExternalID})
	}
	r, err := s.opt.Inventory.Split(ctx, domainCaller(c), req)
	return s.decided(ctx, c, in.Kind, in.ID, r, err)
}

type takenIn struct {
	Kind       string `query:"kind" required:"true" maxLength:"200"`
	Name       string `query:"name" maxLength:"500"`
	Address    string `query:"address" maxLength:"100" doc:"An IP address"`
	Datacenter string `query:"datacenter" maxLength:"200" doc:"Id; asked within it and among resources that are in none"`
	Except     string `query:"except" maxLength:"200" doc:"Id of the resource that is being edited"`
}

func (s *Server) listTaken(ctx context.Context, c access.Caller, in *takenIn) (*out[rest.List[rest.TakenBy]], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.Taken(ctx, domainCaller(c), inventory.TakenQuery{Kind: in.Kind, Name: in.Name, Address: in.Address,
		Datacenter: in.Datacenter, Except: in.Except})
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.TakenBy, 0, len(found))
	for i := range found {
		items = append(items, rest.TakenBy{Resource: headDocument(&found[i].Head, names), What: found[i].What})
	}
	return listOf(items, "taken", "", len(items), false)
}

func (s *Server) listOrigins(ctx context.Context, c access.Caller, in *countsIn) (*out[rest.List[rest.OriginCount]], error) {
	if _, err := s.opt.Fleet.Datacenter(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "datacenter")
	}
	found, err := s.opt.Inventory.Origins(ctx, domainCaller(c), in.ID, in.AsOf)
	if err != nil {
		return nil, err
	}
	items := make([]rest.OriginCount, 0, len(found))
	for _, n := range found {
		items = append(items, rest.OriginCount{Kind: n.Kind, Recorded: n.Recorded, Discovered: n.Discovered, Both: n.Both})
	}
	return listOf(items, "origins", "", len(items), false)
}

// decidedOut answers a decision: 200 when it is done, 202 when it waits for an approval.
type decidedOut[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"The version, for If-Match"`
	Body   T
}

// decided answers with the resource that a decision made, or as it is while that waits.
func (s *Server) decided(ctx context.Context, c access.Caller, kind, id string, r *inventory.Resource, err error) (*decidedOut[rest.Resource], error) {
	var asked *inventory.AskedError
	status := http.StatusOK
	if errors.As(err, &asked) {
		status = http.StatusAccepted
		r, err = s.opt.Inventory.Get(ctx, domainCaller(c), kind, id)
	}
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	seen, err := s.opt.Inventory.Observations(ctx, domainCaller(c), r.Kind, r.ID)
	if err != nil {
		return nil, err
	}
	one, err := s.oneResource(ctx, c, r, seen)
	if err != nil {
		return nil, err
	}
	if asked != nil {
		one.Body.Approval = asked.Approval
	}
	return &decidedOut[rest.Resource]{Status: status, ETag: one.ETag, Body: one.Body}, nil
}

func (s *Server) listReviewItems(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.ReviewItem]], error) {
	q := inventory.ReviewQuery{Limit: in.size()}
	question, after, err := s.terms(in, "review-items", terms{text: map[string]*string{"kind": &q.Kind, "type": &q.Type, "state": &q.State}})
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Inventory.ReviewItems(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.ReviewItem, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, reviewDocument(&found.Items[i], names))
	}
	return listOf(items, question, found.Next, found.Total, found.More)
}

func (s *Server) getReviewItem(ctx context.Context, c access.Caller, in *idIn) (*out[rest.ReviewItem], error) {
	r, err := s.opt.Inventory.ReviewItem(ctx, domainCaller(c), in.ID)
	return s.oneReview(ctx, c, r, err)
}

func (s *Server) mergeReviewItem(ctx context.Context, c access.Caller, in *decideIn) (*decidedOut[rest.ReviewItem], error) {
	return s.decideReview(ctx, c, in, true)
}

func (s *Server) keepApartReviewItem(ctx context.Context, c access.Caller, in *decideIn) (*decidedOut[rest.ReviewItem], error) {
	return s.decideReview(ctx, c, in, false)
}

func (s *Server) decideReview(ctx context.Context, c access.Caller, in *decideIn, one bool) (*decidedOut[rest.ReviewItem], error) {
	r, err := s.opt.Inventory.DecideReview(ctx, domainCaller(c), in.ID, one, in.reason())
	var asked *inventory.AskedError
	status := http.StatusOK
	if errors.As(err, &asked) {
		status = http.StatusAccepted
		r, err = s.opt.Inventory.ReviewItem(ctx, domainCaller(c), in.ID)
	}
	answer, err := s.oneReview(ctx, c, r, err)
	if err != nil {
		return nil, err
	}
	if asked != nil {
		answer.Body.Approval = asked.Approval
	}
	return &decidedOut[rest.ReviewItem]{Status: status, Body: answer.Body}, nil
}

func (s *Server) oneReview(ctx context.Context, c access.Caller, r *inventory.ReviewItem, err error) (*out[rest.ReviewItem], error) {
	if err != nil {
		return nil, orNotFound(err, "review item")
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.ReviewItem]{Body: reviewDocument(r, names)}, nil
}
