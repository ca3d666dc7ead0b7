package feed

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/collector/internal/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type world struct {
	t   *testing.T
	st  store.Store
	now time.Time
	log *audit.Log
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db"), Tables: slices.Concat(Tables(), audit.Tables(), lease.Tables())})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	w := &world{t: t, st: st, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	w.log = audit.New(st, func() time.Time { w.now = w.now.Add(time.Millisecond); return w.now })
	return w
}

func (w *world) did(tenant, action string) string {
	w.t.Helper()
	id, err := w.log.Write(w.t.Context(), audit.Entry{Tenant: tenant, Actor: "user:anna", Action: action})
	must(w.t, err)
	return id
}

func (w *world) feed(st store.Store, target Target, batch int) *Feed {
	return New(Options{Store: st, Audit: w.log, Leases: lease.New(st, "a", time.Now), Target: target, Clock: func() time.Time { return w.now },
		Log: slog.New(slog.DiscardHandler), Batch: batch, Poll: time.Millisecond})
}

// rounds passes on until there is no more.
func rounds(t *testing.T, f *Feed) {
	t.Helper()
	for {
		more, err := f.Round(t.Context())
		must(t, err)
		if !more {
			return
		}
	}
}

// box is a target that keeps what it gets.
type box struct {
	mu   sync.Mutex
	ids  []string
	fail int
}

func (b *box) Name() string { return "box" }
func (b *box) Close() error { return nil }
func (b *box) Send(_ context.Context, entries []audit.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail > 0 {
		b.fail--
		return errors.New("the other side is away")
	}
	for _, e := range entries {
		b.ids = append(b.ids, e.ID)
	}
	return nil
}

func (b *box) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.ids)
}

// Every entry goes once: those of before, of several tenants, late ones, and pending ones when they have ended.
func TestEveryEntryOnce(t *testing.T) {
	w, b := newWorld(t), &box{}
	var want []string
	for i := range 25 {
		want = append(want, w.did([]string{"", "default", "other"}[i%3], "early"))
	}
	f := w.feed(w.st, b, 4)
	rounds(t, f)
	pending, err := w.log.Begin(t.Context(), audit.Entry{Tenant: "default", Actor: "user:anna", Action: "run.request"})
	must(t, err)
	began := w.now
	for range 3 {
		want = append(want, w.did("default", "later"))
		w.now = w.now.Add(2 * time.Minute)
		rounds(t, f)
	}
	must(t, w.log.Finish(t.Context(), "default", pending, nil))
	rounds(t, f)
	want = append(want, pending)
	w.now, began = began, w.now // one that commits minutes after its moment
	late := w.did("default", "late")
	w.now = began
	rounds(t, f)
	want = append(want, late)
	for range 4 {
		w.now = w.now.Add(10 * time.Minute)
		want = append(want, w.did("default", "much later"))
		rounds(t, f)
	}
	got := b.got()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("passed on %d entries, want %d, each once", len(got), len(want))
	}
	cur, _, err := f.load(t.Context(), "default")
	must(t, err)
	if len(cur.Sent) > 3 {
		t.Errorf("the cursor keeps %d ids", len(cur.Sent))
	}
}

// While the other side is away entries wait, and whoever comes after a collector that died goes on.
func TestNothingIsLost(t *testing.T) {
	w, b := newWorld(t), &box{fail: 3}
	var want []string
	for range 10 {
		want = append(want, w.did("default", "x"))
	}
	f := w.feed(w.st, b, 4)
	for range 3 {
		if _, err := f.Round(t.Context()); err == nil {
			t.Fatal("the failure is not said")
		}
	}
	dying := storetest.Crashing(w.st, 1)
	f = w.feed(dying, b, 4)
	var err error
	for err == nil {
		_, err = f.Round(t.Context())
	}
	if !errors.Is(err, storetest.ErrCrash) {
		t.Fatal(err)
	}
	rounds(t, w.feed(w.st, b, 4))
	got := b.got()
	slices.Sort(got)
	if unique := slices.Compact(slices.Clone(got)); !slices.Equal(unique, want) || len(got) > len(want)+4 {
		t.Errorf("got %d entries, %d of %d different; at most one batch may go twice", len(got), len(unique), len(want))
	}
}

