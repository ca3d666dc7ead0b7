package armtest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/mysql/armmysqlflexibleservers/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/postgresql/armpostgresqlflexibleservers/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/sql/armsql"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage"
)

// The lists of databases and services.
const (
	SQLServers       = "/providers/Microsoft.Sql/servers"
	ManagedInstances = "/providers/Microsoft.Sql/managedInstances"
	Postgres         = "/providers/Microsoft.DBforPostgreSQL/flexibleServers"
	MySQL            = "/providers/Microsoft.DBforMySQL/flexibleServers"
	Accounts         = "/providers/Microsoft.Storage/storageAccounts"
	Kubernetes       = "/providers/Microsoft.ContainerService/managedClusters"
	// GraphDatabases is the type in Resource Graph of SQL databases.
	GraphDatabases = "microsoft.sql/servers/databases"
)

// uuid is one made of names.
func uuid(names ...string) string {
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(names, "/"))))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// decode is a resource as plain JSON values.
func decode(v any) map[string]any {
	var out map[string]any
	if err := json.Unmarshal(encode(v), &out); err != nil {
		panic(fmt.Sprintf("armtest: %v", err))
	}
	return out
}

// seedDatabases makes SQL servers with databases, of which Resource Graph shows those of three, and flexible servers.
func (s *Subscription) seedDatabases() {
	for n, name := range []string{"sql-a", "sql-b", "sql-c", "sql-d", "sql-e"} {
		name += "-" + s.ID[35:]
		id := s.id("rg-data", "Microsoft.Sql/servers", name)
		s.Put(SQLServers, &armsql.Server{
			ID: to.Ptr(id), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Sql/servers"), Location: to.Ptr("West Europe"), Tags: s.tags("prod"), Kind: to.Ptr("v12.0"),
			Properties: &armsql.ServerProperties{FullyQualifiedDomainName: to.Ptr(name + ".database.windows.net"), Version: to.Ptr("12.0"), State: to.Ptr("Ready"), PublicNetworkAccess: to.Ptr(armsql.ServerNetworkAccessFlagDisabled), MinimalTLSVersion: to.Ptr("1.2"), AdministratorLogin: to.Ptr("sqladmin")},
		})
		base := "/" + id[len("/subscriptions/"+s.ID+"/"):] + "/databases"
		for _, db := range []string{"master", "orders", "stock"} {
			d := s.database(id, db)
			s.Put(base, d)
			if n < 3 {
				s.Index(GraphDatabases, d)
			}
		}
	}
	s.Put(ManagedInstances, &armsql.ManagedInstance{
		ID: to.Ptr(s.id("rg-data", "Microsoft.Sql/managedInstances", "mi")), Name: to.Ptr("mi"), Location: to.Ptr("northeurope"), SKU: &armsql.SKU{Name: to.Ptr("GP_Gen5"), Tier: to.Ptr("GeneralPurpose"), Family: to.Ptr("Gen5"), Capacity: to.Ptr[int32](8)},
		Properties: &armsql.ManagedInstanceProperties{ProvisioningState: to.Ptr(armsql.ManagedInstancePropertiesProvisioningStateSucceeded), FullyQualifiedDomainName: to.Ptr("mi.abc.database.windows.net"), State: to.Ptr("Ready"), VCores: to.Ptr[int32](8), StorageSizeInGB: to.Ptr[int32](256),
			SubnetID: to.Ptr(*s.net("virtualNetworks", "spoke") + "/subnets/apps"), Collation: to.Ptr("SQL_Latin1_General_CP1_CI_AS"), PublicDataEndpointEnabled: to.Ptr(false), ZoneRedundant: to.Ptr(false), TimezoneID: to.Ptr("UTC"), LicenseType: to.Ptr(armsql.ManagedInstanceLicenseTypeLicenseIncluded)},
	})
	primary := s.postgres("pg-main")
	replica := s.postgres("pg-replica")
	replica.Properties.ReplicationRole, replica.Properties.SourceServerResourceID = to.Ptr(armpostgresqlflexibleservers.ReplicationRoleAsyncReplica), primary.ID
	s.Put(Postgres, primary, replica)
	s.Put(MySQL, &armmysqlflexibleservers.Server{
		ID: to.Ptr(s.id("rg-data", "Microsoft.DBforMySQL/flexibleServers", "my")), Name: to.Ptr("my"), Location: to.Ptr("West Europe"), Tags: s.tags("prod"), SKU: &armmysqlflexibleservers.MySQLServerSKU{Name: to.Ptr("Standard_D2ds_v4"), Tier: to.Ptr(armmysqlflexibleservers.ServerSKUTierGeneralPurpose)},
		Properties: &armmysqlflexibleservers.ServerProperties{FullyQualifiedDomainName: to.Ptr("my.mysql.database.azure.com"), Version: to.Ptr(armmysqlflexibleservers.ServerVersion("8.0.21")), State: to.Ptr(armmysqlflexibleservers.ServerStateReady),
			Storage:         &armmysqlflexibleservers.Storage{StorageSizeGB: to.Ptr[int32](64), Iops: to.Ptr[int32](492), AutoGrow: to.Ptr(armmysqlflexibleservers.EnableStatusEnumEnabled), StorageSKU: to.Ptr("Premium_LRS")},
			Backup:          &armmysqlflexibleservers.Backup{BackupRetentionDays: to.Ptr[int32](7), GeoRedundantBackup: to.Ptr(armmysqlflexibleservers.EnableStatusEnumDisabled)},
			ReplicationRole: to.Ptr(armmysqlflexibleservers.ReplicationRoleSource), Network: &armmysqlflexibleservers.Network{PublicNetworkAccess: to.Ptr(armmysqlflexibleservers.EnableStatusEnumEnabled)}, HighAvailability: &armmysqlflexibleservers.HighAvailability{Mode: to.Ptr(armmysqlflexibleservers.HighAvailabilityModeDisabled)}},
	})
}

