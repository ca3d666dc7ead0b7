package api

import (
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// over waits until an operation is over.
func (w *world) over(op rest.Operation) rest.Operation {
	w.t.Helper()
	for range 1000 {
		op = documentOf[rest.Operation](w.ask(w.admin, "GET", "/api/v1/operations/"+op.ID, nil).is(200))
		if op.State != "running" {
			return op
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("the operation does not end")
	return op
}

func (w *world) imports(query, content string) rest.Operation {
	w.t.Helper()
	return w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/imports?"+query, content, "Content-Type", "application/octet-stream").is(202)))
}

func TestImportEditExportUndo(t *testing.T) {
	w := newWorld(t)
	w.ask(w.admin, "POST", "/api/v1/datacenters", map[string]any{"name": "FRA1"}).is(201)
	file := "name,datacenter,memory_bytes,identifiers.serial\nweb1,FRA1,16 GiB,SN-1-ABQ\nweb2,FRA1,8 GiB,SN-2-ABQ\n"

	dry := w.imports("kind=server&file=servers.csv&dry_run=true", file)
	if dry.State != "done" || dry.Created != 2 || len(dry.Sample) != 2 || dry.Sample[0].Resource.Name != "web1" {
		t.Fatalf("%+v", dry)
	}
	if n := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server", nil).is(200)).TotalSize; n != 0 {
		t.Fatalf("the dry run made %d servers", n)
	}
	op := w.imports("kind=server&file=servers.csv&reason=first", file)
	if op.State != "done" || op.Created != 2 || op.AuditID == "" {
		t.Fatalf("%+v", op)
	}

	csv := w.ask(w.reader, "GET", "/api/v1/exports/server?order_by=name&columns=name,datacenter,memory_bytes", nil).is(200)
	if got := string(csv.body); got != "name,datacenter,attributes.memory_bytes\nweb1,FRA1,17179869184\nweb2,FRA1,8589934592\n" {
		t.Errorf("%q", got)
	}
	if got := csv.header.Get("Content-Disposition"); got != `attachment; filename="server.csv"` {
		t.Error(got)
	}
	if xlsx := w.ask(w.reader, "GET", "/api/v1/exports/server?format=xlsx", nil).is(200); !strings.HasPrefix(string(xlsx.body), "PK\x03\x04") {
		t.Error("no workbook")
	}

	edit := map[string]any{"kind": "server", "filter": `name = "web1"`, "set": map[string]any{"/common/environment": "production"}, "expect": 1}
	did := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/edits", edit).is(202)))
	if did.State != "done" || did.Updated != 1 {
		t.Errorf("%+v", did)
	}
	undo := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/operations/"+op.ID+"/undo", nil).is(202)))
	if undo.State != "done" || undo.Removed != 1 || undo.Refused != 1 || len(undo.Errors) != 1 || !strings.Contains(undo.Errors[0].Message, "changed since") {
		t.Errorf("%+v", undo)
	}
	list := documentOf[rest.List[rest.Operation]](w.ask(w.reader, "GET", "/api/v1/operations", nil).is(200))
	if list.TotalSize != 4 {
		t.Errorf("%d operations", list.TotalSize)
	}
	// Another tenant knows of none of it.
	w.ask(w.stranger, "GET", "/api/v1/operations/"+op.ID, nil).problem(404)
	if n := documentOf[rest.List[rest.Operation]](w.ask(w.stranger, "GET", "/api/v1/operations", nil).is(200)).TotalSize; n != 0 {
		t.Errorf("a stranger sees %d operations", n)
	}
}

// A resource is put into no datacenter that nobody has recorded, however it is written.
func TestADatacenterThatIsNot(t *testing.T) {
	w := newWorld(t)
	made := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "web1"}).is(201))
	set := map[string]any{"/datacenter": "nope"}
	for what, a := range map[string]*answer{
		"made":   w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "web2", "datacenter": "nope"}),
		"edited": w.ask(w.admin, "PATCH", "/api/v1/resources/server/"+made.ID, map[string]any{"set": set}, "If-Match", etag(made.Version)),
		"bulk":   w.ask(w.admin, "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": `name = "web1"`, "set": set, "expect": 1}),
	} {
		if p := a.problem(422); !strings.Contains(p.Detail+p.Errors[0].Message, "there is no such datacenter") {
			t.Errorf("%s: %+v", what, p)
		}
	}
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", map[string]any{"name": "FRA1"}).is(201))
	w.ask(w.admin, "PATCH", "/api/v1/resources/server/"+made.ID, map[string]any{"set": map[string]any{"/datacenter": dc.ID}}, "If-Match", etag(made.Version)).is(200)
}

func TestImportsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	bin := []string{"Content-Type", "application/octet-stream"}
	w.ask(w.reader, "POST", "/api/v1/imports?kind=server", "name\na\n", bin...).problem(403)
	w.ask("", "POST", "/api/v1/imports?kind=server", "name\na\n", bin...).problem(401)
	w.ask(w.reader, "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": "name = a", "set": map[string]any{"/region": "x"}}).problem(403)
	for query, want := range map[string]string{
		"":                                   "kind",
		"kind=spaceship":                     "spaceship",
		"mapping=nothing":                    "nothing",
		"kind=server&format=pdf":             "format",
		"kind=volume&mapping=netbox-devices": "server",
	} {
		p := w.ask(w.admin, "POST", "/api/v1/imports?"+query, "name\na\n", bin...).problem(422)
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %s", query, p.Detail)
		}
	}
	w.ask(w.admin, "POST", "/api/v1/imports?kind=server", "", bin...).problem(422)
	op := w.imports("kind=server&file=a.csv", "name,cpu_count\na,many\n")
	if op.State != "refused" || op.Refused != 1 || op.Errors[0].Row != 2 || op.Errors[0].Column != "cpu_count" {
		t.Errorf("%+v", op)
	}
	w.ask(w.admin, "POST", "/api/v1/operations/"+op.ID+"/undo", nil).problem(409)
	w.ask(w.admin, "GET", "/api/v1/exports/server?columns=memory", nil).problem(422)
	w.ask(w.admin, "GET", "/api/v1/exports/spaceship", nil).problem(404)
	w.ask(w.admin, "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": "nothing = 7", "set": map[string]any{"/region": "x"}}).problem(400)
	w.ask(w.admin, "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": "", "set": map[string]any{"/region": "x"}}).problem(422)
}

func TestImportMappings(t *testing.T) {
	w := newWorld(t)
	write := map[string]any{"name": "our sheet", "kind": "server", "columns": []map[string]any{{"column": "Rechner", "field": "name"}}}
	made := w.ask(w.admin, "POST", "/api/v1/import-mappings", write).is(201)
	m := documentOf[rest.ImportMapping](made)
	w.ask(w.reader, "POST", "/api/v1/import-mappings", write).problem(403)
	if op := w.imports("mapping=our%20sheet", "Rechner\nweb1\n"); op.Created != 1 {
		t.Errorf("%+v", op)
	}
	write["key"] = "cpu_count"
	w.ask(w.admin, "PUT", "/api/v1/import-mappings/"+m.ID, write, "If-Match", made.header.Get("ETag")).problem(422)
	write["key"] = "name"
	w.ask(w.admin, "PUT", "/api/v1/import-mappings/"+m.ID, write).problem(428)
	w.ask(w.admin, "PUT", "/api/v1/import-mappings/"+m.ID, write, "If-Match", made.header.Get("ETag")).is(200)
	w.ask(w.admin, "PUT", "/api/v1/import-mappings/"+m.ID, write, "If-Match", made.header.Get("ETag")).problem(412)
	w.ask(w.admin, "PUT", "/api/v1/import-mappings/netbox-devices", write, "If-Match", `"1"`).problem(409)
	w.ask(w.stranger, "GET", "/api/v1/import-mappings/"+m.ID, nil).problem(404)
	w.ask(w.admin, "DELETE", "/api/v1/import-mappings/"+m.ID, nil).is(204)
	list := documentOf[rest.List[rest.ImportMapping]](w.ask(w.reader, "GET", "/api/v1/import-mappings?filter=built_in%20%3D%20true", nil).is(200))
	if list.TotalSize < 4 {
		t.Errorf("%d mappings ship", list.TotalSize)
	}
}

func TestRelationsByPeople(t *testing.T) {
	w := newWorld(t)
	w.imports("kind=server", "name\nhost\nguest\n")
	ids := map[string]string{}
	for _, r := range documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server", nil).is(200)).Items {
		ids[r.Name] = r.ID
	}
	at := "/api/v1/resources/server/" + ids["guest"] + "/relations"
	body := map[string]any{"verb": "runs_on", "target": map[string]any{"kind": "server", "id": ids["host"]}}
	w.ask(w.reader, "POST", at, body).problem(403)
	w.ask(w.admin, "POST", at, body).is(204)
	w.ask(w.admin, "POST", at, body).is(204) // again changes nothing
	list := documentOf[rest.List[rest.RelatedResource]](w.ask(w.reader, "GET", at, nil).is(200))
	if list.TotalSize != 1 || list.Items[0].Resource.Name != "host" || list.Items[0].Verb != "runs_on" {
		t.Errorf("%+v", list)
	}
	w.ask(w.admin, "POST", at, map[string]any{"verb": "runs_on", "target": map[string]any{"kind": "server", "id": "nobody"}}).problem(422)
	w.ask(w.admin, "DELETE", at+"?verb=runs_on&target="+ids["host"], nil).is(204)
	w.ask(w.admin, "DELETE", at+"?verb=runs_on&target="+ids["host"], nil).problem(404)
	if n := documentOf[rest.List[rest.RelatedResource]](w.ask(w.reader, "GET", at, nil).is(200)).TotalSize; n != 0 {
		t.Errorf("%d relations are left", n)
	}
	history := documentOf[rest.List[rest.Change]](w.ask(w.reader, "GET", "/api/v1/resources/server/"+ids["guest"]+"/history", nil).is(200))
	if history.TotalSize != 3 {
		t.Errorf("%d changes", history.TotalSize)
	}
}
