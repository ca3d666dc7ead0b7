package dev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"github.com/goccy/go-yaml"
)

// demoCredential is the name of the simulated vCenter's credential.
const demoCredential = "vcenter-demo"

// writeCredentials makes sure of the agent's credentials file. It is a person's file too: what was added by hand stays, and
// a file that says already what is needed is not written at all.
func (s *site) writeCredentials() error {
	var want any
	if s.demo.Username != "" {
		// The password is in a file of its own: only the agent opens it, and the collector knows its name only.
		if err := os.WriteFile(s.path("vcenter.password"), []byte(s.demo.Password+"\n"), 0o600); err != nil {
			return fmt.Errorf("write credential: %w", err)
		}
		want = map[string]any{
			"providers": []any{"vsphere"},
			"env": map[string]any{"VSPHERE_USERNAME": map[string]any{"value": s.demo.Username},
				"VSPHERE_PASSWORD": map[string]any{"file": s.path("vcenter.password")}},
		}
	}
	path := s.path("credentials.yaml")
	b, err := os.ReadFile(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return fmt.Errorf("read credentials: %w", err)
	}
	file := map[string]any{}
	if err := yaml.Unmarshal(b, &file); err != nil {
		return fmt.Errorf("read credentials: %s: %w", path, err)
	}
	if file == nil {
		file = map[string]any{}
	}
	credentials, ok := file["credentials"].(map[string]any)
	if !ok && file["credentials"] != nil {
		return fmt.Errorf("read credentials: %s: credentials is not a map of names", path)
	}
	if !fresh && (want == nil || reflect.DeepEqual(credentials[demoCredential], want)) {
		return nil
	}
	if credentials == nil {
		credentials = map[string]any{}
	}
	if want != nil {
		credentials[demoCredential] = want
	}
	file["credentials"] = credentials
	return writeYAML(path, file)
}
