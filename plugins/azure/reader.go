package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// reader reads one scope.
type reader struct {
	client       *client
	settings     settings
	scope        resource.Scope
	subscription string
	out          provider.Emitter
}

// item is what every resource of Azure has; P are the properties of its type.
type item[P any] struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	Location  string            `json:"location"`
	Tags      map[string]string `json:"tags"`
	Zones     []string          `json:"zones"`
	Kind      string            `json:"kind"`
	ManagedBy string            `json:"managedBy"`
	SharedBy  []string          `json:"managedByExtended"`
	System    struct {
		CreatedAt  string `json:"createdAt"`
		ModifiedAt string `json:"lastModifiedAt"`
	} `json:"systemData"`
	SKU        sku      `json:"sku"`
	Identity   identity `json:"identity"`
	Properties P        `json:"properties"`
}

type sku struct {
	Name     string `json:"name"`
	Tier     string `json:"tier"`
	Family   string `json:"family"`
	Capacity *int64 `json:"capacity"`
}

type identity struct {
	Type         string              `json:"type"`
	UserAssigned map[string]struct{} `json:"userAssignedIdentities"`
}

// ref is how one resource names another.
type ref struct {
	ID string `json:"id"`
}

// stop is an error of handing over: it ends the scope, while one of reading ends only its list.
type stop struct{ error }

func (s *stop) Unwrap() error { return s.error }

// readLists reads the lists that make up the scope's kind. One that fails does not keep the others from being read.
func (r *reader) readLists(ctx context.Context) error {
	var failures []error
	of, unsupported := 0, 0
	for _, l := range lists() {
		if l.kind != r.scope.Kind {
			continue
		}
		of++
		err := l.read(ctx, r, l)
		var ended *stop
		switch {
		case err == nil:
		case errors.As(err, &ended):
			return ended.error
		case ctx.Err() != nil:
			return err
		case errors.Is(err, errUnregistered):
			r.out.Warn("%s: %v, so there is nothing of it", l.name, err)
		case provider.StatusOf(err) == resource.StatusUnsupported:
			unsupported++
			r.out.Warn("%s: this cloud does not have it: %v", l.name, err)
		default:
			failures = append(failures, fmt.Errorf("%s: %w", l.name, err))
		}
	}
	switch {
	case len(failures) > 0:
		return errors.Join(failures...)
	case unsupported == of:
		return provider.Unsupported(fmt.Errorf("this cloud has nothing of %s", r.scope.Kind))
	}
	return nil
}

// call makes one request under the limits of Resource Manager.
func (r *reader) call(ctx context.Context, fn func(context.Context) error) error {
	return r.counted(ctx, armLimit, fn)
}

// callGraph makes one request under the limits of Resource Graph.
func (r *reader) callGraph(ctx context.Context, fn func(context.Context) error) error {
	return r.counted(ctx, graphLimit, fn)
}

func (r *reader) counted(ctx context.Context, limit string, fn func(context.Context) error) error {
	err := r.out.Call(ctx, limit, fn)
	if err == nil {
		r.out.Page()
	}
	return err
}

// path is an address below the subscription.
func (r *reader) path(rest string) string { return "/subscriptions/" + r.subscription + rest }

// each reads everything that a list has, in the regions of the settings.
func each[P any](ctx context.Context, r *reader, l list, fn func(item[P]) error) error {
	return eachAt(ctx, r, r.client.link(r.path(l.path), l.version), fn)
}

// eachAt is each for an address of its own.
func eachAt[P any](ctx context.Context, r *reader, link string, fn func(item[P]) error) error {
	return eachAnywhere(ctx, r, link, func(i item[P]) error {
		if !r.inRegion(i.Location) {
			return nil
		}
		return fn(i)
	})
}

