package filetype_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"maestro.internal/collector/internal/filetype"
	"maestro.internal/sdk/provider"
)

// packed are archives that the standard library makes, of one file.
func packed(t *testing.T) (gz, zipped, tarred []byte) {
	t.Helper()
	content := []byte(`{"ansible_facts": {}}`)
	var a, b, c bytes.Buffer
	g := gzip.NewWriter(&a)
	_, err := g.Write(content)
	must(t, err, g.Close())
	z := zip.NewWriter(&b)
	f, err := z.Create("web-1")
	must(t, err)
	_, err = f.Write(content)
	must(t, err, z.Close())
	r := tar.NewWriter(&c)
	must(t, r.WriteHeader(&tar.Header{Name: "web-1", Size: int64(len(content)), Mode: 0o600}))
	_, err = r.Write(content)
	must(t, err, r.Close())
	return a.Bytes(), b.Bytes(), c.Bytes()
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Declarations of several sorts, the first as the plugin of Ansible makes it.
func TestCheck(t *testing.T) {
	gz, zipped, tarred := packed(t)
	facts := []provider.FileType{{Title: "facts", Content: provider.FileJSON, MaxBytes: 16 << 20, Members: []string{"ansible_facts", "ansible_*", "packages", "services", "failed", "unreachable"}}}
	state := []provider.FileType{{Title: "a Terraform state", Content: provider.FileJSON, Members: []string{"terraform_version"}, Endings: []string{".tfstate"}}}
	either := append(state[:1:1], provider.FileType{Title: "a list of hosts", Content: provider.FileText, Endings: []string{".txt", ".csv"}, MaxBytes: 1 << 10})
	binary := []provider.FileType{{Title: "a dump", Content: provider.FileBinary}}
	for _, tc := range []struct {
		what    string
		types   []provider.FileType
		name    string
		content string
		want    string // of the problem; empty for none
	}{
		{"a module's result", facts, "web-1", `{"changed": false, "ansible_facts": {"ansible_nodename": "web-1"}}`, ""},
		{"a cache's bare facts", facts, "web-1.json", `{"a": [{"b": {}}], "ansible_nodename": "web-1"}`, ""},
		{"a host that was not reached", facts, "web-1", `{"msg": "no route", "unreachable": true}`, ""},
		{"packages alone", facts, "web-1", `{"packages": {}}`, ""},
		{"another tool's JSON", facts, "state", `{"version": 4, "terraform_version": "1.9.0", "x": {"ansible_facts": 1}, "y": "ansible_facts"}`, "has none of the members ansible_facts, ansible_*"},
		{"half a file", facts, "web-1", `{"ansible_facts": {"a`, "half-written JSON"},
		{"two files in one", facts, "web-1", `{"ansible_facts": {}} {"x": 1}`, "goes on after its JSON object"},
		{"a list", facts, "web-1", `[{"ansible_facts": {}}]`, "is no JSON object"},
		{"nothing", facts, "web-1", "", "is empty"},
		{"a sentence", facts, "web-1", "MZ is how a program begins, and this is none", "is not JSON"},
		{"a program", facts, "web-1", "MZ\x90\x00\x03", "is a program"},
		{"gzip under the right name", facts, "web-1.json", string(gz), "compressed by gzip"},
		{"zip", facts, "web-1", string(zipped), "is a zip archive"},
		{"tar", facts, "web-1", string(tarred), "is a tar archive"},
		{"neither text nor known", facts, "web-1", "{\xff}", "is not text"},
		{"a control character", facts, "web-1", "{\"ansible_facts\": {}}\x00", "is not text"},
		{"too large", facts, "web-1", `{"ansible_facts": {}}` + strings.Repeat(" ", 16<<20), "more than 16 MiB"},
		{"deeper than anybody nests", facts, "web-1", strings.Repeat(`{"ansible_facts":`, 100_000), "half-written JSON"},
		{"a state", state, "prod.TFSTATE", `{"terraform_version": "1.9.0"}`, ""},
		{"a state by another name", state, "prod.json", `{"terraform_version": "1.9.0"}`, "is not named .tfstate"},
		{"one of two sorts", either, "hosts.csv", "web-1,10.0.0.1\n", ""},
		{"the other's content under its name", either, "hosts.csv", strings.Repeat("x", 1025), `"hosts.csv" is not named .tfstate, and it has more than 1 KiB; wanted is a Terraform state (a JSON object with terraform_version, named .tfstate); or a list of hosts (text, named .txt or .csv, at most 1 KiB)`},
		{"anything", binary, "x", string(gz), ""},
		{"a plugin that does not say", nil, "x", "\x00", ""},
	} {
		err := filetype.Check(tc.types, tc.name, []byte(tc.content))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.what, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.what, err, tc.want)
		case err != nil && !strings.HasPrefix(err.Error(), `"`+tc.name+`" `):
			t.Errorf("%s: the sentence does not begin with the file: %v", tc.what, err)
		}
	}
	for _, p := range [][]byte{gz, zipped, tarred} {
		if !filetype.Packed(p) {
			t.Errorf("an archive is not known as one: %q", p[:10])
		}
	}
	if filetype.Packed([]byte("BZh is how bzip2 begins")) || filetype.Packed([]byte("\x7fELF\x00")) {
		t.Error("a text or a program counts as an archive")
	}
}

// Whatever comes is answered, and what one type takes is JSON to the decoder too.
func oracle(content []byte) bool {
	var members map[string]json.RawMessage
	if !utf8.Valid(content) || json.Unmarshal(content, &members) != nil {
		return false
	}
	for name := range members {
		if name == "a" || strings.HasPrefix(name, "b") {
			return true
		}
	}
	return false
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a": {"b": [1, "a"]}, "c": null}`))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte(`{`))
	types := []provider.FileType{{Title: "x", Content: provider.FileJSON, Members: []string{"a", "b*"}}}
	f.Fuzz(func(t *testing.T, content []byte) {
		ok := filetype.Check(types, "x", content) == nil
		if want := oracle(content); ok != want {
			t.Errorf("%q: %v, want %v", content, ok, want)
		}
	})
}
