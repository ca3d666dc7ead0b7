package filter

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a filter's text.
const (
	MaxLength = 8 << 10
	MaxTerms  = 100
	MaxDepth  = 10
	// MaxHops is how many relations one condition may pass.
	MaxHops = 3
)

// Parse reads a filter: AIP-160 with fixed meanings, all of which testdata/parse.txt shows. The empty text is nil, which is all. now is
// what relative times are counted from. The error is an *Error.
func Parse(text string, r Resolver, now time.Time) (Expr, Info, error) {
	p := &parser{src: text, r: r, now: now}
	e, err := p.parse()
	if err != nil {
		return nil, Info{}, err
	}
	return e, p.info, nil
}

type parser struct {
	src  string
	pos  int
	r    Resolver
	now  time.Time
	info Info

	terms int
	depth int
	// lower is a bare and, or or not: a word to search for, or a slip where fields are compared as well.
	lower    int
	hasLower bool
}

func (p *parser) errorAt(offset int, format string, args ...any) *Error {
	return errorAt(p.src, offset, format, args...)
}

func (p *parser) parse() (Expr, error) {
	if len(p.src) > MaxLength {
		at := MaxLength
		for at > 0 && !utf8.RuneStart(p.src[at]) {
			at--
		}
		return nil, p.errorAt(at, "the filter is %d bytes long, at most %d are allowed", len(p.src), MaxLength)
	}
	for i, r := range p.src {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(p.src[i:]); n == 1 {
				return nil, p.errorAt(i, "the filter is not valid UTF-8")
			}
		}
		if r == 0 {
			return nil, p.errorAt(i, "the filter holds a NUL")
		}
	}
	if p.space(); p.end() {
		return nil, nil
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if !p.end() {
		return nil, p.errorAt(p.pos, "a closing parenthesis without an opening one")
	}
	if p.hasLower && len(p.info.Fields) > 0 {
		word := p.word(p.lower)
		return nil, p.errorAt(p.lower, "%q is searched for as a word", word).suggesting(strings.ToUpper(word))
	}
	return e, nil
}

func (p *parser) end() bool { return p.pos >= len(p.src) }

func (p *parser) peek() byte {
	if p.end() {
		return 0
	}
	return p.src[p.pos]
}

