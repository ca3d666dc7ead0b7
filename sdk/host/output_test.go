package host

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"maestro.internal/sdk/provider"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	var got []string
	lines(iotest.OneByteReader(strings.NewReader("a\r\n\n"+long+"\nlast")), func(s string) { got = append(got, s) })
	if len(got) != 3 || got[0] != "a" || len(got[1]) > maxLine+len("…") || !strings.HasSuffix(got[1], "…") || got[2] != "last" {
		t.Errorf("%d lines: %.50q", len(got), got)
	}
	got = nil
	w := &lineWriter{each: func(s string) { got = append(got, s) }}
	for _, part := range []string{"on", "e\ntw", "o\n", long} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) < 4 || got[0] != "one" || got[1] != "two" || len(w.held) > maxLine {
		t.Errorf("%d lines, %d bytes held", len(got), len(w.held))
	}
}

func TestParseLog(t *testing.T) {
	tests := []struct {
		line  string
		level slog.Level
		text  string
		attrs int
	}{
		{`{"@level":"warn","@message":"careful","@module":"x","@timestamp":"y","n":1}`, slog.LevelWarn, "careful", 2},
		{`{"@level":"trace","@message":"m"}`, slog.LevelDebug, "m", 0},
		{`{"@level":7,"@message":"m"}`, slog.LevelInfo, "m", 0},
		{`{"message":"not ours"}`, slog.LevelInfo, `{"message":"not ours"}`, 0},
		{`{"@message":7}`, slog.LevelInfo, `{"@message":7}`, 0},
		{`{broken`, slog.LevelInfo, `{broken`, 0},
		{`panic: oh`, slog.LevelError, `panic: oh`, 0},
		{`plain`, slog.LevelInfo, `plain`, 0},
	}
	for _, tt := range tests {
		level, text, attrs := parseLog(tt.line)
		if level != tt.level || text != tt.text || len(attrs) != tt.attrs {
			t.Errorf("%s: %s %q %v", tt.line, level, text, attrs)
		}
	}
}

func TestRedactor(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----\n"
	r := newRedactor(map[string]string{"USER_NAME": "administrator", "PASSWORD": `p"w/ 1`, "PIN": "123", "KEY": key})
	tests := map[string]string{
		"user administrator, password p\"w/ 1":  "user [redacted], password [redacted]",
		`https://administrator:p%22w%2F%201@vc`: "https://[redacted]:[redacted]@vc",
		`https://x?p=p%22w%2F+1`:                "https://x?p=[redacted]",
		`{"password":"p\"w/ 1"}`:                `{"password":"[redacted]"}`,
		"cCJ3LyAx":                              "[redacted]",
		"pin 123":                               "pin 123", // shorter values are in every other word
		"loaded MIGHAgEAMBMGByqGSM49 of KEY":    "loaded [redacted] of KEY",
	}
	for in, want := range tests {
		if got := r.clean(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	r.release([]provider.EnvVar{{Name: "USER_NAME"}, {Name: "PASSWORD", Secret: true}})
	if got := r.clean(`administrator p"w/ 1 AgEGCCqGSM49AwEHBG0w`); got != "administrator [redacted] [redacted]" {
		t.Errorf("after the description: %s", got)
	}
}

// TestRelayCleansWhatJSONSpellsInOtherWays is a value that no plain search of the line finds.
func TestRelayCleansWhatJSONSpellsInOtherWays(t *testing.T) {
	var out strings.Builder
	r := newRelay(slog.New(slog.NewTextHandler(&out, nil)), "x", newRedactor(map[string]string{"A": "secret"}))
	r.stderr(`{"@message":"a s\u0065cret","b":"s\u0065cret","c":{"d":["s\u0065cret"]},"n":1}`)
	all := out.String() + strings.Join(r.Tail(), " ")
	if strings.Contains(all, "secret") || strings.Count(all, redacted) != 6 || !strings.Contains(all, "n=1") {
		t.Error(all)
	}
}

func FuzzOutput(f *testing.F) {
	f.Add([]byte("1|1|unix|/tmp/x|grpc|MIIB\n{\"@message\":\"x\"}\n"))
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRelay(log, "x", newRedactor(map[string]string{"A": "secret"}))
		lines(strings.NewReader(string(b)), func(line string) {
			_ = handshakeProblem(line)
			r.stderr(line)
			r.stdout(line)
		})
		for _, line := range r.Tail() {
			if strings.Contains(line, "secret") {
				t.Fatalf("a secret in %q", line)
			}
		}
	})
}
