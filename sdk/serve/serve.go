package serve

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/wire"
)

// Provider serves p to the agent that started this process and returns when the agent is done. It is all
// that a plugin's main calls. What the author logs with slog's default logger appears in the agent's log.
func Provider(p provider.Provider) {
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		d := p.Describe()
		fmt.Fprintf(os.Stderr, "%s is Maestro's plugin for %s (%s). The agent starts it; to try it by hand:\n\n"+
			"    maestro-agent run --plugin %s --settings FILE\n",
			filepath.Base(os.Args[0]), d.Title, build(d.Version), os.Args[0])
		os.Exit(1)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{
		Level: logLevel(), ReplaceAttr: hclogNames})))
	if os.Getenv("GOGC") == "" {
		// Reading makes much garbage and keeps little: looking for it sooner costs some processor time and saves as much memory as lives.
		debug.SetGCPercent(50)
	}
	signal.Ignore(os.Interrupt) // Ctrl-C is for the agent, which then ends its plugins in its own order
	go endWithParent()          // lives as long as the process
	ending, end := context.WithCancel(context.Background())
	defer end()
	srv := &server{plugin: Local(p), ending: ending}
	go endWithSignal(end, srv) // lives as long as the process
	if err := answer(srv, end, os.Stdout); err != nil {
		slog.Error("plugin ends", "error", err)
		os.Exit(1)
	}
	end()
	srv.drained(endWithin)
}

// endWithin is how long calls may take to return when the process is to end. The agent waits a little
// longer before it uses force.
const endWithin = 2 * time.Second

// endWithSignal ends the process when it is told to by signal: calls are canceled and get the time to end their
// sessions.
func endWithSignal(end func(), srv *server) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM)
	<-ch
	end()
	srv.drained(endWithin)
	os.Exit(0)
}

// logLevel is what the agent asked for, so that lines nobody reads are not written.
func logLevel() slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(os.Getenv("MAESTRO_LOG_LEVEL"))) != nil {
		return slog.LevelInfo
	}
	return l
}

// hclogNames writes slog's lines in the form that go-plugin hosts relay at their level.
func hclogNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key = "@timestamp"
	case slog.MessageKey:
		a.Key = "@message"
	case slog.LevelKey:
		a.Key = "@level"
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}

// endWithParent ends the process when its agent is gone. The agent sees to that itself where the system can
// do it; elsewhere an agent that was killed would leave the plugin behind.
func endWithParent() {
	parent := os.Getppid()
	for {
		time.Sleep(2 * time.Second)
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}
