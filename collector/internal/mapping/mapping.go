// Package mapping turns what providers say of a thing (its tags, name, folder, account) into what an organisation means
// by it: whose it is, whom it serves, in which environment, part of which system. It exists so that this knowledge is
// written down once, as rules that can be tried and taken back, instead of being typed into every record. It knows no
// store; what it is given and what it answers are plain values.
package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Rule sets one field of the things that it applies to. The first rule that has a value for a field decides.
type Rule struct {
	Name string `json:"name"`
	Off  bool   `json:"off,omitempty"`
	// Kinds it is for; none is all.
	Kinds []string `json:"kinds,omitempty"`
	// Where narrows it further, in the filter language.
	Where string `json:"where,omitempty"`
	// From are where the value comes from, the first that has one: tags.<key>, partition.<label>, account.client (whom the datacenter
	// or connection serves), name, region, zone, provider or attributes.<path>. Keys of tags and labels are compared without regard to case, dashes,
	// dots, spaces and underscores.
	From []string `json:"from,omitempty"`
	// Pattern must match the whole value (RE2); Value may use its groups as $1 or ${name}. Without it any value does.
	Pattern string `json:"pattern,omitempty"`
	// Value is what is set; empty is what From found. Without From it is set always.
	Value string `json:"value,omitempty"`
	// Values translates: what is found (without regard to case) becomes what is written here; others stay.
	Values map[string]string `json:"values,omitempty"`
	// Separator splits a value into several, for system, client and application: "web,shop".
	Separator string `json:"separator,omitempty"`
	// Set is the field: a field of the common block ("owner.name", "environment"), or system, application or client as a
	// relation to what is recorded under that name.
	Set string `json:"set"`
}

// Relations that rules make: from the thing to a record of the kind that has the name.
var relations = map[string]string{"system": "part_of", "application": "part_of"}

// Thing is what rules look at.
type Thing struct {
	Kind, Name, Region, Zone, Provider string
	// Client is whom the thing's account serves.
	Client    string
	Partition resource.Partition
	Tags      []resource.Tag
	// Attribute finds a text, number or truth at a dotted path.
	Attribute func(path string) (string, bool)
	// Matches says whether the thing fulfils the rule's Where; asked only of rules that have one.
	Matches func(rule int) bool
}

// Outcome is what a rule says of a thing.
type Outcome struct {
	Rule string
	// Pointer and Value are of a field: /common/environment; or Kind, Verb and Value of a relation to what has that name.
	Pointer    string
	Kind, Verb string
	Value      string
	// From is where the value came from; "" for a rule without sources.
	From string
}

// FromAccountClient is the source that says whom a thing's datacenter or connection serves.
const FromAccountClient = "account.client"

// Error says what is wrong with which rule.
type Error struct {
	Rule    int
	Member  string
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("rule %d: %s %s", e.Rule+1, e.Member, e.Problem) }

// Rules are ready for use.
type Rules struct {
	list  []Rule
	ready []ready
}

type ready struct {
	pattern *regexp.Regexp
	values  map[string]string
	pointer string
	verb    string
	field   *schema.Field
}

// MaxRules of a tenant.
const MaxRules = 500

// Compile makes rules ready, or answers the *Error of the first that is wrong. A Where is its user's to read.
func Compile(list []Rule) (*Rules, error) {
	if len(list) > MaxRules {
		return nil, &Error{MaxRules, "name", fmt.Sprintf("is one too many; %d are possible", MaxRules)}
	}
	out := &Rules{list: slices.Clone(list)}
	names := map[string]bool{}
	for i := range list {
		r := &list[i]
		if strings.TrimSpace(r.Name) == "" {
			return nil, &Error{i, "name", "is missing"}
		}
		if names[r.Name] {
			return nil, &Error{i, "name", fmt.Sprintf("%q is another rule's already", r.Name)}
		}
		names[r.Name] = true
		c, err := compile(i, r)
		if err != nil {
			return nil, err
		}
		out.ready = append(out.ready, c)
	}
	return out, nil
}

