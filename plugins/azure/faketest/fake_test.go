// Package faketest reads the fake servers of Azure's own SDK with the plugin: their paging, and the errors that they
// inject. They are apart from the plugin's other tests, since the fakes take long to compile.
package faketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	computefake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"
	networkfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8/fake"

	"maestro.internal/plugins/azure"
	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// api is which fake answers for a path.
type api struct {
	path *regexp.Regexp
	name string
	fake policy.Transporter
}

// bridge puts fakes, which answer inside a process, behind HTTP.
type bridge struct {
	apis []api
	mu   sync.Mutex
}

var pageNumber = regexp.MustCompile(`/[a-z_]*page_[0-9]+$`)

func (b *bridge) answer(w http.ResponseWriter, req *http.Request) bool {
	path := pageNumber.ReplaceAllString(req.URL.Path, "")
	for _, a := range b.apis {
		if !a.path.MatchString(path) {
			continue
		}
		inner := req.Clone(context.WithValue(req.Context(), runtime.CtxAPINameKey{}, a.name))
		inner.URL.Scheme, inner.URL.Host = "https", req.Host
		b.mu.Lock()
		resp, err := a.fake.Do(inner)
		b.mu.Unlock()
		var refused *azcore.ResponseError
		switch {
		case errors.As(err, &refused):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(refused.StatusCode)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": refused.ErrorCode, "message": "injected"}})
		case err != nil:
			panic(http.ErrAbortHandler) // an error of the transport is a connection that breaks
		default:
			defer func() { _ = resp.Body.Close() }()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
		}
		return true
	}
	return false
}

// collected takes what a Discover call says.
type collected struct {
	names   map[string]json.RawMessage
	outcome resource.Outcome
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		c.names[env.Name] = env.Attributes
	}
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(_ int, out resource.Outcome) error {
	c.outcome = out
	return nil
}

// read reads one kind of a cloud whose lists are answered by fakes.
func read(t *testing.T, kind string, compute *computefake.ServerFactory, network *networkfake.ServerFactory) *collected {
	t.Helper()
	one, two := computefake.NewServerFactoryTransport(compute), networkfake.NewServerFactoryTransport(network)
	b := &bridge{apis: []api{
		{regexp.MustCompile(`Compute/virtualMachines$`), "VirtualMachinesClient.NewListAllPager", one},
		{regexp.MustCompile(`Compute/virtualMachineScaleSets$`), "VirtualMachineScaleSetsClient.NewListAllPager", one},
		{regexp.MustCompile(`Compute/locations/[a-z]+/vmSizes$`), "VirtualMachineSizesClient.NewListPager", one},
		{regexp.MustCompile(`Compute/disks$`), "DisksClient.NewListPager", one},
		{regexp.MustCompile(`Network/networkInterfaces$`), "InterfacesClient.NewListAllPager", two},
		{regexp.MustCompile(`Network/publicIPAddresses$`), "PublicIPAddressesClient.NewListAllPager", two},
		{regexp.MustCompile(`Network/virtualNetworks$`), "VirtualNetworksClient.NewListAllPager", two},
	}}
	a := armtest.New()
	a.Add(armtest.Production, "production")
	a.Before = b.answer
	a.Start()
	t.Cleanup(a.Close)
	t.Setenv("AZURE_CLIENT_SECRET", a.Secret)
	p, conn := serve.Local(azure.New()), provider.Connection{ID: "test", Settings: a.Settings(nil)}
	plan, err := p.Plan(t.Context(), conn, []string{kind})
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{names: map[string]json.RawMessage{}}
	if err := p.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	return c
}

const group = "/subscriptions/" + armtest.Production + "/resourceGroups/g/providers/"

func disks(first, n int) armcompute.DisksClientListResponse {
	var out armcompute.DisksClientListResponse
	for i := first; i < first+n; i++ {
		name := fmt.Sprintf("disk-%d", i)
		out.Value = append(out.Value, &armcompute.Disk{
			ID: to.Ptr(group + "Microsoft.Compute/disks/" + name), Name: &name, Location: to.Ptr("westeurope"),
			Properties: &armcompute.DiskProperties{DiskSizeGB: to.Ptr[int32](8), CreationData: &armcompute.CreationData{CreateOption: to.Ptr(armcompute.DiskCreateOptionEmpty)}},
		})
	}
	return out
}

func TestPagesOfTheFakes(t *testing.T) {
	compute := &computefake.ServerFactory{}
	compute.DisksServer.NewListPager = func(*armcompute.DisksClientListOptions) (resp azfake.PagerResponder[armcompute.DisksClientListResponse]) {
		for i := range 5 {
			resp.AddPage(http.StatusOK, disks(10*i, 10), nil)
		}
		return resp
	}
	if c := read(t, "volume", compute, &networkfake.ServerFactory{}); c.outcome.Status != resource.StatusComplete || len(c.names) != 50 || c.outcome.Pages != 5 {
		t.Errorf("%+v, %d disks", c.outcome, len(c.names))
	}
}

