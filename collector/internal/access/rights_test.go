package access

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// boss administers the tenant default.
var boss = Caller{Tenant: "default", Name: "user:boss", Role: RoleAdmin}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// A plain model: somebody has a right on an object when a grant to him, or to a team of his, was given on one of its roots or on the whole
// tenant, or when the role gives it. Decide and what lists ask the store (TenantWide, Roots) must say the same.
func TestDecideAgreesWithAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := []string{"dc1", "dc2", "conn1", "sys1", "res1", "res2"}
		role := rapid.SampledFrom([]Role{RoleAdmin, RoleReader, RoleNone}).Draw(t, "role")
		grants := rapid.MapOf(rapid.SampledFrom(append([]string{WholeTenant}, pool...)), rapid.SampledFrom([]Right{RightRead, RightWrite, RightAdmin})).Draw(t, "grants")
		c := Caller{Tenant: "t", Role: role, Grants: grants}
		roots := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 4, func(s string) string { return s }).Draw(t, "roots")
		model := map[Role]Right{RoleAdmin: RightAdmin, RoleReader: RightRead, RoleNone: NoRight}[role]
		for root, right := range grants {
			if root == WholeTenant || slices.Contains(roots, root) {
				model = max(model, right)
			}
		}
		for action, need := range grantable {
			got := Decide(c, action, Object{Tenant: "t", Roots: roots})
			want := Forbidden
			switch {
			case model >= need:
				want = Allowed
			case model == NoRight:
				want = Hidden
			}
			if got != want {
				t.Fatalf("%s on %v by %v as %s: %d, the model says %d", action, roots, grants, role, got, want)
			}
		}
		listed := c.TenantWide() || slices.ContainsFunc(c.Roots(), func(r string) bool { return slices.Contains(roots, r) })
		if readable := Decide(c, Read, Object{Roots: roots}) == Allowed; listed != readable {
			t.Fatalf("listed %t, readable %t", listed, readable)
		}
		if Decide(c, Read, Object{Tenant: "other", Roots: roots}) != Hidden {
			t.Fatal("another tenant's object is not hidden")
		}
		if c.EnrolFirst = true; Decide(c, Read, Object{Roots: roots}) == Allowed || c.TenantWide() || len(c.Roots()) > 0 {
			t.Fatal("who has to enrol first reads")
		}
	})
}

func TestActionsThatGrantsDoNotGive(t *testing.T) {
	c := Caller{Tenant: "t", Role: RoleNone, Grants: map[string]Right{WholeTenant: RightAdmin, "dc1": RightAdmin}}
	for _, a := range everyAction {
		_, scoped := grantable[a]
		if got := Decide(c, a, Object{Roots: []string{"dc1"}, Anywhere: true}) == Allowed; got != scoped {
			t.Errorf("%s: %t", a, got)
		}
	}
}

func TestRolesAreMadeOfPermissionGroups(t *testing.T) {
	for twin, of := range map[string]string{ReadOnly: FullAccess, ResourcesReadOnly: Resources, ManageReadOnly: Manage} {
		for _, a := range builtinGroups[twin] {
			if !slices.Contains(builtinGroups[of], a) || !slices.Contains([]Action{Read, ReadSettings, ReadAudit}, a) {
				t.Errorf("%s has %s, which is not what %s reads", twin, a, of)
			}
		}
	}
}

