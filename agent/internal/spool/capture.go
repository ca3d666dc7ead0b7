package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"maestro.internal/sdk/resource"
)

// Writer takes one scope as it is read. It belongs to one goroutine. It never stops discovery: when there is no
// space it goes on counting, and the capture ends as failed and says why.
type Writer struct {
	run     *Run
	scope   int
	file    *os.File
	size    int64
	batches int
	rows    map[string]indexRow
	lost    error
}

// Capture opens the capture of a planned scope. There is a file only if there is something in it.
func (r *Run) Capture(scope int) *Writer {
	return &Writer{run: r, scope: scope, rows: map[string]indexRow{}}
}

// Append takes a batch for good. A key that comes again replaces what was there. The error is for saying it at once;
// the next Append may be called all the same.
func (w *Writer) Append(items []Item) error {
	if len(items) == 0 {
		return nil
	}
	for i := range items {
		w.rows[items[i].Key] = indexRow{Row: Row{Key: items[i].Key, Hash: items[i].Hash}, batch: w.batches}
	}
	w.batches++
	if w.lost != nil {
		return nil //nolint:nilerr // what is lost is told when the capture ends
	}
	w.lost = w.write(appendFrame(nil, frameItems, w.run.spool.compress(appendItems(nil, items))))
	if w.lost == nil {
		return nil
	}
	w.discard()
	return w.lost
}

// Listed is how many keys there are.
func (w *Writer) Listed() int { return len(w.rows) }

