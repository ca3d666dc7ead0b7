package api

import (
	"encoding/json"

	"maestro.internal/internal/rest"
)

// names are what people call the objects that documents refer to by id. One is read for each answer, since
// there are few of these objects and they get renamed.
type names struct {
	connections, datacenters, agents map[string]string
}

func refTo(known map[string]string, id string) *rest.Ref {
	if id == "" {
		return nil
	}
	return &rest.Ref{ID: id, Name: known[id]}
}

// connection is nil for one that the caller may not know of: "another source".
func (n *names) connection(id string) *rest.Ref { return refTo(n.connections, id) }

// connectionOr keeps the name that an ended connection once had.
func (n *names) connectionOr(id, once string) rest.Ref {
	name, ok := n.connections[id]
	if !ok {
		name = once
	}
	return rest.Ref{ID: id, Name: name}
}

// called adds to a change what people call the datacenters in it.
func (n *names) called(d rest.FieldChange) rest.FieldChange {
	if d.Pointer == "/datacenter" {
		d.OldName, d.NewName = n.datacenters[idOf(d.Old)], n.datacenters[idOf(d.New)]
	}
	return d
}

// idOf is the text that a value of a field is.
func idOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.RawMessage:
		var id string
		if json.Unmarshal(v, &id) == nil {
			return id
		}
	}
	return ""
}

func (n *names) datacenter(id string) *rest.Ref { return refTo(n.datacenters, id) }
func (n *names) agent(id string) *rest.Ref      { return refTo(n.agents, id) }
