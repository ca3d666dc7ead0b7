package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"maestro.internal/sdk/provider"
)

// listing is a list of a service.
type listing struct {
	service *service
	path    string
	query   url.Values
	// key under which the answer has the items.
	key string
	// broken is told of items that cannot be read; nil warns and leaves them out, for lists that only help.
	broken func(ctx context.Context, item json.RawMessage, err error) error
}

// restarts is how often a list is begun anew because the item that a page ended with was deleted.
const restarts = 3

// each reads a listing page by page. Only the marker is taken from the link to the next page: behind proxies the
// address in it is often one that only the service itself can reach, and nobody else gets the token.
func each[T any](ctx context.Context, r *reader, l listing, fn func([]T) error) error {
	marker, begun := "", 0
	for {
		items, next, err := r.page(ctx, l, marker)
		if errors.Is(err, errMarker) && begun < restarts {
			marker, begun = "", begun+1
			r.out.Warn("%s is read again from its beginning: %v", l.path, err)
			continue
		}
		if err != nil {
			if errors.Is(err, errMarker) {
				return provider.Unreachable(err)
			}
			return err
		}
		page := make([]T, 0, len(items))
		for _, raw := range items {
			var item T
			if err := json.Unmarshal(raw, &item); err != nil {
				if err := r.broken(ctx, l, raw, err); err != nil {
					return err
				}
				continue
			}
			page = append(page, item)
		}
		if err := fn(page); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		if next == marker {
			return provider.Permanent(fmt.Errorf("%s gives the same page again and again", l.path))
		}
		marker = next
	}
}

// page is one page, and the marker of the next.
func (r *reader) page(ctx context.Context, l listing, marker string) (items []json.RawMessage, next string, err error) {
	query := url.Values{"limit": {pageSize}}
	for k, v := range l.query {
		query[k] = v
	}
	if marker != "" {
		query.Set("marker", marker)
	}
	var body map[string]json.RawMessage
	err = r.call(ctx, func(ctx context.Context) error {
		body = nil
		return l.service.get(ctx, l.path, query, &body)
	})
	if err != nil {
		return nil, "", err
	}
	r.out.Page()
	raw, ok := body[l.key]
	if !ok {
		return nil, "", provider.Permanent(fmt.Errorf("the answer of %s has no %s", l.path, l.key))
	}
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, "", provider.Permanent(fmt.Errorf("the answer of %s has something else than a list as %s", l.path, l.key))
	}
	if len(items) == 0 {
		return nil, "", nil
	}
	return items, nextMarker(body, l.key), nil
}

// nextMarker reads the link to the next page in any of the forms that services have for it.
func nextMarker(body map[string]json.RawMessage, key string) string {
	var href string
	if json.Unmarshal(body["next"], &href) != nil || href == "" { // Glance
		var links []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		}
		if json.Unmarshal(body[key+"_links"], &links) != nil {
			return ""
		}
		for _, l := range links {
			if l.Rel == "next" {
				href = l.Href
			}
		}
	}
	u, err := url.Parse(href)
	if err != nil {
		return ""
	}
	return u.Query().Get("marker")
}

// broken handles an item of an unexpected form: the others of its page go on.
func (r *reader) broken(ctx context.Context, l listing, raw json.RawMessage, err error) error {
	if l.broken != nil {
		return l.broken(ctx, raw, err)
	}
	r.out.Warn("an item of %s is left out: %v", l.path, err)
	return nil
}
