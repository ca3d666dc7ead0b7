// Package dev runs a whole Maestro on one machine from the sibling binaries: the real collector, the real agent and
// the real plugins, wired by the same files, tokens and API calls that an operator uses. Nothing in it is a short
// cut, so what works here works in a datacenter.
package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
)

// Options of a development site.
type Options struct {
	Demo     bool
	Listen   string
	DataDir  string
	BinDir   string
	Machines int
	// Plugin is the binary of a plugin under development; PluginSettings a file with the settings of the connection that tries it,
	// PluginCredential the name of its credential in the data folder's credentials.yaml.
	Plugin, PluginSettings, PluginCredential string
	Out                                      io.Writer
	Now                                      func() time.Time
	Getenv                                   func(string) string
}

// Info is dev.json: how to reach what was started.
type Info struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	APIToken string `json:"api_token"`
}

// site is one running development site.
type site struct {
	opt    Options
	procs  *processes
	agent  string // its id
	info   Info
	agents string // the collector's address for agents
	api    *client.Client
	demo   demoReady
}

// Run starts everything, says so, and waits until ctx is done or a part of it ends by itself.
func Run(ctx context.Context, opt Options) (err error) {
	if opt.DataDir, err = filepath.Abs(opt.DataDir); err != nil {
		return fmt.Errorf("find data folder: %w", err)
	}
	if opt.Plugin != "" {
		if opt.Plugin, err = filepath.Abs(opt.Plugin); err != nil {
			return fmt.Errorf("find plugin: %w", err)
		}
		if _, err := stampOf(opt.Plugin); err != nil {
			return fmt.Errorf("find plugin: %w", err)
		}
	}
	if err := prepare(opt); err != nil {
		return err
	}
	// Children are bound to the life of the thread that starts them: it must be one that lives as long as we do.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	release, err := lock(opt.DataDir)
	if err != nil {
		return err
	}
	defer release()
	s := &site{opt: opt, procs: newProcesses(opt.BinDir, filepath.Join(opt.DataDir, "log"))}
	s.procs.say = func(line string) { s.say("%s", output.Clean(line)) }
	defer func() {
		s.say("Ending what was started ...")
		if e := s.procs.stop(15 * time.Second); e != nil && err == nil {
			err = e
		}
	}()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if opt.Plugin != "" {
		return (&workshop{site: s, path: opt.Plugin, agent: s.agent}).run(ctx)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.procs.ended:
		return err
	}
}

func (s *site) say(format string, args ...any) { fmt.Fprintf(s.opt.Out, format+"\n", args...) }

func (s *site) start(ctx context.Context) error {
	// The simulated vCenter takes the longest, so it begins first and is waited for last.
	if s.opt.Demo {
		if err := s.startDemo(); err != nil {
			return err
		}
	}
	s.say("Starting the collector ...")
	if err := s.startCollector(ctx); err != nil {
		return err
	}
	if err := s.signIn(ctx); err != nil {
		return err
	}
	if s.opt.Demo {
		s.say("Waiting for the simulated vCenter ...")
		if err := s.procs.await(ctx, "maestro-demo", s.path("demo-ready.json"), time.Minute, &s.demo); err != nil {
			return err
		}
	}
	s.say("Starting the agent ...")
	agentID, err := s.startAgent(ctx)
	if err != nil {
		return err
	}
	s.agent = agentID
	if err := s.discover(ctx, agentID); err != nil {
		return err
	}
	if err := writePrivate(s.path("dev.json"), s.info); err != nil {
		return err
	}
	return s.report(ctx)
}

func (s *site) path(name string) string { return filepath.Join(s.opt.DataDir, name) }

// prepare finds out in a second what would otherwise fail in a minute.
func prepare(opt Options) error {
	if err := os.MkdirAll(opt.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w; choose another with --data-dir", err)
	}
	probe, err := os.CreateTemp(opt.DataDir, ".probe")
	if err != nil {
		return fmt.Errorf("write to data folder %s: %w; choose another with --data-dir", opt.DataDir, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("write to data folder %s: %w", opt.DataDir, err)
	}
	names := []string{"maestro-collector", "maestro-agent", "maestro-plugin-host"}
	if opt.Demo {
		names = append(names, "maestro-demo", "maestro-plugin-vsphere")
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(opt.BinDir, name)); err != nil {
			return fmt.Errorf("%s is not beside this binary in %s: run `make build`", name, opt.BinDir)
		}
	}
	l, err := net.Listen("tcp", opt.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen", opt.Listen, errors.Unwrap(err))
	}
	return l.Close()
}

// writePrivate writes a JSON document that its owner alone can read, all of it or nothing.
func writePrivate(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
