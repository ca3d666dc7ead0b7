package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// Finder is what planning asks the inventory.
type Finder interface {
	FindByField(ctx context.Context, c inventory.Caller, kind, field string, values []string) (map[string][]inventory.Found, error)
	FindByIdentifier(ctx context.Context, c inventory.Caller, kind string, ids []resource.Identifier) (map[resource.Identifier]string, error)
	FindByID(ctx context.Context, c inventory.Caller, kind string, ids []string) (map[string]inventory.Head, error)
}

// planner turns rows of one kind into edits.
type planner struct {
	find        Finder
	caller      inventory.Caller
	m           *mapping
	datacenters map[string][]string // ids by name in lower case
	create      bool                // datacenters that nobody has recorded
	// seen are the resources that earlier rows name, by hash.
	seen map[uint64]int
	// made are rows that make a resource, by kind and name; -1 where several have the name. The planners of an operation share it.
	made      map[uint64]int
	operation string
	// cols are the uses of columns, by name.
	cols    map[string]columnUse
	ignored map[string]bool
}

type columnUse struct {
	uses    []column
	problem string
}

// draft is a row on its way to an edit.
type draft struct {
	row        int
	id         string
	datacenter string
	hasDC      bool
	// newDatacenter is the name of one that is going to be recorded.
	newDatacenter string
	edit          inventory.Edit
	identifiers   []resource.Identifier
	relations     []wanted
	errs          []rest.OperationError
}

// wanted is a relation as a row names it.
type wanted struct {
	column, name string
	t            target
}

// reverse is a relation that belongs to the other end.
type reverse struct {
	kind, id, verb string
	row            int
}

func newPlanner(find Finder, c inventory.Caller, operation string, m *mapping, datacenters map[string][]string, made map[uint64]int) *planner {
	return &planner{find: find, caller: c, operation: operation, m: m, datacenters: datacenters, made: made, seen: map[uint64]int{}, cols: map[string]columnUse{}, ignored: map[string]bool{}}
}

// header checks the columns that all rows share.
func (p *planner) header(columns []string) []rest.OperationError {
	var out []rest.OperationError
	for _, c := range columns {
		if u := p.use(c); u.problem != "" {
			out = append(out, rest.OperationError{Row: 1, Column: c, Message: u.problem})
		}
	}
	return out
}

func (p *planner) use(name string) columnUse {
	u, ok := p.cols[name]
	if ok {
		return u
	}
	var known bool
	u.uses, known, u.problem = p.m.column(name)
	if u.problem == "" && (!known || len(u.uses) == 0) && len(p.ignored) < sheet.MaxColumns {
		p.ignored[name] = true
	}
	if len(p.cols) < 10*sheet.MaxColumns { // rows of JSON may have any
		p.cols[name] = u
	}
	return u
}

func (d *draft) problem(column, format string, args ...any) {
	d.errs = append(d.errs, rest.OperationError{Row: d.row, Column: column, Message: fmt.Sprintf(format, args...)})
}

// draft reads the cells of a row.
func (p *planner) draft(r sheet.Row) *draft {
	d := &draft{row: r.Number, edit: inventory.Edit{Row: r.Number, Set: map[string]json.RawMessage{}}}
	taken := map[string]bool{}
	type cell struct {
		name  string
		use   column
		value sheet.Value
	}
	var cells []cell
	for i, name := range r.Columns {
		u := p.use(name)
		if u.problem != "" {
			if r.Values[i].Raw != nil || !r.Values[i].Empty() {
				d.problem(name, "%s", u.problem)
			}
			continue
		}
		v := plainText(r.Values[i])
		for _, c := range u.uses {
			cells = append(cells, cell{name, c, v})
		}
	}
	// Of several columns for one field the mapping's first decides, wherever the file has it.
	slices.SortStableFunc(cells, func(a, b cell) int { return a.use.order - b.use.order })
	for _, c := range cells {
		p.cell(d, c.name, c.use, c.value, taken)
	}
	for _, c := range p.m.defaults {
		if !taken[c.target.name] {
			p.cell(d, c.Field, column{ImportColumn: rest.ImportColumn{Field: c.Field}, target: c.target}, sheet.Value{Text: c.Values[""]}, taken)
		}
	}
	return d
}

