// Package contexts keeps the collectors a person works with, and their tokens, in one private file.
package contexts

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// File is the whole of the configuration file.
type File struct {
	Current  string             `yaml:"current"`
	Contexts map[string]Context `yaml:"contexts"`

	path string
}

// Context is one collector and the token for it.
type Context struct {
	URL   string `yaml:"url"`
	Token string `yaml:"token"`
	// Tenant that the token is of; empty in files of older releases.
	Tenant string `yaml:"tenant,omitempty"`
}

// In is the context of the same collector for another tenant; an empty tenant is that of c.
func (f *File) In(c Context, tenant string) (Context, error) {
	if tenant == "" || c.Tenant == tenant {
		return c, nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.Contexts)) {
		if x := f.Contexts[name]; x.URL == c.URL && x.Tenant == tenant {
			return x, nil
		}
	}
	return Context{}, fmt.Errorf("there is no token for the tenant %q: run `maestro login %s --tenant %s`", tenant, c.URL, tenant)
}

// Path is where the file lies: $MAESTRO_CONFIG, or maestro/config.yaml in the user's configuration folder.
func Path(env func(string) string) (string, error) {
	if p := env("MAESTRO_CONFIG"); p != "" {
		return p, nil
	}
	if dir := env("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "maestro", "config.yaml"), nil
	}
	home := env("HOME")
	if home == "" {
		return "", errors.New("find configuration folder: neither MAESTRO_CONFIG nor HOME is set")
	}
	return filepath.Join(home, ".config", "maestro", "config.yaml"), nil
}

// Load reads the file; one that is not there is empty.
func Load(path string) (*File, error) {
	f := &File{path: path, Contexts: map[string]Context{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read contexts: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(b, f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read contexts in %s: %w", path, err)
	}
	if f.Contexts == nil {
		f.Contexts = map[string]Context{}
	}
	return f, nil
}

// Save writes the file for its owner only.
func (f *File) Save() error {
	b, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("make configuration folder: %w", err)
	}
	tmp := f.path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	return nil
}

// Choose answers the named context, or the current one for "".
func (f *File) Choose(name string) (Context, error) {
	if name == "" {
		name = f.Current
	}
	if name == "" {
		return Context{}, errors.New("no collector chosen: run `maestro login URL`, or set MAESTRO_URL and MAESTRO_TOKEN")
	}
	c, ok := f.Contexts[name]
	if !ok {
		return Context{}, fmt.Errorf("no context %q in %s", name, f.path)
	}
	return c, nil
}
