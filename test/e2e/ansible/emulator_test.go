//go:build e2e

package ansible

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"maestro.internal/test/e2e/site"
)

// emulator is moto's server, of which only S3 is used.
type emulator struct{ url, bin string }

func startEmulator(t *testing.T) emulator {
	t.Helper()
	home := os.Getenv("MAESTRO_MOTO")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(user, ".cache", "maestro", "moto")
	}
	e := emulator{bin: filepath.Join(home, "bin")}
	if _, err := os.Stat(filepath.Join(e.bin, "moto_server")); err != nil {
		site.Missing(t, "the emulator is missing: run .ci/peers/aws.sh")
	}
	cmd := exec.Command(filepath.Join(e.bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
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
		lines := bufio.NewScanner(out)
		for lines.Scan() {
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
	case e.url = <-ready:
	case <-time.After(60 * time.Second):
		t.Fatal("the emulator does not start")
	}
	return e
}

// upload puts a folder's files into a new bucket with Amazon's own library for Python.
func (e emulator) upload(t *testing.T, dir, prefix string) {
	t.Helper()
	const script = `
import boto3, os, sys
url, folder, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
s3.create_bucket(Bucket="facts")
for name in os.listdir(folder):
    s3.upload_file(os.path.join(folder, name), "facts", prefix + name)
s3.put_object(Bucket="facts", Key=prefix + "deeper/host", Body=b"not read")
s3.put_object(Bucket="facts", Key="elsewhere/host", Body=b"not read")
`
	if out, err := exec.Command(filepath.Join(e.bin, "python"), "-c", script, e.url, dir, prefix).CombinedOutput(); err != nil {
		t.Fatalf("upload: %v\n%s", err, out)
	}
}
