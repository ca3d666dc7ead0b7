package azure

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// loadBalancer is Azure Load Balancer, which works on connections.
type loadBalancer struct {
	ProvisioningState string           `json:"provisioningState"`
	GUID              string           `json:"resourceGuid"`
	Frontends         []item[frontend] `json:"frontendIPConfigurations"`
	Pools             []item[pool]     `json:"backendAddressPools"`
	Rules             []item[lbRule]   `json:"loadBalancingRules"`
	Probes            []item[probe]    `json:"probes"`
	NATRules          []item[struct{}] `json:"inboundNatRules"`
	OutboundRules     []item[struct{}] `json:"outboundRules"`
}

type frontend struct {
	PrivateIP string `json:"privateIPAddress"`
	PublicIP  ref    `json:"publicIPAddress"`
	Subnet    ref    `json:"subnet"`
}

type pool struct {
	Members   []ref                 `json:"backendIPConfigurations"`
	Addresses []item[backendMember] `json:"loadBalancerBackendAddresses"`
	// Named are the members of an application gateway's pool.
	Named []struct {
		FQDN string `json:"fqdn"`
		IP   string `json:"ipAddress"`
	} `json:"backendAddresses"`
}

type backendMember struct {
	IP        string `json:"ipAddress"`
	Interface ref    `json:"networkInterfaceIPConfiguration"`
}

type lbRule struct {
	Frontend     ref    `json:"frontendIPConfiguration"`
	Pool         ref    `json:"backendAddressPool"`
	Pools        []ref  `json:"backendAddressPools"`
	Probe        ref    `json:"probe"`
	Protocol     string `json:"protocol"`
	Port         int    `json:"frontendPort"`
	TargetPort   int    `json:"backendPort"`
	Distribution string `json:"loadDistribution"`
}

type probe struct {
	Protocol  string `json:"protocol"`
	Port      int    `json:"port"`
	Path      string `json:"requestPath"`
	Interval  int    `json:"intervalInSeconds"`
	Failures  int    `json:"numberOfProbes"`
	Threshold int    `json:"probeThreshold"`
	// An application gateway's probes.
	GatewayPath     string `json:"path"`
	GatewayInterval int    `json:"interval"`
	Timeout         int    `json:"timeout"`
	Unhealthy       int    `json:"unhealthyThreshold"`
	Match           struct {
		Codes []string `json:"statusCodes"`
	} `json:"match"`
}

// around is what a load balancer's description needs from other lists.
type around struct {
	joined
	public  map[idKey]outside
	members map[string]behind
}

func (r *reader) around(ctx context.Context) (around, error) {
	var a around
	var err error
	a.public, err = r.publicIPs(ctx)
	if err := a.without(ctx, r, err, "public addresses", []string{"/attributes/virtual_ips", "/attributes/endpoint"}); err != nil {
		return a, err
	}
	a.members, err = r.configurations(ctx)
	// Which machines stand behind is told by their interfaces.
	err = a.without(ctx, r, err, "network interfaces", []string{"/attributes/target_pools", "/relations"})
	return a, err
}

func readLoadBalancers(ctx context.Context, r *reader, l list) error {
	others, err := r.around(ctx)
	if err != nil {
		return err
	}
	return each(ctx, r, l, func(i item[loadBalancer]) error {
		env, p := envelope(r, i), i.Properties
		env.Unread = append(env.Unread, others.blind...)
		identify(&env, "instance_uuid", p.GUID)
		b := schema.LoadBalancer{Type: "network", Status: p.ProvisioningState, Class: i.SKU.Name}
		if i.SKU.Name == "Gateway" {
			b.Type = "gateway"
		}
		vips := others.fronts(&env, &b, p.Frontends)
		probes := map[string]*schema.HealthCheck{}
		for _, one := range p.Probes {
			probes[canonical(one.ID)] = one.Properties.translate()
		}
		pools := map[string]*schema.TargetPool{}
		for _, one := range p.Pools {
			t := others.pool(&env, one)
			pools[canonical(one.ID)] = &t
		}
		for _, rule := range p.Rules {
			one := rule.Properties
			listener := schema.Listener{Name: rule.Name, Protocol: strings.ToLower(one.Protocol), Port: one.Port, Address: vips[canonical(one.Frontend.ID)], TargetPort: one.TargetPort}
			for _, target := range append([]ref{one.Pool}, one.Pools...) {
				t := pools[canonical(target.ID)]
				if t == nil {
					continue
				}
				listener.TargetPool = t.Name
				t.Protocol, t.Port, t.HealthCheck = listener.Protocol, one.TargetPort, probes[canonical(one.Probe.ID)]
				if one.Distribution != "" && one.Distribution != "Default" {
					t.Sticky, t.Algorithm = pointer(true), one.Distribution
				}
			}
			b.Listeners = append(b.Listeners, listener)
		}
		for _, one := range p.Pools {
			b.Pools = append(b.Pools, *pools[canonical(one.ID)])
		}
		finishBalancer(&b)
		return r.emit(ctx, env, b, fieldsOf(i, p.ProvisioningState), BalancerFields{NATRules: len(p.NATRules), OutboundRules: len(p.OutboundRules)})
	})
}