func TestTeamsGetAndLoseRights(t *testing.T) {
	w := newWorld(t)
	admin := boss
	w.user("default", "Ben", RoleNone)
	dc := Target{Kind: KindDatacenter, ID: "dc1", Name: "FRA1"}

	team, err := w.CreateTeam(t.Context(), admin, TeamEdit{Name: "Ops", Email: "ops@example.org", Members: []Member{{Username: "BEN"}}})
	w.must(err)
	g, err := w.Grant(t.Context(), admin, SubjectTeam(team.ID), RightRead, dc, nil)
	w.must(err)
	ben := w.mustSignIn("ben").Caller
	if got := ben.Grants["dc1"]; got != RightRead || len(ben.Teams) != 1 || ben.Teams[0].Name != "Ops" {
		t.Fatalf("%+v", ben)
	}
	e, err := w.Explain(t.Context(), "default", SubjectUser("ben"), []string{"srv", "dc1"})
	w.must(err)
	if e.Right != RightRead || len(e.Reasons) != 1 || e.Reasons[0].Team != "Ops" || e.Reasons[0].Grant.ID != g.ID {
		t.Fatalf("%+v", e)
	}
	// Granting again replaces; to lead a team is not to grant.
	again, err := w.Grant(t.Context(), admin, SubjectTeam(team.ID), RightWrite, dc, nil)
	w.must(err)
	if list, _ := w.GrantsTo(t.Context(), "default"); len(list) != 1 || again.ID != g.ID || list[0].Right != RightWrite {
		t.Fatalf("%+v", list)
	}
	ben = w.mustSignIn("ben").Caller
	if _, err := w.Grant(t.Context(), ben, SubjectUser("ben"), RightAdmin, dc, nil); !errors.Is(err, ErrForbidden) {
		t.Fatalf("a writer grants: %v", err)
	}
	if err := w.Revoke(t.Context(), ben, g.ID, nil); !errors.Is(err, ErrForbidden) {
		t.Fatalf("a writer revokes: %v", err)
	}
	if _, err := w.UpdateTeam(t.Context(), ben, team.ID, team.Version, TeamEdit{Name: "Mine"}); !errors.Is(err, ErrForbidden) {
		t.Fatalf("a member edits the team: %v", err)
	}
	team, err = w.UpdateTeam(t.Context(), admin, team.ID, team.Version, TeamEdit{Name: "Ops", Members: []Member{{Username: "ben", Lead: true}}})
	w.must(err)
	if _, err = w.UpdateTeam(t.Context(), w.mustSignIn("ben").Caller, team.ID, team.Version-1, TeamEdit{Name: "Ops"}); err == nil {
		t.Fatal("a lead edits what somebody changed meanwhile")
	}
	if team, err = w.UpdateTeam(t.Context(), w.mustSignIn("ben").Caller, team.ID, team.Version, TeamEdit{Name: "Ops 2", Members: team.Members}); err != nil {
		t.Fatalf("a lead: %v", err)
	}
	if err := w.DeleteTeam(t.Context(), w.mustSignIn("ben").Caller, team.ID); !errors.Is(err, ErrForbidden) {
		t.Fatalf("a lead deletes: %v", err)
	}

	// Who comes later under the same name has nothing of it.
	_, err = w.Grant(t.Context(), admin, SubjectUser("ben"), RightAdmin, dc, nil)
	w.must(err)
	w.must(w.DeleteUser(t.Context(), admin, "ben"))
	w.user("default", "ben", RoleNone)
	if ben = w.mustSignIn("ben").Caller; len(ben.Grants) != 0 || len(ben.Teams) != 0 {
		t.Fatalf("%+v", ben)
	}
	w.must(w.DeleteTeam(t.Context(), admin, team.ID))
	if list, _ := w.GrantsTo(t.Context(), "default"); len(list) != 0 {
		t.Fatalf("the team is gone and its grants are not: %+v", list)
	}
}

func TestGrantsAreForThoseWhoAreThere(t *testing.T) {
	w := newWorld(t)
	admin := boss
	for what, subject := range map[string]Subject{"nobody": SubjectUser("nobody"), "no team": SubjectTeam("x"), "no token": SubjectToken("x"), "nonsense": "x"} {
		var bad *InvalidError
		if _, err := w.Grant(t.Context(), admin, subject, RightRead, Target{Kind: KindDatacenter, ID: "dc1"}, nil); !errors.As(err, &bad) {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := boss
	other.Tenant = "other"
	w.user("default", "ben", RoleNone)
	g, err := w.Grant(t.Context(), admin, SubjectUser("ben"), RightRead, Target{Kind: KindDatacenter, ID: "dc1"}, nil)
	w.must(err)
	if err := w.Revoke(t.Context(), other, g.ID, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("another tenant revokes: %v", err)
	}
	if _, err := w.Grant(t.Context(), other, SubjectUser("ben"), RightRead, Target{Kind: KindDatacenter, ID: "dc1"}, nil); err == nil {
		t.Error("another tenant grants to ben")
	}
}

func TestAServiceAccountHasWhatWasGrantedToIt(t *testing.T) {
	w := newWorld(t)
	admin := boss
	token, secret, err := w.CreateToken(t.Context(), admin, "ci", RoleNone, 0)
	w.must(err)
	c, err := w.FromToken(t.Context(), secret, "127.0.0.1")
	w.must(err)
	if c.TenantWide() || len(c.Grants) != 0 {
		t.Fatalf("%+v", c)
	}
	_, err = w.Grant(t.Context(), admin, SubjectToken(token.ID), RightWrite, Target{Kind: KindConnection, ID: "conn1"}, nil)
	w.must(err)
	if c, err = w.FromToken(t.Context(), secret, "127.0.0.1"); err != nil || c.Grants["conn1"] != RightWrite {
		t.Fatalf("%+v %v", c, err)
	}
	w.must(w.DeleteToken(t.Context(), admin, token.ID))
	if list, _ := w.GrantsTo(t.Context(), "default"); len(list) != 0 {
		t.Fatalf("%+v", list)
	}
}

// What is part of a system inherits, by the greatest right of the two.
func TestPartsOfASystemInherit(t *testing.T) {
	c := Caller{Tenant: "t", Role: RoleNone, Grants: map[string]Right{"sys": RightWrite, "a": RightRead, "b": RightAdmin}, Systems: []string{"sys"}}
	c.Widen("sys", []string{"a", "b", "c"})
	for id, want := range map[string]Right{"a": RightWrite, "b": RightAdmin, "c": RightWrite, "d": NoRight} {
		if got := c.rightOn([]string{id}); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
