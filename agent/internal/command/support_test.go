package command_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/agent/internal/command"
)

// TestSupportBundleHasNoSecret: of credentials only names, and of configuration and logs what is no secret; what is missing is told.
func TestSupportBundleHasNoSecret(t *testing.T) {
	const planted = "S3cr3tPlanted"
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	credentials := write("credentials.yaml", "credentials:\n  vcenter:\n    providers: [vsphere]\n    env:\n      USER: {value: "+planted+"}\n      VSPHERE_PASSWORD: {exec: [pass, "+planted+"]}\n")
	config := write("agent.yaml", "# "+planted+"\ndata_dir: "+dir+"/data\ncollector: maestro.example.org:7071\njoin_token: "+planted+"\ncredentials_file: "+credentials+"\nplugin_dir: "+dir+"\n")
	log := write("agent.log", "level=INFO msg=enrolled token=mjt_"+planted+"\nlevel=WARN msg=\"run ended\" error=\"401: password='"+planted+"'\"\n")
	file := filepath.Join(dir, "bundle.zip")
	r := call(t, "", "support-bundle", "--config", config, "--log", log, "--file", file)
	if r.code != command.ExitPartial || !strings.Contains(r.out, file) { // it has never run, so there is no status
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.errors)
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(b)
		if strings.Contains(string(b), planted) {
			t.Errorf("%s has a secret:\n%s", f.Name, b)
		}
	}
	for name, want := range map[string]string{"README.txt": "local/status.json: ", "local/agent.yaml": "maestro.example.org:7071", "local/credentials.json": `"vcenter"`, "local/plugins.txt": "maestro-plugin-demo",
		"logs/1-agent.log": "run ended", "local/machine.txt": "maestro-agent"} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s: no %q in\n%s", name, want, all[name])
		}
	}
	if r := call(t, "", "support-bundle", "--config", config, "--file", filepath.Join(dir, "none", "x.zip")); r.code != command.ExitUsage {
		t.Errorf("exit %d: %s", r.code, r.errors)
	}
}
