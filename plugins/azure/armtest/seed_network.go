package armtest

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v8"
)

// The lists of networks.
const (
	Networks       = "/providers/Microsoft.Network/virtualNetworks"
	RouteTables    = "/providers/Microsoft.Network/routeTables"
	SecurityGroups = "/providers/Microsoft.Network/networkSecurityGroups"
	NATGateways    = "/providers/Microsoft.Network/natGateways"
	LoadBalancers  = "/providers/Microsoft.Network/loadBalancers"
	Gateways       = "/providers/Microsoft.Network/applicationGateways"
)

func (s *Subscription) net(typ, name string) *string {
	return to.Ptr(s.id("rg-net", "Microsoft.Network/"+typ, name))
}

func (s *Subscription) seedNetworks() {
	s.Put(Networks, s.network("hub", "10.1.0.0/16", "spoke"), s.network("spoke", "10.2.0.0/16", "hub"))
	for _, n := range []string{"lonely", "of the old datacenter", "ünïcode"} {
		s.Put(Networks, s.network(n, "172.16.0.0/24", ""))
	}
	s.Put(RouteTables, &armnetwork.RouteTable{
		ID: s.net("routeTables", "through-firewall"), Name: to.Ptr("through-firewall"), Type: to.Ptr("Microsoft.Network/routeTables"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"),
		Properties: &armnetwork.RouteTablePropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), DisableBgpRoutePropagation: to.Ptr(true),
			Routes: []*armnetwork.Route{
				{Name: to.Ptr("default"), Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: to.Ptr("0.0.0.0/0"), NextHopType: to.Ptr(armnetwork.RouteNextHopTypeVirtualAppliance), NextHopIPAddress: to.Ptr("10.1.255.4"), ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded)}},
				{Name: to.Ptr("local"), Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: to.Ptr("10.1.0.0/16"), NextHopType: to.Ptr(armnetwork.RouteNextHopTypeVnetLocal)}},
			},
		},
	})
	s.Put(SecurityGroups, s.securityGroup("web", "*"), s.securityGroup("data", "10.0.0.0/8"))
	s.Put(NATGateways, &armnetwork.NatGateway{
		ID: s.net("natGateways", "out"), Name: to.Ptr("out"), Type: to.Ptr("Microsoft.Network/natGateways"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"), SKU: &armnetwork.NatGatewaySKU{Name: to.Ptr(armnetwork.NatGatewaySKUNameStandard)},
		Zones: []*string{to.Ptr("1")},
		Properties: &armnetwork.NatGatewayPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), IdleTimeoutInMinutes: to.Ptr[int32](4), ResourceGUID: to.Ptr(uuid("nat", s.ID)),
			PublicIPAddresses: []*armnetwork.SubResource{{ID: s.net("publicIPAddresses", "nat-ip")}}, Subnets: []*armnetwork.SubResource{{ID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")}},
		},
	})
	s.Put(PublicIPs, s.frontIP("nat-ip", "", func(p *armnetwork.PublicIPAddressPropertiesFormat) {
		p.NatGateway = &armnetwork.NatGateway{ID: s.net("natGateways", "out")}
	}))
	s.Put(PublicIPs, s.frontIP("lb-ip", *s.net("loadBalancers", "public")+"/frontendIPConfigurations/front", nil))
	s.Put(PublicIPs, s.frontIP("gw-ip", *s.net("applicationGateways", "web")+"/frontendIPConfigurations/front", nil))
	s.Put(PublicIPs, s.frontIP("idle-ip", "", nil))
	s.Put(LoadBalancers, s.publicBalancer(), s.internalBalancer())
	s.Put(Gateways, s.gateway())
}

func (s *Subscription) frontIP(name, configuration string, change func(*armnetwork.PublicIPAddressPropertiesFormat)) *armnetwork.PublicIPAddress {
	ip := s.publicIP(100)
	ip.ID, ip.Name = s.net("publicIPAddresses", name), to.Ptr(name)
	ip.Properties.IPAddress, ip.Properties.ResourceGUID = to.Ptr(fmt.Sprintf("20.70.%s.%d", s.ID[34:35], len(name)*7+int(name[0]))), to.Ptr(uuid("ip", s.ID, name))
	ip.Properties.DNSSettings.Fqdn, ip.Properties.IPConfiguration = to.Ptr(name+"-"+s.ID[35:]+".westeurope.cloudapp.azure.com"), nil
	if configuration != "" {
		ip.Properties.IPConfiguration = &armnetwork.IPConfiguration{ID: to.Ptr(configuration)}
	}
	if change != nil {
		change(ip.Properties)
	}
	return ip
}

