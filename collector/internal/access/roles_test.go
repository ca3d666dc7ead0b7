package access

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store"
)

func (w *world) role(name Role, groups ...string) {
	w.t.Helper()
	_, err := w.PutRole(w.t.Context(), boss, name, 0, "", groups)
	w.must(err)
}

func (w *world) group(name string, actions ...Action) {
	w.t.Helper()
	_, err := w.PutGroup(w.t.Context(), boss, name, 0, "", actions)
	w.must(err)
}

func beyond(t *testing.T, err error, names string) {
	t.Helper()
	var e *BeyondError
	if !errors.As(err, &e) || !strings.Contains(strings.Join(e.Missing, " "), names) {
		t.Errorf("%v, want a refusal that names %q", err, names)
	}
}

func conflicts(t *testing.T, err error, words string) {
	t.Helper()
	var e *ConflictError
	if !errors.As(err, &e) || !strings.Contains(e.Problem, words) {
		t.Errorf("%v, want a conflict that says %q", err, words)
	}
}

// A role is changed, and whoever has it has the change with the next request.
func TestRolesThatWereMade(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.group("operators", Read, RequestRuns)
		w.role("operations", "operators", ResourcesReadOnly)
		w.user("default", "olga", "operations")
		s := w.mustSignIn("olga")
		if got := s.Caller.Actions; !slices.Equal(got, []Action{Read, ReadSettings, RequestRuns}) {
			t.Fatalf("%v", got)
		}
		_, err := w.PutGroup(t.Context(), boss, "operators", 1, "They run things", []Action{Read, RequestRuns, ManageAgents, Read})
		w.must(err)
		c, err := w.FromCookie(t.Context(), s.Cookie, "192.0.2.1")
		w.must(err)
		if Decide(c, ManageAgents, Object{}) != Allowed || Decide(c, ManageUsers, Object{}) == Allowed {
			t.Errorf("%v", c.Actions)
		}
		g, err := w.Group(t.Context(), boss, "operators")
		w.must(err)
		if g.Version != 2 || g.Description != "They run things" || len(g.Actions) != 3 || !slices.Equal(g.Roles, []Role{"operations"}) {
			t.Errorf("%+v", g)
		}
		r, err := w.Role(t.Context(), boss, "operations")
		w.must(err)
		if r.Users != 1 || r.BuiltIn || len(r.Actions) != 4 {
			t.Errorf("%+v", r)
		}

		// What is in use stays, what is built in does not change, and a stale edit is refused.
		conflicts(t, w.DeleteGroup(t.Context(), boss, "operators"), "operations")
		conflicts(t, w.DeleteRole(t.Context(), boss, "operations"), "1 users")
		conflicts(t, w.DeleteRole(t.Context(), boss, RoleAdmin), "built in")
		_, err = w.PutGroup(t.Context(), boss, FullAccess, 1, "", nil)
		conflicts(t, err, "built in")
		_, err = w.PutRole(t.Context(), boss, RoleNone, 1, "", []string{FullAccess})
		conflicts(t, err, "built in")
		_, err = w.PutRole(t.Context(), boss, "operations", 0, "", nil)
		conflicts(t, err, "already")
		if _, err = w.PutGroup(t.Context(), boss, "operators", 1, "", nil); !errors.As(err, new(*StaleError)) {
			t.Errorf("%v", err)
		}
		if _, err = w.PutRole(t.Context(), boss, "nobody", 1, "", nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		w.must(w.DeleteUser(t.Context(), boss, "olga"))
		w.must(w.DeleteRole(t.Context(), boss, "operations"))
		w.must(w.DeleteGroup(t.Context(), boss, "operators"))
		if err := w.DeleteRole(t.Context(), boss, "operations"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}

// A group that somebody made has a read-only twin, which follows it and is given like any other.
func TestAGroupThatWasMadeHasATwin(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.group("operators", Read, ReadSensitive, ReadSettings, RequestRuns)
		w.group("keys", ManageTokens)
		w.group("own_read_only", Read)
		w.group("own", Read, ReadAudit)
		groups, err := w.Groups(t.Context(), boss)
		w.must(err)
		var twins []string
		for _, g := range groups {
			if g.TwinOf != "" {
				twins = append(twins, g.Name)
			}
			if g.Name == "operators_read_only" && (!slices.Equal(g.Actions, []Action{Read, ReadSettings}) || g.TwinOf != "operators" || g.BuiltIn) {
				t.Errorf("%+v", g)
			}
		}
		if !slices.Equal(twins, []string{"operators_read_only"}) { // what sees nothing has none, and a group of the name is itself
			t.Errorf("the twins are %v", twins)
		}
		w.role("watchers", "operators_read_only")
		w.user("default", "olga", "watchers")
		s := w.mustSignIn("olga")
		if got := s.Caller.Actions; !slices.Equal(got, []Action{Read, ReadSettings}) {
			t.Fatalf("%v", got)
		}
		_, err = w.PutGroup(t.Context(), boss, "operators", 1, "", []Action{Read, ReadAudit, RequestRuns})
		w.must(err)
		c, err := w.FromCookie(t.Context(), s.Cookie, "192.0.2.1")
		w.must(err)
		if !slices.Equal(c.Actions, []Action{Read, ReadAudit}) {
			t.Errorf("the twin does not follow: %v", c.Actions)
		}
		_, err = w.PutGroup(t.Context(), boss, "operators_read_only", 0, "", []Action{Read})
		conflicts(t, err, "twin of operators")
		conflicts(t, w.DeleteGroup(t.Context(), boss, "operators_read_only"), "twin of operators")
		conflicts(t, w.DeleteGroup(t.Context(), boss, "operators"), "watchers")
		_, err = w.PutRole(t.Context(), boss, "others", 0, "", []string{"keys_read_only"})
		if err == nil {
			t.Error("a twin that sees nothing was given")
		}
	})
}

