package azure

import (
	"context"
	"strings"

	"maestro.internal/sdk/schema"
)

func readInterfaces(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[nic]) error {
		env, p := envelope(r, i), i.Properties
		a := schema.NetworkInterface{Type: "virtual"}
		kept := adapterOf(i, nil, nil)
		for _, ip := range kept.private {
			a.Addresses = append(a.Addresses, schema.InterfaceAddress{IP: ip})
		}
		if len(kept.private) > 0 {
			a.PrimaryIP = kept.private[0]
		}
		if p.DNS.FQDN != "" {
			a.DNSNames = append(a.DNSNames, p.DNS.FQDN)
		}
		if p.Forwarding != nil {
			// An interface that may not forward drops what is not its own.
			a.SourceCheck = pointer(!*p.Forwarding)
		}
		if p.PrivateEndpoint.ID != "" || i.ManagedBy != "" {
			a.Managed = pointer(true)
		}
		identify(&env, "mac", p.MAC)
		identify(&env, "instance_uuid", p.GUID)
		relate(&env, "attached_to", "server", p.Machine.ID)
		for _, subnet := range kept.connected {
			relate(&env, "connected_to", "subnet", subnet)
			relate(&env, "connected_to", "network", below(subnet, "virtualNetworks"))
		}
		relate(&env, "uses", "security_group", p.NSG.ID)
		own := InterfaceFields{
			Accelerated: p.Accelerated, Forwarding: p.Forwarding, PrivateEndpoint: nameOf(p.PrivateEndpoint.ID), DNSServers: p.DNS.Servers, Type: p.Type,
		}
		return r.emit(ctx, env, a, fieldsOf(i, p.ProvisioningState), own)
	})
}

// behind is what an address of a network interface leads to.
type behind struct {
	ip      schema.IP
	machine string
}

// configurations are the addresses of all network interfaces, by the ids of their configurations.
func (r *reader) configurations(ctx context.Context) (map[string]behind, error) {
	out := map[string]behind{}
	err := eachAt(ctx, r, r.client.link(r.path("/providers/Microsoft.Network/networkInterfaces"), networkVersion), func(i item[nic]) error {
		for _, c := range i.Properties.Configurations {
			ip, _ := address(c.Properties.PrivateIP)
			out[canonical(c.ID)] = behind{ip, i.Properties.Machine.ID}
		}
		return nil
	})
	return out, err
}

func readAddresses(ctx context.Context, r *reader, l list) error {
	j := joined{}
	known, err := r.configurations(ctx)
	if err := j.without(ctx, r, err, "network interfaces", []string{"/attributes/fixed_ip"}); err != nil {
		return err
	}
	return each(ctx, r, l, func(i item[publicIP]) error {
		env, p := envelope(r, i), i.Properties
		env.Unread = append(env.Unread, j.blind...)
		a := schema.Address{
			Type: "public", Status: p.ProvisioningState, Allocation: strings.ToLower(p.Allocation), DNSName: p.DNS.FQDN, Tier: i.SKU.Tier,
			Pool: nameOf(p.Prefix.ID), InUse: pointer(p.Configuration.ID != "" || p.NAT.ID != ""),
		}
		a.IP, _ = address(p.IP)
		identify(&env, "instance_uuid", p.GUID)
		to := p.Configuration.ID
		for _, target := range []struct{ typ, kind string }{
			{"networkInterfaces", "network_interface"}, {"loadBalancers", "load_balancer"}, {"applicationGateways", "load_balancer"},
		} {
			// The adapters of a scale set's instances are no resources of their own.
			if id := below(to, target.typ); id != "" && below(to, "virtualMachineScaleSets") == "" {
				relate(&env, "attached_to", target.kind, id)
			}
		}
		if below(to, "virtualMachineScaleSets") != "" {
			relate(&env, "attached_to", "server", below(to, "virtualMachines"))
		}
		if nic, ok := known[canonical(to)]; ok {
			a.FixedIP = nic.ip
			relate(&env, "attached_to", "server", nic.machine)
		}
		relate(&env, "attached_to", "gateway", p.NAT.ID)
		own := InterfaceFields{IPVersion: p.Version, IdleMinutes: p.IdleMinutes, DDoS: p.DDoS.Mode}
		return r.emit(ctx, env, a, fieldsOf(i, p.ProvisioningState), own)
	})
}
