// Package fleet is the domain of what discovers: agents, the tokens that let them in, the connections they run and the
// datacenters these lead to. It decides who may push what (epochs), and keeps what agents are told (assignments and
// commands) as rows, so that whichever collector holds an agent's session can deliver them.
package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

const (
	tAgents      = "agents"
	tTokens      = "join_tokens"
	tUses        = "join_token_uses"
	tConnections = "connections"
	tDatacenters = "datacenters"
	tPlugins     = "plugins"
	tCommands    = "commands"
)

func text(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }

func eq(f filter.Field, v any) filter.Expr { return filter.Compare{Field: f, Op: filter.Eq, Value: v} }

// Tables of the package.
func Tables() []store.Table {
	return []store.Table{
		{Name: tAgents}, {Name: tTokens, Indexes: []store.Index{{Name: "hash", Fields: []filter.Field{text("hash")}}}},
		{Name: tUses}, {Name: tEnrolments, Indexes: []store.Index{{Name: "state", Fields: []filter.Field{text("state")}}}}, {Name: tConnections, Indexes: []store.Index{{Name: "agent", Fields: []filter.Field{text("agent")}}}},
		{Name: tDatacenters}, {Name: tPlugins},
		{Name: tFiles, Indexes: []store.Index{{Name: "connection", Fields: []filter.Field{text("connection")}}}}, {Name: tChunks},
		{Name: tSealed, Indexes: []store.Index{{Name: "lacking", Fields: []filter.Field{text("lacking")}}}}, {Name: tSealing}, {Name: tPins},
		{Name: tCommands, Indexes: []store.Index{{Name: "due", Fields: []filter.Field{text("agent"), text("state")}}, {Name: "state", Fields: []filter.Field{text("state")}}}},
	}
}

// Options of a Service.
type Options struct {
	Store     store.Store
	Inventory *inventory.Service
	Audit     *audit.Log
	// Contents keep the contents of uploaded files; rows of the Store where nil.
	Contents blob.Store
	// Fingerprint of the authority, for join tokens.
	Fingerprint [32]byte
	// AgentAddress is where agents reach this collector, for the command to paste.
	AgentAddress func() string
	Clock        func() time.Time
	Log          *slog.Logger
	// Closed answers a *ClosedError for a tenant that lets nobody in; nil lets everybody in.
	Closed func(ctx context.Context, tenant string) error
	// HoldEnrolment says whether a tenant wants to be asked before an agent is let in; nil is never.
	HoldEnrolment func(ctx context.Context, tenant string) (bool, error)
	// Silence (45 s) without a sign of life makes an agent offline.
	Silence time.Duration
}

// Service is the fleet.
type Service struct {
	opt Options

	mu sync.Mutex
	// wake are the sessions of this collector that wait for news of their agent.
	wake map[string]map[chan struct{}]bool
	// swept is when this collector last looked for contents that no file names.
	swept time.Time
	// labels are what plugin descriptions say of themselves, by tenant and digest.
	labels map[string]label
}

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Contents == nil {
		opt.Contents = blob.NewRows(opt.Store)
	}
	if opt.Silence == 0 {
		opt.Silence = 45 * time.Second
	}
	return &Service{opt: opt, wake: map[string]map[chan struct{}]bool{}, labels: map[string]label{}}
}

// ClosedError says that an agent's tenant lets nobody in for now.
type ClosedError struct{ Why string }

func (e *ClosedError) Error() string {
	return e.Why + "; nothing is lost: the agent keeps what it reads and sends it when the tenant is enabled again"
}

// Admits answers *ClosedError for a tenant that lets no agent in.
func (s *Service) Admits(ctx context.Context, tenant string) error {
	if s.opt.Closed == nil {
		return nil
	}
	return s.opt.Closed(ctx, tenant)
}

func (s *Service) now() time.Time { return store.At(s.opt.Clock()).Time }

// Watch answers a channel that is signalled when there may be news for an agent, as a hint beside the polling of rows;
// stop ends it.
func (s *Service) Watch(agentID string) (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake[agentID] == nil {
		s.wake[agentID] = map[chan struct{}]bool{}
	}
	s.wake[agentID][c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wake[agentID], c)
		if len(s.wake[agentID]) == 0 {
			delete(s.wake, agentID)
		}
	}
}

