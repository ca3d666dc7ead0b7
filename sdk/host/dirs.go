package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	dirPrefix = "mp-"
	ownerFile = "owner"
)

// dirs are the private places of one running plugin.
type dirs struct {
	root, home, socket string
}

// makeDirs makes them and notes whose they are, for Sweep.
func makeDirs(c Config) (d dirs, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("launch plugin %s: make private directory: %w", c.Name, errors.Join(err, d.remove()))
		}
	}()
	for _, dir := range []string{c.Dir, c.SocketDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return d, err
		}
		if err := onlyOurs(dir); err != nil {
			return d, err
		}
	}
	if d.root, err = os.MkdirTemp(c.Dir, dirPrefix); err != nil {
		return d, err
	}
	d.home = filepath.Join(d.root, "home")
	if err := os.Mkdir(d.home, 0o700); err != nil {
		return d, err
	}
	if d.socket, err = os.MkdirTemp(c.SocketDir, dirPrefix); err != nil {
		return d, err
	}
	for _, dir := range []string{d.root, d.socket} {
		if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(self()), 0o600); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d dirs) remove() error {
	var errs []error
	for _, dir := range []string{d.root, d.socket} {
		if dir != "" {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// self names this process among all that ever had its number.
func self() string {
	pid := os.Getpid()
	return strconv.Itoa(pid) + " " + startedAt(pid)
}

// ownerLives says whether the process that made a directory is still there.
func ownerLives(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return false
	}
	pid, _, _ := strings.Cut(string(b), " ")
	n, err := strconv.Atoi(pid)
	return err == nil && alive(n) && string(b) == pid+" "+startedAt(n)
}

// Sweep removes what agents that were killed have left below dirs, sockets and private directories, and
// ends plugin processes that outlived them. It spares what belongs to a living process. Empty names mean the
// defaults of Config.
func Sweep(dir, socketDir string) error {
	c, err := Config{Path: "-", Dir: dir, SocketDir: socketDir}.withDefaults()
	if err != nil {
		return err
	}
	var errs []error
	for _, parent := range []string{c.Dir, c.SocketDir} {
		if err := onlyOurs(parent); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		entries, err := os.ReadDir(parent)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, e := range entries {
			at := filepath.Join(parent, e.Name())
			if !e.IsDir() || !strings.HasPrefix(e.Name(), dirPrefix) || ownerLives(at) {
				continue
			}
			killMarked(filepath.Join(at, "home"))
			errs = append(errs, os.RemoveAll(at))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep plugin directories: %w", err)
	}
	return nil
}

// verified copies the executable into the private directory while hashing it, so that the bytes that were
// verified are the bytes that run, whatever happens to the file afterwards.
func verified(c Config, d dirs) (path string, err error) {
	if c.SHA256 == "" {
		return c.Path, nil
	}
	path = filepath.Join(d.root, filepath.Base(c.Path))
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return "", fmt.Errorf("launch plugin %s: %w", c.Name, err)
	}
	got, err := copySHA256(out, c.Path)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("launch plugin %s: copy executable: %w", c.Name, err)
	}
	if got != c.SHA256 {
		return "", fmt.Errorf("launch plugin %s: %w: %s has %s, the manifest says %s", c.Name, ErrChecksum, c.Path, got, c.SHA256)
	}
	return path, nil
}

// FileSHA256 is the digest of a plugin's file as manifests have it.
func FileSHA256(path string) (string, error) { return copySHA256(io.Discard, path) }

func copySHA256(to io.Writer, path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, h), in); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ErrChecksum says that a plugin's file is not the one that was approved.
var ErrChecksum = errors.New("checksum differs")
