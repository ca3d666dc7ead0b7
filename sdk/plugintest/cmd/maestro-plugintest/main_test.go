package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maestro.internal/sdk/host"
)

func TestRun(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "maestro-plugin-x")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	settings := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(settings, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, 2, "--plugin PATH is required"},
		{"unknown flag", []string{"--no-such"}, 2, "flag provided but not defined"},
		{"settings that are no JSON", []string{"--plugin", "x", "--settings", settings}, 2, "is not JSON"},
		{"settings that are not there", []string{"--plugin", "x", "--settings", "/no/such"}, 2, "read settings"},
		{"no such plugin", []string{"--plugin", "/no/such"}, 1, "FAIL  start"},
		{"no plugin at all", []string{"--plugin", script("echo hello")}, 1, `it wrote "hello" on stdout instead of the handshake line`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &out); code != tt.code || !strings.Contains(out.String(), tt.want) {
				t.Errorf("exit code %d, output %s", code, out.String())
			}
		})
	}
	if got := list("a, b,,c"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Error(got)
	}
	if err := host.Sweep("", ""); err != nil {
		t.Error(err)
	}
}
