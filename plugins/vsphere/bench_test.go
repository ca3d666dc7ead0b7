package vsphere

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// crowd is a vCenter with very many machines of one sort. It is the simulator, whose answers about one machine it gives
// for all of them: the simulator itself would need more time and memory for them than whoever asks.
type crowd struct {
	*httptest.Server
	small *vcenter
	total int

	mu     sync.Mutex
	answer map[string][]byte // by the properties asked for: what is said of one machine, with @N@ for its number
}

var (
	pathSets   = regexp.MustCompile(`<pathSet>([^<]*)</pathSet>`)
	oneMachine = regexp.MustCompile(`(?s)<objects>.*?</objects>`)
	numbers    = regexp.MustCompile(`vm-[0-9]+|([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)[0-9a-f]{12}|DC0_[A-Z0-9_]+VM[0-9]+`)
)

func startCrowd(t testing.TB, total int) *crowd {
	t.Helper()
	c := &crowd{total: total, answer: map[string][]byte{}}
	c.small = startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Cluster, m.Host, m.Machine = 1, 1, 0, 1 })
	// Where a tag is visible, those of every page are asked for.
	c.small.attach(t, c.small.tagging(t), "site", "fra", c.small.model.Map().Any("HostSystem"))
	target, err := url.Parse(strings.TrimSuffix(c.small.url, "/sdk"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: c.small.Client().Transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := method(r); name {
		case "RetrievePropertiesEx":
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if bytes.Contains(body, []byte("<propSet><type>VirtualMachine</type>")) {
				key := fmt.Sprint(pathSets.FindAllSubmatch(body, -1))
				c.learn(key, r, proxy)
				c.page(w, name, key, 1)
				return
			}
		case "ContinueRetrievePropertiesEx":
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			_, token, _ := bytes.Cut(body, []byte("<token>"))
			token, _, _ = bytes.Cut(token, []byte("</token>"))
			if at, key, ok := strings.Cut(string(token), "|"); ok {
				first := 0
				_, _ = fmt.Sscan(at, &first)
				c.page(w, name, key, first)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// learn asks the simulator what there is to say of a machine.
func (c *crowd) learn(key string, r *http.Request, proxy http.Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answer[key] != nil {
		return
	}
	rec := httptest.NewRecorder()
	proxy.ServeHTTP(rec, r)
	one := oneMachine.Find(rec.Body.Bytes())
	if one == nil {
		panic("the simulator shows no machine: " + rec.Body.String())
	}
	c.answer[key] = numbers.ReplaceAllFunc(one, func(found []byte) []byte {
		switch {
		case bytes.HasPrefix(found, []byte("vm-")):
			return []byte("vm-@N@")
		case bytes.HasPrefix(found, []byte("DC0_")):
			return []byte("machine-@N@")
		}
		return append(found[:24:24], "@N@"...)
	})
}

func (c *crowd) page(w http.ResponseWriter, method, key string, first int) {
	c.mu.Lock()
	one := c.answer[key]
	c.mu.Unlock()
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"><e:Body>`)
	fmt.Fprintf(&out, `<%sResponse xmlns="urn:vim25"><returnval>`, method)
	last := min(first+pageSize-1, c.total)
	if last < c.total {
		fmt.Fprintf(&out, "<token>%d|%s</token>", last+1, key)
	}
	for n := first; n <= last; n++ {
		out.Write(bytes.ReplaceAll(one, []byte("@N@"), fmt.Appendf(nil, "%012d", n)))
	}
	fmt.Fprintf(&out, `</returnval></%sResponse></e:Body></e:Envelope>`, method)
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(out.Bytes())
}

// tally counts what comes and keeps nothing but the largest heap in between.
type tally struct {
	mu     sync.Mutex
	listed map[string]int
	failed []resource.Outcome
	sum    int
	peak   uint64
}

func (c *tally) Resources(_ int, batch []resource.Envelope) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sum/5000 != (c.sum+len(batch))/5000 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	c.sum += len(batch)
	for _, env := range batch {
		c.listed[env.Kind]++
	}
	return nil
}
func (c *tally) Progress(int, int, int) error { return nil }
func (c *tally) ScopeDone(_ int, out resource.Outcome) error {
	if out.Status != resource.StatusComplete {
		c.failed = append(c.failed, out)
	}
	return nil
}

func (c *crowd) read(t testing.TB, kinds ...string) *tally {
	t.Helper()
	p, conn := serve.Local(New()), provider.Connection{ID: "bench", Settings: json.RawMessage(`{"url":"` + c.URL + `","insecure":true}`)}
	plan, err := p.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	got := &tally{listed: map[string]int{}}
	if err := p.Discover(t.Context(), conn, plan.Scopes, got); err != nil {
		t.Fatal(err)
	}
	if len(got.failed) > 0 || got.sum < c.total {
		t.Fatalf("%v of %d, %+v", got.listed, c.total, got.failed)
	}
	return got
}

// bare reads the same properties of the same machines in the same pages with govmomi alone, and keeps nothing.
func (c *crowd) bare(t testing.TB, lists ...[]string) {
	t.Helper()
	ctx := t.Context()
	u, _ := url.Parse(c.URL + "/sdk")
	u.User = url.UserPassword(testUser, testPassword)
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Logout(context.WithoutCancel(ctx)) }()
	for _, properties := range lists {
		v, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
		if err != nil {
			t.Fatal(err)
		}
		pc, n := property.DefaultCollector(client.Client).Reference(), 0
		req := sweep{types: []string{"VirtualMachine"}, properties: properties}.request(pc, []types.ObjectSpec{{
			Obj: v.Reference(), Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}},
		}})
		load := func(list []types.ObjectContent) {
			for i := range list {
				// The option of the tools is asked for by its key, which the library's loader does not know.
				for j, p := range list[i].PropSet {
					if p.Name == guestDetails {
						list[i].PropSet = append(list[i].PropSet[:j], list[i].PropSet[j+1:]...)
						break
					}
				}
			}
			var vms []mo.VirtualMachine
			if err := mo.LoadObjectContent(list, &vms); err != nil {
				t.Fatal(err)
			}
			n += len(vms)
		}
		res, err := methods.RetrievePropertiesEx(ctx, client.Client, &req)
		if err != nil {
			t.Fatal(err)
		}
		load(res.Returnval.Objects)
		for token := res.Returnval.Token; token != ""; {
			more, err := methods.ContinueRetrievePropertiesEx(ctx, client.Client, &types.ContinueRetrievePropertiesEx{This: pc, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			load(more.Returnval.Objects)
			token = more.Returnval.Token
		}
		if n != c.total {
			t.Fatalf("%d of %d", n, c.total)
		}
	}
}

// BenchmarkSweep is the discovery of 5,000 machines over the time that govmomi alone needs to read the same properties:
// machines only, and machines with their disks, snapshots and whether they are templates.
func BenchmarkSweep(b *testing.B) {
	c := startCrowd(b, 5000)
	credential(b)
	for name, of := range map[string]struct {
		kinds []string
		lists [][]string
	}{
		"servers": {[]string{"server"}, [][]string{vmProperties}},
		"all":     {[]string{"image", "server", "snapshot", "volume"}, [][]string{vmProperties, diskProperties, snapshotProperties, {isTemplate}}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				// Each by turns and the best of three: other work on the machine must not fall on one of the two.
				ours, bare := time.Hour, time.Hour
				var calls float64
				for range 3 {
					begin := time.Now()
					c.bare(b, of.lists...)
					bare = min(bare, time.Since(begin))
					sent := httpclient.Requests()
					begin = time.Now()
					got := c.read(b, of.kinds...)
					ours = min(ours, time.Since(begin))
					calls = float64(httpclient.Requests()-sent) * 1000 / float64(got.sum)
				}
				b.ReportMetric(ours.Seconds()/bare.Seconds(), "x_of_bare")
				b.ReportMetric(calls, "calls/1000")
				b.ReportMetric(bare.Seconds(), "bare_s")
			}
		})
	}
}

// Memory does not grow with the number of machines: fifty thousand need no more than some pages of them.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 50,000 machines")
	}
	credential(t)
	few, many := startCrowd(t, 5000).read(t, "server"), startCrowd(t, 50000).read(t, "server")
	t.Logf("heap after a collection: at most %d MiB with 5,000 machines, %d MiB with 50,000", few.peak>>20, many.peak>>20)
	if many.peak > few.peak+32<<20 {
		t.Errorf("%d MiB with 50,000 machines, %d MiB with 5,000", many.peak>>20, few.peak>>20)
	}
}
