package vsphere

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

var snapshotProperties = []string{"name", "snapshot", isTemplate}

// maxSnapshotDepth is far beyond the 32 that vSphere allows in a chain.
const maxSnapshotDepth = 256

// readSnapshots emits the trees of snapshots of virtual machines. Machines without snapshots answer without the
// property, so nothing is read of them but that.
func readSnapshots(ctx context.Context, r *reader) error {
	blind := 0
	err := r.each(ctx, sweep{types: []string{"VirtualMachine"}, properties: snapshotProperties}, func(o entry) error {
		var vm mo.VirtualMachine
		if err := o.load(&vm); err != nil {
			return err
		}
		for _, property := range o.denied {
			if property == "snapshot" {
				blind++
			}
		}
		if vm.Snapshot == nil {
			return nil
		}
		return r.emitSnapshots(ctx, &vm, vm.Snapshot.RootSnapshotList, "", 0)
	})
	if err == nil && blind > 0 {
		return &provider.Error{
			Status: resource.StatusPartial, Err: fmt.Errorf("%d machines do not show their snapshots", blind),
			Advice: "give the user the role Read-only on them, with propagation",
		}
	}
	return err
}

// emitSnapshots emits one level of a tree and what is below it.
func (r *reader) emitSnapshots(ctx context.Context, vm *mo.VirtualMachine, list []types.VirtualMachineSnapshotTree, parent string, depth int) error {
	if depth >= maxSnapshotDepth {
		return provider.Permanent(fmt.Errorf("the snapshots of %s are nested deeper than %d", vm.Self.Value, maxSnapshotDepth))
	}
	for _, s := range list {
		env := r.envelope(vm.Self, s.Name)
		env.ExternalID = r.id(vm.Self) + "/" + s.Snapshot.Value
		r.relate(&env, "created_from", machineKind(vm), vm.Self)
		if parent != "" {
			env.Relations = append(env.Relations, resource.Relation{Verb: "part_of", Kind: "snapshot", ExternalID: parent})
		}
		current := vm.Snapshot.CurrentSnapshot
		// The state is that in which the machine comes back: one taken without its memory comes back switched off.
		attrs := &schema.Snapshot{
			Type: "machine", Status: string(s.State), TakenAt: s.CreateTime.UTC(), Description: s.Description,
			Quiesced: pointer(s.Quiesced), WithMemory: pointer(s.State == types.VirtualMachinePowerStatePoweredOn),
			Current: pointer(current != nil && *current == s.Snapshot),
		}
		if err := r.emit(ctx, env, attrs, nil); err != nil {
			return err
		}
		if err := r.emitSnapshots(ctx, vm, s.ChildSnapshotList, env.ExternalID, depth+1); err != nil {
			return err
		}
	}
	return nil
}
