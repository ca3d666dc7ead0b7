package dev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCredentialsAddedByHandStay: every start makes sure of the demo's entry and leaves the rest alone.
func TestCredentialsAddedByHandStay(t *testing.T) {
	const own = "# mine\ncredentials:\n  aws:\n    providers: [aws]\n    env:\n      AWS_PROFILE: {value: x}\n"
	demo := demoReady{Username: "user", Password: "secret-of-the-demo"}
	tests := []struct {
		name   string
		file   string
		demo   demoReady
		wants  []string
		kept   bool
		broken string
	}{
		{name: "first start without the demo", wants: []string{"credentials: {}"}},
		{name: "first start with the demo", demo: demo, wants: []string{"vcenter-demo:", "VSPHERE_USERNAME:", "value: user", "vcenter.password"}},
		{name: "added by hand, without the demo", file: own, kept: true},
		{name: "added by hand, then the demo", file: own, demo: demo, wants: []string{"aws:", "AWS_PROFILE:", "vcenter-demo:"}},
		{name: "another user of the demo", file: "credentials: {vcenter-demo: {env: {VSPHERE_USERNAME: {value: old}}}}", demo: demo, wants: []string{"value: user"}},
		{name: "an empty file", file: "\n", demo: demo, wants: []string{"vcenter-demo:"}},
		{name: "a file that is none", file: "credentials: [", broken: "credentials.yaml"},
		{name: "a list", file: "credentials: [a]", demo: demo, broken: "not a map"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &site{opt: Options{DataDir: t.TempDir()}, demo: tt.demo}
			path := filepath.Join(s.opt.DataDir, "credentials.yaml")
			if tt.file != "" {
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := s.writeCredentials()
			if tt.broken != "" {
				if err == nil || !strings.Contains(err.Error(), tt.broken) {
					t.Errorf("got %v, want %s", err, tt.broken)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			first, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.wants {
				if !strings.Contains(string(first), want) {
					t.Errorf("no %q in\n%s", want, first)
				}
			}
			if tt.kept && string(first) != tt.file || strings.Contains(string(first), "secret-of-the-demo") || strings.Contains(string(first), "old") {
				t.Errorf("got\n%s", first)
			}
			// A comment written meanwhile survives the next start.
			commented := "# by hand\n" + string(first)
			if err := os.WriteFile(path, []byte(commented), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.writeCredentials(); err != nil {
				t.Fatal(err)
			}
			if second, err := os.ReadFile(path); err != nil || string(second) != commented {
				t.Errorf("%v: rewritten to\n%s", err, second)
			}
		})
	}
}
