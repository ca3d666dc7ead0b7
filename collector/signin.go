package collector

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/api"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/directory"
	"maestro.internal/collector/internal/oidc"
)

// AccountsConfig says what follows from what a provider or directory says.
type AccountsConfig struct {
	Name         string   `yaml:"name" help:"What people call it; it is on the sign-in page."`
	Create       bool     `yaml:"create" help:"Make an account for whoever signs in and has none."`
	Role         string   `yaml:"role" help:"Role of accounts that are made: none, reader, admin or one that was made."`
	Tenant       string   `yaml:"tenant" help:"Tenant of accounts that are made."`
	LinkByEmail  bool     `yaml:"link_by_email" help:"Link whoever has no account of his own to the one of the same verified e-mail address."`
	SecondFactor string   `yaml:"second_factor" help:"Whose second factor counts: provider, or maestro for the one that was set up here."`
	Teams        []string `yaml:"teams" help:"Teams that members of groups are in, as group => tenant/team."`
}

// OIDCConfig names an OpenID Connect provider.
type OIDCConfig struct {
	Issuer       string         `yaml:"issuer" help:"Address of the OpenID Connect provider, as its discovery document names it; none when empty."`
	ClientID     string         `yaml:"client_id" help:"What the provider calls this collector."`
	ClientSecret string         `yaml:"client_secret_file" help:"File of the secret that the provider gave; empty for a public client, which PKCE secures."`
	Scopes       []string       `yaml:"scopes" help:"Scopes to ask for beside openid."`
	Username     string         `yaml:"username_claim" help:"Claim that names the user."`
	Groups       string         `yaml:"groups_claim" help:"Claim that lists the groups."`
	SignOut      bool           `yaml:"sign_out" help:"Signing out ends the session at the provider too."`
	Accounts     AccountsConfig `yaml:"accounts"`
}

// LDAPConfig names a directory.
type LDAPConfig struct {
	URLs         []string       `yaml:"urls" help:"Directory servers, asked in order: ldaps://ldap.example.org, or ldap:// with start_tls; none when empty."`
	StartTLS     bool           `yaml:"start_tls" help:"Encrypt connections to ldap:// before anything is said."`
	CA           string         `yaml:"ca" help:"Certificates to trust for the directory instead of the system's (PEM)."`
	BindTemplate string         `yaml:"bind_template" help:"Sign in directly as this, {username} standing for the name: uid={username},ou=people,dc=example,dc=org or {username}@example.org."`
	BindDN       string         `yaml:"bind_dn" help:"Entry that looks for users; nobody when empty."`
	BindPassword string         `yaml:"bind_password_file" help:"File of its password."`
	Base         string         `yaml:"base" help:"Where users are looked for."`
	Filter       string         `yaml:"filter" help:"Finds the entry of {username}."`
	ID           string         `yaml:"id_attribute" help:"Attribute that stays when somebody is renamed: entryUUID, or objectGUID of Active Directory."`
	Username     string         `yaml:"username_attribute" help:"Attribute that names the user: uid, or sAMAccountName."`
	DisplayName  string         `yaml:"name_attribute" help:"Attribute of the full name."`
	Email        string         `yaml:"email_attribute" help:"Attribute of the e-mail address."`
	Groups       string         `yaml:"groups_attribute" help:"Attribute that lists groups: memberOf."`
	GroupBase    string         `yaml:"group_base" help:"Where groups are looked for beside; nowhere when empty."`
	GroupFilter  string         `yaml:"group_filter" help:"Finds the groups of {dn} or {username}."`
	Accounts     AccountsConfig `yaml:"accounts"`
}

func defaultSignIn() SignInConfig {
	return SignInConfig{
		Passwords: "everybody", BreakGlass: "admin",
		OIDC: OIDCConfig{Scopes: []string{"profile", "email", "groups"}, Username: "preferred_username", Groups: "groups",
			Accounts: AccountsConfig{Name: "single sign-on", Role: "none", Tenant: access.HomeTenant, SecondFactor: "provider"}},
		LDAP: LDAPConfig{Filter: "(uid={username})", ID: "entryUUID", Username: "uid", DisplayName: "cn", Email: "mail", Groups: "memberOf", GroupFilter: "(member={dn})",
			Accounts: AccountsConfig{Name: "directory", Role: "none", Tenant: access.HomeTenant, SecondFactor: "maestro"}},
	}
}

func (c *SignInConfig) check(publicURL string) error {
	switch {
	case c.Passwords != "everybody" && c.Passwords != "break_glass":
		return fmt.Errorf("sign_in.passwords: %q is neither everybody nor break_glass", c.Passwords)
	case c.Passwords == "break_glass" && c.OIDC.Issuer == "" && len(c.LDAP.URLs) == 0:
		return errors.New("sign_in.passwords: break_glass needs sign_in.oidc or sign_in.ldap, or nobody else gets in")
	case c.Passwords == "break_glass" && c.BreakGlass == "":
		return errors.New("sign_in.break_glass: want the user whose password is taken when nothing else works")
	case c.OIDC.Issuer != "" && publicURL == "":
		return errors.New("sign_in.oidc: the provider sends browsers back, so say in public_url where people reach the web UI")
	}
	for name, a := range map[string]AccountsConfig{"oidc": c.OIDC.Accounts, "ldap": c.LDAP.Accounts} {
		if _, err := a.provider(name); err != nil {
			return fmt.Errorf("sign_in.%s.accounts.%w", name, err)
		}
	}
	return nil
}

