package wire

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

const (
	errorDomain     = "maestro"
	reasonSettings  = "settings"
	keyAdvice       = "advice"
	keyRetryAfterMS = "retry_after_ms"
	keyPointer      = "pointer"
)

// FromError makes a gRPC status of what a plugin's author returned. The code alone tells the class, for
// plugins that know nothing of the details; the details carry the rest.
func FromError(err error) error {
	if err == nil {
		return nil
	}
	var settings *provider.SettingsError
	if errors.As(err, &settings) {
		return detailed(codes.InvalidArgument, settings.Problem, reasonSettings, map[string]string{keyPointer: settings.Pointer})
	}
	var classed *provider.Error
	if errors.As(err, &classed) {
		meta := map[string]string{}
		if classed.Advice != "" {
			meta[keyAdvice] = classed.Advice
		}
		if classed.RetryAfter > 0 {
			meta[keyRetryAfterMS] = strconv.FormatInt(classed.RetryAfter.Milliseconds(), 10)
		}
		text := err.Error()
		if err == error(classed) {
			// The class travels as the code; repeating it in the text would print it twice.
			text = classed.Err.Error()
		}
		return detailed(codeOf(classed.Status), text, string(classed.Status), meta)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Unknown, err.Error())
}

// ToError reads what FromError or a plugin in another language sent. An error that has no class is returned
// with its plain text.
func ToError(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	text := errors.New(st.Message())
	meta := map[string]string{}
	class := statusOf(st.Code())
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain {
			continue
		}
		meta = info.GetMetadata()
		if s := resource.Status(info.GetReason()); codeOf(s) != codes.Unknown {
			class = s
		}
	}
	switch st.Code() {
	case codes.InvalidArgument:
		return &provider.SettingsError{Pointer: meta[keyPointer], Problem: st.Message()}
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	if class == "" {
		return text
	}
	out := &provider.Error{Status: class, Advice: meta[keyAdvice], Err: text}
	if ms, err := strconv.ParseInt(meta[keyRetryAfterMS], 10, 64); err == nil && ms > 0 {
		out.RetryAfter = time.Duration(ms) * time.Millisecond
	}
	return out
}

func detailed(code codes.Code, text, reason string, meta map[string]string) error {
	st := status.New(code, text)
	with, err := st.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain, Metadata: meta})
	if err != nil {
		// Only text that is no UTF-8 brings this about; the class is worth more than the details.
		return st.Err()
	}
	return with.Err()
}

func codeOf(s resource.Status) codes.Code {
	switch s {
	case resource.StatusDenied:
		return codes.PermissionDenied
	case resource.StatusThrottled:
		return codes.ResourceExhausted
	case resource.StatusUnreachable:
		return codes.Unavailable
	case resource.StatusUnsupported:
		return codes.Unimplemented
	case resource.StatusFailed:
		return codes.FailedPrecondition
	}
	return codes.Unknown
}

func statusOf(code codes.Code) resource.Status {
	switch code {
	case codes.PermissionDenied, codes.Unauthenticated:
		return resource.StatusDenied
	case codes.ResourceExhausted:
		return resource.StatusThrottled
	case codes.Unavailable:
		return resource.StatusUnreachable
	case codes.Unimplemented:
		return resource.StatusUnsupported
	case codes.FailedPrecondition:
		return resource.StatusFailed
	}
	return ""
}
