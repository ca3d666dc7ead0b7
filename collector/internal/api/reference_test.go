package api

import (
	"testing"

	"maestro.internal/internal/rest"
)

// A reference file is tried over the API before somebody puts it into the collector's folder.
func TestReferencePreview(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/reference/preview"
	ask := rest.ReferenceTry{Name: "prices.yaml", Text: "version: ours\ndate: 2026-11-01\nsources: {deal: contract 7}\nentries:\n" +
		"  - {provider: aws, flavor: m5.large, monthly: 50, currency: EUR, source: deal}\n"}
	w.ask(w.reader, "POST", path, ask).problem(403)
	p := documentOf[rest.ReferencePreview](w.ask(w.admin, "POST", path, ask).is(200))
	if p.File.Version != "ours" || p.File.Entries != 1 || p.Added != 1 || len(p.Entries) == 0 || p.Effect.Changed != 0 {
		t.Errorf("%+v", p)
	}
	ask.Text = "version: ours\ndate: 2026-11-01\nentries: [{provider: aws}]\n"
	if e := w.ask(w.admin, "POST", path, ask).problem(422); len(e.Errors) != 1 || e.Errors[0].Location != "body.text" {
		t.Errorf("%+v", e)
	}
	ask.Name = "secrets.yaml"
	w.ask(w.admin, "POST", path, ask).problem(422)
}
