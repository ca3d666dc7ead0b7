package fleet_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// knowing is an agent whose plugin says what /regions may be.
func (w *world) knowing(capability int) fleet.Known {
	w.t.Helper()
	k, err := w.join(w.token(), "key-choices")
	if err != nil {
		w.t.Fatal(err)
	}
	desc, err := json.Marshal(provider.Description{Provider: "toy", Version: "2.0.0", Title: "Toy", Choices: []string{"/regions"},
		Kinds:    []provider.KindSupport{{Kind: "server", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"},"regions":{"type":"array","items":{"type":"string"}}}}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(desc)
	digest := hex.EncodeToString(sum[:])
	if _, err := w.Greet(w.t.Context(), k, fleet.Greeting{SpoolID: "s", Plugins: []string{digest}, Clock: w.now, Capability: capability,
		Credentials: []rest.CredentialRef{{Name: "toy-reader"}, {Name: "other", Providers: []string{"aws"}}}}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Describe(w.t.Context(), k, digest, desc, ""); err != nil {
		w.t.Fatal(err)
	}
	return k
}

func TestChoices(t *testing.T) {
	w := newWorld(t)
	k := w.knowing(protocol.CapabilityChoices)
	ask := func(req rest.ChoicesRequest) rest.ChoicesResult {
		t.Helper()
		got, err := w.Choices(t.Context(), admin, "toy", req, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	// Before there is a connection: with what the form has, and a name of the agent's file.
	req := rest.ChoicesRequest{Setting: "/regions", Agent: k.ID, Credential: "toy-reader", Settings: json.RawMessage(`{"url":"https://new"}`)}
	if got := ask(req); got.State != "pending" || !strings.Contains(got.Error, "has not answered") {
		t.Fatalf("unanswered: %+v", got)
	}
	due := mustDue(t, w, k)
	if len(due) != 1 || due[0].Type != fleet.CommandChoices || due[0].Setting != "/regions" || due[0].Assignment.Settings != `{"url":"https://new"}` ||
		due[0].Assignment.Credential != "toy-reader" || due[0].Assignment.Provider != "toy" || due[0].Assignment.ConnectionID != "" {
		t.Fatalf("due %+v", due)
	}
	if ask(req); len(mustDue(t, w, k)) != 0 {
		t.Error("the same question was sent twice")
	}
	if err := w.Answered(t.Context(), k, due[0].ID, true, "", []byte(`{"items":[{"value":"north","label":"North"}]}`)); err != nil {
		t.Fatal(err)
	}
	// An answer is of its moment: whoever asks again asks the provider again.
	ask(req)
	if due = mustDue(t, w, k); len(due) != 1 {
		t.Fatalf("asked again: %+v", due)
	}
	go func() { // ends with the test's question
		time.Sleep(300 * time.Millisecond)
		if err := w.Answered(t.Context(), k, due[0].ID, true, "", []byte(`{"items":[{"value":"north","label":"North"}]}`)); err != nil {
			t.Error(err)
		}
	}()
	got, err := w.Choices(t.Context(), admin, "toy", req, 20*time.Second)
	if err != nil || got.State != "done" || len(got.Choices.Items) != 1 || got.Choices.Items[0].Label != "North" {
		t.Errorf("answered: %+v, %v", got, err)
	}
	if n := w.audited("connection.choices", ""); n != 2 {
		t.Errorf("%d questions were audited", n)
	}
}

// TestChoicesOfAConnection: it lends its agent, credential and settings; a refusal says what to do.
func TestChoicesOfAConnection(t *testing.T) {
	w := newWorld(t)
	k := w.knowing(protocol.CapabilityChoices)
	c, err := w.CreateConnection(t.Context(), admin, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: k.ID, Credential: "toy-reader", Settings: json.RawMessage(`{"url":"https://toy"}`)})
	if err != nil {
		t.Fatal(err)
	}
	req := rest.ChoicesRequest{Setting: "/regions", Connection: c.ID}
	result := make(chan rest.ChoicesResult, 1)
	go func() {
		got, err := w.Choices(t.Context(), admin, "toy", req, 20*time.Second)
		if err != nil {
			t.Error(err)
		}
		result <- got
	}()
	var due []fleet.Command
	for len(due) == 0 && t.Context().Err() == nil {
		due = mustDue(t, w, k)
	}
	if a := due[0].Assignment; a.ConnectionID != c.ID || a.Credential != "toy-reader" || a.Settings != `{"url":"https://toy"}` {
		t.Errorf("due %+v", due)
	}
	if err := w.Answered(t.Context(), k, due[0].ID, false, "denied: no such key", []byte(`{"advice":"make another key"}`)); err != nil {
		t.Fatal(err)
	}
	if got := <-result; got.State != "failed" || got.Error != "denied: no such key" || got.Advice != "make another key" {
		t.Errorf("refused: %+v", got)
	}
	stranger := inventory.Caller{Tenant: "default", Name: "user:bert"}
	if _, err := w.Choices(t.Context(), stranger, "toy", req, time.Millisecond); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who may not read the connection is told %v", err)
	}
}

func TestChoicesThatNobodyKnows(t *testing.T) {
	w := newWorld(t)
	old := w.knowing(protocol.CapabilityChoices - 1)
	for name, tt := range map[string]struct {
		req  rest.ChoicesRequest
		want string
	}{
		"old agent":       {rest.ChoicesRequest{Setting: "/regions", Agent: old.ID}, "too old to ask"},
		"another setting": {rest.ChoicesRequest{Setting: "/url", Agent: old.ID}, "does not say what this setting may be"},
	} {
		got, err := w.Choices(t.Context(), admin, "toy", tt.req, time.Millisecond)
		if err != nil || got.State != "unsupported" || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	var wrong *inventory.InvalidError
	if _, err := w.Choices(t.Context(), admin, "toy", rest.ChoicesRequest{Setting: "/regions"}, time.Millisecond); !errors.As(err, &wrong) || wrong.Pointer != "/agent" {
		t.Errorf("without an agent: %v", err)
	}
	if len(mustDue(t, w, old)) != 0 {
		t.Error("a question was sent to an agent that cannot answer it")
	}
}
