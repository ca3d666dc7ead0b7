package dev

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"maestro.internal/cli/internal/output"
)

// conformWithin bounds the conformance suite; each of its checks has a limit of its own.
const conformWithin = 10 * time.Minute

// conform runs the SDK's conformance suite on the build, with the settings of now, and says a line for each check. What it finds does
// not keep the plugin from being run: its author wants to see that too. A plugin that needs a credential of the agent's is tried without
// it, and the suite says what that means.
func (w *workshop) conform(ctx context.Context) {
	suite := filepath.Join(w.site.opt.BinDir, "maestro-plugintest")
	if _, err := os.Stat(suite); errors.Is(err, fs.ErrNotExist) {
		w.site.say("  conformance: the suite is not beside this program; in the sources `make build` makes it")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, conformWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite, "--plugin", w.path, "--settings", "-")
	cmd.Env = cleanEnvironment()
	settings := []byte("{}")
	if from := w.site.opt.PluginSettings; from != "" {
		b, err := os.ReadFile(from)
		if err == nil {
			settings, err = yaml.YAMLToJSON(b)
		}
		if err != nil {
			w.site.say("  conformance: read settings: %s", output.Clean(err.Error()))
			return
		}
	}
	cmd.Stdin = bytes.NewReader(settings)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	lines := bufio.NewScanner(&out)
	for lines.Scan() {
		w.site.say("  conformance: %s", output.Clean(lines.Text()))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.site.say("  conformance: %s", output.Clean(err.Error()))
	}
}
