package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"maestro.internal/sdk/provider"
)

// Settings are a connection's settings.
type Settings struct {
	TenantID       string `json:"tenant_id,omitempty" label:"Directory (tenant) id" example:"72f988bf-86f1-41af-91ab-2d7cd011db47" help:"The Microsoft Entra tenant to sign in to. Needed for a secret or a certificate; a managed identity and the CLI know their own."`
	ClientID       string `json:"client_id,omitempty" label:"Application (client) id" help:"Of the app registration, or of a user-assigned managed identity. AZURE_CLIENT_ID of the credential comes first."`
	Authentication string `json:"authentication,omitempty" label:"Signs in with" enum:"auto,client_secret,client_certificate,managed_identity,workload_identity,cli" default:"auto" help:"Auto takes what the credential holds: a secret, a certificate, a federated token. Managed identity and CLI must be chosen."`

	Cloud           string `json:"cloud,omitempty" label:"Cloud" enum:"public,us_government,china,custom" default:"public" maestro:"credential-target" help:"Sovereign clouds have addresses of their own; custom is for Azure Stack Hub and for tests. A credential that is bound to endpoints names the cloud among them: public."`
	ResourceManager string `json:"resource_manager_url,omitempty" label:"Resource Manager (custom cloud)" example:"https://management.local.azurestack.external" maestro:"credential-target"`
	Authority       string `json:"authority_url,omitempty" label:"Sign-in address (custom cloud)" example:"https://login.microsoftonline.com" maestro:"credential-target"`
	Audience        string `json:"audience,omitempty" label:"Token audience (custom cloud)" help:"The resource that tokens are asked for; without it, the address of Resource Manager."`
	CA              string `json:"ca,omitempty" label:"Authority's certificate" help:"PEM; for a custom cloud or a proxy that opens TLS, beside those this machine trusts."`

	ManagementGroups []string `json:"management_groups,omitempty" label:"Only these management groups" maestro:"narrows" help:"Ids, for example the tenant's id for the root group; with all groups below. Empty means every subscription that the identity sees."`
	Subscriptions    []string `json:"subscriptions,omitempty" label:"Only these subscriptions" maestro:"narrows" help:"Ids, names or patterns such as prod-*."`
	Exclude          []string `json:"exclude_subscriptions,omitempty" label:"Not these subscriptions" maestro:"narrows" help:"Ids, names or patterns; they win."`
	Regions          []string `json:"regions,omitempty" label:"Only these regions" example:"[\"westeurope\"]" maestro:"narrows"`
	DelegatedTenants []string `json:"delegated_tenants,omitempty" label:"Tenants delegated by Lighthouse" help:"Ids of customers' tenants whose subscriptions are expected. While none of a tenant's is visible the plan says so, and a check prints the template to delegate with."`
	ResourceGraph    string   `json:"resource_graph,omitempty" label:"Resource Graph" enum:"auto,never" default:"auto" help:"Auto asks it for instances of scale sets and for SQL databases, which Resource Manager lists by one call per parent, and asks that instead wherever the answer does not add up."`
}

// settings with what has been made of them.
type settings struct {
	Settings
	cloud  cloud.Configuration
	portal string
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// tenantName is what may stand for a tenant in an address.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}$`)

func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s.Settings); err != nil {
		return s, &provider.SettingsError{Problem: err.Error()}
	}
	if s.TenantID != "" && !tenantName.MatchString(s.TenantID) {
		return s, &provider.SettingsError{Pointer: "/tenant_id", Problem: "is no id or domain of a tenant"}
	}
	for pointer, field := range map[string]struct {
		value   string
		allowed []string
	}{
		"/authentication": {s.Authentication, []string{"", byAuto, bySecret, byCertificate, byManagedIdentity, byWorkloadIdentity, byCLI}},
		"/cloud":          {s.Cloud, []string{"", "public", "us_government", "china", "custom"}},
		"/resource_graph": {s.ResourceGraph, []string{"", "auto", "never"}},
	} {
		if !slices.Contains(field.allowed, field.value) {
			return s, &provider.SettingsError{Pointer: pointer, Problem: fmt.Sprintf("%q is none of %s", field.value, strings.Join(field.allowed[1:], ", "))}
		}
	}
	for pointer, list := range map[string][]string{"/subscriptions": s.Subscriptions, "/exclude_subscriptions": s.Exclude} {
		for _, pattern := range list {
			if _, err := path.Match(strings.ToLower(pattern), ""); err != nil {
				return s, &provider.SettingsError{Pointer: pointer, Problem: fmt.Sprintf("pattern %q is malformed", pattern)}
			}
		}
	}
	for _, id := range s.ManagementGroups {
		if id == "" || strings.ContainsAny(id, "/?#%") {
			return s, &provider.SettingsError{Pointer: "/management_groups", Problem: fmt.Sprintf("%q is no id of a management group", id)}
		}
	}
	for _, id := range s.DelegatedTenants {
		if !guid.MatchString(id) {
			return s, &provider.SettingsError{Pointer: "/delegated_tenants", Problem: fmt.Sprintf("%q is no id of a tenant", id)}
		}
	}
	for i, name := range s.Regions {
		s.Regions[i] = regionName(name)
	}
	return s, s.chooseCloud()
}

// chooseCloud fills in the addresses.
func (s *settings) chooseCloud() error {
	custom := s.Cloud == "custom"
	for pointer, value := range map[string]string{"/resource_manager_url": s.ResourceManager, "/authority_url": s.Authority} {
		switch {
		case !custom && value != "":
			return &provider.SettingsError{Pointer: pointer, Problem: "is for the custom cloud only"}
		case custom:
			if problem := addressProblem(value); problem != "" {
				return &provider.SettingsError{Pointer: pointer, Problem: problem}
			}
		}
	}
	switch s.Cloud {
	case "us_government":
		s.cloud, s.portal = cloud.AzureGovernment, "https://portal.azure.us"
	case "china":
		s.cloud, s.portal = cloud.AzureChina, "https://portal.azure.cn"
	case "custom":
		endpoint := strings.TrimSuffix(s.ResourceManager, "/")
		audience := s.Audience
		if audience == "" {
			audience = endpoint
		}
		s.cloud = cloud.Configuration{
			ActiveDirectoryAuthorityHost: strings.TrimSuffix(s.Authority, "/") + "/",
			Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Audience: audience, Endpoint: endpoint}},
		}
	default:
		s.cloud, s.portal = cloud.AzurePublic, "https://portal.azure.com"
	}
	return nil
}

// addressProblem says what is wrong with an address, without repeating it: people paste passwords into addresses.
func addressProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "is no address such as https://management.example.org"
	case u.User != nil:
		return "must not contain a user or password"
	case u.Scheme != "https":
		return "must begin with https://: a token is sent there"
	case u.RawQuery != "" || u.Fragment != "":
		return "must have neither a query nor a fragment"
	}
	return ""
}

// selects says whether the lists of names choose a subscription.
func (s *settings) selects(id, name string) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			p = strings.ToLower(p)
			byName, _ := path.Match(p, strings.ToLower(name)) // readSettings has checked the patterns
			return byName || p == strings.ToLower(id)
		})
	}
	return !matches(s.Exclude) && (len(s.Subscriptions) == 0 || matches(s.Subscriptions))
}

// regionName is the name in Azure's own short form: services spell them "West Europe" too.
func regionName(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, " ", ""))
}
