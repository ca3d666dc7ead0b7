package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame is: length of what follows the checksum (4 bytes, little endian), CRC32C of it (4 bytes), a kind (1 byte)
// and the payload.
const (
	frameHeader = 8
	// maxFrame bounds what a damaged length can make us allocate.
	maxFrame = 32 << 20
)

var (
	// ErrCorrupt says that bytes on disk are not what was written.
	ErrCorrupt = errors.New("corrupt frame")
	// errTruncated says that a file ends within a frame: the usual trace of a crash while appending.
	errTruncated = fmt.Errorf("%w: the file ends within it", ErrCorrupt)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(dst []byte, kind byte, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)+1))
	sum := crc32.Update(crc32.Checksum([]byte{kind}, castagnoli), castagnoli, payload)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	dst = append(dst, kind)
	return append(dst, payload...)
}

// frameReader reads frames one after the other.
type frameReader struct {
	r   *bufio.Reader
	buf []byte
	// offset is where the next frame begins.
	offset int64
}

func newFrameReader(r io.Reader, offset int64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 64<<10), offset: offset}
}

// next answers io.EOF at a clean end only. The payload is valid until the next call.
func (f *frameReader) next() (kind byte, payload []byte, err error) {
	var head [frameHeader]byte
	n, err := io.ReadFull(f.r, head[:])
	if errors.Is(err, io.EOF) && n == 0 {
		return 0, nil, io.EOF
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil, fmt.Errorf("frame at byte %d: %w", f.offset, errTruncated)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read frame at byte %d: %w", f.offset, err)
	}
	size := binary.LittleEndian.Uint32(head[:4])
	if size == 0 || size > maxFrame {
		return 0, nil, fmt.Errorf("frame at byte %d: %w: length %d", f.offset, ErrCorrupt, size)
	}
	if err := f.fill(int(size)); err != nil {
		return 0, nil, err
	}
	if crc32.Checksum(f.buf, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, nil, fmt.Errorf("frame at byte %d: %w: checksum", f.offset, ErrCorrupt)
	}
	f.offset += frameHeader + int64(size)
	return f.buf[0], f.buf[1:], nil
}

// fill grows the buffer as bytes arrive, so that a damaged length does not allocate what is not there.
func (f *frameReader) fill(size int) error {
	const step = 1 << 20
	f.buf = f.buf[:0]
	for len(f.buf) < size {
		part := min(step, size-len(f.buf))
		from := len(f.buf)
		if cap(f.buf) < from+part {
			grown := make([]byte, from, max(from+part, min(2*cap(f.buf), size)))
			copy(grown, f.buf)
			f.buf = grown
		}
		f.buf = f.buf[:from+part]
		if _, err := io.ReadFull(f.r, f.buf[from:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("frame at byte %d: %w", f.offset, errTruncated)
			}
			return fmt.Errorf("read frame at byte %d: %w", f.offset, err)
		}
	}
	return nil
}
