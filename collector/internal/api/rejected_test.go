package api

import (
	"testing"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// What is not taken has a name and a reason for whoever may read the connection; what is kept of it is for who manages connections.
func TestRejectedItemsAreShown(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	conn := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("lab", k.ID)).is(201))
	s := w.source("lab")
	s.connection.ID = conn.ID
	bad, err := resource.Canonical(resource.Envelope{Kind: "volume", Major: 1, ExternalID: "bad"}) // a volume among servers
	must(t, err)
	var digest resource.Digest
	digest.AddRow("bad", resource.HashOf(bad))
	run, _, _, err := w.inventory.OpenRun(t.Context(), inventory.RunStart{Tenant: "default", Connection: s.connection, RunID: "r", Epoch: 1, Generation: 1, Kinds: []string{"server"}})
	must(t, err)
	must(t, run.Plan(t.Context(), []resource.Scope{{Kind: "server"}}, true, nil))
	_, _, err = run.OpenCapture(t.Context(), inventory.Capture{Digest: digest, HashFormat: 1, Outcome: resource.Outcome{Status: resource.StatusComplete}})
	must(t, err)
	res, err := run.Apply(t.Context(), inventory.Batch{Upserts: []inventory.Item{{Canonical: bad, Hash: resource.HashOf(bad).Bytes()}}, Last: true})
	must(t, err)
	if len(res.Rejected) != 1 || res.Verdict != inventory.Done {
		t.Fatalf("%+v", res)
	}
	path := "/api/v1/connections/" + conn.ID + "/rejected"
	list := documentOf[rest.RejectedItems](w.ask(w.reader, "GET", path, nil).is(200))
	if len(list.Items) != 1 || list.Items[0].ExternalID != "bad" || list.Items[0].Scope != "server" || list.Items[0].Reason == "" || list.More {
		t.Fatalf("%+v", list)
	}
	body := path + "/body?scope=server&external_id=bad"
	w.ask(w.admin, "GET", body, nil).problem(404) // it is the item's fault, so nothing is kept
	w.ask(w.reader, "GET", body, nil).problem(403)
	w.ask(w.stranger, "GET", path, nil).problem(404)
}
