package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

type csvReader struct {
	r       *csv.Reader
	limit   *recordLimit
	check   *utf8Check
	columns []string
	number  int
}

func openCSV(f io.Reader, head []byte, opt Options) (Reader, error) {
	text, err := decoded(f, head, opt.Encoding)
	if err != nil {
		return nil, err
	}
	out := &csvReader{}
	out.check = &utf8Check{r: text}
	out.limit = &recordLimit{r: out.check, left: 2 * maxRecord}
	buffered := bufio.NewReaderSize(out.limit, 64<<10)
	if bom, err := buffered.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := buffered.Discard(3); err != nil {
			return nil, fmt.Errorf("read file: %w", err)
		}
	}
	line, _ := buffered.Peek(32 << 10) // shorter files answer an error and what they have
	out.r = csv.NewReader(buffered)
	out.r.Comma = delimiterOf(line)
	out.r.FieldsPerRecord = -1
	header, err := out.record()
	if errors.Is(err, io.EOF) {
		return nil, &Error{Problem: "the file is empty"}
	}
	if err != nil {
		return nil, err
	}
	out.columns, err = checkHeader(header)
	return out, err
}

func (c *csvReader) Columns() []string { return c.columns }
func (c *csvReader) Close() error      { return nil }

func (c *csvReader) Next() (Row, error) {
	for {
		cells, err := c.record()
		if err != nil {
			return Row{}, err
		}
		if !blank(cells) {
			return rowOf(c.number, c.columns, cells)
		}
	}
}

func (c *csvReader) record() ([]string, error) {
	c.number++
	if c.number > MaxRows {
		return nil, &Error{Row: c.number, Problem: fmt.Sprintf("a file may have %d rows", MaxRows)}
	}
	c.limit.left = 2 * maxRecord
	cells, err := c.r.Read()
	var parse *csv.ParseError
	switch {
	case err == nil:
		return cells, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, errRecordTooLong):
		return nil, &Error{Row: c.number, Problem: fmt.Sprintf("is longer than %d MiB; a quotation mark is not closed", maxRecord>>20)}
	case c.check.bad:
		return nil, &Error{Row: c.number, Problem: fmt.Sprintf("byte %d of the file (0x%02x) is not UTF-8; save the file as UTF-8, or say its encoding, windows-1252 for example",
			c.check.at, c.check.is)}
	case errors.As(err, &parse):
		return nil, &Error{Row: c.number, Problem: fmt.Sprintf("line %d, character %d: %s", parse.Line, parse.Column, quoteProblem(parse))}
	}
	return nil, fmt.Errorf("read row %d: %w", c.number, err)
}

func quoteProblem(e *csv.ParseError) string {
	switch {
	case errors.Is(e.Err, csv.ErrBareQuote):
		return `a quotation mark inside a value that does not begin with one; write it as "" inside quotation marks`
	case errors.Is(e.Err, csv.ErrQuote):
		return "a quotation mark is not closed, or something follows it"
	}
	return e.Err.Error()
}

// delimiterOf is what the header separates its columns with.
func delimiterOf(text []byte) rune {
	best, most := ',', 0
	for _, d := range ",;\t|" {
		n, quoted := 0, false
		for _, c := range string(text) {
			if c == '"' {
				quoted = !quoted
			}
			if c == '\n' && !quoted {
				break
			}
			if c == d && !quoted {
				n++
			}
		}
		if n > most {
			best, most = d, n
		}
	}
	return best
}

// decoded is the file as UTF-8.
func decoded(f io.Reader, head []byte, name string) (io.Reader, error) {
	var enc encoding.Encoding
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8":
		switch {
		case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
			enc = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
		case bytes.IndexByte(head, 0) >= 0:
			return nil, &Error{Problem: "the file has zero bytes: it is no text, or UTF-16 without a byte order mark; say its encoding, utf-16le for example"}
		default:
			return f, nil
		}
	case "windows-1252", "cp1252":
		enc = charmap.Windows1252
	case "iso-8859-1", "latin1", "latin-1":
		enc = charmap.ISO8859_1
	case "utf-16", "utf-16le":
		enc = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-16be":
		enc = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	default:
		return nil, &Error{Problem: fmt.Sprintf("encoding %q is not known; there are utf-8, utf-16le, utf-16be, windows-1252 and iso-8859-1", name)}
	}
	return enc.NewDecoder().Reader(f), nil
}

var (
	errRecordTooLong = errors.New("row is too long")
	errNotUTF8       = errors.New("not UTF-8")
)

// recordLimit ends a row that never ends.
type recordLimit struct {
	r    io.Reader
	left int
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRecordTooLong
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// utf8Check ends the reading at the first byte that is not UTF-8.
type utf8Check struct {
	r    io.Reader
	tail []byte // an unfinished rune, checked with what follows
	pos  int64  // bytes that were found sound
	bad  bool
	at   int64
	is   byte
}

func (u *utf8Check) Read(p []byte) (int, error) {
	if u.bad {
		return 0, errNotUTF8
	}
	n, err := u.r.Read(p)
	text := append(u.tail, p[:n]...)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r != utf8.RuneError || size > 1 {
			text, u.pos = text[size:], u.pos+int64(size)
			continue
		}
		if !utf8.FullRune(text) && err == nil {
			break
		}
		u.bad, u.at, u.is = true, u.pos, text[0]
		sound := n - len(text) // what of p is sound; the rune may have begun before it
		return max(sound, 0), errNotUTF8
	}
	u.tail = append([]byte(nil), text...)
	return n, err
}
