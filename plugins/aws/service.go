package aws

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// serviceFields are what only Amazon's services have, whatever their family.
type serviceFields struct {
	LaunchTemplate      string   `json:"launch_template,omitempty" label:"Launch template"`
	LaunchConfiguration string   `json:"launch_configuration,omitempty" label:"Launch configuration"`
	HealthCheckType     string   `json:"health_check_type,omitempty" label:"Health check"`
	HealthCheckGrace    int      `json:"health_check_grace_seconds,omitempty" label:"Grace"`
	Cooldown            int      `json:"cooldown_seconds,omitempty" label:"Cooldown"`
	Suspended           []string `json:"suspended_processes,omitempty" label:"Suspended" maestro:"set"`
	TargetGroups        []string `json:"target_groups,omitempty" label:"Target groups" maestro:"set"`
	PriceClass          string   `json:"price_class,omitempty" label:"Price class"`
	Enabled             *bool    `json:"enabled,omitempty" label:"Enabled"`
	WebACL              string   `json:"web_acl,omitempty" label:"Web ACL"`
	HTTPVersion         string   `json:"http_version,omitempty" label:"HTTP version"`
	IPv6                *bool    `json:"ipv6,omitempty" label:"IPv6"`
	Certificate         string   `json:"certificate,omitempty" label:"Certificate"`
	ViewerProtocol      string   `json:"viewer_protocol,omitempty" label:"Viewers' protocol"`
	Restriction         string   `json:"geo_restriction,omitempty" label:"Geographic restriction"`
	Countries           []string `json:"geo_countries,omitempty" label:"Countries" maestro:"set"`
	Paths               []string `json:"cache_paths,omitempty" label:"Paths with rules of their own"`
	ErrorCodes          []string `json:"custom_errors,omitempty" label:"Errors with pages of their own" maestro:"set"`
	DelaySeconds        int      `json:"delay_seconds,omitempty" label:"Delay"`
	VisibilitySeconds   int      `json:"visibility_timeout_seconds,omitempty" label:"Visibility timeout"`
	MaxMessageBytes     int64    `json:"max_message_bytes,omitempty" label:"Largest message"`
	DeadLetter          string   `json:"dead_letter,omitempty" label:"Dead letters go to"`
	Subscriptions       int      `json:"subscription_count,omitempty" label:"Subscriptions"`
	Deployment          string   `json:"deployment_mode,omitempty" label:"Deployment" example:"ACTIVE_STANDBY_MULTI_AZ"`
	Monitoring          string   `json:"monitoring_level,omitempty" label:"Monitoring"`
	StorageMode         string   `json:"storage_mode,omitempty" label:"Storage"`
	SubnetGroup         string   `json:"subnet_group,omitempty" label:"Subnet group"`
	SnapshotWindow      string   `json:"snapshot_window,omitempty" label:"Backup window"`
	AuthToken           *bool    `json:"auth_token,omitempty" label:"Needs a token"`
	Failover            string   `json:"automatic_failover,omitempty" label:"Automatic failover"`
	MultiAZ             string   `json:"multi_az,omitempty" label:"Several zones"`
	Sending             *bool    `json:"sending,omitempty" label:"May send"`
	Role                string   `json:"role_arn,omitempty" label:"Role" maestro:"searchable"`
	PackageType         string   `json:"package_type,omitempty" label:"Package"`
	Architectures       []string `json:"architectures,omitempty" label:"Architectures" maestro:"set"`
	Layers              []string `json:"layers,omitempty" label:"Layers" help:"Their ARNs with versions, in the order they are applied."`
	VariableNames       []string `json:"environment_variable_names,omitempty" label:"Variables" maestro:"set" help:"Their names; values may be secrets and are never read on."`
	Tracing             string   `json:"tracing,omitempty" label:"Tracing"`
	EphemeralBytes      int64    `json:"ephemeral_storage_bytes,omitempty" label:"Ephemeral storage"`
	Master              string   `json:"master_arn,omitempty" label:"Master"`
	License             string   `json:"license,omitempty" label:"Licence"`
	Runtimes            []string `json:"compatible_runtimes,omitempty" label:"Runtimes" maestro:"set"`
	EndpointTypes       []string `json:"endpoint_types,omitempty" label:"Endpoint types" maestro:"set"`
	KeySource           string   `json:"api_key_source,omitempty" label:"Keys come from"`
	MediaTypes          []string `json:"binary_media_types,omitempty" label:"Binary media types" maestro:"set"`
	CompressFrom        int64    `json:"minimum_compression_bytes,omitempty" label:"Compresses from"`
	RouteSelection      string   `json:"route_selection,omitempty" label:"Route selection"`
	KeySelection        string   `json:"api_key_selection,omitempty" label:"Key selection"`
	NoValidation        *bool    `json:"schema_validation_disabled,omitempty" label:"No validation"`
	DefaultDisabled     *bool    `json:"default_endpoint_disabled,omitempty" label:"Default address off"`
	Policy              string   `json:"policy,omitempty" label:"Policy" help:"As JSON."`
	Warnings            []string `json:"warnings,omitempty" label:"Warnings" maestro:"set"`
	LaunchType          string   `json:"launch_type,omitempty" label:"Launch type"`
	TaskDefinition      string   `json:"task_definition,omitempty" label:"Task definition"`
	Scheduling          string   `json:"scheduling,omitempty" label:"Scheduling"`
	PlatformVersion     string   `json:"platform_version,omitempty" label:"Platform version"`
	CapacityProviders   []string `json:"capacity_providers,omitempty" label:"Capacity providers" maestro:"set"`
	ExecEnabled         *bool    `json:"execute_command,omitempty" label:"Execute command"`
	ServiceCIDR         string   `json:"service_cidr,omitempty" label:"Range of services"`
	PublicCIDRs         []string `json:"public_access_cidrs,omitempty" label:"Open to" maestro:"set"`
	LogTypes            []string `json:"log_types,omitempty" label:"Logs" maestro:"set"`
	Issuer              string   `json:"oidc_issuer,omitempty" label:"OIDC issuer"`
	PrivateZone         *bool    `json:"private_zone,omitempty" label:"Private zone"`
	ManagedBy           string   `json:"managed_by,omitempty" label:"Managed by"`
}

