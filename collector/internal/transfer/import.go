package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

// ImportRequest asks for an import.
type ImportRequest struct {
	// Kind of the rows; not needed with a mapping that names it, nor for a Maestro document.
	Kind    string
	Mapping string
	File    sheet.Options
	DryRun  bool
	// SkipErrors writes what is right and leaves out wrong rows; otherwise one wrong row refuses the file.
	SkipErrors bool
	// CreateDatacenters records the datacenters that rows name and nobody has recorded; otherwise such a row is wrong.
	CreateDatacenters bool
	Reason            string
}

func isFileError(err error) bool {
	var e *sheet.Error
	return errors.As(err, &e)
}

// Import begins to import a file. It answers at once; Operation says how far it is. The file is removed at the end.
func (s *Service) Import(ctx context.Context, c inventory.Caller, req ImportRequest, f *os.File) (rest.Operation, error) {
	free := func() {
		_ = f.Close() // it was only read
		if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.opt.Log.Warn("remove an imported file", "error", err)
		}
	}
	im, err := s.prepareImport(ctx, c, req, f)
	if err != nil {
		free()
		return rest.Operation{}, err
	}
	op := rest.Operation{Type: "import", DryRun: req.DryRun, Kind: im.kind, File: req.File.Name, Mapping: req.Mapping, Reason: req.Reason, Phase: "checking"}
	return s.start(ctx, c, op, free, im.run)
}

// importing is an import in work.
type importing struct {
	s           *Service
	req         ImportRequest
	f           *os.File
	kind        string
	mapping     rest.ImportMappingWrite
	datacenters map[string][]string
	// absent are the datacenters that right rows name and nobody has recorded, by name in lower case.
	absent   map[string]string
	planners map[string]*planner
	made     map[uint64]int
}

func (s *Service) prepareImport(ctx context.Context, c inventory.Caller, req ImportRequest, f *os.File) (*importing, error) {
	im := &importing{s: s, req: req, f: f, kind: req.Kind}
	head := make([]byte, 64<<10)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if n == 0 {
		return nil, &sheet.Error{Problem: "the file is empty"}
	}
	if im.req.File.Format == "" {
		im.req.File.Format = sheet.Detect(req.File.Name, head[:n])
	}
	if req.Mapping != "" {
		m, err := s.Mapping(ctx, c, req.Mapping)
		if errors.Is(err, store.ErrNotFound) {
			return nil, &inventory.InvalidError{Pointer: "/mapping", Problem: fmt.Sprintf("there is no mapping %q", req.Mapping)}
		}
		if err != nil {
			return nil, err
		}
		if im.kind != "" && im.kind != m.Kind {
			return nil, &inventory.InvalidError{Pointer: "/kind", Problem: fmt.Sprintf("the mapping %q is for kind %s", m.Name, m.Kind)}
		}
		im.mapping, im.kind = m.ImportMappingWrite, m.Kind
	}
	if im.req.File.Format == sheet.Maestro {
		im.kind = ""
	} else {
		if im.kind == "" {
			return nil, &inventory.InvalidError{Pointer: "/kind", Problem: "is missing; say the kind or a mapping"}
		}
		k, err := s.opt.Inventory.Kind(ctx, c.Tenant, im.kind)
		if errors.Is(err, store.ErrNotFound) {
			return nil, &inventory.InvalidError{Pointer: "/kind", Problem: fmt.Sprintf("there is no kind %q", im.kind)}
		}
		if err != nil {
			return nil, err
		}
		if _, err := prepare(k.Kind, im.mapping, false); err != nil {
			return nil, err
		}
	}
	list, err := s.opt.Datacenters(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read datacenters: %w", err)
	}
	im.datacenters = map[string][]string{}
	for _, d := range list {
		name := strings.ToLower(d.Name)
		im.datacenters[name] = append(im.datacenters[name], d.ID)
	}
	return im, nil
}

