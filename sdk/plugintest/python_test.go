package plugintest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
)

// TestPythonExample makes the plugin in sdk/examples/python and tries it out like any other. It needs Python
// and PyPI, so it runs only when MAESTRO_TEST_PYTHON names a directory to build in (kept for the next time).
func TestPythonExample(t *testing.T) {
	dir := os.Getenv("MAESTRO_TEST_PYTHON")
	if dir == "" {
		t.Skip("MAESTRO_TEST_PYTHON is not set to a directory")
	}
	script, err := filepath.Abs("../examples/python/make.sh")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := strings.TrimSpace(string(out))
	plugintest.RunBinary(t, host.Config{Path: path, Name: "python"}, plugintest.Case{
		MinResources: map[string]int{"python.package": 3},
	})
	t.Run("another directory", func(t *testing.T) {
		packages, err := filepath.Glob(filepath.Join(filepath.Dir(path), "venv/lib/python3*/site-packages"))
		if err != nil || len(packages) != 1 {
			t.Fatal(packages, err)
		}
		settings, err := json.Marshal(map[string]string{"path": packages[0]})
		if err != nil {
			t.Fatal(err)
		}
		plugintest.RunBinary(t, host.Config{Path: path, Name: "python"}, plugintest.Case{
			Connection:   provider.Connection{Settings: settings},
			BadSettings:  []json.RawMessage{json.RawMessage(`{"path":"/does/not/exist"}`)},
			MinResources: map[string]int{"python.package": 3},
		})
	})
}
