package inventory

import (
	"maps"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// FieldSet resolves the names of the filter language. It fills filter.Resolver and its optional siblings.
type FieldSet struct {
	fields    map[string]filter.Field
	enums     map[string][]string
	relations []schema.RelationAlias
	// kind finds the kinds that relations lead to; nil where they are not followed.
	kind func(name string) *schema.Kind
	// addresses are the names under which fields of addresses are known, with what their keys begin with.
	addresses map[string][]string
	tags      bool
	// named are the fields that hold ids of named objects; nil where only ids are compared.
	named map[string]filter.Reference
}

var (
	_ filter.Resolver        = (*FieldSet)(nil)
	_ filter.TextResolver    = (*FieldSet)(nil)
	_ filter.EnumResolver    = (*FieldSet)(nil)
	_ filter.MapResolver     = (*FieldSet)(nil)
	_ filter.HopResolver     = (*FieldSet)(nil)
	_ filter.AddressResolver = (*FieldSet)(nil)
	_ filter.KeyedResolver   = (*FieldSet)(nil)

	_ filter.ReferenceResolver = (*FieldSet)(nil)
)

func states() []string { return []string{string(Active), string(Gone), string(Unwatched)} }

func envelopeFields() map[string]filter.Field {
	return map[string]filter.Field{
		"name": text("name"), "state": text("state"), "region": text("region"), "zone": text("zone"),
		"datacenter": text("datacenter"), "console_url": text("console_url"), "connection": texts("connections"),
		"tags": texts("tag_pairs"), "labels": texts("label_pairs"), "identifiers": texts("identifiers", "value"),
		"created_at": when("created_at"), "updated_at": when("updated_at"), "state_since": when("state_since"),
		"stale": texts("stale"), "withheld": texts("withheld"), "conflicts": texts("conflicts"),
		"kind": text("kind"), "origin": text("origin"),
	}
}

// FieldsOf are the names for lists of a kind: those of the envelope, common.<path>, attributes.<path>, and a path of the
// attributes by itself where that is no other name.
// The fields behind relations are known to Service.Fields only.
func FieldsOf(k *schema.Kind) *FieldSet { return fieldsWith(k, nil) }

func fieldsWith(k *schema.Kind, kind func(name string) *schema.Kind) *FieldSet {
	s := &FieldSet{fields: envelopeFields(), enums: map[string][]string{"state": states(), "origin": origins()}, tags: true, relations: k.Relations, kind: kind,
		addresses: map[string][]string{}}
	for typ := range k.Ranks {
		s.fields[keyedIdentifiers+"."+typ] = identifierPairs()
	}
	for _, f := range schema.CommonFields() {
		s.addField("common."+f.Path, append([]string{"common"}, strings.Split(f.Path, ".")...), f, f.Path)
	}
	for _, f := range k.Fields {
		s.addField("attributes."+f.Path, append([]string{"attributes"}, strings.Split(f.Path, ".")...), f, f.Path)
	}
	var own []string
	for _, f := range addressFields(k) {
		begins := f.name() + "|"
		s.addresses["attributes."+f.name()] = []string{begins}
		if at, ok := s.fields[f.name()]; ok && at.Path[0] == "attributes" {
			s.addresses[f.name()] = []string{begins}
		}
		if f.own {
			own = append(own, begins)
		}
	}
	if _, taken := s.fields[anyAddress]; !taken && len(own) > 0 {
		s.addresses[anyAddress] = own
	}
	return s
}

// anyAddress is the name that stands for every address of a resource itself in cidr().
const anyAddress = "address"

// addField adds a leaf and, for lists of objects, their members. Sensitive fields cannot be filtered by.
func (s *FieldSet) addField(name string, path []string, f schema.Field, short string) {
	if f.Sensitive || f.Volatile {
		return
	}
	if f.Type == schema.TypeArray {
		if len(f.Items) == 1 && f.Items[0].Path == "" {
			if t, ok := filterType(f.Items[0].Type); ok {
				s.put(name, short, filter.Field{Path: path, Type: t, Multi: true}, f.Items[0].Enum)
			}
			return
		}
		for _, item := range f.Items {
			if t, ok := filterType(item.Type); ok {
				p := append(slices.Clone(path), strings.Split(item.Path, ".")...)
				s.put(name+"."+item.Path, short+"."+item.Path, filter.Field{Path: p, Type: t, Multi: true}, item.Enum)
			}
		}
		return
	}
	if t, ok := filterType(f.Type); ok {
		s.put(name, short, filter.Field{Path: path, Type: t}, f.Enum)
	}
}

func (s *FieldSet) put(name, short string, f filter.Field, enum []string) {
	for _, n := range []string{name, short} {
		if _, taken := s.fields[n]; taken {
			continue
		}
		s.fields[n] = f
		if len(enum) > 0 {
			s.enums[n] = enum
		}
	}
}

func filterType(t schema.Type) (filter.Type, bool) {
	switch t {
	case schema.TypeString, schema.TypeIP:
		return filter.String, true
	case schema.TypeInteger, schema.TypeNumber:
		return filter.Number, true
	case schema.TypeBoolean:
		return filter.Bool, true
	case schema.TypeTime:
		return filter.Time, true
	}
	return "", false
}

// HeadFields are the names for lists across kinds.
func HeadFields() *FieldSet {
	return &FieldSet{fields: map[string]filter.Field{
		"kind": text("kind"), "name": text("name"), "state": text("state"), "datacenter": text("datacenter"),
		"updated_at": when("updated_at"), "origin": text("origin"),
	}, enums: map[string][]string{"state": states(), "origin": origins()}}
}

// Field resolves one name. The id is no part of what is stored under it, so it is not among the names.
func (s *FieldSet) Field(name string) (filter.Field, bool) {
	f, ok := s.fields[name]
	if !ok && name == "id" && s.tags { // only where rows are resources
		return filter.RowID, true
	}
	if list, key, keyed := strings.Cut(name, "."); !ok && keyed {
		if k, is := s.Keyed(list, key); is {
			return k.Pairs, true
		}
	}
	return f, ok
}

// keyedIdentifiers is the list of identifiers, of which identifiers.serial are the values of one type.
const keyedIdentifiers = "identifiers"

func identifierPairs() filter.Field { return texts("identifier_pairs") }

// Keyed is where the identifiers of a type are: of every type that there is, also of those that join nothing.
func (s *FieldSet) Keyed(name, key string) (filter.Keyed, bool) {
	if name != keyedIdentifiers || !s.tags || !schema.KnownIdentifier(key) {
		return filter.Keyed{}, false
	}
	return filter.Keyed{Keys: texts("identifiers", "type"), Values: texts("identifiers", "value"), Pairs: identifierPairs(), Spell: func(v string) string {
		if spelt, ok := schema.NormalizeIdentifier(key, v); ok {
			return spelt
		}
		return v
	}}, true
}

// Naming makes names do for ids in fields of the envelope: datacenter = "Frankfurt". Whoever parses knows what his caller may see.
func (s *FieldSet) Naming(named map[string]filter.Reference) *FieldSet {
	s.named = named
	return s
}

// Reference is what a field of ids points at.
func (s *FieldSet) Reference(name string) (filter.Reference, bool) {
	r, ok := s.named[name]
	return r, ok
}

// Names are all of them, sorted.
func (s *FieldSet) Names() []string { return slices.Sorted(maps.Keys(s.fields)) }

// Enum is the values that a field may have; nil if it is free.
func (s *FieldSet) Enum(name string) []string { return s.enums[name] }

// Text is where the words of a resource are.
func (s *FieldSet) Text() (filter.Field, bool) { return texts("words"), true }

// Map is where the keys and the pairs of the tags are.
func (s *FieldSet) Map(name string) (keys, pairs filter.Field, ok bool) {
	if name == "labels" {
		return texts("labels", "key"), texts("label_pairs"), s.tags
	}
	return texts("tags", "key"), texts("tag_pairs"), s.tags && name == "tags"
}

// Hop follows a relation to the fields of the kind that it leads to.
func (s *FieldSet) Hop(alias string) (filter.Relation, filter.Resolver, bool) {
	i := slices.IndexFunc(s.relations, func(r schema.RelationAlias) bool { return r.Alias == alias })
	if i < 0 || s.kind == nil {
		return filter.Relation{}, nil, false
	}
	r := s.relations[i]
	k := s.kind(r.Target)
	if k == nil {
		return filter.Relation{}, nil, false
	}
	return filter.Relation{Alias: r.Alias, Verb: r.Verb, Direction: r.Direction, Target: r.Target}, fieldsWith(k, s.kind).Naming(s.named), true
}

// Hops are the names of the relations.
func (s *FieldSet) Hops() []string {
	if s.kind == nil {
		return nil
	}
	out := make([]string, len(s.relations))
	for i, r := range s.relations {
		out[i] = r.Alias
	}
	return out
}

// Addresses is where the keys of a field's addresses are.
func (s *FieldSet) Addresses(name string) (keys filter.Field, begins []string, ok bool) {
	begins, ok = s.addresses[name]
	return texts("nets"), begins, ok
}

// wordsOf are the folded words that text search finds a resource by.
func wordsOf(rev *revision, k *schema.Kind, attributes any) []string {
	var b strings.Builder
	add := func(s string) {
		if s != "" {
			b.WriteString(s)
			b.WriteByte(' ')
		}
	}
	add(rev.Name)
	for _, name := range rev.OtherNames {
		add(name)
	}
	add(rev.Region)
	add(rev.Zone)
	for _, t := range rev.Tags {
		add(t.Key)
		add(t.Value)
	}
	for _, id := range rev.Identifiers {
		add(id.Value)
	}
	addSearchable(add, k.Fields, attributes, "/attributes")
	if len(rev.Common) > 2 {
		addSearchable(add, schema.CommonFields(), decodeJSON(rev.Common), "/common")
	}
	return filter.Words(b.String())
}

func addSearchable(add func(string), fields []schema.Field, tree any, base string) {
	if tree == nil {
		return
	}
	for _, f := range fields {
		if !f.Searchable {
			continue
		}
		if v, ok := valueAt(tree, strings.TrimPrefix(f.Pointer, base)); ok {
			addTexts(add, v)
		}
	}
}

func addTexts(add func(string), v any) {
	switch v := v.(type) {
	case string:
		add(v)
	case []any:
		for _, e := range v {
			addTexts(add, e)
		}
	case map[string]any:
		for _, e := range v {
			addTexts(add, e)
		}
	}
}

// indexesOf are the indexes that a kind's own fields and those of the common block ask for, beside those of every kind.
func indexesOf(k *schema.Kind) []store.Index {
	return append(fieldIndexes("attributes", "", k.Fields), fieldIndexes("common", "common_", schema.CommonFields())...)
}

func fieldIndexes(under, prefix string, fields []schema.Field) []store.Index {
	var out []store.Index
	for _, f := range fields {
		if !f.Indexed || f.Sensitive {
			continue
		}
		t, multi := f.Type, false
		if t == schema.TypeArray && len(f.Items) == 1 {
			t, multi = f.Items[0].Type, true
		}
		if ft, ok := filterType(t); ok {
			path := append([]string{under}, strings.Split(f.Path, ".")...)
			ix := store.Index{Name: prefix + strings.ReplaceAll(f.Path, ".", "_"), Fields: []filter.Field{{Path: path, Type: ft, Multi: multi}}}
			if store.CheckIndex(ix) != nil {
				// A plugin's names may have underscores where names of indexes have none.
				ix.Name = "field_" + store.ShortHash(f.Path)
			}
			out = append(out, ix)
		}
	}
	return out
}

// Indexes are the indexes that a kind's own fields ask for.
func Indexes(k *schema.Kind) []store.Index { return indexesOf(k) }
