package aws

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	cfg     aws.Config
	account string
	region  string // of the scope; globalRegion for services without one
}

// call makes one request under the limits of the list's service.
func (r *reader) call(ctx context.Context, fn func(context.Context) error) error {
	return r.callAs(ctx, r.list.limit, fn)
}

func (r *reader) callAs(ctx context.Context, limit string, fn func(context.Context) error) error {
	return r.out.Call(ctx, limit, func(ctx context.Context) error { return classify(fn(ctx)) })
}

// listing is a list that comes in pages.
//
// The library's own paginators are not used: they take the client as an interface, which makes the linker keep every
// method of it, and EC2 alone has 700.
type listing[In, Out, Options any] struct {
	ask  func(context.Context, *In, ...func(*Options)) (*Out, error)
	in   *In
	next func(*In, *Out) (to **string, token *string)
	done bool
}

// paged is a listing. next says where a page's token is and where the next question takes it.
func paged[In, Out, Options any](ask func(context.Context, *In, ...func(*Options)) (*Out, error), in *In, next func(*In, *Out) (**string, *string)) *listing[In, Out, Options] {
	return &listing[In, Out, Options]{ask: ask, in: in, next: next}
}

// page asks for the next page. After an error it asks for the same page again.
func (l *listing[In, Out, Options]) page(ctx context.Context) (*Out, error) {
	out, err := l.ask(ctx, l.in)
	if err != nil {
		return nil, err
	}
	to, token := l.next(l.in, out)
	if before := aws.ToString(*to); before != "" && before == aws.ToString(token) {
		return nil, provider.Permanent(errors.New("the listing does not come to an end: a page points to itself"))
	}
	*to, l.done = token, aws.ToString(token) == ""
	return out, nil
}

// each reads a listing page by page.
func each[In, Out, Options any](ctx context.Context, r *reader, l *listing[In, Out, Options], fn func(*Out) error) error {
	return eachAs(ctx, r, r.list.limit, l, fn)
}

func eachAs[In, Out, Options any](ctx context.Context, r *reader, limit string, l *listing[In, Out, Options], fn func(*Out) error) error {
	return walk(l, func() (page *Out, err error) {
		err = r.callAs(ctx, limit, func(ctx context.Context) (err error) {
			page, err = l.page(ctx)
			return err
		})
		if err == nil {
			r.out.Page()
		}
		return page, err
	}, fn)
}

// eachPlain is each outside a scope.
func eachPlain[In, Out, Options any](ctx context.Context, l *listing[In, Out, Options], fn func(*Out) error) error {
	return walk(l, func() (page *Out, err error) {
		err = insist(ctx, func(ctx context.Context) (err error) {
			page, err = l.page(ctx)
			return err
		})
		return page, err
	}, fn)
}

// all is each within one detail, where the caller repeats.
func all[In, Out, Options any](ctx context.Context, l *listing[In, Out, Options], fn func(*Out)) error {
	return walk(l, func() (*Out, error) { return l.page(ctx) }, func(page *Out) error {
		fn(page)
		return nil
	})
}

func walk[In, Out, Options any](l *listing[In, Out, Options], read func() (*Out, error), fn func(*Out) error) error {
	for !l.done {
		page, err := read()
		if err != nil {
			return err
		}
		if err := fn(page); err != nil {
			return err
		}
	}
	return nil
}

// detailsAtOnce is how many details of one page are asked for side by side.
const detailsAtOnce = 8

// patience is how many details may be refused in a row before the rest is not asked for any more.
const patience = 10

// asker asks for details that Amazon gives one at a time.
type asker struct {
	r *reader

	mu      sync.Mutex
	refused int
	said    bool
	last    error
}

