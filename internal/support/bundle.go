package support

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"maestro.internal/internal/build"
)

const (
	// maxEntry is how much of one thing comes along; of logs the end.
	maxEntry = 4 << 20
	// maxFiles are listed of a folder.
	maxFiles = 2000
)

// Bundle is the archive while it is filled.
type Bundle struct {
	zip      *zip.Writer
	redact   *Redactor
	now      time.Time
	contents []string
	missing  []string
}

// New begins a bundle.
func New(w io.Writer, r *Redactor, now time.Time) *Bundle {
	return &Bundle{zip: zip.NewWriter(w), redact: r, now: now}
}

// JSON adds a document.
func (b *Bundle) JSON(name string, doc []byte) error { return b.add(name, b.redact.JSON(doc)) }

// Text adds a text.
func (b *Bundle) Text(name string, text []byte) error { return b.add(name, b.redact.Text(text)) }

// Missing notes what could not be had; the bundle says so.
func (b *Bundle) Missing(name string, err error) {
	b.missing = append(b.missing, name+": "+string(b.redact.Text([]byte(err.Error()))))
}

// Whole says that nothing was missing.
func (b *Bundle) Whole() bool { return len(b.missing) == 0 }

func (b *Bundle) add(name string, text []byte) error {
	if len(text) > maxEntry {
		text = append(text[:maxEntry:maxEntry], "\n... cut\n"...)
	}
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.now})
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	b.contents = append(b.contents, name)
	return nil
}

// Config adds a configuration file without its secrets.
func (b *Bundle) Config(name, path string) error {
	text, err := readEnd(path)
	if err != nil {
		b.Missing(name, err)
		return nil
	}
	return b.add(name, b.redact.YAML(text))
}

// Log adds the end of a log.
func (b *Bundle) Log(name, path string) error {
	text, err := readEnd(path)
	if err != nil {
		b.Missing(name, err)
		return nil
	}
	return b.Text(name, text)
}

// readEnd reads a file's last part, from the beginning of a line.
func readEnd(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	const window = maxEntry / 2 // taking secrets out can make a text longer
	if info.Size() > window {
		if _, err := f.Seek(-window, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	if text, err = io.ReadAll(io.LimitReader(f, window)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if info.Size() > window {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, nil
}

// Folder lists what lies in a folder, with sizes and rights: what is in the files stays there.
func (b *Bundle) Folder(name, dir string) error {
	var out strings.Builder
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(&out, "%v\n", err)
			return nil
		}
		if n++; n > maxFiles {
			fmt.Fprintln(&out, "... and more")
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			fmt.Fprintf(&out, "%v\n", err)
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			rel = path
		}
		fmt.Fprintf(&out, "%s %12d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), rel)
		return nil
	})
	if err != nil {
		b.Missing(name, err)
		return nil
	}
	return b.Text(name, []byte(out.String()))
}

// Machine says where the bundle was made.
func (b *Bundle) Machine(program string) error {
	host, err := os.Hostname()
	if err != nil {
		host = err.Error()
	}
	return b.Text("local/machine.txt", []byte(fmt.Sprintf("%s\n%s/%s, %s, %d processors\nhost %s\nmade %s\n", build.Line(program), runtime.GOOS, runtime.GOARCH, runtime.Version(),
		runtime.NumCPU(), host, b.now.UTC().Format(time.RFC3339))))
}

// Close says what is in the bundle, and ends it.
func (b *Bundle) Close() error {
	text := "What Maestro knows of itself, for whoever helps.\nSecrets were taken out and replaced by " + Redacted + ". Names of machines, addresses and settings are in it: look before you send it.\n\n" +
		strings.Join(b.contents, "\n") + "\n"
	if len(b.missing) > 0 {
		text += "\nCould not be had:\n" + strings.Join(b.missing, "\n") + "\n"
	}
	if err := b.add("README.txt", []byte(text)); err != nil {
		return err
	}
	if err := b.zip.Close(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}
