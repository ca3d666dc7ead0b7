package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

// engines answers a fresh configuration for every engine that is at hand.
func engines(t *testing.T, fn func(t *testing.T, cfg collector.Config)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, config(t.TempDir())) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) {
			cfg := config(t.TempDir())
			cfg.Store = collector.StoreConfig{Engine: "mongo", URI: collector.URI(server.URI), Database: "operate_" + strings.ToLower(rand.Text()[:10])}
			fn(t, cfg)
		})
	}
}

func operate(cfg collector.Config) (*collector.Operator, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return &collector.Operator{Config: cfg, Out: out, Now: time.Now}, out
}

// servers answers the names of the servers that a collector lists.
func (c *client) servers(token string) string { return c.serversBy(token, "") }

// identifierFilter finds a server by one of its identifiers and its type.
func (c *client) identifierFilter(token, name string) string {
	c.t.Helper()
	_, answer, _ := c.do("GET", "/api/v1/resources/server?filter="+url.QueryEscape("name = "+name), "", "Authorization", "Bearer "+token)
	var list struct {
		Items []struct {
			Identifiers []struct{ Type, Value string } `json:"identifiers"`
		} `json:"items"`
	}
	must(c.t, json.Unmarshal(answer, &list))
	if len(list.Items) != 1 || len(list.Items[0].Identifiers) == 0 {
		c.t.Fatalf("no identifiers of %s: %s", name, answer)
	}
	id := list.Items[0].Identifiers[0]
	return fmt.Sprintf("identifiers.%s = %q", id.Type, strings.ToUpper(id.Value))
}

