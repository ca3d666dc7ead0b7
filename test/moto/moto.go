// Package moto starts the emulator of AWS that tests of S3 speak with: a server that we did not write, on a port of its own.
package moto

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// Install is the command that puts the emulator where Bin looks.
const Install = ".ci/peers/aws.sh"

// Bin is the folder of its programs, from MAESTRO_MOTO or the user's cache; empty where it is not installed.
func Bin(t testing.TB) string {
	t.Helper()
	home := os.Getenv("MAESTRO_MOTO")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(user, ".cache", "maestro", "moto")
	}
	bin := filepath.Join(home, "bin")
	if _, err := os.Stat(filepath.Join(bin, "moto_server")); err != nil {
		return ""
	}
	return bin
}

// Start runs it on a free port of 127.0.0.1, answers its address and ends it with the test.
func Start(t testing.TB, bin string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		where := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url := where.FindString(lines.Text()); url != "" {
				select {
				case ready <- url:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait() // killed
	})
	select {
	case url := <-ready:
		return url
	case <-time.After(120 * time.Second):
		t.Fatal("the emulator does not start")
		return ""
	}
}