// space skips white space and says whether there was any.
func (p *parser) space() bool {
	from := p.pos
	for !p.end() {
		r, n := utf8.DecodeRuneInString(p.src[p.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		p.pos += n
	}
	return p.pos > from
}

// word is the text from at up to what ends a name.
func (p *parser) word(at int) string {
	end := at
	for end < len(p.src) {
		r, n := utf8.DecodeRuneInString(p.src[end:])
		if unicode.IsSpace(r) || strings.ContainsRune(`()"',`, r) || operatorAt(p.src[end:]) != "" {
			break
		}
		end += n
	}
	return p.src[at:end]
}

// keyword takes a word if it stands here on its own.
func (p *parser) keyword(w string) bool {
	if p.word(p.pos) != w || operatorAt(p.src[p.pos+len(w):]) != "" {
		return false
	}
	p.pos += len(w)
	return true
}

func operatorAt(s string) Op {
	for _, op := range []Op{Le, Ge, Ne, Eq, Lt, Gt, ":", Contains} {
		if strings.HasPrefix(s, string(op)) {
			return op
		}
	}
	return ""
}

// operand is a term with the text it was read from.
type operand struct {
	expr       Expr
	start, end int
}

// expression reads terms joined by AND, OR or nothing, which is AND.
func (p *parser) expression() (Expr, error) {
	var operands []operand
	var joins []string
	ors, ands := 0, 0
	for {
		start := p.pos
		e, err := p.term()
		if err != nil {
			return nil, err
		}
		operands = append(operands, operand{e, start, p.pos})
		p.space()
		if p.end() || p.peek() == ')' {
			break
		}
		join := "AND"
		at := p.pos
		switch {
		case p.keyword("AND"):
		case p.keyword("OR"):
			join = "OR"
		}
		if join == "OR" {
			ors++
		} else {
			ands++
		}
		joins = append(joins, join)
		if p.pos > at {
			if p.space(); p.end() || p.peek() == ')' {
				return nil, p.errorAt(p.pos, "nothing follows %s", join).expecting("a condition or a word")
			}
		}
	}
	if ors > 0 && ands > 0 {
		return nil, p.mixed(operands, joins)
	}
	list := make([]Expr, len(operands))
	for i, o := range operands {
		list[i] = o.expr
	}
	switch {
	case len(list) == 1:
		return list[0], nil
	case ors > 0:
		return Or(list), nil
	}
	return joinText(list), nil
}

// joinText makes one search of words that all must match.
func joinText(list []Expr) Expr {
	var out And
	at := -1
	for _, e := range list {
		t, ok := e.(Text)
		switch {
		case !ok:
			out = append(out, e)
		case at < 0:
			at = len(out)
			out = append(out, e)
		default:
			have := out[at].(Text)
			have.Words = slices.Concat(have.Words, t.Words)
			out[at] = have
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// mixed is the error of AND beside OR, which people read in two ways; it shows both.
func (p *parser) mixed(operands []operand, joins []string) error {
	reading := func(tight string) string {
		loose := map[string]string{"AND": "OR", "OR": "AND"}[tight]
		var groups []string
		var group []string
		flush := func() {
			text := strings.Join(group, " "+tight+" ")
			if len(group) > 1 {
				text = "(" + text + ")"
			}
			groups = append(groups, text)
			group = nil
		}
		for i, o := range operands {
			if i > 0 && joins[i-1] != tight {
				flush()
			}
			group = append(group, p.src[o.start:o.end])
		}
		flush()
		return strings.Join(groups, " "+loose+" ")
	}
	at := 0
	for i, j := range joins {
		if j != joins[0] {
			at = operands[i].end
			break
		}
	}
	for at < len(p.src) && p.src[at] == ' ' {
		at++
	}
	return p.errorAt(at, "AND (or a space) and OR stand side by side without parentheses").
		expecting("either " + reading("AND") + " or " + reading("OR"))
}

func (p *parser) nest(at int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.errorAt(at, "the filter is nested deeper than %d levels", MaxDepth)
	}
	return nil
}

func (p *parser) count(at int) error {
	if p.terms++; p.terms > MaxTerms {
		return p.errorAt(at, "the filter has more than %d conditions", MaxTerms)
	}
	return nil
}

// term reads one condition, word or parenthesised expression, possibly negated.
func (p *parser) term() (Expr, error) {
	at := p.pos
	negated := p.peek() == '-'
	if negated {
		p.pos++
	} else if p.keyword("NOT") {
		negated = true
	}
	if !negated {
		return p.simple()
	}
	if p.space(); p.end() || p.peek() == ')' {
		return nil, p.errorAt(p.pos, "nothing follows %s", strings.TrimSpace(p.src[at:p.pos])).expecting("a condition or a word")
	}
	if err := p.nest(at); err != nil {
		return nil, err
	}
	e, err := p.term()
	p.depth--
	if err != nil {
		return nil, err
	}
	return Not{e}, nil
}

func (p *parser) simple() (Expr, error) {
	at := p.pos
	switch c := p.peek(); {
	case c == '(':
		return p.parentheses()
	case c == '"' || c == '\'':
		v, err := p.quoted()
		if err != nil {
			return nil, err
		}
		after := p.pos
		p.space()
		if op := operatorAt(p.src[p.pos:]); op != "" || p.pos == after && p.peek() == '.' {
			return nil, p.errorAt(at, "a field's name is not quoted").suggesting(v.text)
		}
		p.pos = after
		return p.search(at, v)
	case c == ',':
		return nil, p.errorAt(at, "a comma joins nothing").expecting("AND or OR")
	}
	if e, ok := p.typed(at); ok {
		return e, p.count(at)
	}
	word := p.word(at)
	for _, w := range []string{"AND", "OR"} {
		if word == w {
			return nil, p.errorAt(at, "nothing stands before %s", w).expecting("a condition or a word")
		}
	}
	if word == "" {
		return nil, p.errorAt(at, "no field stands before %q", operatorAt(p.src[at:])).expecting("a field's name")
	}
	p.pos += len(word)
	if p.peek() == '(' {
		return p.function(at, word)
	}
	name, err := p.name(at, word)
	if err != nil {
		return nil, err
	}
	after := p.pos
	p.space()
	if op := operatorAt(p.src[p.pos:]); op != "" {
		opAt := p.pos
		p.pos += len(op)
		p.space()
		if err := p.count(at); err != nil {
			return nil, err
		}
		return p.restriction(restriction{at: at, name: name, op: op, opAt: opAt})
	}
	p.pos = after
	if after != at+len(word) {
		return nil, p.errorAt(after, "nothing is said of %s", strings.Join(name, ".")).expecting("an operator such as =")
	}
	if strings.EqualFold(word, "and") || strings.EqualFold(word, "or") || strings.EqualFold(word, "not") {
		p.lower, p.hasLower = at, true
	}
	v, err := p.unescape(at, word)
	if err != nil {
		return nil, err
	}
	return p.search(at, v)
}

// typed reads what stands alone and is an address, a range or the like: its colons are no operators then.
func (p *parser) typed(at int) (Expr, bool) {
	tr, ok := p.r.(TypedResolver)
	if !ok {
		return nil, false
	}
	end := at
	for end < len(p.src) && strings.IndexByte("0123456789abcdefABCDEF:./-", p.src[end]) >= 0 {
		end++
	}
	if end-at < 2 || end < len(p.src) && p.src[end] != ' ' && p.src[end] != ')' {
		return nil, false
	}
	if rest := strings.TrimLeft(p.src[end:], " "); operatorAt(rest) != "" && rest[0] != '-' {
		return nil, false
	}
	e, ok := tr.Typed(p.src[at:end])
	if ok {
		p.pos = end
	}
	return e, ok
}

func (p *parser) parentheses() (Expr, error) {
	at := p.pos
	if err := p.nest(at); err != nil {
		return nil, err
	}
	p.pos++
	if p.space(); p.peek() == ')' {
		return nil, p.errorAt(p.pos, "nothing is in the parentheses").expecting("a condition or a word")
	}
	if p.end() {
		return nil, p.errorAt(at, "the parenthesis is not closed")
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.peek() != ')' {
		return nil, p.errorAt(at, "the parenthesis is not closed")
	}
	p.pos++
	p.depth--
	return e, nil
}

// function reads cidr(field, range).
func (p *parser) function(at int, name string) (Expr, error) {
	if name != "cidr" {
		return nil, p.errorAt(at, "there is no function %s", name).expecting("cidr(field, range), or a space before the parenthesis")
	}
	if err := p.count(at); err != nil {
		return nil, err
	}
	open := p.pos
	p.pos++
	p.space()
	fieldAt := p.pos
	word := p.word(fieldAt)
	if word == "" {
		return nil, p.errorAt(fieldAt, "no field follows cidr(").expecting(`cidr(field, "10.0.0.0/8")`)
	}
	p.pos += len(word)
	field, err := p.name(fieldAt, word)
	if err != nil {
		return nil, err
	}
	if p.space(); p.peek() != ',' {
		return nil, p.errorAt(p.pos, "no comma follows the field").expecting(`cidr(` + word + `, "10.0.0.0/8")`)
	}
	p.pos++
	p.space()
	r := restriction{at: fieldAt, name: field, op: ",", opAt: p.pos}
	v, err := p.value(r)
	if err != nil {
		return nil, err
	}
	if p.space(); p.peek() != ')' {
		if p.end() {
			return nil, p.errorAt(open, "the parenthesis is not closed")
		}
		return nil, p.errorAt(p.pos, "cidr takes a field and one range").expecting(")")
	}
	p.pos++
	return p.cidr(r, v)
}

// name splits a field's name at its dots; parts with other characters may be quoted: tags."a b".
func (p *parser) name(at int, word string) ([]string, error) {
	segments := strings.Split(word, ".")
	for p.peek() == '"' && strings.HasSuffix(word, ".") {
		v, err := p.quoted()
		if err != nil {
			return nil, err
		}
		segments[len(segments)-1] = v.text
		if word = ""; p.peek() == '.' {
			word = p.word(p.pos)
			p.pos += len(word)
			segments = append(segments, strings.Split(word[1:], ".")...)
		}
	}
	return segments, nil
}

// search is a bare word or a quoted phrase.
func (p *parser) search(at int, v value) (Expr, error) {
	if err := p.count(at); err != nil {
		return nil, err
	}
	tr, ok := p.r.(TextResolver)
	var f Field
	if ok {
		f, ok = tr.Text()
	}
	if !ok {
		return nil, p.errorAt(at, "this list cannot be searched by words").expecting("a condition such as name = value")
	}
	words := Words(v.text)
	if len(words) == 0 {
		return nil, p.errorAt(at, "%q holds no letters or digits to search for", v.text)
	}
	p.info.Text = true
	return Text{Field: f, Words: words}, nil
}
