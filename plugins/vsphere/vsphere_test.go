package vsphere

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

const (
	testUser     = "maestro@vsphere.local"
	testPassword = "pw-9f2c-hunter2"
)

// vcenter is the simulator with a login, behind TLS.
type vcenter struct {
	*simulator.Server
	model *simulator.Model
	url   string
}

func startVCenter(t testing.TB, shape func(*simulator.Model)) *vcenter {
	t.Helper()
	m := simulator.VPX()
	m.Datacenter, m.Cluster, m.ClusterHost, m.Host, m.Machine, m.Datastore, m.Portgroup, m.OpaqueNetwork = 2, 2, 2, 1, 3, 2, 2, 1
	if shape != nil {
		shape(m)
	}
	if err := m.Create(); err != nil {
		t.Fatal(err)
	}
	m.Service.TLS, m.Service.RegisterEndpoints = new(tls.Config), true
	m.Service.Listen = &url.URL{User: url.UserPassword(testUser, testPassword)}
	s := m.Service.NewServer()
	t.Cleanup(func() {
		s.Close()
		m.Remove()
	})
	u := *s.URL
	u.User = nil
	return &vcenter{Server: s, model: m, url: u.String()}
}

func (v *vcenter) settings(more ...string) json.RawMessage {
	all := map[string]any{"url": v.url, "thumbprint": soap.ThumbprintSHA256(v.Certificate())}
	for i := 0; i+1 < len(more); i += 2 {
		var value any
		if err := json.Unmarshal([]byte(more[i+1]), &value); err != nil {
			panic(err)
		}
		all[more[i]] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return text
}

func credential(t testing.TB) {
	t.Setenv(envUsername, testUser)
	t.Setenv(envPassword, testPassword)
}

// plain signs in as any other client would, to see what is really there.
func (v *vcenter) plain(t testing.TB) *govmomi.Client {
	t.Helper()
	u, _ := url.Parse(v.url)
	u.User = url.UserPassword(testUser, testPassword)
	c, err := govmomi.NewClient(context.Background(), u, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Logout(context.Background()) })
	return c
}

// collected is what a Discover call yields.
type collected struct {
	scopes    []resource.Scope
	resources map[string]resource.Envelope // by kind and external id
	outcomes  map[string]resource.Outcome
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		c.resources[env.Kind+" "+env.ExternalID] = env
	}
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(i int, out resource.Outcome) error {
	c.outcomes[c.scopes[i].Key()] = out
	return nil
}

var allKinds = []string{"cluster", "host_port", "image", "network", "network_interface", "router", "server", "snapshot", "storage_pool", "volume"}

