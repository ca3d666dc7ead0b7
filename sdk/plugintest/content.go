package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/seal"
)

func (s *suite) resources(context.Context) {
	if s.first == nil {
		return
	}
	type key struct{ kind, id string }
	seen := map[key]resource.Scope{}
	for i, sc := range s.first.scopes {
		for _, env := range s.first.resources[i] {
			at := fmt.Sprintf("%s %q", env.Kind, env.ExternalID)
			if before, twice := seen[key{env.Kind, env.ExternalID}]; twice && before.Key() != sc.Key() {
				s.problem("%s is in scope %s and in %s", at, before, sc)
			}
			seen[key{env.Kind, env.ExternalID}] = sc
			s.envelope(at, env)
		}
	}
}

func (s *suite) envelope(at string, env resource.Envelope) {
	kind := s.rules.Kind(env.Kind)
	if kind == nil {
		return
	}
	if len(env.Attributes) > 0 {
		_, warnings, err := kind.Validate(env.Attributes)
		if err != nil {
			s.problem("%s: %v", at, err)
		}
		for _, w := range warnings {
			s.problem("%s: %s", at, w)
		}
		if !s.ExtraFields {
			for _, name := range unknownFields(kind, env.Attributes, s.description.Provider) {
				if name == s.description.Provider || strings.HasPrefix(name, s.description.Provider+".") {
					s.problem("%s: the attribute %q is not declared; KindSupport.Schema takes the plugin's fields (schema.FieldsOf)", at, name)
					continue
				}
				s.problem("%s: the schema has no attribute %q", at, name)
			}
		}
		if n := inexact(env.Attributes); n != "" {
			s.problem("%s: the number %s does not survive canonical JSON; send it as a string", at, n)
		}
	}
	for _, p := range env.Unread {
		if !readable(p) {
			s.problem("%s: unread %q points to no detail of an envelope", at, p)
		}
	}
	for _, id := range env.Identifiers {
		if !strings.HasPrefix(id.Type, s.description.Provider+".") && !registered(id.Type) {
			s.problem("%s: identifier type %q is neither registered nor the provider's own", at, id.Type)
		}
	}
	if env.ConsoleURL != "" && !strings.HasPrefix(env.ConsoleURL, "https://") && !strings.HasPrefix(env.ConsoleURL, "http://") {
		s.problem("%s: console URL %q is no web address", at, env.ConsoleURL)
	}
}

func registered(typ string) bool {
	return slices.ContainsFunc(schema.IdentifierTypes(), func(t schema.IdentifierType) bool { return t.Name == typ })
}

func readable(pointer string) bool {
	for _, of := range []string{"/attributes", "/tags", "/identifiers", "/relations", "/name", "/region", "/zone", "/console_url"} {
		if pointer == of || strings.HasPrefix(pointer, of+"/") {
			return true
		}
	}
	return false
}

