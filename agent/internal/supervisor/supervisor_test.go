//go:build unix

package supervisor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/agent/internal/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg supervisor.Config) *supervisor.Supervisor {
	t.Helper()
	cfg.Pause, cfg.CacheDir = time.Millisecond, t.TempDir()
	s, err := supervisor.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func install(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, supervisor.Prefix+name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// What cannot be started is started once; what may be a bad moment is tried again.
func TestOnlyBadMomentsAreTriedAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, supervisor.Config{Dir: dir})
	starts := filepath.Join(t.TempDir(), "starts")
	noted := "#!/bin/sh\necho x >> " + starts + "\n"
	tests := []struct {
		name, text, problem string
		starts              int
	}{
		{"dies", noted + "exit 3\n", "exit code 3", 3},
		{"talks", noted + "echo hello\n", "instead of the handshake line", 1},
		{"old", noted + "echo '1|7|unix|/tmp/x|grpc|'\n", "speaks version 7", 1},
		{"quiet", noted + "exec >&-\nsleep 60\n", "closed stdout without a handshake line", 1},
		{"text", "not a program", "is not a program for", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			install(t, dir, tt.name, tt.text, 0o700)
			if err := os.WriteFile(starts, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := s.Find(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Start(t.Context(), file, nil, "", slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("got %v, want %s", err, tt.problem)
			}
			if b, err := os.ReadFile(starts); err != nil || strings.Count(string(b), "x") != tt.starts {
				t.Errorf("started %d times, want %d (%v)", strings.Count(string(b), "x"), tt.starts, err)
			}
		})
	}
}

// A file that is there and cannot be a plugin is not called missing.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	s := open(t, supervisor.Config{Dir: dir})
	plain := install(t, dir, "plain", "#!/bin/sh\n", 0o600)
	good := install(t, dir, "good", "#!/bin/sh\n", 0o700)
	tests := []struct {
		ask  string
		want error
		text string
	}{
		{"good", nil, ""},
		{good, nil, ""},
		{"plain", supervisor.ErrNotProgram, "is not executable; make it so with chmod +x"},
		{plain, supervisor.ErrNotProgram, "is not executable"},
		{dir + "/", supervisor.ErrNotProgram, "is a folder"},
		{"/dev/null", supervisor.ErrNotProgram, "is not a regular file"},
		{"absent", supervisor.ErrMissing, "no maestro-plugin-absent in " + dir},
		{"/absent/x", supervisor.ErrMissing, "/absent/x"},
	}
	for _, tt := range tests {
		file, err := s.Find(tt.ask)
		if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) {
			t.Errorf("%s: got %v", tt.ask, err)
		}
		if tt.want == nil && (file.Name != "good" || len(file.SHA256) != 64) {
			t.Errorf("%s: got %+v", tt.ask, file)
		}
	}
}

// A file that the manifest does not list is told of once, however often the folder is looked at.
func TestStrangersAreToldOfOnce(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(t.TempDir(), "sums")
	if err := os.WriteFile(manifest, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s := open(t, supervisor.Config{Dir: dir, Manifest: manifest, Log: slog.New(slog.NewTextHandler(&log, nil))})
	install(t, dir, "stranger", "#!/bin/sh\n", 0o700)
	for range 3 {
		if files, err := s.Files(); err != nil || len(files) != 0 {
			t.Fatalf("%v, %v", files, err)
		}
	}
	if strings.Count(log.String(), "not in the manifest") != 1 {
		t.Error(log.String())
	}
}
