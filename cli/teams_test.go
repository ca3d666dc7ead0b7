package cli

import (
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

func TestWhatSomebodysRightComesThrough(t *testing.T) {
	dc := &rest.AccessTarget{Kind: "datacenter", ID: "1", Name: "FRA1"}
	got := throughOf(rest.AccessEntry{Reasons: []rest.AccessReason{
		{Through: "role", Right: "read", Role: "reader", Level: "role", Groups: []string{"read_only"}}, {Through: "grant", Right: "write", Team: "Ops", Target: dc}, {Through: "grant", Right: "admin", Target: dc}}})
	if want := "read by the role reader (read_only); write of the team Ops on datacenter FRA1; admin on datacenter FRA1"; got != want {
		t.Errorf("%q", got)
	}
	team := rest.Team{Members: []rest.TeamMember{{Username: "anna", Role: "lead"}, {Username: "ben", Role: "member"}}}
	if got := membersOf(team); got != "anna (lead), ben" {
		t.Errorf("%q", got)
	}
}

func TestSubjectsAreNamedBySort(t *testing.T) {
	for _, text := range []string{"anna", "user:", "robot:x", ":x"} {
		if _, err := (&app{}).subject(nil, nil, text); err == nil || !strings.Contains(err.Error(), "user:NAME") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
