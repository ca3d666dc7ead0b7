package vsphere

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// pageSize is how many objects one answer may hold: enough to need few calls, few enough for a proxy's patience.
const pageSize = 250

// sweep says what is read below a container.
type sweep struct {
	types      []string // managed object types, those derived from them included
	base       string   // the type that has the properties; empty means types[0]
	properties []string
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
// without it; fn sees objects twice then.
func (c *client) sweep(ctx context.Context, root types.ManagedObjectReference, sw sweep, call caller, fn func(entry) error) error {
	signedIn := false
	for {
		epoch := c.currentEpoch()
		err := c.sweepOnce(ctx, root, sw, call, fn)
		var invalid *types.InvalidProperty
		if _, ok := fault.As(err, &invalid); ok {
			if i := slices.Index(sw.properties, invalid.Name); i >= 0 && len(sw.properties) > 1 {
				sw.properties = slices.Delete(slices.Clone(sw.properties), i, i+1)
				continue
			}
		}
		if err == nil || signedIn || !isNotAuthenticated(err) {
			return classify(err)
		}
		if err := c.again(ctx, epoch); err != nil {
			return err
		}
		signedIn = true
	}
}

func (c *client) sweepOnce(ctx context.Context, root types.ManagedObjectReference, sw sweep, call caller, fn func(entry) error) error {
	var v *view.ContainerView
	request := func(do func(context.Context) error) error {
		// The error is classified for the SDK, which repeats what may pass, and kept as it was for us.
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
	err := request(func(ctx context.Context) (err error) {
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
	collector := property.DefaultCollector(c.vim).Reference()
	req := sw.request(collector, v.Reference())
	var page *types.RetrieveResult
	err = request(func(ctx context.Context) error {
		res, err := methods.RetrievePropertiesEx(ctx, c.vim, &req)
		if err == nil {
			page = res.Returnval
		}
		return err
	})
	for err == nil && page != nil {
		if err = each(page.Objects, fn); err != nil || page.Token == "" {
			return err
		}
		next := types.ContinueRetrievePropertiesEx{This: collector, Token: page.Token}
		err = request(func(ctx context.Context) error {
			res, err := methods.ContinueRetrievePropertiesEx(ctx, c.vim, &next)
			if err == nil {
				page = &res.Returnval
			}
			return err
		})
	}
	return err
}

func (sw sweep) request(collector, v types.ManagedObjectReference) types.RetrievePropertiesEx {
	base := sw.base
	if base == "" {
		base = sw.types[0]
	}
	return types.RetrievePropertiesEx{
		This: collector,
		SpecSet: []types.PropertyFilterSpec{{
			ObjectSet: []types.ObjectSpec{{
				Obj: v, Skip: types.NewBool(true),
				SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: v.Type, Path: "view"}},
			}},
			PropSet: []types.PropertySpec{{Type: base, PathSet: sw.properties}},
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
