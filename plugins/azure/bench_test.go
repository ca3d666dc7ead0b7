package azure

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// counted forgets what it is given.
type counted struct {
	n   int
	out resource.Outcome
}

func (c *counted) Resources(_ int, batch []resource.Envelope) error {
	c.n += len(batch)
	return nil
}
func (c *counted) Progress(int, int, int) error { return nil }
func (c *counted) ScopeDone(_ int, out resource.Outcome) error {
	c.out = out
	return nil
}

// BenchmarkMachines reads 5,000 machines with all that belongs to them, beside a bare loop of Azure's own SDK over the
// same lists. What it reports is the ratio of the times, and the number of requests for 1,000 machines.
func BenchmarkMachines(b *testing.B) {
	const machines = 5000
	a := start(b, armtest.Crowd(machines))
	opt, token := options(a), staticToken(a.Token())
	var ours, bare time.Duration
	for b.Loop() {
		a.Forget()
		began := time.Now()
		c := &counted{}
		if err := serve.Local(New()).Discover(b.Context(), provider.Connection{ID: "bench", Settings: a.Settings(nil)}, []resource.Scope{scope("server", armtest.Production)}, c); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
		if c.n != machines || c.out.Status != resource.StatusComplete {
			b.Fatalf("%d machines, %+v", c.n, c.out)
		}
		began = time.Now()
		if n := bareLoop(b, opt, token); n != machines {
			b.Fatalf("the bare loop reads %d machines", n)
		}
		bare += time.Since(began)
	}
	requests := 0
	for _, r := range a.Requests() {
		if strings.HasPrefix(r, "GET /subscriptions/") {
			requests++
		}
	}
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "times_bare")
	b.ReportMetric(float64(requests)/2/machines*1000, "requests/1000")
}

func bareLoop(b *testing.B, opt *arm.ClientOptions, token staticToken) (machines int) {
	compute, err := armcompute.NewClientFactory(armtest.Production, token, opt)
	if err != nil {
		b.Fatal(err)
	}
	network, err := armnetwork.NewClientFactory(armtest.Production, token, opt)
	if err != nil {
		b.Fatal(err)
	}
	for _, status := range []*string{nil, pointer("true")} {
		for pager := compute.NewVirtualMachinesClient().NewListAllPager(&armcompute.VirtualMachinesClientListAllOptions{StatusOnly: status}); pager.More(); {
			page, err := pager.NextPage(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if status == nil {
				machines += len(page.Value)
			}
		}
	}
	for pager := network.NewInterfacesClient().NewListAllPager(nil); pager.More(); {
		if _, err := pager.NextPage(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for pager := network.NewPublicIPAddressesClient().NewListAllPager(nil); pager.More(); {
		if _, err := pager.NextPage(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return machines
}