// run looks at the file, and writes what it says if it may.
func (im *importing) run(ctx context.Context, r *running) error {
	if err := im.pass(ctx, r, false); err != nil {
		return err
	}
	if im.req.DryRun {
		return nil
	}
	if r.op.Refused > 0 && !im.req.SkipErrors {
		// What could have been written was not: it would read like done in the list of operations.
		r.op.State, r.op.Created, r.op.Updated, r.op.Unchanged, r.op.Removed, r.op.Sample = Refused, 0, 0, 0, 0, nil
		return nil
	}
	if r.op.Created+r.op.Updated+r.op.Removed == 0 {
		return nil // nothing differs
	}
	sample := r.op.Sample
	r.op.Rows, r.op.Created, r.op.Updated, r.op.Unchanged, r.op.Refused, r.op.Errors, r.op.Sample = 0, 0, 0, 0, 0, nil, nil
	if err := r.write(ctx, map[string]any{"file": im.req.File.Name, "mapping": im.req.Mapping}); err != nil {
		return err
	}
	r.number = 0
	if err := im.createDatacenters(ctx, r); err != nil {
		return err
	}
	if err := im.pass(ctx, r, true); err != nil {
		return err
	}
	if len(r.op.Sample) == 0 {
		r.op.Sample = sample
	}
	return nil
}

// createDatacenters records those that the file names and nobody has, before the rows that stand in them are written. They stay
// when the import is taken back, as whatever else was put into them meanwhile does.
func (im *importing) createDatacenters(ctx context.Context, r *running) error {
	for _, name := range slices.Sorted(maps.Keys(im.absent)) {
		d, err := im.s.opt.CreateDatacenter(ctx, r.caller, rest.DatacenterWrite{Name: im.absent[name]})
		if err != nil {
			return fmt.Errorf("record datacenter %q: %w", im.absent[name], err)
		}
		im.datacenters[name] = []string{d.ID}
	}
	return nil
}

// mostNewDatacenters is how many datacenters one file may bring: more are a column that means something else.
const mostNewDatacenters = 200

// pass goes through the file once.
func (im *importing) pass(ctx context.Context, r *running, write bool) error {
	im.planners, im.made, im.absent = map[string]*planner{}, map[uint64]int{}, map[string]string{}
	lists := []string{""}
	if im.req.File.Format == sheet.Maestro {
		lists = sheet.MaestroLists()
	}
	for _, list := range lists {
		if err := im.list(ctx, r, list, write); err != nil {
			return err
		}
	}
	ignored := map[string]bool{}
	for _, p := range im.planners {
		for c := range p.ignored {
			ignored[c] = true
		}
	}
	if !write {
		r.op.NewDatacenters = slices.Sorted(maps.Values(im.absent))
	}
	r.op.Ignored = nil
	for c := range ignored {
		r.op.Ignored = append(r.op.Ignored, c)
	}
	slices.Sort(r.op.Ignored)
	r.op.Ignored = r.op.Ignored[:min(len(r.op.Ignored), mostErrors)]
	return nil
}

