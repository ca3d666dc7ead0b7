// Command maestro-plugin-aws serves the provider of Amazon Web Services; agents start it. With the argument
// "role" it prints the text that makes the read-only role in an account or in a whole organisation.
package main

import (
	"fmt"
	"os"

	"maestro.internal/plugins/aws"
	"maestro.internal/sdk/serve"
)

func main() {
	if len(os.Args) > 1 {
		if err := aws.PrintRole(os.Stdout, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	serve.Provider(aws.New())
}
