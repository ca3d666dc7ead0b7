package vsphere

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
)

// pageSize is how many objects one answer may hold: enough to need few calls, few enough for a proxy's patience.
const pageSize = 250

// sweep says what is read below a container, or of chosen objects.
type sweep struct {
	types      []string // managed object types, those derived from them included
	base       string   // the type that has the properties; empty means types[0]
	properties []string
	// objects are read instead of what is below the container; at most pageSize at a time.
	objects []types.ManagedObjectReference
	// page is called with each page before its objects are handed over; may be nil.
	page func(context.Context, []types.ObjectContent) error
}

// entry is one answer of the property collector.
type entry struct {
	types.ObjectContent
	denied []string // properties that may not be read
}

// caller runs one request under limits and repeats it; see provider.Emitter.Call.
type caller func(ctx context.Context, fn func(context.Context) error) error

// sweep reads everything of some types below a container, page by page, and hands it to fn. If the session ends
// in between it signs in and begins again once, and if the server is too old for a property it begins again
// without it; after a page that was lost on the way it begins again, too. fn sees objects twice then.
func (c *client) sweep(ctx context.Context, root types.ManagedObjectReference, sw sweep, call caller, fn func(entry) error) error {
	again := false
	for lost := 0; ; {
		epoch := c.currentEpoch()
		err := c.sweepOnce(ctx, root, sw, call, fn)
		var invalid *types.InvalidProperty
		if _, ok := fault.As(err, &invalid); ok {
			if i := slices.Index(sw.properties, invalid.Name); i >= 0 && len(sw.properties) > 1 {
				sw.properties = slices.Delete(slices.Clone(sw.properties), i, i+1)
				continue
			}
		}
		if errors.Is(err, errLostPage) && lost < maxLostPages {
			lost++
			continue
		}
		// Another scope may have signed in again meanwhile: then views and page tokens are gone too, and vCenter
		// complains of those and not of the session.
		if err == nil || again || !isNotAuthenticated(err) && (c.currentEpoch() == epoch || ctx.Err() != nil) {
			return classify(err)
		}
		if err := c.again(ctx, epoch); err != nil {
			return err
		}
		again = true
	}
}

// errLostPage says that the connection was cut in the middle of a page and vCenter does not give that page again.
var errLostPage = errors.New("a page was lost on the way")

// maxLostPages is how often a sweep begins again for that.
const maxLostPages = 3

// asked is one request under limits. Its error is classified for the SDK, which repeats what may pass, and kept as it was
// where we sign in again ourselves.
func asked(ctx context.Context, call caller, do func(context.Context) error) error {
	var original error
	err := call(ctx, func(ctx context.Context) error {
		original = do(ctx)
		return classify(original)
	})
	if err != nil && original != nil && isNotAuthenticated(original) {
		return original
	}
	return err
}

func (c *client) sweepOnce(ctx context.Context, root types.ManagedObjectReference, sw sweep, call caller, fn func(entry) error) error {
	if sw.objects != nil {
		return c.sweepObjects(ctx, sw, call, fn)
	}
	var v *view.ContainerView
	err := asked(ctx, call, func(ctx context.Context) (err error) {
		v, err = view.NewManager(c.vim).CreateContainerView(ctx, root, sw.types, true)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		// A view that is left behind goes with the session.
		_ = v.Destroy(context.WithoutCancel(ctx))
	}()
	below := types.ObjectSpec{
		Obj: v.Reference(), Skip: types.NewBool(true),
		SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: v.Reference().Type, Path: "view"}},
	}
	return c.pages(ctx, sw, []types.ObjectSpec{below}, call, fn)
}

// sweepObjects reads chosen objects, a page of them with each request.
func (c *client) sweepObjects(ctx context.Context, sw sweep, call caller, fn func(entry) error) error {
	for chunk := range slices.Chunk(sw.objects, pageSize) {
		var set []types.ObjectSpec
		for _, ref := range chunk {
			set = append(set, types.ObjectSpec{Obj: ref, Skip: types.NewBool(false)})
		}
		if err := c.pages(ctx, sw, set, call, fn); err != nil {
			return err
		}
	}
	return nil
}

