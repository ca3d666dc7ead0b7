package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/manifest"
	"maestro.internal/internal/rest"
)

// documentOrder are the kinds of documents, each after what it leads to.
var documentOrder = []string{"datacenter", "connection", "schedule", "option_list", "mapping", "view"}

// desired makes things what documents say. It knows what there is, and what it has made itself.
type desired struct {
	client      *client.Client
	opt         applyOptions
	datacenters []rest.Datacenter
	connections []rest.Connection
	agents      []rest.Agent
	// clients are names of clients by id, as far as documents or what there is name them.
	clients map[string]string
	// schedules are the documents of that kind: what they say of a connection is written together with its own document, so that
	// the two never take turns.
	schedules []manifest.Document
}

func (s *desired) load(ctx context.Context) error {
	for _, read := range []func() error{
		func() error {
			list, err := client.All[rest.Datacenter](ctx, s.client, "/datacenters", nil, 0)
			s.datacenters, s.clients = list.Items, map[string]string{}
			for _, d := range list.Items {
				if d.Client != nil {
					s.clients[d.Client.ID] = d.Client.Name
				}
			}
			return err
		},
		func() error {
			list, err := client.All[rest.Connection](ctx, s.client, "/connections", nil, 0)
			s.connections = list.Items
			return err
		},
		func() error {
			list, err := client.All[rest.Agent](ctx, s.client, "/agents", nil, 0)
			s.agents = list.Items
			return err
		},
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

func (s *desired) apply(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	switch d.Kind {
	case "datacenter":
		return s.datacenter(ctx, d)
	case "connection":
		return s.connection(ctx, d)
	case "schedule":
		return s.schedule(ctx, d)
	case "option_list":
		return s.optionList(ctx, d)
	case "view":
		return s.view(ctx, d)
	}
	return s.mapping(ctx, d)
}

func quoted(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// own keeps what only apply itself sets out of documents.
func own(d manifest.Document) error {
	if _, ok := d.Fields["managed_by"]; ok {
		return errors.New("managed_by is set by --set and not in documents")
	}
	if d.Name == "" {
		return errors.New("it has no name")
	}
	return nil
}

// put writes what is wanted, unless nothing differs or nothing may be written. made is called with what the collector has now.
func put[T any](ctx context.Context, s *desired, base, id string, version int64, body any, diff []rest.FieldChange, made func(T)) (string, error) {
	if id != "" && len(diff) == 0 {
		return "unchanged", nil
	}
	req, action := client.Request{Method: http.MethodPost, Path: base, Body: body}, "created"
	if id != "" {
		req = client.Request{Method: http.MethodPut, Path: base + "/" + url.PathEscape(id), IfMatch: quoted(version), Body: body}
		action = "updated"
	}
	if s.opt.dryRun {
		return action, nil
	}
	var now T
	if err := s.client.Do(ctx, req, &now); err != nil {
		return "", err
	}
	made(now)
	return action, nil
}

func (s *desired) datacenter(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	if err := own(d); err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(s.datacenters, func(x rest.Datacenter) bool { return x.Name == d.Name })
	var was rest.Datacenter
	if at >= 0 {
		was = s.datacenters[at]
	}
	now := rest.DatacenterWrite{Name: was.Name, Provider: was.Provider, Description: was.Description, Regions: was.Regions, Zones: was.Zones, RoutingDomain: was.RoutingDomain}
	if was.Client != nil {
		now.Client = was.Client.ID
	}
	fields, err := s.withClient(ctx, d.Fields)
	if err != nil {
		return "", nil, err
	}
	want, diff, err := manifest.Overlay(now, fields)
	if err != nil {
		return "", nil, err
	}
	if at < 0 {
		want.ManagedBy = s.opt.set
		// A dry run makes nothing, but what leads there must find it.
		s.datacenters = append(s.datacenters, rest.Datacenter{ID: "new:" + d.Name, Name: d.Name})
		at = len(s.datacenters) - 1
	}
	action, err := put(ctx, s, "/datacenters", was.ID, was.Version, want, diff, func(x rest.Datacenter) { s.datacenters[at] = x })
	if err != nil && was.ID == "" {
		s.datacenters = s.datacenters[:at]
	}
	return action, s.named(diff), err
}

// withClient turns the name of a client into its id.
func (s *desired) withClient(ctx context.Context, fields map[string]any) (map[string]any, error) {
	name, ok := fields["client"].(string)
	if !ok || name == "" {
		return fields, nil
	}
	id, err := findResource(ctx, s.client, "client", name)
	if client.IsStatus(err, http.StatusNotFound) {
		err = fmt.Errorf("there is no client %q; record it first", name)
	}
	if err != nil {
		return nil, err
	}
	s.clients[id] = name
	out := maps.Clone(fields)
	out["client"] = id
	return out, nil
}

func (s *desired) connection(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	if err := own(d); err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(s.connections, func(x rest.Connection) bool { return x.Name == d.Name })
	var was rest.Connection
	if at >= 0 {
		was = s.connections[at]
	}
	fields, err := s.withClient(ctx, d.Fields)
	if err == nil {
		fields, err = s.resolve(fields, was)
	}
	if err != nil {
		return "", nil, err
	}
	want, diff, err := manifest.Overlay(writeOf(was), fields)
	if err != nil {
		return "", nil, err
	}
	if want, diff, err = s.scheduled(was, want, diff); err != nil {
		return "", nil, err
	}
	if at < 0 {
		want.ManagedBy = s.opt.set
		s.connections = append(s.connections, likely(want))
		at = len(s.connections) - 1
	}
	action, err := put(ctx, s, "/connections", was.ID, was.Version, want, diff, func(x rest.Connection) { s.connections[at] = x })
	if err != nil && was.ID == "" {
		s.connections = s.connections[:at]
	}
	return action, s.named(diff), err
}

// scheduled adds what schedules say of the connection. What is wrong with one is said when its own turn comes.
func (s *desired) scheduled(was rest.Connection, want rest.ConnectionWrite, diff []rest.FieldChange) (rest.ConnectionWrite, []rest.FieldChange, error) {
	own := want
	for _, d := range s.schedules {
		if d.Fields["connection"] != want.Name || want.Kinds == nil {
			continue
		}
		fields, err := scheduleFields(d, likely(want))
		if err != nil {
			continue
		}
		if both, _, err := manifest.Overlay(want, fields); err == nil {
			want = both
		}
	}
	if reflect.DeepEqual(own, want) {
		return want, diff, nil
	}
	fields := map[string]any{}
	b, err := json.Marshal(want)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		return want, nil, fmt.Errorf("encode connection: %w", err)
	}
	_, diff, err = manifest.Overlay(writeOf(was), fields)
	return want, diff, err
}

// likely is the connection that a document makes, before the collector has made it.
func likely(w rest.ConnectionWrite) rest.Connection {
	return rest.Connection{Name: w.Name, Provider: w.Provider, Settings: w.Settings, Credential: w.Credential, Kinds: rest.ReadKinds(w.Kinds), Rules: w.Rules, Paused: w.Paused, Precedence: w.Precedence,
		MaxRequestsPerSecond: w.MaxRequestsPerSecond, MaxParallelRequests: w.MaxParallelRequests, QuietHours: w.QuietHours, TimeZone: w.TimeZone}
}

// resolve turns names into ids, and the short form of kinds into the long one.
func (s *desired) resolve(fields map[string]any, was rest.Connection) (map[string]any, error) {
	out := map[string]any{}
	for k, v := range fields {
		out[k] = v
	}
	if name, ok := out["datacenter"].(string); ok && name != "" {
		id, err := s.datacenterID(name)
		if err != nil {
			return nil, err
		}
		out["datacenter"] = id
	}
	if name, ok := out["agent"].(string); ok && name != "" {
		id, err := s.agentID(name)
		if err != nil {
			return nil, err
		}
		out["agent"] = id
	}
	if rules, ok := out["rules"].([]any); ok {
		resolved := make([]any, len(rules))
		for i, r := range rules {
			m, ok := r.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("rules: %v is no rule", r)
			}
			rule := map[string]any{}
			for k, v := range m {
				rule[k] = v
			}
			if name, ok := rule["datacenter"].(string); ok && name != "" {
				id, err := s.datacenterID(name)
				if err != nil {
					return nil, fmt.Errorf("rules: %w", err)
				}
				rule["datacenter"] = id
			}
			resolved[i] = rule
		}
		out["rules"] = resolved
	}
	if kinds, ok := out["kinds"].([]any); ok {
		long, err := kindSchedules(kinds, was.Kinds)
		if err != nil {
			return nil, err
		}
		out["kinds"] = long
	}
	return out, nil
}

// kindSchedules are the kinds that a document names, on unless it says otherwise, at the interval that they have; the others of
// the connection are off.
func kindSchedules(named []any, was []rest.KindSchedule) ([]rest.KindSchedule, error) {
	byName := map[string]rest.KindSchedule{}
	var fresh []rest.KindSchedule
	for _, n := range named {
		fields, ok := n.(map[string]any)
		if text, short := n.(string); short {
			fields, ok = map[string]any{"kind": text}, true
		}
		kind, _ := fields["kind"].(string)
		if !ok || kind == "" {
			return nil, fmt.Errorf("kinds: %v is neither a kind's name nor an object with one", n)
		}
		k := rest.KindSchedule{Kind: kind}
		at := slices.IndexFunc(was, func(x rest.KindSchedule) bool { return x.Kind == kind })
		if at >= 0 {
			k = was[at]
		}
		k.Enabled = true
		if fields["cron"] != nil {
			k.IntervalSeconds = 0
		} else if fields["interval_seconds"] != nil {
			k.Cron = ""
		}
		k, _, err := manifest.Overlay(k, fields)
		if err != nil {
			return nil, fmt.Errorf("kinds: %s: %w", kind, err)
		}
		byName[kind] = k
		if at < 0 {
			fresh = append(fresh, k)
		}
	}
	var out []rest.KindSchedule
	for _, k := range was {
		if wanted, ok := byName[k.Kind]; ok {
			k = wanted
		} else {
			k.Enabled = false
		}
		out = append(out, k)
	}
	return append(out, fresh...), nil
}

func (s *desired) datacenterID(name string) (string, error) {
	for _, d := range s.datacenters {
		if d.ID == name || d.Name == name {
			return d.ID, nil
		}
	}
	return "", fmt.Errorf("there is no datacenter %q, and no document makes it", name)
}

func (s *desired) agentID(name string) (string, error) {
	var found []string
	for _, x := range s.agents {
		switch {
		case x.ID == name:
			return x.ID, nil
		case x.Name == name && x.Status != "revoked":
			found = append(found, x.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("there is no agent %q; `maestro agents` lists them", name)
	}
	return "", fmt.Errorf("%d agents are named %q; use an id: %s", len(found), name, strings.Join(found, ", "))
}

// named shows people the names of what a connection leads to.
func (s *desired) named(diff []rest.FieldChange) []rest.FieldChange {
	name := func(pointer string, v any) any {
		id, ok := v.(string)
		if !ok {
			return v
		}
		if known, ok := s.clients[id]; ok && pointer == "/client" {
			return known
		}
		for _, d := range s.datacenters {
			if pointer == "/datacenter" && d.ID == id {
				return d.Name
			}
		}
		for _, x := range s.agents {
			if pointer == "/agent" && x.ID == id {
				return x.Name
			}
		}
		return v
	}
	out := slices.Clone(diff)
	for i, d := range out {
		out[i].Old, out[i].New = name(d.Pointer, d.Old), name(d.Pointer, d.New)
	}
	return out
}

// scheduleDocument says when a connection is read.
type scheduleDocument struct {
	Connection string   `json:"connection"`
	Name       string   `json:"name,omitempty"`
	Kinds      []string `json:"kinds,omitempty"`
	Every      string   `json:"every,omitempty"`
	Cron       string   `json:"cron,omitempty"`
	QuietHours []string `json:"quiet_hours,omitempty"`
	TimeZone   *string  `json:"time_zone,omitempty"`
	Paused     *bool    `json:"paused,omitempty"`
}

func (s *desired) schedule(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	w, _, err := manifest.Overlay(scheduleDocument{}, d.Fields)
	if err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(s.connections, func(x rest.Connection) bool { return x.Name == w.Connection || x.ID != "" && x.ID == w.Connection })
	if at < 0 {
		return "", nil, fmt.Errorf("there is no connection %q, and no document makes it", w.Connection)
	}
	was := s.connections[at]
	fields, err := scheduleFields(d, was)
	if err != nil {
		return "", nil, err
	}
	want, diff, err := manifest.Overlay(writeOf(was), fields)
	if err != nil {
		return "", nil, err
	}
	if was.ID == "" { // a dry run, and another document makes it
		if len(diff) > 0 {
			return "updated", diff, nil
		}
		return "unchanged", nil, nil
	}
	action, err := put(ctx, s, "/connections", was.ID, was.Version, want, diff, func(x rest.Connection) { s.connections[at] = x })
	return action, diff, err
}

// scheduleFields are the fields of the connection that the document is about.
func scheduleFields(d manifest.Document, was rest.Connection) (map[string]any, error) {
	w, _, err := manifest.Overlay(scheduleDocument{}, d.Fields)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	for _, k := range []string{"quiet_hours", "time_zone", "paused"} {
		if v, ok := d.Fields[k]; ok {
			fields[k] = v
		}
	}
	if w.Every != "" || w.Cron != "" {
		fields["kinds"], err = w.kinds(was)
	}
	return fields, err
}

func (w scheduleDocument) kinds(was rest.Connection) ([]rest.KindSchedule, error) {
	if w.Every != "" && w.Cron != "" {
		return nil, errors.New("want every or cron, not both")
	}
	var every time.Duration
	if w.Every != "" {
		var err error
		if every, err = time.ParseDuration(w.Every); err != nil || every < time.Second {
			return nil, fmt.Errorf("every: %q is no duration such as 15m", w.Every)
		}
	}
	for _, name := range w.Kinds {
		if was.ID != "" && !slices.ContainsFunc(was.Kinds, func(k rest.KindSchedule) bool { return k.Kind == name }) {
			return nil, fmt.Errorf("kinds: the connection %s does not read %q", was.Name, name)
		}
	}
	out := slices.Clone(was.Kinds)
	for i, k := range out {
		if len(w.Kinds) == 0 && k.Enabled || slices.Contains(w.Kinds, k.Kind) {
			out[i].IntervalSeconds, out[i].Cron = int64(every.Seconds()), w.Cron
		}
	}
	return out, nil
}

func (s *desired) optionList(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	if err := own(d); err != nil {
		return "", nil, err
	}
	list, err := client.All[rest.OptionList](ctx, s.client, "/option-lists", nil, 0)
	if err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(list.Items, func(x rest.OptionList) bool { return x.Name == d.Name })
	if at < 0 {
		return "", nil, fmt.Errorf("there is no option list %q; `maestro options` lists them", d.Name)
	}
	fields := map[string]any{}
	for k, v := range d.Fields {
		if k != "name" {
			fields[k] = v
		}
	}
	want, diff, err := manifest.Overlay(rest.OptionListWrite{Values: list.Items[at].Values}, fields)
	if err != nil || len(diff) == 0 {
		return "unchanged", nil, err
	}
	if !s.opt.dryRun {
		err = s.client.Do(ctx, client.Request{Method: http.MethodPut, Path: "/option-lists/" + url.PathEscape(d.Name), Body: want}, nil)
	}
	return "updated", diff, err
}

func (s *desired) mapping(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	m, err := client.Get[rest.Mapping](ctx, s.client, "/mapping", nil)
	if err != nil {
		return "", nil, err
	}
	fields := map[string]any{}
	for k, v := range d.Fields {
		if k != "name" {
			fields[k] = v
		}
	}
	want, diff, err := manifest.Overlay(rest.MappingWrite{Rules: m.Rules, Spellings: m.Spellings, Policy: m.Policy}, fields)
	want.Reason = ""
	diff = slices.DeleteFunc(diff, func(c rest.FieldChange) bool { return c.Pointer == "/reason" })
	if err != nil || len(diff) == 0 {
		return "unchanged", nil, err
	}
	if text, ok := fields["reason"].(string); ok {
		want.Reason = text
	}
	if s.opt.dryRun { // the collector knows whether the rules make sense
		return "updated", diff, s.client.Do(ctx, client.Request{Method: http.MethodPost, Path: "/mapping/preview", Body: want}, nil)
	}
	return "updated", diff, s.client.Do(ctx, client.Request{Method: http.MethodPut, Path: "/mapping", IfMatch: quoted(m.Version), Body: want}, nil)
}

// view is a saved list. In a document its resources' kind is named by "of", and it is everybody's unless it says otherwise.
func (s *desired) view(ctx context.Context, d manifest.Document) (string, []rest.FieldChange, error) {
	if err := own(d); err != nil {
		return "", nil, err
	}
	kind, ok := d.Fields["of"].(string)
	if !ok {
		return "", nil, errors.New("it does not say of which kind of resources it is: of: server")
	}
	fields := map[string]any{"kind": kind}
	for k, v := range d.Fields {
		if k != "of" {
			fields[k] = v
		}
	}
	list, err := client.All[rest.View](ctx, s.client, "/views", nil, 0)
	if err != nil {
		return "", nil, err
	}
	was := rest.View{ViewWrite: rest.ViewWrite{Shared: true}}
	if at := slices.IndexFunc(list.Items, func(v rest.View) bool { return v.Editable && v.Kind == kind && v.Name == d.Name }); at >= 0 {
		was = list.Items[at]
	}
	want, diff, err := manifest.Overlay(was.ViewWrite, fields)
	if err != nil {
		return "", nil, err
	}
	if was.ID == "" {
		want.ManagedBy = s.opt.set
	}
	action, err := put(ctx, s, "/views", was.ID, was.Version, want, diff, func(rest.View) {})
	return action, diff, err
}
