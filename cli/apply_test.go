package cli_test

import (
	"strings"
	"testing"
)

const siteDocuments = `
# What leads to something may stand before it.
kind: mapping
rules:
  - {name: env, from: [tags.env], set: environment}
---
kind: datacenter
name: Frankfurt
regions: [fra-1, fra-2]
description: |
  two halls
---
{"kind": "datacenter", "name": "Lisbon"}
---
kind: option_list
name: environment
values: [prod, test]
---
kind: view
of: server
name: Production
filter: tags.env = "prod"
columns: [name, memory_bytes]
`

// TestApply: what documents say is made once, shown before, changed where they change, and pruned only where they made it.
func TestApply(t *testing.T) {
	s := newSite(t)
	s.run("apply", "-f", s.write("hand.yaml", "kind: datacenter\nname: By hand\n"), "--set", "other")
	names := func() string { return s.run("get", "datacenters", "-o", "template={{.name}}", "--order-by", "name") }
	file := s.write("site/a.yaml", siteDocuments)
	for _, tc := range []struct {
		name, text, args string
		code             int
		says             []string
		there            string
	}{
		{"dry run", siteDocuments, "--dry-run", 0, []string{"created", "regions", "fra-1, fra-2", "Dry run, nothing was written: 3 created, 2 updated."}, "By hand\n"},
		{"first time", siteDocuments, "", 0, []string{"3 created, 2 updated."}, "By hand\nFrankfurt\nLisbon\n"},
		{"second time", siteDocuments, "", 0, []string{"5 unchanged."}, "By hand\nFrankfurt\nLisbon\n"},
		{"one difference", strings.Replace(siteDocuments, "fra-2", "fra-3", 1), "", 0, []string{"regions", "fra-1, fra-2", "fra-1, fra-3", "1 updated, 4 unchanged."}, "By hand\nFrankfurt\nLisbon\n"},
		{"what is not named stays", "kind: datacenter\nname: Frankfurt\nprovider: vsphere\n", "", 0, []string{"provider", "1 updated."}, "By hand\nFrankfurt\nLisbon\n"},
		{"one is refused, the other made", "kind: connection\nname: c\nprovider: vsphere\ndatacenter: Porto\n---\nkind: datacenter\nname: Porto\n", "--prune", 1,
			[]string{"a.yaml:1", "no agent has reported", "1 created, 1 failed.", "the others are applied"}, "By hand\nFrankfurt\nLisbon\nPorto\n"},
		{"prune, dry", "kind: datacenter\nname: Frankfurt\n", "--prune --dry-run", 0, []string{"removed  datacenter  Lisbon", "removed  view        Production", "1 unchanged, 3 removed."}, "By hand\nFrankfurt\nLisbon\nPorto\n"},
		{"prune", "kind: datacenter\nname: Frankfurt\n", "--prune", 0, []string{"1 unchanged, 3 removed."}, "By hand\nFrankfurt\n"},
		{"a mistake anywhere writes nothing", "kind: datacenter\nname: New\n---\nkind: nothing\n", "--prune", 2, []string{"a.yaml:4: unknown kind", "nothing was written"}, "By hand\nFrankfurt\n"},
		{"twice the same", "kind: datacenter\nname: New\n---\nkind: datacenter\nname: New\n", "", 2, []string{"the same thing"}, "By hand\nFrankfurt\n"},
		{"a mistake, dry", "kind: datacenter\nname: New\n---\nkind: view\nname: v\n", "--dry-run", 1, []string{"1 created, 1 failed.", "1 of 2 documents would fail; the others would be applied"}, "By hand\nFrankfurt\n"},
		{"an unknown field", "kind: datacenter\nname: New\nregion: x\n", "", 1, []string{`unknown field "region"`}, "By hand\nFrankfurt\n"},
		{"nothing at all", "# nothing\n", "--prune", 2, []string{"no documents"}, "By hand\nFrankfurt\n"},
		{"an unknown datacenter", "kind: connection\nname: c\nprovider: p\ndatacenter: Nowhere\n", "", 1, []string{`no datacenter "Nowhere"`}, "By hand\nFrankfurt\n"},
		{"an unknown connection", "kind: schedule\nconnection: c\nevery: 5m\n", "", 1, []string{`schedule  c`, `no connection "c"`}, "By hand\nFrankfurt\n"},
		{"an unknown agent", "kind: connection\nname: c\nprovider: p\nagent: x\n", "", 1, []string{`no agent "x"`}, "By hand\nFrankfurt\n"},
		{"who manages it is not theirs to say", "kind: datacenter\nname: x\nmanaged_by: y\n", "", 1, []string{"--set"}, "By hand\nFrankfurt\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.write("site/a.yaml", tc.text)
			out, errs, code := s.try(append([]string{"apply", "-f", s.dir + "/site"}, strings.Fields(tc.args)...)...)
			for _, want := range tc.says {
				if code != tc.code || !strings.Contains(out+errs, want) {
					t.Errorf("exit %d, want %d and %q; said\n%s%s", code, tc.code, want, out, errs)
				}
			}
			if there := names(); there != tc.there {
				t.Errorf("there are\n%s", there)
			}
		})
	}
	if out := s.run("mapping", "-o", "template={{.version}}"); out != "1\n" && out != "2\n" {
		t.Errorf("the rules were written again and again: version %s", out)
	}
	if out := s.run("get", "views", "-o", "template={{.name}}"); out != "" {
		t.Errorf("pruning left the views %s", out)
	}
	s.run("apply", "-f", s.write("view.yaml", siteDocuments[strings.LastIndex(siteDocuments, "kind: view"):]), "--set", "views")
	s.run("apply", "-f", s.write("other.yaml", "kind: datacenter\nname: Frankfurt\n"), "--prune")
	if out := s.run("get", "views", "--fields", "name,kind,shared,filter", "-o", "csv"); out != "name,kind,shared,filter\nProduction,server,true,\"tags.env = \"\"prod\"\"\"\n" {
		t.Errorf("got %s", out)
	}
	if _, errs, code := s.try("apply", "-f", file+".none"); code != 2 || !strings.Contains(errs, "none") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, _, code := s.try("apply"); code != 2 {
		t.Errorf("without a file: exit %d", code)
	}
}
