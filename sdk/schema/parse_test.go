package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// queue is a plugin's kind as a careful author writes it.
const queue = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "x-maestro-label": "Queue", "x-maestro-plural": "Queues", "x-maestro-group": "data", "x-maestro-icon": "stack",
  "x-maestro-summary": "A message queue.",
  "x-maestro-identifiers": {"fqdn": 2, "aws.arn": 1},
  "x-maestro-relations": [{"alias": "servers", "verb": "runs_on", "direction": "out", "target": "server"}],
  "properties": {
    "size_bytes": {"type": "integer", "x-maestro-label": "Size", "x-maestro-unit": "bytes", "x-maestro-order": 2, "x-maestro-column": true},
    "state": {"type": "string", "enum": ["open", "closed"], "x-maestro-order": 1, "x-maestro-indexed": true},
    "created_at": {"type": "string", "format": "date-time"},
    "address": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "null"}], "x-maestro-label": "Address"},
    "retention": {"type": "object", "x-maestro-group": "Keeping", "properties": {"days": {"type": ["integer", "null"]}}},
    "consumers": {"type": "array", "x-maestro-key": "name", "items": {"$ref": "#/$defs/consumer"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "zones": {"type": "array", "x-maestro-set": true, "items": {"type": "string"}}
  },
  "$defs": {"consumer": {"type": "object", "properties": {"name": {"type": "string"}, "lag": {"type": "number"}}}}
}`

func TestParse(t *testing.T) {
	k, err := Parse("aws.queue", 1, 0, []byte(queue))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range k.Fields {
		fmt.Fprintf(&got, "%s %s %s %q %q", f.Path, f.Pointer, f.Type, f.Label, f.Group)
		for _, i := range f.Items {
			fmt.Fprintf(&got, " [%s %s]", i.Path, i.Type)
		}
		got.WriteByte('\n')
	}
	want := `state /attributes/state string "State" ""
