package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is what the code says: every text in it, and those that are refusals, which readers get to see.
type source struct {
	texts    map[string]bool
	refusals map[string]string // and where they stand
	words    map[string]bool   // that stand in refusals
}

// refusing are the types whose texts a reader gets to see; naming is what their other fields are called.
var (
	refusing = []string{"ConflictError", "InvalidError", "ForbiddenError", "TooLargeError"}
	naming   = []string{"Pointer", "Field"}
)

func readSource(t *testing.T, roots ...string) source {
	t.Helper()
	s := source{map[string]bool{}, map[string]string{}, map[string]bool{}}
	files := token.NewFileSet()
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join("../../..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool { s.see(files, n); return true })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s source) see(files *token.FileSet, n ast.Node) {
	refused := func(e ast.Expr) {
		if text, ok := formOf(e); ok && strings.Contains(text, " ") {
			s.refusals[text] = files.Position(e.Pos()).String()
		}
	}
	switch n := n.(type) {
	case *ast.BasicLit:
		if text, ok := textOf(n); ok {
			s.texts[text] = true
		}
	case *ast.BinaryExpr:
		if text, ok := textOf(n); ok {
			s.texts[text] = true
		}
	case *ast.CallExpr:
		switch name := nameOf(n.Fun); {
		case (name == "problem" || name == "at") && len(n.Args) > 1:
			refused(n.Args[1])
		case (name == "bad" || name == "errorAt") && len(n.Args) > 1:
			refused(n.Args[1])
		case (name == "refuse" || name == "expecting") && len(n.Args) == 1:
			refused(n.Args[0])
		case name == "notFound" && len(n.Args) == 1:
			s.word(n.Args[0])
		case (name == "orNotFound" || name == "nothing") && len(n.Args) == 2:
			s.word(n.Args[1])
		}
	case *ast.CompositeLit:
		if len(n.Elts) == 2 { // of the table that words what checks requests
			if call, ok := n.Elts[0].(*ast.CallExpr); ok && nameOf(call.Fun) == "MustCompile" {
				refused(n.Elts[1])
			}
		}
		if !slices.Contains(refusing, nameOf(n.Type)) {
			return
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); !ok {
				refused(e)
			} else if !slices.Contains(naming, nameOf(kv.Key)) {
				refused(kv.Value)
			}
		}
	}
}

// word is what was not found, as it stands in the sentence that says so.
func (s source) word(e ast.Expr) {
	if text, ok := textOf(e); ok {
		s.words[text] = true
	}
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// textOf is a text that the code writes down, in one piece or in several.
func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return strings.ReplaceAll(text, "$1", "%s"), err == nil
	case *ast.BinaryExpr:
		a, ok := textOf(e.X)
		b, also := textOf(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	}
	return "", false
}

// formOf is a text, or that with gaps which fmt.Sprintf fills.
func formOf(e ast.Expr) (string, bool) {
	if call, ok := e.(*ast.CallExpr); ok && nameOf(call.Fun) == "Sprintf" {
		return textOf(call.Args[0])
	}
	return textOf(e)
}

// Texts that programs put together elsewhere: titles are net/http's, the first two of an operator's own.
var elsewhere = []string{"Request body is required.", "plan: scope %d: %v", "plan: scope %s repeats"}

// Everything that the collector refuses to a reader is in the catalogue, and nothing else is: what a change of the code leaves behind
// would only look like a translation.
func TestTheCatalogueIsWhatTheCodeSays(t *testing.T) {
	code := readSource(t, "collector", "internal", "sdk/schema")
	if len(code.refusals) < 350 || len(code.words) < 25 {
		t.Fatalf("%d refusals and %d words were found: the search is broken", len(code.refusals), len(code.words))
	}
	texts := catalogues[Portuguese].texts
	for text, where := range code.refusals {
		if _, ok := texts[text]; !ok && !slices.Contains(elsewhere, text) {
			t.Errorf("%s: %q is not in pt.json", where, text)
		}
	}
	for word := range code.words {
		if _, ok := texts[word]; !ok {
			t.Errorf("the word %q is not in pt.json", word)
		}
	}
	for status := range 600 {
		code.texts[http.StatusText(status)] = true
	}
	for text := range texts {
		if !code.texts[text] && !slices.Contains(elsewhere, text) {
			t.Errorf("pt.json: no code says %q", text)
		}
	}
}

