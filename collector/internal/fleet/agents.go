package fleet

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

type agentDoc struct {
	Name string `json:"name"`
	Site string `json:"site,omitempty"`
	// Group is what people put it into; versions of plugins are decided for groups.
	Group string `json:"group,omitempty"`
	// KeyHash is the SHA-256 of the bound public key, in hex: whoever has another key is somebody else.
	KeyHash    string     `json:"key_hash"`
	EnrolledAt store.Time `json:"enrolled_at"`
	NotAfter   store.Time `json:"not_after"`
	RevokedAt  store.Time `json:"revoked_at,omitzero"`
	// Recoveries that an administrator allows still, until RecoveryUntil.
	Recoveries    int        `json:"recoveries,omitempty"`
	RecoveryUntil store.Time `json:"recovery_until,omitzero"`

	Connected   bool                 `json:"connected"`
	LastContact store.Time           `json:"last_contact"`
	Version     string               `json:"version,omitempty"`
	OS          string               `json:"os,omitempty"`
	Arch        string               `json:"arch,omitempty"`
	Hostname    string               `json:"hostname,omitempty"`
	MachineID   string               `json:"machine_id,omitempty"`
	BootID      string               `json:"boot_id,omitempty"`
	SpoolID     string               `json:"spool_id,omitempty"`
	Capability  int                  `json:"capability,omitempty"`
	SkewMS      int64                `json:"clock_skew_ms"`
	Spool       rest.SpoolStatus     `json:"spool"`
	Credentials []rest.CredentialRef `json:"credentials,omitempty"`
	Plugins     []agentPlugin        `json:"plugins,omitempty"`
	Policy      []string             `json:"policy,omitempty"`
	// SealingKey is what credentials are sealed to for it: a point of P-256.
	SealingKey []byte   `json:"sealing_key,omitempty"`
	Notices    []string `json:"notices,omitempty"`

	// Drain is there while it is to take no work. drain.go.
	Drain *drainDoc `json:"drain,omitempty"`

	// Voices are the processes that spoke as the agent lately, in their order; HeldSince is set while there are two of them, and Shut
	// are those that a person decided against. clones.go.
	Voices    []voiceDoc `json:"voices,omitempty"`
	HeldSince store.Time `json:"held_since,omitzero"`
	Shut      []voiceDoc `json:"shut,omitempty"`
}

// agentPlugin is a plugin that the agent has, by the digest of its description.
type agentPlugin struct {
	Digest string `json:"digest"`
	// SHA256 of the agent's own file; an agent of before says it with the description only, for the first build that has it.
	SHA256 string `json:"sha256,omitempty"`
}

// Info is what an agent says of itself.
type Info struct {
	Version, OS, Arch, Hostname, Site, MachineID, BootID string
	// Instance is of the process.
	Instance string
}

// foreign bounds text that an agent sent.
func foreign(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 500 {
		s = string(r[:500])
	}
	return s
}

func (d *agentDoc) tell(i Info) {
	d.Version, d.OS, d.Arch, d.Hostname = foreign(i.Version), foreign(i.OS), foreign(i.Arch), foreign(i.Hostname)
	d.MachineID, d.BootID = foreign(i.MachineID), foreign(i.BootID)
	if d.Site == "" {
		d.Site = foreign(i.Site)
	}
}

func (s *Service) status(d agentDoc) string {
	switch {
	case !d.RevokedAt.IsZero():
		return "revoked"
	case !d.HeldSince.IsZero():
		return "held"
	case d.Connected && s.now().Sub(d.LastContact.Time) < s.opt.Silence:
		return "online"
	}
	return "offline"
}

