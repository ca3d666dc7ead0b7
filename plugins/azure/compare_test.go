package azure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/managementgroups/armmanagementgroups"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/mysql/armmysqlflexibleservers/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/postgresql/armpostgresqlflexibleservers/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resourcegraph/armresourcegraph"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/sql/armsql"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/schema"
)

// plainly reads as anybody with Azure's own SDK would.
type plainly struct {
	t   *testing.T
	sub string
	opt *arm.ClientOptions
	// seen is what each list has: a line about each resource, by kind and external id.
	seen map[string]string
}

type staticToken string

func (s staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func options(a *armtest.Azure) *arm.ClientOptions {
	return &arm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		Transport: a.HTTP(), Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: a.URL() + "/",
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: a.URL(), Audience: "https://management.test"}}},
	}}
}

// all reads a pager to its end.
func all[T any](p *plainly, pager *runtime.Pager[T], fn func(T)) {
	p.t.Helper()
	for pager.More() {
		page, err := pager.NextPage(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		fn(page)
	}
}

func text[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// saw notes a resource: its name, its region, its number of tags, and what its kind adds.
func (p *plainly) saw(kind string, id, name, location *string, tags map[string]*string, more ...any) {
	p.seen[kind+" "+strings.ToLower(*id)] = fmt.Sprint(text(name), " ", regionName(text(location)), " ", len(tags), " ", fmt.Sprintln(more...))
}

func must1[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (p *plainly) compute(token azcore.TokenCredential) {
	f := must1[*armcompute.ClientFactory](p.t)(armcompute.NewClientFactory(p.sub, token, p.opt))
	power := map[string]string{}
	all(p, f.NewVirtualMachinesClient().NewListAllPager(&armcompute.VirtualMachinesClientListAllOptions{StatusOnly: pointer("true")}), func(page armcompute.VirtualMachinesClientListAllResponse) {
		for _, v := range page.Value {
			power[strings.ToLower(*v.ID)] = text(v.Properties.InstanceView.Statuses[1].Code)
		}
	})
	all(p, f.NewVirtualMachinesClient().NewListAllPager(nil), func(page armcompute.VirtualMachinesClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("server", v.ID, v.Name, v.Location, v.Tags, strings.TrimPrefix(power[strings.ToLower(*v.ID)], "PowerState/"), text(v.Properties.HardwareProfile.VMSize),
				*v.Properties.VMID, int64(*v.Properties.StorageProfile.OSDisk.DiskSizeGB+*v.Properties.StorageProfile.DataDisks[0].DiskSizeGB)*gib)
		}
	})
	all(p, f.NewVirtualMachineScaleSetsClient().NewListAllPager(nil), func(page armcompute.VirtualMachineScaleSetsClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("backing_service", v.ID, v.Name, v.Location, v.Tags, text(v.SKU.Name), *v.SKU.Capacity)
			if *v.Properties.OrchestrationMode == armcompute.OrchestrationModeFlexible {
				continue
			}
			all(p, f.NewVirtualMachineScaleSetVMsClient().NewListPager(segment(*v.ID, "resourceGroups"), *v.Name, nil), func(page armcompute.VirtualMachineScaleSetVMsClientListResponse) {
				for _, v := range page.Value {
					p.saw("server", v.ID, v.Name, v.Location, v.Tags, strings.TrimPrefix(text(v.Properties.InstanceView.Statuses[1].Code), "PowerState/"), text(v.SKU.Name),
						*v.Properties.VMID, int64(*v.Properties.StorageProfile.OSDisk.DiskSizeGB)*gib)
				}
			})
		}
	})
	all(p, f.NewDisksClient().NewListPager(nil), func(page armcompute.DisksClientListResponse) {
		for _, v := range page.Value {
			p.saw("volume", v.ID, v.Name, v.Location, v.Tags, *v.Properties.DiskSizeBytes, text(v.Properties.DiskState), text(v.SKU.Name), text(v.Properties.DiskIOPSReadWrite))
		}
	})
	all(p, f.NewSnapshotsClient().NewListPager(nil), func(page armcompute.SnapshotsClientListResponse) {
		for _, v := range page.Value {
			p.saw("snapshot", v.ID, v.Name, v.Location, v.Tags, *v.Properties.DiskSizeBytes, v.Properties.TimeCreated.UTC(), *v.Properties.Incremental)
		}
	})
	all(p, f.NewImagesClient().NewListPager(nil), func(page armcompute.ImagesClientListResponse) {
		for _, v := range page.Value {
			p.saw("image", v.ID, v.Name, v.Location, v.Tags, strings.ToLower(text(v.Properties.StorageProfile.OSDisk.OSType)), 1+len(v.Properties.StorageProfile.DataDisks))
		}
	})
}

func (p *plainly) network(token azcore.TokenCredential) {
	f := must1[*armnetwork.ClientFactory](p.t)(armnetwork.NewClientFactory(p.sub, token, p.opt))
	all(p, f.NewInterfacesClient().NewListAllPager(nil), func(page armnetwork.InterfacesClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("network_interface", v.ID, v.Name, v.Location, v.Tags, *v.Properties.IPConfigurations[0].Properties.PrivateIPAddress, strings.ToLower(*v.Properties.VirtualMachine.ID))
		}
	})
	all(p, f.NewPublicIPAddressesClient().NewListAllPager(nil), func(page armnetwork.PublicIPAddressesClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("address", v.ID, v.Name, v.Location, v.Tags, text(v.Properties.IPAddress), v.Properties.IPConfiguration != nil || v.Properties.NatGateway != nil, text(v.Properties.DNSSettings.Fqdn))
		}
	})
	all(p, f.NewRouteTablesClient().NewListAllPager(nil), func(page armnetwork.RouteTablesClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("route_table", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.Routes))
		}
	})
	all(p, f.NewVirtualNetworksClient().NewListAllPager(nil), func(page armnetwork.VirtualNetworksClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("network", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.AddressSpace.AddressPrefixes), text(v.Properties.ProvisioningState))
			for _, s := range v.Properties.Subnets {
				p.saw("subnet", s.ID, s.Name, v.Location, nil, max(1, len(s.Properties.AddressPrefixes)))
			}
			for _, s := range v.Properties.VirtualNetworkPeerings {
				p.saw("peering", s.ID, s.Name, v.Location, nil, text(s.Properties.PeeringState), *s.Properties.AllowForwardedTraffic)
			}
		}
	})
	all(p, f.NewNatGatewaysClient().NewListAllPager(nil), func(page armnetwork.NatGatewaysClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("gateway", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.PublicIPAddresses))
		}
	})
	all(p, f.NewSecurityGroupsClient().NewListAllPager(nil), func(page armnetwork.SecurityGroupsClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("security_group", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.SecurityRules)+len(v.Properties.DefaultSecurityRules))
		}
	})
	all(p, f.NewLoadBalancersClient().NewListAllPager(nil), func(page armnetwork.LoadBalancersClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("load_balancer", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.LoadBalancingRules), len(v.Properties.BackendAddressPools))
		}
	})
	all(p, f.NewApplicationGatewaysClient().NewListAllPager(nil), func(page armnetwork.ApplicationGatewaysClientListAllResponse) {
		for _, v := range page.Value {
			p.saw("load_balancer", v.ID, v.Name, v.Location, v.Tags, len(v.Properties.HTTPListeners), len(v.Properties.BackendAddressPools))
		}
	})
}

