package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"maestro.internal/sdk/provider"
)

// readerRole is the built-in role Reader, the same in every tenant. Lighthouse allows built-in roles only.
const readerRole = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

// lighthouse is the template by which another tenant delegates a subscription to an identity of this one:
// `az deployment sub create --location westeurope --template-file FILE`, by an owner of the subscription.
func lighthouse(tenant, principal string) string {
	template := map[string]any{
		"$schema":        "https://schema.management.azure.com/schemas/2019-08-01/subscriptionDeploymentTemplate.json#",
		"contentVersion": "1.0.0.0",
		"variables":      map[string]any{"name": "Maestro inventory (read only)", "definition": "[guid(subscription().id, 'maestro')]"},
		"resources": []any{
			map[string]any{
				"type": "Microsoft.ManagedServices/registrationDefinitions", "apiVersion": "2022-10-01", "name": "[variables('definition')]",
				"properties": map[string]any{
					"registrationDefinitionName": "[variables('name')]", "description": "Lets Maestro read the inventory, and change nothing.",
					"managedByTenantId": tenant,
					"authorizations": []any{map[string]any{
						"principalId": principal, "principalIdDisplayName": "Maestro", "roleDefinitionId": readerRole,
					}},
				},
			},
			map[string]any{
				"type": "Microsoft.ManagedServices/registrationAssignments", "apiVersion": "2022-10-01", "name": "[variables('definition')]",
				"dependsOn":  []string{"[resourceId('Microsoft.ManagedServices/registrationDefinitions', variables('definition'))]"},
				"properties": map[string]any{"registrationDefinitionId": "[resourceId('Microsoft.ManagedServices/registrationDefinitions', variables('definition'))]"},
			},
		},
	}
	text, err := json.MarshalIndent(template, "", "  ")
	if err != nil {
		panic(err) // strings make JSON
	}
	return string(text)
}

// whoami reads tenant and object id of the identity out of its token; the signature is for Azure to check. It knows
// neither where it cannot sign in, or where tokens have another form.
func (c *client) whoami(ctx context.Context) (tenant, principal string) {
	var claims struct {
		Tenant string `json:"tid"`
		Object string `json:"oid"`
	}
	token, err := c.token.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.audience + "/.default"}})
	if parts := strings.Split(token.Token, "."); err == nil && len(parts) == 3 {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
		if err == nil && json.Unmarshal(raw, &claims) == nil && guid.MatchString(claims.Tenant) && guid.MatchString(claims.Object) {
			return claims.Tenant, claims.Object
		}
	}
	return "TENANT_ID", "OBJECT_ID_OF_THE_IDENTITY"
}

// checkDelegation prints the template for tenants that have not delegated yet.
func (s *session) checkDelegation(ctx context.Context, e enumeration, report *provider.CheckReport) {
	missing := s.undelegated(e)
	for _, tenant := range s.settings.DelegatedTenants {
		report.Items = append(report.Items, provider.CheckItem{Name: "delegation by tenant " + tenant, OK: e.tenants[strings.ToLower(tenant)]})
	}
	if len(missing) == 0 {
		return
	}
	home, principal := s.client.whoami(ctx)
	for i := range report.Items {
		if item := &report.Items[i]; strings.HasPrefix(item.Name, "delegation by tenant ") && !item.OK {
			item.Message = "none of its subscriptions is visible"
			item.Advice = "an owner there deploys the template below: az deployment sub create --location westeurope --template-file lighthouse.json"
		}
	}
	text := lighthouse(home, principal)
	if report.Policy != "" {
		text = fmt.Sprintf("%s\n\n%s", report.Policy, text)
	}
	report.Policy = text
}
