package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
)

// withSealed adds to assignments what was sealed for their connections, each with the agent's own wrap only.
func (s *Service) withSealed(ctx context.Context, k Known, list []Assignment) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]object[connectionDoc], len(list))
	for i, a := range list {
		ids[i].id = a.ConnectionID
	}
	rows, err := s.sealedRows(ctx, k.Tenant, ids)
	if err != nil || len(rows) == 0 {
		return err
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if err != nil {
		return err
	}
	own := agent.doc.fingerprint()
	for i := range list {
		row, ok := rows[list[i].ConnectionID]
		if !ok || !row.used() {
			continue
		}
		e, _ := row.envelope().For(own)
		if list[i].Sealed, err = json.Marshal(e); err != nil {
			return fmt.Errorf("encode sealed credential: %w", err)
		}
	}
	return nil
}

// Unshared is a sealed credential that the agent can open and others ought to.
type Unshared struct {
	Connection string
	// Envelope is the JSON of it with the agent's own wrap and without ciphertext.
	Envelope   []byte
	Recipients [][]byte
	// Wanting names the recipients, so that who asks knows whether he asked already.
	Wanting string
}

// Unshared are at most so many sealed credentials whose key the agent is to share.
func (s *Service) Unshared(ctx context.Context, k Known, most int) ([]Unshared, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tSealed, Tenant: k.Tenant, Where: eq(text("lacking"), lacking), Limit: most})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", tSealed, err)
	}
	if len(page.Rows) == 0 {
		return nil, nil
	}
	circle, err := s.circle(ctx, k.Tenant)
	if err != nil {
		return nil, err
	}
	own := circle.byID[k.ID]
	conns, err := s.connectionsOf(ctx, k.Tenant, page.Rows)
	if err != nil {
		return nil, err
	}
	var out []Unshared
	for _, row := range page.Rows {
		o, err := decode[sealedDoc](row)
		if err != nil {
			return nil, err
		}
		conn, ok := conns[o.doc.Connection]
		e, mine := o.doc.envelope().For(own.doc.fingerprint())
		if !ok || !mine {
			continue
		}
		e.Ciphertext = nil
		x := Unshared{Connection: conn.id}
		for _, r := range o.doc.missing(circle.recipients(conn.doc)) {
			x.Recipients = append(x.Recipients, r.Key)
			x.Wanting += " " + r.Fingerprint
		}
		if len(x.Recipients) == 0 {
			continue
		}
		if x.Envelope, err = json.Marshal(e); err != nil {
			return nil, fmt.Errorf("encode sealed credential: %w", err)
		}
		out = append(out, x)
	}
	return out, nil
}

// connectionsOf are the live connections of rows of sealed credentials, read at once.
func (s *Service) connectionsOf(ctx context.Context, tenant string, rows []store.Row) (map[string]object[connectionDoc], error) {
	var ids []string
	for _, row := range rows {
		o, err := decode[sealedDoc](row)
		if err != nil {
			return nil, err
		}
		ids = append(ids, o.doc.Connection)
	}
	found, err := s.opt.Store.Get(ctx, tConnections, tenant, "", ids)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tConnections, err)
	}
	out := map[string]object[connectionDoc]{}
	for _, row := range found {
		o, err := decode[connectionDoc](row)
		if err != nil {
			return nil, err
		}
		if o.doc.DeletedAt.IsZero() {
			out[o.id] = o
		}
	}
	return out, nil
}

// Shared is what an agent answered that was asked to share a sealed credential.
type Shared struct {
	Connection   string
	HeaderDigest []byte
	Wraps        []sealed.Wrap
	Problem      string
}

// Share takes the keys for others from an agent. What it was not asked for is left out.
func (s *Service) Share(ctx context.Context, k Known, x Shared) error {
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if err != nil {
		return err
	}
	c := inventory.Caller{Tenant: k.Tenant, Name: "agent:" + k.ID, TenantWide: true}
	may := func(d sealedDoc) bool { return d.has(agent.doc.fingerprint()) }
	_, err = s.addWraps(ctx, c, x, may)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	return err
}

