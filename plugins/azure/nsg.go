package azure

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/sdk/schema"
)

// securityGroup is a network security group.
type securityGroup struct {
	ProvisioningState string               `json:"provisioningState"`
	GUID              string               `json:"resourceGuid"`
	Rules             []item[securityRule] `json:"securityRules"`
	Defaults          []item[securityRule] `json:"defaultSecurityRules"`
	Subnets           []ref                `json:"subnets"`
	Interfaces        []ref                `json:"networkInterfaces"`
}

type securityRule struct {
	Description          string   `json:"description"`
	Protocol             string   `json:"protocol"`
	Access               string   `json:"access"`
	Direction            string   `json:"direction"`
	Priority             int      `json:"priority"`
	SourcePrefix         string   `json:"sourceAddressPrefix"`
	SourcePrefixes       []string `json:"sourceAddressPrefixes"`
	SourceGroups         []ref    `json:"sourceApplicationSecurityGroups"`
	DestinationPrefix    string   `json:"destinationAddressPrefix"`
	DestinationPrefixes  []string `json:"destinationAddressPrefixes"`
	DestinationGroups    []ref    `json:"destinationApplicationSecurityGroups"`
	DestinationPort      string   `json:"destinationPortRange"`
	DestinationPortRange []string `json:"destinationPortRanges"`
}

func readSecurityGroups(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[securityGroup]) error {
		env, p := envelope(r, i), i.Properties
		identify(&env, "instance_uuid", p.GUID)
		g := schema.SecurityGroup{Stateful: pointer(true), OpenToAll: pointer(false)}
		for _, rule := range p.Rules {
			one := rule.Properties.translate(rule.Name)
			g.Rules = append(g.Rules, one)
			if one.Direction == "in" && one.Action == "allow" && slices.ContainsFunc(one.CIDRs, everywhere) {
				g.OpenToAll = pointer(true)
			}
		}
		// Those that Azure adds to every group hold as well, after all others.
		for _, rule := range p.Defaults {
			g.Rules = append(g.Rules, rule.Properties.translate(rule.Name))
		}
		g.RuleCount = len(g.Rules)
		for _, s := range p.Subnets {
			relate(&env, "protects", "subnet", s.ID)
		}
		for _, n := range p.Interfaces {
			relate(&env, "protects", "network_interface", n.ID)
		}
		return r.emit(ctx, env, g, fieldsOf(i, p.ProvisioningState))
	})
}

// everywhere is how a rule names the whole internet.
func everywhere(prefix string) bool {
	return slices.Contains([]string{"*", "0.0.0.0/0", "::/0", "internet", "any"}, strings.ToLower(prefix))
}

func (s securityRule) translate(name string) schema.FirewallRule {
	f := schema.FirewallRule{Name: name, Priority: s.Priority, Protocol: strings.ToLower(s.Protocol), Description: s.Description}
	if f.Protocol == "*" {
		f.Protocol = "any"
	}
	switch strings.ToLower(s.Access) {
	case "allow", "deny":
		f.Action = strings.ToLower(s.Access)
	}
	others, groups := append(slices.Clone(s.SourcePrefixes), s.SourcePrefix), s.SourceGroups
	switch strings.ToLower(s.Direction) {
	case "inbound":
		f.Direction = "in"
	case "outbound":
		f.Direction = "out"
		others, groups = append(slices.Clone(s.DestinationPrefixes), s.DestinationPrefix), s.DestinationGroups
	}
	f.CIDRs = sorted(slices.DeleteFunc(others, func(p string) bool { return p == "" }))
	var names []string
	for _, g := range groups {
		names = append(names, nameOf(g.ID))
	}
	f.Group = strings.Join(sorted(names), ", ")
	ports := slices.DeleteFunc(append(slices.Clone(s.DestinationPortRange), s.DestinationPort), func(p string) bool { return p == "" || p == "*" })
	if len(ports) == 1 {
		if f.PortMin, f.PortMax = portRange(ports[0]); f.PortMin != nil {
			return f
		}
	}
	f.Ports = sorted(ports)
	return f
}

// portRange reads "22" and "8000-8080".
func portRange(s string) (first, last *int) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	a, err := strconv.ParseUint(from, 10, 16)
	b, berr := strconv.ParseUint(to, 10, 16)
	if err != nil || berr != nil {
		return nil, nil
	}
	return pointer(int(a)), pointer(int(b))
}
