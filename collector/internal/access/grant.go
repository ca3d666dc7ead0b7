package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// Target is what a grant is about: something that other things inherit rights from.
type Target struct {
	// Kind is "tenant", "datacenter", "connection", or the kind of a resource. A grant on a resource of the kind "system"
	// is one on all that is part of the system too, one on a "client" on all that serves the client.
	Kind string
	// ID is empty for the tenant.
	ID string
	// Name when it was granted.
	Name string
}

// KindSystem is the kind of resource whose parts inherit its grants, KindClient that whose accounts and systems do, KindTenant what
// has no id.
const (
	KindSystem     = "system"
	KindClient     = "client"
	KindTenant     = "tenant"
	KindDatacenter = "datacenter"
	KindConnection = "connection"
)

// Root is the access root that the target stands for.
func (t Target) Root() string {
	if t.Kind == KindTenant {
		return WholeTenant
	}
	return t.ID
}

// Subject is who gets a right: "user:anna", "team:<id>", "token:<id>".
type Subject string

// SubjectUser is a person; names are taken in any case.
func SubjectUser(name string) Subject { return Subject("user:" + foldUsername(name)) }

// SubjectTeam is a team by its id, SubjectToken a token by its id.
func SubjectTeam(id string) Subject  { return Subject("team:" + id) }
func SubjectToken(id string) Subject { return Subject("token:" + id) }

// Grant gives somebody a right on a target and on whatever inherits from it.
type Grant struct {
	ID        string
	Subject   Subject
	Right     Right
	Target    Target
	CreatedAt time.Time
	CreatedBy string
	Version   int64
}

type grantDoc struct {
	Subject   Subject    `json:"subject"`
	Right     string     `json:"right"`
	Kind      string     `json:"kind"`
	Root      string     `json:"root"`
	Name      string     `json:"name,omitempty"`
	CreatedAt store.Time `json:"created_at"`
	CreatedBy string     `json:"created_by"`
}

func grantOf(g stored[grantDoc]) Grant {
	right, _ := ParseRight(g.doc.Right) // one of a newer release is none
	t := Target{Kind: g.doc.Kind, ID: g.doc.Root, Name: g.doc.Name}
	if g.doc.Kind == KindTenant {
		t.ID = ""
	}
	return Grant{ID: g.id, Subject: g.doc.Subject, Right: right, Target: t, CreatedAt: g.doc.CreatedAt.Time, CreatedBy: g.doc.CreatedBy, Version: g.version}
}

// grantID makes one row of one subject and one root, so that granting again is a change and not a second grant.
func grantID(tenant string, subject Subject, root string) string {
	sum := sha256.Sum256([]byte(store.Key(tenant, string(subject), root)))
	return hex.EncodeToString(sum[:16])
}

// mayGrant asks Decide about a target and what else leads to it.
func (c Caller) mayGrant(t Target, also []string) bool {
	return Decide(c, ManageGrants, Object{Tenant: c.Tenant, Roots: append([]string{t.Root()}, also...)}) == Allowed
}

// ErrForbidden says that the caller may see something and may not do this to it.
var ErrForbidden = errors.New("not allowed")

// Grant gives a right, in place of what the same subject had on the same target. Inherited are the target's other access roots: who
// administers one of them may grant on the target.
func (s *Service) Grant(ctx context.Context, c Caller, subject Subject, right Right, t Target, inherited []string) (Grant, error) {
	if right < RightRead || right > RightAdmin {
		return Grant{}, &InvalidError{Field: "right", Problem: "must be read, write or admin"}
	}
	if t.Kind == "" || (t.ID == "") != (t.Kind == KindTenant) {
		return Grant{}, &InvalidError{Field: "target", Problem: "needs a kind and an id"}
	}
	if !c.mayGrant(t, inherited) {
		return Grant{}, ErrForbidden
	}
	if !c.holds(right, append([]string{t.Root()}, inherited...)) {
		return Grant{}, &BeyondError{Problem: beyondGiving, Missing: []string{right.String() + " on the " + t.Kind + " " + t.Name}}
	}
	name, err := s.subjectName(ctx, c, subject)
	if err != nil {
		return Grant{}, err
	}
	id := grantID(c.Tenant, subject, t.Root())
	d := grantDoc{Subject: subject, Right: right.String(), Kind: t.Kind, Root: t.Root(), Name: t.Name, CreatedAt: store.At(s.now()), CreatedBy: c.Name}
	row, err := encodeRow(id, c.Tenant, 1, d)
	if err != nil {
		return Grant{}, err
	}
	if _, err := s.update(ctx, store.Write{Table: grantsTable, Op: store.Put, Row: row}); err != nil {
		return Grant{}, fmt.Errorf("write grant: %w", err)
	}
	err = s.auditGrant(ctx, c, "grant.give", d, name)
	return grantOf(stored[grantDoc]{id, 1, d}), err
}

func (s *Service) auditGrant(ctx context.Context, c Caller, action string, d grantDoc, name string) error {
	id := d.Root
	if d.Kind == KindTenant {
		id = c.Tenant
	}
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: action, Address: c.Address,
		Object: &audit.Ref{ID: id, Name: d.Name, Kind: d.Kind}, Detail: map[string]any{"subject": string(d.Subject), "name": name, "right": d.Right}})
}

