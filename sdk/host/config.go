// Package host starts provider plugins as processes, keeps them in bounds and hands each back as a
// provider.Plugin.
//
// A plugin is foreign code that may hang, crash, flood, lie or be swapped on disk. Everything that protects
// the agent from that is here: an almost empty environment, mutual TLS on a private socket, limits of memory
// and silence, an end within a deadline for the process and its children, and the books kept over what it
// delivers.
package host

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config says which plugin to start and within which bounds.
type Config struct {
	// Path of the plugin's executable.
	Path string
	// Args are passed on; plugins need none.
	Args []string
	// SHA256 is the lower-case hex digest that the file must have. When set, what was verified is what
	// runs: a private copy of the verified bytes. Empty means that the file is run as it is.
	SHA256 string
	// Name of the plugin in messages; the file's name without "maestro-plugin-" when empty.
	Name string
	// Env is what the credential names. Beside it the plugin sees PATH, a private HOME and the proxy
	// variables, nothing else. Its values appear in no log and no error.
	Env map[string]string
	// Files is the folder of the connection's files, told to the plugin as provider.FilesEnv; empty for none.
	Files string
	// Dir holds a private directory for each running plugin. Default: a directory of this user's own in
	// the system's temporary directory.
	Dir string
	// SocketDir holds the sockets; its path must be short. Default: Dir if that is short enough, else the
	// system's temporary directory.
	SocketDir string
	// Log receives the plugin's log with the attributes it already has (run, connection). Default: discard.
	Log *slog.Logger
	// MemoryLimit in bytes is for the plugin and its children together; 0 is without limit.
	MemoryLimit int64
	// MaxResources bounds one scope; 0 means 5,000,000. A plugin that floods fills the agent's index first.
	MaxResources int
	// StartTimeout bounds the handshake (default 30 s), CallTimeout each Describe (and is the default for
	// Check and Plan when their context has no deadline; 10 min), StallTimeout the silence of a Discover
	// (5 min), StopTimeout the time to end politely (3 s).
	StartTimeout time.Duration
	CallTimeout  time.Duration
	StallTimeout time.Duration
	StopTimeout  time.Duration
}

// maxSocketDir leaves room for go-plugin's own names in a socket's path, which systems limit to 104 bytes.
const maxSocketDir = 50

func (c Config) withDefaults() (Config, error) {
	if c.Path == "" {
		return c, errors.New("launch plugin: no path")
	}
	abs, err := filepath.Abs(c.Path)
	if err != nil {
		return c, fmt.Errorf("launch plugin: %w", err)
	}
	c.Path = abs
	if c.Name == "" {
		c.Name = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(c.Path), "maestro-plugin-"), ".exe")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxResources <= 0 {
		c.MaxResources = 5_000_000
	}
	defaultTo(&c.StartTimeout, 30*time.Second)
	defaultTo(&c.CallTimeout, 10*time.Minute)
	defaultTo(&c.StallTimeout, 5*time.Minute)
	defaultTo(&c.StopTimeout, 3*time.Second)
	if c.Dir == "" {
		c.Dir = filepath.Join(os.TempDir(), fmt.Sprintf("maestro-%d", os.Getuid()))
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, fmt.Errorf("launch plugin %s: %w", c.Name, err)
	}
	if c.SocketDir == "" {
		if c.SocketDir = c.Dir; len(c.SocketDir) > maxSocketDir {
			c.SocketDir = filepath.Join(os.TempDir(), fmt.Sprintf("maestro-%d", os.Getuid()))
		}
	}
	if len(c.SocketDir) > maxSocketDir {
		return c, fmt.Errorf("launch plugin %s: socket directory %q is longer than %d bytes; set a shorter one",
			c.Name, c.SocketDir, maxSocketDir)
	}
	for name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "PLUGIN_") {
			return c, fmt.Errorf("launch plugin %s: a credential may not set the variable %q", c.Name, name)
		}
	}
	return c, nil
}

func defaultTo(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
