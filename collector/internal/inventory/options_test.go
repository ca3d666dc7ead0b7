package inventory

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"maestro.internal/sdk/schema"
)

// Every list is for fields that exist.
func TestOptionListsAreForFields(t *testing.T) {
	for _, l := range optionLists() {
		for _, at := range l.Fields {
			kind, pointer, _ := strings.Cut(at, "/")
			fields := schema.CommonFields()
			if kind != "" {
				k, ok := schema.Lookup(kind)
				if !ok {
					t.Errorf("%s: no kind %s", l.Name, kind)
					continue
				}
				fields = k.Fields
			}
			found := slices.ContainsFunc(fields, func(f schema.Field) bool {
				return f.Pointer == "/"+pointer || slices.ContainsFunc(f.Items, func(i schema.Field) bool { return f.Pointer+"/"+i.Path == "/"+pointer })
			})
			if !found {
				t.Errorf("%s: %s has no field /%s", l.Name, kind, pointer)
			}
		}
	}
}

func TestOptionListsAreEdited(t *testing.T) {
	l := newLab(t)
	values := func(tenant string) []string {
		lists, err := l.s.OptionLists(l.ctx, tenant)
		if err != nil {
			t.Fatal(err)
		}
		return lists[0].Values
	}
	first := values(tenant)
	if _, err := l.s.SetOptions(l.ctx, everyone, "environment", []string{" prod ", "dev"}); err != nil {
		t.Fatal(err)
	}
	l.want(values(tenant), "prod", "dev")
	l.want(values("elsewhere"), first...)
	if list, err := l.s.SetOptions(l.ctx, everyone, "environment", nil); err != nil || list.Changed {
		t.Fatalf("%+v %v", list, err)
	}
	l.want(values(tenant), first...)
	var invalid *InvalidError
	for _, wrong := range [][]string{{""}, {"a", "a"}, {strings.Repeat("x", 201)}, make([]string, 1001)} {
		if _, err := l.s.SetOptions(l.ctx, everyone, "environment", wrong); !errors.As(err, &invalid) {
			t.Errorf("%.20q: %v", wrong, err)
		}
	}
	if _, err := l.s.SetOptions(l.ctx, everyone, "colours", []string{"red"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
