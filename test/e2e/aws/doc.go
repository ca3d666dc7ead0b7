// Package aws proves the plugin aws against an emulator of AWS (moto): an account with something of every list in three
// regions, and an organisation, read by the real binaries and compared record by record with what Amazon's own library
// for Python lists. It carries the build tag e2e, because it needs `make build` and the emulator:
//
//	.ci/peers/aws.sh    # installs moto into ~/.cache/maestro/moto, or where MAESTRO_MOTO says
package aws
