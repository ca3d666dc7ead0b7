package host

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

func discover(t *testing.T, p *Provider, settings string) *collected {
	t.Helper()
	plugin := serve.Local(p)
	conn := provider.Connection{ID: "test", Settings: json.RawMessage(settings)}
	plan, err := plugin.Plan(t.Context(), conn, []string{"server", "volume", "network_interface"})
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

// fixture is a machine made of files. text has one file per line: path, blank, content with \n for line ends;
// "path -> target" makes a link and "path/" a folder.
func fixture(t *testing.T, name string) *machine {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".files"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		file, content, _ := strings.Cut(line, " ")
		at := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		switch target, link := strings.CutPrefix(content, "-> "); {
		case strings.HasSuffix(file, "/"):
			err = os.MkdirAll(at, 0o755)
		case link:
			err = os.Symlink(filepath.Join(root, target), at)
		default:
			err = os.WriteFile(at, []byte(strings.ReplaceAll(content, `\n`, "\n")+"\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &machine{
		root: root, goos: "linux",
		hostname: func() (string, error) { return "db-7.example.org", nil },
		usage:    func(_ context.Context, point string) (int64, int64, error) { return 1000, int64(len(point)), nil },
		interfaces: func() ([]netInterface, error) {
			cidr := func(s string) *net.IPNet {
				ip, n, err := net.ParseCIDR(s)
				if err != nil {
					t.Fatal(err)
				}
				n.IP = ip
				return n
			}
			mac := func(s string) net.HardwareAddr { m, _ := net.ParseMAC(s); return m }
			up := net.FlagUp
			return []netInterface{
				{Interface: net.Interface{Name: "lo", MTU: 65536, Flags: up | net.FlagLoopback}, Addresses: []*net.IPNet{cidr("127.0.0.1/8"), cidr("::1/128")}},
				{Interface: net.Interface{Name: "eno1", MTU: 1500, Flags: up, HardwareAddr: mac("00:25:90:aa:00:01")}},
				{Interface: net.Interface{Name: "eno2", MTU: 1500, Flags: up, HardwareAddr: mac("00:25:90:aa:00:01")}},
				{Interface: net.Interface{Name: "bond0", MTU: 1500, Flags: up, HardwareAddr: mac("00:25:90:aa:00:01")}, Addresses: []*net.IPNet{cidr("10.1.2.3/24"), cidr("2001:db8::5/64"), cidr("2001:db8::dead/64"), cidr("fe80::1/64")}},
				{Interface: net.Interface{Name: "bond0.100", MTU: 1500, Flags: up, HardwareAddr: mac("00:25:90:aa:00:01")}, Addresses: []*net.IPNet{cidr("8.8.4.9/28")}},
				{Interface: net.Interface{Name: "veth1234", MTU: 1500, Flags: up, HardwareAddr: mac("ae:aa:bb:cc:dd:01")}, Addresses: []*net.IPNet{cidr("fe80::2/64")}},
			}, nil
		},
	}
}

func golden(t *testing.T, name string, c *collected) {
	t.Helper()
	var b strings.Builder
	for _, env := range c.resources {
		env.Sort()
		var attrs map[string]any
		if err := json.Unmarshal(env.Attributes, &attrs); err != nil {
			t.Fatal(err)
		}
		// gopsutil asks this kernel for its name and uptime, whatever the fixture says.
		delete(attrs, "architecture")
		delete(attrs, "uptime_seconds")
		if os, ok := attrs["os"].(map[string]any); ok {
			delete(os, "kernel")
		}
		env.Attributes, _ = json.Marshal(attrs)
		text, err := json.MarshalIndent(env, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("differs from %s (run with -update to see how):\n%s", path, b.String())
	}
}

func checkAgainstSchema(t *testing.T, c *collected) {
	t.Helper()
	for _, env := range c.resources {
		k, _ := schema.Lookup(env.Kind)
		if clean, warnings, err := k.Validate(env.Attributes); err != nil || len(warnings) > 0 || len(clean) != len(env.Attributes) {
			t.Errorf("%s %s: %v %q", env.Kind, env.ExternalID, err, warnings)
		}
	}
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete {
			t.Errorf("%s: %+v", scope, out)
		}
	}
}

// A server with a bond, a VLAN, software RAID below LVM, bind mounts, containers' mounts and an NFS share.
func TestPhysicalMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is a Linux machine")
	}
	c := discover(t, &Provider{machine: fixture(t, "physical")}, `{}`)
	checkAgainstSchema(t, c)
	golden(t, "physical", c)
}

// In a container nothing may be claimed that is the container host's.
func TestContainer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is a Linux machine")
	}
	c := discover(t, &Provider{machine: fixture(t, "container")}, `{}`)
	checkAgainstSchema(t, c)
	golden(t, "container", c)
	for _, env := range c.resources {
		for _, id := range env.Identifiers {
			if id.Type != "fqdn" {
				t.Errorf("%s claims %s %s", env.ExternalID, id.Type, id.Value)
			}
		}
	}
}

