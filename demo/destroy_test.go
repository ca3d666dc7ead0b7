package demo

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// A visitor without VMware's tools makes a machine go away.
func TestDestroy(t *testing.T) {
	dir := t.TempDir()
	v := start(t, Options{StateDir: t.TempDir(), Machines: 12})
	if err := v.Access.WriteReady(filepath.Join(dir, "demo-ready.json")); err != nil {
		t.Fatal(err)
	}
	destroy := func(args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := Main(append([]string{"destroy"}, args...), &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	const name = "fra-prod-cache-01"
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{0, "Destroyed " + name, []string{"--data-dir", dir, name}},
		{1, "0 machines", []string{"--data-dir", dir, name}},
		{1, "maestro dev --demo", []string{"--data-dir", t.TempDir(), name}},
		{2, "one machine", []string{"--data-dir", dir}},
	} {
		if code, said := destroy(c.args...); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%v: %d %s", c.args, code, said)
		}
	}
}