// cell puts one value where it belongs.
func (p *planner) cell(d *draft, name string, c column, v sheet.Value, taken map[string]bool) {
	t := c.target
	if to, ok := c.Values[strings.ToLower(strings.TrimSpace(v.Text))]; ok && v.Raw == nil && v.Text != "" {
		v.Text = to
	}
	many := t.what == ofTags || t.what == ofRelation || t.what == ofIdentifier
	if taken[t.name] && !many {
		return
	}
	if v.Empty() {
		if p.m.clear && t.pointer != "" && t.pointer != "/name" {
			d.edit.Reset = append(d.edit.Reset, t.pointer)
		}
		return
	}
	taken[t.name] = true
	if i := slices.Index(d.edit.Reset, t.pointer); i >= 0 { // another column said nothing, this one does
		d.edit.Reset = slices.Delete(d.edit.Reset, i, i+1)
	}
	switch t.what {
	case ofID:
		d.id = strings.TrimSpace(v.Text)
	case ofDatacenter:
		p.datacenter(d, name, strings.TrimSpace(v.Text))
	case ofTags:
		p.tags(d, name, v)
	case ofTag:
		d.edit.Set[t.pointer] = mustText(strings.TrimSpace(v.Text))
	case ofIdentifier, ofRelation:
		list, err := texts(v)
		if err != nil {
			d.problem(name, "%v", err)
		}
		for _, one := range list {
			if t.what == ofRelation {
				d.relations = append(d.relations, wanted{name, one, t})
				continue
			}
			d.identifiers = append(d.identifiers, resource.Identifier{Type: t.key, Value: one})
		}
	case ofField:
		raw, err := parse(t.field, v, c.Unit)
		if err != nil && p.m.lenient && len(p.ignored) < sheet.MaxColumns {
			p.ignored[name+": "+shorten(v.Text+string(v.Raw))] = true
			return
		}
		if err != nil {
			d.problem(name, "%v", err)
			return
		}
		d.edit.Set[t.pointer] = raw
	case ofNothing:
	}
}

func mustText(s string) json.RawMessage {
	b, err := text(s)
	if err != nil {
		return json.RawMessage(`""`) // a string is always JSON
	}
	return b
}

func (p *planner) datacenter(d *draft, column, name string) {
	ids := p.datacenters[strings.ToLower(name)]
	switch len(ids) {
	case 0:
		if p.create {
			// It has no id yet: rows are compared and shown with its name, and written once it has one.
			d.newDatacenter, d.datacenter, d.hasDC = name, "new: "+name, true
			d.edit.Set["/datacenter"] = mustText(d.datacenter)
			return
		}
		d.problem(column, "there is no datacenter %s; record it first, or have the import record it", shorten(name))
	case 1:
		d.datacenter, d.hasDC = ids[0], true
		d.edit.Set["/datacenter"] = mustText(ids[0])
	default:
		d.problem(column, "%d datacenters are named %s", len(ids), shorten(name))
	}
}

// tags reads "env=prod; team: web; plain": a tag without a value has an empty one. Commas separate where there is no
// semicolon, as NetBox writes.
func (p *planner) tags(d *draft, column string, v sheet.Value) {
	if v.Raw == nil && !strings.Contains(v.Text, ";") && !strings.Contains(v.Text, "=") {
		v.Text = strings.ReplaceAll(v.Text, ",", ";")
	}
	list, err := texts(v)
	if err != nil {
		d.problem(column, "%v", err)
	}
	for _, one := range list {
		key, value, ok := strings.Cut(one, "=")
		if !ok {
			key, value, _ = strings.Cut(one, ": ")
		}
		if key = strings.TrimSpace(key); key == "" {
			d.problem(column, "%s is no tag; write key=value", shorten(one))
			continue
		}
		d.edit.Set["/tags/"+escape(key)] = mustText(strings.TrimSpace(value))
	}
}

