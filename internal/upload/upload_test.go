package upload_test

import (
	"strings"
	"testing"

	"maestro.internal/internal/upload"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"web-1", "web-1.example.org.json", "straße.json", "..x", "a b", strings.Repeat("x", 200)} {
		if err := upload.CheckName(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "/etc/passwd", `a\b`, "a\nb", "a\x00", "\xff", strings.Repeat("x", 201), strings.Repeat("ä", 150)} {
		if upload.CheckName(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestCheckTotal(t *testing.T) {
	if err := upload.CheckTotal(upload.MaxFiles, upload.MaxTotal); err != nil {
		t.Error(err)
	}
	if upload.CheckTotal(upload.MaxFiles+1, 0) == nil || upload.CheckTotal(1, upload.MaxTotal+1) == nil {
		t.Error("a limit does not hold")
	}
}
