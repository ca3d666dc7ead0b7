// Package site starts what is installed somewhere: a collector and an agent from the built binaries, each a process with
// a folder of its own. The end-to-end tests of the plugins differ in what they connect to it, not in how it starts. With
// the build tag e2e.
package site
