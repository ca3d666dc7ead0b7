package vsphere

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"go.uber.org/goleak"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// method is the call of the vSphere API that a request makes.
func method(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, rest, _ := bytes.Cut(body, []byte("<Body>"))
	_, rest, _ = bytes.Cut(rest, []byte("<"))
	name, _, _ := bytes.Cut(rest, []byte(" "))
	return string(name)
}

// moody answers some calls of a method otherwise: those whose numbers, counted from 1, are chosen.
type moody struct {
	method string
	calls  []int
	answer http.HandlerFunc

	mu   sync.Mutex
	seen map[string]int
}

func (m *moody) handle(w http.ResponseWriter, r *http.Request) bool {
	name := method(r)
	m.mu.Lock()
	if m.seen == nil {
		m.seen = map[string]int{}
	}
	m.seen[name]++
	n := m.seen[name]
	m.mu.Unlock()
	if name != m.method || !slices.Contains(m.calls, n) {
		return false
	}
	m.answer(w, r)
	return true
}

func (m *moody) count(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[method]
}

// cut lets the simulator answer, and hands over half of it before it hangs up.
func (v *vcenter) cut(announced bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, v.url, r.Body)
		if err != nil {
			panic(err)
		}
		req.Header = r.Header.Clone()
		resp, err := v.Client().Transport.RoundTrip(req)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n")
		if announced {
			_, _ = fmt.Fprintf(out, "Content-Length: %d\r\n", len(body))
		}
		_, _ = out.WriteString("\r\n")
		_, _ = out.Write(body[:len(body)/2])
		_ = out.Flush()
		_ = conn.Close()
	}
}

// Faults in the middle of a list of 600, each on one call or two: the list is whole afterwards, and where it cannot be,
// the outcome says so.
func TestFaultsInTheMiddleOfAList(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine, m.Cluster = 1, 0, 1 })
	v.crowd(600)
	credential(t)
	want := len(discover(t, v.settings(), "network").resources)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", code) }
	}
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><title>Sign in</title></html>")
	}
	page, first := "ContinueRetrievePropertiesEx", "RetrievePropertiesEx"
	for name, tt := range map[string]struct {
		*moody
		status resource.Status
		words  string
	}{
		"the first page is cut":               {&moody{method: first, calls: []int{7}, answer: v.cut(true)}, resource.StatusComplete, ""},
		"a page is cut":                       {&moody{method: page, calls: []int{1}, answer: v.cut(true)}, resource.StatusComplete, ""},
		"a page is cut, length not announced": {&moody{method: page, calls: []int{1}, answer: v.cut(false)}, resource.StatusComplete, ""},
		"two pages are cut":                   {&moody{method: page, calls: []int{1, 3}, answer: v.cut(true)}, resource.StatusComplete, ""},
		"every page is cut":                   {&moody{method: page, calls: []int{1, 3, 5, 7, 9, 11}, answer: v.cut(true)}, resource.StatusFailed, "a page was lost"},
		"busy":                                {&moody{method: page, calls: []int{1, 2}, answer: status(503)}, resource.StatusComplete, ""},
		"asked too often":                     {&moody{method: page, calls: []int{1, 2}, answer: status(429)}, resource.StatusComplete, ""},
		"a sign-in page":                      {&moody{method: page, calls: []int{1}, answer: html}, resource.StatusFailed, "web page"},
		"a gateway's page": {&moody{method: page, calls: []int{1}, answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
		}}, resource.StatusComplete, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := discover(t, []byte(`{"url":"`+v.before(t, tt.handle)+`","insecure":true}`), "network")
			for scope, out := range c.outcomes {
				if out.Status != tt.status || !strings.Contains(out.Error, tt.words) {
					t.Errorf("%s: %+v", scope, out)
				}
			}
			if tt.count(tt.method) < slices.Max(tt.calls) && tt.status == resource.StatusComplete {
				t.Errorf("%s was called %d times, so nothing went wrong", tt.method, tt.count(tt.method))
			}
			if tt.status == resource.StatusComplete && len(c.resources) != want {
				t.Errorf("%d networks, want %d", len(c.resources), want)
			}
		})
	}
}

// impatient is an emitter that repeats nothing.
type impatient struct {
	emitted []resource.Envelope
}

func (e *impatient) Emit(_ context.Context, env resource.Envelope) error {
	e.emitted = append(e.emitted, env)
	return nil
}
func (*impatient) Page()               {}
func (*impatient) Warn(string, ...any) {}
func (*impatient) Call(ctx context.Context, _ string, fn func(context.Context) error) error {
	return fn(ctx)
}

