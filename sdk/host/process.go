package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
)

// Process is a running plugin. It is a provider.Plugin; Close ends it.
type Process struct {
	*guard
	cfg    Config
	child  *child
	dirs   dirs
	relay  *relay
	secret *redactor
	client *plugin.Client
	calls  pluginv1.PluginClient

	handshake chan string // the first line on stdout; closed without one when stdout ends
	stopStart func() bool
	readers   sync.WaitGroup
	watchers  sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

var _ provider.Plugin = (*Process)(nil)

// exitError waits for the last words and says how the process ended.
func (p *Process) exitError() error {
	<-p.child.done
	p.readers.Wait()
	return &ExitError{Plugin: p.cfg.Name, Reason: p.child.why(), Tail: p.relay.Tail()}
}

// Tail is the last lines of the plugin's log, most recent last.
func (p *Process) Tail() []string { return p.relay.Tail() }

// PID is the process's number while it runs.
func (p *Process) PID() int { return p.child.cmd.Process.Pid }

// Done is closed when the process and everything it started has ended.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// Wait returns when the process has ended: nil if it ended well or because it was asked to, else an
// *ExitError.
func (p *Process) Wait() error {
	<-p.child.done
	if p.child.well() {
		return nil
	}
	return p.exitError()
}

// Killed says whether the process had to be killed by us. Only after Done.
func (p *Process) Killed() bool {
	p.child.mu.Lock()
	defer p.child.mu.Unlock()
	return p.child.reason != ""
}

// Close ends the plugin: politely first, by force after StopTimeout, with everything that it started. It
// never takes much longer than that, and it may be called again.
func (p *Process) Close() error {
	p.closeOnce.Do(func() { p.closeErr = p.close() })
	return p.closeErr
}

// politeFor is how long a plugin has to end by go-plugin's own call before it gets the signal to.
const politeFor = 300 * time.Millisecond

func (p *Process) close() error {
	if p.child != nil {
		p.child.ask()
		var polite sync.WaitGroup
		if p.calls != nil {
			// go-plugin's Kill asks the plugin to shut down, and blocks for as long as it does not answer.
			polite.Go(p.client.Kill)
		} else {
			askGroup(p.child.cmd.Process.Pid)
		}
		// Plugins without go-plugin know only the signal.
		if !p.child.exited(min(politeFor, p.cfg.StopTimeout)) {
			askGroup(p.child.cmd.Process.Pid)
			if !p.child.exited(p.cfg.StopTimeout) {
				p.child.kill(reasonClosed)
			}
		}
		<-p.child.done
		polite.Wait()
		p.client.Kill() // nothing is left to kill; it frees what go-plugin holds
		p.watchers.Wait()
		p.readers.Wait()
	}
	p.relay.close()
	if err := p.dirs.remove(); err != nil {
		return fmt.Errorf("close plugin %s: %w", p.cfg.Name, err)
	}
	return nil
}

// logLevel is at least INFO: whatever the agent's own log shows, the last lines of a run are kept.
func (p *Process) logLevel() string {
	if p.cfg.Log.Enabled(context.Background(), slog.LevelDebug) {
		return slog.LevelDebug.String()
	}
	return slog.LevelInfo.String()
}
