package aws

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	v2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	kafkatypes "github.com/aws/aws-sdk-go-v2/service/kafka/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// here is a reader of eu-west-1 that makes no requests: for what Amazon says and the emulator does not.
func here() *reader {
	return &reader{
		session: &session{settings: settings{partition: "aws"}}, account: "123456789012", region: "eu-west-1", cfg: aws.Config{Region: "eu-west-1"},
		scope: resource.Scope{Kind: "server"},
	}
}

func TestServerOfEveryKind(t *testing.T) {
	launched, attached := time.Date(2026, 5, 4, 3, 2, 1, 5000, time.FixedZone("", 7200)), time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	env, a, own := func() (resource.Envelope, schema.Server, serverFields) {
		return here().server(types.Instance{
			InstanceId: aws.String("i-0abc"), InstanceType: "m5.metal", State: &types.InstanceState{Name: types.InstanceStateNameStopping},
			InstanceLifecycle: types.InstanceLifecycleTypeSpot, CpuOptions: &types.CpuOptions{CoreCount: aws.Int32(48), ThreadsPerCore: aws.Int32(2)},
			PlatformDetails: aws.String("Windows with SQL Server Standard"), LaunchTime: &launched, CurrentInstanceBootMode: types.InstanceBootModeValuesUefi,
			IamInstanceProfile: &types.IamInstanceProfile{Arn: aws.String("arn:aws:iam::123456789012:instance-profile/team/web")},
			PrivateIpAddress:   aws.String("10.0.0.5"), Ipv6Address: aws.String("2001:db8::5"),
			NetworkInterfaces: []types.InstanceNetworkInterface{{
				NetworkInterfaceId: aws.String("eni-1"), MacAddress: aws.String("0A:1B:2C:3D:4E:5F"), SubnetId: aws.String("subnet-1"), Status: types.NetworkInterfaceStatusInUse,
				Attachment: &types.InstanceNetworkInterfaceAttachment{DeviceIndex: aws.Int32(0), AttachTime: &attached},
				PrivateIpAddresses: []types.InstancePrivateIpAddress{{PrivateIpAddress: aws.String("10.0.0.5")},
					{PrivateIpAddress: aws.String("10.0.0.6"), Association: &types.InstanceNetworkInterfaceAssociation{PublicIp: aws.String("203.0.113.9")}}},
				Ipv6Addresses: []types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:DB8::5")}},
			}},
			MetadataOptions: &types.InstanceMetadataOptionsResponse{HttpTokens: types.HttpTokensStateRequired}, StateReason: &types.StateReason{Code: aws.String("Server.SpotInstanceTermination")},
			Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("bad\xffname")}, {Key: aws.String(""), Value: aws.String("no key")}},
		}, map[types.InstanceType]types.InstanceTypeInfo{"m5.metal": {BareMetal: aws.Bool(true), MemoryInfo: &types.MemoryInfo{SizeInMiB: aws.Int64(393216)}}})
	}()
	got := map[string]any{
		"name": env.Name, "tags": len(env.Tags), "type": a.Type, "power": a.PowerState, "cpu": a.CPUCount, "memory": a.MemoryBytes, "os": a.OS.Family, "spot": *a.Spot,
		"ips": a.IPAddresses, "role": a.IAMRole, "firmware": a.Firmware, "booted": a.BootedAt.Format(time.RFC3339), "made": a.ProvisionedAt.Format(time.RFC3339),
		"tokens": own.MetadataTokens, "reason": own.StateReason,
	}
	want := map[string]any{
		"name": "bad\uFFFDname", "tags": 1, "type": "physical", "power": "off", "cpu": 96, "memory": int64(384) << 30, "os": "windows", "spot": true,
		"ips": []schema.IP{"10.0.0.5", "10.0.0.6", "203.0.113.9", "2001:db8::5"}, "role": "team/web", "firmware": "uefi", "booted": "2026-05-04T01:02:01Z", "made": "2024-01-02T03:04:05Z",
		"tokens": "required", "reason": "Server.SpotInstanceTermination",
	}
	for k := range want {
		if !reflect.DeepEqual(got[k], want[k]) {
			t.Errorf("%s is %v, want %v", k, got[k], want[k])
		}
	}
}

