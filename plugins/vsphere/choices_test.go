package vsphere

import (
	"testing"

	"maestro.internal/sdk/provider"
)

func TestChoicesAreDatacenters(t *testing.T) {
	v := startVCenter(t, nil)
	credential(t)
	got, err := New().Choices(t.Context(), provider.Connection{Settings: v.settings()}, "/datacenters")
	if err != nil || len(got.Items) != 2 || got.Items[0].Value != "DC0" || got.Items[1].Value != "DC1" {
		t.Fatalf("datacenters %+v, %v", got, err)
	}
}
