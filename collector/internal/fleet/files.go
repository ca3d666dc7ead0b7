package fleet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

// The files of a connection are what people upload for its plugin to read. A file is a row that names its content; the
// content is rows of its own that are never changed, under an id that is never used twice. A new content is written first,
// then the file's row, then the old content goes: whoever reads sees the one or the other, and a crash leaves rows that
// nothing names, which the sweeper removes.

const (
	tFiles  = "connection_files"
	tChunks = "connection_chunks"
)

// chunkGrace is how old a chunk that nothing names must be to be removed: its file may be about to be written.
const chunkGrace = time.Hour

type fileDoc struct {
	Connection string     `json:"connection"`
	Name       string     `json:"name"`
	Size       int64      `json:"size"`
	SHA256     string     `json:"sha256"`
	Content    string     `json:"content"`
	UploadedAt store.Time `json:"uploaded_at"`
	UploadedBy string     `json:"uploaded_by"`
}

// chunkDoc goes with up to upload.Chunk bytes in the row's blob.
type chunkDoc struct {
	File      string     `json:"file"`
	Content   string     `json:"content"`
	WrittenAt store.Time `json:"written_at"`
}

// TooLargeError says which limit a file breaks.
type TooLargeError struct{ Problem string }

func (e *TooLargeError) Error() string { return e.Problem }

func fileID(tenant, connection, name string) string { return store.Key(tenant, connection, name) }

func chunkID(tenant, content string, i int64) string {
	return store.Key(tenant, content, strconv.FormatInt(i, 10))
}

func chunksOf(size int64) int64 { return (size + upload.Chunk - 1) / upload.Chunk }

func fileView(d fileDoc) rest.ConnectionFile {
	return rest.ConnectionFile{Name: d.Name, SizeBytes: d.Size, SHA256: d.SHA256, UploadedAt: d.UploadedAt.Time, UploadedBy: d.UploadedBy}
}

func filesOf(ctx context.Context, r store.Reader, tenant, connection string) ([]object[fileDoc], error) {
	list, err := all[fileDoc](ctx, r, tFiles, tenant, eq(text("connection"), connection))
	slices.SortFunc(list, func(a, b object[fileDoc]) int { return cmp.Compare(a.doc.Name, b.doc.Name) })
	return list, err
}

// Files are those of a connection that the caller may know of.
func (s *Service) Files(ctx context.Context, c inventory.Caller, connection string) ([]rest.ConnectionFile, error) {
	if _, err := s.connection(ctx, c, connection); err != nil {
		return nil, err
	}
	list, err := filesOf(ctx, s.opt.Store, c.Tenant, connection)
	out := make([]rest.ConnectionFile, len(list))
	for i, o := range list {
		out[i] = fileView(o.doc)
	}
	return out, err
}

// NewFile is a file to be kept.
type NewFile struct {
	Name    string
	Content []byte
}

// kept is a file that Upload was given, as it is now.
type kept struct {
	object[fileDoc]
	same bool // as before; nothing was written
}

// Upload keeps a file, in place of one of the same name. The same content again writes nothing.
func (s *Service) Upload(ctx context.Context, c inventory.Caller, connection, name string, content []byte) (rest.ConnectionFile, error) {
	conn, list, err := s.keep(ctx, c, connection, []NewFile{{name, content}})
	if err != nil {
		return rest.ConnectionFile{}, err
	}
	f := list[0]
	if f.same {
		return fileView(f.doc), nil
	}
	return fileView(f.doc), s.audit(ctx, c, "connection.upload", connectionRef(conn), "", uploaded(f))
}

// UploadMany is Upload of many files at once, with one entry in the audit trail. On an engine without transactions those
// before the one that fails are kept: each is whole, and the same again writes nothing.
func (s *Service) UploadMany(ctx context.Context, c inventory.Caller, connection string, files []NewFile) (rest.ConnectionUpload, error) {
	if len(files) > upload.MaxBatchFiles {
		return rest.ConnectionUpload{}, &TooLargeError{fmt.Sprintf("an archive has at most %d files", upload.MaxBatchFiles)}
	}
	names := map[string]bool{}
	for _, f := range files {
		if names[f.Name] {
			return rest.ConnectionUpload{}, &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("the archive has %q twice", f.Name)}
		}
		names[f.Name] = true
	}
	conn, list, err := s.keep(ctx, c, connection, files)
	if err != nil {
		return rest.ConnectionUpload{}, err
	}
	var done rest.ConnectionUpload
	var detail []map[string]any
	for _, f := range list {
		if f.same {
			done.Unchanged++
			continue
		}
		done.Uploaded++
		detail = append(detail, uploaded(f))
	}
	if done.Uploaded == 0 {
		return done, nil
	}
	return done, s.audit(ctx, c, "connection.upload", connectionRef(conn), "", map[string]any{"files": detail})
}

