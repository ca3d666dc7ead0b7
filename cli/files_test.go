package cli_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

// TestUpload: only what is new travels, folders are flat unless asked, and --prune makes the connection what the paths are.
func TestUpload(t *testing.T) {
	kept := map[string]string{"lost": "L", "same": "1", "old": "x"}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /api/v1/connections", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.Connection]{Items: []rest.Connection{{ID: "c1", Name: "facts"}}})
	})
	mux.HandleFunc("GET /api/v1/connections/c1/files", func(w http.ResponseWriter, _ *http.Request) {
		list := rest.List[rest.ConnectionFile]{}
		for name, content := range kept {
			sum := sha256.Sum256([]byte(content))
			list.Items = append(list.Items, rest.ConnectionFile{Name: name, SHA256: hex.EncodeToString(sum[:]), SizeBytes: int64(len(content)), Lost: name == "lost"})
		}
		answer(w, list)
	})
	mux.HandleFunc("POST /api/v1/connections/c1/files", func(w http.ResponseWriter, r *http.Request) {
		var refused []rest.RefusedFile
		for in := tar.NewReader(r.Body); ; {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			b, err2 := io.ReadAll(in)
			if err := errors.Join(err, err2); err != nil || r.Header.Get("Content-Type") != "application/x-tar" {
				t.Errorf("%v, %v", r.Header, err)
				break
			}
			if string(b) == "broken" {
				refused = append(refused, rest.RefusedFile{Name: h.Name, Problem: h.Name + " is broken"})
				continue
			}
			kept[h.Name] = string(b)
		}
		answer(w, rest.ConnectionUpload{Refused: refused})
	})
	mux.HandleFunc("/api/v1/connections/c1/files/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.PathValue("name"))
		if r.Method == http.MethodDelete {
			delete(kept, name)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%s: %v, %v", name, r.Header, err)
		}
		kept[name] = string(b)
		answer(w, rest.ConnectionFile{Name: name})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{"same": "1", "a b": "2", "empty": "", "lost": "L", ".hidden": "h", "deep/c": "3"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(bad, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args []string
		code int
		out  string
		kept string
	}{
		{[]string{dir}, 0, "3 uploaded, 1 unchanged, 0 deleted.", "a b=2 empty= lost=L old=x same=1"},
		{[]string{dir, "-r", "--prune"}, 0, "2 uploaded, 3 unchanged, 1 deleted.", "a b=2 c=3 empty= lost=L same=1"},
		{[]string{bad, dir}, 1, "1 uploaded, 3 unchanged, 0 deleted.\nRefused: old is broken", "a b=2 c=3 empty= lost=L same=1"},
		{[]string{filepath.Join(dir, "deep", "c"), filepath.Join(dir, "nowhere")}, 2, "nowhere", "a b=2 c=3 empty= lost=L same=1"},
	} {
		var out bytes.Buffer
		code := cli.Main(append([]string{"connections", "upload", "facts"}, tc.args...), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out,
			Now: time.Now, Getenv: func(k string) string { return env[k] }})
		var got []string
		for name, content := range kept {
			got = append(got, name+"="+content)
		}
		slices.Sort(got)
		if code != tc.code || !strings.Contains(out.String(), tc.out) || strings.Join(got, " ") != tc.kept {
			t.Errorf("%v: exit %d, %q, then %v; want %d, %q, %s", tc.args, code, out.String(), got, tc.code, tc.out, tc.kept)
		}
	}
}

// TestUploadOfMany: small files travel together, as many as the collector takes at once; a large one alone.
func TestUploadOfMany(t *testing.T) {
	var archives, files, alone int
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
	mux.HandleFunc("GET /api/v1/connections", func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"items":[{"id":"c1","name":"facts"}]}`) })
	mux.HandleFunc("GET /api/v1/connections/c1/files", func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"items":[]}`) })
	mux.HandleFunc("PUT /api/v1/connections/c1/files/large", func(w http.ResponseWriter, _ *http.Request) {
		alone++
		answer(w, `{}`)
	})
	mux.HandleFunc("POST /api/v1/connections/c1/files", func(w http.ResponseWriter, r *http.Request) {
		archives++
		b, err := io.ReadAll(r.Body)
		if err != nil || len(b) > upload.MaxBatch {
			t.Errorf("an archive of %d bytes: %v", len(b), err)
		}
		n := 0
		for in := tar.NewReader(bytes.NewReader(b)); ; n++ {
			if _, err := in.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if files += n; n > upload.MaxBatchFiles {
			t.Errorf("%d files in an archive", n)
		}
		answer(w, `{}`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	dir := t.TempDir()
	write := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range upload.MaxBatchFiles + 1 {
		write(fmt.Sprintf("a%04d", i), 1)
	}
	for i := range 4 { // two to an archive
		write(fmt.Sprintf("b%d", i), upload.MaxBatch/2-3*4096)
	}
	write("large", upload.MaxBatch)
	var out bytes.Buffer
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	code := cli.Main([]string{"connections", "upload", "facts", dir}, cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out,
		Now: time.Now, Getenv: func(k string) string { return env[k] }})
	if code != 0 || files != upload.MaxBatchFiles+5 || archives > 4 || alone != 1 {
		t.Errorf("exit %d, %s: %d files in %d archives, %d alone", code, out.String(), files, archives, alone)
	}
}
