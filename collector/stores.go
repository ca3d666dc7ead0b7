package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/upgrade"
	"maestro.internal/internal/build"
)

// place is where a store is: a file, or a database of a MongoDB server.
type place struct {
	path     string
	uri      URI
	database string
}

// String names it without a password.
func (p place) String() string {
	if p.path != "" {
		return p.path
	}
	u, err := url.Parse(string(p.uri))
	if err != nil {
		return "mongodb database " + p.database
	}
	return "mongodb://" + u.Host + "/" + p.database
}

func (c *Config) place() place {
	if c.Store.Engine == "mongo" {
		return place{uri: c.Store.URI, database: c.Store.Database}
	}
	return place{path: filepath.Join(c.DataDir, "maestro.db")}
}

// parsePlace reads "configured", a path or sqlite:PATH, mongodb://.../DATABASE, or @FILE with one of these in it, for a URI
// whose password other users of the machine should not see.
func (c *Config) parsePlace(text string) (place, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return place{}, fmt.Errorf("read store's address: %w", err)
		}
		text = strings.TrimSpace(string(b))
	}
	switch {
	case text == "":
		return place{}, errors.New("a store is missing: want configured, a file, or mongodb://host/database")
	case text == "configured":
		return c.place(), nil
	case strings.HasPrefix(text, "mongodb://"), strings.HasPrefix(text, "mongodb+srv://"):
		u, err := url.Parse(text)
		if err != nil {
			return place{}, errors.New("read store's address: it is no mongodb:// URI") // the error would print the password
		}
		database := strings.Trim(u.Path, "/")
		if database == "" {
			database = c.Store.Database
		}
		return place{uri: URI(text), database: database}, nil
	}
	path := strings.TrimPrefix(strings.TrimPrefix(text, "sqlite:"), "//")
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		path = filepath.Join(path, "maestro.db")
	}
	return place{path: path}, nil
}

func openStore(ctx context.Context, p place, log *slog.Logger) (store.Store, error) {
	if p.path != "" {
		st, err := sqlite.Open(ctx, sqlite.Options{Path: p.path, Tables: tables(), Log: log})
		if err != nil {
			return nil, err // not the nil pointer inside an interface
		}
		return st, nil
	}
	st, err := mongo.Open(ctx, mongo.Options{URI: string(p.uri), Database: p.database, Tables: tables(), Log: log})
	if err != nil {
		return nil, err
	}
	return st, nil
}

// identity is the table whose rows tell one installation from another.
func identity() string { return authority.Tables()[0].Name }

func isFresh(ctx context.Context, st store.Reader) (bool, error) {
	n, err := st.Count(ctx, store.Query{Table: identity(), AllTenants: true}, 1)
	if err != nil {
		return false, fmt.Errorf("read installation: %w", err)
	}
	return n == 0, nil
}

// copyOrder is the reverse of the order in which operations write.
func copyOrder() []store.Table {
	// Feeds and checkpoints before the entries that they speak of, horizons after: a copy may have more of these, never fewer.
	first := []string{"feeds", "checkpoints", "scope_index", "observations", "relations", "resources", "heads", "changes", "claims", "operations", "reviews",
		"scope_chunks", "run_chunks", "runs"}
	last := []string{"audit_entries", "horizons", identity()}
	skip := []string{"leases", archive.Tables()[0].Name}
	all := slices.DeleteFunc(tables(), func(t store.Table) bool { return slices.Contains(skip, t.Name) })
	rank := func(t store.Table) int {
		if i := slices.Index(first, t.Name); i >= 0 {
			return i - len(first)
		}
		return slices.Index(last, t.Name) + 1
	}
	slices.SortStableFunc(all, func(a, b store.Table) int { return rank(a) - rank(b) })
	return all
}

