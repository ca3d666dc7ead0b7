package collector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/collector"
)

func TestSignInAndMailMistakes(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	must(t, os.WriteFile(junk, []byte("no certificate"), 0o600))
	const public = "https://maestro.example.org"
	for want, change := range map[string]func(*collector.Config){
		"public_url: letters":   func(c *collector.Config) { c.SMTP.Host = "mail.example.org" },
		"public_url: \"maestro": func(c *collector.Config) { c.PublicURL = "maestro.example.org" },
		"is not like":           func(c *collector.Config) { c.PublicURL = public + "/elsewhere?x=1" },
		"smtp: read sender":     func(c *collector.Config) { c.PublicURL, c.SMTP.Host = public, "mail.example.org" },
		"smtp.ca: " + junk:      func(c *collector.Config) { c.PublicURL, c.SMTP.Host, c.SMTP.CA = public, "mail.example.org", junk },
		"smtp.password_file": func(c *collector.Config) {
			c.PublicURL, c.SMTP.Host, c.SMTP.Username = public, "mail.example.org", "maestro"
		},
		"is not this machine": func(c *collector.Config) {
			c.PublicURL, c.SMTP.Host, c.SMTP.TLS, c.SMTP.From = public, "mail.example.org", "none", "maestro@example.org"
		},
		"sign_in.passwords: \"none\"": func(c *collector.Config) { c.SignIn.Passwords = "none" },
		"or nobody else gets in":      func(c *collector.Config) { c.SignIn.Passwords = "break_glass" },
		"public_url where people":     func(c *collector.Config) { c.SignIn.OIDC.Issuer = "https://id.example.org" },
		"has to begin with https": func(c *collector.Config) {
			c.PublicURL, c.SignIn.OIDC.Issuer, c.SignIn.OIDC.ClientID = public, "http://id.example.org", "x"
		},
		"sign_in.oidc.client_id":       func(c *collector.Config) { c.PublicURL, c.SignIn.OIDC.Issuer = public, "https://id.example.org" },
		"sign_in.oidc.accounts.teams":  func(c *collector.Config) { c.SignIn.OIDC.Accounts.Teams = []string{"ops"} },
		"sign_in.ldap.accounts.second": func(c *collector.Config) { c.SignIn.LDAP.Accounts.SecondFactor = "no" },
		"passwords in the clear": func(c *collector.Config) {
			c.SignIn.LDAP.URLs, c.SignIn.LDAP.Base = []string{"ldap://ldap.example.org"}, "dc=x"
		},
		"uploads.store: \"tape\"":    func(c *collector.Config) { c.Uploads.Store = "tape" },
		"uploads.s3.secret_key_file": func(c *collector.Config) { c.Uploads.Store = "s3" },
		"want bucket":                func(c *collector.Config) { c.Uploads.Store, c.Uploads.S3.SecretKey = "s3", junk },
	} {
		cfg := config(t.TempDir())
		change(&cfg)
		err := cfg.Validate()
		if err == nil {
			var c *collector.Collector
			if c, err = collector.New(t.Context(), cfg, collector.Options{}); c != nil {
				must(t, c.Close())
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
