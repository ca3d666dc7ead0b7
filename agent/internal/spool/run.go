package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// RunInfo is what is known of a run when it begins.
type RunInfo struct {
	RunID        string    `json:"run_id"`
	ConnectionID string    `json:"connection_id"`
	Epoch        int64     `json:"epoch"`
	Generation   int64     `json:"generation"` // set by Begin
	Trigger      string    `json:"trigger"`
	Kinds        []string  `json:"kinds,omitempty"`
	StartedAt    time.Time `json:"started_at"`
}

// RunPlan is what a run is going to read.
type RunPlan struct {
	provider.Plan
	PluginVersion string `json:"plugin_version,omitempty"`
}

// RunEnd is how a run ended.
type RunEnd struct {
	FinishedAt time.Time `json:"finished_at"`
	// Error is set when the run ended early: canceled, killed, plan failed.
	Error string   `json:"error,omitempty"`
	Log   []string `json:"log,omitempty"`
}

// CaptureEnd is how the reading of a scope ended, and under which rules it was hashed.
type CaptureEnd struct {
	Outcome      resource.Outcome `json:"outcome"`
	Fingerprint  []byte           `json:"fingerprint,omitempty"`
	HashFormat   int              `json:"hash_format"`
	KindDigest   []byte           `json:"kind_digest,omitempty"`
	PolicyDigest []byte           `json:"policy_digest,omitempty"`
	ReadAt       time.Time        `json:"read_at"`
}

// Capture is one scope as read in one run.
type Capture struct {
	// Scope is its position in the plan.
	Scope int `json:"scope"`
	CaptureEnd
	// Digest is over the rows that it lists.
	Digest resource.Digest `json:"digest"`
	// Size of its file; 0 when there is none.
	Size int64 `json:"size"`
	// Index is where the list begins in the file.
	Index int64 `json:"index"`
	// Freed says why its content is gone; empty while it is there.
	Freed string `json:"freed,omitempty"`

	key string
}

// Key is the scope's key.
func (c *Capture) Key() string { return c.key }

// Complete says whether it proves what is absent.
func (c *Capture) Complete() bool { return c.Outcome.Status == resource.StatusComplete }

// Stored says whether its content is still to be sent.
func (c *Capture) Stored() bool { return c.Freed == "" }

// Run is one run in the spool.
type Run struct {
	spool *Spool
	dir   string
	log   *os.File

	// Guarded by the spool's lock.
	info      RunInfo
	plan      *RunPlan
	captures  []*Capture // in the order of finishing
	byKey     map[string]*Capture
	planned   int // scopes of the plan while it is loaded
	stored    int // captures whose content is still to be sent
	end       *RunEnd
	announced bool
	pins      int
	gone      bool
}

// record is one entry of a run's log; one of its fields is set.
type record struct {
	Open *RunInfo `json:"open,omitempty"`
	Plan *RunPlan `json:"plan,omitempty"`
	// Planned is how many scopes the plan has when more of them follow in records of their own.
	Planned   int              `json:"planned,omitempty"`
	More      []resource.Scope `json:"more,omitempty"`
	Capture   *Capture         `json:"capture,omitempty"`
	Freed     *freed           `json:"freed,omitempty"`
	Announced bool             `json:"announced,omitempty"`
	End       *RunEnd          `json:"end,omitempty"`
}

type freed struct {
	Scope  int    `json:"scope"`
	Reason string `json:"reason"`
}

// Frame kinds.
const (
	frameRecord = 'R'
	frameItems  = 'B'
	frameRows   = 'I'
	frameMeta   = 'M'
	frameEnd    = 'E'
)

func (r *Run) logPath() string { return filepath.Join(r.dir, "run.log") }
func (r *Run) capturePath(scope int) string {
	return filepath.Join(r.dir, fmt.Sprintf("%d.capture", scope))
}

// record appends to the run's log for good. Called with the spool's lock held.
func (r *Run) record(rec record) error { return r.note(rec, true) }

// note appends to the run's log. What need not outlive a crash at once, because nothing is lost with it, is not synced: there
// may be a hundred thousand scopes with nothing in them.
func (r *Run) note(rec record, sync bool) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("write run log: %w", err)
	}
	if r.log == nil {
		if r.log, err = os.OpenFile(r.logPath(), os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("write run log: %w", err)
		}
	}
	at, err := r.log.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = r.log.Write(appendFrame(nil, frameRecord, b))
	}
	if err == nil && sync {
		err = r.log.Sync()
	}
	if err != nil {
		// Half a frame in the middle would hide all that comes after it.
		return fmt.Errorf("write run log: %w", errors.Join(err, r.log.Truncate(at)))
	}
	return nil
}