size_bytes /attributes/size_bytes integer "Size" ""
address /attributes/address ip "Address" ""
consumers /attributes/consumers array "Consumers" "" [lag number] [name string]
created_at /attributes/created_at time "Created at" ""
labels /attributes/labels object "Labels" ""
retention.days /attributes/retention/days integer "Days" "Keeping"
zones /attributes/zones array "Zones" "" [ string]
`
	if got.String() != want {
		t.Errorf("fields:\n%swant:\n%s", got.String(), want)
	}
	// Neither white space nor the order of members makes another kind.
	again, err := Parse("aws.queue", 1, 0, []byte(strings.Join(strings.Fields(queue), " ")))
	if err != nil || again.Digest != k.Digest {
		t.Errorf("digest %s, %s: %v", k.Digest, again.Digest, err)
	}
}

func TestParseRefuses(t *testing.T) {
	property := func(s string) string { return `{"type":"object","properties":{"a":` + s + `}}` }
	many := make([]string, MaxIndexed+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":{"type":"string","x-maestro-indexed":true}`, i)
	}
	deep := strings.Repeat(`{"type":"object","properties":{"a":`, 12) + `{"type":"string"}` + strings.Repeat("}}", 12)
	for name, c := range map[string]struct{ kind, schema, want string }{
		"built-in name":            {"server", queue, "named <provider>.<kind>"},
		"name in capitals":         {"aws.Queue", queue, "named <provider>.<kind>"},
		"major not of the name":    {"aws.queue.v3", queue, "does not agree"},
		"not JSON":                 {"a.b", `{`, "JSON"},
		"no object":                {"a.b", `{"type":"string"}`, `root's type`},
		"invalid draft":            {"a.b", property(`{"type":"strin"}`), "type"},
		"older draft":              {"a.b", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`, "not draft 2020-12"},
		"unknown annotation":       {"a.b", property(`{"type":"string","x-maestro-colum":true}`), "x-maestro-colum"},
		"foreign annotation":       {"a.b", property(`{"type":"string","x-other":true}`), "x-other"},
		"keyword without meaning":  {"a.b", property(`{"oneOf":[{"type":"string"}]}`), "oneOf"},
		"no type":                  {"a.b", property(`{}`), "exactly one type"},
		"two types":                {"a.b", property(`{"type":["string","integer"]}`), "exactly one type"},
		"choice of types":          {"a.b", property(`{"anyOf":[{"type":"string"},{"type":"integer"}]}`), "two types"},
		"reference to the network": {"a.b", property(`{"$ref":"https://example.org/x"}`), "nothing outside themselves"},
		"reference to a file":      {"a.b", property(`{"$ref":"file:///etc/passwd"}`), "nothing outside themselves"},
		"reference in a circle":    {"a.b", `{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"object","properties":{"y":{"$ref":"#/$defs/x"}}}}}`, "nests deeper"},
		"name not snake_case":      {"a.b", `{"type":"object","properties":{"sizeGB":{"type":"integer"}}}`, "lower_snake"},
		"name with a dot":          {"a.b", `{"type":"object","properties":{"a.b":{"type":"integer"}}}`, "lower_snake"},
		"too many indexes":         {"a.b", `{"type":"object","properties":{` + strings.Join(many, ",") + `}}`, "indexed fields, at most 8"},
		"nests too deep":           {"a.b", deep, "nests deeper"},
		"secret":                   {"a.b", property(`{"type":"string","x-maestro-secret":true}`), "belong to settings"},
		"sensitive and indexed":    {"a.b", property(`{"type":"string","x-maestro-sensitive":true,"x-maestro-indexed":true}`), "sensitive"},
		"volatile and searchable":  {"a.b", property(`{"type":"string","x-maestro-volatile":true,"x-maestro-searchable":true}`), "volatile"},
		"volatile inside an array": {"a.b", property(`{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","x-maestro-volatile":true}}}}`), "stand on the array"},
		"set of a string":          {"a.b", property(`{"type":"string","x-maestro-set":true}`), "for arrays"},
		"key that is not there":    {"a.b", property(`{"type":"array","x-maestro-key":"id","items":{"type":"object","properties":{"b":{"type":"string"}}}}`), "no plain property"},
		"when without a field":     {"a.b", property(`{"type":"string","x-maestro-when":{"field":"engine","begins_with":["x"]}}`), "is no text of the kind"},
		"when of itself":           {"a.b", property(`{"type":"string","x-maestro-when":{"field":"a","begins_with":["x"]}}`), "is no text of the kind"},
		"when without a value":     {"a.b", `{"type":"object","properties":{"e":{"type":"string"},"a":{"type":"string","x-maestro-when":{"field":"e","begins_with":[]}}}}`, "says no value"},
		"when inside an array":     {"a.b", property(`{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","x-maestro-when":{"field":"a","begins_with":["x"]}}}}}`), "stand on the array"},
		"array without items":      {"a.b", property(`{"type":"array"}`), "needs items"},
		"unknown group":            {"a.b", `{"type":"object","x-maestro-group":"fun"}`, "none of"},
		"unknown identifier type":  {"a.b", `{"type":"object","x-maestro-identifiers":{"imei":1}}`, "neither registered"},
		"rank 0":                   {"a.b", `{"type":"object","x-maestro-identifiers":{"mac":0}}`, "rank"},
		"relation without verb":    {"a.b", `{"type":"object","x-maestro-relations":[{"alias":"x","direction":"out","target":"server"}]}`, "needs alias"},
		"annotation of the root":   {"a.b", property(`{"type":"string","x-maestro-plural":"x"}`), "annotation of kinds"},
		"unfolds":                  {"a.b", unfolding(), "more than 400"},
		"too large":                {"a.b", `{"type":"object","description":"` + strings.Repeat("x", MaxSchemaBytes) + `"}`, "bytes, at most"},
	} {
		t.Run(name, func(t *testing.T) {
			major := 1
			_, err := Parse(c.kind, major, 0, []byte(c.schema))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// unfolding is a small schema of references that would make 16^6 empty objects.
func unfolding() string {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{`)
	for level := range 6 {
		fmt.Fprintf(&b, `"d%d":{"type":"object","properties":{`, level)
		for i := range 16 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"p%d":{"$ref":"#/$defs/d%d"}`, i, level+1)
		}
		b.WriteString(`}},`)
	}
	b.WriteString(`"d6":{"type":"object"}}}`)
	return b.String()
}

// However odd a plugin's schema is, it is read or refused and never breaks its reader.
func FuzzParse(f *testing.F) {
	f.Add([]byte(queue))
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"$ref":"#/$defs/a"}}}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		k, err := Parse("a.b", 1, 0, schema)
		if err != nil {
			return
		}
		if _, err := Parse("a.b", 1, 0, k.Schema); err != nil {
			t.Errorf("its own canonical form is refused: %v", err)
		}
		if _, _, err := k.Validate([]byte(`{}`)); err != nil {
			t.Error(err)
		}
	})
}