// Two collectors run a feed each; one of them works, and when it ends the other takes over.
func TestRun(t *testing.T) {
	w, b := newWorld(t), &box{fail: 1}
	for range 5 {
		w.did("default", "x")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		f := w.feed(w.st, b, 2)
		f.opt.Longest = time.Millisecond
		running.Go(func() {
			if err := f.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for end := time.Now().Add(10 * time.Second); len(b.got()) < 5 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	running.Wait()
	if n := len(b.got()); n != 5 {
		t.Errorf("passed on %d entries of 5", n)
	}
}

var hostile = audit.Entry{ID: "01-id", Tenant: "default", At: time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC), Actor: `user:a"]\`, Action: "token.create now\n",
	Outcome: audit.Refused, Object: &audit.Ref{ID: "o1", Name: "Ünï\ncode", Kind: "token"}, Reason: "x\n<0>1 forged", Detail: map[string]any{"k": "v"}}

func TestSyslogMessage(t *testing.T) {
	s, err := NewSyslog(SyslogConfig{URL: "udp://127.0.0.1:514", Host: "col lector"})
	must(t, err)
	m, err := s.message(hostile)
	must(t, err)
	want := `<108>1 2026-11-01T12:00:00.123456Z col_lector maestro-collector - token.create_now_ [maestro@32473 id="01-id" tenant="default"` +
		` actor="user:a\"\]\\" outcome="refused" object="o1" object_name="Ünï` + "\ncode" + `"] ` + "\ufeff" +
		`{"id":"01-id","tenant":"default","at":"2026-11-01T12:00:00.123456Z","actor":"user:a\"]\\","action":"token.create now\n","object":{"id":"o1","name":"Ünï\ncode","kind":"token"},"outcome":"refused","reason":"x\n\u003c0\u003e1 forged","detail":{"k":"v"}}`
	if string(m) != want {
		t.Errorf("message\n%s\nwant\n%s", m, want)
	}
	long := hostile
	long.Reason = strings.Repeat("ü", datagram)
	if m, err := s.message(long); err != nil || len(m) > datagram || !strings.HasSuffix(string(m), "ü") {
		t.Errorf("a long message has %d bytes: %v", len(m), err)
	}
	for _, bad := range []string{"", "127.0.0.1:514", "udp://127.0.0.1", "http://127.0.0.1:514", "tcp://127.0.0.1:514/x"} {
		if _, err := NewSyslog(SyslogConfig{URL: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// readCounted reads messages of RFC 6587.
func readCounted(r *bufio.Reader) (string, error) {
	text, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

func TestSyslogOverTheNetwork(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil) // for its certificate
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	for _, scheme := range []string{"udp", "tcp", "tls"} {
		t.Run(scheme, func(t *testing.T) {
			got := make(chan string, 10)
			var address string
			if scheme == "udp" {
				pc, err := net.ListenPacket("udp", "127.0.0.1:0")
				must(t, err)
				defer pc.Close()
				address = pc.LocalAddr().String()
				go func() {
					b := make([]byte, 64<<10)
					for {
						n, _, err := pc.ReadFrom(b)
						if err != nil {
							return
						}
						got <- string(b[:n])
					}
				}()
			} else {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				must(t, err)
				if scheme == "tls" {
					l = tls.NewListener(l, &tls.Config{Certificates: srv.TLS.Certificates})
				}
				defer l.Close()
				address = l.Addr().String()
				go func() {
					for {
						conn, err := l.Accept()
						if err != nil {
							return
						}
						r := bufio.NewReader(conn)
						for range 2 { // and then it closes
							m, err := readCounted(r)
							if err != nil {
								break
							}
							got <- m
						}
						_ = conn.Close()
					}
				}()
			}
			s, err := NewSyslog(SyslogConfig{URL: scheme + "://" + address, Host: "h", CA: map[string]string{"tls": ca}[scheme]})
			must(t, err)
			defer func() { must(t, s.Close()) }()
			for i := range 3 { // every second time the other side has closed meanwhile
				e := hostile
				e.ID = fmt.Sprint("entry-", i)
				for tries := 0; ; tries++ {
					if err = s.Send(t.Context(), []audit.Entry{e}); err == nil || tries == 5 {
						break
					}
				}
				must(t, err)
			}
			seen := map[string]bool{}
			for len(seen) < 3 {
				select {
				case m := <-got:
					seen[m[strings.Index(m, "entry-"):][:7]] = true
				case <-time.After(5 * time.Second):
					t.Fatalf("only %v came", seen)
				}
			}
		})
	}
	s, err := NewSyslog(SyslogConfig{URL: "tls://" + srv.Listener.Addr().String(), Host: "h"})
	must(t, err)
	if err := s.Send(t.Context(), []audit.Entry{hostile}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate was trusted: %v", err)
	}
}

func TestWebhook(t *testing.T) {
	secret := webhook.Secret("0123456789abcdef")
	answer := http.StatusBadGateway
	var deliveries []string
	var entries []map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get(webhook.HeaderSignature) != webhook.Sign(secret, r.Header.Get(webhook.HeaderTimestamp), body) {
			t.Errorf("the signature does not fit: %v", err)
		}
		deliveries = append(deliveries, r.Header.Get(webhook.HeaderDelivery))
		if answer == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(answer)
		var doc struct {
			Entries []map[string]any `json:"entries"`
		}
		if answer == http.StatusNoContent && json.Unmarshal(body, &doc) == nil {
			entries = append(entries, doc.Entries...)
		}
	}))
	defer srv.Close()
	h, err := NewWebhook(srv.URL+"/?token=hidden", secret, time.Now)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	second := hostile
	second.ID = "02-id"
	for _, status := range []int{http.StatusBadGateway, http.StatusNotFound, http.StatusFound} {
		answer = status
		if err := h.Send(t.Context(), []audit.Entry{hostile, second}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%d: %v", status, err)
		}
	}
	answer = http.StatusNoContent
	must(t, h.Send(t.Context(), []audit.Entry{hostile, second}))
	if len(entries) != 2 || entries[1]["id"] != "02-id" || entries[0]["actor"] != hostile.Actor {
		t.Errorf("got %v", entries)
	}
	if len(deliveries) != 4 || deliveries[0] != deliveries[3] || deliveries[0] == "" {
		t.Errorf("the same entries went as deliveries %v", deliveries)
	}
	srv.Close()
	if err := h.Send(t.Context(), []audit.Entry{hostile}); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("nobody there: %v", err)
	}
	for _, bad := range []string{"http://example.org/", "ftp://example.org", "example.org", ""} {
		if _, err := NewWebhook(bad, secret, time.Now); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if text := fmt.Sprintf("%v %#v %s", secret, secret, secret); strings.Contains(text, "0123") {
		t.Errorf("the secret prints itself: %s", text)
	}
}
