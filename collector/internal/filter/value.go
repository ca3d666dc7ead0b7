package filter

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// value is what stands after an operator.
type value struct {
	text    string // without quotes, escapes and the star at its end
	star    bool
	quoted  bool
	at, end int
}

func (p *parser) value(r restriction) (value, error) {
	at := p.pos
	if p.end() || p.peek() == ')' {
		return value{}, p.errorAt(at, "no value follows %q", r.op).expecting("a value")
	}
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted()
	}
	if op := operatorAt(p.src[at:]); op != "" {
		return value{}, p.errorAt(at, "%q follows %q", op, r.op).expecting("a value")
	}
	end := at
	for end < len(p.src) {
		c, n := utf8.DecodeRuneInString(p.src[end:])
		if unicode.IsSpace(c) || strings.ContainsRune(`()"',`, c) {
			break
		}
		end += n
	}
	if end == at {
		return value{}, p.errorAt(at, "no value follows %q", r.op).expecting("a value")
	}
	if w := p.src[at:end]; w == "AND" || w == "OR" || w == "NOT" {
		return value{}, p.errorAt(at, "no value follows %q", r.op).expecting("a value, or quotes around " + w)
	}
	p.pos = end
	if p.peek() == '(' { // else it were a text and, beside it, something in parentheses: nothing would be found, and nobody told why
		return value{}, p.errorAt(at, "%s( is no value", p.src[at:end]).expecting(calls(r, p.src[at:end]))
	}
	return p.unescape(at, p.src[at:end])
}

// calls says how a function is called, to somebody who wrote it where a value belongs.
func calls(r restriction, name string) string {
	if name == "cidr" {
		return "cidr(" + strings.Join(r.name, ".") + `, "10.0.0.0/8") as a condition of its own`
	}
	return "quotes around the value, or a space before the parenthesis"
}

// quoted reads a text in double or single quotes.
func (p *parser) quoted() (value, error) {
	at := p.pos
	quote := p.src[at]
	for i := at + 1; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			i++
		case quote:
			p.pos = i + 1
			v, err := p.unescape(at+1, p.src[at+1:i])
			v.quoted, v.at, v.end = true, at, i+1
			return v, err
		}
	}
	return value{}, p.errorAt(at, "the quotes are not closed")
}

// unescape takes the text of a value; a * may stand at its end only, and \* is the character.
func (p *parser) unescape(at int, raw string) (value, error) {
	v := value{at: at, end: at + len(raw)}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '\\':
			i++
			if i == len(raw) || !strings.ContainsRune(`\*"'`, rune(raw[i])) {
				return v, p.errorAt(at+i-1, `\ stands before \, *, " and ' only`).expecting(`\\ for the character`)
			}
			b.WriteByte(raw[i])
		case '*':
			if i != len(raw)-1 {
				return v, p.errorAt(at+i, "* stands at the end of a value only").expecting(`\* for the character, or ~ to find a text anywhere`)
			}
			v.star = true
		default:
			b.WriteByte(c)
		}
	}
	v.text = b.String()
	return v, nil
}

// typedValue reads a value as the field's type.
func (p *parser) typedValue(to reached, name string, f Field, op Op, v value) (any, error) {
	switch f.Type {
	case Number:
		n, ok := number(v.text)
		if fl, isFloat := n.(float64); !ok || isFloat && (math.IsInf(fl, 0) || math.IsNaN(fl)) {
			return nil, p.errorAt(v.at, "%q is no number", v.text).expecting("a number, as " + name + " is one")
		}
		return n, nil
	case Bool:
		switch v.text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, p.errorAt(v.at, "%q is neither true nor false", v.text).expecting("true or false")
	case Time:
		return p.moment(name, op, v)
	}
	if er, ok := to.r.(EnumResolver); ok && (op == Eq || op == Ne) {
		if values := er.Enum(strings.Join(to.name, ".")); len(values) > 0 && !slices.Contains(values, v.text) {
			e := p.errorAt(v.at, "%s is never %q", name, v.text).expecting("one of " + strings.Join(values, ", "))
			return nil, e.suggesting(nearest(v.text, values))
		}
	}
	return v.text, nil
}

// timeLayout is how moments stand in documents.
const timeLayout = "2006-01-02T15:04:05.000000Z"

var relative = regexp.MustCompile(`^(?:now)?(?:([+-])([0-9]{1,9})(s|m|h|d|w))?$`)

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}

// moment reads a time, a day, or a span before or after now.
func (p *parser) moment(name string, op Op, v value) (any, error) {
	if m := relative.FindStringSubmatch(v.text); m != nil && v.text != "" {
		at := p.now
		if m[1] != "" {
			n, err := strconv.ParseInt(m[2], 10, 64)
			unit := units[m[3]]
			if err != nil || n > int64(200*365*24*time.Hour/unit) {
				return nil, p.errorAt(v.at, "%s is too far away", v.text)
			}
			if m[1] == "-" {
				n = -n
			}
			at = at.Add(time.Duration(n) * unit)
		}
		return at.UTC().Format(timeLayout), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, v.text); err == nil {
		t = t.UTC()
		if t.Year() < 0 || t.Year() > 9999 {
			return nil, p.errorAt(v.at, "%s is too far away", v.text)
		}
		return t.Format(timeLayout), nil
	}
	day, err := time.Parse(time.DateOnly, v.text)
	if err != nil {
		return nil, p.errorAt(v.at, "%q is no time", v.text).expecting("a time such as 2026-01-31, 2026-01-31T08:00:00Z, -30d or now-12h")
	}
	if op == Eq || op == Ne {
		return nil, p.errorAt(v.at, "%s is a whole day, %s a moment", v.text, name).
			expecting(name + " >= " + v.text + " AND " + name + " < " + day.AddDate(0, 0, 1).Format(time.DateOnly))
	}
	return day.Format(timeLayout), nil
}
