package architecture

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDependenciesHaveReasons wants each direct dependency named in docs/dependencies.md, and nothing named there that is
// gone.
func TestDependenciesHaveReasons(t *testing.T) {
	doc := read(t, "../../docs/dependencies.md")
	goTable, rest, _ := strings.Cut(doc, "## Web UI")
	direct := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) v\S+$`).FindAllStringSubmatch(read(t, "../../go.mod"), -1) {
		direct[m[1]] = true
		if !strings.Contains(goTable, "| "+m[1]+" |") {
			t.Errorf("%s has no reason in docs/dependencies.md", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+) \|`).FindAllStringSubmatch(goTable, -1) {
		if !direct[m[1]] {
			t.Errorf("%s is in docs/dependencies.md and not in go.mod", m[1])
		}
	}
	var web struct {
		Dependencies, DevDependencies map[string]string
	}
	if err := json.Unmarshal([]byte(read(t, "../../web/package.json")), &web); err != nil {
		t.Fatal(err)
	}
	for _, deps := range []map[string]string{web.Dependencies, web.DevDependencies} {
		for name := range deps {
			if !regexp.MustCompile(`[| ]` + regexp.QuoteMeta(name) + `[, ]`).MatchString(rest) {
				t.Errorf("%s has no reason in docs/dependencies.md", name)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
