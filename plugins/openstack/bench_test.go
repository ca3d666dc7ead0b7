package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// crowd is a cloud with very many servers of one sort: the recorded one, with other ids.
type crowd struct {
	*httptest.Server
	servers, port []byte // with @ID@ in place of the id's number
	total         int
	requests      atomic.Int64
	small         *cloud
}

const crowdID = "00000000-0000-4000-8000-%012d"

func startCrowd(t testing.TB, total int) *crowd {
	t.Helper()
	c := &crowd{total: total, small: startCloud(t)}
	first := func(file, key, field string) []byte {
		item := c.small.data[file].(map[string]any)[key].([]any)[0].(map[string]any)
		item[field] = "@ID@"
		text, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	c.servers, c.port = first("servers", "servers", "id"), first("ports", "ports", "device_id")
	c.Server = httptest.NewServer(c)
	c.small.URL = c.URL // the catalogue leads here
	t.Cleanup(c.Close)
	return c
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	q := r.URL.Query()
	switch {
	case strings.HasSuffix(r.URL.Path, "/servers/detail"):
		from := 0
		if m := q.Get("marker"); m != "" {
			from, _ = strconv.Atoi(strings.TrimLeft(m[24:], "0"))
		}
		limit, _ := strconv.Atoi(q.Get("limit"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"servers":[`))
		n := from + 1
		for ; n <= c.total && n <= from+limit; n++ {
			if n > from+1 {
				_, _ = w.Write([]byte(","))
			}
			_, _ = w.Write([]byte(strings.Replace(string(c.servers), "@ID@", fmt.Sprintf(crowdID, n), 1)))
		}
		_, _ = w.Write([]byte(`]`))
		if n <= c.total {
			q.Set("marker", fmt.Sprintf(crowdID, n-1))
			_, _ = fmt.Fprintf(w, `,"servers_links":[{"rel":"next","href":"%s%s?%s"}]`, c.URL, r.URL.Path, q.Encode())
		}
		_, _ = w.Write([]byte(`}`))
	case strings.HasSuffix(r.URL.Path, "/ports"):
		var list []string
		for _, id := range q["device_id"] {
			list = append(list, strings.Replace(string(c.port), "@ID@", id, 1))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ports":[` + strings.Join(list, ",") + `]}`))
	default:
		c.small.ServeHTTP(w, r)
	}
}

// tally counts what comes and keeps nothing.
type tally struct {
	mu     sync.Mutex
	listed int
	status resource.Status
	peak   uint64
}

func (c *tally) Resources(_ int, batch []resource.Envelope) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listed/5000 != (c.listed+len(batch))/5000 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	c.listed += len(batch)
	return nil
}
func (c *tally) Progress(int, int, int) error { return nil }
func (c *tally) ScopeDone(_ int, out resource.Outcome) error {
	c.status = out.Status
	return nil
}

func (c *crowd) read(t testing.TB) *tally {
	t.Helper()
	p, conn := serve.Local(New()), provider.Connection{ID: "bench", Settings: json.RawMessage(`{"auth_url":"` + c.URL + `/identity/v3"}`)}
	plan, err := p.Plan(t.Context(), conn, []string{"server"})
	if err != nil {
		t.Fatal(err)
	}
	got := &tally{}
	if err := p.Discover(t.Context(), conn, plan.Scopes, got); err != nil {
		t.Fatal(err)
	}
	if got.listed != c.total || got.status != resource.StatusComplete {
		t.Fatalf("%d of %d, %s", got.listed, c.total, got.status)
	}
	return got
}

// bare is the same reading with gophercloud alone: list servers, ask for the ports of each 100, keep nothing.
func (c *crowd) bare(t testing.TB) {
	t.Helper()
	pc, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: c.URL + "/identity/v3", Username: "admin", Password: testPassword, DomainName: "Default", Scope: &gophercloud.AuthScope{ProjectName: "admin", DomainName: "Default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	nova := &gophercloud.ServiceClient{ProviderClient: pc, Endpoint: c.URL + "/compute/v2.1/", Type: "compute", Microversion: "2.93"}
	neutron := &gophercloud.ServiceClient{ProviderClient: pc, Endpoint: c.URL + "/network/", ResourceBase: c.URL + "/network/v2.0/", Type: "network"}
	n := 0
	err = servers.List(nova, servers.ListOpts{AllTenants: true, Limit: 500}).EachPage(t.Context(), func(ctx context.Context, page pagination.Page) (bool, error) {
		list, err := servers.ExtractServers(page)
		n += len(list)
		for len(list) > 0 && err == nil {
			chunk := list[:min(100, len(list))]
			list = list[len(chunk):]
			var q []string
			for _, s := range chunk {
				q = append(q, "device_id="+s.ID)
			}
			pager := pagination.NewPager(neutron, neutron.ServiceURL("ports")+"?"+strings.Join(q, "&"), func(r pagination.PageResult) pagination.Page {
				return ports.PortPage{LinkedPageBase: pagination.LinkedPageBase{PageResult: r}}
			})
			err = pager.EachPage(ctx, func(_ context.Context, page pagination.Page) (bool, error) {
				_, err := ports.ExtractPorts(page)
				return true, err
			})
		}
		return true, err
	})
	if err != nil || n != c.total {
		t.Fatalf("%d servers: %v", n, err)
	}
}

// BenchmarkServers is the plugin's whole reading of 5,000 servers over the time that gophercloud alone needs for the
// same calls.
func BenchmarkServers(b *testing.B) {
	c := startCrowd(b, 5000)
	credential(b)
	for b.Loop() {
		begin := time.Now()
		c.bare(b)
		bare := time.Since(begin)
		before := c.requests.Load()
		begin = time.Now()
		c.read(b)
		b.ReportMetric(time.Since(begin).Seconds()/bare.Seconds(), "x_of_bare")
		b.ReportMetric(float64(c.requests.Load()-before)/5, "calls/1000")
	}
}

// Memory does not grow with the number of servers: fifty thousand need no more than some pages of them.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 50,000 servers")
	}
	credential(t)
	few, many := startCrowd(t, 5000).read(t), startCrowd(t, 50000).read(t)
	t.Logf("heap after a collection: at most %d MiB with 5,000 servers, %d MiB with 50,000", few.peak>>20, many.peak>>20)
	if many.peak > few.peak+32<<20 {
		t.Errorf("the heap grows with the servers: %d MiB, then %d MiB", few.peak>>20, many.peak>>20)
	}
}
