//go:build e2e

package openstack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maestro.internal/test/e2e/site"
)

// record is one line of the plugin's answer, as the agent prints it.
type record struct {
	Type     string   `json:"type"`
	Scope    string   `json:"scope"`
	Resource resource `json:"resource"`
	Outcome  struct {
		Status   string   `json:"status"`
		Listed   int      `json:"listed"`
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
	} `json:"outcome"`
}

type resource struct {
	Kind       string                                     `json:"kind"`
	ID         string                                     `json:"external_id"`
	Name       string                                     `json:"name"`
	Zone       string                                     `json:"zone"`
	Tags       []struct{ Key, Value string }              `json:"tags"`
	Relations  []struct{ Verb, Kind, External_ID string } `json:"relations"`
	Identity   []struct{ Type, Value string }             `json:"identifiers"`
	Attributes map[string]any                             `json:"attributes"`
	Unread     []string                                   `json:"unread"`
}

// at is an attribute by its path: "openstack.project_id".
func (r resource) at(path string) any {
	var v any = r.Attributes
	for part := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	return v
}

// related are the ids of the related things of a kind, sorted.
func (r resource) related(verb, kind string) []string {
	out := []string{}
	for _, e := range r.Relations {
		if e.Verb == verb && e.Kind == kind {
			out = append(out, e.External_ID)
		}
	}
	slices.Sort(out)
	return out
}

func (r resource) tags(valued bool) []string {
	out := []string{}
	for _, t := range r.Tags {
		if valued {
			out = append(out, t.Key+"="+t.Value)
		} else {
			out = append(out, t.Key)
		}
	}
	slices.Sort(out)
	return out
}

func (r resource) identifier(typ string) string {
	for _, i := range r.Identity {
		if i.Type == typ {
			return i.Value
		}
	}
	return ""
}

// row is one record of the openstack command.
type row map[string]any

func (r row) text(key string) string {
	if r[key] == nil {
		return ""
	}
	return fmt.Sprint(r[key])
}

func (r row) number(key string) float64 {
	switch v := r[key].(type) {
	case float64:
		return v
	case string:
		var n float64
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n
		}
	}
	return 0
}

func (r row) texts(key string) []string {
	out := []string{}
	list, _ := r[key].([]any)
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	slices.Sort(out)
	return out
}

func (r row) properties(key string) []string {
	out := []string{}
	m, _ := r[key].(map[string]any)
	for k, v := range m {
		out = append(out, k+"="+fmt.Sprint(v))
	}
	slices.Sort(out)
	return out
}

func number(v any) float64 { n, _ := v.(float64); return n }
func yes(v any) bool       { b, _ := v.(bool); return b }
func text(v any) string    { s, _ := v.(string); return s }
func texts(v any) []string {
	return row{"x": v}.texts("x")
}

// comparison is a kind, the command that lists it, and what is compared.
type comparison struct {
	kind string
	// all and own are the commands for an administrator and for one project; {project} is its id.
	all, own string
	id       string
	theirs   func(row) map[string]any
	ours     func(resource) map[string]any
}

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

