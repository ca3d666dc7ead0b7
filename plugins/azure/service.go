package azure

import (
	"context"
	"net/url"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// storageAccount holds blobs, files, queues and tables.
type storageAccount struct {
	ProvisioningState string         `json:"provisioningState"`
	Endpoints         map[string]any `json:"primaryEndpoints"`
	Status            string         `json:"statusOfPrimary"`
	Secondary         string         `json:"secondaryLocation"`
	Created           string         `json:"creationTime"`
	AccessTier        string         `json:"accessTier"`
	HTTPSOnly         *bool          `json:"supportsHttpsTrafficOnly"`
	MinimumTLS        string         `json:"minimumTlsVersion"`
	PublicBlobs       *bool          `json:"allowBlobPublicAccess"`
	SharedKeys        *bool          `json:"allowSharedKeyAccess"`
	PublicNetwork     string         `json:"publicNetworkAccess"`
	Hierarchical      *bool          `json:"isHnsEnabled"`
	NFS               *bool          `json:"isNfsV3Enabled"`
	SFTP              *bool          `json:"isSftpEnabled"`
	Rules             struct {
		Default string `json:"defaultAction"`
		Subnets []ref  `json:"virtualNetworkRules"`
	} `json:"networkAcls"`
	Encryption struct {
		Source string `json:"keySource"`
	} `json:"encryption"`
}

func readStorageAccounts(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[storageAccount]) error {
		env, p := envelope(r, i), i.Properties
		s := schema.StorageSystem{
			Type: "account", Status: p.Status, Manufacturer: "Microsoft", Model: i.Kind, Class: i.SKU.Name, Replication: replication(i.SKU.Name),
			Encrypted: pointer(true), Public: p.PublicBlobs, MinimumTLS: tlsVersion(p.MinimumTLS), Provisioned: moment(p.Created),
		}
		// What the service leaves unsaid of public reading is no.
		if s.Public == nil {
			s.Public = pointer(false)
		}
		for service, address := range p.Endpoints {
			if text, ok := address.(string); ok && validURL(text) {
				s.Endpoints = append(s.Endpoints, text)
				s.Protocols = append(s.Protocols, service)
			}
		}
		for name, on := range map[string]*bool{"nfs": p.NFS, "sftp": p.SFTP} {
			if on != nil && *on {
				s.Protocols = append(s.Protocols, name)
			}
		}
		s.Endpoints, s.Protocols = sorted(s.Endpoints), sorted(s.Protocols)
		own := StorageFields{
			Kind: i.Kind, AccessTier: p.AccessTier, SecondaryRegion: regionName(p.Secondary), HTTPSOnly: p.HTTPSOnly, PublicNetwork: enabled(p.PublicNetwork),
			DefaultAction: p.Rules.Default, SharedKeys: p.SharedKeys, Hierarchical: p.Hierarchical, KeySource: p.Encryption.Source,
		}
		for _, subnet := range p.Rules.Subnets {
			own.Subnets = append(own.Subnets, canonical(subnet.ID))
			connect(&env, subnet.ID)
		}
		return r.emit(ctx, env, s, fieldsOf(i, p.ProvisioningState), own)
	})
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

// replication is what a class of storage does for safety: Standard_RAGRS.
func replication(sku string) string {
	_, word, _ := strings.Cut(sku, "_")
	switch strings.TrimSuffix(word, "V2") {
	case "LRS":
		return "locally_redundant"
	case "ZRS":
		return "zone_redundant"
	case "GRS":
		return "geo_redundant"
	case "RAGRS":
		return "geo_redundant_readable"
	case "GZRS":
		return "geo_zone_redundant"
	case "RAGZRS":
		return "geo_zone_redundant_readable"
	}
	return strings.ToLower(word)
}

// tlsVersion writes TLS1_2 as others do.
func tlsVersion(s string) string {
	if v, ok := strings.CutPrefix(s, "TLS"); ok {
		return strings.ReplaceAll(v, "_", ".")
	}
	return s
}

