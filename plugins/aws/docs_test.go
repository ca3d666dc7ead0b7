package aws

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs holds the table of docs/providers/aws.md against the table of lists.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/providers/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists() {
		name := l.kind
		if l.labelled() {
			name += "." + l.name
		}
		if _, err := os.Stat("testdata/golden/" + name + ".json"); err != nil {
			t.Error(err)
		}
		row := fmt.Sprintf("| `%s` | `%s` | %s | %s | `%s` |", l.kind, l.name, strings.Join(l.actions, ", "), every(intervals()[l.kind]), name)
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/providers/aws.md has no row that ends with\n%s", row)
		}
	}
}

func every(seconds int64) string {
	switch {
	case seconds < 3600:
		return fmt.Sprintf("%d min", seconds/60)
	case seconds <= 86400:
		return fmt.Sprintf("%d h", seconds/3600)
	}
	return fmt.Sprintf("%d d", seconds/86400)
}
