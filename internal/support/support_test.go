package support_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/support"
)

// planted is part of every secret below.
const planted = "S3cr3tPlanted"

// TestTextHasNoSecrets: in whatever form somebody logs one.
func TestTextHasNoSecrets(t *testing.T) {
	r := support.NewRedactor("known-" + planted)
	for _, text := range []string{
		"password=" + planted, "password: " + planted + " with spaces " + planted, `"password": "` + planted + `\" more"`, `'api_key': '` + planted + `'`, "PASSWD=" + planted,
		`VSPHERE_PASSWORD="` + planted + ` x"`, "aws_secret_access_key = " + planted, "client_secret:" + ` "` + planted + `"`, "x-auth-token: " + planted, "token=" + planted + "&x=1",
		"Authorization: Bearer " + planted, "Authorization: Basic " + planted + "==", "got bearer " + planted + ".x", "mongodb://user:" + planted + "@db:27017/x", "https://" + planted + "@host/",
		"https://u:p@" + planted + "@host/x", "mst_" + planted, "see known-" + planted + " there", "eyJhbGciOi." + planted + ".sig", "AKIA0000" + strings.ToUpper(planted),
		"-----BEGIN RSA PRIVATE KEY-----\n" + planted + "\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n" + planted, planted + "\nx\n-----END EC PRIVATE KEY-----\nrest",
		`level=INFO msg="{\"password\": \"` + planted + `\"}"`, `Cookie: session=` + planted, "SharedAccessSignature sas=" + planted, `{"AccountKey":"` + planted + `"}`,
		"community: " + planted, `url="https://x/?api-key=` + planted + `"`, "passphrase = '" + planted + "'",
	} {
		if out := string(r.Text([]byte("before\n" + text + "\nafter"))); strings.Contains(strings.ToLower(out), strings.ToLower(planted)) {
			t.Errorf("%q became %q", text, out)
		}
	}
	// What is no secret can be read.
	for _, text := range []string{"run 5 of vcenter-fra: 12 listed", "https://vcenter.example.org/sdk", "credential: vcenter", "the server passed the check"} {
		if out := string(r.Text([]byte(text))); out != text {
			t.Errorf("%q became %q", text, out)
		}
	}
}

// TestDocumentsHaveNoSecrets: under a key that names one nothing stays, whatever its type.
func TestDocumentsHaveNoSecrets(t *testing.T) {
	r := support.NewRedactor()
	for _, text := range []string{
		`{"password": "` + planted + `"}`, `{"auth": {"clientSecret": "` + planted + `"}}`, `{"tokens": ["` + planted + `", {"x": "` + planted + `"}]}`, `{"env": [{"name": "DB_PASSWORD", "value": "` + planted + `"}]}`,
		`{"url": "https://u:` + planted + `@h/"}`, `{"note": "password=` + planted + `"}`, `{"private_key": {"a": "` + planted + `"}}`, `{"mst_` + planted + `": 1}`, `no JSON ` + planted,
	} {
		if out := string(r.JSON([]byte(text))); strings.Contains(out, planted) {
			t.Errorf("%s became %s", text, out)
		}
	}
	for _, text := range []string{
		"store:\n  uri: mongodb://u:" + planted + "@h/\n", "join_token: |\n  " + planted + "\n  " + planted + "\n", "# old password: " + planted + "\nlisten: x\n", "password: [" + planted + "\n", "a:\n- secret: " + planted + "\n",
		"audit_feed:\n  webhook: https://hooks.example.org/" + planted + "\n",
	} {
		if out := string(r.YAML([]byte(text))); strings.Contains(out, planted) {
			t.Errorf("%s became %s", text, out)
		}
	}
	if out := string(r.JSON([]byte(`{"credential": "vcenter", "key_file": "/etc/master.key", "next_page_token": "x", "password_change_required": true}`))); strings.Contains(out, "redacted") {
		t.Errorf("too much was taken out: %s", out)
	}
}

// TestBundle: one archive with a list of what is in it, logs by their end, and what could not be had.
func TestBundle(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "a.log")
	if err := os.WriteFile(log, []byte("first line\n"+strings.Repeat("x", 3<<20)+"\npassword="+planted+"\nlast line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	b := support.New(&out, support.NewRedactor(), time.Unix(0, 0))
	for _, err := range []error{b.Log("logs/a.log", log), b.Log("logs/b.log", filepath.Join(dir, "none")), b.Folder("local/files.txt", dir), b.Machine("maestro"), b.JSON("x.json", []byte(`{"token":"`+planted+`"}`)), b.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if b.Whole() {
		t.Error("a missing log is not told")
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
		if strings.Contains(string(text), planted) {
			t.Errorf("%s has a secret", f.Name)
		}
	}
	if strings.Contains(all["logs/a.log"], "first line") || !strings.Contains(all["logs/a.log"], "last line") || !strings.Contains(all["local/files.txt"], "a.log") ||
		!strings.Contains(all["README.txt"], "logs/b.log: read") || !strings.Contains(all["README.txt"], "x.json\n") {
		t.Errorf("got %.300s\n%s\n%s", all["logs/a.log"], all["local/files.txt"], all["README.txt"])
	}
}
