package sheet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

func fileOf(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// read is every row as column=value, or the error.
func read(t *testing.T, content []byte, opt Options) ([]string, error) {
	t.Helper()
	r, err := Open(fileOf(t, content), opt)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	var out []string
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		line := fmt.Sprint(row.Number)
		for i, c := range row.Columns {
			if v := row.Values[i]; !v.Empty() {
				line += " " + c + "=" + v.Text + string(v.Raw)
			}
		}
		out = append(out, line)
	}
}

func utf16File(order binary.AppendByteOrder, text string) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func TestReadCSV(t *testing.T) {
	for _, tc := range []struct {
		name, content string
		opt           Options
		want          []string
		problem       string
	}{
		{name: "comma", content: "name,region\nweb1,fra\n\nweb2,\n", want: []string{"2 name=web1 region=fra", "3 name=web2"}},
		{name: "semicolon, as Excel writes in Germany", content: "name;note\nweb1;\"a;b\nc\"\n", want: []string{"2 name=web1 note=a;b\nc"}},
		{name: "tabs", content: "name\tregion\nweb1\tfra", want: []string{"2 name=web1 region=fra"}},
		{name: "UTF-8 with a byte order mark", content: "\xef\xbb\xbfname\nKöln\n", want: []string{"2 name=Köln"}},
		{name: "UTF-16, little", content: string(utf16File(binary.LittleEndian, "name\nKöln\n")), want: []string{"2 name=Köln"}},
		{name: "UTF-16, big", content: string(utf16File(binary.BigEndian, "name\nKöln\n")), want: []string{"2 name=Köln"}},
		{name: "UTF-16 without a mark", content: string(utf16File(binary.LittleEndian, "name\nKöln\n")[2:]), problem: "zero bytes"},
		{name: "windows-1252, said", content: "name\nK\xf6ln\n", opt: Options{Encoding: "windows-1252"}, want: []string{"2 name=Köln"}},
		{name: "windows-1252, not said", content: "name\nBonn\nK\xf6ln\n", problem: "row 3: byte 11 of the file (0xf6) is not UTF-8"},
		{name: "unknown encoding", content: "name\n", opt: Options{Encoding: "ebcdic"}, problem: `encoding "ebcdic" is not known`},
		{name: "header twice", content: "Name,region,name\n", problem: `row 1, column "name": is there twice, as columns 1 and 3`},
		{name: "column without a name", content: "name,,region\n", problem: "row 1: column 2 has no name"},
		{name: "more cells than columns", content: "name\nweb1,fra\n", problem: "row 2: has a value in column 2, but the header names 1 columns"},
		{name: "quotation mark inside", content: "name\na\"b\n", problem: "row 2: line 2, character 2: a quotation mark inside"},
		{name: "quotation mark never closed", content: "name\nweb1\n\"web2\nweb3\n", problem: "row 3: line 4, character 6: a quotation mark is not closed"},
		{name: "a quotation mark swallows the file", content: "name\n\"" + strings.Repeat("x\n", 6<<20), problem: "row 2: is longer than 4 MiB"},
		{name: "empty", content: "", problem: "the file is empty"},
		{name: "formula", content: "name,note\nweb1,=cmd|' /C calc'!A0\nweb2,'=1+1\n", want: []string{"2 name=web1 note==cmd|' /C calc'!A0", "3 name=web2 note==1+1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := read(t, []byte(tc.content), tc.opt)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Fatalf("%v %v, want %s", got, err, tc.problem)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("%q %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestReadJSON(t *testing.T) {
	for _, tc := range []struct {
		name, content string
		opt           Options
		want          []string
		problem       string
	}{
		{name: "list", content: `[{"name":"web1","attributes":{"os":{"name":"debian"},"cpu_count":2,"x":null}}]`,
			want: []string{`1 attributes.cpu_count=2 attributes.os.name="debian" name="web1"`}},
		{name: "items, as the API answers", content: `{"total_size":1,"items":[{"name":"a","tags":[{"key":"env","value":"prod"}],"identifiers":[{"type":"mac","value":"a"},{"type":"mac","value":"b"}]}]}`,
			want: []string{`1 identifiers.mac=a; b name="a" tags.env=prod`}},
		{name: "Maestro document", content: `{"servers":[{"name":"s"}],"volumes":[{"name":"v"}]}`, opt: Options{List: "volumes"}, want: []string{`1 name="v"`}},
		{name: "Maestro document without the list", content: `{"servers":[]}`, opt: Options{List: "volumes", Format: Maestro}},
		{name: "no object", content: `[{"name":"a"}, 7]`, want: []string{`1 name="a"`}, problem: "row 2: is no object"},
		{name: "broken", content: `[{"name":"a"}, {"name"`, problem: "row 2: the file ends in the middle"},
		{name: "syntax", content: `[{"name":"a"} {`, problem: "not valid JSON"},
		{name: "a value", content: `7`, opt: Options{Format: JSON}, problem: "is neither a list of objects"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := read(t, []byte(tc.content), tc.opt)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Fatalf("%v %v, want %s", got, err, tc.problem)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("%q %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestReadXLSX(t *testing.T) {
	book := excelize.NewFile()
	set := func(at string, v any) {
		if err := book.SetCellValue("Sheet1", at, v); err != nil {
			t.Fatal(err)
		}
	}
	set("A1", "name")
	set("B1", "cpus")
	set("A2", "web1")
	set("B2", 4)
	set("A4", "web2") // row 3 is empty
	set("B4", "=1+1") // text, not a formula
	var buf bytes.Buffer
	if err := book.Write(&buf); err != nil {
		t.Fatal(err)
	}
	got, err := read(t, buf.Bytes(), Options{})
	if want := []string{"2 name=web1 cpus=4", "4 name=web2 cpus==1+1"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	if _, err := read(t, buf.Bytes(), Options{Sheet: "Servers"}); err == nil || !strings.Contains(err.Error(), `no sheet "Servers"; its sheets are ["Sheet1"]`) {
		t.Error(err)
	}
	if _, err := read(t, buf.Bytes()[:buf.Len()/2], Options{}); err == nil || !strings.Contains(err.Error(), "no Excel workbook") {
		t.Error(err)
	}
}

// What is written comes back the same, whatever it begins with, and nothing that is written is a formula.
func TestWriteAndReadBack(t *testing.T) {
	columns := []string{"name", "attributes.os.name", "tags.kubernetes.io/role", "cpu", "note", "list"}
	rows := [][]any{
		{"web1", "debian", "node", json.Number("4"), `=HYPERLINK("http://evil")`, []any{"a", "b"}},
		{"@sum", nil, nil, json.Number("-5"), "'quoted", nil},
		{"-1+1", "'=x", "a,b\n\"c\"", json.Number("12345678901234567890"), "+49 30", []any{map[string]any{"x": "y"}}},
	}
	for _, format := range []Format{CSV, XLSX, JSON} {
		var buf bytes.Buffer
		w, err := NewWriter(format, &buf, columns)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, buf.Bytes(), Options{Format: format})
		if err != nil || len(got) != len(rows) {
			t.Fatalf("%s: %q %v", format, got, err)
		}
		for i, want := range []string{`web1`, `@sum`, `-1+1`} {
			if !strings.Contains(got[i], want) || format != JSON && !strings.Contains(got[i], "name="+want) {
				t.Errorf("%s: row %d is %q", format, i, got[i])
			}
		}
		if format == CSV {
			for _, line := range strings.Split(buf.String(), "\n")[1:] {
				for _, c := range strings.Split(line, ",") {
					c = strings.Trim(c, `"`)
					if c != "" && strings.ContainsRune("=+@", rune(c[0])) {
						t.Errorf("cell %q would run", c)
					}
				}
			}
			if !strings.Contains(got[2], "name=-1+1 attributes.os.name='=x") || !strings.Contains(got[1], "note='quoted") {
				t.Errorf("changed on the way: %q %q", got[1], got[2])
			}
		}
		if format == XLSX {
			book, err := excelize.OpenReader(&buf)
			if err != nil {
				t.Fatal(err)
			}
			if f, err := book.GetCellFormula("Sheet1", "E2"); err != nil || f != "" {
				t.Errorf("formula %q %v", f, err)
			}
		}
	}
}

// A million rows are read in a bounded memory.
func TestMillionRowsAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MB")
	}
	f := fileOf(t, nil)
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "name,region,serial")
	for i := range 1_000_000 {
		fmt.Fprintf(w, "server-%07d,fra,SN-%07d-XYZ\n", i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, peak := 0, uint64(0)
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%100_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if n != 1_000_000 || peak > 64<<20 {
		t.Errorf("%d rows, heap up to %d MiB", n, peak>>20)
	}
}

// Beyond what a file may have it is refused in words, at the first row too many. An import looks at the whole file before it writes.
func TestMoreRowsThanAFileMayHave(t *testing.T) {
	if testing.Short() {
		t.Skip("reads two million rows")
	}
	f := fileOf(t, append([]byte("name\n"), bytes.Repeat([]byte("x\n"), MaxRows+1)...))
	r, err := Open(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		_, err := r.Next()
		if err == nil {
			continue
		}
		var bad *Error
		if !errors.As(err, &bad) || n != MaxRows || !strings.Contains(bad.Problem, "a file may have 2000000 rows") {
			t.Errorf("row %d: %v", n, err)
		}
		return
	}
}
