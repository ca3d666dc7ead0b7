// Command maestro-agent runs inside a network, reads what is there through provider plugins and pushes it to a
// collector. It also reads without any collector: `maestro-agent run`.
package main

import (
	"os"

	"maestro.internal/agent/internal/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
