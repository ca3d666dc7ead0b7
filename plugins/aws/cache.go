package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// readCaches reads ElastiCache: the replication groups that people know by name, and the clusters that they consist of.
func readCaches(ctx context.Context, r *reader) error {
	client := elasticache.NewFromConfig(r.cfg)
	tags, err := r.labels(ctx, r.region, "elasticache")
	if err != nil {
		return err
	}
	groups := paged(client.DescribeReplicationGroups, &elasticache.DescribeReplicationGroupsInput{MaxRecords: aws.Int32(100)}, func(in *elasticache.DescribeReplicationGroupsInput, out *elasticache.DescribeReplicationGroupsOutput) (**string, *string) {
		return &in.Marker, out.Marker
	})
	err = each(ctx, r, groups, func(page *elasticache.DescribeReplicationGroupsOutput) error {
		for _, g := range page.ReplicationGroups {
			env, attributes, own := r.replicationGroup(g)
			tags.on(&env, env.ExternalID)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	pages := paged(client.DescribeCacheClusters, &elasticache.DescribeCacheClustersInput{MaxRecords: aws.Int32(100), ShowCacheNodeInfo: aws.Bool(true)}, func(in *elasticache.DescribeCacheClustersInput, out *elasticache.DescribeCacheClustersOutput) (**string, *string) {
		return &in.Marker, out.Marker
	})
	return each(ctx, r, pages, func(page *elasticache.DescribeCacheClustersOutput) error {
		for _, c := range page.CacheClusters {
			env, attributes, own := r.cacheCluster(c)
			tags.on(&env, env.ExternalID)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) groupARN(id string) string { return r.arn("elasticache", "replicationgroup:"+id) }

func (r *reader) replicationGroup(g types.ReplicationGroup) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(g.ReplicationGroupId)
	arn := aws.ToString(g.ARN)
	if arn == "" {
		arn = r.groupARN(id)
	}
	env := r.envelope(arn, id)
	engine := aws.ToString(g.Engine)
	if engine == "" {
		engine = "redis" // Memcached has no groups, and older answers don't say
	}
	env.ConsoleURL = r.console("elasticache/home?region={region}#/" + engine + "/" + id)
	a := schema.BackingService{
		Family: "cache", Type: "replication_group", Engine: engine, Status: aws.ToString(g.Status), Flavor: aws.ToString(g.CacheNodeType),
		Encrypted: g.AtRestEncryptionEnabled, KeyName: aws.ToString(g.KmsKeyId), Transit: g.TransitEncryptionEnabled, BackupDays: number(g.SnapshotRetentionLimit),
		Description: plain(aws.ToString(g.Description)), NodeCount: len(g.MemberClusters), Provisioned: when(g.ReplicationGroupCreateTime),
	}
	add := func(role string, e *types.Endpoint) {
		if e != nil && aws.ToString(e.Address) != "" {
			a.Endpoints = append(a.Endpoints, schema.ServiceEndpoint{URL: *e.Address, Role: role, Port: number(e.Port)})
			if a.Endpoint == "" {
				a.Endpoint, a.Port = *e.Address, number(e.Port)
				identify(&env, "fqdn", *e.Address)
			}
		}
	}
	add("configuration", g.ConfigurationEndpoint)
	for _, n := range g.NodeGroups {
		add("primary", n.PrimaryEndpoint)
		add("reader", n.ReaderEndpoint)
	}
	return env, a, serviceFields{AuthToken: g.AuthTokenEnabled, Failover: string(g.AutomaticFailover), MultiAZ: string(g.MultiAZ), SnapshotWindow: aws.ToString(g.SnapshotWindow)}
}

func (r *reader) cacheCluster(c types.CacheCluster) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(c.CacheClusterId)
	arn := aws.ToString(c.ARN)
	if arn == "" {
		arn = r.arn("elasticache", "cluster:"+id)
	}
	env := r.envelope(arn, id)
	if zone := aws.ToString(c.PreferredAvailabilityZone); zone != "Multiple" {
		env.Zone = zone
	}
	engine := strings.ToLower(aws.ToString(c.Engine))
	env.ConsoleURL = r.console("elasticache/home?region={region}#/" + engine + "/" + id)
	a := schema.BackingService{
		Family: "cache", Type: "cluster", Engine: engine, Version: aws.ToString(c.EngineVersion), Status: aws.ToString(c.CacheClusterStatus),
		Flavor: aws.ToString(c.CacheNodeType), NodeCount: number(c.NumCacheNodes), Encrypted: c.AtRestEncryptionEnabled, Transit: c.TransitEncryptionEnabled,
		BackupDays: number(c.SnapshotRetentionLimit), Maintenance: aws.ToString(c.PreferredMaintenanceWindow), Provisioned: when(c.CacheClusterCreateTime),
	}
	if e := c.ConfigurationEndpoint; e != nil {
		a.Endpoint, a.Port = aws.ToString(e.Address), number(e.Port)
		identify(&env, "fqdn", a.Endpoint)
	}
	for _, n := range c.CacheNodes {
		if n.Endpoint == nil || aws.ToString(n.Endpoint.Address) == "" {
			continue
		}
		a.Endpoints = append(a.Endpoints, schema.ServiceEndpoint{URL: *n.Endpoint.Address, Role: "node", Port: number(n.Endpoint.Port)})
		if a.Endpoint == "" {
			a.Endpoint, a.Port = *n.Endpoint.Address, number(n.Endpoint.Port)
		}
		a.Zones = merge(a.Zones, n.CustomerAvailabilityZone)
	}
	if group := aws.ToString(c.ReplicationGroupId); group != "" {
		relate(&env, "part_of", "backing_service", r.groupARN(group))
	}
	for _, g := range c.SecurityGroups {
		relate(&env, "uses", "security_group", aws.ToString(g.SecurityGroupId))
	}
	return env, a, serviceFields{AuthToken: c.AuthTokenEnabled, SnapshotWindow: aws.ToString(c.SnapshotWindow), SubnetGroup: aws.ToString(c.CacheSubnetGroupName)}
}

// readIdentities reads the domains and addresses that SES sends for.
func readIdentities(ctx context.Context, r *reader) error {
	tags, err := r.labels(ctx, r.region, "ses:identity")
	if err != nil {
		return err
	}
	pages := paged(sesv2.NewFromConfig(r.cfg).ListEmailIdentities, &sesv2.ListEmailIdentitiesInput{PageSize: aws.Int32(1000)}, func(in *sesv2.ListEmailIdentitiesInput, out *sesv2.ListEmailIdentitiesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *sesv2.ListEmailIdentitiesOutput) error {
		for _, i := range page.EmailIdentities {
			name := aws.ToString(i.IdentityName)
			if name == "" {
				continue
			}
			env := r.envelope(r.arn("ses", "identity/"+name), name)
			env.ConsoleURL = r.console("ses/home?region={region}#/identities/" + name)
			tags.on(&env, env.ExternalID)
			a := schema.BackingService{
				Family: "email", Type: strings.ToLower(string(i.IdentityType)), Engine: "ses", Status: string(i.VerificationStatus),
				Verified: aws.Bool(i.VerificationStatus == sestypes.VerificationStatusSuccess), Endpoint: "email-smtp." + r.region + ".amazonaws.com",
			}
			if i.IdentityType != sestypes.IdentityTypeEmailAddress {
				a.Domains = []string{name}
			}
			if err := r.emit(ctx, env, with(a, serviceFields{Sending: aws.Bool(i.SendingEnabled)})); err != nil {
				return err
			}
		}
		return nil
	})
}
