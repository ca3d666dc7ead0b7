"""Fills an emulated account with something of every list that the plugin aws reads, in three regions.

Usage: seed.py ENDPOINT [organization | fifty | terminate REGION NAME | terminate_in ACCOUNT | close ACCOUNT | stack FILE].
An organisation gets one machine in each account.
"""
import ast, io, json, os, sys, zipfile
import boto3
from botocore.config import Config

ENDPOINT = sys.argv[1]
REGIONS = os.environ.get("SEED_REGIONS", "eu-west-1,us-east-1,ap-southeast-2").split(",")
CONFIG = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "seed"}


def client(service, region, **keys):
    return boto3.client(service, region_name=region, endpoint_url=ENDPOINT, config=CONFIG, **(keys or KEYS))


def tags(**kv):
    return [{"Key": k, "Value": v} for k, v in kv.items()]


def spec(kind, **kv):
    return [{"ResourceType": kind, "Tags": tags(**kv)}]


def network(ec2, region):
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=spec("vpc", Name="main", environment="production"))["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{i}.0/24", AvailabilityZone=region + zone,
                                 TagSpecifications=spec("subnet", Name=f"private-{zone}"))["Subnet"]["SubnetId"]
               for i, zone in enumerate("ab")]
    group = ec2.create_security_group(GroupName="web", Description="Web – für alle", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "everybody"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}])
    igw = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway", Name="out"))["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip", Name="spare"))
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=spec("route-table", Name="private"))["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="10.0.0.0/8", PortRange={"From": 22, "To": 22})
    vpn = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=65100)["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=vpn)
    ec2.create_transit_gateway(Description="hub")
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3", RouteTableIds=[table], VpcEndpointType="Gateway")
    ec2.create_network_interface(SubnetId=subnets[0], Description="spare port", Groups=[group])
    return vpc, subnets, group


def machines(ec2, region, subnets, group):
    ec2.create_key_pair(KeyName="admin")
    images = ec2.describe_images(Owners=["amazon"])["Images"]
    image = images[0]["ImageId"] if images else "ami-12c6146b"
    names = ["web-1", "wéb – ü 日本 ", "stopped", "terminated"]
    ids = []
    for name in names:
        i = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="m5.large" if name != "stopped" else "t3.micro", KeyName="admin",
                              SubnetId=subnets[0], SecurityGroupIds=[group], TagSpecifications=spec("instance", Name=name, role="web"))
        ids.append(i["Instances"][0]["InstanceId"])
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="c5.xlarge", SubnetId=subnets[1])  # without a name
    ec2.stop_instances(InstanceIds=[ids[2]])
    ec2.terminate_instances(InstanceIds=[ids[3]])
    volume = ec2.create_volume(AvailabilityZone=region + "a", Size=20, VolumeType="gp3", Encrypted=True, TagSpecifications=spec("volume", Name="data"))["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=ids[0], Device="/dev/sdf")
    ec2.create_volume(AvailabilityZone=region + "a", Size=1, VolumeType="io1", Iops=100)
    ec2.create_snapshot(VolumeId=volume, Description="before the update", TagSpecifications=spec("snapshot", Name="data-1"))
    ec2.create_image(InstanceId=ids[0], Name="golden", Description="web")
    return ids, image


def balancers(region, vpc, subnets, group, ids):
    elb = client("elb", region)
    elb.create_load_balancer(LoadBalancerName="classic", Subnets=subnets[:1], SecurityGroups=[group], Tags=tags(team="web"),
                             Listeners=[{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 8080}])
    elb.register_instances_with_load_balancer(LoadBalancerName="classic", Instances=[{"InstanceId": ids[0]}])
    elb.configure_health_check(LoadBalancerName="classic", HealthCheck={"Target": "HTTP:8080/health", "Interval": 10, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 3})
    v2 = client("elbv2", region)
    alb = v2.create_load_balancer(Name="front", Subnets=subnets, SecurityGroups=[group], Scheme="internet-facing", Tags=tags(team="web"))["LoadBalancers"][0]["LoadBalancerArn"]
    nlb = v2.create_load_balancer(Name="inner", Subnets=subnets, Type="network", Scheme="internal")["LoadBalancers"][0]["LoadBalancerArn"]
    for arn, name, protocol, port in ((alb, "web", "HTTP", 80), (nlb, "tcp", "TCP", 5432)):
        tg = v2.create_target_group(Name=name, Protocol=protocol, Port=port, VpcId=vpc, TargetType="instance")["TargetGroups"][0]["TargetGroupArn"]
        v2.register_targets(TargetGroupArn=tg, Targets=[{"Id": ids[0]}])
        v2.create_listener(LoadBalancerArn=arn, Protocol=protocol, Port=port, DefaultActions=[{"Type": "forward", "TargetGroupArn": tg}])


def databases(region, subnets, group):
    rds = client("rds", region)
    rds.create_db_subnet_group(DBSubnetGroupName="private", DBSubnetGroupDescription="d", SubnetIds=subnets)
    rds.create_db_instance(DBInstanceIdentifier="orders", Engine="postgres", DBInstanceClass="db.t3.medium", AllocatedStorage=50, MasterUsername="u", MasterUserPassword="secret-pw-1",
                           DBSubnetGroupName="private", VpcSecurityGroupIds=[group], MultiAZ=True, Tags=tags(team="orders"))
    rds.create_db_instance_read_replica(DBInstanceIdentifier="orders-read", SourceDBInstanceIdentifier="orders")
    rds.create_db_cluster(DBClusterIdentifier="ledger", Engine="aurora-mysql", MasterUsername="u", MasterUserPassword="secret-pw-1")
    rds.create_db_instance(DBInstanceIdentifier="ledger-1", DBClusterIdentifier="ledger", Engine="aurora-mysql", DBInstanceClass="db.r5.large")
    ddb = client("dynamodb", region)
    for name, mode in (("sessions", "PAY_PER_REQUEST"), ("carts", "PROVISIONED")):
        more = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}} if mode == "PROVISIONED" else {}
        ddb.create_table(TableName=name, BillingMode=mode, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                         AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], Tags=tags(team="shop"), **more)


