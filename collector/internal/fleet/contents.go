package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/upload"
)

// The content of a file lies in chunks where uploads are kept. A chunk is announced by a row before it is kept there, and the row goes after
// it: what a crash leaves is announced, and the sweeper removes what no file names. Releases before kept the bytes in
// the row itself; these are read where they are, and moved by and by.

const tChunks = "connection_chunks"

// chunkGrace is how old a chunk that nothing names must be to be removed: its file may be about to be written.
const chunkGrace = time.Hour

// chunkDoc announces up to upload.Chunk bytes of a content.
type chunkDoc struct {
	File      string     `json:"file"`
	Content   string     `json:"content"`
	WrittenAt store.Time `json:"written_at"`
	// Kept is the id under which uploads are asked for the bytes; "" where the row itself has them.
	Kept string `json:"kept,omitempty"`
	// Moving says that the row still has the bytes, while they are being moved to Kept.
	Moving bool `json:"moving,omitempty"`
}

func (d chunkDoc) inRow() bool { return d.Kept == "" || d.Moving }

func chunkID(tenant, content string, i int64) string {
	return store.Key(tenant, content, strconv.FormatInt(i, 10))
}

func chunksOf(size int64) int64 { return (size + upload.Chunk - 1) / upload.Chunk }

func (o object[T]) op(table string, op store.Op, content []byte) (store.Write, error) {
	row, err := o.row()
	row.Blob = content
	return store.Write{Table: table, Op: op, Row: row}, err
}

// keepContents announces and keeps the contents of those files that fresh has, by the file's id.
func (s *Service) keepContents(ctx context.Context, files []object[fileDoc], fresh map[string][]byte) error {
	var (
		ops    []store.Write
		chunks []blob.Content
		tenant string
	)
	for _, f := range files {
		content, ok := fresh[f.id]
		if !ok {
			continue
		}
		tenant = f.tenant
		for i := range chunksOf(f.doc.Size) {
			id, err := blob.NewID()
			if err != nil {
				return err
			}
			op, err := object[chunkDoc]{id: chunkID(tenant, f.doc.Content, i), tenant: tenant, version: 1,
				doc: chunkDoc{File: f.id, Content: f.doc.Content, WrittenAt: f.doc.UploadedAt, Kept: id}}.op(tChunks, store.Insert, nil)
			if err != nil {
				return err
			}
			ops = append(ops, op)
			chunks = append(chunks, blob.Content{ID: id, Bytes: content[i*upload.Chunk : min((i+1)*upload.Chunk, f.doc.Size)]})
		}
	}
	if len(ops) == 0 {
		return nil
	}
	if err := s.writeChunks(ctx, ops...); err != nil {
		return err
	}
	return s.opt.Contents.Put(ctx, tenant, chunks...)
}

func (s *Service) writeChunks(ctx context.Context, ops ...store.Write) error {
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, ops...)
		if err == nil && len(conflicts) > 0 {
			return errRaced
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", tChunks, err)
	}
	return nil
}

// discard removes the contents of files that no longer name them. What does not work now the sweeper does later.
func (s *Service) discard(ctx context.Context, tenant string, files []object[fileDoc]) {
	var ids []string
	for _, f := range files {
		for i := range chunksOf(f.doc.Size) {
			ids = append(ids, chunkID(tenant, f.doc.Content, i))
		}
	}
	for some := range slices.Chunk(ids, readAtOnce) {
		err := func() error {
			rows, err := s.opt.Store.Get(ctx, tChunks, tenant, "", some)
			if err != nil {
				return fmt.Errorf("read %s: %w", tChunks, err)
			}
			chunks := make([]object[chunkDoc], 0, len(rows))
			for _, row := range rows {
				chunk, err := decode[chunkDoc](row)
				if err != nil {
					return err
				}
				chunks = append(chunks, chunk)
			}
			return s.dropChunks(ctx, tenant, chunks)
		}()
		if err != nil {
			s.opt.Log.Warn("remove contents of files", "error", err)
			return
		}
	}
}

// readAtOnce is how many chunks' rows are asked for at a time.
const readAtOnce = 50

// dropChunks removes what is kept, and then what announces it.
func (s *Service) dropChunks(ctx context.Context, tenant string, chunks []object[chunkDoc]) error {
	if len(chunks) == 0 {
		return nil
	}
	var (
		ids []string
		ops []store.Write
	)
	for _, c := range chunks {
		if c.doc.Kept != "" {
			ids = append(ids, c.doc.Kept)
		}
		ops = append(ops, store.Write{Table: tChunks, Op: store.Delete, Row: store.Row{ID: c.id, Tenant: tenant}})
	}
	if err := s.opt.Contents.Delete(ctx, tenant, ids...); err != nil {
		return err
	}
	return s.writeChunks(ctx, ops...)
}

// ErrReplaced says that a file was replaced or deleted while it was read.
var ErrReplaced = errors.New("the file was replaced meanwhile")

// LostError says that the content of a file is not where contents are kept.
type LostError struct{ Name string }

func (e *LostError) Error() string {
	return fmt.Sprintf("the content of the uploaded file %q is lost: it is not where the collector keeps uploads; upload the file again", e.Name)
}

