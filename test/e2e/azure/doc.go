// Package azure proves the plugin azure from end to end: with the binaries as they are released, alone and under an
// agent, against the small Azure of plugins/azure/armtest over HTTP. What arrives is compared record by record with
// plain reads of the API. With the build tag e2e.
package azure
