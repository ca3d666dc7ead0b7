package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/dev"
)

func (a *app) dev() *cobra.Command {
	opt := dev.Options{}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole Maestro on this machine: collector, agent and, with --demo, something to discover",
		Long: `Run a whole Maestro on this machine: collector, agent and, with --demo, something to discover.

It starts the sibling binaries of this one, lets the agent in, makes a connection for this machine and, with --demo,
one for a simulated vCenter. When all is ready it prints where to look, and writes dev.json (url, username, password,
api_token; readable by you only) into the data folder. Ctrl-C ends everything it started; the data stays.

With --plugin it is a plugin's workshop: the binary is watched, and each build is tried by the conformance suite and put in front of
the agent; then you see its kinds and settings, what its check says, and what two runs of it find, with hints where people or the inventory would miss something.`,
		Example: "  maestro dev --demo\n  maestro dev --plugin ./maestro-plugin-mine --plugin-settings settings.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.BinDir == "" {
				self, err := os.Executable()
				if err != nil {
					return err
				}
				opt.BinDir = filepath.Dir(self)
			}
			opt.Out, opt.Now, opt.Getenv = a.env.Err, a.env.Now, a.env.Getenv
			return dev.Run(cmd.Context(), opt)
		},
	}
	cmd.Flags().BoolVar(&opt.Demo, "demo", false, "add a simulated vCenter with a few hundred machines")
	cmd.Flags().StringVar(&opt.Listen, "listen", "127.0.0.1:7070", "`address` of the web UI and the API; port 0 is any free one")
	cmd.Flags().StringVar(&opt.DataDir, "data-dir", ".maestro", "`folder` for everything that is kept")
	cmd.Flags().StringVar(&opt.BinDir, "bin-dir", "", "`folder` of the sibling binaries (default: this one's)")
	cmd.Flags().StringVar(&opt.Plugin, "plugin", "", "`path` of a plugin that you are writing: each time it is built, it is loaded, described, checked and run")
	cmd.Flags().StringVar(&opt.PluginSettings, "plugin-settings", "", "`file` with the settings of the connection that tries the plugin (YAML or JSON)")
	cmd.Flags().StringVar(&opt.PluginCredential, "plugin-credential", "", "`name` of its credential in credentials.yaml of the data folder")
	cmd.Flags().IntVar(&opt.Machines, "machines", 0, "`number` of simulated machines (default: the demo's own)")
	return cmd
}
