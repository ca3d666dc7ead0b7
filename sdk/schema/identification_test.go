package schema

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of ranks in docs/identification.md is written from the kinds themselves, so that it cannot be wrong.
func TestIdentificationDocument(t *testing.T) {
	const path, begin, end = "../../docs/identification.md", "<!-- generated: go test ./sdk/schema -update -->\n", "<!-- end of generated -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its markers", path)
	}
	want := before + begin + "\n" + precedence() + "\n" + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not current: run go test ./sdk/schema -update", path)
	}
}

func precedence() string {
	var b strings.Builder
	b.WriteString("| kind | rank 1 | rank 2 | rank 3 | rank 4 | rank 5 |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, k := range Builtin() {
		if len(k.Ranks) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s |", k.Name)
		for rank := 1; rank <= 5; rank++ {
			var types []string
			for _, t := range IdentifierTypes() {
				if k.Ranks[t.Name] == rank {
					types = append(types, "`"+t.Name+"`")
				}
			}
			fmt.Fprintf(&b, " %s |", strings.Join(types, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Ranks name types of the registry and fit the table.
func TestRanksAreKnownTypes(t *testing.T) {
	for _, k := range Builtin() {
		for typ, rank := range k.Ranks {
			if !KnownIdentifier(typ) || rank < 1 || rank > 5 {
				t.Errorf("%s ranks %s %d", k.Name, typ, rank)
			}
		}
	}
}