// ask makes one request and says whether the detail is known. What failed is left for the caller to mark as
// unread; only the end of the scope is an error.
func (a *asker) ask(ctx context.Context, what string, fn func(context.Context) error) (bool, error) {
	a.mu.Lock()
	tired := a.refused >= patience
	a.mu.Unlock()
	if tired {
		return false, nil
	}
	err := a.r.call(ctx, fn)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.refused = 0
		return true, nil
	}
	if absent(err) {
		return false, errAbsent
	}
	if provider.StatusOf(err) == resource.StatusDenied {
		a.refused++
	}
	if a.last = err; !a.said {
		a.said = true
		a.r.out.Warn("%s could not be read: %v", what, err)
	}
	return false, nil
}

// side does fn for each item, some at a time, and waits for all.
func side[T any](ctx context.Context, items []T, fn func(context.Context, int, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(detailsAtOnce)
	for i, item := range items {
		g.Go(func() error { return fn(ctx, i, item) })
	}
	return g.Wait()
}

// envelope is what all resources have in common.
func (r *reader) envelope(id, name string) resource.Envelope {
	env := resource.Envelope{Kind: r.scope.Kind, Major: 1, ExternalID: id, Name: plain(name), Partition: r.scope.Partition}
	if r.region != globalRegion {
		env.Region = r.region
	}
	return env
}

func (r *reader) emit(ctx context.Context, env resource.Envelope, attributes any) error {
	text, err := encode(attributes)
	if err != nil {
		return err
	}
	env.Attributes = text
	return r.out.Emit(ctx, env)
}

// arn makes the name of a thing that an answer does not spell out.
func (r *reader) arn(service, rest string) string {
	region := r.region
	if region == globalRegion {
		region = ""
	}
	return "arn:" + r.session.settings.partition + ":" + service + ":" + region + ":" + r.account + ":" + rest
}

// local is the external id of what is named within an account and region only.
func (r *reader) local(name string) string { return r.account + "/" + r.region + "/" + name }

// console is a page of Amazon's console. path begins after the host.
func (r *reader) console(path string) string {
	host := map[string]string{"aws-us-gov": "console.amazonaws-us-gov.com", "aws-cn": "console.amazonaws.cn"}[r.session.settings.partition]
	if host == "" {
		host = "console.aws.amazon.com"
	}
	region := r.cfg.Region
	return "https://" + region + "." + host + "/" + strings.ReplaceAll(path, "{region}", region)
}

// relate adds an edge to another resource of this connection; without an id there is none.
func relate(env *resource.Envelope, verb, kind, id string) {
	if id == "" {
		return
	}
	edge := resource.Relation{Verb: verb, Kind: kind, ExternalID: id}
	for _, have := range env.Relations {
		if have == edge {
			return
		}
	}
	env.Relations = append(env.Relations, edge)
}

func relateAll(env *resource.Envelope, verb, kind string, ids []string) {
	for _, id := range ids {
		relate(env, verb, kind, id)
	}
}

// identify adds an identifier unless its value names nothing.
func identify(env *resource.Envelope, typ, value string) {
	v, ok := schema.NormalizeIdentifier(typ, value)
	if !ok {
		return
	}
	id := resource.Identifier{Type: typ, Value: v}
	for _, have := range env.Identifiers {
		if have == id {
			return
		}
	}
	env.Identifiers = append(env.Identifiers, id)
}

// tag adds tags; every service has a type of its own for them.
func tag[T any](env *resource.Envelope, tags []T, pair func(T) (key, value *string)) {
	for _, t := range tags {
		key, value := pair(t)
		addTag(env, aws.ToString(key), aws.ToString(value))
	}
}

func tagMap(env *resource.Envelope, tags map[string]string) {
	for key, value := range tags {
		addTag(env, key, value)
	}
}

func addTag(env *resource.Envelope, key, value string) {
	if key != "" && len(env.Tags) < resource.MaxTags {
		env.Tags = append(env.Tags, resource.Tag{Key: plain(key), Value: plain(value)})
	}
}

// tagNamed is the value of a tag.
func tagNamed(env resource.Envelope, key string) string {
	for _, t := range env.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// plain is s without what is no text: Amazon's answers are not always UTF-8.
func plain(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func mapRunes(s string, keep func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if keep(r) {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// address is an IP address, or nothing.
func address(s *string) schema.IP {
	a, err := netip.ParseAddr(aws.ToString(s))
	if err != nil || a.IsUnspecified() {
		return ""
	}
	return schema.IP(a.Unmap().String())
}

// addIP appends an address that is not there yet.
func addIP(list []schema.IP, s *string) []schema.IP {
	ip := address(s)
	if ip == "" {
		return list
	}
	for _, have := range list {
		if have == ip {
			return list
		}
	}
	return append(list, ip)
}

// hostOf is the host of an address, without scheme, port and path.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// texts are those of the strings that say something, without repetition.
func texts(list ...*string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if v := plain(aws.ToString(s)); v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

const gibibyte = 1 << 30

// gib turns Amazon's sizes, which are in GiB whatever they are called, into bytes.
func gib[N int32 | int64](n *N) int64 {
	if n == nil {
		return 0
	}
	return int64(*n) * gibibyte
}

// when is a moment in the one form that is written, to the second.
func when(t *time.Time) time.Time {
	if t == nil || t.Year() < 1990 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

func number[N int32 | int64](n *N) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

func count[N int32 | int64](n *N) *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
}

// fields are attributes of a kind with those that only Amazon has, under its own name.
type fields[Kind, Own any] struct {
	attributes Kind
	own        Own
}

// with joins both.
func with[Kind, Own any](attributes Kind, own Own) fields[Kind, Own] {
	return fields[Kind, Own]{attributes, own}
}

// encode writes the kind's own fields and beside them the object "aws", unless it is empty.
func (f fields[Kind, Own]) encode() ([]byte, error) {
	text, err := json.Marshal(f.attributes)
	if err != nil {
		return nil, err
	}
	own, err := json.Marshal(f.own)
	if err != nil || string(own) == "{}" {
		return text, err
	}
	if string(text) == "{}" {
		return append(append([]byte(`{"aws":`), own...), '}'), nil
	}
	return append(append(append(text[:len(text)-1], `,"aws":`...), own...), '}'), nil
}

// encode is the JSON of attributes, without reading it over again as a Marshaler's would be.
func encode(attributes any) ([]byte, error) {
	if f, ok := attributes.(interface{ encode() ([]byte, error) }); ok {
		return f.encode()
	}
	return json.Marshal(attributes)
}

// detailed reads one detail for each item of a page, some at a time, and emits in the page's order. What was deleted
// meanwhile is left out; where the detail could not be read, what it would have told is unread: details are pointers.
func detailed[T any](ctx context.Context, items []T, details []string, read func(context.Context, T) (attributes any, env resource.Envelope, known bool, err error), emit func(context.Context, resource.Envelope, any) error) error {
	type found struct {
		attributes any
		env        resource.Envelope
		gone       bool
	}
	out := make([]found, len(items))
	err := side(ctx, items, func(ctx context.Context, i int, item T) error {
		attributes, env, known, err := read(ctx, item)
		if errors.Is(err, errAbsent) {
			out[i].gone = true
			return nil
		}
		if err == nil && !known {
			env.Unread = append(env.Unread, details...)
			attributes, err = without(attributes, details)
		}
		out[i] = found{attributes: attributes, env: env}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range out {
		if f.gone {
			continue
		}
		if err := emit(ctx, f.env, f.attributes); err != nil {
			return err
		}
	}
	return nil
}

// without is attributes less what pointers name: what was not read must not be claimed to be empty or false.
func without(attributes any, pointers []string) (json.RawMessage, error) {
	text, err := encode(attributes)
	if err != nil {
		return nil, err
	}
	var tree map[string]json.RawMessage
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	for _, p := range pointers {
		delete(tree, strings.TrimPrefix(p, "/attributes/"))
	}
	return json.Marshal(tree)
}