func uploaded(f kept) map[string]any {
	return map[string]any{"name": f.doc.Name, "size_bytes": f.doc.Size, "sha256": f.doc.SHA256}
}

func (s *Service) keep(ctx context.Context, c inventory.Caller, connection string, files []NewFile) (conn object[connectionDoc], out []kept, err error) {
	if conn, err = s.connection(ctx, c, connection); err != nil {
		return conn, nil, err
	}
	if err := s.takesFiles(ctx, c, conn); err != nil {
		return conn, nil, err
	}
	next := make([]object[fileDoc], len(files))
	for i, f := range files {
		if err := upload.CheckName(f.Name); err != nil {
			return conn, nil, &inventory.InvalidError{Pointer: "/name", Problem: err.Error()}
		}
		if len(f.Content) > upload.MaxFile {
			return conn, nil, &TooLargeError{fmt.Sprintf("a file has at most %d MiB", upload.MaxFile>>20)}
		}
		sum := sha256.Sum256(f.Content)
		next[i] = object[fileDoc]{id: fileID(c.Tenant, connection, f.Name), tenant: c.Tenant, doc: fileDoc{Connection: connection, Name: f.Name,
			Size: int64(len(f.Content)), SHA256: hex.EncodeToString(sum[:]), UploadedAt: store.At(s.now()), UploadedBy: c.Name}}
		if next[i].doc.Content, err = newID(); err != nil {
			return conn, nil, err
		}
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		before, err := s.room(ctx, tx, c.Tenant, connection, next)
		if err != nil {
			return err
		}
		out = make([]kept, len(next))
		for i, n := range next {
			old := before[n.id]
			if out[i].same = old.id != "" && old.doc.SHA256 == n.doc.SHA256; out[i].same {
				out[i].object = old
				continue
			}
			n.version = old.version + 1
			if err := s.replace(ctx, tx, old, n, files[i].Content); err != nil {
				return err
			}
			out[i].object = n
		}
		return nil
	})
	return conn, out, err
}

// takesFiles says whether the connection may have files at all.
func (s *Service) takesFiles(ctx context.Context, c inventory.Caller, conn object[connectionDoc]) error {
	d, err := s.describe(ctx, c, conn.doc.Provider, conn.doc.Agent)
	if err != nil {
		return err
	}
	if !d.Files {
		return &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("the plugin %s %s does not read uploaded files", d.Provider, d.Version)}
	}
	return nil
}

// room answers the files that next replaces, by id, and refuses next where the connection is gone or full.
func (s *Service) room(ctx context.Context, tx store.Tx, tenant, connection string, next []object[fileDoc]) (before map[string]object[fileDoc], err error) {
	conn, err := load[connectionDoc](ctx, tx, tConnections, tenant, connection)
	if err != nil {
		return nil, err
	}
	if !conn.doc.DeletedAt.IsZero() {
		return nil, store.ErrNotFound
	}
	list, err := filesOf(ctx, tx, tenant, connection)
	if err != nil {
		return nil, err
	}
	files, size := len(next), int64(0)
	before = map[string]object[fileDoc]{}
	for _, n := range next {
		before[n.id] = object[fileDoc]{}
		size += n.doc.Size
	}
	for _, o := range list {
		if _, ok := before[o.id]; ok {
			before[o.id] = o
			continue
		}
		files++
		size += o.doc.Size
	}
	if err := upload.CheckTotal(files, size); err != nil {
		return nil, &TooLargeError{err.Error()}
	}
	return before, nil
}

