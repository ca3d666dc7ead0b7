package api

import (
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/sdk/resource"
)

// source pushes as an agent does for one connection, through the inventory's own calls.
type source struct {
	w          *world
	connection inventory.Connection
	generation int64
}

func (w *world) source(name string) *source {
	return &source{w: w, connection: inventory.Connection{ID: uuid.NewString(), Name: name, Provider: "test", Precedence: time.Now().UnixMicro()}}
}

// sync reads one kind completely: what is not in envs is gone. It answers the run's id.
func (s *source) sync(kind string, envs ...resource.Envelope) string {
	t := s.w.t
	t.Helper()
	s.generation++
	ctx, id := t.Context(), uuid.NewString()
	now := time.Now()
	run, v, reason, err := s.w.inventory.OpenRun(ctx, inventory.RunStart{Tenant: "default", Connection: s.connection, RunID: id, Epoch: 1,
		Generation: s.generation, Trigger: "start", Kinds: []string{kind}, StartedAt: now, Scopes: 1, PluginVersion: "1"})
	must(t, err)
	if v != inventory.Send {
		t.Fatalf("open run: %s %s", v, reason)
	}
	must(t, run.Plan(ctx, []resource.Scope{{Kind: kind}}, true, nil))
	var items []inventory.Item
	var digest resource.Digest
	var rows []inventory.Row
	for _, e := range envs {
		e.Kind, e.Major = kind, 1
		b, err := resource.Canonical(e)
		must(t, err)
		h := resource.HashOf(b)
		digest.AddRow(e.ExternalID, h)
		items = append(items, inventory.Item{Canonical: b, Hash: h.Bytes()})
		rows = append(rows, inventory.Row{Key: e.ExternalID, Hash: h.Bytes()})
	}
	v, reason, err = run.OpenCapture(ctx, inventory.Capture{Scope: 0, Digest: digest, HashFormat: 1, ReadAt: now,
		Outcome: resource.Outcome{Status: resource.StatusComplete, Listed: len(envs), Pages: 1}})
	must(t, err)
	batch := inventory.Batch{Seq: 1, Upserts: items, Last: true}
	switch v {
	case inventory.Done:
	case inventory.List:
		res, err := run.Apply(ctx, inventory.Batch{Seq: 1, List: rows, Last: true})
		must(t, err)
		if res.Verdict == inventory.Done {
			break
		}
		batch.Seq = 2
		fallthrough
	case inventory.Send:
		res, err := run.Apply(ctx, batch)
		must(t, err)
		if res.Verdict != inventory.Done {
			t.Fatalf("apply: %+v", res)
		}
	default:
		t.Fatalf("open capture: %s %s", v, reason)
	}
	_, _, err = run.Close(ctx, inventory.RunEnd{FinishedAt: time.Now()})
	must(t, err)
	return id
}

func server(id, name string, memory int64) resource.Envelope {
	attributes := []byte(`{"memory_bytes":` + itoa(memory) + `}`)
	return resource.Envelope{ExternalID: id, Name: name, Region: "eu-west-2", Attributes: attributes,
		Tags: []resource.Tag{{Key: "env", Value: "prod"}}, Identifiers: []resource.Identifier{{Type: "bios_uuid", Value: "4210f2a4-0000-4000-8000-" + id}}}
}
