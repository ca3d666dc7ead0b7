// Package credential maps the names of credentials to their values, which never leave the site.
//
// The file belongs to the agent's administrator. The collector knows names only: it can ask for a name, and gets it
// for the providers and endpoints that the file allows, and in no case can it make the agent read another file or
// run a command.
package credential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"maestro.internal/internal/config"
)

const (
	maxValue    = 256 << 10
	execTimeout = 30 * time.Second
)

var (
	// ErrUnknown says that the file has no credential of that name.
	ErrUnknown = errors.New("unknown credential")
	// ErrForbidden says that the file does not allow this use.
	ErrForbidden = errors.New("credential not allowed here")
)

// File is the credentials file.
type File struct {
	Credentials map[string]Entry `yaml:"credentials"`
}

// Entry is one named credential.
type Entry struct {
	// Providers it may be used for; empty means any.
	Providers []string `yaml:"providers"`
	// Endpoints it may be sent to, as host, host:port or URL prefix; "*" stands for any part of a host. Empty means any.
	Endpoints []string `yaml:"endpoints"`
	// Env are the variables that the plugin gets.
	Env map[string]Source `yaml:"env"`
}

// Source says where a value comes from. Exactly one field is set.
type Source struct {
	Value string   `yaml:"value"` // for what is no secret: a user's name, a region
	Env   string   `yaml:"env"`   // a variable of the agent's own environment
	File  string   `yaml:"file"`  // a file's content, without the last line end
	Exec  []string `yaml:"exec"`  // what a command prints, without the last line end
}

// Name is what the collector may know of a credential.
type Name struct {
	Name      string   `json:"name"`
	Providers []string `json:"providers,omitempty"`
}

// Store answers credentials. A nil Store has none.
type Store struct{ entries map[string]Entry }

// Load reads the file; an empty path is a store without credentials.
func Load(file string) (*Store, error) {
	if file == "" {
		return &Store{}, nil
	}
	if err := checkOwner(file); err != nil {
		return nil, fmt.Errorf("load credentials: %w", err)
	}
	var f File
	if err := config.DecodeFile(file, &f); err != nil {
		return nil, fmt.Errorf("load credentials: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Credentials)) {
		if err := f.Credentials[name].check(); err != nil {
			return nil, fmt.Errorf("load credentials: %s: credential %q: %w", file, name, err)
		}
	}
	return &Store{entries: f.Credentials}, nil
}

func (e Entry) check() error {
	if len(e.Env) == 0 {
		return errors.New("env is empty")
	}
	for variable, src := range e.Env {
		set := 0
		for _, is := range []bool{src.Value != "", src.Env != "", src.File != "", len(src.Exec) > 0} {
			if is {
				set++
			}
		}
		if set != 1 {
			return fmt.Errorf("variable %s: want exactly one of value, env, file, exec", variable)
		}
		if reserved(variable) {
			return fmt.Errorf("variable %s: not for credentials", variable)
		}
	}
	for _, pattern := range e.Endpoints {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("endpoint %q: %w", pattern, err)
		}
	}
	return nil
}

// reserved variables would change how the plugin's process itself is run.
func reserved(variable string) bool {
	return variable == "" || strings.ContainsAny(variable, "=\x00") || variable == "PATH" || variable == "HOME" ||
		strings.HasPrefix(variable, "PLUGIN_") || strings.HasPrefix(variable, "LD_") || strings.HasPrefix(variable, "DYLD_")
}

// Names are all credentials, sorted.
func (s *Store) Names() []Name {
	if s == nil {
		return nil
	}
	var out []Name
	for _, n := range slices.Sorted(maps.Keys(s.entries)) {
		out = append(out, Name{Name: n, Providers: s.entries[n].Providers})
	}
	return out
}

