package armtest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"
)

// The subscriptions of Seed.
const (
	Production = "00000000-0000-0000-0000-000000000001"
	Staging    = "00000000-0000-0000-0000-000000000002"
	Customer   = "00000000-0000-0000-0000-000000000003"
	// CustomerTenant is the home of Customer, which is delegated by Lighthouse.
	CustomerTenant = "99999999-8888-7777-6666-555555555555"
)

// The lists of virtual machines and what belongs to them.
const (
	Machines   = "/providers/Microsoft.Compute/virtualMachines"
	Statuses   = "/providers/Microsoft.Compute/virtualMachines?statusOnly=true"
	Interfaces = "/providers/Microsoft.Network/networkInterfaces"
	PublicIPs  = "/providers/Microsoft.Network/publicIPAddresses"
)

var born = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)

// Seed is a cloud of three subscriptions with something of everything.
func Seed() *Azure {
	a := New()
	production, staging, customer := a.Add(Production, "production"), a.Add(Staging, "staging"), a.Add(Customer, "customer one")
	customer.Tenant = CustomerTenant
	for _, s := range []*Subscription{production, staging, customer} {
		s.seedMachines(7)
		s.seedDisks(7)
		s.seedScaleSets()
		s.seedNetworks()
		s.seedDatabases()
		s.seedServices()
	}
	a.Group("platform", production, staging)
	return a
}

// id is a resource's, in the spelling that Azure's compute service likes.
func (s *Subscription) id(group, typ, name string) string {
	return "/subscriptions/" + s.ID + "/resourceGroups/" + group + "/providers/" + typ + "/" + name
}

func (s *Subscription) tags(env string) map[string]*string {
	return map[string]*string{"environment": to.Ptr(env), "Owner": to.Ptr("plattform-team ä"), "empty": to.Ptr("")}
}

// Crowd is a cloud of one subscription with many machines, and nothing else.
func Crowd(machines int) *Azure {
	a := New()
	a.PageSize, a.TokenLife = 250, 12*time.Hour
	a.Add(Production, "production").seedMachines(machines)
	return a
}

// seedMachines makes virtual machines with their adapters and public addresses.
func (s *Subscription) seedMachines(n int) {
	for _, region := range []string{"westeurope", "northeurope"} {
		s.Put("/providers/Microsoft.Compute/locations/"+region+"/vmSizes",
			&armcompute.VirtualMachineSize{Name: to.Ptr("Standard_D4s_v5"), NumberOfCores: to.Ptr[int32](4), MemoryInMB: to.Ptr[int32](16384), MaxDataDiskCount: to.Ptr[int32](8)},
			&armcompute.VirtualMachineSize{Name: to.Ptr("Standard_B2s"), NumberOfCores: to.Ptr[int32](2), MemoryInMB: to.Ptr[int32](4096)})
	}
	s.Put(Machines)
	s.Put(Statuses)
	s.Put(Interfaces)
	s.Put(PublicIPs)
	for i := range n {
		s.Put(Machines, s.machine(i))
		s.Put(Statuses, s.status(i))
		s.Put(Interfaces, s.adapter(i))
		if i%2 == 0 {
			s.Put(PublicIPs, s.publicIP(i))
		}
	}
}

func region(i int) string { return []string{"westeurope", "northeurope"}[i%2] }