// The first level that gives any permission group is the one that counts: the user's own, the role's, everybody's. Nothing is merged.
func TestTheOrderOfLevels(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.group("vip", Read, ShareViews)
		w.role("empty")
		w.user("default", "none1", RoleNone)
		w.user("default", "made1", "empty")
		w.user("default", "reader1", RoleReader)
		tok, secret, err := w.CreateToken(t.Context(), boss, "script", RoleNone, 0)
		w.must(err)
		has := func(name string) []Action { return w.mustSignIn(name).Caller.Actions }
		if len(has("none1")) != 0 || len(has("made1")) != 0 {
			t.Fatalf("%v %v", has("none1"), has("made1"))
		}
		_, _, err = w.SetEverybody(t.Context(), boss, 0, []string{ResourcesReadOnly})
		w.must(err)
		for name, want := range map[string][]Action{"none1": {Read, ReadSettings}, "made1": {Read, ReadSettings}, "reader1": {Read, ReadSettings, ReadAudit}} {
			if got := has(name); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if c, err := w.FromToken(t.Context(), secret, ""); err != nil || len(c.Actions) != 0 {
			t.Errorf("a token is no person: %v %v", c.Actions, err)
		}
		u, err := w.User(t.Context(), boss, "reader1")
		w.must(err)
		_, err = w.UpdateUser(t.Context(), boss, "reader1", u.Version, UserEdit{Role: RoleReader, Groups: []string{"vip", "vip"}})
		w.must(err)
		if got := has("reader1"); !slices.Equal(got, []Action{Read, ShareViews}) {
			t.Errorf("%v", got)
		}
		conflicts(t, w.DeleteGroup(t.Context(), boss, "vip"), "reader1")
		for subject, want := range map[Subject]string{SubjectUser("none1"): LevelTenant, SubjectUser("reader1"): LevelUser, SubjectToken(tok.ID): LevelRole} {
			e, err := w.Explain(t.Context(), "default", subject, []string{"dc1"})
			w.must(err)
			if e.Level != want || (subject != SubjectToken(tok.ID)) != (len(e.Reasons) == 1 && len(e.Reasons[0].Groups) == 1) {
				t.Errorf("%s: %+v", subject, e)
			}
		}
	})
}

