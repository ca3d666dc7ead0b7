package spool

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ErrFull says that a capture does not fit: the size limit is reached or the disk is full.
var ErrFull = errors.New("spool full")

// DefaultMaxBytes bounds the captures on disk.
const DefaultMaxBytes = 2 << 30

const (
	format      = 1
	maxNotices  = 50
	reserveSize = 1 << 20
)

// Options of a spool.
type Options struct {
	// MaxBytes bounds the captures; 0 means DefaultMaxBytes.
	MaxBytes int64
	// MachineID and BootID say where the spool lives; another machine's id makes a new spool id.
	MachineID string
	BootID    string
	Log       *slog.Logger
	Now       func() time.Time
}

// Spool is the outbox. Its methods may be called from several goroutines.
type Spool struct {
	dir  string
	opt  Options
	lock *os.File
	enc  *zstd.Encoder
	dec  *zstd.Decoder

	mu        sync.Mutex
	id        identity
	runs      []*Run // by rising generation
	bytes     int64
	positions map[string]Position
	notices   []string
	changed   chan struct{}
	reserved  bool
}

type identity struct {
	Format     int    `json:"format"`
	ID         string `json:"id"`
	MachineID  string `json:"machine_id"`
	BootID     string `json:"boot_id"`
	Generation int64  `json:"generation"`
}

// Position is the highest acknowledged run of a connection.
type Position struct {
	Epoch      int64 `json:"epoch"`
	Generation int64 `json:"generation"`
}

// Newer says whether p is after other.
func (p Position) Newer(other Position) bool {
	return p.Epoch > other.Epoch || p.Epoch == other.Epoch && p.Generation > other.Generation
}

// Open opens or makes the spool in dir. Only one process may have it open.
func Open(dir string, opt Options) (*Spool, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Spool{dir: dir, opt: opt, positions: map[string]Position{}, changed: make(chan struct{})}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open spool: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Spool) open() error {
	for _, d := range []string{"runs", "baselines", "quarantine"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			return err
		}
	}
	var err error
	if s.lock, err = lockFile(filepath.Join(s.dir, "lock")); err != nil {
		return err
	}
	// One encoder and decoder with small windows: the agent is to stay small.
	if s.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
		return err
	}
	if s.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*maxFrame)); err != nil {
		return err
	}
	if err := s.identify(); err != nil {
		return err
	}
	s.makeReserve()
	if err := s.readPositions(); err != nil {
		return err
	}
	return s.loadRuns()
}

// identify reads who the spool is. A spool that came from another machine gets a new id: two machines must never
// speak with one voice.
func (s *Spool) identify() error {
	path := filepath.Join(s.dir, "spool.json")
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		if jerr := json.Unmarshal(b, &s.id); jerr != nil || s.id.ID == "" {
			s.note("spool identity was unreadable, a new one was made")
			s.id = identity{}
		}
	}
	if s.id.Format > format {
		return fmt.Errorf("%s was written by a newer agent (format %d)", s.dir, s.id.Format)
	}
	if s.id.ID == "" || s.id.MachineID != s.opt.MachineID && s.id.MachineID != "" {
		if s.id.ID != "" {
			s.note("the spool came from another machine and got a new id")
		}
		s.id.ID = rand.Text()
	}
	s.id.Format, s.id.MachineID, s.id.BootID = format, s.opt.MachineID, s.opt.BootID
	return s.writeIdentity()
}

func (s *Spool) writeIdentity() error { return writeJSON(filepath.Join(s.dir, "spool.json"), s.id) }

// Close releases the spool. Nothing needs to be flushed.
func (s *Spool) Close() error {
	var errs []error
	if s.enc != nil {
		errs = append(errs, s.enc.Close())
	}
	if s.dec != nil {
		s.dec.Close()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// ID is random, made with the spool.
func (s *Spool) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id.ID
}

// Stats are for heartbeats and `status`.
type Stats struct {
	Runs     int   `json:"runs"`
	Captures int   `json:"captures"`
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"`
	// Notices say what was dropped or put aside since the start, oldest first.
	Notices []string `json:"notices,omitempty"`
}

// Stats counts what waits to be sent.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Runs: len(s.runs), Bytes: s.bytes, MaxBytes: s.opt.MaxBytes, Notices: slices.Clone(s.notices)}
	for _, r := range s.runs {
		st.Captures += r.stored
	}
	return st
}

