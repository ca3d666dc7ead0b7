package transfer

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

func TestNetBoxExports(t *testing.T) {
	l := newLab(t)
	for _, tc := range []struct {
		file, mapping, first, again string
	}{
		{"netbox_devices.csv", "netbox-devices", "done: 3 rows, 3 created, 0 updated, 0 unchanged, 0 removed, 0 refused", "done: 3 rows, 0 created, 0 updated, 3 unchanged, 0 removed, 0 refused"},
		{"netbox_virtual_machines.csv", "netbox-virtual-machines", "done: 2 rows, 2 created, 0 updated, 0 unchanged, 0 removed, 0 refused", "done: 2 rows, 0 created, 0 updated, 2 unchanged, 0 removed, 0 refused"},
		{"netbox_prefixes.csv", "netbox-prefixes", "done: 4 rows, 4 created, 0 updated, 0 unchanged, 0 removed, 0 refused", "done: 4 rows, 0 created, 0 updated, 4 unchanged, 0 removed, 0 refused"},
	} {
		l.want(l.importFile(ImportRequest{Mapping: tc.mapping, DryRun: true}, tc.file), tc.first)
		l.want(l.importFile(ImportRequest{Mapping: tc.mapping}, tc.file), tc.first)
		l.count.Reset()
		l.want(l.importFile(ImportRequest{Mapping: tc.mapping}, tc.file), tc.again)
		if w := l.inventoryWrites(); len(w) != 0 {
			t.Errorf("%s: the second run wrote %v", tc.file, w)
		}
	}
	esx := l.get("server", "fra1-esx01")
	if esx.Datacenter != "dc-fra1" || esx.Zone != "Hall 2" || fmt.Sprint(esx.Identifiers) != "[{serial CZJ2140P7K}]" {
		t.Errorf("%+v", esx)
	}
	for _, want := range []string{`"primary_ip":"10.20.0.11"`, `"manufacturer":"Dell"`, `"type":"physical"`} {
		if !strings.Contains(string(esx.Attributes), want) {
			t.Errorf("no %s in %s", want, esx.Attributes)
		}
	}
	if !strings.Contains(string(esx.Common), `"client":"ACME GmbH"`) || !strings.Contains(string(esx.Common), `"lifecycle":"in_service"`) {
		t.Errorf("common %s", esx.Common)
	}
	if l.get("server", "A-10023") == nil { // a device without a name goes by its asset tag
		t.Error("the unnamed device is missing")
	}
	if web := l.get("server", "web01"); !strings.Contains(string(web.Attributes), `"memory_bytes":8589934592`) || !strings.Contains(string(web.Attributes), `"disk_bytes":40000000000`) {
		t.Errorf("web01 %s", web.Attributes)
	}
	// One prefix in two routing domains is two resources.
	if got := lines(l.export(anna, "prefix", `cidr = "10.20.8.0/24"`, sheet.CSV, "name", "routing_domain", "is_pool")); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

func TestServiceNowExport(t *testing.T) {
	l := newLab(t)
	if _, err := l.s.Import(l.ctx, anna, ImportRequest{Mapping: "servicenow-servers"}, l.file(nil)); err == nil {
		t.Error("an empty file was taken")
	}
	// ServiceNow writes windows-1252; not said, that is an error that names row and byte.
	op := l.importFile(ImportRequest{Mapping: "servicenow-servers"}, "servicenow_cmdb_ci_server.csv")
	if op.State != Failed || !strings.Contains(op.Error, "row 2: byte 494 of the file (0xf6) is not UTF-8") {
		t.Errorf("%s", counts(op))
	}
	req := ImportRequest{Mapping: "servicenow-servers", File: sheet.Options{Encoding: "windows-1252"}}
	l.want(l.importFile(req, "servicenow_cmdb_ci_server.csv"), "done: 2 rows, 2 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	l.want(l.importFile(req, "servicenow_cmdb_ci_server.csv"), "done: 2 rows, 0 created, 0 updated, 2 unchanged, 0 removed, 0 refused")
	r := l.get("server", "ERP-DB-01")
	for _, want := range []string{`"memory_bytes":34359738368`, `"type":"virtual"`, `"primary_ip":"10.1.2.3"`} {
		if !strings.Contains(string(r.Attributes), want) {
			t.Errorf("no %s in %s", want, r.Attributes)
		}
	}
	if !strings.Contains(string(r.Common), "Jürgen Groß") || !strings.Contains(string(r.Common), "2027-12-31") {
		t.Errorf("common %s", r.Common)
	}
	if got := fmt.Sprint(r.Identifiers); !strings.Contains(got, "fqdn erp-db-01.corp.example.com") || !strings.Contains(got, "mac 00:50:56:a1:02:03") {
		t.Errorf("identifiers %s", got)
	}
}

func TestMaestroDocument(t *testing.T) {
	l := newLab(t)
	l.want(l.imports(ImportRequest{Kind: "system"}, []byte("name\nWebshop\n")), "done: 1 rows, 1 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	// The application that a server names must be there first, as in the reference.
	l.want(l.imports(ImportRequest{Kind: "application"}, []byte("name\nshop\n")), "done: 1 rows, 1 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	l.want(l.importFile(ImportRequest{DryRun: true}, "maestro.json"), "done: 11 rows, 10 created, 2 updated, 0 unchanged, 0 removed, 0 refused")
	op := l.importFile(ImportRequest{}, "maestro.json")
	if op.State != Done || op.Created != 10 || op.Refused != 0 {
		t.Fatal(counts(op))
	}
	l.count.Reset()
	l.want(l.importFile(ImportRequest{}, "maestro.json"), "done: 11 rows, 0 created, 0 updated, 11 unchanged, 0 removed, 0 refused")
	if w := l.inventoryWrites(); len(w) != 0 {
		t.Errorf("the second run wrote %v", w)
	}
	app := l.get("server", "app-01")
	for _, want := range []string{`"memory_bytes":17179869184`, `"family":"linux"`, `"flavor":"m5.xlarge"`} {
		if !strings.Contains(string(app.Attributes), want) {
			t.Errorf("no %s in %s", want, app.Attributes)
		}
	}
	if strings.Contains(fmt.Sprintf("%s %v", app.Attributes, app.Tags), "do not import") {
		t.Error("a key was imported")
	}
	if got := string(l.get("backing_service", "build").Attributes); !strings.Contains(got, `"ci_cd"`) {
		t.Error(got)
	}
	l.get("backing_service", "queue")
	for kind, has := range map[string][]string{"application": {`"provider":"Acme"`, `"managed":true`, `{"notes":"main","provider":"GitHub","type":"git"}`},
		"database": {`"clusterware_version":"12.1"`, `"storage_type":"asm"`, `"pluggable_databases":[{"name":"PDB1"}]`}} {
		got := string(l.get(kind, map[string]string{"application": "shop", "database": "shop-db"}[kind]).Attributes)
		for _, want := range has {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
	}
	rel, err := l.inv.RelatedTo(l.ctx, anna, "application", l.get("application", "shop").ID)
	var got []string
	for _, r := range rel {
		got = append(got, r.Direction+" "+r.Verb+" "+r.Name)
	}
	if want := "out part_of Webshop, out runs_on app-01, out runs_on db-01.example.com"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}

// A spreadsheet of 20,000 rows, twice: the second run writes nothing.
func TestTwentyThousandRowsTwice(t *testing.T) {
	l := newLab(t)
	book := excelize.NewFile()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	row := func(n int, cells ...any) {
		if err := w.SetRow(fmt.Sprintf("A%d", n), cells); err != nil {
			t.Fatal(err)
		}
	}
	row(1, "name", "identifiers.serial", "cpu_count", "memory_bytes", "owner.name", "tags.env", "warranty_until", "datacenter")
	for i := range 20_000 {
		row(i+2, fmt.Sprintf("server-%05d", i), fmt.Sprintf("SN-%05d-ABQ", i), 2+i%8, "16 GiB", "team "+fmt.Sprint(i%20), "prod", 46000+i%900, "FRA1")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	req := ImportRequest{Kind: "server", File: sheet.Options{Name: "servers.xlsx"}}
	began := time.Now()
	l.want(l.imports(req, b.Bytes()), "done: 20000 rows, 20000 created, 0 updated, 0 unchanged, 0 removed, 0 refused")
	first := time.Since(began)
	l.count.Reset()
	began = time.Now()
	op := l.imports(req, b.Bytes())
	l.want(op, "done: 20000 rows, 0 created, 0 updated, 20000 unchanged, 0 removed, 0 refused")
	if w := l.inventoryWrites(); len(w) != 0 {
		t.Errorf("the second run wrote %v", w)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("first %s, second %s, heap %d MiB", first.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), m.HeapInuse>>20)
	if r := l.get("server", "server-00000"); !strings.Contains(string(r.Common), `"warranty_until":"2025-12-09T00:00:00Z"`) {
		t.Errorf("common %s", r.Common)
	}
}

// What a file names and nobody has recorded is recorded once, when asked, before the rows; a wrong row records nothing.
func TestImportRecordsDatacenters(t *testing.T) {
	l := newLab(t)
	l.imports(ImportRequest{Kind: "server"}, []byte("name\nhomeless\n"))
	content := []byte("name,datacenter,cpu_count\nweb,BER9,2\nweb,muc1,2\ndb,ber9,4\nhomeless,BER9,\nbad,ROM2,many\n")
	req := ImportRequest{Kind: "server", CreateDatacenters: true, SkipErrors: true, DryRun: true}
	op := l.imports(req, content)
	l.want(op, "done: 5 rows, 3 created, 1 updated, 0 unchanged, 0 removed, 1 refused\n6 cpu_count: \"many\" is no number")
	if got := fmt.Sprint(op.NewDatacenters, l.centers); got != "[BER9 muc1] []" {
		t.Errorf("the dry run records %s", got)
	}
	req.DryRun = false
	op = l.imports(req, content)
	l.want(op, "done: 5 rows, 3 created, 1 updated, 0 unchanged, 0 removed, 1 refused\n6 cpu_count: \"many\" is no number")
	if got := fmt.Sprint(op.NewDatacenters, len(l.centers)); got != "[BER9 muc1] 2" || l.get("server", "db").Datacenter != "dc-ber9" || l.get("server", "homeless").Datacenter != "dc-ber9" {
		t.Errorf("recorded are %s", got)
	}
	op = l.imports(req, content)
	l.want(op, "done: 5 rows, 0 created, 0 updated, 4 unchanged, 0 removed, 1 refused\n6 cpu_count: \"many\" is no number")
	if len(l.centers) != 2 {
		t.Errorf("again: %v", l.centers)
	}
	var many strings.Builder
	many.WriteString("name,datacenter\n")
	for i := range mostNewDatacenters + 1 {
		fmt.Fprintf(&many, "s%d,site %d\n", i, i)
	}
	if op := l.imports(req, []byte(many.String())); op.State != Failed || !strings.Contains(op.Error, "more than 200 datacenters") || len(l.centers) != 2 {
		t.Errorf("%s %s, %d", op.State, op.Error, len(l.centers))
	}
}

func TestWrongRows(t *testing.T) {
	l := newLab(t)
	l.imports(ImportRequest{Kind: "server"}, []byte("name,datacenter\ntwin,\ntwin,FRA1\n"))
	content := []byte("name,cpu_count,datacenter,type,relations.clusters,identifiers.mac,is_template\n" +
		"ok,4,FRA1,virtual,,,\n" +
		"a,many,,,,,\n" +
		"b,,BER9,,,,\n" +
		"c,,,quantum,,,\n" +
		"d,,,,nowhere,,\n" +
		"e,,,,,not-a-mac,\n" +
		"ok,,FRA1,,,,\n" +
		",2,,,,,\n" +
		"twin,,,,,,\n" +
		"f,,,,,,perhaps\n" +
		"g,1,,,,,,,extra\n")
	want := `: 11 rows, 1 created, 0 updated, 0 unchanged, 0 removed, 10 refused
3 cpu_count: "many" is no number
4 datacenter: there is no datacenter "BER9"; record it first, or have the import record it
5 type: "quantum": its value is none of physical, virtual, hypervisor, container
6 relations.clusters: there is no cluster named "nowhere"; import those first
7 identifiers.mac: "not-a-mac" is no mac
8 : names the same resource as row 2
9 name: is missing; a new resource needs one
10 : 2 resources of kind server have the name "twin"; add an identifier, the id or the datacenter
11 is_template: "perhaps" is neither yes nor no
12 : has a value in column 9, but the header names 7 columns`
	sorted := func(op rest.Operation) rest.Operation {
		for i := range op.Errors {
			for j := i + 1; j < len(op.Errors); j++ {
				if op.Errors[j].Row < op.Errors[i].Row {
					op.Errors[i], op.Errors[j] = op.Errors[j], op.Errors[i]
				}
			}
		}
		return op
	}
	l.count.Reset()
	// Nothing of it was written, so nothing of it is counted as written.
	l.want(sorted(l.imports(ImportRequest{Kind: "server"}, content)), "refused"+strings.Replace(want, "1 created", "0 created", 1))
	if w := l.inventoryWrites(); len(w) != 0 {
		t.Errorf("a refused import wrote %v", w)
	}
	l.want(sorted(l.imports(ImportRequest{Kind: "server", DryRun: true}, content)), "done"+want)
	l.want(sorted(l.imports(ImportRequest{Kind: "server", SkipErrors: true}, content)), "done"+want)
	l.get("server", "ok")
}

func TestWrongFiles(t *testing.T) {
	l := newLab(t)
	for content, want := range map[string]string{
		"name,Name\na,b\n":              `row 1, column "Name": is there twice`,
		"name,memory_byte\na,1\n":       `memory_byte: is no field of kind server; did you mean "memory_bytes"? Map the column`,
		"name,owner\na,b\n":             `owner: is no field of kind server; did you mean "owner.name"?`,
		"name,uptime_seconds\na,5\n":    "uptime_seconds: changes all the time and cannot be set",
		"name\n\"a\n":                   "row 2: line 2",
		"\x00\x01\x02":                  "zero bytes",
		"PK\x03\x04 no workbook at all": "is no Excel workbook",
		"{\"name\": 7}":                 "is neither a list of objects nor a document with items",
	} {
		op := l.imports(ImportRequest{Kind: "server"}, []byte(content))
		if op.State != Refused && op.State != Failed || !strings.Contains(counts(op), want) {
			t.Errorf("%q: %s, want %s", content, counts(op), want)
		}
	}
	for _, req := range []ImportRequest{{}, {Kind: "spaceship"}, {Mapping: "nothing"}, {Kind: "volume", Mapping: "netbox-devices"}} {
		if _, err := l.s.Import(l.ctx, anna, req, l.file([]byte("name\na\n"))); !asInvalid(err) {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

// Who may not see a resource cannot find it by an import, nor learn its name from an export.
func TestAccess(t *testing.T) {
	l := newLab(t)
	l.imports(ImportRequest{Kind: "server"}, []byte("name,datacenter,identifiers.serial\nseen,FRA1,SN-1-ABQ\nhidden,,SN-2-ABQ\n"))
	bob := inventory.Caller{Tenant: "default", Name: "user:bob", Roots: []string{"dc-fra1"}}
	if got := lines(l.export(bob, "server", "", sheet.CSV, "name")); fmt.Sprint(got) != "[name seen]" {
		t.Errorf("%q", got)
	}
	op, err := l.s.Import(l.ctx, bob, ImportRequest{Kind: "server"}, l.file([]byte("name,region,identifiers.serial\nother,fra,SN-2-ABQ\n")))
	got := l.wait(op, err)
	if got.State != Refused || !strings.Contains(counts(got), "belongs to another resource") {
		t.Errorf("%s", counts(got))
	}
	if _, err := l.s.Operation(l.ctx, inventory.Caller{Tenant: "default", Name: "user:eve", Roots: []string{"x"}}, op.ID); err == nil {
		t.Error("somebody else reads the operation")
	}
	if _, err := l.s.Operation(l.ctx, inventory.Caller{Tenant: "other", Name: "user:anna", TenantWide: true}, op.ID); err == nil {
		t.Error("another tenant reads the operation")
	}
}

// Every change of an import points to the audit entry that was written before it.
func TestImportIsAudited(t *testing.T) {
	l := newLab(t)
	op := l.imports(ImportRequest{Kind: "server", Reason: "move from Excel"}, []byte("name\na\nb\n"))
	ch, err := l.inv.Changes(l.ctx, anna, inventory.ChangeQuery{Kind: "server", Limit: 10})
	if err != nil || len(ch.Items) != 2 {
		t.Fatalf("%+v %v", ch, err)
	}
	for _, c := range ch.Items {
		if c.Actor != "user:anna" || c.AuditID != op.AuditID || op.AuditID == "" || c.Reason != "move from Excel" {
			t.Errorf("%+v", c)
		}
	}
	page, err := l.log.List(l.ctx, "default", audit.Query{ObjectID: op.ID, Limit: 10})
	if err != nil || len(page.Entries) != 2 {
		t.Fatalf("%+v %v", page, err)
	}
}
