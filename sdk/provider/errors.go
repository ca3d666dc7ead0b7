package provider

import (
	"errors"
	"fmt"
	"time"

	"maestro.internal/sdk/resource"
)

// Error is an error whose class is known: it decides the outcome of the scope it ends and whether a call is
// repeated.
type Error struct {
	// Status is the outcome it leads to.
	Status resource.Status
	// Advice says what to do about it, for people; may be empty.
	Advice string
	// RetryAfter is how long the provider asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Certificate is the one that the server showed, where nobody trusts it and a setting could. Package httpclient fills it in but
	// for its Setting, which only the plugin knows; without one it is told to nobody.
	Certificate *Certificate
	// Err is the cause, in the provider's own words.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Status, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Temporary says whether repeating the call can help.
func (e *Error) Temporary() bool {
	return e.Status == resource.StatusThrottled || e.Status == resource.StatusUnreachable
}

// Denied marks err as a missing permission; advice names it.
func Denied(err error, advice string) error {
	return &Error{Status: resource.StatusDenied, Advice: advice, Err: err}
}

// Throttled marks err as "asked too often"; after is what the provider asked for, or 0.
func Throttled(err error, after time.Duration) error {
	return &Error{Status: resource.StatusThrottled, RetryAfter: after, Err: err}
}

// Unreachable marks err as a missing answer: refused, timed out, no route, 5xx.
func Unreachable(err error) error {
	return &Error{Status: resource.StatusUnreachable, Err: err}
}

// Unsupported marks err as "there is no such thing at this provider".
func Unsupported(err error) error {
	return &Error{Status: resource.StatusUnsupported, Err: err}
}

// Permanent marks err as one that no repetition mends.
func Permanent(err error) error {
	return &Error{Status: resource.StatusFailed, Err: err}
}

// StatusOf is the outcome that err leads to: complete for nil, failed for an unclassified error.
func StatusOf(err error) resource.Status {
	if err == nil {
		return resource.StatusComplete
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return resource.StatusFailed
}

// SettingsError says which setting of a connection is wrong.
type SettingsError struct {
	// Pointer is the JSON pointer of the setting; empty for the whole.
	Pointer string
	Problem string
}

func (e *SettingsError) Error() string {
	if e.Pointer == "" {
		return "settings: " + e.Problem
	}
	return fmt.Sprintf("setting %s: %s", e.Pointer, e.Problem)
}
