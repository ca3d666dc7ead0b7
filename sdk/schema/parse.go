package schema

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The limits of a plugin's own kind. They keep one plugin from costing every store too much.
const (
	// MaxIndexed is how many indexed fields a plugin's kind may have.
	MaxIndexed = 8
	// MaxFields is how many leaves a kind may have, those of array elements included.
	MaxFields = 400
	// MaxNesting is how deep its objects and arrays may nest.
	MaxNesting = 8
	// MaxSchemaBytes bounds the schema itself.
	MaxSchemaBytes = 256 << 10
)

// Groups are the places in the navigation, in their order.
func Groups() []string { return []string{"compute", "storage", "network", "data", "business", "other"} }

// ErrInvalid says that a schema cannot be a kind or a settings form; the text says why.
var ErrInvalid = errors.New("invalid schema")

var (
	word       = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	pluginKind = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}(\.v[0-9]{1,3})?$`)
)

// Parse reads the schema of a plugin's own kind, named "<provider>.<kind>", and refuses it with ErrInvalid
// when it is not valid draft 2020-12, uses an annotation outside the vocabulary or exceeds a limit.
func Parse(name string, major, minor int, schemaJSON []byte) (*Kind, error) {
	k, err := parsePlugin(name, major, minor, schemaJSON)
	if err != nil {
		return nil, fmt.Errorf("kind %s: %w: %w", name, ErrInvalid, err)
	}
	return k, nil
}

func parsePlugin(name string, major, minor int, schemaJSON []byte) (*Kind, error) {
	if !pluginKind.MatchString(name) {
		return nil, fmt.Errorf("a plugin's kind is named <provider>.<kind> in lower_snake words")
	}
	if major < 1 || minor < 0 {
		return nil, fmt.Errorf("version %d.%d: majors count from 1, minors from 0", major, minor)
	}
	if i := strings.LastIndex(name, ".v"); i > 0 && name[i+2:] != fmt.Sprint(major) && strings.Count(name, ".") == 2 {
		return nil, fmt.Errorf("major version %d does not agree with the name", major)
	}
	if len(schemaJSON) > MaxSchemaBytes {
		return nil, fmt.Errorf("%d bytes, at most %d", len(schemaJSON), MaxSchemaBytes)
	}
	if err := checkDraft(schemaJSON); err != nil {
		return nil, err
	}
	k, err := build(name, major, minor, schemaJSON)
	if err != nil {
		return nil, err
	}
	indexed := 0
	for _, f := range k.Fields {
		if f.Indexed {
			indexed++
		}
	}
	if indexed > MaxIndexed {
		return nil, fmt.Errorf("%d indexed fields, at most %d", indexed, MaxIndexed)
	}
	return k, nil
}

// checkDraft validates the schema against the metaschema of draft 2020-12. Nothing is ever loaded from files
// or the network: a plugin's schema is foreign text.
func checkDraft(raw []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	if m, ok := doc.(map[string]any); ok {
		if s, stated := m["$schema"]; stated && s != draft && s != draft+"#" {
			return fmt.Errorf("$schema is %q, not draft 2020-12", s)
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	const where = "maestro:schema"
	if err := c.AddResource(where, doc); err != nil {
		return err
	}
	if _, err := c.Compile(where); err != nil {
		return err
	}
	return nil
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: schemas refer to nothing outside themselves", url)
}

// build makes a Kind of a schema whose form is sound.
func build(name string, major, minor int, schemaJSON []byte) (*Kind, error) {
	d, err := readDocument(schemaJSON)
	if err != nil {
		return nil, err
	}
	if err := checkRoot(d); err != nil {
		return nil, err
	}
	text, err := canonical(schemaJSON)
	if err != nil {
		return nil, err
	}
	b := builder{doc: d}
	root, err := b.node(d, "", 0)
	if err != nil {
		return nil, err
	}
	if b.fields > MaxFields {
		return nil, fmt.Errorf("%d fields, at most %d", b.fields, MaxFields)
	}
	fields := root.leaves("/attributes")
	if err := checkWhen(fields); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	last := name[strings.LastIndexByte(name, '.')+1:]
	return &Kind{
		Name: name, Major: major, Minor: minor,
		Label: cmp.Or(d.Label, d.Title, labelOf(last)), Plural: cmp.Or(d.Plural, cmp.Or(d.Label, d.Title, labelOf(last))+"s"),
		Group: cmp.Or(d.Group, "other"), Icon: d.Icon, Summary: cmp.Or(d.Summary, d.Description),
		Schema: text, Digest: hex.EncodeToString(sum[:]), Fields: fields,
		Ranks: d.Identifiers, Relations: d.Relations, Predecessor: d.Predecessor,
		root: root,
	}, nil
}

func checkRoot(d *document) error {
	if len(d.Type) != 1 || d.Type[0] != "object" {
		return fmt.Errorf(`the root's type must be "object"`)
	}
	if d.Ref != "" || len(d.AnyOf) > 0 {
		return fmt.Errorf("the root may not be a reference or a choice")
	}
	if d.Group != "" && !slices.Contains(Groups(), d.Group) {
		return fmt.Errorf("group %q is none of %s", d.Group, strings.Join(Groups(), ", "))
	}
	for _, typ := range slices.Sorted(maps.Keys(d.Identifiers)) {
		if d.Identifiers[typ] < 1 {
			return fmt.Errorf("identifier %s has rank %d; ranks count from 1", typ, d.Identifiers[typ])
		}
		if !KnownIdentifier(typ) {
			return fmt.Errorf("identifier type %q is neither registered nor named <provider>.<type>", typ)
		}
	}
	for _, r := range d.Relations {
		if !word.MatchString(r.Alias) || !word.MatchString(r.Verb) || (r.Direction != "in" && r.Direction != "out") || r.Target == "" {
			return fmt.Errorf("relation %q needs alias, verb, direction (in or out) and target", r.Alias)
		}
	}
	if d.Column || d.Indexed || d.Searchable || d.Volatile || d.Sensitive || d.Set || d.Key != "" || d.Order != 0 || d.Unit != "" || d.When != nil {
		return fmt.Errorf("the root carries an annotation of properties")
	}
	return nil
}

