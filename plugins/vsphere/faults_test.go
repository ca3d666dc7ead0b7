package vsphere

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"go.uber.org/goleak"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// connectError is what Connect answers.
func connectError(t *testing.T, settings string) *provider.Error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := New().Connect(ctx, provider.Connection{Settings: []byte(settings)})
	if err == nil {
		_ = s.(*session).Close()
		t.Fatal("it connected")
	}
	if strings.Contains(err.Error(), testPassword) {
		t.Errorf("the password is in %q", err)
	}
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("unclassified: %v", err)
	}
	return e
}

func TestConnectErrors(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	answering := func(code int) string {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }))
		t.Cleanup(s.Close)
		return `{"url":"` + s.URL + `","insecure":true}`
	}
	other := strings.Repeat("AB:", 31) + "AB"
	for name, c := range map[string]struct {
		settings, password, advice string
		status                     resource.Status
	}{
		"wrong password":      {string(v.settings()), "wrong", "credential", resource.StatusDenied},
		"no password":         {string(v.settings()), "", envPassword, resource.StatusDenied},
		"untrusted":           {`{"url":"` + v.url + `"}`, testPassword, "thumbprint", resource.StatusFailed},
		"other certificate":   {`{"url":"` + v.url + `","thumbprint":"` + other + `"}`, testPassword, "thumbprint", resource.StatusFailed},
		"nobody listens":      {`{"url":"https://` + dead + `"}`, testPassword, "", resource.StatusUnreachable},
		"being restarted":     {answering(503), testPassword, "", resource.StatusUnreachable},
		"asked too often":     {answering(429), testPassword, "", resource.StatusThrottled},
		"refused by a proxy":  {answering(403), testPassword, "proxy", resource.StatusDenied},
		"not a vCenter":       {answering(404), testPassword, "/sdk", resource.StatusFailed},
		"thumbprint is SHA-1": {`{"url":"` + v.url + `","thumbprint":"` + soap.ThumbprintSHA1(v.Certificate()) + `"}`, "wrong", "credential", resource.StatusDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(envUsername, testUser)
			t.Setenv(envPassword, c.password)
			e := connectError(t, c.settings)
			if e.Status != c.status || !strings.Contains(e.Advice, c.advice) {
				t.Errorf("%s, advice %q: %v", e.Status, e.Advice, e.Err)
			}
		})
	}
}

