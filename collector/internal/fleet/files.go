package fleet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/filetype"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

// The files of a connection are what people upload for its plugin to read. A file is a row that names its content; contents
// are never changed and have an id that is never used twice (contents.go). A new content is written first, then the file's
// row, then the old content goes: whoever reads sees the one or the other.

const tFiles = "connection_files"

type fileDoc struct {
	Connection string     `json:"connection"`
	Name       string     `json:"name"`
	Size       int64      `json:"size"`
	SHA256     string     `json:"sha256"`
	Content    string     `json:"content"`
	UploadedAt store.Time `json:"uploaded_at"`
	UploadedBy string     `json:"uploaded_by"`
	// Lost says that an agent asked for the content and it was not where contents are kept.
	Lost bool `json:"lost,omitempty"`
}

// TooLargeError says which limit a file breaks.
type TooLargeError struct{ Problem string }

func (e *TooLargeError) Error() string { return e.Problem }

func fileID(tenant, connection, name string) string { return store.Key(tenant, connection, name) }

func fileView(d fileDoc) rest.ConnectionFile {
	return rest.ConnectionFile{Name: d.Name, SizeBytes: d.Size, SHA256: d.SHA256, UploadedAt: d.UploadedAt.Time, UploadedBy: d.UploadedBy, Lost: d.Lost}
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

// replaces says whether next is anything new beside what is there.
func (d fileDoc) replaces(before object[fileDoc]) bool {
	return before.id == "" || before.doc.SHA256 != d.SHA256 || before.doc.Lost
}

// Upload keeps a file, in place of one of the same name. The same content again writes nothing.
func (s *Service) Upload(ctx context.Context, c inventory.Caller, connection, name string, content []byte) (rest.ConnectionFile, error) {
	conn, list, refused, err := s.keep(ctx, c, connection, []NewFile{{name, content}}, false)
	if err != nil {
		return rest.ConnectionFile{}, err
	}
	if len(refused) > 0 {
		return rest.ConnectionFile{}, &inventory.InvalidError{Problem: refused[0].Problem}
	}
	f := list[0]
	if f.same {
		return fileView(f.doc), nil
	}
	return fileView(f.doc), s.audit(ctx, c, "connection.upload", connectionRef(conn), "", uploaded(f))
}

// UploadMany is Upload of many files at once, with one entry in the audit trail. What the plugin does not read is said and left out, so
// that one half-written file keeps no other back. On an engine without transactions those
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
	conn, list, refused, err := s.keep(ctx, c, connection, files, true)
	if err != nil {
		return rest.ConnectionUpload{}, err
	}
	done := rest.ConnectionUpload{Refused: refused}
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

func (s *Service) keep(ctx context.Context, c inventory.Caller, connection string, files []NewFile, many bool) (conn object[connectionDoc], out []kept, refused []rest.RefusedFile, err error) {
	if conn, err = s.connection(ctx, c, connection); err != nil {
		return conn, nil, nil, err
	}
	if files, refused, err = s.takes(ctx, c, conn, files, many); err != nil || len(files) == 0 {
		return conn, nil, refused, err
	}
	next := make([]object[fileDoc], len(files))
	for i, f := range files {
		sum := sha256.Sum256(f.Content)
		next[i] = object[fileDoc]{id: fileID(c.Tenant, connection, f.Name), tenant: c.Tenant, doc: fileDoc{Connection: connection, Name: f.Name,
			Size: int64(len(f.Content)), SHA256: hex.EncodeToString(sum[:]), UploadedAt: store.At(s.now()), UploadedBy: c.Name}}
		if next[i].doc.Content, err = newID(); err != nil {
			return conn, nil, nil, err
		}
	}
	before, err := s.room(ctx, s.opt.Store, c.Tenant, connection, next)
	if err != nil {
		return conn, nil, nil, err
	}
	fresh := map[string][]byte{} // by the file's id
	for i, n := range next {
		if n.doc.replaces(before[n.id]) {
			fresh[n.id] = files[i].Content
		}
	}
	if err := s.keepContents(ctx, next, fresh); err != nil {
		return conn, nil, nil, err
	}
	out, unnamed, err := s.name(ctx, c.Tenant, connection, next, fresh)
	s.discard(ctx, c.Tenant, unnamed)
	return conn, out, refused, err
}

// name writes the rows of files whose contents are kept. Unnamed are those whose contents nothing names then.
func (s *Service) name(ctx context.Context, tenant, connection string, next []object[fileDoc], fresh map[string][]byte) (out []kept, unnamed []object[fileDoc], err error) {
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		before, err := s.room(ctx, tx, tenant, connection, next)
		if err != nil {
			return err
		}
		out = make([]kept, len(next))
		for i, n := range next {
			_, isKept := fresh[n.id]
			old := before[n.id]
			switch replaces := n.doc.replaces(old); {
			case replaces && !isKept:
				return errUploading(n)
			case !replaces:
				out[i] = kept{old, true}
				if isKept {
					unnamed = append(unnamed, n)
				}
				continue
			}
			n.version = old.version + 1
			if err := writeFile(ctx, tx, old, n); err != nil {
				return err
			}
			out[i] = kept{n, false}
			if old.id != "" {
				unnamed = append(unnamed, old)
			}
		}
		return nil
	})
	if err == nil {
		return out, unnamed, nil
	}
	// What was written is named only where the engine kept a part of it; the sweeper tells.
	return nil, nil, err
}

