package openstack

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// credentialEnv are the variables of an openrc file, so that one that a cloud's dashboard gives away can be used as
// it is. Where the credential is sent, OS_AUTH_URL, is a setting.
func credentialEnv() []provider.EnvVar {
	return []provider.EnvVar{
		{Name: "OS_APPLICATION_CREDENTIAL_ID", Title: "Application credential, id", Help: "Id of an application credential: the best choice, for it can be limited to reading and ended by itself.", Sealable: true},
		{Name: "OS_APPLICATION_CREDENTIAL_NAME", Title: "Application credential, name", Help: "Its name instead of its id; needs the user as well.", Sealable: true},
		{Name: "OS_APPLICATION_CREDENTIAL_SECRET", Title: "Application credential, secret", Help: "Its secret.", Secret: true},
		{Name: "OS_USERNAME", Title: "User name", Help: "A user, where there is no application credential.", Sealable: true},
		{Name: "OS_USER_ID", Title: "User id", Help: "The user's id instead of its name.", Sealable: true},
		{Name: "OS_PASSWORD", Title: "Password", Help: "The user's password.", Secret: true},
		{Name: "OS_USER_DOMAIN_NAME", Title: "User's domain", Help: "Domain of the user; Default unless said otherwise.", Sealable: true},
		{Name: "OS_USER_DOMAIN_ID", Title: "User's domain, id", Help: "The same by id.", Sealable: true},
		{Name: "OS_PROJECT_NAME", Title: "Project", Help: "Project to sign in to, unless the settings name one.", Sealable: true},
		{Name: "OS_PROJECT_ID", Title: "Project id", Help: "The same by id.", Sealable: true},
		{Name: "OS_PROJECT_DOMAIN_NAME", Title: "Project's domain", Help: "Domain of the project; that of the user unless said otherwise.", Sealable: true},
		{Name: "OS_PROJECT_DOMAIN_ID", Title: "Project's domain, id", Help: "The same by id.", Sealable: true},
		{Name: "OS_TOKEN", Title: "Token", Help: "A token that somebody else has got; it cannot be renewed here.", Secret: true},
		{Name: "OS_CLIENT_CONFIG_FILE", Title: "The file clouds.yaml", Help: "A clouds.yaml, for the setting cloud; a secure.yaml beside it is read as well."},
	}
}

// login is how to sign in.
type login struct {
	options gophercloud.AuthOptions
	tls     *tls.Config
	// wanted is the interface of the catalogue's addresses.
	wanted string
	// how names the method, for people.
	how string
	// unscoped signs in to no project: to ask which there are.
	unscoped bool
}

// readLogin makes one of the settings and the credential in the environment.
func readLogin(s Settings) (login, error) {
	return readLoginAs(s, false)
}

// readUnscoped makes one for no project in particular.
func readUnscoped(s Settings) (login, error) { return readLoginAs(s, true) }

func readLoginAs(s Settings, unscoped bool) (login, error) {
	l := login{options: optionsFromEnv(), unscoped: unscoped}
	l.options.IdentityEndpoint, l.wanted = s.AuthURL, "public"
	conf, err := httpclient.TLS(httpclient.Options{CA: []byte(s.CA), Fingerprint: s.Fingerprint, InsecureSkipVerify: s.Insecure})
	if err != nil {
		return l, &provider.SettingsError{Pointer: "/ca_certificate", Problem: err.Error()}
	}
	l.tls = conf
	if s.Cloud != "" {
		if err := l.readCloud(s); err != nil {
			return l, err
		}
	}
	if s.Interface != "" {
		l.wanted = s.Interface
	}
	o := &l.options
	switch {
	case unscoped:
		o.Scope = nil
	case s.Project != "":
		chooseProject(o, s)
	}
	return l, l.chooseMethod()
}

