package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

// HomeTenant is the tenant of a fresh installation. Who may manage tenants there administers the installation.
const HomeTenant = "default"

const (
	// tenantsTable and tenantGroupsTable are of the installation: their rows belong to no tenant.
	tenantsTable      = "tenants"
	tenantGroupsTable = "tenant_groups"
)

// Tenant is one of the installation's: nothing in one is seen from another.
type Tenant struct {
	ID   string
	Name string
	// Group is the id of the tenant group that it is in, if any.
	Group string
	// Disabled says that nobody gets in, neither people nor tokens nor agents; Reason and the rest say why.
	Disabled   bool
	Reason     string
	DisabledAt time.Time
	DisabledBy string
	// Voice is how its letters introduce themselves.
	Voice mail.Voice
	// Language is that of its people who have none yet.
	Language  words.Language
	CreatedAt time.Time
	Version   int64
}

// TenantEdit is what an administrator of the installation decides of a tenant.
type TenantEdit struct {
	Name     string
	Group    string
	Disabled bool
	Reason   string
	// Voice is how its letters introduce themselves, Language that of its people who have none yet.
	Voice    mail.Voice
	Language words.Language
}

type tenantDoc struct {
	Name        string         `json:"name"`
	Group       string         `json:"group,omitempty"`
	Disabled    bool           `json:"disabled,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	DisabledAt  store.Time     `json:"disabled_at,omitzero"`
	DisabledBy  string         `json:"disabled_by,omitempty"`
	MailName    string         `json:"mail_name,omitempty"`
	MailReplyTo string         `json:"mail_reply_to,omitempty"`
	Language    words.Language `json:"language,omitempty"`
	CreatedAt   store.Time     `json:"created_at,omitzero"`
}

// DisabledError says that a tenant is disabled, to somebody who has proven to belong there.
type DisabledError struct{ Name, Reason string }

func (e *DisabledError) Error() string {
	text := fmt.Sprintf("the tenant %q is disabled", e.Name)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// tenantIDs are short, since they are in every key and in every certificate.
var tenantIDs = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

const maxTenantReason = 500

// tenant reads one. One that was never written down is open: so old databases work, and the first tenant before anybody named it.
func (s *Service) tenant(ctx context.Context, id string) (stored[tenantDoc], error) {
	t, err := document[tenantDoc](ctx, s.opt.Store, tenantsTable, "", id)
	if errors.Is(err, ErrNotFound) {
		return stored[tenantDoc]{id: id, doc: tenantDoc{Name: id}}, nil
	}
	return t, err
}

// known is one that can be managed.
func (s *Service) knownTenant(ctx context.Context, id string) (stored[tenantDoc], error) {
	t, err := s.tenant(ctx, id)
	if err == nil && t.version == 0 && id != HomeTenant {
		err = fmt.Errorf("tenant %s: %w", id, ErrNotFound)
	}
	return t, err
}

// Closed answers a DisabledError for a tenant that lets nobody in.
func (s *Service) Closed(ctx context.Context, tenant string) error {
	t, err := s.tenant(ctx, tenant)
	if err == nil && t.doc.Disabled {
		err = &DisabledError{Name: t.doc.Name, Reason: t.doc.Reason}
	}
	return err
}

func tenantOf(t stored[tenantDoc]) Tenant {
	d := t.doc
	return Tenant{ID: t.id, Name: d.Name, Group: d.Group, Disabled: d.Disabled, Reason: d.Reason, DisabledAt: d.DisabledAt.Time, DisabledBy: d.DisabledBy,
		Voice: mail.Voice{Name: d.MailName, ReplyTo: d.MailReplyTo}, Language: d.Language, CreatedAt: d.CreatedAt.Time, Version: t.version}
}

// Tenants are all of the installation's, by id.
func (s *Service) Tenants(ctx context.Context) ([]Tenant, error) {
	list, err := documents[tenantDoc](ctx, s.opt.Store, tenantsTable, "", nil)
	if err != nil {
		return nil, err
	}
	out := make([]Tenant, 0, len(list)+1)
	for _, t := range list {
		out = append(out, tenantOf(t))
	}
	if !slices.ContainsFunc(out, func(t Tenant) bool { return t.ID == HomeTenant }) {
		out = append(out, Tenant{ID: HomeTenant, Name: HomeTenant})
	}
	slices.SortFunc(out, func(a, b Tenant) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Voice is how letters of a tenant introduce themselves.
func (s *Service) Voice(ctx context.Context, tenant string) (mail.Voice, error) {
	t, err := s.tenant(ctx, tenant)
	return mail.Voice{Name: t.doc.MailName, ReplyTo: t.doc.MailReplyTo}, err
}

// KnowsUser says whether anybody in the installation has a name.
func (s *Service) KnowsUser(ctx context.Context, username string) (bool, error) {
	_, _, found, err := s.anyUser(ctx, foldUsername(username))
	return found, err
}

// EnsureTenant writes down a tenant that is there from the beginning.
func (s *Service) EnsureTenant(ctx context.Context, id, name string) error {
	t, err := s.tenant(ctx, id)
	if err != nil || t.version > 0 {
		return err
	}
	err = s.keep(ctx, store.Insert, tenantsTable, "", id, 1, tenantDoc{Name: name, CreatedAt: store.At(s.now())})
	var raced *StaleError
	if errors.As(err, &raced) {
		return nil // another collector did it
	}
	return err
}

// Tenant is one of them.
func (s *Service) Tenant(ctx context.Context, id string) (Tenant, error) {
	t, err := s.knownTenant(ctx, id)
	return tenantOf(t), err
}

func (s *Service) checkTenant(ctx context.Context, id string, e *TenantEdit) error {
	e.Name, e.Reason = strings.TrimSpace(e.Name), strings.TrimSpace(e.Reason)
	e.Voice = mail.Voice{Name: strings.TrimSpace(e.Voice.Name), ReplyTo: strings.TrimSpace(e.Voice.ReplyTo)}
	if field, problem := e.Voice.Check(); problem != "" {
		return &InvalidError{Field: field, Problem: problem}
	}
	if e.Language != "" && !e.Language.Known() {
		return &InvalidError{Field: "language", Problem: "is none that there are texts in"}
	}
	if !tenantIDs.MatchString(id) {
		return &InvalidError{Field: "id", Problem: "needs 1 to 40 lower-case letters, digits and hyphens, and begins with none of the last"}
	}
	if e.Name == "" || checkName(e.Name) != nil {
		return &InvalidError{Field: "name", Problem: fmt.Sprintf("needs 1 to %d bytes and no control characters", maxDisplayName)}
	}
	if len(e.Reason) > maxTenantReason || checkName(clip(e.Reason, maxDisplayName)) != nil {
		return &InvalidError{Field: "reason", Problem: fmt.Sprintf("may have at most %d bytes and no control characters", maxTenantReason)}
	}
	if e.Disabled && id == HomeTenant {
		return &ConflictError{"This tenant is the installation's own: its administrators run it, so it cannot be disabled."}
	}
	if e.Disabled && e.Reason == "" {
		return &InvalidError{Field: "reason", Problem: "is empty: those who are kept out are told why"}
	}
	all, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.ID != id && strings.EqualFold(t.Name, e.Name) {
			return &InvalidError{Field: "name", Problem: "another tenant has this name"}
		}
	}
	if e.Group == "" {
		return nil
	}
	if _, err := document[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", e.Group); errors.Is(err, ErrNotFound) {
		return &InvalidError{Field: "group", Problem: "there is no such tenant group"}
	} else if err != nil {
		return err
	}
	return nil
}

// CreateTenant makes an empty tenant. Nobody is in it before somebody was made a member.
func (s *Service) CreateTenant(ctx context.Context, c Caller, id string, e TenantEdit) (Tenant, error) {
	e.Disabled = false
	if Decide(c, ManageTenants, Object{}) != Allowed {
		return Tenant{}, ErrForbidden
	}
	if err := s.checkTenant(ctx, id, &e); err != nil {
		return Tenant{}, err
	}
	switch t, err := s.knownTenant(ctx, id); {
	case err == nil:
		return Tenant{}, &ConflictError{fmt.Sprintf("There is a tenant %s already.", t.id)}
	case !errors.Is(err, ErrNotFound):
		return Tenant{}, err
	}
	t := stored[tenantDoc]{id, 1, tenantDoc{Name: e.Name, Group: e.Group, Language: e.Language, CreatedAt: store.At(s.now())}}
	if err := s.keep(ctx, store.Insert, tenantsTable, "", t.id, t.version, t.doc); err != nil {
		return Tenant{}, err
	}
	return tenantOf(t), s.auditTenant(ctx, c, "tenant.create", t, map[string]any{"group": e.Group})
}

// UpdateTenant renames, groups, disables or enables one, based on a version; 0 is one that was never written down.
func (s *Service) UpdateTenant(ctx context.Context, c Caller, id string, version int64, e TenantEdit) (Tenant, error) {
	if Decide(c, ManageTenants, Object{}) != Allowed {
		return Tenant{}, ErrForbidden
	}
	t, err := s.knownTenant(ctx, id)
	if err != nil {
		return Tenant{}, err
	}
	if t.version != version {
		return Tenant{}, &StaleError{Current: t.version}
	}
	if err := s.checkTenant(ctx, id, &e); err != nil {
		return Tenant{}, err
	}
	was := t.doc
	t.doc.Name, t.doc.Group, t.doc.MailName, t.doc.MailReplyTo, t.doc.Language = e.Name, e.Group, e.Voice.Name, e.Voice.ReplyTo, e.Language
	action := "tenant.update"
	switch {
	case e.Disabled && !was.Disabled:
		action = "tenant.disable"
		t.doc.Disabled, t.doc.Reason, t.doc.DisabledAt, t.doc.DisabledBy = true, e.Reason, store.At(s.now()), c.Name
	case e.Disabled:
		t.doc.Reason = e.Reason
	case was.Disabled:
		action = "tenant.enable"
		t.doc.Disabled, t.doc.Reason, t.doc.DisabledAt, t.doc.DisabledBy = false, "", store.Time{}, ""
	}
	t.version++
	op := store.Replace
	if version == 0 {
		op = store.Insert
	}
	if err := s.keep(ctx, op, tenantsTable, "", id, t.version, t.doc); err != nil {
		return Tenant{}, err
	}
	detail := map[string]any{}
	for field, pair := range map[string][2]string{"name": {was.Name, t.doc.Name}, "group": {was.Group, t.doc.Group},
		"mail_name": {was.MailName, t.doc.MailName}, "mail_reply_to": {was.MailReplyTo, t.doc.MailReplyTo},
		"language": {string(was.Language), string(t.doc.Language)}} {
		if pair[0] != pair[1] {
			detail[field] = pair[1]
		}
	}
	return tenantOf(t), s.auditTenant(ctx, c, action, t, detail)
}

// auditTenant writes into both trails: that of the installation's own tenant, and that of the tenant that it is about.
func (s *Service) auditTenant(ctx context.Context, c Caller, action string, t stored[tenantDoc], detail map[string]any) error {
	for _, trail := range slices.Compact([]string{HomeTenant, t.id}) {
		err := s.audit(ctx, audit.Entry{Tenant: trail, Actor: c.Name, Action: action, Address: c.Address, Reason: t.doc.Reason,
			Object: &audit.Ref{ID: t.id, Name: t.doc.Name, Kind: "tenant"}, Detail: detail})
		if err != nil {
			return err
		}
	}
	return nil
}
