package azure

import (
	"encoding/json"
	"maps"
	"slices"

	"maestro.internal/sdk/schema"
)

// Fields are what every resource of Azure has beside the fields of its kind.
type Fields struct {
	ResourceGroup     string   `json:"resource_group,omitempty" label:"Resource group" maestro:"column,indexed,searchable" help:"In lower case, since Azure's services differ in how they write it."`
	ProvisioningState string   `json:"provisioning_state,omitempty" label:"Provisioning state" help:"How the last change of its settings ended; not whether it runs."`
	SKU               string   `json:"sku,omitempty" label:"SKU" maestro:"indexed"`
	Tier              string   `json:"tier,omitempty" label:"Tier"`
	Zones             []string `json:"zones,omitempty" label:"Availability zones" maestro:"set" help:"Where there are several."`
	ManagedBy         string   `json:"managed_by,omitempty" label:"Managed by" maestro:"searchable" help:"The id of what it belongs to."`
	Identity          string   `json:"identity,omitempty" label:"Managed identity" maestro:"searchable"`
}

// fieldsOf is what an item has of them.
func fieldsOf[P any](i item[P], state string) Fields {
	f := Fields{ResourceGroup: resourceGroup(i.ID), ProvisioningState: state, SKU: i.SKU.Name, Tier: i.SKU.Tier, ManagedBy: canonical(i.ManagedBy), Identity: i.Identity.identities()}
	if len(i.Zones) > 1 {
		f.Zones = sorted(slices.Clone(i.Zones))
	}
	return f
}

// ServerFields are what machines have beside.
type ServerFields struct {
	ScaleSet         string `json:"scale_set,omitempty" label:"Scale set" maestro:"indexed,searchable"`
	InstanceID       string `json:"instance_id,omitempty" label:"Number in its scale set"`
	LatestModel      *bool  `json:"latest_model,omitempty" label:"Latest model" help:"It is as its scale set would make a new one."`
	AvailabilitySet  string `json:"availability_set,omitempty" label:"Availability set" maestro:"searchable"`
	ProximityGroup   string `json:"proximity_placement_group,omitempty" label:"Proximity placement group"`
	HostGroup        string `json:"dedicated_host,omitempty" label:"Dedicated host"`
	Priority         string `json:"priority,omitempty" label:"Priority" help:"Regular, Low or Spot."`
	EvictionPolicy   string `json:"eviction_policy,omitempty" label:"Eviction policy"`
	LicenseType      string `json:"license_type,omitempty" label:"License" help:"A license that was brought along, such as Windows_Server."`
	SecurityType     string `json:"security_type,omitempty" label:"Security type" example:"TrustedLaunch"`
	SecureBoot       *bool  `json:"secure_boot,omitempty" label:"Secure boot"`
	VirtualTPM       *bool  `json:"virtual_tpm,omitempty" label:"Virtual TPM"`
	EncryptionAtHost *bool  `json:"encryption_at_host,omitempty" label:"Encryption at host"`
	UltraDisks       *bool  `json:"ultra_disks,omitempty" label:"Ultra disks"`
	BootDiagnostics  *bool  `json:"boot_diagnostics,omitempty" label:"Boot diagnostics"`
	Generation       string `json:"generation,omitempty" label:"Hyper-V generation"`
	ImageSKU         string `json:"image_sku,omitempty" label:"Image's SKU"`
	DataDisks        int    `json:"data_disk_count,omitempty" label:"Data disks"`
}

// DiskFields are what disks, snapshots and images have beside.
type DiskFields struct {
	OSType        string `json:"os_type,omitempty" label:"OS type" help:"Of the system that a disk boots."`
	CreateOption  string `json:"create_option,omitempty" label:"Made by" example:"FromImage"`
	Source        string `json:"source,omitempty" label:"Source" maestro:"searchable" help:"The id of what it was made of."`
	Generation    string `json:"generation,omitempty" label:"Hyper-V generation"`
	Architecture  string `json:"architecture,omitempty" label:"Architecture"`
	Encryption    string `json:"encryption,omitempty" label:"Encryption" example:"EncryptionAtRestWithCustomerKey"`
	GuestEncrypts *bool  `json:"guest_encryption,omitempty" label:"Encrypted by its machine" help:"Azure Disk Encryption: BitLocker or dm-crypt inside the machine."`
	NetworkAccess string `json:"network_access,omitempty" label:"Network access" help:"From where its content may be exported."`
	PerformTier   string `json:"performance_tier,omitempty" label:"Performance tier" example:"P30"`
	MaxShares     int    `json:"max_shares,omitempty" label:"Most servers"`
	ZoneResilient *bool  `json:"zone_resilient,omitempty" label:"Zone resilient"`
	OSState       string `json:"os_state,omitempty" label:"OS state" help:"Generalized or specialized."`
}

