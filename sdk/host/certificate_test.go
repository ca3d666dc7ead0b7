package host_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/serve"
)

// distrustful meets a certificate that nobody trusts.
type distrustful struct{ met provider.Certificate }

func (d *distrustful) Describe() provider.Description {
	return provider.Description{Provider: "demo", Version: "1", Title: "Demo", Kinds: []provider.KindSupport{{Kind: "server", Major: 1}}, Settings: json.RawMessage(`{
		"type":"object","additionalProperties":false,"properties":{
			"url":{"type":"string"},"thumbprint":{"type":"string","x-maestro-credential-target":true},
			"insecure":{"type":"boolean","x-maestro-credential-target":true}}}`)}
}

func (d *distrustful) Connect(context.Context, provider.Connection) (provider.Session, error) {
	met := d.met
	return nil, &provider.Error{Status: "failed", Err: context.DeadlineExceeded, Advice: "compare it", Certificate: &met}
}

// What is written into the settings with one click can only be a hash, in a setting that says whom to trust.
func TestCertificatesAreTidied(t *testing.T) {
	sum := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	good := provider.Certificate{Setting: "/thumbprint", SHA256: strings.ToLower(strings.ReplaceAll(sum, ":", "")), Subject: "CN=\x1b[31mvc", Issuer: strings.Repeat("x", 5000),
		NotBefore: time.Unix(1, 0).UTC(), NotAfter: time.Unix(2, 0).UTC()}
	ask := func(c provider.Certificate) *provider.Certificate {
		t.Helper()
		r, err := host.Guard(serve.Local(&distrustful{c})).Check(t.Context(), provider.Connection{Settings: json.RawMessage(`{"url":"x"}`)}, []string{"server"})
		if err != nil || len(r.Items) != 1 || r.Items[0].OK || r.Items[0].Advice != "compare it" {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.Items[0].Certificate
	}
	got := ask(good)
	if got == nil || got.SHA256 != sum || got.Setting != "/thumbprint" || got.Subject != "CN=[31mvc" || len([]rune(got.Issuer)) != 201 || !got.NotAfter.Equal(good.NotAfter) {
		t.Fatalf("%+v", got)
	}
	for name, spoil := range map[string]func(*provider.Certificate){
		"an address":       func(c *provider.Certificate) { c.SHA256 = "https://elsewhere" },
		"half a hash":      func(c *provider.Certificate) { c.SHA256 = "AB:CD" },
		"no setting of it": func(c *provider.Certificate) { c.Setting = "/nowhere" },
		"another setting":  func(c *provider.Certificate) { c.Setting = "/url" },
		"no text":          func(c *provider.Certificate) { c.Setting = "/insecure" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if got := ask(c); got != nil {
				t.Errorf("%+v is offered", got)
			}
		})
	}
}
