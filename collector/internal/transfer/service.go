package transfer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

const (
	tOperations = "bulk_operations"
	tMappings   = "import_mappings"
)

// The states of an operation.
const (
	Running     = "running"
	Done        = "done"
	Refused     = "refused"
	Failed      = "failed"
	Interrupted = "interrupted"
	Undone      = "undone"
	Asked       = "asked"
	Dropped     = "dropped"
)

const (
	// atOnce bounds the operations that a collector works on.
	atOnce = 2
	// silent is after how long without a sign of life an operation counts as interrupted.
	silent = 5 * time.Minute
	// keepDry and keepDone are how long operations are kept; what is forgotten cannot be undone any more.
	keepDry  = 24 * time.Hour
	keepDone = 90 * 24 * time.Hour
	// sayEvery is how often progress is written down.
	sayEvery = time.Second
	// The first of these are kept with an operation.
	mostErrors = 200
	mostSample = 50
	mostDiff   = 50
)

// Datacenters knows the datacenters that a caller may see.
type Datacenters func(context.Context, inventory.Caller) ([]rest.Datacenter, error)

// Options of a Service.
type Options struct {
	Store       store.Store
	Audit       *audit.Log
	Inventory   *inventory.Service
	Datacenters Datacenters
	// CreateDatacenter records one.
	CreateDatacenter func(context.Context, inventory.Caller, rest.DatacenterWrite) (rest.Datacenter, error)
	// Gate asks before many are edited; nil never asks.
	Gate  Gate
	Clock func() time.Time
	Log   *slog.Logger
}

// Service carries out operations in the background and remembers them.
type Service struct {
	opt  Options
	stop context.CancelFunc
	ctx  context.Context //nolint:containedctx // operations outlive the requests that ask for them; Close ends them
	wg   sync.WaitGroup
	mu   sync.Mutex
	now  map[string]bool // operations that run here
	end  bool
}

// New makes a Service. Close ends it.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{opt: opt, now: map[string]bool{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close interrupts what runs and waits for it.
func (s *Service) Close() {
	s.mu.Lock()
	s.end = true
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
}

var (
	fieldStarted = filter.Field{Path: []string{"started_at"}, Type: filter.Time}
	fieldState   = filter.Field{Path: []string{"state"}, Type: filter.String}
	fieldName    = filter.Field{Path: []string{"name"}, Type: filter.String}
)

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: tOperations, Indexes: []store.Index{{Name: "started", Fields: []filter.Field{fieldStarted}},
			{Name: "state", Fields: []filter.Field{fieldState}}}},
		{Name: tMappings, Indexes: []store.Index{{Name: "name", Fields: []filter.Field{fieldName}}}},
	}
}

// operationDoc is an operation as it is stored: what it says is text, since values in it may have any names.
type operationDoc struct {
	StartedAt store.Time `json:"started_at"`
	State     string     `json:"state"`
	Says      string     `json:"says"`
}

func operationRow(tenant string, op *rest.Operation, version int64) (store.Row, error) {
	says, err := json.Marshal(op)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode operation: %w", err)
	}
	b, err := json.Marshal(operationDoc{StartedAt: store.At(op.StartedAt), State: op.State, Says: string(says)})
	if err != nil {
		return store.Row{}, fmt.Errorf("encode operation: %w", err)
	}
	return store.Row{ID: store.Key(tenant, op.ID), Tenant: tenant, Version: version, Doc: b}, nil
}

func operationOf(row store.Row) (rest.Operation, error) {
	var doc operationDoc
	var op rest.Operation
	if err := json.Unmarshal(row.Doc, &doc); err != nil {
		return op, fmt.Errorf("decode operation %s: %w", row.ID, err)
	}
	if err := json.Unmarshal([]byte(doc.Says), &op); err != nil {
		return op, fmt.Errorf("decode operation %s: %w", row.ID, err)
	}
	return op, nil
}

