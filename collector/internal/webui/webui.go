// Package webui serves the web UI's files. They are the one thing besides sign-in and health that strangers may
// read, so it serves exactly the files it was given, with headers that leave a foreign script nothing to do.
package webui

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// nonceMark in index.html is replaced by a value made for each answer, which the UI's component library puts on
// the style elements that it makes.
const nonceMark = "__CSP_NONCE__"

// hashed files have a hash of their content in the name, so they may be kept for good.
const hashed = "/assets/"

type file struct {
	body        []byte
	contentType string
	etag        string
	// small is the body in gzip, made when first asked for; nil if that saves nothing.
	small func() []byte
}

type handler struct {
	files map[string]*file
	index *file
	nonce bool
}

// New makes the handler for all files of fsys, which must have an index.html at the top: paths that are no file
// are pages of the UI, and get that.
func New(fsys fs.FS) (http.Handler, error) {
	h := &handler{files: map[string]*file{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		h.files["/"+name] = newFile(name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read web ui: %w", err)
	}
	h.index = h.files["/index.html"]
	if h.index == nil {
		return nil, fmt.Errorf("read web ui: no index.html")
	}
	h.nonce = bytes.Contains(h.index.body, []byte(nonceMark))
	return h, nil
}

func newFile(name string, body []byte) *file {
	sum := sha256.Sum256(body)
	f := &file{body: body, contentType: contentType(name), etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	f.small = sync.OnceValue(func() []byte {
		if !compressible(f.contentType) || len(body) < 1024 {
			return nil
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil
		}
		// Writing to memory does not fail.
		_, _ = z.Write(body)
		_ = z.Close()
		if b.Len() >= len(body) {
			return nil
		}
		return b.Bytes()
	})
	return f
}

// contentType does not depend on the machine's own table, which some containers lack.
func contentType(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".woff2":
		return "font/woff2"
	case ".woff":
		return "font/woff"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.Contains(contentType, "json") || strings.Contains(contentType, "svg")
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if r.TLS != nil {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f := h.files[r.URL.Path]
	if f == nil && isPage(r) {
		f = h.index
	}
	switch f {
	case nil:
		header.Set("Content-Security-Policy", "default-src 'none'")
		http.Error(w, "not found", http.StatusNotFound)
	case h.index:
		h.serveIndex(w, r)
	default:
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		serve(w, r, f)
	}
}

// isPage says that a browser asks for a page, whatever its path: kinds have dots in their names, so that the
// path's form tells nothing. What is missing below assets was of another version, and is no page.
func isPage(r *http.Request) bool {
	if r.URL.Path == "/" {
		return true
	}
	if strings.HasPrefix(r.URL.Path, hashed) || strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (h *handler) serveIndex(w http.ResponseWriter, r *http.Request) {
	style := "'unsafe-inline'"
	body := h.index.body
	if h.nonce {
		nonce := rand.Text()
		style = "'nonce-" + nonce + "'"
		body = bytes.ReplaceAll(body, []byte(nonceMark), []byte(nonce))
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' "+style+
		"; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	header.Set("Content-Type", h.index.contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	write(w, r, body)
}

func serve(w http.ResponseWriter, r *http.Request, f *file) {
	header := w.Header()
	if strings.HasPrefix(r.URL.Path, hashed) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "no-cache")
	}
	header.Set("ETag", f.etag)
	header.Set("Vary", "Accept-Encoding")
	header.Set("Content-Type", f.contentType)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if small := f.small(); small != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = small
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	write(w, r, body)
}

func write(w http.ResponseWriter, r *http.Request, body []byte) {
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the client is gone when this fails
}
