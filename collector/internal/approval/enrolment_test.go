package approval

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/internal/rest"
)

// doorway is a world in which agents come with join tokens and wait.
type doorway struct {
	t     *testing.T
	svc   *Service
	fleet *fleet.Service
	now   time.Time
}

func doorwayTables() []store.Table {
	return slices.Concat(Tables(), audit.Tables(), inventory.Tables(), fleet.Tables())
}

func (d *doorway) on(st store.Store) {
	clock := func() time.Time { return d.now }
	log := audit.New(st, clock)
	d.fleet = fleet.New(fleet.Options{Store: st, Audit: log, Clock: clock, Inventory: inventory.New(inventory.Options{Store: st, Audit: log, Clock: clock}),
		AgentAddress: func() string { return "collector:7071" }, HoldEnrolment: HoldsEnrolment(func() *Service { return d.svc })})
	d.svc = New(Options{Store: st, Audit: log, Clock: clock, Tenants: func(context.Context) ([]string, error) { return []string{"t"}, nil },
		Subjects: map[Kind]Subject{Enrolment: Enrolments{Fleet: d.fleet}}})
}

func (d *doorway) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func newDoorway(t *testing.T, st store.Store, r Rule) *doorway {
	t.Helper()
	d := &doorway{t: t, now: noon}
	d.on(st)
	rules := Defaults()
	rules[Enrolment] = r
	_, err := d.svc.SetRules(t.Context(), boss("root"), rules, 0, "")
	d.must(err)
	return d
}

func (d *doorway) token() string {
	d.t.Helper()
	tok, err := d.fleet.CreateJoinToken(d.t.Context(), ada, rest.JoinTokenCreate{Name: "fra", Site: "frankfurt", TTLSeconds: 600})
	d.must(err)
	return tok.Token
}

// comes is an agent with a token; nil when it was let in.
func (d *doorway) comes(token string) error {
	_, err := d.fleet.Enroll(d.t.Context(), fleet.Join{Token: token, KeyHash: sha256.Sum256([]byte(token)), Info: fleet.Info{Hostname: "host-1", Version: "1.2.3"}, Address: "10.0.0.7"},
		func(string, string) (time.Time, error) { return d.now.Add(24 * time.Hour), nil })
	return err
}

// asked is what waits for a token's agent: the newest approval.
func (d *doorway) asked() View {
	d.t.Helper()
	l, err := d.svc.List(d.t.Context(), boss("ben"), Query{Kind: string(Enrolment), State: string(Pending)})
	d.must(err)
	if len(l.Items) != 1 {
		d.t.Fatalf("%d wait", len(l.Items))
	}
	return l.Items[0]
}

func openDoorway(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(storetest.Dir(t), "test.db"), Tables: doorwayTables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func TestWhoMadeTheTokenAskedForTheAgent(t *testing.T) {
	d := newDoorway(t, openDoorway(t), Rule{Required: true, Persons: 1, ExpiresAfterHours: 24})
	token := d.token()
	var waits *fleet.WaitingError
	if err := d.comes(token); !errors.As(err, &waits) {
		t.Fatal(err)
	}
	v := d.asked()
	e, err := EnrolmentOf(&v.Approval)
	if err != nil || v.RequestedBy != "user:ada" || v.Title != "Let in the agent fra of site frankfurt" || e.Hostname != "host-1" || e.Address != "10.0.0.7" || !strings.Contains(waits.Error(), e.Fingerprint) {
		t.Fatalf("%+v, %+v, %v", v, e, err)
	}
	if _, err := d.svc.Decide(t.Context(), boss("ada"), v.ID, true, ""); !errors.As(err, new(*ForbiddenError)) {
		t.Errorf("who made the token lets its agent in: %v", err)
	}
	// Nobody decides: the agent is told.
	d.now = noon.Add(25 * time.Hour)
	d.must(d.svc.Sweep(t.Context(), d.now))
	if err := d.comes(token); !errors.Is(err, fleet.ErrJoin) || !strings.Contains(err.Error(), "nobody decided it in time") {
		t.Errorf("after it expired: %v", err)
	}
	// A rule that is taken back lets in who waits, and nobody is asked about it any more.
	token = d.token()
	if err := d.comes(token); !errors.As(err, &waits) {
		t.Fatal(err)
	}
	v = d.asked()
	rules, err := d.svc.Rules(t.Context(), "t")
	d.must(err)
	_, err = d.svc.SetRules(t.Context(), boss("root"), Defaults(), rules.Version, "")
	d.must(err)
	d.must(d.comes(token))
	d.must(d.svc.Sweep(t.Context(), d.now))
	if got, err := d.svc.Get(t.Context(), boss("ben"), v.ID); err != nil || got.State != Withdrawn {
		t.Errorf("%+v, %v", got, err)
	}
}

// Wherever the collector dies while an agent comes, is let in and comes again: it is asked about once and let in after a yes only.
func TestACrashWhileAnAgentIsLetIn(t *testing.T) {
	run := func(t *testing.T, st store.Store) {
		d := newDoorway(t, st, Rule{Required: true, Persons: 1})
		for stop, whole := 0, false; !whole; stop++ {
			if stop > 60 {
				t.Fatal("it never gets through")
			}
			d.on(st)
			token := d.token()
			d.on(storetest.Crashing(st, stop))
			err := d.comes(token)
			var waits *fleet.WaitingError
			if errors.As(err, &waits) {
				var l *List
				if l, err = d.svc.List(t.Context(), boss("ben"), Query{State: string(Pending)}); err == nil {
					_, err = d.svc.Decide(t.Context(), boss("ben"), l.Items[0].ID, true, "")
				}
				if err == nil {
					err = d.comes(token)
				}
			}
			whole = err == nil
			if err != nil && !errors.Is(err, storetest.ErrCrash) {
				t.Fatalf("stopped after %d: %v", stop, err)
			}
			d.on(st) // the next collector, whose agent goes on asking
			d.must(d.svc.Sweep(t.Context(), d.now))
			if err := d.comes(token); errors.As(err, &waits) {
				v := d.asked()
				_, err = d.svc.Decide(t.Context(), boss("ben"), v.ID, true, "")
				d.must(err)
				d.must(d.comes(token))
			} else if err != nil {
				t.Fatalf("stopped after %d: %v", stop, err)
			}
			d.must(d.svc.Sweep(t.Context(), d.now))
			l, err := d.svc.List(t.Context(), boss("ben"), Query{Kind: string(Enrolment), Limit: 500})
			d.must(err)
			if len(l.Items) != stop+1 || l.Items[0].State != Approved || !l.Items[0].Settled {
				t.Fatalf("stopped after %d: %d approvals, %+v", stop, len(l.Items), l.Items[0])
			}
			agents, err := d.fleet.Agents(t.Context(), ada)
			d.must(err)
			if len(agents) != stop+1 {
				t.Fatalf("stopped after %d: %d agents", stop, len(agents))
			}
			d.now = d.now.Add(time.Second)
		}
	}
	t.Run("with transactions", func(t *testing.T) { run(t, openDoorway(t)) })
	t.Run("without transactions", func(t *testing.T) { run(t, piecemeal{openDoorway(t)}) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) {
			st, err := mongo.Open(t.Context(), mongo.Options{URI: server.URI, Database: fmt.Sprintf("maestro_door_%s", strings.ReplaceAll(uuid.NewString(), "-", "")[:12]), Tables: doorwayTables()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			run(t, st)
		})
	}
}
