package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

const some = "name,region,cpu_count,owner.name,tags.env,identifiers.serial,ip_addresses,relations.host\n" +
	"host,fra,64,anna,prod,SN-1-ABQ,,\n" +
	"=2+3,fra,2,-1,\"a;b\",SN-2-ABQ,10.0.0.1; 10.0.0.2,host\n" +
	"web,ber,4,,,,,host\n"

// What is exported is taken back as it is, in every format, and changes nothing.
func TestExportComesBackUnchanged(t *testing.T) {
	l := newLab(t)
	l.want(l.imports(ImportRequest{Kind: "server"}, []byte(some)), "done: 3 rows, 3 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	for _, format := range []sheet.Format{sheet.CSV, sheet.XLSX, sheet.JSON} {
		for _, columns := range [][]string{nil, {"id", "name", "tags", "relations.host", "identifiers.serial", "datacenter"}} {
			file := l.export(anna, "server", "", format, columns...)
			op := l.imports(ImportRequest{Kind: "server", File: sheet.Options{Name: "x." + string(format)}}, []byte(file))
			if got := counts(op); got != "done: 3 rows, 0 created, 0 updated, 3 unchanged, 0 removed, 0 refused" {
				t.Errorf("%s %v: %s\n%s", format, columns, got, file[:min(len(file), 2000)])
			}
		}
	}
	csv := l.export(anna, "server", `region = "fra"`, sheet.CSV, "name", "owner.name", "tags.env", "relations.host")
	if want := "name,common.owner.name,tags.env,relations.host\nhost,anna,prod,\n'=2+3,'-1,a;b,host\n"; csv != want && !sameLines(csv, want) {
		t.Errorf("%q, want %q", csv, want)
	}
	if _, err := l.s.Export(l.ctx, anna, ExportRequest{Query: l.query("server", ""), Format: sheet.CSV, Columns: []string{"memory"}}); !asInvalid(err) {
		t.Error(err)
	}
}

