package upload_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/upload"
	"maestro.internal/collector/internal/upload/uploadtest"
)

func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	d, err := upload.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	uploadtest.Run(t, d)
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
	d, err := upload.NewDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if b, err := d.Get(context.Background(), "default", id); err == nil {
		t.Errorf("read %q through a link", b)
	}
	if err := d.Put(context.Background(), "default", id, []byte("x")); err == nil {
		t.Error("wrote through a link")
	}
}

func TestRows(t *testing.T) {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Tables: upload.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	uploadtest.Run(t, upload.NewRows(s))
}

// TestS3 runs against moto, which .ci/peers/aws.sh installs.
func TestS3(t *testing.T) {
	url := startMoto(t)
	client := s3.New(s3.Options{Region: "us-east-1", UsePathStyle: true, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String("maestro")}); err != nil {
		t.Fatal(err)
	}
	opt := upload.S3Options{Endpoint: url, Region: "us-east-1", Bucket: "maestro", Prefix: "uploads/", AccessKey: "test", SecretKey: "test", PathStyle: true}
	s, err := upload.NewS3(opt)
	if err != nil {
		t.Fatal(err)
	}
	uploadtest.Run(t, s)
	opt.Bucket = "none"
	gone, err := upload.NewS3(opt)
	if err != nil {
		t.Fatal(err)
	}
	id, err := upload.NewID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Get(context.Background(), "default", id); err == nil || errors.Is(err, upload.ErrNotFound) {
		t.Errorf("a bucket that is not there looks like a content that is not: %v", err)
	}
}

func TestS3Options(t *testing.T) {
	good := upload.S3Options{Endpoint: "https://s3.example.org", Region: "r", Bucket: "b", Prefix: "p/", AccessKey: "a", SecretKey: "very secret"}
	if _, err := upload.NewS3(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*upload.S3Options){
		"no bucket":    func(o *upload.S3Options) { o.Bucket = "" },
		"no key":       func(o *upload.S3Options) { o.AccessKey = "" },
		"no secret":    func(o *upload.S3Options) { o.SecretKey = "" },
		"no address":   func(o *upload.S3Options) { o.Endpoint = "s3.example.org" },
		"another plan": func(o *upload.S3Options) { o.Endpoint = "file:///etc" },
		"prefix":       func(o *upload.S3Options) { o.Prefix = "/p/" },
		"prefix's end": func(o *upload.S3Options) { o.Prefix = "p" },
		"no region":    func(o *upload.S3Options) { o.Region = "" },
	} {
		bad := good
		change(&bad)
		if _, err := upload.NewS3(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", good, good, good); regexp.MustCompile("very secret").MatchString(text) {
		t.Error("the secret prints")
	}
}

// startMoto starts the emulator on a free port and ends it with the test.
func startMoto(t *testing.T) string {
	t.Helper()
	home := os.Getenv("MAESTRO_MOTO")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(user, ".cache", "maestro", "moto")
	}
	bin := filepath.Join(home, "bin", "moto_server")
	if _, err := os.Stat(bin); err != nil {
		t.Skip("the emulator is missing: run .ci/peers/aws.sh")
	}
	cmd := exec.Command(bin, "-H", "127.0.0.1", "-p", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		where := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url := where.FindString(lines.Text()); url != "" {
				select {
				case ready <- url:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait() // killed
	})
	select {
	case url := <-ready:
		return url
	case <-time.After(120 * time.Second):
		t.Fatal("the emulator does not start")
		return ""
	}
}
