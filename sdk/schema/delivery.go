package schema

import "time"

// serviceKinds are what applications are built of and reached by.
func serviceKinds() []definition {
	return []definition{
		{name: "load_balancer", attrs: LoadBalancer{}, root: document{
			Label: "Load balancer", Plural: "Load balancers", Group: "network", Icon: "arrows-split-2",
			Summary:     "Takes traffic and hands it to targets.",
			Identifiers: map[string]int{"instance_uuid": 1, "fqdn": 2},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "routes_to", Direction: "out", Target: "server"},
				{Alias: "applications", Verb: "routes_to", Direction: "out", Target: "application"},
				{Alias: "backing_services", Verb: "routes_to", Direction: "out", Target: "backing_service"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "addresses", Verb: "attached_to", Direction: "in", Target: "address"},
				{Alias: "own_addresses", Verb: "uses", Direction: "out", Target: "address"},
				{Alias: "load_balancers", Verb: "routes_to", Direction: "out", Target: "load_balancer"},
			},
		}},
		{name: "database", attrs: Database{}, minor: 1, root: document{
			Label: "Database", Plural: "Databases", Group: "data", Icon: "database",
			Summary:     "A database: an instance, a cluster or a table that a provider runs, or one on servers of one's own.",
			Identifiers: map[string]int{"instance_uuid": 1, "instance_id": 2, "fqdn": 3},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "runs_on", Direction: "out", Target: "server"},
				{Alias: "cluster", Verb: "member_of", Direction: "out", Target: "database"},
				{Alias: "members", Verb: "member_of", Direction: "in", Target: "database"},
				{Alias: "replicates", Verb: "replicates", Direction: "out", Target: "database"},
				{Alias: "replicas", Verb: "replicates", Direction: "in", Target: "database"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "snapshots", Verb: "created_from", Direction: "in", Target: "snapshot"},
				{Alias: "applications", Verb: "uses", Direction: "in", Target: "application"},
			},
		}},
		{name: "backing_service", attrs: BackingService{}, root: document{
			Label: "Backing service", Plural: "Backing services", Group: "data", Icon: "puzzle",
			Summary:     "A service that applications are built on: a cache, a queue, a bucket, a function, a cluster of containers.",
			Identifiers: map[string]int{"instance_uuid": 1, "instance_id": 2, "fqdn": 3},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "runs_on", Direction: "out", Target: "server"},
				{Alias: "manages", Verb: "contains", Direction: "out", Target: "server"},
				{Alias: "part_of", Verb: "part_of", Direction: "out", Target: "backing_service"},
				{Alias: "parts", Verb: "part_of", Direction: "in", Target: "backing_service"},
				{Alias: "uses", Verb: "uses", Direction: "out", Target: "backing_service"},
				{Alias: "used_by", Verb: "uses", Direction: "in", Target: "backing_service"},
				{Alias: "networks", Verb: "connected_to", Direction: "out", Target: "network"},
				{Alias: "subnets", Verb: "connected_to", Direction: "out", Target: "subnet"},
				{Alias: "security_groups", Verb: "uses", Direction: "out", Target: "security_group"},
				{Alias: "load_balancers", Verb: "uses", Direction: "out", Target: "load_balancer"},
				{Alias: "network_endpoints", Verb: "uses", Direction: "out", Target: "network_endpoint"},
				{Alias: "applications", Verb: "uses", Direction: "in", Target: "application"},
			},
		}},
	}
}

