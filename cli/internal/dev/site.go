package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// demoReady is what maestro-demo writes when it is ready.
type demoReady struct {
	URL        string `json:"url"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Thumbprint string `json:"thumbprint"`
}

// collectorReady is what maestro-collector writes when it is ready.
type collectorReady struct {
	URL          string `json:"url"`
	AgentAddress string `json:"agent_address"`
}

func (s *site) startDemo() error {
	ready := s.path("demo-ready.json")
	if err := forget(ready); err != nil {
		return err
	}
	args := []string{"--ready-file", ready, "--state-dir", s.path("demo"), "--churn"}
	if s.opt.Machines > 0 {
		args = append(args, "--machines", strconv.Itoa(s.opt.Machines))
	}
	return s.procs.start("maestro-demo", nil, args...)
}

// startCollector gives it a configuration file like an operator's.
func (s *site) startCollector(ctx context.Context) error {
	ready := s.path("collector-ready.json")
	if err := forget(ready); err != nil {
		return err
	}
	config := map[string]any{
		"data_dir": s.path("collector"), "listen": s.opt.Listen, "agent_listen": s.agentListen(), "ready_file": ready,
		"auto_approve_kinds": true, "demo": s.opt.Demo,
		"notifications": map[string]any{"lag": "10s"}, // on one machine everything is written at once
	}
	if err := writeYAML(s.path("collector.yaml"), config); err != nil {
		return err
	}
	if err := s.procs.start("maestro-collector", nil, "serve", "--config", s.path("collector.yaml")); err != nil {
		return err
	}
	var r collectorReady
	if err := s.procs.await(ctx, "maestro-collector", ready, time.Minute, &r); err != nil {
		return err
	}
	s.info.URL, s.agents = r.URL, r.AgentAddress
	return nil
}

// agentListen keeps the port of the start before, since the agent has remembered it.
func (s *site) agentListen() string {
	var r collectorReady
	if err := readJSON(s.path("agent-address.json"), &r); err == nil && r.AgentAddress != "" {
		return r.AgentAddress
	}
	return "127.0.0.1:0"
}

// signIn makes sure of an API token: the one of the start before, or a new one made with the first password.
func (s *site) signIn(ctx context.Context) error {
	if err := writePrivate(s.path("agent-address.json"), collectorReady{AgentAddress: s.agents}); err != nil {
		return err
	}
	var admin struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := readJSON(s.path("collector/initial-admin.json"), &admin); err != nil {
		return fmt.Errorf("read the first administrator's password: %w; remove %s to begin anew", err, s.opt.DataDir)
	}
	s.info.Username, s.info.Password = admin.Username, admin.Password
	var before Info
	if err := readJSON(s.path("dev.json"), &before); err == nil && before.APIToken != "" {
		api, err := client.New(s.info.URL, client.Secret(before.APIToken), http.DefaultTransport)
		if err != nil {
			return err
		}
		if _, err := client.Get[rest.Session](ctx, api, "/session", nil); err == nil {
			s.api, s.info.APIToken = api, before.APIToken
			return nil
		}
	}
	token, err := client.SignIn(ctx, s.info.URL, client.Credentials{Username: admin.Username, Password: admin.Password}, rest.TokenCreate{Name: "maestro dev", Role: "admin"}, http.DefaultTransport)
	if err != nil {
		return err
	}
	s.info.APIToken = token
	s.api, err = client.New(s.info.URL, client.Secret(token), http.DefaultTransport)
	return err
}

// startAgent lets the agent in at its first start, and waits until it is connected.
func (s *site) startAgent(ctx context.Context) (string, error) {
	known, err := client.All[rest.Agent](ctx, s.api, "/agents", nil, 0)
	if err != nil {
		return "", err
	}
	plugins, err := s.pluginDir()
	if err != nil {
		return "", err
	}
	config := map[string]any{
		"data_dir": s.path("agent"), "collector": s.agents, "name": "dev", "site": "dev", "plugin_dir": plugins,
		"credentials_file": s.path("credentials.yaml"),
	}
	if len(known.Items) == 0 {
		if err := s.newAgent(ctx, config); err != nil {
			return "", err
		}
	}
	if err := s.writeCredentials(); err != nil {
		return "", err
	}
	if err := writeYAML(s.path("agent.yaml"), config); err != nil {
		return "", err
	}
	if err := s.procs.start("maestro-agent", nil, "serve", "--config", s.path("agent.yaml")); err != nil {
		return "", err
	}
	return s.awaitAgent(ctx)
}

func (s *site) newAgent(ctx context.Context, config map[string]any) error {
	// An agent's folder without its agent is left over from an unfinished start.
	if err := os.RemoveAll(s.path("agent")); err != nil {
		return fmt.Errorf("clear agent folder: %w", err)
	}
	var token rest.JoinToken
	req := client.Request{Method: http.MethodPost, Path: "/join-tokens", Body: rest.JoinTokenCreate{Name: "dev", Site: "dev", TTLSeconds: 600}}
	if err := s.api.Do(ctx, req, &token); err != nil {
		return fmt.Errorf("make join token: %w", err)
	}
	if err := os.WriteFile(s.path("join-token"), []byte(token.Token), 0o600); err != nil {
		return fmt.Errorf("write join token: %w", err)
	}
	config["join_token_file"] = s.path("join-token")
	return nil
}

func (s *site) awaitAgent(ctx context.Context) (string, error) {
	var id string
	err := s.poll(ctx, "the agent to connect", time.Minute, func() (bool, error) {
		list, err := client.All[rest.Agent](ctx, s.api, "/agents", nil, 0)
		if err != nil {
			return false, err
		}
		plugins, err := client.All[rest.Plugin](ctx, s.api, "/plugins", nil, 0)
		if err != nil {
			return false, err
		}
		for _, a := range list.Items {
			if a.Status == "online" && s.reported(plugins.Items) {
				id = a.ID
			}
		}
		return id != "", nil
	})
	return id, err
}

// reported says whether the plugins that are needed are known to the collector.
func (s *site) reported(plugins []rest.Plugin) bool {
	want := []string{"host"}
	if s.opt.Demo {
		want = append(want, "vsphere")
	}
	for _, provider := range want {
		if !slices.ContainsFunc(plugins, func(p rest.Plugin) bool { return p.Provider == provider }) {
			return false
		}
	}
	return true
}

// discover makes sure of the connections and waits for the first run of each.
func (s *site) discover(ctx context.Context, agentID string) error {
	want := []rest.ConnectionWrite{{Name: "this machine", Provider: "host", Agent: agentID, Settings: json.RawMessage(`{}`)}}
	if s.opt.Demo {
		settings, err := json.Marshal(map[string]any{"url": s.demo.URL, "thumbprint": s.demo.Thumbprint})
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		want = append(want, rest.ConnectionWrite{Name: "demo vCenter", Provider: "vsphere", Agent: agentID, Settings: settings, Credential: demoCredential})
	}
	have, err := client.All[rest.Connection](ctx, s.api, "/connections", nil, 0)
	if err != nil {
		return err
	}
	for _, w := range want {
		if err := s.connect(ctx, w, have.Items); err != nil {
			return err
		}
	}
	return s.awaitRuns(ctx)
}

func (s *site) connect(ctx context.Context, w rest.ConnectionWrite, have []rest.Connection) error {
	for _, c := range have {
		if c.Name == w.Name {
			return s.readNow(ctx, c)
		}
	}
	dc := rest.Datacenter{}
	req := client.Request{Method: http.MethodPost, Path: "/datacenters", Body: rest.DatacenterWrite{Name: w.Name, Provider: w.Provider}}
	if err := s.api.Do(ctx, req, &dc); err != nil {
		return fmt.Errorf("make datacenter %s: %w", w.Name, err)
	}
	w.Datacenter = dc.ID
	if err := s.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/connections", Body: w}, nil); err != nil {
		return fmt.Errorf("make connection %s: %w", w.Name, err)
	}
	s.say("Reading %s ...", w.Name) // an agent reads a new connection at once
	return nil
}

func (s *site) readNow(ctx context.Context, c rest.Connection) error {
	if c.Paused {
		return nil
	}
	req := client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(c.ID) + "/runs", Body: rest.RunRequest{}}
	if err := s.api.Do(ctx, req, nil); err != nil && !client.IsStatus(err, http.StatusConflict) {
		return fmt.Errorf("ask for a run of %s: %w", c.Name, err)
	}
	return nil
}

// awaitRuns shows the progress of the first runs until each has ended.
func (s *site) awaitRuns(ctx context.Context) error {
	last := ""
	return s.poll(ctx, "the first runs", 5*time.Minute, func() (bool, error) {
		list, err := client.All[rest.Connection](ctx, s.api, "/connections", nil, 0)
		if err != nil {
			return false, err
		}
		done, line := true, []string{}
		for _, c := range list.Items {
			if c.Paused {
				continue
			}
			r := c.LastRun
			if r == nil || r.State == "queued" || r.State == "running" {
				done = false
			}
			if r != nil && r.State == "running" {
				line = append(line, fmt.Sprintf("%s: %d of %d scopes, %d found", output.Clean(c.Name), r.ScopesDone, r.ScopesTotal, r.Listed))
			}
		}
		if text := strings.Join(line, "; "); text != "" && text != last {
			last = text
			s.say("  %s", text)
		}
		return done, nil
	})
}

// report prints where to look and what is there.
func (s *site) report(ctx context.Context) error {
	sum, err := client.Get[rest.Summary](ctx, s.api, "/summary", nil)
	if err != nil {
		return err
	}
	s.say("\n%-24s %8s", "KIND", "COUNT")
	for _, k := range sum.Kinds {
		if k.Active > 0 {
			s.say("%-24s %8d", output.Clean(k.Kind), k.Active)
		}
	}
	conns, err := client.All[rest.Connection](ctx, s.api, "/connections", nil, 0)
	if err != nil {
		return err
	}
	for _, c := range conns.Items {
		if c.LastRun != nil && c.LastRun.State != "succeeded" {
			s.say("%s: the last run %s %s", output.Clean(c.Name), c.LastRun.State, output.Clean(c.LastRun.Error))
		}
	}
	s.say("\nMaestro is ready:  %s", s.info.URL)
	s.say("Sign in as         %s", s.info.Username)
	s.say("with the password  %s", s.info.Password)
	s.say("\nAll of it and an API token are in %s. Ctrl-C ends it; the data stays.", s.path("dev.json"))
	return nil
}

// poll asks until the answer is yes. An answer "unavailable" while things start is not the end.
func (s *site) poll(ctx context.Context, what string, limit time.Duration, ask func() (bool, error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask()
		if yes {
			return nil
		}
		if err != nil && !client.IsStatus(err, http.StatusServiceUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.procs.ended:
			return err
		case <-deadline.C:
			return fmt.Errorf("wait for %s: not there after %s; the logs are in %s", what, limit, s.path("log"))
		case <-tick.C:
		}
	}
}

func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

func writeYAML(path string, v any) error {
	b, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