func discover(t testing.TB, settings json.RawMessage, kinds ...string) *collected {
	t.Helper()
	if len(kinds) == 0 {
		kinds = allKinds
	}
	p, conn := serve.Local(New()), provider.Connection{ID: "test", Settings: settings}
	plan, err := p.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{scopes: plan.Scopes, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := p.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *collected) ofKind(kind string) []resource.Envelope {
	var out []resource.Envelope
	for _, key := range slices.Sorted(maps.Keys(c.resources)) {
		if c.resources[key].Kind == kind {
			out = append(out, c.resources[key])
		}
	}
	return out
}

func attributes[T any](t testing.TB, env resource.Envelope) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(env.Attributes, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEverythingIsFound(t *testing.T) {
	v := startVCenter(t, nil)
	credential(t)
	c := discover(t, v.settings())
	count := v.model.Count()
	for kind, want := range map[string]int{
		"server": count.Machine + count.Host, "cluster": count.Cluster, "storage_pool": count.Datastore, "volume": count.Machine,
	} {
		if got := len(c.ofKind(kind)); got != want {
			t.Errorf("%d of kind %s, want %d", got, kind, want)
		}
	}
	networks := len(v.model.Map().All("Network")) + len(v.model.Map().All("DistributedVirtualPortgroup")) + len(v.model.Map().All("OpaqueNetwork"))
	if got := len(c.ofKind("network")); got != networks {
		t.Errorf("%d networks, want %d", got, networks)
	}
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete || out.Pages == 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
	for key, env := range c.resources {
		k, _ := schema.Lookup(env.Kind)
		if clean, warnings, err := k.Validate(env.Attributes); err != nil || len(warnings) > 0 || len(clean) != len(env.Attributes) {
			t.Errorf("%s: %v %q", key, err, warnings)
		}
		// Every edge leads to something that was read.
		for _, r := range env.Relations {
			if _, ok := c.resources[r.Kind+" "+r.ExternalID]; !ok {
				t.Errorf("%s: %s leads to %s %s, which is not there", key, r.Verb, r.Kind, r.ExternalID)
			}
		}
		if env.Region == "" || !strings.HasPrefix(env.ExternalID, v.model.ServiceContent.About.InstanceUuid+"/") {
			t.Errorf("%s: region %q", key, env.Region)
		}
	}
}

// What is reported of machines is what any other client reads of them, property by property.
func TestMachinesAgreeWithPlainReads(t *testing.T) {
	v := startVCenter(t, nil)
	credential(t)
	c := discover(t, v.settings(), "server")
	ctx, client := t.Context(), v.plain(t)
	list, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine", "HostSystem"}, true)
	if err != nil {
		t.Fatal(err)
	}
	var vms []mo.VirtualMachine
	if err := list.Retrieve(ctx, []string{"VirtualMachine"}, nil, &vms); err != nil {
		t.Fatal(err)
	}
	pc := property.DefaultCollector(client.Client)
	for _, vm := range vms {
		env := c.resources["server "+client.ServiceContent.About.InstanceUuid+"/"+vm.Self.Value]
		attrs := attributes[schema.Server](t, env)
		var host mo.HostSystem
		var parent mo.ManagedEntity
		if err := pc.RetrieveOne(ctx, *vm.Runtime.Host, nil, &host); err != nil {
			t.Fatal(err)
		}
		if err := pc.RetrieveOne(ctx, *host.Parent, []string{"name"}, &parent); err != nil {
			t.Fatal(err)
		}
		zone := ""
		if host.Parent.Type == "ClusterComputeResource" {
			zone = parent.Name
		}
		card := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualEthernetCard)(nil))[0].(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		for what, pair := range map[string][2]any{
			"name": {env.Name, vm.Name}, "zone": {env.Zone, zone}, "type": {attrs.Type, "virtual"},
			"power":     {attrs.PowerState, "on"},
			"cpus":      {attrs.CPUCount, int(vm.Config.Hardware.NumCPU)},
			"memory":    {attrs.MemoryBytes, int64(vm.Config.Hardware.MemoryMB) << 20},
			"disk":      {attrs.DiskBytes, int64(10) << 30},
			"os":        {attrs.OS.Name, vm.Config.GuestFullName},
			"mac":       {attrs.NetworkAdapters[0].MAC, strings.ToLower(card.MacAddress)},
			"bios uuid": {identifierOf(env, "bios_uuid"), vm.Config.Uuid}, "instance uuid": {identifierOf(env, "instance_uuid"), vm.Config.InstanceUuid},
			"runs on": {relationOf(env, "runs_on"), client.ServiceContent.About.InstanceUuid + "/" + vm.Runtime.Host.Value},
		} {
			if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
				t.Errorf("%s: %s is %v, want %v", vm.Name, what, pair[0], pair[1])
			}
		}
	}
	var hosts []mo.HostSystem
	if err := list.Retrieve(ctx, []string{"HostSystem"}, nil, &hosts); err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		env := c.resources["server "+client.ServiceContent.About.InstanceUuid+"/"+h.Self.Value]
		attrs := attributes[schema.Server](t, env)
		for what, pair := range map[string][2]any{
			"name": {env.Name, h.Name}, "type": {attrs.Type, "hypervisor"}, "model": {attrs.Model, h.Summary.Hardware.Model},
			"memory": {attrs.MemoryBytes, h.Summary.Hardware.MemorySize}, "cpus": {attrs.CPUCount, int(h.Summary.Hardware.NumCpuThreads)},
			"os": {attrs.OS.Name + attrs.OS.Version, h.Config.Product.Name + h.Config.Product.Version}, "bios uuid": {identifierOf(env, "bios_uuid"), h.Hardware.SystemInfo.Uuid},
		} {
			if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
				t.Errorf("%s: %s is %v, want %v", h.Name, what, pair[0], pair[1])
			}
		}
	}
}

func identifierOf(env resource.Envelope, typ string) string {
	for _, id := range env.Identifiers {
		if id.Type == typ {
			return id.Value
		}
	}
	return ""
}

func relationOf(env resource.Envelope, verb string) string {
	for _, r := range env.Relations {
		if r.Verb == verb {
			return r.ExternalID
		}
	}
	return ""
}

