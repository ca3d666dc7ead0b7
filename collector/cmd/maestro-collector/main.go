// Command maestro-collector keeps the inventory: it takes what agents push, and answers people over the web UI and the
// REST API.
package main

import (
	"os"

	"maestro.internal/collector/internal/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr)) }
