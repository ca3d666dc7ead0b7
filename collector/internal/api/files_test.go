package api

import (
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
