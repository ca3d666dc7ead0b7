//go:build e2e

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/internal/rest"
)

const chaosPhases = 5

// TestChaos changes a vCenter in steps. One site watches it in peace; another has its agent, collector and plugins killed with
// kill -9 at random moments, all under load. Both end with the same inventory and the same history.
func TestChaos(t *testing.T) {
	kills, seed := number(t, "MAESTRO_CHAOS_KILLS", 50), uint64(number(t, "MAESTRO_CHAOS_SEED", int(time.Now().UnixNano()%1_000_000)))
	t.Logf("MAESTRO_CHAOS_SEED=%d MAESTRO_CHAOS_KILLS=%d", seed, kills)
	peace := newPlant(t, "peace")
	war := newPlant(t, "war")
	r := rand.New(rand.NewPCG(seed, 1))
	for phase := range chaosPhases {
		peace.change(phase)
		peace.settle()
		war.change(phase)
		war.disturb(r, kills/chaosPhases)
		war.settle()
	}
	t.Logf("killed: %v", war.killed)
	for _, victim := range []string{"maestro-agent", "maestro-collector", "plugin"} {
		if kills >= 50 && war.killed[victim] == 0 {
			t.Errorf("no %s was killed", victim)
		}
	}
	compare(t, "inventory", peace.inventory(), war.inventory())
	compare(t, "relations", peace.relations(), war.relations())
	compare(t, "history", peace.history(), war.history())
	for _, p := range []*plant{peace, war} {
		p.wasNeverRolledBack()
	}
}

func number(t *testing.T, name string, def int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// compare names the first differences.
func compare(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare", what)
	}
	shown := 0
	for _, key := range keysOf(want, got) {
		if want[key] != got[key] && shown < 5 {
			shown++
			t.Errorf("%s of %s differs:\n undisturbed: %s\n disturbed:   %s", what, key, want[key], got[key])
		}
	}
}

func keysOf(maps ...map[string]string) []string {
	seen := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			seen[k] = true
		}
	}
	var out []string
	for k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// plant is a vCenter with a collector and an agent, each a process of its own under a supervisor: this test.
type plant struct {
	info
	t      *testing.T
	dir    string
	mu     sync.Mutex
	cmds   map[string]*exec.Cmd
	args   map[string][]string
	vc     struct{ URL, Username, Password, Thumbprint string }
	client *govmomi.Client
	doomed []*object.VirtualMachine
	conn   string
	killed map[string]int
}

// newPlant starts one. alter may change the daemons' arguments before they start.
func newPlant(t *testing.T, name string, alter ...func(args map[string][]string)) *plant {
	t.Helper()
	p := &plant{t: t, dir: filepath.Join(t.TempDir(), name), cmds: map[string]*exec.Cmd{}, args: map[string][]string{}, killed: map[string]int{}}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	human, machine := freeAddress(t), freeAddress(t)
	p.args["maestro-demo"] = []string{"--ready-file", p.path("demo.json"), "--state-dir", p.path("demo"), "--machines", "60"}
	p.args["maestro-collector"] = []string{"serve", "--data-dir", p.path("collector"), "--listen", human, "--agent-listen", machine, "--ready-file", p.path("collector.json")}
	p.args["maestro-agent"] = []string{"serve", "--data-dir", p.path("agent"), "--collector", machine, "--plugin-dir", binaries(t),
		"--credentials-file", p.path("credentials.yaml"), "--join-token-file", p.path("join-token"), "--name", name}
	for _, fn := range alter {
		fn(p.args)
	}
	p.start("maestro-demo")
	p.start("maestro-collector")
	p.await("demo.json", &p.vc)
	p.await("collector.json", &p.info)
	var admin struct{ Username, Password string }
	p.await("collector/initial-admin.json", &admin)
	p.Username, p.Password = admin.Username, admin.Password
	p.APIToken = p.token()
	p.credentials()
	p.doom()
	p.start("maestro-agent")
	p.connect()
	return p
}