func (p *plainly) data(token azcore.TokenCredential) {
	sql := must1[*armsql.ServersClient](p.t)(armsql.NewServersClient(p.sub, token, p.opt))
	databases := must1[*armsql.DatabasesClient](p.t)(armsql.NewDatabasesClient(p.sub, token, p.opt))
	all(p, sql.NewListPager(nil), func(page armsql.ServersClientListResponse) {
		for _, v := range page.Value {
			p.saw("database", v.ID, v.Name, v.Location, v.Tags, text(v.Properties.State), text(v.Properties.FullyQualifiedDomainName), 0, "")
			all(p, databases.NewListByServerPager(segment(*v.ID, "resourceGroups"), *v.Name, nil), func(page armsql.DatabasesClientListByServerResponse) {
				for _, d := range page.Value {
					if *d.Name != "master" { // the one that nobody made
						p.saw("database", d.ID, d.Name, d.Location, d.Tags, text(d.Properties.Status), text(v.Properties.FullyQualifiedDomainName), 0, text(d.Properties.CurrentSKU.Name))
					}
				}
			})
		}
	})
	managed := must1[*armsql.ManagedInstancesClient](p.t)(armsql.NewManagedInstancesClient(p.sub, token, p.opt))
	all(p, managed.NewListPager(nil), func(page armsql.ManagedInstancesClientListResponse) {
		for _, v := range page.Value {
			p.saw("database", v.ID, v.Name, v.Location, v.Tags, text(v.Properties.State), text(v.Properties.FullyQualifiedDomainName), int64(*v.Properties.StorageSizeInGB)*gib, text(v.SKU.Name))
		}
	})
	postgres := must1[*armpostgresqlflexibleservers.ServersClient](p.t)(armpostgresqlflexibleservers.NewServersClient(p.sub, token, p.opt))
	all(p, postgres.NewListPager(nil), func(page armpostgresqlflexibleservers.ServersClientListResponse) {
		for _, v := range page.Value {
			p.saw("database", v.ID, v.Name, v.Location, v.Tags, text(v.Properties.State), text(v.Properties.FullyQualifiedDomainName), int64(*v.Properties.Storage.StorageSizeGB)*gib, text(v.SKU.Name))
		}
	})
	mysql := must1[*armmysqlflexibleservers.ServersClient](p.t)(armmysqlflexibleservers.NewServersClient(p.sub, token, p.opt))
	all(p, mysql.NewListPager(nil), func(page armmysqlflexibleservers.ServersClientListResponse) {
		for _, v := range page.Value {
			p.saw("database", v.ID, v.Name, v.Location, v.Tags, text(v.Properties.State), text(v.Properties.FullyQualifiedDomainName), int64(*v.Properties.Storage.StorageSizeGB)*gib, text(v.SKU.Name))
		}
	})
	accounts := must1[*armstorage.AccountsClient](p.t)(armstorage.NewAccountsClient(p.sub, token, p.opt))
	all(p, accounts.NewListPager(nil), func(page armstorage.AccountsClientListResponse) {
		for _, v := range page.Value {
			p.saw("storage_system", v.ID, v.Name, v.Location, v.Tags, text(v.SKU.Name), *v.Properties.AllowBlobPublicAccess, v.Properties.CreationTime.UTC())
		}
	})
	aks := must1[*armcontainerservice.ManagedClustersClient](p.t)(armcontainerservice.NewManagedClustersClient(p.sub, token, p.opt))
	all(p, aks.NewListPager(nil), func(page armcontainerservice.ManagedClustersClientListResponse) {
		for _, v := range page.Value {
			nodes := int32(0)
			for _, pool := range v.Properties.AgentPoolProfiles {
				nodes += *pool.Count
			}
			p.saw("backing_service", v.ID, v.Name, v.Location, v.Tags, "", nodes)
		}
	})
}