func (s *Subscription) machine(i int) *armcompute.VirtualMachine {
	name := fmt.Sprintf("vm-%03d", i)
	vm := &armcompute.VirtualMachine{
		ID: to.Ptr(s.id("RG-APP", "Microsoft.Compute/virtualMachines", name)), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Compute/virtualMachines"),
		Location: to.Ptr(region(i)), Tags: s.tags("prod"), Zones: []*string{to.Ptr(strconv.Itoa(i%3 + 1))},
		Identity: &armcompute.VirtualMachineIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeSystemAssigned), PrincipalID: to.Ptr("p")},
		Properties: &armcompute.VirtualMachineProperties{
			VMID: to.Ptr(fmt.Sprintf("%08x-1111-2222-3333-%s", i, s.ID[24:])), ProvisioningState: to.Ptr("Succeeded"), TimeCreated: to.Ptr(born),
			HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypes("Standard_D4s_v5"))},
			Priority:        to.Ptr(armcompute.VirtualMachinePriorityTypesRegular),
			OSProfile: &armcompute.OSProfile{ComputerName: to.Ptr(name), AdminUsername: to.Ptr("azureuser"), LinuxConfiguration: &armcompute.LinuxConfiguration{
				DisablePasswordAuthentication: to.Ptr(true),
			}},
			StorageProfile: &armcompute.StorageProfile{
				ImageReference: &armcompute.ImageReference{Publisher: to.Ptr("Canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server"), Version: to.Ptr("latest"), ExactVersion: to.Ptr("24.04.202503010")},
				OSDisk: &armcompute.OSDisk{Name: to.Ptr(name + "-os"), OSType: to.Ptr(armcompute.OperatingSystemTypesLinux), DiskSizeGB: to.Ptr[int32](30),
					ManagedDisk: &armcompute.ManagedDiskParameters{ID: to.Ptr(s.id("rg-app", "Microsoft.Compute/disks", name+"-os"))}},
				DataDisks: []*armcompute.DataDisk{{Lun: to.Ptr[int32](0), DiskSizeGB: to.Ptr[int32](128), ManagedDisk: &armcompute.ManagedDiskParameters{ID: to.Ptr(s.id("rg-app", "Microsoft.Compute/disks", name+"-data"))}}},
			},
			NetworkProfile: &armcompute.NetworkProfile{NetworkInterfaces: []*armcompute.NetworkInterfaceReference{{
				ID: to.Ptr(s.id("rg-app", "Microsoft.Network/networkInterfaces", name+"-nic")), Properties: &armcompute.NetworkInterfaceReferenceProperties{Primary: to.Ptr(true)},
			}}},
			SecurityProfile: &armcompute.SecurityProfile{SecurityType: to.Ptr(armcompute.SecurityTypesTrustedLaunch), UefiSettings: &armcompute.UefiSettings{SecureBootEnabled: to.Ptr(true), VTpmEnabled: to.Ptr(true)}},
		},
	}
	if i == 3 { // one of Windows, at a size that nobody knows
		p := vm.Properties
		p.OSProfile.LinuxConfiguration, p.OSProfile.WindowsConfiguration = nil, &armcompute.WindowsConfiguration{}
		p.StorageProfile.OSDisk.OSType = to.Ptr(armcompute.OperatingSystemTypesWindows)
		p.StorageProfile.ImageReference = &armcompute.ImageReference{ID: to.Ptr(s.id("rg-app", "Microsoft.Compute/images", "golden"))}
		p.HardwareProfile.VMSize, p.LicenseType = to.Ptr(armcompute.VirtualMachineSizeTypes("Standard_Unheard_Of")), to.Ptr("Windows_Server")
		p.Priority = to.Ptr(armcompute.VirtualMachinePriorityTypesSpot)
	}
	if i == 4 { // no tags, no zone
		vm.Tags, vm.Zones = nil, nil
	}
	return vm
}

func (s *Subscription) status(i int) *armcompute.VirtualMachine {
	state := []string{"running", "deallocated", "stopped", "running", "starting"}[i%5]
	vm := s.machine(i)
	return &armcompute.VirtualMachine{
		ID: vm.ID, Name: vm.Name, Location: vm.Location, Type: vm.Type,
		Properties: &armcompute.VirtualMachineProperties{InstanceView: &armcompute.VirtualMachineInstanceView{
			ComputerName: to.Ptr(*vm.Name + ".internal"), OSName: to.Ptr("ubuntu"), OSVersion: to.Ptr("24.04"), HyperVGeneration: to.Ptr(armcompute.HyperVGenerationTypeV2),
			VMAgent: &armcompute.VirtualMachineAgentInstanceView{VMAgentVersion: to.Ptr("2.11.1.4"), Statuses: []*armcompute.InstanceViewStatus{{Code: to.Ptr("ProvisioningState/succeeded"), DisplayStatus: to.Ptr("Ready")}}},
			Statuses: []*armcompute.InstanceViewStatus{
				{Code: to.Ptr("ProvisioningState/succeeded"), Time: to.Ptr(born)}, {Code: to.Ptr("PowerState/" + state), DisplayStatus: to.Ptr("VM " + state)},
			},
		}},
	}
}

