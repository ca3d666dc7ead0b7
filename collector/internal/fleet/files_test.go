package fleet_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/upload"
	"maestro.internal/sdk/provider"
)

func (w *world) upload(connection, name, content string) {
	w.t.Helper()
	if _, err := w.Upload(w.t.Context(), admin, connection, name, []byte(content)); err != nil {
		w.t.Fatal(err)
	}
}

// contents are the files of a connection as its agent gets them.
func (w *world) contents(k fleet.Known, connection string) string {
	w.t.Helper()
	list, err := w.FilesFor(w.t.Context(), k, connection)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, f := range list {
		var b bytes.Buffer
		if err := w.ReadFile(w.t.Context(), k, f, func(_ int64, data []byte) error { b.Write(data); return nil }); err != nil {
			w.t.Fatal(err)
		}
		if int64(b.Len()) != f.Size {
			w.t.Errorf("%s has %d bytes, want %d", f.Name, b.Len(), f.Size)
		}
		out = append(out, fmt.Sprintf("%s=%.10s", f.Name, b.String()))
	}
	return strings.Join(out, " ")
}

// TestFiles: a file is replaced whole, the same again writes nothing, and a connection takes its files with it.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	w.files = true
	k := w.agent("key-1")
	c := w.connect(k, "facts")
	w.upload(c.ID, "web-1", strings.Repeat("a", 2*upload.Chunk+1))
	w.upload(c.ID, "empty", "")
	w.upload(c.ID, "web-1", strings.Repeat("a", 2*upload.Chunk+1))
	if n := w.audited("connection.upload", ""); n != 2 {
		t.Errorf("%d uploads audited, want 2: the same again is none", n)
	}
	before, err := w.FilesFor(t.Context(), k, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.upload(c.ID, "web-1", "second")
	if got := w.contents(k, c.ID); got != "empty= web-1=second" {
		t.Errorf("got %s", got)
	}
	if err := w.ReadFile(t.Context(), k, before[1], func(int64, []byte) error { return nil }); !errors.Is(err, fleet.ErrReplaced) {
		t.Errorf("who read the former content is told %v", err)
	}
	w.now = w.now.Add(3 * time.Hour)
	if err := w.Sweep(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if got := w.contents(k, c.ID); got != "empty= web-1=second" {
		t.Errorf("after a sweep %s", got)
	}
	if err := w.DeleteFile(t.Context(), admin, c.ID, "empty"); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteFile(t.Context(), admin, c.ID, "empty"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if err := w.DeleteConnection(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.contents(k, c.ID); got != "" {
		t.Errorf("the connection is deleted and has %s", got)
	}
}

// TestFilesAreBounded: size, number, name, plugin and tenant.
func TestFilesAreBounded(t *testing.T) {
	w := newWorld(t)
	without := w.connect(w.agent("key-1"), "without")
	var invalid *inventory.InvalidError
	if _, err := w.Upload(t.Context(), admin, without.ID, "a", nil); !errors.As(err, &invalid) || !strings.Contains(invalid.Problem, "does not read uploaded files") {
		t.Errorf("a plugin that reads none: %v", err)
	}
	w.files = true
	c := w.connect(w.agent("key-2"), "with")
	for _, name := range []string{"", "..", "a/b", "a\x00b", strings.Repeat("n", 201)} {
		if _, err := w.Upload(t.Context(), admin, c.ID, name, nil); !errors.As(err, &invalid) {
			t.Errorf("the name %q: %v", name, err)
		}
	}
	var large *fleet.TooLargeError
	if _, err := w.Upload(t.Context(), admin, c.ID, "a", make([]byte, upload.MaxFile+1)); !errors.As(err, &large) {
		t.Errorf("a file too large: %v", err)
	}
	most := make([]byte, upload.MaxFile)
	for i := range upload.MaxTotal / upload.MaxFile {
		if _, err := w.Upload(t.Context(), admin, c.ID, fmt.Sprint(i), most); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Upload(t.Context(), admin, c.ID, "more", []byte("x")); !errors.As(err, &large) {
		t.Errorf("more than fits: %v", err)
	}
	if _, err := w.Upload(t.Context(), admin, c.ID, "0", []byte("smaller")); err != nil {
		t.Errorf("a smaller one in place of another: %v", err)
	}
	stranger := inventory.Caller{Tenant: "other", Name: "user:eve", TenantWide: true}
	if _, err := w.Files(t.Context(), stranger, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant lists: %v", err)
	}
	if _, err := w.Upload(t.Context(), stranger, c.ID, "x", nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant uploads: %v", err)
	}
	if err := w.DeleteFile(t.Context(), stranger, c.ID, "0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant deletes: %v", err)
	}
}

// TestManyFilesAtOnce: they are one entry in the audit trail, the limits hold for all of them together, and one that may
// not be keeps the others out.
func TestManyFilesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.files = true
	k := w.agent("key-1")
	c := w.connect(k, "facts")
	w.upload(c.ID, "web-1", "old")
	many := func(files ...fleet.NewFile) error {
		_, err := w.UploadMany(t.Context(), admin, c.ID, files)
		return err
	}
	file := func(name, content string) fleet.NewFile { return fleet.NewFile{Name: name, Content: []byte(content)} }
	if err := many(file("web-1", "new"), file("web-2", "b")); err != nil {
		t.Fatal(err)
	}
	if err := many(file("web-2", "b"), file("web-1", "new")); err != nil {
		t.Fatal(err)
	}
	if n := w.audited("connection.upload", ""); n != 2 {
		t.Errorf("%d uploads audited, want 2: what is there already is none", n)
	}
	var invalid *inventory.InvalidError
	if err := many(file("web-3", "c"), file("a/b", "d")); !errors.As(err, &invalid) {
		t.Errorf("a name with a folder: %v", err)
	}
	var large *fleet.TooLargeError
	half := strings.Repeat("x", upload.MaxFile)
	var full []fleet.NewFile
	for i := range upload.MaxTotal/upload.MaxFile + 1 {
		full = append(full, file(fmt.Sprint(i), half))
	}
	if err := many(full...); !errors.As(err, &large) {
		t.Errorf("more than a connection holds: %v", err)
	}
	if got := w.contents(k, c.ID); got != "web-1=new web-2=b" {
		t.Errorf("the connection has %s", got)
	}
}

// TestFilesThatThePluginDoesNotRead: what is uploaded is what the plugin says that it reads, by content, alone and in an archive, of
// which the others are kept.
func TestFilesThatThePluginDoesNotRead(t *testing.T) {
	w := newWorld(t)
	w.files = true
	w.fileTypes = []provider.FileType{{Title: "facts of a host", Content: provider.FileJSON, Members: []string{"ansible_*"}, MaxBytes: 1 << 10}}
	k := w.agent("key-1")
	c := w.connect(k, "facts")
	const facts = `{"ansible_nodename": "web-1"}`
	w.upload(c.ID, "web-1", facts)
	var invalid *inventory.InvalidError
	for content, want := range map[string]string{
		"\x1f\x8b\x08":                     `"web-2" is compressed by gzip; wanted is facts of a host (a JSON object with ansible_*, at most 1 KiB)`,
		`{"terraform_version": "1"}`:       `"web-2" has none of the members ansible_*`,
		facts + strings.Repeat(" ", 1<<10): `"web-2" has more than 1 KiB`,
		strings.TrimSuffix(facts, "}"):     `"web-2" is broken or half-written`,
	} {
		if _, err := w.Upload(t.Context(), admin, c.ID, "web-2", []byte(content)); !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
		done, err := w.UploadMany(t.Context(), admin, c.ID, []fleet.NewFile{{Name: "web-3", Content: []byte(facts)}, {Name: "web-2", Content: []byte(content)}})
		if err != nil || done.Uploaded+done.Unchanged != 1 || len(done.Refused) != 1 || done.Refused[0].Name != "web-2" || !strings.Contains(done.Refused[0].Problem, want) {
			t.Errorf("%q in an archive: %+v (%v), want %s", content, done, err, want)
		}
	}
	if got := w.contents(k, c.ID); got != `web-1={"ansible_ web-3={"ansible_` {
		t.Errorf("the connection has %s", got)
	}
	if n := w.rows("connection_chunks"); n != 2 {
		t.Errorf("%d contents are kept, want 2", n)
	}
	// A plugin that does not say what it reads gets whatever comes, but no archive in an archive.
	w.fileTypes = nil
	other := w.connect(w.agent("key-2"), "other")
	w.upload(other.ID, "dump.gz", "\x1f\x8b\x08")
	done, err := w.UploadMany(t.Context(), admin, other.ID, []fleet.NewFile{{Name: "more.gz", Content: []byte("\x1f\x8b\x08")}})
	if err != nil || done.Uploaded != 0 || len(done.Refused) != 1 || !strings.Contains(done.Refused[0].Problem, "within an archive") {
		t.Errorf("an archive in an archive: %+v (%v)", done, err)
	}
}
