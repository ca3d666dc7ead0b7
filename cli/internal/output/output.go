// Package output prints answers: tables for people, JSON, YAML, CSV and templates for programs. What comes from the
// inventory is foreign, so control characters never reach the terminal, whatever the format.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Table is what people see of an answer.
type Table struct {
	Header []string
	Rows   [][]string
	// Note stands below the table.
	Note string
}

func (t Table) print(w io.Writer) error {
	if len(t.Rows) > 0 {
		tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		if len(t.Header) > 0 {
			head := make([]string, len(t.Header))
			for i, h := range t.Header {
				head[i] = Clean(strings.ToUpper(h))
			}
			fmt.Fprintln(tw, strings.Join(head, "\t"))
		}
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = Clean(c)
			}
			fmt.Fprintln(tw, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
		}
		if err := tw.Flush(); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	if t.Note != "" {
		return write(safe{w}, "table", []byte(t.Note+"\n"))
	}
	return nil
}

// Value prints a JSON value in one cell.
func Value(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatFloat(v, 'f', 0, 64) // bytes are not read in powers of ten
		}
		return fmt.Sprintf("%.6g", v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Value(e)
		}
		return strings.Join(parts, ", ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// units of sizes, each 1,024 of the one before.
var sizes = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Quantity prints a number with its unit; bytes in the largest unit that leaves at least 1.
func Quantity(v float64, unit string) string {
	if unit != "bytes" {
		return strings.TrimSpace(fmt.Sprintf("%.10g %s", v, unit))
	}
	i := 0
	for ; v >= 1024 && i < len(sizes)-1; i++ {
		v /= 1024
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + sizes[i]
}

// Ago prints a moment relative to now; "-" for none. What is to come is rounded up, what was is rounded down: a link of three days
// ends in 3 d when it is made.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch {
	case d < 0:
		return "in " + Span(roundUp(-d))
	case d < 10*time.Second:
		return "just now"
	}
	return Span(d) + " ago"
}

// roundUp is a duration that Span shows as the next whole of the unit that it uses.
func roundUp(d time.Duration) time.Duration {
	unit := time.Millisecond
	switch {
	case d >= 48*time.Hour:
		unit = 24 * time.Hour
	case d >= 2*time.Hour:
		unit = time.Hour
	case d >= 2*time.Minute:
		unit = time.Minute
	case d >= time.Second:
		unit = time.Second
	}
	return (d + unit - 1).Truncate(unit)
}

// Span prints a duration in its largest unit.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}
