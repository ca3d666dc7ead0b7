package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/agent"
	"maestro.internal/agent/internal/credential"
	"maestro.internal/internal/support"
)

func supportCommand() *cobra.Command {
	var file string
	var logs []string
	cmd := &cobra.Command{
		Use: "support-bundle", Short: "Put together what somebody needs who helps, without any secret", Args: cobra.NoArgs,
		Long: "Put together what somebody needs who helps: the agent's configuration, policy and state, the names of its credentials, what lies in\n" +
			"its folder and among its plugins, and the ends of logs. No credential is read, and passwords, tokens and keys are taken out.",
		Example: "  maestro-agent support-bundle --config /etc/maestro/agent.yaml --log /var/log/maestro-agent.log",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			now := time.Now()
			if file == "" {
				file = "maestro-agent-support-" + now.UTC().Format("20060102-150405") + ".zip"
			}
			whole, err := writeBundle(file, now, cfg, path, logs)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s. Look into it before you send it; README.txt in it lists what there is.\n", file); err != nil {
				return fmt.Errorf("say where the bundle is: %w", err)
			}
			if !whole {
				return exit{ExitPartial}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "Path of the bundle.")
	cmd.Flags().StringArrayVar(&logs, "log", nil, "File of a log, of which the end comes along; may be given several times.")
	return cmd
}

// writeBundle makes the file whole or not at all.
func writeBundle(path string, now time.Time, cfg agent.Config, config string, logs []string) (whole bool, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return false, usage{fmt.Errorf("write %s: %w", path, err)}
	}
	whole, err = fillBundle(support.New(f, support.NewRedactor(agentSecrets(cfg)...), now), cfg, config, logs)
	if e := f.Close(); err == nil && e != nil {
		err = fmt.Errorf("write %s: %w", path, e)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	return whole, nil
}

// agentSecrets are looked for by their values. Those of credentials are not read for it.
func agentSecrets(cfg agent.Config) []string {
	known := []string{cfg.JoinToken.Reveal()}
	if cfg.JoinTokenFile != "" && cfg.JoinTokenFile != "-" {
		if b, err := os.ReadFile(cfg.JoinTokenFile); err == nil {
			known = append(known, strings.TrimSpace(string(b)))
		}
	}
	return known
}

func fillBundle(b *support.Bundle, cfg agent.Config, config string, logs []string) (whole bool, err error) {
	document := func(name string, v any, err error) error {
		if err != nil {
			b.Missing(name, err)
			return nil
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		return b.JSON(name, text)
	}
	optional := func(name, path string) error {
		if path == "" {
			return nil
		}
		return b.Config(name, path)
	}
	steps := []func() error{
		func() error { return b.Machine("maestro-agent") },
		func() error { return optional("local/agent.yaml", config) },
		func() error { return optional("local/policy.yaml", cfg.PolicyFile) },
		func() error { return b.Folder("local/data.txt", cfg.DataDir) },
		func() error { return b.Folder("local/plugins.txt", pluginFolder(cfg)) },
		func() error {
			st, err := agent.ReadStatus(cfg.DataDir)
			return document("local/status.json", st, err)
		},
		func() error {
			store, err := credential.Load(cfg.CredentialsFile)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				b.Missing("local/credentials.json", err)
				return nil
			}
			return document("local/credentials.json", store.Names(), nil)
		},
	}
	for i, path := range logs {
		steps = append(steps, func() error { return b.Log(fmt.Sprintf("logs/%d-%s", i+1, filepath.Base(path)), path) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return false, err
		}
	}
	return b.Whole(), b.Close()
}

func pluginFolder(cfg agent.Config) string {
	if cfg.PluginDir != "" {
		return cfg.PluginDir
	}
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}