func (s *Subscription) database(server, name string) *armsql.Database {
	kind := "v12.0,user,vcore"
	if name == "master" {
		kind = "v12.0,system"
	}
	return &armsql.Database{
		ID: to.Ptr(server + "/databases/" + name), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Sql/servers/databases"), Location: to.Ptr("westeurope"), Kind: to.Ptr(kind), Tags: s.tags("prod"),
		SKU: &armsql.SKU{Name: to.Ptr("GP_S_Gen5"), Tier: to.Ptr("GeneralPurpose"), Family: to.Ptr("Gen5"), Capacity: to.Ptr[int32](2)},
		Properties: &armsql.DatabaseProperties{
			Status: to.Ptr(armsql.DatabaseStatusOnline), Collation: to.Ptr("SQL_Latin1_General_CP1_CI_AS"), CreationDate: to.Ptr(born), MaxSizeBytes: to.Ptr[int64](34359738368), CurrentServiceObjectiveName: to.Ptr("GP_S_Gen5_2"),
			DatabaseID: to.Ptr(uuid("database", server, name)), ZoneRedundant: to.Ptr(true), ReadScale: to.Ptr(armsql.DatabaseReadScaleDisabled), LicenseType: to.Ptr(armsql.DatabaseLicenseTypeBasePrice),
			CurrentSKU: &armsql.SKU{Name: to.Ptr("GP_S_Gen5"), Tier: to.Ptr("GeneralPurpose"), Family: to.Ptr("Gen5"), Capacity: to.Ptr[int32](2)}, CurrentBackupStorageRedundancy: to.Ptr(armsql.BackupStorageRedundancy("Geo")),
		},
	}
}

