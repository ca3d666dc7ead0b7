package sheet

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Writer writes rows. A row has a value for each column: nil, a text, a json.Number, a bool, or what JSON has besides.
type Writer interface {
	Write(values []any) error
	// Close ends the file. Without it there is none.
	Close() error
}

// MaxXLSXRows is what a sheet can have, with its header.
const MaxXLSXRows = excelize.TotalRows

// NewWriter begins a file. Columns are the header; in JSON their dots make nested objects.
func NewWriter(format Format, w io.Writer, columns []string) (Writer, error) {
	switch format {
	case CSV:
		out := &csvWriter{w: csv.NewWriter(w)}
		header := make([]any, len(columns))
		for i, c := range columns {
			header[i] = c
		}
		return out, out.Write(header)
	case JSON:
		_, err := io.WriteString(w, "[")
		return &jsonWriter{w: w, columns: columns}, err
	case XLSX:
		return newXLSX(w, columns)
	}
	return nil, &Error{Problem: fmt.Sprintf("there is no format %q; there are csv, xlsx and json", format)}
}

// ContentType of a format.
func ContentType(f Format) string {
	switch f {
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case JSON:
		return "application/json"
	}
	return "text/csv; charset=utf-8"
}

// text is a value as a cell shows it. Lists of plain values are separated by semicolons, all else is JSON.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok || strings.ContainsAny(s, ";\n") || strings.TrimSpace(s) != s || s == "" {
				return asJSON(v)
			}
			parts[i] = s
		}
		return strings.Join(parts, "; ")
	}
	return asJSON(v)
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // it came out of JSON
	}
	return string(b)
}

// cell guards everything but numbers, which no spreadsheet takes for a formula.
func cell(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return guard(text(v))
}

type csvWriter struct {
	w     *csv.Writer
	cells []string
}

func (c *csvWriter) Write(values []any) error {
	c.cells = c.cells[:0]
	for _, v := range values {
		c.cells = append(c.cells, cell(v))
	}
	return c.w.Write(c.cells)
}

func (c *csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}

type jsonWriter struct {
	w       io.Writer
	columns []string
	some    bool
}

func (j *jsonWriter) Write(values []any) error {
	object := map[string]any{}
	for i, v := range values {
		if v == nil {
			continue
		}
		// What follows the first word is a path, but a tag's key or an identifier's type may have dots of its own.
		path := strings.Split(j.columns[i], ".")
		if len(path) > 2 && (path[0] == "tags" || path[0] == "identifiers") {
			path = []string{path[0], strings.Join(path[1:], ".")}
		}
		at := object
		for _, name := range path[:len(path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[path[len(path)-1]] = v
	}
	b, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode row: %w", err)
	}
	sep := "\n"
	if j.some {
		sep = ",\n"
	}
	j.some = true
	_, err = j.w.Write(append([]byte(sep), b...))
	return err
}

func (j *jsonWriter) Close() error {
	_, err := io.WriteString(j.w, "\n]\n")
	return err
}

type xlsxWriter struct {
	out  io.Writer
	book *excelize.File
	w    *excelize.StreamWriter
	row  int
}

func newXLSX(w io.Writer, columns []string) (Writer, error) {
	book := excelize.NewFile()
	sw, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return nil, fmt.Errorf("make workbook: %w", err)
	}
	x := &xlsxWriter{out: w, book: book, w: sw}
	header := make([]any, len(columns))
	for i, c := range columns {
		header[i] = c
	}
	return x, x.Write(header)
}

// Write keeps numbers numbers where a spreadsheet holds them exactly.
func (x *xlsxWriter) Write(values []any) error {
	x.row++
	if x.row > MaxXLSXRows {
		return &Error{Row: x.row, Problem: fmt.Sprintf("a sheet can have %d rows; narrow the filter, or export as CSV", MaxXLSXRows)}
	}
	cells := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case bool:
			cells[i] = v
		case json.Number:
			cells[i] = v.String()
			if n, err := v.Int64(); err == nil && n < 1e15 && n > -1e15 {
				cells[i] = n
			} else if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
				cells[i] = f
			}
		default:
			s := text(v)
			if r := []rune(s); len(r) > excelize.TotalCellChars {
				return &Error{Row: x.row, Problem: fmt.Sprintf("a cell can have %d characters; leave the column out, or export as CSV", excelize.TotalCellChars)}
			}
			cells[i] = s
		}
	}
	at, err := excelize.CoordinatesToCellName(1, x.row)
	if err != nil {
		return fmt.Errorf("write row %d: %w", x.row, err)
	}
	if err := x.w.SetRow(at, cells); err != nil {
		return fmt.Errorf("write row %d: %w", x.row, err)
	}
	return nil
}

func (x *xlsxWriter) Close() error {
	err := x.w.Flush()
	if err == nil {
		err = x.book.Write(x.out)
	}
	if e := x.book.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}
