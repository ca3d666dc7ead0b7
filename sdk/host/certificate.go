package host

import (
	"encoding/hex"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// tidyCertificate lets through what names a setting of the plugin's that decides where a credential goes, and a SHA-256 to put there:
// somebody is going to write it into the settings with one click, so it must not be able to be anything else.
func (g *guard) tidyCertificate(c *provider.Certificate) *provider.Certificate {
	if c == nil {
		return nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(c.SHA256, ":", ""))
	if err != nil || len(sum) != 32 || !g.trusts(c.Setting) {
		return nil
	}
	out := *c
	out.SHA256 = provider.Fingerprint(sum)
	out.Subject, out.Issuer = g.secret.clean(short(c.Subject)), g.secret.clean(short(c.Issuer))
	return &out
}

func (g *guard) trusts(pointer string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		return false
	}
	form, err := schema.ParseSettings(g.known.Settings)
	if err != nil {
		return false
	}
	for _, f := range form.Fields {
		if f.Pointer == pointer {
			return f.Text && f.CredentialTarget && !f.Secret
		}
	}
	return false
}
