// Package ansible proves the plugin ansible from end to end, with the released binaries: facts that the real ansible
// gathers of this machine, locally and over a local SSH server, come by every way there is, and what arrives is compared
// with what ansible itself says.
package ansible
