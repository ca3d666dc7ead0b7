package demo

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
)

// destroyMain deletes a machine from the vCenter that `maestro dev --demo` runs, as somebody would with VMware's own tools: whoever
// tries out what "gone" means need not have those.
func destroyMain(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("maestro-demo destroy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	data := flags.String("data-dir", ".maestro", "`folder` that was given to maestro dev")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "maestro-demo: destroy wants the name of one machine")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	a, err := readAccess(filepath.Join(*data, "demo-ready.json"))
	if err == nil {
		err = a.destroy(ctx, flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "maestro-demo:", err)
		return 1
	}
	fmt.Fprintf(stdout, "Destroyed %s.\n", flags.Arg(0))
	return 0
}

func readAccess(path string) (Access, error) {
	var a Access
	b, err := os.ReadFile(path)
	if err != nil {
		return a, fmt.Errorf("find the simulated vCenter (does `maestro dev --demo` run in this folder? --data-dir names another): %w", err)
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("read %s: %w", path, err)
	}
	return a, nil
}

// destroy turns the machine of that name off and deletes it.
func (a Access) destroy(ctx context.Context, name string) (err error) {
	u, err := soap.ParseURL(a.URL)
	if err != nil {
		return fmt.Errorf("read the address of the vCenter: %w", err)
	}
	sc := soap.NewClient(u, false)
	sc.SetThumbprint(u.Host, a.Thumbprint)
	vc, err := vim25.NewClient(ctx, sc)
	if err != nil {
		return fmt.Errorf("reach the vCenter: %w", err)
	}
	c := &govmomi.Client{Client: vc, SessionManager: session.NewManager(vc)}
	if err := c.Login(ctx, url.UserPassword(a.Username, a.Password)); err != nil {
		return fmt.Errorf("sign in to the vCenter: %w", err)
	}
	defer func() { _ = c.Logout(context.WithoutCancel(ctx)) }() // the session ends by itself too
	vm, err := machineNamed(ctx, vc, name)
	if err != nil {
		return err
	}
	if off, err := vm.PowerOff(ctx); err == nil {
		_ = off.Wait(ctx) // one that is off already says so
	}
	task, err := vm.Destroy(ctx)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("destroy %s: %w", name, err)
	}
	return nil
}

func machineNamed(ctx context.Context, vc *vim25.Client, name string) (*object.VirtualMachine, error) {
	finder := find.NewFinder(vc)
	centers, err := finder.DatacenterList(ctx, "*")
	if err != nil {
		return nil, fmt.Errorf("list datacenters: %w", err)
	}
	var found []*object.VirtualMachine
	for _, dc := range centers {
		finder.SetDatacenter(dc)
		list, err := finder.VirtualMachineList(ctx, "*")
		if err != nil {
			return nil, fmt.Errorf("list machines of %s: %w", dc.Name(), err)
		}
		for _, vm := range list {
			if vm.Name() == name {
				found = append(found, vm)
			}
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("find %q: %d machines of the vCenter are called so", name, len(found))
	}
	return found[0], nil
}
