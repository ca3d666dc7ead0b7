package ansible_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/plugins/ansible"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// TestUploads: the folder that the agent names is read; without one nothing may look gone.
func TestUploads(t *testing.T) {
	servers := func() (names []string, err error) {
		s, err := ansible.New().Connect(t.Context(), provider.Connection{Settings: json.RawMessage(`{"source":"upload"}`)})
		if err != nil {
			t.Fatal(err)
		}
		out := &kept{}
		err = s.Discover(t.Context(), resource.Scope{Kind: "server"}, out)
		if end, ok := s.(io.Closer); ok {
			err = errors.Join(err, end.Close())
		}
		return out.names, err
	}
	t.Setenv(provider.FilesEnv, "")
	if _, err := servers(); err == nil {
		t.Error("files that were never fetched are no servers")
	}
	dir, err := filepath.Abs("testdata/facts")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(provider.FilesEnv, dir)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := servers(); err != nil || len(names) != len(files) {
		t.Errorf("%v, %v; want %d servers", names, err, len(files))
	}
	t.Setenv(provider.FilesEnv, t.TempDir())
	if names, err := servers(); err == nil {
		t.Errorf("an empty folder is taken for no servers: %v", names)
	}
}

// TestBeforeTheFirstUpload: nothing is read and nothing fails; files that were never fetched, or that the setting leaves
// out, are another matter.
func TestBeforeTheFirstUpload(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		name, dir, settings string
		scopes              int
		waits               bool
	}{
		{"nothing was uploaded", empty, `{"source":"upload"}`, 0, true},
		{"never fetched", "", `{"source":"upload"}`, 1, false},
		{"uploaded", "testdata/facts", `{"source":"upload"}`, 1, false},
		{"none of the hosts wanted", empty, `{"source":"upload","hosts":["web-*"]}`, 1, false},
		{"another source", empty, `{"source":"directory","paths":["."]}`, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(provider.FilesEnv, c.dir)
			plan, err := serve.Local(ansible.New()).Plan(t.Context(), provider.Connection{Settings: json.RawMessage(c.settings)}, []string{"server"})
			if err != nil || len(plan.Scopes) != c.scopes || plan.Complete == c.waits {
				t.Fatalf("%+v, %v", plan, err)
			}
			if got := strings.Contains(strings.Join(plan.Warnings, " "), "waiting for the first upload"); got != c.waits {
				t.Errorf("says %q", plan.Warnings)
			}
		})
	}
}

// kept is an emitter that keeps names.
type kept struct{ names []string }

func (k *kept) Emit(_ context.Context, env resource.Envelope) error {
	k.names = append(k.names, env.Name)
	return nil
}
func (*kept) Page()               {}
func (*kept) Warn(string, ...any) {}
func (*kept) Call(ctx context.Context, _ string, fn func(context.Context) error) error {
	return fn(ctx)
}
