package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/wire"
)

// overTheWire is what a message is after it has travelled.
func overTheWire[M proto.Message](t testing.TB, in M) M {
	t.Helper()
	b, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := in.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out.(M)
}

// roundTrip draws values of T with every field set, sends them over the wire and compares.
func roundTrip[T any, M proto.Message](t *testing.T, from func(T) M, to func(M) T, lost ...string) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		var value T
		fill(rt, reflect.ValueOf(&value).Elem())
		for _, name := range lost {
			reflect.ValueOf(&value).Elem().FieldByName(name).SetZero()
		}
		msg := from(value)
		noneUnset(rt, msg.ProtoReflect())
		if diff := cmp.Diff(value, to(overTheWire(t, msg)), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// fill sets every field of v to something that is not its zero value.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(1, 1<<40).Draw(t, "time"), 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"a":` + rapid.StringMatching(`[1-9]`).Draw(t, "json") + `}`))
			return
		}
		n := rapid.IntRange(1, 3).Draw(t, "len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.String:
		if v.Type() == reflect.TypeFor[resource.Status]() {
			v.SetString(string(rapid.SampledFrom([]resource.Status{resource.StatusComplete, resource.StatusPartial,
				resource.StatusDenied, resource.StatusThrottled, resource.StatusUnreachable, resource.StatusUnsupported,
				resource.StatusFailed, resource.StatusNotTried}).Draw(t, "status")))
			return
		}
		v.SetString(rapid.StringN(1, 6, 12).Draw(t, "string"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(1, 1<<30).Draw(t, "int"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(0.1, 100).Draw(t, "float"))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("cannot fill %s", v.Type())
	}
}

// noneUnset finds fields of the message that the conversion does not know.
func noneUnset(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			t.Fatalf("%s is never set", f.FullName())
		}
		if f.Message() == nil || f.IsMap() {
			continue
		}
		if !f.IsList() {
			noneUnset(t, m.Get(f).Message())
			continue
		}
		for j := range m.Get(f).List().Len() {
			noneUnset(t, m.Get(f).List().Get(j).Message())
		}
	}
}

func TestRoundTrips(t *testing.T) {
	t.Run("description", func(t *testing.T) { roundTrip(t, wire.FromDescription, wire.ToDescription) })
	t.Run("connection", func(t *testing.T) { roundTrip(t, wire.FromConnection, wire.ToConnection) })
	t.Run("check", func(t *testing.T) { roundTrip(t, wire.FromCheck, wire.ToCheck) })
	t.Run("plan", func(t *testing.T) { roundTrip(t, wire.FromPlan, wire.ToPlan) })
	t.Run("outcome", func(t *testing.T) { roundTrip(t, wire.FromOutcome, wire.ToOutcome) })
	// Only the agent sets Withheld, after the wire.
	t.Run("envelope", func(t *testing.T) { roundTrip(t, wire.FromEnvelope, wire.ToEnvelope, "Withheld") })
}

func TestUnknownStatusProvesNothing(t *testing.T) {
	for _, s := range []pluginv1.Status{0, 99} {
		out := wire.ToOutcome(&pluginv1.Outcome{Status: s})
		if out.Status != resource.StatusFailed || out.Error == "" {
			t.Errorf("status %d is read as %+v", s, out)
		}
	}
}

func TestErrorsKeepTheirClass(t *testing.T) {
	cause := errors.New("the provider's own words")
	tests := []struct {
		name string
		err  error
	}{
		{"denied", provider.Denied(cause, "grant ec2:DescribeInstances")},
		{"throttled", provider.Throttled(cause, 1500*time.Millisecond)},
		{"unreachable", provider.Unreachable(cause)},
		{"unsupported", provider.Unsupported(cause)},
		{"permanent", provider.Permanent(cause)},
		{"settings", &provider.SettingsError{Pointer: "/url", Problem: "not a URL"}},
		{"settings as a whole", &provider.SettingsError{Problem: "too much"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := wire.ToError(wire.FromError(tt.err))
			if got.Error() != tt.err.Error() {
				t.Errorf("got %q, want %q", got, tt.err)
			}
			var want, have *provider.Error
			if errors.As(tt.err, &want) && (!errors.As(got, &have) || have.Status != want.Status ||
				have.Advice != want.Advice || have.RetryAfter != want.RetryAfter) {
				t.Errorf("got %#v, want %#v", have, want)
			}
		})
	}
	if wire.FromError(nil) != nil || wire.ToError(nil) != nil {
		t.Error("nil is an error")
	}
	var classed *provider.Error
	if err := wire.ToError(wire.FromError(cause)); errors.As(err, &classed) || err.Error() != cause.Error() {
		t.Errorf("an error without a class becomes %#v", err)
	}
}

// TestForeignErrors is what plugins in other languages send: a code and a text.
func TestForeignErrors(t *testing.T) {
	tests := map[codes.Code]resource.Status{
		codes.PermissionDenied:   resource.StatusDenied,
		codes.Unauthenticated:    resource.StatusDenied,
		codes.ResourceExhausted:  resource.StatusThrottled,
		codes.Unavailable:        resource.StatusUnreachable,
		codes.Unimplemented:      resource.StatusUnsupported,
		codes.FailedPrecondition: resource.StatusFailed,
		codes.Unknown:            resource.StatusFailed,
		codes.Internal:           resource.StatusFailed,
	}
	for code, want := range tests {
		if got := provider.StatusOf(wire.ToError(status.Error(code, "x"))); got != want {
			t.Errorf("%s is read as %s, want %s", code, got, want)
		}
	}
	var settings *provider.SettingsError
	if !errors.As(wire.ToError(status.Error(codes.InvalidArgument, "x")), &settings) {
		t.Error("INVALID_ARGUMENT is no error of settings")
	}
}

// TestPlanParts: whatever the plan, its messages fit and are together the plan.
func TestPlanParts(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	rapid.Check(t, func(rt *rapid.T) {
		want := provider.Plan{Complete: rapid.Bool().Draw(rt, "complete"), Warnings: []string{"careful"}}
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 10, 300_000}), 0, 12).Draw(rt, "sizes")
		for i, size := range sizes {
			for j := range rapid.SampledFrom([]int{1, 1, 1, 7_000}).Draw(rt, "of them") {
				if j > 0 {
					size = 10
				}
				want.Scopes = append(want.Scopes, resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "n", Value: fmt.Sprint(i, j, long[:size])}}})
			}
		}
		var got provider.Plan
		for part := range wire.FromPlanParts(want) {
			if n := len(part.GetScopes()); n > wire.ScopeItems || n > 1 && proto.Size(part) > wire.ScopeBytes+wire.ScopeBytes/10 {
				rt.Fatalf("a message of %d scopes, %d bytes", n, proto.Size(part))
			}
			if got.Complete || got.Warnings != nil {
				rt.Fatal("the end was said before the end")
			}
			p := wire.ToPlan(part)
			got.Scopes, got.Complete, got.Warnings = append(got.Scopes, p.Scopes...), p.Complete, p.Warnings
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
	})
}
