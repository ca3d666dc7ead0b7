// Package supervisor knows the plugins that are installed beside the agent: it finds them, verifies them against a
// manifest, remembers what they say of themselves, and starts them. No plugin runs while no run needs it.
package supervisor

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Prefix begins the file name of every plugin; the provider's name follows, and a label where several versions of it lie side by side:
// maestro-plugin-aws, maestro-plugin-aws@1.2.3.
const Prefix = "maestro-plugin-"

// labelMark divides a provider's name from the label of a file.
const labelMark = "@"

// startPatience is how long it is worth trying to start a plugin: one that fails slowly is not started again.
const startPatience = 10 * time.Second

// ErrMissing says that no such plugin is installed.
var ErrMissing = errors.New("plugin not installed")

// Config says where plugins are and within which bounds they run.
type Config struct {
	// Dir holds the executables.
	Dir string
	// Manifest is a file as sha256sum writes it. When set, only what it lists may run. Empty: no verification.
	Manifest string
	// CacheDir keeps descriptions by the digest of the plugin's file.
	CacheDir string
	// RunDir holds the private directories of running plugins; empty for the default of sdk/host.
	RunDir string
	// MemoryLimit of one plugin with its children in bytes; 0 is without limit.
	MemoryLimit int64
	Log         *slog.Logger
	// Attempts to start a plugin and the first pause between them; 0 means 3 and 250 ms.
	Attempts int
	Pause    time.Duration
	// Args are passed to every plugin: for tests in which one binary plays several.
	Args []string
}

// Supervisor finds and starts plugins. Its methods may be called from several goroutines.
type Supervisor struct {
	cfg Config

	mu     sync.Mutex
	hashes map[string]fileHash
	// strange are files that the manifest does not list and that were told of: the folder is looked at often.
	strange map[string]bool
}

type fileHash struct {
	info fs.FileInfo
	sum  string
}

// of says whether the hash is still that of the file.
func (h fileHash) of(info fs.FileInfo) bool {
	return os.SameFile(h.info, info) && h.info.Size() == info.Size() && h.info.ModTime().Equal(info.ModTime())
}

// New sweeps what an agent that was killed left behind.
func New(cfg Config) (*Supervisor, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 3
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 250 * time.Millisecond
	}
	for _, dir := range []string{cfg.CacheDir, cfg.RunDir} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("prepare plugins: %w", err)
		}
	}
	if err := host.Sweep(cfg.RunDir, ""); err != nil {
		cfg.Log.Warn("sweep after a former agent", "error", err)
	}
	return &Supervisor{cfg: cfg, hashes: map[string]fileHash{}, strange: map[string]bool{}}, nil
}

// File is an installed plugin.
type File struct {
	// Name is the provider's name as the file is called.
	Name string
	// Label is what the file's name says of its version; empty for the one that is used unless another is asked for.
	Label string
	Path  string
	// SHA256 of the file now, lower-case hex.
	SHA256 string
	// Want is what the manifest says; empty without a manifest.
	Want string
}

// Files are the installed plugins, sorted by name, and those of one name in the order in which they are preferred: the one without a label, then
// the newest. One that the manifest does not list is left out.
func (s *Supervisor) Files() ([]File, error) {
	if s.cfg.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("list plugins: %w", err)
	}
	manifest, err := s.manifest()
	if err != nil {
		return nil, err
	}
	var out []File
	for _, e := range entries {
		name, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".exe"), Prefix)
		if !ok || name == "" || e.IsDir() {
			continue
		}
		path := filepath.Join(s.cfg.Dir, e.Name())
		if info, err := os.Stat(path); err != nil || runnable(path, info) != nil {
			continue
		}
		f := File{Path: path}
		if f.Name, f.Label, _ = strings.Cut(name, labelMark); f.Name == "" {
			continue
		}
		if manifest != nil {
			if f.Want = manifest[e.Name()]; f.Want == "" {
				s.ignore(name)
				continue
			}
		}
		if f.SHA256, err = s.sum(path); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b File) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return -compareLabels(a.Label, b.Label)
	})
	return out, nil
}

// Find answers the plugin of a provider, or the one at a path.
func (s *Supervisor) Find(nameOrPath string) (File, error) {
	if strings.ContainsRune(nameOrPath, filepath.Separator) {
		f := File{Path: nameOrPath, Name: strings.TrimSuffix(strings.TrimPrefix(filepath.Base(nameOrPath), Prefix), ".exe")}
		var err error
		f.SHA256, err = s.sum(nameOrPath)
		return f, err
	}
	files, err := s.Files()
	if err != nil {
		return File{}, err
	}
	for _, f := range files {
		if f.Name == nameOrPath {
			return f, nil
		}
	}
	for _, path := range []string{filepath.Join(s.cfg.Dir, Prefix+nameOrPath), filepath.Join(s.cfg.Dir, Prefix+nameOrPath+".exe")} {
		if info, err := os.Stat(path); err == nil {
			if err := runnable(path, info); err != nil {
				return File{}, err
			}
		}
	}
	return File{}, fmt.Errorf("%w: no %s%s in %s", ErrMissing, Prefix, nameOrPath, s.cfg.Dir)
}

// ErrNotProgram says that a file is there and cannot be a plugin.
var ErrNotProgram = errors.New("not a program")