// InterfaceFields are what network interfaces and addresses have beside.
type InterfaceFields struct {
	Accelerated     *bool    `json:"accelerated_networking,omitempty" label:"Accelerated networking"`
	Forwarding      *bool    `json:"ip_forwarding,omitempty" label:"IP forwarding"`
	PrivateEndpoint string   `json:"private_endpoint,omitempty" label:"Private endpoint" maestro:"searchable"`
	DNSServers      []string `json:"dns_servers,omitempty" label:"DNS servers" maestro:"set"`
	Type            string   `json:"nic_type,omitempty" label:"Type of interface"`
	IPVersion       string   `json:"ip_version,omitempty" label:"IP version"`
	IdleMinutes     int      `json:"idle_timeout_minutes,omitempty" label:"Idle timeout" unit:"minutes"`
	DDoS            string   `json:"ddos_protection,omitempty" label:"DDoS protection"`
}

// NetworkFields are what networks, subnets, peerings, route tables and gateways have beside.
type NetworkFields struct {
	DDoS             *bool    `json:"ddos_protection,omitempty" label:"DDoS protection"`
	DDoSPlan         string   `json:"ddos_protection_plan,omitempty" label:"DDoS protection plan"`
	VMProtection     *bool    `json:"vm_protection,omitempty" label:"VM protection"`
	Encrypted        *bool    `json:"encryption,omitempty" label:"Encryption in the network"`
	ServiceEndpoints []string `json:"service_endpoints,omitempty" label:"Service endpoints" maestro:"searchable,set"`
	Delegations      []string `json:"delegations,omitempty" label:"Delegated to" maestro:"searchable,set" help:"Services that the subnet is for."`
	EndpointPolicies string   `json:"private_endpoint_policies,omitempty" label:"Policies on private endpoints"`
	DefaultOutbound  *bool    `json:"default_outbound_access,omitempty" label:"Default way out"`
	SyncLevel        string   `json:"sync_level,omitempty" label:"Synchronized"`
	GatewayTransit   *bool    `json:"gateway_transit,omitempty" label:"Gateway transit"`
	RemoteGateways   *bool    `json:"remote_gateways,omitempty" label:"Uses the other's gateways"`
	NetworkAccess    *bool    `json:"network_access,omitempty" label:"Machines reach each other"`
	IdleMinutes      int      `json:"idle_timeout_minutes,omitempty" label:"Idle timeout" unit:"minutes"`
}

// BalancerFields are what load balancers and application gateways have beside.
type BalancerFields struct {
	OutboundRules int    `json:"outbound_rule_count,omitempty" label:"Outbound rules"`
	NATRules      int    `json:"inbound_nat_rule_count,omitempty" label:"Inbound NAT rules"`
	PathMaps      int    `json:"url_path_map_count,omitempty" label:"Path maps"`
	Redirects     int    `json:"redirect_count,omitempty" label:"Redirects"`
	HTTP2         *bool  `json:"http2,omitempty" label:"HTTP/2"`
	MinimumTLS    string `json:"minimum_tls_version,omitempty" label:"Minimum TLS"`
	Policy        string `json:"firewall_policy,omitempty" label:"Firewall policy" maestro:"searchable"`
	Capacity      int    `json:"capacity,omitempty" label:"Instances"`
	MinCapacity   *int   `json:"min_capacity,omitempty" label:"At least"`
	MaxCapacity   *int   `json:"max_capacity,omitempty" label:"At most"`
}

// DatabaseFields are what databases have beside.
type DatabaseFields struct {
	Server           string `json:"server,omitempty" label:"Server" maestro:"searchable"`
	ElasticPool      string `json:"elastic_pool,omitempty" label:"Elastic pool" maestro:"searchable"`
	ServiceObjective string `json:"service_objective,omitempty" label:"Service objective" example:"S3"`
	FailoverGroup    string `json:"failover_group,omitempty" label:"Failover group"`
	BackupStorage    string `json:"backup_storage,omitempty" label:"Backup storage" example:"Geo"`
	HAMode           string `json:"high_availability_mode,omitempty" label:"High availability mode"`
	HAState          string `json:"high_availability_state,omitempty" label:"High availability state"`
	PrivateEndpoints int    `json:"private_endpoint_count,omitempty" label:"Private endpoints"`
	PrivateDNS       string `json:"private_dns_zone,omitempty" label:"Private DNS zone"`
	GeoBackup        *bool  `json:"geo_redundant_backup,omitempty" label:"Backups in another region"`
	AutoGrow         *bool  `json:"storage_auto_grow,omitempty" label:"Storage grows by itself"`
	ReadScale        *bool  `json:"read_scale,omitempty" label:"Read scale-out"`
	Ledger           *bool  `json:"ledger,omitempty" label:"Ledger"`
}

