package ansible

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// The limits of what is believed: a host's facts have some ten kilobytes, with all packages a few hundred.
const (
	maxFileBytes = 16 << 20
	maxFiles     = 200_000
)

// source is a way by which files come.
type source interface {
	// fetch brings the files of the wanted hosts into a folder, or names the one where they lie.
	fetch(ctx context.Context, calls caller, wanted func(host string) bool) (*folder, error)
}

// caller makes requests; an Emitter is one.
type caller interface {
	Call(ctx context.Context, limit string, fn func(context.Context) error) error
}

func sourceOf(s Settings) (source, error) {
	switch s.Source {
	case "directory":
		if len(s.Paths) == 0 {
			return nil, &provider.SettingsError{Pointer: "/paths", Problem: "name at least one folder; . is the allowed folder itself"}
		}
		return local{paths: s.Paths}, nil
	case "upload":
		return uploaded{}, nil
	case "sftp":
		return newSFTP(s)
	case "s3":
		return newBucket(s)
	case "run":
		if s.Inventory == "" {
			return nil, &provider.SettingsError{Pointer: "/inventory", Problem: "is needed to run ansible"}
		}
		return runner{inventory: s.Inventory, hosts: s.Hosts}, nil
	}
	return nil, &provider.SettingsError{Pointer: "/source", Problem: "want directory, sftp, s3, upload or run"}
}

// folder is where the files lie: by the host's name, one or several for each. Files are opened through root, which
// follows no link to the outside.
type folder struct {
	root  *os.Root
	files map[string][]string
	names []string
	// unread says of a file that could not be fetched why.
	unread map[string]error
	// own is a temporary folder to remove, or empty.
	own string

	mu sync.Mutex // while files are fetched
}

func (f *folder) hosts() []string { return f.names }

func (f *folder) remove() error {
	err := f.root.Close()
	if f.own == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(f.own))
}

// openFolder makes a folder of one of the machine's.
func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, readFailed(err)
	}
	return &folder{root: root, files: map[string][]string{}, unread: map[string]error{}}, nil
}

// list takes the files of a folder below the root. What is hidden, no file, or not wanted is left out.
func (f *folder) list(dir string, wanted func(string) bool) error {
	opened, err := f.root.Open(dir)
	if err != nil {
		return readFailed(err)
	}
	entries, err := opened.ReadDir(-1)
	if err = errors.Join(err, opened.Close()); err != nil {
		return readFailed(err)
	}
	for _, e := range entries {
		if name := hostOf(e.Name()); name != "" && !e.IsDir() && wanted(name) {
			f.enter(name, filepath.Join(dir, e.Name()))
		}
	}
	if len(f.names) > maxFiles {
		return provider.Permanent(fmt.Errorf("more than %d fact files", maxFiles))
	}
	return nil
}

// enter notes a file of a host.
func (f *folder) enter(host, path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.files[host]) == 0 {
		f.names = append(f.names, host)
	}
	f.files[host] = append(f.files[host], path)
}

// miss notes that a file of a host could not be fetched.
func (f *folder) miss(host string, why error) {
	f.enter(host, "")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unread[host] = why
}

// done sorts what was fetched. Where nothing could be, that is the answer.
func (f *folder) done() (*folder, error) {
	slices.Sort(f.names)
	for _, files := range f.files {
		slices.Sort(files) // in the order of the folders, whichever came first
	}
	if len(f.unread) > 0 && len(f.unread) == len(f.names) {
		return nil, errors.Join(f.unread[f.names[0]], f.remove())
	}
	return f, nil
}

// hostOf is the host that a file is named after; empty for what is none.
func hostOf(file string) string {
	if strings.HasPrefix(file, ".") || strings.HasSuffix(file, "~") {
		return ""
	}
	return strings.TrimSuffix(file, ".json")
}

func readFailed(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return provider.Denied(err, "let the agent's user read the folder")
	case errors.Is(err, fs.ErrNotExist):
		return permanent(err, "check the path, on the machine of the agent")
	}
	return provider.Permanent(err)
}

// local reads folders of the agent's machine, below the one that its credential allows.
type local struct{ paths []string }

func (l local) fetch(_ context.Context, _ caller, wanted func(string) bool) (*folder, error) {
	root, err := allowed()
	if err != nil {
		return nil, err
	}
	f, err := openFolder(root)
	if err != nil {
		return nil, err
	}
	for _, p := range l.paths {
		dir, err := below(root, p)
		if err == nil {
			err = f.list(dir, wanted)
		}
		if err != nil {
			return nil, errors.Join(err, f.remove())
		}
	}
	slices.Sort(f.names)
	return f, nil
}

