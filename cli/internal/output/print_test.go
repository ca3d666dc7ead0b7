package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"maestro.internal/cli/internal/output"
)

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type thing struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Tags       []pair         `json:"tags,omitempty"`
	Attributes map[string]any `json:"attributes"`
}

type page struct {
	Items []thing `json:"items"`
	Total int     `json:"total_size"`
}

type plain struct {
	ID    string `json:"id"`
	State string `json:"state,omitempty"`
}

var lab = page{Total: 2, Items: []thing{
	{ID: "1", Name: "web", Tags: []pair{{"env", "prod"}, {"a.b", "x"}}, Attributes: map[string]any{"memory_bytes": 17179869184, "os": map[string]any{"name": "Debian, 13"}, "dns": []string{"a", "b"}}},
	{ID: "2", Name: "=cmd|' /C calc'!A0", Attributes: map[string]any{"up": true}},
}}

// TestPrint: every format of the same answer.
func TestPrint(t *testing.T) {
	table := func() output.Table {
		return output.Table{Header: []string{"name", "memory"}, Rows: [][]string{{"<a>\x07", "1 KiB"}}, Note: "1 server\x1b[2J"}
	}
	for _, tc := range []struct {
		style output.Style
		value any
		want  string
	}{
		{output.Style{Format: "table"}, lab, "NAME  MEMORY\n<a>�  1 KiB\n1 server�[2J\n"},
		{output.Style{Format: "json"}, []map[string]any{{"name": "<a>", "memory_bytes": 1024}}, "[\n  {\n    \"memory_bytes\": 1024,\n    \"name\": \"<a>\"\n  }\n]\n"},
		{output.Style{Format: "yaml"}, []map[string]any{{"name": "<a>", "memory_bytes": 1024}}, "- memory_bytes: 1024\n  name: \"<a>\"\n"},
		{output.Style{Format: "yaml"}, page{Items: []thing{}}, "items: []\ntotal_size: 0\n"},
		{output.Style{Format: "table", Fields: []string{"name", "os.name", "tags.env", "tags.a.b", "memory_bytes"}}, lab,
			"NAME                OS.NAME     TAGS.ENV  TAGS.A.B  MEMORY_BYTES\nweb                 Debian, 13  prod      x         17179869184\n=cmd|' /C calc'!A0  -           -         -         -\n1 server�[2J\n"},
		{output.Style{Format: "csv", Fields: []string{"name", "attributes.os.name", "dns", "memory_bytes"}}, lab,
			"name,attributes.os.name,dns,memory_bytes\nweb,\"Debian, 13\",a; b,17179869184\n'=cmd|' /C calc'!A0,,,\n"},
		{output.Style{Format: "csv"}, lab, "id,name,tags,attributes.dns,attributes.memory_bytes,attributes.up,attributes.os.name\n" +
			"1,web,env=prod; a.b=x,a; b,17179869184,,\"Debian, 13\"\n2,'=cmd|' /C calc'!A0,,,,true,\n"},
		{output.Style{Format: "json", Fields: []string{"id"}}, lab, "{\n  \"items\": [\n    {\n      \"id\": \"1\"\n    },\n    {\n      \"id\": \"2\"\n    }\n  ],\n  \"total_size\": 2\n}\n"},
		{output.Style{Format: "yaml", Fields: []string{"tags.env", "name"}}, lab.Items[0], "tags.env: prod\nname: web\n"},
		{output.Style{Format: "template={{.name}}"}, lab, "web\n=cmd|' /C calc'!A0\n"},
		{output.Style{Format: `template={{.name}} {{if gt (len .attributes) 1}}{{field "tags.env" .}} {{.attributes.memory_bytes}} {{join "+" .attributes.dns}}{{end}}` + "\n"}, lab,
			"web prod 17179869184 a+b\n=cmd|' /C calc'!A0 \n"},
		{output.Style{Format: "template={{json .attributes.os}}"}, lab.Items[0], `{"name":"Debian, 13"}` + "\n"},
	} {
		var b bytes.Buffer
		if err := output.Print(&b, tc.style, tc.value, table); err != nil {
			t.Errorf("%+v: %v", tc.style, err)
		}
		if b.String() != tc.want {
			t.Errorf("%+v: got\n%s\nwant\n%s", tc.style, b.String(), tc.want)
		}
	}
}