// node is one place in a kind's attributes, ready for validation.
type node struct {
	field Field // Path and Pointer are set when leaves are listed
	names []string
	props map[string]*node // of objects
	items *node            // of arrays
}

// leafObject says that the object's members are not described, so that it is one value.
func (n *node) leafObject() bool { return n.field.Type == TypeObject && len(n.props) == 0 }

type builder struct {
	doc    *document
	fields int
	nodes  int // objects and references count here, so that a small schema cannot unfold into a large one
	// unlimited is for what is put together of parts that kept the limits.
	unlimited bool
}

func (b *builder) node(d *document, path string, depth int) (*node, error) {
	if depth > MaxNesting {
		return nil, fmt.Errorf("%s: nests deeper than %d", path, MaxNesting)
	}
	if b.nodes++; !b.unlimited && (b.fields > MaxFields || b.nodes > 4*MaxFields) {
		return nil, fmt.Errorf("more than %d fields", MaxFields)
	}
	d, err := d.resolve(b.doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	n := &node{}
	if n.field, err = fieldOf(d, path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if depth > 0 && n.field.Type != TypeObject {
		b.fields++
	}
	switch n.field.Type {
	case TypeObject:
		err = b.members(n, d, path, depth)
	case TypeArray:
		if d.Items == nil {
			return nil, fmt.Errorf("%s: an array needs items", path)
		}
		n.items, err = b.node(d.Items, path+"[]", depth+1)
		if err == nil {
			err = checkArray(n)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, err
	}
	if depth > 0 {
		if err := checkLeaf(n); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return n, nil
}

func (b *builder) members(n *node, d *document, path string, depth int) error {
	n.props = make(map[string]*node, len(d.Properties))
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if !word.MatchString(name) {
			return fmt.Errorf("%s: property names are lower_snake words", at)
		}
		child, err := b.node(d.Properties[name], at, depth+1)
		if err != nil {
			return err
		}
		if child.field.Label == "" {
			child.field.Label = labelOf(name)
		}
		n.props[name] = child
		n.names = append(n.names, name)
	}
	slices.SortStableFunc(n.names, func(x, y string) int {
		ox, oy := n.props[x].field.Order, n.props[y].field.Order
		if (ox == 0) != (oy == 0) {
			return cmp.Compare(oy, ox)
		}
		return cmp.Compare(ox, oy)
	})
	return nil
}

func fieldOf(d *document, path string) (Field, error) {
	f := Field{
		Label: cmp.Or(d.Label, d.Title), Help: d.Description, Unit: d.Unit, Group: d.Group, Order: d.Order,
		Column: d.Column, Indexed: d.Indexed, Searchable: d.Searchable, Volatile: d.Volatile,
		Sensitive: d.Sensitive, Set: d.Set, Key: d.Key, When: d.When,
	}
	if path != "" && (d.Plural != "" || d.Icon != "" || d.Summary != "" || d.Identifiers != nil || d.Relations != nil || d.Predecessor != "") {
		return f, fmt.Errorf("a property carries an annotation of kinds")
	}
	if d.Narrows || d.Secret || d.CredentialTarget {
		return f, fmt.Errorf("narrows, secret and credential-target belong to settings; secrets are never emitted")
	}
	names := slices.DeleteFunc(slices.Clone(d.Type), func(s string) bool { return s == "null" })
	if len(names) != 1 {
		return f, fmt.Errorf("a property needs exactly one type")
	}
	switch t := Type(names[0]); t {
	case TypeString, TypeInteger, TypeNumber, TypeBoolean, TypeArray, TypeObject:
		f.Type = t
	default:
		return f, fmt.Errorf("unknown type %q", names[0])
	}
	if f.Type == TypeString {
		switch d.Format {
		case "date-time":
			f.Type = TypeTime
		case "ip", "ipv4", "ipv6":
			f.Type = TypeIP
		}
	}
	for _, e := range d.Enum {
		var s string
		if f.Type != TypeString || json.Unmarshal(e, &s) != nil {
			return f, fmt.Errorf("enum is for strings only")
		}
		f.Enum = append(f.Enum, s)
	}
	return f, nil
}

func checkArray(n *node) error {
	f := n.field
	if f.Set && f.Key != "" {
		return fmt.Errorf("an array is a set or has a key, not both")
	}
	if f.Key != "" {
		if k := n.items.props[f.Key]; k == nil || k.field.Type == TypeObject || k.field.Type == TypeArray {
			return fmt.Errorf("key %q is no plain property of the elements", f.Key)
		}
	}
	if n.items.annotated() {
		return fmt.Errorf("column, indexed, searchable, volatile, sensitive and when stand on the array, not inside it")
	}
	return nil
}

// annotated says whether the node or something below it is treated in a way of its own. Inside arrays nothing
// may be, since an array is a leaf.
func (n *node) annotated() bool {
	f := n.field
	if f.Column || f.Indexed || f.Searchable || f.Volatile || f.Sensitive || f.When != nil {
		return true
	}
	for _, c := range n.props {
		if c.annotated() {
			return true
		}
	}
	return n.items != nil && n.items.annotated()
}

// checkWhen says which condition no resource could be judged by: it reads a text that is asked for itself.
func checkWhen(fields []Field) error {
	for _, f := range fields {
		if f.When == nil {
			continue
		}
		ok := slices.ContainsFunc(fields, func(on Field) bool { return on.Path == f.When.Field && on.Type == TypeString && on.When == nil })
		if !ok {
			return fmt.Errorf("%s: when: %q is no text of the kind that is asked for itself", f.Path, f.When.Field)
		}
		if len(f.When.BeginsWith) == 0 || slices.Contains(f.When.BeginsWith, "") {
			return fmt.Errorf("%s: when: says no value", f.Path)
		}
	}
	return nil
}

func checkLeaf(n *node) error {
	f := n.field
	if f.Type != TypeArray && (f.Set || f.Key != "") {
		return fmt.Errorf("set and key are for arrays")
	}
	if f.Unit != "" && f.Type != TypeInteger && f.Type != TypeNumber {
		return fmt.Errorf("a unit is for numbers")
	}
	if f.Sensitive && (f.Indexed || f.Searchable) {
		return fmt.Errorf("a sensitive field is never indexed or searched")
	}
	if f.Volatile && (f.Indexed || f.Searchable) {
		return fmt.Errorf("a volatile field is never indexed or searched")
	}
	if f.Type == TypeObject && (f.Column || f.Indexed || f.Searchable || (len(n.props) > 0 && (f.Volatile || f.Sensitive))) {
		return fmt.Errorf("annotations stand on the members of an object, not on the object")
	}
	if f.Indexed && f.Type == TypeArray && len(n.items.props) > 0 {
		return fmt.Errorf("only arrays of plain values are indexed")
	}
	return nil
}

// leaves lists the fields below n in order. base is the pointer of n itself.
func (n *node) leaves(base string) []Field {
	var out []Field
	for _, name := range n.names {
		out = n.props[name].appendLeaves(out, name, base+"/"+name, n.props[name].field.Group, n.props[name].field.When)
	}
	return out
}

func (n *node) appendLeaves(out []Field, path, pointer, group string, when *When) []Field {
	if n.field.Type == TypeObject && !n.leafObject() {
		for _, name := range n.names {
			child := n.props[name]
			out = child.appendLeaves(out, path+"."+name, pointer+"/"+name, cmp.Or(child.field.Group, group), cmp.Or(child.field.When, when))
		}
		return out
	}
	f := n.field
	f.Path, f.Pointer, f.Group, f.When = path, pointer, group, when
	if n.items != nil {
		if n.items.field.Type == TypeObject && !n.items.leafObject() {
			f.Items = n.items.leaves("")
		} else {
			inner := n.items.field
			if n.items.items != nil {
				inner.Items = n.items.appendLeaves(nil, "", "", "", nil)[0].Items
			}
			f.Items = []Field{inner}
		}
	}
	return append(out, f)
}

// labelOf makes a label of a name for people: "memory_bytes" is "Memory bytes".
func labelOf(name string) string {
	s := strings.ReplaceAll(name, "_", " ")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
