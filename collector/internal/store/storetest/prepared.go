package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Prepared is a database that is made once for all tests of a process: making every kind's indexes takes longer than most
// tests do, ten times so under the race detector.
type Prepared struct {
	once sync.Once
	file []byte
	err  error
}

// Copy is the path of a copy of it, in a directory of the test's own. prepare makes it at a path and closes it; it is
// called by the first.
func (p *Prepared) Copy(t testing.TB, prepare func(path string) error) string {
	t.Helper()
	p.once.Do(func() {
		path := filepath.Join(Dir(t), "maestro.db")
		if p.err = prepare(path); p.err == nil {
			p.file, p.err = os.ReadFile(path)
		}
	})
	if p.err != nil {
		t.Fatalf("prepare database: %v", p.err)
	}
	path := filepath.Join(Dir(t), "maestro.db")
	if err := os.WriteFile(path, p.file, 0o600); err != nil {
		t.Fatal(fmt.Errorf("copy database: %w", err))
	}
	return path
}

// Dir is a directory of the test's own, in memory where there is one: durability is for the suite to prove.
func Dir(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "maestro-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