// TestMistakesOfStyle are told from failures, and before anything is printed.
func TestMistakesOfStyle(t *testing.T) {
	for _, tc := range []struct {
		style output.Style
		value any
		says  string
	}{
		{output.Style{Format: "xml"}, lab, "unknown output"},
		{output.Style{Format: "template"}, lab, "want the template"},
		{output.Style{Format: "template={{.name"}, lab, "template"},
		{output.Style{Format: "template={{.name.first.second}}"}, lab, "name"},
		{output.Style{Format: "json", Fields: []string{"sate"}}, []plain{{ID: "1"}}, "there are id, state"},
	} {
		var b bytes.Buffer
		err := output.Print(&b, tc.style, tc.value, nil)
		if !errors.Is(err, output.ErrUsage) || !strings.Contains(err.Error(), tc.says) || b.Len() > 0 {
			t.Errorf("%+v: %v, printed %q", tc.style, err, b.String())
		}
	}
	if err := output.Print(&bytes.Buffer{}, output.Style{Format: "json", Fields: []string{"state"}}, []plain{{ID: "1"}}, nil); err != nil {
		t.Errorf("a field that is empty everywhere: %v", err)
	}
}

// TestNothingForeignMovesTheTerminal: whatever text the inventory holds, in every format, a person's terminal gets lines and tabs.
func TestNothingForeignMovesTheTerminal(t *testing.T) {
	evil := "\x1b]0;title\x07\u009b2J\x7f\u202e\u2028\r\nend"
	value := page{Items: []thing{{ID: evil, Name: evil, Tags: []pair{{evil, evil}}, Attributes: map[string]any{evil: evil}}}}
	table := func() output.Table {
		return output.Table{Header: []string{evil}, Rows: [][]string{{evil}}, Note: evil}
	}
	for _, format := range []string{"table", "json", "yaml", "csv", "template={{.name}} {{json .}}"} {
		for _, fields := range [][]string{nil, {"name", "tags." + evil, evil}} {
			var b bytes.Buffer
			if err := output.Print(&b, output.Style{Format: format, Fields: fields, Terminal: true}, value, table); err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexAny(b.String(), "\x1b\x07\u009b\x7f\u202e\u2028\r"); i >= 0 {
				t.Errorf("%s %q: %q", format, fields, b.String())
			}
		}
	}
	// In JSON nothing is lost by it.
	var b bytes.Buffer
	if err := output.Print(&b, output.Style{Format: "json", Terminal: true}, value, table); err != nil {
		t.Fatal(err)
	}
	var back page
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Items[0].Name != evil {
		t.Errorf("%v: %q", err, back.Items[0].Name)
	}
}

// TestYAMLIsTheSameDocument: any text in any place, read back, is what it was.
func TestYAMLIsTheSameDocument(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"yes", "Null", "~", "1e3", "0x10", "12:30", "2026-01-01", "a: b", "a #b", "- a", "{a}", "[", "*a", "&a", "!x",
		"%a", "@a", "`a", "'", `"`, "|", ">", "a\tb", "a\r\nb", "\x1b[2J", " a", "a ", "", "?", "é", "=", "<<", "a,b", "path/to.x", "--- a", "..."}))
	var value *rapid.Generator[any]
	leaf := rapid.OneOf(rapid.Map(texts, func(s string) any { return s }), rapid.SampledFrom([]any{nil, true, 1.0, -2.5, []any{}, map[string]any{}}))
	value = rapid.OneOf(leaf, rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(texts, rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3), func(m map[string]any) any { return m }))
	rapid.Check(t, func(t *rapid.T) {
		in, err := json.Marshal(map[string]any{"doc": value.Draw(t, "value")})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := output.Print(&b, output.Style{Format: "yaml"}, json.RawMessage(in), nil); err != nil {
			t.Fatal(err)
		}
		var back, want any
		if err := yaml.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		out, err := json.Marshal(jsonable(back))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal(in, &want), json.Unmarshal(out, &back)); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(back); err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%s became %s (%v) through\n%s", again, got, err, b.String())
		}
	})
}

// jsonable turns the maps of the YAML reader into those of JSON.
func jsonable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = jsonable(e)
		}
	case []any:
		for i, e := range v {
			v[i] = jsonable(e)
		}
	}
	return v
}
