// Package azure compares what the plugin reads of a small Azure with plain reads of it, and shows how a run of the real
// binaries ends. With the build tag e2e.
package azure