func (s *Service) put(ctx context.Context, tenant string, op *rest.Operation) error {
	return s.putAt(ctx, tenant, op, 1)
}

func (s *Service) putAt(ctx context.Context, tenant string, op *rest.Operation, version int64) error {
	row, err := operationRow(tenant, op, version)
	if err != nil {
		return err
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: tOperations, Op: store.Put, Row: row})
		return err
	})
	if err != nil {
		return fmt.Errorf("write operation: %w", err)
	}
	return nil
}

// Operation is one, as far as it came.
func (s *Service) Operation(ctx context.Context, c inventory.Caller, id string) (rest.Operation, error) {
	key := store.Key(c.Tenant, id)
	rows, err := s.opt.Store.Get(ctx, tOperations, c.Tenant, "", []string{key})
	if err != nil {
		return rest.Operation{}, fmt.Errorf("read operation: %w", err)
	}
	row, ok := rows[key]
	if !ok {
		return rest.Operation{}, fmt.Errorf("operation %s: %w", id, store.ErrNotFound)
	}
	op, err := operationOf(row)
	if err == nil && !mayRead(c, &op) {
		return rest.Operation{}, fmt.Errorf("operation %s: %w", id, store.ErrNotFound)
	}
	return op, err
}

// mayRead: an operation shows values of resources, so it is for who asked for it and for those who may read all.
func mayRead(c inventory.Caller, op *rest.Operation) bool { return c.TenantWide || op.Actor == c.Name }

// Operations are the latest ones, newest first, without their samples.
func (s *Service) Operations(ctx context.Context, c inventory.Caller) ([]rest.Operation, error) {
	var out []rest.Operation
	q := store.Query{Table: tOperations, Tenant: c.Tenant, Order: []store.Order{{Field: fieldStarted, Desc: true}}, Limit: 100}
	for len(out) < 500 {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("list operations: %w", err)
		}
		for _, row := range page.Rows {
			op, err := operationOf(row)
			if err != nil {
				return nil, err
			}
			if mayRead(c, &op) {
				op.Sample, op.Errors = nil, nil
				out = append(out, op)
			}
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	return out, nil
}

// running is an operation in work.
type running struct {
	s      *Service
	caller inventory.Caller
	op     rest.Operation
	number int
	said   time.Time
	// version of the row; it only rises where an operation is taken up again.
	version int64
}

// start writes an operation down and carries it out in the background. free is called at its end.
func (s *Service) start(ctx context.Context, c inventory.Caller, op rest.Operation, free func(), do func(context.Context, *running) error) (rest.Operation, error) {
	if free == nil {
		free = func() {}
	}
	id, err := uuid.NewV7()
	if err != nil {
		free()
		return op, fmt.Errorf("make operation id: %w", err)
	}
	at := s.opt.Clock().UTC()
	op.ID, op.State, op.Actor, op.StartedAt, op.UpdatedAt = id.String(), Running, c.Name, at, at
	if err := s.enter(op.ID); err != nil {
		free()
		return op, err
	}
	r := &running{s: s, caller: c, op: op, version: 1}
	if err := s.put(ctx, c.Tenant, &op); err != nil {
		s.leave(op.ID, free)
		return op, err
	}
	go func() {
		defer s.leave(op.ID, free)
		r.run(s.ctx, do)
	}()
	return op, nil
}

// enter takes one of the places for operations; leave gives it back.
func (s *Service) enter(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.end:
		return errors.New("the collector is ending")
	case len(s.now) >= atOnce || s.now[id]:
		return &inventory.ConflictError{Problem: fmt.Sprintf("%d imports or edits are running here already; try again when one is done", len(s.now))}
	}
	s.now[id] = true
	s.wg.Add(1)
	return nil
}

func (s *Service) leave(id string, free func()) {
	free()
	s.mu.Lock()
	delete(s.now, id)
	s.mu.Unlock()
	s.wg.Done()
}