func TestGuestAndTags(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	ctx, client := t.Context(), v.plain(t)
	manager, err := object.GetCustomFieldsManager(client.Client)
	if err != nil {
		t.Fatal(err)
	}
	field, err := manager.Add(ctx, "environment", "VirtualMachine", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	vm := v.model.Map().Any("VirtualMachine").(*simulator.VirtualMachine)
	if err := manager.Set(ctx, vm.Self, field.Key, "prod"); err != nil {
		t.Fatal(err)
	}
	card := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualEthernetCard)(nil))[0].(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	vm.Guest = &types.GuestInfo{
		HostName: "web-1.example.org", IpAddress: "10.0.0.5", GuestFamily: "linuxGuest", GuestFullName: "Ubuntu Linux (64-bit)",
		ToolsRunningStatus: "guestToolsRunning", ToolsVersion: "12389", ToolsVersionStatus2: "guestToolsCurrent",
		Net: []types.GuestNicInfo{
			{MacAddress: card.MacAddress, Network: "web%2fdmz", DeviceConfigId: card.Key, IpConfig: &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{
				{IpAddress: "10.0.0.5"}, {IpAddress: "fe80::1"}, {IpAddress: "2001:db8::5"}, {IpAddress: "2001:db8::dead", Origin: "random"},
			}}},
			{MacAddress: "02:42:ac:11:00:01", DeviceConfigId: -1, IpAddress: []string{"172.17.0.1"}},
		},
	}
	vm.Config.ExtraConfig = append(vm.Config.ExtraConfig,
		&types.OptionValue{Key: "guestInfo.detailed.data", Value: "distroName='Ubuntu' distroVersion='24.04' kernelVersion='6.8.0' prettyName='Ubuntu 24.04 LTS'"},
		&types.OptionValue{Key: "guestinfo.userdata", Value: "password: planted-secret"})
	c := discover(t, v.settings(), "server")
	env := c.resources["server "+client.ServiceContent.About.InstanceUuid+"/"+vm.Self.Value]
	attrs := attributes[schema.Server](t, env)
	want := schema.OperatingSystem{Family: "linux", Name: "Ubuntu", Version: "24.04", Kernel: "6.8.0"}
	if attrs.OS != want {
		t.Errorf("os %+v", attrs.OS)
	}
	if got := fmt.Sprintf("%s %s %s %s %s", attrs.Hostname, attrs.PrimaryIP, attrs.IPAddresses, attrs.GuestAgentStatus, attrs.GuestAgentVersion); got != "web-1.example.org 10.0.0.5 [10.0.0.5 2001:db8::5] running 12.3.5" {
		t.Errorf("guest %s", got)
	}
	if a := attrs.NetworkAdapters[0]; a.Network != "web/dmz" || fmt.Sprint(a.IPAddresses) != "[10.0.0.5 2001:db8::5]" {
		t.Errorf("adapter %+v", a)
	}
	if !slices.Contains(env.Tags, resource.Tag{Key: "environment", Value: "prod"}) {
		t.Errorf("tags %v", env.Tags)
	}
	if identifierOf(env, "fqdn") != "web-1.example.org" {
		t.Errorf("identifiers %v", env.Identifiers)
	}
	for key, env := range c.resources {
		if text, _ := json.Marshal(env); strings.Contains(string(text), "planted-secret") {
			t.Errorf("%s holds a secret of the machine's options", key)
		}
	}
}

func TestDatacentersInFoldersAndNarrowed(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Folder, m.Machine = 3, 2, 1 })
	credential(t)
	plan := func(settings json.RawMessage) (provider.Plan, []string) {
		p, err := serve.Local(New()).Plan(t.Context(), provider.Connection{Settings: settings}, []string{"server"})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range p.Scopes {
			out = append(out, s.Key())
		}
		return p, out
	}
	p, got := plan(v.settings())
	if want := []string{"server{vcenter_datacenter=DC0}", "server{vcenter_datacenter=F0/DC1}", "server{vcenter_datacenter=F1/DC2}"}; !slices.Equal(got, want) || !p.Complete {
		t.Errorf("%q %v", got, p.Complete)
	}
	if _, got := plan(v.settings("datacenters", `["F0/*","DC2"]`)); !slices.Equal(got, []string{"server{vcenter_datacenter=F0/DC1}", "server{vcenter_datacenter=F1/DC2}"}) {
		t.Errorf("%q", got)
	}
	if p, got := plan(v.settings("datacenters", `["nowhere"]`)); len(got) != 0 || len(p.Warnings) != 1 || !p.Complete {
		t.Errorf("%q %q", got, p.Warnings)
	}
	c := discover(t, v.settings("datacenters", `["DC1"]`))
	for key, env := range c.resources {
		if env.Region != "DC1" {
			t.Errorf("%s is in %s", key, env.Region)
		}
	}
	if len(c.ofKind("server")) == 0 {
		t.Error("nothing was read")
	}
}

// crowd adds networks, which cost the simulator least.
func (v *vcenter) crowd(n int) {
	folder := v.model.Map().Any("Datacenter").(*simulator.Datacenter)
	parent := v.model.Map().Get(folder.NetworkFolder).(*simulator.Folder)
	for i := range n {
		network := &mo.Network{}
		network.Name = fmt.Sprintf("network-%d", i)
		v.model.Map().PutEntity(parent, v.model.Map().NewEntity(network))
		parent.ChildEntity = append(parent.ChildEntity, network.Reference())
	}
}