func (a *AccountsConfig) provider(id string) (access.Provider, error) {
	p := access.Provider{ID: id, Name: a.Name, Create: a.Create, Tenant: a.Tenant, Role: access.Role(a.Role), LinkByEmail: a.LinkByEmail, OwnFactor: a.SecondFactor == "maestro"}
	switch {
	case a.SecondFactor != "provider" && a.SecondFactor != "maestro":
		return p, fmt.Errorf("second_factor: %q is neither provider nor maestro", a.SecondFactor)
	case a.Name == "" || a.Tenant == "" || a.Role == "":
		return p, errors.New("name: want name, tenant and role")
	}
	for _, text := range a.Teams {
		group, place, ok := strings.Cut(text, "=>")
		tenant, team, full := strings.Cut(strings.TrimSpace(place), "/")
		if !full {
			tenant, team = a.Tenant, strings.TrimSpace(place)
		}
		m := access.TeamMapping{Group: strings.TrimSpace(group), Tenant: strings.TrimSpace(tenant), Team: strings.TrimSpace(team)}
		if !ok || m.Group == "" || m.Tenant == "" || m.Team == "" {
			return p, fmt.Errorf("teams: %q is not like group => tenant/team", text)
		}
		p.Teams = append(p.Teams, m)
	}
	return p, nil
}

// oidc is what people who sign in with a provider need.
func (c *Config) oidc(key authority.Key, clock func() time.Time, log *slog.Logger) (api.SignIn, error) {
	x := c.SignIn.OIDC
	s := api.SignIn{NoPasswords: c.SignIn.Passwords == "break_glass", Mail: c.SMTP.Host != ""}
	if len(c.SignIn.LDAP.URLs) > 0 {
		s.Directory = c.SignIn.LDAP.Accounts.Name
	}
	if x.Issuer == "" {
		return s, nil
	}
	secret, err := secretFile("sign_in.oidc.client_secret_file", x.ClientSecret)
	if err != nil {
		return s, err
	}
	if s.Provider, err = x.Accounts.provider("oidc"); err != nil {
		return s, fmt.Errorf("sign_in.oidc.accounts.%w", err)
	}
	at := strings.TrimRight(c.PublicURL, "/")
	s.OIDC, err = oidc.New(oidc.Options{Issuer: x.Issuer, ClientID: x.ClientID, ClientSecret: secret, Scopes: x.Scopes, RedirectURL: at + api.CallbackPath,
		UsernameClaim: x.Username, GroupsClaim: x.Groups, SignOut: x.SignOut, After: at + "/", Key: key.Derive("sign-in by provider"), Clock: clock, Log: log})
	if err != nil {
		return s, fmt.Errorf("sign_in.oidc.%w", err)
	}
	return s, nil
}

// directory is nil when none is configured.
func (c *Config) directory(log *slog.Logger) (access.Directory, access.Provider, error) {
	x := c.SignIn.LDAP
	if len(x.URLs) == 0 {
		return nil, access.Provider{}, nil
	}
	p, err := x.Accounts.provider("ldap")
	if err != nil {
		return nil, p, fmt.Errorf("sign_in.ldap.accounts.%w", err)
	}
	password, err := secretFile("sign_in.ldap.bind_password_file", x.BindPassword)
	if err != nil {
		return nil, p, err
	}
	opt := directory.Options{URLs: x.URLs, StartTLS: x.StartTLS, BindTemplate: x.BindTemplate, BindDN: x.BindDN, BindPassword: password, Base: x.Base, Filter: x.Filter,
		IDAttribute: x.ID, UsernameAttribute: x.Username, NameAttribute: x.DisplayName, EmailAttribute: x.Email, GroupsAttribute: x.Groups,
		GroupBase: x.GroupBase, GroupFilter: x.GroupFilter, Log: log}
	if x.CA != "" {
		pem, err := os.ReadFile(x.CA)
		if err != nil {
			return nil, p, fmt.Errorf("sign_in.ldap.ca: %w", err)
		}
		opt.CA = x509.NewCertPool()
		if !opt.CA.AppendCertsFromPEM(pem) {
			return nil, p, fmt.Errorf("sign_in.ldap.ca: %s holds no certificate", x.CA)
		}
	}
	d, err := directory.New(opt)
	if err != nil {
		return nil, p, fmt.Errorf("sign_in.ldap.%w", err)
	}
	return d, p, nil
}

func secretFile(key, path string) (access.Secret, error) {
	if path == "" {
		return access.Secret{}, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return access.Secret{}, fmt.Errorf("%s: %w", key, err)
	}
	return access.NewSecret(strings.TrimSpace(string(b))), nil
}

// breakGlass is the one user whose password is taken; empty is everybody.
func (c *SignInConfig) breakGlass() string {
	if c.Passwords == "everybody" {
		return ""
	}
	return c.BreakGlass
}
