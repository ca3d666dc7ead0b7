// Command maestro is the command line of the inventory: a client of the collector's REST API.
package main

import (
	"os"

	"maestro.internal/cli"
)

func main() { os.Exit(cli.Main(cli.Arguments(os.Args), cli.System())) }
