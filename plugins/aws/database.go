package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// databaseFields are what only Amazon's databases have.
type databaseFields struct {
	SubnetGroup    string   `json:"subnet_group,omitempty" label:"Subnet group"`
	CACertificate  string   `json:"ca_certificate_id,omitempty" label:"Certificate authority"`
	IAMAuth        *bool    `json:"iam_authentication,omitempty" label:"Sign-in by IAM"`
	ResourceID     string   `json:"resource_id,omitempty" label:"Resource id"`
	OptionGroups   []string `json:"option_groups,omitempty" label:"Option groups" maestro:"set"`
	ReadStatus     []string `json:"replication_status,omitempty" label:"Replication status" maestro:"set"`
	Insights       *bool    `json:"performance_insights,omitempty" label:"Performance Insights"`
	EngineMode     string   `json:"engine_mode,omitempty" label:"Engine mode"`
	NetworkType    string   `json:"network_type,omitempty" label:"Network type"`
	Lifecycle      string   `json:"engine_lifecycle_support,omitempty" label:"Lifecycle support"`
	GlobalCluster  string   `json:"global_cluster,omitempty" label:"Global cluster"`
	SecurityGroups []string `json:"db_security_groups,omitempty" label:"DB security groups" maestro:"set"`
	MinCapacity    float64  `json:"min_capacity_units,omitempty" label:"Least capacity" help:"Of serverless clusters, in ACU."`
	MaxCapacity    float64  `json:"max_capacity_units,omitempty" label:"Most capacity" help:"Of serverless clusters, in ACU."`
	Keys           []string `json:"keys,omitempty" label:"Keys" help:"Attributes that make a table's key, the partition's first."`
	Indexes        []string `json:"indexes,omitempty" label:"Indexes" maestro:"set"`
	TableClass     string   `json:"table_class,omitempty" label:"Table class"`
	Stream         *bool    `json:"stream,omitempty" label:"Stream"`
	Replicas       []string `json:"replica_regions,omitempty" label:"Replicas" maestro:"set"`
}

func rdsTag(t types.Tag) (*string, *string) { return t.Key, t.Value }