func (s *Service) signal(agentIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range agentIDs {
		for c := range s.wake[id] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// object is a document with its row's key and version.
type object[T any] struct {
	id, tenant string
	version    int64
	doc        T
}

func decode[T any](r store.Row) (object[T], error) {
	o := object[T]{id: r.ID, tenant: r.Tenant, version: r.Version}
	if err := json.Unmarshal(r.Doc, &o.doc); err != nil {
		return o, fmt.Errorf("decode %s: %w", r.ID, err)
	}
	return o, nil
}

func (o object[T]) row() (store.Row, error) {
	b, err := json.Marshal(o.doc)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode %s: %w", o.id, err)
	}
	return store.Row{ID: o.id, Tenant: o.tenant, Version: o.version, Doc: b}, nil
}

func load[T any](ctx context.Context, r store.Reader, table, tenant, id string) (object[T], error) {
	rows, err := r.Get(ctx, table, tenant, "", []string{id})
	if err != nil {
		return object[T]{}, fmt.Errorf("read %s: %w", table, err)
	}
	row, ok := rows[id]
	if !ok {
		return object[T]{}, fmt.Errorf("%s in %s: %w", id, table, store.ErrNotFound)
	}
	return decode[T](row)
}

// all reads a table whole, for the tables that people fill by hand.
func all[T any](ctx context.Context, r store.Reader, table, tenant string, where filter.Expr) ([]object[T], error) {
	var out []object[T]
	err := store.Each(ctx, r, store.Query{Table: table, Tenant: tenant, Where: where}, func(row store.Row) error {
		o, err := decode[T](row)
		out = append(out, o)
		return err
	})
	return out, err
}

// insert adds an object.
func insert[T any](ctx context.Context, st store.Store, table string, o object[T]) error {
	o.version = 1
	return write(ctx, st, table, store.Insert, o)
}

func write[T any](ctx context.Context, st store.Store, table string, op store.Op, o object[T]) error {
	row, err := o.row()
	if err != nil {
		return err
	}
	return st.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: table, Op: op, Row: row})
		if err != nil {
			return fmt.Errorf("write %s: %w", table, err)
		}
		if len(conflicts) > 0 {
			return errRaced
		}
		return nil
	})
}

var errRaced = errors.New("changed by somebody else meanwhile")

// change edits an object until no other writer comes between. fn's error ends it; errSame means nothing to write.
func change[T any](ctx context.Context, s *Service, table, tenant, id string, fn func(*object[T]) error) (object[T], error) {
	for try := 0; ; try++ {
		o, err := load[T](ctx, s.opt.Store, table, tenant, id)
		if err != nil {
			return o, err
		}
		if err := fn(&o); err != nil {
			if errors.Is(err, errSame) {
				return o, nil
			}
			return o, err
		}
		o.version++
		if err = write(ctx, s.opt.Store, table, store.Replace, o); err == nil || !errors.Is(err, errRaced) || try == 9 {
			return o, err
		}
	}
}

var errSame = errors.New("nothing to change")

func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return id.String(), nil
}

func (s *Service) audit(ctx context.Context, c inventory.Caller, action string, object audit.Ref, reason string, detail map[string]any) error {
	_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: action, Object: &object, Reason: reason, Detail: detail})
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", &inventory.InvalidError{Pointer: "/name", Problem: "may not be empty"}
	}
	return name, nil
}

// ---- datacenters ----

type datacenterDoc struct {
	Name          string     `json:"name"`
	Provider      string     `json:"provider,omitempty"`
	Description   string     `json:"description,omitempty"`
	Regions       []string   `json:"regions,omitempty"`
	Zones         []string   `json:"zones,omitempty"`
	RoutingDomain string     `json:"routing_domain,omitempty"`
	ManagedBy     string     `json:"managed_by,omitempty"`
	CreatedAt     store.Time `json:"created_at"`
	UpdatedAt     store.Time `json:"updated_at"`
	serving
}

func datacenterView(o object[datacenterDoc]) rest.Datacenter {
	return rest.Datacenter{ID: o.id, Version: o.version, Name: o.doc.Name, Provider: o.doc.Provider, Description: o.doc.Description,
		Regions: o.doc.Regions, Zones: o.doc.Zones, RoutingDomain: o.doc.RoutingDomain, ManagedBy: o.doc.ManagedBy, CreatedAt: o.doc.CreatedAt.Time, UpdatedAt: o.doc.UpdatedAt.Time}
}

// mayRead says whether the caller may know of a datacenter.
func mayRead(c inventory.Caller, datacenter string) bool {
	return c.TenantWide || slices.Contains(c.Roots, datacenter)
}