// AddWraps takes keys for agents from who holds the recovery key.
func (s *Service) AddWraps(ctx context.Context, c inventory.Caller, connection string, w rest.SealedWraps) (rest.SealedCredential, error) {
	if _, err := s.connection(ctx, c, connection); err != nil {
		return rest.SealedCredential{}, err
	}
	x := Shared{Connection: connection, HeaderDigest: w.HeaderDigest}
	for _, wrap := range w.Wraps {
		x.Wraps = append(x.Wraps, sealed.Wrap(wrap))
	}
	added, err := s.addWraps(ctx, c, x, func(sealedDoc) bool { return true })
	if err != nil {
		return rest.SealedCredential{}, err
	}
	if added == 0 {
		return rest.SealedCredential{}, &inventory.ConflictError{ResourceID: connection, Problem: "nobody lacks these keys, or it was entered anew meanwhile"}
	}
	return s.SealedCredential(ctx, c, connection)
}

// addWraps adds keys for recipients that lack them, and answers for how many.
func (s *Service) addWraps(ctx context.Context, c inventory.Caller, x Shared, may func(sealedDoc) bool) (int, error) {
	conn, err := s.connection(ctx, c, x.Connection)
	if err != nil {
		return 0, err
	}
	circle, err := s.circle(ctx, c.Tenant)
	if err != nil {
		return 0, err
	}
	want := circle.recipients(conn.doc)
	var added []string
	o, err := change(ctx, s, tSealed, c.Tenant, sealedID(c.Tenant, x.Connection), func(o *object[sealedDoc]) error {
		added = nil
		if !bytes.Equal(digestOf(o.doc.Header), x.HeaderDigest) || !may(o.doc) {
			return errSame
		}
		for _, w := range x.Wraps {
			needed := slices.ContainsFunc(o.doc.missing(want), func(r rest.SealRecipient) bool { return r.Fingerprint == w.Recipient })
			if needed && w.Check() == nil {
				o.doc.Wraps = append(o.doc.Wraps, w)
				added = append(added, w.Recipient)
			}
		}
		problem := foreign(x.Problem)
		if len(added) == 0 && o.doc.Problem == problem {
			return errSame
		}
		o.doc.Problem = problem
		circle.tidy(&o.doc, want)
		return nil
	})
	if err != nil || len(added) == 0 {
		return 0, err
	}
	s.signalCircle(conn.doc.Agent, circle, o.doc)
	return len(added), s.audit(ctx, c, "credential.share", connectionRef(conn), "", map[string]any{"recipients": added})
}

// tidy takes away the keys of who is gone, and of who need not open it once everybody who must can. It notes whether
// somebody lacks a key that an agent could give.
func (c circle) tidy(d *sealedDoc, want []rest.SealRecipient) {
	gone := map[string]string{}
	for _, a := range c.agents {
		if !a.doc.RevokedAt.IsZero() {
			gone[a.doc.fingerprint()] = a.doc.Name
		}
	}
	whole := len(want) > 0 && len(d.missing(want)) == 0
	d.Wraps = slices.DeleteFunc(d.Wraps, func(w sealed.Wrap) bool {
		_, known := c.members[w.Recipient]
		if name, ok := gone[w.Recipient]; ok && !known && !slices.Contains(d.Exposed, name) {
			d.Exposed = append(d.Exposed, name)
		}
		wanted := slices.ContainsFunc(want, func(r rest.SealRecipient) bool { return r.Fingerprint == w.Recipient })
		return !known || whole && !wanted
	})
	helper := slices.ContainsFunc(d.Wraps, func(w sealed.Wrap) bool { return c.members[w.Recipient].Type == "agent" })
	d.Lacking = ""
	if len(d.missing(want)) > 0 && helper {
		d.Lacking = lacking
	} else {
		d.Problem = ""
	}
}

