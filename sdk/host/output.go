package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"maestro.internal/sdk/provider"
)

const (
	maxLine   = 8 << 10
	tailLines = 20
	// A plugin may log this much; the rest is counted and left out, so that it cannot fill the disk: so many lines a
	// second, so many in all, and few on stdout, where none should be.
	linesPerSecond, linesBurst = 200, 2000
	linesInAll, linesOnStdout  = 10_000, 50
)

// lines reads r to its end, line by line, and cuts lines that are too long instead of stopping at them.
func lines(r io.Reader, each func(string)) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		b, err := br.ReadSlice('\n')
		line := strings.ToValidUTF8(strings.TrimRight(string(b), "\r\n"), "\uFFFD")
		cut := errors.Is(err, bufio.ErrBufferFull)
		if cut {
			line += "…"
		}
		if line != "" {
			each(line)
		}
		for cut && errors.Is(err, bufio.ErrBufferFull) {
			_, err = br.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// relay passes a plugin's log on and remembers its last lines.
type relay struct {
	log    *slog.Logger
	budget *rate.Limiter
	secret *redactor

	mu      sync.Mutex
	tail    []string
	passed  int // lines passed on
	strays  int // lines seen on stdout
	dropped int
	closed  bool
}

func newRelay(log *slog.Logger, name string, secret *redactor) *relay {
	return &relay{log: log.With("plugin", name), budget: rate.NewLimiter(linesPerSecond, linesBurst), secret: secret}
}

// stderr takes a line of hclog's JSON, or plain text such as a crash.
func (r *relay) stderr(line string) {
	// Before and after it is taken apart: JSON can spell one value in many ways.
	level, text, attrs := parseLog(r.secret.clean(line))
	text = r.secret.clean(text)
	for i, a := range attrs {
		switch v := a.Value.Any().(type) {
		case string:
			attrs[i].Value = slog.StringValue(r.secret.clean(v))
		case map[string]any, []any:
			b, _ := json.Marshal(v) // it was read as JSON
			attrs[i].Value = slog.StringValue(r.secret.clean(string(b)))
		}
	}
	r.remember(text, attrs)
	r.write(level, text, attrs, false)
}

// stdout takes a line that should not be there: stdout is for the handshake.
func (r *relay) stdout(line string) {
	line = r.secret.clean(line)
	r.remember(line, nil)
	r.write(slog.LevelWarn, "plugin wrote on stdout", []slog.Attr{slog.String("line", line)}, true)
}

func (r *relay) write(level slog.Level, text string, attrs []slog.Attr, stdout bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.log.Enabled(context.Background(), level) {
		return
	}
	if stdout {
		r.strays++
	}
	if stdout && r.strays > linesOnStdout || r.passed == linesInAll || !r.budget.Allow() {
		r.dropped++
		return
	}
	r.passed++
	r.log.LogAttrs(context.Background(), level, text, attrs...)
}

func (r *relay) remember(text string, attrs []slog.Attr) {
	for _, a := range attrs {
		if a.Key != "logger" {
			text += " " + a.String()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tail) == tailLines {
		r.tail = slices.Delete(r.tail, 0, 1)
	}
	r.tail = append(r.tail, text)
}

// Tail is the last lines, most recent last.
func (r *relay) Tail() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tail)
}

// close says what was left out. Nothing is passed on afterwards: go-plugin does not wait for its own readers.
func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.dropped > 0 {
		r.log.Warn(fmt.Sprintf("plugin wrote too much: %d more lines suppressed", r.dropped))
	}
}

// lineWriter cuts what a Go plugin prints after the handshake, which go-plugin carries over the connection.
type lineWriter struct {
	each func(string)
	held []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.held = append(w.held, b...)
	for {
		i := bytes.IndexByte(w.held, '\n')
		if i < 0 && len(w.held) < maxLine {
			return len(b), nil
		}
		if i < 0 {
			i = maxLine - 1
		}
		if line := strings.ToValidUTF8(strings.TrimRight(string(w.held[:i+1]), "\r\n"), "\uFFFD"); line != "" {
			w.each(line)
		}
		w.held = w.held[i+1:]
	}
}

func parseLog(line string) (slog.Level, string, []slog.Attr) {
	level := slog.LevelInfo
	if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
		level = slog.LevelError
	}
	if !strings.HasPrefix(line, "{") {
		return level, line, nil
	}
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return level, line, nil
	}
	text, ok := fields["@message"].(string)
	if !ok {
		return level, line, nil
	}
	switch fields["@level"] {
	case "trace", "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	var attrs []slog.Attr
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if k == "@module" {
			attrs = append(attrs, slog.Any("logger", fields[k]))
		} else if !strings.HasPrefix(k, "@") {
			attrs = append(attrs, slog.Any(k, fields[k]))
		}
	}
	return level, text, attrs
}

// redactor takes the values of a credential out of texts. It starts with all of them, since a plugin may
// print what it likes before it has said which are secret.
type redactor struct {
	mu       sync.RWMutex
	env      map[string]string
	replacer *strings.Replacer
}

const redacted = "[redacted]"

func newRedactor(env map[string]string) *redactor {
	r := &redactor{env: env}
	r.hide(func(string) bool { return true })
	return r
}

// release shows those variables again that the plugin declared to be no secrets (a user name, a region).
func (r *redactor) release(declared []provider.EnvVar) {
	r.hide(func(name string) bool {
		return !slices.ContainsFunc(declared, func(v provider.EnvVar) bool { return v.Name == name && !v.Secret })
	})
}

func (r *redactor) hide(secret func(name string) bool) {
	var values []string
	for name, v := range r.env {
		// Shorter values are in every other word.
		if len(v) < 4 || !secret(name) {
			continue
		}
		quoted, _ := json.Marshal(v)
		// A key of many lines is met line by line.
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); len(line) >= 8 && !strings.HasPrefix(line, "-----") {
				values = append(values, line)
			}
		}
		values = append(values, v, url.QueryEscape(v), url.PathEscape(v),
			strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(v)))
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range slices.Compact(values) {
		pairs = append(pairs, v, redacted)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replacer = strings.NewReplacer(pairs...)
}

func (r *redactor) clean(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.replacer.Replace(s)
}

// err cleans an error's text and keeps its class.
func (r *redactor) err(err error) error {
	if err == nil {
		return nil
	}
	var classed *provider.Error
	var settings *provider.SettingsError
	switch {
	case errors.As(err, &settings):
		return &provider.SettingsError{Pointer: r.clean(settings.Pointer), Problem: r.clean(settings.Problem)}
	case errors.As(err, &classed):
		return &provider.Error{Status: classed.Status, Advice: r.clean(classed.Advice),
			RetryAfter: classed.RetryAfter, Err: errors.New(r.clean(fmt.Sprint(classed.Err)))}
	case r.clean(err.Error()) != err.Error():
		return errors.New(r.clean(err.Error()))
	}
	return err
}