func (p *plant) path(name string) string { return filepath.Join(p.dir, name) }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start begins a daemon, as a supervisor does when it has ended.
func (p *plant) start(name string) {
	p.t.Helper()
	log, err := os.OpenFile(p.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(binaries(p.t), name), p.args[name]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.cmds[name] = cmd
	p.mu.Unlock()
}

// kill ends a daemon that is alive; one that ended by itself has a fault of its own.
func (p *plant) kill(name string) {
	p.t.Helper()
	cmd := p.cmds[name]
	_ = cmd.Process.Kill() // how it ended says whether it came in time
	err := cmd.Wait()
	if how, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !how.Signaled() || how.Signal() != syscall.SIGKILL {
		p.t.Fatalf("%s was not alive when it was to be killed: %v", name, err)
	}
	p.start(name)
}

func (p *plant) end() {
	for _, cmd := range p.cmds {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for name, cmd := range p.cmds {
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-done
			p.t.Errorf("%s does not end", name)
		}
	}
	if p.t.Failed() {
		for name := range p.cmds {
			b, _ := os.ReadFile(p.path(name + ".log"))
			p.t.Logf("%s:\n%s", name, b[max(0, len(b)-3000):])
		}
	}
}

func (p *plant) await(file string, into any) {
	p.t.Helper()
	eventually(p.t, time.Minute, file+" is there", func() bool {
		b, err := os.ReadFile(p.path(file))
		return err == nil && json.Unmarshal(b, into) == nil
	})
}

// token signs in with the first password and makes an API token, through the command line.
func (p *plant) token() string {
	p.t.Helper()
	home := p.t.TempDir()
	cmd := exec.Command(filepath.Join(binaries(p.t), "maestro"), "login", p.URL, "--password-stdin")
	cmd.Env, cmd.Stdin = []string{"HOME=" + home}, strings.NewReader(p.Password+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("login: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(home, ".config/maestro/config.yaml"))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "token: ")
	token, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(token)
}

func (p *plant) credentials() {
	p.t.Helper()
	var token rest.JoinToken
	p.must(http.MethodPost, "/api/v1/join-tokens", rest.JoinTokenCreate{Name: "a", TTLSeconds: 600}, &token)
	file := fmt.Sprintf("credentials:\n  vc:\n    env:\n      VSPHERE_USERNAME: {value: %q}\n      VSPHERE_PASSWORD: {file: %q}\n", p.vc.Username, p.path("password"))
	for name, text := range map[string]string{"join-token": token.Token, "password": p.vc.Password, "credentials.yaml": file} {
		if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *plant) must(method, path string, body, into any) {
	p.t.Helper()
	if status, b, err := ask(p.t.Context(), p.info, method, path, nil, body, into); err != nil || status >= 300 {
		p.t.Fatalf("%s %s: %d %v %s", method, path, status, err, b)
	}
}

func (p *plant) connect() {
	p.t.Helper()
	var agent rest.Agent
	eventually(p.t, time.Minute, "the agent has told of its plugins", func() bool {
		list := all[rest.Agent](p.t, p.info, "/api/v1/agents", nil)
		if len(list) == 1 {
			agent = list[0]
		}
		return slices.ContainsFunc(agent.Plugins, func(x rest.AgentPlugin) bool { return x.Provider == "vsphere" })
	})
	settings, err := json.Marshal(map[string]string{"url": p.vc.URL, "thumbprint": p.vc.Thumbprint})
	if err != nil {
		p.t.Fatal(err)
	}
	write := rest.ConnectionWrite{Name: "vc", Provider: "vsphere", Agent: agent.ID, Settings: settings, Credential: "vc"}
	for _, kind := range []string{"server", "volume", "network", "cluster", "storage_pool"} {
		write.Kinds = append(write.Kinds, rest.KindScheduleWrite{Kind: kind, IntervalSeconds: 10})
	}
	var made rest.Connection
	p.must(http.MethodPost, "/api/v1/connections", write, &made)
	p.conn = made.ID
}

// machines are the references of all virtual machines, in the order in which they were made.
func (p *plant) machines() []types.ManagedObjectReference {
	p.t.Helper()
	ctx := p.t.Context()
	v, err := view.NewManager(p.client.Client).CreateContainerView(ctx, p.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		p.t.Fatal(err)
	}
	refs, err := v.Find(ctx, []string{"VirtualMachine"}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	slices.SortFunc(refs, func(x, y types.ManagedObjectReference) int { return strings.Compare(x.Value, y.Value) })
	return refs
}

// doom turns off, before anything is read, the machines that will be destroyed: turning one off later would be a change of its
// own, which a run may see or not.
func (p *plant) doom() {
	p.t.Helper()
	u, err := soap.ParseURL(p.vc.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	u.User = url.UserPassword(p.vc.Username, p.vc.Password)
	if p.client, err = govmomi.NewClient(p.t.Context(), u, true); err != nil {
		p.t.Fatal(err)
	}
	refs := p.machines()
	for phase := range chaosPhases {
		vm := object.NewVirtualMachine(p.client.Client, refs[phase*5])
		if task, err := vm.PowerOff(p.t.Context()); err == nil {
			_ = task.Wait(p.t.Context()) // it may be off already
		}
		p.doomed = append(p.doomed, vm)
	}
}

// change is a step of the story: some machines get more memory, one is destroyed.
func (p *plant) change(phase int) {
	p.t.Helper()
	if phase == 0 {
		return // the first thing to survive is the first sync
	}
	ctx := p.t.Context()
	for i, ref := range p.machines() {
		// One that goes in this very step is left alone: a run may see the change before it, or not.
		if i%7 != phase || ref == p.doomed[phase].Reference() {
			continue
		}
		task, err := object.NewVirtualMachine(p.client.Client, ref).Reconfigure(ctx, types.VirtualMachineConfigSpec{MemoryMB: int64(4096 * (phase + 1) * 3)})
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	task, err := p.doomed[phase].Destroy(ctx)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// disturb kills, and asks for runs all the while.
func (p *plant) disturb(r *rand.Rand, kills int) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			// What the collector cannot answer just now is asked again.
			_, _, _ = ask(ctx, p.info, http.MethodPost, "/api/v1/connections/"+p.conn+"/runs", nil, rest.RunRequest{}, nil)
			select {
			case <-ctx.Done():
			case <-time.After(700 * time.Millisecond):
			}
		}
	})
	for range kills {
		time.Sleep(time.Duration(200+r.IntN(1200)) * time.Millisecond)
		victim := []string{"maestro-agent", "maestro-collector", "plugin"}[r.IntN(3)]
		if victim == "plugin" {
			// A plugin lives for a second at a time: lie in wait for the next one.
			for try := 0; try < 300; try++ {
				if p.killPlugin(r) {
					p.killed["plugin"]++
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			continue
		}
		p.kill(victim)
		p.killed[victim]++
	}
	cancel()
	load.Wait()
}

// killPlugin kills one of the agent's children, if it has any.
func (p *plant) killPlugin(r *rand.Rand) bool {
	agent := strconv.Itoa(p.cmds["maestro-agent"].Process.Pid)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var children []int
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(after)
		if len(fields) > 1 && fields[1] == agent && fields[0] != "Z" { // the dead cannot be killed
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			children = append(children, pid)
		}
	}
	return len(children) > 0 && syscall.Kill(children[r.IntN(len(children))], syscall.SIGKILL) == nil
}

// settle waits until a run that began after all this has read everything.
func (p *plant) settle() {
	p.t.Helper()
	since := time.Now()
	eventually(p.t, 30*time.Second, "the collector answers", func() bool {
		status, _, err := ask(p.t.Context(), p.info, http.MethodPost, "/api/v1/connections/"+p.conn+"/runs", nil, rest.RunRequest{}, nil)
		return err == nil && status < 300
	})
	eventually(p.t, 90*time.Second, "a run has succeeded", func() bool {
		var page rest.List[rest.Run]
		status, _, err := ask(p.t.Context(), p.info, http.MethodGet, "/api/v1/runs", url.Values{"page_size": {"50"}}, nil, &page)
		if err != nil || status != http.StatusOK {
			return false
		}
		done := false
		for _, run := range page.Items {
			if run.State == "running" {
				return false
			}
			done = done || run.State == "succeeded" && run.StartedAt.After(since) && len(run.Kinds) == 5
		}
		return done
	})
}
