package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// sqlServer is a logical server: a name, under which databases are reached.
type sqlServer struct {
	FQDN             string     `json:"fullyQualifiedDomainName"`
	Version          string     `json:"version"`
	State            string     `json:"state"`
	PublicNetwork    string     `json:"publicNetworkAccess"`
	MinimumTLS       string     `json:"minimalTlsVersion"`
	PrivateEndpoints []struct{} `json:"privateEndpointConnections"`
}

func readSQLServers(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[sqlServer]) error {
		env, p := envelope(r, i), i.Properties
		identify(&env, "fqdn", p.FQDN)
		d := schema.Database{
			Type: "cluster", Family: "relational", Engine: "sqlserver", Version: p.Version, Status: p.State, Endpoint: p.FQDN, Port: 1433,
			Public: enabled(p.PublicNetwork), MinimumTLS: p.MinimumTLS, Encrypted: pointer(true),
		}
		return r.emit(ctx, env, d, fieldsOf(i, ""), DatabaseFields{PrivateEndpoints: len(p.PrivateEndpoints)})
	})
}

// sqlDatabase is a database on a logical server.
type sqlDatabase struct {
	Status        string `json:"status"`
	Collation     string `json:"collation"`
	Created       string `json:"creationDate"`
	MaxBytes      int64  `json:"maxSizeBytes"`
	Objective     string `json:"currentServiceObjectiveName"`
	ID            string `json:"databaseId"`
	Pool          string `json:"elasticPoolId"`
	FailoverGroup string `json:"failoverGroupId"`
	License       string `json:"licenseType"`
	Maintenance   string `json:"maintenanceConfigurationId"`
	ReadScale     string `json:"readScale"`
	Secondary     string `json:"secondaryType"`
	ZoneRedundant *bool  `json:"zoneRedundant"`
	Ledger        *bool  `json:"isLedgerOn"`
	BackupStorage string `json:"currentBackupStorageRedundancy"`
	SKU           sku    `json:"currentSku"`
}