// readRDS reads clusters and instances; Neptune and DocumentDB answer here, too.
func readRDS(ctx context.Context, r *reader) error {
	client := rds.NewFromConfig(r.cfg)
	clusters := paged(client.DescribeDBClusters, &rds.DescribeDBClustersInput{MaxRecords: aws.Int32(100)}, func(in *rds.DescribeDBClustersInput, out *rds.DescribeDBClustersOutput) (**string, *string) {
		return &in.Marker, out.Marker
	})
	writers := map[string]string{} // role of each member of a cluster
	err := each(ctx, r, clusters, func(page *rds.DescribeDBClustersOutput) error {
		for _, c := range page.DBClusters {
			if c.DBClusterArn == nil {
				continue
			}
			for _, m := range c.DBClusterMembers {
				writers[aws.ToString(m.DBInstanceIdentifier)] = map[bool]string{true: "primary", false: "replica"}[aws.ToBool(m.IsClusterWriter)]
			}
			env, attributes, own := r.dbCluster(c)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	pages := paged(client.DescribeDBInstances, &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(100)}, func(in *rds.DescribeDBInstancesInput, out *rds.DescribeDBInstancesOutput) (**string, *string) {
		return &in.Marker, out.Marker
	})
	return each(ctx, r, pages, func(page *rds.DescribeDBInstancesOutput) error {
		for _, d := range page.DBInstances {
			if d.DBInstanceArn == nil {
				continue
			}
			env, attributes, own := r.dbInstance(d)
			if role := writers[aws.ToString(d.DBInstanceIdentifier)]; role != "" {
				attributes.Role = role
			}
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) dbInstance(d types.DBInstance) (resource.Envelope, schema.Database, databaseFields) {
	name := aws.ToString(d.DBInstanceIdentifier)
	env := r.envelope(aws.ToString(d.DBInstanceArn), name)
	tag(&env, d.TagList, rdsTag)
	env.Zone, env.ConsoleURL = aws.ToString(d.AvailabilityZone), r.console("rds/home?region={region}#database:id="+name+";is-cluster=false")
	a := schema.Database{
		Type: "instance", Family: familyOf(aws.ToString(d.Engine)), Engine: aws.ToString(d.Engine), Version: aws.ToString(d.EngineVersion),
		Status: aws.ToString(d.DBInstanceStatus), DatabaseName: aws.ToString(d.DBName), License: aws.ToString(d.LicenseModel),
		CharacterSet: aws.ToString(d.CharacterSetName), TimeZone: aws.ToString(d.Timezone), Public: d.PubliclyAccessible, Flavor: aws.ToString(d.DBInstanceClass),
		SizeBytes: gib(d.AllocatedStorage), MaxSizeBytes: gib(d.MaxAllocatedStorage), IOPSLimit: int64(number(d.Iops)), StorageClass: aws.ToString(d.StorageType),
		HighAvailability: d.MultiAZ, SecondaryZone: aws.ToString(d.SecondaryAvailabilityZone), Encrypted: d.StorageEncrypted, KeyName: aws.ToString(d.KmsKeyId),
		BackupDays: number(d.BackupRetentionPeriod), BackupWindow: aws.ToString(d.PreferredBackupWindow), Maintenance: aws.ToString(d.PreferredMaintenanceWindow),
		AutoUpgrade: d.AutoMinorVersionUpgrade, Protected: d.DeletionProtection, Monitoring: number(d.MonitoringInterval), LogExports: d.EnabledCloudwatchLogsExports,
		Provisioned: when(d.InstanceCreateTime), Role: "primary",
	}
	if strings.HasPrefix(a.Engine, "aurora") || strings.HasPrefix(a.Engine, "docdb") || strings.HasPrefix(a.Engine, "neptune") {
		a.SizeBytes = 0 // the cluster has the storage; the instance says 1
	}
	if e := d.Endpoint; e != nil {
		a.Endpoint, a.Port = aws.ToString(e.Address), number(e.Port)
		identify(&env, "fqdn", a.Endpoint)
	} else {
		a.Port = number(d.DbInstancePort)
	}
	own := databaseFields{
		CACertificate: aws.ToString(d.CACertificateIdentifier), IAMAuth: d.IAMDatabaseAuthenticationEnabled, ResourceID: aws.ToString(d.DbiResourceId),
		Insights: d.PerformanceInsightsEnabled, NetworkType: aws.ToString(d.NetworkType), Lifecycle: aws.ToString(d.EngineLifecycleSupport),
	}
	for _, g := range d.DBParameterGroups {
		a.ParameterGroups = append(a.ParameterGroups, texts(g.DBParameterGroupName)...)
	}
	for _, m := range d.DomainMemberships {
		a.Domains = append(a.Domains, texts(m.FQDN, m.Domain)...)
	}
	for _, g := range d.OptionGroupMemberships {
		own.OptionGroups = append(own.OptionGroups, texts(g.OptionGroupName)...)
	}
	for _, g := range d.DBSecurityGroups {
		own.SecurityGroups = append(own.SecurityGroups, texts(g.DBSecurityGroupName)...)
	}
	for _, s := range d.StatusInfos {
		own.ReadStatus = append(own.ReadStatus, texts(s.Status)...)
	}
	if g := d.DBSubnetGroup; g != nil {
		own.SubnetGroup = aws.ToString(g.DBSubnetGroupName)
		relate(&env, "connected_to", "network", aws.ToString(g.VpcId))
		for _, s := range g.Subnets {
			relate(&env, "connected_to", "subnet", aws.ToString(s.SubnetIdentifier))
		}
	}
	for _, g := range d.VpcSecurityGroups {
		relate(&env, "uses", "security_group", aws.ToString(g.VpcSecurityGroupId))
	}
	if c := aws.ToString(d.DBClusterIdentifier); c != "" {
		relate(&env, "member_of", "database", r.arn("rds", "cluster:"+c))
	}
	if source := aws.ToString(d.ReadReplicaSourceDBInstanceIdentifier); source != "" {
		a.Role = "replica"
		relate(&env, "replicates", "database", r.rdsARN("db:", source))
	}
	return env, a, own
}

// rdsARN is the ARN of what RDS names by its id within the region, and by its ARN beyond.
func (r *reader) rdsARN(prefix, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return r.arn("rds", prefix+name)
}

func (r *reader) dbCluster(c types.DBCluster) (resource.Envelope, schema.Database, databaseFields) {
	name := aws.ToString(c.DBClusterIdentifier)
	env := r.envelope(aws.ToString(c.DBClusterArn), name)
	tag(&env, c.TagList, rdsTag)
	env.ConsoleURL = r.console("rds/home?region={region}#database:id=" + name + ";is-cluster=true")
	identify(&env, "fqdn", aws.ToString(c.Endpoint))
	a := schema.Database{
		Type: "cluster", Family: familyOf(aws.ToString(c.Engine)), Engine: aws.ToString(c.Engine), Version: aws.ToString(c.EngineVersion),
		Status: aws.ToString(c.Status), DatabaseName: aws.ToString(c.DatabaseName), CharacterSet: aws.ToString(c.CharacterSetName),
		Endpoint: aws.ToString(c.Endpoint), ReaderEndpoint: aws.ToString(c.ReaderEndpoint), Port: number(c.Port), Public: c.PubliclyAccessible,
		Flavor: aws.ToString(c.DBClusterInstanceClass), IOPSLimit: int64(number(c.Iops)), StorageClass: aws.ToString(c.StorageType),
		HighAvailability: c.MultiAZ, Encrypted: c.StorageEncrypted, KeyName: aws.ToString(c.KmsKeyId), BackupDays: number(c.BackupRetentionPeriod),
		BackupWindow: aws.ToString(c.PreferredBackupWindow), Maintenance: aws.ToString(c.PreferredMaintenanceWindow), AutoUpgrade: c.AutoMinorVersionUpgrade,
		Protected: c.DeletionProtection, Monitoring: number(c.MonitoringInterval), LogExports: c.EnabledCloudwatchLogsExports,
		ParameterGroups: texts(c.DBClusterParameterGroup), Provisioned: when(c.ClusterCreateTime),
	}
	if size := number(c.AllocatedStorage); size > 1 { // Aurora says 1 whatever it holds
		a.SizeBytes = int64(size) * gibibyte
	}
	own := databaseFields{
		SubnetGroup: aws.ToString(c.DBSubnetGroup), IAMAuth: c.IAMDatabaseAuthenticationEnabled, ResourceID: aws.ToString(c.DbClusterResourceId),
		Insights: c.PerformanceInsightsEnabled, EngineMode: aws.ToString(c.EngineMode), NetworkType: aws.ToString(c.NetworkType),
		Lifecycle: aws.ToString(c.EngineLifecycleSupport), GlobalCluster: aws.ToString(c.GlobalClusterIdentifier),
	}
	if s := c.ServerlessV2ScalingConfiguration; s != nil {
		own.MinCapacity, own.MaxCapacity = aws.ToFloat64(s.MinCapacity), aws.ToFloat64(s.MaxCapacity)
	}
	for _, g := range c.VpcSecurityGroups {
		relate(&env, "uses", "security_group", aws.ToString(g.VpcSecurityGroupId))
	}
	if source := aws.ToString(c.ReplicationSourceIdentifier); source != "" {
		a.Role = "replica"
		relate(&env, "replicates", "database", r.rdsARN("cluster:", source))
	}
	return env, a, own
}

// familyOf is what kind of database an engine is.
func familyOf(engine string) string {
	switch {
	case strings.HasPrefix(engine, "docdb"):
		return "document"
	case strings.HasPrefix(engine, "neptune"):
		return "graph"
	}
	return "relational"
}

// readDynamoDB reads tables. Their listing has names only, so each costs one question more.
func readDynamoDB(ctx context.Context, r *reader) error {
	client := dynamodb.NewFromConfig(r.cfg)
	tags, err := r.labels(ctx, r.region, "dynamodb:table")
	if err != nil {
		return err
	}
	details := &asker{r: r}
	pages := paged(client.ListTables, &dynamodb.ListTablesInput{Limit: aws.Int32(100)}, func(in *dynamodb.ListTablesInput, out *dynamodb.ListTablesOutput) (**string, *string) {
		return &in.ExclusiveStartTableName, out.LastEvaluatedTableName
	})
	return each(ctx, r, pages, func(page *dynamodb.ListTablesOutput) error {
		return detailed(ctx, page.TableNames, []string{"/attributes/status", "/attributes/deletion_protection", "/attributes/provisioned_at", "/attributes/capacity_mode", "/attributes/read_capacity", "/attributes/write_capacity", "/attributes/encryption_key_name", "/attributes/aws"}, func(ctx context.Context, name string) (any, resource.Envelope, bool, error) {
			table := ddbtypes.TableDescription{TableName: aws.String(name)}
			known, err := details.ask(ctx, "details of tables", func(ctx context.Context) error {
				answer, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(name)})
				if err == nil && answer.Table != nil {
					table = *answer.Table
				}
				return err
			})
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			env, attributes, own := r.table(table)
			tags.on(&env, env.ExternalID)
			return with(attributes, own), env, known, nil
		}, r.emit)
	})
}

func (r *reader) table(t ddbtypes.TableDescription) (resource.Envelope, schema.Database, databaseFields) {
	name := aws.ToString(t.TableName)
	env := r.envelope(r.arn("dynamodb", "table/"+name), name)
	env.ConsoleURL = r.console("dynamodbv2/home?region={region}#table?name=" + name)
	a := schema.Database{
		Type: "table", Family: "key_value", Engine: "dynamodb", Status: string(t.TableStatus), UsedBytes: aws.ToInt64(t.TableSizeBytes),
		ItemCount: aws.ToInt64(t.ItemCount), Protected: t.DeletionProtectionEnabled, Provisioned: when(t.CreationDateTime), CapacityMode: "provisioned",
		Encrypted: aws.Bool(true), // always; only whose key it is differs
	}
	if t.BillingModeSummary != nil && t.BillingModeSummary.BillingMode == ddbtypes.BillingModePayPerRequest {
		a.CapacityMode = "on_demand"
	}
	if p := t.ProvisionedThroughput; p != nil {
		a.ReadCapacity, a.WriteCapacity = aws.ToInt64(p.ReadCapacityUnits), aws.ToInt64(p.WriteCapacityUnits)
	}
	if t.SSEDescription != nil {
		a.KeyName = aws.ToString(t.SSEDescription.KMSMasterKeyArn)
	}
	own := databaseFields{ResourceID: aws.ToString(t.TableId)}
	for _, k := range t.KeySchema {
		own.Keys = append(own.Keys, aws.ToString(k.AttributeName))
	}
	for _, i := range t.GlobalSecondaryIndexes {
		own.Indexes = append(own.Indexes, texts(i.IndexName)...)
	}
	for _, i := range t.LocalSecondaryIndexes {
		own.Indexes = append(own.Indexes, texts(i.IndexName)...)
	}
	if t.TableClassSummary != nil {
		own.TableClass = string(t.TableClassSummary.TableClass)
	}
	if t.StreamSpecification != nil {
		own.Stream = t.StreamSpecification.StreamEnabled
	}
	for _, p := range t.Replicas {
		own.Replicas = append(own.Replicas, texts(p.RegionName)...)
	}
	return env, a, own
}
