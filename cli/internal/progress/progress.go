// Package progress shows how far something long has come: a bar that redraws itself for a person, a plain line now and then for
// a log. It never ends up in a command's output, and what it shows may be foreign text.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"maestro.internal/cli/internal/output"
)

// Bar is one thing's progress. It is used by one goroutine.
type Bar struct {
	out      io.Writer
	terminal bool
	quiet    bool
	now      func() time.Time

	last    string
	told    time.Time
	visible bool
}

// New shows progress on out. For a program's output (quiet) only a person sees it.
func New(out io.Writer, terminal, quiet bool, now func() time.Time) *Bar {
	return &Bar{out: out, terminal: terminal, quiet: quiet, now: now}
}

const (
	width = 24
	// between two plain lines, so that a long wait doesn't fill a log.
	between = 2 * time.Second
)

// Set says what goes on and how much of it is done; a total of 0 is not known.
func (b *Bar) Set(what string, done, total int) {
	text := output.Clean(what)
	if !b.terminal {
		b.line(text)
		return
	}
	if total > 0 {
		filled := min(max(done, 0), total) * width / total
		text = "[" + strings.Repeat("#", filled) + strings.Repeat(".", width-filled) + "] " + text
	}
	if text == b.last {
		return
	}
	b.last, b.visible = text, true
	fmt.Fprint(b.out, "\r\x1b[K"+cut(text))
}

func (b *Bar) line(text string) {
	if b.quiet || text == b.last || (!b.told.IsZero() && b.now().Sub(b.told) < between) {
		return
	}
	b.last, b.told = text, b.now()
	fmt.Fprintln(b.out, text)
}

// Done takes the bar away; for a log it says the last word, if that was not said yet.
func (b *Bar) Done(what string) {
	if b.terminal {
		if b.visible {
			fmt.Fprint(b.out, "\r\x1b[K")
			b.visible = false
		}
		return
	}
	if text := output.Clean(what); !b.quiet && what != "" && text != b.last {
		fmt.Fprintln(b.out, text)
		b.last = text
	}
}

// cut keeps a bar on one line of the narrowest terminal that people use; a longer one would leave traces.
func cut(text string) string {
	if r := []rune(text); len(r) > 79 {
		return string(r[:78]) + "…"
	}
	return text
}
