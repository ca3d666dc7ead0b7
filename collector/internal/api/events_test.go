package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// told is one event as it came.
type told struct{ id, name, data string }

// listener reads a stream of events.
type listener struct {
	t      *testing.T
	answer *http.Response
	events chan told
}

// listen opens a stream; header as for ask.
func (w *world) listen(token, query string, header ...string) *listener {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", w.url+"/api/v1/events"+query, nil)
	must(w.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	must(w.t, err)
	l := &listener{t: w.t, answer: resp, events: make(chan told, 1000)}
	w.t.Cleanup(func() { must(w.t, resp.Body.Close()) })
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("open stream: %d", resp.StatusCode)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		w.t.Errorf("Content-Type %q", got)
	}
	go l.read()
	return l
}

func (l *listener) read() {
	defer close(l.events)
	in := bufio.NewScanner(l.answer.Body)
	var e told
	for in.Scan() {
		switch name, value, _ := strings.Cut(in.Text(), ": "); name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			l.events <- e
			e = told{}
		}
	}
}

// until answers the next event of the name that fits, and fails when another of the same name comes that is refused.
func (l *listener) until(name, has string) told {
	l.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case e, open := <-l.events:
			if !open {
				l.t.Fatalf("the stream ended before %s with %q", name, has)
			}
			if e.name == name && strings.Contains(e.data, has) {
				return e
			}
		case <-timeout:
			l.t.Fatalf("nobody told of %s with %q", name, has)
		}
	}
}

func (l *listener) ends() {
	l.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case _, open := <-l.events:
			if !open {
				return
			}
		case <-timeout:
			l.t.Fatal("the stream goes on")
		}
	}
}

func TestEventsTellWhatChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	src := w.source("one")
	src.sync("server", server("000000000001", "web-1", 1))
	l := w.listen(w.reader, "")
	if e := l.until("hello", ""); e.id == "" {
		t.Error("hello has no id to go on from")
	}
	run := src.sync("server", server("000000000001", "web-1", 2), server("000000000002", "web-2", 2))
	e := l.until("resources", "web-2")
	var doc rest.ResourcesEvent
	must(t, json.Unmarshal([]byte(e.data), &doc))
	if doc.Kind != "server" || doc.Count != 2 || len(doc.Resources) != 2 {
		t.Errorf("told %s", e.data)
	}
	for _, r := range doc.Resources {
		if r.ID == "" || r.State != "active" || r.Action == "" || r.Version == 0 {
			t.Errorf("told %+v", r)
		}
	}
	l.until("runs", run)

	// What one may do elsewhere is seen here too.
	agent := w.agent("east")
	l.until("agents", agent.ID)
	w.ask(w.admin, "POST", "/api/v1/agents/"+agent.ID+"/revoke", nil).is(200)
	l.until("agents", `"revoked"`)
}

// Many changes are told as one, whatever their number.
func TestAFloodIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.listen(w.reader, "?types=resources&kind=server")
	l.until("hello", "")
	var envs []resource.Envelope
	for i := range 700 {
		envs = append(envs, server(fmt.Sprintf("%012d", i), fmt.Sprintf("web-%d", i), 1))
	}
	w.source("one").sync("server", envs...)
	total, events := 0, 0
	for total < 700 {
		e := l.until("resources", `"server"`)
		var doc rest.ResourcesEvent
		must(t, json.Unmarshal([]byte(e.data), &doc))
		total += doc.Count
		events++
		if len(doc.Resources) > 200 {
			t.Errorf("%d resources named at once", len(doc.Resources))
		}
	}
	if total != 700 || events > 20 {
		t.Errorf("%d changes in %d events", total, events)
	}
	// After the flood, things are named again.
	w.ask(w.admin, "POST", "/api/v1/resources/server", rest.ResourceCreate{Name: "by-hand"}).is(201)
	l.until("resources", `"count":1`)
}

