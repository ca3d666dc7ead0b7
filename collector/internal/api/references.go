package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
)

// naming makes names do for ids in a filter: datacenter = "Frankfurt". The names are those that the caller may know, read once and
// only when a filter says one.
func (s *Server) naming(ctx context.Context, c access.Caller) map[string]filter.Reference {
	read := sync.OnceValues(func() (*names, error) { return s.names(ctx, c) })
	of := func(noun string, pick func(*names) map[string]string) filter.Reference {
		return filter.Reference{Noun: noun, Named: func() (map[string]string, error) {
			n, err := read()
			if err != nil {
				return nil, err
			}
			return pick(n), nil
		}}
	}
	return map[string]filter.Reference{
		"datacenter": of("datacenter", func(n *names) map[string]string { return n.datacenters }),
		"connection": of("connection", func(n *names) map[string]string { return n.connections }),
		"agent":      of("agent", func(n *names) map[string]string { return n.agents }),
	}
}

// nameWithin makes names do for ids in a list that fits in memory: those that its own items say.
func (f *fieldSet) nameWithin(items any) {
	f.named = map[string]filter.Reference{}
	for _, name := range f.refs {
		path := strings.Split(name, ".")
		f.named[name] = filter.Reference{Noun: path[len(path)-1], Open: true, Named: func() (map[string]string, error) {
			b, err := json.Marshal(items)
			if err != nil {
				return nil, fmt.Errorf("read names: %w", err)
			}
			var docs any
			if err := json.Unmarshal(b, &docs); err != nil {
				return nil, fmt.Errorf("read names: %w", err)
			}
			named := map[string]string{}
			collectNamed(docs, path, named)
			return named, nil
		}}
	}
}

// collectNamed reads the objects at a path, through whatever arrays lie on it.
func collectNamed(v any, path []string, into map[string]string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			collectNamed(e, path, into)
		}
	case map[string]any:
		if len(path) > 0 {
			collectNamed(v[path[0]], path[1:], into)
			return
		}
		id, _ := v["id"].(string)
		name, _ := v["name"].(string)
		if id != "" && name != "" {
			into[id] = name
		}
	}
}

// fieldsOfKind are the names of the filter language for a list of a kind, as this caller may use them.
func (s *Server) fieldsOfKind(ctx context.Context, c access.Caller, kind string) (*inventory.FieldSet, error) {
	fields, err := s.opt.Inventory.Fields(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	return fields.Naming(s.naming(ctx, c)), nil
}
