//go:build e2e

package ansible

import (
	"os/exec"
	"path/filepath"
	"testing"

	"maestro.internal/test/e2e/site"
	"maestro.internal/test/moto"
)

// emulator is moto's server, of which only S3 is used.
type emulator struct{ url, bin string }

func startEmulator(t *testing.T) emulator {
	t.Helper()
	bin := moto.Bin(t)
	if bin == "" {
		site.Missing(t, "the emulator is missing: run "+moto.Install)
	}
	return emulator{url: moto.Start(t, bin), bin: bin}
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
