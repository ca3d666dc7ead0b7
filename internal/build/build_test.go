package build_test

import (
	"strings"
	"testing"

	"maestro.internal/internal/build"
)

func TestLineNamesProgramAndVersion(t *testing.T) {
	if got, want := build.Line("maestro-agent"), "maestro-agent "+build.Version(); !strings.HasPrefix(got, want) {
		t.Errorf("%q does not begin with %q", got, want)
	}
}
