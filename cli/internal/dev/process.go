package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// processes are the children of a development site. Each writes to a log file of its own.
type processes struct {
	bin, logs string
	// say tells a person what is waited for; nil tells nobody.
	say func(string)
	// ended says that a child ended although nobody asked it to.
	ended chan error

	mu       sync.Mutex
	stopping bool
	children []*child
}

type child struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error
	// wanted says that somebody asked for its end; guarded by the processes' lock.
	wanted bool
}

func newProcesses(bin, logs string) *processes {
	return &processes{bin: bin, logs: logs, ended: make(chan error, 8)}
}

// start runs a sibling binary. env comes on top of an environment without MAESTRO_ variables.
func (p *processes) start(name string, env []string, args ...string) error {
	if err := os.MkdirAll(p.logs, 0o700); err != nil {
		return fmt.Errorf("make log folder: %w", err)
	}
	logFile, err := os.OpenFile(filepath.Join(p.logs, name+".log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", name, err)
	}
	c := &child{name: name, cmd: exec.Command(filepath.Join(p.bin, name), args...), log: logFile, done: make(chan struct{})}
	c.cmd.Env = append(cleanEnvironment(), env...)
	c.cmd.Stdout, c.cmd.Stderr = logFile, logFile
	isolate(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", name, err), logFile.Close())
	}
	p.mu.Lock()
	p.children = append(p.children, c)
	p.mu.Unlock()
	go p.wait(c)
	return nil
}

// wait is the child's one owner; stop waits for it through done.
func (p *processes) wait(c *child) {
	err := c.cmd.Wait()
	if e := c.log.Close(); err == nil {
		err = e
	}
	c.err = err
	close(c.done)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping && !c.wanted {
		p.ended <- p.obituary(c)
	}
}

// obituary is one clear line: the last thing that the child said.
func (p *processes) obituary(c *child) error {
	last := p.lastWord(c.name)
	if last == "" {
		last = fmt.Sprint(c.err)
	}
	return fmt.Errorf("%s ended: %s (its log: %s)", c.name, last, filepath.Join(p.logs, c.name+".log"))
}

// lastWord is the last line of a child's log; "" when there is none.
func (p *processes) lastWord(name string) string {
	b, err := os.ReadFile(filepath.Join(p.logs, name+".log"))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// await waits for a file that a child writes when it is ready, and decodes it. A child that goes on writing to its log is at work, an
// upgrade of a large store say, and is waited for beyond the limit; its last word is shown then.
func (p *processes) await(ctx context.Context, name, path string, limit time.Duration, into any) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	logPath, written := filepath.Join(p.logs, name+".log"), int64(0)
	for {
		err := readJSON(path, into)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "unexpected end") {
			return fmt.Errorf("read %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-p.ended:
			return err
		case <-deadline.C:
			info, err := os.Stat(logPath)
			if err != nil || info.Size() == written {
				return fmt.Errorf("wait for %s: not ready after %s without a word (its log: %s)", name, limit, logPath)
			}
			written = info.Size()
			deadline.Reset(limit)
			if p.say != nil {
				p.say(fmt.Sprintf("  %s is at work still: %s", name, p.lastWord(name)))
			}
		case <-tick.C:
		}
	}
}

// stop ends the children, last one first, and kills what does not end within the limit.
func (p *processes) stop(limit time.Duration) error {
	p.mu.Lock()
	p.stopping = true
	children := p.children
	p.mu.Unlock()
	var errs []error
	for i := len(children) - 1; i >= 0; i-- {
		if err := children[i].finish(limit); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// finish ends the child, and kills it when it does not end within the limit.
func (c *child) finish(limit time.Duration) error {
	var errs []error
	if err := terminate(c.cmd); err != nil && !errors.Is(err, os.ErrProcessDone) {
		errs = append(errs, fmt.Errorf("end %s: %w", c.name, err))
	}
	select {
	case <-c.done:
	case <-time.After(limit):
		if err := kill(c.cmd); err != nil {
			errs = append(errs, fmt.Errorf("kill %s: %w", c.name, err))
		}
		<-c.done
	}
	return errors.Join(errs...)
}

// cleanEnvironment keeps a person's own MAESTRO_ settings out of what is started here.
func cleanEnvironment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MAESTRO_") {
			env = append(env, kv)
		}
	}
	return env
}