// Every tenant hears only of itself, and every collector tells what happened at another.
func TestEventsStayInTheirTenantAndCrossCollectors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here := w.listen(w.reader, "")
	here.until("hello", "")
	foreign := w.listen(w.stranger, "")
	foreign.until("hello", "")

	second, err := New(Options{Access: w.access, Audit: w.audit, Inventory: w.inventory, Fleet: w.fleet, Version: "1"})
	must(t, err)
	srv := httptest.NewServer(second)
	t.Cleanup(srv.Close)
	t.Cleanup(second.EndStreams)
	first := w.url
	w.url = srv.URL
	w.ask(w.admin, "POST", "/api/v1/resources/server", rest.ResourceCreate{Name: "ours"}).is(201)
	w.ask(w.stranger, "POST", "/api/v1/resources/server", rest.ResourceCreate{Name: "theirs"}).is(201)
	w.url = first
	here.until("resources", "ours")
	if e := foreign.until("resources", ""); !strings.Contains(e.data, "theirs") || strings.Contains(e.data, "ours") {
		t.Errorf("told %s", e.data)
	}
}

func TestAStreamGoesOnFromAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.listen(w.reader, "")
	hello := l.until("hello", "")
	must(t, l.answer.Body.Close())
	w.ask(w.admin, "POST", "/api/v1/resources/server", rest.ResourceCreate{Name: "meanwhile"}).is(201)

	for name, again := range map[string]*listener{
		"header": w.listen(w.reader, "", "Last-Event-ID", hello.id),
		"query":  w.listen(w.reader, "?last_event_id="+hello.id),
	} {
		again.until("resources", "meanwhile")
		for _, name := range []string{"runs", "connections", "agents", "reviews"} {
			again.until(name, "{}")
		}
		t.Log("by", name)
	}
	long := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	w.listen(w.reader, "", "Last-Event-ID", long).until("reset", "too long ago")
	w.listen(w.reader, "", "Last-Event-ID", "7").until("reset", "no id")
}

func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	byCookie := w.listen("", "", "Cookie", cookie)
	byCookie.until("hello", "")
	w.ask("", "DELETE", "/api/v1/session", nil, "Cookie", cookie, "X-Maestro-CSRF", "1").is(204)
	byCookie.ends()

	made := documentOf[rest.Token](w.ask(w.admin, "POST", "/api/v1/tokens", rest.TokenCreate{Name: "brief", Role: "reader"}).is(201))
	byToken := w.listen(made.Secret, "")
	byToken.until("hello", "")
	w.ask(w.admin, "DELETE", "/api/v1/tokens/"+made.ID, nil).is(204)
	byToken.ends()
}

func TestStreamsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	w.ask("", "GET", "/api/v1/events", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").problem(403)
	w.ask(w.reader, "GET", "/api/v1/events?types=everything", nil).problem(400)
	for range 12 {
		w.listen(w.reader, "").until("hello", "")
	}
	if p := w.ask(w.reader, "GET", "/api/v1/events", nil).problem(429); p.RetryAfterSeconds == 0 {
		t.Errorf("%+v", p)
	}
	w.listen(w.admin, "").until("hello", "") // another one's streams are his own
}

// The collector ends its streams by itself: a server that shuts down waits for what it answers.
func TestEndingLeavesNothing(t *testing.T) {
	w := newWorld(t)
	s, err := New(Options{Access: w.access, Audit: w.audit, Inventory: w.inventory, Fleet: w.fleet, Version: "1"})
	must(t, err)
	before := goleak.IgnoreCurrent()
	srv := httptest.NewServer(s)
	w.url = srv.URL
	var open []*listener
	for _, token := range []string{w.reader, w.reader, w.admin, w.stranger} {
		l := w.listen(token, "")
		l.until("hello", "")
		open = append(open, l)
	}
	s.EndStreams()
	for _, l := range open {
		l.ends()
	}
	w.ask(w.reader, "GET", "/api/v1/events", nil).problem(503)
	srv.Close()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}