def services(region, vpc, subnets, group, image, role):
    sqs = client("sqs", region)
    sqs.create_queue(QueueName="dead")
    sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "60"}, tags={"team": "orders"})
    dead = f"arn:aws:sqs:{region}:123456789012:dead"
    sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3}), "DelaySeconds": "5"})
    sns = client("sns", region)
    sns.create_topic(Name="alarms", Tags=tags(team="ops"))
    sns.create_topic(Name="empty")
    client("kafka", region).create_cluster_v2(ClusterName="events", Tags={"team": "data"}, Provisioned={
        "BrokerNodeGroupInfo": {"ClientSubnets": subnets, "InstanceType": "kafka.m5.large", "SecurityGroups": [group]}, "KafkaVersion": "3.6.0", "NumberOfBrokerNodes": 2})
    client("mq", region).create_broker(BrokerName="legacy", EngineType="ActiveMQ", EngineVersion="5.17.6", DeploymentMode="SINGLE_INSTANCE", HostInstanceType="mq.t3.micro",
                                       AutoMinorVersionUpgrade=True, PubliclyAccessible=False, Users=[{"Username": "admin", "Password": "secret-pw-2-long"}], Tags={"team": "ops"})
    cache = client("elasticache", region)
    cache.create_cache_cluster(CacheClusterId="pages", Engine="memcached", CacheNodeType="cache.t3.micro", NumCacheNodes=2, Tags=tags(team="web"))
    cache.create_replication_group(ReplicationGroupId="sessions", ReplicationGroupDescription="sessions", Engine="redis", CacheNodeType="cache.t3.small", NumCacheClusters=2)
    ses = client("sesv2", region)
    ses.create_email_identity(EmailIdentity="example.org")
    ses.create_email_identity(EmailIdentity="shop@example.com")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as z:
        z.writestr("main.py", "def handler(e, c): pass")
    lam = client("lambda", region)
    layer = lam.publish_layer_version(LayerName="common", Content={"ZipFile": code.getvalue()}, CompatibleRuntimes=["python3.12"], LicenseInfo="MIT")["LayerVersionArn"]
    lam.create_function(FunctionName="resize", Runtime="python3.12", Role=role, Handler="main.handler", Code={"ZipFile": code.getvalue()}, Layers=[layer], MemorySize=256, Timeout=30,
                        Environment={"Variables": {"DB_PASSWORD": "hunter2-in-lambda"}}, Tags={"team": "media"})
    lam.create_function(FunctionName="plain", Runtime="nodejs20.x", Role=role, Handler="i.h", Code={"ZipFile": code.getvalue()})
    client("apigateway", region).create_rest_api(name="shop", description="v1", tags={"team": "shop"})
    client("apigatewayv2", region).create_api(Name="http", ProtocolType="HTTP", Tags={"team": "shop"})
    ecs = client("ecs", region)
    ecs.create_cluster(clusterName="prod", tags=[{"key": "team", "value": "platform"}])
    ecs.register_task_definition(family="web", containerDefinitions=[{"name": "web", "image": "nginx", "memory": 64}])
    ecs.create_service(cluster="prod", serviceName="web", taskDefinition="web", desiredCount=2)
    eks = client("eks", region)
    eks.create_cluster(name="k8s", roleArn=role, resourcesVpcConfig={"subnetIds": subnets, "securityGroupIds": [group]}, version="1.31", tags={"team": "platform"})
    eks.create_nodegroup(clusterName="k8s", nodegroupName="default", subnets=subnets, nodeRole=role, instanceTypes=["m5.large"], scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2})
    asg = client("autoscaling", region)
    asg.create_launch_configuration(LaunchConfigurationName="web", ImageId=image, InstanceType="t3.micro")
    asg.create_auto_scaling_group(AutoScalingGroupName="workers", LaunchConfigurationName="web", MinSize=1, MaxSize=3, DesiredCapacity=1, VPCZoneIdentifier=subnets[0],
                                  Tags=[{"Key": "Name", "Value": "worker", "PropagateAtLaunch": True, "ResourceId": "workers", "ResourceType": "auto-scaling-group"}])