// Who may manage users, roles, tokens and teams, and nothing else, gets no further by it: not by a role, a group, a token, a grant, a
// team, nor by taking over somebody who has more.
func TestNobodyGivesWhatHeDoesNotHold(t *testing.T) {
	w := newWorld(t)
	w.group("deputies", Read, ReadSettings, ManageUsers, ManageRoles, ManageTokens, ManageTeams, ManageGrants)
	w.group("agents", Read, ManageAgents)
	w.role("deputy", "deputies")
	w.role("fleet", "agents")
	w.user("default", "dora", "deputy")
	w.user("default", "root", RoleAdmin)
	w.user("default", "flo", "fleet")
	w.user("default", "nina", RoleNone)
	dora := w.mustSignIn("dora").Caller
	const more = "agent.manage"

	_, _, err := w.Invite(t.Context(), dora, "new", UserEdit{Role: RoleAdmin})
	beyond(t, err, more)
	_, _, err = w.Invite(t.Context(), dora, "new", UserEdit{Role: RoleNone, Groups: []string{"agents"}})
	beyond(t, err, more)
	_, err = w.PutRole(t.Context(), dora, "mine", 0, "", []string{FullAccess})
	beyond(t, err, more)
	_, err = w.PutRole(t.Context(), dora, "fleet", 1, "", []string{"deputies"})
	beyond(t, err, more)
	_, err = w.PutGroup(t.Context(), dora, "mine", 0, "", []Action{ManageAgents})
	beyond(t, err, more)
	_, err = w.PutGroup(t.Context(), dora, "agents", 1, "", []Action{Read})
	beyond(t, err, more)
	_, _, err = w.SetEverybody(t.Context(), dora, 0, []string{"agents"})
	beyond(t, err, more)
	beyond(t, w.DeleteRole(t.Context(), dora, "fleet"), more)
	beyond(t, w.DeleteGroup(t.Context(), dora, "agents"), more)
	_, _, err = w.CreateToken(t.Context(), dora, "mine", RoleAdmin, 0)
	beyond(t, err, more)
	for _, name := range []string{"root", "flo"} {
		u, err := w.User(t.Context(), dora, name)
		w.must(err)
		_, err = w.UpdateUser(t.Context(), dora, name, u.Version, UserEdit{Role: u.Role, Email: "dora@example.org"})
		beyond(t, err, more)
		_, err = w.GiveLink(t.Context(), dora, name)
		beyond(t, err, more)
		beyond(t, w.ResetFactor(t.Context(), dora, name), more)
		beyond(t, w.DeleteUser(t.Context(), dora, name), more)
		beyond(t, w.EndSessionsOf(t.Context(), dora, name), more)
	}
	// She may read everything and grant, yet not change resources: so she grants reading only, and joins nobody to a team that has more.
	dc := Target{Kind: KindDatacenter, ID: "dc1", Name: "FRA1"}
	_, err = w.Grant(t.Context(), dora, SubjectUser("nina"), RightRead, dc, nil)
	w.must(err)
	_, err = w.Grant(t.Context(), dora, SubjectUser("dora"), RightWrite, dc, nil)
	beyond(t, err, "write on the datacenter FRA1")
	team, err := w.CreateTeam(t.Context(), boss, TeamEdit{Name: "Ops"})
	w.must(err)
	_, err = w.Grant(t.Context(), boss, SubjectTeam(team.ID), RightAdmin, dc, nil)
	w.must(err)
	_, err = w.UpdateTeam(t.Context(), dora, team.ID, team.Version, TeamEdit{Name: "Ops", Members: []Member{{Username: "dora"}}})
	beyond(t, err, "admin on the datacenter FRA1")
	team, err = w.UpdateTeam(t.Context(), boss, team.ID, team.Version, TeamEdit{Name: "Ops", Members: []Member{{Username: "nina"}}})
	w.must(err)
	_, err = w.GiveLink(t.Context(), dora, "nina") // who is in the team now
	beyond(t, err, "admin on the datacenter FRA1")
	// What she holds she gives, and she may take members away.
	_, err = w.UpdateTeam(t.Context(), dora, team.ID, team.Version, TeamEdit{Name: "Ops 2"})
	w.must(err)
	_, _, err = w.Invite(t.Context(), dora, "second", UserEdit{Role: "deputy"})
	w.must(err)
	if _, err = w.GiveLink(t.Context(), dora, "second"); err != nil {
		t.Error(err)
	}
}