// kubernetes is a cluster of AKS.
type kubernetes struct {
	ProvisioningState string      `json:"provisioningState"`
	Power             code        `json:"powerState"`
	Version           string      `json:"kubernetesVersion"`
	Current           string      `json:"currentKubernetesVersion"`
	FQDN              string      `json:"fqdn"`
	PrivateFQDN       string      `json:"privateFQDN"`
	NodeGroup         string      `json:"nodeResourceGroup"`
	RBAC              *bool       `json:"enableRBAC"`
	NoLocalAccounts   *bool       `json:"disableLocalAccounts"`
	Directory         *struct{}   `json:"aadProfile"`
	SupportPlan       string      `json:"supportPlan"`
	Pools             []agentPool `json:"agentPoolProfiles"`
	DiskEncryption    string      `json:"diskEncryptionSetID"`
	Network           struct {
		Plugin   string `json:"networkPlugin"`
		Policy   string `json:"networkPolicy"`
		PodCIDR  string `json:"podCidr"`
		Services string `json:"serviceCidr"`
		Outbound string `json:"outboundType"`
	} `json:"networkProfile"`
	Access struct {
		Private *bool `json:"enablePrivateCluster"`
	} `json:"apiServerAccessProfile"`
	Upgrade struct {
		Channel string `json:"upgradeChannel"`
	} `json:"autoUpgradeProfile"`
}

type agentPool struct {
	Name     string   `json:"name"`
	Count    int      `json:"count"`
	Size     string   `json:"vmSize"`
	OSType   string   `json:"osType"`
	OSSKU    string   `json:"osSKU"`
	Mode     string   `json:"mode"`
	Version  string   `json:"orchestratorVersion"`
	Current  string   `json:"currentOrchestratorVersion"`
	State    string   `json:"provisioningState"`
	Power    code     `json:"powerState"`
	Min      *int     `json:"minCount"`
	Max      *int     `json:"maxCount"`
	Subnet   string   `json:"vnetSubnetID"`
	Zones    []string `json:"availabilityZones"`
	Priority string   `json:"scaleSetPriority"`
}

func readKubernetes(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[kubernetes]) error {
		env, p := envelope(r, i), i.Properties
		b := schema.BackingService{
			Family: "container_orchestration", Type: "cluster", Engine: "kubernetes", Version: p.Current, Status: strings.ToLower(p.Power.Code),
			Endpoint: p.FQDN, Public: pointer(p.Access.Private == nil || !*p.Access.Private), KeyName: nameOf(p.DiskEncryption),
		}
		if b.Version == "" {
			b.Version = p.Version
		}
		if b.Endpoint == "" {
			b.Endpoint = p.PrivateFQDN
		}
		identify(&env, "fqdn", p.FQDN)
		identify(&env, "fqdn", p.PrivateFQDN)
		p.nodePools(&env, &b)
		own := ClusterFields{
			NodeGroup: strings.ToLower(p.NodeGroup), PowerState: p.Power.Code, Private: p.Access.Private, RBAC: p.RBAC, NetworkPlugin: p.Network.Plugin, NetworkPolicy: p.Network.Policy,
			PodCIDR: p.Network.PodCIDR, ServiceCIDR: p.Network.Services, Outbound: p.Network.Outbound, AutoUpgrade: p.Upgrade.Channel, SupportPlan: p.SupportPlan,
			Directory: pointer(p.Directory != nil),
		}
		if p.NoLocalAccounts != nil {
			own.LocalAccounts = pointer(!*p.NoLocalAccounts)
		}
		return r.emit(ctx, env, b, fieldsOf(i, p.ProvisioningState), own)
	})
}

func (p kubernetes) nodePools(env *resource.Envelope, b *schema.BackingService) {
	for _, pool := range p.Pools {
		n := schema.NodePool{
			Name: pool.Name, Flavor: pool.Size, Version: pool.Current, OS: pool.OSType, Mode: pool.Mode, Status: strings.ToLower(pool.Power.Code),
			NodeCount: pool.Count, MinCount: pool.Min, MaxCount: pool.Max,
		}
		if n.Version == "" {
			n.Version = pool.Version
		}
		if pool.OSSKU != "" {
			n.OS = pool.OSSKU
		}
		if n.Status == "" {
			n.Status = pool.State
		}
		b.NodeCount += pool.Count
		b.NodePools = append(b.NodePools, n)
		b.Zones = append(b.Zones, pool.Zones...)
		connect(env, pool.Subnet)
	}
	b.Zones = sorted(b.Zones)
}