// Agents are all agents of the tenant; who may not read tenant-wide sees none.
func (s *Service) Agents(ctx context.Context, c inventory.Caller) ([]rest.Agent, error) {
	out := []rest.Agent{}
	if !c.TenantWide {
		return out, nil
	}
	list, err := all[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		a, err := s.agentView(ctx, o)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Agent is one of them.
func (s *Service) Agent(ctx context.Context, c inventory.Caller, id string) (rest.Agent, error) {
	if !c.TenantWide {
		return rest.Agent{}, store.ErrNotFound
	}
	o, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, id)
	if err != nil {
		return rest.Agent{}, err
	}
	return s.agentView(ctx, o)
}

func (s *Service) agentView(ctx context.Context, o object[agentDoc]) (rest.Agent, error) {
	d := o.doc
	a := rest.Agent{ID: o.id, Name: d.Name, Site: d.Site, Group: d.Group, Status: s.status(d), Version: d.Version, OS: d.OS, Arch: d.Arch, Hostname: d.Hostname,
		LastContact: d.LastContact.Time, EnrolledAt: d.EnrolledAt.Time, CertNotAft: d.NotAfter.Time, ClockSkewMS: d.SkewMS, Spool: d.Spool,
		SealingKey: d.fingerprint(), Credentials: d.Credentials, Policy: d.Policy, Notices: d.Notices, Hold: d.hold()}
	var err error
	if a.Drain, err = s.drain(ctx, o); err != nil {
		return a, err
	}
	if s.mayRecover(d) {
		a.Recoveries, a.RecoveryUntil = d.Recoveries, d.RecoveryUntil.Time
	}
	for _, p := range d.Plugins {
		row, err := s.plugin(ctx, o.tenant, p.Digest)
		if errors.Is(err, store.ErrNotFound) {
			continue // it has been asked for
		}
		if err != nil {
			return a, err
		}
		desc, err := row.doc.parse()
		if err != nil {
			return a, err
		}
		a.Plugins = append(a.Plugins, rest.AgentPlugin{Provider: desc.Provider, Version: desc.Version, Title: desc.Title, SHA256: cmp.Or(p.SHA256, row.doc.BinarySHA256)})
	}
	conns, err := s.live(ctx, o.tenant, eq(text("agent"), o.id))
	if err != nil {
		return a, err
	}
	for _, x := range conns {
		a.Connections = append(a.Connections, rest.Ref{ID: x.id, Name: x.doc.Name})
	}
	return a, nil
}

// RevokeAgent shuts an agent out for good. What its connections found becomes unwatched.
func (s *Service) RevokeAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error) {
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		if !o.doc.RevokedAt.IsZero() {
			return errSame
		}
		o.doc.RevokedAt, o.doc.Connected, o.doc.Drain = store.At(s.now()), false, nil
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	if err := s.audit(ctx, c, "agent.revoke", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, reason, nil); err != nil {
		return rest.Agent{}, err
	}
	conns, err := s.live(ctx, c.Tenant, eq(text("agent"), id))
	if err != nil {
		return rest.Agent{}, err
	}
	for _, x := range conns {
		x, err := change(ctx, s, tConnections, c.Tenant, x.id, func(o *object[connectionDoc]) error {
			o.doc.Epoch++
			o.doc.Unsettled = &unsettled{Actor: c.Name, All: true, Reason: "its agent was revoked"}
			return nil
		})
		if err == nil {
			_, err = s.settle(context.WithoutCancel(ctx), x)
		}
		if err != nil {
			return rest.Agent{}, err
		}
	}
	if err := s.failWaiting(ctx, c.Tenant, id, "its agent was revoked"); err != nil {
		return rest.Agent{}, err
	}
	if err := s.settleSealed(ctx, c.Tenant); err != nil {
		return rest.Agent{}, err
	}
	s.signal(id)
	return s.agentView(ctx, o)
}

// failWaiting ends the runs that wait for an agent that will never come for them. What a crash leaves expires as they do.
func (s *Service) failWaiting(ctx context.Context, tenant, agent, why string) error {
	list, err := all[commandDoc](ctx, s.opt.Store, tCommands, tenant, filter.And{eq(text("agent"), agent), eq(text("state"), statePending)})
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.doc.Type == CommandRun {
			if err := s.opt.Inventory.FailRun(ctx, tenant, o.doc.RunID, why); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if err := write(ctx, s.opt.Store, tCommands, store.Delete, o); err != nil {
			return err
		}
	}
	return nil
}

// raise gives a connection its next epoch.
func (s *Service) raise(ctx context.Context, tenant, connectionID string) (object[connectionDoc], error) {
	return change(ctx, s, tConnections, tenant, connectionID, func(o *object[connectionDoc]) error {
		o.doc.Epoch++
		return nil
	})
}

// ---- what the machine plane does ----

