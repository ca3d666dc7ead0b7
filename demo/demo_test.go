package demo

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Clients of the standard library keep connections open for a while; they are not the demo's.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func start(t *testing.T, opts Options) *VCenter {
	t.Helper()
	v, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// connect signs in as any client would, knowing only what the ready file says.
func connect(t *testing.T, a Access) (*govmomi.Client, error) {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(a.Username, a.Password)
	ctx := context.Background()
	sc := soap.NewClient(u, true)
	sc.DefaultTransport().TLSClientConfig.VerifyPeerCertificate = nil
	sc.DefaultTransport().TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
		if sum := sha256.Sum256(s.PeerCertificates[0].Raw); colons(sum[:]) != a.Thumbprint {
			return fmt.Errorf("thumbprint %s", colons(sum[:]))
		}
		return nil
	}
	return govmomi.NewClient(ctx, u, true)
}

// inventory is a line for each machine, as a client reads them.
func inventory(t *testing.T, a Access) []string {
	t.Helper()
	c, err := connect(t, a)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	defer func() {
		if err := c.Logout(ctx); err != nil {
			t.Error(err)
		}
	}()
	m, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var vms []mo.VirtualMachine
	if err := m.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name", "config", "guest", "runtime.powerState", "customValue"}, &vms); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, vm := range vms {
		devices := object.VirtualDeviceList(vm.Config.Hardware.Device)
		disks, cards := devices.SelectByType((*types.VirtualDisk)(nil)), devices.SelectByType((*types.VirtualEthernetCard)(nil))
		text, err := json.Marshal([]any{vm.Self, vm.Name, vm.Config.InstanceUuid, vm.Config.Uuid, disks, cards, vm.Config.Hardware.MemoryMB, vm.Config.CreateDate, vm.Guest, vm.Runtime.PowerState, vm.CustomValue})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	slices.Sort(out)
	return out
}

func TestSecondStartShowsTheSame(t *testing.T) {
	dir := t.TempDir()
	begin := time.Now()
	first := start(t, Options{StateDir: dir})
	t.Logf("started in %v", time.Since(begin))
	before := inventory(t, first.Access)
	if len(before) != DefaultMachines {
		t.Errorf("%d machines", len(before))
	}
	first.Close()
	second := start(t, Options{StateDir: dir})
	if first.Access != second.Access {
		t.Errorf("access changed from %+v to %+v", first.Access.URL, second.Access.URL)
	}
	after := inventory(t, second.Access)
	for i := range before {
		if i < len(after) && before[i] != after[i] {
			t.Fatalf("was %s\nis  %s", before[i], after[i])
		}
	}
	unique := map[string]bool{}
	for _, line := range before {
		var parts []json.RawMessage
		if err := json.Unmarshal([]byte(line), &parts); err != nil {
			t.Fatal(err)
		}
		for _, id := range parts[2:4] {
			if unique[string(id)] {
				t.Errorf("%s occurs twice", id)
			}
			unique[string(id)] = true
		}
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	v := start(t, Options{Machines: 5})
	a := v.Access
	if !strings.HasPrefix(a.URL, "https://127.0.0.1:") {
		t.Errorf("listens on %s", a.URL)
	}
	a.Password = "wrong"
	if _, err := connect(t, a); err == nil {
		t.Error("a wrong password is accepted")
	}
}

func TestChurnChangesMachines(t *testing.T) {
	v := start(t, Options{Machines: 5})
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan error)
	go func() { done <- v.Churn(ctx, ticks) }()
	counts := []int{6, 6, 6, 5, 6}
	for i, want := range counts {
		ticks <- time.Time{}
		got := 0
		for range 100 { // the step is taken on another goroutine
			if got = len(inventory(t, v.Access)); got == want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got != want {
			t.Errorf("after step %d there are %d machines, want %d", i, got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReadyFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready.json")
	a := Access{URL: "https://127.0.0.1:1/sdk", Username: "u", Password: "p", Thumbprint: "AA"}
	if err := a.WriteReady(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	var got Access
	text, _ := os.ReadFile(path)
	if err := json.Unmarshal(text, &got); err != nil || got != a {
		t.Errorf("%+v %v", got, err)
	}
}

func TestTakenPortIsSaid(t *testing.T) {
	v := start(t, Options{Machines: 1})
	u, _ := url.Parse(v.Access.URL)
	if _, err := Start(t.Context(), Options{Listen: u.Host, Machines: 1}); err == nil || !strings.Contains(err.Error(), u.Host) {
		t.Errorf("got %v", err)
	}
}