// runnable says what keeps a file from being started.
func runnable(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%w: %s is a folder", ErrNotProgram, path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file", ErrNotProgram, path)
	case runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return fmt.Errorf("%w: %s is not executable; make it so with chmod +x", ErrNotProgram, path)
	}
	return nil
}

// sum hashes a file unless it has not changed since.
func (s *Supervisor) sum(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: %s", ErrMissing, path)
		}
		return "", fmt.Errorf("read plugin: %w", err)
	}
	if err := runnable(path, info); err != nil {
		return "", err
	}
	s.mu.Lock()
	known, ok := s.hashes[path]
	s.mu.Unlock()
	if ok && known.of(info) {
		return known.sum, nil
	}
	sum, err := host.FileSHA256(path)
	if err != nil {
		return "", fmt.Errorf("read plugin: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes[path] = fileHash{info: info, sum: sum}
	return sum, nil
}

// ignore tells once of a plugin that may not run.
func (s *Supervisor) ignore(name string) {
	s.mu.Lock()
	told := s.strange[name]
	s.strange[name] = true
	s.mu.Unlock()
	if !told {
		s.cfg.Log.Warn("plugin is not in the manifest and is ignored", "plugin", name)
	}
}

// manifest is nil when none is configured.
func (s *Supervisor) manifest() (map[string]string, error) {
	if s.cfg.Manifest == "" {
		return nil, nil
	}
	file, err := os.Open(s.cfg.Manifest)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	out := map[string]string{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sum, name, ok := strings.Cut(line, " ")
		name = strings.TrimLeft(name, " *")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != 32 || name == "" {
			return nil, fmt.Errorf("read manifest: %s:%d: want a SHA-256 and a file name", s.cfg.Manifest, n)
		}
		out[filepath.Base(name)] = strings.ToLower(sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return out, nil
}

// Start starts a plugin for one run. Whoever starts it closes it. A start that failed is tried again after a pause,
// unless trying again cannot help or it took long already. files is the folder of the connection's files, or empty.
func (s *Supervisor) Start(ctx context.Context, f File, env map[string]credential.Secret, files string, log *slog.Logger) (*host.Process, error) {
	plain := make(map[string]string, len(env))
	for name, value := range env {
		plain[name] = value.Reveal()
	}
	cfg := host.Config{Path: f.Path, SHA256: f.Want, Name: f.Name, Args: s.cfg.Args, Env: plain, Files: files, Dir: s.cfg.RunDir,
		Log: log, MemoryLimit: s.cfg.MemoryLimit}
	pause, began := s.cfg.Pause, time.Now()
	for attempt := 1; ; attempt++ {
		p, err := host.Launch(ctx, cfg)
		if err == nil || attempt >= s.cfg.Attempts || ctx.Err() != nil || host.Permanent(err) || time.Since(began) > startPatience {
			return p, err
		}
		log.Warn("plugin did not start, trying again", "plugin", f.Name, "attempt", attempt, "error", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(rand.N(pause) + pause/2):
		}
		pause *= 2
	}
}

// Described is a plugin with what it says of itself.
type Described struct {
	File
	Description provider.Description
	// JSON is the description in its canonical form, Digest its lower-case hex SHA-256.
	JSON   []byte
	Digest string
}

// Describe answers what a plugin says of itself, from the cache if its file has not changed.
func (s *Supervisor) Describe(ctx context.Context, f File) (Described, error) {
	cached := filepath.Join(s.cfg.CacheDir, f.SHA256+".json")
	if s.cfg.CacheDir != "" && f.SHA256 != "" && (f.Want == "" || f.Want == f.SHA256) {
		if b, err := os.ReadFile(cached); err == nil {
			var d provider.Description
			if json.Unmarshal(b, &d) == nil && d.Provider != "" {
				return described(f, d)
			}
		}
	}
	p, err := s.Start(ctx, f, nil, "", s.cfg.Log)
	if err != nil {
		return Described{}, err
	}
	d, err := p.Describe(ctx)
	if err = errors.Join(err, p.Close()); err != nil {
		return Described{}, fmt.Errorf("describe plugin %s: %w", f.Name, err)
	}
	out, err := described(f, d)
	if err != nil {
		return Described{}, err
	}
	if s.cfg.CacheDir != "" {
		// Without the cache the plugin is asked again; nothing is lost.
		if err := os.WriteFile(cached, out.JSON, 0o600); err != nil {
			s.cfg.Log.Warn("keep plugin description", "plugin", f.Name, "error", err)
		}
	}
	return out, nil
}

func described(f File, d provider.Description) (Described, error) {
	b, err := json.Marshal(d)
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	if err != nil {
		return Described{}, fmt.Errorf("describe plugin %s: %w", f.Name, err)
	}
	return Described{File: f, Description: d, JSON: b, Digest: resource.HashOf(b).String()}, nil
}

// All describes every installed plugin. One that cannot be described is logged and left out.
func (s *Supervisor) All(ctx context.Context) ([]Described, error) {
	files, err := s.Files()
	if err != nil {
		return nil, err
	}
	var out []Described
	for _, f := range files {
		d, err := s.Describe(ctx, f)
		if err != nil {
			s.cfg.Log.Error("plugin cannot be used", "plugin", f.Name, "error", err)
			continue
		}
		out = append(out, d)
	}
	return out, nil
}