// readSQLDatabases emits the databases of all logical servers. Resource Manager lists them by server, Resource Graph
// all at once; since every server has the database master, a server of which Resource Graph does not show it is one
// whose databases it does not show, and is asked itself.
func readSQLDatabases(ctx context.Context, r *reader, l list) error {
	var servers []item[sqlServer]
	if err := each(ctx, r, l, func(i item[sqlServer]) error {
		i.Properties = sqlServer{FQDN: i.Properties.FQDN}
		servers = append(servers, i)
		return nil
	}); err != nil {
		return err
	}
	byID := map[string]item[sqlServer]{}
	for _, s := range servers {
		byID[canonical(s.ID)] = s
	}
	shown := map[string]bool{}
	if len(servers) >= graphWorth {
		err := graphFamilies(ctx, r, "resources", "microsoft.sql/servers/databases", func(id string, databases []item[sqlDatabase]) error {
			server, known := byID[id]
			if !known || !slices.ContainsFunc(databases, func(d item[sqlDatabase]) bool { return d.Name == "master" }) {
				return nil
			}
			shown[id] = true
			for _, d := range databases {
				if err := r.emitSQLDatabase(ctx, server, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var rest []item[sqlServer]
	for _, s := range servers {
		if !shown[canonical(s.ID)] {
			rest = append(rest, s)
		}
	}
	return parallel(ctx, rest, func(ctx context.Context, server item[sqlServer]) error {
		err := eachAnywhere(ctx, r, r.client.link(server.ID+"/databases", l.version), func(i item[sqlDatabase]) error {
			return r.emitSQLDatabase(ctx, server, i)
		})
		if err != nil && !gone(err) {
			return fmt.Errorf("databases of %s: %w", server.Name, err)
		}
		return nil
	})
}

func (r *reader) emitSQLDatabase(ctx context.Context, server item[sqlServer], i item[sqlDatabase]) error {
	env, p := envelope(r, i), i.Properties
	if i.Kind != "" && strings.Contains(strings.ToLower(i.Kind), "system") && i.Name == "master" {
		return nil // every server has it, and nobody made it
	}
	identify(&env, "instance_uuid", p.ID)
	relate(&env, "member_of", "database", server.ID)
	d := schema.Database{
		Type: "database", Family: "relational", Engine: "sqlserver", Status: p.Status, DatabaseName: i.Name, Edition: p.SKU.Tier, License: p.License,
		Collation: p.Collation, Endpoint: server.Properties.FQDN, Port: 1433, Flavor: p.SKU.Name, MaxSizeBytes: p.MaxBytes, HighAvailability: p.ZoneRedundant,
		Encrypted: pointer(true), Maintenance: nameOf(p.Maintenance), Provisioned: moment(p.Created),
	}
	if strings.HasPrefix(p.Objective, "GP_S_") {
		d.CapacityMode = "serverless"
	}
	switch p.Secondary {
	case "Geo", "Standby":
		d.Role = "replica"
	}
	// Sizes by virtual cores say how many; those by transaction units do not.
	if p.SKU.Family != "" && p.SKU.Capacity != nil {
		d.CPUCount = int(*p.SKU.Capacity)
	}
	own := DatabaseFields{
		Server: server.Name, ElasticPool: nameOf(p.Pool), ServiceObjective: p.Objective, FailoverGroup: nameOf(p.FailoverGroup),
		BackupStorage: p.BackupStorage, ReadScale: enabled(p.ReadScale), Ledger: p.Ledger,
	}
	if i.SKU.Name == "" {
		i.SKU = p.SKU
	}
	return r.emit(ctx, env, d, fieldsOf(i, ""), own)
}

// managedInstance is SQL Server as a machine of one's own, in a network of one's own.
type managedInstance struct {
	ProvisioningState string     `json:"provisioningState"`
	FQDN              string     `json:"fullyQualifiedDomainName"`
	State             string     `json:"state"`
	License           string     `json:"licenseType"`
	Cores             int        `json:"vCores"`
	StorageGB         int64      `json:"storageSizeInGB"`
	Subnet            string     `json:"subnetId"`
	Collation         string     `json:"collation"`
	Public            *bool      `json:"publicDataEndpointEnabled"`
	MinimumTLS        string     `json:"minimalTlsVersion"`
	ZoneRedundant     *bool      `json:"zoneRedundant"`
	TimeZone          string     `json:"timezoneId"`
	Maintenance       string     `json:"maintenanceConfigurationId"`
	BackupStorage     string     `json:"currentBackupStorageRedundancy"`
	Pool              string     `json:"instancePoolId"`
	PrivateEndpoints  []struct{} `json:"privateEndpointConnections"`
}

func readManagedInstances(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[managedInstance]) error {
		env, p := envelope(r, i), i.Properties
		identify(&env, "fqdn", p.FQDN)
		connect(&env, p.Subnet)
		d := schema.Database{
			Type: "instance", Family: "relational", Engine: "sqlserver", Status: p.State, Edition: i.SKU.Tier, License: p.License, Collation: p.Collation,
			TimeZone: p.TimeZone, Endpoint: p.FQDN, Port: 1433, Public: p.Public, MinimumTLS: p.MinimumTLS, Flavor: i.SKU.Name, CPUCount: p.Cores,
			SizeBytes: p.StorageGB * gib, HighAvailability: p.ZoneRedundant, Encrypted: pointer(true), Maintenance: nameOf(p.Maintenance),
		}
		own := DatabaseFields{BackupStorage: p.BackupStorage, ElasticPool: nameOf(p.Pool), PrivateEndpoints: len(p.PrivateEndpoints)}
		return r.emit(ctx, env, d, fieldsOf(i, p.ProvisioningState), own)
	})
}

// flexibleServer is a server of PostgreSQL or MySQL; the two services differ little.
type flexibleServer struct {
	FQDN         string `json:"fullyQualifiedDomainName"`
	Version      string `json:"version"`
	MinorVersion string `json:"minorVersion"`
	// MySQL's service says the whole version so.
	FullVersion string `json:"fullVersion"`
	State       string `json:"state"`
	Zone        string `json:"availabilityZone"`
	Role        string `json:"replicationRole"`
	Source      string `json:"sourceServerResourceId"`
	Port        int    `json:"databasePort"`
	Storage     struct {
		SizeGB   int64  `json:"storageSizeGB"`
		IOPS     int64  `json:"iops"`
		AutoGrow string `json:"autoGrow"`
		Class    string `json:"storageSku"`
		Type     string `json:"type"`
	} `json:"storage"`
	Backup struct {
		Days int    `json:"backupRetentionDays"`
		Geo  string `json:"geoRedundantBackup"`
	} `json:"backup"`
	Network struct {
		Public string `json:"publicNetworkAccess"`
		Subnet string `json:"delegatedSubnetResourceId"`
		// PostgreSQL's service says one, MySQL's the other.
		PrivateDNS string `json:"privateDnsZoneArmResourceId"`
		DNSZone    string `json:"privateDnsZoneResourceId"`
	} `json:"network"`
	HA struct {
		Mode    string `json:"mode"`
		State   string `json:"state"`
		Standby string `json:"standbyAvailabilityZone"`
	} `json:"highAvailability"`
	Window struct {
		Custom string `json:"customWindow"`
		Day    int    `json:"dayOfWeek"`
		Hour   int    `json:"startHour"`
		Minute int    `json:"startMinute"`
	} `json:"maintenanceWindow"`
	Encryption struct {
		Type string `json:"type"`
		// The address of the key in its vault, which is no secret; only the name is kept.
		Key string `json:"primaryKeyURI"`
	} `json:"dataEncryption"`
	PrivateEndpoints []struct{} `json:"privateEndpointConnections"`
}

func readPostgres(ctx context.Context, r *reader, l list) error {
	return readFlexible(ctx, r, l, "postgresql", 5432)
}
func readMySQL(ctx context.Context, r *reader, l list) error {
	return readFlexible(ctx, r, l, "mysql", 3306)
}

func readFlexible(ctx context.Context, r *reader, l list, engine string, port int) error {
	return each(ctx, r, l, func(i item[flexibleServer]) error {
		env, p := envelope(r, i), i.Properties
		if p.Zone != "" && env.Zone == "" {
			env.Zone = env.Region + "-" + p.Zone
		}
		identify(&env, "fqdn", p.FQDN)
		d := p.translate(&env, engine)
		d.Edition, d.Flavor, d.Provisioned = i.SKU.Tier, i.SKU.Name, moment(i.System.CreatedAt)
		if d.Port == 0 {
			d.Port = port
		}
		own := DatabaseFields{
			HAMode: p.HA.Mode, HAState: p.HA.State, PrivateEndpoints: len(p.PrivateEndpoints), PrivateDNS: nameOf(p.Network.PrivateDNS + p.Network.DNSZone),
			GeoBackup: enabled(p.Backup.Geo), AutoGrow: enabled(p.Storage.AutoGrow),
		}
		return r.emit(ctx, env, d, fieldsOf(i, ""), own)
	})
}

func (p flexibleServer) translate(env *resource.Envelope, engine string) schema.Database {
	d := schema.Database{
		Type: "instance", Family: "relational", Engine: engine, Version: p.Version, Status: p.State, Endpoint: p.FQDN, Port: p.Port, Public: enabled(p.Network.Public),
		SizeBytes: p.Storage.SizeGB * gib, IOPSLimit: p.Storage.IOPS, StorageClass: p.Storage.Class + p.Storage.Type, BackupDays: p.Backup.Days, Encrypted: pointer(true),
	}
	switch {
	case p.FullVersion != "":
		d.Version = p.FullVersion
	case p.MinorVersion != "":
		d.Version += "." + p.MinorVersion
	}
	if key := p.Encryption.Key; key != "" {
		// https://vault.vault.azure.net/keys/name/version
		d.KeyName = segment(key, "keys")
	}
	switch strings.ToLower(p.HA.Mode) {
	case "":
	case "disabled":
		d.HighAvailability = pointer(false)
	default:
		d.HighAvailability = pointer(true)
		if p.HA.Standby != "" && env.Region != "" {
			d.SecondaryZone = env.Region + "-" + p.HA.Standby
		}
	}
	switch strings.ToLower(p.Role) {
	case "primary", "source":
		d.Role = "primary"
	case "asyncreplica", "replica", "geoasyncreplica":
		d.Role = "replica"
		relate(env, "replicates", "database", p.Source)
	}
	if strings.EqualFold(p.Window.Custom, "enabled") {
		days := []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
		if p.Window.Day >= 0 && p.Window.Day < len(days) {
			d.Maintenance = fmt.Sprintf("%s %02d:%02d UTC", days[p.Window.Day], p.Window.Hour, p.Window.Minute)
		}
	}
	connect(env, p.Network.Subnet)
	return d
}
