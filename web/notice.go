//go:build !webui

package web

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed notice
var notice embed.FS

// Embedded says that the UI was built in.
const Embedded = false

// Files are the UI's files, index.html at the top.
func Files() (fs.FS, error) {
	files, err := fs.Sub(notice, "notice")
	if err != nil {
		return nil, fmt.Errorf("open notice: %w", err)
	}
	return files, nil
}
