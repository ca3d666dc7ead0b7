package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// mine selects what the account owns. A network that is shared is listed in every account that it is shared with, but
// it is one network: its owner's.
func (r *reader) mine() []types.Filter {
	return []types.Filter{{Name: aws.String("owner-id"), Values: []string{r.account}}}
}

// networkFields are what only VPCs have.
type networkFields struct {
	DHCPOptions string `json:"dhcp_options_id,omitempty" label:"DHCP options"`
	Tenancy     string `json:"tenancy,omitempty" label:"Tenancy"`
}

func readNetworks(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeVpcs, &ec2.DescribeVpcsInput{Filters: r.mine(), MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeVpcsInput, out *ec2.DescribeVpcsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeVpcsOutput) error {
		for _, v := range page.Vpcs {
			if v.VpcId == nil {
				continue
			}
			env := r.tagged(*v.VpcId, v.Tags)
			env.ConsoleURL = r.vpcPage("VpcDetails:VpcId=", *v.VpcId)
			a := schema.Network{Type: "vpc", Status: string(v.State), IsDefault: v.IsDefault, CIDRs: texts(v.CidrBlock)}
			for _, c := range v.CidrBlockAssociationSet {
				if c.CidrBlockState == nil || c.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
					a.CIDRs = merge(a.CIDRs, c.CidrBlock)
				}
			}
			for _, c := range v.Ipv6CidrBlockAssociationSet {
				if c.Ipv6CidrBlockState == nil || c.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
					a.CIDRs = merge(a.CIDRs, c.Ipv6CidrBlock)
				}
			}
			if err := r.emit(ctx, env, with(a, networkFields{aws.ToString(v.DhcpOptionsId), string(v.InstanceTenancy)})); err != nil {
				return err
			}
		}
		return nil
	})
}

// merge appends a text that is not there yet.
func merge(list []string, s *string) []string {
	for _, have := range list {
		if have == aws.ToString(s) {
			return list
		}
	}
	return append(list, texts(s)...)
}

// subnetFields are what only Amazon's subnets have.
type subnetFields struct {
	ZoneID   string `json:"availability_zone_id,omitempty" label:"Zone id"`
	AutoIPv6 *bool  `json:"assign_ipv6,omitempty" label:"Assigns IPv6"`
	Outpost  string `json:"outpost_arn,omitempty" label:"Outpost"`
}

// tables are the route tables of subnets: their own, or the main one of their network.
type tables struct{ subnet, main map[string]string }

