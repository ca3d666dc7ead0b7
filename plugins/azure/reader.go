package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

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
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location"`
	Tags       map[string]string `json:"tags"`
	Zones      []string          `json:"zones"`
	Kind       string            `json:"kind"`
	ManagedBy  string            `json:"managedBy"`
	SKU        sku               `json:"sku"`
	Identity   identity          `json:"identity"`
	Plan       *plan             `json:"plan"`
	Properties P                 `json:"properties"`
}

type sku struct {
	Name     string `json:"name"`
	Tier     string `json:"tier"`
	Family   string `json:"family"`
	Capacity *int64 `json:"capacity"`
}

type identity struct {
	Type          string              `json:"type"`
	UserAssigned  map[string]struct{} `json:"userAssignedIdentities"`
	PrincipalID   string              `json:"principalId"`
	PrincipalType string              `json:"-"`
}

type plan struct {
	Name      string `json:"name"`
	Publisher string `json:"publisher"`
	Product   string `json:"product"`
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
	return pages(ctx, r.client, r.call, link, r.out.Warn, func(list []item[P]) error {
		for _, i := range list {
			if !r.inRegion(i.Location) {
				continue
			}
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) inRegion(location string) bool {
	return len(r.settings.Regions) == 0 || slices.Contains(r.settings.Regions, regionName(location))
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
	for k, v := range i.Tags {
		if len(env.Tags) < resource.MaxTags {
			env.Tags = append(env.Tags, resource.Tag{Key: k, Value: v})
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

// emit hands a resource over.
func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes any) error {
	text, err := json.Marshal(attributes)
	if err != nil {
		return &stop{err}
	}
	env.Attributes = text
	if err := r.out.Emit(ctx, env); err != nil {
		return &stop{err}
	}
	return nil
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