func (r *Run) closeLog() error {
	if r.log == nil {
		return nil
	}
	err := r.log.Close()
	r.log = nil
	return err
}

// load reads the run's log as far as it can be trusted.
func (r *Run) load() error {
	file, err := os.OpenFile(r.logPath(), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("read run log: %w", err)
	}
	defer func() { _ = file.Close() }() // what was cut off was synced
	frames := newFrameReader(file, 0)
	for {
		at := frames.offset
		_, payload, err := frames.next()
		if errors.Is(err, io.EOF) {
			break
		}
		var rec record
		if err == nil {
			if jerr := json.Unmarshal(payload, &rec); jerr != nil {
				err = fmt.Errorf("%w: %w", ErrCorrupt, jerr)
			}
		}
		if errors.Is(err, ErrCorrupt) {
			// What was written after a record that cannot be read depends on it.
			if !errors.Is(err, errTruncated) {
				r.spool.note("log of run %s: %v; what follows is dropped", filepath.Base(r.dir), err)
			}
			if err := file.Truncate(at); err != nil {
				return fmt.Errorf("read run log: %w", err)
			}
			break
		}
		if err != nil {
			return fmt.Errorf("read run log: %w", err)
		}
		r.apply(rec)
	}
	if r.plan != nil && len(r.plan.Scopes) < r.planned {
		r.plan = nil // it was cut off, so nothing was read yet
	}
	if r.info.RunID == "" {
		return fmt.Errorf("read run log: %w: the run has no beginning", ErrCorrupt)
	}
	return r.checkFiles()
}

func (r *Run) apply(rec record) {
	switch {
	case rec.Open != nil:
		r.info = *rec.Open
	case rec.Plan != nil:
		r.plan, r.planned = rec.Plan, rec.Planned
	case rec.More != nil && r.plan != nil:
		r.plan.Scopes = append(r.plan.Scopes, rec.More...)
	case rec.Capture != nil:
		if r.plan == nil || rec.Capture.Scope < 0 || rec.Capture.Scope >= len(r.plan.Scopes) {
			return
		}
		c := rec.Capture
		r.add(c)
	case rec.Freed != nil:
		if c := r.find(rec.Freed.Scope); c != nil {
			r.let(c, rec.Freed.Reason)
		}
	case rec.Announced:
		r.announced = true
	case rec.End != nil:
		r.end = rec.End
	}
}

func (r *Run) find(scope int) *Capture {
	if r.plan == nil || scope < 0 || scope >= len(r.plan.Scopes) {
		return nil
	}
	return r.byKey[r.plan.Scopes[scope].Key()]
}

// add takes a capture of a planned scope.
func (r *Run) add(c *Capture) {
	c.key = r.plan.Scopes[c.Scope].Key()
	if r.byKey == nil {
		r.byKey = map[string]*Capture{}
	}
	if before := r.byKey[c.key]; before != nil && before.Stored() {
		r.stored--
	}
	r.captures, r.byKey[c.key] = append(r.captures, c), c
	if c.Stored() {
		r.stored++
	}
}

// let notes that a capture's content is gone.
func (r *Run) let(c *Capture, reason string) {
	if c.Stored() {
		r.stored--
	}
	c.Freed, c.Size = reason, 0
}

// checkFiles drops files that no record speaks of and records whose file is not there as it should be.
func (r *Run) checkFiles() error {
	known := map[string]bool{"run.log": true}
	for _, c := range r.captures {
		path := r.capturePath(c.Scope)
		if !c.Stored() || c.Size == 0 {
			continue
		}
		known[filepath.Base(path)] = true
		if info, err := os.Stat(path); err != nil || info.Size() != c.Size {
			if err := r.damaged(c, errors.New("its file is missing or cut off")); err != nil {
				return err
			}
			known[filepath.Base(path)] = false
		}
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("check run: %w", err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := ignoreMissing(os.RemoveAll(filepath.Join(r.dir, e.Name()))); err != nil {
				return fmt.Errorf("check run: %w", err)
			}
		}
	}
	return nil
}

// interrupted ends a run that was going on when the agent ended.
func (r *Run) interrupted() error {
	if r.end != nil {
		return r.closeLog()
	}
	const why = "the agent ended while this run was going on"
	now := r.spool.opt.Now()
	if r.plan != nil {
		for i := range r.plan.Scopes {
			if r.find(i) != nil {
				continue
			}
			c := &Capture{Scope: i, Freed: why, CaptureEnd: CaptureEnd{ReadAt: now, HashFormat: resource.HashFormat,
				Outcome: resource.Outcome{Status: resource.StatusNotTried, Error: why}}}
			if err := r.note(record{Capture: c}, false); err != nil {
				return err
			}
			r.add(c)
		}
	}
	r.end = &RunEnd{FinishedAt: now, Error: why}
	return errors.Join(r.record(record{End: r.end}), r.closeLog())
}

