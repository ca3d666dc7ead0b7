package openstack

import (
	"slices"
	"testing"

	"maestro.internal/sdk/provider"
)

// A user who names no project anywhere can ask for theirs: that is what the question is for.
func TestChoicesOfProjectsNeedNoProject(t *testing.T) {
	c := startCloud(t)
	t.Setenv("OS_USERNAME", "admin")
	t.Setenv("OS_PASSWORD", testPassword)
	conn := provider.Connection{Settings: c.settings()}
	if _, err := New().Connect(t.Context(), conn); err == nil {
		t.Fatal("without a project somebody is signed in")
	}
	got, err := New().Choices(t.Context(), conn, "/project")
	if err != nil || len(got.Items) == 0 {
		t.Fatalf("projects %+v, %v", got, err)
	}
	for _, p := range got.Items {
		if !isID(p.Value) || p.Label == "" || p.Note == "" {
			t.Errorf("project %+v has no id, name or domain", p)
		}
	}
	if !slices.IsSortedFunc(got.Items, func(a, b provider.Choice) int { return slices.Compare([]byte(a.Label), []byte(b.Label)) }) {
		t.Errorf("not by name: %+v", got.Items)
	}
	t.Setenv("OS_PROJECT_NAME", "admin")
	regions, err := New().Choices(t.Context(), conn, "/regions")
	if err != nil || len(regions.Items) != 1 || regions.Items[0].Value != "RegionOne" {
		t.Errorf("regions %+v, %v", regions, err)
	}
}
