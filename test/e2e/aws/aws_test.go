//go:build e2e

package aws

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maestro.internal/test/e2e/site"
)

var regions = []string{"eu-west-1", "us-east-1", "ap-southeast-2"}

// emulator is a moto server of the test's own.
type emulator struct {
	url, bin string
}

func startEmulator(t *testing.T) emulator {
	t.Helper()
	home := os.Getenv("MAESTRO_MOTO")
	if home == "" {
		cache, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(cache, ".cache", "maestro", "moto")
	}
	e := emulator{bin: filepath.Join(home, "bin")}
	if _, err := os.Stat(filepath.Join(e.bin, "moto_server")); err != nil {
		site.Missing(t, "the emulator is missing: run .ci/peers/aws.sh, which installs moto from PyPI into %s", home)
	}
	cmd := exec.Command(filepath.Join(e.bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	// Should this process be killed, the emulator goes with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, url, ok := strings.Cut(lines.Text(), "Running on "); ok {
				ready <- strings.TrimSpace(url)
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait() // it was killed
	})
	select {
	case e.url = <-ready:
	case <-drained:
		t.Fatal("the emulator ended before it was ready")
	case <-time.After(60 * time.Second):
		t.Fatal("the emulator is not ready after 60 s")
	}
	return e
}

// python runs one of the scripts beside this file.
func (e emulator) python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(e.bin, "python"), append([]string{script, e.url}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	return out
}

// record is a resource, as the plugin says or as Amazon's library says.
type record struct {
	Kind, ID, Region, Name string
	Tags                   map[string]string
	Facts                  map[string]any
}

