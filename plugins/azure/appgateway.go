package azure

import (
	"context"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// applicationGateway is Azure's load balancer for HTTP.
type applicationGateway struct {
	ProvisioningState string `json:"provisioningState"`
	OperationalState  string `json:"operationalState"`
	GUID              string `json:"resourceGuid"`
	HTTP2             *bool  `json:"enableHttp2"`
	SKU               struct {
		Name     string `json:"name"`
		Tier     string `json:"tier"`
		Capacity int    `json:"capacity"`
	} `json:"sku"`
	Autoscale struct {
		Min *int `json:"minCapacity"`
		Max *int `json:"maxCapacity"`
	} `json:"autoscaleConfiguration"`
	Gateways []item[struct {
		Subnet ref `json:"subnet"`
	}] `json:"gatewayIPConfigurations"`
	Frontends []item[frontend] `json:"frontendIPConfigurations"`
	Ports     []item[struct {
		Port int `json:"port"`
	}] `json:"frontendPorts"`
	Listeners []item[httpListener] `json:"httpListeners"`
	Pools     []item[pool]         `json:"backendAddressPools"`
	Backends  []item[struct {
		Port     int    `json:"port"`
		Protocol string `json:"protocol"`
		Affinity string `json:"cookieBasedAffinity"`
		Probe    ref    `json:"probe"`
	}] `json:"backendHttpSettingsCollection"`
	Rules []item[struct {
		Listener ref `json:"httpListener"`
		Pool     ref `json:"backendAddressPool"`
		Backend  ref `json:"backendHttpSettings"`
	}] `json:"requestRoutingRules"`
	Probes    []item[probe]    `json:"probes"`
	PathMaps  []item[struct{}] `json:"urlPathMaps"`
	Redirects []item[struct{}] `json:"redirectConfigurations"`
	TLS       struct {
		Policy  string `json:"policyName"`
		Minimum string `json:"minProtocolVersion"`
	} `json:"sslPolicy"`
	Firewall *struct {
		Enabled *bool `json:"enabled"`
	} `json:"webApplicationFirewallConfiguration"`
	Policy ref `json:"firewallPolicy"`
}

type httpListener struct {
	Frontend    ref      `json:"frontendIPConfiguration"`
	Port        ref      `json:"frontendPort"`
	Protocol    string   `json:"protocol"`
	Host        string   `json:"hostName"`
	Hosts       []string `json:"hostNames"`
	Certificate ref      `json:"sslCertificate"`
}

func readApplicationGateways(ctx context.Context, r *reader, l list) error {
	others, err := r.around(ctx)
	if err != nil {
		return err
	}
	return each(ctx, r, l, func(i item[applicationGateway]) error {
		env, p := envelope(r, i), i.Properties
		env.Unread = append(env.Unread, others.blind...)
		identify(&env, "instance_uuid", p.GUID)
		b := schema.LoadBalancer{Type: "application", Status: p.ProvisioningState, Health: p.OperationalState, Class: p.SKU.Name}
		vips := others.fronts(&env, &b, p.Frontends)
		for _, g := range p.Gateways {
			connect(&env, g.Properties.Subnet.ID)
		}
		p.pools(&env, &b, &others)
		p.listeners(&b, vips)
		switch {
		case p.Firewall != nil && p.Firewall.Enabled != nil:
			b.Firewall = p.Firewall.Enabled
		case p.Policy.ID != "":
			b.Firewall = pointer(true)
		}
		b.Zones = sorted(append(b.Zones, i.Zones...))
		finishBalancer(&b)
		i.SKU = sku{Name: p.SKU.Name, Tier: p.SKU.Tier}
		own := BalancerFields{
			PathMaps: len(p.PathMaps), Redirects: len(p.Redirects), HTTP2: p.HTTP2, MinimumTLS: p.TLS.Minimum, Policy: nameOf(p.Policy.ID),
			Capacity: p.SKU.Capacity, MinCapacity: p.Autoscale.Min, MaxCapacity: p.Autoscale.Max,
		}
		return r.emit(ctx, env, b, fieldsOf(i, p.ProvisioningState), own)
	})
}

// listeners fills in where requests are taken.
func (p applicationGateway) listeners(b *schema.LoadBalancer, vips map[string]schema.IP) {
	ports, targets := map[string]int{}, map[string]string{}
	for _, one := range p.Ports {
		ports[canonical(one.ID)] = one.Properties.Port
	}
	for _, rule := range p.Rules {
		if rule.Properties.Pool.ID != "" {
			targets[canonical(rule.Properties.Listener.ID)] = nameOf(rule.Properties.Pool.ID)
		}
	}
	for _, one := range p.Listeners {
		x := one.Properties
		listener := schema.Listener{
			Name: one.Name, Protocol: strings.ToLower(x.Protocol), Port: ports[canonical(x.Port.ID)], Address: vips[canonical(x.Frontend.ID)],
			TargetPool: targets[canonical(one.ID)], Hostnames: x.Hosts,
		}
		if x.Host != "" {
			listener.Hostnames = append(listener.Hostnames, x.Host)
		}
		listener.Hostnames = sorted(listener.Hostnames)
		if x.Certificate.ID != "" {
			listener.Certificates, listener.TLSPolicy = []string{nameOf(x.Certificate.ID)}, p.TLS.Policy
		}
		b.Listeners = append(b.Listeners, listener)
	}
}

// pools fills in where requests go. How a pool is spoken to stands in settings that a rule joins to it.
func (p applicationGateway) pools(env *resource.Envelope, b *schema.LoadBalancer, others *around) {
	for _, one := range p.Pools {
		t := others.pool(env, one)
		for _, rule := range p.Rules {
			if canonical(rule.Properties.Pool.ID) != canonical(one.ID) {
				continue
			}
			for _, s := range p.Backends {
				if canonical(s.ID) != canonical(rule.Properties.Backend.ID) {
					continue
				}
				t.Protocol, t.Port = strings.ToLower(s.Properties.Protocol), s.Properties.Port
				t.Sticky = enabled(s.Properties.Affinity)
				for _, probe := range p.Probes {
					if canonical(probe.ID) == canonical(s.Properties.Probe.ID) {
						t.HealthCheck = probe.Properties.translate()
					}
				}
			}
		}
		b.Pools = append(b.Pools, t)
	}
}