// LoadBalancer is the attributes of the kind "load_balancer".
type LoadBalancer struct {
	Type         string       `json:"type,omitempty" label:"Type" enum:"application,network,gateway,classic,global,software" maestro:"column,indexed"`
	Status       string       `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Health       string       `json:"operating_status,omitempty" label:"Health" maestro:"column,indexed" help:"Whether it does its work, in the provider's words."`
	Scheme       string       `json:"scheme,omitempty" label:"Scheme" enum:"public,private" maestro:"column,indexed" help:"Whether it is reached from the internet."`
	Endpoint     string       `json:"endpoint,omitempty" label:"Endpoint" maestro:"column,searchable" help:"The name or address that clients use."`
	VIPs         []IP         `json:"virtual_ips,omitempty" label:"Addresses" maestro:"column,indexed,searchable,set"`
	Provider     string       `json:"implementation,omitempty" label:"Implementation" example:"haproxy"`
	Class        string       `json:"performance_class,omitempty" label:"Class" maestro:"indexed"`
	Listeners    []Listener   `json:"listeners,omitempty" label:"Listeners" group:"Traffic" key:"name"`
	Pools        []TargetPool `json:"target_pools,omitempty" label:"Target pools" group:"Traffic" key:"name"`
	HealthCheck  *HealthCheck `json:"health_check,omitempty" label:"Health check" group:"Traffic"`
	CrossZone    *bool        `json:"cross_zone,omitempty" label:"Across zones" group:"Traffic"`
	TargetCount  int          `json:"target_count,omitempty" label:"Targets" group:"Traffic" maestro:"column"`
	AccessLogs   *bool        `json:"access_logs,omitempty" label:"Access logs" group:"Protection"`
	Protected    *bool        `json:"deletion_protection,omitempty" label:"Deletion protection" group:"Protection"`
	Firewall     *bool        `json:"web_application_firewall,omitempty" label:"Web application firewall" group:"Protection" maestro:"indexed"`
	AddressType  string       `json:"ip_address_type,omitempty" label:"Address type" group:"Details"`
	HostedZone   string       `json:"hosted_zone,omitempty" label:"Hosted zone" group:"Details"`
	Zones        []string     `json:"zones,omitempty" label:"Zones" group:"Details" maestro:"set"`
	Description  string       `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned  time.Time    `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
	DNSHostnames []string     `json:"dns_names,omitempty" label:"DNS names" group:"Details" maestro:"searchable,set"`
}

// Listener is where a load balancer takes traffic.
type Listener struct {
	Name         string   `json:"name" label:"Name"`
	Protocol     string   `json:"protocol,omitempty" label:"Protocol"`
	Port         int      `json:"port,omitempty" label:"Port"`
	Address      IP       `json:"address,omitempty" label:"Address"`
	TargetPool   string   `json:"target_pool,omitempty" label:"Target pool"`
	TargetPort   int      `json:"target_port,omitempty" label:"Target port"`
	TLSPolicy    string   `json:"tls_policy,omitempty" label:"TLS policy"`
	Certificates []string `json:"certificates,omitempty" label:"Certificates" maestro:"set" help:"Their names or ids."`
	Hostnames    []string `json:"host_names,omitempty" label:"Host names" maestro:"set"`
}

// TargetPool is what a load balancer hands traffic to.
type TargetPool struct {
	Name        string       `json:"name" label:"Name"`
	Protocol    string       `json:"protocol,omitempty" label:"Protocol"`
	Port        int          `json:"port,omitempty" label:"Port"`
	Algorithm   string       `json:"algorithm,omitempty" label:"Algorithm"`
	Sticky      *bool        `json:"sticky,omitempty" label:"Sticky"`
	HealthCheck *HealthCheck `json:"health_check,omitempty" label:"Health check"`
	Targets     []Target     `json:"targets,omitempty" label:"Targets" maestro:"set"`
}

// Target is one end to which traffic is handed.
type Target struct {
	ID      string `json:"id,omitempty" label:"Id"`
	Name    string `json:"name,omitempty" label:"Name"`
	Address string `json:"address,omitempty" label:"Address"`
	Port    int    `json:"port,omitempty" label:"Port"`
	Weight  int    `json:"weight,omitempty" label:"Weight"`
	Enabled *bool  `json:"enabled,omitempty" label:"Enabled"`
	Backup  *bool  `json:"backup,omitempty" label:"Backup"`
}

// HealthCheck is how a load balancer finds out who answers.
type HealthCheck struct {
	Protocol           string `json:"protocol,omitempty" label:"Protocol"`
	Port               string `json:"port,omitempty" label:"Port"`
	Path               string `json:"path,omitempty" label:"Path"`
	IntervalSeconds    int    `json:"interval_seconds,omitempty" label:"Interval"`
	TimeoutSeconds     int    `json:"timeout_seconds,omitempty" label:"Timeout"`
	HealthyThreshold   int    `json:"healthy_threshold,omitempty" label:"Healthy after"`
	UnhealthyThreshold int    `json:"unhealthy_threshold,omitempty" label:"Unhealthy after"`
	ExpectedCodes      string `json:"expected_codes,omitempty" label:"Expected codes"`
}

// Database is the attributes of the kind "database".
type Database struct {
	Type             string           `json:"type,omitempty" label:"Type" enum:"instance,cluster,database,table,search" maestro:"column,indexed"`
	Family           string           `json:"family,omitempty" label:"Family" enum:"relational,document,key_value,wide_column,graph,multi_model,object,xml,time_series,search,other" maestro:"column,indexed"`
	Engine           string           `json:"engine,omitempty" label:"Engine" maestro:"column,indexed,searchable" example:"postgresql" help:"In lower case."`
	Version          string           `json:"version,omitempty" label:"Version" maestro:"column,indexed,searchable"`
	Status           string           `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Role             string           `json:"role,omitempty" label:"Role" enum:"primary,replica,standby,member" maestro:"indexed"`
	DatabaseName     string           `json:"database_name,omitempty" label:"Database name" maestro:"searchable"`
	Edition          string           `json:"edition,omitempty" label:"Edition" group:"Details"`
	License          string           `json:"license_model,omitempty" label:"License" group:"Details"`
	CharacterSet     string           `json:"character_set,omitempty" label:"Character set" group:"Details"`
	Collation        string           `json:"collation,omitempty" label:"Collation" group:"Details"`
	TimeZone         string           `json:"time_zone,omitempty" label:"Time zone" group:"Details"`
	Endpoint         string           `json:"endpoint,omitempty" label:"Endpoint" group:"Network" maestro:"searchable"`
	ReaderEndpoint   string           `json:"reader_endpoint,omitempty" label:"Reader endpoint" group:"Network" maestro:"searchable"`
	Port             int              `json:"port,omitempty" label:"Port" group:"Network"`
	Public           *bool            `json:"public,omitempty" label:"Public" group:"Network" maestro:"column,indexed" help:"It can be reached from the internet."`
	MinimumTLS       string           `json:"minimum_tls_version,omitempty" label:"Minimum TLS" group:"Network"`
	Flavor           string           `json:"flavor,omitempty" label:"Flavor" group:"Capacity" maestro:"indexed" help:"The size as the provider names it."`
	CPUCount         int              `json:"cpu_count,omitempty" label:"CPUs" group:"Capacity"`
	MemoryBytes      int64            `json:"memory_bytes,omitempty" label:"Memory" group:"Capacity"`
	SizeBytes        int64            `json:"size_bytes,omitempty" label:"Size" group:"Capacity" maestro:"column,indexed"`
	UsedBytes        int64            `json:"used_bytes,omitempty" label:"Used" group:"Capacity" maestro:"volatile"`
	MaxSizeBytes     int64            `json:"max_size_bytes,omitempty" label:"Grows to" group:"Capacity"`
	ItemCount        int64            `json:"item_count,omitempty" label:"Items" group:"Capacity" maestro:"volatile"`
	IOPSLimit        int64            `json:"iops_limit,omitempty" label:"IOPS limit" group:"Capacity" unit:"1/s"`
	StorageClass     string           `json:"storage_class,omitempty" label:"Storage class" group:"Capacity"`
	CapacityMode     string           `json:"capacity_mode,omitempty" label:"Capacity mode" group:"Capacity" example:"on_demand"`
	ReadCapacity     int64            `json:"read_capacity,omitempty" label:"Read capacity" group:"Capacity" unit:"1/s"`
	WriteCapacity    int64            `json:"write_capacity,omitempty" label:"Write capacity" group:"Capacity" unit:"1/s"`
	HighAvailability *bool            `json:"high_availability,omitempty" label:"High availability" group:"Protection" maestro:"column,indexed" help:"A failed machine or zone is survived."`
	SecondaryZone    string           `json:"secondary_zone,omitempty" label:"Standby zone" group:"Protection"`
	Encrypted        *bool            `json:"encrypted,omitempty" label:"Encrypted" group:"Protection" maestro:"indexed"`
	KeyName          string           `json:"encryption_key_name,omitempty" label:"Encryption key" group:"Protection" help:"The name of the key, never the key."`
	BackupDays       int              `json:"backup_retention_days,omitempty" label:"Backups kept" group:"Protection" unit:"days"`
	BackupWindow     string           `json:"backup_window,omitempty" label:"Backup window" group:"Protection"`
	Maintenance      string           `json:"maintenance_window,omitempty" label:"Maintenance window" group:"Protection"`
	AutoUpgrade      *bool            `json:"auto_minor_upgrade,omitempty" label:"Minor upgrades by itself" group:"Protection"`
	Protected        *bool            `json:"deletion_protection,omitempty" label:"Deletion protection" group:"Protection"`
	Monitoring       int              `json:"monitoring_interval_seconds,omitempty" label:"Monitoring interval" group:"Details"`
	LogExports       []string         `json:"log_exports,omitempty" label:"Exported logs" group:"Details" maestro:"set"`
	ParameterGroups  []string         `json:"parameter_groups,omitempty" label:"Parameter groups" group:"Details" maestro:"set"`
	Domains          []string         `json:"domains,omitempty" label:"Domains" group:"Details" maestro:"set" help:"Directories that it is a member of."`
	Clustering       string           `json:"clustering,omitempty" label:"Clustering" group:"Protection" enum:"single,primary_replica,multi_primary,sharding,cluster,aurora,rac,grid"`
	Backups          []DatabaseBackup `json:"backups,omitempty" label:"Backups" group:"Protection" key:"name"`
	Oracle           OracleDatabase   `json:"oracle,omitzero" when:"engine=oracle"`
	Description      string           `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned      time.Time        `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
}