// ours is the same line about each resource, made of what the plugin emits.
func ours(t *testing.T, c *collected) map[string]string {
	out := map[string]string{}
	for key, env := range c.resources {
		var more []any
		switch env.Kind {
		case "server":
			s := attributes[schema.Server](t, env)
			more = []any{s.Status, s.Flavor, env.Identifiers[0].Value, s.DiskBytes}
		case "volume":
			v := attributes[schema.Volume](t, env)
			more = []any{v.SizeBytes, v.Status, v.PerformanceClass, v.IOPSLimit}
		case "snapshot":
			s := attributes[schema.Snapshot](t, env)
			more = []any{s.SizeBytes, s.TakenAt, *s.Incremental}
		case "image":
			i := attributes[schema.Image](t, env)
			more = []any{i.OS.Family, len(i.Disks)}
		case "network_interface":
			n := attributes[schema.NetworkInterface](t, env)
			more = []any{n.PrimaryIP, env.Relations[0].ExternalID}
		case "address":
			a := attributes[schema.Address](t, env)
			more = []any{a.IP, *a.InUse, a.DNSName}
		case "route_table":
			more = []any{len(attributes[schema.RouteTable](t, env).Routes)}
		case "network":
			n := attributes[schema.Network](t, env)
			more = []any{len(n.CIDRs), n.Status}
		case "subnet":
			more = []any{len(attributes[schema.Subnet](t, env).CIDRs)}
		case "peering":
			p := attributes[schema.Peering](t, env)
			more = []any{p.Status, *p.Forwarding}
		case "gateway":
			more = []any{len(attributes[schema.Gateway](t, env).PublicIPs)}
		case "security_group":
			more = []any{len(attributes[schema.SecurityGroup](t, env).Rules)}
		case "load_balancer":
			b := attributes[schema.LoadBalancer](t, env)
			more = []any{len(b.Listeners), len(b.Pools)}
		case "database":
			d := attributes[schema.Database](t, env)
			more = []any{d.Status, d.Endpoint, d.SizeBytes, d.Flavor}
		case "storage_system":
			s := attributes[schema.StorageSystem](t, env)
			more = []any{s.Class, *s.Public, s.Provisioned}
		case "backing_service":
			b := attributes[schema.BackingService](t, env)
			more = []any{b.Flavor, b.NodeCount}
		}
		out[key] = fmt.Sprint(env.Name, " ", env.Region, " ", len(env.Tags), " ", fmt.Sprintln(more...))
	}
	return out
}

