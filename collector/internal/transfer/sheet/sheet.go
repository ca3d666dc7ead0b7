// Package sheet reads and writes tables as CSV, XLSX and JSON, a row at a time: an import may have a million rows and must
// not be held in memory, and what people export must open in their spreadsheet without running anything there.
//
// It knows nothing of the inventory. Files are hostile: every error says in which row and column it is.
package sheet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// Format of a file.
type Format string

// The formats. Maestro is one document with lists of several kinds, as Maestro Server's importer took it.
const (
	CSV     Format = "csv"
	XLSX    Format = "xlsx"
	JSON    Format = "json"
	Maestro Format = "maestro"
)

// The limits of a file.
const (
	MaxColumns = 1000
	MaxRows    = 2_000_000
	// maxRecord bounds one row; a quote that is never closed would swallow the rest of the file.
	maxRecord = 4 << 20
	// maxXLSX bounds a workbook, unpacked.
	maxXLSX = 1 << 30
)

// Value is a cell. Raw is set for what came as JSON, and is its value then; otherwise Text is.
type Value struct {
	Text string
	Raw  json.RawMessage
}

// Empty says that the cell says nothing.
func (v Value) Empty() bool { return v.Raw == nil && strings.TrimSpace(v.Text) == "" }

// Row is one row of a file.
type Row struct {
	// Number as a spreadsheet counts: the header is row 1. In JSON it is the position in the list, from 1.
	Number int
	// Columns are shared between the rows of CSV and XLSX files.
	Columns []string
	Values  []Value
}

// Reader reads rows. Next answers io.EOF at the end.
type Reader interface {
	// Columns are the header's; nil for JSON, where each row has its own.
	Columns() []string
	Next() (Row, error)
	Close() error
}

// Error says where a file is wrong.
type Error struct {
	Row     int
	Column  string
	Problem string
}

func (e *Error) Error() string {
	switch {
	case e.Row > 0 && e.Column != "":
		return fmt.Sprintf("row %d, column %q: %s", e.Row, e.Column, e.Problem)
	case e.Row > 0:
		return fmt.Sprintf("row %d: %s", e.Row, e.Problem)
	case e.Column != "":
		return fmt.Sprintf("column %q: %s", e.Column, e.Problem)
	}
	return e.Problem
}

// Options of reading.
type Options struct {
	// Format; "" is found out from the name and the content.
	Format Format
	// Name of the file.
	Name string
	// Encoding of CSV: "" is UTF-8, or UTF-16 by its byte order mark; windows-1252, iso-8859-1, utf-16le, utf-16be.
	Encoding string
	// Sheet of a workbook; "" is the first.
	Sheet string
	// List of a Maestro document: servers, applications ...
	List string
}

// Detect tells a file's format.
func Detect(name string, head []byte) Format {
	lower := strings.ToLower(name)
	trimmed := bytes.TrimLeftFunc(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), unicode.IsSpace)
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return XLSX
	case strings.HasSuffix(lower, ".csv"), strings.HasSuffix(lower, ".tsv"):
		return CSV
	case len(trimmed) > 0 && trimmed[0] == '[':
		return JSON
	case len(trimmed) > 0 && trimmed[0] == '{':
		for _, l := range MaestroLists() {
			if bytes.Contains(trimmed, []byte(`"`+l+`"`)) {
				return Maestro
			}
		}
		return JSON
	}
	return CSV
}

// MaestroLists are the lists of a Maestro document, in the order in which they refer to each other.
func MaestroLists() []string {
	return []string{"flavors", "images", "snapshots", "volumes", "servers", "applications"}
}

// Open begins to read a file.
func Open(f *os.File, opt Options) (Reader, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read file: %w", err)
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if opt.Format == "" {
		opt.Format = Detect(opt.Name, head)
	}
	switch opt.Format {
	case CSV:
		return openCSV(f, head, opt)
	case XLSX:
		return openXLSX(f, opt)
	case JSON:
		return openJSON(f, "")
	case Maestro:
		return openJSON(f, opt.List)
	}
	return nil, &Error{Problem: fmt.Sprintf("there is no format %q; there are csv, xlsx, json and maestro", opt.Format)}
}

// checkHeader answers the names of the columns; trailing ones without a name are dropped.
func checkHeader(cells []string) ([]string, error) {
	for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) == 0 {
		return nil, &Error{Row: 1, Problem: "has no column names; the first row must name the columns"}
	}
	if len(cells) > MaxColumns {
		return nil, &Error{Row: 1, Problem: fmt.Sprintf("has %d columns, more than %d", len(cells), MaxColumns)}
	}
	seen := map[string]int{}
	out := make([]string, len(cells))
	for i, c := range cells {
		name := strings.TrimSpace(c)
		out[i] = name
		if name == "" {
			return nil, &Error{Row: 1, Problem: fmt.Sprintf("column %d has no name", i+1)}
		}
		if first, twice := seen[strings.ToLower(name)]; twice {
			return nil, &Error{Row: 1, Column: name, Problem: fmt.Sprintf("is there twice, as columns %d and %d", first, i+1)}
		}
		seen[strings.ToLower(name)] = i + 1
	}
	return out, nil
}

// rowOf makes a row of a record's cells.
func rowOf(number int, columns, cells []string) (Row, error) {
	for i := len(columns); i < len(cells); i++ {
		if strings.TrimSpace(cells[i]) != "" {
			return Row{}, &Error{Row: number, Problem: fmt.Sprintf("has a value in column %d, but the header names %d columns", i+1, len(columns))}
		}
	}
	r := Row{Number: number, Columns: columns, Values: make([]Value, len(columns))}
	for i := range columns {
		if i < len(cells) {
			r.Values[i] = Value{Text: unguard(cells[i])}
		}
	}
	return r, nil
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// A spreadsheet takes a text that begins so for a formula, and may run it. Export puts an apostrophe before it, which
// spreadsheets show as text; import takes it off again.
const formulaStarts = "=+-@\t\r"

func guard(s string) string {
	if s != "" && strings.ContainsRune(formulaStarts, rune(s[0])) || len(s) > 1 && s[0] == '\'' && strings.ContainsRune(formulaStarts+"'", rune(s[1])) {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune(formulaStarts+"'", rune(s[1])) {
		return s[1:]
	}
	return s
}
