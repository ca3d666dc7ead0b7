package contexts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/cli/internal/contexts"
)

// TestFile: what is remembered comes back, for its owner only; a misspelt key is an error with its line.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maestro", "config.yaml")
	f, err := contexts.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Choose(""); err == nil || !strings.Contains(err.Error(), "maestro login") {
		t.Errorf("empty: %v", err)
	}
	f.Contexts["fra"] = contexts.Context{URL: "https://fra", Token: "t"}
	f.Current = "fra"
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := contexts.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := again.Choose(""); err != nil || c.URL != "https://fra" {
		t.Errorf("current: %+v, %v", c, err)
	}
	if _, err := again.Choose("lon"); err == nil {
		t.Error("an unknown context was chosen")
	}
	if err := os.WriteFile(path, []byte("colour: fra\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := contexts.Load(path); err == nil || !strings.Contains(err.Error(), "1:1") && !strings.Contains(err.Error(), "[1") {
		t.Errorf("misspelt key: %v", err)
	}
}