// line is one that `maestro-agent run` prints.
type line struct {
	Type     string `json:"type"`
	Scope    string `json:"scope"`
	Resource struct {
		Kind       string         `json:"kind"`
		ExternalID string         `json:"external_id"`
		Name       string         `json:"name"`
		Region     string         `json:"region"`
		Attributes map[string]any `json:"attributes"`
		Unread     []string       `json:"unread"`
		Tags       []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"tags"`
		Relations []struct {
			Verb, Kind string
			ExternalID string `json:"external_id"`
		} `json:"relations"`
	} `json:"resource"`
	Outcome struct {
		Status   string   `json:"status"`
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
	} `json:"outcome"`
	Plan struct {
		Complete bool     `json:"complete"`
		Warnings []string `json:"warnings"`
	} `json:"plan"`
}

// run reads a connection with the real agent and plugin, without a collector.
func run(t *testing.T, settings map[string]any, kinds ...string) (lines []line, raw []byte) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := func(v string) map[string]string { return map[string]string{"value": v} }
	args := []string{"run", "--plugin", site.Binary(t, "maestro-plugin-aws"), "--settings", write("settings.json", settings), "--credential", "moto",
		"--credentials-file", write("credentials.json", map[string]any{"credentials": map[string]any{"moto": map[string]any{"env": map[string]any{
			"AWS_ACCESS_KEY_ID": secret("AKIAIOSFODNN7EXAMPLE"), "AWS_SECRET_ACCESS_KEY": secret("a-secret-key-of-the-test")}}}}),
		"--data-dir", filepath.Join(dir, "data"), "-o", "ndjson"}
	if len(kinds) > 0 {
		args = append(args, "--kinds", strings.Join(kinds, ","))
	}
	cmd := exec.Command(site.Binary(t, "maestro-agent"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("maestro-agent run: %v\n%s", err, stderr.String())
	}
	for text := range bytes.Lines(stdout.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines, append(stdout.Bytes(), stderr.Bytes()...)
}

func TestAccount(t *testing.T) {
	e := startEmulator(t)
	e.python(t, "seed.py")
	lines, raw := run(t, map[string]any{"endpoint": e.url, "regions": regions})
	want := map[string]record{}
	for text := range bytes.Lines(e.python(t, "inventory.py", regions...)) {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		want[r.Kind+" "+r.ID] = r
	}
	got, scopes, relations := map[string]record{}, 0, map[string]bool{}
	for _, l := range lines {
		switch l.Type {
		case "outcome":
			scopes++
			if l.Outcome.Status != "complete" || len(l.Outcome.Warnings) > 0 {
				t.Errorf("%s: %s %s %q", l.Scope, l.Outcome.Status, l.Outcome.Error, l.Outcome.Warnings)
			}
		case "plan":
			if !l.Plan.Complete || len(l.Plan.Warnings) > 0 {
				t.Errorf("plan: complete %v, %q", l.Plan.Complete, l.Plan.Warnings)
			}
		case "resource":
			key := l.Resource.Kind + " " + l.Resource.ExternalID
			if _, twice := got[key]; twice {
				t.Errorf("%s comes twice", key)
			}
			r := record{Kind: l.Resource.Kind, ID: l.Resource.ExternalID, Region: l.Resource.Region, Name: l.Resource.Name, Tags: map[string]string{}, Facts: map[string]any{}}
			for _, tag := range l.Resource.Tags {
				r.Tags[tag.Key] = tag.Value
			}
			// Only what the other side states is compared; it states what it can without knowing our fields.
			for name := range want[key].Facts {
				r.Facts[name] = l.Resource.Attributes[name]
			}
			got[key] = r
			for _, rel := range l.Resource.Relations {
				relations[l.Resource.Kind+" "+rel.Verb+" "+rel.Kind+" "+rel.ExternalID] = true
			}
			if len(l.Resource.Unread) > 0 {
				t.Errorf("%s: unread %q", key, l.Resource.Unread)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Amazon's library and the plugin differ (-library +plugin):\n%s", diff)
	}
	everyList(t, got)
	resolved(t, got, relations)
	for _, secret := range []string{"hunter2-in-lambda", "secret-pw-1", "a-secret-key-of-the-test"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the secret %q left the plugin", secret)
		}
	}
	t.Logf("%d resources in %d scopes are the same", len(got), scopes)
}

// everyList wants something of each list in each region, so that an empty answer on both sides proves nothing.
func everyList(t *testing.T, got map[string]record) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range got {
		class := r.Kind
		for _, fact := range []string{"family", "type", "engine"} {
			if v, ok := r.Facts[fact].(string); ok {
				class += " " + v
			}
		}
		seen[class+" @"+r.Region]++
	}
	want := []string{"server", "volume", "snapshot", "image", "flavor", "key_pair", "network", "subnet", "security_group", "network_acl", "route_table",
		"network_interface", "address", "peering", "network_endpoint", "gateway nat", "gateway internet", "gateway vpn", "gateway transit",
		"load_balancer classic", "load_balancer application", "load_balancer network", "database instance", "database cluster", "database table",
		"backing_service broker queue", "backing_service broker topic", "backing_service broker kafka", "backing_service broker activemq",
		"backing_service cache memcached", "backing_service cache replication_group", "backing_service email domain", "backing_service serverless function",
		"backing_service serverless layer", "backing_service api_gateway rest", "backing_service api_gateway http", "backing_service auto_scaling",
		"backing_service container_orchestration ecs_cluster", "backing_service container_orchestration ecs_service", "backing_service container_orchestration eks_cluster",
		"backing_service object_storage bucket"}
	classes := slices.Collect(maps.Keys(seen))
	for _, class := range want {
		for _, region := range regions {
			if !slices.ContainsFunc(classes, func(c string) bool { return strings.HasPrefix(c, class) && strings.HasSuffix(c, " @"+region) }) {
				t.Errorf("nothing of %s in %s was seeded or found", class, region)
			}
		}
	}
	for _, class := range []string{"backing_service cdn", "backing_service dns"} {
		if !slices.ContainsFunc(classes, func(c string) bool { return strings.HasPrefix(c, class) }) {
			t.Errorf("nothing of %s was seeded or found", class)
		}
	}
}

// resolved wants the relations between kinds to lead to resources that are there.
func resolved(t *testing.T, got map[string]record, relations map[string]bool) {
	t.Helper()
	found := map[string]bool{}
	for relation := range relations {
		var from, verb, kind, id string
		if n, err := fmt.Sscanf(relation, "%s %s %s %s", &from, &verb, &kind, &id); n != 4 {
			t.Fatal(relation, err)
		}
		if _, ok := got[kind+" "+id]; ok {
			found[from+" "+verb+" "+kind] = true
		}
	}
	for _, want := range []string{
		"server connected_to subnet", "server connected_to network", "server uses security_group", "server uses flavor", "server uses key_pair", "volume attached_to server",
		"snapshot created_from volume", "image uses snapshot", "subnet part_of network", "subnet uses route_table", "security_group part_of network", "route_table routes_to gateway",
		"gateway connected_to network", "gateway uses address", "peering connected_to network", "network_endpoint uses route_table", "load_balancer routes_to server",
		"load_balancer uses security_group", "database connected_to subnet", "database replicates database", "database member_of database", "backing_service contains server",
		"backing_service uses backing_service", "backing_service part_of backing_service", "backing_service connected_to subnet", "backing_service connected_to network",
	} {
		if !found[want] {
			t.Errorf("no relation %q leads to what is there", want)
		}
	}
}

func TestOrganization(t *testing.T) {
	e := startEmulator(t)
	var seeded struct {
		Unit     string
		Accounts map[string]string
	}
	if err := json.Unmarshal(e.python(t, "seed.py", "organization"), &seeded); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		organization map[string]any
		servers      []string
		closed       bool
	}{
		"all accounts":          {map[string]any{}, []string{"lab", "shop"}, true},
		"one unit":              {map[string]any{"include_ous": []string{seeded.Unit}}, []string{"shop"}, true},
		"all but a unit":        {map[string]any{"exclude_ous": []string{seeded.Unit}}, []string{"lab"}, false},
		"by tag":                {map[string]any{"include_tags": []string{"environment=test"}}, []string{"lab"}, true},
		"without a tag":         {map[string]any{"exclude_tags": []string{"environment=test"}}, []string{"shop"}, true},
		"all but an account":    {map[string]any{"exclude_accounts": []string{seeded.Accounts["shop"]}}, []string{"lab"}, true},
		"one account of theirs": {map[string]any{"include_accounts": []string{seeded.Accounts["shop"]}}, []string{"shop"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.organization["enabled"] = true
			lines, _ := run(t, map[string]any{"endpoint": e.url, "regions": []string{"eu-west-1"}, "external_id": "e2e", "organization": tt.organization}, "server")
			var servers []string
			closed := false
			for _, l := range lines {
				switch l.Type {
				case "resource":
					servers = append(servers, l.Resource.Name)
				case "outcome":
					if l.Outcome.Status != "complete" {
						t.Errorf("%s: %s %s", l.Scope, l.Outcome.Status, l.Outcome.Error)
					}
				case "plan":
					if !l.Plan.Complete {
						t.Errorf("the plan is not complete: %q", l.Plan.Warnings)
					}
					closed = slices.ContainsFunc(l.Plan.Warnings, func(w string) bool {
						return strings.Contains(w, seeded.Accounts["closed"]) && strings.Contains(w, "closed")
					})
				}
			}
			slices.Sort(servers)
			if diff := cmp.Diff(tt.servers, servers); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if closed != tt.closed {
				t.Errorf("the closed account is reported: %v, want %v", closed, tt.closed)
			}
		})
	}
}

// TestRoleIsAccepted gives the printed template to CloudFormation, and its policy to IAM.
func TestRoleIsAccepted(t *testing.T) {
	e := startEmulator(t)
	text, err := exec.Command(site.Binary(t, "maestro-plugin-aws"), "role", "--principal", "arn:aws:iam::123456789012:root", "--tenant", "acme", "--organization").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "role.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	made := string(e.python(t, "seed.py", "stack", path))
	for _, part := range []string{"sts:ExternalId", "maestro-acme-", "ec2:DescribeInstances", "organizations:ListAccounts", "::/restapis"} {
		if !strings.Contains(made, part) {
			t.Errorf("the role that was made lacks %s: %s", part, made)
		}
	}
}