func (w *Writer) write(frame []byte) error {
	s := w.run.spool
	size := int64(len(frame))
	s.mu.Lock()
	fits := s.makeRoom(size, w.run)
	if fits {
		s.bytes += size
	}
	s.mu.Unlock()
	if !fits {
		return fmt.Errorf("%w: the limit of %d bytes is reached", ErrFull, s.opt.MaxBytes)
	}
	w.size += size
	var err error
	if w.file == nil {
		if w.file, err = os.OpenFile(w.run.capturePath(w.scope), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	_, err = w.file.Write(frame)
	if err == nil {
		err = w.file.Sync()
	}
	if diskFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// discard gives the space back at once.
func (w *Writer) discard() {
	s := w.run.spool
	s.mu.Lock()
	s.bytes -= w.size
	s.note("capture of scope %d of run %s was given up: %v", w.scope, w.run.info.RunID, w.lost)
	s.mu.Unlock()
	w.size = 0
	if w.file != nil {
		w.lost = errors.Join(w.lost, w.file.Close(), ignoreMissing(os.Remove(w.file.Name())))
		w.file = nil
	}
}

// Finish ends the capture. From then on it waits to be sent.
func (w *Writer) Finish(end CaptureEnd) error {
	c := &Capture{Scope: w.scope, CaptureEnd: end}
	if w.lost == nil {
		w.lost = w.finishFile(c)
		if w.lost != nil {
			w.discard()
		}
	} else if w.file != nil {
		w.discard()
	}
	s := w.run.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Size = w.size
	if w.lost != nil {
		c.Freed = w.lost.Error()
		c.Digest, c.Index = resource.Digest{}, 0
		c.Outcome.Status = resource.StatusFailed
		c.Outcome.Error = "what was read could not be kept: " + w.lost.Error()
		c.Outcome.Advice = "make room on the agent's disk or raise spool_max_bytes"
	}
	w.rows = nil
	if w.run.gone {
		// The collector did not want the run; it only ends.
		s.bytes -= w.size
		return ignoreMissing(os.Remove(w.run.capturePath(w.scope)))
	}
	if w.run.plan == nil || w.scope >= len(w.run.plan.Scopes) {
		return fmt.Errorf("spool capture: scope %d is not in the plan", w.scope)
	}
	// What is lost with the record of an empty scope is read again; what is in a file is not.
	if err := s.retryWithReserve(func() error { return w.run.note(record{Capture: c}, c.Size > 0) }); err != nil {
		return fmt.Errorf("spool capture: %w", err)
	}
	w.run.add(c)
	if c.Stored() {
		s.supersede(w.run, c)
	}
	s.wake()
	return nil
}

func (w *Writer) finishFile(c *Capture) error {
	if w.batches == 0 {
		return nil
	}
	c.Index = w.size
	var tail bytes.Buffer
	var err error
	if c.Digest, err = w.run.spool.writeRows(&tail, w.sorted()); err != nil {
		return err
	}
	err = w.write(appendFrame(tail.Bytes(), frameEnd, nil))
	if err == nil {
		if err = w.file.Close(); err == nil {
			err = syncDir(w.run.dir)
		}
	}
	return err
}

func (w *Writer) sorted() iter.Seq2[indexRow, error] {
	return func(yield func(indexRow, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(w.rows)) {
			if !yield(w.rows[key], nil) {
				return
			}
		}
	}
}

// Rows is the (key, hash) list of a capture; empty when its content is gone.
func (r *Run) Rows(c *Capture) Rows {
	if !c.Stored() || c.Size == 0 {
		return NoRows
	}
	return plain(r.spool.readRows(r.capturePath(c.Scope), c.Index))
}

// Items reads the bodies of the keys that want says, in batches as they were written. The newest body of a key is
// the one that counts.
func (r *Run) Items(c *Capture, want func(Row) bool) iter.Seq2[[]Item, error] {
	return func(yield func([]Item, error) bool) {
		if !c.Stored() || c.Size == 0 {
			return
		}
		wanted := map[int]map[string]bool{}
		for row, err := range r.spool.readRows(r.capturePath(c.Scope), c.Index) {
			if err != nil {
				yield(nil, err)
				return
			}
			if want(row.Row) {
				if wanted[row.batch] == nil {
					wanted[row.batch] = map[string]bool{}
				}
				wanted[row.batch][row.Key] = true
			}
		}
		if len(wanted) > 0 {
			r.readItems(c, wanted, yield)
		}
	}
}

func (r *Run) readItems(c *Capture, wanted map[int]map[string]bool, yield func([]Item, error) bool) {
	file, err := os.Open(r.capturePath(c.Scope))
	if err != nil {
		yield(nil, fmt.Errorf("read capture: %w", err))
		return
	}
	defer func() { _ = file.Close() }() // only read
	frames := newFrameReader(io.LimitReader(file, c.Index), 0)
	for batch := 0; ; batch++ {
		_, payload, err := frames.next()
		if errors.Is(err, io.EOF) {
			return
		}
		var items []Item
		if err == nil && wanted[batch] != nil {
			if payload, err = r.spool.expand(payload); err == nil {
				items, err = parseItems(payload)
			}
		}
		if err != nil {
			yield(nil, fmt.Errorf("read capture %s: %w", c.key, err))
			return
		}
		items = slices.DeleteFunc(items, func(it Item) bool { return !wanted[batch][it.Key] })
		items = lastOfEach(items)
		for i := range items {
			if resource.HashOf(items[i].Canonical) != items[i].Hash {
				yield(nil, fmt.Errorf("read capture %s: %w: content of %q", c.key, ErrCorrupt, items[i].Key))
				return
			}
		}
		if len(items) > 0 && !yield(items, nil) {
			return
		}
	}
}

// lastOfEach keeps the later of two items with one key in a batch.
func lastOfEach(items []Item) []Item {
	last := make(map[string]int, len(items))
	for i := range items {
		last[items[i].Key] = i
	}
	if len(last) == len(items) {
		return items
	}
	out := items[:0]
	for i := range items {
		if last[items[i].Key] == i {
			out = append(out, items[i])
		}
	}
	return out
}

// Damaged is called when reading a capture gave ErrCorrupt: it is put aside and counts as failed from now on.
func (r *Run) Damaged(c *Capture, cause error) error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	mine := r.find(c.Scope)
	if mine == nil || !mine.Stored() || r.gone {
		return nil
	}
	return r.damaged(mine, cause)
}

// Told is the outcome as the collector is to hear it: what is no longer there to be sent was not seen, as far as the
// inventory is concerned.
func (c *Capture) Told() resource.Outcome {
	out := c.Outcome
	if c.Freed != "" && (out.Status == resource.StatusComplete || out.Status == resource.StatusPartial) {
		out.Status, out.Error = resource.StatusNotTried, c.Freed
	}
	return out
}
