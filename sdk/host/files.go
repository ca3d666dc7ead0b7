package host

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"maestro.internal/sdk/provider"
)

// What is taken of a declaration of file types; it is told to people, and held against every file.
const (
	maxFileTypes = 20
	maxFileWords = 50
	maxFileText  = 100
)

// checkFileTypes looks at what a plugin says of the files that it reads.
func checkFileTypes(d provider.Description) error {
	if len(d.FileTypes) > 0 && !d.Files {
		return errors.New("file types of a plugin that reads no files")
	}
	if len(d.FileTypes) > maxFileTypes {
		return fmt.Errorf("%d file types, at most %d", len(d.FileTypes), maxFileTypes)
	}
	for _, f := range d.FileTypes {
		switch {
		case !tellable(f.Title):
			return fmt.Errorf("the file type %q has no title of at most %d characters", f.Title, maxFileText)
		case f.Content != provider.FileJSON && f.Content != provider.FileText && f.Content != provider.FileBinary:
			return fmt.Errorf("file type %q: the content %q is none of json, text, binary", f.Title, f.Content)
		case f.Content != provider.FileJSON && len(f.Members) > 0:
			return fmt.Errorf("file type %q: only JSON has members", f.Title)
		case f.MaxBytes < 0:
			return fmt.Errorf("file type %q: max_bytes is negative", f.Title)
		case len(f.Endings) > maxFileWords || len(f.Members) > maxFileWords:
			return fmt.Errorf("file type %q: more than %d endings or members", f.Title, maxFileWords)
		}
		for _, word := range append(f.Endings[:len(f.Endings):len(f.Endings)], f.Members...) {
			if !tellable(word) || word == "*" {
				return fmt.Errorf("file type %q: %q is no ending or member", f.Title, word)
			}
		}
	}
	return nil
}

func tellable(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxFileText && !strings.ContainsFunc(s, unicode.IsControl)
}
