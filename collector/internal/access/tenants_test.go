package access

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// tenantWorld has an administrator of the installation, and the tenants acme and birch with a user each.
type tenantWorld struct {
	*world
	boss Caller
}

func newTenantWorld(t *testing.T, st store.Store) *tenantWorld {
	t.Helper()
	w := &tenantWorld{world: worldOn(t, st)}
	w.people("default", "boss", RoleAdmin)
	w.boss = w.as("boss")
	for _, id := range []string{"acme", "birch"} {
		if _, err := w.CreateTenant(t.Context(), w.boss, id, TenantEdit{Name: strings.ToUpper(id)}); err != nil {
			t.Fatal(err)
		}
	}
	w.people("acme", "anna", RoleAdmin)
	w.people("birch", "ben", RoleReader)
	return w
}

func (w *tenantWorld) people(tenant, name string, role Role) {
	w.t.Helper()
	if err := w.CreateUser(w.t.Context(), User{Tenant: tenant, Username: name, Role: role}, NewSecret(password)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *tenantWorld) signsIn(name string) (Session, error) {
	return w.SignIn(w.t.Context(), Attempt{Username: name, Password: NewSecret(password), Address: "192.0.2.1"})
}

// as is somebody who has just signed in.
func (w *tenantWorld) as(name string) Caller {
	w.t.Helper()
	s, err := w.signsIn(name)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return s.Caller
}

func (w *tenantWorld) put(c Caller, tenant, name string, role Role) error {
	_, err := w.PutMember(w.t.Context(), c, tenant, name, role)
	return err
}

func (w *tenantWorld) where(name string) []string {
	w.t.Helper()
	list, err := w.Places(w.t.Context(), w.as(name))
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, p := range list {
		out = append(out, p.Tenant+" "+string(p.Role))
	}
	return out
}

func TestAPersonHasInEachTenantWhatHeWasGivenThere(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := newTenantWorld(t, st)
		ctx := t.Context()
		s, err := w.signsIn("anna")
		if err != nil || s.Caller.Tenant != "acme" || Decide(s.Caller, ManageUsers, Object{}) != Allowed || s.Caller.Installation {
			t.Fatalf("at home: %+v %v", s.Caller, err)
		}
		if _, err := w.FromCookieIn(ctx, s.Cookie, "", "birch"); !errors.Is(err, ErrNotMember) {
			t.Fatalf("before anybody let her in: %v", err)
		}
		if err := w.put(w.boss, "birch", "Anna", RoleReader); err != nil {
			t.Fatal(err)
		}
		c, err := w.FromCookieIn(ctx, s.Cookie, "", "birch")
		if err != nil || c.Tenant != "birch" || c.TenantName != "BIRCH" || c.Home != "acme" || c.Role != RoleReader {
			t.Fatalf("%+v %v", c, err)
		}
		if Decide(c, Read, Object{}) != Allowed || Decide(c, EditResources, Object{}) != Forbidden || Decide(c, ManageUsers, Object{}) != Forbidden {
			t.Error("a reader there has the rights that she has at home")
		}
		if c, err := w.FromCookie(ctx, s.Cookie, ""); err != nil || c.Tenant != "acme" {
			t.Errorf("a question about one tenant moved the session: %+v %v", c, err)
		}
		entered, err := w.Enter(ctx, s.Caller, "birch")
		if err != nil || entered.Cookie.Reveal() == s.Cookie.Reveal() {
			t.Fatalf("entered with the cookie that there was before: %v", err)
		}
		// What was under way with the cookie before is answered where it thought to be; nobody goes anywhere with it, and soon it is none.
		late, err := w.FromCookie(ctx, s.Cookie, "")
		if err != nil || late.Tenant != "acme" || late.Session != entered.Caller.Session {
			t.Errorf("the cookie before, at once: %+v %v", late, err)
		}
		if _, err := w.Enter(ctx, late, "acme"); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("the cookie before led somewhere: %v", err)
		}
		w.now = w.now.Add(formerFor)
		if _, err := w.FromCookie(ctx, s.Cookie, ""); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("the cookie before is still one: %v", err)
		}
		must(t, w.SignOut(ctx, s.Cookie))
		c, err = w.FromCookie(ctx, entered.Cookie, "")
		if err != nil || c.Tenant != "birch" {
			t.Fatalf("after entering: %+v %v", c, err)
		}
		// What is her own stays at home, wherever she is.
		if p, err := w.Profile(ctx, c); err != nil || p.Tenant != "acme" {
			t.Errorf("profile: %+v %v", p, err)
		}
		if list, err := w.Sessions(ctx, c); err != nil || !slices.ContainsFunc(list, func(s SessionInfo) bool { return s.Current }) {
			t.Errorf("sessions: %+v %v", list, err)
		}
		changed, err := w.ChangePassword(ctx, c, NewSecret(password), NewSecret("another good one indeed"))
		if err != nil || changed.Caller.Tenant != "birch" {
			t.Errorf("password: %+v %v", changed.Caller, err)
		}
		if err := w.RemoveMember(ctx, w.boss, "birch", "anna"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.FromCookie(ctx, changed.Cookie, ""); !errors.Is(err, ErrNotMember) {
			t.Errorf("after she was taken out: %v", err)
		}
	})
}

