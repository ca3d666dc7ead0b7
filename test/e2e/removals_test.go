//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/find"

	"maestro.internal/internal/rest"
)

// Somebody destroys half of a datacenter's machines in the vCenter: the inventory does not believe it until a person does.
func TestRemovalsWaitForAPerson(t *testing.T) {
	d := startDev(t, workshop(t), 120)
	gone := destroyHalf(t, d.demo)
	t.Logf("destroyed %d machines", len(gone))
	env := []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}
	runAgain := func() {
		t.Helper()
		if stdout, stderr, code := d.cli(env, "run", "demo vCenter", "--wait"); code != 0 {
			t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
		}
	}
	states := func(kind string) (active, missing int) {
		t.Helper()
		for _, r := range list[resource](d.api, "/resources/"+kind) {
			if r.State == "active" && gone[r.Name] {
				active++
			}
		}
		var past page[resource]
		d.get("/resources/"+kind+"?page_size=1000&filter=state+%3D+gone", &past)
		for _, r := range past.Items {
			if gone[r.Name] {
				missing++
			}
		}
		return active, missing
	}
	held := func() map[string]rest.HeldRemoval {
		t.Helper()
		out := map[string]rest.HeldRemoval{}
		for _, h := range list[rest.HeldRemoval](d.api, "/removals") {
			if h.State == "held" {
				out[h.Kind] = h
			}
		}
		return out
	}
	runAgain()
	if active, missing := states("server"); active != len(gone) || missing != 0 {
		t.Fatalf("%d of %d still there, %d gone, before anybody decided", active, len(gone), missing)
	}
	waiting := held()
	servers, volumes := waiting["server"], waiting["volume"]
	if servers.Count != len(gone) || volumes.Count < len(gone) {
		t.Fatalf("%d machines were destroyed; held are %+v", len(gone), waiting)
	}
	var one rest.HeldRemoval
	d.get("/removals/"+servers.ID, &one)
	if len(one.Items) != len(gone) {
		t.Errorf("the removal shows %d of %d", len(one.Items), len(gone))
	}

	for _, args := range [][]string{{"removals", servers.ID}, {"removals", "approve", servers.ID, "--reason", "they were decommissioned"},
		{"removals", "refuse", volumes.ID, "--reason", "their disks are kept"}} {
		if stdout, stderr, code := d.cli(env, args...); code != 0 {
			t.Fatalf("%v: exit code %d:\n%s%s", args, code, stdout, stderr)
		}
	}
	if status, body, err := d.try("POST", "/removals/"+servers.ID+"/refuse", nil); err != nil || status != 409 {
		t.Errorf("decided twice: %d %s %v", status, body, err)
	}
	eventually(t, "what was approved is gone", 20*time.Second, func() bool {
		active, missing := states("server")
		return active == 0 && missing == len(gone)
	})
	runAgain() // a refusal stays, and what is gone is not held again
	if again := held(); len(again) != 0 {
		t.Errorf("held again: %+v", again)
	}
	kept := 0
	for _, r := range list[resource](d.api, "/resources/volume") {
		if r.State == "active" {
			kept++
		}
	}
	if kept < volumes.Count {
		t.Errorf("%d volumes are there; %d should have been kept by the refusal alone", kept, volumes.Count)
	}
	audited := 0
	for _, e := range list[rest.AuditEntry](d.api, "/audit") {
		if strings.HasPrefix(e.Action, "removal.") && e.Reason != "" {
			audited++
		}
	}
	if audited != 2 {
		t.Errorf("%d decisions with their reasons in the audit log, want 2", audited)
	}
	d.stop()
}

// destroyHalf destroys every second machine of the first datacenter and answers their names.
func destroyHalf(t *testing.T, v vcenter) map[string]bool {
	t.Helper()
	c := v.login(t)
	ctx := t.Context()
	finder := find.NewFinder(c.Client)
	centers, err := finder.DatacenterList(ctx, "*")
	if err != nil {
		t.Fatal(err)
	}
	finder.SetDatacenter(centers[0])
	machines, err := finder.VirtualMachineList(ctx, "*")
	if err != nil {
		t.Fatal(err)
	}
	gone, templates := map[string]bool{}, v.templates(t, c)
	for i, m := range machines {
		if i%2 == 0 || templates[m.Reference()] {
			continue
		}
		if off, err := m.PowerOff(ctx); err == nil {
			_ = off.Wait(ctx) // one that is off already says so
		}
		task, err := m.Destroy(ctx)
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			t.Fatalf("destroy %s: %v", m.Name(), err)
		}
		gone[m.Name()] = true
	}
	return gone
}