// fronts fills in where a load balancer is reached, and answers the address of each of its fronts.
func (a *around) fronts(env *resource.Envelope, b *schema.LoadBalancer, list []item[frontend]) map[string]schema.IP {
	out := map[string]schema.IP{}
	b.Scheme = "private"
	for _, f := range list {
		b.Zones = append(b.Zones, f.Zones...)
		if f.Properties.PublicIP.ID != "" {
			b.Scheme = "public"
			found := a.public[keyOf(f.Properties.PublicIP.ID)]
			out[canonical(f.ID)] = found.ip
			if found.fqdn != "" {
				b.DNSHostnames = append(b.DNSHostnames, found.fqdn)
				identify(env, "fqdn", found.fqdn)
			}
		}
		if ip, ok := address(f.Properties.PrivateIP); ok {
			out[canonical(f.ID)] = ip
		}
		connect(env, f.Properties.Subnet.ID)
	}
	for _, ip := range out {
		if ip != "" {
			b.VIPs = append(b.VIPs, ip)
		}
	}
	b.VIPs, b.Zones, b.DNSHostnames = sorted(b.VIPs), sorted(b.Zones), sorted(b.DNSHostnames)
	switch {
	case len(b.DNSHostnames) > 0:
		b.Endpoint = b.DNSHostnames[0]
	case len(b.VIPs) > 0:
		b.Endpoint = string(b.VIPs[0])
	}
	return out
}

// connect relates to a subnet and its network.
func connect(env *resource.Envelope, subnet string) {
	relate(env, "connected_to", "subnet", subnet)
	relate(env, "connected_to", "network", below(subnet, "virtualNetworks"))
}

// pool translates a pool of targets, and relates to the machines behind them.
func (a *around) pool(env *resource.Envelope, p item[pool]) schema.TargetPool {
	out := schema.TargetPool{Name: p.Name}
	add := func(configuration, ip, name string) {
		t := schema.Target{Name: name, Address: ip}
		machine := ""
		if set := below(configuration, "virtualMachineScaleSets"); set != "" {
			machine = below(configuration, "virtualMachines")
			t.Name = nameOf(set) + "_" + nameOf(machine)
		} else if configuration != "" {
			found := a.members[canonical(configuration)]
			machine = found.machine
			t.Address = string(found.ip)
			// An interface without a machine is a target too.
			t.ID = canonical(below(configuration, "networkInterfaces"))
		}
		if machine != "" {
			t.ID = canonical(machine)
			relate(env, "routes_to", "server", machine)
		}
		if t.Name == "" {
			t.Name = nameOf(t.ID)
		}
		same := func(o schema.Target) bool {
			return o.ID == t.ID && o.Address == t.Address || t.ID != "" && o.ID == t.ID && t.Address == ""
		}
		if !slices.ContainsFunc(out.Targets, same) {
			out.Targets = append(out.Targets, t)
		}
	}
	for _, m := range p.Properties.Members {
		add(m.ID, "", "")
	}
	for _, m := range p.Properties.Addresses {
		// A machine by its interface is among the members too.
		if m.Properties.Interface.ID == "" {
			add("", m.Properties.IP, m.Name)
		}
	}
	for _, m := range p.Properties.Named {
		add("", m.IP, m.FQDN)
	}
	return out
}

func (p probe) translate() *schema.HealthCheck {
	h := &schema.HealthCheck{
		Protocol: strings.ToLower(p.Protocol), Path: p.Path, IntervalSeconds: p.Interval, UnhealthyThreshold: p.Failures, HealthyThreshold: p.Threshold,
		TimeoutSeconds: p.Timeout, ExpectedCodes: strings.Join(p.Match.Codes, ","),
	}
	if p.Port > 0 {
		h.Port = strconv.Itoa(p.Port)
	}
	if p.GatewayPath != "" {
		h.Path = p.GatewayPath
	}
	if p.GatewayInterval > 0 {
		h.IntervalSeconds = p.GatewayInterval
	}
	if p.Unhealthy > 0 {
		h.UnhealthyThreshold = p.Unhealthy
	}
	return h
}

func finishBalancer(b *schema.LoadBalancer) {
	for _, p := range b.Pools {
		b.TargetCount += len(p.Targets)
	}
	slices.SortFunc(b.Listeners, func(x, y schema.Listener) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.Pools, func(x, y schema.TargetPool) int { return strings.Compare(x.Name, y.Name) })
}
