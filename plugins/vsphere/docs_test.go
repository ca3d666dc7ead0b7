package vsphere

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table of the documentation names tests that exist, and each kind with the interval that the plugin suggests.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/providers/vsphere.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			source, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	names := regexp.MustCompile("`((?:Test|Benchmark)[A-Za-z]+)`").FindAllStringSubmatch(text, -1)
	if len(names) < 30 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, n := range names {
		if !strings.Contains(tests.String(), "func "+n[1]+"(") {
			t.Errorf("there is no %s", n[1])
		}
	}
	spell := func(seconds int64) string {
		switch {
		case seconds == 86400:
			return "1 day"
		case seconds%86400 == 0:
			return fmt.Sprintf("%d days", seconds/86400)
		case seconds%3600 == 0:
			return fmt.Sprintf("%d h", seconds/3600)
		}
		return fmt.Sprintf("%d min", seconds/60)
	}
	for _, k := range New().Describe().Kinds {
		row := regexp.MustCompile("(?m)^\\|[^|]*\\| `" + k.Kind + "`[^|]*\\| " + spell(k.IntervalSeconds) + " \\| `Test")
		if !row.MatchString(text) {
			t.Errorf("no row for %s, read every %s", k.Kind, spell(k.IntervalSeconds))
		}
		if len(k.Permissions) == 0 || k.Policy == "" || !strings.Contains(text, strings.SplitN(k.Policy, "\n", 2)[0]) {
			t.Errorf("%s: the rights %v are not in the text", k.Kind, k.Permissions)
		}
	}
	for _, setting := range []string{"url", "thumbprint", "ca_certificate", "insecure", "datacenters"} {
		if !strings.Contains(text, "| `"+setting+"` |") || !strings.Contains(string(New().Describe().Settings), `"`+setting+`"`) {
			t.Errorf("the setting %s is missing", setting)
		}
	}
}
