package collector_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maestro.internal/collector"
	"maestro.internal/internal/rest"
)

// moving is a clock that a test moves on.
type moving struct{ by atomic.Int64 }

func (m *moving) now() time.Time      { return time.Now().Add(time.Duration(m.by.Load())) }
func (m *moving) add(d time.Duration) { m.by.Add(int64(d)) }

func startAt(t *testing.T, cfg collector.Config, now func() time.Time) (c *collector.Collector, stop func()) {
	t.Helper()
	c, err := collector.New(t.Context(), cfg, collector.Options{Now: now, Sweep: 20 * time.Millisecond})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			must(t, <-ended)
			must(t, c.Close())
		}
	}
	t.Cleanup(stop)
	return c, stop
}

func (c *client) verify(token string) rest.AuditVerification {
	c.t.Helper()
	status, answer, _ := c.do("POST", "/api/v1/audit/verify", "", "Authorization", "Bearer "+token)
	if status != http.StatusOK {
		c.t.Fatalf("verify: %d: %s", status, answer)
	}
	var v rest.AuditVerification
	must(c.t, json.Unmarshal(answer, &v))
	return v
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// A collector seals by itself, purges what the settings say, says so in the audit log, answers 410 for what it forgot, and
// finds an entry that somebody edited beside it.
func TestHistoryIsKept(t *testing.T) {
	engines(t, func(t *testing.T, cfg collector.Config) {
		cfg.Retention.Changes = 48 * time.Hour
		clock := &moving{}
		c, stop := startAt(t, cfg, clock.now)
		people := newClient(t, c.URL())
		token := people.token(cfg.DataDir)
		people.record(token, "old")
		id, first := people.server(token, "old")
		clock.add(time.Hour)
		for version := 1; version <= 3; version++ {
			status, answer, _ := people.do("PATCH", "/api/v1/resources/server/"+id, fmt.Sprintf(`{"set":{"/common/notes":"edit %d"}}`, version),
				"Authorization", "Bearer "+token, "If-Match", fmt.Sprintf(`"%d"`, version))
			if status != http.StatusOK {
				t.Fatalf("edit: %d: %s", status, answer)
			}
			clock.add(time.Minute)
		}
		clock.add(3 * time.Hour)
		var v rest.AuditVerification
		eventually(t, "seal", func() bool { v = people.verify(token); return v.Sealed >= 12 })
		if !v.OK || len(v.Heads) != 2 {
			t.Fatalf("sealed by itself: %+v", v)
		}

		asOf := "/api/v1/resources/server/" + id + "?as_of=" + first.Add(time.Minute).UTC().Format(time.RFC3339)
		if status, answer, _ := people.do("GET", asOf, "", "Authorization", "Bearer "+token); status != http.StatusOK {
			t.Fatalf("as of the beginning: %d: %s", status, answer)
		}
		clock.add(50 * time.Hour)
		eventually(t, "purge", func() bool { v = people.verify(token); return v.Purged == 3 })
		if !v.OK {
			t.Errorf("after the purge: %+v", v)
		}
		for _, path := range []string{asOf, "/api/v1/resources/server?as_of=" + first.UTC().Format(time.RFC3339)} {
			if status, answer, _ := people.do("GET", path, "", "Authorization", "Bearer "+token); status != http.StatusGone || !strings.Contains(string(answer), "earliest moment") {
				t.Errorf("%s: %d: %s", path, status, answer)
			}
		}
		if got := people.servers(token); got != "old" {
			t.Errorf("the purge took %q", got)
		}
		for action, want := range map[string]string{"history.purge": `"deleted":3`, "retention.update": `"changes":"48h0m0s"`} {
			// The purge is audited once it is done, which is after its first sight.
			eventually(t, action+" audited with "+want, func() bool {
				_, answer, _ := people.do("GET", "/api/v1/audit?filter=action%3D%22"+action+"%22", "", "Authorization", "Bearer "+token)
				return strings.Contains(string(answer), want)
			})
		}
		stop()

		op, out := operate(cfg)
		op.Now = clock.now
		must(t, op.Verify(t.Context(), []string{v.Heads[0].Hash}))
		if !strings.Contains(out.String(), "Nothing was removed") {
			t.Errorf("it does not say so: %s", out)
		}
		edited, err := collector.Tamper(t.Context(), cfg, id)
		must(t, err)
		out.Reset()
		if err := op.Verify(t.Context(), nil); !errors.Is(err, collector.ErrTampered) || !strings.Contains(out.String(), edited) {
			t.Errorf("an edited change: %v: %s", err, out)
		}
	})
}

func (c *client) server(token, name string) (id string, created time.Time) {
	c.t.Helper()
	_, answer, _ := c.do("GET", "/api/v1/resources/server?filter=name%3D%22"+name+"%22", "", "Authorization", "Bearer "+token)
	var list rest.List[rest.Resource]
	must(c.t, json.Unmarshal(answer, &list))
	if len(list.Items) != 1 {
		c.t.Fatalf("servers named %s: %s", name, answer)
	}
	return list.Items[0].ID, list.Items[0].CreatedAt
}
