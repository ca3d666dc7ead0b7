package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"maestro.internal/sdk/resource"
)

// Baseline is what the collector acknowledged last of a scope.
type Baseline struct {
	Scope        string          `json:"scope"`
	Epoch        int64           `json:"epoch"`
	Generation   int64           `json:"generation"`
	Digest       resource.Digest `json:"digest"`
	HashFormat   int             `json:"hash_format"`
	KindDigest   []byte          `json:"kind_digest,omitempty"`
	PolicyDigest []byte          `json:"policy_digest,omitempty"`
}

// Comparable says whether hashes of a capture and of the baseline were made by the same rules.
func (b *Baseline) Comparable(c *Capture) bool {
	return b.HashFormat == c.HashFormat && bytes.Equal(b.KindDigest, c.KindDigest) && bytes.Equal(b.PolicyDigest, c.PolicyDigest)
}

func (s *Spool) baselineDir(connection string) string {
	sum := sha256.Sum256([]byte(connection))
	return filepath.Join(s.dir, "baselines", hex.EncodeToString(sum[:12]))
}

func (s *Spool) baselinePath(connection, scope string) string {
	sum := sha256.Sum256([]byte(scope))
	return filepath.Join(s.baselineDir(connection), hex.EncodeToString(sum[:16])+".rows")
}

// Baseline answers nil when there is none. A damaged one is none.
func (s *Spool) Baseline(connection, scope string) *Baseline {
	path := s.baselinePath(connection, scope)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var b Baseline
	if err == nil {
		var kind byte
		var payload []byte
		kind, payload, err = newFrameReader(file, 0).next()
		if errors.Is(err, io.EOF) || err == nil && kind != frameMeta {
			err = ErrCorrupt
		}
		if err == nil {
			err = json.Unmarshal(payload, &b)
		}
		err = errors.Join(err, file.Close())
	}
	if err == nil && b.Scope == scope {
		return &b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("baseline of %s was unreadable and is forgotten: %v", scope, err)
	if err := s.putAside(path); err != nil {
		s.opt.Log.Warn("spool: put baseline aside", "error", err)
	}
	return nil
}

// BaselineRows is the list of a baseline.
func (s *Spool) BaselineRows(connection, scope string) Rows {
	return plain(s.readRows(s.baselinePath(connection, scope), 0))
}

// SetBaseline replaces a scope's baseline. The digest is computed from the rows.
func (s *Spool) SetBaseline(connection string, b Baseline, rows Rows) (Baseline, error) {
	dir := s.baselineDir(connection)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return b, fmt.Errorf("write baseline: %w", err)
	}
	// The digest stands before the rows, so the rows are gone through twice.
	b.Digest = resource.Digest{}
	for r, err := range rows {
		if err != nil {
			return b, fmt.Errorf("write baseline: %w", err)
		}
		b.Digest.AddRow(r.Key, r.Hash)
	}
	meta, err := json.Marshal(b)
	if err != nil {
		return b, fmt.Errorf("write baseline: %w", err)
	}
	err = writeFile(s.baselinePath(connection, b.Scope), func(w io.Writer) error {
		if _, err := w.Write(appendFrame(nil, frameMeta, meta)); err != nil {
			return err
		}
		if _, err := s.writeRows(w, indexed(rows)); err != nil {
			return err
		}
		_, err := w.Write(appendFrame(nil, frameEnd, nil))
		return err
	})
	if err != nil {
		return b, fmt.Errorf("write baseline: %w", err)
	}
	return b, nil
}

// ForgetBaseline makes the next capture of a scope go through the list.
func (s *Spool) ForgetBaseline(connection, scope string) error {
	if err := ignoreMissing(os.Remove(s.baselinePath(connection, scope))); err != nil {
		return fmt.Errorf("forget baseline: %w", err)
	}
	return nil
}

// ForgetConnection drops all baselines of a connection.
func (s *Spool) ForgetConnection(connection string) error {
	if err := os.RemoveAll(s.baselineDir(connection)); err != nil {
		return fmt.Errorf("forget baselines: %w", err)
	}
	return nil
}
