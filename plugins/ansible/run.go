package ansible

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"maestro.internal/sdk/provider"
)

// runner gathers the facts now, with the installed Ansible. Only the agent's own credential can allow that.
type runner struct {
	inventory string
	hosts     []string
}

func (r runner) fetch(ctx context.Context, _ caller, wanted func(string) bool) (*folder, error) {
	if os.Getenv(envRun) != "1" {
		return nil, provider.Denied(errors.New("the credential does not allow to run ansible"), "set "+envRun+": 1 in the credential's entry in the agent's file, if this connection may run programs there")
	}
	root, err := allowed()
	if err != nil {
		return nil, err
	}
	inventory, err := below(root, r.inventory)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("ansible")
	if err != nil {
		return nil, permanent(errors.New("ansible is not installed on the agent's machine"), "install ansible-core there, in a folder of the agent's PATH")
	}
	f, err := temporary()
	if err != nil {
		return nil, err
	}
	if err := r.into(ctx, f, program, filepath.Join(root, inventory), wanted); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	slices.Sort(f.names)
	return f, nil
}

func (r runner) into(ctx context.Context, f *folder, program, inventory string, wanted func(string) bool) error {
	for _, module := range []string{"setup", "service_facts"} {
		if err := r.gather(ctx, program, inventory, module, filepath.Join(f.own, module)); err != nil {
			return err
		}
	}
	if err := f.list("setup", wanted); err != nil {
		return err
	}
	// Where services could not be asked for, the facts stand alone.
	for _, host := range f.names {
		more := filepath.Join("service_facts", host)
		if _, _, err := f.parse(more); err == nil {
			f.enter(host, more)
		}
	}
	return nil
}

// gather runs one module on all hosts. Ansible's exit code is not zero as soon as one host fails, which its file tells.
func (r runner) gather(ctx context.Context, program, inventory, module, tree string) error {
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "--inventory", inventory, "--module-name", module, "--tree", tree, "--", patternOf(r.hosts))
	cmd.Dir = filepath.Dir(inventory)
	cmd.Env = append(os.Environ(), "ANSIBLE_NOCOLOR=1", "ANSIBLE_RETRY_FILES_ENABLED=0", "ANSIBLE_DEPRECATION_WARNINGS=0", "LC_ALL=C.UTF-8", "HOME="+os.Getenv("HOME"))
	cmd.Stdout = io.Discard // the facts themselves
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	entries, listErr := os.ReadDir(tree)
	if err != nil && (listErr != nil || len(entries) == 0) {
		line := lastLine(said.String())
		slog.Warn("ansible ended without facts", "module", module, "error", err)
		return permanent(fmt.Errorf("ansible %s gathered nothing: %s", module, firstOf(line, err.Error())), "run it by hand as the agent's user: ansible -i "+path.Base(inventory)+" -m "+module+" all")
	}
	return nil
}

// patternOf spares the hosts that nobody wants. Ansible's own patterns mean more than ours, and it takes localhost for the
// agent's machine even where the inventory has none: whatever is not plain asks all, and the rest is left out later.
func patternOf(hosts []string) string {
	plain := func(h string) bool {
		return h != "" && h != "localhost" && h != "127.0.0.1" && !strings.HasPrefix(h, "-") &&
			strings.Trim(h, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-*?") == ""
	}
	if len(hosts) == 0 || slices.ContainsFunc(hosts, func(h string) bool { return !plain(h) }) {
		return "all"
	}
	return strings.Join(hosts, ",")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := lines[len(lines)-1]
	return line[:min(len(line), 300)]
}
