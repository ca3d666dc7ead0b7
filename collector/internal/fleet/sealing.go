package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// The sealed credential of a connection is a row of its own: ciphertext, and the key of it for each recipient. The collector can
// open neither. It decides who ought to be able to (the agents of the site of the connection's agent, and the recovery key)
// and asks an agent that can open it to share the key with those who cannot.

const (
	tSealed  = "sealed_credentials"
	tSealing = "sealing"
)

type sealedDoc struct {
	Connection string        `json:"connection"`
	Header     string        `json:"header"`
	Ciphertext []byte        `json:"ciphertext"`
	Wraps      []sealed.Wrap `json:"wraps"`
	SealedAt   store.Time    `json:"sealed_at"`
	SealedBy   string        `json:"sealed_by"`
	// Lacking is set while somebody who ought to be able to open it cannot, and an agent could help.
	Lacking string `json:"lacking,omitempty"`
	// Problem is what an agent said that was asked to share it.
	Problem string `json:"problem,omitempty"`
	// Exposed names agents that were shut out after they could open it.
	Exposed []string `json:"exposed,omitempty"`
	// CheckedAt is when an agent had found that it works, before it was used; zero for one that was used unchecked.
	CheckedAt store.Time `json:"checked_at,omitzero"`
	// Candidate is to be used in its place once it was checked, and Untold what became of one. rotation.go.
	Candidate *candidateDoc `json:"candidate,omitempty"`
	Untold    *untoldDoc    `json:"untold,omitempty"`
}

// used says whether there is a credential in use, and not only a candidate.
func (d sealedDoc) used() bool { return d.Header != "" }

const lacking = "yes"

// sealingDoc is what a tenant decides of sealing.
type sealingDoc struct {
	RecoveryKey []byte     `json:"recovery_key,omitempty"`
	SetAt       store.Time `json:"set_at"`
	SetBy       string     `json:"set_by"`
}

func sealedID(tenant, connection string) string { return store.Key(tenant, connection) }

// takeKey notes the agent's sealing key, and whether it is another one.
func (d *agentDoc) takeKey(point []byte) (changed bool) {
	if _, err := sealed.ParsePublicKey(point); err != nil {
		point = nil
	}
	changed = !bytes.Equal(d.SealingKey, point)
	d.SealingKey = point
	return changed
}

func fingerprintOf(point []byte) string {
	pk, err := sealed.ParsePublicKey(point)
	if err != nil {
		return ""
	}
	return pk.Fingerprint()
}

func (d *agentDoc) fingerprint() string { return fingerprintOf(d.SealingKey) }

// circle is everybody who can be sealed to in a tenant.
type circle struct {
	agents   []object[agentDoc]
	byID     map[string]object[agentDoc]
	members  map[string]rest.SealRecipient // by fingerprint; without agents that were shut out
	recovery rest.SealRecipient
}

func (s *Service) circle(ctx context.Context, tenant string) (circle, error) {
	c := circle{byID: map[string]object[agentDoc]{}, members: map[string]rest.SealRecipient{}}
	var err error
	if c.agents, err = all[agentDoc](ctx, s.opt.Store, tAgents, tenant, nil); err != nil {
		return c, err
	}
	for _, a := range c.agents {
		c.byID[a.id] = a
		if f := a.doc.fingerprint(); f != "" && a.doc.RevokedAt.IsZero() {
			c.members[f] = rest.SealRecipient{Fingerprint: f, Name: a.doc.Name, Type: "agent", Agent: a.id, Key: a.doc.SealingKey}
		}
	}
	o, err := load[sealingDoc](ctx, s.opt.Store, tSealing, tenant, tenant)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return c, err
	}
	if f := fingerprintOf(o.doc.RecoveryKey); f != "" {
		c.recovery = rest.SealRecipient{Fingerprint: f, Name: "recovery key", Type: "recovery", Key: o.doc.RecoveryKey}
		c.members[f] = c.recovery
	}
	return c, nil
}

// recipients are those that a connection's credential ought to be sealed to: its agent first, then those that stand at the
// same site, then the recovery key. Agents that name no site stand alone.
func (c circle) recipients(d connectionDoc) []rest.SealRecipient {
	own, ok := c.byID[d.Agent]
	if !ok {
		return nil
	}
	m, ok := c.members[own.doc.fingerprint()]
	if !ok {
		return nil
	}
	out := []rest.SealRecipient{m}
	for _, a := range c.agents {
		if m, ok := c.members[a.doc.fingerprint()]; ok && a.id != own.id && a.doc.Site != "" && a.doc.Site == own.doc.Site {
			out = append(out, m)
		}
	}
	if c.recovery.Fingerprint != "" {
		out = append(out, c.recovery)
	}
	return out[:min(len(out), sealed.MaxWraps)]
}