func (c *client) serversBy(token, filter string) string {
	c.t.Helper()
	status, answer, _ := c.do("GET", "/api/v1/resources/server?order_by=name&filter="+url.QueryEscape(filter), "", "Authorization", "Bearer "+token)
	if status != 200 {
		c.t.Fatalf("list servers: %d: %s", status, answer)
	}
	var list struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	must(c.t, json.Unmarshal(answer, &list))
	var names []string
	for _, s := range list.Items {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func (c *client) record(token, name string) {
	c.t.Helper()
	status, answer, _ := c.do("POST", "/api/v1/resources/server", fmt.Sprintf(`{"name":%q,"tags":[{"key":"a.b","value":"ü"}],"attributes":{"cpu_count":4}}`, name), "Authorization", "Bearer "+token)
	if status != 201 {
		c.t.Fatalf("record server: %d: %s", status, answer)
	}
}

// A backup made while the collector works brings back what there was, and what came after it is put aside, not lost.
func TestBackupAndRestore(t *testing.T) {
	engines(t, func(t *testing.T, cfg collector.Config) {
		file := filepath.Join(t.TempDir(), "site.db")
		c, stop := start(t, cfg, io.Discard)
		people := newClient(t, c.URL())
		token := people.token(cfg.DataDir)
		people.record(token, "before")
		op, out := operate(cfg)
		must(t, op.Backup(t.Context(), file))
		if !strings.Contains(out.String(), "master.key is not in it") {
			t.Errorf("the key is not spoken of: %s", out)
		}
		if err := op.Backup(t.Context(), file); err == nil || !strings.Contains(err.Error(), "there already") {
			t.Errorf("a backup was replaced: %v", err)
		}
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("others may read the backup: %v %v", fi.Mode(), err)
		}
		people.record(token, "later")
		if cfg.Store.Engine == "sqlite" {
			if err := op.Restore(t.Context(), file, false); err == nil || !strings.Contains(err.Error(), "stop the collector") {
				t.Fatalf("restored under a working collector: %v", err)
			}
		}
		stop()
		if cfg.Store.Engine == "mongo" {
			if err := op.Restore(t.Context(), file, false); err == nil || !strings.Contains(err.Error(), "--overwrite") {
				t.Fatalf("replaced without being told to: %v", err)
			}
		}
		must(t, op.Restore(t.Context(), file, true))
		c, _ = start(t, cfg, io.Discard)
		if got := newClient(t, c.URL()).servers(token); got != "before" {
			t.Errorf("after the restore there is %q", got)
		}
		if cfg.Store.Engine == "sqlite" {
			aside, err := filepath.Glob(filepath.Join(cfg.DataDir, "maestro.db.replaced-*"))
			if err != nil || len(aside) != 1 {
				t.Errorf("what was there is lost: %v %v", aside, err)
			}
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	cfg := config(t.TempDir())
	_, stop := start(t, cfg, io.Discard)
	op, _ := operate(cfg)
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	must(t, op.Backup(t.Context(), good))
	stop()

	damaged := filepath.Join(dir, "damaged.db")
	b, err := os.ReadFile(good)
	must(t, err)
	for i := 8192; i < len(b)-4096; i += 4096 {
		copy(b[i:i+64], bytes.Repeat([]byte{0xff}, 64))
	}
	must(t, os.WriteFile(damaged, b, 0o600))
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, []byte("not a database at all, just some words"), 0o600))
	empty := filepath.Join(dir, "empty.db")
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: empty})
	must(t, err)
	must(t, st.Close())
	other := config(t.TempDir())
	_, stopOther := start(t, other, io.Discard)
	stopOther()
	noKey := config(t.TempDir())

	for name, c := range map[string]struct {
		cfg  collector.Config
		file string
		want string
	}{
		"missing":     {cfg, filepath.Join(dir, "nowhere.db"), "no such file"},
		"damaged":     {cfg, damaged, "malformed"},
		"no database": {cfg, text, "not a database"},
		"empty":       {cfg, empty, "no installation"},
		"foreign key": {other, good, "another master key"},
		"no key":      {noKey, good, "holds no master key"},
	} {
		op, _ := operate(c.cfg)
		if err := op.Restore(t.Context(), c.file, true); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	c, _ := start(t, cfg, io.Discard) // nothing of it harmed what is there
	newClient(t, c.URL()).servers(newClient(t, c.URL()).token(cfg.DataDir))
}

// A site moves from one engine to the other and back, and nobody sees a difference.
func TestMigrate(t *testing.T) {
	engines(t, func(t *testing.T, cfg collector.Config) {
		c, stop := start(t, cfg, io.Discard)
		people := newClient(t, c.URL())
		token := people.token(cfg.DataDir)
		for _, name := range []string{"a", "b", "c"} {
			people.record(token, name)
		}
		stop()
		op, out := operate(cfg)
		there := filepath.Join(t.TempDir(), "there.db")
		must(t, op.Migrate(t.Context(), "configured", there, false))
		if !strings.Contains(out.String(), "resources/server: 3 rows, 3 written") {
			t.Errorf("it does not say what it did:\n%s", out)
		}
		if err := op.Migrate(t.Context(), "configured", there, false); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("wrote over another store: %v", err)
		}
		out.Reset()
		must(t, op.Migrate(t.Context(), there, "configured", true)) // and back, where nothing is to be done
		if strings.Contains(out.String(), " 1 written") || !strings.Contains(out.String(), "resources/server: 3 rows, 0 written") {
			t.Errorf("wrote what was equal:\n%s", out)
		}
		moved := config(t.TempDir())
		key, err := os.ReadFile(filepath.Join(cfg.DataDir, "master.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(moved.DataDir, "master.key"), key, 0o600))
		must(t, os.Rename(there, filepath.Join(moved.DataDir, "maestro.db")))
		c, stop = start(t, moved, io.Discard)
		if got := newClient(t, c.URL()).servers(token); got != "a b c" {
			t.Errorf("after the move there is %q", got)
		}
		stop()
	})
}

// fixture unpacks the database of an earlier release; test/fixtures/README.md says how they are made.
func fixture(t *testing.T, name, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "test", "fixtures", name+".db.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "maestro.db"), b, 0o600))
	for from, to := range map[string]string{".key": "master.key", ".admin.json": "initial-admin.json"} {
		b, err := os.ReadFile(filepath.Join("..", "test", "fixtures", name+from))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, to), b, 0o600))
	}
}

