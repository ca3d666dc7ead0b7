package words

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestAsked(t *testing.T) {
	for header, want := range map[string]Language{
		"": "", "pt": Portuguese, "pt-BR,pt;q=0.9,en;q=0.8": Portuguese, "de-DE,en;q=0.5,pt;q=0.4": English, "de": "", "*": "", "en-GB": English,
		"en;q=0.1,pt;q=0.9": Portuguese, ";;;": "", strings.Repeat("de,", 200) + "pt": "", strings.Repeat("x", 5000): "",
	} {
		if got := Asked(header); got != want {
			t.Errorf("%.40q: %q, want %q", header, got, want)
		}
	}
	if Language("").Or("", Portuguese) != Portuguese || Language("xx").Or() != English || Portuguese.Or(English) != Portuguese {
		t.Error("which of several")
	}
}

func TestNumbersAndMoments(t *testing.T) {
	at := time.Date(2026, 3, 7, 23, 30, 0, 0, time.FixedZone("", -2*3600))
	if got := Portuguese.Moment(at); got != "domingo, 8 de março de 2026, 01:30 UTC" {
		t.Error(got)
	}
	if got := English.Moment(at); got != "Sunday, 8 March 2026, 01:30 UTC" {
		t.Error(got)
	}
	if pt, en := Portuguese.Number(1234567), English.Number(1234567); pt != "1.234.567" || en != "1,234,567" {
		t.Error(pt, en)
	}
	if !Portuguese.One(0) || English.One(0) || !English.One(1) || Portuguese.One(2) {
		t.Error("one or many")
	}
}

// Texts that a language lacks, and gaps that nothing fills, are found when they are read or written.
func TestTextsThatAreIncomplete(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	if _, err := Read(fstest.MapFS{"texts/en.tmpl": file(`{{define "a"}}x{{end}}{{define "b"}}y{{end}}`), "texts/pt.tmpl": file(`{{define "a"}}x{{end}}`)}); err == nil || !strings.Contains(err.Error(), "those in pt are a, in en a b") {
		t.Error(err)
	}
	if _, err := Read(fstest.MapFS{"texts/en.tmpl": file(`{{define "a"}}x{{end}}`)}); err == nil {
		t.Error("a language without a file")
	}
	x, err := Read(fstest.MapFS{"texts/en.tmpl": file(`{{define "a"}}{{.There}} {{line .Name}}{{end}}`), "texts/pt.tmpl": file(`{{define "a"}}{{.Not}}{{end}}`)})
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{"There": "x", "Name": "a\r\nBcc: b\u202e"}
	if got, err := x.Say(English, "a", with); err != nil || got != "x a  Bcc: b" {
		t.Errorf("%q %v", got, err)
	}
	if got, err := x.Say(Portuguese, "a", with); err == nil {
		t.Errorf("%q", got)
	}
}