// allowed is the folder of the agent's machine that the credential allows.
func allowed() (string, error) {
	root := os.Getenv(envRoot)
	if root == "" {
		return "", provider.Denied(errors.New("the credential allows no folder of the agent's machine"),
			"give the connection a credential whose entry in the agent's file sets "+envRoot)
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", readFailed(err)
	}
	return root, nil
}

// below is a path under a folder, seen from there. Links are followed first, so that none leads outside.
func below(root, p string) (string, error) {
	if !filepath.IsAbs(p) {
		p = filepath.Join(root, p)
	}
	full, err := filepath.EvalSymlinks(p)
	if err != nil {
		return "", readFailed(err)
	}
	rel, err := filepath.Rel(root, full)
	if err != nil || !filepath.IsLocal(rel) {
		return "", provider.Denied(fmt.Errorf("%s lies outside of the folder that the credential allows", p), "move the facts, or allow the folder with "+envRoot)
	}
	return rel, nil
}

// refused says that an error is about what may be read.
func refused(err error) bool {
	var classed *provider.Error
	return errors.As(err, &classed) && classed.Status == resource.StatusDenied
}

// permanent is an error that no repetition mends, with what to do about it.
func permanent(err error, advice string) error {
	return &provider.Error{Status: resource.StatusFailed, Err: err, Advice: advice}
}

// temporary makes a folder of our own, below the private home that the agent gives the plugin.
func temporary() (*folder, error) {
	dir, err := os.MkdirTemp("", "maestro-facts-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	f.own = dir
	return f, nil
}

// add takes what is read from r as a file of a host. It is complete or not there.
func (f *folder) add(part int, host string, r io.Reader) error {
	dir := filepath.Join(f.own, fmt.Sprint(part))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	// Names are foreign: only a number of ours becomes a path.
	file, err := os.CreateTemp(dir, "host-")
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	_, err = io.Copy(file, io.LimitReader(r, maxFileBytes+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	f.enter(host, filepath.Join(filepath.Base(dir), filepath.Base(file.Name())))
	return nil
}

// read merges what the files of a host say.
func (f *folder) read(name string) (*host, error) {
	if err := f.unread[name]; err != nil {
		return nil, err
	}
	h := newHost(name)
	for _, path := range f.files[name] {
		more, size, err := f.parse(path)
		if err != nil {
			return nil, err
		}
		maps.Copy(h.facts, more)
		h.size += size
	}
	return h, nil
}

// parse reads a file of the folder, and says how long it is.
func (f *folder) parse(path string) (all facts, size int64, err error) {
	// Asked first: opening a pipe would wait for who writes into it.
	if info, err := f.root.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, 0, cmp.Or(err, errors.New("is no regular file"))
	}
	file, err := f.root.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	in := &io.LimitedReader{R: file, N: maxFileBytes + 1}
	all, err = parse(in)
	if in.N <= 0 {
		return nil, 0, fmt.Errorf("has more than %d MiB", maxFileBytes>>20)
	}
	return all, maxFileBytes + 1 - in.N, err
}

// parse reads one file: a module's result with ansible_facts in it, or the bare facts of a cache.
func parse(r io.Reader) (facts, error) {
	in := json.NewDecoder(r)
	in.UseNumber() // sizes and serial numbers stay exact
	var all facts
	if err := in.Decode(&all); err != nil {
		return nil, fmt.Errorf("is broken or half-written: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("is broken or half-written: something follows the facts")
	}
	if all.flag("unreachable") || all.flag("failed") {
		return nil, fmt.Errorf("ansible could not gather its facts: %s", all.text("msg"))
	}
	if inner, ok := all["ansible_facts"]; ok {
		f, ok := inner.(map[string]any)
		if !ok {
			return nil, errors.New("ansible_facts is no object")
		}
		all = f
	}
	if len(all) == 0 {
		return nil, errors.New("has no facts")
	}
	// It holds the whole environment of who ran Ansible, secrets included.
	delete(all, "ansible_env")
	return all, nil
}

// uploaded reads the files that people uploaded to the connection, which the agent has brought here.
type uploaded struct{}

func (uploaded) fetch(_ context.Context, _ caller, wanted func(string) bool) (*folder, error) {
	dir := os.Getenv(provider.FilesEnv)
	if dir == "" {
		return nil, permanent(errors.New("the uploaded files were never fetched"), "let the agent reach its collector once; its log says what kept it from that")
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := f.list(".", wanted); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	slices.Sort(f.names)
	return f, nil
}
