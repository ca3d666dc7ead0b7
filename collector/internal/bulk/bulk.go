// Package bulk makes many connections of one table: each row is a connection, made where there is none of its name and changed where
// it says something else. What is wrong with a row keeps no other from being made, and the same table again changes nothing.
//
// A table holds no secret. Who writes one into it is refused before anything is made; credentials are named, or sealed afterwards.
package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// Fleet is what keeps connections.
type Fleet interface {
	Connections(ctx context.Context, c inventory.Caller) ([]rest.Connection, error)
	Datacenters(ctx context.Context, c inventory.Caller) ([]rest.Datacenter, error)
	Agents(ctx context.Context, c inventory.Caller) ([]rest.Agent, error)
	Plugins(ctx context.Context, c inventory.Caller) ([]rest.Plugin, error)
	CreateConnection(ctx context.Context, c inventory.Caller, w rest.ConnectionWrite) (rest.Connection, error)
	UpdateConnection(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ConnectionWrite) (rest.Connection, error)
	// CheckConnection says what is wrong with a connection that might be written; id is empty for a new one.
	CheckConnection(ctx context.Context, c inventory.Caller, id string, w rest.ConnectionWrite) error
}

// site is what rows refer to by name, read once.
type site struct {
	fleet       Fleet
	caller      inventory.Caller
	connections map[string]rest.Connection
	datacenters []rest.Datacenter
	agents      []rest.Agent
	plugins     map[string]rest.Plugin
	forms       map[string]node
}

// Import makes or changes the connections of a table's part, or says what it would do.
func Import(ctx context.Context, fleet Fleet, c inventory.Caller, in rest.ConnectionsImport) (rest.ConnectionsImported, error) {
	rows, err := readTable(in.Text, in.Format)
	if err != nil {
		return rest.ConnectionsImported{}, err
	}
	s := &site{fleet: fleet, caller: c}
	if err := s.read(ctx); err != nil {
		return rest.ConnectionsImported{}, err
	}
	if err := s.noSecrets(rows); err != nil {
		return rest.ConnectionsImported{}, err
	}
	out := rest.ConnectionsImported{Total: len(rows), Rows: []rest.ImportedConnection{}}
	first := map[string]int{}
	for i, r := range rows {
		name, _ := r.text("name") // what is wrong with it is said below
		twice := first[name]
		if name != "" && twice == 0 {
			first[name] = r.number
		}
		if i < in.Skip || in.Count > 0 && i >= in.Skip+in.Count {
			continue
		}
		x := rest.ImportedConnection{Row: r.number, Name: name}
		if name != "" && twice != 0 {
			x.Result, x.Column, x.Error = "refused", "name", fmt.Sprintf("row %d has the same name", twice)
		} else if err := s.one(ctx, r, &x, in.DryRun); err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, x)
	}
	return out, nil
}

func (s *site) read(ctx context.Context) error {
	list, err := s.fleet.Connections(ctx, s.caller)
	if err != nil {
		return err
	}
	s.connections = make(map[string]rest.Connection, len(list))
	for _, x := range list {
		s.connections[x.Name] = x
	}
	if s.datacenters, err = s.fleet.Datacenters(ctx, s.caller); err != nil {
		return err
	}
	if s.agents, err = s.fleet.Agents(ctx, s.caller); err != nil {
		return err
	}
	plugins, err := s.fleet.Plugins(ctx, s.caller)
	if err != nil {
		return err
	}
	s.plugins, s.forms = map[string]rest.Plugin{}, map[string]node{}
	for _, p := range plugins {
		var form node
		if err := json.Unmarshal(p.Settings, &form); err != nil {
			return fmt.Errorf("read settings schema of %s: %w", p.Provider, err)
		}
		s.plugins[p.Provider], s.forms[p.Provider] = p, form
	}
	return nil
}

// noSecrets refuses a table with a column for what belongs into a credential.
func (s *site) noSecrets(rows []row) error {
	for _, column := range columns(rows) {
		for _, p := range s.plugins {
			for _, v := range p.CredentialEnv {
				if v.Secret && strings.EqualFold(v.Name, column) {
					return broken("the column %s is for a secret, and a table holds none: name a credential of the agent's file, or seal it after the connections are made. "+
						"What was in it has been sent to the collector now, so change it at the provider", column)
				}
			}
		}
	}
	return nil
}

