//go:build webui

package web

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var built embed.FS

// Embedded says that the UI was built in.
const Embedded = true

// Files are the UI's files, index.html at the top.
func Files() (fs.FS, error) {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open web ui: %w", err)
	}
	return files, nil
}