// Revoke takes a grant back. One on what the caller may not see is not found.
func (s *Service) Revoke(ctx context.Context, c Caller, id string, inherited []string) error {
	g, err := document[grantDoc](ctx, s.opt.Store, grantsTable, c.Tenant, id)
	if err != nil {
		return err
	}
	t := grantOf(g).Target
	if !c.mayGrant(t, inherited) {
		if Decide(c, Read, Object{Roots: append([]string{t.Root()}, inherited...)}) == Allowed {
			return ErrForbidden
		}
		return fmt.Errorf("grant %s: %w", id, ErrNotFound)
	}
	if err := s.drop(ctx, grantsTable, c.Tenant, id); err != nil {
		return err
	}
	return s.auditGrant(ctx, c, "grant.take", g.doc, "")
}

// GrantByID is one of the tenant's, for whoever decides what of it to show.
func (s *Service) GrantByID(ctx context.Context, tenant, id string) (Grant, error) {
	g, err := document[grantDoc](ctx, s.opt.Store, grantsTable, tenant, id)
	return grantOf(g), err
}

// GrantsOn are the grants on any of the roots.
func (s *Service) GrantsOn(ctx context.Context, tenant string, roots []string) ([]Grant, error) {
	list, err := documents[grantDoc](ctx, s.opt.Store, grantsTable, tenant, oneOf(fieldRoot, roots))
	return sortedGrants(list), err
}

// GrantsTo are the grants that any of the subjects have, all of the tenant's when there are none named.
func (s *Service) GrantsTo(ctx context.Context, tenant string, subjects ...Subject) ([]Grant, error) {
	if len(subjects) == 0 {
		list, err := documents[grantDoc](ctx, s.opt.Store, grantsTable, tenant, nil)
		return sortedGrants(list), err
	}
	names := make([]string, len(subjects))
	for i, x := range subjects {
		names[i] = string(x)
	}
	list, err := documents[grantDoc](ctx, s.opt.Store, grantsTable, tenant, oneOf(fieldSubject, names))
	return sortedGrants(list), err
}

func sortedGrants(list []stored[grantDoc]) []Grant {
	out := make([]Grant, len(list))
	for i, g := range list {
		out[i] = grantOf(g)
	}
	slices.SortFunc(out, func(a, b Grant) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// subjectName is what people call a subject; one that is not there is *InvalidError.
func (s *Service) subjectName(ctx context.Context, c Caller, subject Subject) (string, error) {
	sort, id, _ := strings.Cut(string(subject), ":")
	var name string
	var err error
	switch sort {
	case "user":
		var d userDoc
		_, d, _, err = s.someone(ctx, c.Tenant, id)
		name = d.Display
	case "team":
		var t stored[teamDoc]
		t, err = document[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, id)
		name = t.doc.Name
	case "token":
		var t stored[tokenDoc]
		t, err = document[tokenDoc](ctx, s.opt.Store, tokensTable, c.Tenant, id)
		name = t.doc.Name
	default:
		return "", &InvalidError{Field: "subject", Problem: "must be user:NAME, team:ID or token:ID"}
	}
	if errors.Is(err, ErrNotFound) {
		return "", &InvalidError{Field: "subject", Problem: "there is no such user, team or token"}
	}
	return name, err
}

// forget takes all grants of a subject back, so that nobody who comes later under the same name inherits them.
func (s *Service) forget(ctx context.Context, tenant string, subject Subject) error {
	list, err := s.GrantsTo(ctx, tenant, subject)
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i, g := range list {
		ids[i] = g.ID
	}
	return s.drop(ctx, grantsTable, tenant, ids...)
}

// withRights completes a caller by teams and grants. Who may do everything needs none.
func (s *Service) withRights(ctx context.Context, c Caller, subject Subject, roots []string) (Caller, error) {
	if c.can(ManageTeams) && c.holds(RightAdmin, nil) {
		return c, nil
	}
	subjects := []Subject{subject}
	if name, ok := strings.CutPrefix(string(subject), "user:"); ok {
		var err error
		if c.Teams, err = s.teamsOf(ctx, c.Tenant, name); err != nil {
			return Caller{}, err
		}
		for _, t := range c.Teams {
			subjects = append(subjects, SubjectTeam(t.ID))
		}
	}
	grants, err := s.GrantsTo(ctx, c.Tenant, subjects...)
	if err != nil {
		return Caller{}, err
	}
	c.Grants = map[string]Right{}
	for _, g := range grants {
		root := g.Target.Root()
		c.Grants[root] = max(c.Grants[root], g.Right)
	}
	for _, root := range roots {
		c.Grants[root] = max(c.Grants[root], RightRead)
	}
	for _, g := range grants {
		switch {
		case g.Target.Kind == KindSystem && !slices.Contains(c.Systems, g.Target.ID):
			c.Systems = append(c.Systems, g.Target.ID)
		case g.Target.Kind == KindClient && !slices.Contains(c.Clients, g.Target.ID):
			c.Clients = append(c.Clients, g.Target.ID)
		}
	}
	return c, nil
}

// Widen gives the parts of a system, or what serves a client, what was granted on it. Who knows what is part of what calls it before
// anything is decided.
func (c *Caller) Widen(root string, parts []string) {
	right := c.Grants[root]
	for _, id := range parts {
		c.Grants[id] = max(c.Grants[id], right)
	}
}
