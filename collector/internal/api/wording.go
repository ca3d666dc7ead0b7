package api

import (
	"regexp"
	"strings"
	"unicode"
)

// What checks requests words its findings for programs ("expected length >= 1"). These are the words for people; each reads
// on from the name of the field.
var wordings = []struct {
	found *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`^expected length >= 1$`), "must not be empty"},
	{regexp.MustCompile(`^expected length >= (\d+)$`), "needs at least $1 characters"},
	{regexp.MustCompile(`^expected length <= (\d+)$`), "has more than $1 characters"},
	{regexp.MustCompile(`^expected array length >= (\d+)$`), "needs at least $1 items"},
	{regexp.MustCompile(`^expected array length <= (\d+)$`), "has more than $1 items"},
	{regexp.MustCompile(`^expected array items to be unique$`), "has an item twice"},
	{regexp.MustCompile(`^expected required property (\S+) to be present$`), "needs a value for $1"},
	{regexp.MustCompile(`^required \S+ parameter is missing$`), "is missing"},
	{regexp.MustCompile(`^unexpected property$`), "is not a known field"},
	{regexp.MustCompile(`^expected value to be one of "(.*)"$`), "must be one of $1"},
	{regexp.MustCompile(`^expected number >= (\S+)$`), "must be at least $1"},
	{regexp.MustCompile(`^expected number <= (\S+)$`), "must be at most $1"},
	{regexp.MustCompile(`^(?:expected string to be RFC 3339 date-time|invalid date/time for format .*)$`), "must be a moment such as 2026-11-21T10:00:00Z"},
	{regexp.MustCompile(`^(?:expected integer|invalid integer)$`), "must be a whole number"},
	{regexp.MustCompile(`^(?:expected number|invalid float)$`), "must be a number"},
	{regexp.MustCompile(`^(?:expected boolean|invalid boolean)$`), "must be true or false"},
	{regexp.MustCompile(`^expected string to be lower-case letters, digits and underscores, the first a letter$`), "needs lower-case letters, digits and underscores, the first a letter"},
	{regexp.MustCompile(`^expected string$`), "must be a text"},
	{regexp.MustCompile(`^expected array$`), "must be a list"},
	{regexp.MustCompile(`^expected object$`), "must be an object"},
}

// inWords turns a finding into words for people; one that is unknown stays as it is.
func inWords(finding string) string {
	for _, w := range wordings {
		if w.found.MatchString(finding) {
			return w.found.ReplaceAllString(finding, w.words)
		}
	}
	return finding
}

// fieldOf is the name of a field, given as a location ("body.settings.url"), a pointer ("/settings/url") or a name.
func fieldOf(location string) string {
	name := location
	for _, part := range []string{"body", "query", "path", "header"} {
		if rest, ok := strings.CutPrefix(location, part); ok && (rest == "" || rest[0] == '.') {
			name = rest
		}
	}
	return strings.ReplaceAll(strings.Trim(name, "./"), "/", ".")
}

// ofField says what is wrong with a field.
func ofField(location, wrong string) string {
	name := fieldOf(location)
	switch word, _, _ := strings.Cut(wrong, " "); {
	case name == "" && location == "body" && word == "needs":
		return "the body " + wrong
	case name == "":
		return wrong
	case word == "is", word == "needs", word == "must", word == "may", word == "has", word == "can":
		return name + " " + wrong
	}
	return name + ": " + wrong
}

// sentence makes an error's text a sentence for people. What it begins with stays as it is written when it is a name rather
// than a word.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	named := end >= 0 && text[end] != ' ' && text[end] != ',' && text[end] != '-' && text[end] != '\''
	if r := []rune(text); !named && !fieldFirst(text) {
		r[0] = unicode.ToUpper(r[0])
		text = string(r)
	}
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text
}

// fieldFirst says whether a text begins with the name of a field of which it tells something.
func fieldFirst(text string) bool {
	_, rest, _ := strings.Cut(text, " ")
	second, _, _ := strings.Cut(rest, " ")
	switch first, _, _ := strings.Cut(text, " "); first {
	case "it", "this", "that", "the", "its", "a", "an", "there", "more", "no", "somebody", "nothing":
		return false
	}
	switch second {
	case "is", "needs", "must", "may", "has", "can", "compares":
		return true
	}
	return false
}