func errUploading(o object[fileDoc]) error {
	return &inventory.ConflictError{ResourceID: o.doc.Connection, Problem: "somebody else uploads a file of this name; try again"}
}

// takes tells the files that the connection's plugin reads from those that it does not.
func (s *Service) takes(ctx context.Context, c inventory.Caller, conn object[connectionDoc], files []NewFile, many bool) (taken []NewFile, refused []rest.RefusedFile, err error) {
	d, err := s.describe(ctx, c, conn.doc.Provider, conn.doc.Agent)
	if err != nil {
		return nil, nil, err
	}
	if !d.Files {
		return nil, nil, &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("the plugin %s %s does not read uploaded files", d.Provider, d.Version)}
	}
	for _, f := range files {
		if len(f.Content) > upload.MaxFile {
			return nil, nil, &TooLargeError{fmt.Sprintf("a file has at most %d MiB", upload.MaxFile>>20)}
		}
		if err := upload.CheckName(f.Name); err != nil {
			return nil, nil, &inventory.InvalidError{Pointer: "/name", Problem: err.Error()}
		}
		err := filetype.Check(d.FileTypes, f.Name, f.Content)
		if err == nil && many && len(d.FileTypes) == 0 && filetype.Packed(f.Content) {
			err = fmt.Errorf("%q is %s within an archive: send the files that are in it", f.Name, filetype.Known(f.Content))
		}
		if err != nil {
			refused = append(refused, rest.RefusedFile{Name: f.Name, Problem: err.Error()})
			continue
		}
		taken = append(taken, f)
	}
	return taken, refused, nil
}

// room answers the files that next replaces, by id, and refuses next where the connection is gone or full.
func (s *Service) room(ctx context.Context, r store.Reader, tenant, connection string, next []object[fileDoc]) (before map[string]object[fileDoc], err error) {
	conn, err := load[connectionDoc](ctx, r, tConnections, tenant, connection)
	if err != nil {
		return nil, err
	}
	if !conn.doc.DeletedAt.IsZero() {
		return nil, store.ErrNotFound
	}
	list, err := filesOf(ctx, r, tenant, connection)
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

func writeFile(ctx context.Context, tx store.Tx, before, next object[fileDoc]) error {
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
		return errUploading(next)
	}
	return nil
}

func drop(ctx context.Context, tx store.Tx, table, tenant, id string) error {
	if _, err := tx.Write(ctx, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}}); err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	return nil
}

// dropFiles removes rows first, so that nobody is sent to a content that goes.
func (s *Service) dropFiles(ctx context.Context, tenant string, list []object[fileDoc]) error {
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		for _, o := range list {
			if err := drop(ctx, tx, tFiles, tenant, o.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.discard(ctx, tenant, list)
	}
	return err
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
	if err := s.dropFiles(ctx, c.Tenant, []object[fileDoc]{o}); err != nil {
		return err
	}
	return s.audit(ctx, c, "connection.delete_file", connectionRef(conn), "", map[string]any{"name": name, "size_bytes": o.doc.Size, "sha256": o.doc.SHA256})
}

// dropFilesOf removes all files of a connection that was deleted.
func (s *Service) dropFilesOf(ctx context.Context, tenant, connection string) error {
	list, err := filesOf(ctx, s.opt.Store, tenant, connection)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.dropFiles(ctx, tenant, list)
}

// File is one as an agent is told of it.
type File struct {
	Name, SHA256 string
	Size         int64

	row object[fileDoc]
}

// FilesFor are the files of a connection for the agent that holds it; the caller has asked Holds.
func (s *Service) FilesFor(ctx context.Context, k Known, connection string) ([]File, error) {
	list, err := filesOf(ctx, s.opt.Store, k.Tenant, connection)
	out := make([]File, len(list))
	for i, o := range list {
		out[i] = File{Name: o.doc.Name, SHA256: o.doc.SHA256, Size: o.doc.Size, row: o}
	}
	return out, err
}