func (d sealedDoc) has(fingerprint string) bool {
	return slices.ContainsFunc(d.Wraps, func(w sealed.Wrap) bool { return w.Recipient == fingerprint })
}

// missing are the recipients that cannot open it.
func (d sealedDoc) missing(want []rest.SealRecipient) []rest.SealRecipient {
	return slices.DeleteFunc(slices.Clone(want), func(r rest.SealRecipient) bool { return d.has(r.Fingerprint) })
}

func (d sealedDoc) envelope() sealed.Envelope {
	return sealed.Envelope{Header: d.Header, Ciphertext: d.Ciphertext, Wraps: d.Wraps}
}

// targetsOf are the settings that say where a credential is sent, by the plugin's description.
func targetsOf(d provider.Description, settings string) (json.RawMessage, error) {
	form, err := schema.ParseSettings(d.Settings)
	if err != nil {
		return nil, fmt.Errorf("read settings schema of %s: %w", d.Provider, err)
	}
	targets, err := form.Targets([]byte(settings))
	if err != nil {
		return nil, fmt.Errorf("read targets of a connection: %w", err)
	}
	return targets, nil
}

// SameTargets says whether settings would have a connection's credential sent where it is sent now.
func (s *Service) SameTargets(ctx context.Context, c inventory.Caller, id string, settings json.RawMessage) (bool, error) {
	o, err := s.connection(ctx, c, id)
	if err != nil {
		return false, err
	}
	desc, err := s.describe(ctx, c, o.doc.Provider, o.doc.Agent)
	if err != nil {
		return false, err
	}
	now, err := targetsOf(desc, o.doc.Settings)
	if err != nil {
		return false, err
	}
	if text := bytes.TrimSpace(settings); len(text) == 0 || string(text) == "null" {
		settings = json.RawMessage("{}")
	}
	next, err := targetsOf(desc, string(settings))
	if err != nil {
		return false, &inventory.InvalidError{Pointer: "/settings", Problem: "are not a JSON object"}
	}
	return bytes.Equal(now, next), nil
}

// fits says why an envelope's header is not for a connection as it is now; empty when it is.
func fits(h sealed.Header, o object[connectionDoc], targets json.RawMessage) string {
	now := map[string]json.RawMessage{}
	if err := json.Unmarshal(targets, &now); err != nil {
		return "the connection's settings cannot be read"
	}
	switch {
	case h.Tenant != o.tenant || h.Connection != o.id:
		return "it is sealed for another connection"
	case h.Provider != o.doc.Provider:
		return "it is sealed for another plugin"
	case !sealed.SameTargets(h.Targets, now):
		return "it is sealed for another place: the settings that say where it is sent have changed since"
	}
	return ""
}

// sealView looks at one connection; desc may be nil when its plugin is not known now.
func (c circle) sealView(o object[connectionDoc], row *sealedDoc, desc *provider.Description) (rest.SealedCredential, error) {
	out := rest.SealedCredential{ID: o.id, Connection: rest.Ref{ID: o.id, Name: o.doc.Name}, Provider: o.doc.Provider, Tenant: o.tenant, State: "none",
		Targets: json.RawMessage("{}"), Wanted: []rest.SealVariable{}, Recipients: c.recipients(o.doc)}
	if out.Recipients == nil {
		out.Recipients = []rest.SealRecipient{}
	}
	if a, ok := c.byID[o.doc.Agent]; ok {
		out.Agent = &rest.Ref{ID: a.id, Name: a.doc.Name}
	}
	if desc != nil {
		var err error
		if out.Targets, err = targetsOf(*desc, o.doc.Settings); err != nil {
			return out, err
		}
		for _, v := range desc.CredentialEnv {
			if v.MaySeal() {
				out.Wanted = append(out.Wanted, rest.SealVariable{Name: v.Name, Title: v.Title, Help: v.Help, Secret: v.Secret})
			}
		}
	}
	if row == nil || !row.used() {
		return out, nil
	}
	h, err := sealed.ParseHeader(row.Header)
	if err != nil {
		return out, fmt.Errorf("read sealed credential of %s: %w", o.id, err)
	}
	out.Variables, out.SealedAt, out.SealedBy, out.CheckedAt = h.Variables, row.SealedAt.Time, row.SealedBy, row.CheckedAt.Time
	for _, w := range row.Wraps {
		if m, ok := c.members[w.Recipient]; ok {
			out.OpenedBy = append(out.OpenedBy, m)
			out.Recoverable = out.Recoverable || m.Type == "recovery"
		}
	}
	if len(row.Exposed) > 0 {
		out.Advice = fmt.Sprintf("%s could open it and was revoked since: change the values at the provider and enter the new ones.", strings.Join(row.Exposed, ", "))
	}
	out.State, out.Reason = c.standing(o, row, h, desc, out)
	return out, nil
}