// A machine with 600 disks or a vCenter with 600 machines is read in pages.
func TestPages(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Cluster, m.Host, m.Machine, m.Autostart = 1, 1, 0, 0, false })
	credential(t)
	v.crowd(600)
	c := discover(t, v.settings(), "network")
	if got := len(c.ofKind("network")); got < 600 {
		t.Errorf("%d networks", got)
	}
	for _, out := range c.outcomes {
		if out.Pages < 4 {
			t.Errorf("%d pages", out.Pages)
		}
	}
}

// A server that is older than a property answers without it, and everything else is there.
func TestOldServerWithoutAProperty(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Datacenter, m.Machine = 1, 1 })
	credential(t)
	s, err := New().Connect(t.Context(), provider.Connection{Settings: v.settings()})
	if err != nil {
		t.Fatal(err)
	}
	c := s.(*session).client
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	found := map[string]bool{}
	sw := sweep{types: []string{"VirtualMachine"}, properties: []string{"name", "config.inventedLater"}}
	err = c.sweep(t.Context(), v.model.ServiceContent.RootFolder, sw, directCall, func(o entry) error {
		found[o.Obj.Value] = o.has("name")
		return nil
	})
	if err != nil || len(found) == 0 || !found[slices.Sorted(maps.Keys(found))[0]] {
		t.Errorf("%v %v", found, err)
	}
}

// A lone ESXi host has no vCenter's UUID to qualify its references with; its hardware's does.
func TestLoneHost(t *testing.T) {
	m := simulator.ESX()
	if err := m.Create(); err != nil {
		t.Fatal(err)
	}
	m.Service.TLS, m.Service.RegisterEndpoints = new(tls.Config), true
	m.Service.Listen = &url.URL{User: url.UserPassword(testUser, testPassword)}
	s := m.Service.NewServer()
	t.Cleanup(func() {
		s.Close()
		m.Remove()
	})
	credential(t)
	v := &vcenter{Server: s, model: m, url: "https://" + s.URL.Host + "/sdk"}
	c := discover(t, v.settings())
	host := m.Map().Any("HostSystem").(*simulator.HostSystem)
	if len(c.ofKind("server")) < 2 || len(c.ofKind("storage_pool")) != 1 {
		t.Errorf("%d servers, %d storage pools", len(c.ofKind("server")), len(c.ofKind("storage_pool")))
	}
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete || len(out.Warnings) > 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
	r, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: v.settings()}, allKinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range r.Items {
		if !item.OK {
			t.Errorf("%+v", item)
		}
	}
	for key, env := range c.resources {
		if !strings.HasPrefix(env.ExternalID, host.Hardware.SystemInfo.Uuid+"/") || env.ConsoleURL != "" {
			t.Errorf("%s: console %q", key, env.ConsoleURL)
		}
	}
}

func TestMain(m *testing.M) { plugintest.Main(m, func() provider.Provider { return New() }) }

func TestConformance(t *testing.T) {
	v := startVCenter(t, func(m *simulator.Model) { m.Pod, m.App = 1, 1 })
	vm := object.NewVirtualMachine(v.plain(t).Client, v.model.Map().Any("VirtualMachine").Reference())
	task, err := vm.PowerOff(t.Context())
	finish(t, task, err)
	task, err = vm.CreateSnapshot(t.Context(), "before", "", false, false)
	finish(t, task, err)
	if err := vm.MarkAsTemplate(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.attach(t, v.tagging(t), "site", "fra", references(v.model.Map().All("VirtualMachine"))...)
	plugintest.RunProvider(t, func() provider.Provider { return New() }, plugintest.Case{
		Connection: provider.Connection{Settings: v.settings()},
		Env:        map[string]string{envUsername: testUser, envPassword: testPassword},
		BadSettings: []json.RawMessage{
			json.RawMessage(`{"url":"http://vcenter.example.org"}`), json.RawMessage(`{"url":"https://user:pw@vcenter.example.org"}`),
			json.RawMessage(`{"url":"https://x","thumbprint":"zz"}`), json.RawMessage(`{"url":"https://x","datacenters":["["]}`), json.RawMessage(`{"url":""}`),
			json.RawMessage(`{"url":"https://x","ca_certificate":"zz"}`),
		},
		MinResources: map[string]int{"server": 20, "volume": 18, "network": 4, "cluster": 4, "storage_pool": 6, "image": 1, "snapshot": 1, "router": 4, "network_interface": 8},
	})
}