// A vCenter that goes away in the middle of a sweep ends the scope as unreachable, never as complete: what was not listed
// is not proven gone.
func TestGoneInTheMiddleOfASweep(t *testing.T) {
	for what, broken := range map[string]http.HandlerFunc{
		"hangs up": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_ = conn.Close()
		},
		"starts again": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "starting", http.StatusServiceUnavailable) },
		"sends no more": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">`)
		},
	} {
		t.Run(what, func(t *testing.T) {
			v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine, m.Cluster = 1, 0, 1 })
			v.crowd(600)
			credential(t)
			var gone atomic.Bool
			address := v.before(t, func(w http.ResponseWriter, r *http.Request) bool {
				if method(r) == "ContinueRetrievePropertiesEx" {
					gone.Store(true)
				}
				if gone.Load() {
					broken(w, r)
				}
				return gone.Load()
			})
			s, err := New().Connect(t.Context(), provider.Connection{Settings: []byte(`{"url":"` + address + `","insecure":true}`)})
			if err != nil {
				t.Fatal(err)
			}
			out := &impatient{}
			err = s.Discover(t.Context(), resource.Scope{Kind: "network", Partition: resource.Partition{{Key: Partition, Value: "DC0"}}}, out)
			if provider.StatusOf(err) != resource.StatusUnreachable || len(out.emitted) == 0 || len(out.emitted) >= 600 {
				t.Errorf("%d networks, %v", len(out.emitted), err)
			}
			_ = s.(*session).Close() // nobody is there to sign out from
		})
	}
}

// A session that is ended between two pages costs one sign-in more, and nothing is missing; one that is ended again and
// again is not fought over.
func TestSessionEndsBetweenPages(t *testing.T) {
	for name, tt := range map[string]struct {
		times  int64
		status resource.Status
		logins int64
	}{
		"once":            {1, resource.StatusComplete, 2},
		"again and again": {100, resource.StatusPartial, 2},
	} {
		t.Run(name, func(t *testing.T) {
			v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine, m.Cluster = 1, 0, 1 })
			v.crowd(600)
			credential(t)
			want := len(discover(t, v.settings(), "network").resources)
			admin := v.plain(t)
			var logins, left atomic.Int64
			left.Store(tt.times)
			v.model.Map().Handler = func(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
				switch m.Name {
				case "Login":
					logins.Add(1)
				case "ContinueRetrievePropertiesEx":
					if left.Add(-1) >= 0 {
						if err := admin.SessionManager.TerminateSession(context.Background(), []string{ctx.Session.Key}); err != nil {
							t.Error(err)
						}
						return nil, &types.NotAuthenticated{}
					}
				}
				return nil, nil
			}
			p, conn := serve.Local(New()), provider.Connection{Settings: v.settings()}
			scopes := []resource.Scope{{Kind: "network", Partition: resource.Partition{{Key: Partition, Value: "DC0"}}}}
			c := &collected{scopes: scopes, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
			if err := p.Discover(t.Context(), conn, scopes, c); err != nil {
				t.Fatal(err)
			}
			for scope, out := range c.outcomes {
				if out.Status != tt.status {
					t.Errorf("%s: %+v", scope, out)
				}
			}
			if logins.Load() != tt.logins || tt.status == resource.StatusComplete && len(c.resources) != want {
				t.Errorf("%d sign-ins, %d networks of %d", logins.Load(), len(c.resources), want)
			}
		})
	}
}

// A vCenter that takes no more sessions is asked again later, and says what to do.
func TestSessionLimit(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	fault := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>`+
			`<faultcode>ServerFaultCode</faultcode><faultstring>The maximum number of sessions has been reached.</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"as a status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }, "as a fault": fault,
	} {
		t.Run(name, func(t *testing.T) {
			m := &moody{method: "Login", calls: []int{1}, answer: answer}
			e := connectError(t, `{"url":"`+v.before(t, m.handle)+`","insecure":true}`)
			if e.Status != resource.StatusThrottled || !strings.Contains(e.Advice, "sessions") {
				t.Errorf("%s, advice %q: %v", e.Status, e.Advice, e.Err)
			}
		})
	}
}

