package api

import (
	"strings"
	"testing"

	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// A verification reads one's own tenant only, names what was removed, and is itself in the audit log.
func TestVerifyAudit(t *testing.T) {
	w := newWorld(t)
	w.source("lab").sync("server", server(id12(1), "web-1", 4<<30))
	must(t, w.ledger.Seal(t.Context()))
	whole := documentOf[rest.AuditVerification](w.ask(w.admin, "POST", "/api/v1/audit/verify", nil).is(200))
	if !whole.OK || whole.Sealed == 0 || len(whole.Heads) != 2 {
		t.Fatalf("nothing was done: %+v", whole)
	}
	page, err := w.store.Find(t.Context(), store.Query{Table: "changes", Tenant: "default", Limit: 1})
	must(t, err)
	gone := page.Rows[0].ID
	must(t, w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(t.Context(), store.Write{Table: "changes", Op: store.Delete, Row: store.Row{ID: gone, Tenant: "default"}})
		return err
	}))
	v := documentOf[rest.AuditVerification](w.ask(w.admin, "POST", "/api/v1/audit/verify", rest.AuditVerify{Expect: []string{whole.Heads[0].Hash, "none"}}).is(200))
	if v.OK || len(v.Findings) != 2 || v.Findings[0].ID != gone || !strings.Contains(v.Findings[1].Problem, "hash none is not there") {
		t.Errorf("removed %s: %+v", gone, v)
	}
	other := documentOf[rest.AuditVerification](w.ask(w.stranger, "POST", "/api/v1/audit/verify", nil).is(200))
	if !other.OK || other.Entries > 2 {
		t.Errorf("another tenant saw %+v", other)
	}
	log := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action%3D%22audit.verify%22", nil).is(200))
	if len(log.Items) != 2 {
		t.Errorf("verifications are not audited: %+v", log.Items)
	}
}
