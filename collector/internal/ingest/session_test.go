package ingest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
)

// until reads on to a message of the kind that is waited for.
func until[T any](s *clientSession, pick func(*uplinkv1.CollectorMessage) (T, bool)) T {
	s.a.w.t.Helper()
	for {
		if got, ok := pick(s.next()); ok {
			return got
		}
	}
}

func assignments(m *uplinkv1.CollectorMessage) (*uplinkv1.Assignments, bool) {
	return m.GetAssignments(), m.GetAssignments() != nil
}

func commands(m *uplinkv1.CollectorMessage) (*uplinkv1.Command, bool) {
	return m.GetCommand(), m.GetCommand() != nil
}

// What an agent is told to run is signed, complete, and sent again when it is edited.
func TestASessionTellsAssignments(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	s := a.session(a.hello())
	if v := s.next().GetWelcome(); v.GetAgentId() != a.id || v.GetCollectorVersion() != "1.2.3" {
		t.Fatalf("welcome %v", v)
	}
	read := func() *uplinkv1.Assignment {
		list := until(s, assignments).GetAssignments()
		if len(list) != 1 {
			t.Fatalf("%d assignments", len(list))
		}
		must(t, protocol.VerifyAssignment(w.authority.Certificates(), list[0].GetAssignment(), list[0].GetSignature()))
		var got uplinkv1.Assignment
		must(t, proto.Unmarshal(list[0].GetAssignment(), &got))
		return &got
	}
	got := read()
	if got.GetConnectionId() != conn.ID || got.GetAgentId() != a.id || got.GetEpoch() != 1 || got.GetProvider() != "toy" || len(got.GetKinds()) != 3 {
		t.Errorf("assignment %v", got)
	}
	_, err := w.fleet.UpdateConnection(t.Context(), admin, conn.ID, conn.Version, rest.ConnectionWrite{Name: conn.Name, Provider: "toy", Agent: a.id, Paused: true})
	must(t, err)
	if got := read(); got.GetEpoch() != 2 || !got.GetPaused() {
		t.Errorf("assignment after the edit %v", got)
	}
	s.hangUp()
	eventually(t, "the agent is seen to be gone", func() bool {
		v, err := w.fleet.Agent(t.Context(), admin, a.id)
		must(t, err)
		return v.Status == "offline"
	})
}

// A run that is asked for reaches the agent; a command whose session broke before it was answered is sent again.
func TestCommandsSurviveABrokenSession(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	runID, err := w.fleet.RequestRun(t.Context(), admin, conn.ID, []string{"server"})
	must(t, err)
	s := a.session(a.hello())
	first := until(s, commands)
	if first.GetRun().GetRunId() != runID || !slices.Equal(first.GetRun().GetKinds(), []string{"server"}) {
		t.Fatalf("command %v", first)
	}
	s.hangUp()
	s = a.session(a.hello())
	again := until(s, commands)
	if again.GetId() != first.GetId() {
		t.Fatalf("the command is not sent again, but %v", again)
	}
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Result{Result: &uplinkv1.CommandResult{Id: again.GetId(), Error: "no plugin"}}})
	eventually(t, "the run is failed", func() bool {
		run, err := w.inventory.Run(t.Context(), admin, runID)
		must(t, err)
		return run.State == "failed"
	})
	s.hangUp()
}

// One session per agent: the newer one takes over.
func TestANewSessionTakesOver(t *testing.T) {
	w := newWorld(t)
	a := w.joined("default")
	old := a.session(a.hello())
	until(old, assignments)
	young := a.session(a.hello())
	until(young, assignments)
	wantCode(t, "the session before", old.ended(), codes.Aborted)
	v, err := w.fleet.Agent(t.Context(), admin, a.id)
	must(t, err)
	if v.Status != "online" {
		t.Errorf("the agent is %s after its old session ended", v.Status)
	}
	_, err = w.fleet.RevokeAgent(t.Context(), admin, a.id, "lost")
	must(t, err)
	wantCode(t, "the session of an agent that is revoked", young.ended(), codes.PermissionDenied)
}

// A session that does not begin as it should is ended with a word.
func TestBadBeginnings(t *testing.T) {
	w := newWorld(t)
	a := w.joined("default")
	wantCode(t, "no protocol", a.session(&uplinkv1.Hello{}).ended(), codes.FailedPrecondition)
	s := a.session(a.hello())
	until(s, assignments)
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Hello{Hello: a.hello()}})
	wantCode(t, "a second hello", s.ended(), codes.InvalidArgument)
	s = a.session(a.hello())
	until(s, assignments)
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Plugin{Plugin: &uplinkv1.PluginDescription{Digest: "x"}}})
	wantCode(t, "a plugin nobody asked for", s.ended(), codes.InvalidArgument)
}