func TestWhoDecidesWhoIsInATenant(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := newTenantWorld(t, st)
		anna, ben := w.as("anna"), w.as("ben")
		if err := w.put(anna, "acme", "ben", RoleReader); !errors.Is(err, ErrForbidden) {
			t.Errorf("an administrator of a tenant lets a stranger in: %v", err)
		}
		if err := w.put(w.boss, "acme", "anna", RoleReader); err == nil {
			t.Error("a user of the tenant became a member of it")
		}
		if err := w.put(w.boss, "acme", "nobody", RoleReader); err == nil {
			t.Error("somebody who does not exist became a member")
		}
		if err := w.put(w.boss, "nowhere", "ben", RoleReader); !errors.Is(err, ErrNotFound) {
			t.Errorf("member of no tenant: %v", err)
		}
		if err := w.put(w.boss, "acme", "ben", RoleReader); err != nil {
			t.Fatal(err)
		}
		if err := w.put(anna, "acme", "ben", RoleAdmin); err != nil {
			t.Errorf("an administrator gives a member another role: %v", err)
		}
		there, err := w.In(t.Context(), ben, "acme")
		if err != nil || there.Role != RoleAdmin {
			t.Fatalf("%+v %v", there, err)
		}
		if err := w.put(there, "acme", "ben", RoleReader); err == nil {
			t.Error("a member changed his own role")
		}
		if err := w.put(there, "birch", "anna", RoleReader); !errors.Is(err, ErrForbidden) {
			t.Errorf("somebody decides about a tenant that he is not asking from: %v", err)
		}
		for _, c := range []Caller{anna, ben, there} {
			if _, err := w.CreateTenant(t.Context(), c, "third", TenantEdit{Name: "Third"}); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s made a tenant: %v", c.Name, err)
			}
		}
		// A user manager who is no administrator gives nothing that he has not.
		if err := w.put(w.boss, "acme", "boss", RoleNone); err != nil {
			t.Fatal(err)
		}
		if _, err := w.PutGroup(t.Context(), anna, "hr", 0, "", []Action{Read, ManageUsers}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.PutRole(t.Context(), anna, "hr", 0, "", []string{"hr"}); err != nil {
			t.Fatal(err)
		}
		w.people("acme", "helga", "hr")
		var beyond *BeyondError
		if err := w.put(w.as("helga"), "acme", "boss", RoleAdmin); !errors.As(err, &beyond) {
			t.Errorf("a user manager made an administrator: %v", err)
		}
		if err := w.RemoveMember(t.Context(), w.as("helga"), "acme", "ben"); !errors.As(err, &beyond) {
			t.Errorf("a user manager took an administrator out: %v", err)
		}
	})
}