// run carries an operation out and writes down how it ended.
func (r *running) run(ctx context.Context, do func(context.Context, *running) error) {
	err := do(ctx, r)
	switch {
	case err == nil && r.op.State == Running:
		r.op.State = Done
	case err == nil:
	case ctx.Err() != nil:
		r.op.State, r.op.Error = Interrupted, "the collector ended; do it again, or undo it"
	default:
		r.op.State, r.op.Error = Failed, r.s.explain(err)
	}
	at := r.s.opt.Clock().UTC()
	r.op.Phase, r.op.FinishedAt, r.op.UpdatedAt = "", at, at
	end := context.WithoutCancel(ctx) // how it ended is noted even when the collector ends
	r.auditEnd(end)                   // first: whoever sees that it has ended finds that in the log too
	if e := r.s.putAt(end, r.caller.Tenant, &r.op, r.version); e != nil {
		r.s.opt.Log.ErrorContext(end, "write down the end of an operation", "operation", r.op.ID, "error", e)
	}
}

// auditEnd writes into the audit log how an operation that wrote has ended.
func (r *running) auditEnd(ctx context.Context) {
	if r.op.AuditID == "" {
		return
	}
	outcome := audit.OK
	if r.op.State != Done {
		outcome = audit.Failed
	}
	_, e := r.s.opt.Audit.Write(ctx, audit.Entry{Tenant: r.caller.Tenant, Actor: r.caller.Name, Address: r.caller.Address, Outcome: outcome,
		Action: "resources." + r.op.Type + ".end", Object: &audit.Ref{ID: r.op.ID, Kind: "operation"}, Detail: map[string]any{"state": r.op.State,
			"created": r.op.Created, "updated": r.op.Updated, "unchanged": r.op.Unchanged, "removed": r.op.Removed, "refused": r.op.Refused}})
	if e != nil {
		r.s.opt.Log.ErrorContext(ctx, "audit the end of an operation", "operation", r.op.ID, "error", e)
	}
}

// explain is an error as people may read it.
func (s *Service) explain(err error) string {
	var invalid *inventory.InvalidError
	var conflict *inventory.ConflictError
	switch {
	case isFileError(err), errors.As(err, &invalid), errors.As(err, &conflict), errors.Is(err, errTold):
		return err.Error()
	}
	s.opt.Log.Error("carry out operation", "error", err)
	return "the collector could not go on; its log says why. Do it again, or undo it"
}

// errTold marks an error that is in words already.
var errTold = errors.New("operation")

// write begins the part of an operation that writes: from here on there is an audit entry, and changes point to it.
func (r *running) write(ctx context.Context, detail map[string]any) (err error) {
	r.op.Phase = "writing"
	detail["kind"] = r.op.Kind
	r.op.AuditID, err = r.s.opt.Audit.Write(ctx, audit.Entry{Tenant: r.caller.Tenant, Actor: r.caller.Name, Address: r.caller.Address,
		Action: "resources." + r.op.Type, Object: &audit.Ref{ID: r.op.ID, Kind: "operation"}, Reason: r.op.Reason, Detail: detail})
	if err != nil {
		return err
	}
	r.said = r.s.opt.Clock() // that it began to write is known before it writes
	return r.s.putAt(ctx, r.caller.Tenant, &r.op, r.version)
}

// account is on whose account the next batch happens.
func (r *running) account() inventory.Operation {
	r.number++
	reason := r.op.Reason
	if reason == "" {
		reason = strings.TrimSpace(r.op.Type + " " + r.op.File)
	}
	return inventory.Operation{ID: r.op.ID, AuditID: r.op.AuditID, Reason: reason, Number: r.number}
}

