package collector

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/mail"
)

// SignInConfig says what people need to sign in.
type SignInConfig struct {
	RequireSecondFactor bool `yaml:"require_second_factor" help:"Administrators must have a second factor; until then they can only set one up."`
	// Passwords other than the break-glass administrator's can be switched off where somebody else signs people in.
	Passwords  string     `yaml:"passwords" help:"Whose passwords kept here are taken: everybody, or break_glass."`
	BreakGlass string     `yaml:"break_glass" help:"User whose password is taken even then, for when nothing else works."`
	OIDC       OIDCConfig `yaml:"oidc"`
	LDAP       LDAPConfig `yaml:"ldap"`
}

// SMTPConfig says which mail server takes letters. Without a host none are sent.
type SMTPConfig struct {
	Host     string `yaml:"host" help:"Mail server that sends invitations and links to set a password; none when empty."`
	Port     int    `yaml:"port" help:"Port of the mail server: usually 587 with starttls, 465 with tls."`
	TLS      string `yaml:"tls" help:"starttls, tls, or none for a mail server on this machine."`
	CA       string `yaml:"ca" help:"Certificates to trust for the mail server instead of the system's (PEM)."`
	From     string `yaml:"from" help:"Sender of letters, for example Maestro <maestro@example.org>."`
	Username string `yaml:"username" help:"User name at the mail server; empty signs in nowhere."`
	Password string `yaml:"password_file" help:"File of the password at the mail server."`
}

// checkPublicURL wants what links can begin with.
func (c *Config) checkPublicURL() error {
	if c.PublicURL == "" {
		if c.SMTP.Host != "" {
			return errors.New("public_url: letters carry links, so say what the web UI's address is, for example https://maestro.example.org")
		}
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return fmt.Errorf("public_url: %q is not like https://maestro.example.org", c.PublicURL)
	}
	return nil
}

// sender is nil when no mail server is configured.
func (c SMTPConfig) sender(clock func() time.Time, voice func(context.Context, string) (mail.Voice, error)) (access.Mail, error) {
	if c.Host == "" {
		return nil, nil
	}
	opt := mail.Options{Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Security: c.TLS, From: c.From, Username: mail.Secret(c.Username), Clock: clock, Voice: voice}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("smtp.ca: %w", err)
		}
		opt.CA = x509.NewCertPool()
		if !opt.CA.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("smtp.ca: %s holds no certificate", c.CA)
		}
	}
	if c.Username != "" {
		b, err := os.ReadFile(c.Password)
		if err != nil {
			return nil, fmt.Errorf("smtp.password_file: %w", err)
		}
		opt.Password = mail.Secret(strings.TrimSpace(string(b)))
	}
	s, err := mail.New(opt)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	return s, nil
}
