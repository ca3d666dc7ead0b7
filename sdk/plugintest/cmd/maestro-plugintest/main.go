// Command maestro-plugintest tries a finished plugin out, in whatever language it is written, and exits with
// 1 when it breaks the contract:
//
//	go run ./sdk/plugintest/cmd/maestro-plugintest --plugin PATH --settings FILE
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("maestro-plugintest", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("plugin", "", "the plugin's `executable`")
	settings := flags.String("settings", "", "`file` with the connection's settings as JSON, - for standard input; {} when empty")
	kinds := flags.String("kinds", "", "kinds to read, separated by commas; all when empty")
	incomplete := flags.String("incomplete", "", "kinds whose scopes may end otherwise than complete")
	moving := flags.String("moving", "", "kinds that change by themselves between two reads")
	env := flags.String("env", "", "names of environment variables to hand to the plugin as its credential")
	timeout := flags.Duration("timeout", time.Minute, "for each check")
	verbose := flags.Bool("v", false, "show the plugin's log")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *path == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "maestro-plugintest: --plugin PATH is required, and no other arguments")
		return 2
	}
	c := plugintest.Case{Kinds: list(*kinds), Incomplete: list(*incomplete), Moving: list(*moving), Timeout: *timeout, Env: map[string]string{}}
	for _, name := range list(*env) {
		c.Env[name] = os.Getenv(name)
	}
	var err error
	if c.Connection, err = connection(*settings); err != nil {
		fmt.Fprintln(stderr, "maestro-plugintest:", err)
		return 2
	}
	cfg := host.Config{Path: *path}
	if *verbose {
		cfg.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return report(stdout, plugintest.SuiteBinary(ctx, cfg, c))
}

func report(w io.Writer, results []plugintest.Result) int {
	failed := 0
	for _, r := range results {
		if len(r.Problems) == 0 {
			fmt.Fprintf(w, "ok    %-13s %s\n", r.Name, r.Took.Round(time.Millisecond))
			continue
		}
		failed++
		fmt.Fprintf(w, "FAIL  %-13s %s\n", r.Name, r.Why)
		for _, p := range r.Problems {
			fmt.Fprintf(w, "        - %s\n", p)
		}
	}
	if failed > 0 {
		fmt.Fprintf(w, "%d of %d checks failed\n", failed, len(results))
		return 1
	}
	fmt.Fprintf(w, "all %d checks passed\n", len(results))
	return 0
}

func connection(path string) (provider.Connection, error) {
	conn := provider.Connection{ID: "plugintest"}
	if path == "" {
		return conn, nil
	}
	b, err := readFile(path)
	if err != nil {
		return conn, fmt.Errorf("read settings: %w", err)
	}
	if !json.Valid(b) {
		return conn, fmt.Errorf("read settings: %s is not JSON", path)
	}
	conn.Settings = b
	return conn, nil
}

func readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