func comparisons() []comparison {
	return []comparison{
		{"server", "server list --all-projects --long", "server list --long", "ID",
			func(r row) map[string]any {
				ips := []string{}
				networks, _ := r["Networks"].(map[string]any)
				for _, list := range networks {
					ips = append(ips, row{"x": list}.texts("x")...)
				}
				slices.Sort(ips)
				image := []string{}
				if id := r.text("Image ID"); !strings.Contains(id, " ") && id != "" { // "N/A (booted from volume)"
					image = append(image, id)
				}
				power := map[float64]string{1: "on", 4: "off"}[r.number("Power State")]
				return map[string]any{
					"name": r.text("Name"), "status": r.text("Status"), "power": power, "addresses": ips, "image": image, "flavor": r.text("Flavor Name"),
					"flavor id": []string{"RegionOne/" + r.text("Flavor ID")}, "zone": r.text("Availability Zone"), "properties": r.properties("Properties"),
				}
			},
			func(r resource) map[string]any {
				properties := slices.DeleteFunc(r.tags(true), func(t string) bool { return strings.HasSuffix(t, "=") }) // tags without a value
				return map[string]any{
					"name": r.Name, "status": r.at("status"), "power": r.at("power_state"), "addresses": texts(r.at("ip_addresses")), "image": r.related("created_from", "image"),
					"flavor": r.at("flavor"), "flavor id": r.related("uses", "flavor"), "zone": r.Zone, "properties": properties,
				}
			}},
		{"flavor", "flavor list --all --long", "flavor list --long", "ID",
			func(r row) map[string]any {
				return map[string]any{
					"name": r.text("Name"), "ram": r.number("RAM") * mebibyte, "disk": r.number("Disk") * gibibyte, "ephemeral": r.number("Ephemeral") * gibibyte,
					"swap": r.number("Swap") * mebibyte, "cpus": r.number("VCPUs"), "public": r["Is Public"], "properties": r.properties("Properties"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "ram": number(r.at("memory_bytes")), "disk": number(r.at("disk_bytes")), "ephemeral": number(r.at("ephemeral_disk_bytes")),
					"swap": number(r.at("swap_bytes")), "cpus": number(r.at("cpu_count")), "public": yes(r.at("public")),
					"properties": row{"x": r.at("openstack.extra_specs")}.properties("x"),
				}
			}},
		{"image", "image list --long", "image list --long", "ID",
			func(r row) map[string]any {
				return map[string]any{
					"name": r.text("Name"), "format": r.text("Disk Format"), "status": r.text("Status"), "visibility": r.text("Visibility"), "size": r.number("Size"),
					"checksum": r.text("Checksum"), "protected": r["Protected"], "project": r.text("Project"), "tags": r.texts("Tags"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "format": r.at("disk_format"), "status": r.at("status"), "visibility": r.at("visibility"), "size": number(r.at("size_bytes")),
					"checksum": text(r.at("checksum")), "protected": yes(r.at("protected")), "project": r.at("openstack.project_id"), "tags": r.tags(false),
				}
			}},
		{"volume", "volume list --all-projects --long", "volume list --long", "ID",
			func(r row) map[string]any {
				servers := []string{}
				list, _ := r["Attached to"].([]any)
				for _, a := range list {
					servers = append(servers, row(a.(map[string]any)).text("server_id"))
				}
				return map[string]any{
					"name": r.text("Name"), "status": r.text("Status"), "size": r.number("Size") * gibibyte, "type": r.text("Type"), "bootable": r.text("Bootable"),
					"servers": servers, "properties": r.properties("Properties"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "status": r.at("status"), "size": number(r.at("size_bytes")), "type": r.at("performance_class"), "bootable": fmt.Sprint(r.at("bootable")),
					"servers": r.related("attached_to", "server"), "properties": r.tags(true),
				}
			}},
		{"snapshot", "volume snapshot list --all-projects --long", "volume snapshot list --long", "ID",
			func(r row) map[string]any {
				return map[string]any{"name": r.text("Name"), "status": r.text("Status"), "size": r.number("Size") * gibibyte, "properties": r.properties("Properties")}
			},
			func(r resource) map[string]any {
				return map[string]any{"name": r.Name, "status": r.at("status"), "size": number(r.at("size_bytes")), "properties": r.tags(true)}
			}},
		{"network", "network list --long", "network list --long", "ID",
			func(r row) map[string]any {
				return map[string]any{
					"name": r.text("Name"), "status": r.text("Status"), "project": r.text("Project"), "shared": r["Shared"], "external": r["Router Type"],
					"subnets": r.texts("Subnets"), "type": r.text("Network Type"), "tags": r.texts("Tags"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "status": r.at("status"), "project": r.at("openstack.project_id"), "shared": yes(r.at("shared")), "external": yes(r.at("external")),
					"subnets": texts(r.at("openstack.subnet_ids")), "type": text(r.at("openstack.network_type")), "tags": r.tags(false),
				}
			}},
		{"subnet", "subnet list --long", "subnet list --long", "ID",
			func(r row) map[string]any {
				return map[string]any{
					"name": r.text("Name"), "network": []string{r.text("Network")}, "cidr": []string{r.text("Subnet")}, "project": r.text("Project"), "dhcp": r["DHCP"],
					"dns": r.texts("Name Servers"), "gateway": r.text("Gateway"), "tags": r.texts("Tags"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "network": r.related("part_of", "network"), "cidr": texts(r.at("cidrs")), "project": r.at("openstack.project_id"), "dhcp": yes(r.at("dhcp")),
					"dns": texts(r.at("dns_servers")), "gateway": text(r.at("gateway_ip")), "tags": r.tags(false),
				}
			}},
		{"network_interface", "port list --long", "port list --long --project {project}", "ID",
			func(r row) map[string]any {
				ips, subnets := []string{}, []string{}
				list, _ := r["Fixed IP Addresses"].([]any)
				for _, f := range list {
					ips = append(ips, row(f.(map[string]any)).text("ip_address"))
					subnets = append(subnets, row(f.(map[string]any)).text("subnet_id"))
				}
				slices.Sort(ips)
				slices.Sort(subnets)
				return map[string]any{
					"name": r.text("Name"), "mac": r.text("MAC Address"), "addresses": ips, "subnets": slices.Compact(subnets), "status": r.text("Status"), "owner": r.text("Device Owner"),
				}
			},
			func(r resource) map[string]any {
				ips := []string{}
				list, _ := r.at("addresses").([]any)
				for _, a := range list {
					ips = append(ips, row(a.(map[string]any)).text("ip"))
				}
				slices.Sort(ips)
				return map[string]any{
					"name": r.Name, "mac": r.identifier("mac"), "addresses": ips, "subnets": r.related("connected_to", "subnet"), "status": r.at("openstack.status"),
					"owner": text(r.at("openstack.device_owner")),
				}
			}},
		{"router", "router list --long", "router list --long", "ID",
			func(r row) map[string]any {
				gateway, _ := r["External gateway info"].(map[string]any)
				ips := []string{}
				list, _ := gateway["external_fixed_ips"].([]any)
				for _, f := range list {
					ips = append(ips, row(f.(map[string]any)).text("ip_address"))
				}
				return map[string]any{
					"name": r.text("Name"), "status": r.text("Status"), "enabled": r["State"], "project": r.text("Project"),
					"network": row(gateway).text("network_id"), "addresses": ips, "tags": r.texts("Tags"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "status": r.at("status"), "enabled": yes(r.at("enabled")), "project": r.at("openstack.project_id"),
					"network": text(r.at("external_network")), "addresses": texts(r.at("external_ips")), "tags": r.tags(false),
				}
			}},
		{"security_group", "security group list", "security group list --project {project}", "ID",
			func(r row) map[string]any {
				return map[string]any{"name": r.text("Name"), "description": r.text("Description"), "project": r.text("Project"), "tags": r.texts("Tags")}
			},
			func(r resource) map[string]any {
				return map[string]any{"name": r.Name, "description": text(r.at("description")), "project": r.at("openstack.project_id"), "tags": r.tags(false)}
			}},
		{"address", "floating ip list --long", "floating ip list --long --project {project}", "ID",
			func(r row) map[string]any {
				return map[string]any{
					"ip": r.text("Floating IP Address"), "fixed": r.text("Fixed IP Address"), "port": compact(r.text("Port")), "network": compact(r.text("Floating Network")),
					"router": compact(r.text("Router")), "project": r.text("Project"), "status": r.text("Status"), "description": r.text("Description"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"ip": r.at("ip"), "fixed": text(r.at("fixed_ip")), "port": r.related("attached_to", "network_interface"), "network": r.related("part_of", "network"),
					"router": r.related("uses", "router"), "project": r.at("openstack.project_id"), "status": r.at("status"), "description": text(r.at("description")),
				}
			}},
		{"load_balancer", "loadbalancer list", "loadbalancer list", "id",
			func(r row) map[string]any {
				return map[string]any{
					"name": r.text("name"), "project": r.text("project_id"), "address": r.text("vip_address"), "status": r.text("provisioning_status"),
					"health": r.text("operating_status"), "provider": r.text("provider"),
				}
			},
			func(r resource) map[string]any {
				return map[string]any{
					"name": r.Name, "project": r.at("openstack.project_id"), "address": r.at("endpoint"), "status": r.at("status"), "health": r.at("operating_status"),
					"provider": r.at("implementation"),
				}
			}},
	}
}

// compact is a list of the one text, or of none.
func compact(s string) []string {
	if s == "" {
		return []string{}
	}
	return []string{s}
}

// lab is the control plane, the command and the binaries.
type lab struct {
	clouds string
	bin    string
	dir    string
}

func findLab(t *testing.T) lab {
	t.Helper()
	run := os.Getenv("OSLAB_RUN")
	if run == "" {
		run = filepath.Join(os.TempDir(), "maestro-openstack")
	}
	l := lab{clouds: filepath.Join(run, "clouds.yaml"), dir: t.TempDir()}
	if _, err := os.Stat(l.clouds); err != nil {
		site.Missing(t, "no OpenStack runs here: %s is missing (.ci/peers/openstack.sh starts one)", l.clouds)
	}
	if _, err := os.Stat("/usr/bin/openstack"); err != nil {
		site.Missing(t, "the command openstack is missing: apt-get install python3-openstackclient python3-octaviaclient")
	}
	for _, name := range []string{"maestro-agent", "maestro-plugin-openstack"} {
		l.bin = filepath.Dir(site.Binary(t, name))
	}
	l.credential(t, map[string]string{"OS_CLIENT_CONFIG_FILE": l.clouds})
	return l
}

// credential is what the agent gives the plugin.
func (l lab) credential(t *testing.T, env map[string]string) {
	t.Helper()
	text := "credentials:\n  clouds:\n    env:\n"
	for name, value := range env {
		text += "      " + name + ": {value: " + value + "}\n"
	}
	if err := os.WriteFile(filepath.Join(l.dir, "credentials.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openstack is what the command says, from its own libraries and none of ours.
func (l lab) openstack(t *testing.T, cloud, command string) []row {
	t.Helper()
	out := l.command(t, cloud, command+" -f json")
	var rows []row
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("openstack %s: %v", command, err)
	}
	return rows
}

func (l lab) command(t *testing.T, cloud, command string) []byte {
	t.Helper()
	cmd := exec.Command("/usr/bin/openstack", append([]string{"--os-cloud", cloud}, strings.Fields(command)...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + l.dir, "OS_CLIENT_CONFIG_FILE=" + l.clouds, "LC_ALL=C.UTF-8"}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openstack %s: %v\n%s", command, err, errs.String())
	}
	return out
}

// read is what the agent prints, alone and without a collector.
func (l lab) read(t *testing.T, settings string, more ...string) (resources map[string]map[string]resource, outcomes map[string]record) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--plugin-dir", l.bin, "--data-dir", filepath.Join(t.TempDir(), "data"), "--plugin", "openstack", "--settings", file,
		"--credentials-file", filepath.Join(l.dir, "credentials.yaml"), "--credential", "clouds", "-q"}
	cmd := exec.Command(filepath.Join(l.bin, "maestro-agent"), append(args, more...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 3 && code != 1 { // some scopes, or all, were not complete
		t.Fatalf("maestro-agent run: %v\n%s", err, errs.String())
	}
	if bytes.Contains(out, []byte("oslab-app-secret")) || bytes.Contains(errs.Bytes(), []byte("oslab-app-secret")) {
		t.Error("the secret of the application credential is in what the agent prints")
	}
	resources, outcomes = map[string]map[string]resource{}, map[string]record{}
	for line := range bytes.Lines(out) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch r.Type {
		case "resource":
			if resources[r.Resource.Kind] == nil {
				resources[r.Resource.Kind] = map[string]resource{}
			}
			if _, twice := resources[r.Resource.Kind][r.Resource.ID]; twice {
				t.Errorf("%s %s is there twice", r.Resource.Kind, r.Resource.ID)
			}
			resources[r.Resource.Kind][r.Resource.ID] = r.Resource
		case "outcome":
			outcomes[r.Scope] = r
		}
	}
	return resources, outcomes
}

// The same ids, nothing missing, nothing extra, and the same values.
func TestSameAsTheCommand(t *testing.T) {
	l := findLab(t)
	for cloud, all := range map[string]bool{"oslab": true, "oslab-alpha": false, "oslab-beta": false, "oslab-appcred": false} {
		t.Run(cloud, func(t *testing.T) {
			t.Parallel() // most of the time is the command's waiting
			resources, outcomes := l.read(t, "cloud: "+cloud)
			project := projectOf(t, outcomes)
			for scope, r := range outcomes {
				want := "complete"
				if strings.HasPrefix(scope, "backing_service") {
					want = "unsupported" // this control plane has no Swift
				}
				if r.Outcome.Status != want || len(r.Outcome.Warnings) > 0 {
					t.Errorf("%s: %+v", scope, r.Outcome)
				}
				if all == strings.Contains(scope, "project=") && want == "complete" {
					t.Errorf("scope %s", scope)
				}
			}
			for _, c := range comparisons() {
				command := c.own
				if all {
					command = c.all
				}
				l.compare(t, c, resources[c.kind], l.openstack(t, cloud, strings.ReplaceAll(command, "{project}", project)))
			}
			l.compareKeyPairs(t, cloud, all, resources["key_pair"])
			l.compareParts(t, cloud, resources)
			relationsLead(t, resources, all)
		})
	}
}

func projectOf(t *testing.T, outcomes map[string]record) string {
	t.Helper()
	for scope := range outcomes {
		if _, rest, ok := strings.Cut(scope, "project="); ok {
			return strings.TrimSuffix(rest, "}")
		}
	}
	t.Fatal("no scope names the project")
	return ""
}

func (l lab) compare(t *testing.T, c comparison, have map[string]resource, rows []row) {
	t.Helper()
	theirs, ours := map[string]any{}, map[string]any{}
	for _, r := range rows {
		theirs[r.text(c.id)] = c.theirs(r)
	}
	for id, r := range have {
		ours[strings.TrimPrefix(id, "RegionOne/")] = c.ours(r)
		if len(r.Unread) > 0 {
			t.Errorf("%s %s: unread %v", c.kind, id, r.Unread)
		}
	}
	t.Logf("%s: %d records compared", c.kind, len(theirs))
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("%s: the command (-) and the plugin (+) differ:\n%s", c.kind, diff)
	}
}

// Key pairs belong to people: the command lists one person's.
func (l lab) compareKeyPairs(t *testing.T, cloud string, all bool, have map[string]resource) {
	t.Helper()
	theirs, ours := map[string]string{}, map[string]string{}
	if all {
		for _, user := range l.openstack(t, cloud, "user list") {
			for _, k := range l.openstack(t, cloud, "keypair list --user "+user.text("ID")) {
				theirs["RegionOne/"+user.text("ID")+"/"+k.text("Name")] = k.text("Fingerprint")
			}
		}
	} else {
		for _, k := range l.openstack(t, cloud, "keypair list") {
			theirs[k.text("Name")] = k.text("Fingerprint")
		}
	}
	for id, k := range have {
		if !all {
			id = k.Name
		}
		ours[id] = text(k.at("fingerprint"))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("key_pair: the command (-) and the plugin (+) differ:\n%s", diff)
	}
}

// compareParts compares what is inside of load balancers and security groups.
func (l lab) compareParts(t *testing.T, cloud string, resources map[string]map[string]resource) {
	t.Helper()
	for id, b := range resources["load_balancer"] {
		var theirs, ours []string
		for _, r := range l.openstack(t, cloud, "loadbalancer listener list --loadbalancer "+id) {
			theirs = append(theirs, fmt.Sprintf("listener %s %s %v", r.text("name"), r.text("protocol"), r["protocol_port"]))
		}
		for _, p := range l.openstack(t, cloud, "loadbalancer pool list --loadbalancer "+id) {
			for _, m := range l.openstack(t, cloud, "loadbalancer member list "+p.text("id")) {
				theirs = append(theirs, fmt.Sprintf("member %s of %s: %s:%v", m.text("id"), p.text("name"), m.text("address"), m["protocol_port"]))
			}
		}
		listeners, _ := b.at("listeners").([]any)
		for _, v := range listeners {
			r := row(v.(map[string]any))
			ours = append(ours, fmt.Sprintf("listener %s %s %v", r.text("name"), r.text("protocol"), r["port"]))
		}
		pools, _ := b.at("target_pools").([]any)
		for _, v := range pools {
			p := row(v.(map[string]any))
			targets, _ := p["targets"].([]any)
			for _, m := range targets {
				r := row(m.(map[string]any))
				ours = append(ours, fmt.Sprintf("member %s of %s: %s:%v", r.text("id"), p.text("name"), r.text("address"), r["port"]))
			}
		}
		slices.Sort(theirs)
		slices.Sort(ours)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("load_balancer %s: the command (-) and the plugin (+) differ:\n%s", id, diff)
		}
		if servers := b.related("routes_to", "server"); len(servers) != 3 {
			t.Errorf("load_balancer %s leads to %d servers, want 3", id, len(servers))
		}
	}
	theirs, ours := []string{}, []string{}
	for _, r := range l.openstack(t, cloud, "security group rule list") {
		theirs = append(theirs, r.text("Security Group")+" "+r.text("ID"))
	}
	for id, g := range resources["security_group"] {
		rules, _ := g.at("rules").([]any)
		for _, v := range rules {
			ours = append(ours, id+" "+row(v.(map[string]any)).text("id"))
		}
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("rules of security groups: the command (-) and the plugin (+) differ:\n%s", diff)
	}
}

// relationsLead to what was found; for one project some lead to what others have.
func relationsLead(t *testing.T, resources map[string]map[string]resource, all bool) {
	t.Helper()
	edges := 0
	for _, list := range resources {
		for id, r := range list {
			for _, e := range r.Relations {
				edges++
				if _, ok := resources[e.Kind][e.External_ID]; !ok && all {
					t.Errorf("%s %s: %s %s %s is not there", r.Kind, id, e.Verb, e.Kind, e.External_ID)
				}
			}
		}
	}
	if edges == 0 {
		t.Error("there are no relations")
	}
}

// Somebody who is no administrator and is to read all projects reads nothing, rather than one project as if it were all.
func TestReaderIsNoAdministrator(t *testing.T) {
	l := findLab(t)
	resources, outcomes := l.read(t, "{cloud: oslab-auditor, projects: all}", "--kinds", "server,volume,network,load_balancer,image")
	if len(resources) > 0 || len(outcomes) != 5 {
		t.Errorf("%d kinds, %d scopes", len(resources), len(outcomes))
	}
	for scope, r := range outcomes {
		if r.Outcome.Status != "denied" || !strings.Contains(r.Outcome.Error, "admin") {
			t.Errorf("%s: %+v", scope, r.Outcome)
		}
	}
}

// The access rules that the plugin describes are enough to read everything, and let nothing be changed.
func TestLeastPermission(t *testing.T) {
	l := findLab(t)
	want, _ := l.read(t, "cloud: oslab")
	cmd := exec.Command(filepath.Join(l.bin, "maestro-agent"), "describe", "--plugin-dir", l.bin, "--data-dir", filepath.Join(l.dir, "data"), "--plugin", "openstack")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("maestro-agent describe: %v", err)
	}
	var description struct {
		Policy string `json:"policy"`
	}
	if err := json.Unmarshal(out, &description); err != nil || strings.Contains(description.Policy, "POST") {
		t.Fatalf("%v: %s", err, description.Policy)
	}
	rules := filepath.Join(l.dir, "rules.json")
	if err := os.WriteFile(rules, []byte(description.Policy), 0o600); err != nil {
		t.Fatal(err)
	}
	name, secret := fmt.Sprintf("maestro-e2e-%d", os.Getpid()), "secret-of-the-restricted-one"
	id := strings.TrimSpace(string(l.command(t, "oslab", "application credential create "+name+" --secret "+secret+" --access-rules "+rules+" -f value -c id")))
	t.Cleanup(func() { l.command(t, "oslab", "application credential delete "+id) })
	l.credential(t, map[string]string{"OS_APPLICATION_CREDENTIAL_ID": id, "OS_APPLICATION_CREDENTIAL_SECRET": secret})
	have, outcomes := l.read(t, "auth_url: http://127.0.0.1:5000/v3")
	for scope, r := range outcomes {
		if r.Outcome.Status != "complete" && !strings.HasPrefix(scope, "backing_service") {
			t.Errorf("%s: %+v", scope, r.Outcome)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("an administrator's password (-) and the restricted credential (+) see:\n%s", diff)
	}
}
