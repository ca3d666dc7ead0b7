package spool

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"maestro.internal/sdk/resource"
)

// Rows is a list sorted by key that may fail while it is read; after an error it ends.
type Rows = iter.Seq2[Row, error]

// rowsPerFrame keeps frames of lists small.
const rowsPerFrame = 2048

// writeRows appends rows as frames and answers the number of bytes and the rows' digest.
func (s *Spool) writeRows(w io.Writer, rows iter.Seq2[indexRow, error]) (resource.Digest, error) {
	var digest resource.Digest
	var buf []byte
	count := 0
	flush := func() error {
		if count == 0 {
			return nil
		}
		_, err := w.Write(appendFrame(nil, frameRows, s.compress(buf)))
		buf, count = buf[:0], 0
		return err
	}
	for r, err := range rows {
		if err != nil {
			return digest, err
		}
		buf = appendRow(buf, r)
		digest.AddRow(r.Key, r.Hash)
		if count++; count == rowsPerFrame {
			if err := flush(); err != nil {
				return digest, err
			}
		}
	}
	return digest, flush()
}

// readRows reads the frames of a list from offset to the end frame, in strictly rising order of keys.
func (s *Spool) readRows(path string, offset int64) iter.Seq2[indexRow, error] {
	return func(yield func(indexRow, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(indexRow{}, fmt.Errorf("read list: %w", err))
			return
		}
		defer func() { _ = file.Close() }() // only read
		if _, err := file.Seek(offset, io.SeekStart); err != nil {
			yield(indexRow{}, fmt.Errorf("read list: %w", err))
			return
		}
		frames := newFrameReader(file, offset)
		last, first := "", true
		for {
			kind, payload, err := frames.next()
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: the list has no end", ErrCorrupt)
			}
			if err == nil && kind == frameEnd {
				return
			}
			if err == nil && kind != frameRows {
				continue // the meta record of a baseline
			}
			var rows []indexRow
			if err == nil {
				if payload, err = s.expand(payload); err == nil {
					rows, err = parseRows(payload)
				}
			}
			if err != nil {
				yield(indexRow{}, fmt.Errorf("read list %s: %w", path, err))
				return
			}
			for _, r := range rows {
				if !first && r.Key <= last {
					yield(indexRow{}, fmt.Errorf("read list %s: %w: order of keys", path, ErrCorrupt))
					return
				}
				if !yield(r, nil) {
					return
				}
				last, first = r.Key, false
			}
		}
	}
}

// plain drops the batch numbers.
func plain(rows iter.Seq2[indexRow, error]) Rows {
	return func(yield func(Row, error) bool) {
		for r, err := range rows {
			if !yield(r.Row, err) || err != nil {
				return
			}
		}
	}
}

// indexed adds batch numbers that mean nothing.
func indexed(rows Rows) iter.Seq2[indexRow, error] {
	return func(yield func(indexRow, error) bool) {
		for r, err := range rows {
			if !yield(indexRow{Row: r}, err) || err != nil {
				return
			}
		}
	}
}

// Difference is what turns one sorted list into another.
type Difference struct {
	// Changed are the keys that are new or have another hash, Removed those that are no longer there.
	Changed map[string]bool
	Removed []string
}

// Compare walks both lists once.
func Compare(before, after Rows) (Difference, error) {
	d := Difference{Changed: map[string]bool{}}
	err := walk(before, after, func(key string, b, a *Row) {
		switch {
		case a == nil:
			d.Removed = append(d.Removed, key)
		case b == nil || b.Hash != a.Hash:
			d.Changed[key] = true
		}
	})
	return d, err
}

// Overlay is the list of base with the rows of over put over it: what is known after a capture that was not complete.
func Overlay(base, over Rows) Rows {
	return func(yield func(Row, error) bool) {
		stopped := false
		err := walkUntil(base, over, func(_ string, b, a *Row) bool {
			r := b
			if a != nil {
				r = a
			}
			stopped = !yield(*r, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(Row{}, err)
		}
	}
}

func walk(before, after Rows, visit func(key string, before, after *Row)) error {
	return walkUntil(before, after, func(key string, b, a *Row) bool {
		visit(key, b, a)
		return true
	})
}

func walkUntil(before, after Rows, visit func(key string, before, after *Row) bool) error {
	nextB, stopB := iter.Pull2(before)
	defer stopB()
	nextA, stopA := iter.Pull2(after)
	defer stopA()
	b, errB, okB := nextB()
	a, errA, okA := nextA()
	for okB || okA {
		if err := errors.Join(errB, errA); err != nil {
			return err
		}
		var goOn bool
		switch {
		case okB && (!okA || b.Key < a.Key):
			row := b
			goOn = visit(b.Key, &row, nil)
			b, errB, okB = nextB()
		case okA && (!okB || a.Key < b.Key):
			row := a
			goOn = visit(a.Key, nil, &row)
			a, errA, okA = nextA()
		default:
			rb, ra := b, a
			goOn = visit(a.Key, &rb, &ra)
			b, errB, okB = nextB()
			a, errA, okA = nextA()
		}
		if !goOn {
			return nil
		}
	}
	return nil
}

// NoRows is the empty list.
func NoRows(func(Row, error) bool) {}