func (s *Subscription) adapter(i int) *armnetwork.Interface {
	name := fmt.Sprintf("vm-%03d-nic", i)
	id := s.id("rg-app", "Microsoft.Network/networkInterfaces", name)
	conf := &armnetwork.InterfaceIPConfigurationPropertiesFormat{
		PrivateIPAddress: to.Ptr(fmt.Sprintf("10.%d.%d.%d", 1+i/50000, i/200%250, i%200+4)), PrivateIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodDynamic), Primary: to.Ptr(true),
		PrivateIPAddressVersion: to.Ptr(armnetwork.IPVersionIPv4), Subnet: &armnetwork.Subnet{ID: to.Ptr(s.id("rg-net", "Microsoft.Network/virtualNetworks", "hub") + "/subnets/apps")},
	}
	if i%2 == 0 {
		conf.PublicIPAddress = &armnetwork.PublicIPAddress{ID: to.Ptr(s.id("rg-app", "Microsoft.Network/publicIPAddresses", fmt.Sprintf("vm-%03d-ip", i)))}
	}
	return &armnetwork.Interface{
		ID: to.Ptr(id), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Network/networkInterfaces"), Location: to.Ptr(region(i)), Tags: s.tags("prod"),
		Properties: &armnetwork.InterfacePropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), MacAddress: to.Ptr(fmt.Sprintf("00-0D-3A-%02X-%02X-%02X", 0x10*int(s.ID[35]-'0')+i>>16, i>>8&255, i&255)), Primary: to.Ptr(true),
			ResourceGUID: to.Ptr(fmt.Sprintf("%08x-1111-2222-3333-%s", 0x10000000+i, s.ID[24:])), EnableAcceleratedNetworking: to.Ptr(true), EnableIPForwarding: to.Ptr(false),
			VirtualMachine:       &armnetwork.SubResource{ID: to.Ptr(s.id("rg-app", "Microsoft.Compute/virtualMachines", fmt.Sprintf("vm-%03d", i)))},
			NetworkSecurityGroup: &armnetwork.SecurityGroup{ID: to.Ptr(s.id("rg-net", "Microsoft.Network/networkSecurityGroups", "web"))},
			IPConfigurations:     []*armnetwork.InterfaceIPConfiguration{{ID: to.Ptr(id + "/ipConfigurations/ipconfig1"), Name: to.Ptr("ipconfig1"), Properties: conf}},
			DNSSettings:          &armnetwork.InterfaceDNSSettings{InternalDomainNameSuffix: to.Ptr("abc.ax.internal.cloudapp.net")},
		},
	}
}

func (s *Subscription) publicIP(i int) *armnetwork.PublicIPAddress {
	name := fmt.Sprintf("vm-%03d-ip", i)
	return &armnetwork.PublicIPAddress{
		ID: to.Ptr(s.id("rg-app", "Microsoft.Network/publicIPAddresses", name)), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Network/publicIPAddresses"), Location: to.Ptr(region(i)),
		Tags: s.tags("prod"), SKU: &armnetwork.PublicIPAddressSKU{Name: to.Ptr(armnetwork.PublicIPAddressSKUNameStandard), Tier: to.Ptr(armnetwork.PublicIPAddressSKUTierRegional)},
		Properties: &armnetwork.PublicIPAddressPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), IPAddress: to.Ptr(fmt.Sprintf("20.%d.%d.%d", 50+int(s.ID[35]-'0'), i/250, i%250+1)), PublicIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodStatic),
			PublicIPAddressVersion: to.Ptr(armnetwork.IPVersionIPv4), ResourceGUID: to.Ptr(fmt.Sprintf("%08x-1111-2222-3333-%s", 0x20000000+i, s.ID[24:])),
			IPConfiguration: &armnetwork.IPConfiguration{ID: to.Ptr(s.id("rg-app", "Microsoft.Network/networkInterfaces", fmt.Sprintf("vm-%03d-nic", i)) + "/ipConfigurations/ipconfig1")},
			DNSSettings:     &armnetwork.PublicIPAddressDNSSettings{DomainNameLabel: to.Ptr(name), Fqdn: to.Ptr(name + "." + region(i) + ".cloudapp.azure.com")},
		},
	}
}
