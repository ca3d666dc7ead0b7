"""Lists an account with Amazon's own library for Python, on which its command line is built: what the plugin is compared with.

Usage: inventory.py ENDPOINT REGION...: one JSON object per line with kind, id, region, name, tags and some facts.
Nothing here knows how the plugin reads; ids are written as the plugin's documentation says they are.
"""
import json, sys
import boto3
from botocore.config import Config

ENDPOINT, REGIONS = sys.argv[1], sys.argv[2:]
ACCOUNT = "123456789012"
CONFIG = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})


def client(service, region):
    return boto3.client(service, region_name=region, endpoint_url=ENDPOINT, config=CONFIG, aws_access_key_id="a", aws_secret_access_key="b")


def put(kind, id, region, name="", tags=None, **facts):
    if isinstance(tags, list):
        tags = {t.get("Key", t.get("key")): t.get("Value", t.get("value")) for t in tags}
    print(json.dumps({"kind": kind, "id": id, "region": region, "name": name or "", "tags": tags or {},
                      "facts": {k: v for k, v in facts.items() if v not in (None, "", [])}}))


def every(c, operation, key, **args):
    """Every page's items."""
    if c.can_paginate(operation):
        for page in c.get_paginator(operation).paginate(**args):
            yield from page.get(key, [])
    else:
        yield from getattr(c, operation)(**args).get(key, [])


def tag_name(tags):
    return next((t["Value"] for t in tags or [] if t["Key"] == "Name"), "")


GIB = 1 << 30


