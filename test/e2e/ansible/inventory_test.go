//go:build e2e

package ansible

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
	"maestro.internal/test/e2e/site"
)

// TestInventoryForAnsible: the servers are Ansible's inventory, by script and by file, and it reaches one of them over SSH; whatever
// names and tags say, nothing of it runs on the machine that controls the others.
func TestInventoryForAnsible(t *testing.T) {
	ansible, ansibleInventory := tool(t, "ansible"), tool(t, "ansible-inventory")
	ssh := startSSH(t)
	s := site.New(t)
	s.StartCollector()
	pwned := s.Path("pwned")
	evil := "{{ lookup('pipe', 'touch " + pwned + "') }}"
	create := func(name string, tags []resource.Tag, attributes map[string]any) rest.Resource {
		t.Helper()
		var r rest.Resource
		s.Call(http.MethodPost, "/resources/server", rest.ResourceCreate{Name: name, Region: "fra", Tags: tags, Attributes: attributes}, &r)
		return r
	}
	create("web.example.net", []resource.Tag{{Key: "env", Value: "prod"}}, map[string]any{"primary_ip": "127.0.0.1", "os": map[string]any{"name": "Debian", "family": "linux"}})
	create(evil, []resource.Tag{{Key: evil, Value: evil}, {Key: "note", Value: evil}, {Key: "__ansible_vault", Value: "x"}}, map[string]any{"hostname": evil, "description": evil})
	create("a[1:3]", []resource.Tag{{Key: "x", Value: "\"' }}\n[all:vars]\nansible_connection=local"}}, map[string]any{"hostname": "-oProxyCommand=touch " + pwned})
	create("-oProxyCommand=touch "+pwned, nil, nil)
	create("東京\u202e\x1b[2J", nil, map[string]any{"role": "'; import os #\\"})

	script := s.Path("maestro-ansible-inventory")
	if err := os.Symlink(site.Binary(t, "maestro"), script); err != nil {
		t.Fatal(err)
	}
	s.CLI("ansible-inventory", "--static", "ini", "--file", s.Path("hosts.ini"))
	s.CLI("ansible-inventory", "--static", "json", "--file", s.Path("hosts.json"))
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "HOME=") || strings.HasPrefix(kv, "ANSIBLE_") }),
			"HOME="+s.Dir, "ANSIBLE_NOCOLOR=1", "ANSIBLE_SSH_ARGS=-o UserKnownHostsFile="+ssh.knownHosts, "ANSIBLE_INVENTORY_UNPARSED_FAILED=1",
			"ANSIBLE_INVENTORY_ENABLED=script,yaml,ini")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	var before map[string]any
	for _, inventory := range []string{script, s.Path("hosts.json"), s.Path("hosts.ini")} {
		t.Run(filepath.Base(inventory), func(t *testing.T) {
			out := run(ansibleInventory, "-i", inventory, "--list")
			out = out[strings.Index(out, "{"):] // warnings stand before it
			var list struct {
				Meta struct {
					Hostvars map[string]map[string]any `json:"hostvars"`
				} `json:"_meta"`
				Prod struct{ Hosts []string } `json:"tag_env_prod"`
				Fra  struct{ Hosts []string } `json:"region_fra"`
				OS   struct{ Hosts []string } `json:"os_debian"`
			}
			if err := json.Unmarshal([]byte(out), &list); err != nil {
				t.Fatalf("%v in\n%s", err, out)
			}
			if len(list.Meta.Hostvars) != 5 || strings.Join(list.Prod.Hosts, " ") != "web.example.net" || len(list.Fra.Hosts) != 5 || strings.Join(list.OS.Hosts, " ") != "web.example.net" {
				t.Errorf("got\n%s", out)
			}
			web := list.Meta.Hostvars["web.example.net"]
			if web["ansible_host"] != "127.0.0.1" || web["maestro_name"] != "web.example.net" {
				t.Errorf("got %v", web)
			}
			if before != nil && fmt.Sprint(before) != fmt.Sprint(web) {
				t.Errorf("got %v\nby another way %v", web, before)
			}
			before = web
			// Everything of every host evaluated, as a playbook may do it.
			seen := run(ansible, "all", "-i", inventory, "-c", "local", "-m", "debug", "-a", "msg={{ hostvars[inventory_hostname] | to_json }}")
			if !strings.Contains(seen, "lookup('pipe'") {
				t.Errorf("the text itself is not to be seen:\n%s", seen)
			}
			out = run(ansible, "tag_env_prod", "-i", inventory, "-m", "ping", "-u", "root", "-e", fmt.Sprintf("ansible_port=%d ansible_ssh_private_key_file=%s", ssh.port, ssh.key))
			if !strings.Contains(out, "SUCCESS") || !strings.Contains(out, "pong") {
				t.Errorf("got\n%s", out)
			}
			if _, err := os.Stat(pwned); err == nil {
				t.Error("something of it ran")
			}
		})
	}
	if out := s.CLI("ansible-inventory", "--host", "web.example.net"); !strings.Contains(out, `"ansible_host": "127.0.0.1"`) {
		t.Errorf("got %s", out)
	}
	if out := s.CLI("ansible-inventory", "--list", "-f", `tags.env = "prod"`); strings.Contains(out, "_fra\": {\n    \"hosts\": [\n      \"a") || !strings.Contains(out, "web.example.net") || strings.Contains(out, "lookup") {
		t.Errorf("the filter was not kept: %s", out)
	}
}