def everywhere():
    for region in REGIONS:
        s3 = client("s3", region)
        bucket = f"maestro-e2e-{region}"
        s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}))
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags(team="media")})
    cdn = client("cloudfront", "us-east-1")
    cdn.create_distribution_with_tags(DistributionConfigWithTags={"Tags": {"Items": tags(team="media")}, "DistributionConfig": {
        "CallerReference": "1", "Comment": "images", "Enabled": True, "Aliases": {"Quantity": 1, "Items": ["img.example.org"]},
        "Origins": {"Quantity": 1, "Items": [{"Id": "s3", "DomainName": "maestro-e2e-eu-west-1.s3.eu-west-1.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
        "DefaultCacheBehavior": {"TargetOriginId": "s3", "ViewerProtocolPolicy": "redirect-to-https", "MinTTL": 0, "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}}}})
    dns = client("route53", "us-east-1")
    dns.create_hosted_zone(Name="example.org", CallerReference="1", HostedZoneConfig={"Comment": "public", "PrivateZone": False})
    vpc = client("ec2", "eu-west-1").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["main"]}])["Vpcs"][0]["VpcId"]
    dns.create_hosted_zone(Name="internal.example.org", CallerReference="2", HostedZoneConfig={"Comment": "inner", "PrivateZone": True}, VPC={"VPCRegion": "eu-west-1", "VPCId": vpc})


def account():
    role = client("iam", "us-east-1").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))["Role"]["Arn"]
    for region in REGIONS:
        ec2 = client("ec2", region)
        vpc, subnets, group = network(ec2, region)
        ids, image = machines(ec2, region, subnets, group)
        balancers(region, vpc, subnets, group, ids)
        databases(region, subnets, group)
        services(region, vpc, subnets, group, image, role)
    everywhere()


def member(account):
    """EC2 of an account of the organisation."""
    keys = client("sts", "us-east-1").assume_role(RoleArn=f"arn:aws:iam::{account}:role/maestro-readonly", RoleSessionName="seed", ExternalId="e2e")["Credentials"]
    return client("ec2", "eu-west-1", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])


def machine(ec2, name):
    images = ec2.describe_images(Owners=["amazon"], MaxResults=5)["Images"]
    image = images[0]["ImageId"] if images else "ami-12345678"  # an emulator without images takes any
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", TagSpecifications=spec("instance", Name=name))


def organization():
    org = client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    root = org.list_roots()["Roots"][0]["Id"]
    unit = org.create_organizational_unit(ParentId=root, Name="production")["OrganizationalUnit"]["Id"]
    out = {"unit": unit, "accounts": {}}
    for name, env in (("shop", "production"), ("lab", "test"), ("closed", "production")):
        id = org.create_account(AccountName=name, Email=name + "@example.org", Tags=tags(environment=env))["CreateAccountStatus"]["AccountId"]
        out["accounts"][name] = id
        if env == "production":
            org.move_account(AccountId=id, SourceParentId=root, DestinationParentId=unit)
        machine(member(id), name)
    org.close_account(AccountId=out["accounts"]["closed"])
    print(json.dumps(out))


def fifty():
    """Fifty accounts beside the one that manages them, each with a machine of its name."""
    org = client("organizations", "us-east-1")
    org.create_organization(FeatureSet="ALL")
    out = {}
    for i in range(50):
        name = f"team-{i:02}"
        out[name] = org.create_account(AccountName=name, Email=name + "@example.org")["CreateAccountStatus"]["AccountId"]
        machine(member(out[name]), name)
    print(json.dumps(out))


def terminate_in(account):
    ec2 = member(account)
    ec2.terminate_instances(InstanceIds=[i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]])


def close(account):
    client("organizations", "us-east-1").close_account(AccountId=account)


def terminate(region, name):
    ec2 = client("ec2", region)
    for r in ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]:
        ec2.terminate_instances(InstanceIds=[i["InstanceId"] for i in r["Instances"]])


def stack(path):
    """Makes the role as CloudFormation would, and the policy alone as IAM would: both refuse what is not well-formed."""
    cf = client("cloudformation", "us-east-1")
    cf.create_stack(StackName="maestro", TemplateBody=open(path).read(), Capabilities=["CAPABILITY_NAMED_IAM"])
    iam = client("iam", "us-east-1")
    policy = iam.get_role_policy(RoleName="maestro-readonly", PolicyName="maestro-inventory")["PolicyDocument"]
    if isinstance(policy, str):
        policy = ast.literal_eval(policy)  # the emulator keeps what CloudFormation made in Python's own spelling
    iam.create_policy(PolicyName="maestro", PolicyDocument=json.dumps(policy))
    print(json.dumps({"trust": iam.get_role(RoleName="maestro-readonly")["Role"]["AssumeRolePolicyDocument"], "policy": policy}))


if __name__ == "__main__":
    command = sys.argv[2] if len(sys.argv) > 2 else "account"
    {"account": account, "organization": organization, "fifty": fifty, "terminate": terminate, "terminate_in": terminate_in, "close": close, "stack": stack}[command](*sys.argv[3:])
