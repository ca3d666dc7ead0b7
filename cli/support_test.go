package cli_test

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unzip reads a bundle.
func unzip(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(b)
	}
	return all
}

// TestSupportBundle: what the collector and this machine know, with secrets planted wherever one could be and none of them in it; and
// what there is when the collector does not answer.
func TestSupportBundle(t *testing.T) {
	s := newSite(t)
	const planted = "S3cr3tPlanted"
	var admin struct{ Password string }
	s.await(filepath.Join(s.dir, "collector", "initial-admin.json"), &admin)
	key, err := os.ReadFile(filepath.Join(s.dir, "collector", "master.key"))
	s.must(err)
	saved, err := os.ReadFile(filepath.Join(s.dir, ".config", "maestro", "config.yaml"))
	s.must(err)
	_, token, _ := strings.Cut(string(saved), "token: ")
	token, _, _ = strings.Cut(token, "\n")
	s.run("apply", "-f", s.write("dc.yaml", "kind: datacenter\nname: North\ndescription: 'the password=\""+planted+"\" is on the door'\n"))
	log := s.write("collector.log", "level=INFO msg=started\nlevel=ERROR msg=\"admin says "+admin.Password+"\" key="+strings.TrimSpace(string(key))+"\nGET https://u:"+planted+"@host/?token="+planted+"\n")
	config := s.write("collector.yaml", "data_dir: "+filepath.Join(s.dir, "collector")+"\nstore: {engine: mongo, uri: 'mongodb://u:"+planted+"@h/'}\naudit_feed: {webhook: 'https://hooks.example.org/"+planted+"'}\n")
	secrets := []string{planted, admin.Password, strings.TrimSpace(string(key)), strings.Trim(token, `"`)}
	file := filepath.Join(s.dir, "bundle.zip")
	check := func(names ...string) map[string]string {
		t.Helper()
		all := unzip(t, file)
		for name, text := range all {
			for _, secret := range secrets {
				if len(secret) < 6 || strings.Contains(text, secret) || strings.Contains(name, secret) {
					t.Errorf("%s has the secret %q", name, secret)
				}
			}
		}
		for _, name := range names {
			if all[name] == "" {
				t.Errorf("no %s in the bundle", name)
			}
		}
		return all
	}
	s.run("support-bundle", "--file", file, "--config", config, "--log", log)
	all := check("README.txt", "local/machine.txt", "local/config-1-collector.yaml", "local/data-1.txt", "logs/1-collector.log", "collector/health.txt", "collector/metrics.txt", "collector/session.json",
		"collector/connections.json", "collector/runs.json", "collector/datacenters.json")
	if !strings.Contains(all["collector/datacenters.json"], "North") || !strings.Contains(all["local/data-1.txt"], "maestro.db") || !strings.Contains(all["logs/1-collector.log"], "msg=started") || !strings.Contains(all["local/config-1-collector.yaml"], "mongo") {
		t.Errorf("got %v", all)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(all["collector/session.json"]), &doc); err != nil || doc["version"] == nil {
		t.Errorf("%v: %s", err, all["collector/session.json"])
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	s.env["MAESTRO_URL"] = "http://127.0.0.1:1"
	if out, errs, code := s.try("support-bundle", "--file", file, "--config", config, "--log", log, "--log", log+".none"); code != 3 || !strings.Contains(errs, "README.txt") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if all := check("README.txt", "local/config-1-collector.yaml", "logs/1-collector.log"); !strings.Contains(all["README.txt"], "reach collector") || !strings.Contains(all["README.txt"], "log.none") {
		t.Errorf("got %s", all["README.txt"])
	}
}
