package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/upload"
	"maestro.internal/test/moto"
)

// keeping is the same fleet, as a collector has it that keeps uploads elsewhere or dies.
func (w *world) keeping(st store.Store, contents blob.Store) *fleet.Service {
	clock := func() time.Time { return w.now }
	return fleet.New(fleet.Options{Store: st, Contents: contents, Inventory: w.inventory, Audit: audit.New(st, clock), Clock: clock, AgentAddress: func() string { return "maestro.example:7071" }})
}

// rows counts those of a table that have to do with files.
func (w *world) rows(table string) int {
	w.t.Helper()
	n, err := w.store.Count(w.t.Context(), store.Query{Table: table, AllTenants: true}, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) sweepLater() {
	w.t.Helper()
	w.now = w.now.Add(3 * time.Hour)
	if err := w.Sweep(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

// Wherever uploads are kept: files come whole, in pieces that fit, one replaces another, and nothing is left of what is gone.
func TestFilesInEveryStore(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *world) (contents blob.Store, left func() int){
		"rows": func(_ *testing.T, w *world) (blob.Store, func() int) {
			return blob.NewRows(w.store), func() int { return w.rows("upload_contents") }
		},
		"disk": onDisk,
		"s3":   inBucket,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			contents, left := open(t, w)
			w.Service = w.keeping(w.store, contents)
			w.files = true
			k := w.agent("key-1")
			c := w.connect(k, "facts")
			w.upload(c.ID, "web-1", strings.Repeat("a", 5*upload.Chunk+1))
			var many []fleet.NewFile
			for i := range 40 {
				many = append(many, fleet.NewFile{Name: fmt.Sprintf("many-%02d", i), Content: []byte(strings.Repeat("m", i))})
			}
			if _, err := w.UploadMany(t.Context(), admin, c.ID, many); err != nil {
				t.Fatal(err)
			}
			if got := left(); got != 6+39 { // the first of the many has no bytes
				t.Errorf("%d contents are kept, want 45", got)
			}
			w.upload(c.ID, "web-1", "second")
			if got := left(); got != 1+39 {
				t.Errorf("%d contents are kept after one was replaced, want 40", got)
			}
			if got := w.contents(k, c.ID); !strings.HasSuffix(got, "many-39=mmmmmmmmmm web-1=second") {
				t.Errorf("the agent gets %s", got)
			}
			w.sweepLater()
			if got := left(); got != 40 {
				t.Errorf("%d contents are kept after a sweep, want 40", got)
			}
			if err := w.DeleteConnection(t.Context(), admin, c.ID); err != nil {
				t.Fatal(err)
			}
			if contents, rows := left(), w.rows("connection_chunks"); contents != 0 || rows != 0 {
				t.Errorf("the connection is deleted and left %d contents and %d rows", contents, rows)
			}
		})
	}
}

func onDisk(t *testing.T, _ *world) (blob.Store, func() int) {
	dir := t.TempDir()
	d, err := blob.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, func() int {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
}

// inBucket is moto's, which .ci/peers/aws.sh installs.
func inBucket(t *testing.T, _ *world) (blob.Store, func() int) {
	bin := moto.Bin(t)
	if bin == "" {
		t.Skip("the emulator is missing: run " + moto.Install)
	}
	url := moto.Start(t, bin)
	client := s3.New(s3.Options{Region: "us-east-1", UsePathStyle: true, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("maestro")}); err != nil {
		t.Fatal(err)
	}
	s, err := blob.NewS3(blob.S3Options{Endpoint: url, Region: "us-east-1", Bucket: "maestro", AccessKey: "test", SecretKey: "test", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() int {
		list, err := client.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: aws.String("maestro")})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Contents)
	}
}

// dying is where uploads are kept until the process dies.
type dying struct {
	blob.Store
	left *int
}

func (d dying) dies() bool {
	*d.left--
	return *d.left < 0
}

func (d dying) Put(ctx context.Context, tenant string, contents ...blob.Content) error {
	for _, c := range contents {
		if d.dies() {
			return errCrash
		}
		if err := d.Store.Put(ctx, tenant, c); err != nil {
			return err
		}
	}
	return nil
}

func (d dying) Delete(ctx context.Context, tenant string, ids ...string) error {
	for _, id := range ids {
		if d.dies() {
			return errCrash
		}
		if err := d.Store.Delete(ctx, tenant, id); err != nil {
			return err
		}
	}
	return nil
}

// deaf is a store that counts what it does together with where uploads are kept.
type deaf struct {
	store.Store
	left *int
}

func (s deaf) Update(ctx context.Context, fn func(store.Tx) error) error {
	if *s.left--; *s.left < 0 {
		return errCrash
	}
	return s.Store.Update(ctx, fn)
}

