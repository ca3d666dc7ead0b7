package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/live"
	"maestro.internal/collector/internal/notify"
	"maestro.internal/internal/rest"
)

const (
	eventsPath = prefix + "/events"
	// heartbeatEvery is more often than what stands between browsers and collectors cuts quiet connections.
	heartbeatEvery = 15 * time.Second
	// recogniseEvery is how long a stream may outlive the session or token that it was opened with.
	recogniseEvery = 5 * time.Second
	// resumeWithin is how far back a stream goes on from; beyond that everything is read again.
	resumeWithin = 10 * time.Minute
	// writeWithin is for one event; a client that takes longer is gone.
	writeWithin = 20 * time.Second
	// changesEvery and standingEvery are how often the store is looked at.
	changesEvery  = time.Second
	standingEvery = 5 * time.Second
)

type eventsIn struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"100" doc:"The id of the last event received: what happened since is told, or reset when that was too long ago"`
	Last        string `query:"last_event_id" maxLength:"100" doc:"The same for clients that cannot set headers"`
	Types       string `query:"types" maxLength:"200" example:"resources,runs" doc:"Only these events; hello, heartbeat and reset come always"`
	Kind        string `query:"kind" maxLength:"200" doc:"Of resources, only those of this kind"`
}

// eventTypes are the events that can be asked for.
var eventTypes = []string{"resources", "runs", "connections", "agents", "reviews", "notifications"}

func (s *Server) eventRoutes() {
	handle(s, route{method: "GET", path: "/events", id: "stream-events", tag: "events", action: access.Read, events: true,
		summary: "What changes, as server-sent events"}, s.events)
}

// eventResponse says in the OpenAPI document what the stream is made of.
func eventResponse(doc *huma.OpenAPI) *huma.Response {
	documents := []struct {
		name string
		of   reflect.Type
	}{
		{"hello", reflect.TypeFor[rest.HelloEvent]()}, {"heartbeat", reflect.TypeFor[rest.HeartbeatEvent]()}, {"reset", reflect.TypeFor[rest.ResetEvent]()},
		{"resources", reflect.TypeFor[rest.ResourcesEvent]()}, {"runs", reflect.TypeFor[rest.RunsEvent]()},
		{"connections", reflect.TypeFor[rest.ConnectionsEvent]()}, {"agents", reflect.TypeFor[rest.AgentsEvent]()}, {"reviews", reflect.TypeFor[rest.ReviewsEvent]()},
		{"notifications", reflect.TypeFor[rest.NotificationsEvent]()},
	}
	any := &huma.Schema{Description: "The data of one event, by its name"}
	var names []string
	for _, d := range documents {
		any.OneOf = append(any.OneOf, doc.Components.Schemas.Schema(d.of, true, d.of.Name()))
		names = append(names, d.name+" ("+d.of.Name()+")")
	}
	return &huma.Response{
		Description: "Events until the session, the token or the collector ends: " + strings.Join(names, ", ") + ". The data of each is a JSON document. " +
			"The stream begins with hello, or, for who goes on from an event, with what happened since. An id says up to when all has been told; " +
			"any collector of the installation goes on from it for ten minutes. Some events may be told twice.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: any}},
	}
}

// chosen is what a client wants to be told.
type chosen struct {
	types []string
	kind  string
}

func (in *eventsIn) chosen() (chosen, error) {
	w := chosen{types: eventTypes, kind: in.Kind}
	if in.Types == "" {
		return w, nil
	}
	w.types = nil
	for t := range strings.SplitSeq(in.Types, ",") {
		if t = strings.TrimSpace(t); !slices.Contains(eventTypes, t) {
			return w, problem(http.StatusBadRequest, "There are no events called %q. There are %s.", t, strings.Join(eventTypes, ", ")).at("query.types", "is no list of event types")
		}
		w.types = append(w.types, t)
	}
	return w, nil
}

func (w chosen) wants(e live.Event) bool {
	if r, ok := e.Data.(rest.ResourcesEvent); ok && w.kind != "" && r.Kind != w.kind {
		return false
	}
	return slices.Contains(w.types, e.Name)
}

// events opens a stream. It is refused before anything is written, so that a client learns why.
func (s *Server) events(ctx context.Context, c access.Caller, in *eventsIn) (*huma.StreamResponse, error) {
	want, err := in.chosen()
	if err != nil {
		return nil, err
	}
	opened := s.opt.Clock()
	stream, err := s.live.Listen(ctx, c.Tenant+"|"+c.Name, liveKey(c), func(ctx context.Context, now time.Time) ([]live.Watch, error) { return s.watches(ctx, c, now) })
	switch {
	case errors.Is(err, live.ErrTooMany):
		e := problem(http.StatusTooManyRequests, "Too many live streams are open. Close pages that nobody looks at.")
		e.RetryAfterSeconds, e.header = 30, http.Header{"Retry-After": {"30"}}
		return nil, e
	case errors.Is(err, live.ErrEnded):
		e := problem(http.StatusServiceUnavailable, "The collector is ending.")
		e.header = http.Header{"Retry-After": {"2"}}
		return nil, e
	case err != nil:
		return nil, err
	}
	first := []live.Event{{Name: "hello", At: opened, Data: rest.HelloEvent{At: opened.UTC(), HeartbeatSeconds: int(heartbeatEvery.Seconds())}}}
	if last := in.LastEventID + in.Last; last != "" {
		since, err := s.since(ctx, c, last, opened)
		if err != nil {
			stream.Close()
			return nil, err
		}
		first = append(first, since...)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer stream.Close()
		r, w := humago.Unwrap(hc)
		s.streamEvents(r, w, c, stream, want, first)
	}}, nil
}

// liveKey is all that decides what a caller is told.
func liveKey(c access.Caller) string {
	return fmt.Sprintf("%q %q %t %t %q %q", c.Tenant, held(c, access.Object{}), c.EnrolFirst, c.TenantWide(), c.Roots(), c.Connections)
}

// momentOf reads the id of an event. What a client made of it is no reason to refuse it.
func momentOf(id string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, id)
	return at, err == nil
}

// since is what happened after the event that a client had last.
func (s *Server) since(ctx context.Context, c access.Caller, last string, now time.Time) ([]live.Event, error) {
	at, known := momentOf(last)
	switch {
	case !known:
		return []live.Event{{Name: "reset", At: now, Data: rest.ResetEvent{Reason: "that is no id of an event"}}}, nil
	case now.Sub(at) > resumeWithin || at.Sub(now) > time.Minute:
		return []live.Event{{Name: "reset", At: now, Data: rest.ResetEvent{Reason: "that event is too long ago"}}}, nil
	}
	found, err := s.opt.Inventory.ChangesSince(ctx, domainCaller(c), at)
	if err != nil {
		return nil, err
	}
	events := resourceEvents(found, now)
	// Of these only the present is known.
	return append(events, live.Event{Name: "runs", At: now, Data: rest.RunsEvent{}}, live.Event{Name: "connections", At: now, Data: rest.ConnectionsEvent{}},
		live.Event{Name: "agents", At: now, Data: rest.AgentsEvent{}}, live.Event{Name: "reviews", At: now, Data: rest.ReviewsEvent{}}), nil
}

// streamEvents writes until the client goes, its session or token ends, or the collector does.
func (s *Server) streamEvents(r *http.Request, w http.ResponseWriter, c access.Caller, stream *live.Stream, want chosen, first []live.Event) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // what stands between must not collect events
	out := eventWriter{to: w, control: http.NewResponseController(w)}
	w.WriteHeader(http.StatusOK)
	for _, e := range first {
		if (e.Name == "hello" || e.Name == "reset" || want.wants(e)) && out.write(e) != nil {
			return
		}
	}
	ctx := r.Context()
	beat, known, own := time.NewTicker(heartbeatEvery), time.NewTicker(recogniseEvery), time.NewTicker(standingEvery)
	defer beat.Stop()
	defer known.Stop()
	defer own.Stop()
	unread := unreadWatch{count: func() (int, error) { return s.opt.Notify.Unread(ctx, notify.Person{Caller: domainCaller(c)}) }, told: -1}
	again := s.rights.next()
	recognise := func() (ended bool) {
		now, err := s.recognise(r, requestOf(ctx))
		// While the store is away nothing is told, and nobody's session has ended for it.
		return errors.Is(err, access.ErrUnauthenticated) || err == nil && liveKey(now) != liveKey(c)
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-stream.Ended():
			return
		case <-known.C:
			if recognise() {
				return
			}
		case <-again:
			again = s.rights.next() // first, so that no change in between is missed
			if recognise() {
				return
			}
		case <-beat.C:
			now := s.opt.Clock()
			err = out.write(live.Event{Name: "heartbeat", At: now.Add(-2 * changesEvery), Data: rest.HeartbeatEvent{At: now.UTC()}})
		case <-own.C:
			if !c.Cookie {
				break // tokens have no notifications
			}
			if e, news := unread.look(s.opt.Clock()); news && want.wants(e) {
				err = out.write(e)
			}
		case <-stream.Ready():
			events, lost := stream.Take()
			if lost {
				err = out.write(live.Event{Name: "reset", At: s.opt.Clock(), Data: rest.ResetEvent{Reason: "more happened than the client took"}})
			}
			for _, e := range events {
				if err == nil && want.wants(e) {
					err = out.write(e)
				}
			}
		}
		if err != nil {
			return // the client is gone
		}
	}
}

// unreadWatch is of one stream and no other: what waits to be read is a person's own, whoever else has the same rights.
type unreadWatch struct {
	count func() (int, error)
	told  int
}

// look tells the count when it is another one than was told. What cannot be counted now is counted later.
func (w *unreadWatch) look(now time.Time) (live.Event, bool) {
	n, err := w.count()
	if err != nil || n == w.told {
		return live.Event{}, false
	}
	w.told = n
	return live.Event{Name: "notifications", At: now.Add(-2 * changesEvery), Data: rest.NotificationsEvent{Unread: n}}, true
}

// eventWriter writes events as they are on the wire.
type eventWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

func (o eventWriter) write(e live.Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	// The server's own limit is for answers that end; here each event has one. Recorders of tests know no deadlines.
	if err := o.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := fmt.Fprintf(o.to, "id: %s\nevent: %s\ndata: %s\n\n", e.At.UTC().Format(time.RFC3339Nano), e.Name, data); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := o.control.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}

// watches are what callers with the rights of c are told.
func (s *Server) watches(ctx context.Context, c access.Caller, now time.Time) ([]live.Watch, error) {
	as := domainCaller(c)
	changes, err := s.opt.Inventory.WatchChanges(ctx, as, now)
	if err != nil {
		return nil, err
	}
	runs, err := s.opt.Inventory.WatchRuns(ctx, as)
	if err != nil {
		return nil, err
	}
	fleet := &fleetWatch{s: s, c: c}
	if _, err := fleet.look(ctx, now); err != nil {
		return nil, err
	}
	return []live.Watch{
		{Every: changesEvery, Look: func(ctx context.Context, now time.Time) ([]live.Event, error) {
			found, err := changes.Look(ctx, now)
			return resourceEvents(found, now), err
		}},
		{Every: changesEvery, Look: func(ctx context.Context, now time.Time) ([]live.Event, error) {
			moved, err := runs.Look(ctx)
			if err != nil || len(moved) == 0 {
				return nil, err
			}
			names, err := s.names(ctx, c)
			if err != nil {
				return nil, err
			}
			return []live.Event{{Name: "runs", At: now, Data: runsEvent(moved, names)}}, nil
		}},
		{Every: standingEvery, Look: fleet.look},
	}, nil
}

func resourceEvents(found []inventory.Changed, now time.Time) []live.Event {
	var events []live.Event
	for _, k := range found {
		doc := rest.ResourcesEvent{Kind: k.Kind, Count: k.Count}
		for _, r := range k.Resources {
			doc.Resources = append(doc.Resources, rest.ResourceEvent{ID: r.ID, Name: r.Name, Version: r.Version, State: string(r.State), Action: r.Action})
		}
		events = append(events, live.Event{Name: "resources", At: now, Data: doc})
	}
	return events
}

func runsEvent(moved []inventory.RunInfo, n *names) rest.RunsEvent {
	var doc rest.RunsEvent
	for i := range moved {
		r := &moved[i]
		doc.Runs = append(doc.Runs, rest.RunEvent{ID: r.ID, Connection: n.connectionOr(r.Connection, r.ConnectionRef), State: r.State, Phase: r.Phase,
			ScopesTotal: r.ScopesTotal, ScopesDone: r.ScopesDone, Listed: r.Listed, Created: r.Created, Updated: r.Updated, Gone: r.Gone})
	}
	return doc
}

// fleetWatch compares how connections and agents stand, and what waits for people, with how it was.
type fleetWatch struct {
	s                   *Server
	c                   access.Caller
	connections, agents map[string]rest.StandingEvent
	// versions are of connections, whose settings may change while their health does not.
	versions map[string]int64
	waits    inventory.Waits
	begun    bool
}

func (w *fleetWatch) look(ctx context.Context, now time.Time) ([]live.Event, error) {
	as := domainCaller(w.c)
	connections, err := w.s.opt.Fleet.Connections(ctx, as)
	if err != nil {
		return nil, err
	}
	if err := w.s.withRuns(ctx, w.c, connections); err != nil {
		return nil, err
	}
	agents, err := w.s.opt.Fleet.Agents(ctx, as)
	if err != nil {
		return nil, err
	}
	waits, err := w.s.opt.Inventory.Waits(ctx, as)
	if err != nil {
		return nil, err
	}
	standing, versions := map[string]rest.StandingEvent{}, map[string]int64{}
	for _, x := range connections {
		standing[x.ID], versions[x.ID] = rest.StandingEvent{ID: x.ID, Name: x.Name, Status: x.Health}, x.Version
	}
	fleet := map[string]rest.StandingEvent{}
	for _, a := range agents {
		fleet[a.ID] = rest.StandingEvent{ID: a.ID, Name: a.Name, Status: a.Status}
	}
	var events []live.Event
	if moved := differing(w.connections, standing, func(id string) bool { return w.versions[id] != versions[id] }); w.begun && len(moved) > 0 {
		events = append(events, live.Event{Name: "connections", At: now, Data: rest.ConnectionsEvent{Connections: moved}})
	}
	if moved := differing(w.agents, fleet, nil); w.begun && len(moved) > 0 {
		events = append(events, live.Event{Name: "agents", At: now, Data: rest.AgentsEvent{Agents: moved}})
	}
	if w.begun && waits != w.waits {
		events = append(events, live.Event{Name: "reviews", At: now, Data: rest.ReviewsEvent{HeldRemovals: &waits.Held, OpenReviews: &waits.Reviews}})
	}
	w.connections, w.versions, w.agents, w.waits, w.begun = standing, versions, fleet, waits, true
	return events, nil
}

// differing are those that stand otherwise than before, and those that are no more.
func differing(before, now map[string]rest.StandingEvent, also func(id string) bool) []rest.StandingEvent {
	var moved []rest.StandingEvent
	for id, x := range now {
		if old, there := before[id]; !there || old != x || also != nil && also(id) {
			moved = append(moved, x)
		}
	}
	for id, old := range before {
		if _, there := now[id]; !there {
			old.Status = ""
			moved = append(moved, old)
		}
	}
	slices.SortFunc(moved, func(a, b rest.StandingEvent) int { return strings.Compare(a.ID, b.ID) })
	return moved
}

// EndStreams ends every live stream, so that a server can end in good order.
func (s *Server) EndStreams() { s.live.End() }

// registerStreams counts streams for metrics.
func (s *Server) registerStreams(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "maestro_api_event_streams", Help: "Live streams that are open."},
		func() float64 { return float64(s.live.Streams()) })
	if err := reg.Register(gauge); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// signal wakes everybody who waits for the next time that something happens.
type signal struct {
	mu   sync.Mutex
	wait chan struct{}
}

func newSignal() *signal { return &signal{wait: make(chan struct{})} }

func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait
}

func (s *signal) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.wait)
	s.wait = make(chan struct{})
}