func (s *Subscription) network(name, cidr, peer string) *armnetwork.VirtualNetwork {
	id := s.net("virtualNetworks", name)
	sub := func(n, prefix string) *armnetwork.Subnet {
		return &armnetwork.Subnet{ID: to.Ptr(*id + "/subnets/" + n), Name: to.Ptr(n), Properties: &armnetwork.SubnetPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), AddressPrefix: to.Ptr(prefix), PrivateEndpointNetworkPolicies: to.Ptr(armnetwork.VirtualNetworkPrivateEndpointNetworkPoliciesDisabled),
			NetworkSecurityGroup: &armnetwork.SecurityGroup{ID: s.net("networkSecurityGroups", "web")}, RouteTable: &armnetwork.RouteTable{ID: s.net("routeTables", "through-firewall")},
			NatGateway: &armnetwork.SubResource{ID: s.net("natGateways", "out")}, ServiceEndpoints: []*armnetwork.ServiceEndpointPropertiesFormat{{Service: to.Ptr("Microsoft.Storage")}},
			Delegations: []*armnetwork.Delegation{{Name: to.Ptr("d"), Properties: &armnetwork.ServiceDelegationPropertiesFormat{ServiceName: to.Ptr("Microsoft.DBforPostgreSQL/flexibleServers")}}},
		}}
	}
	both := sub("both", "")
	both.Properties.AddressPrefix, both.Properties.AddressPrefixes = nil, []*string{to.Ptr("fd00:1::/64"), to.Ptr(cidr)}
	v := &armnetwork.VirtualNetwork{
		ID: id, Name: to.Ptr(name), Type: to.Ptr("Microsoft.Network/virtualNetworks"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"),
		Properties: &armnetwork.VirtualNetworkPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), ResourceGUID: to.Ptr(uuid("network", s.ID, name)), EnableDdosProtection: to.Ptr(false), EnableVMProtection: to.Ptr(false),
			AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{to.Ptr(cidr), to.Ptr("fd00:1::/48")}}, DhcpOptions: &armnetwork.DhcpOptions{DNSServers: []*string{to.Ptr("10.1.0.53"), to.Ptr("10.1.0.54")}},
			Subnets: []*armnetwork.Subnet{sub("apps", cidr), both},
		},
	}
	if peer != "" {
		v.Properties.VirtualNetworkPeerings = []*armnetwork.VirtualNetworkPeering{{
			ID: to.Ptr(*id + "/virtualNetworkPeerings/to-" + peer), Name: to.Ptr("to-" + peer), Properties: &armnetwork.VirtualNetworkPeeringPropertiesFormat{
				ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), PeeringState: to.Ptr(armnetwork.VirtualNetworkPeeringStateConnected), PeeringSyncLevel: to.Ptr(armnetwork.VirtualNetworkPeeringLevelFullyInSync),
				RemoteVirtualNetwork: &armnetwork.SubResource{ID: s.net("virtualNetworks", peer)}, RemoteVirtualNetworkAddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.2.0.0/16")}},
				AllowForwardedTraffic: to.Ptr(true), AllowGatewayTransit: to.Ptr(peer == "spoke"), UseRemoteGateways: to.Ptr(peer != "spoke"), AllowVirtualNetworkAccess: to.Ptr(true),
			},
		}}
	}
	return v
}

