// Command maestro-plugin-azure serves the provider of Microsoft Azure; agents start it.
package main

import (
	"maestro.internal/plugins/azure"
	"maestro.internal/sdk/serve"
)

func main() { serve.Provider(azure.New()) }
