package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Disk keeps contents as files below one folder, which it cannot leave.
type Disk struct{ root *os.Root }

// NewDisk makes the folder where it is missing. Whoever makes a Disk closes it.
func NewDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open folder of uploads: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of uploads: %w", err)
	}
	return &Disk{root}, nil
}

// Close releases the folder.
func (d *Disk) Close() error { return d.root.Close() }

// Put writes them one by one, until ctx is over.
func (d *Disk) Put(ctx context.Context, tenant string, contents ...Content) error {
	if err := check(contents); err != nil {
		return err
	}
	for _, c := range contents {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("write upload: %w", err)
		}
		if err := d.put(filePath(tenant, c.ID), c.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// put writes beside and renames, so that a crash leaves no half file under the name.
func (d *Disk) put(name string, content []byte) error {
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write upload: %w", err)
	}
	extra, err := NewID()
	if err != nil {
		return err
	}
	tmp := name + "." + extra
	err = d.write(tmp, content)
	if err == nil {
		err = d.root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write upload: %w", err), d.remove(tmp))
	}
	return nil
}

func (d *Disk) write(name string, content []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Get reads one.
func (d *Disk) Get(_ context.Context, tenant, id string) ([]byte, error) {
	if CheckID(id) != nil {
		return nil, ErrNotFound
	}
	f, err := d.root.Open(filePath(tenant, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return readAll(f)
}

// Delete removes them one by one.
func (d *Disk) Delete(_ context.Context, tenant string, ids ...string) error {
	var errs []error
	for _, id := range ids {
		if CheckID(id) == nil { // else nothing was ever kept under it
			errs = append(errs, d.remove(filePath(tenant, id)))
		}
	}
	return errors.Join(errs...)
}

func (d *Disk) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete upload: %w", err)
	}
	return nil
}

// filePath spreads files over 256 folders for each tenant.
func filePath(tenant, id string) string { return path.Join(folder(tenant), id[:2], id) }

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxContent+1))
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	if len(b) > MaxContent {
		return nil, fmt.Errorf("read upload: %w", ErrTooLarge)
	}
	return b, nil
}