// ErrRevoked says that an agent was shut out.
var ErrRevoked = errors.New("this agent was revoked")

// ErrStranger says that a certificate does not belong to any agent of ours.
var ErrStranger = errors.New("this agent is not known here")

// Known is an agent that has proven who it is.
type Known struct {
	Tenant, ID, Name string
	// Capability is what it said in its last session; 0 before its first.
	Capability int
}

// Authenticate holds a certificate's claims to what is known.
func (s *Service) Authenticate(ctx context.Context, tenant, id string, keyHash [32]byte) (Known, error) {
	o, err := load[agentDoc](ctx, s.opt.Store, tAgents, tenant, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Known{}, ErrStranger
	case err != nil:
		return Known{}, err
	case !o.doc.RevokedAt.IsZero():
		return Known{}, ErrRevoked
	case o.doc.KeyHash != hex.EncodeToString(keyHash[:]):
		return Known{}, ErrStranger
	}
	return Known{Tenant: tenant, ID: id, Name: o.doc.Name, Capability: o.doc.Capability}, nil
}

// Admitted says whether an agent that was let in before still may be here: ErrRevoked, ErrStranger when it is gone,
// or *ClosedError while its tenant is disabled.
func (s *Service) Admitted(ctx context.Context, k Known) error {
	o, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrStranger
	case err != nil:
		return err
	case !o.doc.RevokedAt.IsZero():
		return ErrRevoked
	}
	return s.Admits(ctx, k.Tenant)
}

// Greeting is an agent's hello.
type Greeting struct {
	Info       Info
	Capability int
	SpoolID    string
	Plugins    []string
	// Builds are the sums of the plugins' files, by the digest of their description.
	Builds      map[string]string
	Credentials []rest.CredentialRef
	Policy      []string
	Clock       time.Time
	SealingKey  []byte
	// Address is where the agent calls from.
	Address string
}

// Greet notes a new session. A spool that is not the known one means that the agent was wiped or restored: its
// connections get new epochs, so that what it might still hold cannot overwrite newer state. It answers the plugin
// descriptions that are not known yet; ErrCopy, when a person decided that this is not the agent.
func (s *Service) Greet(ctx context.Context, k Known, g Greeting) (want []string, err error) {
	renewed, copies, rekeyed := false, false, false
	o, err := change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		d := &o.doc
		voice := voiceDoc{Boot: foreign(g.Info.BootID), Instance: foreign(g.Info.Instance), Machine: foreign(g.Info.MachineID),
			Hostname: foreign(g.Info.Hostname), Address: g.Address}
		if d.shutOut(voice) {
			return ErrCopy
		}
		copies = d.speak(voice, s.now())
		renewed = d.SpoolID != "" && d.SpoolID != g.SpoolID
		site := d.Site
		d.tell(g.Info)
		rekeyed = d.takeKey(g.SealingKey) || d.Site != site
		d.Connected, d.LastContact, d.Capability, d.SpoolID = true, store.At(s.now()), g.Capability, foreign(g.SpoolID)
		d.Credentials, d.Policy, d.Plugins = g.Credentials, g.Policy, atHand(g.Plugins, g.Builds)
		if !g.Clock.IsZero() {
			d.SkewMS = g.Clock.Sub(s.now()).Milliseconds()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("greet agent: %w", err)
	}
	if copies {
		if err := s.auditHold(ctx, k, o); err != nil {
			return nil, err
		}
	}
	if renewed {
		if err := s.newSpool(ctx, k); err != nil {
			return nil, err
		}
	}
	if rekeyed {
		if err := s.settleSealed(ctx, k.Tenant); err != nil {
			return nil, err
		}
	}
	return s.unknown(ctx, k.Tenant, g.Plugins)
}

func (s *Service) newSpool(ctx context.Context, k Known) error {
	if err := s.raiseAll(ctx, k.Tenant, k.ID); err != nil {
		return err
	}
	c := inventory.Caller{Tenant: k.Tenant, Name: "agent:" + k.ID}
	return s.audit(ctx, c, "agent.new_spool", audit.Ref{ID: k.ID, Name: k.Name, Kind: "agent"}, "the agent came with another spool; the epochs of its connections were raised", nil)
}