func (s *Service) replace(ctx context.Context, tx store.Tx, before, next object[fileDoc], content []byte) error {
	for i := range chunksOf(next.doc.Size) {
		row, err := object[chunkDoc]{id: chunkID(next.tenant, next.doc.Content, i), tenant: next.tenant, version: 1,
			doc: chunkDoc{File: next.id, Content: next.doc.Content, WrittenAt: next.doc.UploadedAt}}.row()
		if err != nil {
			return err
		}
		row.Blob = content[i*upload.Chunk : min((i+1)*upload.Chunk, next.doc.Size)]
		if _, err := tx.Write(ctx, store.Write{Table: tChunks, Op: store.Put, Row: row}); err != nil {
			return fmt.Errorf("write %s: %w", tChunks, err)
		}
	}
	row, err := next.row()
	if err != nil {
		return err
	}
	op := store.Replace
	if before.id == "" {
		op = store.Insert
	}
	conflicts, err := tx.Write(ctx, store.Write{Table: tFiles, Op: op, Row: row})
	if err != nil {
		return fmt.Errorf("write %s: %w", tFiles, err)
	}
	if len(conflicts) > 0 {
		return &inventory.ConflictError{ResourceID: next.doc.Connection, Problem: "somebody else uploads a file of this name; try again"}
	}
	return dropContent(ctx, tx, before)
}

func dropContent(ctx context.Context, tx store.Tx, o object[fileDoc]) error {
	for i := range chunksOf(o.doc.Size) {
		if err := drop(ctx, tx, tChunks, o.tenant, chunkID(o.tenant, o.doc.Content, i)); err != nil {
			return err
		}
	}
	return nil
}

func drop(ctx context.Context, tx store.Tx, table, tenant, id string) error {
	if _, err := tx.Write(ctx, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}}); err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	return nil
}

// dropFile removes the row first, so that nobody is sent to a content that goes.
func (s *Service) dropFile(ctx context.Context, o object[fileDoc]) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		if err := drop(ctx, tx, tFiles, o.tenant, o.id); err != nil {
			return err
		}
		return dropContent(ctx, tx, o)
	})
}

// DeleteFile removes one.
func (s *Service) DeleteFile(ctx context.Context, c inventory.Caller, connection, name string) error {
	conn, err := s.connection(ctx, c, connection)
	if err != nil {
		return err
	}
	o, err := load[fileDoc](ctx, s.opt.Store, tFiles, c.Tenant, fileID(c.Tenant, connection, name))
	if err != nil {
		return err
	}
	if err := s.dropFile(ctx, o); err != nil {
		return err
	}
	return s.audit(ctx, c, "connection.delete_file", connectionRef(conn), "", map[string]any{"name": name, "size_bytes": o.doc.Size, "sha256": o.doc.SHA256})
}

// dropFiles removes all files of a connection that was deleted.
func (s *Service) dropFiles(ctx context.Context, tenant, connection string) error {
	list, err := filesOf(ctx, s.opt.Store, tenant, connection)
	if err != nil {
		return err
	}
	for _, o := range list {
		if err := s.dropFile(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// File is one as an agent is told of it.
type File struct {
	Name, SHA256 string
	Size         int64

	content string
}

// FilesFor are the files of a connection for the agent that holds it; the caller has asked Holds.
func (s *Service) FilesFor(ctx context.Context, k Known, connection string) ([]File, error) {
	list, err := filesOf(ctx, s.opt.Store, k.Tenant, connection)
	out := make([]File, len(list))
	for i, o := range list {
		out[i] = File{Name: o.doc.Name, SHA256: o.doc.SHA256, Size: o.doc.Size, content: o.doc.Content}
	}
	return out, err
}

// ErrReplaced says that a file was replaced or deleted while it was read.
var ErrReplaced = errors.New("the file was replaced meanwhile")

// ReadFile hands the content of a file of FilesFor to fn, piece by piece.
func (s *Service) ReadFile(ctx context.Context, k Known, f File, fn func(offset int64, data []byte) error) error {
	for i := range chunksOf(f.Size) {
		id := chunkID(k.Tenant, f.content, i)
		rows, err := s.opt.Store.Get(ctx, tChunks, k.Tenant, "", []string{id})
		if err != nil {
			return fmt.Errorf("read %s: %w", tChunks, err)
		}
		row, ok := rows[id]
		if !ok {
			return ErrReplaced
		}
		if err := fn(i*upload.Chunk, row.Blob); err != nil {
			return err
		}
	}
	return nil
}

// sweepChunks removes contents that no file names: a crash on an engine without transactions leaves them.
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
	q := store.Query{Table: tChunks, AllTenants: true, Where: old}
	return store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		chunk, err := decode[chunkDoc](row)
		if err != nil {
			return err
		}
		file, err := load[fileDoc](ctx, s.opt.Store, tFiles, chunk.tenant, chunk.doc.File)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if file.doc.Content == chunk.doc.Content {
			return nil
		}
		return s.opt.Store.Update(ctx, func(tx store.Tx) error { return drop(ctx, tx, tChunks, chunk.tenant, chunk.id) })
	})
}
