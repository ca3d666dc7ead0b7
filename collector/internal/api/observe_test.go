package api

import (
	"regexp"
	"testing"

	"maestro.internal/collector/internal/access"
)

// Where the time went is told to whoever was answered, and to nobody who could learn from it what he may not know.
func TestServerTiming(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	form := regexp.MustCompile(`^auth;dur=\d+\.\d, answer;dur=\d+\.\d, total;dur=\d+\.\d$`)
	for _, a := range []*answer{w.ask(w.reader, "GET", "/api/v1/resources/server", nil).is(200), w.ask("", "GET", "/api/v1/kinds", nil, "Cookie", cookie).is(200)} {
		if got := a.header.Get("Server-Timing"); !form.MatchString(got) {
			t.Errorf("%s: %q", a.what, got)
		}
	}
	for _, a := range []*answer{
		w.ask("", "GET", "/api/v1/resources/server", nil).is(401),
		w.ask(w.reader, "GET", "/api/v1/resources/server/01890000-0000-7000-8000-000000000000", nil).is(404),
		w.ask(w.reader, "POST", "/api/v1/connections", `{}`).is(403),
		w.ask("", "POST", "/api/v1/session", `{"username":"anna","password":"wrong"}`).is(401),
		w.ask("", "POST", "/api/v1/session", `{"username":"anna","password":"`+password+`"}`).is(200),
	} {
		if got := a.header.Get("Server-Timing"); got != "" {
			t.Errorf("%s %d: %q", a.what, a.status, got)
		}
	}
}
