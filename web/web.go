// Package web holds the web UI's built files, so that the collector is one file to install.
//
// The build (npm run build, into dist) is embedded only under the build tag webui. Without the tag there is a page
// that says so instead: go test ./... needs no Node, and a binary without a UI says how to get one.
package web