// Wherever the collector dies while a file is replaced or deleted: the agent gets the one or the other, whole, and in the end
// what nothing names is gone.
func TestACrashLeavesWholeFiles(t *testing.T) {
	older, newer := strings.Repeat("o", 2*upload.Chunk+1), strings.Repeat("n", 3*upload.Chunk)
	for left := 0; ; left++ {
		w := newWorld(t)
		dir, count := onDisk(t, w)
		w.Service = w.keeping(w.store, dir)
		w.files = true
		k := w.agent("key-1")
		c := w.connect(k, "facts")
		w.upload(c.ID, "web-1", older)
		at := left
		short := w.keeping(deaf{w.store, &at}, dying{dir, &at})
		_, err := short.Upload(t.Context(), admin, c.ID, "web-1", []byte(newer))
		if err == nil {
			err = short.DeleteFile(t.Context(), admin, c.ID, "web-1")
		}
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		want := map[string]int{"web-1=oooooooooo": 3, "web-1=nnnnnnnnnn": 3, "": 0}
		got := w.contents(k, c.ID)
		if n, ok := want[got]; !ok {
			t.Fatalf("after %d steps the agent gets %q", left, got)
		} else if w.sweepLater(); count() != n || w.rows("connection_chunks") != n {
			t.Fatalf("after %d steps, %s, %d contents and %d rows are left, want %d of each", left, got, count(), w.rows("connection_chunks"), n)
		}
		if after := w.contents(k, c.ID); after != got {
			t.Fatalf("after %d steps the sweep made %q of %q", left, after, got)
		}
		if err == nil && at >= 0 {
			if left < 15 {
				t.Errorf("it came to its end after %d steps: nothing was tried", left)
			}
			return
		}
	}
}

// asBefore is a file as releases wrote it that kept contents in the rows themselves.
func (w *world) asBefore(connection, name, content string) {
	w.t.Helper()
	put := func(table, id string, doc any, bytes []byte) {
		w.t.Helper()
		b, err := json.Marshal(doc)
		if err != nil {
			w.t.Fatal(err)
		}
		err = w.store.Update(w.t.Context(), func(tx store.Tx) error {
			_, err := tx.Write(w.t.Context(), store.Write{Table: table, Op: store.Insert, Row: store.Row{ID: id, Tenant: "default", Version: 1, Doc: b, Blob: bytes}})
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	at, id, of := store.At(w.now), store.Key("default", connection, name), "content-of-"+name
	put("connection_files", id, map[string]any{"connection": connection, "name": name, "size": len(content), "sha256": "abc", "content": of, "uploaded_at": at, "uploaded_by": "user:anna"}, nil)
	for i := 0; i*upload.Chunk < len(content); i++ {
		put("connection_chunks", store.Key("default", of, fmt.Sprint(i)), map[string]any{"file": id, "content": of, "written_at": at},
			[]byte(content[i*upload.Chunk:min((i+1)*upload.Chunk, len(content))]))
	}
}

// What earlier releases kept in rows is read there, and moved; a crash while it moves costs nothing.
func TestFilesOfEarlierReleasesMove(t *testing.T) {
	for left := 0; ; left++ {
		w := newWorld(t)
		dir, count := onDisk(t, w)
		w.Service = w.keeping(w.store, dir)
		w.files = true
		k := w.agent("key-1")
		c := w.connect(k, "facts")
		w.asBefore(c.ID, "web-1", strings.Repeat("a", upload.Chunk+1))
		w.asBefore(c.ID, "web-2", "b")
		const want = "web-1=aaaaaaaaaa web-2=b"
		if got := w.contents(k, c.ID); got != want || count() != 0 {
			t.Fatalf("before anything is moved: %s, %d contents", got, count())
		}
		w.now = w.now.Add(2 * time.Hour)
		at := left
		err := w.keeping(deaf{w.store, &at}, dying{dir, &at}).Sweep(t.Context(), w.now)
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if got := w.contents(k, c.ID); got != want {
			t.Fatalf("after %d steps: %s", left, got)
		}
		w.sweepLater()
		if got := w.contents(k, c.ID); got != want || count() != 3 {
			t.Fatalf("after %d steps and a sweep: %s, %d contents", left, got, count())
		}
		for _, id := range []string{"content-of-web-1", "content-of-web-2"} {
			key := store.Key("default", id, "0")
			rows, err := w.store.Get(t.Context(), "connection_chunks", "default", "", []string{key})
			if err != nil || len(rows[key].Blob) != 0 {
				t.Errorf("after %d steps the row still has %d bytes, %v", left, len(rows[key].Blob), err)
			}
		}
		if err == nil {
			if left < 9 {
				t.Errorf("moved in %d steps: nothing was tried", left)
			}
			if err := w.DeleteConnection(t.Context(), admin, c.ID); err != nil || count() != 0 {
				t.Errorf("deleted: %v, and %d contents are left", err, count())
			}
			return
		}
	}
}

// A content that is not where it was kept (a folder that was lost, another store) is told by name, to the agent and to people, and the same
// file again mends it.
func TestALostContentIsNamedAndMended(t *testing.T) {
	w := newWorld(t)
	w.files = true
	k := w.agent("key-1")
	c := w.connect(k, "facts")
	w.upload(c.ID, "web-1", "facts")
	elsewhere, _ := onDisk(t, w)
	w.Service = w.keeping(w.store, elsewhere)
	list, err := w.FilesFor(t.Context(), k, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var lost *fleet.LostError
	for range 2 {
		err = w.ReadFile(t.Context(), k, list[0], func(int64, []byte) error { return nil })
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), `"web-1"`) {
			t.Fatalf("got %v", err)
		}
	}
	if files, err := w.Files(t.Context(), admin, c.ID); err != nil || !files[0].Lost {
		t.Errorf("people see %+v, %v", files, err)
	}
	w.upload(c.ID, "web-1", "facts")
	if got := w.contents(k, c.ID); got != "web-1=facts" {
		t.Errorf("uploaded again: %s", got)
	}
	if files, err := w.Files(t.Context(), admin, c.ID); err != nil || files[0].Lost {
		t.Errorf("people still see %+v, %v", files, err)
	}
}
