package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/wire"
)

// Launch starts a plugin, shakes hands and reads its description. ctx bounds the start only. Whoever
// launches a Process closes it.
func Launch(ctx context.Context, cfg Config) (*Process, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	hidden := proxyPasswords()
	maps.Copy(hidden, cfg.Env)
	secret := newRedactor(hidden)
	p := &Process{cfg: cfg, secret: secret, relay: newRelay(cfg.Log, cfg.Name, secret), handshake: make(chan string, 1)}
	if p.dirs, err = makeDirs(cfg); err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Process) start(ctx context.Context) error {
	path, err := verified(p.cfg, p.dirs)
	if err != nil {
		return err
	}
	cert, tlsConfig, err := clientCertificate()
	if err != nil {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, err)
	}
	env := append(environment(p.cfg, p.dirs), "PLUGIN_CLIENT_CERT="+cert, "MAESTRO_LOG_LEVEL="+p.logLevel())
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          plugin.PluginSet{service: dispensed{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		// The same as AutoMTLS, with a certificate that TLS libraries other than Go's accept too.
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: p.dirs.socket},
		StartTimeout:     p.cfg.StartTimeout,
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       &lineWriter{each: p.relay.stdout},
		SyncStderr:       &lineWriter{each: p.relay.stderr},
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.MaxCallSendMsgSize(wire.MaxMessage))},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			return p.run(ctx, path, append(env, cmd.Env...))
		},
	})
	defer func() {
		if p.stopStart != nil {
			p.stopStart()
		}
	}()
	protocol, err := p.client.Client()
	if err != nil {
		return p.startError(ctx, err)
	}
	raw, err := protocol.Dispense(service)
	if err != nil {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, err)
	}
	calls, ok := raw.(pluginv1.PluginClient)
	if !ok {
		return fmt.Errorf("launch plugin %s: unexpected client %T", p.cfg.Name, raw)
	}
	p.calls = calls
	p.guard = newGuard(&client{process: p}, p.cfg.MaxResources, p.secret)
	d, err := p.Describe(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return permanent{fmt.Errorf("launch plugin %s: it did not describe itself within %s", p.cfg.Name, p.cfg.StartTimeout)}
	}
	if err != nil {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, err)
	}
	p.secret.release(d.CredentialEnv)
	return nil
}

// run is called by go-plugin when the environment is complete.
func (p *Process) run(ctx context.Context, path string, env []string) (runner.Runner, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, p.cfg.Args...)
	cmd.Env, cmd.Dir = env, p.dirs.home
	cmd.SysProcAttr = processAttributes()
	var group *cgroup
	if p.cfg.MemoryLimit > 0 {
		if group = newCgroup(filepath.Base(p.dirs.root), p.cfg.MemoryLimit); group != nil {
			group.attach(cmd.SysProcAttr)
		}
	}
	var pipes [2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("make pipe: %w", err)
		}
		defer func() { _ = w.Close() }() // the child has its own end
		pipes[i] = r
		if i == 0 {
			cmd.Stdout = w
		} else {
			cmd.Stderr = w
		}
	}
	child, err := start(cmd, p.dirs.home, group)
	if err != nil && group != nil {
		// Not every system that lends memory lets us start inside; the watch has to do then.
		_ = group.end()
		cmd = anew(cmd)
		cmd.SysProcAttr = processAttributes()
		child, err = start(cmd, p.dirs.home, nil)
	}
	if err != nil {
		return nil, errors.Join(err, pipes[0].Close(), pipes[1].Close())
	}
	p.child = child
	// go-plugin does not know contexts: when this one ends first, the process is killed under it.
	p.stopStart = context.AfterFunc(ctx, func() {
		child.kill("killed: it did not start within " + p.cfg.StartTimeout.String())
	})
	preferAsVictim(cmd.Process.Pid)
	toGoPlugin, fromPlugin := io.Pipe()
	p.readers.Go(func() { p.readStdout(pipes[0], fromPlugin) })
	p.readers.Go(func() { lines(pipes[1], p.relay.stderr) })
	p.watchers.Go(func() {
		<-child.done
		// A process that escaped from the group may hold the pipes open; nobody waits for it.
		t := time.AfterFunc(time.Second, func() { _, _ = pipes[0].Close(), pipes[1].Close() })
		p.readers.Wait()
		t.Stop()
		_, _ = pipes[0].Close(), pipes[1].Close()
	})
	if p.cfg.MemoryLimit > 0 {
		p.watchers.Go(func() { watchMemory(child, p.cfg.MemoryLimit) })
	}
	return &adapter{child: child, path: path, stdout: toGoPlugin}, nil
}