func compile(i int, r *Rule) (ready, error) {
	c := ready{values: map[string]string{}}
	for k, v := range r.Values {
		c.values[strings.ToLower(strings.TrimSpace(k))] = v
	}
	for _, from := range r.From {
		head, rest, dotted := strings.Cut(from, ".")
		switch head {
		case "tags", "partition", "attributes":
			if !dotted || rest == "" {
				return c, &Error{i, "from", fmt.Sprintf("%q needs a key: %s.something", from, head)}
			}
		case "account":
			if from != FromAccountClient {
				return c, &Error{i, "from", fmt.Sprintf("%q is not known: of accounts there is %s", from, FromAccountClient)}
			}
		case "name", "region", "zone", "provider":
			if dotted {
				return c, &Error{i, "from", fmt.Sprintf("%q: %s has no parts", from, head)}
			}
		default:
			return c, &Error{i, "from", fmt.Sprintf("%q is none of tags.<key>, partition.<label>, attributes.<path>, account.client, name, region, zone, provider", from)}
		}
	}
	if r.Pattern != "" {
		var err error
		if c.pattern, err = regexp.Compile(`^(?:` + r.Pattern + `)$`); err != nil {
			return c, &Error{i, "pattern", "is no regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
		}
		if len(r.From) == 0 {
			return c, &Error{i, "pattern", "has nothing to match without from"}
		}
	}
	if len(r.From) == 0 && r.Value == "" {
		return c, &Error{i, "value", "is missing: without from it is what is set"}
	}
	if verb, ok := relations[r.Set]; ok {
		c.verb = verb
		return c, nil
	}
	f, ok := schema.CommonField(r.Set)
	switch {
	case !ok:
		return c, &Error{i, "set", fmt.Sprintf("%q is no field of the common block, and not system or application", r.Set)}
	case f.Type != schema.TypeString:
		return c, &Error{i, "set", fmt.Sprintf("%q is no text", r.Set)}
	case r.Separator != "":
		return c, &Error{i, "separator", "is for system and application"}
	case r.Value != "" && !strings.Contains(r.Value, "$") && !allowed(f, r.Value):
		return c, &Error{i, "value", fmt.Sprintf("of %s must be one of %s", r.Set, strings.Join(f.Enum, ", "))}
	}
	for _, v := range r.Values {
		if !allowed(f, v) {
			return c, &Error{i, "values", fmt.Sprintf("of %s must be among %s", r.Set, strings.Join(f.Enum, ", "))}
		}
	}
	c.pointer, c.field = f.Pointer, f
	return c, nil
}

func allowed(f *schema.Field, value string) bool {
	return len(f.Enum) == 0 || slices.Contains(f.Enum, value)
}

// List is the rules as they were given.
func (r *Rules) List() []Rule { return r.list }

// Apply answers what the rules say of a thing: for each field the first rule that has a value, and every relation once.
func (r *Rules) Apply(t *Thing) []Outcome {
	var out []Outcome
	for i := range r.list {
		rule, c := &r.list[i], &r.ready[i]
		if rule.Off || len(rule.Kinds) > 0 && !slices.Contains(rule.Kinds, t.Kind) {
			continue
		}
		if c.pointer != "" && slices.ContainsFunc(out, func(o Outcome) bool { return o.Pointer == c.pointer }) {
			continue
		}
		if rule.Where != "" && (t.Matches == nil || !t.Matches(i)) {
			continue
		}
		value, source, ok := c.value(rule, t)
		if !ok {
			continue
		}
		if c.pointer != "" {
			if allowed(c.field, value) {
				out = append(out, Outcome{Rule: rule.Name, Pointer: c.pointer, Value: value, From: source})
			}
			continue
		}
		parts := []string{value}
		if rule.Separator != "" {
			parts = strings.Split(value, rule.Separator)
		}
		for _, p := range parts {
			o := Outcome{Rule: rule.Name, Kind: rule.Set, Verb: c.verb, Value: strings.TrimSpace(p), From: source}
			same := func(x Outcome) bool { return x.Kind == o.Kind && x.Value == o.Value }
			if o.Value != "" && !slices.ContainsFunc(out, same) {
				out = append(out, o)
			}
		}
	}
	return out
}

// value is what a rule says of a thing, and where it has it from.
func (c *ready) value(r *Rule, t *Thing) (value, source string, ok bool) {
	if len(r.From) == 0 {
		return r.Value, "", true
	}
	for _, from := range r.From {
		found, ok := t.get(from)
		found = strings.TrimSpace(found)
		if !ok || found == "" {
			continue
		}
		value := found
		if c.pattern != nil {
			at := c.pattern.FindStringSubmatchIndex(found)
			if at == nil {
				continue
			}
			if r.Value != "" {
				value = string(c.pattern.ExpandString(nil, r.Value, found, at))
			}
		} else if r.Value != "" {
			value = r.Value
		}
		value = strings.TrimSpace(value)
		if v, ok := c.values[strings.ToLower(value)]; ok {
			value = v
		}
		if value != "" {
			return value, from, true
		}
	}
	return "", "", false
}

func (t *Thing) get(from string) (string, bool) {
	head, rest, _ := strings.Cut(from, ".")
	switch head {
	case "name":
		return t.Name, true
	case "region":
		return t.Region, true
	case "zone":
		return t.Zone, true
	case "provider":
		return t.Provider, true
	case "tags":
		want := NormalKey(rest)
		for _, tag := range t.Tags {
			if NormalKey(tag.Key) == want && tag.Value != "" {
				return tag.Value, true
			}
		}
	case "partition":
		want := NormalKey(rest)
		for _, l := range t.Partition {
			if NormalKey(l.Key) == want {
				return l.Value, true
			}
		}
	case "account":
		return t.Client, true
	case "attributes":
		if t.Attribute != nil {
			return t.Attribute(rest)
		}
	}
	return "", false
}

// NormalKey is a tag's key as it is compared: "Cost-Center", "cost_center" and "CostCenter" are one key.
func NormalKey(key string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', '_', '.', ' ', ':', '/':
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// Usual are the rules of a fresh tenant: the tag conventions that most organisations, and the systems that Maestro descends
// from, keep anyway.
func Usual() []Rule {
	from := func(keys ...string) []string {
		out := make([]string, len(keys))
		for i, k := range keys {
			out[i] = "tags." + k
		}
		return out
	}
	return []Rule{
		{Name: "environment from tags", From: from("environment", "env", "stage"), Set: "environment", Values: map[string]string{
			"prod": "production", "prd": "production", "live": "production", "stg": "staging", "stage": "staging", "preprod": "staging",
			"dev": "development", "develop": "development", "tst": "test", "testing": "test", "qa": "test"}},
		{Name: "owner from tags", From: from("owner", "team", "responsible", "contact"), Set: "owner.name"},
		{Name: "client from tags", From: from("client", "customer"), Set: "client"},
		{Name: "client of the account", From: []string{FromAccountClient}, Set: "client"},
		{Name: "cost center from tags", From: from("cost_center", "cost_centre", "kostenstelle"), Set: "cost_center"},
		{Name: "criticality from tags", From: from("criticality", "tier"), Set: "criticality", Values: map[string]string{
			"1": "critical", "2": "high", "3": "medium", "4": "low", "mission critical": "critical", "important": "high", "normal": "medium"}},
		{Name: "system from tags", From: from("system", "project"), Set: "system", Separator: ","},
		{Name: "applications from tags", From: from("applications", "application", "app"), Set: "application", Separator: ","},
	}
}

// ByName says whether rules relate things to records of a kind by their names.
func ByName(kind string) bool { return relations[kind] != "" }

// Asks says whether a rule that is not switched off takes values from a source.
func (r *Rules) Asks(source string) bool {
	return slices.ContainsFunc(r.list, func(x Rule) bool { return !x.Off && slices.Contains(x.From, source) })
}