// TestEmptyAnswers: an item that says nothing but its id is translated, not a panic.
func TestEmptyAnswers(t *testing.T) {
	r := here()
	for name, fn := range map[string]func(){
		"server": func() { r.server(types.Instance{}, nil) }, "volume": func() { r.volume(types.Volume{Attachments: []types.VolumeAttachment{{}}}) },
		"snapshot": func() { r.snapshot(types.Snapshot{}) }, "image": func() { r.image(types.Image{BlockDeviceMappings: []types.BlockDeviceMapping{{}}}) },
		"flavor": func() { r.flavor("x", types.InstanceTypeInfo{}) }, "interface": func() { r.networkInterface(types.NetworkInterface{}) },
		"peering": func() { r.peering("p", types.VpcPeeringConnection{}) }, "endpoint": func() { r.endpoint(types.VpcEndpoint{}) }, "route": func() { target(types.Route{}) },
		"acl": func() { aclRule(types.NetworkAclEntry{}) }, "balancer": func() { r.balancer(v2types.LoadBalancer{}, []v2types.Listener{{}}, targets{}) },
		"pool": func() { pool(v2types.TargetGroup{HealthCheckEnabled: aws.Bool(true)}) }, "instance": func() { r.dbInstance(rdstypes.DBInstance{}) },
		"cluster": func() { r.dbCluster(rdstypes.DBCluster{}) }, "distribution": func() { r.distribution(cftypes.DistributionSummary{}) }, "kafka": func() { r.kafka(kafkatypes.Cluster{}) },
		"group": func() { r.replicationGroup(cachetypes.ReplicationGroup{}) }, "cache": func() { r.cacheCluster(cachetypes.CacheCluster{CacheNodes: []cachetypes.CacheNode{{}}}) },
		"function": func() { r.function(lambdatypes.FunctionConfiguration{Layers: []lambdatypes.Layer{{}}}) }, "queue": func() { r.queue("", nil) }, "topic": func() { r.topic("", nil) },
	} {
		t.Run(name, func(*testing.T) { fn() })
	}
}

func TestPeeringIsListedOnce(t *testing.T) {
	side := func(account, region string) *types.VpcPeeringConnectionVpcInfo {
		return &types.VpcPeeringConnectionVpcInfo{OwnerId: aws.String(account), Region: aws.String(region)}
	}
	for name, tt := range map[string]struct {
		requester *types.VpcPeeringConnectionVpcInfo
		want      string
	}{
		"mine, from here":             {side("123456789012", "eu-west-1"), "pcx-1"},
		"mine, from another region":   {side("123456789012", "eu-west-2"), ""},
		"mine, from an unread region": {side("123456789012", "us-east-1"), "pcx-1"},
		"of another account":          {side("999999999999", "eu-west-1"), "123456789012/eu-west-1/pcx-1"},
		"of nobody known":             {nil, "pcx-1"},
	} {
		r := here()
		r.session.settings.Regions = []string{"eu-*"}
		if got := r.peeringID(types.VpcPeeringConnection{VpcPeeringConnectionId: aws.String("pcx-1"), RequesterVpcInfo: tt.requester}); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestServicesOfEveryKind(t *testing.T) {
	r := here()
	_, serverless, _ := r.kafka(kafkatypes.Cluster{ClusterArn: aws.String("arn"), Serverless: &kafkatypes.Serverless{VpcConfigs: []kafkatypes.VpcConfig{{SubnetIds: []string{"subnet-1"}}}}})
	if serverless.Engine != "kafka" || serverless.NodeCount != 0 {
		t.Errorf("serverless Kafka: %+v", serverless)
	}
	_, aurora, _ := r.dbInstance(rdstypes.DBInstance{DBInstanceArn: aws.String("a"), Engine: aws.String("aurora-mysql"), AllocatedStorage: aws.Int32(1)})
	if aurora.SizeBytes != 0 {
		t.Errorf("an instance of Aurora has no storage of its own, and %d bytes", aurora.SizeBytes)
	}
	env, _, _ := r.dbInstance(rdstypes.DBInstance{ReadReplicaSourceDBInstanceIdentifier: aws.String("arn:aws:rds:us-east-1:123456789012:db:main"), DBClusterIdentifier: aws.String("c")})
	want := []resource.Relation{{Verb: "member_of", Kind: "database", ExternalID: "arn:aws:rds:eu-west-1:123456789012:cluster:c"}, {Verb: "replicates", Kind: "database", ExternalID: "arn:aws:rds:us-east-1:123456789012:db:main"}}
	if !reflect.DeepEqual(env.Relations, want) {
		t.Errorf("relations %v, want %v", env.Relations, want)
	}
	for host, bucket := range map[string]string{
		"logs.s3.eu-west-1.amazonaws.com": "logs.s3", "logs.s3.amazonaws.com": "logs.s3", "logs.s3-website-eu-west-1.amazonaws.com": "logs.s3", "www.example.org": "www.example.org",
	} {
		if got := bucketHost(host); got != bucket {
			t.Errorf("%s is %s, want %s", host, got, bucket)
		}
	}
	_, _, own := r.function(lambdatypes.FunctionConfiguration{Environment: &lambdatypes.EnvironmentResponse{Variables: map[string]string{"TOKEN": "s3cr3t"}}})
	text, err := json.Marshal(own)
	if err != nil || string(text) != `{"environment_variable_names":["TOKEN"]}` {
		t.Errorf("%s %v: names and no values are wanted", text, err)
	}
}

func TestFieldsBesideOthers(t *testing.T) {
	for want, v := range map[string]any{
		`{"memory_bytes":1,"aws":{"tenancy":"host"}}`: with(schema.Server{MemoryBytes: 1}, serverFields{Tenancy: "host"}),
		`{"memory_bytes":1}`:                          with(schema.Server{MemoryBytes: 1}, serverFields{}),
		`{"aws":{"tenancy":"host"}}`:                  with(schema.Server{}, serverFields{Tenancy: "host"}),
		`{}`:                                          with(schema.Server{}, serverFields{}),
	} {
		text, err := encode(v)
		if err != nil || string(text) != want {
			t.Errorf("%s %v, want %s", text, err, want)
		}
	}
}
