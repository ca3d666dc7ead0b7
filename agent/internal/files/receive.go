package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"maestro.internal/internal/upload"
)

// receiver takes one answer of the collector into a folder aside and believes nothing of it. Files have their position as
// name here.
type receiver struct {
	dir    string
	have   map[string]string
	listed bool
	list   []File
	done   map[int]bool

	// at is the file that comes in.
	at   int
	file *os.File
	hash hash.Hash
	size int64
}

var errList = errors.New("the collector's answer does not begin with one list")

// List checks what is to come.
func (r *receiver) List(list []File) error {
	if r.listed {
		return errList
	}
	r.listed, r.list, r.done = true, list, map[int]bool{}
	names, total := map[string]bool{}, int64(0)
	for _, x := range list {
		if err := upload.CheckName(x.Name); err != nil {
			return fmt.Errorf("the collector sends %.200q: %w", x.Name, err)
		}
		raw, err := hex.DecodeString(x.SHA256)
		switch {
		case names[x.Name]:
			return fmt.Errorf("the collector sends %q twice", x.Name)
		case err != nil || len(raw) != sha256.Size:
			return fmt.Errorf("the collector sends %q without its SHA-256", x.Name)
		case x.Size < 0 || x.Size > upload.MaxFile:
			return fmt.Errorf("the collector sends %q of %d bytes, at most %d are taken", x.Name, x.Size, upload.MaxFile)
		}
		names[x.Name] = true
		total += x.Size
	}
	return upload.CheckTotal(len(list), total)
}

// Chunk takes a piece. The pieces of a file come in order and without gaps.
func (r *receiver) Chunk(file int, offset int64, data []byte) error {
	switch {
	case !r.listed:
		return errList
	case file < 0 || file >= len(r.list) || r.done[file] || r.have[r.list[file].SHA256] != "":
		return errors.New("the collector sends a file that was not asked for")
	case len(data) == 0 || len(data) > upload.Chunk:
		return fmt.Errorf("the collector sends a piece of %d bytes", len(data))
	}
	if r.file == nil {
		if err := r.begin(file); err != nil {
			return err
		}
	}
	x := r.list[r.at]
	if file != r.at || offset != r.size || r.size+int64(len(data)) > x.Size {
		return fmt.Errorf("the collector sends pieces of %q that do not fit", x.Name)
	}
	if _, err := io.MultiWriter(r.file, r.hash).Write(data); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if r.size += int64(len(data)); r.size == x.Size {
		return r.end()
	}
	return nil
}

func (r *receiver) path(i int) string { return filepath.Join(r.dir, strconv.Itoa(i)) }

func (r *receiver) begin(i int) error {
	file, err := os.OpenFile(r.path(i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	r.at, r.file, r.hash, r.size = i, file, sha256.New(), 0
	return nil
}

func (r *receiver) end() error {
	err := errors.Join(r.file.Sync(), r.file.Close())
	r.file = nil
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if x := r.list[r.at]; hex.EncodeToString(r.hash.Sum(nil)) != x.SHA256 {
		return fmt.Errorf("%q is not what its SHA-256 says", x.Name)
	}
	r.done[r.at] = true
	return nil
}

// finish says whether everything came.
func (r *receiver) finish() error {
	if !r.listed {
		return errList
	}
	for i, x := range r.list {
		if r.done[i] || r.have[x.SHA256] != "" {
			continue
		}
		if x.Size > 0 {
			return fmt.Errorf("the collector did not send %q to its end", x.Name)
		}
		if err := r.begin(i); err != nil {
			return err
		}
		if err := r.end(); err != nil {
			return err
		}
	}
	return nil
}

// copyHeld brings a content that is at hand under its new name, unless it is there.
func (r *receiver) copyHeld(i int, x File, to string) error {
	from := r.have[x.SHA256]
	if r.done[i] || from == "" || from == to || sumOf(to) == x.SHA256 {
		return nil
	}
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(r.path(i), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	return nil
}

// abandon closes what was not received to its end.
func (r *receiver) abandon() {
	if r.file != nil {
		_ = r.file.Close() // it goes with its folder
	}
}

var _ Receiver = (*receiver)(nil)