// unknownFields are the attributes that the schema does not have: the kind's own at the top, and at any depth those
// below the provider's name, which the plugin itself declares.
func unknownFields(kind *schema.Kind, attributes []byte, providerName string) []string {
	var members map[string]any
	if json.Unmarshal(attributes, &members) != nil {
		return nil
	}
	var out []string
	for name, v := range members {
		switch {
		case name == providerName:
			out = append(out, undeclared(kind, name, v)...)
		case !hasField(kind, name):
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// undeclared are the paths at and below path that the kind does not have. Its leaves are not looked into.
func undeclared(kind *schema.Kind, path string, value any) []string {
	if _, leaf := kind.Field(path); leaf {
		return nil
	}
	members, isObject := value.(map[string]any)
	if !isObject || !hasField(kind, path) {
		return []string{path}
	}
	var out []string
	for name, v := range members {
		out = append(out, undeclared(kind, path+"."+name, v)...)
	}
	return out
}

func hasField(kind *schema.Kind, path string) bool {
	return slices.ContainsFunc(kind.Fields, func(f schema.Field) bool { return f.Path == path || strings.HasPrefix(f.Path, path+".") })
}

// inexact finds an integer that canonical JSON, whose numbers are doubles, would change.
func inexact(attributes []byte) string {
	dec := json.NewDecoder(bytes.NewReader(attributes))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err != nil {
			return ""
		}
		n, ok := tok.(json.Number)
		if !ok || strings.ContainsAny(n.String(), ".eE") {
			continue
		}
		if i, err := n.Int64(); err != nil || i > 1<<53 || i < -(1<<53) {
			return n.String()
		}
	}
}

// seals are the hashes of a reading by kind and id, with the canonical bytes to explain a difference.
func (s *suite) seals(r *reading, alter func(*resource.Envelope)) map[string]seal.Sealed {
	out := map[string]seal.Sealed{}
	for i := range r.scopes {
		for _, env := range r.resources[i] {
			sealer, err := s.rules.Sealer(env.Kind)
			if err != nil {
				s.problem("%v", err)
				continue
			}
			if alter != nil {
				alter(&env)
			}
			sealed, err := sealer.Seal(env)
			if err != nil {
				s.problem("%s %q: %v", env.Kind, env.ExternalID, err)
				continue
			}
			out[env.Kind+" "+env.ExternalID] = sealed
		}
	}
	return out
}

func (s *suite) repeat(ctx context.Context) {
	if s.first == nil {
		return
	}
	second, err := s.read(ctx)
	if err != nil {
		s.problem("%v", err)
		return
	}
	s.compare(s.seals(s.first, nil), s.seals(second, nil), "the second time")
}

func (s *suite) compare(before, after map[string]seal.Sealed, when string) {
	for at, was := range before {
		kind, _, _ := strings.Cut(at, " ")
		if slices.Contains(s.Moving, kind) {
			continue
		}
		is, ok := after[at]
		switch {
		case !ok:
			s.problem("%s %s is missing", when, at)
		case is.Hash != was.Hash:
			s.problem("%s %s differs at %s", when, at, difference(was.Canonical, is.Canonical))
		}
	}
	for at := range after {
		kind, _, _ := strings.Cut(at, " ")
		if _, ok := before[at]; !ok && !slices.Contains(s.Moving, kind) {
			s.problem("%s %s is new", when, at)
		}
	}
}

// difference shows the first place where two canonical forms part.
func difference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s []byte) string { return string(s[max(0, i-60):min(len(s), i+60)]) }
	return fmt.Sprintf("…%s…, before …%s…", cut(b), cut(a))
}

func (s *suite) shuffle(context.Context) {
	if s.first == nil {
		return
	}
	before := s.seals(s.first, nil)
	rng := rand.New(rand.NewPCG(1, 2)) // the same order every time, so that a failure repeats
	after := s.seals(s.first, func(env *resource.Envelope) {
		env.Tags, env.Identifiers = shuffled(rng, env.Tags), shuffled(rng, env.Identifiers)
		env.Relations, env.Unread = shuffled(rng, env.Relations), shuffled(rng, env.Unread)
		if kind := s.rules.Kind(env.Kind); kind != nil && len(env.Attributes) > 0 {
			var tree map[string]any
			if json.Unmarshal(env.Attributes, &tree) != nil {
				return
			}
			shuffleFields(rng, tree, kind.Fields)
			if b, err := json.Marshal(tree); err == nil {
				env.Attributes = b
			}
		}
	})
	moving := s.Moving
	s.Moving = nil
	s.compare(before, after, "shuffled,")
	s.Moving = moving
}

func shuffled[T any](rng *rand.Rand, list []T) []T {
	list = slices.Clone(list)
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// shuffleFields shuffles the arrays that the schema marks as sets or keyed, at every depth.
func shuffleFields(rng *rand.Rand, tree map[string]any, fields []schema.Field) {
	for _, f := range fields {
		at := tree
		path := strings.Split(f.Path, ".")
		for _, name := range path[:len(path)-1] {
			at, _ = at[name].(map[string]any)
		}
		list, ok := at[path[len(path)-1]].([]any)
		if !ok {
			continue
		}
		for _, element := range list {
			if m, ok := element.(map[string]any); ok {
				shuffleFields(rng, m, f.Items)
			}
		}
		if f.Set || f.Key != "" {
			at[path[len(path)-1]] = shuffled(rng, list)
		}
	}
}
