//go:build e2e

package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/test/e2e/site"
)

// tool is a program of the system.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		site.Missing(t, "%s is missing: run .ci/peers/ansible.sh", name)
	}
	return path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lab is a folder with facts that the real ansible gathered of three hosts: this machine, this machine over SSH, and
// one that cannot be reached.
type lab struct {
	dir, inventory string
	ssh            *sshServer
}

func newLab(t *testing.T) *lab {
	t.Helper()
	ansible := tool(t, "ansible")
	s := &lab{dir: t.TempDir(), ssh: startSSH(t)}
	s.inventory = write(t, filepath.Join(s.dir, "inventory"), fmt.Sprintf(`local.example ansible_connection=local
remote.example ansible_host=127.0.0.1 ansible_port=%d ansible_user=root ansible_ssh_private_key_file=%s ansible_ssh_common_args='-o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes'
away.example ansible_host=127.0.0.1 ansible_port=1 ansible_user=root
[all:vars]
ansible_python_interpreter=/usr/bin/python3
`, s.ssh.port, s.ssh.key, s.ssh.knownHosts))
	for _, module := range []string{"setup", "service_facts", "package_facts"} {
		cmd := exec.Command(ansible, "-i", s.inventory, "-m", module, "--tree", filepath.Join(s.dir, "facts", module), "all")
		cmd.Env = append(os.Environ(), "ANSIBLE_LOCAL_TEMP="+filepath.Join(s.dir, "tmp"), "MAESTRO_TEST_SECRET=hunter2-in-the-environment")
		out, err := cmd.CombinedOutput() // not zero: one host is away
		if _, missingErr := os.Stat(filepath.Join(s.dir, "facts", module, "remote.example")); missingErr != nil {
			t.Fatalf("ansible -m %s: %v\n%s", module, err, out)
		}
	}
	return s
}

// facts are ansible's own words about a host.
func (s *lab) facts(t *testing.T, module, host string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "facts", module, host))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Facts map[string]any `json:"ansible_facts"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Facts
}

// sshServer is a local sshd with keys of its own.
type sshServer struct {
	port            int
	key, knownHosts string
}

func startSSH(t *testing.T) *sshServer {
	t.Helper()
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		site.Missing(t, "%s is missing: run .ci/peers/ansible.sh", sshd)
	}
	keygen := tool(t, "ssh-keygen")
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{port: free.Addr().(*net.TCPAddr).Port, key: filepath.Join(dir, "user")}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "authorized_keys"), string(public))
	hostKey, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.knownHosts = write(t, filepath.Join(dir, "known_hosts"), fmt.Sprintf("[127.0.0.1]:%d %s", s.port, hostKey))
	config := write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s
PidFile %s
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
`, s.port, filepath.Join(dir, "host"), filepath.Join(dir, "authorized_keys"), filepath.Join(dir, "pid")))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		site.Missing(t, "no privilege to start an SSH server: %v", err)
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // ended by the signal
	})
	for range 100 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			_ = c.Close()
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen: %s", said.String())
	return nil
}

// line is one that `maestro-agent run` prints.
type line struct {
	Type     string `json:"type"`
	Scope    string `json:"scope"`
	Resource struct {
		Kind        string           `json:"kind"`
		ExternalID  string           `json:"external_id"`
		Identifiers []map[string]any `json:"identifiers"`
		Attributes  map[string]any   `json:"attributes"`
		Unread      []string         `json:"unread"`
	} `json:"resource"`
	Outcome struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Advice string `json:"advice"`
	} `json:"outcome"`
}

