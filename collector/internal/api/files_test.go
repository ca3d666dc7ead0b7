package api

import (
	"archive/tar"
	"bytes"
	"strconv"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

func TestFilesAreUploadedListedAndDeleted(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	conn := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("lab", k.ID)).is(201))
	path := "/api/v1/connections/" + conn.ID + "/files"
	raw := []string{"Content-Type", "application/octet-stream"}
	f := documentOf[rest.ConnectionFile](w.ask(w.admin, "PUT", path+"/web%201.json", "{}", raw...).is(200))
	if f.Name != "web 1.json" || f.SizeBytes != 2 || len(f.SHA256) != 64 || f.UploadedBy == "" || f.UploadedAt.IsZero() {
		t.Errorf("%+v", f)
	}
	w.ask(w.admin, "PUT", path+"/b", "more than huma's own limit"+strings.Repeat("x", 2<<20), raw...).is(200)
	first := documentOf[rest.List[rest.ConnectionFile]](w.ask(w.reader, "GET", path+"?page_size=1", nil).is(200))
	if len(first.Items) != 1 || first.Items[0].Name != "b" || first.NextPageToken == "" || first.TotalSize != 2 {
		t.Errorf("%+v", first)
	}
	w.ask(w.reader, "PUT", path+"/a", "x", raw...).problem(403)
	w.ask(w.stranger, "PUT", path+"/a", "x", raw...).problem(404)
	w.ask(w.stranger, "GET", path, nil).problem(404)
	w.ask(w.admin, "PUT", path+"/a%2Fb", "x", raw...).problem(422)
	w.ask(w.admin, "PUT", path+"/large", strings.Repeat("x", upload.MaxFile+1), raw...).problem(413)
	w.ask(w.reader, "DELETE", path+"/b", nil).problem(403)
	w.ask(w.admin, "DELETE", path+"/b", nil).is(204)
	w.ask(w.admin, "DELETE", path+"/b", nil).problem(404)
}

// TestAnArchiveOfFiles: many files come at once, all or none, and an archive that means harm is refused.
func TestAnArchiveOfFiles(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	conn := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("lab", k.ID)).is(201))
	path := "/api/v1/connections/" + conn.ID + "/files"
	raw := []string{"Content-Type", "application/x-tar"}
	pack := func(headers ...tar.Header) string {
		var b bytes.Buffer
		out := tar.NewWriter(&b)
		for _, h := range headers {
			content := "content of " + h.Name
			if h.Typeflag == tar.TypeReg {
				h.Size = int64(len(content))
			}
			if err := out.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				if _, err := out.Write([]byte(content)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	two := pack(file("web-1"), file("größe"))
	if done := documentOf[rest.ConnectionUpload](w.ask(w.admin, "POST", path, two, raw...).is(200)); done.Uploaded != 2 || len(done.Refused) > 0 {
		t.Errorf("%+v", done)
	}
	if done := documentOf[rest.ConnectionUpload](w.ask(w.admin, "POST", path, pack(file("web-1"), file("web-2")), raw...).is(200)); done.Uploaded != 1 || done.Unchanged != 1 {
		t.Errorf("%+v", done)
	}
	w.ask(w.reader, "POST", path, two, raw...).problem(403)
	w.ask(w.stranger, "POST", path, two, raw...).problem(404)
	many := make([]tar.Header, upload.MaxBatchFiles+1)
	for i := range many {
		many[i] = file(strconv.Itoa(i))
	}
	for what, c := range map[string]struct {
		text string
		code int
	}{
		"no archive":        {"no archive" + strings.Repeat("x", 2000), 422},
		"cut in the middle": {two[:520], 422},
		"a way out":         {pack(file("a"), file("../b")), 422},
		"a folder":          {pack(file("a"), tar.Header{Typeflag: tar.TypeDir, Name: "d/"}), 422},
		"a link":            {pack(file("a"), tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/etc/passwd"}), 422},
		"a name twice":      {pack(file("a"), file("a")), 422},
		"too many":          {pack(many...), 413},
		"too large":         {strings.Repeat("x", upload.MaxBatch+1), 413},
	} {
		t.Run(what, func(t *testing.T) {
			w.ask(w.admin, "POST", path, c.text, raw...).problem(c.code)
		})
	}
	if list := documentOf[rest.List[rest.ConnectionFile]](w.ask(w.admin, "GET", path, nil).is(200)); list.TotalSize != 3 {
		t.Errorf("%d files, want the three that were taken", list.TotalSize)
	}
}
