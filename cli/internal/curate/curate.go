// Package curate turns a resource into a document that a person edits, and what became of the document into a patch: only what
// was changed is written, so that everything else keeps coming from discovery.
package curate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// document is what is edited, in the order in which people read it.
type document struct {
	Name       string            `json:"name"`
	Region     string            `json:"region,omitempty"`
	Zone       string            `json:"zone,omitempty"`
	Datacenter string            `json:"datacenter,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Attributes map[string]any    `json:"attributes,omitempty"`
	Common     rest.Common       `json:"common,omitempty"`
}

// Document is the resource as YAML.
func Document(r rest.Resource) ([]byte, error) {
	d := document{Name: r.Name, Region: r.Region, Zone: r.Zone, Attributes: r.Attributes, Common: r.Common}
	if r.Datacenter != nil {
		d.Datacenter = r.Datacenter.Name
	}
	for _, t := range r.Tags {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		d.Tags[t.Key] = t.Value
	}
	var b bytes.Buffer
	err := output.Print(&b, output.Style{Format: "yaml"}, d, nil)
	return b.Bytes(), err
}

// Head says above a document what it is and how it is edited; every line of it is a comment.
func Head(r rest.Resource, notes ...string) []byte {
	lines := []string{
		fmt.Sprintf("%s %s, version %d", r.Kind, r.ID, r.Version),
		"Save and close: what you changed is written. Close without a change: nothing is.",
		"A field that you set hides what discovery says; null hides it and says nothing. A line that you take away hands the",
		"field back to discovery.",
	}
	for _, pointer := range slices.Sorted(maps.Keys(r.Provenance)) {
		s := r.Provenance[pointer]
		if s.Type != "curated" {
			continue
		}
		line := pointer + " was set by " + s.Actor
		if s.Discovered != nil {
			line += "; discovered: " + output.Value(s.Discovered)
		}
		lines = append(lines, line)
	}
	var b bytes.Buffer
	for _, l := range append(lines, notes...) {
		b.WriteString("# " + output.Clean(l) + "\n")
	}
	return b.Bytes()
}

// Patch is what somebody changed: JSON pointers with their new values, and those that go back to discovery.
type Patch struct {
	Set   map[string]any
	Reset []string
}

// Empty says that nothing was changed.
func (p Patch) Empty() bool { return len(p.Set) == 0 && len(p.Reset) == 0 }

// Pointers are the fields concerned, in order.
func (p Patch) Pointers() []string {
	return slices.Sorted(maps.Keys(merge(p)))
}

func merge(p Patch) map[string]any {
	all := maps.Clone(p.Set)
	if all == nil {
		all = map[string]any{}
	}
	for _, r := range p.Reset {
		all[r] = nil
	}
	return all
}

// Value is what the patch makes of a field, in words.
func (p Patch) Value(pointer string) string {
	if v, ok := p.Set[pointer]; ok {
		return output.Value(v)
	}
	return "(back to discovery)"
}

// parts are what a document may have.
var parts = []string{"name", "region", "zone", "datacenter", "tags", "attributes", "common"}

// Compare finds what was changed between two states of a document.
func Compare(before, after []byte) (Patch, error) {
	p := Patch{Set: map[string]any{}}
	was, err := flat(before)
	if err != nil {
		return p, err
	}
	is, err := flat(after)
	if err != nil {
		return p, err
	}
	for pointer, v := range is {
		if old, ok := was[pointer]; !ok || !equal(old, v) {
			p.Set[pointer] = v
		}
	}
	for pointer := range was {
		if _, ok := is[pointer]; !ok && !covered(is, pointer) {
			p.Reset = append(p.Reset, pointer)
		}
	}
	slices.Sort(p.Reset)
	return p, nil
}

// covered says whether an object around the field was set as a whole, to null or to something else.
func covered(is map[string]any, pointer string) bool {
	for i := strings.LastIndexByte(pointer, '/'); i > 0; i = strings.LastIndexByte(pointer[:i], '/') {
		if _, ok := is[pointer[:i]]; ok {
			return true
		}
	}
	return false
}

func equal(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// flat is a document's fields by pointer. Lists are one value: they are written as a whole.
func flat(text []byte) (map[string]any, error) {
	var doc map[string]any
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read document: %s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if len(doc) == 0 {
		return nil, errors.New("read document: it is empty")
	}
	out := map[string]any{}
	for k, v := range doc {
		if !slices.Contains(parts, k) {
			return nil, fmt.Errorf("read document: %q is none of %s", k, strings.Join(parts, ", "))
		}
		if m, ok := v.(map[string]any); !ok && v != nil && slices.Contains(parts[4:], k) || ok && m == nil {
			return nil, fmt.Errorf("read document: %s should have fields below it", k)
		}
		if v == nil && slices.Contains(parts[4:], k) {
			continue // all its lines are gone
		}
		leaves("/"+k, v, k == "tags", out)
	}
	return out, nil
}

func leaves(pointer string, v any, tags bool, out map[string]any) {
	m, ok := v.(map[string]any)
	if !ok {
		if tags {
			v = tagText(v)
		}
		out[pointer] = v
		return
	}
	for k, e := range m {
		leaves(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k), e, tags, out)
	}
}

// tagText makes text of a value that somebody wrote without quotes.
func tagText(v any) any {
	switch v.(type) {
	case nil, string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	return string(b)
}

// Rebase puts what was changed onto another state of the document.
func Rebase(onto []byte, p Patch) ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(onto, &doc); err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	for pointer, v := range merge(p) {
		at := doc
		names := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
		for i, n := range names {
			names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(n)
		}
		for _, n := range names[:len(names)-1] {
			next, ok := at[n].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[n] = next
			}
			at = next
		}
		if last := names[len(names)-1]; slices.Contains(p.Reset, pointer) {
			delete(at, last)
		} else {
			at[last] = v
		}
	}
	var out bytes.Buffer
	for _, part := range parts {
		if v, ok := doc[part]; ok {
			if err := output.Print(&out, output.Style{Format: "yaml"}, map[string]any{part: v}, nil); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}