// DatabaseBackup is one way by which a database is saved.
type DatabaseBackup struct {
	Name          string `json:"name" label:"Name"`
	Method        string `json:"method,omitempty" label:"Method" enum:"dump,physical,incremental,binary_log,snapshot,export,other"`
	Schedule      string `json:"schedule,omitempty" label:"Schedule" example:"daily 02:00"`
	RetentionDays int    `json:"retention_days,omitempty" label:"Kept" unit:"days"`
	Target        string `json:"target,omitempty" label:"Goes to"`
}

// OracleDatabase is what only Oracle has.
type OracleDatabase struct {
	Release            string              `json:"release,omitempty" label:"Release" group:"Oracle" example:"19c" help:"10g, 11g, 12c, 18c, 19c, 21c, 23ai."`
	StorageType        string              `json:"storage_type,omitempty" label:"Storage" group:"Oracle" enum:"local,asm,acfs,distributed"`
	ASMGroups          []ASMGroup          `json:"asm_groups,omitempty" label:"ASM disk groups" group:"Oracle" key:"name"`
	Container          *bool               `json:"container,omitempty" label:"Container database" group:"Oracle" help:"It is a CDB and has pluggable databases."`
	Pluggables         []PluggableDatabase `json:"pluggable_databases,omitempty" label:"Pluggable databases" group:"Oracle" key:"name"`
	DataGuardRole      string              `json:"data_guard_role,omitempty" label:"Data Guard" group:"Oracle" enum:"primary,physical_standby,logical_standby,snapshot_standby"`
	ClusterwareVersion string              `json:"clusterware_version,omitempty" label:"Clusterware version" group:"Oracle" help:"CRS, Grid Infrastructure."`
	GoldenGate         string              `json:"golden_gate,omitempty" label:"GoldenGate" group:"Oracle" enum:"none,extract,replicat,both"`
}

