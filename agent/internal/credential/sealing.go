package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
)

// Sealing opens the credentials that people sealed to this agent, and gives other agents the keys of them. The collector
// carries both and can do neither. A nil Sealing opens nothing.
type Sealing struct {
	key sealed.PrivateKey
	// only are the fingerprints that keys may be given to; empty means any agent that the collector names.
	only []string
}

// OpenSealing reads the agent's key, and makes it where there is none yet. write puts a file in place whole.
func OpenSealing(path string, only []string, write func(path string, content []byte) error) (*Sealing, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		key, err := sealed.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("open sealing key %s: %w", path, err)
		}
		return &Sealing{key: key, only: only}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open sealing key: %w", err)
	}
	key, err := sealed.NewKey()
	if err == nil {
		text, err = key.PEM()
	}
	if err == nil {
		err = write(path, text)
	}
	if err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	return &Sealing{key: key, only: only}, nil
}

// PublicKey is what others seal to; nil for none.
func (s *Sealing) PublicKey() []byte {
	if s == nil {
		return nil
	}
	return s.key.Public().Bytes()
}

// Fingerprint is what people compare; empty for none.
func (s *Sealing) Fingerprint() string {
	if s == nil {
		return ""
	}
	return s.key.Public().Fingerprint()
}

// Use is what a sealed credential is about to be used for, as the agent itself sees it.
type Use struct {
	Tenant, Connection, Provider string
	// Targets are the settings that say where it will be sent, by JSON pointer, as a JSON object.
	Targets json.RawMessage
	// Variables that the plugin understands.
	Variables []provider.EnvVar
}

// Open answers the values of an envelope, the JSON of a sealed.Envelope, for one use. Empty is no credential. Nothing that the
// collector says is believed: an envelope for another connection, or for another place to send the values to, is refused.
func (s *Sealing) Open(envelope []byte, use Use) (map[string]Secret, error) {
	if len(envelope) == 0 {
		return nil, nil
	}
	if s == nil {
		return nil, fmt.Errorf("open sealed credential: %w: this agent has no key", ErrForbidden)
	}
	var e sealed.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, errors.New("open sealed credential: it cannot be read; enter it again")
	}
	h, err := e.Check()
	if err == nil {
		err = use.matches(h)
	}
	if err != nil {
		return nil, fmt.Errorf("open sealed credential: %w", err)
	}
	values, err := e.Open(s.key)
	if errors.Is(err, sealed.ErrNotFor) {
		return nil, fmt.Errorf("open sealed credential: %w; another agent that can open it gives this one the key, or enter it again", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open sealed credential: %w; enter it again", err)
	}
	out := make(map[string]Secret, len(values))
	for name, v := range values {
		if strings.ContainsRune(v, 0) || len(v) > maxValue {
			return nil, fmt.Errorf("open sealed credential: variable %s: the value is too long or holds a zero byte", name)
		}
		out[name] = NewSecret(v)
	}
	return out, nil
}

// matches holds what was sealed to what it is to be used for.
func (u Use) matches(h sealed.Header) error {
	switch {
	case h.Tenant != u.Tenant || h.Connection != u.Connection:
		return fmt.Errorf("%w: it was sealed for another connection (%s)", ErrForbidden, h.Connection)
	case h.Provider != u.Provider:
		return fmt.Errorf("%w: it was sealed for the plugin %s", ErrForbidden, h.Provider)
	}
	targets := map[string]json.RawMessage{}
	if len(u.Targets) > 0 {
		if err := json.Unmarshal(u.Targets, &targets); err != nil {
			return fmt.Errorf("read targets: %w", err)
		}
	}
	if !sealed.SameTargets(h.Targets, targets) {
		return fmt.Errorf("%w: it was sealed to be sent to %s, and the connection's settings say %s; enter it again if that is right", ErrForbidden, describe(h.Targets), describe(targets))
	}
	for _, name := range h.Variables {
		known := slices.ContainsFunc(u.Variables, func(v provider.EnvVar) bool { return v.Name == name && v.MaySeal() })
		if !known || reserved(name) {
			return fmt.Errorf("%w: the variable %s may only come from the agent's own credentials file", ErrForbidden, name)
		}
	}
	return nil
}

// describe names targets for people; they are settings and no secrets.
func describe(targets map[string]json.RawMessage) string {
	if len(targets) == 0 {
		return "no particular place"
	}
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(targets)) {
		parts = append(parts, strings.TrimPrefix(p, "/")+" "+string(targets[p]))
	}
	text := strings.Join(parts, ", ")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "..."
	}
	return text
}

// Rewrap gives others the key of an envelope, which may lack its ciphertext. The values stay sealed, and what they are
// bound to stays what it is.
func (s *Sealing) Rewrap(envelope []byte, tenant string, recipients [][]byte) ([]sealed.Wrap, error) {
	if s == nil {
		return nil, fmt.Errorf("share sealed credential: %w: this agent has no key", ErrForbidden)
	}
	var e sealed.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, errors.New("share sealed credential: it cannot be read")
	}
	h, err := sealed.ParseHeader(e.Header)
	if err != nil {
		return nil, fmt.Errorf("share sealed credential: %w", err)
	}
	if h.Tenant != tenant {
		return nil, fmt.Errorf("share sealed credential: %w: it is another tenant's", ErrForbidden)
	}
	if len(recipients) > sealed.MaxWraps {
		return nil, errors.New("share sealed credential: too many recipients")
	}
	var to []sealed.PublicKey
	for _, point := range recipients {
		pk, err := sealed.ParsePublicKey(point)
		if err != nil {
			return nil, fmt.Errorf("share sealed credential: %w", err)
		}
		if len(s.only) > 0 && !slices.Contains(s.only, pk.Fingerprint()) {
			return nil, fmt.Errorf("share sealed credential: %w: %s is not among seal_recipients in the agent's configuration", ErrForbidden, pk.Fingerprint())
		}
		to = append(to, pk)
	}
	wraps, err := e.Rewrap(s.key, to)
	if err != nil {
		return nil, fmt.Errorf("share sealed credential: %w", err)
	}
	return wraps, nil
}
