package architecture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImports is the rule book applied to the tree.
func TestImports(t *testing.T) {
	pkgs := load(t, "../..")
	for _, v := range Check(pkgs, Rules()) {
		t.Error(v)
	}
}

// TestPackageDocs wants a sentence on every package's purpose.
func TestPackageDocs(t *testing.T) {
	for _, p := range Undocumented(load(t, "../..")) {
		t.Errorf("package %s has no comment that begins with \"Package ...\" or \"Command ...\"", p)
	}
}

// TestRulesMatchSomething keeps a rule from guarding a folder that was renamed away.
func TestRulesMatchSomething(t *testing.T) {
	pkgs := load(t, "../..")
	for _, rule := range Rules() {
		found := false
		for key := range pkgs {
			found = found || matches(rule.From, key)
		}
		if !found {
			t.Errorf("no package matches %v (%s)", rule.From, rule.Reason)
		}
	}
}

// TestViolationsAreFound seeds one violation of each rule, direct or through another package, and wants it named.
func TestViolationsAreFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"sdk reaches internal", map[string]string{"sdk/resource/x.go": imports("internal/rest"), "internal/rest/x.go": ""}, "sdk/resource -> internal/rest"},
		{"plugin reaches the agent through another plugin", map[string]string{
			"plugins/host/x.go": imports("plugins/aid"), "plugins/aid/x.go": imports("agent"), "agent/x.go": "",
		}, "plugins/host -> plugins/aid -> agent"},
		{"agent reaches the collector", map[string]string{"agent/internal/uplink/x.go": imports("collector"), "collector/x.go": ""}, "agent/internal/uplink -> collector"},
		{"collector reaches sdk/host through the sdk", map[string]string{
			"collector/x.go": imports("sdk/wire"), "sdk/wire/x.go": imports("sdk/host"), "sdk/host/x.go": "",
		}, "collector -> sdk/wire -> sdk/host"},
		{"cli links the collector", map[string]string{"cli/x.go": imports("collector"), "collector/x.go": ""}, "cli -> collector"},
		{"domain imports an adapter", map[string]string{"collector/internal/inventory/x.go": imports("collector/internal/store/sqlite")}, "collector/internal/inventory -> collector/internal/store/sqlite"},
		{"api names an engine", map[string]string{"collector/internal/api/x.go": imports("collector/internal/store/mongo")}, "collector/internal/api -> collector/internal/store/mongo"},
		{"runner touches generated code", map[string]string{"agent/internal/runner/x.go": imports("internal/protocol/uplinkv1")}, "agent/internal/runner -> internal/protocol/uplinkv1"},
		{"agent links a provider's SDK through a helper", map[string]string{
			"agent/x.go": imports("agent/internal/aid"), "agent/internal/aid/x.go": "import _ \"github.com/vmware/govmomi/vim25\"\n",
		}, "agent -> agent/internal/aid -> github.com/vmware/govmomi/vim25"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := Check(load(t, seed(t, tc.files)), Rules())
			for _, v := range found {
				if strings.HasPrefix(v, tc.want+":") {
					return
				}
			}
			t.Errorf("not found: %s\ngot %q", tc.want, found)
		})
	}
}

// TestMissingDocIsFound seeds a package without a comment.
func TestMissingDocIsFound(t *testing.T) {
	dir := seed(t, map[string]string{"agent/x.go": ""})
	if err := os.WriteFile(filepath.Join(dir, "agent/x.go"), []byte("package agent\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Undocumented(load(t, dir)); len(got) != 1 || got[0] != "maestro.internal/agent" {
		t.Errorf("got %q", got)
	}
}

func imports(p string) string { return "import _ \"" + Module + "/" + p + "\"\n" }

func seed(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("// Package x is a seeded one.\npackage x\n\n"+body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, root string) map[string]*Package {
	t.Helper()
	pkgs, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) == 0 {
		t.Fatal("no packages found")
	}
	return pkgs
}