// readBuckets reads S3, whose listing is the same in every region. Amazon's says of each bucket where it lies; of what
// merely speaks S3 that is to be asked for one by one.
func readBuckets(ctx context.Context, r *reader) error {
	client := s3.NewFromConfig(r.cfg, func(o *s3.Options) { o.UsePathStyle = r.session.settings.Endpoint != "" })
	known, details := map[string]labels{}, &asker{r: r}
	pages := paged(client.ListBuckets, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)}, func(in *s3.ListBucketsInput, out *s3.ListBucketsOutput) (**string, *string) {
		return &in.ContinuationToken, out.ContinuationToken
	})
	return each(ctx, r, pages, func(page *s3.ListBucketsOutput) error {
		regions := make([]string, len(page.Buckets))
		gone := make([]bool, len(page.Buckets))
		err := side(ctx, page.Buckets, func(ctx context.Context, i int, b s3types.Bucket) (err error) {
			if regions[i] = ireland(aws.ToString(b.BucketRegion)); regions[i] != "" {
				return nil
			}
			_, err = details.ask(ctx, "regions of buckets", func(ctx context.Context) error {
				answer, err := client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b.Name})
				if err == nil {
					// The first region of all has no name here.
					regions[i] = cmp.Or(ireland(string(answer.LocationConstraint)), defaultHome)
				}
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
		for i, b := range page.Buckets {
			if b.Name == nil || gone[i] || regions[i] != "" && !r.session.settings.wantsRegion(regions[i]) {
				continue
			}
			env, attributes := r.bucket(b, regions[i])
			region := cmp.Or(regions[i], r.cfg.Region)
			if _, ok := known[region]; !ok {
				if known[region], err = r.labels(ctx, region, "s3:bucket"); err != nil {
					return err
				}
			}
			known[region].on(&env, env.ExternalID)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

// ireland translates what it was called when it was the only one in Europe.
func ireland(region string) string {
	if region == "EU" {
		return "eu-west-1"
	}
	return region
}

func (r *reader) bucket(b s3types.Bucket, region string) (resource.Envelope, schema.BackingService) {
	name := aws.ToString(b.Name)
	env := r.envelope("arn:"+r.session.settings.partition+":s3:::"+name, name)
	env.Region = region
	env.ConsoleURL = r.console("s3/buckets/" + url.PathEscape(name))
	return env, schema.BackingService{Family: "object_storage", Type: "bucket", Engine: "s3", Provisioned: when(b.CreationDate)}
}

func readDistributions(ctx context.Context, r *reader) error {
	tags, err := r.labels(ctx, r.globalHome(), "cloudfront:distribution")
	if err != nil {
		return err
	}
	pages := paged(cloudfront.NewFromConfig(r.cfg).ListDistributions, &cloudfront.ListDistributionsInput{MaxItems: aws.Int32(100)}, func(in *cloudfront.ListDistributionsInput, out *cloudfront.ListDistributionsOutput) (**string, *string) {
		return &in.Marker, nextDistribution(out)
	})
	return each(ctx, r, pages, func(page *cloudfront.ListDistributionsOutput) error {
		if page.DistributionList == nil {
			return nil
		}
		for _, d := range page.DistributionList.Items {
			if d.ARN == nil {
				continue
			}
			env, attributes, own := r.distribution(d)
			tags.on(&env, *d.ARN)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func nextDistribution(out *cloudfront.ListDistributionsOutput) *string {
	if out.DistributionList == nil {
		return nil
	}
	return out.DistributionList.NextMarker
}

func (r *reader) distribution(d cftypes.DistributionSummary) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(d.Id)
	env := r.envelope(aws.ToString(d.ARN), aws.ToString(d.DomainName))
	env.ConsoleURL = r.console("cloudfront/v4/home#/distributions/" + id)
	identify(&env, "fqdn", aws.ToString(d.DomainName))
	a := schema.BackingService{
		Family: "cdn", Type: "distribution", Engine: "cloudfront", Status: aws.ToString(d.Status), Endpoint: aws.ToString(d.DomainName), Public: aws.Bool(true),
		Description: plain(aws.ToString(d.Comment)), ModifiedAt: when(d.LastModifiedTime), Firewall: aws.Bool(aws.ToString(d.WebACLId) != ""),
	}
	own := serviceFields{PriceClass: string(d.PriceClass), Enabled: d.Enabled, WebACL: aws.ToString(d.WebACLId), HTTPVersion: string(d.HttpVersion), IPv6: d.IsIPV6Enabled}
	if d.Aliases != nil {
		a.Domains = d.Aliases.Items
	}
	if d.Origins != nil {
		for _, o := range d.Origins.Items {
			a.Origins = merge(a.Origins, o.DomainName)
			if bucket, ok := strings.CutSuffix(bucketHost(aws.ToString(o.DomainName)), ".s3"); ok {
				relate(&env, "uses", "backing_service", "arn:"+r.session.settings.partition+":s3:::"+bucket)
			}
		}
	}
	if c := d.ViewerCertificate; c != nil {
		a.MinimumTLS = string(c.MinimumProtocolVersion)
		own.Certificate = aws.ToString(c.ACMCertificateArn) + aws.ToString(c.IAMCertificateId)
	}
	if b := d.DefaultCacheBehavior; b != nil {
		own.ViewerProtocol = string(b.ViewerProtocolPolicy)
	}
	if d.CacheBehaviors != nil {
		for _, b := range d.CacheBehaviors.Items {
			own.Paths = append(own.Paths, texts(b.PathPattern)...)
		}
	}
	if d.CustomErrorResponses != nil {
		for _, e := range d.CustomErrorResponses.Items {
			own.ErrorCodes = append(own.ErrorCodes, strconv.Itoa(number(e.ErrorCode)))
		}
	}
	if d.Restrictions != nil && d.Restrictions.GeoRestriction != nil {
		own.Restriction, own.Countries = string(d.Restrictions.GeoRestriction.RestrictionType), d.Restrictions.GeoRestriction.Items
	}
	return env, a, own
}

// bucketHost is a bucket's host name up to ".s3", whichever of its three forms is used.
func bucketHost(host string) string {
	if i := strings.Index(host, ".s3."); i > 0 && strings.Contains(host, ".amazonaws.com") {
		return host[:i+3]
	}
	if i := strings.Index(host, ".s3-"); i > 0 && strings.Contains(host, ".amazonaws.com") {
		return host[:i+3]
	}
	return host
}

func readScalingGroups(ctx context.Context, r *reader) error {
	pages := paged(autoscaling.NewFromConfig(r.cfg).DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(100)}, func(in *autoscaling.DescribeAutoScalingGroupsInput, out *autoscaling.DescribeAutoScalingGroupsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *autoscaling.DescribeAutoScalingGroupsOutput) error {
		for _, g := range page.AutoScalingGroups {
			if g.AutoScalingGroupARN == nil {
				continue
			}
			env, attributes, own := r.scalingGroup(g)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) scalingGroup(g astypes.AutoScalingGroup) (resource.Envelope, schema.BackingService, serviceFields) {
	name := aws.ToString(g.AutoScalingGroupName)
	env := r.envelope(aws.ToString(g.AutoScalingGroupARN), name)
	tag(&env, g.Tags, func(t astypes.TagDescription) (*string, *string) { return t.Key, t.Value })
	env.ConsoleURL = r.ec2Page("AutoScalingGroupDetails:id=", name)
	a := schema.BackingService{
		Family: "auto_scaling", Type: "group", Engine: "ec2", Status: aws.ToString(g.Status), Zones: g.AvailabilityZones, MinCount: count(g.MinSize),
		MaxCount: count(g.MaxSize), DesiredCount: count(g.DesiredCapacity), NodeCount: len(g.Instances), Provisioned: when(g.CreatedTime),
	}
	own := serviceFields{
		LaunchConfiguration: aws.ToString(g.LaunchConfigurationName), HealthCheckType: aws.ToString(g.HealthCheckType),
		HealthCheckGrace: number(g.HealthCheckGracePeriod), Cooldown: number(g.DefaultCooldown), TargetGroups: g.TargetGroupARNs, Role: aws.ToString(g.ServiceLinkedRoleARN),
	}
	template := g.LaunchTemplate
	if m := g.MixedInstancesPolicy; template == nil && m != nil && m.LaunchTemplate != nil {
		template = m.LaunchTemplate.LaunchTemplateSpecification
	}
	if template != nil {
		own.LaunchTemplate = strings.Join(texts(template.LaunchTemplateName, template.Version), ":")
	}
	for _, p := range g.SuspendedProcesses {
		own.Suspended = append(own.Suspended, texts(p.ProcessName)...)
	}
	for _, i := range g.Instances {
		relate(&env, "contains", "server", aws.ToString(i.InstanceId))
		if a.Flavor == "" {
			a.Flavor = aws.ToString(i.InstanceType)
		}
	}
	for subnet := range strings.SplitSeq(aws.ToString(g.VPCZoneIdentifier), ",") {
		relate(&env, "connected_to", "subnet", strings.TrimSpace(subnet))
	}
	for _, b := range g.LoadBalancerNames {
		relate(&env, "uses", "load_balancer", r.arn("elasticloadbalancing", "loadbalancer/"+b))
	}
	return env, a, own
}