// one is a row; its error is the collector's own.
func (s *site) one(ctx context.Context, r row, x *rest.ImportedConnection, dry bool) error {
	was, exists := s.connections[x.Name]
	w, err := s.write(r, was, exists)
	x.Provider = w.Provider
	if exists {
		x.Connection = &rest.Ref{ID: was.ID, Name: was.Name}
	}
	switch {
	case err != nil:
	case exists && same(writeOf(was), w):
		x.Result = "same"
		return nil
	case dry:
		x.Result = "created"
		if exists {
			x.Result, x.Changes = "changed", differences(writeOf(was), w)
		}
		err = s.fleet.CheckConnection(ctx, s.caller, was.ID, w)
	case exists:
		x.Result, x.Changes = "changed", differences(writeOf(was), w)
		_, err = s.fleet.UpdateConnection(ctx, s.caller, was.ID, was.Version, w)
	default:
		x.Result = "created"
		var made rest.Connection
		if made, err = s.fleet.CreateConnection(ctx, s.caller, w); err == nil {
			x.Connection = &rest.Ref{ID: made.ID, Name: made.Name}
		}
	}
	if err == nil {
		return nil
	}
	var cell *cellError
	var invalid *inventory.InvalidError
	var conflict *inventory.ConflictError
	var stale *inventory.StaleError
	x.Result, x.Changes = "refused", nil
	switch {
	case errors.As(err, &cell):
		x.Column, x.Error = cell.column, cell.problem
	case errors.As(err, &invalid):
		x.Column, x.Error = strings.ReplaceAll(strings.TrimPrefix(invalid.Pointer, "/"), "/", "."), invalid.Problem
	case errors.As(err, &conflict):
		x.Error = conflict.Problem
	case errors.As(err, &stale):
		x.Error = "somebody changed it meanwhile; do it once more"
	default:
		return err
	}
	return nil
}

// write is the connection that a row describes. What it does not mention stays as it is.
func (s *site) write(r row, was rest.Connection, exists bool) (rest.ConnectionWrite, error) {
	w := rest.ConnectionWrite{}
	if exists {
		w = writeOf(was)
	}
	provider, err := r.text("provider")
	switch {
	case err != nil:
		return w, err
	case exists && provider != "" && provider != was.Provider:
		return w, &cellError{"provider", "may not change: what was found belongs to " + was.Provider}
	case !exists:
		w.Provider = provider
	}
	if w.Name, err = r.text("name"); err != nil || w.Name == "" {
		return w, &cellError{"name", "is missing"}
	}
	if w.Provider == "" {
		return w, &cellError{"provider", "is missing"}
	}
	plugin, known := s.plugins[w.Provider]
	if !known {
		return w, &cellError{"provider", fmt.Sprintf("%q is read by no agent's plugin", w.Provider)}
	}
	if err := s.places(r, &w, plugin); err != nil {
		return w, err
	}
	return w, s.settings(r, &w)
}

// places are agent, datacenter and credential.
func (s *site) places(r row, w *rest.ConnectionWrite, plugin rest.Plugin) error {
	agent, err := r.text("agent")
	if err != nil {
		return err
	}
	switch {
	case agent != "":
		if w.Agent, err = find("agent", agent, s.agents, func(a rest.Agent) (string, string, bool) { return a.ID, a.Name, a.Status != "revoked" }); err != nil {
			return err
		}
	case w.Agent == "" && len(plugin.Agents) == 1:
		w.Agent = plugin.Agents[0].ID
	case w.Agent == "":
		return &cellError{"agent", fmt.Sprintf("is missing: %d agents have the plugin %s", len(plugin.Agents), plugin.Provider)}
	}
	datacenter, err := r.text("datacenter")
	if err != nil {
		return err
	}
	if datacenter != "" {
		if w.Datacenter, err = find("datacenter", datacenter, s.datacenters, func(d rest.Datacenter) (string, string, bool) { return d.ID, d.Name, true }); err != nil {
			return err
		}
	}
	credential, err := r.text("credential")
	if credential != "" {
		w.Credential = credential
	}
	return err
}

