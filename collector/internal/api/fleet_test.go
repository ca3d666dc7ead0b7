package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// agent enrolls one with a join token made over the API and lets it report a plugin and a credential.
func (w *world) agent(name string) fleet.Known {
	w.t.Helper()
	token := documentOf[rest.JoinToken](w.ask(w.admin, "POST", "/api/v1/join-tokens", rest.JoinTokenCreate{Name: name, Site: "lab"}).is(201))
	until := time.Now().Add(time.Hour)
	k, err := w.fleet.Enroll(w.t.Context(), fleet.Join{Token: token.Token, KeyHash: sha256.Sum256([]byte(name)), Name: name},
		func(string, string) (time.Time, error) { return until, nil })
	must(w.t, err)
	desc, err := json.Marshal(provider.Description{Provider: "test", Version: "1.0", Title: "Test", Files: true, Kinds: []provider.KindSupport{{Kind: "server", Major: 1}, {Kind: "volume", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string","x-maestro-credential-target":true},"depth":{"type":"integer"},"password":{"type":"string","x-maestro-secret":true}},"required":["url"]}`)})
	must(w.t, err)
	sum := sha256.Sum256(desc)
	digest := hex.EncodeToString(sum[:])
	_, err = w.fleet.Greet(w.t.Context(), k, fleet.Greeting{Capability: 1, SpoolID: "spool-" + name, Plugins: []string{digest},
		Credentials: []rest.CredentialRef{{Name: "lab-reader"}}, Clock: time.Now(), Info: fleet.Info{Version: "1.2.3", OS: "linux", Arch: "amd64", Hostname: name}})
	must(w.t, err)
	must(w.t, w.fleet.Describe(w.t.Context(), k, digest, desc, ""))
	return k
}

func connectionOf(name string, agent string) rest.ConnectionWrite {
	return rest.ConnectionWrite{Name: name, Provider: "test", Agent: agent, Settings: json.RawMessage(`{"url":"https://lab.example"}`), Credential: "lab-reader"}
}

func TestAgentsAndTheirPlugins(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	agents := documentOf[rest.List[rest.Agent]](w.ask(w.reader, "GET", "/api/v1/agents?filter=status+%3D+online", nil).is(200))
	if len(agents.Items) != 1 || agents.Items[0].Name != "lab-1" || len(agents.Items[0].Plugins) != 1 || len(agents.Items[0].Credentials) != 1 {
		t.Fatalf("%+v", agents.Items)
	}
	p := documentOf[rest.Plugin](w.ask(w.reader, "GET", "/api/v1/plugins/test", nil).is(200))
	if p.Title != "Test" || len(p.Agents) != 1 || !strings.Contains(string(p.Settings), "x-maestro-secret") {
		t.Errorf("%+v", p)
	}
	w.ask(w.reader, "GET", "/api/v1/plugins/none", nil).problem(404)
	w.ask(w.stranger, "GET", "/api/v1/agents/"+k.ID, nil).problem(404)
	w.ask(w.stranger, "POST", "/api/v1/agents/"+k.ID+"/revoke", nil).problem(404)
	for _, path := range []string{"agents", "plugins", "connections", "datacenters", "join-tokens", "runs", "audit"} {
		var l rest.List[json.RawMessage]
		w.ask(w.stranger, "GET", "/api/v1/"+path, nil).is(200).decode(&l)
		for _, item := range l.Items {
			if strings.Contains(string(item), "lab") {
				t.Errorf("another tenant sees %s: %s", path, item)
			}
		}
	}
	a := documentOf[rest.Agent](w.ask(w.admin, "POST", "/api/v1/agents/"+k.ID+"/revoke", rest.Decision{Reason: "stolen"}).is(200))
	if a.Status != "revoked" {
		t.Errorf("%+v", a)
	}
}

func TestAnAdministratorAllowsARecovery(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	path := "/api/v1/agents/" + k.ID + "/recovery"
	w.ask(w.stranger, "POST", path, nil).problem(404)
	w.ask(w.reader, "POST", path, nil).problem(403)
	a := documentOf[rest.Agent](w.ask(w.admin, "POST", path, nil).is(200))
	if left := time.Until(a.RecoveryUntil); a.Recoveries != 1 || left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("by default: %d times for %s", a.Recoveries, left)
	}
	for _, bad := range []string{`{"count":-1}`, `{"count":101}`, `{"ttl_seconds":5}`, `{"ttl_seconds":2592001}`, `{"times":1}`} {
		w.ask(w.admin, "POST", path, bad).problem(422)
	}
	a = documentOf[rest.Agent](w.ask(w.admin, "POST", path, `{"count":3,"ttl_seconds":600,"reason":"back from repair"}`).is(200))
	if left := time.Until(a.RecoveryUntil); a.Recoveries != 3 || left > 10*time.Minute {
		t.Errorf("%d times for %s", a.Recoveries, left)
	}
	if got := w.ask(w.reader, "GET", "/api/v1/agents/"+k.ID, nil).is(200); !strings.Contains(string(got.body), `"recoveries":3`) {
		t.Errorf("it is not shown: %s", got.body)
	}
	a = documentOf[rest.Agent](w.ask(w.admin, "POST", path, `{"count":0}`).is(200))
	if a.Recoveries != 0 || !a.RecoveryUntil.IsZero() {
		t.Errorf("taken back, and yet %+v", a)
	}
	w.ask(w.admin, "POST", "/api/v1/agents/"+k.ID+"/revoke", nil).is(200)
	w.ask(w.admin, "POST", path, nil).problem(409)

	log := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action+%3D+agent.allow_recovery", nil).is(200))
	if len(log.Items) != 3 || log.Items[1].Reason != "back from repair" || log.Items[1].Actor != "token:admin" {
		t.Errorf("audited: %+v", log.Items)
	}
}

func TestJoinTokensAreShownOnce(t *testing.T) {
	w := newWorld(t)
	made := documentOf[rest.JoinToken](w.ask(w.admin, "POST", "/api/v1/join-tokens", rest.JoinTokenCreate{Name: "x"}).is(201))
	if !strings.HasPrefix(made.Token, "mjt_") || !strings.HasSuffix(made.Command, "--collector collector.example:7071") || strings.Contains(made.Command, "mjt_") {
		t.Errorf("%+v", made)
	}
	list := w.ask(w.admin, "GET", "/api/v1/join-tokens", nil).is(200)
	if strings.Contains(string(list.body), "mjt_") || !strings.Contains(string(list.body), made.ID) {
		t.Errorf("%s", list.body)
	}
	w.ask(w.admin, "DELETE", "/api/v1/join-tokens/"+made.ID, nil).is(204)
	w.ask(w.admin, "DELETE", "/api/v1/join-tokens/"+made.ID, nil).problem(404)
	w.ask(w.admin, "POST", "/api/v1/join-tokens", rest.JoinTokenCreate{TTLSeconds: 5}).problem(422)
	if strings.Contains(w.log.String(), made.Token) {
		t.Error("the token is in the log")
	}
}

func TestConnectionsAreEditedOnlyAtTheirCurrentVersion(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	made := w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("lab", k.ID)).is(201)
	c := documentOf[rest.Connection](made)
	if c.Health != "never" || c.Agent.Name != "lab-1" || len(c.Kinds) != 2 || !c.Kinds[0].Enabled || made.header.Get("ETag") != `"1"` {
		t.Errorf("%+v", c)
	}
	path := "/api/v1/connections/" + c.ID
	edit := connectionOf("lab two", k.ID)
	edit.Kinds = []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 600}}
	w.ask(w.admin, "PUT", path, edit).problem(428)
	if p := w.ask(w.admin, "PUT", path, edit, "If-Match", `"7"`).problem(412); p.CurrentVersion != 1 {
		t.Errorf("%+v", p)
	}
	w.ask(w.stranger, "PUT", path, edit, "If-Match", `"1"`).problem(404)
	edited := documentOf[rest.Connection](w.ask(w.admin, "PUT", path, edit, "If-Match", `"1"`).is(200))
	if edited.Name != "lab two" || edited.Version <= c.Version || edited.Epoch <= c.Epoch {
		t.Errorf("%+v", edited)
	}
	// A kind that is named is on, unless it says otherwise; one that is not is off.
	if on := edited.Kinds; len(on) != 2 || !on[0].Enabled || on[0].IntervalSeconds != 600 || on[1].Enabled {
		t.Errorf("of the kinds the server was named: %+v", on)
	}
	off := edit
	off.Kinds = []rest.KindScheduleWrite{{Kind: "server", Enabled: new(bool)}}
	edited = documentOf[rest.Connection](w.ask(w.admin, "PUT", path, off, "If-Match", strconv.Quote(strconv.FormatInt(edited.Version, 10))).is(200))
	if edited.Kinds[0].Enabled {
		t.Errorf("turned off it is %+v", edited.Kinds)
	}
	if p := w.ask(w.admin, "POST", path+"/runs", rest.RunRequest{}).problem(409); !strings.HasPrefix(p.Detail, "No kind of the connection is on") {
		t.Errorf("a run that would read nothing: %+v", p)
	}
	for name, tt := range map[string]struct {
		change   func(*rest.ConnectionWrite)
		location string
	}{
		"a secret":       {func(w *rest.ConnectionWrite) { w.Settings = json.RawMessage(`{"url":"x","password":"planted-secret"}`) }, "body.settings.password"},
		"wrong settings": {func(w *rest.ConnectionWrite) { w.Settings = json.RawMessage(`{"url":7}`) }, "body.settings"},
		"no such agent":  {func(w *rest.ConnectionWrite) { w.Agent = "none" }, "body.agent"},
		"no such plugin": {func(w *rest.ConnectionWrite) { w.Provider = "none" }, "body.provider"},
		"no such place":  {func(w *rest.ConnectionWrite) { w.Datacenter = "none" }, "body.datacenter"},
		"no credential":  {func(w *rest.ConnectionWrite) { w.Credential = "none" }, "body.credential"},
		"a taken name":   {func(w *rest.ConnectionWrite) { w.Name = "lab two" }, "body.name"},
		"a foreign kind": {func(w *rest.ConnectionWrite) { w.Kinds = []rest.KindScheduleWrite{{Kind: "network"}} }, "body.kinds.0"},
	} {
		bad := connectionOf("other", k.ID)
		tt.change(&bad)
		p := w.ask(w.admin, "POST", "/api/v1/connections", bad).problem(422)
		if len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Location, tt.location) || strings.Contains(p.Detail, "planted-secret") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	w.ask(w.admin, "DELETE", path, nil).is(204)
	w.ask(w.admin, "GET", path, nil).problem(404)
	if strings.Contains(w.log.String(), "planted-secret") {
		t.Error("a secret setting is in the log")
	}
}

