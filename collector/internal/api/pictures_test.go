package api

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// onePicture is a PNG with something behind its end that a browser could take for a page.
func onePicture(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	img.Set(1, 1, color.NRGBA{255, 0, 0, 255})
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return append(b.Bytes(), "<script>alert(1)</script>"...)
}

// send is ask with a body that is no document.
func (w *world) send(cookie, method, path string, body []byte) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(body))
	must(w.t, err)
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("X-Maestro-CSRF", "1")
	if strings.HasPrefix(cookie, "mst_") {
		req.Header.Set("Authorization", "Bearer "+cookie)
	} else {
		req.Header.Set("Cookie", cookie)
	}
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { must(w.t, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	return res, string(text)
}

func TestOnesOwnPicture(t *testing.T) {
	w := newWorld(t)
	w.user("Anna", access.RoleNone)
	anna := w.signIn("anna")
	if res, body := w.send(anna, "PUT", "/api/v1/session/picture", onePicture(t)); res.StatusCode != 200 {
		t.Fatalf("%d: %s", res.StatusCode, body)
	}
	id := documentOf[rest.Session](w.ask("", "GET", "/api/v1/session", nil, "Cookie", anna).is(200)).Picture
	if id == "" {
		t.Fatal("the session does not name the picture")
	}
	res, content := w.send(anna, "GET", "/api/v1/pictures/"+id, nil)
	if res.StatusCode != 200 || strings.Contains(content, "script") {
		t.Fatalf("%d, %q", res.StatusCode, content)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Content-Disposition": `attachment; filename="picture.png"`,
		"Content-Security-Policy": picturePolicy, "Cache-Control": "private, max-age=31536000, immutable",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		who, token string
		status     int
	}{{"a stranger of another tenant", w.stranger, 404}, {"a reader", w.reader, 200}} {
		if res, _ := w.send(c.token, "GET", "/api/v1/pictures/"+id, nil); res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.who, res.StatusCode, c.status)
		}
	}
	list := documentOf[rest.List[rest.Picture]](w.ask(w.reader, "GET", "/api/v1/pictures", nil).is(200))
	if len(list.Items) != 1 || list.Items[0].Owner != "anna" || list.Items[0].ID != id {
		t.Errorf("%+v", list.Items)
	}
	w.ask("", "DELETE", "/api/v1/session/picture", nil, "Cookie", anna, "X-Maestro-CSRF", "1").is(204)
	if res, _ := w.send(anna, "GET", "/api/v1/pictures/"+id, nil); res.StatusCode != 404 {
		t.Errorf("after removal: %d", res.StatusCode)
	}
	if res, body := w.send(w.admin, "PUT", "/api/v1/session/picture", onePicture(t)); res.StatusCode != 409 {
		t.Errorf("a token has no picture: %d %s", res.StatusCode, body)
	}
}

func TestWhatIsNoPictureIsRefusedWithItsReason(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	anna := w.signIn("anna")
	for _, c := range []struct {
		content string
		status  int
		says    string
	}{
		{"<svg onload=alert(1)>", 422, "PNG, JPEG, GIF or WebP"},
		{"\x89PNG\r\n\x1a\nhalf", 422, "damaged"},
		{"\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5<<20), 413, ""},
		{"", 422, ""},
	} {
		res, body := w.send(anna, "PUT", "/api/v1/session/picture", []byte(c.content))
		if res.StatusCode != c.status && !(c.content == "" && res.StatusCode == 400) || !strings.Contains(body, c.says) {
			t.Errorf("%.10q: %d %s", c.content, res.StatusCode, body)
		}
	}
}

func TestPicturesOfOthers(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	w.user("lead", access.RoleNone)
	w.user("boss", access.RoleAdmin)
	team := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", rest.TeamWrite{Name: "Ops", Members: []rest.TeamMember{{Username: "lead", Role: "lead"}}}).is(201))
	other := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", rest.TeamWrite{Name: "Others", Members: []rest.TeamMember{}}).is(201))
	lead := w.signIn("lead")
	for _, c := range []struct {
		who, path string
		status    int
	}{
		{w.admin, "/api/v1/users/anna/picture", 200},
		{w.reader, "/api/v1/users/anna/picture", 403},
		{w.stranger, "/api/v1/users/anna/picture", 404},
		{lead, "/api/v1/teams/" + team.ID + "/picture", 200},
		{lead, "/api/v1/teams/" + other.ID + "/picture", 404},
		{w.stranger, "/api/v1/teams/" + team.ID + "/picture", 404},
		{w.admin, "/api/v1/teams/nothing/picture", 404},
	} {
		if res, body := w.send(c.who, "PUT", c.path, onePicture(t)); res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d: %s", c.path, res.StatusCode, c.status, body)
		}
	}
	for who, want := range map[string]int{w.admin: 2, w.reader: 2, w.stranger: 0} {
		if list := documentOf[rest.List[rest.Picture]](w.ask(who, "GET", "/api/v1/pictures", nil).is(200)); len(list.Items) != want {
			t.Errorf("%d pictures are listed, want %d: %+v", len(list.Items), want, list.Items)
		}
	}
	// Who comes later under a deleted name has none.
	w.ask(w.admin, "DELETE", "/api/v1/users/anna", nil).is(204)
	w.ask(w.admin, "DELETE", "/api/v1/teams/"+team.ID, nil).is(204)
	if list := documentOf[rest.List[rest.Picture]](w.ask(w.admin, "GET", "/api/v1/pictures", nil).is(200)); len(list.Items) != 0 {
		t.Errorf("left: %+v", list.Items)
	}
}
