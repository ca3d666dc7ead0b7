// Package filetype says whether a file that somebody uploads is what a plugin reads, by its content rather than its name: what a plugin could only
// complain of at the next run is refused while whoever has it is still there.
package filetype

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"maestro.internal/sdk/provider"
)

// Check says what is wrong with a file, as a sentence that begins with its name; nil where one of the types takes it, or there are none.
func Check(types []provider.FileType, name string, content []byte) error {
	if len(types) == 0 {
		return nil
	}
	var problems []string
	for _, t := range types {
		problem := misfit(t, name, content)
		if problem == "" {
			return nil
		}
		if !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	return fmt.Errorf("%q %s; wanted is %s", name, strings.Join(problems, ", and it "), Wanted(types))
}

// Wanted says what is taken, for people.
func Wanted(types []provider.FileType) string {
	words := make([]string, len(types))
	for i, t := range types {
		var more []string
		switch t.Content {
		case provider.FileJSON:
			more = append(more, "a JSON object")
		case provider.FileText:
			more = append(more, "text")
		}
		if len(t.Members) > 0 {
			more[0] += " with " + oneOf(t.Members)
		}
		if len(t.Endings) > 0 {
			more = append(more, "named "+oneOf(t.Endings))
		}
		if t.MaxBytes > 0 {
			more = append(more, "at most "+size(t.MaxBytes))
		}
		if words[i] = t.Title; len(more) > 0 {
			words[i] += " (" + strings.Join(more, ", ") + ")"
		}
	}
	return strings.Join(words, "; or ")
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// misfit is why a file is not of a type; "" where it is.
func misfit(t provider.FileType, name string, content []byte) string {
	if len(t.Endings) > 0 && !slices.ContainsFunc(t.Endings, func(end string) bool { return strings.HasSuffix(strings.ToLower(name), strings.ToLower(end)) }) {
		return "is not named " + oneOf(t.Endings)
	}
	if t.MaxBytes > 0 && int64(len(content)) > t.MaxBytes {
		return "has more than " + size(t.MaxBytes)
	}
	if t.Content == provider.FileBinary {
		return ""
	}
	if !text(content) {
		return "is " + cmp.Or(Known(content), "not text")
	}
	if t.Content == provider.FileText {
		return ""
	}
	return misfitJSON(t.Members, content)
}

func text(content []byte) bool {
	return utf8.Valid(content) && !bytes.ContainsFunc(content, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' })
}

// misfitJSON reads token by token, so that a file costs no more memory than itself.
func misfitJSON(members []string, content []byte) string {
	in := json.NewDecoder(bytes.NewReader(content))
	in.UseNumber()
	first, err := in.Token()
	switch {
	case errors.Is(err, io.EOF):
		return "is empty"
	case err != nil:
		return "is not JSON"
	case first != json.Delim('{'):
		return "is no JSON object"
	}
	found := len(members) == 0
	for depth, key := 1, true; depth > 0; {
		token, err := in.Token()
		if err != nil {
			return fmt.Sprintf("is broken or half-written JSON at byte %d", in.InputOffset())
		}
		switch delim, isDelim := token.(json.Delim); {
		case isDelim && (delim == '{' || delim == '['):
			depth++
		case isDelim:
			if depth--; depth == 1 {
				key = true
			}
		case depth == 1 && key:
			found = found || named(members, token)
			key = false
		case depth == 1:
			key = true
		}
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return fmt.Sprintf("goes on after its JSON object, at byte %d", in.InputOffset())
	}
	if !found {
		return "has none of the members " + oneOf(members)
	}
	return ""
}

func named(members []string, token json.Token) bool {
	key, _ := token.(string)
	return slices.ContainsFunc(members, func(m string) bool {
		if stem, ok := strings.CutSuffix(m, "*"); ok {
			return strings.HasPrefix(key, stem)
		}
		return key == m
	})
}

// known are contents that begin with a mark of their own, at an offset.
var known = []struct {
	mark   string
	offset int
	what   string
}{
	{"PK\x03\x04", 0, "a zip archive"}, {"PK\x05\x06", 0, "a zip archive"}, {"\x1f\x8b", 0, "compressed by gzip"}, {"BZh", 0, "compressed by bzip2"},
	{"\xfd7zXZ\x00", 0, "compressed by xz"}, {"\x28\xb5\x2f\xfd", 0, "compressed by zstd"}, {"\x04\x22\x4d\x18", 0, "compressed by lz4"},
	{"7z\xbc\xaf\x27\x1c", 0, "a 7z archive"}, {"Rar!\x1a\x07", 0, "a rar archive"}, {"ustar", 257, "a tar archive"},
	{"\x7fELF", 0, "a program"}, {"MZ", 0, "a program"}, {"%PDF-", 0, "a PDF document"},
	{"\x89PNG\r\n", 0, "a picture"}, {"\xff\xd8\xff", 0, "a picture"}, {"GIF8", 0, "a picture"}, {"SQLite format 3\x00", 0, "a database"},
}

// Known says what a content is that begins as no text that a plugin reads: "a zip archive". "" is not known.
func Known(content []byte) string {
	for _, k := range known {
		if len(content) >= k.offset+len(k.mark) && string(content[k.offset:k.offset+len(k.mark)]) == k.mark {
			return k.what
		}
	}
	return ""
}

// Packed says whether a content is an archive or compressed, and so what it unpacks to cannot be known from its size.
func Packed(content []byte) bool {
	if text(content) {
		return false // two letters make no archive
	}
	what := Known(content)
	return strings.HasSuffix(what, "archive") || strings.HasPrefix(what, "compressed")
}
