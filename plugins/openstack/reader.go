package openstack

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

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// reader reads one scope.
type reader struct {
	session *session
	list    list
	scope   resource.Scope
	out     provider.Emitter
	service *service
	region  string
	// all says that the scope holds every project's.
	all bool
	// names of projects by id; blind says that they may not be read.
	names map[string]string
	blind bool
}

func (r *reader) call(ctx context.Context, fn func(context.Context) error) error {
	return r.out.Call(ctx, apiLimit, fn)
}

// main is the listing of the scope's own kind: an item of an unexpected form is emitted by its id, so that it is not
// taken for gone.
func (r *reader) main(path, key string, query url.Values) listing {
	return listing{service: r.service, path: path, key: key, query: query, broken: func(ctx context.Context, raw json.RawMessage, err error) error {
		var known struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}
		if json.Unmarshal(raw, &known) != nil && known.ID == "" {
			return provider.Permanent(fmt.Errorf("an item of %s is of an unexpected form and has no id: %w", path, err))
		}
		r.out.Warn("%s %s is of an unexpected form: %v", r.scope.Kind, known.ID, err)
		env := r.envelope(known.ID, known.Name)
		env.Unread = []string{"/attributes", "/tags"}
		env.Attributes = json.RawMessage("{}")
		return r.out.Emit(ctx, env)
	}}
}

// envelope is what all resources have in common.
func (r *reader) envelope(id, name string) resource.Envelope {
	return resource.Envelope{Kind: r.scope.Kind, Major: 1, ExternalID: id, Name: name, Partition: r.scope.Partition, Region: r.region, ConsoleURL: r.console(id)}
}

// thing is the envelope of what has a UUID.
func (r *reader) thing(id, name string) resource.Envelope {
	env := r.envelope(id, name)
	identify(&env, "instance_uuid", id)
	return env
}

func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes any) error {
	text, err := json.Marshal(attributes)
	if err != nil {
		return err
	}
	env.Attributes = text
	return r.out.Emit(ctx, env)
}

// local is the external id of what is named within a region only.
func (r *reader) local(parts ...string) string {
	return r.region + "/" + strings.Join(parts, "/")
}

// console leads to the thing in Horizon, where the settings say where that is.
func (r *reader) console(id string) string {
	page := map[string]string{
		"server": "/project/instances/%s/", "volume": "/project/volumes/%s/", "snapshot": "/project/snapshots/%s/", "image": "/ngdetails/OS::Glance::Image/%s",
		"network": "/project/networks/%s/detail", "subnet": "/project/networks/subnets/%s/detail", "network_interface": "/project/networks/ports/%s/detail",
		"router": "/project/routers/%s/", "security_group": "/project/security_groups/%s/", "load_balancer": "/project/load_balancer/%s",
	}[r.scope.Kind]
	if page == "" || r.session.settings.Dashboard == "" {
		return ""
	}
	return r.session.settings.Dashboard + fmt.Sprintf(page, url.PathEscape(id))
}

// owner is the project that a thing belongs to.
type owner struct {
	id, name string
}

func (r *reader) owner(env *resource.Envelope, id string) owner {
	name := r.names[id]
	if name == "" && r.blind && id != "" {
		env.Unread = append(env.Unread, "/attributes/openstack/project_name")
	}
	return owner{id, name}
}

// learnProjects reads the names of all projects, once for a session. For one project the token says it.
func (r *reader) learnProjects(ctx context.Context) error {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.projects == nil {
		names := map[string]string{s.grant.Project.ID: s.grant.Project.Name}
		if s.all {
			l := listing{service: &service{client: identityClient(s), base: s.client.IdentityBase + "v3/", kind: "identity"}, path: "projects", key: "projects"}
			err := each(ctx, r, l, func(page []tokenProject) error {
				for _, p := range page {
					names[p.ID] = p.Name
				}
				return nil
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				r.blind = true
				r.names = names
				r.out.Warn("the names of projects are left out: %v", err)
				return nil
			}
		}
		s.projects = names
	}
	r.names = s.projects
	return nil
}

// relate adds an edge to another resource of this connection; without an id there is none.
func relate(env *resource.Envelope, verb, kind, id string) {
	edge := resource.Relation{Verb: verb, Kind: kind, ExternalID: id}
	if id != "" && !slices.Contains(env.Relations, edge) {
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

// tagAll adds metadata as tags with values and tags as tags without; OpenStack has both.
func tagAll(env *resource.Envelope, metadata map[string]string, tags []string) {
	for key, value := range metadata {
		env.Tags = append(env.Tags, resource.Tag{Key: key, Value: value})
	}
	for _, t := range tags {
		env.Tags = append(env.Tags, resource.Tag{Key: t})
	}
	env.Tags = slices.DeleteFunc(env.Tags, func(t resource.Tag) bool { return t.Key == "" })
	slices.SortFunc(env.Tags, func(a, b resource.Tag) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	env.Tags = env.Tags[:min(len(env.Tags), resource.MaxTags)]
}

// How many ids or addresses one question may name: more would make an address that servers refuse, at 8 KiB.
const (
	idsAtOnce       = 100
	addressesAtOnce = 50
)

// side asks for details of many things in few requests, some at a time. What is refused is named by the returned
// error, which is of the details only; the end of the scope is the other.
func (r *reader) side(ctx context.Context, ids []string, size int, fn func(ctx context.Context, ids []string) error) (details, end error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for chunk := range slices.Chunk(ids, size) {
		g.Go(func() error { return fn(gctx, chunk) })
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return err, nil
}

// without says that a service is missing, so that there is nothing to be read of it.
func without(err error) bool { return provider.StatusOf(err) == resource.StatusUnsupported }

// address is an IP address as others can reach it, or nothing.
func address(s string) schema.IP {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() {
		return ""
	}
	return schema.IP(a.Unmap().String())
}

// isPublic says whether an address is routed in the internet.
func isPublic(ip schema.IP) bool {
	a, err := netip.ParseAddr(string(ip))
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// stamp reads a time; services write it with and without zone, which is always UTC.
func stamp(s string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Truncate(time.Second)
		}
	}
	return time.Time{}
}

// number reads what some releases write as a number and others as a text, "" meaning none.
type number int64

// UnmarshalJSON takes 512, "512" and "".
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		*n = 0
		return nil
	}
	var v int64
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return errors.New("is no number")
	}
	*n = number(v)
	return nil
}

// truth reads a truth that some services write as a text.
type truth struct{ set, value bool }

// UnmarshalJSON takes true, "true", "True" and "".
func (f *truth) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.Trim(string(b), `"`)) {
	case "true":
		*f = truth{true, true}
	case "false", "":
		*f = truth{set: true}
	case "null":
		*f = truth{}
	default:
		return errors.New("is no truth")
	}
	return nil
}

func (f truth) pointer() *bool {
	if !f.set {
		return nil
	}
	return &f.value
}

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)
