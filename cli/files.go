package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
)

func filesPath(conn rest.Connection) string {
	return "/connections/" + url.PathEscape(conn.ID) + "/files"
}

func (a *app) connectionFiles() *cobra.Command {
	return &cobra.Command{
		Use: "files CONNECTION", Short: "List the files that were uploaded to a connection", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return printList(a, cmd, c, filesPath(conn), listFlags{}, []string{"name", "bytes", "sha256", "uploaded", "by"}, func(f rest.ConnectionFile, now time.Time) []string {
				size := fmt.Sprint(f.SizeBytes)
				if f.Lost {
					size = "lost" // the same upload again mends it
				}
				return []string{f.Name, size, f.SHA256[:min(12, len(f.SHA256))], output.Ago(f.UploadedAt, now), f.UploadedBy}
			})
		}),
	}
}

// uploadResult is what an upload did.
type uploadResult struct {
	Uploaded  int `json:"uploaded"`
	Unchanged int `json:"unchanged"`
	Deleted   int `json:"deleted"`
	// Refused are files that the plugin does not read. What was there under their names is still there.
	Refused []rest.RefusedFile `json:"refused,omitempty"`
}

func (a *app) connectionUpload() *cobra.Command {
	var recursive, prune bool
	cmd := &cobra.Command{
		Use: "upload CONNECTION PATH...", Short: "Upload files for a connection's plugin to read",
		Long: "Upload files, or the files of folders, for a connection's plugin to read. A file is known by its name without its folder;\n" +
			"one of the same name is replaced, and one of the same content is left as it is. Hidden files of folders are left out.",
		Example: "  maestro connections upload facts out/ --prune", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := filesAt(args[1:], recursive)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			done, err := a.upload(cmd.Context(), c, conn, paths, prune)
			if err != nil {
				return err
			}
			err = a.print(done, func() output.Table {
				t := output.Table{Note: fmt.Sprintf("%d uploaded, %d unchanged, %d deleted.", done.Uploaded, done.Unchanged, done.Deleted)}
				for _, f := range done.Refused {
					t.Note += "\nRefused: " + f.Problem
				}
				return t
			})
			if n := len(done.Refused); err == nil && n > 0 {
				err = fmt.Errorf("files that were refused: %d", n)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "folders in folders too")
	cmd.Flags().BoolVar(&prune, "prune", false, "delete what the connection has and the paths do not")
	return cmd
}

// filesAt finds what is to be uploaded, by name.
func filesAt(args []string, recursive bool) (map[string]string, error) {
	out := map[string]string{}
	add := func(path string) error {
		name := filepath.Base(path)
		if err := upload.CheckName(name); err != nil {
			return usageError{fmt.Errorf("%s: %w", path, err)}
		}
		if other, ok := out[name]; ok && other != path {
			return usageError{fmt.Errorf("%s and %s would be one file", other, path)}
		}
		out[name] = path
		return nil
	}
	for _, arg := range args {
		arg = filepath.Clean(arg)
		err := filepath.WalkDir(arg, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			hidden := path != arg && e.Name()[0] == '.'
			switch info, err := os.Stat(path); {
			case err != nil:
				return err
			case e.IsDir() && path != arg && (hidden || !recursive):
				return filepath.SkipDir
			case hidden || !info.Mode().IsRegular():
				return nil
			}
			return add(path)
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usageError{fmt.Errorf("find files: %w", err)}
		}
		if err != nil {
			return nil, fmt.Errorf("find files: %w", err)
		}
	}
	return out, nil
}

func (a *app) upload(ctx context.Context, c *client.Client, conn rest.Connection, paths map[string]string, prune bool) (done uploadResult, err error) {
	there, err := client.All[rest.ConnectionFile](ctx, c, filesPath(conn), nil, 0)
	if err != nil {
		return done, err
	}
	sums := map[string]string{}
	for _, f := range there.Items {
		if sums[f.Name] = f.SHA256; f.Lost {
			sums[f.Name] = "" // equal to none
		}
	}
	batch := archive{to: filesPath(conn), client: c}
	bar := a.progress()
	defer bar.Done("")
	for i, name := range slices.Sorted(maps.Keys(paths)) {
		bar.Set(fmt.Sprintf("%d of %d: %s", i+1, len(paths), name), i, len(paths))
		content, err := readFile(paths[name])
		if err != nil {
			return done, err
		}
		sum := sha256.Sum256(content)
		if sums[name] == hex.EncodeToString(sum[:]) {
			done.Unchanged++
			continue
		}
		if err := batch.add(ctx, name, content); err != nil {
			return done, fmt.Errorf("upload %s: %w", paths[name], err)
		}
		done.Uploaded++
	}
	if err := batch.send(ctx); err != nil {
		return done, fmt.Errorf("upload: %w", err)
	}
	done.Refused = batch.refused
	done.Uploaded -= len(done.Refused)
	for name := range sums {
		if _, ok := paths[name]; ok || !prune {
			continue
		}
		err := c.Do(ctx, client.Request{Method: http.MethodDelete, Path: filesPath(conn) + "/" + url.PathEscape(name)}, nil)
		if err != nil && !client.IsStatus(err, http.StatusNotFound) {
			return done, fmt.Errorf("delete %s: %w", name, err)
		}
		done.Deleted++
	}
	return done, nil
}

// archive sends many small files with one request; each alone would cost more than its bytes.
type archive struct {
	to     string
	client *client.Client

	text    bytes.Buffer
	out     *tar.Writer
	files   int
	refused []rest.RefusedFile
}

// head is more than what the archive adds to a file.
const head = 4096

func (b *archive) add(ctx context.Context, name string, content []byte) error {
	if len(content)+2*head > upload.MaxBatch {
		err := b.client.Do(ctx, client.Request{Method: http.MethodPut, Path: b.to + "/" + url.PathEscape(name), Raw: content}, nil)
		if client.IsStatus(err, http.StatusUnprocessableEntity) {
			b.refused, err = append(b.refused, rest.RefusedFile{Name: name, Problem: err.Error()}), nil
		}
		return err
	}
	if b.files == upload.MaxBatchFiles || b.text.Len()+len(content)+2*head > upload.MaxBatch {
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	if b.out == nil {
		b.out = tar.NewWriter(&b.text)
	}
	b.files++
	if err := b.out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600}); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if _, err := b.out.Write(content); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return b.out.Flush()
}

func (b *archive) send(ctx context.Context) error {
	if b.files == 0 {
		return nil
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	var did rest.ConnectionUpload
	err := b.client.Do(ctx, client.Request{Method: http.MethodPost, Path: b.to, Raw: b.text.Bytes(), RawType: "application/x-tar"}, &did)
	b.refused = append(b.refused, did.Refused...)
	b.text.Reset()
	b.out, b.files = nil, 0
	return err
}

// readFile reads a file unless it is too large to be taken.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > upload.MaxFile {
		err = errors.New("it is larger than the " + fmt.Sprint(upload.MaxFile>>20) + " MiB that a file may have")
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}