func optionsFromEnv() gophercloud.AuthOptions {
	get := os.Getenv
	o := gophercloud.AuthOptions{
		Username: get("OS_USERNAME"), UserID: get("OS_USER_ID"), Password: get("OS_PASSWORD"), TokenID: get("OS_TOKEN"),
		DomainID: get("OS_USER_DOMAIN_ID"), DomainName: get("OS_USER_DOMAIN_NAME"),
		ApplicationCredentialID: get("OS_APPLICATION_CREDENTIAL_ID"), ApplicationCredentialName: get("OS_APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: get("OS_APPLICATION_CREDENTIAL_SECRET"),
	}
	if o.DomainID == "" && o.DomainName == "" && o.UserID == "" {
		o.DomainName = "Default"
	}
	switch id, name := get("OS_PROJECT_ID"), get("OS_PROJECT_NAME"); {
	case id != "":
		o.Scope = &gophercloud.AuthScope{ProjectID: id}
	case name != "":
		o.Scope = &gophercloud.AuthScope{ProjectName: name, DomainID: get("OS_PROJECT_DOMAIN_ID")}
		if o.Scope.DomainID == "" {
			o.Scope.DomainName = get("OS_PROJECT_DOMAIN_NAME")
		}
		if o.Scope.DomainID == "" && o.Scope.DomainName == "" {
			o.Scope.DomainID, o.Scope.DomainName = o.DomainID, cmp.Or(o.DomainName, "Default")
			if o.Scope.DomainID != "" {
				o.Scope.DomainName = ""
			}
		}
	}
	return o
}

// readCloud takes everything from an entry of clouds.yaml.
func (l *login) readCloud(s Settings) error {
	file := os.Getenv("OS_CLIENT_CONFIG_FILE")
	if file == "" {
		return provider.Denied(errors.New("the credential names no clouds.yaml"), "give the credential OS_CLIENT_CONFIG_FILE, or use the setting auth_url instead of cloud")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return provider.Denied(fmt.Errorf("read clouds.yaml: %w", err), "check OS_CLIENT_CONFIG_FILE, and that the agent's user may read the file")
	}
	var shape struct {
		Clouds map[string]struct {
			Auth map[string]any `yaml:"auth"`
		} `yaml:"clouds"`
	}
	if err := yaml.Unmarshal(text, &shape); err != nil {
		return provider.Permanent(errors.New("clouds.yaml is no YAML of the usual form")) // the parser would print the lines, secrets and all
	}
	entry, ok := shape.Clouds[s.Cloud]
	if !ok {
		return &provider.SettingsError{Pointer: "/cloud", Problem: fmt.Sprintf("clouds.yaml has no cloud %q", s.Cloud)}
	}
	if entry.Auth == nil { // gophercloud would panic
		return &provider.SettingsError{Pointer: "/cloud", Problem: fmt.Sprintf("the cloud %q has no section auth in clouds.yaml", s.Cloud)}
	}
	options, endpoints, conf, err := clouds.Parse(clouds.WithCloudName(s.Cloud), clouds.WithLocations(file))
	if err != nil {
		return provider.Permanent(fmt.Errorf("read clouds.yaml: cloud %q: %w", s.Cloud, err))
	}
	if options.IdentityEndpoint == "" {
		return &provider.SettingsError{Pointer: "/cloud", Problem: fmt.Sprintf("the cloud %q has no auth_url in clouds.yaml", s.Cloud)}
	}
	l.options, l.wanted = options, string(endpoints.Availability)
	if s.CA == "" && s.Fingerprint == "" && !s.Insecure {
		conf.MinVersion = tls.VersionTLS12
		l.tls = conf
	}
	return nil
}

// chooseProject replaces the credential's project by that of the settings. What looks like an id is one: Keystone's
// are 32 hexadecimal digits, and a project of such a name is nothing anybody has.
func chooseProject(o *gophercloud.AuthOptions, s Settings) {
	if isID(s.Project) {
		o.Scope = &gophercloud.AuthScope{ProjectID: s.Project}
		return
	}
	domain := gophercloud.AuthScope{ProjectName: s.Project, DomainName: s.ProjectDomain}
	if s.ProjectDomain == "" {
		if o.Scope != nil {
			domain.DomainID, domain.DomainName = o.Scope.DomainID, o.Scope.DomainName
		}
		if domain.DomainID == "" && domain.DomainName == "" {
			domain.DomainName = "Default"
		}
	}
	o.Scope = &domain
}

func isID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// chooseMethod keeps one way of signing in and drops what would contradict it.
func (l *login) chooseMethod() error {
	o := &l.options
	o.AllowReauth = true
	o.TenantID, o.TenantName = "", "" // the scope says it all
	switch {
	case o.ApplicationCredentialSecret != "" && (o.ApplicationCredentialID != "" || o.ApplicationCredentialName != ""):
		l.how = "application credential"
		o.Scope, o.Password, o.TokenID = nil, "", "" // it belongs to its project
		if o.ApplicationCredentialID != "" {
			o.ApplicationCredentialName, o.Username, o.UserID, o.DomainID, o.DomainName = "", "", "", "", ""
		} else if o.Username == "" && o.UserID == "" {
			return provider.Denied(errors.New("the application credential is given by name, without its user"),
				"give the credential OS_USERNAME (with OS_USER_DOMAIN_NAME) or OS_APPLICATION_CREDENTIAL_ID")
		}
	case o.Password != "" && (o.Username != "" || o.UserID != ""):
		l.how = "password"
		o.TokenID = ""
		if o.Scope == nil && !l.unscoped {
			return provider.Denied(errors.New("no project is given to sign in to"), "give the credential OS_PROJECT_NAME, or name the project in the settings")
		}
	case o.TokenID != "":
		l.how = "token"
		o.AllowReauth = false
		o.Username, o.UserID, o.DomainID, o.DomainName = "", "", "", ""
	default:
		return provider.Denied(errors.New("the credential has neither an application credential nor a user with a password nor a token"),
			"give the credential OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET, or OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME")
	}
	if o.UserID != "" {
		o.Username, o.DomainID, o.DomainName = "", "", ""
	}
	if o.DomainID != "" {
		o.DomainName = ""
	}
	if o.Scope != nil && o.Scope.DomainID != "" {
		o.Scope.DomainName = ""
	}
	return nil
}
