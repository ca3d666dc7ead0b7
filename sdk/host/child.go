package host

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"maestro.internal/sdk/provider"
)

// ExitError says how a plugin's process ended, with its last words.
type ExitError struct {
	Plugin string
	// Reason in words: "killed: out of memory at 512 MiB", "killed by signal: segmentation fault",
	// "exit code 2".
	Reason string
	// Tail is what it last wrote to its log.
	Tail []string
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("plugin %s ended: %s", e.Plugin, e.Reason)
	if len(e.Tail) > 0 {
		text += "; its last words: " + strings.Join(e.Tail, " | ")
	}
	return text
}

// child is the plugin's process, its group and whatever its group has started.
type child struct {
	cmd    *exec.Cmd
	home   string
	cgroup *cgroup // nil where there is none
	// done is closed when the process has been waited for and its group is gone.
	done chan struct{}

	mu     sync.Mutex
	reason string // why we ended it; empty when we did not
	asked  bool   // we asked it to end while it ran
	ended  bool
	state  *os.ProcessState
}

// start runs cmd. Its goroutine lives as long as the process and holds its thread, because Linux ends a
// child together with the thread that made it, not with the process.
func start(cmd *exec.Cmd, home string, group *cgroup) (*child, error) {
	c := &child{cmd: cmd, home: home, cgroup: group, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := startRetrying(cmd)
		started <- err
		if err != nil {
			return
		}
		defer close(c.done)
		// What the plugin started ends with it. This comes before reaping, while the group's number cannot
		// be anybody else's.
		awaitExit(cmd.Process.Pid)
		killGroup(cmd.Process.Pid)
		state, err := cmd.Process.Wait()
		killMarked(home)
		starved := false
		if group != nil {
			starved = group.outOfMemory()
			_ = group.end() // an empty group that stays costs nothing and is no reason to fail
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = true
		if starved && c.reason == "" {
			c.reason = "killed: out of memory, at its limit"
		}
		if err == nil {
			c.state = state
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// startRetrying gets over "text file busy": another thread that forks at this moment may still hold the
// freshly written copy open.
func startRetrying(cmd *exec.Cmd) error {
	for try := 0; ; try++ {
		err := cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) || try == 20 {
			return err
		}
		*cmd = *anew(cmd)
		time.Sleep(10 * time.Millisecond)
	}
}

// anew is the same command, not started yet.
func anew(cmd *exec.Cmd) *exec.Cmd {
	again := exec.Command(cmd.Path)
	again.Args, again.Env, again.Dir, again.Stdin = cmd.Args, cmd.Env, cmd.Dir, cmd.Stdin
	again.Stdout, again.Stderr, again.SysProcAttr = cmd.Stdout, cmd.Stderr, cmd.SysProcAttr
	return again
}

// kill ends the process and its group at once. The first reason given is the one that is told.
func (c *child) kill(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.reason == "" {
		c.reason = reason
	}
	killGroup(c.cmd.Process.Pid)
}

// exited says whether the process is gone, waiting for it a little.
func (c *child) exited(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-c.done:
		return true
	case <-t.C:
		return false
	}
}

// why is how it ended, in words. Only after done.
func (c *child) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != "" {
		return c.reason
	}
	if c.state == nil {
		return "unknown"
	}
	return describeExit(c.state)
}

// ask notes that the process is wanted to end, so that however it ends is no surprise.
func (c *child) ask() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = c.asked || !c.ended
}

// well says whether it ended by our own will or of itself with success. Only after done.
func (c *child) well() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked && (c.reason == "" || c.reason == reasonClosed) || c.reason == "" && c.state != nil && c.state.Success()
}

const reasonClosed = "killed: it did not end in time when asked to"

// environment is everything that a plugin sees. go-plugin adds the handshake.
func environment(c Config, d dirs) []string {
	env := []string{"HOME=" + d.home}
	inherit := append([]string{"PATH"}, proxyVariables()...)
	if runtime.GOOS == "windows" {
		inherit = append(inherit, "SYSTEMROOT", "TEMP", "TMP")
	}
	for _, name := range inherit {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for name, v := range c.Env {
		if name != "HOME" && name != provider.FilesEnv {
			env = append(env, name+"="+v)
		}
	}
	if c.Files != "" {
		env = append(env, provider.FilesEnv+"="+c.Files)
	}
	return env
}

func proxyVariables() []string {
	return []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"}
}

// proxyPasswords are the secrets that a plugin learns beside its credential.
func proxyPasswords() map[string]string {
	out := map[string]string{}
	for _, name := range proxyVariables() {
		if u, err := url.Parse(os.Getenv(name)); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok {
				out["password in "+name] = password
			}
		}
	}
	return out
}

// eof is an empty stream for go-plugin: the real ones are read here.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
func (eof) Close() error             { return nil }