// eachAnywhere is eachAt in all regions: for what belongs to a parent that was selected already. What has no id ends
// the list as partial when the rest of it is read: it may be anything.
func eachAnywhere[P any](ctx context.Context, r *reader, link string, fn func(item[P]) error) error {
	nameless := 0
	err := pages(ctx, r.client, r.call, link, r.out.Warn, func(list []item[P]) error {
		for _, i := range list {
			if !strings.HasPrefix(canonical(i.ID), "/subscriptions/") {
				nameless++
				continue
			}
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && nameless > 0 {
		return &provider.Error{Status: resource.StatusPartial, Err: fmt.Errorf("%d resources of %s have no id", nameless, pathOf(link))}
	}
	return err
}

// eachWhole is each for lists whose parts are resources too: where a part is not what it should be, what it held is
// unknown and must not be taken for gone.
func eachWhole[P any](ctx context.Context, r *reader, l list, fn func(item[P]) error) error {
	doubts := &doubtful{Emitter: r.out}
	inner := *r
	inner.out = doubts
	if err := each(ctx, &inner, l, fn); err != nil || !doubts.warned.Load() {
		return err
	}
	return &provider.Error{Status: resource.StatusPartial, Err: errors.New("parts of the list are not what they should be")}
}

// doubtful notes that something was warned of.
type doubtful struct {
	provider.Emitter
	warned atomic.Bool
}

func (d *doubtful) Warn(format string, args ...any) {
	d.warned.Store(true)
	d.Emitter.Warn(format, args...)
}

// graphItems reads what Resource Graph shows of a type in the subscription. It is a shortcut only: where it fails,
// which is not an error, whoever asked reads elsewhere.
func graphItems[P any](ctx context.Context, r *reader, table, typ string, fn func(item[P]) error) (whole bool, err error) {
	if r.settings.ResourceGraph == "never" {
		return false, nil
	}
	// It is not worth waiting for long.
	asking, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	query := table + " | where type =~ '" + typ + "' | order by id asc"
	err = graph(asking, r.client, r.callGraph, r.subscription, query, func(rows []item[P]) error {
		for _, i := range rows {
			if !strings.HasPrefix(canonical(i.ID), "/subscriptions/") {
				return provider.Permanent(errors.New("a row has no id"))
			}
		}
		for _, i := range rows {
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
	var ended *stop
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil, errors.As(err, &ended):
		return false, err
	}
	r.out.Warn("Resource Graph does not answer, so Resource Manager is asked: %v", err)
	return false, nil
}

// graphWorth is how many parents there must be before Resource Graph is faster: it answers an identity three times
// a second, whatever the number of subscriptions, while Resource Manager answers 25 times a second in each.
const graphWorth = 5

// graphFamilies is graphItems by parents: fn gets all children of one that are shown together.
func graphFamilies[P any](ctx context.Context, r *reader, table, typ string, fn func(parent string, children []item[P]) error) error {
	at := ""
	var children []item[P]
	flush := func() error {
		if len(children) == 0 {
			return nil
		}
		batch := children
		children = nil
		return fn(at, batch)
	}
	whole, err := graphItems(ctx, r, table, typ, func(i item[P]) error {
		if p := parent(canonical(i.ID)); p != at {
			if err := flush(); err != nil {
				return err
			}
			at = p
		}
		children = append(children, i)
		return nil
	})
	if err != nil || !whole {
		return err // the last family may have been cut
	}
	return flush()
}

// parallel runs fn for each of a list, a few at a time. One that fails does not keep the others from being tried.
func parallel[T any](ctx context.Context, list []T, fn func(context.Context, T) error) error {
	var mu sync.Mutex
	var failures []error
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(6)
	for _, one := range list {
		g.Go(func() error {
			err := gctx.Err()
			if err == nil {
				err = fn(gctx, one)
			}
			var ended *stop
			if err == nil || gctx.Err() != nil || errors.As(err, &ended) {
				return err
			}
			if provider.StatusOf(err) == resource.StatusUnsupported {
				// Where there is a parent its children can be listed; the list as a whole is not unsupported.
				err = provider.Permanent(err)
			}
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, err)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return errors.Join(failures...)
}

// inRegion says whether the settings select a region. What does not say where it is, is selected.
func (r *reader) inRegion(location string) bool {
	return len(r.settings.Regions) == 0 || location == "" || slices.Contains(r.settings.Regions, regionName(location))
}

// canonical is the one spelling of a resource's id. Azure compares ids without regard to case, and its services
// differ in how they write the same one.
func canonical(id string) string { return strings.ToLower(strings.TrimSuffix(id, "/")) }

// envelope is what all resources have in common.
func envelope[P any](r *reader, i item[P]) resource.Envelope {
	env := resource.Envelope{
		Kind: r.scope.Kind, Major: 1, ExternalID: canonical(i.ID), Name: i.Name, Partition: r.scope.Partition,
		Region: regionName(i.Location), ConsoleURL: r.consoleURL(i.ID),
	}
	if len(i.Zones) == 1 && env.Region != "" {
		env.Zone = env.Region + "-" + i.Zones[0]
	}
	for _, k := range slices.Sorted(maps.Keys(i.Tags)) {
		if len(env.Tags) < resource.MaxTags {
			env.Tags = append(env.Tags, resource.Tag{Key: k, Value: i.Tags[k]})
		}
	}
	return env
}

func (r *reader) consoleURL(id string) string {
	if r.settings.portal == "" || id == "" {
		return ""
	}
	where := "#resource"
	if r.settings.TenantID != "" {
		where = "#@" + r.settings.TenantID + "/resource"
	}
	return r.settings.portal + "/" + where + (&url.URL{Path: id}).EscapedPath()
}

// emit hands a resource over: the attributes of its kind, and Azure's own from one or more structs.
func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes any, own ...any) error {
	text, err := together(attributes, own)
	if err != nil {
		return &stop{err}
	}
	env.Attributes = text
	if err := r.out.Emit(ctx, env); err != nil {
		return &stop{err}
	}
	return nil
}

// together writes attributes as one JSON object, with what is Azure's own under its name.
func together(attributes any, own []any) (json.RawMessage, error) {
	text, err := json.Marshal(attributes)
	if err != nil {
		return nil, err
	}
	inner := []byte("{}")
	for _, part := range own {
		more, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		inner = joinObjects(inner, more)
	}
	if len(inner) == 2 {
		return text, nil
	}
	return joinObjects(text, append(append([]byte(`{"azure":`), inner...), '}')), nil
}

// joinObjects is one JSON object of two with different names.
func joinObjects(a, b []byte) []byte {
	switch {
	case len(b) == 2:
		return a
	case len(a) == 2:
		return b
	}
	return append(append(slices.Clone(a[:len(a)-1]), ','), b[1:]...)
}

// relate adds an edge to another resource of this connection.
func relate(env *resource.Envelope, verb, kind, id string) {
	edge := resource.Relation{Verb: verb, Kind: kind, ExternalID: canonical(id)}
	if edge.ExternalID != "" && edge.ExternalID != env.ExternalID && !slices.Contains(env.Relations, edge) {
		env.Relations = append(env.Relations, edge)
	}
}

// identify adds an identifier unless its value names nothing.
func identify(env *resource.Envelope, typ, value string) {
	v, ok := schema.NormalizeIdentifier(typ, value)
	if id := (resource.Identifier{Type: typ, Value: v}); ok && !slices.Contains(env.Identifiers, id) {
		env.Identifiers = append(env.Identifiers, id)
	}
}

// segment is the part of an id that follows a name: segment(id, "resourceGroups").
func segment(id, name string) string {
	parts := strings.Split(id, "/")
	for i := 0; i+1 < len(parts); i++ {
		if strings.EqualFold(parts[i], name) {
			return parts[i+1]
		}
	}
	return ""
}

// parent is an id without its last type and name.
func parent(id string) string {
	for range 2 {
		i := strings.LastIndexByte(id, '/')
		if i < 0 {
			return ""
		}
		id = id[:i]
	}
	return id
}

// nameOf is the last part of an id.
func nameOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// below is the id of the resource up to a type and its name: the virtual network of a subnet.
func below(id, typ string) string {
	parts := strings.Split(id, "/")
	for i := 0; i+1 < len(parts); i++ {
		if strings.EqualFold(parts[i], typ) {
			return strings.Join(parts[:i+2], "/")
		}
	}
	return ""
}

// resourceGroup is in lower case: services differ in how they write the same one.
func resourceGroup(id string) string { return strings.ToLower(segment(id, "resourceGroups")) }

// moment reads a time, and nothing where there is none.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 2 {
		return time.Time{}
	}
	return t.UTC()
}

// address is an IP address, or nothing.
func address(s string) (schema.IP, bool) {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || a.Zone() != "" {
		return "", false
	}
	return schema.IP(a.Unmap().String()), true
}

// addresses are those of a list that are IP addresses.
func addresses(list []string) []schema.IP {
	var out []schema.IP
	for _, s := range list {
		if ip, ok := address(s); ok {
			out = append(out, ip)
		}
	}
	return out
}

// enabled turns one of Azure's pairs of words into yes, no or unknown.
func enabled(word string) *bool {
	switch strings.ToLower(word) {
	case "enabled", "true", "on", "yes", "allow":
		return pointer(true)
	case "disabled", "false", "off", "no", "deny":
		return pointer(false)
	}
	return nil
}

// identities are the names of what a resource acts as.
func (i identity) identities() string {
	var names []string
	for id := range i.UserAssigned {
		names = append(names, nameOf(id))
	}
	slices.Sort(names)
	if strings.Contains(strings.ToLower(i.Type), "systemassigned") {
		names = append([]string{"system assigned"}, names...)
	}
	return strings.Join(names, ", ")
}

func sorted[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}

func pointer[T any](v T) *T { return &v }

const gib = 1 << 30