def ec2(region):
    c = client("ec2", region)

    def simple(kind, operation, key, id, tags="Tags", keep=lambda x: True, name=lambda x: None, facts=lambda x: {}):
        for x in every(c, operation, key):
            if keep(x):
                put(kind, x[id], region, name(x) or tag_name(x.get(tags)), x.get(tags), **facts(x))

    types = set()
    for r in every(c, "describe_instances", "Reservations"):
        for i in r["Instances"]:
            if i["State"]["Name"] == "terminated":
                continue
            types.add(i["InstanceType"])
            put("server", i["InstanceId"], region, tag_name(i.get("Tags")), i.get("Tags"), status=i["State"]["Name"], flavor=i["InstanceType"],
                primary_ip=i.get("PrivateIpAddress"), public_ip=i.get("PublicIpAddress"), image=i["ImageId"], key_pair=i.get("KeyName"),
                architecture=i["Architecture"])
    for t in types:
        info = c.describe_instance_types(InstanceTypes=[t])["InstanceTypes"][0]
        put("flavor", f"{ACCOUNT}/{region}/{t}", region, t, cpu_count=info["VCpuInfo"]["DefaultVCpus"], memory_bytes=info["MemoryInfo"]["SizeInMiB"] << 20)
    simple("volume", "describe_volumes", "Volumes", "VolumeId", facts=lambda v: {
        "size_bytes": v["Size"] * GIB, "status": v["State"], "performance_class": v["VolumeType"], "encrypted": v["Encrypted"]})
    for s in c.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
        put("snapshot", s["SnapshotId"], region, tag_name(s.get("Tags")), s.get("Tags"), size_bytes=s["VolumeSize"] * GIB, status=s["State"], description=s.get("Description"))
    for i in c.describe_images(Owners=["self"])["Images"]:
        put("image", i["ImageId"], region, i["Name"], i.get("Tags"), status=i["State"], architecture=i["Architecture"], description=i.get("Description"))
    for k in c.describe_key_pairs()["KeyPairs"]:
        put("key_pair", f"{ACCOUNT}/{region}/{k['KeyName']}", region, k["KeyName"], k.get("Tags"), fingerprint=k["KeyFingerprint"])
    simple("network", "describe_vpcs", "Vpcs", "VpcId", facts=lambda v: {"cidrs": [v["CidrBlock"]], "is_default": v["IsDefault"]})
    simple("subnet", "describe_subnets", "Subnets", "SubnetId", facts=lambda s: {"cidrs": [s["CidrBlock"]]})
    simple("security_group", "describe_security_groups", "SecurityGroups", "GroupId", name=lambda g: g["GroupName"], facts=lambda g: {
        "description": g["Description"],
        "rule_count": sum(len(p[k]) for p in g["IpPermissions"] + g["IpPermissionsEgress"] for k in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"))})
    simple("network_acl", "describe_network_acls", "NetworkAcls", "NetworkAclId", facts=lambda n: {"rule_count": len(n["Entries"]), "is_default": n["IsDefault"]})
    simple("route_table", "describe_route_tables", "RouteTables", "RouteTableId", facts=lambda t: {"route_count": len(t["Routes"])})
    simple("network_interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", tags="TagSet", facts=lambda n: {
        "primary_ip": n.get("PrivateIpAddress"), "description": n.get("Description")})
    simple("address", "describe_addresses", "Addresses", "AllocationId", facts=lambda a: {"ip": a["PublicIp"]})
    simple("peering", "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId", facts=lambda p: {
        "requester_network": p["RequesterVpcInfo"]["VpcId"], "accepter_network": p["AccepterVpcInfo"]["VpcId"], "status": p["Status"]["Code"]})
    simple("network_endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", facts=lambda e: {"service": e["ServiceName"], "status": e["State"]})
    simple("gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", facts=lambda n: {"type": "nat", "status": n["State"]})
    simple("gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId", facts=lambda n: {"type": "internet"})
    simple("gateway", "describe_vpn_gateways", "VpnGateways", "VpnGatewayId", facts=lambda n: {"type": "vpn", "asn": n.get("AmazonSideAsn")})
    simple("gateway", "describe_transit_gateways", "TransitGateways", "TransitGatewayId", facts=lambda n: {"type": "transit", "description": n.get("Description")})


def balancers(region):
    c = client("elb", region)
    for b in every(c, "describe_load_balancers", "LoadBalancerDescriptions"):
        name = b["LoadBalancerName"]
        put("load_balancer", f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:loadbalancer/{name}", region, name,
            c.describe_tags(LoadBalancerNames=[name])["TagDescriptions"][0]["Tags"], type="classic", endpoint=b["DNSName"], target_count=len(b["Instances"]))
    c = client("elbv2", region)
    for b in every(c, "describe_load_balancers", "LoadBalancers"):
        arn = b["LoadBalancerArn"]
        groups = c.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
        targets = sum(len(c.describe_target_health(TargetGroupArn=g["TargetGroupArn"])["TargetHealthDescriptions"]) for g in groups)
        put("load_balancer", arn, region, b["LoadBalancerName"], c.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"], type=b["Type"], endpoint=b["DNSName"],
            target_count=targets, status=b["State"]["Code"])


def databases(region):
    c = client("rds", region)
    for d in every(c, "describe_db_instances", "DBInstances"):
        put("database", d["DBInstanceArn"], region, d["DBInstanceIdentifier"], d.get("TagList"), type="instance", engine=d["Engine"], version=d["EngineVersion"],
            status=d["DBInstanceStatus"], flavor=d["DBInstanceClass"], endpoint=d.get("Endpoint", {}).get("Address"))
    for d in every(c, "describe_db_clusters", "DBClusters"):
        put("database", d["DBClusterArn"], region, d["DBClusterIdentifier"], d.get("TagList"), type="cluster", engine=d["Engine"], endpoint=d["Endpoint"])
    c = client("dynamodb", region)
    for name in every(c, "list_tables", "TableNames"):
        t = c.describe_table(TableName=name)["Table"]
        put("database", t["TableArn"], region, name, c.list_tags_of_resource(ResourceArn=t["TableArn"])["Tags"], type="table", engine="dynamodb", status=t["TableStatus"],
            capacity_mode={"PAY_PER_REQUEST": "on_demand"}.get(t.get("BillingModeSummary", {}).get("BillingMode"), "provisioned"))


def backing(region):
    def service(id, name, tags=None, **facts):
        put("backing_service", id, region, name, tags, **facts)

    c = client("sqs", region)
    for url in every(c, "list_queues", "QueueUrls"):
        a = c.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        service(a["QueueArn"], url.rsplit("/", 1)[1], c.list_queue_tags(QueueUrl=url).get("Tags"), family="broker", type="queue", endpoint=url, retention_seconds=int(a["MessageRetentionPeriod"]))
    c = client("sns", region)
    for t in every(c, "list_topics", "Topics"):
        service(t["TopicArn"], t["TopicArn"].rsplit(":", 1)[1], c.list_tags_for_resource(ResourceArn=t["TopicArn"])["Tags"], family="broker", type="topic")
    c = client("kafka", region)
    for k in every(c, "list_clusters_v2", "ClusterInfoList"):
        service(k["ClusterArn"], k["ClusterName"], k.get("Tags"), family="broker", engine="kafka", node_count=k["Provisioned"]["NumberOfBrokerNodes"], flavor=k["Provisioned"]["BrokerNodeGroupInfo"]["InstanceType"])
    c = client("mq", region)
    for b in every(c, "list_brokers", "BrokerSummaries"):
        d = c.describe_broker(BrokerId=b["BrokerId"])
        service(b["BrokerArn"], b["BrokerName"], d.get("Tags"), family="broker", engine="activemq", version=d["EngineVersion"], status=d["BrokerState"])
    c = client("elasticache", region)
    for k in every(c, "describe_cache_clusters", "CacheClusters"):
        service(k["ARN"], k["CacheClusterId"], c.list_tags_for_resource(ResourceName=k["ARN"])["TagList"], family="cache", engine=k["Engine"], flavor=k["CacheNodeType"])
    for g in every(c, "describe_replication_groups", "ReplicationGroups"):
        service(g["ARN"], g["ReplicationGroupId"], None, family="cache", type="replication_group", status=g["Status"])
    c = client("sesv2", region)
    for i in c.list_email_identities()["EmailIdentities"]:
        service(f"arn:aws:ses:{region}:{ACCOUNT}:identity/{i['IdentityName']}", i["IdentityName"], None, family="email", type=i["IdentityType"].lower())
    c = client("lambda", region)
    for f in every(c, "list_functions", "Functions"):
        arn = f["FunctionArn"]
        service(arn, f["FunctionName"], c.list_tags(Resource=arn).get("Tags"), family="serverless", type="function", runtime=f["Runtime"], memory_bytes=f["MemorySize"] << 20, timeout_seconds=f["Timeout"])
    for l in every(c, "list_layers", "Layers"):
        service(l["LayerArn"], l["LayerName"], None, family="serverless", type="layer", version=str(l["LatestMatchingVersion"]["Version"]))
    for a in every(client("apigateway", region), "get_rest_apis", "items"):
        service(f"arn:aws:apigateway:{region}::/restapis/{a['id']}", a["name"], a.get("tags"), family="api_gateway", type="rest", description=a.get("description"))
    for a in every(client("apigatewayv2", region), "get_apis", "Items"):
        service(f"arn:aws:apigateway:{region}::/apis/{a['ApiId']}", a["Name"], a.get("Tags"), family="api_gateway", type="http", endpoint=a["ApiEndpoint"])
    c = client("ecs", region)
    for arn in every(c, "list_clusters", "clusterArns"):
        k = c.describe_clusters(clusters=[arn], include=["TAGS"])["clusters"][0]
        service(arn, k["clusterName"], k.get("tags"), family="container_orchestration", type="ecs_cluster", status=k["status"])
        for s in every(c, "list_services", "serviceArns", cluster=arn):
            d = c.describe_services(cluster=arn, services=[s])["services"][0]
            service(s, d["serviceName"], d.get("tags"), family="container_orchestration", type="ecs_service", desired_count=d["desiredCount"])
    c = client("eks", region)
    for name in every(c, "list_clusters", "clusters"):
        k = c.describe_cluster(name=name)["cluster"]
        service(k["arn"], name, k.get("tags"), family="container_orchestration", type="eks_cluster", version=k["version"], endpoint=k["endpoint"])
    for g in every(client("autoscaling", region), "describe_auto_scaling_groups", "AutoScalingGroups"):
        service(g["AutoScalingGroupARN"], g["AutoScalingGroupName"], g.get("Tags"), family="auto_scaling", min_count=g["MinSize"], max_count=g["MaxSize"], desired_count=g["DesiredCapacity"])


def everywhere():
    c = client("s3", "us-east-1")
    for b in c.list_buckets()["Buckets"]:
        region = c.get_bucket_location(Bucket=b["Name"])["LocationConstraint"] or "us-east-1"
        put("backing_service", "arn:aws:s3:::" + b["Name"], region, b["Name"], c.get_bucket_tagging(Bucket=b["Name"])["TagSet"], family="object_storage", type="bucket")
    c = client("cloudfront", "us-east-1")
    for d in c.list_distributions()["DistributionList"].get("Items", []):
        put("backing_service", d["ARN"], "", d["DomainName"], c.list_tags_for_resource(Resource=d["ARN"])["Tags"]["Items"], family="cdn", status=d["Status"], domains=d["Aliases"]["Items"])
    for z in every(client("route53", "us-east-1"), "list_hosted_zones", "HostedZones"):
        put("backing_service", "arn:aws:route53:::" + z["Id"].strip("/"), "", z["Name"].rstrip("."), None, family="dns", record_count=z["ResourceRecordSetCount"])


for region in REGIONS:
    ec2(region)
    balancers(region)
    databases(region)
    backing(region)
everywhere()
