package azure

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/plugins/azure/armtest"
)

var update = flag.Bool("update", false, "write the golden files")

// What is made of each kind, field by field. A change of a translation shows here.
func TestGolden(t *testing.T) {
	a := start(t, armtest.Seed())
	c := discover(t, a.Settings(map[string]any{"subscriptions": []string{"production"}}))
	for _, kind := range kindNames() {
		t.Run(kind, func(t *testing.T) {
			var out bytes.Buffer
			for i, env := range c.ofKind(kind) {
				if i == 9 {
					break
				}
				env.ConsoleURL = "" // the port of the test server is in it
				text, err := json.MarshalIndent(env, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				out.WriteString(strings.ReplaceAll(string(text), "/subscriptions/"+armtest.Production+"/resourcegroups", "~") + "\n")
			}
			file := filepath.Join("testdata", kind+".golden.json")
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s differs from %s; if that is meant: go test ./plugins/azure -run Golden -update\n%s", kind, file, out.String())
			}
		})
	}
}

// The addresses of a cloud and of its console.
func TestClouds(t *testing.T) {
	for name, want := range map[string][2]string{
		"public": {"https://management.azure.com", "https://portal.azure.com"}, "us_government": {"https://management.usgovcloudapi.net", "https://portal.azure.us"},
		"china": {"https://management.chinacloudapi.cn", "https://portal.azure.cn"},
	} {
		t.Setenv(envSecret, "some-secret-value")
		s, err := readSettings(json.RawMessage(`{"cloud":"` + name + `","tenant_id":"t.example","client_id":"c"}`))
		if err != nil {
			t.Fatal(err)
		}
		c, err := newClient(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{settings: s}
		if c.endpoint.String() != want[0] || r.consoleURL("/subscriptions/x/resourceGroups/a b") != want[1]+"/#@t.example/resource/subscriptions/x/resourceGroups/a%20b" {
			t.Errorf("%s: %s, %s", name, c.endpoint, r.consoleURL("/x"))
		}
	}
}
