package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write golden files")

// The committed document is what the web UI's types are generated from.
func TestOpenAPIDocumentIsCurrent(t *testing.T) {
	const file = "../../../docs/openapi.json"
	got, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is not current: run go test ./collector/internal/api -run OpenAPI -update")
	}
}
