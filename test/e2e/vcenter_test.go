//go:build e2e

package e2e

import (
	"context"
	"net/url"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// login reaches the simulated vCenter by itself, without anything of ours between.
func (v vcenter) login(t *testing.T) *govmomi.Client {
	t.Helper()
	u, err := soap.ParseURL(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(v.Username, v.Password)
	c, err := govmomi.NewClient(t.Context(), u, true)
	if err != nil {
		t.Fatalf("log in to the simulated vCenter: %v", err)
	}
	t.Cleanup(func() { _ = c.Logout(context.Background()) })
	return c
}

// counts reads every object of some types with plain property reads. Templates, which are images, are counted apart.
func (v vcenter) counts(t *testing.T, c *govmomi.Client, types ...string) map[string]int {
	t.Helper()
	m := view.NewManager(c.Client)
	w, err := m.CreateContainerView(t.Context(), c.ServiceContent.RootFolder, types, true)
	if err != nil {
		t.Fatal(err)
	}
	var found []mo.ManagedEntity
	if err := w.Retrieve(t.Context(), types, []string{"name"}, &found); err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, e := range found {
		n[e.Self.Type]++
	}
	n["template"] = len(v.templates(t, c))
	n["VirtualMachine"] -= n["template"]
	return n
}

// templates are the machines that are no servers.
func (v vcenter) templates(t *testing.T, c *govmomi.Client) map[types.ManagedObjectReference]bool {
	t.Helper()
	w, err := view.NewManager(c.Client).CreateContainerView(t.Context(), c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var all []mo.VirtualMachine
	if err := w.Retrieve(t.Context(), []string{"VirtualMachine"}, []string{"summary.config.template"}, &all); err != nil {
		t.Fatal(err)
	}
	out := map[types.ManagedObjectReference]bool{}
	for _, vm := range all {
		if vm.Summary.Config.Template {
			out[vm.Self] = true
		}
	}
	return out
}
