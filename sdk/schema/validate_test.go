package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	k, err := Parse("aws.queue", 1, 0, []byte(queue))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in, out  string
		warnings []string
	}{
		"good": {
			in:  `{"state":"open","size_bytes":1,"created_at":"2026-01-02T03:04:05Z","address":"10.0.0.1","zones":["a"],"retention":{"days":3}}`,
			out: `{"state":"open","size_bytes":1,"created_at":"2026-01-02T03:04:05Z","address":"10.0.0.1","zones":["a"],"retention":{"days":3}}`,
		},
		"unknown is kept": {in: `{"new":{"x":[1,null]}}`, out: `{"new":{"x":[1,null]}}`},
		"wrong type": {
			in: `{"state":7,"size_bytes":"big","zones":"a"}`, out: `{}`,
			warnings: []string{
				"/attributes/state: dropped: it should be a string and is a number",
				"/attributes/size_bytes: dropped: it should be a whole number and is a string",
				"/attributes/zones: dropped: it should be a list and is a string",
			},
		},
		"object where a value belongs": {
			in: `{"state":{"x":1},"retention":5}`, out: `{}`,
			warnings: []string{
				"/attributes/state: dropped: it should be a string and is an object",
				"/attributes/retention: dropped: it should be an object and is a number",
			},
		},
		"inside": {
			in: `{"retention":{"days":"x","other":1},"consumers":[{"name":"a","lag":1},{"name":2,"lag":1.5}],"zones":["a",1,"b",2]}`, out: `{"consumers":[{"lag":1,"name":"a"},{"lag":1.5}],"retention":{"other":1},"zones":["a","b"]}`,
			warnings: []string{
				"/attributes/retention/days: dropped: it should be a whole number and is a string",
				"/attributes/consumers/1/name: dropped: it should be a string and is a number",
				"/attributes/zones/1: dropped: it should be a string and is a number",
				"/attributes/zones/3: dropped: it should be a string and is a number",
			},
		},
		"array inside an array": {
			in: `{"zones":[[1],"a",{}]}`, out: `{"zones":["a"]}`,
			warnings: []string{
				"/attributes/zones/0: dropped: it should be a string and is a list",
				"/attributes/zones/2: dropped: it should be a string and is an object",
			},
		},
		"null is missing": {in: `{"state":null,"zones":["a",null]}`, out: `{"zones":["a"]}`},
		"fraction":        {in: `{"size_bytes":1.5}`, out: `{}`, warnings: []string{"/attributes/size_bytes: dropped: it is not a whole number up to 2^53"}},
		"not a time":      {in: `{"created_at":"yesterday"}`, out: `{}`, warnings: []string{"/attributes/created_at: dropped: it is not a time in the form 2006-01-02T15:04:05Z"}},
		"not an address":  {in: `{"address":"10.0.0.0/8"}`, out: `{}`, warnings: []string{"/attributes/address: dropped: it is not an IP address"}},
		"new enum value":  {in: `{"state":"draining"}`, out: `{"state":"draining"}`, warnings: []string{"/attributes/state: its value is none of open, closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			clean, warnings, err := k.Validate([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(clean) != c.out {
				t.Errorf("clean %s, want %s", clean, c.out)
			}
			if !slices.Equal(warnings, c.warnings) {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
	for _, broken := range []string{``, `[]`, `1`, `null`, `{`, `{"a":1}{}`, `{"a":1,"a":2}`, `{"state":}`, `{"zones":[`, "{\"a\":\"\xff\"}"} {
		if _, _, err := k.Validate([]byte(broken)); err == nil {
			t.Errorf("%q is accepted", broken)
		}
	}
	// One resource cannot fill the log.
	long := `{"zones":[` + strings.Repeat("1,", 500) + `1]}`
	if _, warnings, _ := k.Validate([]byte(long)); len(warnings) != maxWarnings+1 {
		t.Errorf("%d warnings", len(warnings))
	}
	// A kind that came as JSON validates as well.
	bare := *k
	bare.root = nil
	if clean, _, err := bare.Validate([]byte(`{"state":1}`)); err != nil || string(clean) != "{}" {
		t.Errorf("%s %v", clean, err)
	}
}

func TestCheckField(t *testing.T) {
	k, _ := Lookup("server")
	for _, c := range []struct {
		path, value, problem string
	}{
		{"power_state", `"on"`, ""},
		{"power_state", `"maybe"`, "none of"},
		{"power_state", `null`, "is null"},
		{"cpu_count", `4`, ""},
		{"cpu_count", `4.5`, "whole number"},
		{"cpu_count", `{}`, "is an object"},
		{"is_template", `true`, ""},
		{"primary_ip", `"2001:db8::1"`, ""},
		{"primary_ip", `"here"`, "IP address"},
		{"ip_addresses", `["10.0.0.1"]`, ""},
		{"ip_addresses", `["x"]`, "element 1"},
		{"ip_addresses", `"10.0.0.1"`, "a list"},
		{"services", `[{"name":"sshd","status":"running"}]`, ""},
		{"services", `[{"name":"sshd","status":"odd"}]`, "none of"},
		{"services", `[7]`, "an object"},
		{"hostname", `"x`, "not JSON"},
	} {
		f, ok := k.Field(c.path)
		if !ok {
			t.Fatalf("no field %s", c.path)
		}
		err := f.Check([]byte(c.value))
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s = %s: %v, want %q", c.path, c.value, err, c.problem)
		}
	}
}

func TestValidateCommon(t *testing.T) {
	clean, warnings, err := ValidateCommon([]byte(`{"owner":{"type":"team","name":"storage"},"monthly_cost":{"amount":"x"},"links":[{"url":"https://x"}]}`))
	if err != nil || string(clean) != `{"links":[{"url":"https://x"}],"monthly_cost":{},"owner":{"name":"storage","type":"team"}}` || len(warnings) != 1 {
		t.Errorf("%s %q %v", clean, warnings, err)
	}
}

func BenchmarkValidate(b *testing.B) {
	k, _ := Lookup("server")
	attrs := []byte(`{"cpu_count":4,"hostname":"web-1","ip_addresses":["10.0.0.1","10.0.0.2"],"memory_bytes":8589934592,"os":{"family":"linux","name":"Ubuntu","version":"24.04"},"power_state":"on","type":"virtual"}`)
	for b.Loop() {
		if _, _, err := k.Validate(attrs); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"zones":["a",1,null,[[]]],"consumers":[{"name":1}],"retention":{"days":1e400}}`))
	k, err := Parse("aws.queue", 1, 0, []byte(queue))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, attrs []byte) {
		clean, _, err := k.Validate(attrs)
		if err != nil {
			return
		}
		again, warnings, err := k.Validate(clean)
		if err != nil || string(again) != string(clean) {
			t.Errorf("%s is not clean: %s %q %v", clean, again, warnings, err)
		}
	})
}
