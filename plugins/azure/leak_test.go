package azure

import (
	"testing"

	"go.uber.org/goleak"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/resource"
)

// No goroutine and no connection stays behind, also after a reading that failed in the middle.
func TestNothingStaysBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	a := armtest.Seed()
	a.Start()
	t.Setenv(envSecret, a.Secret)
	if _, out := one(t, a, "server", nil); out.Status != resource.StatusComplete {
		t.Errorf("%+v", out)
	}
	a.Inject(armtest.Fault{Path: "/virtualmachines", After: 4, Status: 403})
	if _, out := one(t, a, "server", nil); out.Status == resource.StatusComplete {
		t.Errorf("%+v", out)
	}
	a.Close()
	goleak.VerifyNone(t, before)
}