// damaged puts a capture's file aside; the scope counts as failed. Called with the lock held.
func (r *Run) damaged(c *Capture, cause error) error {
	r.spool.note("capture of %s in run %s was put aside: %v", c.key, r.info.RunID, cause)
	if err := r.spool.putAside(r.capturePath(c.Scope)); err != nil {
		return err
	}
	return r.free(c, "damaged in the spool: "+cause.Error())
}

// free forgets a capture's content. Called with the lock held.
func (r *Run) free(c *Capture, reason string) error {
	r.spool.bytes -= c.Size
	file := c.Size > 0
	r.let(c, reason)
	err := r.spool.retryWithReserve(func() error { return r.note(record{Freed: &freed{Scope: c.Scope, Reason: reason}}, file) })
	if r.end != nil {
		err = errors.Join(err, r.closeLog())
	}
	if file {
		err = errors.Join(err, ignoreMissing(os.Remove(r.capturePath(c.Scope))))
	}
	return err
}

// Info says which run it is.
func (r *Run) Info() RunInfo { return r.info }

// SetPlan records what is going to be read, before any capture.
func (r *Run) SetPlan(plan RunPlan) error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	if r.gone {
		return nil
	}
	if err := r.spool.retryWithReserve(func() error { return r.recordPlan(plan) }); err != nil {
		return fmt.Errorf("spool plan: %w", err)
	}
	r.plan = &plan
	r.spool.wake()
	return nil
}

// planPerRecord keeps records well below the size that a frame may have.
const planPerRecord = 10_000

func (r *Run) recordPlan(plan RunPlan) error {
	all := plan.Scopes
	first := plan
	if first.Scopes = all[:min(len(all), planPerRecord)]; len(all) <= planPerRecord {
		return r.record(record{Plan: &first})
	}
	if err := r.note(record{Plan: &first, Planned: len(all)}, false); err != nil {
		return err
	}
	for at := planPerRecord; at < len(all); at += planPerRecord {
		end := min(len(all), at+planPerRecord)
		if err := r.note(record{More: all[at:end]}, end == len(all)); err != nil {
			return err
		}
	}
	return nil
}

// End records the run's end. Every planned scope has been finished before.
func (r *Run) End(end RunEnd) error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	if r.gone || r.end != nil {
		return nil
	}
	if err := r.spool.retryWithReserve(func() error { return r.record(record{End: &end}) }); err != nil {
		return fmt.Errorf("spool end of run: %w", err)
	}
	r.end = &end
	r.spool.wake()
	return r.closeLog()
}

// State is a run at one moment.
type State struct {
	Info     RunInfo
	Plan     *RunPlan
	Captures []Capture // in the order of finishing
	End      *RunEnd
}

// State is a copy that does not change.
func (r *Run) State() State {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	st := State{Info: r.info, Plan: r.plan, End: r.end}
	for _, c := range r.captures {
		st.Captures = append(st.Captures, *c)
	}
	return st
}

// Since is how a run that is pinned stands, with the captures that were finished after the first n. They do not change while it
// is pinned, so they are not copied: there may be a hundred thousand.
func (r *Run) Since(n int) (*RunPlan, []*Capture, *RunEnd) {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	return r.plan, r.captures[min(n, len(r.captures)):], r.end
}

// Announced notes that the collector has heard of the run, which must then be closed there.
func (r *Run) Announced() error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	if r.announced || r.gone {
		return nil
	}
	r.announced = true
	err := r.spool.retryWithReserve(func() error { return r.record(record{Announced: true}) })
	if r.end != nil {
		err = errors.Join(err, r.closeLog())
	}
	return err
}

// Pin keeps the run's captures while they are being sent; the function it answers ends that.
func (r *Run) Pin() (release func()) {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	r.pins++
	return func() {
		r.spool.mu.Lock()
		defer r.spool.mu.Unlock()
		r.pins--
	}
}

// Done removes a run that the collector has acknowledged or does not want. Acknowledged runs move the connection's
// position.
func (r *Run) Done(acknowledged bool) error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	if r.gone {
		return nil
	}
	r.gone = true
	at := Position{Epoch: r.info.Epoch, Generation: r.info.Generation}
	var err error
	if acknowledged && at.Newer(r.spool.positions[r.info.ConnectionID]) {
		r.spool.positions[r.info.ConnectionID] = at
		err = writeJSON(r.spool.positionsPath(), r.spool.positions)
	}
	if err = errors.Join(err, r.spool.remove(r)); err != nil {
		return fmt.Errorf("end run in spool: %w", err)
	}
	return nil
}
