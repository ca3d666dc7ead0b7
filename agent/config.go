package agent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"maestro.internal/agent/internal/credential"
)

// EnvPrefix begins the environment variables of the agent's configuration.
const EnvPrefix = "MAESTRO_AGENT"

// Config is the agent's configuration as its administrator writes it.
type Config struct {
	DataDir       string            `yaml:"data_dir" help:"Folder of identity, spool and assignments."`
	Collector     string            `yaml:"collector" help:"Address of the collector, host:port."`
	JoinToken     credential.Secret `yaml:"join_token" flag:"-"`
	JoinTokenFile string            `yaml:"join_token_file" help:"File that holds the single-use join token; - is standard input (enroll only)."`
	Name          string            `yaml:"name" help:"What people call this agent; the host's name when empty."`
	Site          string            `yaml:"site" help:"Name of the network that the agent is in; its agents can stand in for each other."`

	PluginDir      string `yaml:"plugin_dir" help:"Folder of maestro-plugin-* executables; the agent's own when empty."`
	PluginManifest string `yaml:"plugin_manifest" help:"File of SHA-256 sums; only what it lists may run."`
	PluginMemoryMB int64  `yaml:"plugin_memory_mb" help:"Memory limit of one plugin with its children, in MiB; 0 is without limit."`

	CredentialsFile string   `yaml:"credentials_file" help:"File that maps credential names to their sources."`
	SealRecipients  []string `yaml:"seal_recipients" help:"Fingerprints of sealing keys that this agent may let open what is sealed to it; empty: those of every agent that the collector names."`
	PolicyFile      string   `yaml:"policy_file" help:"File that says what may not leave the site."`

	SpoolMaxBytes   int64 `yaml:"spool_max_bytes" help:"Most bytes of captures that wait to be sent."`
	MaxParallelRuns int   `yaml:"max_parallel_runs" help:"How many connections are read at a time."`

	Log LogConfig `yaml:"log"`
}

// LogConfig says what is logged to stderr.
type LogConfig struct {
	Level  string `yaml:"level" help:"debug, info, warn or error."`
	Format string `yaml:"format" help:"text or json."`
}

// DefaultConfig is what holds without any configuration.
func DefaultConfig() Config {
	return Config{
		DataDir: defaultDataDir(), PluginMemoryMB: 1024, SpoolMaxBytes: 2 << 30, MaxParallelRuns: 2,
		Log: LogConfig{Level: "info", Format: "text"},
	}
}

func defaultDataDir() string {
	if runtime.GOOS != "windows" && os.Getuid() == 0 {
		return "/var/lib/maestro-agent"
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "maestro-agent"
	}
	return filepath.Join(dir, "maestro-agent")
}

// Validate says what is wrong.
func (c *Config) Validate() error {
	switch {
	case c.DataDir == "":
		return errors.New("data_dir is empty")
	case c.SpoolMaxBytes < 1<<20:
		return fmt.Errorf("spool_max_bytes: %d is less than 1 MiB", c.SpoolMaxBytes)
	case c.MaxParallelRuns < 1:
		return errors.New("max_parallel_runs: want at least 1")
	case c.PluginMemoryMB < 0:
		return errors.New("plugin_memory_mb is negative")
	case c.JoinToken.Reveal() != "" && c.JoinTokenFile != "":
		return errors.New("want one of join_token and join_token_file")
	}
	if c.Collector != "" {
		if _, _, err := net.SplitHostPort(c.Collector); err != nil {
			return fmt.Errorf("collector: %q is not host:port", c.Collector)
		}
	}
	if _, err := c.Log.level(); err != nil {
		return err
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format)
	}
	return nil
}

// joinToken reads the token, if there is one.
func (c *Config) joinToken() (string, error) {
	if c.JoinTokenFile == "" {
		return c.JoinToken.Reveal(), nil
	}
	b, err := os.ReadFile(c.JoinTokenFile)
	if err != nil {
		return "", fmt.Errorf("read join token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// pluginDir is where plugins are; beside the agent itself unless it is said.
func (c *Config) pluginDir() string {
	if c.PluginDir != "" {
		return c.PluginDir
	}
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

var _ interface{ Validate() error } = (*Config)(nil)
