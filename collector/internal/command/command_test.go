package command_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/collector/internal/command"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Main(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestVersion(t *testing.T) {
	if code, out, _ := run(t, "version"); code != command.ExitOK || !strings.HasPrefix(out, "maestro-collector ") {
		t.Errorf("%d: %s", code, out)
	}
}

// Whatever stops the start is said in one line, with the code for scripts.
func TestMistakesAreOneLine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(file, []byte("data_dir: "+dir+"\nlisen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().String()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown key":         {[]string{"--config", file}, command.ExitUsage, "collector.yaml:2:1"},
		"port in use":         {[]string{"serve", "--data-dir", dir, "--listen", port, "--agent-listen", "127.0.0.1:0"}, command.ExitFailed, "listen on " + port + ": bind: address already in use"},
		"open to the network": {[]string{"serve", "--data-dir", dir, "--listen", "0.0.0.0:0"}, command.ExitUsage, "tls.cert"},
		"unknown flag":        {[]string{"serve", "--lisen", port}, command.ExitUsage, "lisen"},
	} {
		code, _, errs := run(t, c.args...)
		if code != c.code || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "maestro-collector: ") || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d: %s", name, code, errs)
		}
	}
}
