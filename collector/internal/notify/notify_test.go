package notify

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/internal/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is one person, who sees everything, and a history that the test writes. The whole of it, with real rights and a real inventory,
// is tested by package api.
type world struct {
	t            *testing.T
	now          time.Time
	store        *dying
	service      *Service
	changed      []inventory.Change
	agents       []rest.Agent
	certificates []Certificate
	credentials  []Certificate
	letters      []string
	mailbox      error
	away         bool
}

// dying is a store that ends after so many writes, as a collector that is killed does.
type dying struct {
	store.Store
	left int
}

var errKilled = errors.New("killed")

func (d *dying) Update(ctx context.Context, fn func(store.Tx) error) error {
	if d.left--; d.left < 0 {
		return errKilled
	}
	return d.Store.Update(ctx, fn)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db"), Tables: slices.Concat(Tables(), audit.Tables())})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	w := &world{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), store: &dying{st, 1 << 30}}
	clock := func() time.Time { return w.now }
	w.service = New(Options{Store: w.store, History: w, Audit: audit.New(st, clock), Mail: w, Webhooks: webhook.New(webhook.Options{Clock: clock}), Key: []byte("key"), Clock: clock})
	return w
}

func (w *world) Changes(_ context.Context, _ inventory.Caller, q inventory.ChangeQuery) (*inventory.ChangeList, error) {
	out := &inventory.ChangeList{}
	for _, c := range slices.Backward(w.changed) {
		if !c.At.Before(q.Since) && !c.At.After(q.Until) {
			out.Items = append(out.Items, c)
		}
	}
	return out, nil
}

func (w *world) Runs(context.Context, inventory.Caller, inventory.RunQuery) (*inventory.RunList, error) {
	return &inventory.RunList{}, nil
}

func (w *world) HeldRemovals(context.Context, inventory.Caller, inventory.HeldQuery) (*inventory.HeldList, error) {
	return &inventory.HeldList{}, nil
}

func (w *world) Person(context.Context, string, string) (Person, error) {
	if w.away {
		return Person{}, ErrNobody
	}
	return w.anna(), nil
}

func (w *world) anna() Person {
	return Person{Caller: inventory.Caller{Tenant: "t", Name: "user:anna", TenantWide: true}, Email: "anna@example.org", Display: "Anna", Eyes: w}
}

func (w *world) Among(_ context.Context, _, _ string, ids []string) ([]Found, error) {
	var all []Found
	for _, id := range ids {
		all = append(all, Found{ID: id, Name: id})
	}
	return all, nil
}

func (w *world) Due(context.Context, string, string, string, time.Time, time.Time) ([]Found, error) {
	return nil, nil
}
func (w *world) Approvals(context.Context, time.Time, time.Time) ([]rest.NotificationItem, error) {
	return nil, nil
}
func (w *world) Agents(context.Context) ([]rest.Agent, error) { return w.agents, nil }
func (w *world) Certificates(context.Context) ([]Certificate, error) {
	return w.certificates, nil
}
func (w *world) Credentials(context.Context) ([]Certificate, error)  { return w.credentials, nil }
func (w *world) Check(context.Context, rest.SubscriptionWrite) error { return nil }

func (w *world) Send(_ context.Context, to, subject, _ string) error {
	if w.mailbox == nil {
		w.letters = append(w.letters, to+" "+subject)
	}
	return w.mailbox
}

func (w *world) subscribe(event string, mail bool) {
	w.t.Helper()
	_, err := w.service.Subscribe(w.t.Context(), w.anna(), rest.SubscriptionWrite{Name: "mine", Event: event, Mail: mail})
	must(w.t, err)
	must(w.t, w.service.Tell(w.t.Context(), w))
}

func (w *world) happens(id string) {
	w.now = w.now.Add(time.Second)
	w.changed = append(w.changed, inventory.Change{ResourceID: id, Kind: "server", Name: id, Action: "created", At: w.now})
}

