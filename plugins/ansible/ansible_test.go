package ansible_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maestro.internal/plugins/ansible"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	plugintest.Main(m, func() provider.Provider { return ansible.New() })
}

var allKinds = []string{"network_interface", "server", "software", "storage_pool", "volume"}

// collected is what a Discover call yields.
type collected struct {
	resources []resource.Envelope
	outcomes  map[string]resource.Outcome
	scopes    []resource.Scope
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	c.resources = append(c.resources, batch...)
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(i int, out resource.Outcome) error {
	c.outcomes[c.scopes[i].Key()] = out
	return nil
}

func (c *collected) of(kind string) map[string]resource.Envelope {
	out := map[string]resource.Envelope{}
	for _, env := range c.resources {
		if env.Kind == kind {
			out[env.ExternalID] = env
		}
	}
	return out
}

func discover(t *testing.T, settings map[string]any, kinds ...string) *collected {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	plugin := serve.Local(ansible.New())
	conn := provider.Connection{ID: "test", Settings: text}
	plan, err := plugin.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{outcomes: map[string]resource.Outcome{}, scopes: plan.Scopes}
	if err := plugin.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(c.resources, func(a, b resource.Envelope) int {
		return strings.Compare(a.Kind+" "+a.ExternalID, b.Kind+" "+b.ExternalID)
	})
	return c
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// What the facts of a container, a physical machine with LVM, Windows and FreeBSD become. The container's are this
// repository's own, made by ansible; the others have the shapes of its documentation and modules.
func TestTranslation(t *testing.T) {
	t.Setenv("ANSIBLE_MAESTRO_ROOT", root(t))
	c := discover(t, map[string]any{"source": "directory", "paths": []string{"facts", "services"}, "packages": true}, allKinds...)
	for key, out := range c.outcomes {
		if out.Status != resource.StatusComplete || out.Incomplete > 0 || len(out.Warnings) > 0 {
			t.Errorf("%s: %+v", key, out)
		}
	}
	var got bytes.Buffer
	for _, env := range c.resources {
		text, err := json.MarshalIndent(env, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s\n", text)
	}
	golden := filepath.Join("testdata", "resources.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("not as in %s; look at the difference after go test ./plugins/ansible -update", golden)
	}
	if bytes.Contains(got.Bytes(), []byte("hunter2")) {
		t.Error("the environment of who ran Ansible is in the inventory")
	}
}

// The corrections to the system that this one descends from, and the traps of the facts.
func TestWhatFactsMean(t *testing.T) {
	t.Setenv("ANSIBLE_MAESTRO_ROOT", root(t))
	c := discover(t, map[string]any{"source": "directory", "paths": []string{"facts", "services"}}, allKinds...)
	servers, volumes, ports := c.of("server"), c.of("volume"), c.of("network_interface")
	attribute := func(env resource.Envelope, name string) string {
		var m map[string]any
		if err := json.Unmarshal(env.Attributes, &m); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(m[name])
		return string(text)
	}
	identifiers := func(env resource.Envelope) (out []string) {
		for _, id := range env.Identifiers {
			out = append(out, id.Type+"="+id.Value)
		}
		slices.Sort(out)
		return out
	}
	for _, tt := range []struct{ what, got, want string }{
		{"memory is counted in MiB", attribute(servers["db1.example.org"], "memory_bytes"), fmt.Sprint(257418 << 20)},
		{"a host of guests is a physical machine", attribute(servers["db1.example.org"], "type"), `"physical"`},
		{"a container is one", attribute(servers["container1"], "type"), `"container"`},
		{"a guest of VMware is virtual", attribute(servers["web01"], "type"), `"virtual"`},
		{"a disk's size is exact", attribute(volumes["db1.example.org/sda"], "size_bytes"), fmt.Sprint(936640512 * 512)},
		{"sectors are of 512 bytes also where the disk's are not", attribute(volumes["db1.example.org/sdb"], "size_bytes"), fmt.Sprint(1 << 40)},
		{"a bind mount is the same file system", attribute(volumes["db1.example.org/lvm/rhel-sys/root"], "mount_points"), `["/","/var/lib/chroot"]`},
		{"a logical volume is found by its mapper's name", attribute(volumes["db1.example.org/lvm/rhel-sys/root"], "file_system"), `"xfs"`},
		{"and by its group's", attribute(volumes["db1.example.org/lvm/vg_data/data"], "file_system"), `"ext4"`},
		{"a share is one", attribute(volumes["db1.example.org/mount/filer1.example.org:/export/home"], "type"), `"share"`},
		{"a mask in hexadecimal", attribute(ports["fw1/igb0"], "addresses"), `[{"ip":"10.0.0.1","prefix_length":24},{"ip":"fe80::92ec:77ff:fe01:204","prefix_length":64}]`},
		{"every address counts, not the first", attribute(ports["db1.example.org/bond0"], "addresses"), `[{"ip":"10.20.0.11","prefix_length":24},{"ip":"10.20.0.12","prefix_length":32},{"ip":"2001:db8:20::11","prefix_length":64}]`},
		{"running services", attribute(servers["db1.example.org"], "services"), `[{"name":"postgresql","status":"running"},{"name":"sshd","status":"running"}]`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, tt.got, tt.want)
		}
	}
	for host, want := range map[string][]string{
		"db1.example.org": {"bios_uuid=4c4c4544-0042-3510-8056-c7c04f4d3732", "fqdn=db1.example.org", "mac=b0:7b:25:aa:00:10", "mac=b0:7b:25:aa:00:11",
			"machine_id=9f4f5f6a7b8c4d1e8f2a3b4c5d6e7f80", "serial=7B5VOM2"},
		// The serial number of VMware is the UUID by which vCenter knows the machine.
		"web01": {"bios_uuid=420a1b2c-3d4e-5f60-7182-93a4b5c6d7e8", "fqdn=web01.corp.example.org", "mac=00:50:56:ab:cd:ef",
			"serial=VMware-42 0a 1b 2c 3d 4e 5f 60-71 82 93 a4 b5 c6 d7 e8"},
		// Serial number and UUID are placeholders, the name is localhost.
		"fw1": {"mac=90:ec:77:01:02:03", "mac=90:ec:77:01:02:04"},
	} {
		if got := identifiers(servers[host]); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	// A bond and a VLAN have the address of the interface below: on several, it would name none of them.
	owner := map[string]string{}
	for id, port := range ports {
		for _, mac := range identifiers(port) {
			if owner[mac] != "" {
				t.Errorf("%s names both %s and %s", mac, owner[mac], id)
			}
			owner[mac] = id
		}
	}
	if owner["mac=b0:7b:25:aa:00:10"] != "db1.example.org/eno1" {
		t.Errorf("the owners of addresses: %v", owner)
	}
	for id := range volumes {
		for _, none := range []string{"/sr0", "/dm-0", "/loop0", "/zram0", "tmpfs", "devfs"} {
			if strings.Contains(id, none) {
				t.Errorf("%s is no volume", id)
			}
		}
	}
	if len(c.of("software")) != 4 {
		t.Errorf("%d services, want 4: one is not found, and packages were not asked for", len(c.of("software")))
	}
}

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBrokenFiles(t *testing.T) {
	good := `{"ansible_facts": {"ansible_system": "Linux", "ansible_devices": {"sda": {"sectors": "2048", "partitions": {}}}}}`
	dir := write(t, map[string]string{
		"good": good, "half": good[:40], "twice": good + good, "empty": "", "list": "[1]", "nothing": "{}", ".hidden": good, "old~": good, "numbers": `{"ansible_facts": {"ansible_memtotal_mb": "NA", "ansible_processor_cores": "x", "ansible_devices": 7, "ansible_interfaces": {"a": 1}}}`,
		"away": `{"unreachable": true, "msg": "Failed to connect to the host via ssh"}`, "refused": `{"failed": true, "msg": "no python"}`, "Ünïcode 日本 <b>": good,
	})
	t.Setenv("ANSIBLE_MAESTRO_ROOT", dir)
	c := discover(t, map[string]any{"source": "directory", "paths": []string{"."}}, "server", "volume")
	servers := c.of("server")
	if got := c.outcomes["server"]; got.Status != resource.StatusComplete || got.Listed != 10 || got.Incomplete != 7 {
		t.Errorf("servers: %+v", got)
	}
	for _, host := range []string{"half", "twice", "empty", "list", "nothing", "away", "refused"} {
		if env := servers[host]; !slices.Equal(env.Unread, []string{"/attributes", "/identifiers"}) {
			t.Errorf("%s: what could not be read is not said: %+v", host, env)
		}
		if !slices.ContainsFunc(c.outcomes["server"].Warnings, func(w string) bool { return strings.HasPrefix(w, host+": ") }) {
			t.Errorf("%s is not named in %q", host, c.outcomes["server"].Warnings)
		}
	}
	// The volumes of hosts that could not be read are unknown: the scope must not count as complete.
	if got := c.outcomes["volume"]; got.Status != resource.StatusPartial || got.Listed != 2 || !strings.Contains(got.Error, "7 of 10 hosts") {
		t.Errorf("volumes: %+v", got)
	}
}

// A link must not lead to a file outside of what is allowed, nor a pipe hold up the run.
func TestOddFiles(t *testing.T) {
	outside := write(t, map[string]string{"secret": `{"ansible_facts": {"ansible_nodename": "hunter2"}}`})
	dir := write(t, map[string]string{"good": `{"ansible_facts": {"ansible_nodename": "good"}}`})
	for name, target := range map[string]string{"linked": filepath.Join(outside, "secret"), "inside": "good", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANSIBLE_MAESTRO_ROOT", dir)
	c := discover(t, map[string]any{"source": "directory", "paths": []string{"."}}, "server")
	servers := c.of("server")
	for host, unread := range map[string]bool{"good": false, "inside": false, "linked": true, "dangling": true, "pipe": true} {
		if env, ok := servers[host]; !ok || len(env.Unread) > 0 != unread {
			t.Errorf("%s: %+v", host, env)
		}
	}
}

// The collector decides the settings, the agent what they may reach.
func TestNothingOutsideIsRead(t *testing.T) {
	dir := write(t, map[string]string{"host": `{"ansible_facts":{"a":1}}`})
	outside := write(t, map[string]string{"host": `{"ansible_facts":{"a":1}}`})
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		root, path string
		want       resource.Status
	}{
		"inside":              {dir, ".", resource.StatusComplete},
		"inside, absolute":    {dir, dir, resource.StatusComplete},
		"no folder allowed":   {"", dir, resource.StatusDenied},
		"outside":             {dir, outside, resource.StatusDenied},
		"outside by dots":     {dir, "../" + filepath.Base(outside), resource.StatusDenied},
		"outside by link":     {dir, "link", resource.StatusDenied},
		"what is not there":   {dir, "nowhere", resource.StatusFailed},
		"ansible not allowed": {dir, "run", resource.StatusDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ANSIBLE_MAESTRO_ROOT", tt.root)
			settings := map[string]any{"source": "directory", "paths": []string{tt.path}}
			if tt.path == "run" {
				settings = map[string]any{"source": "run", "inventory": "hosts"}
			}
			c := discover(t, settings, "server")
			if got := c.outcomes["server"]; got.Status != tt.want && !(tt.want == resource.StatusDenied && strings.Contains(got.Error, "outside") || strings.Contains(got.Error, "no such file")) {
				t.Errorf("%+v, want %s", got, tt.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for settings, pointer := range map[string]string{
		`{"source":"directory"}`:                                  "/paths",
		`{"source":"tape"}`:                                       "/source",
		`{"source":"run"}`:                                        "/inventory",
		`{"source":"s3"}`:                                         "/bucket",
		`{"source":"sftp","user":"u","paths":["x"]}`:              "/host",
		`{"source":"sftp","host":"h","paths":["x"]}`:              "/user",
		`{"source":"sftp","host":"h","user":"u"}`:                 "/paths",
		`{"source":"sftp","host":"h","user":"u","paths":["x"]}`:   "/known_hosts",
		`{"source":"directory","paths":["."],"hosts":["web-[1"]}`: "/hosts",
		`{"source":"sftp","host":"h","user":"u","paths":["x"],"known_hosts":"nonsense"}`: "/known_hosts",
	} {
		_, err := ansible.New().Connect(t.Context(), provider.Connection{Settings: json.RawMessage(settings)})
		var bad *provider.SettingsError
		if !errors.As(err, &bad) || bad.Pointer != pointer {
			t.Errorf("%s: %v, want an error at %s", settings, err, pointer)
		}
	}
}

func TestConformance(t *testing.T) {
	t.Setenv("ANSIBLE_MAESTRO_ROOT", root(t))
	plugintest.RunProvider(t, func() provider.Provider { return ansible.New() }, plugintest.Case{
		Connection:   provider.Connection{ID: "test", Settings: json.RawMessage(`{"source":"directory","paths":["facts","services"],"packages":true}`)},
		MinResources: map[string]int{"server": 4, "volume": 12, "network_interface": 8, "storage_pool": 2, "software": 7},
		Env:          map[string]string{"ANSIBLE_MAESTRO_ROOT": root(t)},
	})
}
