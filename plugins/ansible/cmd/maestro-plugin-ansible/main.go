// Command maestro-plugin-ansible serves the provider of Ansible's facts; agents start it.
package main

import (
	"maestro.internal/plugins/ansible"
	"maestro.internal/sdk/serve"
)

func main() { serve.Provider(ansible.New()) }
