package aws

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// balancerFields are what only Amazon's load balancers have.
type balancerFields struct {
	StateReason  string   `json:"state_reason,omitempty" label:"State reason"`
	SourceGroup  string   `json:"source_security_group,omitempty" label:"Source group"`
	TargetGroups []string `json:"target_groups,omitempty" label:"Target groups" maestro:"searchable,set" help:"Their ARNs."`
	Policies     []string `json:"policies,omitempty" label:"Policies" maestro:"set"`
}

// tagsAtOnce is how many load balancers one question for tags may name.
const tagsAtOnce = 20

func scheme(s string) string {
	switch s {
	case "internet-facing":
		return "public"
	case "internal":
		return "private"
	}
	return ""
}

// readClassicBalancers reads what came before ALB and NLB.
func readClassicBalancers(ctx context.Context, r *reader) error {
	client := elb.NewFromConfig(r.cfg)
	details := &asker{r: r}
	pages := paged(client.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(400)}, func(in *elb.DescribeLoadBalancersInput, out *elb.DescribeLoadBalancersOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	return each(ctx, r, pages, func(page *elb.DescribeLoadBalancersOutput) error {
		for chunk := range slices.Chunk(page.LoadBalancerDescriptions, tagsAtOnce) {
			names := make([]string, len(chunk))
			for i, b := range chunk {
				names[i] = aws.ToString(b.LoadBalancerName)
			}
			tags := map[string][]elbtypes.Tag{}
			known, err := details.ask(ctx, "tags of load balancers", func(ctx context.Context) error {
				answer, err := client.DescribeTags(ctx, &elb.DescribeTagsInput{LoadBalancerNames: names})
				if err == nil {
					for _, t := range answer.TagDescriptions {
						tags[aws.ToString(t.LoadBalancerName)] = t.Tags
					}
				}
				return err
			})
			if err != nil && !errors.Is(err, errAbsent) {
				return err
			}
			for i, b := range chunk {
				env, attributes, own := r.classicBalancer(b)
				tag(&env, tags[names[i]], func(t elbtypes.Tag) (*string, *string) { return t.Key, t.Value })
				if !known {
					env.Unread = append(env.Unread, "/tags")
				}
				if err := r.emit(ctx, env, with(attributes, own)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (r *reader) classicBalancer(b elbtypes.LoadBalancerDescription) (resource.Envelope, schema.LoadBalancer, balancerFields) {
	name := aws.ToString(b.LoadBalancerName)
	env := r.envelope(r.arn("elasticloadbalancing", "loadbalancer/"+name), name)
	env.ConsoleURL = r.ec2Page("LoadBalancer:loadBalancerArn=", name)
	identify(&env, "fqdn", aws.ToString(b.DNSName))
	a := schema.LoadBalancer{
		Type: "classic", Status: "active", Scheme: scheme(aws.ToString(b.Scheme)), Endpoint: aws.ToString(b.DNSName),
		HostedZone: aws.ToString(b.CanonicalHostedZoneNameID), Zones: b.AvailabilityZones, Provisioned: when(b.CreatedTime),
		DNSHostnames: texts(b.CanonicalHostedZoneName), TargetCount: len(b.Instances),
	}
	own := balancerFields{}
	for _, d := range b.ListenerDescriptions {
		l := d.Listener
		if l == nil {
			continue
		}
		protocol := strings.ToLower(aws.ToString(l.Protocol))
		a.Listeners = append(a.Listeners, schema.Listener{
			Name: protocol + ":" + strconv.Itoa(int(l.LoadBalancerPort)), Protocol: protocol, Port: int(l.LoadBalancerPort),
			TargetPool: "instances", TargetPort: number(l.InstancePort), Certificates: texts(l.SSLCertificateId),
		})
		own.Policies = append(own.Policies, d.PolicyNames...)
	}
	slices.Sort(own.Policies)
	own.Policies = slices.Compact(own.Policies)
	if h := b.HealthCheck; h != nil {
		a.HealthCheck = classicHealth(h)
	}
	pool := schema.TargetPool{Name: "instances"}
	for _, i := range b.Instances {
		pool.Targets = append(pool.Targets, schema.Target{ID: aws.ToString(i.InstanceId)})
		relate(&env, "routes_to", "server", aws.ToString(i.InstanceId))
	}
	if len(pool.Targets) > 0 {
		a.Pools = []schema.TargetPool{pool}
	}
	relate(&env, "connected_to", "network", aws.ToString(b.VPCId))
	relateAll(&env, "connected_to", "subnet", b.Subnets)
	relateAll(&env, "uses", "security_group", b.SecurityGroups)
	if b.SourceSecurityGroup != nil {
		own.SourceGroup = aws.ToString(b.SourceSecurityGroup.GroupName)
	}
	return env, a, own
}

// classicHealth reads a target such as HTTP:80/health.
func classicHealth(h *elbtypes.HealthCheck) *schema.HealthCheck {
	out := &schema.HealthCheck{
		IntervalSeconds: number(h.Interval), TimeoutSeconds: number(h.Timeout), HealthyThreshold: number(h.HealthyThreshold), UnhealthyThreshold: number(h.UnhealthyThreshold),
	}
	protocol, rest, _ := strings.Cut(aws.ToString(h.Target), ":")
	out.Protocol = strings.ToLower(protocol)
	if port, path, found := strings.Cut(rest, "/"); found {
		out.Port, out.Path = port, "/"+path
	} else {
		out.Port = rest
	}
	return out
}

// targets is what target groups hand traffic to, by the load balancers that use them.
type targets struct {
	groups  map[string][]types.TargetGroup // by ARN of the load balancer
	members map[string][]types.TargetHealthDescription
	unread  map[string]bool // groups whose targets could not be read
	blind   bool            // no group could be read
}

// readBalancers reads ALBs, NLBs and gateway load balancers. Listeners are to be had for one load balancer at a time,
// targets for one group at a time.
func readBalancers(ctx context.Context, r *reader) error {
	client := elasticloadbalancingv2.NewFromConfig(r.cfg)
	details := &asker{r: r}
	known, err := r.targets(ctx, client, details)
	if err != nil {
		return err
	}
	pages := paged(client.DescribeLoadBalancers, &elasticloadbalancingv2.DescribeLoadBalancersInput{PageSize: aws.Int32(400)}, func(in *elasticloadbalancingv2.DescribeLoadBalancersInput, out *elasticloadbalancingv2.DescribeLoadBalancersOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	return each(ctx, r, pages, func(page *elasticloadbalancingv2.DescribeLoadBalancersOutput) error {
		for chunk := range slices.Chunk(page.LoadBalancers, tagsAtOnce) {
			if err := r.balancers(ctx, client, details, known, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) balancers(ctx context.Context, client *elasticloadbalancingv2.Client, details *asker, known targets, chunk []types.LoadBalancer) error {
	arns := make([]string, len(chunk))
	for i, b := range chunk {
		arns[i] = aws.ToString(b.LoadBalancerArn)
	}
	tags := map[string][]types.Tag{}
	tagged, err := details.ask(ctx, "tags of load balancers", func(ctx context.Context) error {
		answer, err := client.DescribeTags(ctx, &elasticloadbalancingv2.DescribeTagsInput{ResourceArns: arns})
		if err == nil {
			for _, t := range answer.TagDescriptions {
				tags[aws.ToString(t.ResourceArn)] = t.Tags
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, errAbsent) {
		return err
	}
	listeners, read, gone := make([][]types.Listener, len(chunk)), make([]bool, len(chunk)), make([]bool, len(chunk))
	err = side(ctx, arns, func(ctx context.Context, i int, arn string) (err error) {
		read[i], err = details.ask(ctx, "listeners", func(ctx context.Context) error {
			listeners[i], err = allListeners(ctx, client, arn)
			return err
		})
		if errors.Is(err, errAbsent) {
			gone[i], err = true, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, b := range chunk {
		if gone[i] || arns[i] == "" {
			continue
		}
		env, attributes, own := r.balancer(b, listeners[i], known)
		tag(&env, tags[arns[i]], func(t types.Tag) (*string, *string) { return t.Key, t.Value })
		if !tagged {
			env.Unread = append(env.Unread, "/tags")
		}
		if !read[i] {
			env.Unread = append(env.Unread, "/attributes/listeners")
		}
		if known.blind || slices.ContainsFunc(own.TargetGroups, func(arn string) bool { return known.unread[arn] }) {
			env.Unread = append(env.Unread, "/attributes/target_pools", "/attributes/target_count")
			attributes.Pools, attributes.TargetCount = nil, 0
		}
		if err := r.emit(ctx, env, with(attributes, own)); err != nil {
			return err
		}
	}
	return nil
}

func allListeners(ctx context.Context, client *elasticloadbalancingv2.Client, arn string) ([]types.Listener, error) {
	var out []types.Listener
	pages := paged(client.DescribeListeners, &elasticloadbalancingv2.DescribeListenersInput{LoadBalancerArn: aws.String(arn)}, func(in *elasticloadbalancingv2.DescribeListenersInput, out *elasticloadbalancingv2.DescribeListenersOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	err := all(ctx, pages, func(page *elasticloadbalancingv2.DescribeListenersOutput) { out = append(out, page.Listeners...) })
	return out, err
}

func (r *reader) targets(ctx context.Context, client *elasticloadbalancingv2.Client, details *asker) (targets, error) {
	out := targets{groups: map[string][]types.TargetGroup{}, members: map[string][]types.TargetHealthDescription{}, unread: map[string]bool{}}
	pages := paged(client.DescribeTargetGroups, &elasticloadbalancingv2.DescribeTargetGroupsInput{PageSize: aws.Int32(400)}, func(in *elasticloadbalancingv2.DescribeTargetGroupsInput, out *elasticloadbalancingv2.DescribeTargetGroupsOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	err := each(ctx, r, pages, func(page *elasticloadbalancingv2.DescribeTargetGroupsOutput) error {
		members, read := make([][]types.TargetHealthDescription, len(page.TargetGroups)), make([]bool, len(page.TargetGroups))
		err := side(ctx, page.TargetGroups, func(ctx context.Context, i int, g types.TargetGroup) (err error) {
			if len(g.LoadBalancerArns) == 0 {
				return nil // nobody sends traffic to it
			}
			read[i], err = details.ask(ctx, "targets", func(ctx context.Context) error {
				answer, err := client.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
				if err == nil {
					members[i] = answer.TargetHealthDescriptions
				}
				return err
			})
			if errors.Is(err, errAbsent) {
				read[i], err = true, nil
			}
			return err
		})
		for i, g := range page.TargetGroups {
			arn := aws.ToString(g.TargetGroupArn)
			out.members[arn], out.unread[arn] = members[i], !read[i]
			for _, b := range g.LoadBalancerArns {
				out.groups[b] = append(out.groups[b], g)
			}
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.out.Warn("target groups are left out: %v", err)
		out.blind = true
		return out, nil
	}
	return out, err
}

func (r *reader) balancer(b types.LoadBalancer, listeners []types.Listener, known targets) (resource.Envelope, schema.LoadBalancer, balancerFields) {
	arn := aws.ToString(b.LoadBalancerArn)
	env := r.envelope(arn, aws.ToString(b.LoadBalancerName))
	env.ConsoleURL = r.ec2Page("LoadBalancer:loadBalancerArn=", arn)
	identify(&env, "fqdn", aws.ToString(b.DNSName))
	a := schema.LoadBalancer{
		Type: string(b.Type), Scheme: scheme(string(b.Scheme)), Endpoint: aws.ToString(b.DNSName), HostedZone: aws.ToString(b.CanonicalHostedZoneId),
		AddressType: string(b.IpAddressType), Provisioned: when(b.CreatedTime),
	}
	own := balancerFields{}
	if b.State != nil {
		a.Status, own.StateReason = string(b.State.Code), aws.ToString(b.State.Reason)
	}
	for _, z := range b.AvailabilityZones {
		a.Zones = append(a.Zones, texts(z.ZoneName)...)
		relate(&env, "connected_to", "subnet", aws.ToString(z.SubnetId))
		for _, at := range z.LoadBalancerAddresses {
			a.VIPs = addIP(addIP(addIP(a.VIPs, at.IpAddress), at.PrivateIPv4Address), at.IPv6Address)
			relate(&env, "uses", "address", aws.ToString(at.AllocationId))
		}
	}
	for _, l := range listeners {
		a.Listeners = append(a.Listeners, listener(l))
	}
	for _, g := range known.groups[arn] {
		group := aws.ToString(g.TargetGroupArn)
		own.TargetGroups = append(own.TargetGroups, group)
		pool := pool(g)
		for _, m := range known.members[group] {
			if m.Target == nil {
				continue
			}
			id := aws.ToString(m.Target.Id)
			pool.Targets = append(pool.Targets, schema.Target{ID: id, Port: number(m.Target.Port), Address: string(address(m.Target.Id))})
			switch g.TargetType {
			case types.TargetTypeEnumInstance:
				relate(&env, "routes_to", "server", id)
			case types.TargetTypeEnumLambda:
				relate(&env, "routes_to", "backing_service", unqualified(id))
			case types.TargetTypeEnumAlb:
				relate(&env, "routes_to", "load_balancer", id)
			}
			a.TargetCount++
		}
		a.Pools = append(a.Pools, pool)
	}
	relate(&env, "connected_to", "network", aws.ToString(b.VpcId))
	relateAll(&env, "uses", "security_group", b.SecurityGroups)
	return env, a, own
}

func listener(l types.Listener) schema.Listener {
	protocol := strings.ToLower(string(l.Protocol))
	out := schema.Listener{Name: protocol + ":" + strconv.Itoa(number(l.Port)), Protocol: protocol, Port: number(l.Port), TLSPolicy: aws.ToString(l.SslPolicy)}
	for _, c := range l.Certificates {
		out.Certificates = append(out.Certificates, texts(c.CertificateArn)...)
	}
	for _, act := range l.DefaultActions {
		if arn := aws.ToString(act.TargetGroupArn); arn != "" {
			out.TargetPool = groupName(arn)
		} else if act.ForwardConfig != nil && len(act.ForwardConfig.TargetGroups) > 0 {
			out.TargetPool = groupName(aws.ToString(act.ForwardConfig.TargetGroups[0].TargetGroupArn))
		}
	}
	return out
}

// groupName is the name in an ARN such as .../targetgroup/web/73e2d6bc24d8a067.
func groupName(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 3 {
		return arn
	}
	return parts[len(parts)-2]
}

func pool(g types.TargetGroup) schema.TargetPool {
	out := schema.TargetPool{Name: aws.ToString(g.TargetGroupName), Protocol: strings.ToLower(string(g.Protocol)), Port: number(g.Port)}
	if aws.ToBool(g.HealthCheckEnabled) {
		h := &schema.HealthCheck{
			Protocol: strings.ToLower(string(g.HealthCheckProtocol)), Port: aws.ToString(g.HealthCheckPort), Path: aws.ToString(g.HealthCheckPath),
			IntervalSeconds: number(g.HealthCheckIntervalSeconds), TimeoutSeconds: number(g.HealthCheckTimeoutSeconds),
			HealthyThreshold: number(g.HealthyThresholdCount), UnhealthyThreshold: number(g.UnhealthyThresholdCount),
		}
		if g.Matcher != nil {
			h.ExpectedCodes = aws.ToString(g.Matcher.HttpCode) + aws.ToString(g.Matcher.GrpcCode)
		}
		out.HealthCheck = h
	}
	return out
}

// unqualified is the ARN of a function without the version or alias that a target names.
func unqualified(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) > 7 {
		parts = parts[:7]
	}
	return strings.Join(parts, ":")
}
