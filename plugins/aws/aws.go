// Package aws discovers what an organisation runs at Amazon Web Services: machines and their disks, networks, load
// balancers, databases, and the services that applications are built on, in all accounts and regions at once.
//
// One connection reads one account or a whole organisation. A scope is one list of one account and region, so that
// an account that is denied, a region that is switched off or a service that may not be read spoils nothing else.
// Every list is one row of a table (see lists): what it needs, how often it is asked, how it is read and translated.
// Nothing is ever changed there: every permission asked for begins with Describe, List or Get.
package aws

import (
	"context"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// The label keys by which scopes are told apart. A kind that several of Amazon's services fill (backing_service,
// database, ...) has a scope for each of them; their label is the service.
const (
	labelAccount = "account"
	labelRegion  = "region"
	labelService = "service"
)

// globalRegion stands for the services that have one address for all regions.
const globalRegion = "global"

// Provider is the plugin.
type Provider struct{}

// New is the provider of AWS.
func New() *Provider { return &Provider{} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	return provider.Description{
		Provider: "aws", Version: serve.Version(), Title: "Amazon Web Services",
		Summary:  "Servers, storage, networks, databases and services of one account or of all accounts of an organisation.",
		Kinds:    kindSupport(),
		Settings: schema.SettingsOf(Settings{}),
		Policy:   policyDocument("aws", actionsOf(lists()...)),
		CredentialEnv: []provider.EnvVar{
			{Name: "AWS_ACCESS_KEY_ID", Title: "Access key", Help: "Access key of a user with the policy; leave all of these out to use the role of the machine the agent runs on.", Sealable: true},
			{Name: "AWS_SECRET_ACCESS_KEY", Title: "Secret access key", Help: "Its secret.", Secret: true},
			{Name: "AWS_SESSION_TOKEN", Title: "Session token", Help: "Only for temporary keys.", Secret: true},
			{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Title: "File with the platform's token", Help: "File with a token of the platform the agent runs on (EKS, GitHub); with AWS_ROLE_ARN."},
			{Name: "AWS_ROLE_ARN", Title: "Role for that token", Help: "The role for that token."},
			{Name: "AWS_CONFIG_FILE", Title: "Configuration file", Help: "A shared configuration file, where single sign-on or a process gives the keys; with AWS_PROFILE."},
			{Name: "AWS_SHARED_CREDENTIALS_FILE", Title: "Credentials file", Help: "A shared credentials file; with AWS_PROFILE."},
			{Name: "AWS_PROFILE", Title: "Profile", Help: "The profile of those files."},
			{Name: "AWS_CA_BUNDLE", Title: "File with certificate authorities", Help: "File with authorities to trust beside the machine's own, in PEM form."},
		},
		Limits:            limits(),
		MaxParallelScopes: 16,
		Choices:           choosable(),
	}
}

// Connect signs in and finds out as whom.
func (*Provider) Connect(ctx context.Context, conn provider.Connection) (provider.Session, error) {
	s, err := readSettings(conn.Settings)
	if err != nil {
		return nil, err
	}
	return connect(ctx, s)
}
