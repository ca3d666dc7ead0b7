package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/upgrade"
	"maestro.internal/internal/build"
)

// Operator does what an administrator asks of the store from the command line, beside or instead of a running collector.
type Operator struct {
	Config Config
	// Out is told what was done, in lines for people.
	Out io.Writer
	Now func() time.Time
}

func (o *Operator) say(format string, args ...any) {
	fmt.Fprintf(o.Out, format+"\n", args...) // nobody is left to tell when this fails
}

func (o *Operator) progress(d archive.Done) {
	line := fmt.Sprintf("  %s: %d rows, %d written", d.Name(), d.Rows, d.Written)
	if d.Deleted > 0 {
		line += fmt.Sprintf(", %d deleted", d.Deleted)
	}
	if d.Rows > 0 || d.Deleted > 0 {
		o.say("%s", line)
	}
}

const uploadsRestored = "The contents of uploaded pictures and files are not part of a backup: restore %s too. Those that are missing are named where they are used."

// sayOutside says something of uploads whose contents are not in the store.
func (o *Operator) sayOutside(format string) {
	if where := o.Config.outside(); where != "" {
		o.say(format, where)
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// Backup writes the configured store into a file; the collector may go on meanwhile.
func (o *Operator) Backup(ctx context.Context, to string) error {
	from := o.Config.place()
	info, err := backupTo(ctx, from, to, o.Now(), o.progress)
	if err != nil {
		return err
	}
	o.say("Backed up %s to %s (%s).", from, to, mebibytes(info.Bytes))
	o.say("The master key %s is not in it, so that the file alone opens nothing. Keep a copy of the key somewhere else: without it a restored store is of no use.", o.Config.keyFile())
	o.sayOutside("The contents of uploaded pictures and files are not in it either: back up %s too.")
	return nil
}

// Restore puts a backup in place of the configured store. No collector may run on it.
func (o *Operator) Restore(ctx context.Context, file string, overwrite bool) (err error) {
	if _, err := sqlite.Inspect(ctx, file); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Config.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	work := filepath.Join(o.Config.DataDir, "restore.db")
	if err := removeDatabase(work); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeDatabase(work)) }()
	if err := sqlite.Backup(ctx, file, work); err != nil {
		return err
	}
	if err := o.checkRestored(ctx, work); err != nil {
		return err
	}
	to := o.Config.place()
	if to.path == "" {
		report, err := copyStore(ctx, place{path: work}, to, archive.Options{Overwrite: overwrite, Now: o.Now(), Progress: o.progress})
		if err != nil {
			return err
		}
		o.say("Restored %d rows from %s to %s; counts and digests of every table are equal.", report.Rows, file, to)
		o.sayOutside(uploadsRestored)
		return nil
	}
	if err := sqlite.Alone(ctx, work); err != nil {
		return err
	}
	if _, err := os.Stat(to.path); err == nil {
		if err := sqlite.Alone(ctx, to.path); err != nil {
			return err
		}
		aside := to.path + ".replaced-" + o.Now().UTC().Format("20060102T150405.000")
		if err := os.Rename(to.path, aside); err != nil {
			return fmt.Errorf("put the present store aside: %w", err)
		}
		o.say("The store that was there is now %s.", aside)
	}
	if err := os.Rename(work, to.path); err != nil {
		return fmt.Errorf("put the backup in place: %w", err)
	}
	o.say("Restored %s to %s. Agents that know more than it does send it again.", file, to)
	o.sayOutside(uploadsRestored)
	return nil
}

