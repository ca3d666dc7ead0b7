package aws

// lists are everything that is read. One row is one list.
func lists() []list {
	ec2 := func(kind, name string, read reading, actions ...string) list {
		for i, a := range actions {
			actions[i] = "ec2:" + a
		}
		return list{kind: kind, name: name, limit: "ec2", actions: actions, read: read}
	}
	return sorted([]list{
		ec2("server", "ec2", readServers, "DescribeInstances", "DescribeInstanceTypes"),
		ec2("volume", "volumes", readVolumes, "DescribeVolumes"),
		ec2("snapshot", "snapshots", readSnapshots, "DescribeSnapshots"),
		ec2("image", "images", readImages, "DescribeImages"),
		ec2("key_pair", "key_pairs", readKeyPairs, "DescribeKeyPairs"),
		ec2("flavor", "instance_types", readFlavors, "DescribeInstances", "DescribeInstanceTypes"),
		ec2("network", "vpcs", readNetworks, "DescribeVpcs"),
		ec2("subnet", "subnets", readSubnets, "DescribeSubnets", "DescribeRouteTables"),
		ec2("security_group", "security_groups", readSecurityGroups, "DescribeSecurityGroups"),
		ec2("network_acl", "network_acls", readNetworkACLs, "DescribeNetworkAcls"),
		ec2("route_table", "route_tables", readRouteTables, "DescribeRouteTables"),
		ec2("network_interface", "network_interfaces", readInterfaces, "DescribeNetworkInterfaces"),
		ec2("address", "elastic_ips", readAddresses, "DescribeAddresses"),
		ec2("peering", "peerings", readPeerings, "DescribeVpcPeeringConnections"),
		ec2("network_endpoint", "endpoints", readEndpoints, "DescribeVpcEndpoints"),
		ec2("gateway", "nat", readNATGateways, "DescribeNatGateways"),
		ec2("gateway", "internet", readInternetGateways, "DescribeInternetGateways"),
		ec2("gateway", "vpn", readVPNGateways, "DescribeVpnGateways"),
		ec2("gateway", "transit", readTransitGateways, "DescribeTransitGateways"),
		{kind: "load_balancer", name: "elb", limit: "elasticloadbalancing", read: readClassicBalancers, actions: []string{
			"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"}},
		{kind: "load_balancer", name: "elbv2", limit: "elasticloadbalancing", read: readBalancers, actions: []string{
			"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTargetGroups",
			"elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTags"}},
		{kind: "database", name: "rds", limit: "rds", read: readRDS, actions: []string{"rds:DescribeDBInstances", "rds:DescribeDBClusters"}},
		{kind: "database", name: "dynamodb", limit: "dynamodb", read: readDynamoDB, actions: []string{"dynamodb:ListTables", "dynamodb:DescribeTable", actionTags}},
		{kind: "backing_service", name: "s3", limit: "s3", global: true, read: readBuckets, actions: []string{"s3:ListAllMyBuckets", "s3:GetBucketLocation", actionTags}},
		{kind: "backing_service", name: "cloudfront", limit: "cloudfront", global: true, read: readDistributions, actions: []string{"cloudfront:ListDistributions", actionTags}},
		{kind: "backing_service", name: "route53", limit: "route53", global: true, read: readZones, actions: []string{"route53:ListHostedZones", "route53:GetHostedZone", actionTags}},
		{kind: "backing_service", name: "autoscaling", limit: "autoscaling", read: readScalingGroups, actions: []string{"autoscaling:DescribeAutoScalingGroups"}},
		{kind: "backing_service", name: "sqs", limit: "sqs", read: readQueues, actions: []string{"sqs:ListQueues", "sqs:GetQueueAttributes", actionTags}},
		{kind: "backing_service", name: "sns", limit: "sns", read: readTopics, actions: []string{"sns:ListTopics", "sns:GetTopicAttributes", actionTags}},
		{kind: "backing_service", name: "msk", limit: "kafka", read: readKafka, actions: []string{"kafka:ListClustersV2"}},
		{kind: "backing_service", name: "mq", limit: "mq", read: readMQ, actions: []string{"mq:ListBrokers", "mq:DescribeBroker"}},
		{kind: "backing_service", name: "elasticache", limit: "elasticache", read: readCaches, actions: []string{"elasticache:DescribeCacheClusters", "elasticache:DescribeReplicationGroups", actionTags}},
		{kind: "backing_service", name: "ses", limit: "ses", read: readIdentities, actions: []string{"ses:ListEmailIdentities", actionTags}},
		{kind: "backing_service", name: "lambda", limit: "lambda", read: readFunctions, actions: []string{"lambda:ListFunctions", actionTags}},
		{kind: "backing_service", name: "lambda_layers", limit: "lambda", read: readLayers, actions: []string{"lambda:ListLayers"}},
		{kind: "backing_service", name: "apigateway", limit: "apigateway", read: readRestAPIs, actions: []string{actionAPIGateway}},
		{kind: "backing_service", name: "apigatewayv2", limit: "apigateway", read: readHTTPAPIs, actions: []string{actionAPIGateway}},
		{kind: "backing_service", name: "ecs", limit: "ecs", read: readECS, actions: []string{"ecs:ListClusters", "ecs:DescribeClusters", "ecs:ListServices", "ecs:DescribeServices"}},
		{kind: "backing_service", name: "eks", limit: "eks", read: readEKS, actions: []string{"eks:ListClusters", "eks:DescribeCluster", "eks:ListNodegroups", "eks:DescribeNodegroup"}},
	})
}

// extensions are the fields that the plugin adds to built-in kinds under its own name.
func extensions() map[string]any {
	return map[string]any{
		"server": serverFields{}, "volume": volumeFields{}, "snapshot": snapshotFields{}, "image": imageFields{}, "network": networkFields{},
		"subnet": subnetFields{}, "network_interface": interfaceFields{}, "address": addressFields{}, "network_endpoint": endpointFields{},
		"load_balancer": balancerFields{}, "database": databaseFields{}, "backing_service": serviceFields{},
	}
}
