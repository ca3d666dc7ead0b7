package inventory

import (
	"slices"
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

// A hypervisor and its guests are counted apart; another datacenter, what is gone and what others may see are left out.
func TestCapacityOfADatacenter(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	server := func(key, attributes string) resource.Envelope {
		return thing(one, key, named(key), has("serial", "S-"+key), attrs("%s", attributes))
	}
	l.run(a, complete(one,
		server("host", `{"type":"hypervisor","cpu_count":64,"memory_bytes":1099511627776}`),
		server("vm1", `{"type":"virtual","cpu_count":4,"memory_bytes":8589934592}`),
		server("vm2", `{"type":"virtual","cpu_count":4,"memory_bytes":17179869184}`),
		server("vm3", `{"type":"virtual"}`)))
	l.record("elsewhere", func(r *CreateRequest) { r.Datacenter = "dc2" })
	want := []Capacity{
		{Kind: "server", Type: "virtual", Count: 3, CPUCount: 8, MemoryBytes: 8589934592 + 17179869184},
		{Kind: "server", Type: "hypervisor", Count: 1, CPUCount: 64, MemoryBytes: 1099511627776},
	}
	got, err := l.s.Capacity(l.ctx, everyone, "dc1", time.Time{})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	stranger := Caller{Tenant: tenant, Name: "user:none"}
	if got, err := l.s.Capacity(l.ctx, stranger, "dc1", time.Time{}); err != nil || len(got) != 0 {
		t.Fatalf("one who may see nothing is told %+v, %v", got, err)
	}
	// A guest that is gone holds nothing any more.
	l.run(a, complete(one, server("host", `{"type":"hypervisor","cpu_count":64,"memory_bytes":1099511627776}`)))
	got, err = l.s.Capacity(l.ctx, everyone, "dc1", time.Time{})
	if err != nil || !slices.Equal(got, want[1:]) {
		t.Fatalf("got %+v, %v; want %+v", got, err, want[1:])
	}
}