// ASMGroup is a disk group of Automatic Storage Management.
type ASMGroup struct {
	Name       string `json:"name" label:"Name"`
	Redundancy string `json:"redundancy,omitempty" label:"Redundancy" enum:"external,normal,high,flex"`
	SizeBytes  int64  `json:"size_bytes,omitempty" label:"Size"`
}

// PluggableDatabase lives in a container database.
type PluggableDatabase struct {
	Name      string `json:"name" label:"Name"`
	Status    string `json:"status,omitempty" label:"Status"`
	SizeBytes int64  `json:"size_bytes,omitempty" label:"Size"`
}

// BackingService is the attributes of the kind "backing_service".
type BackingService struct {
	Family       string            `json:"family,omitempty" label:"Family" enum:"cache,broker,ci_cd,serverless,service_discovery,api_gateway,cdn,auto_scaling,object_storage,container_orchestration,service_mesh,repository,monitoring,logs,email,vpn,dns,auth,nas,corporate" maestro:"column,indexed"`
	Type         string            `json:"type,omitempty" label:"Type" maestro:"column,indexed" example:"queue" help:"What it is within its family, in lower case: queue, topic, function, bucket, hosted_zone."`
	Engine       string            `json:"engine,omitempty" label:"Engine" maestro:"column,indexed,searchable" example:"redis" help:"In lower case."`
	Version      string            `json:"version,omitempty" label:"Version" maestro:"column,searchable"`
	Status       string            `json:"status,omitempty" label:"Status" maestro:"column,indexed" help:"The provider's own word for its state."`
	Endpoint     string            `json:"endpoint,omitempty" label:"Endpoint" group:"Network" maestro:"column,searchable"`
	Endpoints    []ServiceEndpoint `json:"endpoints,omitempty" label:"Endpoints" group:"Network" key:"url"`
	Port         int               `json:"port,omitempty" label:"Port" group:"Network"`
	Public       *bool             `json:"public,omitempty" label:"Public" group:"Network" maestro:"indexed" help:"It can be reached from the internet, or read by anybody."`
	Domains      []string          `json:"domains,omitempty" label:"Domains" group:"Network" maestro:"searchable,set" help:"Names of one's own under which it is reached."`
	Origins      []string          `json:"origins,omitempty" label:"Origins" group:"Network" maestro:"searchable,set" help:"Where it gets what it serves."`
	Flavor       string            `json:"flavor,omitempty" label:"Flavor" group:"Capacity" maestro:"indexed"`
	NodeCount    int               `json:"node_count,omitempty" label:"Nodes" group:"Capacity" maestro:"column"`
	MinCount     *int              `json:"min_count,omitempty" label:"At least" group:"Capacity" help:"The fewest members that it scales to."`
	MaxCount     *int              `json:"max_count,omitempty" label:"At most" group:"Capacity"`
	DesiredCount *int              `json:"desired_count,omitempty" label:"Desired" group:"Capacity"`
	RunningCount *int              `json:"running_count,omitempty" label:"Running" group:"Capacity" maestro:"volatile"`
	MemoryBytes  int64             `json:"memory_bytes,omitempty" label:"Memory" group:"Capacity"`
	SizeBytes    int64             `json:"size_bytes,omitempty" label:"Size" group:"Capacity" maestro:"column"`
	UsedBytes    int64             `json:"used_bytes,omitempty" label:"Used" group:"Capacity" maestro:"volatile"`
	ItemCount    int64             `json:"item_count,omitempty" label:"Items" group:"Capacity" maestro:"volatile" help:"Objects, records, messages."`
	RecordCount  int64             `json:"record_count,omitempty" label:"Records" group:"Capacity" help:"Of a DNS zone."`
	Runtime      string            `json:"runtime,omitempty" label:"Runtime" group:"Behaviour" maestro:"indexed,searchable" example:"python3.12"`
	Handler      string            `json:"handler,omitempty" label:"Handler" group:"Behaviour"`
	Timeout      int               `json:"timeout_seconds,omitempty" label:"Timeout" group:"Behaviour"`
	Retention    int64             `json:"retention_seconds,omitempty" label:"Retention" group:"Behaviour"`
	FIFO         *bool             `json:"fifo,omitempty" label:"In order" group:"Behaviour"`
	Protocol     string            `json:"protocol,omitempty" label:"Protocol" group:"Behaviour"`
	CodeBytes    int64             `json:"code_bytes,omitempty" label:"Code size" group:"Behaviour"`
	CodeSHA256   string            `json:"code_sha256,omitempty" label:"Code digest" group:"Behaviour"`
	Versioning   *bool             `json:"versioning,omitempty" label:"Versioning" group:"Protection"`
	Encrypted    *bool             `json:"encrypted,omitempty" label:"Encrypted" group:"Protection" maestro:"indexed"`
	KeyName      string            `json:"encryption_key_name,omitempty" label:"Encryption key" group:"Protection" help:"The name of the key, never the key."`
	Transit      *bool             `json:"transit_encrypted,omitempty" label:"Encrypted in transit" group:"Protection"`
	MinimumTLS   string            `json:"minimum_tls_version,omitempty" label:"Minimum TLS" group:"Protection"`
	BackupDays   int               `json:"backup_retention_days,omitempty" label:"Backups kept" group:"Protection" unit:"days"`
	Verified     *bool             `json:"verified,omitempty" label:"Verified" group:"Protection" help:"Of a sender's identity: its owner has confirmed it."`
	Firewall     *bool             `json:"web_application_firewall,omitempty" label:"Web application firewall" group:"Protection"`
	Maintenance  string            `json:"maintenance_window,omitempty" label:"Maintenance window" group:"Behaviour"`
	NodePools    []NodePool        `json:"node_pools,omitempty" label:"Node pools" group:"Capacity" key:"name"`
	Zones        []string          `json:"zones,omitempty" label:"Zones" group:"Origin" maestro:"set"`
	Description  string            `json:"description,omitempty" label:"Description" group:"Origin" maestro:"searchable"`
	Provisioned  time.Time         `json:"provisioned_at,omitzero" label:"Provisioned" group:"Origin"`
	ModifiedAt   time.Time         `json:"modified_at,omitzero" label:"Modified" group:"Origin"`
}

// ServiceEndpoint is an address under which a service is reached.
type ServiceEndpoint struct {
	URL  string `json:"url" label:"Address"`
	Role string `json:"role,omitempty" label:"Role" example:"reader"`
	Port int    `json:"port,omitempty" label:"Port"`
}

// NodePool is machines of one size in a cluster.
type NodePool struct {
	Name      string `json:"name" label:"Name"`
	Flavor    string `json:"flavor,omitempty" label:"Flavor"`
	Version   string `json:"version,omitempty" label:"Version"`
	OS        string `json:"os,omitempty" label:"Operating system"`
	Mode      string `json:"mode,omitempty" label:"Mode"`
	Status    string `json:"status,omitempty" label:"Status"`
	NodeCount int    `json:"node_count,omitempty" label:"Nodes"`
	MinCount  *int   `json:"min_count,omitempty" label:"At least"`
	MaxCount  *int   `json:"max_count,omitempty" label:"At most"`
}
