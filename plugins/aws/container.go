package aws

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func ecsTag(t types.Tag) (*string, *string) { return t.Key, t.Value }

// readECS reads clusters and their services. Listings have ARNs only; up to 100 clusters and 10 services are described
// in one request.
func readECS(ctx context.Context, r *reader) error {
	client := ecs.NewFromConfig(r.cfg)
	pages := paged(client.ListClusters, &ecs.ListClustersInput{MaxResults: aws.Int32(100)}, func(in *ecs.ListClustersInput, out *ecs.ListClustersOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ecs.ListClustersOutput) error {
		if len(page.ClusterArns) == 0 {
			return nil
		}
		var answer *ecs.DescribeClustersOutput
		err := r.call(ctx, func(ctx context.Context) (err error) {
			answer, err = client.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: page.ClusterArns, Include: []types.ClusterField{types.ClusterFieldTags, types.ClusterFieldSettings}})
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range answer.Clusters {
			if aws.ToString(c.Status) == "INACTIVE" || c.ClusterArn == nil {
				continue // deleted ones are listed for a while
			}
			env, attributes, own := r.ecsCluster(c)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
			if err := r.ecsServices(ctx, client, *c.ClusterArn); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) ecsServices(ctx context.Context, client *ecs.Client, cluster string) error {
	pages := paged(client.ListServices, &ecs.ListServicesInput{Cluster: aws.String(cluster), MaxResults: aws.Int32(100)}, func(in *ecs.ListServicesInput, out *ecs.ListServicesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err := each(ctx, r, pages, func(page *ecs.ListServicesOutput) error {
		for chunk := range slices.Chunk(page.ServiceArns, 10) {
			var answer *ecs.DescribeServicesOutput
			err := r.call(ctx, func(ctx context.Context) (err error) {
				answer, err = client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: chunk, Include: []types.ServiceField{types.ServiceFieldTags}})
				return err
			})
			if err != nil {
				return err
			}
			for _, s := range answer.Services {
				if aws.ToString(s.Status) == "INACTIVE" || s.ServiceArn == nil {
					continue
				}
				env, attributes, own := r.ecsService(s)
				if err := r.emit(ctx, env, with(attributes, own)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if absent(err) {
		return nil // the cluster was deleted meanwhile
	}
	return err
}

func (r *reader) ecsCluster(c types.Cluster) (resource.Envelope, schema.BackingService, serviceFields) {
	env := r.envelope(aws.ToString(c.ClusterArn), aws.ToString(c.ClusterName))
	tag(&env, c.Tags, ecsTag)
	env.ConsoleURL = r.console("ecs/v2/clusters/" + aws.ToString(c.ClusterName) + "?region={region}")
	running := int(c.RunningTasksCount)
	a := schema.BackingService{
		Family: "container_orchestration", Type: "ecs_cluster", Engine: "ecs", Status: aws.ToString(c.Status), NodeCount: int(c.RegisteredContainerInstancesCount), RunningCount: &running,
	}
	return env, a, serviceFields{CapacityProviders: c.CapacityProviders}
}

func (r *reader) ecsService(s types.Service) (resource.Envelope, schema.BackingService, serviceFields) {
	env := r.envelope(aws.ToString(s.ServiceArn), aws.ToString(s.ServiceName))
	tag(&env, s.Tags, ecsTag)
	cluster := aws.ToString(s.ClusterArn)
	env.ConsoleURL = r.console("ecs/v2/clusters/" + cluster[strings.LastIndexByte(cluster, '/')+1:] + "/services/" + env.Name + "?region={region}")
	desired, running := int(s.DesiredCount), int(s.RunningCount)
	a := schema.BackingService{
		Family: "container_orchestration", Type: "ecs_service", Engine: "ecs", Status: aws.ToString(s.Status), DesiredCount: &desired, RunningCount: &running, Provisioned: when(s.CreatedAt),
	}
	own := serviceFields{
		LaunchType: string(s.LaunchType), TaskDefinition: aws.ToString(s.TaskDefinition), Scheduling: string(s.SchedulingStrategy), Role: aws.ToString(s.RoleArn),
		PlatformVersion: aws.ToString(s.PlatformVersion), ExecEnabled: aws.Bool(s.EnableExecuteCommand),
	}
	for _, p := range s.CapacityProviderStrategy {
		own.CapacityProviders = merge(own.CapacityProviders, p.CapacityProvider)
	}
	for _, b := range s.LoadBalancers {
		own.TargetGroups = merge(own.TargetGroups, b.TargetGroupArn)
		if name := aws.ToString(b.LoadBalancerName); name != "" {
			relate(&env, "uses", "load_balancer", r.arn("elasticloadbalancing", "loadbalancer/"+name))
		}
	}
	if n := s.NetworkConfiguration; n != nil && n.AwsvpcConfiguration != nil {
		a.Public = aws.Bool(n.AwsvpcConfiguration.AssignPublicIp == types.AssignPublicIpEnabled)
		relateAll(&env, "connected_to", "subnet", n.AwsvpcConfiguration.Subnets)
		relateAll(&env, "uses", "security_group", n.AwsvpcConfiguration.SecurityGroups)
	}
	relate(&env, "part_of", "backing_service", cluster)
	return env, a, own
}

// readEKS reads Kubernetes clusters with their groups of nodes. Listings have names only.
func readEKS(ctx context.Context, r *reader) error {
	client := eks.NewFromConfig(r.cfg)
	details := &asker{r: r}
	pages := paged(client.ListClusters, &eks.ListClustersInput{MaxResults: aws.Int32(100)}, func(in *eks.ListClustersInput, out *eks.ListClustersOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *eks.ListClustersOutput) error {
		return detailed(ctx, page.Clusters, []string{"/attributes/version", "/attributes/status", "/attributes/endpoint", "/attributes/encrypted", "/attributes/provisioned_at", "/attributes/public", "/attributes/node_count", "/attributes/node_pools", "/attributes/aws", "/relations", "/tags"}, func(ctx context.Context, name string) (any, resource.Envelope, bool, error) {
			cluster := ekstypes.Cluster{Name: aws.String(name), Arn: aws.String(r.arn("eks", "cluster/"+name))}
			known, err := details.ask(ctx, "details of clusters", func(ctx context.Context) error {
				answer, err := client.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String(name)})
				if err == nil && answer.Cluster != nil {
					cluster = *answer.Cluster
				}
				return err
			})
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			env, attributes, own := r.eksCluster(cluster)
			if !known {
				return with(attributes, own), env, false, nil
			}
			pools, err := r.nodePools(ctx, client, details, name, &env)
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			attributes.NodePools = pools
			for _, p := range pools {
				attributes.NodeCount += p.NodeCount
			}
			return with(attributes, own), env, true, nil
		}, r.emit)
	})
}

func (r *reader) eksCluster(c ekstypes.Cluster) (resource.Envelope, schema.BackingService, serviceFields) {
	name := aws.ToString(c.Name)
	env := r.envelope(aws.ToString(c.Arn), name)
	tagMap(&env, c.Tags)
	env.ConsoleURL = r.console("eks/home?region={region}#/clusters/" + name)
	identify(&env, "fqdn", hostOf(aws.ToString(c.Endpoint)))
	a := schema.BackingService{
		Family: "container_orchestration", Type: "eks_cluster", Engine: "kubernetes", Version: aws.ToString(c.Version), Status: string(c.Status),
		Endpoint: aws.ToString(c.Endpoint), Encrypted: aws.Bool(len(c.EncryptionConfig) > 0), Provisioned: when(c.CreatedAt),
	}
	own := serviceFields{Role: aws.ToString(c.RoleArn), PlatformVersion: aws.ToString(c.PlatformVersion)}
	if v := c.ResourcesVpcConfig; v != nil {
		a.Public, own.PublicCIDRs = aws.Bool(v.EndpointPublicAccess), v.PublicAccessCidrs
		relate(&env, "connected_to", "network", aws.ToString(v.VpcId))
		relateAll(&env, "connected_to", "subnet", v.SubnetIds)
		relateAll(&env, "uses", "security_group", v.SecurityGroupIds)
		relate(&env, "uses", "security_group", aws.ToString(v.ClusterSecurityGroupId))
	}
	if n := c.KubernetesNetworkConfig; n != nil {
		own.ServiceCIDR = aws.ToString(n.ServiceIpv4Cidr) + aws.ToString(n.ServiceIpv6Cidr)
	}
	if c.Identity != nil && c.Identity.Oidc != nil {
		own.Issuer = aws.ToString(c.Identity.Oidc.Issuer)
	}
	if c.Logging != nil {
		for _, l := range c.Logging.ClusterLogging {
			for _, t := range l.Types {
				if aws.ToBool(l.Enabled) {
					own.LogTypes = append(own.LogTypes, string(t))
				}
			}
		}
	}
	return env, a, own
}

// nodePools are the managed groups of a cluster. What cannot be read is said in env.
func (r *reader) nodePools(ctx context.Context, client *eks.Client, details *asker, cluster string, env *resource.Envelope) ([]schema.NodePool, error) {
	var names []string
	known, err := details.ask(ctx, "groups of nodes", func(ctx context.Context) error {
		names = nil
		groups := paged(client.ListNodegroups, &eks.ListNodegroupsInput{ClusterName: aws.String(cluster), MaxResults: aws.Int32(100)}, func(in *eks.ListNodegroupsInput, out *eks.ListNodegroupsOutput) (**string, *string) {
			return &in.NextToken, out.NextToken
		})
		return all(ctx, groups, func(page *eks.ListNodegroupsOutput) { names = append(names, page.Nodegroups...) })
	})
	if err != nil {
		return nil, err
	}
	var out []schema.NodePool
	for _, name := range names {
		var group *ekstypes.Nodegroup
		read, err := details.ask(ctx, "details of groups of nodes", func(ctx context.Context) error {
			answer, err := client.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: aws.String(cluster), NodegroupName: aws.String(name)})
			if err == nil {
				group = answer.Nodegroup
			}
			return err
		})
		if err != nil && !errors.Is(err, errAbsent) {
			return nil, err
		}
		known = known && (read || errors.Is(err, errAbsent))
		if group == nil {
			continue
		}
		out = append(out, nodePool(*group))
	}
	if !known {
		env.Unread = append(env.Unread, "/attributes/node_pools", "/attributes/node_count")
		out = nil
	}
	return out, nil
}

func nodePool(g ekstypes.Nodegroup) schema.NodePool {
	out := schema.NodePool{
		Name: aws.ToString(g.NodegroupName), Flavor: strings.Join(g.InstanceTypes, ","), Version: aws.ToString(g.Version), OS: string(g.AmiType),
		Mode: strings.ToLower(string(g.CapacityType)), Status: string(g.Status),
	}
	if s := g.ScalingConfig; s != nil {
		out.NodeCount, out.MinCount, out.MaxCount = number(s.DesiredSize), count(s.MinSize), count(s.MaxSize)
	}
	return out
}