// count adds what a batch did.
func (r *running) count(done []inventory.Edited, kind, list string, sample bool) {
	for _, e := range done {
		switch e.Action {
		case inventory.EditCreated:
			r.op.Created++
		case inventory.EditUpdated:
			r.op.Updated++
		case inventory.EditRemoved:
			r.op.Removed++
		case inventory.EditUnchanged:
			r.op.Unchanged++
		case inventory.EditRefused:
			r.refuse(rest.OperationError{Row: e.Row, List: list, Message: e.Err.Error()})
			continue
		}
		if (e.Action == inventory.EditUnchanged && len(e.Conflicts) == 0) || !sample || len(r.op.Sample) >= mostSample {
			continue
		}
		ch := rest.OperationChange{Row: e.Row, Resource: rest.Ref{ID: e.ID, Name: e.Name, Kind: cmp.Or(e.Kind, kind)}, Action: e.Action, Conflicts: e.Conflicts}
		if ch.Action == inventory.EditUnchanged {
			ch.Action = inventory.EditUpdated
		}
		for i, d := range e.Diff {
			if i == mostDiff {
				break
			}
			ch.Diff = append(ch.Diff, rest.FieldChange{Pointer: d.Pointer, Old: value(d.Old), New: value(d.New)})
		}
		r.op.Sample = append(r.op.Sample, ch)
	}
}

func value(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > 2000 {
		return string(raw[:2000]) + "..."
	}
	return raw
}

func (r *running) refuse(e rest.OperationError) {
	r.op.Refused++
	if len(r.op.Errors) < mostErrors {
		r.op.Errors = append(r.op.Errors, e)
	}
}

// say writes progress down now and then.
func (r *running) say(ctx context.Context) error {
	at := r.s.opt.Clock()
	if at.Sub(r.said) < sayEvery {
		return nil
	}
	r.said, r.op.UpdatedAt = at, at.UTC()
	return r.s.putAt(ctx, r.caller.Tenant, &r.op, r.version)
}

// Sweep ends what a collector that died left running, and forgets what is old.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	var dead, old []store.Row
	q := store.Query{Table: tOperations, AllTenants: true, Where: filter.Compare{Field: fieldState, Op: filter.Eq, Value: Running}}
	keep := func(into *[]store.Row, late func(rest.Operation) bool) func(store.Row) error {
		return func(row store.Row) error {
			op, err := operationOf(row)
			if err == nil && late(op) {
				*into = append(*into, row)
			}
			return err
		}
	}
	if err := store.Each(ctx, s.opt.Store, q, keep(&dead, func(op rest.Operation) bool { return now.Sub(op.UpdatedAt) > silent })); err != nil {
		return fmt.Errorf("find interrupted operations: %w", err)
	}
	for _, row := range dead {
		op, err := operationOf(row)
		if err != nil {
			return err
		}
		op.State, op.Error, op.FinishedAt = Interrupted, "the collector ended; do it again, or undo it", now.UTC()
		if err := s.put(ctx, row.Tenant, &op); err != nil {
			return err
		}
	}
	q.Where = filter.Compare{Field: fieldStarted, Op: filter.Lt, Value: now.Add(-keepDry).UTC().Format(store.TimeLayout)}
	err := store.Each(ctx, s.opt.Store, q, keep(&old, func(op rest.Operation) bool {
		return op.State != Running && op.State != Asked && (op.DryRun || op.State == Refused || now.Sub(op.StartedAt) > keepDone)
	}))
	if err != nil {
		return fmt.Errorf("find old operations: %w", err)
	}
	for _, row := range old {
		op, err := operationOf(row)
		if err != nil {
			return err
		}
		if err := s.opt.Inventory.ForgetEdits(ctx, row.Tenant, op.ID); err != nil {
			return fmt.Errorf("forget operation %s: %w", op.ID, err)
		}
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, store.Write{Table: tOperations, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: row.Tenant}})
			return err
		})
		if err != nil {
			return fmt.Errorf("forget operation %s: %w", op.ID, err)
		}
	}
	return nil
}
