package vsphere

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/rest"
	_ "github.com/vmware/govmomi/vapi/simulator" // vCenter's tagging service
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// tagging is the tagging service as any other client uses it.
func (v *vcenter) tagging(t testing.TB) *tags.Manager {
	t.Helper()
	c := rest.NewClient(v.plain(t).Client)
	if err := c.Login(t.Context(), url.UserPassword(testUser, testPassword)); err != nil {
		t.Fatal(err)
	}
	return tags.NewManager(c)
}

// attach makes a tag and puts it on objects.
func (v *vcenter) attach(t testing.TB, m *tags.Manager, category, name string, refs ...mo.Reference) {
	t.Helper()
	if _, err := m.GetCategory(t.Context(), category); err != nil {
		if _, err := m.CreateCategory(t.Context(), &tags.Category{Name: category, Cardinality: "MULTIPLE"}); err != nil {
			t.Fatal(err)
		}
	}
	tag, err := m.CreateTag(t.Context(), &tags.Tag{Name: name, CategoryID: category})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.AttachTagToMultipleObjects(t.Context(), tag, refs); err != nil {
		t.Fatal(err)
	}
}

func references(list []mo.Entity) []mo.Reference {
	var out []mo.Reference
	for _, e := range list {
		out = append(out, e)
	}
	return out
}

// Tags are those that a plain client of the tagging service lists for each object, of every type that can have some.
func TestTagsAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine, m.Pod = 1, 4, 1 })
	credential(t)
	m := v.tagging(t)
	kinds := map[string]string{
		"VirtualMachine": "server", "HostSystem": "server", "ClusterComputeResource": "cluster", "Datastore": "storage_pool", "StoragePod": "storage_pool",
		"DistributedVirtualPortgroup": "network", "Network": "network", "DistributedVirtualSwitch": "router",
	}
	var all []mo.Reference
	for typ := range kinds {
		all = append(all, references(v.model.Map().All(typ))...)
	}
	v.attach(t, m, "site", "fra", all...)
	v.attach(t, m, "backup", "daily", all[0], all[len(all)/2])
	v.attach(t, m, "backup", "monthly", all[0])
	v.attach(t, m, "unused", "never")
	c := discover(t, v.settings())
	tagged := 0
	for typ, kind := range kinds {
		for _, o := range v.model.Map().All(typ) {
			var want []string
			list, err := m.GetAttachedTags(t.Context(), o.Reference())
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range list {
				category, err := m.GetCategory(t.Context(), tag.CategoryID)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, category.Name+":"+tag.Name)
			}
			tagged += len(want)
			var got []string
			for _, tag := range c.resources[kind+" "+v.model.ServiceContent.About.InstanceUuid+"/"+o.Reference().Value].Tags {
				got = append(got, tag.Key+":"+tag.Value)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: tags %q, want %q", typ, o.Reference().Value, got, want)
			}
		}
	}
	if tagged < len(all) {
		t.Errorf("only %d tags were compared", tagged)
	}
	for scope, out := range c.outcomes {
		if len(out.Warnings) > 0 || out.Incomplete > 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

// Many machines with a tag each cost a handful of requests to the tagging service, not one each.
func TestTagsAreReadInBatches(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) {
		m.Datacenter, m.Cluster, m.Host, m.Machine, m.Autostart = 1, 1, 0, 100, false
	})
	credential(t)
	m := v.tagging(t)
	v.attach(t, m, "site", "fra", references(v.model.Map().All("VirtualMachine"))...)
	before := httpclient.Requests()
	c := discover(t, v.settings(), "server")
	if sent := httpclient.Requests() - before; sent > 45 {
		t.Errorf("%d requests for %d machines", sent, len(c.ofKind("server")))
	}
	for _, env := range c.ofKind("server") {
		if strings.Contains(env.ExternalID, "/vm-") && len(env.Tags) != 1 {
			t.Errorf("%s: tags %v", env.ExternalID, env.Tags)
		}
	}
}

// before puts a proxy before the simulator, whose handler may answer instead.
func (v *vcenter) before(t testing.TB, handle func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	target, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	proxy := &httputil.ReverseProxy{Transport: v.Client().Transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = target.Host
	}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !handle(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/sdk"
}

// What goes wrong with tags spoils no scope. Where there is no tagging service for the user, custom attributes are
// read alone; where it does not answer as it should, the tags that were known stay.
func TestTaggingServiceFails(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	m := v.tagging(t)
	vms := references(v.model.Map().All("VirtualMachine"))
	v.attach(t, m, "site", "fra", vms...)
	fields, err := object.GetCustomFieldsManager(v.plain(t).Client)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := fields.Add(t.Context(), "owner", "VirtualMachine", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fields.Set(t.Context(), vms[0].Reference(), owner.Key, "ann"); err != nil {
		t.Fatal(err)
	}
	status := func(path string, code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, path) {
				return false
			}
			http.Error(w, "no", code)
			return true
		}
	}
	var once atomic.Bool
	for name, tt := range map[string]struct {
		handle  func(http.ResponseWriter, *http.Request) bool
		warning string // none: tags are read
		unread  bool
	}{
		"only /sdk passes":     {status("/rest", 404), "proxy", false},
		"a role without tags":  {status("/rest/com/vmware/cis/tagging", 403), "global permission", false},
		"the service is down":  {status("/rest", 503), "503", true},
		"another login system": {status("/rest/com/vmware/cis/session", 401), "user name or password", true},
		"a page of HTML": {func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/rest/com/vmware/cis/tagging") {
				_, _ = fmt.Fprint(w, "<html>sign in</html>")
				return true
			}
			return false
		}, "tagging service", true},
		"its session ends": {func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/tag-association") && once.CompareAndSwap(false, true) {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			return false
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			address := v.before(t, tt.handle)
			c := discover(t, []byte(`{"url":"`+address+`","insecure":true}`), "server")
			for scope, out := range c.outcomes {
				if warnings := strings.Join(out.Warnings, " "); out.Status != resource.StatusComplete || !strings.Contains(warnings, tt.warning) ||
					(warnings == "") != (tt.warning == "") || (out.Incomplete > 0) != tt.unread {
					t.Errorf("%s: %+v", scope, out)
				}
			}
			env := c.resources["server "+v.model.ServiceContent.About.InstanceUuid+"/"+vms[0].Reference().Value]
			want := []resource.Tag{{Key: "owner", Value: "ann"}}
			switch {
			case tt.unread:
				want = nil
			case tt.warning == "":
				want = append(want, resource.Tag{Key: "site", Value: "fra"})
			}
			if !slices.Equal(env.Tags, want) || slices.Contains(env.Unread, "/tags") != tt.unread {
				t.Errorf("tags %v, unread %q", env.Tags, env.Unread)
			}
		})
	}
	if !once.Load() {
		t.Error("the session did not end")
	}
}

// Check says when no tag is visible: vCenter shows nothing instead of refusing.
func TestCheckOfTags(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	item := func() provider.CheckItem {
		r, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: v.settings()}, []string{"server"})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(r.Items, func(i provider.CheckItem) bool { return i.Name == "tags" })
		if i < 0 {
			t.Fatalf("%+v", r.Items)
		}
		return r.Items[i]
	}
	if got := item(); !got.OK || !strings.Contains(got.Message, "no tag is visible") || !strings.Contains(got.Advice, "global permission") {
		t.Errorf("%+v", got)
	}
	v.attach(t, v.tagging(t), "site", "fra", types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"})
	if got := item(); !got.OK || got.Message != "1 visible" || got.Advice != "" {
		t.Errorf("%+v", got)
	}
}