// checkRestored refuses a backup that this collector could not work with.
func (o *Operator) checkRestored(ctx context.Context, path string) (err error) {
	st, err := openStore(ctx, place{path: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	fresh, err := isFresh(ctx, st)
	switch {
	case err != nil:
		return err
	case fresh:
		return errors.New("the backup holds no installation")
	}
	if err := errors.Join(archive.CheckWhole(ctx, st), upgrade.Check(ctx, st, upgrade.Steps())); err != nil {
		return err
	}
	key, err := authority.LoadKey(o.Config.keyFile(), false)
	if err != nil {
		return fmt.Errorf("a backup holds no master key; put the installation's where the configuration says: %w", err)
	}
	_, err = authority.Open(ctx, st, key, o.Now)
	return err
}

// Migrate moves an installation from one store to another. Stopped, it goes on when it is run again.
func (o *Operator) Migrate(ctx context.Context, from, to string, overwrite bool) error {
	source, err := o.Config.parsePlace(from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	target, err := o.Config.parsePlace(to)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if source == target {
		return errors.New("--from and --to are the same store")
	}
	if source.path != "" {
		if _, err := os.Stat(source.path); err != nil { // opening would make it
			return fmt.Errorf("--from: %w", err)
		}
		if err := sqlite.Alone(ctx, source.path); err != nil {
			return err
		}
	}
	o.say("Copying %s to %s.", source, target)
	report, err := copyStore(ctx, source, target, archive.Options{Overwrite: overwrite, Now: o.Now(), Progress: o.progress})
	if err != nil {
		return err
	}
	o.say("Copied %d rows; counts and digests of every table are equal on both sides.", report.Rows)
	o.sayOutside("The contents of uploaded pictures and files stay where they are, in %s.")
	o.say("Now set store in the configuration, keep the master key %s, and start the collector.", o.Config.keyFile())
	return nil
}

// present is where the configured store is; opening one that is not there would make it.
func (o *Operator) present() (place, error) {
	at := o.Config.place()
	if at.path != "" {
		if _, err := os.Stat(at.path); err != nil {
			return at, fmt.Errorf("open store: %w", err)
		}
	}
	return at, nil
}

// Upgrade does what the collector does by itself when it starts; rehearsed, it does it to a copy.
func (o *Operator) Upgrade(ctx context.Context, rehearse bool) error {
	at, err := o.present()
	if err != nil {
		return err
	}
	if !rehearse {
		return o.upgrade(ctx, at, true)
	}
	copied := filepath.Join(o.Config.DataDir, "rehearsal.db")
	if err := removeDatabase(copied); err != nil {
		return err
	}
	begun := o.Now()
	info, err := backupTo(ctx, at, copied, o.Now(), nil)
	if err != nil {
		return err
	}
	o.say("Copied %s (%s) in %s.", at, mebibytes(info.Bytes), o.Now().Sub(begun).Round(time.Millisecond))
	err = o.upgrade(ctx, place{path: copied}, false)
	if err == nil {
		_, err = sqlite.Inspect(ctx, copied)
	}
	if err == nil {
		o.say("The rehearsal went well; the store itself was not touched.")
	}
	return errors.Join(err, removeDatabase(copied))
}

func (o *Operator) upgrade(ctx context.Context, at place, keep bool) (err error) {
	begun := o.Now()
	st, err := openStore(ctx, at, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := archive.CheckWhole(ctx, st); err != nil {
		return err
	}
	o.say("Tables and indexes are in line after %s.", o.Now().Sub(begun).Round(time.Millisecond))
	have, missing, err := upgrade.Missing(ctx, st, upgrade.Steps())
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		o.say("The store has number %d; nothing is to be done.", have)
		return nil
	}
	if keep {
		to, err := backupBefore(ctx, &o.Config, at, have, len(upgrade.Steps()), o.Now())
		if err != nil {
			return fmt.Errorf("back up before upgrade: %w", err)
		}
		o.say("Backed up to %s.", to)
	}
	return o.runUpgrade(ctx, st)
}

func (o *Operator) runUpgrade(ctx context.Context, st store.Store) error {
	leases, err := newLeases(st, o.Now)
	if err != nil {
		return err
	}
	return upgrade.Run(ctx, upgrade.Options{Store: st, Leases: leases, Steps: upgrade.Steps(), Release: build.Version(), Clock: o.Now,
		Doing: func(number int, title string, done int) { o.say("Number %d: %s: %d done.", number, title, done) },
		Done: func(number int, title string, took time.Duration) {
			o.say("Number %d: %s (%s).", number, title, took.Round(time.Millisecond))
		}})
}
