package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/blob/blobtest"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/test/moto"
)

func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	d, err := blob.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	blobtest.Run(t, d)
	// Nothing lies beside the folder, nothing in it is for others to read, and nothing is left of what was written beside.
	form := regexp.MustCompile(`^(_[0-9a-f]{32}|[a-z0-9-]+)/[0-9a-f]{2}/[0-9a-f]{32}$`)
	files := 0
	err = filepath.WalkDir(filepath.Dir(dir), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		rel, err := filepath.Rel(dir, p)
		if err != nil || !form.MatchString(filepath.ToSlash(rel)) {
			t.Errorf("a file lies at %s", p)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
}

// A link that somebody put into the folder leads nowhere outside of it.
func TestDiskDoesNotFollowLinksOutside(t *testing.T) {
	outside, dir := filepath.Join(t.TempDir(), "secret"), t.TempDir()
	if err := os.MkdirAll(filepath.Join(outside, "aa"), 0o700); err != nil {
		t.Fatal(err)
	}
	id := "aa000000000000000000000000000000"
	if err := os.WriteFile(filepath.Join(outside, "aa", id), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "default")); err != nil {
		t.Fatal(err)
	}
	d, err := blob.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if b, err := d.Get(context.Background(), "default", id); err == nil {
		t.Errorf("read %q through a link", b)
	}
	if err := d.Put(context.Background(), "default", blob.Content{ID: id, Bytes: []byte("x")}); err == nil {
		t.Error("wrote through a link")
	}
}

func TestRows(t *testing.T) {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Tables: blob.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	blobtest.Run(t, blob.NewRows(s))
}

// TestS3 runs against moto, which .ci/peers/aws.sh installs.
func TestS3(t *testing.T) {
	url := startMoto(t)
	client := s3.New(s3.Options{Region: "us-east-1", UsePathStyle: true, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("maestro")}); err != nil {
		t.Fatal(err)
	}
	opt := blob.S3Options{Endpoint: url, Region: "us-east-1", Bucket: "maestro", Prefix: "uploads/", AccessKey: "test", SecretKey: "test", PathStyle: true}
	s, err := blob.NewS3(opt)
	if err != nil {
		t.Fatal(err)
	}
	blobtest.Run(t, s)
	opt.Bucket = "none"
	gone, err := blob.NewS3(opt)
	if err != nil {
		t.Fatal(err)
	}
	id, err := blob.NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Get(context.Background(), "default", id); err == nil || errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a bucket that is not there looks like a content that is not: %v", err)
	}
}

func TestS3Options(t *testing.T) {
	good := blob.S3Options{Endpoint: "https://s3.example.org", Region: "r", Bucket: "b", Prefix: "p/", AccessKey: "a", SecretKey: "very secret"}
	if _, err := blob.NewS3(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*blob.S3Options){
		"no bucket":    func(o *blob.S3Options) { o.Bucket = "" },
		"no key":       func(o *blob.S3Options) { o.AccessKey = "" },
		"no secret":    func(o *blob.S3Options) { o.SecretKey = "" },
		"no address":   func(o *blob.S3Options) { o.Endpoint = "s3.example.org" },
		"another plan": func(o *blob.S3Options) { o.Endpoint = "file:///etc" },
		"prefix":       func(o *blob.S3Options) { o.Prefix = "/p/" },
		"prefix's end": func(o *blob.S3Options) { o.Prefix = "p" },
		"no region":    func(o *blob.S3Options) { o.Region = "" },
	} {
		bad := good
		change(&bad)
		if _, err := blob.NewS3(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", good, good, good); regexp.MustCompile("very secret").MatchString(text) {
		t.Error("the secret prints")
	}
}

// startMoto starts the emulator and ends it with the test.
func startMoto(t *testing.T) string {
	t.Helper()
	bin := moto.Bin(t)
	if bin == "" {
		t.Skip("the emulator is missing: run " + moto.Install)
	}
	return moto.Start(t, bin)
}