func (r *reader) tables(ctx context.Context, client *ec2.Client) (tables, error) {
	out := tables{subnet: map[string]string{}, main: map[string]string{}}
	pages := paged(client.DescribeRouteTables, &ec2.DescribeRouteTablesInput{Filters: r.mine(), MaxResults: aws.Int32(100)}, func(in *ec2.DescribeRouteTablesInput, out *ec2.DescribeRouteTablesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err := each(ctx, r, pages, func(page *ec2.DescribeRouteTablesOutput) error {
		for _, t := range page.RouteTables {
			for _, at := range t.Associations {
				out.subnet[aws.ToString(at.SubnetId)] = aws.ToString(t.RouteTableId)
				if aws.ToBool(at.Main) {
					out.main[aws.ToString(t.VpcId)] = aws.ToString(t.RouteTableId)
				}
			}
		}
		return nil
	})
	return out, err
}

func readSubnets(ctx context.Context, r *reader) error {
	client := ec2.NewFromConfig(r.cfg)
	routes, err := r.tables(ctx, client)
	if err != nil {
		return err
	}
	pages := paged(client.DescribeSubnets, &ec2.DescribeSubnetsInput{Filters: r.mine(), MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeSubnetsInput, out *ec2.DescribeSubnetsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeSubnetsOutput) error {
		for _, s := range page.Subnets {
			if s.SubnetId == nil {
				continue
			}
			env := r.tagged(*s.SubnetId, s.Tags)
			env.Zone, env.ConsoleURL = aws.ToString(s.AvailabilityZone), r.vpcPage("SubnetDetails:subnetId=", *s.SubnetId)
			a := schema.Subnet{
				Status: string(s.State), CIDRs: texts(s.CidrBlock), FreeAddresses: int64(number(s.AvailableIpAddressCount)),
				IsDefault: s.DefaultForAz, Public: s.MapPublicIpOnLaunch, Purpose: aws.ToString(s.Type),
			}
			for _, c := range s.Ipv6CidrBlockAssociationSet {
				if c.Ipv6CidrBlockState == nil || c.Ipv6CidrBlockState.State == types.SubnetCidrBlockStateCodeAssociated {
					a.CIDRs = merge(a.CIDRs, c.Ipv6CidrBlock)
				}
			}
			relate(&env, "part_of", "network", aws.ToString(s.VpcId))
			table := routes.subnet[*s.SubnetId]
			if table == "" {
				table = routes.main[aws.ToString(s.VpcId)]
			}
			relate(&env, "uses", "route_table", table)
			own := subnetFields{aws.ToString(s.AvailabilityZoneId), s.AssignIpv6AddressOnCreation, aws.ToString(s.OutpostArn)}
			if err := r.emit(ctx, env, with(a, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

// interfaceFields are what only Amazon's interfaces have.
type interfaceFields struct {
	InterfaceType string    `json:"interface_type,omitempty" label:"Interface type" maestro:"indexed" example:"nat_gateway"`
	Requester     string    `json:"requester_id,omitempty" label:"Made by"`
	AttachmentID  string    `json:"attachment_id,omitempty" label:"Attachment"`
	DeviceIndex   *int      `json:"device_index,omitempty" label:"Device index"`
	AttachedAt    time.Time `json:"attached_at,omitzero" label:"Attached"`
	DeleteWith    *bool     `json:"delete_on_termination,omitempty" label:"Deleted with its machine"`
	Prefixes      []string  `json:"prefixes,omitempty" label:"Prefixes" maestro:"set"`
}

func readInterfaces(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeNetworkInterfacesInput, out *ec2.DescribeNetworkInterfacesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeNetworkInterfacesOutput) error {
		for _, n := range page.NetworkInterfaces {
			if n.NetworkInterfaceId == nil || n.OwnerId != nil && *n.OwnerId != r.account {
				continue
			}
			env, attributes, own := r.networkInterface(n)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) networkInterface(n types.NetworkInterface) (resource.Envelope, schema.NetworkInterface, interfaceFields) {
	id := aws.ToString(n.NetworkInterfaceId)
	env := r.tagged(id, n.TagSet)
	env.Zone, env.ConsoleURL = aws.ToString(n.AvailabilityZone), r.ec2Page("NetworkInterface:networkInterfaceId=", id)
	identify(&env, "mac", aws.ToString(n.MacAddress))
	a := schema.NetworkInterface{
		Type: "virtual", PrimaryIP: address(n.PrivateIpAddress), SourceCheck: n.SourceDestCheck, Managed: n.RequesterManaged,
		Description: plain(aws.ToString(n.Description)), DNSNames: texts(n.PrivateDnsName, n.PublicDnsName), Status: "unknown",
	}
	switch n.Status {
	case types.NetworkInterfaceStatusInUse:
		a.Status = "up"
	case types.NetworkInterfaceStatusAvailable:
		a.Status = "down"
	}
	add := func(s *string) {
		ip := address(s)
		for _, have := range a.Addresses {
			if have.IP == ip {
				return
			}
		}
		if ip != "" {
			a.Addresses = append(a.Addresses, schema.InterfaceAddress{IP: ip})
		}
	}
	add(n.PrivateIpAddress)
	for _, p := range n.PrivateIpAddresses {
		add(p.PrivateIpAddress)
		if p.Association != nil {
			add(p.Association.PublicIp)
		}
	}
	if n.Association != nil {
		add(n.Association.PublicIp)
	}
	for _, v6 := range n.Ipv6Addresses {
		add(v6.Ipv6Address)
	}
	own := interfaceFields{InterfaceType: string(n.InterfaceType), Requester: aws.ToString(n.RequesterId)}
	for _, p := range n.Ipv4Prefixes {
		own.Prefixes = append(own.Prefixes, texts(p.Ipv4Prefix)...)
	}
	for _, p := range n.Ipv6Prefixes {
		own.Prefixes = append(own.Prefixes, texts(p.Ipv6Prefix)...)
	}
	if at := n.Attachment; at != nil {
		own.AttachmentID, own.DeviceIndex, own.AttachedAt, own.DeleteWith = aws.ToString(at.AttachmentId), count(at.DeviceIndex), when(at.AttachTime), at.DeleteOnTermination
		relate(&env, "attached_to", "server", aws.ToString(at.InstanceId))
	}
	relate(&env, "connected_to", "network", aws.ToString(n.VpcId))
	relate(&env, "connected_to", "subnet", aws.ToString(n.SubnetId))
	for _, g := range n.Groups {
		relate(&env, "uses", "security_group", aws.ToString(g.GroupId))
	}
	return env, a, own
}

// addressFields are what only elastic addresses have.
type addressFields struct {
	Domain      string `json:"domain,omitempty" label:"Domain"`
	BorderGroup string `json:"network_border_group,omitempty" label:"Border group"`
	Association string `json:"association_id,omitempty" label:"Association"`
	ManagedBy   string `json:"managed_by,omitempty" label:"Managed by"`
}

func readAddresses(ctx context.Context, r *reader) error {
	var answer *ec2.DescribeAddressesOutput
	client := ec2.NewFromConfig(r.cfg)
	err := r.call(ctx, func(ctx context.Context) (err error) {
		answer, err = client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
		return err
	})
	if err != nil {
		return err
	}
	r.out.Page()
	for _, e := range answer.Addresses {
		id := aws.ToString(e.AllocationId)
		if id == "" {
			id = r.local(aws.ToString(e.PublicIp)) // of EC2 Classic
		}
		env := r.tagged(id, e.Tags)
		env.ConsoleURL = r.ec2Page("ElasticIpDetails:AllocationId=", id)
		a := schema.Address{
			IP: address(e.PublicIp), Type: "public", Allocation: "static", FixedIP: address(e.PrivateIpAddress), Pool: aws.ToString(e.PublicIpv4Pool),
			InUse: aws.Bool(e.AssociationId != nil || aws.ToString(e.InstanceId) != ""),
		}
		a.Status = "free"
		if *a.InUse {
			a.Status = "associated"
		}
		relate(&env, "attached_to", "server", aws.ToString(e.InstanceId))
		relate(&env, "attached_to", "network_interface", aws.ToString(e.NetworkInterfaceId))
		own := addressFields{string(e.Domain), aws.ToString(e.NetworkBorderGroup), aws.ToString(e.AssociationId), string(e.ServiceManaged)}
		if err := r.emit(ctx, env, with(a, own)); err != nil {
			return err
		}
	}
	return nil
}