// ReadFile hands the content of a file of FilesFor to fn, piece by piece.
func (s *Service) ReadFile(ctx context.Context, k Known, f File, fn func(offset int64, data []byte) error) error {
	for i := range chunksOf(f.Size) {
		data, err := s.readChunk(ctx, k.Tenant, chunkID(k.Tenant, f.row.doc.Content, i))
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, blob.ErrNotFound) {
			return s.whyGone(ctx, k.Tenant, f.row)
		}
		if err != nil {
			return err
		}
		if err := fn(i*upload.Chunk, data); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) readChunk(ctx context.Context, tenant, id string) ([]byte, error) {
	rows, err := s.opt.Store.Get(ctx, tChunks, tenant, "", []string{id})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tChunks, err)
	}
	row, ok := rows[id]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", tChunks, store.ErrNotFound)
	}
	chunk, err := decode[chunkDoc](row)
	if err != nil {
		return nil, err
	}
	if chunk.doc.inRow() {
		return row.Blob, nil
	}
	return s.opt.Contents.Get(ctx, tenant, chunk.doc.Kept)
}

// whyGone tells a file that was replaced from one whose content is lost, which is noted for people to see.
func (s *Service) whyGone(ctx context.Context, tenant string, f object[fileDoc]) error {
	_, err := change(ctx, s, tFiles, tenant, f.id, func(o *object[fileDoc]) error {
		switch {
		case o.doc.Content != f.doc.Content:
			return ErrReplaced
		case o.doc.Lost:
			return errSame
		}
		o.doc.Lost = true
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrReplaced
	case err != nil:
		return err
	}
	return &LostError{Name: f.doc.Name}
}

// sweepChunks removes contents that no file names, which a crash leaves, and moves what former releases kept in rows.
func (s *Service) sweepChunks(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	due := now.Sub(s.swept) >= chunkGrace
	if due {
		s.swept = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	old := filter.Compare{Field: filter.Field{Path: []string{"written_at"}, Type: filter.Time}, Op: filter.Lt, Value: now.Add(-chunkGrace).UTC().Format(store.TimeLayout)}
	return store.EachPage(ctx, s.opt.Store, store.Query{Table: tChunks, AllTenants: true, Where: old}, func(rows []store.Row) error {
		byTenant := map[string][]object[chunkDoc]{}
		for _, row := range rows {
			chunk, err := decode[chunkDoc](row)
			if err != nil {
				return err
			}
			byTenant[chunk.tenant] = append(byTenant[chunk.tenant], chunk)
		}
		for tenant, chunks := range byTenant {
			for some := range slices.Chunk(chunks, readAtOnce) {
				if err := s.sweepSome(ctx, tenant, some); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Service) sweepSome(ctx context.Context, tenant string, chunks []object[chunkDoc]) error {
	var ids []string
	for _, c := range chunks {
		if !slices.Contains(ids, c.doc.File) {
			ids = append(ids, c.doc.File)
		}
	}
	files, err := s.opt.Store.Get(ctx, tFiles, tenant, "", ids)
	if err != nil {
		return fmt.Errorf("read %s: %w", tFiles, err)
	}
	var unnamed []object[chunkDoc]
	for _, c := range chunks {
		named := false
		if row, ok := files[c.doc.File]; ok {
			file, err := decode[fileDoc](row)
			if err != nil {
				return err
			}
			named = file.doc.Content == c.doc.Content
		}
		switch {
		case !named:
			unnamed = append(unnamed, c)
		case c.doc.inRow():
			if err := s.moveChunk(ctx, c); err != nil {
				return err
			}
		}
	}
	return s.dropChunks(ctx, tenant, unnamed)
}

// moveChunk brings the bytes of a row to where uploads are kept. The row says so first, so that what a crash leaves is announced; two
// collectors that move the same chunk move it to the same place.
func (s *Service) moveChunk(ctx context.Context, c object[chunkDoc]) error {
	rows, err := s.opt.Store.Get(ctx, tChunks, c.tenant, "", []string{c.id})
	if err != nil {
		return fmt.Errorf("read %s: %w", tChunks, err)
	}
	row, ok := rows[c.id]
	if !ok {
		return nil
	}
	if c, err = decode[chunkDoc](row); err != nil || !c.doc.inRow() {
		return err
	}
	if c.doc.Kept == "" {
		if c.doc.Kept, err = blob.NewID(); err != nil {
			return err
		}
		c.doc.Moving = true
		if moved, err := s.putChunk(ctx, &c, row.Blob); err != nil || !moved {
			return err
		}
	}
	if err := s.opt.Contents.Put(ctx, c.tenant, blob.Content{ID: c.doc.Kept, Bytes: row.Blob}); err != nil {
		return err
	}
	c.doc.Moving = false
	if moved, err := s.putChunk(ctx, &c, nil); err != nil || moved {
		return err
	}
	// Either another collector was faster, or the file went and with it the announcement.
	if _, err := load[chunkDoc](ctx, s.opt.Store, tChunks, c.tenant, c.id); errors.Is(err, store.ErrNotFound) {
		return s.opt.Contents.Delete(ctx, c.tenant, c.doc.Kept)
	}
	return nil
}

// putChunk replaces a chunk's row, and says whether nobody else did.
func (s *Service) putChunk(ctx context.Context, c *object[chunkDoc], content []byte) (done bool, err error) {
	c.version++
	op, err := c.op(tChunks, store.Replace, content)
	if err != nil {
		return false, err
	}
	err = s.writeChunks(ctx, op)
	if errors.Is(err, errRaced) {
		return false, nil
	}
	return err == nil, err
}
