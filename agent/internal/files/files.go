// Package files keeps on the agent what people uploaded to its connections, for plugins that read files: a folder for each
// connection, brought up to date before a run.
//
// A plugin that is shown half of the files would tell the other half gone. So everything is received and verified aside,
// and a list that is written last says that the folder is whole; without it the folder is not used.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/upload"
)

// File is one file of a connection.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Receiver takes what the collector sends: the list, then the contents in pieces. Its errors end the call.
type Receiver interface {
	List(files []File) error
	Chunk(file int, offset int64, data []byte) error
}

// Remote asks the collector; contents whose SHA-256 is in have are not sent.
type Remote func(ctx context.Context, connection string, epoch int64, have []string, to Receiver) error

// Folders are the folders of all connections. Its methods may be called from several goroutines.
type Folders struct {
	dir    string
	remote Remote
	log    *slog.Logger

	mu   sync.Mutex
	busy map[string]*sync.Mutex
}

// New keeps the folders below dir.
func New(dir string, remote Remote, log *slog.Logger) *Folders {
	return &Folders{dir: dir, remote: remote, log: log, busy: map[string]*sync.Mutex{}}
}

// The parts of a connection's folder.
const (
	current  = "files"
	incoming = "incoming"
	listName = "list.json"
)

func (f *Folders) lock(connection string) *sync.Mutex {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[connection] == nil {
		f.busy[connection] = &sync.Mutex{}
	}
	return f.busy[connection]
}

// Open answers the folder of a connection, brought up to date. Where the collector cannot be asked it answers what is there,
// and warns; that is no folder where nothing was ever fetched, which a plugin that needs files must not take for an empty
// one. With atHand it does not ask unless nothing is there: a run may be reading the folder.
func (f *Folders) Open(ctx context.Context, connection string, epoch int64, atHand bool) (dir, warning string, err error) {
	if err := upload.CheckName(connection); err != nil {
		return "", "", fmt.Errorf("open files: connection %q: %w", connection, err)
	}
	lock := f.lock(connection)
	lock.Lock()
	defer lock.Unlock()
	// The plugin is started in a folder of its own.
	at, err := filepath.Abs(filepath.Join(f.dir, connection))
	if err != nil {
		return "", "", fmt.Errorf("open files: %w", err)
	}
	known, whole := f.list(at)
	if atHand && whole {
		return filepath.Join(at, current), "", nil
	}
	err = f.sync(ctx, at, connection, epoch, known, whole)
	if err == nil {
		return filepath.Join(at, current), "", nil
	}
	if ctx.Err() != nil {
		return "", "", err
	}
	f.log.Warn("files are not up to date", "connection", connection, "error", err)
	list, whole := f.list(at)
	switch {
	case !whole:
		return "", fmt.Sprintf("the connection's files were never fetched: %v", err), nil
	case len(list) > 0:
		warning = fmt.Sprintf("the connection's files may be out of date: %v", err)
	}
	return filepath.Join(at, current), warning, nil
}

// Keep removes the folders of all other connections.
func (f *Folders) Keep(connections []string) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("list folders of files", "error", err)
		}
		return
	}
	for _, e := range entries {
		lock := f.lock(e.Name())
		// One that is being fetched goes the next time.
		if slices.Contains(connections, e.Name()) || !lock.TryLock() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(f.dir, e.Name())); err != nil {
			f.log.Warn("remove files", "connection", e.Name(), "error", err)
		}
		lock.Unlock()
	}
}

// list is what the folder holds; it is whole unless an update was interrupted or there never was one.
func (f *Folders) list(at string) (list []File, whole bool) {
	b, err := os.ReadFile(filepath.Join(at, listName))
	if err != nil {
		return nil, false
	}
	if err := json.Unmarshal(b, &list); err != nil {
		f.log.Warn("forget a list of files", "folder", at, "error", err)
		return nil, false
	}
	for _, x := range list {
		if info, err := os.Lstat(filepath.Join(at, current, x.Name)); err != nil || !info.Mode().IsRegular() || info.Size() != x.Size {
			return list, false
		}
	}
	return list, true
}

// held are the contents at hand, by SHA-256.
func held(at string, list []File) map[string]string {
	out := map[string]string{}
	for _, x := range list {
		path := filepath.Join(at, current, x.Name)
		if upload.CheckName(x.Name) == nil && sumOf(path) == x.SHA256 {
			out[x.SHA256] = path
		}
	}
	return out
}

func sumOf(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f *Folders) sync(ctx context.Context, at, connection string, epoch int64, known []File, whole bool) (err error) {
	have := held(at, known)
	aside := filepath.Join(at, incoming)
	if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(aside, 0o700), os.MkdirAll(filepath.Join(at, current), 0o700)); err != nil {
		return fmt.Errorf("prepare folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	in := &receiver{dir: aside, have: have}
	defer in.abandon()
	var sums []string
	for sum := range have {
		sums = append(sums, sum)
	}
	if err := f.remote(ctx, connection, epoch, sums, in); err != nil {
		return err
	}
	if err := in.finish(); err != nil {
		return err
	}
	if whole && slices.Equal(in.list, known) && len(have) == len(sumsOf(known)) {
		return f.tidy(at, in.list)
	}
	return f.replace(at, in)
}

func sumsOf(list []File) map[string]bool {
	out := map[string]bool{}
	for _, x := range list {
		out[x.SHA256] = true
	}
	return out
}

// replace makes the folder what was received. While it does there is no list.
func (f *Folders) replace(at string, in *receiver) error {
	// What moves to another name is copied before any file goes.
	for i, x := range in.list {
		if err := in.copyHeld(i, x, filepath.Join(at, current, x.Name)); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(at, listName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace files: %w", err)
	}
	for i, x := range in.list {
		err := os.Rename(in.path(i), filepath.Join(at, current, x.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replace files: %w", err)
		}
	}
	if err := f.tidy(at, in.list); err != nil {
		return err
	}
	b, err := json.Marshal(in.list)
	if err == nil {
		err = spool.WriteFile(filepath.Join(at, listName), b)
	}
	if err != nil {
		return fmt.Errorf("write list of files: %w", err)
	}
	return nil
}

// tidy removes what the list does not name.
func (f *Folders) tidy(at string, list []File) error {
	entries, err := os.ReadDir(filepath.Join(at, current))
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	names := map[string]bool{}
	for _, x := range list {
		names[x.Name] = true
	}
	for _, e := range entries {
		if names[e.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(at, current, e.Name())); err != nil {
			return fmt.Errorf("remove file: %w", err)
		}
	}
	return nil
}
