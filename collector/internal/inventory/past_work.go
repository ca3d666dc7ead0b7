package inventory

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/store"
)

// pastWork bounds what one question goes through of a moment around which much happened: when it is used up the question is answered with what
// was found so far. It counts what is read and not time, so that the same question is always answered alike. Nil is without bound.
type pastWork struct {
	left int
	// looked is how many resources were gone through as they were.
	looked int
}

// What a question's work is counted in, in about 7 µs of processor time.
const (
	workOfChange   = 3  // to find one, and whether another followed
	workOfRevision = 12 // to read one and ask it
	workOfRow      = 60 // to make of it what words, tags and rights are asked of
)

// pastWork is for one question, or for one of several parts of it.
func (s *Service) pastWork(parts int) *pastWork { return &pastWork{left: s.opt.PastWork / parts} }

func (w *pastWork) spend(n int) {
	if w != nil {
		w.left -= n
	}
}

func (w *pastWork) look(n int) {
	if w != nil {
		w.looked += n
	}
}

// atMost is of so many changes as are read at once how many are worth it.
func (w *pastWork) atMost(n int) int {
	if w == nil {
		return n
	}
	return max(1, min(n, w.left))
}

func (w *pastWork) used() bool { return w != nil && w.left <= 0 }

// pastPosition is where a list of a moment is read on that is gone through: a store's position, and what is known of what lies before it.
type pastPosition struct {
	After string `json:"a,omitempty"`
	// Found is how many meet the condition until here, and Looked how many were gone through; -1 is not known.
	Found  int `json:"n"`
	Looked int `json:"l"`
	// Gone is how far all was gone through for a page that may begin anywhere in it, since no index has the list's order. Best are the changes that
	// come first in it so far, of a page of Limit.
	Gone  string `json:"g,omitempty"`
	Best  best   `json:"b,omitempty"`
	Limit int    `json:"s,omitempty"`
}

// mostBest is how long a page is at most that is found in several goes: each takes the best so far from the one before, in a position that is part
// of an address.
const mostBest = 50

// best are changes' ids, each written as 16 bytes and its version.
type best []string

// MarshalJSON writes them in one text.
func (b best) MarshalJSON() ([]byte, error) {
	var packed []byte
	for _, key := range b {
		id, version, err := changeOf(key)
		if err != nil {
			return nil, err
		}
		raw, err := uuid.Parse(id)
		if err != nil {
			return nil, fmt.Errorf("encode page position: %w", err)
		}
		packed = binary.AppendUvarint(append(packed, raw[:]...), uint64(version))
	}
	return json.Marshal(packed)
}

// UnmarshalJSON reads what comes from outside.
func (b *best) UnmarshalJSON(text []byte) error {
	var packed []byte
	if err := json.Unmarshal(text, &packed); err != nil {
		return err
	}
	for *b = nil; len(packed) > 0; {
		version, n := binary.Uvarint(packed[min(16, len(packed)):])
		if n <= 0 || version > math.MaxInt64 {
			return store.ErrBadCursor
		}
		*b, packed = append(*b, changeID(uuid.UUID(packed[:16]).String(), int64(version))), packed[16+n:]
	}
	return nil
}

// positionMark is in no store's position.
const positionMark = "~"

func (p pastPosition) text() (string, error) {
	if p.Found < 0 && p.Gone == "" {
		return p.After, nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return positionMark + base64.RawURLEncoding.EncodeToString(b), nil
}

// pastPositionOf reads what comes from outside. Nothing in it is believed but what harms only who made it up.
func pastPositionOf(text string) (pastPosition, error) {
	packed, ok := strings.CutPrefix(text, positionMark)
	if !ok {
		if text == "" {
			return pastPosition{}, nil
		}
		return pastPosition{After: text, Found: -1}, nil
	}
	var p pastPosition
	b, err := base64.RawURLEncoding.DecodeString(packed)
	if err != nil || json.Unmarshal(b, &p) != nil || p.Found < 0 || p.Looked < 0 || p.Limit < 0 || p.Limit > mostBest || len(p.Best) > p.Limit+1 || (p.Gone == "") != (p.Limit == 0) {
		return pastPosition{}, store.ErrBadCursor
	}
	return p, nil
}
