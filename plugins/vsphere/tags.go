package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/resource"
)

// tagService is vCenter's tagging service, which is not part of the property collector: it has an API and sessions of
// its own. The tags of a page of objects are one request; the name of a tag and of its category are asked for once in
// a call, however many objects have it. What fails there spoils no scope: the tags that were known stay.
type tagService struct {
	manager *tags.Manager
	login   *url.Userinfo

	mu       sync.Mutex
	signedIn bool
	none     bool  // no tag is visible, so none need be asked for
	failed   error // why it is not asked any more in this call
	names    map[string]resource.Tag
	category map[string]string
}

func newTagService(c *rest.Client, login *url.Userinfo) *tagService {
	return &tagService{manager: tags.NewManager(c), login: login, names: map[string]resource.Tag{}, category: map[string]string{}}
}

// attached are the tags of some objects. All scopes of a call share the service, one request at a time.
func (s *tagService) attached(ctx context.Context, objects []types.ObjectContent) (map[types.ManagedObjectReference][]resource.Tag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil || s.none {
		return nil, s.failed
	}
	out, err := s.read(ctx, objects)
	if err != nil && s.signedIn && rest.IsStatusError(err, http.StatusUnauthorized) {
		s.signedIn = false // the session has ended; once more with another
		out, err = s.read(ctx, objects)
	}
	if err != nil && ctx.Err() == nil {
		s.failed = tagProblem(err)
		err = s.failed
	}
	return out, err
}

func (s *tagService) read(ctx context.Context, objects []types.ObjectContent) (map[types.ManagedObjectReference][]resource.Tag, error) {
	if err := s.signIn(ctx); err != nil || s.none {
		return nil, err
	}
	refs := make([]mo.Reference, len(objects))
	for i, o := range objects {
		refs[i] = o.Obj
	}
	list, err := s.manager.ListAttachedTagsOnObjects(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := map[types.ManagedObjectReference][]resource.Tag{}
	for _, o := range list {
		for _, id := range o.TagIDs {
			tag, err := s.name(ctx, id)
			if err != nil {
				return nil, err
			}
			if tag.Key != "" {
				out[o.ObjectID.Reference()] = append(out[o.ObjectID.Reference()], tag)
			}
		}
	}
	return out, nil
}

func (s *tagService) signIn(ctx context.Context) error {
	if s.signedIn {
		return nil
	}
	s.manager.SessionID("")
	if err := s.manager.Login(ctx, s.login); err != nil {
		return err
	}
	s.signedIn = true
	all, err := s.manager.ListTags(ctx)
	s.none = err == nil && len(all) == 0
	return err
}

// name is a tag as people know it; nothing for one that was deleted in between.
func (s *tagService) name(ctx context.Context, id string) (resource.Tag, error) {
	if t, ok := s.names[id]; ok {
		return t, nil
	}
	t, err := s.manager.GetTag(ctx, id)
	if rest.IsStatusError(err, http.StatusNotFound) {
		s.names[id] = resource.Tag{}
		return resource.Tag{}, nil
	}
	if err != nil {
		return resource.Tag{}, err
	}
	category, ok := s.category[t.CategoryID]
	if !ok {
		c, err := s.manager.GetCategory(ctx, t.CategoryID)
		if err != nil {
			return resource.Tag{}, err
		}
		category = c.Name
		s.category[t.CategoryID] = category
	}
	s.names[id] = resource.Tag{Key: category, Value: t.Name}
	return s.names[id], nil
}

// visible is how many tags the user sees.
func (s *tagService) visible(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.signIn(ctx); err != nil {
		return 0, tagProblem(err)
	}
	all, err := s.manager.ListTags(ctx)
	if err != nil {
		return 0, tagProblem(err)
	}
	return len(all), nil
}

func (s *tagService) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.signedIn {
		return nil
	}
	s.signedIn = false
	if err := s.manager.Logout(ctx); err != nil && !rest.IsStatusError(err, http.StatusUnauthorized) {
		return fmt.Errorf("sign out of the tagging service: %w", err)
	}
	return nil
}

// errNoTags are answers that stay as they are: there is no tagging service for this user. vCenter itself shows nothing,
// instead of refusing, where a tag may not be read.
var errNoTags = errors.New("no tags for this user")

// tagProblem says in words what the tagging service answers.
func tagProblem(err error) error {
	switch {
	case rest.IsStatusError(err, http.StatusUnauthorized):
		return errors.New("the tagging service refuses the user name or password")
	case rest.IsStatusError(err, http.StatusForbidden):
		return fmt.Errorf("%w: give it the role Read-only as a global permission", errNoTags)
	case rest.IsStatusError(err, http.StatusNotFound):
		return fmt.Errorf("%w: nothing answers at /rest; the server has no tagging service, or a proxy lets only /sdk pass", errNoTags)
	}
	return fmt.Errorf("ask the tagging service: %w", err)
}

// tagger turns tags and custom attributes, which people used as tags before there were any, into tags.
type tagger struct {
	names    map[int32]string // of custom attributes
	blind    bool             // some could not be read
	service  *tagService      // nil where there is none
	attached map[types.ManagedObjectReference][]resource.Tag
	reader   *reader
}

func (r *reader) tagger(ctx context.Context) *tagger {
	t := &tagger{names: map[int32]string{}, service: r.client.tags, reader: r}
	manager := r.client.vim.ServiceContent.CustomFieldsManager
	if manager == nil {
		return t
	}
	var m mo.CustomFieldsManager
	err := r.out.Call(ctx, apiLimit, func(ctx context.Context) error {
		return classify(property.DefaultCollector(r.client.vim).RetrieveOne(ctx, *manager, []string{"field"}, &m))
	})
	if err != nil {
		r.out.Warn("custom attributes are left out: %v", err)
		t.blind = true
		return t
	}
	for _, f := range m.Field {
		t.names[f.Key] = f.Name
	}
	return t
}

// tagged reads everything of some types, with the tags of each page.
func (r *reader) tagged(ctx context.Context, t *tagger, sw sweep, fn func(entry) error) error {
	sw.page = t.page
	return r.each(ctx, sw, fn)
}

// page reads the tags of a page of objects.
func (t *tagger) page(ctx context.Context, objects []types.ObjectContent) error {
	t.attached = nil
	if t.service == nil || t.blind {
		return nil
	}
	var problem error
	err := t.reader.out.Call(ctx, apiLimit, func(ctx context.Context) error {
		t.attached, problem = t.service.attached(ctx, objects)
		return ctx.Err()
	})
	switch {
	case err != nil || problem == nil:
		return err
	case errors.Is(problem, errNoTags):
		t.reader.out.Warn("only custom attributes are read as tags: %v", problem)
	default:
		t.reader.out.Warn("tags are left as they were: %v", problem)
		t.blind = true
	}
	t.service = nil
	return nil
}

func (t *tagger) tag(env *resource.Envelope, ref types.ManagedObjectReference, values []types.BaseCustomFieldValue) {
	if t.blind {
		env.Unread = append(env.Unread, "/tags")
		return
	}
	for _, v := range values {
		s, ok := v.(*types.CustomFieldStringValue)
		if name := t.names[v.GetCustomFieldValue().Key]; ok && name != "" && s.Value != "" {
			addTag(env, resource.Tag{Key: name, Value: s.Value})
		}
	}
	for _, tag := range t.attached[ref] {
		addTag(env, tag)
	}
}

func addTag(env *resource.Envelope, tag resource.Tag) {
	if len(env.Tags) < resource.MaxTags {
		env.Tags = append(env.Tags, tag)
	}
}