// What the plugin emits is what Azure's own SDK reads, record by record: the same ids, nothing missing, nothing
// more, and the same values.
func TestAgreesWithTheSDK(t *testing.T) {
	a := start(t, armtest.Seed())
	token := staticToken(a.Token())
	p := &plainly{t: t, opt: options(a), seen: map[string]string{}}
	subs := must1[*armsubscriptions.Client](t)(armsubscriptions.NewClient(token, p.opt))
	all(p, subs.NewListPager(nil), func(page armsubscriptions.ClientListResponse) {
		for _, s := range page.Value {
			p.sub = *s.SubscriptionID
			p.compute(token)
			p.network(token)
			p.data(token)
		}
	})
	got := ours(t, discover(t, a.Settings(nil)))
	for _, key := range slices.Sorted(maps.Keys(p.seen)) {
		if got[key] != p.seen[key] {
			t.Errorf("%s\n got %q\nwant %q", key, got[key], p.seen[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := p.seen[key]; !ok {
			t.Errorf("%s is not there", key)
		}
	}
	if len(got) < 300 {
		t.Errorf("only %d resources", len(got))
	}
}

// The small Azure's management groups and Resource Graph are what the SDK takes them for.
func TestTheTestServerIsAzure(t *testing.T) {
	a := start(t, armtest.Seed())
	token := staticToken(a.Token())
	p := &plainly{t: t, opt: options(a)}
	groups := must1[*armmanagementgroups.Client](t)(armmanagementgroups.NewClient(token, p.opt))
	found := 0
	all(p, groups.NewGetDescendantsPager("platform", nil), func(page armmanagementgroups.ClientGetDescendantsResponse) {
		for _, d := range page.Value {
			if *d.Type == "/subscriptions" {
				found++
			}
		}
	})
	graph := must1[*armresourcegraph.Client](t)(armresourcegraph.NewClient(token, p.opt))
	answer, err := graph.Resources(t.Context(), armresourcegraph.QueryRequest{
		Query: pointer("resources | where type =~ 'microsoft.sql/servers/databases' | order by id asc"), Subscriptions: []*string{pointer(armtest.Production)},
	}, nil)
	if err != nil || found != 2 || *answer.Count != 9 || len(answer.Data.([]any)) != 9 {
		t.Errorf("%d subscriptions, %+v, %v", found, answer, err)
	}
}