// find takes an id or a name that only one has.
func find[T any](column, nameOrID string, list []T, of func(T) (id, name string, alive bool)) (string, error) {
	var found []string
	for _, x := range list {
		switch id, name, alive := of(x); {
		case id == nameOrID:
			return id, nil
		case name == nameOrID && alive:
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", &cellError{column, fmt.Sprintf("%q is not there", nameOrID)}
	case 1:
		return found[0], nil
	}
	return "", &cellError{column, fmt.Sprintf("%q is the name of %d; use an id", nameOrID, len(found))}
}

// settings are all other columns: kinds, pause, and what the plugin's schema knows.
func (s *site) settings(r row, w *rest.ConnectionWrite) error {
	settings := map[string]any{}
	if len(w.Settings) > 0 {
		d := json.NewDecoder(bytes.NewReader(w.Settings))
		d.UseNumber()
		if err := d.Decode(&settings); err != nil {
			return fmt.Errorf("read settings of %s: %w", w.Name, err)
		}
	}
	for _, column := range sortedKeys(r.cells) {
		cell := r.cells[column]
		switch column {
		case "name", "provider", "agent", "datacenter", "credential":
			continue
		case "paused":
			paused, err := node{Type: "boolean"}.value(cell)
			on, ok := paused.(bool)
			if err != nil || !ok {
				return &cellError{column, "wants yes or no"}
			}
			w.Paused = on
			continue
		case "kinds":
			if err := kinds(r, w, s.plugins[w.Provider]); err != nil {
				return err
			}
			continue
		case "settings":
			members, ok := cell.(map[string]any)
			if !ok {
				return &cellError{column, "wants a mapping, or columns settings.NAME"}
			}
			for _, name := range sortedKeys(members) {
				if err := put(s.forms[w.Provider], settings, name, members[name]); err != nil {
					return err
				}
			}
			continue
		}
		if err := put(s.forms[w.Provider], settings, strings.TrimPrefix(column, "settings."), cell); err != nil {
			return err
		}
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("write settings of %s: %w", w.Name, err)
	}
	w.Settings = text
	return nil
}

// kinds turns on what the row names, and everything else off.
func kinds(r row, w *rest.ConnectionWrite, plugin rest.Plugin) error {
	names, err := r.list("kinds")
	if err != nil || len(names) == 0 {
		return err
	}
	var out []rest.KindScheduleWrite
	for _, k := range plugin.Kinds {
		set := rest.KindScheduleWrite{Kind: k.Kind}
		if i := slices.IndexFunc(w.Kinds, func(x rest.KindScheduleWrite) bool { return x.Kind == k.Kind }); i >= 0 {
			set = w.Kinds[i]
		}
		on := slices.Contains(names, k.Kind)
		set.Enabled = &on
		out = append(out, set)
	}
	for _, name := range names {
		if !slices.ContainsFunc(out, func(k rest.KindScheduleWrite) bool { return k.Kind == name }) {
			return &cellError{"kinds", fmt.Sprintf("%q is not read by the plugin %s", name, plugin.Provider)}
		}
	}
	w.Kinds = out
	return nil
}

func sortedKeys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func writeOf(c rest.Connection) rest.ConnectionWrite {
	w := rest.ConnectionWrite{
		Name: c.Name, Provider: c.Provider, Settings: c.Settings, Credential: c.Credential, Kinds: rest.WriteKinds(c.Kinds), Rules: c.Rules, Paused: c.Paused,
		Precedence: c.Precedence, MaxRequestsPerSecond: c.MaxRequestsPerSecond, MaxParallelRequests: c.MaxParallelRequests, QuietHours: c.QuietHours, TimeZone: c.TimeZone,
	}
	if c.Agent != nil {
		w.Agent = c.Agent.ID
	}
	if c.Datacenter != nil {
		w.Datacenter = c.Datacenter.ID
	}
	return w
}

func same(a, b rest.ConnectionWrite) bool { return len(differences(a, b)) == 0 }

// differences names what a row changes, by column.
func differences(a, b rest.ConnectionWrite) []string {
	var out []string
	for _, f := range []struct {
		name string
		same bool
	}{{"agent", a.Agent == b.Agent}, {"datacenter", a.Datacenter == b.Datacenter}, {"credential", a.Credential == b.Credential},
		{"kinds", reflect.DeepEqual(a.Kinds, b.Kinds)}, {"paused", a.Paused == b.Paused}} {
		if !f.same {
			out = append(out, f.name)
		}
	}
	var x, y map[string]any
	if json.Unmarshal(a.Settings, &x) != nil || json.Unmarshal(b.Settings, &y) != nil {
		return append(out, "settings")
	}
	for _, name := range sortedKeys(y) {
		if !reflect.DeepEqual(x[name], y[name]) {
			out = append(out, name)
		}
	}
	return out
}