func (s *Subscription) postgres(name string) *armpostgresqlflexibleservers.Server {
	return &armpostgresqlflexibleservers.Server{
		ID: to.Ptr(s.id("rg-data", "Microsoft.DBforPostgreSQL/flexibleServers", name)), Name: to.Ptr(name), Location: to.Ptr("North Europe"), Tags: s.tags("prod"),
		SKU:        &armpostgresqlflexibleservers.SKU{Name: to.Ptr("Standard_D4ds_v5"), Tier: to.Ptr(armpostgresqlflexibleservers.SKUTierGeneralPurpose)},
		SystemData: &armpostgresqlflexibleservers.SystemData{CreatedAt: to.Ptr(born)},
		Properties: &armpostgresqlflexibleservers.ServerProperties{
			FullyQualifiedDomainName: to.Ptr(name + "-" + s.ID[35:] + ".postgres.database.azure.com"), Version: to.Ptr(armpostgresqlflexibleservers.ServerVersion("16")), MinorVersion: to.Ptr("4"), State: to.Ptr(armpostgresqlflexibleservers.ServerStateReady),
			AvailabilityZone: to.Ptr("1"), ReplicationRole: to.Ptr(armpostgresqlflexibleservers.ReplicationRolePrimary),
			Storage:           &armpostgresqlflexibleservers.Storage{StorageSizeGB: to.Ptr[int32](512), AutoGrow: to.Ptr(armpostgresqlflexibleservers.StorageAutoGrowEnabled), Iops: to.Ptr[int32](2300)},
			Backup:            &armpostgresqlflexibleservers.Backup{BackupRetentionDays: to.Ptr[int32](35), GeoRedundantBackup: to.Ptr(armpostgresqlflexibleservers.GeoRedundantBackupEnumEnabled)},
			Network:           &armpostgresqlflexibleservers.Network{PublicNetworkAccess: to.Ptr(armpostgresqlflexibleservers.ServerPublicNetworkAccessStateDisabled), DelegatedSubnetResourceID: to.Ptr(*s.net("virtualNetworks", "spoke") + "/subnets/apps"), PrivateDNSZoneArmResourceID: s.net("privateDnsZones", "private.postgres.database.azure.com")},
			HighAvailability:  &armpostgresqlflexibleservers.HighAvailability{Mode: to.Ptr(armpostgresqlflexibleservers.HighAvailabilityModeZoneRedundant), State: to.Ptr(armpostgresqlflexibleservers.ServerHAStateHealthy), StandbyAvailabilityZone: to.Ptr("2")},
			MaintenanceWindow: &armpostgresqlflexibleservers.MaintenanceWindow{CustomWindow: to.Ptr("Enabled"), DayOfWeek: to.Ptr[int32](0), StartHour: to.Ptr[int32](3), StartMinute: to.Ptr[int32](30)},
			DataEncryption:    &armpostgresqlflexibleservers.DataEncryption{PrimaryKeyURI: to.Ptr("https://vault.vault.azure.net/keys/pg-key/0f0e"), Type: to.Ptr(armpostgresqlflexibleservers.ArmServerKeyTypeAzureKeyVault)},
		},
	}
}

