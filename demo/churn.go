package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

func makeFolder(parts ...string) error { return os.MkdirAll(filepath.Join(parts...), 0o700) }

// Churn changes something at every tick until the context ends, so that a visitor sees changes come in: a machine
// appears, gets more memory, is switched off, disappears.
func (v *VCenter) Churn(ctx context.Context, ticks <-chan time.Time) error {
	r := rand.New(rand.NewPCG(11, 42))
	var current *object.VirtualMachine
	for step := 0; ; step++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		what, err := v.change(ctx, r, step, &current)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // told to end
			}
			return fmt.Errorf("change something: %w", err)
		}
		v.log.Info("changed something", "what", what)
	}
}

// change does the next thing in the life of a machine.
func (v *VCenter) change(ctx context.Context, r *rand.Rand, step int, current **object.VirtualMachine) (string, error) {
	wait := func(task *object.Task, err error) error {
		_, err = v.wait(ctx, task, err)
		return err
	}
	switch step % 4 {
	case 0:
		// Counters of its own keep it apart from the machines of the plan.
		counters, addresses := map[string]int{}, map[string]int{}
		m := v.draw(r, counters, addresses)
		m.name = fmt.Sprintf("%s-new-%03d", m.site.plan.city, step/4+1)
		m.state, m.tools = types.VirtualMachinePowerStatePoweredOn, true
		m.ip = address(m.site.plan.subnet, m.network.octet, 200+step/4%50)
		fields, err := v.fieldKeys(ctx)
		if err != nil {
			return "", err
		}
		vm, err := v.create(ctx, r, m, fields)
		*current = vm
		return "created " + m.name, err
	case 1:
		memory := int64(8192 + 4096*r.IntN(8))
		err := wait((*current).Reconfigure(ctx, types.VirtualMachineConfigSpec{MemoryMB: memory}))
		return fmt.Sprintf("memory of %s is now %d MiB", (*current).Reference().Value, memory), err
	case 2:
		return "switched " + (*current).Reference().Value + " off", wait((*current).PowerOff(ctx))
	default:
		return "deleted " + (*current).Reference().Value, wait((*current).Destroy(ctx))
	}
}

func (v *VCenter) fieldKeys(ctx context.Context) (map[string]int32, error) {
	m, err := object.GetCustomFieldsManager(v.client)
	if err != nil {
		return nil, err
	}
	defs, err := m.Field(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int32{}
	for _, d := range defs {
		out[d.Name] = d.Key
	}
	return out, nil
}
