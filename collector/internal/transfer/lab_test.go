package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var anna = inventory.Caller{Tenant: "default", Name: "user:anna", TenantWide: true}

// lab is a collector's inventory and what brings things in and out of it.
type lab struct {
	t     testing.TB
	ctx   context.Context
	count *storetest.Counter
	inv   *inventory.Service
	s     *Service
	log   *audit.Log
	// centers are the datacenters that imports recorded.
	centers []rest.Datacenter
}

var prepared storetest.Prepared

func newLab(t testing.TB) *lab {
	t.Helper()
	tables := slices.Concat(inventory.Tables(), audit.Tables(), Tables())
	path := prepared.Copy(t, func(path string) error {
		st, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Tables: tables})
		if err != nil {
			return err
		}
		return errors.Join(inventory.New(inventory.Options{Store: st, Audit: audit.New(st, time.Now)}).Prepare(context.Background()), st.Close())
	})
	st, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, ctx: context.Background(), count: storetest.Counting(st)}
	l.open(l.count)
	t.Cleanup(func() {
		l.s.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// open makes the services anew, as a collector that starts.
func (l *lab) open(st store.Store) {
	l.log = audit.New(st, time.Now)
	l.inv = inventory.New(inventory.Options{Store: st, Audit: l.log})
	if err := l.inv.Prepare(l.ctx); err != nil {
		l.t.Fatal(err)
	}
	l.s = New(Options{Store: st, Audit: l.log, Inventory: l.inv, Datacenters: func(context.Context, inventory.Caller) ([]rest.Datacenter, error) {
		return append([]rest.Datacenter{{ID: "dc-fra1", Name: "FRA1"}}, l.centers...), nil
	}, CreateDatacenter: func(_ context.Context, _ inventory.Caller, w rest.DatacenterWrite) (rest.Datacenter, error) {
		d := rest.Datacenter{ID: "dc-" + strings.ToLower(w.Name), Name: w.Name}
		l.centers = append(l.centers, d)
		return d, nil
	}})
}

func (l *lab) file(content []byte) *os.File {
	l.t.Helper()
	f, err := os.CreateTemp(l.t.TempDir(), "import-*")
	if err == nil {
		_, err = f.Write(content)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

// wait answers an operation once it is over.
func (l *lab) wait(op rest.Operation, err error) rest.Operation {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	for range 6000 {
		got, err := l.s.Operation(l.ctx, anna, op.ID)
		if err != nil {
			l.t.Fatal(err)
		}
		if got.State != Running {
			return got
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatal("the operation does not end")
	return op
}

func (l *lab) imports(req ImportRequest, content []byte) rest.Operation {
	l.t.Helper()
	return l.wait(l.s.Import(l.ctx, anna, req, l.file(content)))
}

func (l *lab) importFile(req ImportRequest, name string) rest.Operation {
	l.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		l.t.Fatal(err)
	}
	req.File.Name = name
	return l.imports(req, b)
}

func (l *lab) query(kind, text string) inventory.ListQuery {
	l.t.Helper()
	k, err := l.inv.Kind(l.ctx, "default", kind)
	if err != nil {
		l.t.Fatal(err)
	}
	where, info, err := filter.Parse(text, inventory.FieldsOf(k.Kind), time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	return inventory.ListQuery{Kind: kind, Where: where, StateNamed: info.Names("state"), Limit: 1000}
}

// export is a kind as a file.
func (l *lab) export(c inventory.Caller, kind, text string, format sheet.Format, columns ...string) string {
	l.t.Helper()
	e, err := l.s.Export(l.ctx, c, ExportRequest{Query: l.query(kind, text), Format: format, Columns: columns})
	if err != nil {
		l.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Write(l.ctx, &b); err != nil {
		l.t.Fatal(err)
	}
	return b.String()
}

func (l *lab) get(kind, name string) *inventory.Resource {
	l.t.Helper()
	found, err := l.inv.FindByField(l.ctx, anna, kind, "name", []string{name})
	if err != nil || len(found[name]) != 1 {
		l.t.Fatalf("%d resources of kind %s named %s (%v)", len(found[name]), kind, name, err)
	}
	r, err := l.inv.Get(l.ctx, anna, kind, found[name][0].ID)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// counts is what an operation did, and its errors.
func counts(op rest.Operation) string {
	out := fmt.Sprintf("%s: %d rows, %d created, %d updated, %d unchanged, %d removed, %d refused", op.State, op.Rows, op.Created, op.Updated,
		op.Unchanged, op.Removed, op.Refused)
	for _, e := range op.Errors {
		out += fmt.Sprintf("\n%d %s: %s", e.Row, e.Column, e.Message)
	}
	if op.Error != "" {
		out += "\n" + op.Error
	}
	return out
}

func (l *lab) want(op rest.Operation, want string) {
	l.t.Helper()
	if got := counts(op); got != want {
		l.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// inventoryWrites are the writes to the inventory itself since the count was reset: all but those of the operation's own row.
func (l *lab) inventoryWrites() map[string]int {
	w := l.count.Writes()
	delete(w, tOperations)
	return w
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
