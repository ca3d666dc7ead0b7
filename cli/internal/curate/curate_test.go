package curate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"maestro.internal/cli/internal/curate"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func web() rest.Resource {
	r := rest.Resource{ID: "r1", Kind: "server", Version: 7, Name: "web", Region: "fra", Datacenter: &rest.Ref{ID: "d1", Name: "North"},
		Tags:       []resource.Tag{{Key: "env", Value: "prod"}, {Key: "a/b", Value: "1"}},
		Attributes: map[string]any{"memory_bytes": 17179869184.0, "os": map[string]any{"name": "Debian\n13"}, "dns": []any{"a", "b"}},
		Provenance: map[string]rest.Source{"/name": {Type: "curated", Actor: "user:anna", Discovered: "vm-1\x1b[2J"}, "/region": {Type: "discovered"}}}
	return r
}

// TestCompare: only what a person changed is in the patch.
func TestCompare(t *testing.T) {
	before, err := curate.Document(web())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		edit  *strings.Replacer
		set   string
		reset string
		err   string
	}{
		{"nothing", strings.NewReplacer(), `{}`, "", ""},
		{"a comment", strings.NewReplacer("name: web", "# hm\nname: web"), `{}`, "", ""},
		{"a value", strings.NewReplacer("name: web", "name: web2"), `{"/name":"web2"}`, "", ""},
		{"a nested one", strings.NewReplacer(`"Debian\n13"`, "Alpine"), `{"/attributes/os/name":"Alpine"}`, "", ""},
		{"a list is one value", strings.NewReplacer("- b", "- c"), `{"/attributes/dns":["a","c"]}`, "", ""},
		{"a line taken away", strings.NewReplacer("region: fra\n", ""), `{}`, "/region", ""},
		{"hidden", strings.NewReplacer("region: fra", "region: null"), `{"/region":null}`, "", ""},
		{"a tag with a slash", strings.NewReplacer(`a/b: "1"`, `a/b: 2`), `{"/tags/a~1b":"2"}`, "", ""},
		{"a field of everybody's", strings.NewReplacer("name: web", "name: web\ncommon:\n  owner:\n    name: Anna", "common: {}", ""), `{"/common/owner/name":"Anna"}`, "", ""},
		{"another part", strings.NewReplacer("name: web", "nam: web"), "", "", `"nam" is none of`},
		{"no YAML", strings.NewReplacer("name: web", "name: [web"), "", "", "read document"},
		{"twice", strings.NewReplacer("name: web", "name: web\nname: web3"), "", "", "read document"},
		{"a part that is none", strings.NewReplacer("tags:", "tags: x\nzone:"), "", "", "read document"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			after := tc.edit.Replace(string(before))
			p, err := curate.Compare(before, []byte(after))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, after)
			}
			set, err := json.Marshal(p.Set)
			if err != nil {
				t.Fatal(err)
			}
			if string(set) != tc.set || strings.Join(p.Reset, " ") != tc.reset || p.Empty() != (tc.set == "{}" && tc.reset == "") {
				t.Errorf("set %s, reset %v; want %s, %s; of\n%s", set, p.Reset, tc.set, tc.reset, after)
			}
		})
	}
}

// TestHead: what stands above is comment to the last line, whatever discovery says.
func TestHead(t *testing.T) {
	head := string(curate.Head(web(), "two\nlines"))
	if !strings.Contains(head, "/name was set by user:anna; discovered: vm-1") || strings.Contains(head, "\x1b") {
		t.Errorf("got\n%s", head)
	}
	for line := range strings.Lines(head) {
		if !strings.HasPrefix(line, "# ") {
			t.Errorf("%q is no comment", line)
		}
	}
}

// TestRebase: onto another state the same changes are the same changes.
func TestRebase(t *testing.T) {
	before, err := curate.Document(web())
	if err != nil {
		t.Fatal(err)
	}
	mine, err := curate.Compare(before, []byte(strings.NewReplacer("name: web", "name: mine", "region: fra\n", "", `a/b: "1"`, `a/b: "2"`).Replace(string(before))))
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.NewReplacer("name: web", "name: theirs", "- b", "- z").Replace(string(before))
	rebased, err := curate.Rebase([]byte(theirs), mine)
	if err != nil {
		t.Fatal(err)
	}
	again, err := curate.Compare([]byte(theirs), rebased)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(again.Pointers(), " ") != strings.Join(mine.Pointers(), " ") || again.Set["/name"] != "mine" || again.Set["/tags/a~1b"] != "2" {
		t.Errorf("%+v became %+v in\n%s", mine, again, rebased)
	}
}
