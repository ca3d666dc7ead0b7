package fleet_test

import (
	"testing"

	"maestro.internal/internal/rest"
)

// TestPrecedence: people say whose value is shown where sources differ, for a connection and for single kinds of it, and the
// inventory is told with the next run.
func TestPrecedence(t *testing.T) {
	w := newWorld(t)
	one := w.agent("key-1")
	c := w.connect(one, "toy")
	kind := c.Kinds[0]
	kind.Precedence = 10
	c, err := w.UpdateConnection(t.Context(), admin, c.ID, c.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: one.ID, Settings: c.Settings,
		Precedence: 700, Kinds: rest.WriteKinds([]rest.KindSchedule{kind})})
	if err != nil || c.Precedence != 700 || c.Kinds[0].Precedence != 10 {
		t.Fatalf("%+v %v", c, err)
	}
	_, facts, err := w.Holds(t.Context(), one, c.ID, c.Epoch)
	if err != nil || facts.Preference != 700 || facts.KindPreference[kind.Kind] != 10 || len(facts.KindPreference) != 1 {
		t.Errorf("%+v %v", facts, err)
	}
}