// Each gap of a text is filled from one that there is, and none is lost.
func TestGapsOfTheCatalogue(t *testing.T) {
	for text, said := range catalogues[Portuguese].texts {
		n := len(verbs.FindAllString(text, -1))
		seen := map[byte]bool{}
		for _, gap := range gaps.FindAllString(said, -1) {
			seen[gap[1]] = true
			if int(gap[1]-'0') > n || gap[1] == '0' {
				t.Errorf("%q: %s of %d", text, gap, n)
			}
		}
		if lost := n - len(seen); lost > 0 && text != "a %s is meant by its id here, which stays when the %s is renamed" {
			t.Errorf("%q: %d of %d gaps are not in %q", text, lost, n, said)
		}
		if strings.TrimSpace(said) == "" {
			t.Errorf("%q says nothing", text)
		}
	}
}

func TestSay(t *testing.T) {
	for english, want := range map[string]string{
		"There is no such connection, or you may not see it.": "Não encontrado: conexão. Não existe ou você não pode ver.",
		"There is no such teapot, or you may not see it.":     "Não encontrado: teapot. Não existe ou você não pode ver.",
		"may not be empty":  "não pode ficar vazio",
		"May not be empty.": "Não pode ficar vazio.",
		"May have at most 200 bytes and no control characters.": "Pode ter no máximo 200 bytes e nenhum caractere de controle.",
		"Remove 3 of 10 server of the \"best\" of vcenter":      "Remover 3 de 10 servidor de the \"best\" of vcenter",
		`there is no field "namex" here`:                        `não há campo "namex" aqui`,
		`There is an account "a\"b {1} %s" here that is not linked to this sign-in. Whoever has its password links it under the account menu; an administrator can help.`: `Há aqui uma conta "a\"b {1} %s" que não está vinculada a esta entrada. Quem tem a senha dela a vincula no menu da conta; um administrador pode ajudar.`,
		"what a provider said":     "what a provider said",
		"":                         "",
		strings.Repeat("a ", 5000): strings.Repeat("a ", 5000),
	} {
		if got := Portuguese.Say(english); got != want {
			t.Errorf("%.80q: %.120q, want %.120q", english, got, want)
		}
		if got := English.Say(english); got != english {
			t.Errorf("English: %q", got)
		}
	}
}

// Everything by which it is explained why something is not there is said in Portuguese, and nothing else is.
func TestExplanationsAreWhatTheCodeSays(t *testing.T) {
	texts := explained[Portuguese]
	asked, all := readSource(t, "collector/internal/why"), readSource(t, "collector", "sdk/resource")
	n := 0
	for text := range asked.texts {
		_, refused := catalogues[Portuguese].texts[text]
		// Errors of ours, what stands between things, the beginnings of a site's rules and a layout are not said.
		if !strings.Contains(strings.TrimSpace(text), " ") || strings.Contains(text, "%w") || refused || slices.Contains([]string{"%q (%s)", "every kind", "is dropped", "field /name of", "its identifier", "2006-01-02 15:04 MST"}, strings.TrimSpace(text)) {
			continue
		}
		n++
		if _, ok := texts[text]; !ok {
			t.Errorf("%q is not in explain.pt.json", text)
		}
	}
	if n < 80 {
		t.Fatalf("%d explanations were found: the search is broken", n)
	}
	for text, said := range texts {
		if !all.texts[text] {
			t.Errorf("explain.pt.json: no code says %q", text)
		}
		fill := len(verbs.FindAllString(text, -1))
		seen := map[byte]bool{}
		for _, gap := range gaps.FindAllString(said, -1) {
			seen[gap[1]] = true
		}
		if len(seen) != fill || strings.TrimSpace(said) == "" {
			t.Errorf("%q: %d of %d gaps are in %q", text, len(seen), fill, said)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		in     Language
		format string
		args   []any
		want   string
	}{
		{Portuguese, "No %s that you may see is called %q, or was.", []any{"server", `a"b {1} %s`}, `Nenhum recurso do tipo servidor que você pode ver se chama "a\"b {1} %s", nem se chamou.`},
		{Portuguese, "A run of %s goes on: %d of %d places are read.", []any{"fra", 2, 10}, "Uma execução de fra está em andamento: 2 de 10 lugares foram lidos."},
		{English, "A run of %s goes on: %d of %d places are read.", []any{"fra", 2, 10}, "A run of fra goes on: 2 of 10 places are read."},
		{Portuguese, "%s is new", []any{"this"}, "this is new"},
	} {
		if got := c.in.Explain(c.format, c.args...); got != c.want {
			t.Errorf("%s: %q: %q, want %q", c.in, c.format, got, c.want)
		}
	}
	for text, want := range map[string]string{"its name": "seu nome", "100% of what nobody translated": "100% of what nobody translated"} {
		if got := Portuguese.Explained(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