// settleSealed looks through a tenant's sealed credentials after its agents, sites or recovery key have changed, and has those
// shared that somebody lacks. Doing it again changes nothing; the sweeper does, in case this was cut short.
func (s *Service) settleSealed(ctx context.Context, tenant string) error {
	q := store.Query{Table: tSealed, Tenant: tenant}
	var c circle
	for first := true; ; first = false {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("list %s: %w", tSealed, err)
		}
		if first && len(page.Rows) > 0 {
			if c, err = s.circle(ctx, tenant); err != nil {
				return err
			}
		}
		conns, err := s.connectionsOf(ctx, tenant, page.Rows)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if err := s.settleOne(ctx, c, row, conns); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (s *Service) settleOne(ctx context.Context, c circle, row store.Row, conns map[string]object[connectionDoc]) error {
	o, err := decode[sealedDoc](row)
	if err != nil {
		return err
	}
	conn, ok := conns[o.doc.Connection]
	if !ok {
		return s.dropSealed(ctx, o.tenant, o.doc.Connection) // what a crash left of a deleted connection
	}
	if !o.doc.used() && o.doc.Candidate == nil && o.doc.Untold == nil { // what a discarded candidate left
		if err := write(ctx, s.opt.Store, tSealed, store.Delete, o); err != nil && !errors.Is(err, errRaced) {
			return err
		}
		return nil
	}
	want := c.recipients(conn.doc)
	if next := o.doc.clone(); !c.differs(&next, o.doc, want) {
		return nil
	}
	after, err := change(ctx, s, tSealed, o.tenant, o.id, func(o *object[sealedDoc]) error {
		before := o.doc.clone()
		if !c.differs(&o.doc, before, want) {
			return errSame
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if after.doc.Lacking != "" {
		s.signalCircle(conn.doc.Agent, c, after.doc)
	}
	return nil
}

func (d sealedDoc) clone() sealedDoc {
	d.Wraps, d.Exposed = slices.Clone(d.Wraps), slices.Clone(d.Exposed)
	return d
}

// differs tidies d and says whether it is another than before.
func (c circle) differs(d *sealedDoc, before sealedDoc, want []rest.SealRecipient) bool {
	c.tidy(d, want)
	return len(d.Wraps) != len(before.Wraps) || d.Lacking != before.Lacking || len(d.Exposed) != len(before.Exposed) || d.Problem != before.Problem
}

// sweepSealed settles the tenants that have sealed credentials.
func (s *Service) sweepSealed(ctx context.Context) error {
	q := store.Query{Table: tSealed, AllTenants: true}
	tenants := map[string]bool{}
	var pending []object[sealedDoc]
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		tenants[row.Tenant] = true
		o, err := decode[sealedDoc](row)
		if checking := o.doc.Candidate != nil && o.doc.Candidate.State == candidateChecking; checking || o.doc.Untold != nil {
			pending = append(pending, o)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.sweepCandidates(ctx, pending); err != nil {
		return err
	}
	for tenant := range tenants {
		if err := s.settleSealed(ctx, tenant); err != nil {
			return err
		}
	}
	return nil
}

// ---- the recovery key ----

// RecoveryKey is the tenant's.
func (s *Service) RecoveryKey(ctx context.Context, c inventory.Caller) (rest.RecoveryKey, error) {
	o, err := load[sealingDoc](ctx, s.opt.Store, tSealing, c.Tenant, c.Tenant)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(o.doc.RecoveryKey) == 0 {
		return rest.RecoveryKey{}, nil
	}
	return rest.RecoveryKey{Key: o.doc.RecoveryKey, Fingerprint: fingerprintOf(o.doc.RecoveryKey), SetAt: o.doc.SetAt.Time, SetBy: o.doc.SetBy}, err
}

// SetRecoveryKey keeps the public half of a key whose other half is offline; none takes it away. Agents that can open what
// is sealed already share it with the new key.
func (s *Service) SetRecoveryKey(ctx context.Context, c inventory.Caller, key []byte) (rest.RecoveryKey, error) {
	if len(key) > 0 && fingerprintOf(key) == "" {
		return rest.RecoveryKey{}, &inventory.InvalidError{Pointer: "/key", Problem: "is no uncompressed point of the curve P-256"}
	}
	doc := sealingDoc{RecoveryKey: key, SetAt: store.At(s.now()), SetBy: c.Name}
	err := insert(ctx, s.opt.Store, tSealing, object[sealingDoc]{id: c.Tenant, tenant: c.Tenant, doc: doc})
	if errors.Is(err, errRaced) {
		_, err = change(ctx, s, tSealing, c.Tenant, c.Tenant, func(o *object[sealingDoc]) error {
			o.doc = doc
			return nil
		})
	}
	if err != nil {
		return rest.RecoveryKey{}, err
	}
	action := "recovery_key.set"
	if len(key) == 0 {
		action = "recovery_key.delete"
	}
	ref := audit.Ref{ID: c.Tenant, Name: strings.TrimSpace("recovery key " + fingerprintOf(key)), Kind: "recovery_key"}
	if err := s.audit(ctx, c, action, ref, "", nil); err != nil {
		return rest.RecoveryKey{}, err
	}
	if err := s.settleSealed(context.WithoutCancel(ctx), c.Tenant); err != nil {
		return rest.RecoveryKey{}, err
	}
	return s.RecoveryKey(ctx, c)
}