func (s *Subscription) securityGroup(name, from string) *armnetwork.SecurityGroup {
	id := s.net("networkSecurityGroups", name)
	rule := func(n string, priority int32, p armnetwork.SecurityRulePropertiesFormat) *armnetwork.SecurityRule {
		p.Priority, p.ProvisioningState = to.Ptr(priority), to.Ptr(armnetwork.ProvisioningStateSucceeded)
		return &armnetwork.SecurityRule{ID: to.Ptr(*id + "/securityRules/" + n), Name: to.Ptr(n), Properties: &p}
	}
	in, out, allow, deny, any := to.Ptr(armnetwork.SecurityRuleDirectionInbound), to.Ptr(armnetwork.SecurityRuleDirectionOutbound), to.Ptr(armnetwork.SecurityRuleAccessAllow), to.Ptr(armnetwork.SecurityRuleAccessDeny), to.Ptr("*")
	return &armnetwork.SecurityGroup{
		ID: id, Name: to.Ptr(name), Type: to.Ptr("Microsoft.Network/networkSecurityGroups"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"),
		Properties: &armnetwork.SecurityGroupPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), ResourceGUID: to.Ptr(uuid("nsg", s.ID, name)),
			SecurityRules: []*armnetwork.SecurityRule{
				rule("https", 100, armnetwork.SecurityRulePropertiesFormat{Direction: in, Access: allow, Protocol: to.Ptr(armnetwork.SecurityRuleProtocolTCP), SourceAddressPrefix: to.Ptr(from), SourcePortRange: any, DestinationAddressPrefix: any, DestinationPortRange: to.Ptr("443"), Description: to.Ptr("web")}),
				rule("several", 110, armnetwork.SecurityRulePropertiesFormat{Direction: in, Access: allow, Protocol: to.Ptr(armnetwork.SecurityRuleProtocolAsterisk), SourceAddressPrefixes: []*string{to.Ptr("10.0.0.0/8"), to.Ptr("192.168.0.0/16")}, SourcePortRange: any, DestinationAddressPrefix: any, DestinationPortRanges: []*string{to.Ptr("8080-8090"), to.Ptr("22")}}),
				rule("group", 120, armnetwork.SecurityRulePropertiesFormat{Direction: out, Access: deny, Protocol: to.Ptr(armnetwork.SecurityRuleProtocolUDP), SourceAddressPrefix: any, SourcePortRange: any, DestinationApplicationSecurityGroups: []*armnetwork.ApplicationSecurityGroup{{ID: s.net("applicationSecurityGroups", "dns")}}, DestinationPortRange: to.Ptr("53-54")}),
			},
			DefaultSecurityRules: []*armnetwork.SecurityRule{rule("DenyAllInBound", 4096, armnetwork.SecurityRulePropertiesFormat{Direction: in, Access: deny, Protocol: to.Ptr(armnetwork.SecurityRuleProtocolAsterisk), SourceAddressPrefix: any, SourcePortRange: any, DestinationAddressPrefix: any, DestinationPortRange: any})},
			Subnets:              []*armnetwork.Subnet{{ID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")}},
			NetworkInterfaces:    []*armnetwork.Interface{{ID: to.Ptr(s.id("rg-app", "Microsoft.Network/networkInterfaces", "vm-000-nic"))}},
		},
	}
}

func (s *Subscription) publicBalancer() *armnetwork.LoadBalancer {
	id := *s.net("loadBalancers", "public")
	nic := func(i int) *armnetwork.InterfaceIPConfiguration {
		return &armnetwork.InterfaceIPConfiguration{ID: to.Ptr(s.id("rg-app", "Microsoft.Network/networkInterfaces", fmt.Sprintf("vm-%03d-nic", i)) + "/ipConfigurations/ipconfig1")}
	}
	return &armnetwork.LoadBalancer{
		ID: to.Ptr(id), Name: to.Ptr("public"), Type: to.Ptr("Microsoft.Network/loadBalancers"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"), SKU: &armnetwork.LoadBalancerSKU{Name: to.Ptr(armnetwork.LoadBalancerSKUNameStandard), Tier: to.Ptr(armnetwork.LoadBalancerSKUTierRegional)},
		Properties: &armnetwork.LoadBalancerPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), ResourceGUID: to.Ptr(uuid("lb", s.ID)),
			FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{{ID: to.Ptr(id + "/frontendIPConfigurations/front"), Name: to.Ptr("front"), Properties: &armnetwork.FrontendIPConfigurationPropertiesFormat{PublicIPAddress: &armnetwork.PublicIPAddress{ID: s.net("publicIPAddresses", "lb-ip")}}}},
			BackendAddressPools: []*armnetwork.BackendAddressPool{
				{ID: to.Ptr(id + "/backendAddressPools/machines"), Name: to.Ptr("machines"), Properties: &armnetwork.BackendAddressPoolPropertiesFormat{BackendIPConfigurations: []*armnetwork.InterfaceIPConfiguration{nic(0), nic(1)}}},
				{ID: to.Ptr(id + "/backendAddressPools/set"), Name: to.Ptr("set"), Properties: &armnetwork.BackendAddressPoolPropertiesFormat{BackendIPConfigurations: []*armnetwork.InterfaceIPConfiguration{
					{ID: to.Ptr(s.id("rg-app", "Microsoft.Compute/virtualMachineScaleSets", "pool-0") + "/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ip")}}}},
			},
			LoadBalancingRules: []*armnetwork.LoadBalancingRule{{Name: to.Ptr("https"), Properties: &armnetwork.LoadBalancingRulePropertiesFormat{
				Protocol: to.Ptr(armnetwork.TransportProtocolTCP), FrontendPort: to.Ptr[int32](443), BackendPort: to.Ptr[int32](8443), LoadDistribution: to.Ptr(armnetwork.LoadDistributionSourceIP),
				FrontendIPConfiguration: &armnetwork.SubResource{ID: to.Ptr(id + "/frontendIPConfigurations/front")}, BackendAddressPool: &armnetwork.SubResource{ID: to.Ptr(id + "/backendAddressPools/machines")}, Probe: &armnetwork.SubResource{ID: to.Ptr(id + "/probes/alive")},
			}}},
			Probes: []*armnetwork.Probe{{ID: to.Ptr(id + "/probes/alive"), Name: to.Ptr("alive"), Properties: &armnetwork.ProbePropertiesFormat{Protocol: to.Ptr(armnetwork.ProbeProtocolHTTP), Port: to.Ptr[int32](8080), RequestPath: to.Ptr("/healthz"), IntervalInSeconds: to.Ptr[int32](5), NumberOfProbes: to.Ptr[int32](2)}}},
		},
	}
}

