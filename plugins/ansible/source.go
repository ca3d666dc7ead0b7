package ansible

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	return nil, &provider.SettingsError{Pointer: "/source", Problem: "want directory, sftp, s3 or run"}
}

// folder is where the files lie: by the host's name, one or several for each.
type folder struct {
	files map[string][]string
	names []string
	// own is a temporary folder to remove, or empty.
	own string
}

func (f *folder) hosts() []string { return f.names }

func (f *folder) remove() error {
	if f.own == "" {
		return nil
	}
	return os.RemoveAll(f.own)
}

// openFolder lists the files below some folders. What is hidden, no file, or not wanted is left out.
func openFolder(paths []string, wanted func(string) bool) (*folder, error) {
	f := &folder{files: map[string][]string{}}
	for _, dir := range paths {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, readFailed(err)
		}
		for _, e := range entries {
			name := hostOf(e.Name())
			if name == "" || e.IsDir() || !wanted(name) {
				continue
			}
			if len(f.files[name]) == 0 {
				f.names = append(f.names, name)
			}
			f.files[name] = append(f.files[name], filepath.Join(dir, e.Name()))
		}
		if len(f.names) > maxFiles {
			return nil, provider.Permanent(fmt.Errorf("more than %d fact files", maxFiles))
		}
	}
	slices.Sort(f.names)
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
	var dirs []string
	for _, p := range l.paths {
		dir, err := below(p)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return openFolder(dirs, wanted)
}

// below is a path under the folder that the credential allows. Links are followed first, so that none leads outside.
func below(p string) (string, error) {
	root := os.Getenv(envRoot)
	if root == "" {
		return "", provider.Denied(errors.New("the credential allows no folder of the agent's machine"),
			"give the connection a credential whose entry in the agent's file sets "+envRoot)
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", readFailed(err)
	}
	if !filepath.IsAbs(p) {
		p = filepath.Join(root, p)
	}
	full, err := filepath.EvalSymlinks(p)
	if err != nil {
		return "", readFailed(err)
	}
	if rel, err := filepath.Rel(root, full); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", provider.Denied(fmt.Errorf("%s lies outside of the folder that the credential allows", p), "move the facts, or allow the folder with "+envRoot)
	}
	return full, nil
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
	return &folder{files: map[string][]string{}, own: dir}, nil
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
	if len(f.files[host]) == 0 {
		f.names = append(f.names, host)
	}
	f.files[host] = append(f.files[host], file.Name())
	return nil
}

// read merges what the files of a host say.
func (f *folder) read(name string) (*host, error) {
	h := &host{name: name, facts: facts{}}
	for _, path := range f.files[name] {
		text, err := readFile(path)
		if err != nil {
			return nil, err
		}
		more, err := parse(text)
		if err != nil {
			return nil, err
		}
		for k, v := range more {
			h.facts[k] = v
		}
	}
	return h, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("is no regular file"), err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("has more than %d MiB", maxFileBytes>>20)
	}
	return text, err
}

// parse reads one file: a module's result with ansible_facts in it, or the bare facts of a cache.
func parse(text []byte) (facts, error) {
	var all facts
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("is broken or half-written: %w", err)
	}
	if all.flag("unreachable") || all.flag("failed") {
		return nil, fmt.Errorf("ansible could not gather its facts: %s", all.text("msg"))
	}
	if inner, ok := all["ansible_facts"]; ok {
		var f facts
		if err := json.Unmarshal(inner, &f); err != nil {
			return nil, fmt.Errorf("ansible_facts: %w", err)
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
