package aws

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// BenchmarkSweep compares a run of the plugin over 50,000 machines with the bare loop that asks the same.
// The server and the library's reading of XML are in both.
func BenchmarkSweep(b *testing.B) {
	const pages, each = 50, 1000
	texts := make([]string, pages)
	for page := range texts {
		var out strings.Builder
		out.WriteString("<DescribeInstancesResponse><reservationSet><item><instancesSet>")
		for i := range each {
			_, _ = fmt.Fprintf(&out, `<item><instanceId>i-%017x</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><keyName>admin</keyName><launchTime>2026-01-02T03:04:05.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone><tenancy>default</tenancy></placement><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.%d.%d</privateIpAddress><architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType><groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet><tagSet><item><key>Name</key><value>m%d</value></item><item><key>team</key><value>web</value></item></tagSet></item>`, page*each+i, i/256, i%256, i)
		}
		out.WriteString("</instancesSet></item></reservationSet>")
		if page+1 < pages {
			_, _ = fmt.Fprintf(&out, "<nextToken>%d</nextToken>", page+1)
		}
		out.WriteString("</DescribeInstancesResponse>")
		texts[page] = out.String()
	}
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		w.Header().Set("Content-Type", "text/xml")
		if form.Get("Action") == "GetCallerIdentity" {
			_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		page := 0
		_, _ = fmt.Sscan(form.Get("NextToken"), &page)
		_, _ = io.WriteString(w, texts[page])
	}))
	defer server.Close()
	for name, value := range credentials() {
		b.Setenv(name, value)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var ours, bare, oursSpent, bareSpent time.Duration
	var calls int64
	crowd := &crowd{}
	for b.Loop() {
		requests.Store(0)
		began, spent := time.Now(), processor(b)
		p, conn := serve.Local(New()), provider.Connection{Settings: []byte(`{"regions":["eu-west-1"],"endpoint":"` + server.URL + `"}`)}
		plan, err := p.Plan(b.Context(), conn, []string{"server"})
		if err != nil {
			b.Fatal(err)
		}
		crowd.listed = 0
		if err := p.Discover(b.Context(), conn, plan.Scopes, crowd); err != nil || crowd.listed != pages*each {
			b.Fatal(err, crowd.listed, crowd.out)
		}
		ours, oursSpent, calls = ours+time.Since(began), oursSpent+processor(b)-spent, requests.Load()
		began, spent = time.Now(), processor(b)
		if n := bareLoop(b, server.URL); n != pages*each {
			b.Fatal(n)
		}
		bare, bareSpent = bare+time.Since(began), bareSpent+processor(b)-spent
	}
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(float64(oursSpent)/float64(bareSpent), "x-bare-cpu")
	b.ReportMetric(float64(calls)/pages/each*1000, "calls/1000")
	b.ReportMetric(float64(max(crowd.peak, before)-before)/(1<<20), "MiB-peak")
}

// crowd counts what comes and keeps nothing.
type crowd struct {
	listed int
	peak   uint64
	out    resource.Outcome
}

func (c *crowd) Resources(_ int, batch []resource.Envelope) error {
	if c.listed/10_000 != (c.listed+len(batch))/10_000 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	c.listed += len(batch)
	return nil
}
func (c *crowd) Progress(int, int, int) error { return nil }
func (c *crowd) ScopeDone(_ int, out resource.Outcome) error {
	c.out = out
	return nil
}

// processor is the processor time that this process has used: other programs on the machine make the ratio of the times
// worse, and this not.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func bareLoop(b *testing.B, url string) (n int) {
	client := ec2.NewFromConfig(sdk.Config{Region: "eu-west-1", BaseEndpoint: &url, HTTPClient: &http.Client{Transport: whole{http.DefaultTransport}}, Credentials: sdk.AnonymousCredentials{}})
	for in := (&ec2.DescribeInstancesInput{MaxResults: sdk.Int32(1000)}); ; {
		out, err := client.DescribeInstances(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range out.Reservations {
			n += len(r.Instances)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return n
		}
	}
}
