package vsphere

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"maestro.internal/sdk/resource"
)

// save writes every object of a vCenter with all its properties, each to a file, in the form of "govc object.save": what
// people send whose vCenter nobody else can reach.
func (v *vcenter) save(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, client := t.Context(), v.plain(t)
	pc, n := property.DefaultCollector(client.Client), 0
	write := func(list []types.ObjectContent) {
		for _, o := range list {
			o.MissingSet = nil
			text, err := xml.MarshalIndent(o, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d-%s.xml", n, o.Obj.Encode())), text, 0o600); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	var content []types.ObjectContent
	if err := pc.RetrieveOne(ctx, vim25.ServiceInstance, []string{"content"}, &content); err != nil {
		t.Fatal(err)
	}
	write(content)
	all := map[string]bool{}
	refs := mo.References(client.ServiceContent)
	list, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	var inside mo.ContainerView
	if err := pc.RetrieveOne(ctx, list.Reference(), []string{"view"}, &inside); err != nil {
		t.Fatal(err)
	}
	for _, ref := range append(refs, inside.View...) {
		if all[ref.String()] || ref.Type == "LicenseManager" || ref.Type == "ServiceManager" {
			continue
		}
		all[ref.String()] = true
		var one []types.ObjectContent
		if err := pc.RetrieveOne(ctx, ref, nil, &one); err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		write(one)
	}
}

// An inventory saved in the form of VMware's own tool and loaded into the simulator is discovered as the one that it was saved of:
// the way in which a user's report about a vCenter that we do not have can be looked into.
func TestSavedInventory(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Pod, m.App, m.Pool, m.Folder = 1, 1, 1, 1, 1 })
	credential(t)
	want := discover(t, v.settings())
	dir := filepath.Join(t.TempDir(), "saved")
	v.save(t, dir)
	loaded := &simulator.Model{}
	if err := loaded.Load(dir); err != nil {
		t.Fatal(err)
	}
	loaded.Service.TLS = new(tls.Config)
	loaded.Service.Listen = &url.URL{User: url.UserPassword(testUser, testPassword)}
	s := loaded.Service.NewServer()
	t.Cleanup(s.Close)
	settings, err := json.Marshal(map[string]string{"url": "https://" + s.URL.Host + "/sdk", "thumbprint": soap.ThumbprintSHA256(s.Certificate())})
	if err != nil {
		t.Fatal(err)
	}
	got := discover(t, settings)
	for scope, out := range got.outcomes {
		if out.Status != resource.StatusComplete {
			t.Errorf("%s: %+v", scope, out)
		}
	}
	if a, b := slices.Sorted(maps.Keys(got.resources)), slices.Sorted(maps.Keys(want.resources)); !slices.Equal(a, b) {
		t.Fatalf("%d resources of %d", len(a), len(b))
	}
	for key, env := range want.resources {
		other := got.resources[key]
		env.ConsoleURL, other.ConsoleURL = "", "" // its address is another
		a, b := text(t, other), text(t, env)
		if a != b {
			t.Errorf("%s\n%s\nwas\n%s", key, a, b)
		}
	}
}

// simulated are folders that the simulator keeps datastores in, another at every start.
var simulated = regexp.MustCompile(`/[^"]*/govcsim-[0-9]+/`)

func text(t *testing.T, env resource.Envelope) string {
	t.Helper()
	out, err := resource.Canonical(env)
	if err != nil {
		t.Fatal(err)
	}
	return simulated.ReplaceAllString(string(out), "/tmp/")
}
