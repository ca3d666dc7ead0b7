package azure

import (
	"context"
	"encoding/json"
	"slices"

	"maestro.internal/sdk/schema"
)

// list is one listing of Azure.
type list struct {
	kind string
	name string
	// path below the subscription, and the version of the API.
	path, version string
	permissions   []string
	read          func(context.Context, *reader, list) error
}

const (
	computeVersion = "2024-07-01"
	diskVersion    = "2023-10-02"
	networkVersion = "2024-05-01"
)

// The permissions that more than one list needs.
const (
	readNICs      = "Microsoft.Network/networkInterfaces/read"
	readPublicIPs = "Microsoft.Network/publicIPAddresses/read"
)

// lists is everything that is read: one row for each list, and the function that translates it.
func lists() []list {
	compute := "/providers/Microsoft.Compute"
	return []list{
		{"server", "virtual machines", compute + "/virtualMachines", computeVersion,
			[]string{"Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/locations/vmSizes/read", readNICs, readPublicIPs}, readMachines},
	}
}

// always are the permissions without which no kind can be read.
func always() []string {
	return []string{"Microsoft.Resources/subscriptions/read", "Microsoft.Authorization/permissions/read"}
}

// kindNames are the kinds that are read, sorted.
func kindNames() []string {
	var out []string
	for _, l := range lists() {
		out = append(out, l.kind)
	}
	return sorted(out)
}

// permissionsOf are what some kinds need together.
func permissionsOf(kinds ...string) []string {
	out := always()
	for _, l := range lists() {
		if slices.Contains(kinds, l.kind) {
			out = append(out, l.permissions...)
		}
	}
	return sorted(out)
}

// interval is how often a kind is read unless a connection says otherwise, in seconds.
func interval(kind string) int64 {
	const hour, day = 3600, 86400
	switch kind {
	case "server":
		return 300
	case "volume", "load_balancer", "security_group":
		return 6 * hour
	case "backing_service", "database":
		return day
	case "gateway":
		return 3 * day
	}
	return 14 * day
}

// ownFields is the schema of what a kind has under the provider's name.
func ownFields(kind string) json.RawMessage {
	switch kind {
	case "server":
		return schema.FieldsOf(ServerFields{})
	}
	return schema.FieldsOf(Fields{})
}

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

func fieldsOf[P any](i item[P], state string) Fields {
	f := Fields{ResourceGroup: resourceGroup(i.ID), ProvisioningState: state, SKU: i.SKU.Name, Tier: i.SKU.Tier, ManagedBy: canonical(i.ManagedBy), Identity: i.Identity.identities()}
	if len(i.Zones) > 1 {
		f.Zones = sorted(slices.Clone(i.Zones))
	}
	return f
}

// ServerFields are what servers have beside the fields of their kind.
type ServerFields struct {
	ResourceGroup     string `json:"resource_group,omitempty" label:"Resource group" maestro:"column,indexed,searchable" help:"In lower case, since Azure's services differ in how they write it."`
	ProvisioningState string `json:"provisioning_state,omitempty" label:"Provisioning state" help:"How the last change of its settings ended; not whether it runs."`
	ScaleSet          string `json:"scale_set,omitempty" label:"Scale set" maestro:"indexed,searchable"`
	InstanceID        string `json:"instance_id,omitempty" label:"Number in its scale set"`
	AvailabilitySet   string `json:"availability_set,omitempty" label:"Availability set" maestro:"searchable"`
	ProximityGroup    string `json:"proximity_placement_group,omitempty" label:"Proximity placement group"`
	HostGroup         string `json:"dedicated_host,omitempty" label:"Dedicated host"`
	Priority          string `json:"priority,omitempty" label:"Priority" help:"Regular, Low or Spot."`
	EvictionPolicy    string `json:"eviction_policy,omitempty" label:"Eviction policy"`
	LicenseType       string `json:"license_type,omitempty" label:"License" help:"A license that was brought along, such as Windows_Server."`
	SecurityType      string `json:"security_type,omitempty" label:"Security type" example:"TrustedLaunch"`
	SecureBoot        *bool  `json:"secure_boot,omitempty" label:"Secure boot"`
	VirtualTPM        *bool  `json:"virtual_tpm,omitempty" label:"Virtual TPM"`
	EncryptionAtHost  *bool  `json:"encryption_at_host,omitempty" label:"Encryption at host"`
	UltraDisks        *bool  `json:"ultra_disks,omitempty" label:"Ultra disks"`
	BootDiagnostics   *bool  `json:"boot_diagnostics,omitempty" label:"Boot diagnostics"`
	Generation        string `json:"generation,omitempty" label:"Hyper-V generation"`
	ImageSKU          string `json:"image_sku,omitempty" label:"Image's SKU"`
	DataDisks         int    `json:"data_disk_count,omitempty" label:"Data disks"`
}
