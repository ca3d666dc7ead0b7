// Command ferretdb serves MongoDB's protocol over SQLite for the store's tests. FerretDB's own command cannot be
// built from its module, so this runs its embeddable package: on 127.0.0.1, on a port that the kernel chooses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	uriFile := flag.String("uri-file", "", "file to write the server's URI to once it listens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *uriFile); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, uriFile string) (err error) {
	if uriFile == "" {
		return errors.New("-uri-file is missing")
	}
	dir, err := os.MkdirTemp("", "maestro-ferretdb-")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(dir) + "/",
	})
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	uri := f.MongoDBURI() // waits until it listens
	if err := writeFile(uriFile, uri); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "ferretdb: listening on", uri)
	return <-ran
}

// writeFile lets a reader see the whole URI or nothing.
func writeFile(name, text string) error {
	if err := os.WriteFile(name+".new", []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("write URI: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("write URI: %w", err)
	}
	return nil
}