func TestADisabledTenantLetsNobodyInAndLosesNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := newTenantWorld(t, st)
		ctx := t.Context()
		s, err := w.signsIn("ben")
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := w.CreateToken(ctx, Caller{Tenant: "birch", Name: "user:x", Role: RoleAdmin}, "ci", RoleReader, 0)
		if err != nil {
			t.Fatal(err)
		}
		update := func(id string, e TenantEdit) error {
			t.Helper()
			at, err := w.Tenant(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.UpdateTenant(ctx, w.boss, id, at.Version, e)
			return err
		}
		if err := update("birch", TenantEdit{Name: "Birch", Disabled: true}); err == nil {
			t.Error("disabled without a reason")
		}
		if err := update("default", TenantEdit{Name: "Default", Disabled: true, Reason: "x"}); err == nil {
			t.Error("the installation's own tenant was disabled")
		}
		if err := update("birch", TenantEdit{Name: "Birch", Disabled: true, Reason: "the contract ended"}); err != nil {
			t.Fatal(err)
		}
		var closed *DisabledError
		for what, try := range map[string]func() error{
			"session": func() error { _, err := w.FromCookie(ctx, s.Cookie, ""); return err },
			"sign-in": func() error { _, err := w.signsIn("ben"); return err },
			"token":   func() error { _, err := w.FromToken(ctx, token, ""); return err },
			"agents":  func() error { return w.Closed(ctx, "birch") },
			"on behalf": func() error {
				if _, err := w.PersonOf(ctx, "birch", "user:ben"); !errors.Is(err, ErrNotFound) {
					return err
				}
				return &DisabledError{Reason: "the contract ended"}
			},
		} {
			if err := try(); !errors.As(err, &closed) || closed.Reason != "the contract ended" {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.SignIn(ctx, Attempt{Username: "ben", Password: NewSecret("a wrong one altogether")}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("who does not know the password is told of the tenant: %v", err)
		}
		// Who is somewhere else too is let in there.
		if err := w.put(w.boss, "acme", "ben", RoleReader); err != nil {
			t.Fatal(err)
		}
		if c := w.as("ben"); c.Tenant != "acme" {
			t.Errorf("%+v", c)
		}
		if err := update("birch", TenantEdit{Name: "Birch"}); err != nil {
			t.Fatal(err)
		}
		if c, err := w.FromCookie(ctx, s.Cookie, ""); err != nil || c.Tenant != "birch" {
			t.Errorf("after it was enabled: %+v %v", c, err)
		}
		if _, err := w.FromToken(ctx, token, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestAGroupsRolesApplyInEachOfItsTenants(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := newTenantWorld(t, st)
		ctx := t.Context()
		w.people("default", "gwen", RoleNone)
		g, err := w.PutTenantGroup(ctx, w.boss, "", 0, TenantGroup{Name: "Trees", Members: []GroupMember{{"gwen", RoleAdmin}, {"anna", RoleReader}}, Everybody: []string{ResourcesReadOnly}})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.where("gwen"); !slices.Equal(got, []string{"default none"}) {
			t.Errorf("a group without tenants leads to %v", got)
		}
		for _, id := range []string{"acme", "birch"} {
			if _, err := w.UpdateTenant(ctx, w.boss, id, 1, TenantEdit{Name: id, Group: g.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.where("gwen"); !slices.Equal(got, []string{"default none", "acme admin", "birch admin"}) {
			t.Errorf("gwen is in %v", got)
		}
		if got := w.where("anna"); !slices.Equal(got, []string{"acme admin", "birch reader"}) {
			t.Errorf("what anna has at home is not the group's: %v", got)
		}
		if err := w.put(w.boss, "birch", "anna", RoleNone); err != nil {
			t.Fatal(err)
		}
		if got := w.where("anna"); !slices.Equal(got, []string{"acme admin", "birch none"}) {
			t.Errorf("what somebody was given in a tenant does not come before the group's: %v", got)
		}
		// Who has nothing by himself or by a role, and nothing as everybody of the tenant, has what everybody of the group has.
		w.people("acme", "nils", RoleNone)
		nils := w.as("nils")
		if Decide(nils, Read, Object{}) != Allowed || Decide(nils, EditResources, Object{}) != Forbidden {
			t.Error("everybody's groups of the customer do not count")
		}
		if e, err := w.Explain(ctx, "acme", SubjectUser("nils"), nil); err != nil || e.Level != LevelCustomer {
			t.Errorf("explained as %q %v", e.Level, err)
		}
		if _, _, err := w.SetEverybody(ctx, w.as("anna"), 0, []string{Resources}); err != nil {
			t.Fatal(err)
		}
		if Decide(w.as("nils"), EditResources, Object{}) != Allowed {
			t.Error("what the tenant gives does not come before the customer")
		}
		if err := w.DeleteTenantGroup(ctx, w.boss, g.ID); err == nil {
			t.Error("a group was deleted under its tenants")
		}
		// A user who is deleted leaves nothing behind for whoever comes later under the name.
		if err := w.DeleteUser(ctx, w.boss, "gwen"); err != nil {
			t.Fatal(err)
		}
		w.people("birch", "gwen", RoleNone)
		if got := w.where("gwen"); !slices.Equal(got, []string{"birch none"}) {
			t.Errorf("another gwen is in %v", got)
		}
	})
}

func TestWhatIsDecidedOfATenantIsInBothTrails(t *testing.T) {
	w := newTenantWorld(t, openSQLite(t))
	if err := w.put(w.boss, "acme", "ben", RoleReader); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveMember(t.Context(), w.boss, "acme", "ben"); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string][]string{"acme": {"tenant.create", "member.add", "member.remove"}, "birch": {"tenant.create", "member.add", "member.remove"}} {
		page, err := w.audit.List(t.Context(), tenant, audit.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range want {
			if !slices.ContainsFunc(page.Entries, func(e audit.Entry) bool { return e.Action == action }) {
				t.Errorf("%s does not tell of %s", tenant, action)
			}
		}
	}
}
