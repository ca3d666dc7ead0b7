package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameWhatIsThere wants each test that a page of docs names to be there, in the package that it is said to be in:
// a table of demands is worth as much as the tests behind it.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	in := map[string][]string{} // folders by the name of a test
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || path != root && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
				in[m[1]] = append(in[m[1]], filepath.ToSlash(filepath.Dir(path)))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	// "access `TestX`": the word before is the end of a folder's path, where it is one that there is.
	named := regexp.MustCompile("(?:([a-z0-9/]+) )?`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`")
	file := regexp.MustCompile(`web/e2e/[\w.-]+\.mjs`)
	for _, page := range pages {
		text := read(t, page)
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			there := in[m[2]]
			if len(there) == 0 {
				t.Errorf("%s names %s, which is nowhere", filepath.Base(page), m[2])
				continue
			}
			if !folder(in, m[1]) {
				continue
			}
			if !anyHasEnd(there, m[1]) {
				t.Errorf("%s names %s of %s, which is in %s", filepath.Base(page), m[2], m[1], strings.Join(there, ", "))
			}
		}
		for _, name := range file.FindAllString(text, -1) {
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("%s names %s, which is not there", filepath.Base(page), name)
			}
		}
	}
}

// folder tells whether any test is in a folder whose path ends so.
func folder(in map[string][]string, end string) bool {
	for _, there := range in {
		if anyHasEnd(there, end) {
			return true
		}
	}
	return false
}

func anyHasEnd(paths []string, end string) bool {
	for _, p := range paths {
		if end != "" && strings.HasSuffix(p, "/"+end) {
			return true
		}
	}
	return false
}
