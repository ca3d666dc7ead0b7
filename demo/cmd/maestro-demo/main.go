// Command maestro-demo serves a simulated vCenter for `maestro dev --demo` until it is told to stop.
package main

import (
	"os"

	"maestro.internal/demo"
)

func main() { os.Exit(demo.Main(os.Args[1:], os.Stdout, os.Stderr)) }
