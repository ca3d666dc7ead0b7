// Command maestro-plugin-openstack serves the provider of OpenStack; agents start it.
package main

import (
	"maestro.internal/plugins/openstack"
	"maestro.internal/sdk/serve"
)

func main() { serve.Provider(openstack.New()) }