// A wiped agent comes with another spool: what it might still hold must not overwrite newer state.
func TestAnotherSpoolRaisesTheEpoch(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	hello := a.hello()
	hello.SpoolId = "spool-2"
	s := a.session(hello)
	until(s, assignments)
	s.hangUp()
	now, err := w.fleet.Connection(t.Context(), admin, conn.ID)
	must(t, err)
	if now.Epoch != conn.Epoch+1 {
		t.Errorf("epoch %d, was %d", now.Epoch, conn.Epoch)
	}
}

// A plugin that was upgraded is told while the session goes on, and asked for if it is not known.
func TestPluginsChangeWithinASession(t *testing.T) {
	w := newWorld(t)
	a, _ := w.described("default")
	s := a.session(a.hello())
	until(s, assignments)
	upgraded := toy
	upgraded.Version = "2.0"
	b, err := json.Marshal(upgraded)
	must(t, err)
	sum := sha256.Sum256(b)
	digest := hex.EncodeToString(sum[:])
	atHand := func(digests ...string) {
		s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_PluginsAtHand{PluginsAtHand: &uplinkv1.PluginsAtHand{Digests: digests}}})
	}
	has := func(want ...string) {
		t.Helper()
		eventually(t, "the agent has "+strings.Join(want, " "), func() bool {
			v, err := w.fleet.Agent(t.Context(), admin, a.id)
			must(t, err)
			return slices.EqualFunc(v.Plugins, want, func(p rest.AgentPlugin, version string) bool { return p.Version == version })
		})
	}
	has(toy.Version)
	atHand(digest)
	want := until(s, func(m *uplinkv1.CollectorMessage) ([]string, bool) {
		return m.GetWantPlugins().GetDigests(), m.GetWantPlugins() != nil
	})
	if !slices.Equal(want, []string{digest}) {
		t.Fatalf("asked for %v", want)
	}
	s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Plugin{Plugin: &uplinkv1.PluginDescription{Digest: digest, Description: b}}})
	has("2.0")
	atHand()
	has()
	atHand(slices.Repeat([]string{digest}, 1001)...)
	wantCode(t, "more plugins than anybody has", s.ended(), codes.InvalidArgument)
}

// Two builds of a plugin may say the same of themselves: each agent shows the sum of the file that it has.
func TestAPluginsBuildIsTheAgentsOwn(t *testing.T) {
	w := newWorld(t)
	first, second := strings.Repeat("1", 64), strings.Repeat("2", 64)
	has := func(a *agent, want string) {
		t.Helper()
		eventually(t, "the agent has the build "+want, func() bool {
			v, err := w.fleet.Agent(t.Context(), admin, a.id)
			must(t, err)
			return len(v.Plugins) == 1 && v.Plugins[0].SHA256 == want
		})
	}
	greeting := func(a *agent, sum string) *uplinkv1.Hello {
		h := a.hello()
		h.PluginBuilds = map[string]string{h.GetPluginDigests()[0]: sum}
		return h
	}
	a, _ := w.described("default")
	hello := greeting(a, first)
	s := a.session(hello)
	until(s, assignments)
	has(a, first)
	b, _ := w.described("default")
	until(b.session(greeting(b, second)), assignments)
	has(b, second)
	has(a, first)
	digest := hello.GetPluginDigests()[0]
	for sum, want := range map[string]string{second: second, "not a sum": "", strings.ToUpper(strings.Repeat("a", 64)): ""} {
		s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_PluginsAtHand{
			PluginsAtHand: &uplinkv1.PluginsAtHand{Digests: []string{digest}, Builds: map[string]string{digest: sum}}}})
		has(a, want)
	}
	has(b, second)
}

// Live progress is for people to see, of one's own connections only.
func TestProgress(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	b, _ := w.described("other")
	tell := func(a *agent, runID string) {
		s := a.session(a.hello())
		until(s, assignments)
		s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Progress{Progress: &uplinkv1.RunProgress{RunId: runID, ConnectionId: conn.ID,
			Epoch: conn.Epoch, ScopesTotal: 3, ScopesDone: 1, Listed: 7, Phase: "discovering"}}})
		s.say(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Hello{Hello: a.hello()}}) // ends it, after the progress
		_ = s.ended()
	}
	tell(a, "run-1")
	tell(b, "run-2")
	list, err := w.inventory.Runs(t.Context(), admin, inventory.RunQuery{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].ID != "run-1" || list.Items[0].Listed != 7 {
		t.Errorf("runs %+v", list.Items)
	}
}
