package azure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// plan asks for the plan of a connection.
func plan(t *testing.T, a *armtest.Azure, more map[string]any) (provider.Plan, error) {
	t.Helper()
	return serve.Local(New()).Plan(t.Context(), provider.Connection{ID: "test", Settings: a.Settings(more)}, []string{"server"})
}

// Every way to sign in leads to the same subscriptions.
func TestWaysToSignIn(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	certificate := newCertificate(t)
	for name, tt := range map[string]struct {
		settings map[string]any
		env      func(*armtest.Azure) map[string]string
	}{
		"secret": {nil, func(a *armtest.Azure) map[string]string { return map[string]string{envSecret: a.Secret} }},
		"secret, with the ids in the credential": {map[string]any{"tenant_id": nil, "client_id": nil}, func(a *armtest.Azure) map[string]string {
			return map[string]string{envSecret: a.Secret, envTenant: a.Tenant, envClient: a.Client}
		}},
		"certificate": {nil, func(*armtest.Azure) map[string]string { return map[string]string{envCertificate: certificate} }},
		"certificate in a file": {nil, func(*armtest.Azure) map[string]string {
			return map[string]string{envCertPath: write("both.pem", certificate, 0o600)}
		}},
		"federated token": {nil, func(*armtest.Azure) map[string]string {
			return map[string]string{envToken: write("token", "a.b.c", 0o600)}
		}},
		"managed identity": {map[string]any{"authentication": byManagedIdentity, "tenant_id": nil, "client_id": nil}, func(a *armtest.Azure) map[string]string {
			return map[string]string{"IDENTITY_ENDPOINT": a.URL() + "/msi/token", "IDENTITY_HEADER": a.IdentityHeader}
		}},
		"CLI": {map[string]any{"client_id": nil}, func(a *armtest.Azure) map[string]string {
			write("az", fmt.Sprintf("#!/bin/sh\nprintf '{\"accessToken\":\"%s\",\"expires_on\":%d}'\n", a.Token(), time.Now().Add(time.Hour).Unix()), 0o700)
			return map[string]string{envConfig: folder, "PATH": folder + ":" + os.Getenv("PATH")}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := armtest.Seed()
			a.Start()
			t.Cleanup(a.Close)
			for k, v := range tt.env(a) {
				t.Setenv(k, v)
			}
			got, err := plan(t, a, tt.settings)
			if err != nil || len(got.Scopes) != 3 || !got.Complete {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

// newCertificate is one with its key, in PEM.
func newCertificate(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "maestro"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// What goes wrong with signing in is denied, unreachable or failed, with advice, and never shows the secret.
func TestSignInFails(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "other"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, foreign, foreign, &other.PublicKey, other)
	if err != nil {
		t.Fatal(err)
	}
	foreignCA := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	const secret = "pw-9f2c~hunter2"
	for name, tt := range map[string]struct {
		settings map[string]any
		fault    armtest.Fault
		right    bool // the secret is
		status   resource.Status
		advice   string
	}{
		"wrong secret":        {nil, armtest.Fault{Path: "nothing"}, false, resource.StatusDenied, "client secret is wrong"},
		"expired secret":      {nil, signInFault(401, "AADSTS7000222: The provided client secret keys are expired."), true, resource.StatusDenied, "has expired"},
		"clock":               {nil, withDate(signInFault(401, "AADSTS700024: Client assertion is not within its valid time range.")), true, resource.StatusDenied, "clock of this machine differs"},
		"unknown tenant":      {map[string]any{"tenant_id": "77777777-0000-0000-0000-000000000000"}, armtest.Fault{Path: "nothing"}, true, resource.StatusDenied, "no such tenant"},
		"unknown application": {map[string]any{"client_id": "77777777-0000-0000-0000-000000000000"}, armtest.Fault{Path: "nothing"}, true, resource.StatusDenied, "does not know the application"},
		"unknown audience":    {map[string]any{"audience": "https://wrong.test"}, armtest.Fault{Path: "nothing"}, true, resource.StatusDenied, "audience"},
		"conditional access":  {nil, signInFault(400, "AADSTS53003: Access has been blocked by Conditional Access policies."), true, resource.StatusDenied, "conditional access"},
		"a web page":          {nil, armtest.Fault{Path: "/oauth2/", Status: 200, Body: "<html><title>Guest Wi-Fi</title></html>", Type: "text/html"}, true, resource.StatusFailed, "sign-in page"},
		"overloaded":          {nil, armtest.Fault{Path: "/oauth2/", Status: 503, Body: "busy", Type: "text/plain"}, true, resource.StatusUnreachable, ""},
		"certificate":         {map[string]any{"ca": foreignCA}, armtest.Fault{Path: "nothing"}, true, resource.StatusFailed, "certificate"},
		"no such server":      {map[string]any{"authority_url": "https://127.0.0.1:1"}, armtest.Fault{Path: "nothing"}, true, resource.StatusUnreachable, "nothing listens there"},
		"reset":               {nil, armtest.Fault{Path: "/oauth2/", Reset: true}, true, resource.StatusUnreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // what is unreachable is tried for some seconds
				a := startIn(t, plugintest.NewNetwork(t), armtest.Seed())
				t.Setenv(envSecret, secret)
				if tt.right {
					a.Secret = secret
				}
				a.Inject(tt.fault)
				_, err := plan(t, a, tt.settings)
				var known *provider.Error
				if !errors.As(err, &known) || known.Status != tt.status || !strings.Contains(known.Advice, tt.advice) {
					t.Fatalf("%v: %+v", err, known)
				}
				if text := err.Error() + known.Advice; strings.Contains(text, secret) || strings.Contains(text, "Trace ID") {
					t.Errorf("the error says too much: %s", text)
				}
			})
		})
	}
}

func signInFault(status int, description string) armtest.Fault {
	return armtest.Fault{Path: "/oauth2/v2.0/token", Status: status, Type: "application/json", Body: `{"error":"invalid_client","error_description":"` + description + ` Trace ID: 0f0e"}`}
}

func withDate(f armtest.Fault) armtest.Fault {
	f.Header = map[string]string{"Date": time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05") + " GMT"}
	return f
}

// Without anything to sign in with the connection says what to give it.
func TestNothingToSignInWith(t *testing.T) {
	a := armtest.Seed()
	a.Start()
	t.Cleanup(a.Close)
	folder := t.TempDir()
	for name, env := range map[string]map[string]string{
		"nothing": {}, "no file": {envCertPath: filepath.Join(folder, "none.pem")}, "no certificate": {envCertificate: "planted-secret"},
	} {
		for k, v := range env {
			t.Setenv(k, v)
		}
		_, err := plan(t, a, nil)
		if provider.StatusOf(err) != resource.StatusDenied || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Tokens are renewed while a run lasts.
func TestTokensAreRenewed(t *testing.T) {
	a := armtest.Seed()
	a.TokenLife = time.Second
	start(t, a)
	a.Inject(armtest.Fault{Path: "/disks", Delay: 300 * time.Millisecond})
	c, out := one(t, a, "volume", nil)
	signIns := 0
	for _, r := range a.Requests() {
		if strings.HasSuffix(r, "/oauth2/v2.0/token") {
			signIns++
		}
	}
	if out.Status != resource.StatusComplete || len(c.resources) != 16 || signIns < 2 {
		t.Errorf("%d sign-ins: %+v", signIns, out)
	}
}