func (s *Subscription) internalBalancer() *armnetwork.LoadBalancer {
	id := *s.net("loadBalancers", "internal")
	return &armnetwork.LoadBalancer{
		ID: to.Ptr(id), Name: to.Ptr("internal"), Type: to.Ptr("Microsoft.Network/loadBalancers"), Location: to.Ptr("westeurope"), SKU: &armnetwork.LoadBalancerSKU{Name: to.Ptr(armnetwork.LoadBalancerSKUNameStandard)},
		Properties: &armnetwork.LoadBalancerPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded),
			FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{{ID: to.Ptr(id + "/frontendIPConfigurations/front"), Name: to.Ptr("front"), Zones: []*string{to.Ptr("1"), to.Ptr("2")}, Properties: &armnetwork.FrontendIPConfigurationPropertiesFormat{
				PrivateIPAddress: to.Ptr("10.1.0.200"), Subnet: &armnetwork.Subnet{ID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")}}}},
			BackendAddressPools: []*armnetwork.BackendAddressPool{{ID: to.Ptr(id + "/backendAddressPools/addresses"), Name: to.Ptr("addresses"), Properties: &armnetwork.BackendAddressPoolPropertiesFormat{
				LoadBalancerBackendAddresses: []*armnetwork.LoadBalancerBackendAddress{{Name: to.Ptr("onprem"), Properties: &armnetwork.LoadBalancerBackendAddressPropertiesFormat{IPAddress: to.Ptr("10.9.0.7")}}}}}},
		},
	}
}

func (s *Subscription) gateway() *armnetwork.ApplicationGateway {
	id := *s.net("applicationGateways", "web")
	ref := func(part string) *armnetwork.SubResource { return &armnetwork.SubResource{ID: to.Ptr(id + part)} }
	return &armnetwork.ApplicationGateway{
		ID: to.Ptr(id), Name: to.Ptr("web"), Type: to.Ptr("Microsoft.Network/applicationGateways"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"), Zones: []*string{to.Ptr("1"), to.Ptr("2")},
		Properties: &armnetwork.ApplicationGatewayPropertiesFormat{
			ProvisioningState: to.Ptr(armnetwork.ProvisioningStateSucceeded), OperationalState: to.Ptr(armnetwork.ApplicationGatewayOperationalStateRunning), ResourceGUID: to.Ptr(uuid("gw", s.ID)), EnableHTTP2: to.Ptr(true),
			SKU:                                 &armnetwork.ApplicationGatewaySKU{Name: to.Ptr(armnetwork.ApplicationGatewaySKUNameWAFV2), Tier: to.Ptr(armnetwork.ApplicationGatewayTierWAFV2)},
			AutoscaleConfiguration:              &armnetwork.ApplicationGatewayAutoscaleConfiguration{MinCapacity: to.Ptr[int32](0), MaxCapacity: to.Ptr[int32](10)},
			GatewayIPConfigurations:             []*armnetwork.ApplicationGatewayIPConfiguration{{Name: to.Ptr("gw"), Properties: &armnetwork.ApplicationGatewayIPConfigurationPropertiesFormat{Subnet: &armnetwork.SubResource{ID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")}}}},
			FrontendIPConfigurations:            []*armnetwork.ApplicationGatewayFrontendIPConfiguration{{ID: to.Ptr(id + "/frontendIPConfigurations/front"), Name: to.Ptr("front"), Properties: &armnetwork.ApplicationGatewayFrontendIPConfigurationPropertiesFormat{PublicIPAddress: &armnetwork.SubResource{ID: s.net("publicIPAddresses", "gw-ip")}}}},
			FrontendPorts:                       []*armnetwork.ApplicationGatewayFrontendPort{{ID: to.Ptr(id + "/frontendPorts/https"), Name: to.Ptr("https"), Properties: &armnetwork.ApplicationGatewayFrontendPortPropertiesFormat{Port: to.Ptr[int32](443)}}},
			HTTPListeners:                       []*armnetwork.ApplicationGatewayHTTPListener{{ID: to.Ptr(id + "/httpListeners/shop"), Name: to.Ptr("shop"), Properties: &armnetwork.ApplicationGatewayHTTPListenerPropertiesFormat{FrontendIPConfiguration: ref("/frontendIPConfigurations/front"), FrontendPort: ref("/frontendPorts/https"), Protocol: to.Ptr(armnetwork.ApplicationGatewayProtocolHTTPS), HostNames: []*string{to.Ptr("shop.example.org"), to.Ptr("*.shop.example.org")}, SSLCertificate: ref("/sslCertificates/wildcard")}}},
			BackendAddressPools:                 []*armnetwork.ApplicationGatewayBackendAddressPool{{ID: to.Ptr(id + "/backendAddressPools/apps"), Name: to.Ptr("apps"), Properties: &armnetwork.ApplicationGatewayBackendAddressPoolPropertiesFormat{BackendAddresses: []*armnetwork.ApplicationGatewayBackendAddress{{Fqdn: to.Ptr("app.internal")}, {IPAddress: to.Ptr("10.1.0.9")}}, BackendIPConfigurations: []*armnetwork.InterfaceIPConfiguration{{ID: to.Ptr(s.id("rg-app", "Microsoft.Network/networkInterfaces", "vm-002-nic") + "/ipConfigurations/ipconfig1")}}}}},
			BackendHTTPSettingsCollection:       []*armnetwork.ApplicationGatewayBackendHTTPSettings{{ID: to.Ptr(id + "/backendHttpSettingsCollection/plain"), Name: to.Ptr("plain"), Properties: &armnetwork.ApplicationGatewayBackendHTTPSettingsPropertiesFormat{Port: to.Ptr[int32](8080), Protocol: to.Ptr(armnetwork.ApplicationGatewayProtocolHTTP), CookieBasedAffinity: to.Ptr(armnetwork.ApplicationGatewayCookieBasedAffinityEnabled), Probe: ref("/probes/live")}}},
			RequestRoutingRules:                 []*armnetwork.ApplicationGatewayRequestRoutingRule{{Name: to.Ptr("rule"), Properties: &armnetwork.ApplicationGatewayRequestRoutingRulePropertiesFormat{HTTPListener: ref("/httpListeners/shop"), BackendAddressPool: ref("/backendAddressPools/apps"), BackendHTTPSettings: ref("/backendHttpSettingsCollection/plain")}}},
			Probes:                              []*armnetwork.ApplicationGatewayProbe{{ID: to.Ptr(id + "/probes/live"), Name: to.Ptr("live"), Properties: &armnetwork.ApplicationGatewayProbePropertiesFormat{Protocol: to.Ptr(armnetwork.ApplicationGatewayProtocolHTTP), Path: to.Ptr("/live"), Interval: to.Ptr[int32](30), Timeout: to.Ptr[int32](20), UnhealthyThreshold: to.Ptr[int32](3), Match: &armnetwork.ApplicationGatewayProbeHealthResponseMatch{StatusCodes: []*string{to.Ptr("200-399")}}}}},
			SSLPolicy:                           &armnetwork.ApplicationGatewaySSLPolicy{PolicyName: to.Ptr(armnetwork.ApplicationGatewaySSLPolicyNameAppGwSSLPolicy20220101), MinProtocolVersion: to.Ptr(armnetwork.ApplicationGatewaySSLProtocolTLSv12)},
			WebApplicationFirewallConfiguration: &armnetwork.ApplicationGatewayWebApplicationFirewallConfiguration{Enabled: to.Ptr(true)},
		},
	}
}
