package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
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

// An export has everything that the list has, says that it was made, and holds no formula.
func TestExportAudit(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		_, err := w.audit.Write(t.Context(), audit.Entry{Tenant: "default", Actor: "user:anna", Action: "thing.do", Reason: "=cmd|' /C calc'!A0",
			Object: &audit.Ref{ID: itoa(int64(i)), Name: "a,\"b\""}, Detail: map[string]any{"n": i}})
		must(t, err)
	}
	_, err := w.audit.Write(t.Context(), audit.Entry{Tenant: "other", Actor: "user:eve", Action: "thing.do"})
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(w.ask(w.reader, "GET", "/api/v1/audit/export?filter=action%3D%22thing.do%22", nil).is(200).body)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"detail":{"n":2}`) || strings.Contains(strings.Join(lines, ""), "eve") {
		t.Errorf("lines are %q", lines)
	}
	a := w.ask(w.reader, "GET", "/api/v1/audit/export?format=csv&filter=action%3D%22thing.do%22", nil).is(200)
	rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	must(t, err)
	if len(rows) != 4 || rows[0][2] != "actor" || rows[3][6] != `a,"b"` || !strings.HasPrefix(rows[3][9], "'=cmd") || rows[3][10] != `{"n":0}` {
		t.Errorf("rows are %q", rows)
	}
	if kind := a.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" {
		t.Errorf("its type is %s", kind)
	}
	w.ask(w.reader, "GET", "/api/v1/audit/export?filter=nonsense+%3D+1", nil).problem(400)
	// One that breaks off half-way does not look like a whole one.
	damaged := store.Row{ID: "damaged", Tenant: "default", Version: 1, Doc: json.RawMessage(`{"at":"2020-01-01T00:00:00.000000Z","action":"big","outcome":"ok","detail":"no JSON"}`)}
	must(t, w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(t.Context(), store.Write{Table: "audit_entries", Op: store.Insert, Row: damaged})
		return err
	}))
	for range 3 {
		_, err := w.audit.Write(t.Context(), audit.Entry{Tenant: "default", Action: "big", Reason: strings.Repeat("x", 50_000)})
		must(t, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/v1/audit/export?filter=action%3D%22big%22", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+w.reader)
	if res, err := http.DefaultClient.Do(req); err == nil {
		b, err := io.ReadAll(res.Body)
		must(t, res.Body.Close())
		if err == nil {
			t.Errorf("%d bytes of a broken export looked whole", len(b))
		}
	}
	log := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action%3D%22audit.export%22", nil).is(200))
	if len(log.Items) < 3 { // the client may ask again by itself after a broken answer
		t.Errorf("exports are not audited: %+v", log.Items)
	}
}

func TestCompare(t *testing.T) {
	w := newWorld(t)
	source := w.source("lab")
	before := time.Now().UTC().Format(time.RFC3339Nano)
	source.sync("server", server(id12(1), "web-1", 4<<30), server(id12(2), "web-2", 8<<30), server(id12(3), "db-1", 64<<30))
	between := time.Now().UTC().Format(time.RFC3339Nano)
	source.sync("server", server(id12(1), "web-1", 16<<30), server(id12(2), "web-2", 8<<30))
	seen := map[string]string{}
	token := ""
	for range 5 {
		q := url.Values{"since": {before}, "page_size": {"2"}, "kind": {"server"}}
		if token != "" {
			q.Set("page_token", token)
		}
		page := documentOf[rest.List[rest.Difference]](w.ask(w.reader, "GET", "/api/v1/changes/compare?"+q.Encode(), nil).is(200))
		for _, d := range page.Items {
			seen[d.Name] = d.Action
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	if len(seen) != 3 || seen["web-1"] != "created" || seen["db-1"] != "gone" {
		t.Errorf("since the beginning: %v", seen)
	}
	list := documentOf[rest.List[rest.Difference]](w.ask(w.reader, "GET", "/api/v1/changes/compare?since="+url.QueryEscape(between), nil).is(200))
	if len(list.Items) != 2 {
		t.Fatalf("since the first sync: %+v", list.Items)
	}
	for _, d := range list.Items {
		one := documentOf[rest.Difference](w.ask(w.reader, "GET", "/api/v1/resources/server/"+d.ID+"/compare?since="+url.QueryEscape(between), nil).is(200))
		if one.Action != d.Action || d.Name == "web-1" && (len(one.Diff) != 1 || one.Diff[0].Pointer != "/attributes/memory_bytes") {
			t.Errorf("alone: %+v, in the list: %+v", one, d)
		}
	}
	w.ask(w.reader, "GET", "/api/v1/changes/compare", nil).problem(422)
	w.ask(w.reader, "GET", "/api/v1/changes/compare?since=2026-01-01T00:00:00Z&page_token=eyJx", nil).problem(400)
	w.ask(w.reader, "GET", "/api/v1/changes/compare?since=2999-01-01T00:00:00Z", nil).problem(422)
	w.ask(w.stranger, "GET", "/api/v1/resources/server/"+list.Items[0].ID+"/compare?since="+url.QueryEscape(between), nil).problem(404)
}