func (w *world) told() (ids []string) {
	w.t.Helper()
	page, err := w.service.Notifications(w.t.Context(), w.anna(), Query{Limit: 100})
	must(w.t, err)
	for _, n := range slices.Backward(page.Items) {
		for _, it := range slices.Backward(n.Items) {
			ids = append(ids, it.Action+" "+it.ID)
		}
	}
	return ids
}

// A collector that is killed at any write, and looks again later, when more has happened, tells everything once.
func TestKilledAtAnyWriteTellsEverythingOnce(t *testing.T) {
	for writes := range 4 {
		w := newWorld(t)
		w.subscribe(rest.EventResources, true)
		w.happens("a")
		w.happens("b")
		w.now = w.now.Add(2 * time.Minute)
		w.store.left = writes
		err := w.service.Tell(t.Context(), w)
		w.store.left = 1 << 30
		if killed := errors.Is(err, errKilled); killed != (writes < 3) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		w.happens("c")
		for range 3 {
			w.now = w.now.Add(2 * time.Minute)
			must(t, w.service.Tell(t.Context(), w))
		}
		if got := w.told(); !slices.Equal(got, []string{"created a", "created b", "created c"}) {
			t.Errorf("after %d writes: %q", writes, got)
		}
		if _, err := w.service.Deliver(t.Context(), w); err != nil || len(w.letters) > 2 || len(w.letters) < 1 {
			t.Errorf("%q %v", w.letters, err)
		}
	}
}

// What happened while the collector was away is told when it is back; what happened before anybody asked is not.
func TestWhatHappenedMeanwhileIsTold(t *testing.T) {
	w := newWorld(t)
	w.happens("before")
	w.now = w.now.Add(time.Second)
	w.subscribe(rest.EventResources, false)
	w.happens("a")
	w.now = w.now.Add(20 * time.Hour)
	w.happens("young") // is told when it is old enough for all that happened before it to be there
	must(t, w.service.Tell(t.Context(), w))
	if got := w.told(); !slices.Equal(got, []string{"created a"}) {
		t.Errorf("%q", got)
	}
	w.now = w.now.Add(2 * time.Minute)
	must(t, w.service.Tell(t.Context(), w))
	if got := w.told(); !slices.Equal(got, []string{"created a", "created young"}) {
		t.Errorf("%q", got)
	}
}

// An agent's silence is told once, so is its return; a restart is not.
func TestAgentsThatGoSilent(t *testing.T) {
	w := newWorld(t)
	w.agents = []rest.Agent{{ID: "fra", Name: "fra-1", Status: "online", LastContact: w.now}, {ID: "old", Name: "old", Status: "offline", LastContact: w.now.Add(-time.Hour)}}
	w.subscribe(rest.EventAgents, false)
	look := func(after time.Duration, status string, contact time.Time) []string {
		w.now = w.now.Add(after)
		w.agents[0].Status, w.agents[0].LastContact = status, contact
		must(t, w.service.Tell(t.Context(), w))
		return w.told()
	}
	began := w.now
	if got := look(5*time.Minute, "offline", began); len(got) != 0 {
		t.Errorf("after five minutes: %q", got)
	}
	look(6*time.Minute, "offline", began)
	if got := look(time.Hour, "offline", began); !slices.Equal(got, []string{"offline fra"}) {
		t.Errorf("after an hour: %q", got)
	}
	back := w.now.Add(time.Minute)
	look(time.Minute, "online", back)
	if got := look(time.Hour, "online", back); !slices.Equal(got, []string{"offline fra", "online fra"}) {
		t.Errorf("back: %q", got)
	}
}

