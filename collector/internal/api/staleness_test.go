package api

import (
	"testing"

	"maestro.internal/internal/rest"
)

// The rule of silence is read by all, written by administrators, and only over the version that they saw.
func TestStalenessOverTheAPI(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/staleness"
	if r := documentOf[rest.Staleness](w.ask(w.reader, "GET", path, nil).is(200)); r.Version != 0 || r.Own || r.SilentAfterSeconds != r.DefaultSeconds {
		t.Fatalf("%+v", r)
	}
	week := int64(7 * 24 * 3600)
	rule := rest.StalenessWrite{SilentAfterSeconds: &week, Kinds: []rest.KindStaleness{{Kind: "server", SilentAfterSeconds: 3600}}, Reason: "monthly imports"}
	w.ask(w.reader, "PUT", path, rule, "If-Match", `"0"`).problem(403)
	w.ask(w.admin, "PUT", path, rule).problem(428)
	r := documentOf[rest.Staleness](w.ask(w.admin, "PUT", path, rule, "If-Match", `"0"`).is(200))
	if r.Version != 1 || !r.Own || r.SilentAfterSeconds != week || len(r.Kinds) != 1 || r.Kinds[0] != rule.Kinds[0] || r.SavedBy == "" || r.Reason != rule.Reason {
		t.Errorf("%+v", r)
	}
	w.ask(w.admin, "PUT", path, rule, "If-Match", `"0"`).problem(412)
	for name, wrong := range map[string]rest.StalenessWrite{
		"an unknown kind": {Kinds: []rest.KindStaleness{{Kind: "nosuch", SilentAfterSeconds: 60}}},
		"a kind twice":    {Kinds: []rest.KindStaleness{{Kind: "server", SilentAfterSeconds: 60}, {Kind: "server", SilentAfterSeconds: 70}}},
		"an age":          {Kinds: []rest.KindStaleness{{Kind: "server", SilentAfterSeconds: 1 << 40}}},
	} {
		if p := w.ask(w.admin, "PUT", path, wrong, "If-Match", `"1"`).problem(422); len(p.Errors) == 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if other := documentOf[rest.Staleness](w.ask(w.stranger, "GET", path, nil).is(200)); other.Version != 0 || other.Own {
		t.Errorf("another tenant reads %+v", other)
	}
	entries := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action+%3D+staleness.save", nil).is(200)).Items
	if len(entries) != 1 || entries[0].Reason != "monthly imports" || entries[0].Outcome != "ok" {
		t.Errorf("audit: %+v", entries)
	}
	if r := documentOf[rest.Staleness](w.ask(w.admin, "PUT", path, rest.StalenessWrite{}, "If-Match", `"1"`).is(200)); r.Own || r.SilentAfterSeconds != r.DefaultSeconds {
		t.Errorf("back to the configuration: %+v", r)
	}
}
