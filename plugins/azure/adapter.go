package azure

import (
	"context"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// nic is a network interface.
type nic struct {
	ProvisioningState string   `json:"provisioningState"`
	MAC               string   `json:"macAddress"`
	Primary           *bool    `json:"primary"`
	GUID              string   `json:"resourceGuid"`
	Machine           ref      `json:"virtualMachine"`
	PrivateEndpoint   ref      `json:"privateEndpoint"`
	NSG               ref      `json:"networkSecurityGroup"`
	Forwarding        *bool    `json:"enableIPForwarding"`
	Accelerated       *bool    `json:"enableAcceleratedNetworking"`
	Type              string   `json:"nicType"`
	Configurations    []ipConf `json:"ipConfigurations"`
	DNS               struct {
		Servers  []string `json:"dnsServers"`
		Internal string   `json:"internalDnsNameLabel"`
		FQDN     string   `json:"internalFqdn"`
		Suffix   string   `json:"internalDomainNameSuffix"`
	} `json:"dnsSettings"`
}

// ipConf is one configuration of an address.
type ipConf struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		PrivateIP  string `json:"privateIPAddress"`
		Allocation string `json:"privateIPAllocationMethod"`
		Version    string `json:"privateIPAddressVersion"`
		Primary    *bool  `json:"primary"`
		Subnet     ref    `json:"subnet"`
		PublicIP   ref    `json:"publicIPAddress"`
		Pools      []ref  `json:"loadBalancerBackendAddressPools"`
		Gateways   []ref  `json:"applicationGatewayBackendAddressPools"`
	} `json:"properties"`
}

// publicIP is a public address.
type publicIP struct {
	ProvisioningState string `json:"provisioningState"`
	IP                string `json:"ipAddress"`
	Version           string `json:"publicIPAddressVersion"`
	Allocation        string `json:"publicIPAllocationMethod"`
	GUID              string `json:"resourceGuid"`
	IdleMinutes       int    `json:"idleTimeoutInMinutes"`
	Configuration     ref    `json:"ipConfiguration"`
	NAT               ref    `json:"natGateway"`
	Prefix            ref    `json:"publicIPPrefix"`
	DNS               struct {
		Label string `json:"domainNameLabel"`
		FQDN  string `json:"fqdn"`
	} `json:"dnsSettings"`
	DDoS struct {
		Mode string `json:"protectionMode"`
	} `json:"ddosSettings"`
}

// adapter is what is kept of a network interface while machines are read.
type adapter struct {
	name, mac, nsg string
	first          bool
	connected      []string // ids of subnets
	private        []schema.IP
	public         []schema.IP
	names          []string // DNS names of its public addresses
}

// outside is what is kept of a public address.
type outside struct {
	ip   schema.IP
	fqdn string
}

// publicIPs are the public addresses of the subscription by their ids.
func (r *reader) publicIPs(ctx context.Context) (map[idKey]outside, error) {
	out := map[idKey]outside{}
	err := eachAt(ctx, r, r.client.link(r.path("/providers/Microsoft.Network/publicIPAddresses"), networkVersion), func(i item[publicIP]) error {
		ip, _ := address(i.Properties.IP)
		out[keyOf(i.ID)] = outside{ip, i.Properties.DNS.FQDN}
		return nil
	})
	return out, err
}

// adapters are the network interfaces of the subscription by their ids.
func (r *reader) adapters(ctx context.Context) (map[idKey]adapter, error) {
	public, err := r.publicIPs(ctx)
	if err != nil {
		return nil, err
	}
	out, once := map[idKey]adapter{}, words{}
	err = eachAt(ctx, r, r.client.link(r.path("/providers/Microsoft.Network/networkInterfaces"), networkVersion), func(i item[nic]) error {
		out[keyOf(i.ID)] = adapterOf(i, public, once)
		return nil
	})
	return out, err
}

func adapterOf(i item[nic], public map[idKey]outside, once words) adapter {
	a := adapter{name: i.Name, nsg: once.one(i.Properties.NSG.ID)}
	if mac, ok := schema.NormalizeIdentifier("mac", i.Properties.MAC); ok {
		a.mac = mac
	}
	for _, c := range i.Properties.Configurations {
		if ip, ok := address(c.Properties.PrivateIP); ok {
			if c.Properties.Primary != nil && *c.Properties.Primary {
				a.private = append([]schema.IP{ip}, a.private...)
			} else {
				a.private = append(a.private, ip)
			}
		}
		if subnet := once.one(canonical(c.Properties.Subnet.ID)); subnet != "" && !slices.Contains(a.connected, subnet) {
			a.connected = append(a.connected, subnet)
		}
		if p, ok := public[keyOf(c.Properties.PublicIP.ID)]; ok && p.ip != "" {
			a.public = append(a.public, p.ip)
			if p.fqdn != "" {
				a.names = append(a.names, p.fqdn)
			}
		}
	}
	return a
}

// add puts an adapter into the description of its machine.
func (a adapter) add(env *resource.Envelope, s *schema.Server) {
	identify(env, "mac", a.mac)
	card := schema.ServerNetworkAdapter{Name: a.name, MAC: a.mac, IPAddresses: append(slices.Clone(a.private), a.public...)}
	for _, subnet := range a.connected {
		relate(env, "connected_to", "subnet", subnet)
		network := below(subnet, "virtualNetworks")
		relate(env, "connected_to", "network", network)
		card.Network = nameOf(network) + "/" + nameOf(subnet)
	}
	if a.nsg != "" {
		relate(env, "uses", "security_group", a.nsg)
	}
	slices.Sort(card.IPAddresses)
	s.NetworkAdapters = append(s.NetworkAdapters, card)
	s.IPAddresses = append(s.IPAddresses, card.IPAddresses...)
	s.DNSNames = append(s.DNSNames, a.names...)
	if len(a.private) > 0 && (a.first || s.PrimaryIP == "") {
		s.PrimaryIP = a.private[0]
	}
	if len(a.public) > 0 && (a.first || s.PublicIP == "") {
		s.PublicIP = a.public[0]
	}
}

func finishNetwork(s *schema.Server) {
	s.IPAddresses, s.DNSNames = sorted(s.IPAddresses), sorted(s.DNSNames)
	slices.SortFunc(s.NetworkAdapters, func(a, b schema.ServerNetworkAdapter) int { return strings.Compare(a.Name, b.Name) })
}