// Whatever roles are made, somebody stays who has everything: roles that can be changed do not count.
func TestTheLastAdministratorStaysWhateverRolesThereAre(t *testing.T) {
	w := newWorld(t)
	w.user("default", "root", RoleAdmin)
	w.role("allmighty", FullAccess)
	w.user("default", "other", "allmighty")
	other := w.mustSignIn("other").Caller
	u, err := w.User(t.Context(), other, "root")
	w.must(err)
	for _, e := range []UserEdit{{Role: RoleReader}, {Role: RoleAdmin, Groups: []string{ReadOnly}}, {Role: RoleAdmin, Disabled: true}} {
		if _, err := w.UpdateUser(t.Context(), other, "root", u.Version, e); !errors.Is(err, errLast) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if err := w.DeleteUser(t.Context(), other, "root"); !errors.Is(err, errLast) {
		t.Error(err)
	}
}

func TestWhoManagesUsersMayNeedASecondFactor(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RequireSecondFactor = true })
	w.group("keepers", Read, ManageUsers)
	w.role("keeper", "keepers")
	w.role("looker", ReadOnly)
	w.user("default", "kim", "keeper")
	w.user("default", "leo", "looker")
	if !w.mustSignIn("kim").Caller.EnrolFirst || w.mustSignIn("leo").Caller.EnrolFirst {
		t.Error("who manages users needs a second factor, who looks does not")
	}
}

// A plain model of the order of levels: whatever groups and roles there are, what somebody can do is the union of the groups of the first
// level that has any.
func TestStandingAgreesWithAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := append(slices.Clone(builtinOrder), "a", "b", "gone")
		some := func(label string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, func(s string) string { return s }).Draw(t, label)
		}
		actions := rapid.SliceOfDistinct(rapid.SampledFrom(everyAction), func(a Action) Action { return a })
		b := rolebook{tenant: HomeTenant, groups: map[string]stored[groupDoc]{"a": {doc: groupDoc{Actions: actions.Draw(t, "a")}}, "b": {doc: groupDoc{Actions: actions.Draw(t, "b")}}},
			roles: map[Role]stored[roleDoc]{"made": {doc: roleDoc{Groups: some("made")}}}, everybody: some("everybody")}
		role := rapid.SampledFrom([]Role{RoleAdmin, RoleReader, RoleNone, "made", "nosuch"}).Draw(t, "role")
		own, person := some("own"), rapid.Bool().Draw(t, "person")
		got := b.standingOf(role, own, person)
		ofRole := map[Role][]string{RoleAdmin: {FullAccess}, RoleReader: {ReadOnly}, "made": b.roles["made"].doc.Groups}[role]
		want := own
		if len(want) == 0 {
			want = ofRole
		}
		if len(want) == 0 && person {
			want = b.everybody
		}
		for _, a := range everyAction {
			expected := slices.ContainsFunc(want, func(g string) bool {
				return slices.Contains(builtinGroups[g], a) || slices.Contains(b.groups[g].doc.Actions, a)
			})
			if slices.Contains(got.actions, a) != expected {
				t.Fatalf("%s as %s, own %v, everybody %v: %v", a, role, own, b.everybody, got)
			}
		}
	})
}
