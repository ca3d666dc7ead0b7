package words

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Texts are templates of plain text, the same names in every language.
type Texts struct {
	of map[Language]*template.Template
}

// Read reads texts/<language>.tmpl of every language. A text that one of them lacks is an error, so that it is found when the
// collector starts and not when somebody should get a letter.
func Read(files fs.FS) (*Texts, error) {
	x := &Texts{of: map[Language]*template.Template{}}
	for _, l := range Languages {
		t, err := template.New("").Option("missingkey=error").Funcs(l.functions()).ParseFS(files, "texts/"+string(l)+".tmpl")
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		x.of[l] = t
	}
	for _, l := range Languages[1:] {
		if is, want := namesOf(x.of[l]), namesOf(x.of[English]); !slices.Equal(is, want) {
			return nil, fmt.Errorf("read texts: those in %s are %s, in %s %s", l, strings.Join(is, " "), English, strings.Join(want, " "))
		}
	}
	return x, nil
}

// Must is Read of texts that are part of the program.
func Must(files fs.FS) *Texts {
	x, err := Read(files)
	if err != nil {
		panic(err)
	}
	return x
}

func namesOf(t *template.Template) []string {
	names := map[string]bool{}
	for _, one := range t.Templates() {
		if !strings.HasSuffix(one.Name(), ".tmpl") {
			names[one.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// functions are what texts may say: line makes a foreign text harmless, said looks a text of the collector up, moment takes a moment or
// what is one as text.
func (l Language) functions() template.FuncMap {
	return template.FuncMap{
		"line":   Line,
		"said":   func(english string) string { return Line(l.Say(english)) },
		"number": l.Number,
		"one":    l.One,
		"moment": func(v any) (string, error) {
			switch v := v.(type) {
			case time.Time:
				return l.Moment(v), nil
			case string:
				if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
					return l.Moment(at), nil
				}
				return Line(v), nil
			}
			return "", fmt.Errorf("%T is no moment", v)
		},
	}
}

// Names are those of all texts.
func (x *Texts) Names() []string { return namesOf(x.of[English]) }

// Say writes one text.
func (x *Texts) Say(l Language, name string, data any) (string, error) {
	var b strings.Builder
	if err := x.of[l.Or()].ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return strings.TrimSpace(b.String()), nil
}