// Databases of earlier releases are upgraded by starting this one: backed up first, and everything is there.
func TestUpgradeOfFixtures(t *testing.T) {
	names, err := filepath.Glob("../test/fixtures/*.db.gz")
	must(t, err)
	if len(names) == 0 {
		t.Fatal("there are no fixtures")
	}
	for _, path := range names {
		name := strings.TrimSuffix(filepath.Base(path), ".db.gz")
		t.Run(name, func(t *testing.T) {
			cfg := config(t.TempDir())
			fixture(t, name, cfg.DataDir)
			number, err := strconv.Atoi(strings.TrimPrefix(name, "store-"))
			must(t, err)
			want, err := os.ReadFile(filepath.Join("..", "test", "fixtures", name+".servers"))
			must(t, err)

			before, err := os.ReadFile(filepath.Join(cfg.DataDir, "maestro.db"))
			must(t, err)
			op, out := operate(cfg)
			must(t, op.Upgrade(t.Context(), true))
			if !strings.Contains(out.String(), "rehearsal went well") || !strings.Contains(out.String(), fmt.Sprintf("Number %d", number+1)) {
				t.Errorf("rehearsal: %s", out)
			}
			after, err := os.ReadFile(filepath.Join(cfg.DataDir, "maestro.db"))
			must(t, err)
			if !bytes.Equal(before, after) {
				t.Error("the rehearsal changed the store")
			}

			c, stop := start(t, cfg, io.Discard)
			people := newClient(t, c.URL())
			if got := people.servers(people.token(cfg.DataDir)); got != strings.TrimSpace(string(want)) {
				t.Errorf("servers are\n%s\nwant\n%s", got, want)
			}
			// What lists need beside the documents of then was derived anew: every server is known from somewhere.
			if got := people.serversBy(people.token(cfg.DataDir), "origin = discovered OR origin = recorded OR origin = both"); got != strings.TrimSpace(string(want)) {
				t.Errorf("servers by origin are\n%s\nwant\n%s", got, want)
			}
			if got := people.serversBy(people.token(cfg.DataDir), "identifiers.bios_uuid = * AND name = fra-dev-api-01"); got != "fra-dev-api-01" {
				t.Errorf("the server with the identifier is %q", got)
			}
			if got := people.serversBy(people.token(cfg.DataDir), people.identifierFilter(people.token(cfg.DataDir), "fra-dev-api-01")); got != "fra-dev-api-01" {
				t.Errorf("by its identifier %q is found", got)
			}
			stop()
			kept, err := filepath.Glob(filepath.Join(cfg.DataDir, "backups", fmt.Sprintf("before-upgrade-%d-to-*.db", number)))
			if err != nil || len(kept) != 1 {
				t.Errorf("no backup was made: %v %v", kept, err)
			}
			out.Reset()
			must(t, op.Upgrade(t.Context(), false))
			if !strings.Contains(out.String(), "nothing is to be done") {
				t.Errorf("a second time: %s", out)
			}
		})
	}
}

// A store that a newer release has written to is left alone, by a start and by whoever holds it already.
func TestNewerStore(t *testing.T) {
	cfg := config(t.TempDir())
	_, stop := start(t, cfg, io.Discard)
	stop()
	must(t, collector.PretendNewer(t.Context(), cfg))
	_, err := collector.New(context.Background(), cfg, collector.Options{})
	if err == nil || !strings.Contains(err.Error(), "newer collector") || !strings.Contains(err.Error(), "release 99") {
		t.Errorf("opened the store of a newer release: %v", err)
	}
	op, _ := operate(cfg)
	if err := op.Upgrade(t.Context(), false); err == nil || !strings.Contains(err.Error(), "newer collector") {
		t.Errorf("upgraded the store of a newer release: %v", err)
	}
}

// Where contents of uploads are not in the store, a backup and a restore say what else is to be brought.
func TestABackupNamesWhatLiesOutside(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Uploads.Store = "disk"
	_, stop := start(t, cfg, io.Discard)
	stop()
	file := filepath.Join(t.TempDir(), "site.db")
	folder := filepath.Join(cfg.DataDir, "uploads")
	op, out := operate(cfg)
	must(t, op.Backup(t.Context(), file))
	if !strings.Contains(out.String(), "back up "+folder+" too") {
		t.Errorf("the backup says %s", out)
	}
	out.Reset()
	must(t, op.Restore(t.Context(), file, true))
	if !strings.Contains(out.String(), "restore "+folder+" too") {
		t.Errorf("the restore says %s", out)
	}
	op.Config.Uploads.Store = "database"
	out.Reset()
	must(t, op.Backup(t.Context(), file+"2"))
	if strings.Contains(out.String(), "uploaded") {
		t.Errorf("all is in the backup, which says %s", out)
	}
}