func TestARunIsQueuedAndACheckWaitsForTheAgent(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	c := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("lab", k.ID)).is(201))
	path := "/api/v1/connections/" + c.ID
	w.ask(w.admin, "POST", path+"/runs", rest.RunRequest{Kinds: []string{"network"}}).problem(422)
	run := documentOf[rest.Run](w.ask(w.admin, "POST", path+"/runs", nil).is(202))
	if run.State != "queued" || run.Trigger != "token:admin" || run.Connection.Name != "lab" {
		t.Errorf("%+v", run)
	}
	if got := documentOf[rest.Connection](w.ask(w.reader, "GET", path, nil).is(200)); got.LastRun == nil || got.LastRun.ID != run.ID || got.Health != "never" {
		t.Errorf("%+v", got)
	}

	answered := make(chan error, 1)
	go func() {
		for {
			due, err := w.fleet.Due(t.Context(), k)
			if err != nil {
				answered <- err
				return
			}
			for _, cmd := range due {
				if cmd.Type == fleet.CommandCheck {
					answered <- w.fleet.Answered(t.Context(), k, cmd.ID, true, "", []byte(`{"items":[{"kind":"server","name":"list","ok":true}]}`))
					return
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	result := documentOf[rest.CheckResult](w.ask(w.admin, "POST", path+"/check", nil).is(200))
	must(t, <-answered)
	if result.State != "done" || len(result.Report.Items) != 1 || !result.Report.Items[0].OK {
		t.Errorf("%+v", result)
	}
	w.ask(w.stranger, "POST", path+"/runs", nil).problem(404)
	w.ask(w.stranger, "POST", path+"/resend", nil).problem(404)
	w.ask(w.stranger, "POST", "/api/v1/runs/"+run.ID+"/cancel", nil).problem(404)
	w.ask(w.reader, "POST", "/api/v1/runs/"+run.ID+"/cancel", nil).problem(403)
	if got := documentOf[rest.Connection](w.ask(w.admin, "POST", path+"/resend", rest.Decision{Reason: "odd"}).is(202)); got.ID != c.ID {
		t.Errorf("resend: %+v", got)
	}
	// The agent has taken the run, so the agent ends it.
	if got := documentOf[rest.Run](w.ask(w.admin, "POST", "/api/v1/runs/"+run.ID+"/cancel", nil).is(202)); got.State != "queued" {
		t.Errorf("cancel: %+v", got)
	}
	due, err := w.fleet.Due(t.Context(), k)
	must(t, err)
	for _, cmd := range due {
		must(t, w.fleet.Answered(t.Context(), k, cmd.ID, true, "", nil))
	}
	if got := documentOf[rest.Run](w.ask(w.reader, "GET", "/api/v1/runs/"+run.ID, nil).is(200)); got.State != "canceled" || got.Error != "canceled on request" {
		t.Errorf("canceled: %+v", got)
	}
	w.ask(w.admin, "POST", "/api/v1/runs/"+run.ID+"/cancel", nil).problem(409)
	w.ask(w.stranger, "POST", path+"/check", nil).problem(404)
	audit := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?"+url.Values{"filter": {`object = "` + c.ID + `"`}}.Encode(), nil).is(200))
	var actions []string
	for _, e := range audit.Items {
		actions = append(actions, e.Action)
	}
	if got := strings.Join(actions, " "); got != "connection.resend connection.check run.request connection.create" {
		t.Errorf("audited: %s", got)
	}
}

func TestDatacenters(t *testing.T) {
	w := newWorld(t)
	made := w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "Frankfurt", Regions: []string{"eu"}}).is(201)
	d := documentOf[rest.Datacenter](made)
	path := "/api/v1/datacenters/" + d.ID
	w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "Frankfurt"}).problem(422)
	w.ask(w.admin, "PUT", path, rest.DatacenterWrite{Name: "FRA"}).problem(428)
	w.ask(w.admin, "PUT", path, rest.DatacenterWrite{Name: "FRA"}, "If-Match", `"9"`).problem(412)
	if got := documentOf[rest.Datacenter](w.ask(w.admin, "PUT", path, rest.DatacenterWrite{Name: "FRA"}, "If-Match", made.header.Get("ETag")).is(200)); got.Name != "FRA" || got.Version != 2 {
		t.Errorf("%+v", got)
	}
	w.ask(w.stranger, "GET", path, nil).problem(404)
	w.ask(w.stranger, "DELETE", path, nil).problem(404)

	k := w.agent("lab-1")
	use := connectionOf("lab", k.ID)
	use.Datacenter = d.ID
	c := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", use).is(201))
	if c.Datacenter == nil || c.Datacenter.Name != "FRA" {
		t.Errorf("%+v", c)
	}
	w.ask(w.admin, "DELETE", path, nil).problem(409)
	src := w.source("lab")
	src.connection.ID, src.connection.Datacenter = c.ID, d.ID
	src.sync("server", server(id12(1), "web-1", 1))
	if got := documentOf[rest.Datacenter](w.ask(w.reader, "GET", path, nil).is(200)); got.Counts["server"] != 1 {
		t.Errorf("%+v", got)
	}
	if r := w.first("server"); r.Datacenter == nil || r.Datacenter.Name != "FRA" {
		t.Errorf("%+v", r.Datacenter)
	}
	if got := documentOf[rest.Connection](w.ask(w.reader, "GET", "/api/v1/connections/"+c.ID, nil).is(200)); got.Health != "ok" || got.LastRun.State != "succeeded" {
		t.Errorf("%+v", got)
	}
	sum := documentOf[rest.Summary](w.ask(w.reader, "GET", "/api/v1/summary", nil).is(200))
	if sum.Connections != 1 || sum.Agents != 1 || sum.AgentsOn != 1 {
		t.Errorf("%+v", sum)
	}
	w.ask(w.admin, "DELETE", "/api/v1/connections/"+c.ID, nil).is(204)
	w.ask(w.admin, "DELETE", path, nil).is(204)
}
