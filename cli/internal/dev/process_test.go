//go:build unix

package dev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A child that goes on saying what it does is waited for beyond the limit, and its last word is passed on; one that says nothing is not.
func TestWaitingForAChildAtWork(t *testing.T) {
	bin := t.TempDir()
	ready := filepath.Join(bin, "ready.json")
	for name, script := range map[string]string{
		"busy":   "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo upgrading $i; sleep 0.3; done; echo '{\"url\":\"x\"}' >$1.new; mv $1.new $1; sleep 60",
		"silent": "sleep 60",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := newProcesses(bin, filepath.Join(bin, "log"))
	var said []string
	p.say = func(line string) { said = append(said, line) }
	defer func() {
		if err := p.stop(10 * time.Second); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"busy", "silent"} {
		if err := p.start(name, nil, ready); err != nil {
			t.Fatal(err)
		}
	}
	var r collectorReady
	if err := p.await(t.Context(), "busy", ready, 1500*time.Millisecond, &r); err != nil || r.URL != "x" {
		t.Errorf("%+v %v", r, err)
	}
	if len(said) == 0 || !strings.Contains(said[0], "busy is at work still: upgrading ") {
		t.Errorf("said %q", said)
	}
	if err := p.await(t.Context(), "silent", filepath.Join(bin, "never.json"), 100*time.Millisecond, &r); err == nil || !strings.Contains(err.Error(), "without a word") {
		t.Errorf("%v", err)
	}
}