func (s *Subscription) seedServices() {
	for i, class := range []armstorage.SKUName{armstorage.SKUNameStandardRAGRS, armstorage.SKUNamePremiumZRS} {
		name := fmt.Sprintf("store%d%s", i, s.ID[35:])
		s.Put(Accounts, &armstorage.Account{
			ID: to.Ptr(s.id("rg-data", "Microsoft.Storage/storageAccounts", name)), Name: to.Ptr(name), Type: to.Ptr("Microsoft.Storage/storageAccounts"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"), Kind: to.Ptr(armstorage.KindStorageV2), SKU: &armstorage.SKU{Name: to.Ptr(class), Tier: to.Ptr(armstorage.SKUTierStandard)},
			Properties: &armstorage.AccountProperties{
				ProvisioningState: to.Ptr(armstorage.ProvisioningState("Succeeded")), StatusOfPrimary: to.Ptr(armstorage.AccountStatusAvailable), CreationTime: to.Ptr(born), AccessTier: to.Ptr(armstorage.AccessTierHot), EnableHTTPSTrafficOnly: to.Ptr(true), MinimumTLSVersion: to.Ptr(armstorage.MinimumTLSVersionTLS12), AllowBlobPublicAccess: to.Ptr(i == 1), PublicNetworkAccess: to.Ptr(armstorage.PublicNetworkAccessEnabled), IsHnsEnabled: to.Ptr(true), IsSftpEnabled: to.Ptr(i == 0), SecondaryLocation: to.Ptr("northeurope"),
				PrimaryEndpoints: &armstorage.Endpoints{Blob: to.Ptr("https://" + name + ".blob.core.windows.net/"), File: to.Ptr("https://" + name + ".file.core.windows.net/")},
				NetworkRuleSet:   &armstorage.NetworkRuleSet{DefaultAction: to.Ptr(armstorage.DefaultActionDeny), VirtualNetworkRules: []*armstorage.VirtualNetworkRule{{VirtualNetworkResourceID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")}}},
				Encryption:       &armstorage.Encryption{KeySource: to.Ptr(armstorage.KeySourceMicrosoftStorage)},
			},
		})
	}
	s.Put(Kubernetes, &armcontainerservice.ManagedCluster{
		ID: to.Ptr("/subscriptions/" + s.ID + "/resourcegroups/rg-k8s/providers/Microsoft.ContainerService/managedClusters/k8s"), Name: to.Ptr("k8s"), Type: to.Ptr("Microsoft.ContainerService/ManagedClusters"), Location: to.Ptr("westeurope"), Tags: s.tags("prod"), SKU: &armcontainerservice.ManagedClusterSKU{Name: to.Ptr(armcontainerservice.ManagedClusterSKUNameBase), Tier: to.Ptr(armcontainerservice.ManagedClusterSKUTierStandard)},
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeUserAssigned), UserAssignedIdentities: map[string]*armcontainerservice.ManagedServiceIdentityUserAssignedIdentitiesValue{s.id("rg-k8s", "Microsoft.ManagedIdentity/userAssignedIdentities", "k8s-identity"): {ClientID: to.Ptr("c"), PrincipalID: to.Ptr("p")}}},
		Properties: &armcontainerservice.ManagedClusterProperties{
			ProvisioningState: to.Ptr("Succeeded"), PowerState: &armcontainerservice.PowerState{Code: to.Ptr(armcontainerservice.CodeRunning)}, KubernetesVersion: to.Ptr("1.31"), CurrentKubernetesVersion: to.Ptr("1.31.7"), Fqdn: to.Ptr("k8s-" + s.ID[35:] + ".hcp.westeurope.azmk8s.io"), NodeResourceGroup: to.Ptr("MC_rg-k8s_k8s_westeurope"), EnableRBAC: to.Ptr(true), DisableLocalAccounts: to.Ptr(true), AADProfile: &armcontainerservice.ManagedClusterAADProfile{Managed: to.Ptr(true)},
			AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{
				{Name: to.Ptr("system"), Count: to.Ptr[int32](3), VMSize: to.Ptr("Standard_D4s_v5"), OSType: to.Ptr(armcontainerservice.OSTypeLinux), OSSKU: to.Ptr(armcontainerservice.OSSKUAzureLinux), Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem), CurrentOrchestratorVersion: to.Ptr("1.31.7"), PowerState: &armcontainerservice.PowerState{Code: to.Ptr(armcontainerservice.CodeRunning)}, AvailabilityZones: []*string{to.Ptr("2"), to.Ptr("1")}, VnetSubnetID: to.Ptr(*s.net("virtualNetworks", "hub") + "/subnets/apps")},
				{Name: to.Ptr("user"), Count: to.Ptr[int32](5), MinCount: to.Ptr[int32](1), MaxCount: to.Ptr[int32](9), VMSize: to.Ptr("Standard_B2s"), OSType: to.Ptr(armcontainerservice.OSTypeWindows), Mode: to.Ptr(armcontainerservice.AgentPoolModeUser), OrchestratorVersion: to.Ptr("1.30"), ProvisioningState: to.Ptr("Succeeded")},
			},
			NetworkProfile:         &armcontainerservice.NetworkProfile{NetworkPlugin: to.Ptr(armcontainerservice.NetworkPluginAzure), NetworkPolicy: to.Ptr(armcontainerservice.NetworkPolicyCilium), PodCidr: to.Ptr("10.244.0.0/16"), ServiceCidr: to.Ptr("10.0.0.0/16"), OutboundType: to.Ptr(armcontainerservice.OutboundTypeUserDefinedRouting)},
			APIServerAccessProfile: &armcontainerservice.ManagedClusterAPIServerAccessProfile{EnablePrivateCluster: to.Ptr(false)}, AutoUpgradeProfile: &armcontainerservice.ManagedClusterAutoUpgradeProfile{UpgradeChannel: to.Ptr(armcontainerservice.UpgradeChannelPatch)},
		},
	})
}
