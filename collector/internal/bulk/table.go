package bulk

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The limits of a table.
const (
	MaxText    = 1 << 20
	maxRows    = 1000
	maxColumns = 100
	maxCell    = 64 << 10
)

// TableError says why a table cannot be read at all.
type TableError struct{ Problem string }

func (e *TableError) Error() string { return "read table: " + e.Problem }

func broken(format string, args ...any) error { return &TableError{fmt.Sprintf(format, args...)} }

// row is one connection as it was written: a cell is text in CSV, and whatever it is in YAML.
type row struct {
	// number as people count: the line of a CSV file's record, the position in a YAML list.
	number int
	cells  map[string]any
}

// readTable reads rows of CSV, or of YAML or JSON: a list of mappings.
func readTable(text, format string) ([]row, error) {
	if len(text) > MaxText {
		return nil, broken("it is larger than %d MiB", MaxText>>20)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if format == "" {
		format = formatOf(text)
	}
	var rows []row
	var err error
	if format == "csv" {
		rows, err = readCSV(text)
	} else {
		rows, err = readYAML(text)
	}
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, broken("it has no rows")
	case len(rows) > maxRows:
		return nil, broken("it has more than %d rows; divide it", maxRows)
	}
	return rows, nil
}

// formatOf tells a list of mappings from a table by its first line that says something.
func formatOf(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if line == "-" || line == "---" || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "[") || strings.HasPrefix(line, "connections:") {
			return "yaml"
		}
		break
	}
	return "csv"
}

func readCSV(text string) ([]row, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace, r.FieldsPerRecord, r.Comment = true, -1, '#'
	if first, _, _ := strings.Cut(text, "\n"); !strings.Contains(first, ",") && strings.Contains(first, ";") {
		r.Comma = ';' // as spreadsheets of half of Europe write it
	} else if !strings.Contains(first, ",") && strings.Contains(first, "\t") {
		r.Comma, r.TrimLeadingSpace = '\t', false
	}
	header, err := r.Read()
	if err != nil {
		return nil, broken("its first line does not name columns: %v", err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if header[i] == "" || slices.Contains(header[:i], header[i]) {
			return nil, broken("column %d has no name, or one that is there already", i+1)
		}
	}
	if len(header) > maxColumns {
		return nil, broken("it has more than %d columns", maxColumns)
	}
	var out []row
	for len(out) <= maxRows {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, broken("%v", err)
		}
		line, _ := r.FieldPos(0)
		if len(record) > len(header) {
			return nil, broken("line %d has %d values, and the first line names %d columns", line, len(record), len(header))
		}
		x := row{number: line, cells: map[string]any{}}
		for i, cell := range record {
			if cell = strings.TrimSpace(cell); cell != "" {
				x.cells[header[i]] = cell
			}
		}
		if len(x.cells) > 0 {
			out = append(out, x)
		}
	}
	return out, nil
}

func readYAML(text string) ([]row, error) {
	// An alias of an alias unfolds a small file into a large one.
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, broken("it is neither CSV nor a YAML list of connections") // the parser would print lines of it
	}
	plain := &aliases{}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(plain, doc.Body)
		}
	}
	if plain.found {
		return nil, broken("it has anchors or aliases; write out what they stand for")
	}
	var list []map[string]any
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		var named struct {
			Connections []map[string]any `yaml:"connections"`
		}
		if yaml.Unmarshal([]byte(text), &named) != nil || len(named.Connections) == 0 {
			return nil, broken("it is neither CSV nor a YAML list of connections")
		}
		list = named.Connections
	}
	var out []row
	for i, cells := range list {
		if len(cells) > maxColumns {
			return nil, broken("entry %d has more than %d members", i+1, maxColumns)
		}
		out = append(out, row{number: i + 1, cells: cells})
	}
	return out, nil
}

// aliases looks for them.
type aliases struct{ found bool }

func (a *aliases) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.AliasType, ast.AnchorType, ast.MergeKeyType:
		a.found = true
	}
	return a
}

// columns are all that rows name, members of settings included.
func columns(rows []row) []string {
	found := map[string]bool{}
	var visit func(cells map[string]any)
	visit = func(cells map[string]any) {
		for name, v := range cells {
			found[strings.TrimPrefix(name, "settings.")] = true
			if inner, ok := v.(map[string]any); ok {
				visit(inner)
			}
		}
	}
	for _, r := range rows {
		visit(r.cells)
	}
	return slices.Sorted(maps.Keys(found))
}

// text is a cell that has to be text.
func (r row) text(column string) (string, error) {
	switch v := r.cells[column].(type) {
	case nil:
		return "", nil
	case string:
		return strings.TrimSpace(v), nil
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), nil
	}
	return "", &cellError{column, "is not text"}
}

// list is a cell with several values: a list in YAML, text divided by semicolons, commas or spaces in CSV.
func (r row) list(column string) ([]string, error) {
	if list, ok := r.cells[column].([]any); ok {
		var out []string
		for _, v := range list {
			out = append(out, fmt.Sprint(v))
		}
		return out, nil
	}
	text, err := r.text(column)
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(";, \n", c) }), err
}

// cellError says what is wrong with a cell.
type cellError struct{ column, problem string }

func (e *cellError) Error() string { return e.column + " " + e.problem }
