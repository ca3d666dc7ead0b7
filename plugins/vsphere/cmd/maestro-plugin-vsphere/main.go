// Command maestro-plugin-vsphere serves the provider of VMware vSphere; agents start it.
package main

import (
	"maestro.internal/plugins/vsphere"
	"maestro.internal/sdk/serve"
)

func main() { serve.Provider(vsphere.New()) }