func TestErrorsBetweenPages(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(*azfake.PagerResponder[armcompute.DisksClientListResponse])
		status resource.Status
		listed int
		retry  int
	}{
		"throttled": {func(r *azfake.PagerResponder[armcompute.DisksClientListResponse]) {
			r.AddResponseError(429, "TooManyRequests")
		}, resource.StatusComplete, 30, 1},
		"broken": {func(r *azfake.PagerResponder[armcompute.DisksClientListResponse]) {
			r.AddResponseError(500, "InternalServerError")
		}, resource.StatusComplete, 30, 1},
		"a broken connection": {func(r *azfake.PagerResponder[armcompute.DisksClientListResponse]) { r.AddError(errors.New("reset")) }, resource.StatusComplete, 30, 0},
		"denied": {func(r *azfake.PagerResponder[armcompute.DisksClientListResponse]) {
			r.AddResponseError(403, "AuthorizationFailed")
		}, resource.StatusPartial, 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			compute := &computefake.ServerFactory{}
			compute.DisksServer.NewListPager = func(*armcompute.DisksClientListOptions) (resp azfake.PagerResponder[armcompute.DisksClientListResponse]) {
				resp.AddPage(http.StatusOK, disks(0, 10), nil)
				resp.AddPage(http.StatusOK, disks(10, 10), nil)
				tt.spoil(&resp)
				resp.AddPage(http.StatusOK, disks(20, 10), nil)
				return resp
			}
			c := read(t, "volume", compute, &networkfake.ServerFactory{})
			if c.outcome.Status != tt.status || len(c.names) != tt.listed || c.outcome.Retries < tt.retry {
				t.Errorf("%+v, %d disks", c.outcome, len(c.names))
			}
		})
	}
}

func TestMachinesOfTheFakes(t *testing.T) {
	machine := func(i int) *armcompute.VirtualMachine {
		name := fmt.Sprintf("vm-%d", i)
		return &armcompute.VirtualMachine{
			ID: to.Ptr(group + "Microsoft.Compute/virtualMachines/" + name), Name: &name, Location: to.Ptr("westeurope"),
			Properties: &armcompute.VirtualMachineProperties{
				HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypesStandardA1V2)},
				NetworkProfile:  &armcompute.NetworkProfile{NetworkInterfaces: []*armcompute.NetworkInterfaceReference{{ID: to.Ptr(group + "Microsoft.Network/networkInterfaces/" + name)}}},
				InstanceView:    &armcompute.VirtualMachineInstanceView{Statuses: []*armcompute.InstanceViewStatus{{Code: to.Ptr("PowerState/deallocated")}}},
			},
		}
	}
	compute, network := &computefake.ServerFactory{}, &networkfake.ServerFactory{}
	compute.VirtualMachinesServer.NewListAllPager = func(*armcompute.VirtualMachinesClientListAllOptions) (resp azfake.PagerResponder[armcompute.VirtualMachinesClientListAllResponse]) {
		for page := range 2 {
			var r armcompute.VirtualMachinesClientListAllResponse
			r.Value = []*armcompute.VirtualMachine{machine(2 * page), machine(2*page + 1)}
			resp.AddPage(http.StatusOK, r, nil)
		}
		return resp
	}
	compute.VirtualMachineSizesServer.NewListPager = func(string, *armcompute.VirtualMachineSizesClientListOptions) (resp azfake.PagerResponder[armcompute.VirtualMachineSizesClientListResponse]) {
		var r armcompute.VirtualMachineSizesClientListResponse
		r.Value = []*armcompute.VirtualMachineSize{{Name: to.Ptr("Standard_A1_v2"), NumberOfCores: to.Ptr[int32](1), MemoryInMB: to.Ptr[int32](2048)}}
		resp.AddPage(http.StatusOK, r, nil)
		return resp
	}
	compute.VirtualMachineScaleSetsServer.NewListAllPager = func(*armcompute.VirtualMachineScaleSetsClientListAllOptions) (resp azfake.PagerResponder[armcompute.VirtualMachineScaleSetsClientListAllResponse]) {
		var r armcompute.VirtualMachineScaleSetsClientListAllResponse
		r.Value = []*armcompute.VirtualMachineScaleSet{}
		resp.AddPage(http.StatusOK, r, nil)
		return resp
	}
	network.InterfacesServer.NewListAllPager = func(*armnetwork.InterfacesClientListAllOptions) (resp azfake.PagerResponder[armnetwork.InterfacesClientListAllResponse]) {
		var r armnetwork.InterfacesClientListAllResponse
		r.Value = []*armnetwork.Interface{{ID: to.Ptr(group + "Microsoft.Network/networkInterfaces/vm-3"), Properties: &armnetwork.InterfacePropertiesFormat{
			IPConfigurations: []*armnetwork.InterfaceIPConfiguration{{Properties: &armnetwork.InterfaceIPConfigurationPropertiesFormat{PrivateIPAddress: to.Ptr("10.0.0.7")}}}}}}
		resp.AddPage(http.StatusOK, r, nil)
		return resp
	}
	network.PublicIPAddressesServer.NewListAllPager = func(*armnetwork.PublicIPAddressesClientListAllOptions) (resp azfake.PagerResponder[armnetwork.PublicIPAddressesClientListAllResponse]) {
		var r armnetwork.PublicIPAddressesClientListAllResponse
		r.Value = []*armnetwork.PublicIPAddress{}
		resp.AddPage(http.StatusOK, r, nil)
		return resp
	}
	c := read(t, "server", compute, network)
	if c.outcome.Status != resource.StatusComplete || len(c.names) != 4 || len(c.outcome.Warnings) > 0 {
		t.Fatalf("%+v", c.outcome)
	}
	for _, want := range []string{`"power_state":"off"`, `"status":"deallocated"`, `"memory_bytes":2147483648`, `"primary_ip":"10.0.0.7"`, `"flavor":"Standard_A1_v2"`} {
		if !strings.Contains(string(c.names["vm-3"]), want) {
			t.Errorf("%s is missing in %s", want, c.names["vm-3"])
		}
	}
}