// readStdout hands the handshake line to go-plugin if it is one, and logs everything else.
func (p *Process) readStdout(r io.Reader, forward *io.PipeWriter) {
	first := true
	lines(r, func(line string) {
		if !first {
			p.relay.stdout(line)
			return
		}
		first = false
		p.handshake <- line
		if handshakeProblem(line) != "" {
			p.relay.stdout(line)
			_ = forward.Close() // go-plugin gives up at the end of its input
			return
		}
		_, _ = io.WriteString(forward, line+"\n") // fails only when go-plugin has given up
		_ = forward.Close()
	})
	if first {
		close(p.handshake)
	}
	_ = forward.Close()
}

// handshakeProblem says what is wrong with a handshake line, or nothing.
func handshakeProblem(line string) string {
	parts := strings.Split(strings.TrimSpace(line), "|")
	core, err := strconv.Atoi(parts[0])
	switch {
	case len(parts) < 5 || err != nil:
		if len(line) > 200 {
			line = line[:200] + "…"
		}
		return fmt.Sprintf("wrote %q on stdout instead of the handshake line; stdout is for the handshake, the log goes to stderr", line)
	case core != plugin.CoreProtocolVersion:
		return fmt.Sprintf("speaks core protocol %d of go-plugin, this agent speaks %d", core, plugin.CoreProtocolVersion)
	case parts[1] != strconv.Itoa(wire.ProtocolVersion):
		return fmt.Sprintf("speaks version %s of the plugin protocol, this agent speaks %d; use a plugin of the agent's release",
			parts[1], wire.ProtocolVersion)
	case parts[4] != string(plugin.ProtocolGRPC):
		return fmt.Sprintf("offers the transport %q instead of grpc", parts[4])
	case len(parts) < 6 || len(parts[5]) <= 50:
		return "offers no TLS certificate in its handshake line; see docs/protocol.md about PLUGIN_CLIENT_CERT"
	}
	return ""
}

// permanent marks an error of Launch that the same file would end with again.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent says of an error of Launch that starting the same file once more cannot help: it is not a program for this
// machine, may not run, speaks another protocol, describes itself wrongly, or let the whole of StartTimeout pass.
func Permanent(err error) bool {
	var p permanent
	return errors.As(err, &p) || errors.Is(err, ErrChecksum) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		notAProgram(err)
}

// startProblem says it in words where the system's own are short.
func startProblem(err error) error {
	switch {
	case notAProgram(err):
		return fmt.Errorf("it is not a program for %s/%s: %w", runtime.GOOS, runtime.GOARCH, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("its file may not be executed; make it executable (chmod +x): %w", err)
	}
	return err
}

// startError finds the best word for a start that failed.
func (p *Process) startError(ctx context.Context, err error) error {
	if p.child == nil {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, startProblem(err))
	}
	text := "it wrote no handshake line within " + p.cfg.StartTimeout.String()
	select {
	case line, ok := <-p.handshake:
		if !ok && ctx.Err() != nil {
			break // it was killed for being late
		}
		if !ok {
			text = "it closed stdout without a handshake line"
			break
		}
		if problem := handshakeProblem(line); problem != "" {
			return permanent{fmt.Errorf("launch plugin %s: it %s", p.cfg.Name, p.secret.clean(problem))}
		}
		text = p.secret.clean(err.Error())
	default:
	}
	// An exit that the deadline brought about meanwhile is no news of the plugin's.
	if ctx.Err() == nil && p.child.exited(500*time.Millisecond) && ctx.Err() == nil {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, p.exitError())
	}
	p.child.kill("killed: " + text)
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("launch plugin %s: %w", p.cfg.Name, err)
	}
	return permanent{fmt.Errorf("launch plugin %s: %s", p.cfg.Name, text)}
}