func TestMountSettings(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fixture is a Linux machine")
	}
	points := func(settings string) []string {
		var out []string
		for _, env := range discover(t, &Provider{machine: fixture(t, "physical")}, settings).resources {
			var v schema.Volume
			if env.Kind == "volume" {
				if err := json.Unmarshal(env.Attributes, &v); err != nil {
					t.Fatal(err)
				}
				out = append(out, v.MountPoints...)
			}
		}
		slices.Sort(out)
		return out
	}
	for settings, want := range map[string]string{
		`{}`:                            "/ /boot /mnt/with blank /srv/data /srv/share",
		`{"exclude_mounts":["/srv/*"]}`: "/ /boot /mnt/with blank",
		`{"include_mounts":["/srv/*"]}`: "/srv/data /srv/share",
		`{"include_mounts":["/srv/*"],"exclude_mounts":["*/share"]}`:  "/srv/data /srv/share",
		`{"include_mounts":["/srv/*"],"exclude_mounts":["/*/share"]}`: "/srv/data",
	} {
		if got := strings.Join(points(settings), " "); got != want {
			t.Errorf("%s: %s, want %s", settings, got, want)
		}
	}
}

func TestVirtualInterfacesOnRequest(t *testing.T) {
	names := func(settings string) (out []string) {
		for _, env := range discover(t, &Provider{machine: fixture(t, "physical")}, settings).resources {
			if env.Kind == "network_interface" {
				out = append(out, env.Name)
			}
		}
		return out
	}
	if got := names(`{}`); slices.Contains(got, "veth1234") {
		t.Errorf("got %q", got)
	}
	if got := names(`{"virtual_interfaces":true}`); !slices.Contains(got, "veth1234") {
		t.Errorf("got %q", got)
	}
}

func TestWrongSettings(t *testing.T) {
	for settings, pointer := range map[string]string{`{"include_mounts":["["]}`: "/include_mounts", `{"include_mounts":3}`: ""} {
		_, err := New().Connect(t.Context(), provider.Connection{Settings: json.RawMessage(settings)})
		var s *provider.SettingsError
		if !errors.As(err, &s) || s.Pointer != pointer {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

func TestUnreadableIdentifiersAreNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	m := fixture(t, "physical")
	if err := os.Chmod(m.path("/sys/class/dmi/id/product_uuid"), 0); err != nil {
		t.Fatal(err)
	}
	for _, env := range discover(t, &Provider{machine: m}, `{}`).resources {
		if env.Kind == "server" && !slices.Equal(env.Unread, []string{"/identifiers/bios_uuid"}) {
			t.Errorf("unread %q", env.Unread)
		}
	}
}

// The machine that runs the tests is one more case, and the only real one.
func TestThisMachine(t *testing.T) {
	c := discover(t, New(), `{}`)
	checkAgainstSchema(t, c)
	kinds := map[string]int{}
	for _, env := range c.resources {
		kinds[env.Kind]++
		t.Logf("%s %s %s %s", env.Kind, env.ExternalID, env.Name, env.Attributes)
	}
	if kinds["server"] != 1 {
		t.Errorf("kinds %v", kinds)
	}
	again := discover(t, New(), `{}`)
	for i, env := range c.resources {
		if i >= len(again.resources) || again.resources[i].ExternalID != env.ExternalID {
			t.Errorf("%s is not there the second time", env.ExternalID)
		}
	}
}

func TestVMwareSerialIsTheUUID(t *testing.T) {
	m := fixture(t, "physical")
	for file, text := range map[string]string{
		"product_uuid":   "a4f21042-0100-0200-0003-000400050006", // byte order swapped by old firmware
		"product_serial": "VMware-42 10 f2 a4 00 01 00 02-00 03 00 04 00 05 00 06",
	} {
		if err := os.WriteFile(m.path("/sys/class/dmi/id/"+file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, _ := m.dmiIdentifiers()
	if !slices.Contains(found, resource.Identifier{Type: "bios_uuid", Value: "4210f2a4-0001-0002-0003-000400050006"}) {
		t.Errorf("found %v", found)
	}
}

func TestMain(m *testing.M) { plugintest.Main(m, func() provider.Provider { return New() }) }

func TestConformance(t *testing.T) {
	plugintest.RunProvider(t, func() provider.Provider { return New() }, plugintest.Case{
		BadSettings:  []json.RawMessage{json.RawMessage(`{"include_mounts":["["]}`), json.RawMessage(`{"include_mounts":3}`)},
		MinResources: map[string]int{"server": 1},
	})
}
