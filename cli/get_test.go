package cli_test

import (
	"strings"
	"testing"
)

const threeServers = "name,region,memory_bytes,tags.env,common.owner.name\nweb,fra,1024,prod,Anna\ndb,fra,2048,prod,Bert\ntest,lis,512,,Anna\n"

// TestGet: filter, order, fields and limit in every format, asked of a real collector.
func TestGet(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	for _, tc := range []struct {
		args string
		code int
		out  string // all of it, where it ends in a newline; else a part
	}{
		{"get server --order-by name --fields name,memory_bytes,tags.env", 0, "NAME  MEMORY_BYTES  TAGS.ENV\ndb    2048          prod\ntest  512           -\nweb   1024          prod\n3 servers · no connection reads this kind\n"},
		{"get server --order-by name --fields name,owner.name -o csv", 0, "name,owner.name\ndb,Bert\ntest,Anna\nweb,Anna\n"},
		{"get server -f region=\"fra\" --order-by memory_bytes --fields name,common.owner.name -o json", 0,
			"{\n  \"items\": [\n    {\n      \"name\": \"web\",\n      \"common.owner.name\": \"Anna\"\n    },\n    {\n      \"name\": \"db\",\n      \"common.owner.name\": \"Bert\"\n    }\n  ],\n  \"total_size\": 2\n}\n"},
		{"get server --order-by name --limit 1 -o template={{.name}}:{{.attributes.memory_bytes}}", 0, "db:2048\n"},
		{"get server --limit 1 --order-by name --fields name", 0, "NAME\ndb\n1 of 3 servers · no connection reads this kind\n"},
		{"get server --fields name,memory_byte", 2, "no field"},
		{"get server --fields name -o template={{.nam", 2, "template"},
		{"get server --as-of someday", 2, "no moment"},
		{"get server --as-of 2001-01-01", 0, "0 servers, as it was at 2001-01-01T00:00:00Z"},
		{"get runs --as-of -1d", 2, "only resources"},
		{"get changes --fields action,kind --limit 1 -o csv", 0, "action,kind\ncreated,server\n"},
		{"get changes --fields acton", 2, "there are"},
		{"get datacenters", 0, "None.\n"},
		{"get server --watch --every 1ms", 2, "--every"},
		{"contexts --fields current -o csv", 0, "current\ntrue\n"},
	} {
		out, errs, code := s.try(strings.Fields(tc.args)...)
		if code != tc.code || (strings.HasSuffix(tc.out, "\n") && out != tc.out) || !strings.Contains(out+errs, tc.out) {
			t.Errorf("%s: exit %d, want %d, said\n%s%s\nwant\n%s", tc.args, code, tc.code, out, errs, tc.out)
		}
	}
	s.terminal = true
	if out := s.run("get", "server", "-o", "yaml", "--order-by", "name", "--fields", "name", "--limit", "1"); out != "items:\n  - name: db\ntotal_size: 3\n" && !strings.Contains(out, "- name: db\n") {
		t.Errorf("YAML: %s", out)
	}
}
