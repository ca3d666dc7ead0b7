package demo

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Main is the command maestro-demo: it starts the vCenter, says how to connect, and waits for a signal. `maestro-demo destroy NAME`
// deletes a machine from one that runs.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "destroy" {
		return destroyMain(args[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("maestro-demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "`address` to listen on; empty means a free port on 127.0.0.1")
	ready := flags.String("ready-file", "", "`file` to write url, username, password and thumbprint into when ready; empty means standard output")
	state := flags.String("state-dir", "", "`folder` that keeps certificate, password and port between starts")
	machines := flags.Int("machines", DefaultMachines, "`number` of virtual machines")
	churn := flags.Bool("churn", false, "change something now and then")
	every := flags.Duration("churn-interval", time.Minute, "`time` between two changes")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	log.SetOutput(stderr) // the simulator's own log
	v, err := Start(ctx, Options{Listen: *listen, StateDir: *state, Machines: *machines, Log: logger})
	if err != nil {
		fmt.Fprintln(stderr, "maestro-demo:", err)
		return 1
	}
	defer v.Close()
	if *ready == "" {
		err = json.NewEncoder(stdout).Encode(v.Access)
	} else {
		err = v.Access.WriteReady(*ready)
	}
	if err != nil {
		fmt.Fprintln(stderr, "maestro-demo:", err)
		return 1
	}
	logger.Info("simulated vCenter is ready", "url", v.Access.URL)
	var work sync.WaitGroup
	if *churn {
		ticker := time.NewTicker(*every)
		defer ticker.Stop()
		work.Go(func() {
			if err := v.Churn(ctx, ticker.C); err != nil {
				logger.Error("stopped changing things", "error", err)
			}
		})
	}
	<-ctx.Done()
	work.Wait()
	return 0
}