// prepareStore refuses a store that this release may not write to, and upgrades an older one.
func (c *Collector) prepareStore(ctx context.Context) error {
	if err := archive.CheckWhole(ctx, c.store); err != nil {
		return err
	}
	var err error
	if c.leases, err = newLeases(c.store, c.opt.Now); err != nil {
		return err
	}
	fresh, err := isFresh(ctx, c.store)
	if err != nil {
		return err
	}
	have, missing, err := upgrade.Missing(ctx, c.store, upgrade.Steps())
	if err != nil {
		return err
	}
	if len(missing) > 0 && !fresh {
		c.log.Info("store is of an older release; backing it up before it is upgraded", "number", have, "to", len(upgrade.Steps()))
		told := c.stillAtWork("backing up the store")
		to, err := backupBefore(ctx, &c.cfg, c.place(), have, len(upgrade.Steps()), c.opt.Now())
		told()
		if err != nil {
			return fmt.Errorf("back up before upgrade: %w", err)
		}
		c.log.Info("store is of an older release; backed up before upgrading it", "number", have, "to", len(upgrade.Steps()), "backup", to)
	}
	return upgrade.Run(ctx, c.upgradeOptions(fresh))
}

// atWorkEvery is how far apart words about work are that a start waits for: who waits has to know that it goes on.
const atWorkEvery = 15 * time.Second

// stillAtWork says what is being done, now and then, until the answer is called.
func (c *Collector) stillAtWork(what string) (over func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { // waited for by over
		defer close(ended)
		tick := time.NewTicker(atWorkEvery)
		defer tick.Stop()
		for begun := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				c.log.Info("still "+what, "for", time.Since(begun).Round(time.Second))
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
	}
}

func (c *Collector) place() place { return c.cfg.place() }

func newLeases(st store.Store, clock func() time.Time) (*lease.Leases, error) {
	owner, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make collector id: %w", err)
	}
	l := lease.New(st, owner.String(), clock)
	l.Guard(func(ctx context.Context, r store.Reader) error { return upgrade.Check(ctx, r, upgrade.Steps()) })
	return l, nil
}

func (c *Collector) upgradeOptions(fresh bool) upgrade.Options {
	return upgrade.Options{Store: c.store, Leases: c.leases, Steps: upgrade.Steps(), Fresh: fresh, Release: build.Version(), Clock: c.opt.Now,
		Doing: func(number int, title string, done int) {
			c.log.Info("upgrading store", "number", number, "step", title, "done", done)
		},
		Done: func(number int, title string, took time.Duration) {
			if !fresh {
				c.log.Info("upgraded store", "number", number, "step", title, "took", took)
			}
		}}
}

// backupBefore keeps the store as it was in data_dir/backups.
func backupBefore(ctx context.Context, cfg *Config, from place, have, want int, now time.Time) (string, error) {
	dir := filepath.Join(cfg.DataDir, "backups")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	to := filepath.Join(dir, fmt.Sprintf("before-upgrade-%d-to-%d-%s.db", have, want, now.UTC().Format("20060102T150405.000")))
	_, err := backupTo(ctx, from, to, now, nil)
	return to, err
}

// backupTo writes a store into a file, while it is used. A backup is a SQLite database whatever the engine.
func backupTo(ctx context.Context, from place, to string, now time.Time, progress func(archive.Done)) (info sqlite.Info, err error) {
	if from.path != "" {
		if err := sqlite.Backup(ctx, from.path, to); err != nil {
			return info, err
		}
		return sqlite.Inspect(ctx, to)
	}
	if _, err := os.Lstat(to); err == nil {
		return info, fmt.Errorf("%s is there already; a backup never replaces a file", to)
	}
	part := to + ".copy"
	if err := removeDatabase(part); err != nil {
		return info, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(part))
		}
	}()
	if _, err := copyStore(ctx, from, place{path: part}, archive.Options{Online: true, Now: now, Progress: progress}); err != nil {
		return info, err
	}
	if err := sqlite.Backup(ctx, part, to); err != nil { // compact, and in one file
		return info, err
	}
	if err := removeDatabase(part); err != nil {
		return info, err
	}
	return sqlite.Inspect(ctx, to)
}

func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// copyStore opens both and copies.
func copyStore(ctx context.Context, from, to place, o archive.Options) (report archive.Report, err error) {
	log := slog.New(slog.DiscardHandler)
	source, err := openStore(ctx, from, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := archive.CheckWhole(ctx, source); err != nil {
		return report, fmt.Errorf("%s: %w", from, err)
	}
	target, err := openStore(ctx, to, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	for _, st := range []store.Store{source, target} {
		if err := upgrade.Check(ctx, st, upgrade.Steps()); err != nil {
			return report, err
		}
	}
	o.From, o.To, o.Tables, o.Identity, o.Source = source, target, copyOrder(), identity(), from.String()
	return archive.Copy(ctx, o)
}