func (d *draft) text(pointer string) string {
	var s string
	if raw := d.edit.Set[pointer]; raw != nil && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// plan finds the resources and the other ends of relations of a batch of rows.
func (p *planner) plan(ctx context.Context, rows []*draft) error {
	hits, err := p.lookUp(ctx, rows)
	if err != nil {
		return err
	}
	ends, err := p.otherEnds(ctx, rows)
	if err != nil {
		return err
	}
	for _, d := range rows {
		p.match(d, hits)
		d.edit.Identifiers = d.identifiers
		for _, w := range d.relations {
			p.relate(d, w, ends[w.t.alias.Target][w.name])
		}
		if len(d.errs) == 0 {
			p.once(d)
		}
		if len(d.errs) == 0 && d.edit.ID == "" {
			mark := hash(p.m.kind.Name, d.text("/name"))
			if _, twice := p.made[mark]; twice {
				p.made[mark] = -1
			} else {
				p.made[mark] = d.row
			}
		}
	}
	return nil
}

// relate adds a relation of a row; those that belong to the other end are kept with the verb and no kind of direction lost.
func (p *planner) relate(d *draft, w wanted, found []inventory.Found) {
	if row := p.made[hash(w.t.alias.Target, w.name)]; row > 0 && len(found) == 0 { // an earlier row of this file
		found = []inventory.Found{{ID: inventory.NewEditID(p.caller.Tenant, w.t.alias.Target, p.operation, row), Name: w.name}}
	}
	switch len(found) {
	case 0:
		d.problem(w.column, "there is no %s named %s; import those first", w.t.alias.Target, shorten(w.name))
	case 1:
		d.edit.Relations = append(d.edit.Relations, inventory.PersonRelation{Verb: w.t.alias.Verb, Kind: w.t.alias.Target, ID: found[0].ID, Name: found[0].Name})
	default:
		d.problem(w.column, "several resources of kind %s are named %s", w.t.alias.Target, shorten(w.name))
	}
}

// split takes the relations whose other end has them out of an edit.
func (d *draft) split() (edit inventory.Edit, back []reverse) {
	edit = d.edit
	edit.Relations = nil
	for i, r := range d.edit.Relations {
		if d.relations[i].t.alias.Direction == "in" {
			back = append(back, reverse{r.Kind, r.ID, r.Verb, d.row})
			continue
		}
		edit.Relations = append(edit.Relations, r)
	}
	return edit, back
}

// once refuses a row that names what an earlier one names.
func (p *planner) once(d *draft) {
	var marks []string
	switch {
	case d.edit.ID != "":
		marks = append(marks, "id\x00"+d.edit.ID)
	case len(p.m.keys) > 0:
		mark := "key"
		for _, k := range p.m.keys {
			mark += "\x00" + d.text(k.pointer)
		}
		marks = append(marks, mark)
	case len(d.identifiers) == 0:
		marks = append(marks, "name\x00"+d.text("/name")+"\x00"+d.datacenter)
	}
	if d.edit.ID == "" {
		for _, id := range d.identifiers {
			marks = append(marks, "identifier\x00"+id.Type+"\x00"+strings.ToLower(id.Value))
		}
	}
	for _, m := range marks {
		if first, twice := p.seen[hash(m)]; twice && first != d.row {
			d.problem("", "names the same resource as row %d", first)
			return
		}
	}
	for _, m := range marks {
		p.seen[hash(m)] = d.row
	}
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, s := range parts {
		_, _ = h.Write([]byte(s)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// otherEnds finds what relations name, by kind and name.
func (p *planner) otherEnds(ctx context.Context, rows []*draft) (map[string]map[string][]inventory.Found, error) {
	ask := map[string][]string{}
	for _, d := range rows {
		for _, w := range d.relations {
			ask[w.t.alias.Target] = append(ask[w.t.alias.Target], w.name)
		}
	}
	out := map[string]map[string][]inventory.Found{}
	for kind, list := range ask {
		found, err := p.find.FindByField(ctx, p.caller, kind, "name", list)
		if err != nil {
			return nil, fmt.Errorf("find related resources: %w", err)
		}
		out[kind] = found
	}
	return out, nil
}