// Changed is closed at the next change that a sender may care about.
func (s *Spool) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// wake is called with the lock held.
func (s *Spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// note remembers and logs something that people should hear of. Called with the lock held or before there is company.
func (s *Spool) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.opt.Log.Warn("spool: " + text)
	s.notices = append(s.notices, s.opt.Now().UTC().Format(time.RFC3339)+" "+text)
	if over := len(s.notices) - maxNotices; over > 0 {
		s.notices = slices.Delete(s.notices, 0, over)
	}
}

// Runs are those that wait, by rising generation; an empty connection means all.
func (s *Spool) Runs(connection string) []*Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Run
	for _, r := range s.runs {
		if connection == "" || r.info.ConnectionID == connection {
			out = append(out, r)
		}
	}
	return out
}

// Holds says whether a run of this id waits.
func (s *Spool) Holds(runID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.runs, func(r *Run) bool { return r.info.RunID == runID })
}

// Positions are the highest acknowledged runs by connection.
func (s *Spool) Positions() map[string]Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]Position, len(s.positions))
	for c, p := range s.positions {
		out[c] = p
	}
	return out
}

func (s *Spool) positionsPath() string { return filepath.Join(s.dir, "positions.json") }

func (s *Spool) readPositions() error {
	b, err := os.ReadFile(s.positionsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s.positions); err != nil {
		s.positions = map[string]Position{}
		s.note("acknowledged positions were unreadable and are forgotten")
	}
	return nil
}

// Begin opens a run: its generation is above all before it.
func (s *Spool) Begin(info RunInfo) (*Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id.Generation++
	if err := s.retryWithReserve(s.writeIdentity); err != nil {
		s.id.Generation--
		return nil, fmt.Errorf("begin run: %w", err)
	}
	info.Generation = s.id.Generation
	dir := filepath.Join(s.dir, "runs", fmt.Sprintf("%020d", info.Generation))
	r := &Run{spool: s, dir: dir, info: info}
	err := s.retryWithReserve(func() error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return errors.Join(r.record(record{Open: &info}), syncDir(filepath.Dir(dir)))
	})
	if err != nil {
		return nil, fmt.Errorf("begin run: %w", errors.Join(err, r.closeLog(), os.RemoveAll(dir)))
	}
	s.runs = append(s.runs, r)
	s.wake()
	return r, nil
}

func (s *Spool) loadRuns() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return err
	}
	for _, e := range entries { // sorted by name, and so by generation
		generation, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil || !e.IsDir() {
			continue
		}
		s.id.Generation = max(s.id.Generation, generation)
		r := &Run{spool: s, dir: filepath.Join(s.dir, "runs", e.Name())}
		if err := r.load(); err != nil {
			s.note("run %d was put aside: %v", generation, err)
			if err := s.putAside(r.dir); err != nil {
				return err
			}
			continue
		}
		s.runs = append(s.runs, r)
		for _, c := range r.captures {
			s.bytes += c.Size
		}
	}
	for _, r := range s.runs {
		if err := r.interrupted(); err != nil {
			return err
		}
	}
	return nil
}

