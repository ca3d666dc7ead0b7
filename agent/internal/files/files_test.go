package files_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maestro.internal/agent/internal/files"
	"maestro.internal/internal/upload"
)

func file(name, content string) files.File {
	sum := sha256.Sum256([]byte(content))
	return files.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// remote is a collector that has contents by name.
type remote struct {
	contents map[string]string
	err      error
	sent     []string
}

func (r *remote) files(_ context.Context, _ string, _ int64, have []string, to files.Receiver) error {
	if r.err != nil {
		return r.err
	}
	r.sent = nil
	var list []files.File
	for name, content := range r.contents {
		list = append(list, file(name, content))
	}
	slices.SortFunc(list, func(a, b files.File) int { return strings.Compare(a.Name, b.Name) })
	if err := to.List(list); err != nil {
		return err
	}
	for i, f := range list {
		if slices.Contains(have, f.SHA256) || f.Size == 0 {
			continue
		}
		r.sent = append(r.sent, f.Name)
		content := r.contents[f.Name]
		for at := 0; at < len(content); at += upload.Chunk {
			if err := to.Chunk(i, int64(at), []byte(content[at:min(at+upload.Chunk, len(content))])); err != nil {
				return err
			}
		}
	}
	return nil
}

func show(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Name()+"="+string(b[:min(len(b), 8)]))
	}
	return strings.Join(out, " ")
}

// The folder follows the collector; only what is new travels.
func TestAFolderIsBroughtUpToDate(t *testing.T) {
	r := &remote{contents: map[string]string{"a": "1", "b": strings.Repeat("2", upload.Chunk+1), "empty": ""}}
	root := t.TempDir()
	f := files.New(root, r.files, slog.New(slog.DiscardHandler))
	want := func(content, sent string) {
		t.Helper()
		dir, warning, err := f.Open(t.Context(), "c1", 1, false)
		if err != nil || warning != "" {
			t.Fatalf("%q, %v", warning, err)
		}
		if got := show(t, dir); got != content {
			t.Errorf("the folder has %s, want %s", got, content)
		}
		if got := strings.Join(r.sent, " "); got != sent {
			t.Errorf("sent %q, want %q", got, sent)
		}
	}
	want("a=1 b=22222222 empty=", "a b")
	want("a=1 b=22222222 empty=", "")
	r.contents = map[string]string{"b": "1", "c": "3", "d": "1"} // b and d are what a was
	want("b=1 c=3 d=1", "c")
	if err := os.WriteFile(filepath.Join(root, "c1", "files", "c"), []byte("9"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("b=1 c=3 d=1", "c")
	t.Chdir(root)
	if dir, _, err := files.New(".", r.files, slog.New(slog.DiscardHandler)).Open(t.Context(), "c1", 1, true); err != nil || !filepath.IsAbs(dir) {
		t.Errorf("the plugin is told %q, %v", dir, err)
	}
	r.err = errors.New("cut off")
	if dir, warning, err := f.Open(t.Context(), "c1", 1, false); err != nil || dir == "" || !strings.Contains(warning, "out of date: cut off") {
		t.Errorf("without a collector: %q, %q, %v", dir, warning, err)
	}
	if dir, warning, err := f.Open(t.Context(), "c2", 1, false); err != nil || dir != "" || !strings.Contains(warning, "never fetched: cut off") {
		t.Errorf("never fetched: %q, %q, %v", dir, warning, err)
	}
	r.contents, r.err = nil, nil
	want("", "")
	f.Keep([]string{"c2"})
	if _, err := os.Stat(filepath.Join(root, "c1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of a connection that is gone: %v", err)
	}
	if _, _, err := f.Open(t.Context(), "../c1", 1, false); err == nil {
		t.Error("a connection is a path")
	}
}

// Whatever a hostile collector sends, what is there stays, and nothing is written outside.
func TestNothingOfTheCollectorIsBelieved(t *testing.T) {
	many := make([]files.File, upload.MaxFiles+1)
	for i := range many {
		many[i] = file(strings.Repeat("x", 1+i%100)+string(rune('a'+i%26))+hex.EncodeToString([]byte{byte(i), byte(i >> 8)}), "")
	}
	big := func(name string) files.File {
		return files.File{Name: name, Size: upload.MaxFile, SHA256: file("", "").SHA256}
	}
	list := func(l ...files.File) func(files.Receiver) error {
		return func(to files.Receiver) error { return to.List(l) }
	}
	for name, send := range map[string]func(to files.Receiver) error{
		"a path":           list(file("../evil", "")),
		"an absolute path": list(file("/tmp/evil", "")),
		"a folder":         list(file("..", "")),
		"a name twice":     list(file("a", ""), file("a", "")),
		"no hash":          list(files.File{Name: "a"}),
		"a negative size":  list(files.File{Name: "a", Size: -1, SHA256: file("", "").SHA256}),
		"a large file":     list(files.File{Name: "a", Size: upload.MaxFile + 1, SHA256: file("", "").SHA256}),
		"too much":         list(big("1"), big("2"), big("3"), big("4"), big("5"), big("6"), big("7"), big("8"), file("9", "x")),
		"too many":         list(many...),
		"no list":          func(files.Receiver) error { return nil },
		"no contents":      list(file("a", "new")),
		"a wrong empty file": func(to files.Receiver) error {
			return to.List([]files.File{{Name: "a", SHA256: file("", "x").SHA256}})
		},
		"two lists":               func(to files.Receiver) error { return errors.Join(to.List(nil), to.List(nil)) },
		"a chunk before the list": func(to files.Receiver) error { return to.Chunk(0, 0, []byte("x")) },
		"another content": func(to files.Receiver) error {
			return errors.Join(to.List([]files.File{file("a", "new")}), to.Chunk(0, 0, []byte("old")))
		},
		"more than its size": func(to files.Receiver) error {
			return errors.Join(to.List([]files.File{file("a", "new")}), to.Chunk(0, 0, []byte("newer")))
		},
		"a gap": func(to files.Receiver) error {
			return errors.Join(to.List([]files.File{file("a", "new")}), to.Chunk(0, 1, []byte("e")))
		},
		"a file of no list": func(to files.Receiver) error {
			return errors.Join(to.List([]files.File{file("a", "new")}), to.Chunk(1, 0, []byte("e")))
		},
		"half": func(to files.Receiver) error {
			return errors.Join(to.List([]files.File{file("a", "new")}), to.Chunk(0, 0, []byte("n")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			good := &remote{contents: map[string]string{"a": "good"}}
			hostile := false
			root := t.TempDir()
			f := files.New(root, func(ctx context.Context, c string, epoch int64, have []string, to files.Receiver) error {
				if hostile {
					return send(to)
				}
				return good.files(ctx, c, epoch, have, to)
			}, slog.New(slog.DiscardHandler))
			dir, _, err := f.Open(t.Context(), "c1", 1, false)
			if err != nil {
				t.Fatal(err)
			}
			hostile = true
			if _, warning, err := f.Open(t.Context(), "c1", 1, false); err != nil || warning == "" {
				t.Errorf("no warning, %v", err)
			}
			if got := show(t, dir); got != "a=good" {
				t.Errorf("the folder has %s", got)
			}
		})
	}
}
