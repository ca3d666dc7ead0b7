package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func readNATGateways(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeNatGateways, &ec2.DescribeNatGatewaysInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeNatGatewaysInput, out *ec2.DescribeNatGatewaysOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeNatGatewaysOutput) error {
		for _, n := range page.NatGateways {
			if n.NatGatewayId == nil || n.State == types.NatGatewayStateDeleted {
				continue
			}
			env := r.tagged(*n.NatGatewayId, n.Tags)
			env.ConsoleURL = r.vpcPage("NatGatewayDetails:natGatewayId=", *n.NatGatewayId)
			a := schema.Gateway{
				Type: "nat", Status: string(n.State), Connectivity: string(n.ConnectivityType), ErrorMessage: plain(aws.ToString(n.FailureMessage)),
				Provisioned: when(n.CreateTime),
			}
			for _, at := range n.NatGatewayAddresses {
				a.PublicIPs, a.PrivateIPs = addIP(a.PublicIPs, at.PublicIp), addIP(a.PrivateIPs, at.PrivateIp)
				relate(&env, "uses", "address", aws.ToString(at.AllocationId))
				relate(&env, "uses", "network_interface", aws.ToString(at.NetworkInterfaceId))
			}
			relate(&env, "connected_to", "network", aws.ToString(n.VpcId))
			relate(&env, "connected_to", "subnet", aws.ToString(n.SubnetId))
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func readInternetGateways(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeInternetGateways, &ec2.DescribeInternetGatewaysInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeInternetGatewaysInput, out *ec2.DescribeInternetGatewaysOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeInternetGatewaysOutput) error {
		for _, g := range page.InternetGateways {
			if g.InternetGatewayId == nil || g.OwnerId != nil && *g.OwnerId != r.account {
				continue
			}
			env := r.tagged(*g.InternetGatewayId, g.Tags)
			env.ConsoleURL = r.vpcPage("InternetGateway:internetGatewayId=", *g.InternetGatewayId)
			a := schema.Gateway{Type: "internet", Status: "detached", Connectivity: "public"}
			for _, at := range g.Attachments {
				a.Status = string(at.State)
				relate(&env, "connected_to", "network", aws.ToString(at.VpcId))
			}
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func readVPNGateways(ctx context.Context, r *reader) error {
	var answer *ec2.DescribeVpnGatewaysOutput
	client := ec2.NewFromConfig(r.cfg)
	err := r.call(ctx, func(ctx context.Context) (err error) {
		answer, err = client.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{})
		return err
	})
	if err != nil {
		return err
	}
	r.out.Page()
	for _, g := range answer.VpnGateways {
		if g.VpnGatewayId == nil || g.State == types.VpnStateDeleted {
			continue
		}
		env := r.tagged(*g.VpnGatewayId, g.Tags)
		env.Zone, env.ConsoleURL = aws.ToString(g.AvailabilityZone), r.vpcPage("VpnGatewayDetails:VpnGatewayId=", *g.VpnGatewayId)
		a := schema.Gateway{Type: "vpn", Status: string(g.State), ASN: aws.ToInt64(g.AmazonSideAsn)}
		for _, at := range g.VpcAttachments {
			if at.State == types.AttachmentStatusAttached || at.State == types.AttachmentStatusAttaching || at.State == "" {
				relate(&env, "connected_to", "network", aws.ToString(at.VpcId))
			}
		}
		if err := r.emit(ctx, env, a); err != nil {
			return err
		}
	}
	return nil
}

func readTransitGateways(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeTransitGateways, &ec2.DescribeTransitGatewaysInput{Filters: r.mine(), MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeTransitGatewaysInput, out *ec2.DescribeTransitGatewaysOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeTransitGatewaysOutput) error {
		for _, g := range page.TransitGateways {
			if g.TransitGatewayId == nil || g.State == types.TransitGatewayStateDeleted {
				continue
			}
			env := r.tagged(*g.TransitGatewayId, g.Tags)
			env.ConsoleURL = r.vpcPage("TransitGatewayDetails:transitGatewayId=", *g.TransitGatewayId)
			a := schema.Gateway{Type: "transit", Status: string(g.State), Description: plain(aws.ToString(g.Description)), Provisioned: when(g.CreationTime)}
			if g.Options != nil {
				a.ASN = aws.ToInt64(g.Options.AmazonSideAsn)
			}
			if err := r.emit(ctx, env, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func readPeerings(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeVpcPeeringConnections, &ec2.DescribeVpcPeeringConnectionsInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeVpcPeeringConnectionsInput, out *ec2.DescribeVpcPeeringConnectionsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeVpcPeeringConnectionsOutput) error {
		for _, p := range page.VpcPeeringConnections {
			id := r.peeringID(p)
			if id == "" {
				continue
			}
			env, attributes := r.peering(id, p)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

// peeringID is the id under which a peering is listed here, or nothing. Both sides list it, each with tags of its
// own: within an account it is the requester's; the accepter in another account has a record of its own.
func (r *reader) peeringID(p types.VpcPeeringConnection) string {
	id := aws.ToString(p.VpcPeeringConnectionId)
	if id == "" || p.Status != nil && p.Status.Code == types.VpcPeeringConnectionStateReasonCodeDeleted {
		return ""
	}
	q := p.RequesterVpcInfo
	switch {
	case q == nil || q.OwnerId == nil:
		return id
	case *q.OwnerId != r.account:
		return r.local(id)
	}
	region := aws.ToString(q.Region)
	if region == "" || region == r.region || !r.session.settings.wantsRegion(region) {
		return id
	}
	return ""
}

func (r *reader) peering(id string, p types.VpcPeeringConnection) (resource.Envelope, schema.Peering) {
	env := r.tagged(id, p.Tags)
	env.ConsoleURL = r.vpcPage("PeeringConnectionDetails:VpcPeeringConnectionId=", aws.ToString(p.VpcPeeringConnectionId))
	a := schema.Peering{ExpiresAt: when(p.ExpirationTime)}
	if p.Status != nil {
		a.Status, a.StatusMessage = string(p.Status.Code), plain(aws.ToString(p.Status.Message))
	}
	if q := p.RequesterVpcInfo; q != nil {
		a.Requester, a.RequesterAccount, a.RequesterRegion, a.RequesterCIDRs = aws.ToString(q.VpcId), aws.ToString(q.OwnerId), aws.ToString(q.Region), ranges(q)
		relate(&env, "connected_to", "network", a.Requester)
	}
	if q := p.AccepterVpcInfo; q != nil {
		a.Accepter, a.AccepterAccount, a.AccepterRegion, a.AccepterCIDRs = aws.ToString(q.VpcId), aws.ToString(q.OwnerId), aws.ToString(q.Region), ranges(q)
		relate(&env, "connected_to", "network", a.Accepter)
	}
	return env, a
}

func ranges(q *types.VpcPeeringConnectionVpcInfo) []string {
	out := texts(q.CidrBlock)
	for _, c := range q.CidrBlockSet {
		out = merge(out, c.CidrBlock)
	}
	for _, c := range q.Ipv6CidrBlockSet {
		out = merge(out, c.Ipv6CidrBlock)
	}
	return out
}

// endpointFields are what only VPC endpoints have.
type endpointFields struct {
	Policy        string `json:"policy,omitempty" label:"Policy" help:"As JSON."`
	AddressType   string `json:"ip_address_type,omitempty" label:"Address type"`
	ServiceRegion string `json:"service_region,omitempty" label:"Region of the service"`
	Managed       *bool  `json:"requester_managed,omitempty" label:"Managed"`
	FailureReason string `json:"failure_reason,omitempty" label:"Reason of failure"`
}

func readEndpoints(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeVpcEndpoints, &ec2.DescribeVpcEndpointsInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeVpcEndpointsInput, out *ec2.DescribeVpcEndpointsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeVpcEndpointsOutput) error {
		for _, e := range page.VpcEndpoints {
			if e.VpcEndpointId == nil || e.State == types.StateDeleted || e.OwnerId != nil && *e.OwnerId != r.account {
				continue
			}
			env, attributes, own := r.endpoint(e)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) endpoint(e types.VpcEndpoint) (resource.Envelope, schema.NetworkEndpoint, endpointFields) {
	id := aws.ToString(e.VpcEndpointId)
	env := r.tagged(id, e.Tags)
	env.ConsoleURL = r.vpcPage("EndpointDetails:vpcEndpointId=", id)
	a := schema.NetworkEndpoint{
		Type: "other", Status: string(e.State), Service: aws.ToString(e.ServiceName), PrivateDNS: e.PrivateDnsEnabled, Provisioned: when(e.CreationTimestamp),
	}
	switch e.VpcEndpointType {
	case types.VpcEndpointTypeInterface:
		a.Type = "interface"
	case types.VpcEndpointTypeGateway:
		a.Type = "gateway"
	case types.VpcEndpointTypeGatewayLoadBalancer:
		a.Type = "gateway_load_balancer"
	}
	for _, d := range e.DnsEntries {
		a.DNSNames = merge(a.DNSNames, d.DnsName)
	}
	relate(&env, "connected_to", "network", aws.ToString(e.VpcId))
	relateAll(&env, "connected_to", "subnet", e.SubnetIds)
	relateAll(&env, "uses", "route_table", e.RouteTableIds)
	relateAll(&env, "uses", "network_interface", e.NetworkInterfaceIds)
	for _, g := range e.Groups {
		relate(&env, "uses", "security_group", aws.ToString(g.GroupId))
	}
	return env, a, endpointFields{plain(aws.ToString(e.PolicyDocument)), string(e.IpAddressType), aws.ToString(e.ServiceRegion), e.RequesterManaged, plain(aws.ToString(e.FailureReason))}
}