// pages reads an answer of the property collector to its end. While a page is worked on the next one is on its way:
// decoding them is most of the work, and there is never more than one waiting.
func (c *client) pages(ctx context.Context, sw sweep, set []types.ObjectSpec, call caller, fn func(entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var under sync.WaitGroup
	defer under.Wait()
	defer cancel()
	page, err := c.firstPage(ctx, sw, set, call)
	for err == nil && page != nil {
		var next chan answer
		if token := page.Token; token != "" {
			next = make(chan answer, 1)
			under.Go(func() { next <- c.nextPage(ctx, token, call) })
		}
		if sw.page != nil && len(page.Objects) > 0 {
			if err := sw.page(ctx, page.Objects); err != nil {
				return err
			}
		}
		if err := each(page.Objects, fn); err != nil || next == nil {
			return err
		}
		a := <-next
		page, err = a.page, a.err
	}
	return err
}

// answer is a page or why there is none.
type answer struct {
	page *types.RetrieveResult
	err  error
}

func (c *client) firstPage(ctx context.Context, sw sweep, set []types.ObjectSpec, call caller) (page *types.RetrieveResult, err error) {
	req := sw.request(property.DefaultCollector(c.vim).Reference(), set)
	err = asked(ctx, call, func(ctx context.Context) error {
		res, err := methods.RetrievePropertiesEx(ctx, c.vim, &req)
		if err == nil {
			page = res.Returnval
		}
		return err
	})
	return page, err
}

func (c *client) nextPage(ctx context.Context, token string, call caller) (a answer) {
	req := types.ContinueRetrievePropertiesEx{This: property.DefaultCollector(c.vim).Reference(), Token: token}
	tries := 0
	a.err = asked(ctx, call, func(ctx context.Context) error {
		tries++
		res, err := methods.ContinueRetrievePropertiesEx(ctx, c.vim, &req)
		if tries > 1 && soap.IsSoapFault(err) && !isNotAuthenticated(err) {
			return provider.Permanent(fmt.Errorf("%w: %w", errLostPage, err))
		}
		if err == nil {
			a.page = &res.Returnval
		}
		return err
	})
	return a
}

func (sw sweep) request(collector types.ManagedObjectReference, set []types.ObjectSpec) types.RetrievePropertiesEx {
	base := sw.base
	if base == "" {
		base = sw.types[0]
	}
	return types.RetrievePropertiesEx{
		This: collector,
		SpecSet: []types.PropertyFilterSpec{{
			ObjectSet: set,
			PropSet:   []types.PropertySpec{{Type: base, PathSet: sw.properties}},
			// What is deleted in between is left out instead of failing the page.
			ReportMissingObjectsInResults: types.NewBool(true),
		}},
		Options: types.RetrieveOptions{MaxObjects: pageSize},
	}
}

func each(list []types.ObjectContent, fn func(entry) error) error {
	for _, content := range list {
		o := entry{ObjectContent: content}
		deleted := false
		for _, m := range content.MissingSet {
			o.denied = append(o.denied, m.Path)
			deleted = deleted || fault.Is(m.Fault.Fault, (*types.ManagedObjectNotFound)(nil))
		}
		if deleted {
			continue
		}
		o.MissingSet = nil
		if err := fn(o); err != nil {
			return err
		}
	}
	return nil
}

// load fills a managed object of its type. Properties that were asked for by key are left to keyed.
func (o entry) load(dst any) error {
	content := o.ObjectContent
	content.PropSet = nil
	for _, p := range o.PropSet {
		if !strings.Contains(p.Name, "[") {
			content.PropSet = append(content.PropSet, p)
		}
	}
	if err := mo.LoadObjectContent([]types.ObjectContent{content}, dst); err != nil {
		return errors.Join(errors.New("read "+o.Obj.Value), err)
	}
	return nil
}

// has says whether vCenter gave the property.
func (o entry) has(name string) bool {
	for _, p := range o.PropSet {
		if p.Name == name {
			return true
		}
	}
	return false
}

// keyed is the value of an option that was asked for by its key.
func (o entry) keyed(name string) string {
	for _, p := range o.PropSet {
		if p.Name != name {
			continue
		}
		switch v := p.Val.(type) {
		case types.OptionValue:
			s, _ := v.Value.(string)
			return s
		case *types.OptionValue:
			s, _ := v.Value.(string)
			return s
		}
	}
	return ""
}
