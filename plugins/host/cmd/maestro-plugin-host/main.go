// Command maestro-plugin-host serves the provider of the machine that it runs on; agents start it.
package main

import (
	"maestro.internal/plugins/host"
	"maestro.internal/sdk/serve"
)

func main() { serve.Provider(host.New()) }
