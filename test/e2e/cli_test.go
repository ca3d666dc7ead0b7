//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// cli runs the command line as a script would: environment in, output and exit code out.
func (d *dev) cli(env []string, args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(d.t.Context(), filepath.Join(d.work, "bin", "maestro"), args...)
	// A home of its own keeps a person's contexts out.
	cmd.Env = environment(append([]string{"HOME=" + d.work, "XDG_CONFIG_HOME=" + d.work}, env...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestCommandLine(t *testing.T) {
	d := startDev(t, workshop(t), 40)
	signedIn := []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}
	for _, c := range []struct {
		name   string
		env    []string
		args   []string
		code   int
		stdout string // must be in it
		stderr string
	}{
		{"table of servers", signedIn, []string{"get", "server"}, 0, "esx01.fra.example.net", ""},
		{"filter", signedIn, []string{"get", "server", "-f", `name = "esx01.fra.example.net"`}, 0, "esx01.fra.example.net", ""},
		{"filter with an unknown field says where", signedIn, []string{"get", "server", "-f", `nam = "x"`}, 2, "", "character 1"},
		{"filter with a bad end says where", signedIn, []string{"get", "server", "-f", `name = `}, 2, "", "character"},
		{"filter that is none", signedIn, []string{"get", "server", "-f", "((("}, 2, "", "character"},
		{"explain", signedIn, []string{"explain", "server"}, 0, "power_state", ""},
		{"agents", signedIn, []string{"agents"}, 0, "online", ""},
		{"connections", signedIn, []string{"connections"}, 0, "demo vCenter", ""},
		{"run and wait", signedIn, []string{"run", "demo vCenter", "--wait"}, 0, "succeeded", ""},
		{"run of an unknown connection", signedIn, []string{"run", "nowhere", "--wait"}, 5, "", "nowhere"},
		{"unknown kind", signedIn, []string{"get", "nosuch"}, 5, "", "nosuch"},
		{"explain of an unknown kind", signedIn, []string{"explain", "nosuch"}, 5, "", "nosuch"},
		{"no token", []string{"MAESTRO_URL=" + d.info.URL}, []string{"get", "server"}, 4, "", ""},
		{"wrong token", []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=mst_nothing"}, []string{"get", "server"}, 4, "", ""},
		{"unknown command", signedIn, []string{"gett"}, 2, "", "gett"},
		{"unknown flag", signedIn, []string{"get", "server", "--nosuch"}, 2, "", "nosuch"},
		{"missing argument", signedIn, []string{"run"}, 2, "", ""},
		{"unknown output", signedIn, []string{"get", "server", "-o", "xml"}, 2, "", "xml"},
		{"nobody listens", []string{"MAESTRO_URL=http://127.0.0.1:1", "MAESTRO_TOKEN=x"}, []string{"get", "server"}, 1, "", "127.0.0.1:1"},
		{"version", nil, []string{"version"}, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, code := d.cli(c.env, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit code %d, want %d with %q and %q; said:\n%s%s", code, c.code, c.stdout, c.stderr, stdout, stderr)
			}
			if code != 0 && (stderr == "" || stdout != "") {
				t.Errorf("a failure speaks on stderr only; stdout %q, stderr %q", stdout, stderr)
			}
		})
	}
	t.Run("json and yaml are whole documents of the same list", func(t *testing.T) { sameDocuments(t, d, signedIn) })
	t.Run("kinds off and on", func(t *testing.T) { offAndOn(t, d, signedIn) })
	d.stop()
}

func sameDocuments(t *testing.T, d *dev, env []string) {
	type named struct {
		Name string `json:"name" yaml:"name"`
	}
	names := func(format string, decode func([]byte, any) error) int {
		out, errs, code := d.cli(env, "get", "cluster", "-o", format)
		if code != 0 {
			t.Fatalf("-o %s: exit code %d: %s", format, code, errs)
		}
		var doc struct {
			Items []named `json:"items" yaml:"items"`
		}
		if err := decode([]byte(out), &doc); err != nil {
			var bare []named
			if decode([]byte(out), &bare) != nil {
				t.Fatalf("-o %s: %v in:\n%s", format, err, out)
			}
			doc.Items = bare
		}
		for _, x := range doc.Items {
			if x.Name == "" {
				t.Errorf("-o %s: an item without a name", format)
			}
		}
		return len(doc.Items)
	}
	j := names("json", json.Unmarshal)
	y := names("yaml", func(b []byte, v any) error { return yaml.Unmarshal(b, v) })
	if j != 4 || y != 4 {
		t.Errorf("%d clusters as JSON, %d as YAML, want 4", j, y)
	}
}

// offAndOn turns volumes off, which makes them unwatched and nothing gone, and on again.
func offAndOn(t *testing.T, d *dev, env []string) {
	volumes := func(state string) int {
		n := 0
		for _, r := range list[resource](d.api, "/resources/volume") {
			if r.State == state && r.Datacenter.Name == "demo vCenter" {
				n++
			}
		}
		return n
	}
	active := volumes("active")
	if _, errs, code := d.cli(env, "connections", "set", "demo vCenter", "--off", "volume"); code != 0 {
		t.Fatalf("--off: exit code %d: %s", code, errs)
	}
	eventually(t, "all volumes are unwatched", 10*time.Second, func() bool { return volumes("unwatched") == active && volumes("active") == 0 })
	if n := volumes("gone"); n != 0 {
		t.Errorf("%d volumes are gone", n)
	}
	if _, errs, code := d.cli(env, "connections", "set", "demo vCenter", "--on", "volume"); code != 0 {
		t.Fatalf("--on: exit code %d: %s", code, errs)
	}
	if out, errs, code := d.cli(env, "run", "demo vCenter", "--wait"); code != 0 {
		t.Fatalf("run: exit code %d: %s%s", code, out, errs)
	}
	eventually(t, "all volumes are back", 10*time.Second, func() bool { return volumes("active") >= active && volumes("unwatched") == 0 })
	if _, _, code := d.cli(env, "connections", "set", "demo vCenter", "--off", "nosuch"); code != 2 {
		t.Errorf("--off of a kind that the plugin does not read: exit code %d, want 2", code)
	}
}