// putAside moves a file or directory where nobody trusts it and a person can look at it. Only the newest few are
// kept.
func (s *Spool) putAside(path string) error {
	dir := filepath.Join(s.dir, "quarantine")
	name := fmt.Sprintf("%s-%s-%s", s.opt.Now().UTC().Format("20060102T150405.000000000"), filepath.Base(filepath.Dir(path)), filepath.Base(path))
	if err := os.Rename(path, filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("quarantine: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	for len(entries) > 10 {
		if err := os.RemoveAll(filepath.Join(dir, entries[0].Name())); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		entries = entries[1:]
	}
	return nil
}

func (s *Spool) compress(b []byte) []byte { return s.enc.EncodeAll(b, nil) }

func (s *Spool) expand(b []byte) ([]byte, error) {
	out, err := s.dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

// The reserve is disk space kept for the small records that say what happened when the disk is full.

func (s *Spool) makeReserve() {
	path := filepath.Join(s.dir, "reserve")
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		s.reserved = true
		return
	}
	if err := os.WriteFile(path, make([]byte, reserveSize), 0o600); err != nil {
		s.note("no space to reserve: %v", err)
		_ = os.Remove(path) // a part of a reserve is none
		return
	}
	s.reserved = true
}

// retryWithReserve gives the reserve away when there is no other space left, and takes it back when there is.
func (s *Spool) retryWithReserve(write func() error) error {
	if !s.reserved {
		s.makeReserve()
	}
	err := write()
	if !diskFull(err) || !s.reserved {
		return err
	}
	s.note("the disk is full")
	s.reserved = false
	if rerr := os.Remove(filepath.Join(s.dir, "reserve")); rerr != nil {
		return errors.Join(err, rerr)
	}
	return write()
}

// makeRoom frees old captures until size more bytes fit; it is called with the lock held. Runs that are being sent
// and the run that asks are spared.
func (s *Spool) makeRoom(size int64, asking *Run) bool {
	for _, r := range s.runs {
		if s.bytes+size <= s.opt.MaxBytes {
			return true
		}
		if r == asking || r.pins > 0 {
			continue
		}
		var freed []string
		for _, c := range r.captures {
			if c.Stored() && c.Size > 0 && s.bytes+size > s.opt.MaxBytes {
				if err := r.free(c, "the spool's size limit was reached"); err != nil {
					s.opt.Log.Warn("spool: free capture", "error", err)
				}
				freed = append(freed, c.key)
			}
		}
		if len(freed) > 0 {
			s.note("size limit of %d bytes: dropped what run %s of connection %s had read of %s",
				s.opt.MaxBytes, r.info.RunID, r.info.ConnectionID, few(freed))
		}
	}
	return s.bytes+size <= s.opt.MaxBytes
}

func few(list []string) string {
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + fmt.Sprintf(" and %d more", len(list)-3)
	}
	return strings.Join(list, ", ")
}

// supersede frees what a newer capture of the same scope makes needless. Called with the lock held.
func (s *Spool) supersede(newer *Run, by *Capture) {
	for _, r := range slices.Clone(s.runs) {
		if r.info.ConnectionID != newer.info.ConnectionID || r.info.Generation >= newer.info.Generation || r.pins > 0 {
			continue
		}
		c := r.byKey[by.key]
		if c == nil || !c.Stored() || c.Complete() && !by.Complete() {
			continue
		}
		if err := r.free(c, "superseded by a newer reading before it could be sent"); err != nil {
			s.opt.Log.Warn("spool: free capture", "error", err)
		}
		s.dropIfEmpty(r)
	}
}

// dropIfEmpty forgets a run of which nothing is left to say. A run that the collector has heard of is closed there.
func (s *Spool) dropIfEmpty(r *Run) {
	if r.end == nil || r.announced || r.end.Error != "" || len(r.captures) == 0 || r.stored > 0 {
		return
	}
	s.note("run %s of connection %s (%s) was never sent: newer readings of all its scopes superseded it",
		r.info.RunID, r.info.ConnectionID, r.info.StartedAt.UTC().Format(time.RFC3339))
	if err := s.remove(r); err != nil {
		s.opt.Log.Warn("spool: remove run", "error", err)
	}
}

// remove is called with the lock held.
func (s *Spool) remove(r *Run) error {
	if at := slices.Index(s.runs, r); at >= 0 {
		s.runs = slices.Delete(s.runs, at, at+1)
	}
	for _, c := range r.captures {
		s.bytes -= c.Size
		c.Size = 0
	}
	s.wake()
	return errors.Join(r.closeLog(), os.RemoveAll(r.dir))
}