func sameLines(a, b string) bool {
	x, y := lines(a), lines(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestBulkEditAndUndo(t *testing.T) {
	l := newLab(t)
	l.imports(ImportRequest{Kind: "server"}, []byte(some))
	req := EditRequest{Query: l.query("server", `region = "fra"`), Filter: `region = "fra"`, Set: map[string]json.RawMessage{"/common/environment": raw("production"),
		"/region": raw("fra2")}, DryRun: true}
	dry := l.wait(l.s.Edit(l.ctx, anna, req))
	l.want(dry, "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	if len(dry.Sample) != 2 || fmt.Sprint(dry.Sample[0].Diff[0].Pointer) != "/common/environment" {
		t.Errorf("sample %+v", dry.Sample)
	}
	if n := len(lines(l.export(anna, "server", `environment = "production"`, sheet.CSV, "name"))); n != 1 {
		t.Error("the dry run wrote")
	}
	wrong := 5
	req.DryRun, req.Expect = false, &wrong
	if op := l.wait(l.s.Edit(l.ctx, anna, req)); op.State != Failed || !strings.Contains(op.Error, "the filter finds 2 resources now, it found 5") {
		t.Errorf("%s", counts(op))
	}
	req.Expect = &dry.Rows
	// The edit moves what it edits out of its own filter, and still reaches all of it.
	op := l.wait(l.s.Edit(l.ctx, anna, req))
	l.want(op, "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	l.wait(l.s.Edit(l.ctx, anna, EditRequest{Query: l.query("server", `name = "host"`), Filter: `name = "host"`, Set: map[string]json.RawMessage{"/region": raw("muc")}}))

	l.want(l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{DryRun: true})), "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	undo := l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{}))
	l.want(undo, "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	var conflicts []string
	for _, s := range undo.Sample {
		conflicts = append(conflicts, s.Conflicts...)
	}
	if !slices.Equal(conflicts, []string{"/region"}) {
		t.Errorf("conflicts %v", conflicts)
	}
	if got := l.export(anna, "server", "", sheet.CSV, "name", "region", "environment"); !sameLines(got, "name,region,common.environment\nhost,muc,\n'=2+3,fra,\nweb,ber,\n") {
		t.Errorf("%q", got)
	}
	if of, err := l.s.Operation(l.ctx, anna, op.ID); err != nil || of.State != Undone || of.UndoneBy != undo.ID {
		t.Errorf("%+v %v", of, err)
	}
	for id, why := range map[string]string{op.ID: "undone already; to do it again, undo " + undo.ID, dry.ID: "it was a dry run"} {
		if _, err := l.s.Undo(l.ctx, anna, id, rest.Undo{}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s", err, why)
		}
	}
	// An undo is undone like anything else, and what it took back can be undone once more.
	l.want(l.wait(l.s.Undo(l.ctx, anna, undo.ID, rest.Undo{})), "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	if got := l.export(anna, "server", "", sheet.CSV, "name", "region", "environment"); !sameLines(got, "name,region,common.environment\nhost,muc,production\n'=2+3,fra2,production\nweb,ber,\n") {
		t.Errorf("%q", got)
	}
	if of, err := l.s.Operation(l.ctx, anna, op.ID); err != nil || of.State != Done || of.UndoneBy != "" {
		t.Errorf("%+v %v", of, err)
	}
	l.want(l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{})), "done: 2 rows, 0 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	if _, err := l.s.Edit(l.ctx, anna, EditRequest{Query: l.query("server", ""), Set: map[string]json.RawMessage{"/region": raw("x")}}); !asInvalid(err) {
		t.Errorf("an edit without a filter: %v", err)
	}
}

// operation is the latest of a type.
func (l *lab) operation(typ string) string {
	l.t.Helper()
	list, err := l.s.Operations(l.ctx, anna)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, op := range list {
		if op.Type == typ {
			return op.ID
		}
	}
	l.t.Fatalf("no %s among %d operations", typ, len(list))
	return ""
}

// A record is deleted with all that people said of it, and the deletion is an operation that can be undone.
func TestDeleteARecordAndUndo(t *testing.T) {
	l := newLab(t)
	l.imports(ImportRequest{Kind: "server"}, []byte("name,region,identifiers.serial,notes\nweb,fra,SN-1-ABQ,mine\n"))
	found, err := l.inv.FindByField(l.ctx, anna, "server", "name", []string{"web"})
	if err != nil || len(found["web"]) != 1 {
		t.Fatal(found, err)
	}
	id := found["web"][0].ID
	req := inventory.DeleteRequest{Kind: "server", ID: id, Version: 7, Reason: "it was never bought"}
	var stale *inventory.StaleError
	if _, err := l.s.Delete(l.ctx, anna, req); !errors.As(err, &stale) || stale.Current != 1 {
		t.Fatal(err)
	}
	req.Version = 1
	op, err := l.s.Delete(l.ctx, anna, req)
	if err != nil {
		t.Fatal(err)
	}
	l.want(op, "done: 1 rows, 0 created, 0 updated, 0 unchanged, 1 removed, 0 refused")
	if got := lines(l.export(anna, "server", "", sheet.CSV, "name")); len(got) != 1 {
		t.Errorf("%q", got)
	}
	// The serial number is free.
	again := l.imports(ImportRequest{Kind: "server"}, []byte("name,identifiers.serial\nother,SN-1-ABQ\n"))
	l.want(again, "done: 1 rows, 1 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	undo := l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{}))
	l.want(undo, "done: 1 rows, 1 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	if !slices.Equal(undo.Sample[0].Conflicts, []string{"/identifiers/serial"}) {
		t.Errorf("somebody else has its serial number now, and nobody says so: %+v", undo.Sample)
	}
	if got := l.export(anna, "server", `name = "web"`, sheet.CSV, "name", "region", "notes"); !sameLines(got, "name,region,common.notes\nweb,fra,mine\n") {
		t.Errorf("%q", got)
	}
	if list, err := l.s.Operations(l.ctx, anna); err != nil || len(list) != 4 {
		t.Errorf("%d operations; the refused deletion should be none: %v", len(list), err)
	}
}

func TestUndoOfAnImport(t *testing.T) {
	l := newLab(t)
	op := l.imports(ImportRequest{Kind: "server"}, []byte(some))
	l.want(l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{})), "done: 3 rows, 0 created, 0 updated, 0 unchanged, 3 removed, 0 refused")
	if got := lines(l.export(anna, "server", "", sheet.CSV, "name")); len(got) != 1 {
		t.Errorf("%q", got)
	}
	undo := l.operation("undo")
	l.want(l.wait(l.s.Undo(l.ctx, anna, undo, rest.Undo{})), "done: 3 rows, 3 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	if got := lines(l.export(anna, "server", "", sheet.CSV, "name")); len(got) != 4 {
		t.Errorf("%q", got)
	}
	l.want(l.wait(l.s.Undo(l.ctx, anna, op.ID, rest.Undo{})), "done: 3 rows, 0 created, 0 updated, 0 unchanged, 3 removed, 0 refused")
	// What was undone can be imported again.
	l.want(l.imports(ImportRequest{Kind: "server"}, []byte(some)), "done: 3 rows, 3 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
}

// A collector that dies in the middle of an import leaves whole rows; the operation is told as interrupted, importing again
// makes the rest, and undoing both takes all of it back.
func TestImportStoppedHalfWay(t *testing.T) {
	l := newLab(t)
	var file strings.Builder
	file.WriteString("name,region,identifiers.serial\n")
	for i := range 1200 {
		fmt.Fprintf(&file, "server-%04d,fra,SN-%04d-ABQ\n", i, i)
	}
	whole := l.s.opt.Store
	dying := storetest.Crashing(whole, 4000)
	l.open(dying)
	started, err := l.s.Import(l.ctx, anna, ImportRequest{Kind: "server"}, l.file([]byte(file.String())))
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if dying.Crashed() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.s.Close()
	l.open(whole)
	half := len(lines(l.export(anna, "server", `region = "fra"`, sheet.CSV, "name"))) - 1
	if half >= 1200 || half == 0 {
		t.Fatalf("%d servers: the crash came too late or too early", half)
	}
	if half%inventory.MostEdits != 0 {
		t.Errorf("%d servers: a batch is half-written", half)
	}
	if err := l.s.Sweep(l.ctx, time.Now().Add(2*silent)); err != nil {
		t.Fatal(err)
	}
	op, err := l.s.Operation(l.ctx, anna, started.ID)
	if err != nil || op.State != Interrupted {
		t.Fatalf("%s %v", counts(op), err)
	}
	again := l.imports(ImportRequest{Kind: "server"}, []byte(file.String()))
	l.want(again, fmt.Sprintf("done: 1200 rows, %d created, 0 updated, %d unchanged, 0 removed, 0 refused", 1200-half, half))
	l.wait(l.s.Undo(l.ctx, anna, again.ID, rest.Undo{}))
	if half > 0 {
		l.wait(l.s.Undo(l.ctx, anna, started.ID, rest.Undo{}))
	}
	if got := lines(l.export(anna, "server", "", sheet.CSV, "name")); len(got) != 1 {
		t.Errorf("%d servers are left", len(got)-1)
	}
}

func TestMappings(t *testing.T) {
	l := newLab(t)
	w := rest.ImportMappingWrite{Name: "our sheet", Kind: "server", Key: "hostname", Columns: []rest.ImportColumn{
		{Column: "Rechner", Field: "name"}, {Column: "Rechner", Field: "hostname"}, {Column: "RAM", Field: "memory_bytes", Unit: "GiB"}, {Column: "Bemerkung"}},
		Defaults: map[string]string{"common.environment": "production"}}
	m, err := l.s.CreateMapping(l.ctx, anna, w)
	if err != nil {
		t.Fatal(err)
	}
	req := ImportRequest{Mapping: "our sheet"}
	file := []byte("Rechner;RAM;Bemerkung\nweb1;16;x\nweb2;8;y\n")
	l.want(l.imports(req, file), "done: 2 rows, 2 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	op := l.imports(req, []byte("Rechner;RAM\nweb1;32\n"))
	l.want(op, "done: 1 rows, 0 created, 1 updated, 0 unchanged, 0 removed, 0 refused")
	if fmt.Sprint(op.Sample[0].Diff) == "" || op.Sample[0].Diff[0].Pointer != "/attributes/memory_bytes" {
		t.Errorf("%+v", op.Sample)
	}
	for _, bad := range []rest.ImportMappingWrite{
		{Name: "our sheet", Kind: "server"},
		{Name: "netbox-devices", Kind: "server"},
		{Name: "x", Kind: "spaceship"},
		{Name: "x", Kind: "server", Columns: []rest.ImportColumn{{Column: "a", Field: "memory"}}},
		{Name: "x", Kind: "server", Columns: []rest.ImportColumn{{Column: "a", Field: "cpu_count", Unit: "GB"}}},
		{Name: "x", Kind: "server", Key: "cpu_count"},
		{Kind: "server"},
	} {
		var conflict *inventory.ConflictError
		if _, err := l.s.CreateMapping(l.ctx, anna, bad); !asInvalid(err) && !errors.As(err, &conflict) {
			t.Errorf("%+v was taken: %v", bad, err)
		}
	}
	var staleErr *inventory.StaleError
	if _, err := l.s.UpdateMapping(l.ctx, anna, m.ID, 7, w); !errors.As(err, &staleErr) {
		t.Error(err)
	}
	w.Description = "as we have it"
	if m, err = l.s.UpdateMapping(l.ctx, anna, m.ID, 1, w); err != nil || m.Version != 2 {
		t.Errorf("%+v %v", m, err)
	}
	if err := l.s.DeleteMapping(l.ctx, anna, m.ID); err != nil {
		t.Error(err)
	}
	if _, err := l.s.Mapping(l.ctx, anna, m.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := l.s.DeleteMapping(l.ctx, anna, "netbox-devices"); err == nil {
		t.Error("a shipped mapping was deleted")
	}
}

// The mappings that ship fit the kinds as they are.
func TestShippedMappingsFit(t *testing.T) {
	l := newLab(t)
	for _, m := range builtin() {
		k, err := l.inv.Kind(l.ctx, "default", m.Kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := prepare(k.Kind, m.ImportMappingWrite, m.Name == "maestro-applications"); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

func TestOldOperationsAreForgotten(t *testing.T) {
	l := newLab(t)
	dry := l.imports(ImportRequest{Kind: "server", DryRun: true}, []byte(some))
	op := l.imports(ImportRequest{Kind: "server"}, []byte(some))
	if err := l.s.Sweep(l.ctx, time.Now().Add(2*keepDry)); err != nil {
		t.Fatal(err)
	}
	if list, err := l.s.Operations(l.ctx, anna); err != nil || len(list) != 1 || list[0].ID != op.ID {
		t.Errorf("%+v %v, want all but %s", list, err, dry.ID)
	}
	if err := l.s.Sweep(l.ctx, time.Now().Add(2*keepDone)); err != nil {
		t.Fatal(err)
	}
	if some, err := l.inv.HasEdits(l.ctx, "default", op.ID, false); err != nil || some {
		t.Errorf("its edits are kept: %v", err)
	}
}
