package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

type swiftContainer struct {
	Name     string `json:"name"`
	Count    int64  `json:"count"`
	Bytes    int64  `json:"bytes"`
	Modified string `json:"last_modified"`
}

type containerAttributes struct {
	schema.BackingService
	OpenStack ownedFields `json:"openstack"`
}

// readContainers reads the containers of the project's account. Swift has no list of all accounts, and its lists are
// bare arrays whose last name is the next page's marker.
func readContainers(ctx context.Context, r *reader) error {
	project := r.session.grant.Project
	for marker := ""; ; {
		query := url.Values{"format": {"json"}, "limit": {"1000"}}
		if marker != "" {
			query.Set("marker", marker)
		}
		var raw []json.RawMessage
		err := r.call(ctx, func(ctx context.Context) error {
			raw = nil
			return r.service.get(ctx, r.list.path, query, &raw)
		})
		if err != nil {
			return err
		}
		r.out.Page()
		last := marker
		for _, item := range raw {
			var c swiftContainer
			if err := json.Unmarshal(item, &c); err != nil || c.Name == "" {
				return provider.Permanent(fmt.Errorf("the list of containers has an item without a name"))
			}
			last = c.Name
			env := r.envelope(r.local(project.ID, c.Name), c.Name)
			err := r.emit(ctx, env, containerAttributes{
				BackingService: schema.BackingService{
					Family: "object_storage", Type: "container", Engine: "swift", UsedBytes: c.Bytes, ItemCount: c.Count, ModifiedAt: stamp(c.Modified),
					Endpoint: r.service.base + url.PathEscape(c.Name),
				},
				OpenStack: ownedFields{project.ID, project.Name},
			})
			if err != nil {
				return err
			}
		}
		if len(raw) == 0 {
			return nil
		}
		if last == marker {
			return provider.Permanent(fmt.Errorf("the list of containers gives the same page again and again"))
		}
		marker = last
	}
}