// run reads with the released agent and plugin; env is the credential.
func run(t *testing.T, settings map[string]any, env map[string]string, kinds string) (lines []line, everything string) {
	t.Helper()
	dir := t.TempDir()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	var credential strings.Builder
	credential.WriteString("credentials:\n  ansible:\n    providers: [ansible]\n    env:\n")
	for name, value := range env {
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&credential, "      %s: {value: %s}\n", name, quoted)
	}
	args := []string{"run", "--plugin", site.Binary(t, "maestro-plugin-ansible"), "--settings", write(t, filepath.Join(dir, "settings.json"), string(text)),
		"--data-dir", filepath.Join(dir, "data"), "--kinds", kinds, "--quiet"}
	if len(env) > 0 {
		args = append(args, "--credential", "ansible", "--credentials-file", write(t, filepath.Join(dir, "credentials.yaml"), credential.String()))
	}
	cmd := exec.Command(site.Binary(t, "maestro-agent"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && stdout.Len() == 0 {
		t.Fatalf("maestro-agent run: %v\n%s", err, stderr.String())
	}
	for text := range bytes.Lines(stdout.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines, stdout.String() + stderr.String()
}

// list are the external ids of a kind, sorted.
func list(lines []line, kind string) []string {
	var out []string
	for _, l := range lines {
		if l.Resource.Kind == kind {
			out = append(out, l.Resource.ExternalID)
		}
	}
	slices.Sort(out)
	return out
}

const all = "server,volume,storage_pool,network_interface,software"

// TestEveryWay reads the same facts by every way and finds the same things.
func TestEveryWay(t *testing.T) {
	s := newLab(t)
	folders := []string{"setup", "service_facts", "package_facts"}
	env := map[string]string{"ANSIBLE_MAESTRO_ROOT": s.dir}
	local, said := run(t, map[string]any{"source": "directory", "paths": prefixed("facts/", folders), "packages": true}, env, all)
	if strings.Contains(said, "hunter2") {
		t.Error("the environment of who ran Ansible got out")
	}
	s.compare(t, local)

	key, err := os.ReadFile(s.ssh.key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(s.ssh.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	sftp := map[string]any{"source": "sftp", "host": "127.0.0.1", "port": s.ssh.port, "user": "root", "known_hosts": string(known),
		"paths": prefixed(filepath.Join(s.dir, "facts")+"/", folders), "packages": true}
	t.Run("sftp", func(t *testing.T) {
		got, said := run(t, sftp, map[string]string{"SSH_PRIVATE_KEY": string(key)}, all)
		same(t, local, got)
		if t.Failed() {
			t.Log(said[max(0, len(said)-2000):])
		}
		if strings.Contains(said, "PRIVATE KEY") {
			t.Error("the key got out")
		}
	})
	t.Run("sftp from an impostor", func(t *testing.T) {
		other := startSSH(t)
		impostor := map[string]any{}
		for k, v := range sftp {
			impostor[k] = v
		}
		impostor["port"] = other.port
		impostor["known_hosts"] = strings.ReplaceAll(string(known), fmt.Sprint(s.ssh.port), fmt.Sprint(other.port))
		got, _ := run(t, impostor, map[string]string{"SSH_PRIVATE_KEY": string(key)}, "server")
		if len(got) == 0 || got[len(got)-1].Outcome.Status == "complete" || !strings.Contains(fmt.Sprint(got), "another host key") {
			t.Errorf("an impostor was read: %+v", got)
		}
	})
	t.Run("s3", func(t *testing.T) {
		e := startEmulator(t)
		e.upload(t, filepath.Join(s.dir, "facts", "setup"), "inventory/facts/")
		got, _ := run(t, map[string]any{"source": "s3", "bucket": "facts", "prefix": "inventory/facts/", "region": "us-east-1", "endpoint": e.url},
			map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, "server,volume,storage_pool,network_interface")
		want, _ := run(t, map[string]any{"source": "directory", "paths": []string{"facts/setup"}}, env, "server,volume,storage_pool,network_interface")
		same(t, want, got)
	})
	t.Run("run", func(t *testing.T) {
		write(t, filepath.Join(s.dir, "inventory.local"), "local.example ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n")
		settings := map[string]any{"source": "run", "inventory": "inventory.local"}
		got, _ := run(t, settings, env, "server")
		if !strings.Contains(fmt.Sprint(got), "does not allow to run") {
			t.Errorf("the collector made the agent run a program: %+v", got)
		}
		got, said := run(t, settings, map[string]string{"ANSIBLE_MAESTRO_ROOT": s.dir, "ANSIBLE_MAESTRO_RUN": "1"}, "server,software")
		if !slices.Equal(list(got, "server"), []string{"local.example"}) || len(list(got, "software")) != 0 && len(list(got, "software")) != s.services(t, "local.example") {
			t.Errorf("found %q\n%s", list(got, "server"), said)
		}
	})
}

func prefixed(prefix string, names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, prefix+n)
	}
	return out
}

func (s *lab) services(t *testing.T, host string) int {
	t.Helper()
	n := 0
	services, _ := s.facts(t, "service_facts", host)["services"].(map[string]any)
	for _, v := range services {
		if one, ok := v.(map[string]any); ok && one["status"] != "not-found" {
			n++
		}
	}
	return n
}

// compare holds what arrived against ansible's own facts, record by record.
func (s *lab) compare(t *testing.T, lines []line) {
	t.Helper()
	if got := list(lines, "server"); !slices.Equal(got, []string{"away.example", "local.example", "remote.example"}) {
		t.Fatalf("servers %q", got)
	}
	for _, l := range lines {
		if l.Resource.Kind != "server" {
			continue
		}
		if l.Resource.ExternalID == "away.example" {
			if len(l.Resource.Unread) == 0 {
				t.Errorf("a host that was not reached looks as if it were known: %+v", l.Resource)
			}
			continue
		}
		facts := s.facts(t, "setup", l.Resource.ExternalID)
		a := l.Resource.Attributes
		for name, want := range map[string]any{
			"memory_bytes": facts["ansible_memtotal_mb"].(float64) * (1 << 20), "cpu_count": facts["ansible_processor_vcpus"],
			"hostname": facts["ansible_nodename"], "primary_ip": facts["ansible_default_ipv4"].(map[string]any)["address"],
		} {
			if a[name] != want {
				t.Errorf("%s: %s is %v, ansible says %v", l.Resource.ExternalID, name, a[name], want)
			}
		}
		if system := a["os"].(map[string]any); system["name"] != facts["ansible_distribution"] || system["version"] != facts["ansible_distribution_version"] {
			t.Errorf("system %v", system)
		}
	}
	for _, host := range []string{"local.example", "remote.example"} {
		facts := s.facts(t, "setup", host)
		var disks, ports, software []string
		for name := range facts["ansible_devices"].(map[string]any) {
			if !strings.HasPrefix(name, "loop") && !strings.HasPrefix(name, "zram") && !strings.HasPrefix(name, "ram") && !strings.HasPrefix(name, "dm-") && !strings.HasPrefix(name, "sr") && !strings.HasPrefix(name, "nbd") {
				disks = append(disks, host+"/"+name)
			}
		}
		for _, name := range facts["ansible_interfaces"].([]any) {
			if name != "lo" {
				ports = append(ports, fmt.Sprintf("%s/%s", host, name))
			}
		}
		versions := 0
		for _, v := range s.facts(t, "package_facts", host)["packages"].(map[string]any) {
			versions += len(v.([]any))
		}
		for _, id := range list(lines, "software") {
			if strings.HasPrefix(id, host+"/package/") {
				software = append(software, id)
			}
		}
		if len(software) != versions {
			t.Errorf("%s: %d packages, ansible has %d", host, len(software), versions)
		}
		for _, id := range disks {
			if !slices.Contains(list(lines, "volume"), id) {
				t.Errorf("the disk %s is missing", id)
			}
		}
		for _, id := range ports {
			if !slices.Contains(list(lines, "network_interface"), id) {
				t.Errorf("the interface %s is missing", id)
			}
		}
	}
	for _, l := range lines {
		want := "complete"
		if l.Type != "outcome" && l.Outcome.Status == "" {
			continue
		}
		if !strings.HasPrefix(l.Scope, "server") {
			want = "partial" // one host is away, so its volumes are unknown
		}
		if l.Outcome.Status != want {
			t.Errorf("%s ended %s (%s), want %s", l.Scope, l.Outcome.Status, l.Outcome.Error, want)
		}
	}
}

func same(t *testing.T, want, got []line) {
	t.Helper()
	for _, kind := range strings.Split(all, ",") {
		if a, b := list(want, kind), list(got, kind); !slices.Equal(a, b) {
			t.Errorf("%s: %d here, %d there: %q and %q", kind, len(a), len(b), a[:min(len(a), 9)], b[:min(len(b), 9)])
		}
	}
}