// An idle session is kept, by somebody who ends with it.
func TestSessionIsKeptAlive(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	var asked atomic.Int64
	seen := make(chan struct{})
	v.model.Map().Handler = func(_ *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
		if m.Name == "CurrentTime" && asked.Add(1) == 3 {
			close(seen)
		}
		return nil, nil
	}
	s, err := New().Connect(t.Context(), provider.Connection{Settings: v.settings()})
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	c := s.(*session).client
	c.stop()
	c.alive.Wait()
	c.startKeepAlive(t.Context(), time.Millisecond)
	select {
	case <-seen:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody asked for the time")
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	v.CloseClientConnections()
	goleak.VerifyNone(t, before)
}

// An authority in the settings is trusted for this connection; another is not enough.
func TestCertificateAuthority(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	other := httptest.NewUnstartedServer(nil)
	other.StartTLS()
	t.Cleanup(other.Close)
	text := func(raw []byte) string {
		return strconv.Quote(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	}
	with := func(ca string) string { return `{"url":"` + v.url + `","ca_certificate":` + ca + `}` }
	s, err := New().Connect(t.Context(), provider.Connection{Settings: []byte(with(text(v.Certificate().Raw)))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.(*session).Close(); err != nil {
		t.Error(err)
	}
	var wrong *provider.SettingsError
	if _, err := New().Connect(t.Context(), provider.Connection{Settings: []byte(with(`"no certificate"`))}); !errors.As(err, &wrong) || wrong.Pointer != "/ca_certificate" {
		t.Errorf("%v", err)
	}
	strange := v.before(t, func(http.ResponseWriter, *http.Request) bool { return false })
	if e := connectError(t, `{"url":"`+strings.Replace(strange, "127.0.0.1", "localhost", 1)+`","ca_certificate":`+text(v.Certificate().Raw)+`}`); e.Status != resource.StatusFailed || e.Advice == "" {
		t.Errorf("%s, advice %q: %v", e.Status, e.Advice, e.Err)
	}
}

// A clock that is off is named by Check, and where a sign-in is refused beside it.
func TestClockIsOff(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	address := v.before(t, func(w http.ResponseWriter, r *http.Request) bool {
		rec := httptest.NewRecorder()
		req, err := http.NewRequestWithContext(r.Context(), r.Method, strings.TrimSuffix(v.url, "/sdk")+r.URL.RequestURI(), r.Body)
		if err != nil {
			panic(err)
		}
		req.Header = r.Header.Clone()
		resp, err := v.Client().Transport.RoundTrip(req)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(rec, resp.Body)
		_ = resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(rec.Body.Bytes())
		return true
	})
	settings := `{"url":"` + address + `","insecure":true}`
	r, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: []byte(settings)}, []string{"server"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Items, func(i provider.CheckItem) bool { return i.Name == "clock" })
	if i < 0 || r.Items[i].OK || !strings.Contains(r.Items[i].Advice, "1h0m") {
		t.Errorf("%+v", r.Items)
	}
	t.Setenv(envPassword, "wrong")
	if e := connectError(t, settings); e.Status != resource.StatusDenied || !strings.Contains(e.Advice, "clock") || !strings.Contains(e.Advice, "credential") {
		t.Errorf("%s, advice %q: %v", e.Status, e.Advice, e.Err)
	}
}

// narrow is an authorization manager for a user without rights on one object.
type narrow struct {
	refusing
	on types.ManagedObjectReference
}

func (n *narrow) HasPrivilegeOnEntities(req *types.HasPrivilegeOnEntities) soap.HasFault {
	var out []types.EntityPrivilege
	for _, e := range req.Entity {
		out = append(out, types.EntityPrivilege{Entity: e, PrivAvailability: []types.PrivilegeAvailability{{PrivId: "System.Read", IsGranted: e != n.on}, {PrivId: "System.View", IsGranted: true}}})
	}
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: out}}
}

// Rights on some folders of a datacenter only: each kind says whether it can be read.
func TestCheckNamesTheFolder(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 0 })
	credential(t)
	dc := v.model.Map().Any("Datacenter").(*simulator.Datacenter)
	v.model.Map().Put(&narrow{refusing{*v.model.ServiceContent.AuthorizationManager}, dc.NetworkFolder})
	r, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: v.settings()}, allKinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range r.Items {
		if item.Kind == "" {
			continue
		}
		wanted := item.Kind == "network" || item.Kind == "router"
		if item.OK == wanted || wanted && item.Message != "DC0 (networks) lacks System.Read" {
			t.Errorf("%+v", item)
		}
	}
	if r.Policy == "" {
		t.Error("it does not say how to grant it")
	}
}
