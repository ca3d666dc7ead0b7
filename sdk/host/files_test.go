package host

import (
	"strings"
	"testing"

	"maestro.internal/sdk/provider"
)

// A declaration of files is told to people and held against every upload: one that means nothing, or too much, is refused.
func TestCheckFileTypes(t *testing.T) {
	good := provider.FileType{Title: "a state", Content: provider.FileJSON, Endings: []string{".tfstate"}, Members: []string{"terraform_*"}, MaxBytes: 1}
	with := func(change func(*provider.FileType)) provider.Description {
		f := good
		change(&f)
		return provider.Description{Files: true, FileTypes: []provider.FileType{f}}
	}
	for _, d := range []provider.Description{{}, {Files: true}, with(func(*provider.FileType) {})} {
		if err := checkFileTypes(d); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	for what, d := range map[string]provider.Description{
		"no files":         {FileTypes: []provider.FileType{good}},
		"many types":       {Files: true, FileTypes: make([]provider.FileType, maxFileTypes+1)},
		"no title":         with(func(f *provider.FileType) { f.Title = "" }),
		"a title of lines": with(func(f *provider.FileType) { f.Title = "a\nb" }),
		"a long title":     with(func(f *provider.FileType) { f.Title = strings.Repeat("x", maxFileText+1) }),
		"other content":    with(func(f *provider.FileType) { f.Content = "xml" }),
		"members of text":  with(func(f *provider.FileType) { f.Content = provider.FileText }),
		"a negative size":  with(func(f *provider.FileType) { f.MaxBytes = -1 }),
		"many members":     with(func(f *provider.FileType) { f.Members = make([]string, maxFileWords+1) }),
		"every member":     with(func(f *provider.FileType) { f.Members = []string{"*"} }),
		"an empty ending":  with(func(f *provider.FileType) { f.Endings = []string{""} }),
	} {
		if checkFileTypes(d) == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