func TestCertificatesThatEnd(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	w.certificates = []Certificate{
		{ID: "web", Kind: "collector", Name: "maestro.example", NotAfter: w.now.Add(40 * day)},
		{ID: "well", Kind: "agent", Name: "fra-1", Renewed: true, NotAfter: w.now.Add(20 * time.Hour)},
		{ID: "away", Kind: "agent", Name: "lon-1", NotAfter: w.now.Add(20 * time.Hour)},
	}
	w.subscribe(rest.EventCertificates, true)
	look := func(after time.Duration) []string {
		w.now = w.now.Add(after)
		must(t, w.service.Tell(t.Context(), w))
		return w.told()
	}
	if got := look(time.Hour); !slices.Equal(got, []string{"due away"}) {
		t.Errorf("an agent that does not renew: %q", got)
	}
	w.certificates[2].Renewed, w.certificates[2].NotAfter = true, w.now.Add(24*time.Hour) // it is back
	w.certificates[1].NotAfter = w.now.Add(time.Hour)                                     // it is there, and does not renew
	if got := look(time.Minute); !slices.Equal(got, []string{"due away", "due well"}) {
		t.Errorf("an agent that cannot renew: %q", got)
	}
	if got := look(11 * day); !slices.Equal(got, []string{"due away", "due well", "due web", "due away"}) && !slices.Equal(got, []string{"due away", "due well", "due away", "due web"}) {
		t.Errorf("thirty days before: %q", got)
	}
	before := len(w.told())
	if got := look(day); len(got) != before {
		t.Errorf("told again: %q", got)
	}
}

// A way that fails is tried again, later and later, until it is given up; then a person may have it tried again.
func TestDeliveriesAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.subscribe(rest.EventResources, true)
	w.happens("a")
	w.now = w.now.Add(2 * time.Minute)
	must(t, w.service.Tell(t.Context(), w))
	w.mailbox = errors.New("the mail server is away")
	var pauses []time.Duration
	way := func() rest.NotificationDelivery {
		page, err := w.service.Notifications(t.Context(), w.anna(), Query{Limit: 1})
		must(t, err)
		return page.Items[0].Deliveries[0]
	}
	for way().State == waiting {
		_, err := w.service.Deliver(t.Context(), w)
		must(t, err)
		if d := way(); d.State == waiting {
			pauses = append(pauses, d.NextAt.Sub(w.now))
			w.now = d.NextAt
		}
	}
	if d := way(); d.State != failed || d.Attempts != mostAttempts || d.Error != "the mail server is away" || pauses[0] != firstPause || pauses[len(pauses)-1] != longestPause || !slices.IsSorted(pauses) {
		t.Errorf("%+v after %v", way(), pauses)
	}
	w.mailbox = nil
	page, err := w.service.Notifications(t.Context(), w.anna(), Query{Limit: 1})
	must(t, err)
	must(t, w.service.Again(t.Context(), w.anna(), page.Items[0].ID))
	_, err = w.service.Deliver(t.Context(), w)
	must(t, err)
	if way().State != sent || len(w.letters) != 1 {
		t.Errorf("%+v %q", way(), w.letters)
	}
}

// Who may not sign in any more is told nothing, neither here nor by mail that was waiting already.
func TestNobodyIsTold(t *testing.T) {
	w := newWorld(t)
	w.subscribe(rest.EventResources, true)
	w.happens("a")
	w.now = w.now.Add(2 * time.Minute)
	must(t, w.service.Tell(t.Context(), w))
	w.away = true
	_, err := w.service.Deliver(t.Context(), w)
	must(t, err)
	w.happens("b")
	w.now = w.now.Add(2 * time.Minute)
	must(t, w.service.Tell(t.Context(), w))
	if got := w.told(); len(w.letters) != 0 || !slices.Equal(got, []string{"created a"}) {
		t.Errorf("%q %q", w.letters, got)
	}
}

func TestOldNotificationsAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.subscribe(rest.EventResources, true)
	w.happens("a")
	w.now = w.now.Add(2 * time.Minute)
	must(t, w.service.Tell(t.Context(), w))
	must(t, w.service.Sweep(t.Context(), w.now.Add(89*24*time.Hour)))
	if len(w.told()) != 1 {
		t.Error("forgotten too early")
	}
	must(t, w.service.Sweep(t.Context(), w.now.Add(91*24*time.Hour)))
	if len(w.told()) != 0 {
		t.Error("still there")
	}
}
