package transfer

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

//go:embed mappings/*.json
var shipped embed.FS

// builtin are the mappings that ship with the product, by name.
var builtin = sync.OnceValue(func() []rest.ImportMapping {
	files, err := shipped.ReadDir("mappings")
	if err != nil {
		panic("mappings: " + err.Error()) // they are compiled in
	}
	var out []rest.ImportMapping
	for _, f := range files {
		b, err := shipped.ReadFile("mappings/" + f.Name())
		if err != nil {
			panic("mappings: " + err.Error())
		}
		var m rest.ImportMapping
		if err := json.Unmarshal(b, &m.ImportMappingWrite); err != nil {
			panic("mapping " + f.Name() + ": " + err.Error())
		}
		m.ID, m.BuiltIn, m.Version = m.Name, true, 1
		out = append(out, m)
	}
	return out
})

// maestroLists are the mappings of a Maestro document's lists, by list and kind.
func maestroMapping(list, kind string) rest.ImportMappingWrite {
	for _, m := range builtin() {
		if m.Name == "maestro-"+list && m.Kind == kind {
			return m.ImportMappingWrite
		}
	}
	for _, m := range builtin() {
		if m.Name == "maestro-"+list {
			w := m.ImportMappingWrite
			w.Kind = kind
			return w
		}
	}
	return rest.ImportMappingWrite{Kind: kind, Unknown: "ignore"}
}

// column is one use of a file's column.
type column struct {
	rest.ImportColumn
	target target
	order  int // of the mapping; columns that it does not name come first, each by itself
}

// mapping is a mapping that is ready for a kind.
type mapping struct {
	kind     *schema.Kind
	byName   map[string][]column // by the column's name in lower case; empty: ignored
	mapped   bool                // whether there are columns at all
	defaults []column            // with Values[""] as the value
	keys     []target            // of key: nil is auto
	key      string
	clear    bool
	ignore   bool
	// lenient leaves out what the kind has no field for.
	lenient bool
}

// prepare reads a mapping; an error names what is wrong with it.
func prepare(k *schema.Kind, w rest.ImportMappingWrite, lenient bool) (*mapping, error) {
	m := &mapping{kind: k, byName: map[string][]column{}, mapped: len(w.Columns) > 0, key: strings.ToLower(strings.TrimSpace(w.Key)),
		clear: w.ClearEmpty, ignore: w.Unknown == "ignore", lenient: lenient}
	bad := func(pointer, problem string) error {
		return &inventory.InvalidError{Pointer: pointer, Problem: problem}
	}
	for i, c := range w.Columns {
		at := fmt.Sprintf("/columns/%d", i)
		name := strings.ToLower(strings.TrimSpace(c.Column))
		if name == "" {
			return nil, bad(at+"/column", "is missing")
		}
		if strings.TrimSpace(c.Field) == "" {
			m.byName[name] = append([]column{}, m.byName[name]...)
			continue
		}
		t, problem := m.target(c.Field)
		if problem != "" {
			if lenient {
				m.byName[name] = append([]column{}, m.byName[name]...)
				continue
			}
			return nil, bad(at+"/field", problem)
		}
		if c.Unit != "" && (t.field == nil || t.field.Unit != "bytes") {
			return nil, bad(at+"/unit", fmt.Sprintf("%s is not counted in bytes", c.Field))
		}
		if _, known := byteUnits[strings.ToLower(c.Unit)]; c.Unit != "" && !known {
			return nil, bad(at+"/unit", fmt.Sprintf("%q is not known", c.Unit))
		}
		values := map[string]string{}
		for from, to := range c.Values {
			values[strings.ToLower(strings.TrimSpace(from))] = to
		}
		c.Values = values
		m.byName[name] = append(m.byName[name], column{c, t, i + 1})
	}
	fields := make([]string, 0, len(w.Defaults))
	for field := range w.Defaults {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		t, problem := m.target(field)
		if problem != "" {
			if lenient {
				continue
			}
			return nil, bad("/defaults/"+escape(field), problem)
		}
		m.defaults = append(m.defaults, column{ImportColumn: rest.ImportColumn{Field: field, Values: map[string]string{"": w.Defaults[field]}}, target: t})
	}
	return m, m.prepareKey(bad)
}

func (m *mapping) target(name string) (target, string) {
	t, ok := targetOf(m.kind, name)
	if !ok {
		return t, fmt.Sprintf("%q is no field of kind %s%s", name, m.kind.Name, suggest(m.kind, name))
	}
	return t, t.readable()
}

func (m *mapping) prepareKey(bad func(string, string) error) error {
	switch m.key {
	case "", "auto":
		m.key = "auto"
		return nil
	case "id", "identifier":
		return nil
	}
	for name := range strings.SplitSeq(m.key, ",") {
		t, problem := m.target(strings.TrimSpace(name))
		if problem != "" {
			return bad("/key", problem)
		}
		text := t.what == ofDatacenter || t.what == ofField && (t.field == nil || t.field.Type == schema.TypeString || t.field.Type == schema.TypeIP)
		if !text {
			return bad("/key", fmt.Sprintf("%s is no text field", strings.TrimSpace(name)))
		}
		m.keys = append(m.keys, t)
	}
	return nil
}

// column finds what a file's column is for. known is false for one that neither the mapping nor the kind knows.
func (m *mapping) column(name string) (uses []column, known bool, problem string) {
	if uses, ok := m.byName[strings.ToLower(strings.TrimSpace(name))]; ok {
		return uses, true, ""
	}
	t, ok := targetOf(m.kind, name)
	switch {
	case ok && t.what == ofNothing:
		return nil, true, ""
	case ok && m.mapped && m.ignore: // another system's word that happens to be one of ours
		return nil, false, ""
	case ok:
		if problem := t.readable(); problem != "" {
			return nil, false, problem
		}
		return []column{{ImportColumn: rest.ImportColumn{Column: name, Field: t.name}, target: t}}, true, ""
	case m.ignore:
		return nil, false, ""
	}
	return nil, false, fmt.Sprintf("is no field of kind %s%s Map the column, or let unknown columns be ignored", m.kind.Name, orDot(suggest(m.kind, name)))
}

func orDot(suggestion string) string {
	if suggestion == "" {
		return "."
	}
	return suggestion
}
