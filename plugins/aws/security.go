package aws

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/schema"
)

func readSecurityGroups(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeSecurityGroups, &ec2.DescribeSecurityGroupsInput{Filters: r.mine(), MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeSecurityGroupsInput, out *ec2.DescribeSecurityGroupsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeSecurityGroupsOutput) error {
		for _, g := range page.SecurityGroups {
			if g.GroupId == nil {
				continue
			}
			env := r.tagged(*g.GroupId, g.Tags)
			env.Name = plain(aws.ToString(g.GroupName))
			env.ConsoleURL = r.ec2Page("SecurityGroup:groupId=", *g.GroupId)
			a := schema.SecurityGroup{Stateful: aws.Bool(true), IsDefault: aws.Bool(env.Name == "default"), Description: plain(aws.ToString(g.Description))}
			a.Rules = append(rulesOf("in", g.IpPermissions), rulesOf("out", g.IpPermissionsEgress)...)
			a.RuleCount, a.OpenToAll = len(a.Rules), aws.Bool(openToAll(a.Rules))
			relate(&env, "part_of", "network", aws.ToString(g.VpcId))
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// rulesOf makes one rule of each other side, as Amazon counts them.
func rulesOf(direction string, permissions []types.IpPermission) []schema.FirewallRule {
	var out []schema.FirewallRule
	for _, p := range permissions {
		base := schema.FirewallRule{Direction: direction, Action: "allow", Protocol: protocolName(aws.ToString(p.IpProtocol)), PortMin: count(p.FromPort), PortMax: count(p.ToPort)}
		add := func(cidr, group, etherType string, description *string) {
			rule := base
			rule.Group, rule.EtherType, rule.Description = group, etherType, plain(aws.ToString(description))
			if cidr != "" {
				rule.CIDRs = []string{cidr}
			}
			out = append(out, rule)
		}
		for _, c := range p.IpRanges {
			add(aws.ToString(c.CidrIp), "", "ipv4", c.Description)
		}
		for _, c := range p.Ipv6Ranges {
			add(aws.ToString(c.CidrIpv6), "", "ipv6", c.Description)
		}
		for _, l := range p.PrefixListIds {
			add("", aws.ToString(l.PrefixListId), "", l.Description)
		}
		for _, g := range p.UserIdGroupPairs {
			add("", aws.ToString(g.GroupId), "", g.Description)
		}
	}
	return out
}

func openToAll(rules []schema.FirewallRule) bool {
	for _, rule := range rules {
		for _, c := range rule.CIDRs {
			if rule.Direction == "in" && rule.Action == "allow" && (c == "0.0.0.0/0" || c == "::/0") {
				return true
			}
		}
	}
	return false
}

// protocolName reads a protocol that may be given by number.
func protocolName(s string) string {
	name := map[string]string{"-1": "any", "1": "icmp", "6": "tcp", "17": "udp", "50": "esp", "58": "icmpv6"}[s]
	if name == "" {
		name = strings.ToLower(s)
	}
	return name
}

func readNetworkACLs(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{Filters: r.mine(), MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeNetworkAclsInput, out *ec2.DescribeNetworkAclsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeNetworkAclsOutput) error {
		for _, n := range page.NetworkAcls {
			if n.NetworkAclId == nil {
				continue
			}
			env := r.tagged(*n.NetworkAclId, n.Tags)
			env.ConsoleURL = r.vpcPage("NetworkAclDetails:networkAclId=", *n.NetworkAclId)
			a := schema.NetworkACL{IsDefault: n.IsDefault, RuleCount: len(n.Entries)}
			for _, e := range n.Entries {
				a.Rules = append(a.Rules, aclRule(e))
			}
			relate(&env, "part_of", "network", aws.ToString(n.VpcId))
			for _, s := range n.Associations {
				relate(&env, "protects", "subnet", aws.ToString(s.SubnetId))
			}
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func aclRule(e types.NetworkAclEntry) schema.FirewallRule {
	rule := schema.FirewallRule{
		ID: strconv.Itoa(number(e.RuleNumber)), Priority: number(e.RuleNumber), Direction: "in", Action: string(e.RuleAction),
		Protocol: protocolName(aws.ToString(e.Protocol)), CIDRs: texts(e.CidrBlock, e.Ipv6CidrBlock),
	}
	if aws.ToBool(e.Egress) {
		rule.Direction = "out"
	}
	if e.PortRange != nil {
		rule.PortMin, rule.PortMax = count(e.PortRange.From), count(e.PortRange.To)
	}
	return rule
}

func readRouteTables(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: r.mine(), MaxResults: aws.Int32(100)}, func(in *ec2.DescribeRouteTablesInput, out *ec2.DescribeRouteTablesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeRouteTablesOutput) error {
		for _, t := range page.RouteTables {
			if t.RouteTableId == nil {
				continue
			}
			env := r.tagged(*t.RouteTableId, t.Tags)
			env.ConsoleURL = r.vpcPage("RouteTableDetails:RouteTableId=", *t.RouteTableId)
			a := schema.RouteTable{RouteCount: len(t.Routes), Propagation: aws.Bool(len(t.PropagatingVgws) > 0), IsMain: aws.Bool(false)}
			for _, route := range t.Routes {
				to, kind := target(route)
				a.Routes = append(a.Routes, to)
				if kind != "" {
					relate(&env, "routes_to", kind, to.Target)
				}
			}
			relate(&env, "part_of", "network", aws.ToString(t.VpcId))
			for _, at := range t.Associations {
				if aws.ToBool(at.Main) {
					a.IsMain = aws.Bool(true)
				}
			}
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// target is where a route leads, and the kind of resource that it leads to if that is one of ours.
func target(r types.Route) (schema.Route, string) {
	out := schema.Route{Origin: string(r.Origin), Status: string(r.State)}
	if d := texts(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock, r.DestinationPrefixListId); len(d) > 0 {
		out.Destination = d[0]
	}
	for _, c := range []struct {
		id         *string
		name, kind string
	}{
		{r.NatGatewayId, "nat_gateway", "gateway"}, {r.TransitGatewayId, "transit_gateway", "gateway"},
		{r.VpcPeeringConnectionId, "peering", "peering"}, {r.InstanceId, "server", ""}, {r.NetworkInterfaceId, "network_interface", "network_interface"},
		{r.EgressOnlyInternetGatewayId, "egress_only_internet_gateway", ""}, {r.CarrierGatewayId, "carrier_gateway", ""},
		{r.LocalGatewayId, "local_gateway", ""}, {r.CoreNetworkArn, "core_network", ""}, {r.OdbNetworkArn, "odb_network", ""},
	} {
		if id := aws.ToString(c.id); id != "" {
			out.Target, out.TargetType = id, c.name
			if c.name == "server" && aws.ToString(r.NetworkInterfaceId) != "" {
				return out, ""
			}
			return out, c.kind
		}
	}
	id := aws.ToString(r.GatewayId)
	out.Target = id
	switch {
	case id == "local":
		out.TargetType = "local"
	case strings.HasPrefix(id, "igw-"):
		out.TargetType = "internet_gateway"
		return out, "gateway"
	case strings.HasPrefix(id, "vgw-"):
		out.TargetType = "vpn_gateway"
		return out, "gateway"
	case strings.HasPrefix(id, "vpce-"):
		out.TargetType = "network_endpoint"
		return out, "network_endpoint"
	}
	return out, ""
}
