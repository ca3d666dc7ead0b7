package credential

import (
	"fmt"
	"log/slog"
)

// hidden is what a secret looks like to everything but Reveal.
const hidden = "[secret]"

// Secret is a value that cannot print itself: not with fmt, not in JSON or YAML, not in a log.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal is the value, for the one place that hands it on.
func (s Secret) Reveal() string { return s.value }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

func (s Secret) String() string { return hidden }

// MarshalText hides the value from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// UnmarshalText reads a secret from a configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
