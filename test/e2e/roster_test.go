//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	sdk "maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// roster is a plugin whose servers are the lines of a file. Every list in what it emits comes in another order each time.
type roster struct{}

const rosterBinary = "maestro-plugin-roster"

// playRoster makes the test binary the plugin, when an agent starts it under that name.
func playRoster() bool {
	if filepath.Base(os.Args[0]) != rosterBinary {
		return false
	}
	serve.Provider(roster{})
	return true
}

type rosterFields struct {
	Fears []string    `json:"fears" maestro:"set"`
	Pets  []rosterPet `json:"pets" key:"name"`
}

type rosterPet struct {
	Name string   `json:"name"`
	Toys []string `json:"toys" maestro:"set"`
}

func (roster) Describe() provider.Description {
	return provider.Description{Provider: "roster", Version: "1.0.0", Title: "Roster",
		Kinds:    []provider.KindSupport{{Kind: "server", Major: 1, Schema: schema.FieldsOf(rosterFields{})}, {Kind: "volume", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","required":["file"],"additionalProperties":false,"properties":{"file":{"type":"string"}}}`)}
}

func (roster) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	var s struct {
		File string `json:"file"`
	}
	if err := json.Unmarshal(conn.Settings, &s); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	b, err := os.ReadFile(s.File)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	return rosterSession(strings.Fields(string(b))), nil
}

type rosterSession []string

func shuffled[T any](list ...T) []T {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (s rosterSession) Discover(ctx context.Context, scope sdk.Scope, out provider.Emitter) error {
	for _, name := range shuffled(slices.Clone(s)...) {
		env := sdk.Envelope{Kind: scope.Kind, Major: 1, ExternalID: name, Name: name, Attributes: []byte(`{}`),
			Tags:   shuffled(sdk.Tag{Key: "env", Value: "prod"}, sdk.Tag{Key: "owner", Value: "anna"}, sdk.Tag{Key: "app", Value: "shop"}),
			Unread: shuffled("/region", "/zone", "/console_url")}
		if scope.Kind == "server" {
			env.Identifiers = shuffled(sdk.Identifier{Type: "serial", Value: "S-" + name}, sdk.Identifier{Type: "fqdn", Value: name + ".example.org"})
			env.Relations = shuffled(sdk.Relation{Verb: "attached_to", Kind: "volume", ExternalID: name}, sdk.Relation{Verb: "attached_to", Kind: "volume", ExternalID: s[0]},
				sdk.Relation{Verb: "member_of", Kind: "system", Selector: &sdk.Identifier{Type: "serial", Value: "X"}})
			var err error
			env.Attributes, err = json.Marshal(map[string]any{"roster": rosterFields{Fears: shuffled("audits", "storms", "mondays"),
				Pets: shuffled(rosterPet{"rex", shuffled("ball", "bone")}, rosterPet{"tom", shuffled("mouse", "wool")}, rosterPet{"ada", nil})}})
			if err != nil {
				return fmt.Errorf("write attributes: %w", err)
			}
		}
		if err := out.Emit(ctx, env); err != nil {
			return err
		}
	}
	return nil
}

// rosterSite is a site of its own that reads a roster.
type rosterSite struct {
	*dev
	file string
	conn rest.Connection
	env  []string
}

func newRosterSite(t *testing.T, names ...string) *rosterSite {
	t.Helper()
	work := workshop(t)
	me, err := os.Executable()
	if err == nil {
		err = os.Symlink(me, filepath.Join(work, "bin", rosterBinary))
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &rosterSite{file: filepath.Join(work, "roster")}
	s.write(t, names...)
	s.dev = startDev(t, work, 5)
	s.env = []string{"MAESTRO_URL=" + s.info.URL, "MAESTRO_TOKEN=" + s.info.APIToken}
	settings, err := json.Marshal(map[string]string{"file": s.file})
	if err != nil {
		t.Fatal(err)
	}
	var agent string
	eventually(t, "the agent has told of the plugin", 20*time.Second, func() bool {
		for _, p := range list[rest.Plugin](s.api, "/plugins") {
			if p.Provider == "roster" {
				agent = p.Agents[0].ID
			}
		}
		return agent != ""
	})
	s.call("POST", "/connections", rest.ConnectionWrite{Name: "roster", Provider: "roster", Agent: agent, Settings: settings}, &s.conn)
	return s
}

func (s *rosterSite) write(t *testing.T, names ...string) {
	t.Helper()
	if err := os.WriteFile(s.file, []byte(strings.Join(names, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read has the roster read now, and answers how the run went.
func (s *rosterSite) read() rest.Run {
	s.t.Helper()
	stdout, stderr, code := s.cli(s.env, "run", "roster", "--wait", "-o", "json")
	var run rest.Run
	if err := json.Unmarshal([]byte(stdout), &run); code != 0 || err != nil {
		s.t.Fatalf("run: exit code %d, %v:\n%s%s", code, err, stdout, stderr)
	}
	return run
}

// there are the active servers of the roster with their versions.
func (s *rosterSite) there() map[string]int {
	s.t.Helper()
	out := map[string]int{}
	for _, r := range list[resource](s.api, "/resources/server") {
		if strings.HasPrefix(r.Name, "roster-") && r.State == "active" {
			out[r.Name] = r.Version
		}
	}
	return out
}

func (s *rosterSite) want(names ...string) {
	s.t.Helper()
	got := s.there()
	for _, n := range names {
		if got[n] == 0 {
			s.t.Errorf("%s is missing among %v", n, got)
		}
	}
	if len(got) != len(names) {
		s.t.Errorf("there are %v, want %v", got, names)
	}
}

// A provider that answers every list in another order each time changes nothing: the run is unchanged by its root alone.
func TestShuffledListsChangeNothing(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("roster-%02d", i))
	}
	s := newRosterSite(t, names...)
	s.read()
	for range 5 {
		if run := s.read(); !run.Unchanged || run.Updated != 0 || run.State != "succeeded" {
			t.Fatalf("run %+v", run)
		}
	}
	s.want(names...)
	for name, version := range s.there() {
		if version != 1 {
			t.Errorf("%s is in version %d, though nothing changed", name, version)
		}
	}
	s.stop()
}

// copyTree copies what a disk image would have: files and folders.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil // sockets
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The data directory of a running agent is copied and a second agent started with it. Both are held, nothing they read is taken, and
// when a person has chosen one, life goes on with that one.
func TestACopiedAgentIsHeld(t *testing.T) {
	s := newRosterSite(t, "roster-a", "roster-b")
	s.read()
	clone := filepath.Join(s.data, "clone")
	copyTree(t, filepath.Join(s.data, "agent"), clone)
	config, err := os.ReadFile(filepath.Join(s.data, "agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.data, "clone.yaml")
	changed := strings.ReplaceAll(string(config), filepath.Join(s.data, "agent")+"\n", clone+"\n")
	if changed == string(config) {
		t.Fatalf("the agent's configuration does not name its data directory:\n%s", config)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(t, filepath.Join(s.work, "bin", "maestro-agent"), "serve", "--config", file)
	var held rest.Agent
	eventually(t, "the copies are held", 3*time.Minute, func() bool {
		held = list[rest.Agent](s.api, "/agents")[0]
		return held.Status == "held"
	})
	if stdout, stderr, code := s.cli(s.env, "agents", "release", held.ID); code != 0 || strings.Count(stdout, held.Hostname) < 2 || len(held.Hold.Copies) != 2 {
		t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	out, err := exec.Command(filepath.Join(s.work, "bin", "maestro-agent"), "status", "--config", file, "-o", "json").Output()
	var here struct{ Copy string }
	if err != nil || json.Unmarshal(out, &here) != nil || !slices.ContainsFunc(held.Hold.Copies, func(c rest.AgentCopy) bool { return c.ID == here.Copy }) {
		t.Fatalf("the copy calls itself %s (%v), the collector knows %+v", out, err, held.Hold.Copies)
	}
	s.write(t, "roster-a", "roster-c")
	s.call("POST", "/connections/"+s.conn.ID+"/runs", nil, nil)
	time.Sleep(10 * time.Second)
	s.want("roster-a", "roster-b")
	if stdout, stderr, code := s.cli(s.env, "agents", "release", held.ID, "--keep", here.Copy, "--reason", "the other is a test"); code != 0 {
		t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	eventually(t, "the one that is kept goes on", 4*time.Minute, func() bool {
		s.try("POST", "/connections/"+s.conn.ID+"/runs", nil)
		got := s.there()
		return got["roster-c"] > 0 && got["roster-b"] == 0
	})
	if now := list[rest.Agent](s.api, "/agents")[0]; now.Status == "held" || now.Hold != nil {
		t.Errorf("the agent is %s", now.Status)
	}
	second.end(t, syscall.SIGTERM)
	s.stop()
}

// A backup is restored under an agent that has gone on.
func TestABackupIsRestoredUnderAnAgent(t *testing.T) {
	s := newRosterSite(t, "roster-a", "roster-b")
	s.read()
	collector := func(args ...string) {
		t.Helper()
		p := start(t, filepath.Join(s.work, "bin", "maestro-collector"), append(args, "--config", filepath.Join(s.data, "collector.yaml"))...)
		<-p.done
		if p.code != 0 {
			t.Fatalf("maestro-collector %v ended with %d:\n%s", args, p.code, p.out)
		}
	}
	backup := filepath.Join(s.work, "backup.db")
	collector("backup", backup)
	s.write(t, "roster-b", "roster-c")
	s.read()
	s.want("roster-b", "roster-c")
	s.stop()
	collector("restore", backup)
	s.dev = startDev(t, s.work, 5)
	var entries []rest.AuditEntry
	eventually(t, "the rollback is in the audit trail", time.Minute, func() bool {
		entries = slices.DeleteFunc(list[rest.AuditEntry](s.api, "/audit"), func(e rest.AuditEntry) bool { return e.Action != "store.rolled_back" })
		return len(entries) > 0
	})
	if len(entries) != 1 || entries[0].Detail["compared_again"] == nil {
		t.Errorf("audit entries %+v", entries)
	}
	s.env = []string{"MAESTRO_URL=" + s.info.URL, "MAESTRO_TOKEN=" + s.info.APIToken}
	s.read()
	s.want("roster-b", "roster-c")
	if run := s.read(); !run.Unchanged {
		t.Errorf("then %+v", run)
	}
	s.stop()
}