// standing is the state of a sealed credential, and why.
func (c circle) standing(o object[connectionDoc], row *sealedDoc, h sealed.Header, desc *provider.Description, v rest.SealedCredential) (state, reason string) {
	if desc != nil {
		if why := fits(h, o, v.Targets); why != "" {
			return "reenter", why
		}
	}
	own, ok := c.byID[o.doc.Agent]
	f := own.doc.fingerprint()
	switch {
	case ok && f != "" && own.doc.RevokedAt.IsZero() && row.has(f):
		return "ready", ""
	case !ok || !own.doc.RevokedAt.IsZero():
		if len(v.OpenedBy) == 0 {
			return "reenter", "nobody can open it any more, and the connection has no agent"
		}
		return "waiting", "the connection has no agent"
	case f == "":
		return "reenter", fmt.Sprintf("the agent %q is too old to open sealed credentials; upgrade it", own.doc.Name)
	}
	var helpers []string
	for _, m := range v.OpenedBy {
		if m.Type == "agent" {
			helpers = append(helpers, m.Name)
		}
	}
	if len(helpers) > 0 {
		reason = "waits for the key from " + strings.Join(helpers, " or ")
		if row.Problem != "" {
			reason += "; it said: " + row.Problem
		}
		return "waiting", reason
	}
	if v.Recoverable {
		return "reenter", "no agent can open it; enter it again, or use the recovery key (maestro sealed recover)"
	}
	return "reenter", "no agent can open it; enter it again"
}