// Resolve reads the values of a credential for one use. targets are the settings that say where it would be sent
// (those marked x-maestro-credential-target), as a JSON object. An empty name is no credential.
func (s *Store) Resolve(ctx context.Context, name, provider string, targets json.RawMessage) (map[string]Secret, error) {
	if name == "" {
		return nil, nil
	}
	var entry Entry
	ok := false
	if s != nil {
		entry, ok = s.entries[name]
	}
	if !ok {
		return nil, fmt.Errorf("credential %q: %w: it is not in the agent's credentials file", name, ErrUnknown)
	}
	if len(entry.Providers) > 0 && !slices.Contains(entry.Providers, provider) {
		return nil, fmt.Errorf("credential %q: %w: it is not for provider %s", name, ErrForbidden, provider)
	}
	if err := entry.allows(targets); err != nil {
		return nil, fmt.Errorf("credential %q: %w", name, err)
	}
	out := make(map[string]Secret, len(entry.Env))
	for _, variable := range slices.Sorted(maps.Keys(entry.Env)) {
		value, err := entry.Env[variable].read(ctx)
		if err != nil {
			return nil, fmt.Errorf("credential %q: variable %s: %w", name, variable, err)
		}
		out[variable] = NewSecret(value)
	}
	return out, nil
}

func (e Entry) allows(targets json.RawMessage) error {
	if len(e.Endpoints) == 0 {
		return nil
	}
	var tree any
	if len(targets) > 0 {
		if err := json.Unmarshal(targets, &tree); err != nil {
			return fmt.Errorf("read targets: %w", err)
		}
	}
	found := false
	var refused string
	leaves(tree, func(target string) {
		found = true
		if !slices.ContainsFunc(e.Endpoints, func(p string) bool { return matches(p, target) }) {
			refused = target
		}
	})
	switch {
	case refused != "":
		return fmt.Errorf("%w: it may not be sent to %q", ErrForbidden, refused)
	case !found:
		return fmt.Errorf("%w: it is bound to endpoints, and the settings do not say where it would be sent", ErrForbidden)
	}
	return nil
}

// leaves visits the texts that name an address; switches and numbers name none.
func leaves(v any, visit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			leaves(v[k], visit)
		}
	case []any:
		for _, e := range v {
			leaves(e, visit)
		}
	case string:
		// Fingerprints of certificates belong to the target but are no address.
		if v != "" && !fingerprint.MatchString(v) {
			visit(v)
		}
	}
}

var fingerprint = regexp.MustCompile(`^(SHA256:|sha256:)?[0-9A-Fa-f:]{40,}$`)

// matches compares host with host and, where the pattern names one, port with port. Only the host that the target
// really leads to counts, so that neither user info nor a path can pretend to be it.
func matches(pattern, target string) bool {
	ph, pp := hostPort(pattern)
	th, tp := hostPort(target)
	if ph == "" || th == "" || pp != "" && pp != tp {
		return false
	}
	ok, err := path.Match(strings.ToLower(ph), strings.ToLower(th))
	return err == nil && ok
}

func hostPort(s string) (host, port string) {
	if !strings.Contains(s, "://") {
		s = "//" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return "", ""
	}
	port = u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	host = u.Hostname()
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
	}
	return strings.TrimSuffix(host, "."), port
}

func (s Source) read(ctx context.Context) (string, error) {
	switch {
	case s.Value != "":
		return s.Value, nil
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", fmt.Errorf("the agent's environment has no %s", s.Env)
		}
		return v, nil
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read file: %w", err)
		}
		return text(b)
	}
	return s.run(ctx)
}

func (s Source) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Exec[0], s.Exec[1:]...)
	cmd.WaitDelay = time.Second
	var out limited
	cmd.Stdout = &out
	// What the command says on stderr may hold the secret; only how it ended is told.
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run %s: %w", s.Exec[0], err)
	}
	return text(out.Bytes())
}

// limited keeps one byte more than is allowed, so that too much is noticed.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxValue + 1 - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func text(b []byte) (string, error) {
	if len(b) > maxValue {
		return "", fmt.Errorf("value of more than %d bytes", maxValue)
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if v == "" {
		return "", errors.New("the value is empty")
	}
	if strings.ContainsRune(v, 0) {
		return "", errors.New("the value holds a zero byte")
	}
	return v, nil
}
