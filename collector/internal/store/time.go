package store

import (
	"bytes"
	"fmt"
	"time"
)

// TimeLayout is how moments are written in documents: UTC, microseconds, fixed width, so that text order is time order.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// Time is a moment inside a document. The zero Time is null.
type Time struct{ time.Time }

// At wraps t, cut to microseconds so that what was written compares equal to what is read back.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// MarshalJSON writes TimeLayout or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.UTC().AppendFormat(nil, `"`+TimeLayout+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time or null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		t.Time = time.Time{}
		return nil
	}
	v, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("parse time: %w", err)
	}
	*t = At(v)
	return nil
}
