package provider_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func TestErrorClasses(t *testing.T) {
	cause := errors.New("the provider's words")
	tests := []struct {
		err       error
		status    resource.Status
		temporary bool
	}{
		{nil, resource.StatusComplete, false},
		{cause, resource.StatusFailed, false},
		{provider.Denied(cause, "grant it"), resource.StatusDenied, false},
		{provider.Throttled(cause, time.Second), resource.StatusThrottled, true},
		{provider.Unreachable(cause), resource.StatusUnreachable, true},
		{provider.Unsupported(cause), resource.StatusUnsupported, false},
		{provider.Permanent(cause), resource.StatusFailed, false},
		{fmt.Errorf("list servers: %w", provider.Denied(cause, "")), resource.StatusDenied, false},
	}
	for _, tt := range tests {
		if got := provider.StatusOf(tt.err); got != tt.status {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.status)
		}
		var classed *provider.Error
		if errors.As(tt.err, &classed) && (classed.Temporary() != tt.temporary || !errors.Is(tt.err, cause)) {
			t.Errorf("%v: temporary %v", tt.err, classed.Temporary())
		}
	}
	if got := (&provider.SettingsError{Pointer: "/url", Problem: "no URL"}).Error(); got != "setting /url: no URL" {
		t.Error(got)
	}
	if got := (&provider.SettingsError{Problem: "no JSON"}).Error(); got != "settings: no JSON" {
		t.Error(got)
	}
}
