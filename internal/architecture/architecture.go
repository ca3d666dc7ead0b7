// Package architecture holds the import rules of the code base, each with its reason, and checks them over the
// whole import closure. The linter warns in the editor; this package, run as a test, decides. It parses the files
// itself, since a test that asks `go list` is answered from the test cache after a violation.
package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the path that every import of ours begins with.
const Module = "maestro.internal"

// Rule forbids packages to reach others, directly or through what they import.
type Rule struct {
	// From are the packages concerned, To the packages they must not reach: paths inside the module, or full import
	// paths of other modules; "x/..." includes everything below x.
	From, To []string
	// Except are packages of From, Allow packages of To to which the rule does not apply.
	Except, Allow []string
	// Direct looks at a package's own imports only.
	Direct bool
	Reason string
}

// Rules are the import rules of docs/architecture.md.
func Rules() []Rule {
	return []Rule{
		{
			From: []string{"sdk/..."}, To: []string{"agent/...", "collector/...", "plugins/...", "cli/...", "demo/...", "internal/...", "web"},
			Reason: "third parties import the SDK; it must not drag the product along",
		},
		{
			From: []string{"plugins/..."}, To: []string{"agent/...", "collector/...", "cli/...", "demo/...", "internal/...", "web"},
			Reason: "a plugin is what a stranger could have written: it has the SDK and its vendor's SDK, and no more",
		},
		{
			From: []string{"agent/..."}, To: []string{"collector/...", "plugins/...", "cli/...", "demo/...", "web"},
			Reason: "the agent stays small and knows providers only as processes",
		},
		{
			From: []string{"collector/..."}, To: []string{"agent/...", "plugins/...", "cli/...", "demo/...", "sdk/host", "sdk/serve"},
			Reason: "the collector never runs a plugin",
		},
		{
			From: []string{"cli/..."}, To: []string{"agent/...", "collector/...", "plugins/...", "demo/...", "sdk/host"},
			Reason: "the CLI is a client of the REST API and starts sibling binaries; it links none of them",
		},
		{
			From: []string{"collector/internal/inventory", "collector/internal/audit", "collector/internal/filter", "collector/internal/store"},
			To: []string{
				"collector/internal/store/...", "collector/internal/ingest", "collector/internal/api", "collector/internal/webui",
				"collector/internal/fleet", "collector/internal/access", "internal/protocol/...", "internal/rest",
				"database/sql", "net/http", "google.golang.org/grpc/...", "go.mongodb.org/mongo-driver/v2/...", "modernc.org/sqlite",
			},
			Allow:  []string{"collector/internal/store"},
			Reason: "the domain imports no adapter",
			Direct: true,
		},
		{
			From: []string{"collector/...", "agent/...", "cli/..."}, To: []string{"collector/internal/store/sqlite", "collector/internal/store/mongo"},
			Except: []string{"collector", "collector/cmd/maestro-collector"},
			Reason: "only collector/collector.go names a store engine",
			Direct: true,
		},
		{
			From: []string{"..."}, To: []string{"sdk/proto/...", "internal/protocol/uplinkv1"},
			Except: []string{"sdk/proto/pluginv1", "sdk/serve", "sdk/host", "sdk/wire", "internal/protocol", "internal/protocol/uplinkv1", "agent/internal/uplink", "collector/internal/ingest"},
			Reason: "generated code stays at the rim; everything else speaks the domain's types",
			Direct: true,
		},
		{
			From: []string{"agent/..."}, To: []string{
				"github.com/vmware/govmomi/...", "github.com/aws/aws-sdk-go-v2/...", "github.com/Azure/azure-sdk-for-go/...",
				"github.com/gophercloud/gophercloud/...", "modernc.org/sqlite", "go.mongodb.org/mongo-driver/v2/...",
			},
			Reason: "no provider SDK and no store is linked into the agent",
		},
	}
}

// Package is one package of the tree, without its tests.
type Package struct {
	// Path inside the module; "" is the root.
	Path    string
	Imports []string
	Doc     string
	Files   int
}

// Load parses every Go package below root that is not a test, a fixture or a module of its own.
func Load(root string) (map[string]*Package, error) {
	pkgs := map[string]*Package{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, file, d.Name())
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		return add(pkgs, root, file)
	})
	return pkgs, err
}

func enter(root, dir, name string) error {
	if dir == root {
		return nil
	}
	if name == "node_modules" || name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func add(pkgs map[string]*Package, root, file string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("place %s: %w", file, err)
	}
	key := filepath.ToSlash(rel)
	if key == "." {
		key = ""
	}
	p := pkgs[key]
	if p == nil {
		p = &Package{Path: key}
		pkgs[key] = p
	}
	p.Files++
	if doc := f.Doc.Text(); doc != "" && !generated(f) {
		p.Doc = doc
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("read import of %s: %w", file, err)
		}
		if !slices.Contains(p.Imports, name) {
			p.Imports = append(p.Imports, name)
		}
	}
	return nil
}

func generated(f *ast.File) bool { return ast.IsGenerated(f) }

// Check answers every violation as the chain of imports that leads to it, with the rule's reason.
func Check(pkgs map[string]*Package, rules []Rule) []string {
	var out []string
	for _, rule := range rules {
		for _, key := range sortedKeys(pkgs) {
			if !matches(rule.From, key) || slices.Contains(rule.Except, key) {
				continue
			}
			if chain := reach(pkgs, rule, key); chain != nil {
				out = append(out, strings.Join(chain, " -> ")+": "+rule.Reason)
			}
		}
	}
	return out
}

// reach finds the shortest chain from a package to something the rule forbids.
func reach(pkgs map[string]*Package, rule Rule, from string) []string {
	type step struct {
		key   string
		chain []string
	}
	seen := map[string]bool{from: true}
	queue := []step{{from, []string{from}}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		p := pkgs[at.key]
		if p == nil {
			continue
		}
		for _, imp := range p.Imports {
			next := inside(imp)
			chain := append(slices.Clone(at.chain), next)
			if matches(rule.To, next) && !slices.Contains(rule.Allow, next) {
				return chain
			}
			if rule.Direct || seen[next] {
				continue
			}
			seen[next] = true
			queue = append(queue, step{next, chain})
		}
	}
	return nil
}

func inside(imp string) string {
	if imp == Module {
		return ""
	}
	return strings.TrimPrefix(imp, Module+"/")
}

func matches(patterns []string, key string) bool {
	for _, p := range patterns {
		if p == "..." || p == key {
			return true
		}
		if base, ok := strings.CutSuffix(p, "/..."); ok && (key == base || strings.HasPrefix(key, base+"/")) {
			return true
		}
	}
	return false
}

// Undocumented answers the packages without a package comment that begins as it should.
func Undocumented(pkgs map[string]*Package) []string {
	var out []string
	for _, key := range sortedKeys(pkgs) {
		p := pkgs[key]
		if strings.HasPrefix(p.Doc, "Package ") || strings.HasPrefix(p.Doc, "Command ") || isProto(key) {
			continue
		}
		out = append(out, path.Join(Module, key))
	}
	return out
}

// isProto says that a package is all generated: its words are in the .proto file.
func isProto(key string) bool {
	return strings.HasPrefix(key, "sdk/proto/") || key == "internal/protocol/uplinkv1"
}

func sortedKeys(m map[string]*Package) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
