package api

import (
	"context"
	"errors"
	"net/http"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/view"
	"maestro.internal/internal/rest"
)

func (s *Server) viewRoutes() {
	const tag = "views"
	handle(s, route{method: "GET", path: "/views", id: "list-views", tag: tag, action: access.Read,
		summary: "Lists that the caller or, for everybody, an administrator saved"}, s.listViews)
	handle(s, route{method: "POST", path: "/views", id: "create-view", tag: tag, action: access.Read, status: 201,
		summary: "Save a list: for oneself, or for everybody with the right to"}, s.createView)
	handle(s, route{method: "GET", path: "/views/{id}", id: "get-view", tag: tag, action: access.Read,
		summary: "One saved list"}, s.getView)
	handle(s, route{method: "PUT", path: "/views/{id}", id: "update-view", tag: tag, action: access.Read,
		summary: "Edit a saved list"}, s.updateView)
	handle(s, route{method: "DELETE", path: "/views/{id}", id: "delete-view", tag: tag, action: access.Read,
		summary: "Forget a saved list"}, s.deleteView)
}

func viewCaller(c access.Caller) view.Caller {
	return view.Caller{Caller: domainCaller(c), Shares: access.Decide(c, access.ShareViews, access.Object{Tenant: c.Tenant}) == access.Allowed}
}

func viewProblem(err error) error {
	if errors.Is(err, view.ErrMayNot) {
		return problem(http.StatusForbidden, "%s", sentence(err.Error()))
	}
	return orNotFound(err, "view")
}

func (s *Server) listViews(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.View]], error) {
	list, err := s.opt.Views.Views(ctx, viewCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(v rest.View) string { return v.ID }, "kind, name")
}

func (s *Server) getView(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.View], error) {
	return oneView(s.opt.Views.View(ctx, viewCaller(c), in.ID))
}

func oneView(v rest.View, err error) (*versioned[rest.View], error) {
	if err != nil {
		return nil, viewProblem(err)
	}
	return &versioned[rest.View]{ETag: etag(v.Version), Body: v}, nil
}

// createView refuses kinds and filters that are none, so that a view opens for whoever saved it.
func (s *Server) createView(ctx context.Context, c access.Caller, in *bodyIn[rest.ViewWrite]) (*versioned[rest.View], error) {
	if err := s.checkView(ctx, c, &in.Body); err != nil {
		return nil, err
	}
	return oneView(s.opt.Views.Create(ctx, viewCaller(c), in.Body))
}

func (s *Server) checkView(ctx context.Context, c access.Caller, w *rest.ViewWrite) error {
	if _, err := s.kind(ctx, c, w.Kind); err != nil {
		return err
	}
	fields, err := s.fieldsOfKind(ctx, c, w.Kind)
	if err != nil {
		return err
	}
	if _, _, err := s.parseFilter(w.Filter, fields); err != nil {
		return err
	}
	_, err = s.parseOrder(w.OrderBy, fields)
	return err
}

func (s *Server) updateView(ctx context.Context, c access.Caller, in *putIn[rest.ViewWrite]) (*versioned[rest.View], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := s.checkView(ctx, c, &in.Body); err != nil {
		return nil, err
	}
	return oneView(s.opt.Views.Update(ctx, viewCaller(c), in.ID, version, in.Body))
}

func (s *Server) deleteView(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Views.Delete(ctx, viewCaller(c), in.ID); err != nil {
		return nil, viewProblem(err)
	}
	return &none{}, nil
}