// Beat is a sign of life.
type Beat struct {
	Clock    time.Time
	Spool    rest.SpoolStatus
	Notices  []string
	NotAfter time.Time
	// Running is how many runs go on.
	Running int
}

// Heard notes a sign of life; gone ends the session's.
func (s *Service) Heard(ctx context.Context, k Known, b Beat) error {
	_, err := change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		d := &o.doc
		if !d.RevokedAt.IsZero() {
			return ErrRevoked
		}
		d.Connected, d.LastContact, d.Spool = true, store.At(s.now()), b.Spool
		d.heardVoice(s.now())
		d.Drain.heard(b.Running)
		d.Notices = nil
		for _, n := range b.Notices[max(0, len(b.Notices)-20):] {
			d.Notices = append(d.Notices, foreign(n))
		}
		if !b.Clock.IsZero() {
			d.SkewMS = b.Clock.Sub(s.now()).Milliseconds()
		}
		if !b.NotAfter.IsZero() {
			d.NotAfter = store.At(b.NotAfter)
		}
		return nil
	})
	return err
}

// Parted notes the end of a session.
func (s *Service) Parted(ctx context.Context, k Known) error {
	_, err := change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		if !o.doc.Connected {
			return errSame
		}
		o.doc.Connected = false
		return nil
	})
	return err
}

// Holding says what an agent that pushes for a connection is to it.
type Holding int

// The holdings.
const (
	// Never: the agent never held it.
	Never Holding = iota
	// Once: the agent held it, or holds it under a newer epoch.
	Once
	// Now: the agent holds this epoch.
	Now
)

// Holds decides whether an agent may push for a connection under an epoch.
func (s *Service) Holds(ctx context.Context, k Known, connectionID string, epoch int64) (Holding, inventory.Connection, error) {
	o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, k.Tenant, connectionID)
	if errors.Is(err, store.ErrNotFound) {
		return Never, inventory.Connection{}, nil
	}
	if err != nil {
		return Never, inventory.Connection{}, err
	}
	switch {
	case !slices.Contains(o.doc.Holders, k.ID) || epoch > o.doc.Epoch:
		return Never, inventory.Connection{}, nil
	case o.doc.Agent == k.ID && o.doc.Epoch == epoch && o.doc.DeletedAt.IsZero():
		return Now, facts(o), nil
	}
	return Once, facts(o), nil
}

// Assignment is what an agent is told to run.
type Assignment struct {
	Tenant, ConnectionID, ConnectionName, AgentID, Provider, Settings, Credential string
	Epoch                                                                         int64
	Kinds                                                                         []rest.KindSchedule
	Paused                                                                        bool
	MaxRequestsPerSecond                                                          float64
	MaxParallel                                                                   int
	QuietHours                                                                    []string
	TimeZone                                                                      string
	// Sealed is the sealed credential with the wrap for this agent, as JSON.
	Sealed        []byte
	StandbyAgents []string
	// PluginVersion is the version of the plugin to run; empty for the one that the agent prefers.
	PluginVersion string
}

// Assignments are everything an agent is to run, in a stable order.
func (s *Service) Assignments(ctx context.Context, k Known) ([]Assignment, error) {
	conns, err := s.live(ctx, k.Tenant, eq(text("agent"), k.ID))
	if err != nil {
		return nil, err
	}
	draining, err := s.Draining(ctx, k)
	if err != nil {
		return nil, err
	}
	out := make([]Assignment, len(conns))
	for i, o := range conns {
		out[i] = assignment(o)
		out[i].Paused = out[i].Paused || draining
	}
	if err := s.withVersions(ctx, k, out); err != nil {
		return nil, err
	}
	return out, s.withSealed(ctx, k, out)
}

func assignment(o object[connectionDoc]) Assignment {
	d := o.doc
	return Assignment{Tenant: o.tenant, ConnectionID: o.id, ConnectionName: d.Name, AgentID: d.Agent, Provider: d.Provider, Settings: d.Settings,
		Credential: d.Credential, Epoch: d.Epoch, Kinds: d.Kinds, Paused: d.Paused, MaxRequestsPerSecond: d.MaxRequestsPerSecond, MaxParallel: d.MaxParallel,
		QuietHours: d.QuietHours, TimeZone: d.TimeZone, StandbyAgents: d.StandbyAgents}
}
