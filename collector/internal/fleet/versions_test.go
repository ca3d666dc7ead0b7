package fleet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// equipped is an agent that has versions of the plugin, the one that it prefers first.
func (w *world) equipped(key string, capability int, versions ...string) fleet.Known {
	w.t.Helper()
	k, err := w.join(w.token(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	var digests []string
	descriptions := map[string][]byte{}
	for _, v := range versions {
		desc, err := json.Marshal(provider.Description{Provider: "toy", Version: v, Title: "Toy " + v, Kinds: []provider.KindSupport{{Kind: "server", Major: 1}},
			Settings: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"}}}`)})
		if err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256(desc)
		digests = append(digests, hex.EncodeToString(sum[:]))
		descriptions[digests[len(digests)-1]] = desc
	}
	want, err := w.Greet(w.t.Context(), k, fleet.Greeting{SpoolID: "spool-" + key, Plugins: digests, Clock: w.now, Capability: capability})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range want {
		if err := w.Describe(w.t.Context(), k, d, descriptions[d], ""); err != nil {
			w.t.Fatal(err)
		}
	}
	return k
}

// told is the version that an agent is told to run.
func (w *world) told(k fleet.Known) string {
	w.t.Helper()
	list, err := w.Assignments(w.t.Context(), k)
	if err != nil || len(list) == 0 {
		w.t.Fatalf("assignments: %v, %v", list, err)
	}
	return list[0].PluginVersion
}

func (w *world) pin(group, version string) (rest.PluginVersions, error) {
	return w.Pin(w.t.Context(), admin, rest.PluginPin{Provider: "toy", Group: group, Version: version})
}

func (w *world) versions(group string) rest.PluginVersions {
	w.t.Helper()
	list, err := w.PluginVersions(w.t.Context(), admin)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range list {
		if v.Group == group && v.Provider == "toy" {
			return v
		}
	}
	w.t.Fatalf("there is no %q in %+v", group, list)
	return rest.PluginVersions{}
}

func TestVersionsArePinnedByGroup(t *testing.T) {
	w := newWorld(t)
	a, b := w.equipped("a", protocol.Capability, "1.0", "2.0"), w.equipped("b", protocol.Capability, "1.0", "2.0")
	old, poor := w.equipped("old", protocol.CapabilityVersions-1, "1.0", "2.0"), w.equipped("poor", protocol.Capability, "1.0")
	for i, k := range []fleet.Known{a, b, old, poor} {
		w.connect(k, fmt.Sprint("toy-", i))
	}
	if got := w.told(a); got != "" {
		t.Errorf("without a pin: %q", got)
	}
	if x, err := w.GroupAgent(t.Context(), admin, b.ID, " edge "); err != nil || x.Group != "edge" {
		t.Fatal(x.Group, err)
	}
	if _, err := w.pin("", "2.0"); err != nil {
		t.Fatal(err)
	}
	if a, b, o, p := w.told(a), w.told(b), w.told(old), w.told(poor); a != "2.0" || b != "2.0" || o != "" || p != "" {
		t.Errorf("all are pinned to 2.0, and are told %q %q, too old %q, without the file %q", a, b, o, p)
	}
	v := w.versions("")
	if len(v.Lacking) != 2 || v.Pinned != "2.0" || len(v.Versions) != 2 || len(v.Versions[0].Running) != 2 || len(v.Versions[1].Running) != 1 || len(v.Versions[1].Agents) != 2 {
		t.Errorf("the matrix: %+v", v)
	}
	if _, err := w.pin("edge", "1.0"); err != nil {
		t.Fatal(err)
	}
	if a, b := w.told(a), w.told(b); a != "2.0" || b != "1.0" {
		t.Errorf("a group of its own: %q %q", a, b)
	}
	var invalid *inventory.InvalidError
	if _, err := w.pin("edge", "9.9"); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "there is 1.0, 2.0") {
		t.Errorf("a version that nobody has: %v", err)
	}
	// Back, and back again is not there.
	edge := rest.PluginDecision{Provider: "toy", Group: "edge"}
	if _, err := w.Rollback(t.Context(), admin, edge); err != nil {
		t.Fatal(err)
	}
	if got := w.told(b); got != "" {
		t.Errorf("rolled back to no pin of its own: %q", got)
	}
	var conflict *inventory.ConflictError
	if _, err := w.Rollback(t.Context(), admin, edge); !errors.As(err, &conflict) {
		t.Errorf("back twice: %v", err)
	}
	if list, err := w.PluginVersions(t.Context(), inventory.Caller{Tenant: "default", Name: "user:bob"}); err != nil || len(list) != 0 {
		t.Errorf("who may not read the tenant sees %v, %v", list, err)
	}
	if w.audited("plugin.pin", "ok") != 2 || w.audited("plugin.rollback", "ok") != 1 || w.audited("agent.group", "ok") != 1 {
		t.Error("it is not audited")
	}
	if d, err := w.SettingsOf(t, b); err != nil || d != "Toy 1.0" {
		t.Errorf("the form is that of %q, %v", d, err)
	}
	if _, err := w.pin("edge", "2.0"); err != nil {
		t.Fatal(err)
	}
	if d, err := w.SettingsOf(t, b); err != nil || d != "Toy 2.0" {
		t.Errorf("pinned to 2.0 the form is that of %q, %v", d, err)
	}
}

// SettingsOf says by whose description a connection of an agent is checked: what the plugin says of a setting that it cannot be asked.
func (w *world) SettingsOf(t *testing.T, k fleet.Known) (string, error) {
	t.Helper()
	got, err := w.Choices(t.Context(), admin, "toy", rest.ChoicesRequest{Agent: k.ID, Setting: "/url"}, 0)
	text := strings.TrimPrefix(got.Error, "The plugin ")
	return strings.Join(strings.Fields(text)[:2], " "), err
}

// ran records a run of an agent with a version of the plugin that found so many servers in each of two halves.
func (w *world) ran(k fleet.Known, conn rest.Connection, version string, status resource.Status, servers int) {
	w.t.Helper()
	ctx := w.t.Context()
	w.runs++
	w.now = w.now.Add(time.Minute)
	run, v, reason, err := w.inventory.OpenRun(ctx, inventory.RunStart{Tenant: "default", RunID: uuid.NewString(), Epoch: conn.Epoch, Generation: w.runs, Trigger: "schedule",
		Connection: inventory.Connection{ID: conn.ID, Name: conn.Name, Provider: "toy", AgentID: k.ID, Precedence: conn.CreatedAt.UnixMicro()},
		Kinds:      []string{"server"}, StartedAt: w.now, Scopes: 1, PluginVersion: version})
	if err != nil || v != inventory.Send {
		w.t.Fatalf("open run: %s %s %v", v, reason, err)
	}
	if err := run.Plan(ctx, []resource.Scope{{Kind: "server"}}, true, nil); err != nil {
		w.t.Fatal(err)
	}
	w.read(ctx, run, status, servers)
	if _, _, err := run.Close(ctx, inventory.RunEnd{FinishedAt: w.now}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(ctx context.Context, run *inventory.Run, status resource.Status, servers int) {
	w.t.Helper()
	var items []inventory.Item
	var rows []inventory.Row
	var digest resource.Digest
	for i := range servers {
		id := fmt.Sprintf("vm-%03d", i)
		b, err := resource.Canonical(resource.Envelope{Kind: "server", Major: 1, ExternalID: id, Name: id, Attributes: []byte(`{}`)})
		if err != nil {
			w.t.Fatal(err)
		}
		h := resource.HashOf(b)
		digest.AddRow(id, h)
		items, rows = append(items, inventory.Item{Canonical: b, Hash: h.Bytes()}), append(rows, inventory.Row{Key: id, Hash: h.Bytes()})
	}
	v, reason, err := run.OpenCapture(ctx, inventory.Capture{Digest: digest, HashFormat: 1, ReadAt: w.now, Outcome: resource.Outcome{Status: status, Listed: servers, Error: "toy"}})
	if err != nil {
		w.t.Fatal(err)
	}
	seq := int64(0)
	apply := func(b inventory.Batch) inventory.BatchResult {
		seq++
		b.Seq = seq
		res, err := run.Apply(ctx, b)
		if err != nil {
			w.t.Fatal(err)
		}
		return res
	}
	switch v {
	case inventory.Done:
		return
	case inventory.List:
		if apply(inventory.Batch{List: rows, Last: true}).Verdict == inventory.Done {
			return
		}
	case inventory.Send:
	default:
		w.t.Fatalf("open capture: %s %s", v, reason)
	}
	if res := apply(inventory.Batch{Upserts: items, Last: true}); res.Verdict != inventory.Done {
		w.t.Fatalf("apply: %+v", res)
	}
}

// rollout is two agents with 1.0 pinned and 2.0 being rolled out, the first of them its canary.
func (w *world) rollout() (canary, other fleet.Known, conn rest.Connection) {
	w.t.Helper()
	canary, other = w.equipped("canary", protocol.Capability, "1.0", "2.0"), w.equipped("other", protocol.Capability, "1.0", "2.0")
	conn = w.connect(canary, "toy-canary")
	w.connect(other, "toy-other")
	if _, err := w.pin("", "1.0"); err != nil {
		w.t.Fatal(err)
	}
	w.ran(canary, conn, "1.0", resource.StatusComplete, 5)
	w.now = w.now.Add(time.Minute)
	v, err := w.Rollout(w.t.Context(), admin, rest.PluginRolloutWrite{Provider: "toy", Version: "2.0", Canaries: []string{canary.ID}, Runs: 2})
	if err != nil || v.Rollout == nil || v.Rollout.State != "canary" {
		w.t.Fatalf("%+v, %v", v, err)
	}
	if a, b := w.told(canary), w.told(other); a != "2.0" || b != "1.0" {
		w.t.Fatalf("the canary is told %q, the other %q", a, b)
	}
	return canary, other, conn
}

func (w *world) swept() *rest.PluginRollout {
	w.t.Helper()
	w.now = w.now.Add(time.Minute)
	if err := w.Sweep(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
	return w.versions("").Rollout
}

func TestARolloutGoesOnWhereItsCanariesDoWell(t *testing.T) {
	w := newWorld(t)
	canary, other, conn := w.rollout()
	w.ran(canary, conn, "1.0", resource.StatusFailed, 0) // what went on with the version before says nothing
	w.ran(canary, conn, "2.0", resource.StatusComplete, 5)
	w.ran(canary, conn, "2.0", resource.StatusUnreachable, 0) // nor does what is the provider's doing
	if r := w.swept(); r.State != "canary" || r.Good != 1 || w.told(other) != "1.0" {
		t.Fatalf("after one of two runs: %+v", r)
	}
	var conflict *inventory.ConflictError
	if _, err := w.pin("", "2.0"); !errors.As(err, &conflict) {
		t.Errorf("a pin beside a rollout: %v", err)
	}
	// Paused, it waits whatever happens.
	all := rest.PluginDecision{Provider: "toy"}
	if _, err := w.PauseRollout(t.Context(), admin, all); err != nil {
		t.Fatal(err)
	}
	w.ran(canary, conn, "2.0", resource.StatusComplete, 6)
	if r := w.swept(); r.State != "paused" || w.told(canary) != "2.0" || w.told(other) != "1.0" {
		t.Fatalf("paused: %+v", r)
	}
	if _, err := w.ResumeRollout(t.Context(), admin, all); err != nil {
		t.Fatal(err)
	}
	if r := w.swept(); r.State != "done" || w.told(other) != "2.0" || w.versions("").Previous != "1.0" {
		t.Fatalf("after two: %+v", r)
	}
	if w.swept(); w.audited("plugin.rollout_done", "ok") != 1 {
		t.Error("its end is not audited once")
	}
	if _, err := w.Rollback(t.Context(), admin, all); err != nil || w.told(other) != "1.0" {
		t.Errorf("rolled back by a person: %q, %v", w.told(other), err)
	}
}

// What runs everywhere needs no canary: that is said, and nothing begins.
func TestNothingIsRolledOutThatRunsEverywhere(t *testing.T) {
	w := newWorld(t)
	canary, _, _ := w.rollout()
	all := rest.PluginDecision{Provider: "toy"}
	if _, err := w.Rollback(t.Context(), admin, all); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pin("", ""); err != nil {
		t.Fatal(err)
	}
	running, other := "", ""
	for _, v := range w.versions("").Versions {
		if len(v.Running) == 2 {
			running = v.Version
		} else {
			other = v.Version
		}
	}
	if running == "" || other == "" {
		t.Fatalf("%+v", w.versions(""))
	}
	var conflict *inventory.ConflictError
	_, err := w.Rollout(t.Context(), admin, rest.PluginRolloutWrite{Provider: "toy", Version: running, Canaries: []string{canary.ID}})
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Problem, "runs toy "+running+" already") || w.versions("").Rollout != nil && w.versions("").Rollout.State == "canary" {
		t.Errorf("every agent runs %s: %v", running, err)
	}
	if _, err := w.Rollout(t.Context(), admin, rest.PluginRolloutWrite{Provider: "toy", Version: other, Canaries: []string{canary.ID}}); err != nil {
		t.Errorf("one that nobody runs: %v", err)
	}
}

func TestARolloutComesBackByItself(t *testing.T) {
	tests := []struct {
		name, version string
		status        resource.Status
		servers       int
		reason        string
	}{
		{"a run fails", "2.0", resource.StatusFailed, 0, "failed"},
		{"a run breaks before it says its version", "", resource.StatusFailed, 0, "failed"},
		{"a kind is read as empty", "2.0", resource.StatusComplete, 0, "found no server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			canary, other, conn := w.rollout()
			w.ran(canary, conn, "2.0", resource.StatusComplete, 5)
			w.ran(canary, conn, tt.version, tt.status, tt.servers)
			r := w.swept()
			if r.State != "rolled_back" || !strings.Contains(r.Reason, tt.reason) || r.RunID == "" {
				t.Fatalf("%+v", r)
			}
			if a, b := w.told(canary), w.told(other); a != "1.0" || b != "1.0" {
				t.Errorf("the canary is told %q, the other %q", a, b)
			}
			if w.swept(); w.audited("plugin.rollback", "failed") != 1 {
				t.Error("it is not audited once")
			}
		})
	}
	t.Run("a removal is held", func(t *testing.T) {
		w := newWorld(t)
		canary, _, conn := w.rollout()
		w.ran(canary, conn, "2.0", resource.StatusComplete, 60)
		w.ran(canary, conn, "2.0", resource.StatusComplete, 3)
		if r := w.swept(); r.State != "rolled_back" || !strings.Contains(r.Reason, "held") {
			t.Fatalf("%+v", r)
		}
	})
	t.Run("nothing would show it", func(t *testing.T) {
		w := newWorld(t)
		idle := w.equipped("idle", protocol.Capability, "1.0", "2.0")
		var invalid *inventory.InvalidError
		if _, err := w.Rollout(t.Context(), admin, rest.PluginRolloutWrite{Provider: "toy", Version: "2.0"}); !errors.As(err, &invalid) {
			t.Errorf("without a connection: %v", err)
		}
		if _, err := w.Rollout(t.Context(), admin, rest.PluginRolloutWrite{Provider: "toy", Version: "2.0", Canaries: []string{idle.ID}}); !errors.As(err, &invalid) {
			t.Errorf("a canary without a connection: %v", err)
		}
	})
}
