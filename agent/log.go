package agent

import (
	"fmt"
	"io"
	"log/slog"
)

func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return 0, fmt.Errorf("log.level: %q is none of debug, info, warn, error", c.Level)
	}
	return level, nil
}

// Logger makes the logger that a configuration asks for.
func (c LogConfig) Logger(w io.Writer) (*slog.Logger, error) {
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return slog.New(slog.NewTextHandler(w, opt)), nil
}