func (im *importing) list(ctx context.Context, r *running, list string, write bool) (err error) {
	opt := im.req.File
	opt.List = list
	rows, err := sheet.Open(im.f, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	batches := map[string][]*draft{}
	if list == "" {
		p, err := im.planner(ctx, r, im.kind, list)
		if err != nil {
			return err
		}
		if bad := p.header(rows.Columns()); len(bad) > 0 {
			for _, e := range bad {
				r.refuse(e)
			}
			return nil // every row would say the same
		}
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *sheet.Error
		if errors.As(err, &bad) && bad.Row > 0 && bad.Problem != "" && continuable(bad) {
			r.op.Rows++
			r.refuse(rest.OperationError{Row: bad.Row, List: list, Column: bad.Column, Message: bad.Problem})
			continue
		}
		if err != nil {
			return err
		}
		r.op.Rows++
		kind := im.kindOf(list, row)
		p, err := im.planner(ctx, r, kind, list)
		if err != nil {
			return err
		}
		batches[kind] = append(batches[kind], p.draft(row))
		if len(batches[kind]) == inventory.MostEdits {
			if err := im.flush(ctx, r, kind, list, batches[kind], write); err != nil {
				return err
			}
			batches[kind] = nil
		}
	}
	for _, kind := range sortedKeys(batches) {
		if err := im.flush(ctx, r, kind, list, batches[kind], write); err != nil {
			return err
		}
	}
	return nil
}

// continuable: the rows after one with too many cells, or one that is no object, can still be told.
func continuable(e *sheet.Error) bool {
	return strings.HasPrefix(e.Problem, "has a value in column") || e.Problem == "is no object"
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (im *importing) planner(ctx context.Context, r *running, kind, list string) (*planner, error) {
	if p := im.planners[list+" "+kind]; p != nil {
		return p, nil
	}
	k, err := im.s.opt.Inventory.Kind(ctx, r.caller.Tenant, kind)
	if err != nil {
		return nil, fmt.Errorf("read kind %s: %w", kind, err)
	}
	w := im.mapping
	if list != "" {
		w = maestroMapping(list, kind)
	}
	m, err := prepare(k.Kind, w, list != "")
	if err != nil {
		return nil, err
	}
	p := newPlanner(im.s.opt.Inventory, r.caller, r.op.ID, m, im.datacenters, im.made)
	p.create = im.req.CreateDatacenters
	im.planners[list+" "+kind] = p
	return p, nil
}

// flush plans a batch of rows and makes their edits, or says what they would do.
func (im *importing) flush(ctx context.Context, r *running, kind, list string, rows []*draft, write bool) error {
	if len(rows) == 0 {
		return nil
	}
	p := im.planners[list+" "+kind]
	if err := p.plan(ctx, rows); err != nil {
		return err
	}
	var edits []inventory.Edit
	back := map[int][]reverse{}
	for _, d := range rows {
		for _, e := range d.errs[:min(len(d.errs), 1)] {
			e.List = list
			r.refuse(e)
		}
		if len(d.errs) > 0 {
			continue
		}
		if d.newDatacenter != "" {
			key := strings.ToLower(d.newDatacenter)
			if im.absent[key] = cmp.Or(im.absent[key], d.newDatacenter); len(im.absent) > mostNewDatacenters {
				return &sheet.Error{Problem: fmt.Sprintf("it names more than %d datacenters that are not recorded; does the column mean something else?", mostNewDatacenters)}
			}
		}
		e, rev := d.split()
		edits = append(edits, e)
		back[d.row] = rev
	}
	done, err := im.make(ctx, r, kind, edits, write)
	if err != nil {
		return err
	}
	r.count(done, kind, list, true)
	if err := im.relateBack(ctx, r, kind, list, done, back, write); err != nil {
		return err
	}
	return r.say(ctx)
}

func (im *importing) make(ctx context.Context, r *running, kind string, edits []inventory.Edit, write bool) ([]inventory.Edited, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	if write {
		return im.s.opt.Inventory.ApplyEdits(ctx, r.caller, r.account(), kind, edits)
	}
	return im.s.opt.Inventory.PreviewEdits(ctx, r.caller, r.account(), kind, edits)
}

// relateBack makes the relations that belong to the other end: a server's column "applications" is what applications say.
func (im *importing) relateBack(ctx context.Context, r *running, kind, list string, done []inventory.Edited, back map[int][]reverse, write bool) error {
	type end struct{ kind, id string }
	edits := map[end]*inventory.Edit{}
	byKind := map[string][]string{}
	for _, e := range done {
		if e.Err != nil {
			continue
		}
		for _, b := range back[e.Row] {
			at := end{b.kind, b.id}
			if edits[at] == nil {
				edits[at] = &inventory.Edit{Row: e.Row, ID: b.id}
				byKind[b.kind] = append(byKind[b.kind], b.id)
			}
			edits[at].Relations = append(edits[at].Relations, inventory.PersonRelation{Verb: b.verb, Kind: kind, ID: e.ID, Name: e.Name})
		}
	}
	for _, other := range sortedKeys(byKind) {
		for ids := range slices.Chunk(byKind[other], inventory.MostEdits) {
			var batch []inventory.Edit
			for _, id := range ids {
				batch = append(batch, *edits[end{other, id}])
			}
			did, err := im.make(ctx, r, other, batch, write)
			if err != nil {
				return err
			}
			// What only this import makes is not there to be looked at yet, and rows that only say the same are not counted twice.
			did = slices.DeleteFunc(did, func(e inventory.Edited) bool {
				return e.Action == inventory.EditUnchanged || !write && errors.Is(e.Err, store.ErrNotFound)
			})
			r.count(did, other, list, true)
		}
	}
	return nil
}

// kindOf is the kind of a row: of a Maestro document's applications the family decides.
func (im *importing) kindOf(list string, row sheet.Row) string {
	switch list {
	case "":
		return im.kind
	case "applications":
		for i, c := range row.Columns {
			if c == "family" {
				return applicationKind(plainText(row.Values[i]).Text)
			}
		}
		return "application"
	}
	return strings.TrimSuffix(list, "s")
}

func applicationKind(family string) string {
	switch strings.ToLower(family) {
	case "", "application", "machinelearning":
		return "application"
	case "database":
		return "database"
	case "loadbalance":
		return "load_balancer"
	}
	return "backing_service"
}
