package inventory

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// documented is the inventory that docs/filter.md describes.
func (l *lab) documented() {
	a := newAgent(l.s, "a", 1)
	apps, systems, clients, disks := scopeOf("application"), scopeOf("system"), scopeOf("client"), scopeOf("volume")
	kinds := []string{"server", "volume", "application", "system", "client"}
	web1 := thing(one, "s1", named("web-1"), tagged("env", "prod"), tagged("team", "shop"),
		attrs(`{"cpu_count":4,"memory_bytes":8589934592,"primary_ip":"10.0.1.5","ip_addresses":["10.0.1.5","2001:db8::5"]}`))
	web2 := thing(one, "s2", named("web-2"), has("mac", "00:50:56:ab:0c:01"), tagged("env", "prod"), related("part_of", "system", "y1"),
		attrs(`{"cpu_count":8,"memory_bytes":17179869184,"primary_ip":"10.0.2.5","ip_addresses":["10.0.2.5"]}`))
	db1 := thing(one, "s3", named("db-1"), tagged("env", "test"), attrs(`{"cpu_count":16,"maintenance":true,"primary_ip":"10.1.0.9","ip_addresses":["10.1.0.9"]}`))
	rest := []read{
		complete(disks, thing(disks, "d1", named("root"), attrs(`{"size_bytes":10000000000}`), related("attached_to", "server", "s1")),
			thing(disks, "d2", named("data"), attrs(`{"size_bytes":500000000000}`), related("attached_to", "server", "s3"))),
		complete(apps, thing(apps, "a1", named("storefront"), attrs(`{}`), related("runs_on", "server", "s1"), related("part_of", "system", "y1")),
			thing(apps, "a2", named("ledger"), attrs(`{}`), related("runs_on", "server", "s3"))),
		complete(systems, thing(systems, "y1", named("shop"), attrs(`{}`), tagged("tier", "gold"))),
		complete(clients, thing(clients, "c1", named("ACME"), attrs(`{}`), related("uses", "system", "y1"))),
	}
	l.push(a, a.build(kinds, l.clock.now(), append(rest, complete(one, web1, web2, db1, thing(one, "s4", named("old-1"), attrs(`{}`))))...))
	l.push(a, a.build(kinds, l.clock.now(), append(rest, complete(one, web1, web2, db1))...))
}

// Every example of docs/filter.md finds what the page says, and every error reads as it is printed there.
func TestDocumentedFilters(t *testing.T) {
	page, err := os.ReadFile("../../../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	l.documented()
	examples, errors, heading := 0, 0, ""
	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.HasPrefix(line, "| kind ") {
			heading = strings.Join(cells, "|")
			continue
		}
		text, quoted := strings.CutPrefix(cells[min(1, len(cells)-1)], "`")
		if !strings.HasPrefix(line, "| ") || !quoted {
			continue
		}
		text = strings.TrimSuffix(text, "`")
		got, err := filtered(l.ctx, l.s, everyone, l.clock, cells[0], text)
		switch heading {
		case "kind|filter|finds|":
			examples++
			var want []string
			if cells[2] != "" {
				want = strings.Split(cells[2], ", ")
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s where %s: %q (%v), the page says %q", cells[0], text, got, err, want)
			}
		case "kind|filter|error":
			errors++
			if err == nil || strings.TrimPrefix(err.Error(), "filter: ") != cells[2] {
				t.Errorf("%s where %s:\n%v\nthe page says\n%s", cells[0], text, err, cells[2])
			}
		}
	}
	if examples < 50 || errors < 8 {
		t.Errorf("only %d examples and %d errors were found in the page", examples, errors)
	}
}