// StorageFields are what storage accounts have beside.
type StorageFields struct {
	Kind            string   `json:"kind,omitempty" label:"Kind of account" maestro:"indexed" example:"StorageV2"`
	AccessTier      string   `json:"access_tier,omitempty" label:"Access tier" example:"Hot"`
	SecondaryRegion string   `json:"secondary_region,omitempty" label:"Secondary region"`
	HTTPSOnly       *bool    `json:"https_only,omitempty" label:"HTTPS only"`
	PublicNetwork   *bool    `json:"public_network_access,omitempty" label:"Reached from the internet"`
	DefaultAction   string   `json:"network_default_action,omitempty" label:"Others" help:"What the firewall does with networks it does not list."`
	SharedKeys      *bool    `json:"shared_key_access,omitempty" label:"Shared keys" help:"Keys of the account may be used."`
	Hierarchical    *bool    `json:"hierarchical_namespace,omitempty" label:"Hierarchical namespace" help:"Data Lake."`
	KeySource       string   `json:"encryption_key_source,omitempty" label:"Encryption key of"`
	Subnets         []string `json:"allowed_subnets,omitempty" label:"Allowed subnets" maestro:"set"`
}

// ClusterFields are what Kubernetes clusters and scale sets have beside.
type ClusterFields struct {
	NodeGroup     string `json:"node_resource_group,omitempty" label:"Nodes' resource group" maestro:"searchable" help:"Where the cluster keeps its machines."`
	PowerState    string `json:"power_state,omitempty" label:"Power"`
	Private       *bool  `json:"private_cluster,omitempty" label:"Private cluster"`
	RBAC          *bool  `json:"rbac,omitempty" label:"RBAC"`
	Directory     *bool  `json:"entra_integration,omitempty" label:"Entra sign-in"`
	LocalAccounts *bool  `json:"local_accounts,omitempty" label:"Local accounts"`
	NetworkPlugin string `json:"network_plugin,omitempty" label:"Network plugin"`
	NetworkPolicy string `json:"network_policy,omitempty" label:"Network policy"`
	PodCIDR       string `json:"pod_cidr,omitempty" label:"Pods' range"`
	ServiceCIDR   string `json:"service_cidr,omitempty" label:"Services' range"`
	Outbound      string `json:"outbound_type,omitempty" label:"Way out"`
	AutoUpgrade   string `json:"upgrade_channel,omitempty" label:"Upgrade channel"`
	SupportPlan   string `json:"support_plan,omitempty" label:"Support plan"`
	Orchestration string `json:"orchestration_mode,omitempty" label:"Orchestration" help:"Of a scale set: uniform or flexible."`
	UpgradeMode   string `json:"upgrade_mode,omitempty" label:"Upgrades"`
	Priority      string `json:"priority,omitempty" label:"Priority"`
	FaultDomains  int    `json:"fault_domain_count,omitempty" label:"Fault domains"`
	ZoneBalance   *bool  `json:"zone_balance,omitempty" label:"Balanced over zones"`
	Image         string `json:"image,omitempty" label:"Image"`
}

// ownFields is the schema of what a kind has under the provider's name.
func ownFields(kind string) json.RawMessage {
	switch kind {
	case "server":
		return bothFields(ServerFields{})
	case "volume", "snapshot", "image":
		return bothFields(DiskFields{})
	case "network_interface", "address":
		return bothFields(InterfaceFields{})
	case "network", "subnet", "peering", "route_table", "gateway":
		return bothFields(NetworkFields{})
	case "load_balancer":
		return bothFields(BalancerFields{})
	case "database":
		return bothFields(DatabaseFields{})
	case "storage_system":
		return bothFields(StorageFields{})
	case "backing_service":
		return bothFields(ClusterFields{})
	}
	return schema.FieldsOf(Fields{})
}

// bothFields is the schema of Fields and of another struct together.
func bothFields(own any) json.RawMessage {
	var all, more struct {
		rest       map[string]json.RawMessage
		properties map[string]json.RawMessage
	}
	must(json.Unmarshal(schema.FieldsOf(Fields{}), &all.rest))
	must(json.Unmarshal(schema.FieldsOf(own), &more.rest))
	must(json.Unmarshal(all.rest["properties"], &all.properties))
	must(json.Unmarshal(more.rest["properties"], &more.properties))
	maps.Copy(all.properties, more.properties)
	properties, err := json.Marshal(all.properties)
	must(err)
	all.rest["properties"] = properties
	text, err := json.Marshal(all.rest)
	must(err)
	return text
}

// must is for what the schemas of this package's own structs decide.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