func TestConnectIsCanceled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never speaks
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	credential(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := New().Connect(ctx, provider.Connection{Settings: []byte(`{"url":"https://` + l.Addr().String() + `"}`)}); err == nil {
		t.Error("it connected")
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A privilege that is missing for one type spoils the kinds that need it and no other.
func TestMissingPrivilege(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	v.model.Map().Handler = func(_ *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		if req, ok := m.Body.(*types.CreateContainerView); ok && req.Type[0] == "Datastore" {
			return nil, &types.NoPermission{Object: &req.Container, PrivilegeId: "System.Read"}
		}
		return nil, nil
	}
	c := discover(t, v.settings())
	for scope, out := range c.outcomes {
		want := resource.StatusComplete
		if strings.HasPrefix(scope, "storage_pool") {
			want = resource.StatusDenied
		}
		if out.Status != want {
			t.Errorf("%s: %+v", scope, out)
		}
		if want == resource.StatusDenied && (!strings.Contains(out.Error, "System.Read") || !strings.Contains(out.Advice, "Read-only")) {
			t.Errorf("%s: error %q, advice %q", scope, out.Error, out.Advice)
		}
	}
}

// Where the names of custom attributes cannot be read, the tags that were known stay.
func TestCustomAttributesHidden(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	v.model.Map().Handler = func(_ *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		req, ok := m.Body.(*types.RetrievePropertiesEx)
		if ok && req.SpecSet[0].ObjectSet[0].Obj == *v.model.ServiceContent.CustomFieldsManager {
			return nil, &types.NoPermission{PrivilegeId: "System.Read"}
		}
		return nil, nil
	}
	c := discover(t, v.settings(), "server")
	for key, env := range c.resources {
		if !strings.Contains(strings.Join(env.Unread, " "), "/tags") {
			t.Errorf("%s: unread %q", key, env.Unread)
		}
	}
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete || len(out.Warnings) == 0 || out.Incomplete == 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

// Machines that hide one property are listed, and the property is named.
func TestHiddenPropertyIsNamed(t *testing.T) {
	o := entry{ObjectContent: types.ObjectContent{
		Obj:     types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-1"},
		PropSet: []types.DynamicProperty{{Name: "name", Val: "x"}},
	}}
	err := each([]types.ObjectContent{{
		Obj: o.Obj, PropSet: o.PropSet,
		MissingSet: []types.MissingProperty{{Path: "config.annotation", Fault: types.LocalizedMethodFault{Fault: &types.NoPermission{PrivilegeId: "System.Read"}}}},
	}, {
		Obj:        types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-2"},
		MissingSet: []types.MissingProperty{{Path: "name", Fault: types.LocalizedMethodFault{Fault: &types.ManagedObjectNotFound{}}}},
	}}, func(got entry) error {
		if got.Obj.Value == "vm-2" {
			t.Error("a machine that was deleted in between is reported")
		}
		var env resource.Envelope
		unread(&env, got, vmUnread)
		if strings.Join(env.Unread, " ") != "/attributes/description" {
			t.Errorf("unread %q", env.Unread)
		}
		var vm mo.VirtualMachine
		return got.load(&vm)
	})
	if err != nil {
		t.Error(err)
	}
}

// A machine whose files are out of reach keeps what was known of it, and its disks are not proven gone.
func TestUnreachableMachine(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	vm := v.model.Map().Any("VirtualMachine").(*simulator.VirtualMachine)
	vm.Config, vm.Runtime.ConnectionState = nil, types.VirtualMachineConnectionStateInaccessible
	c := discover(t, v.settings(), "server", "volume")
	env := c.resources["server "+v.model.ServiceContent.About.InstanceUuid+"/"+vm.Self.Value]
	if !strings.Contains(strings.Join(env.Unread, " "), "/attributes/memory_bytes") {
		t.Errorf("unread %q", env.Unread)
	}
	for scope, out := range c.outcomes {
		want := resource.StatusComplete
		if strings.HasPrefix(scope, "volume") {
			want = resource.StatusPartial
		}
		if out.Status != want {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

// An administrator ends the session in the middle of a run; the plugin signs in again and misses nothing.
func TestSessionEndsInBetween(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter = 1 })
	credential(t)
	admin := v.plain(t)
	own, err := methods.GetCurrentTime(t.Context(), admin)
	if err != nil || own == nil {
		t.Fatal(err)
	}
	mine, err := admin.SessionManager.UserSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	ended := 0
	v.model.Map().Handler = func(_ *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		if m.Name != "DestroyView" {
			return nil, nil
		}
		once.Do(func() {
			for _, key := range sessionKeys(t, v) {
				if key == mine.Key {
					continue
				}
				ended++
				if err := admin.SessionManager.TerminateSession(context.Background(), []string{key}); err != nil {
					t.Error(err)
				}
			}
		})
		return nil, nil
	}
	p, conn := serve.Local(New()), provider.Connection{Settings: v.settings()}
	scopes := []resource.Scope{
		{Kind: "server", Partition: resource.Partition{{Key: Partition, Value: "DC0"}}},
		{Kind: "volume", Partition: resource.Partition{{Key: Partition, Value: "DC0"}}},
	}
	c := &collected{scopes: scopes, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := p.Discover(t.Context(), conn, scopes, c); err != nil {
		t.Fatal(err)
	}
	if ended == 0 {
		t.Fatal("no session was ended")
	}
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete || out.Listed == 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

func sessionKeys(t *testing.T, v *vcenter) []string {
	t.Helper()
	c := v.plain(t)
	var m mo.SessionManager
	if err := property.DefaultCollector(c.Client).RetrieveOne(context.Background(), *c.ServiceContent.SessionManager, []string{"sessionList"}, &m); err != nil {
		t.Fatal(err)
	}
	own, err := c.SessionManager.UserSession(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range m.SessionList {
		if s.Key != own.Key {
			out = append(out, s.Key)
		}
	}
	if err := c.Logout(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNoSessionIsLeftBehind(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	before := len(sessionKeys(t, v))
	discover(t, v.settings())
	if after := len(sessionKeys(t, v)); after != before {
		t.Errorf("%d sessions before, %d after", before, after)
	}
}

// After a call nothing of it goes on: no connection is kept, no goroutine waits.
func TestNothingKeepsRunning(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	discover(t, v.settings()) // the simulator's own goroutines start with the first client
	v.CloseClientConnections()
	before := goleak.IgnoreCurrent()
	discover(t, v.settings())
	v.CloseClientConnections()
	goleak.VerifyNone(t, before)
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	check := func(settings []byte) provider.CheckReport {
		r, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: settings}, []string{"server", "volume"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, item := range check(v.settings()).Items {
		if !item.OK {
			t.Errorf("%+v", item)
		}
	}
	if items := check(v.settings("datacenters", `["nowhere"]`)).Items; items[1].OK || items[1].Advice == "" {
		t.Errorf("%+v", items)
	}
	v.model.Map().Put(&refusing{*v.model.ServiceContent.AuthorizationManager})
	r := check(v.settings())
	bad := 0
	for _, item := range r.Items {
		if !item.OK && strings.Contains(item.Message, "DC0 lacks System.Read") {
			bad++
		}
	}
	if bad != 2 || r.Policy == "" {
		t.Errorf("%+v", r)
	}
}

// Before anybody has entered a password, the check shows the certificate that is to be trusted, and with its hash in the settings it is.
func TestCheckOffersTheCertificate(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	t.Setenv(envUsername, "")
	t.Setenv(envPassword, "")
	check := func(settings string) (provider.CheckReport, error) {
		return host.Guard(serve.Local(New())).Check(t.Context(), provider.Connection{Settings: []byte(settings)}, []string{"server"})
	}
	for name, settings := range map[string]string{
		"untrusted": `{"url":"` + v.url + `"}`,
		"another":   `{"url":"` + v.url + `","thumbprint":"` + strings.Repeat("AB:", 31) + `AB"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := check(settings)
			if err != nil || len(r.Items) != 1 || r.Items[0].OK || r.Items[0].Certificate == nil {
				t.Fatalf("%+v, %v", r, err)
			}
			c := r.Items[0].Certificate
			if c.Setting != "/thumbprint" || c.SHA256 != soap.ThumbprintSHA256(v.Certificate()) || c.Issuer != v.Certificate().Issuer.String() || !c.NotAfter.Equal(v.Certificate().NotAfter) {
				t.Errorf("%+v", c)
			}
			_, err = check(`{"url":"` + v.url + `","thumbprint":"` + c.SHA256 + `"}`)
			if provider.StatusOf(err) != resource.StatusDenied || !strings.Contains(err.Error(), "no user name or password") {
				t.Errorf("with its hash in the settings: %v", err)
			}
		})
	}
}

// refusing is an authorization manager for a user without rights.
type refusing struct{ self types.ManagedObjectReference }

func (r *refusing) Reference() types.ManagedObjectReference { return r.self }

func (*refusing) HasPrivilegeOnEntities(req *types.HasPrivilegeOnEntities) soap.HasFault {
	var out []types.EntityPrivilege
	for _, e := range req.Entity {
		out = append(out, types.EntityPrivilege{Entity: e, PrivAvailability: []types.PrivilegeAvailability{{PrivId: "System.Read"}, {PrivId: "System.View", IsGranted: true}}})
	}
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: out}}
}

func TestPasswordIsNowhere(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	for key, env := range discover(t, v.settings()).resources {
		if strings.Contains(string(env.Attributes), testPassword) || strings.Contains(env.ConsoleURL, testPassword) {
			t.Errorf("%s holds the password", key)
		}
	}
	if os.Getenv(envPassword) != testPassword {
		t.Error("the plugin changed its environment")
	}
}

// The site's ceiling holds for every request to vCenter, whichever scope makes it.
func TestCeiling(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 2, 4 })
	t.Setenv(envUsername, testUser)
	t.Setenv(envPassword, testPassword)
	plugin := serve.Local(New())
	conn := provider.Connection{ID: "c", Settings: v.settings(), Ceiling: provider.Ceiling{PerSecond: 25}}
	before, began := httpclient.Requests(), time.Now()
	plan, err := plugin.Plan(t.Context(), conn, []string{"server", "volume"})
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{scopes: plan.Scopes, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := plugin.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	sent := httpclient.Requests() - before
	// Two calls into the plugin: each has a ceiling of its own, whose first request goes at once, and signs out without one.
	if least := time.Duration(sent-5) * time.Second / 25; sent < 10 || time.Since(began) < least {
		t.Errorf("%d requests in %s, want at least %s", sent, time.Since(began), least)
	}
}
