// Package e2e proves the product as its users get it: the real binaries of bin/ as processes of their own, a simulated
// vCenter behind a real socket, the command line, the API and the browser. Nothing of ours is linked into the tests,
// so that they fail when the seams between the binaries do. They carry the build tag e2e, because they need `make build`.
package e2e