// Datacenters are those that the caller may read.
func (s *Service) Datacenters(ctx context.Context, c inventory.Caller) ([]rest.Datacenter, error) {
	list, err := all[datacenterDoc](ctx, s.opt.Store, tDatacenters, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	out := []rest.Datacenter{}
	for _, o := range list {
		if mayRead(c, o.id) {
			out = append(out, datacenterView(o))
		}
	}
	return out, s.nameClients(ctx, c, out, list)
}

// Datacenter is one of them.
func (s *Service) Datacenter(ctx context.Context, c inventory.Caller, id string) (rest.Datacenter, error) {
	if !mayRead(c, id) {
		return rest.Datacenter{}, store.ErrNotFound
	}
	o, err := load[datacenterDoc](ctx, s.opt.Store, tDatacenters, c.Tenant, id)
	if err != nil {
		return rest.Datacenter{}, err
	}
	return s.oneDatacenter(ctx, c, o)
}

func (s *Service) oneDatacenter(ctx context.Context, c inventory.Caller, o object[datacenterDoc]) (rest.Datacenter, error) {
	list := []rest.Datacenter{datacenterView(o)}
	err := s.nameClients(ctx, c, list, []object[datacenterDoc]{o})
	return list[0], err
}

// CreateDatacenter adds one. Names are unique in the tenant, so that people can tell them apart.
func (s *Service) CreateDatacenter(ctx context.Context, c inventory.Caller, w rest.DatacenterWrite) (rest.Datacenter, error) {
	name, err := s.datacenterName(ctx, c.Tenant, w.Name, "")
	if err != nil {
		return rest.Datacenter{}, err
	}
	id, err := newID()
	if err != nil {
		return rest.Datacenter{}, err
	}
	now := store.At(s.now())
	o := object[datacenterDoc]{id: id, tenant: c.Tenant, version: 1, doc: datacenterDoc{Name: name, Provider: w.Provider,
		Description: w.Description, Regions: w.Regions, Zones: w.Zones, RoutingDomain: strings.TrimSpace(w.RoutingDomain), ManagedBy: w.ManagedBy, CreatedAt: now, UpdatedAt: now}}
	o.doc.serve(w.Client, now)
	if err := insert(ctx, s.opt.Store, tDatacenters, o); err != nil {
		return rest.Datacenter{}, err
	}
	if err := s.audit(ctx, c, "datacenter.create", audit.Ref{ID: id, Name: name, Kind: "datacenter"}, "", o.doc.told()); err != nil {
		return rest.Datacenter{}, err
	}
	return s.oneDatacenter(ctx, c, o)
}

func (s *Service) datacenterName(ctx context.Context, tenant, name, self string) (string, error) {
	name, err := cleanName(name)
	if err != nil {
		return "", err
	}
	same, err := all[datacenterDoc](ctx, s.opt.Store, tDatacenters, tenant, eq(text("name"), name))
	if err != nil {
		return "", err
	}
	for _, o := range same {
		if o.id != self {
			return "", &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("another datacenter is named %q", name)}
		}
	}
	return name, nil
}

// UpdateDatacenter replaces what people decide of it.
func (s *Service) UpdateDatacenter(ctx context.Context, c inventory.Caller, id string, version int64, w rest.DatacenterWrite) (rest.Datacenter, error) {
	name, err := s.datacenterName(ctx, c.Tenant, w.Name, id)
	if err != nil {
		return rest.Datacenter{}, err
	}
	if err := s.aloneIn(ctx, c.Tenant, id, w.Client); err != nil {
		return rest.Datacenter{}, err
	}
	var said map[string]any
	o, err := change(ctx, s, tDatacenters, c.Tenant, id, func(o *object[datacenterDoc]) error {
		if o.version != version {
			return &inventory.StaleError{Current: o.version}
		}
		d := &o.doc
		if said, err = d.state(w.Client, store.At(s.now())); err != nil {
			return err
		}
		d.Name, d.Provider, d.Description, d.Regions, d.Zones, d.UpdatedAt = name, w.Provider, w.Description, w.Regions, w.Zones, store.At(s.now())
		d.RoutingDomain = strings.TrimSpace(w.RoutingDomain)
		return nil
	})
	if err != nil {
		return rest.Datacenter{}, err
	}
	if err := s.audit(ctx, c, "datacenter.update", audit.Ref{ID: id, Name: name, Kind: "datacenter"}, "", said); err != nil {
		return rest.Datacenter{}, err
	}
	return s.oneDatacenter(ctx, c, o)
}

// DeleteDatacenter removes one that no connection leads to.
func (s *Service) DeleteDatacenter(ctx context.Context, c inventory.Caller, id string) error {
	o, err := load[datacenterDoc](ctx, s.opt.Store, tDatacenters, c.Tenant, id)
	if err != nil {
		return err
	}
	conns, err := s.live(ctx, c.Tenant, nil)
	if err != nil {
		return err
	}
	for _, x := range conns {
		uses := x.doc.Datacenter == id || slices.ContainsFunc(x.doc.Rules, func(r rest.MappingRule) bool { return r.Datacenter == id })
		if uses {
			return &inventory.ConflictError{ResourceID: id, Problem: fmt.Sprintf("the connection %q leads to this datacenter; change it first", x.doc.Name)}
		}
	}
	if err := write(ctx, s.opt.Store, tDatacenters, store.Delete, o); err != nil {
		return err
	}
	return s.audit(ctx, c, "datacenter.delete", audit.Ref{ID: id, Name: o.doc.Name, Kind: "datacenter"}, "", nil)
}