// SealedCredentials say how the credentials of the connections stand that the caller may know of.
func (s *Service) SealedCredentials(ctx context.Context, c inventory.Caller) ([]rest.SealedCredential, error) {
	conns, err := s.live(ctx, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	conns = slices.DeleteFunc(conns, func(o object[connectionDoc]) bool { return !mayReadConnection(c, o) })
	return s.sealViews(ctx, c, conns)
}

// SealedCredential is that of one connection.
func (s *Service) SealedCredential(ctx context.Context, c inventory.Caller, connection string) (rest.SealedCredential, error) {
	o, err := s.connection(ctx, c, connection)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	list, err := s.sealViews(ctx, c, []object[connectionDoc]{o})
	if err != nil {
		return rest.SealedCredential{}, err
	}
	return list[0], nil
}

func (s *Service) sealViews(ctx context.Context, c inventory.Caller, conns []object[connectionDoc]) ([]rest.SealedCredential, error) {
	circle, err := s.circle(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	rows, err := s.sealedRows(ctx, c.Tenant, conns)
	if err != nil {
		return nil, err
	}
	rotation, err := s.rotation(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	find, err := s.finder(ctx, c.Tenant, circle)
	if err != nil {
		return nil, err
	}
	out := make([]rest.SealedCredential, len(conns))
	for i, o := range conns {
		desc, err := find(o.doc)
		if err != nil {
			return nil, err
		}
		if out[i], err = circle.sealView(o, rows[o.id], desc); err != nil {
			return nil, err
		}
		rotation.age(&out[i], s.now())
		if row := rows[o.id]; row != nil {
			if out[i].Candidate, err = circle.candidateView(o, row.Candidate, func(d agentDoc) bool { return s.status(d) != "online" }); err != nil {
				return nil, err
			}
		}
		if !c.TenantWide { // agents are not theirs to know
			out[i].Recipients, out[i].OpenedBy, out[i].Reason, out[i].Advice = []rest.SealRecipient{}, nil, "", ""
			if x := out[i].Candidate; x != nil {
				x.Error, x.Report = "", nil
			}
		}
	}
	return out, nil
}

// sealedRows reads the rows of connections at once, by connection.
func (s *Service) sealedRows(ctx context.Context, tenant string, conns []object[connectionDoc]) (map[string]*sealedDoc, error) {
	ids := make([]string, len(conns))
	for i, o := range conns {
		ids[i] = sealedID(tenant, o.id)
	}
	out := map[string]*sealedDoc{}
	for part := range slices.Chunk(ids, 500) {
		rows, err := s.opt.Store.Get(ctx, tSealed, tenant, "", part)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", tSealed, err)
		}
		for _, row := range rows {
			o, err := decode[sealedDoc](row)
			if err != nil {
				return nil, err
			}
			out[o.doc.Connection] = &o.doc
		}
	}
	return out, nil
}

// finder answers the description of a connection's plugin, in the version that its agent runs; nil where none is known. Each is read once.
func (s *Service) finder(ctx context.Context, tenant string, c circle) (func(connectionDoc) (*provider.Description, error), error) {
	p, err := s.pins(ctx, tenant)
	if err != nil {
		return nil, err
	}
	known := map[string]*provider.Description{}
	return func(d connectionDoc) (*provider.Description, error) {
		agents := c.agents
		if a, ok := c.byID[d.Agent]; ok {
			agents = []object[agentDoc]{a}
		}
		for _, a := range agents {
			digest, err := s.digestFor(ctx, tenant, p, a.id, a.doc, d.Provider)
			if err != nil {
				return nil, err
			}
			if digest == "" {
				continue
			}
			if _, ok := known[digest]; !ok {
				read, err := s.description(ctx, tenant, digest)
				if err != nil {
					return nil, err
				}
				known[digest] = &read
			}
			return known[digest], nil
		}
		return nil, nil
	}, nil
}

// Envelope is the sealed credential itself, for who holds the recovery key.
func (s *Service) Envelope(ctx context.Context, c inventory.Caller, connection string) (rest.SealedEnvelope, error) {
	if _, err := s.connection(ctx, c, connection); err != nil {
		return rest.SealedEnvelope{}, err
	}
	o, err := load[sealedDoc](ctx, s.opt.Store, tSealed, c.Tenant, sealedID(c.Tenant, connection))
	if err == nil && !o.doc.used() {
		err = store.ErrNotFound
	}
	out := rest.SealedEnvelope{Header: o.doc.Header, Ciphertext: o.doc.Ciphertext}
	for _, w := range o.doc.Wraps {
		out.Wraps = append(out.Wraps, rest.SealedWrap(w))
	}
	return out, err
}

// sealedFor is what somebody sealed for a connection, once it is found to be for it and for those who may open it.
func (s *Service) sealedFor(ctx context.Context, c inventory.Caller, connection string, e rest.SealedEnvelope) (object[connectionDoc], circle, sealedDoc, error) {
	o, err := s.connection(ctx, c, connection)
	if err != nil {
		return o, circle{}, sealedDoc{}, err
	}
	agents, err := s.circle(ctx, c.Tenant)
	if err != nil {
		return o, agents, sealedDoc{}, err
	}
	doc, err := s.checkEnvelope(ctx, c, o, agents, e)
	return o, agents, doc, err
}

// Seal keeps what somebody sealed for a connection, in place of what was there, candidates included: it is used at once.
func (s *Service) Seal(ctx context.Context, c inventory.Caller, connection string, e rest.SealedEnvelope) (rest.SealedCredential, error) {
	o, circle, doc, err := s.sealedFor(ctx, c, connection, e)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	replaced, err := s.putSealed(ctx, c.Tenant, doc)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	// A connection that was deleted in between takes its credential along.
	if _, err := s.connection(ctx, c, connection); err != nil {
		return rest.SealedCredential{}, errors.Join(err, s.dropSealed(ctx, c.Tenant, connection))
	}
	action, recipients := "credential.set", []string{}
	if replaced {
		action = "credential.rotate"
	}
	for _, w := range doc.Wraps {
		recipients = append(recipients, w.Recipient)
	}
	h, err := sealed.ParseHeader(doc.Header)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	if err := s.audit(ctx, c, action, connectionRef(o), "", map[string]any{"variables": h.Variables, "recipients": recipients}); err != nil {
		return rest.SealedCredential{}, err
	}
	s.signalCircle(o.doc.Agent, circle, doc)
	return s.SealedCredential(ctx, c, connection)
}

func (s *Service) signalCircle(agent string, c circle, d sealedDoc) {
	ids := []string{agent}
	for _, w := range d.Wraps {
		ids = append(ids, c.members[w.Recipient].Agent)
	}
	s.signal(ids...)
}

// checkEnvelope holds what came to what was asked for: the collector cannot look into it, but it can refuse what its agents
// would refuse, and what is sealed to strangers.
func (s *Service) checkEnvelope(ctx context.Context, c inventory.Caller, o object[connectionDoc], circle circle, e rest.SealedEnvelope) (sealedDoc, error) {
	doc := sealedDoc{Connection: o.id, Header: e.Header, Ciphertext: e.Ciphertext, SealedAt: store.At(s.now()), SealedBy: c.Name}
	for _, w := range e.Wraps {
		doc.Wraps = append(doc.Wraps, sealed.Wrap(w))
	}
	h, err := doc.envelope().Check()
	if err != nil {
		return doc, &inventory.InvalidError{Pointer: "", Problem: err.Error()}
	}
	want := circle.recipients(o.doc)
	if len(want) == 0 {
		return doc, &inventory.ConflictError{ResourceID: o.id, Problem: "the connection has no agent that could open it"}
	}
	desc, err := s.describe(ctx, c, o.doc.Provider, o.doc.Agent)
	if err != nil {
		return doc, err
	}
	targets, err := targetsOf(desc, o.doc.Settings)
	if err != nil {
		return doc, err
	}
	if why := fits(h, o, targets); why != "" {
		return doc, &inventory.InvalidError{Pointer: "/header", Problem: why + "; seal it again"}
	}
	for _, name := range h.Variables {
		if !slices.ContainsFunc(desc.CredentialEnv, func(v provider.EnvVar) bool { return v.Name == name && v.MaySeal() }) {
			return doc, &inventory.InvalidError{Pointer: "/header", Problem: fmt.Sprintf("the plugin %s does not take %s from a sealed credential; it may only stand in the agent's own file", desc.Provider, name)}
		}
	}
	for _, w := range doc.Wraps {
		if _, ok := circle.members[w.Recipient]; !ok {
			return doc, &inventory.InvalidError{Pointer: "/wraps", Problem: fmt.Sprintf("%s is the key of nobody here; seal it again", w.Recipient)}
		}
	}
	if !doc.has(want[0].Fingerprint) {
		return doc, &inventory.InvalidError{Pointer: "/wraps", Problem: fmt.Sprintf("it is not sealed to the connection's agent %q; seal it again", want[0].Name)}
	}
	if len(doc.missing(want)) > 0 {
		doc.Lacking = lacking
	}
	return doc, nil
}

func (s *Service) putSealed(ctx context.Context, tenant string, doc sealedDoc) (replaced bool, err error) {
	id := sealedID(tenant, doc.Connection)
	err = insert(ctx, s.opt.Store, tSealed, object[sealedDoc]{id: id, tenant: tenant, doc: doc})
	if !errors.Is(err, errRaced) {
		return false, err
	}
	_, err = change(ctx, s, tSealed, tenant, id, func(o *object[sealedDoc]) error {
		replaced = o.doc.used()
		doc.Untold = o.doc.Untold
		o.doc = doc
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errRaced) {
		err = &inventory.ConflictError{ResourceID: doc.Connection, Problem: "somebody else changes its credential; try again"}
	}
	return replaced, err
}

// Unseal forgets the sealed credential of a connection.
func (s *Service) Unseal(ctx context.Context, c inventory.Caller, connection string) error {
	o, err := s.connection(ctx, c, connection)
	if err != nil {
		return err
	}
	if _, err := load[sealedDoc](ctx, s.opt.Store, tSealed, c.Tenant, sealedID(c.Tenant, connection)); err != nil {
		return err
	}
	if err := s.dropSealed(ctx, c.Tenant, connection); err != nil {
		return err
	}
	if err := s.audit(ctx, c, "credential.delete", connectionRef(o), "", nil); err != nil {
		return err
	}
	s.signal(o.doc.Agent)
	return nil
}

func (s *Service) dropSealed(ctx context.Context, tenant, connection string) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error { return drop(ctx, tx, tSealed, tenant, sealedID(tenant, connection)) })
}

// digestOf names a header.
func digestOf(header string) []byte {
	sum := sha256.Sum256([]byte(header))
	return sum[:]
}
