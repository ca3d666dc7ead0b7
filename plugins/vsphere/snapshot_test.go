package vsphere

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/schema"
)

// Snapshots are what a plain read of the machine's tree shows, each below the one that it was taken after.
func TestSnapshotsAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 2 })
	credential(t)
	ctx, client := t.Context(), v.plain(t)
	ref := v.model.Map().Any("VirtualMachine").Reference()
	machine := object.NewVirtualMachine(client.Client, ref)
	for _, name := range []string{"before", "after"} {
		task, err := machine.CreateSnapshot(ctx, name, "the upgrade", false, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var vm mo.VirtualMachine
	if err := property.DefaultCollector(client.Client).RetrieveOne(ctx, ref, []string{"snapshot"}, &vm); err != nil {
		t.Fatal(err)
	}
	c := discover(t, v.settings(), "snapshot")
	base := client.ServiceContent.About.InstanceUuid + "/" + ref.Value
	count := 0
	var compare func(list []types.VirtualMachineSnapshotTree, parent string)
	compare = func(list []types.VirtualMachineSnapshotTree, parent string) {
		for _, s := range list {
			count++
			id := base + "/" + s.Snapshot.Value
			env, ok := c.resources["snapshot "+id]
			if !ok {
				t.Errorf("%s is missing", s.Name)
				continue
			}
			attrs := attributes[schema.Snapshot](t, env)
			if env.Name != s.Name || relationOf(env, "created_from") != base || relationOf(env, "part_of") != parent {
				t.Errorf("%s: %+v", s.Name, env)
			}
			if attrs.Type != "machine" || attrs.Description != s.Description || !attrs.TakenAt.Equal(s.CreateTime) ||
				*attrs.Quiesced != s.Quiesced || *attrs.Current != (*vm.Snapshot.CurrentSnapshot == s.Snapshot) {
				t.Errorf("%s: %+v, want %+v", s.Name, attrs, s)
			}
			compare(s.ChildSnapshotList, id)
		}
	}
	compare(vm.Snapshot.RootSnapshotList, "")
	if got := len(c.ofKind("snapshot")); count != 2 || got != count {
		t.Errorf("%d snapshots, a plain read shows %d", got, count)
	}
}
