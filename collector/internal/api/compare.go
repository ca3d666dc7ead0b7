package api

import (
	"context"
	"net/http"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type compareIn struct {
	Since      time.Time `query:"since" required:"true" doc:"The earlier moment"`
	Until      time.Time `query:"until" doc:"The later moment; absent: now"`
	Kind       string    `query:"kind" maxLength:"200" doc:"Absent: all kinds"`
	Datacenter string    `query:"datacenter" maxLength:"200" doc:"Id of a datacenter that the resources were or are in"`
	PageSize   int       `query:"page_size" minimum:"1" maximum:"1000" default:"50"`
	PageToken  string    `query:"page_token" maxLength:"4000" doc:"next_page_token of the page before; with it every other parameter must stay the same"`
}

type compareOneIn struct {
	ResourceIn
	Since time.Time `query:"since" required:"true" doc:"The earlier moment"`
	Until time.Time `query:"until" doc:"The later moment; absent: now"`
}

func (s *Server) compare(ctx context.Context, c access.Caller, in *compareIn) (*out[rest.List[rest.Difference]], error) {
	if in.Kind != "" {
		if _, err := s.kind(ctx, c, in.Kind); err != nil {
			return nil, err
		}
	}
	// Without an end the first page decides it, so that the pages belong together.
	question := questionOf("compare", in.Since.UTC().Format(time.RFC3339Nano), in.Until.UTC().Format(time.RFC3339Nano), in.Kind, in.Datacenter)
	after, err := readToken(question, in.PageToken)
	if err != nil {
		return nil, err
	}
	q := inventory.CompareQuery{Since: in.Since, Until: in.Until, Kind: in.Kind, Datacenter: in.Datacenter, Limit: in.PageSize}
	if q.Limit == 0 {
		q.Limit = 50
	}
	if q.Until.IsZero() {
		q.Until = s.opt.Clock()
	}
	if after != "" {
		if len(after) < len(compareEnd) {
			return nil, problem(http.StatusBadRequest, "page_token does not fit this question. Begin at the first page of the list.").at("query.page_token", "is not what next_page_token was")
		}
		end, err := time.Parse(compareEnd, after[:len(compareEnd)])
		if err != nil {
			return nil, problem(http.StatusBadRequest, "page_token does not fit this question. Begin at the first page of the list.").at("query.page_token", "is not what next_page_token was")
		}
		q.Until, q.After = end, after[len(compareEnd):]
	}
	found, err := s.opt.Inventory.Compare(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Difference, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, differenceDocument(&found.Items[i], names))
	}
	next := found.Next
	if next != "" {
		next = q.Until.UTC().Format(compareEnd) + next
	}
	// How many there are is known on the last page only.
	total, more := len(items), next != ""
	if q.After != "" {
		more = true
	}
	return listOf(items, question, next, total, more)
}

// compareEnd is how a page token begins.
const compareEnd = "2006-01-02T15:04:05.000000Z"

func (s *Server) compareOne(ctx context.Context, c access.Caller, in *compareOneIn) (*out[rest.Difference], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	d, err := s.opt.Inventory.CompareOne(ctx, domainCaller(c), in.Kind, in.ID, in.Since, in.Until)
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.Difference]{Body: differenceDocument(d, names)}, nil
}

func differenceDocument(d *inventory.Difference, n *names) rest.Difference {
	doc := rest.Difference{ID: d.ID, Kind: d.Kind, Name: d.Name, Action: d.Action, StateBefore: string(d.Before), StateAfter: string(d.After),
		VersionBefore: d.From, VersionAfter: d.To, Changes: d.Changes, At: d.At}
	if doc.Action == "" {
		doc.Action = "none"
	}
	for _, f := range d.Diff {
		doc.Diff = append(doc.Diff, n.called(fieldChange(f)))
	}
	return doc
}
