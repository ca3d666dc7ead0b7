package spool

import (
	"encoding/binary"
	"fmt"
	"slices"

	"maestro.internal/sdk/resource"
)

// Item is one sealed resource.
type Item struct {
	Key       string
	Hash      resource.Hash
	Canonical []byte
	// Volatile is a JSON object or nil.
	Volatile []byte
}

// Row is one line of a (key, hash) list.
type Row struct {
	Key  string
	Hash resource.Hash
}

// indexRow is a Row of a capture, with the batch that holds the body.
type indexRow struct {
	Row
	batch int
}

func appendBytes[T string | []byte](dst []byte, part T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(part)))
	return append(dst, part...)
}

func appendItems(dst []byte, items []Item) []byte {
	for i := range items {
		it := &items[i]
		dst = appendBytes(dst, it.Key)
		dst = append(dst, it.Hash[:]...)
		dst = appendBytes(dst, it.Canonical)
		dst = appendBytes(dst, it.Volatile)
	}
	return dst
}

// parser takes apart what the append functions wrote; any nonsense is ErrCorrupt.
type parser struct {
	b   []byte
	err error
}

func (p *parser) more() bool { return p.err == nil && len(p.b) > 0 }

func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.b)
	if p.err == nil && size <= 0 {
		p.err = fmt.Errorf("%w: number", ErrCorrupt)
	}
	if p.err != nil {
		return 0
	}
	p.b = p.b[size:]
	return n
}

func (p *parser) take(n uint64) []byte {
	if p.err == nil && n > uint64(len(p.b)) {
		p.err = fmt.Errorf("%w: %d bytes wanted, %d there", ErrCorrupt, n, len(p.b))
	}
	if p.err != nil {
		return nil
	}
	out := p.b[:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) hash() (h resource.Hash) {
	copy(h[:], p.take(uint64(len(h))))
	return h
}

func parseItems(b []byte) ([]Item, error) {
	p := &parser{b: b}
	var out []Item
	for p.more() {
		it := Item{Key: string(p.take(p.number())), Hash: p.hash()}
		it.Canonical = slices.Clone(p.take(p.number()))
		if v := p.take(p.number()); len(v) > 0 {
			it.Volatile = slices.Clone(v)
		}
		out = append(out, it)
	}
	if p.err != nil {
		return nil, p.err
	}
	return out, nil
}

func appendRow(dst []byte, r indexRow) []byte {
	dst = appendBytes(dst, r.Key)
	dst = append(dst, r.Hash[:]...)
	return binary.AppendUvarint(dst, uint64(r.batch))
}

func parseRows(b []byte) ([]indexRow, error) {
	p := &parser{b: b}
	var out []indexRow
	for p.more() {
		r := indexRow{Row: Row{Key: string(p.take(p.number())), Hash: p.hash()}}
		batch := p.number()
		if batch > 1<<31 {
			return nil, fmt.Errorf("%w: batch %d", ErrCorrupt, batch)
		}
		r.batch = int(batch)
		out = append(out, r)
	}
	if p.err != nil {
		return nil, p.err
	}
	return out, nil
}
