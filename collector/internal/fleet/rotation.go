package fleet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
)

// A credential that is rotated with a check is first the candidate of its connection: it lies in the row of the one in use, and the
// connection's agent is asked what may be read with it. When everything may, one write of that row puts it in the place of
// the one in use; otherwise that one goes on being used and the candidate says why it was not taken. So there is no moment at which
// half of it happened, whoever crashes. What was decided is in the row until the audit trail has it.

const (
	candidateChecking = "checking"
	candidateRefused  = "refused"
	// askAgain is how long a candidate may be without a question to its agent before the sweeper asks: whoever entered it does so first.
	askAgain = time.Minute
	// maxRotateDays bounds the reminder.
	maxRotateDays = 3650
)

type candidateDoc struct {
	Header     string        `json:"header"`
	Ciphertext []byte        `json:"ciphertext"`
	Wraps      []sealed.Wrap `json:"wraps"`
	SealedAt   store.Time    `json:"sealed_at"`
	SealedBy   string        `json:"sealed_by"`
	State      string        `json:"state"`
	// AskedAt is when the check was asked for last, CheckedAt when it was answered.
	AskedAt   store.Time `json:"asked_at"`
	CheckedAt store.Time `json:"checked_at,omitzero"`
	Error     string     `json:"error,omitempty"`
	Report    string     `json:"report,omitempty"` // JSON as text
}

// untoldDoc is what became of a candidate and is not in the audit trail yet.
type untoldDoc struct {
	Action   string     `json:"action"`
	Agent    string     `json:"agent"`
	SealedBy string     `json:"sealed_by"`
	Reason   string     `json:"reason,omitempty"`
	At       store.Time `json:"at"`
}

// rotationDoc is how old a tenant wants its credentials to become.
type rotationDoc struct {
	EveryDays int        `json:"every_days"`
	SetAt     store.Time `json:"set_at"`
	SetBy     string     `json:"set_by"`
}

func rotationID(tenant string) string { return store.Key(tenant, "rotation") }

// name tells a candidate from any other. The header alone does not: two may be entered within a second.
func (d candidateDoc) name() string {
	return hex.EncodeToString(digestOf(d.Header + "\x00" + string(d.Ciphertext)))
}

// Rotate keeps what somebody sealed for a connection beside the one in use, and asks the agent whether it is any good. A candidate that
// was there already is replaced.
func (s *Service) Rotate(ctx context.Context, c inventory.Caller, connection string, e rest.SealedEnvelope) (rest.SealedCredential, error) {
	o, _, given, err := s.sealedFor(ctx, c, connection, e)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	next := &candidateDoc{Header: given.Header, Ciphertext: given.Ciphertext, Wraps: given.Wraps, SealedAt: given.SealedAt, SealedBy: given.SealedBy,
		State: candidateChecking, AskedAt: store.At(s.now())}
	if err := s.putCandidate(ctx, c.Tenant, o.id, next); err != nil {
		return rest.SealedCredential{}, err
	}
	// A connection that was deleted in between takes its credentials along.
	if _, err := s.connection(ctx, c, connection); err != nil {
		return rest.SealedCredential{}, errors.Join(err, s.dropSealed(ctx, c.Tenant, connection))
	}
	h, err := sealed.ParseHeader(next.Header)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	if err := s.audit(ctx, c, "credential.propose", connectionRef(o), "", map[string]any{"variables": h.Variables}); err != nil {
		return rest.SealedCredential{}, err
	}
	if err := s.verify(ctx, o, next.name()); err != nil {
		return rest.SealedCredential{}, err
	}
	return s.SealedCredential(ctx, c, connection)
}

func (s *Service) putCandidate(ctx context.Context, tenant, connection string, next *candidateDoc) error {
	id := sealedID(tenant, connection)
	err := insert(ctx, s.opt.Store, tSealed, object[sealedDoc]{id: id, tenant: tenant, doc: sealedDoc{Connection: connection, Candidate: next}})
	if !errors.Is(err, errRaced) {
		return err
	}
	_, err = change(ctx, s, tSealed, tenant, id, func(o *object[sealedDoc]) error {
		o.doc.Candidate = next
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errRaced) {
		err = &inventory.ConflictError{ResourceID: connection, Problem: "somebody else changes its credential; try again"}
	}
	return err
}

// verify asks the connection's agent what a candidate may read.
func (s *Service) verify(ctx context.Context, o object[connectionDoc], candidate string) error {
	if o.doc.Agent == "" {
		return nil // asked when it has one
	}
	_, err := s.command(ctx, o.tenant, commandDoc{Agent: o.doc.Agent, Type: CommandVerify, Connection: o.id, Epoch: o.doc.Epoch, Candidate: candidate})
	return err
}

// withCandidate gives a check the candidate instead of the credential in use; false when it is not there any more.
func (s *Service) withCandidate(ctx context.Context, k Known, d commandDoc, a *Assignment) (bool, error) {
	row, err := load[sealedDoc](ctx, s.opt.Store, tSealed, k.Tenant, sealedID(k.Tenant, d.Connection))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	x := row.doc.Candidate
	if x == nil || x.name() != d.Candidate {
		return false, nil
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if err != nil {
		return false, err
	}
	e, _ := x.envelope().For(agent.doc.fingerprint())
	if a.Sealed, err = json.Marshal(e); err != nil {
		return false, fmt.Errorf("encode sealed credential: %w", err)
	}
	return true, nil
}

func (d candidateDoc) envelope() sealed.Envelope {
	return sealed.Envelope{Header: d.Header, Ciphertext: d.Ciphertext, Wraps: d.Wraps}
}

// verified says why a check does not let a candidate be used; empty when it does.
func verified(d commandDoc) (why string, report string) {
	if d.State == stateFailed {
		return orText(d.Error, "the agent could not check it and does not say why"), ""
	}
	var got provider.CheckReport
	if !readable(d.Detail, &got) {
		return "the agent's answer cannot be read", ""
	}
	var missing []string
	for _, it := range got.Items {
		if !it.OK {
			missing = append(missing, it.Name)
		}
	}
	switch {
	case len(got.Items) == 0:
		return "the plugin checked nothing, so nothing shows that it works; enter it without a check to use it all the same", d.Detail
	case len(missing) > 0:
		return fmt.Sprintf("%d of %d are missing: %s", len(missing), len(got.Items), foreign(strings.Join(missing, ", "))), d.Detail
	}
	return "", d.Detail
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// judge does with a candidate what the answer to its check means. Doing it again changes nothing.
func (s *Service) judge(ctx context.Context, tenant string, d commandDoc) error {
	conn, err := load[connectionDoc](ctx, s.opt.Store, tConnections, tenant, d.Connection)
	if errors.Is(err, store.ErrNotFound) || err == nil && !conn.doc.DeletedAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	circle, err := s.circle(ctx, tenant)
	if err != nil {
		return err
	}
	why, report := verified(d)
	stale := conn.doc.Agent != d.Agent || conn.doc.Epoch != d.Epoch
	var again string
	o, err := change(ctx, s, tSealed, tenant, sealedID(tenant, d.Connection), func(o *object[sealedDoc]) error {
		x := o.doc.Candidate
		again = ""
		switch {
		case x == nil || x.State != candidateChecking || x.name() != d.Candidate:
			return errSame // entered anew or discarded meanwhile, or judged already
		case stale: // asked about a connection that was edited or moved since
			again = x.name()
			return errSame
		}
		told := &untoldDoc{Action: "credential.rotate", Agent: d.Agent, SealedBy: x.SealedBy, At: store.At(s.now())}
		if why != "" {
			next := *x
			next.State, next.CheckedAt, next.Error, next.Report = candidateRefused, told.At, why, report
			told.Action, told.Reason = "credential.refuse", why
			o.doc.Candidate, o.doc.Untold = &next, told
			return nil
		}
		o.doc = sealedDoc{Connection: d.Connection, Header: x.Header, Ciphertext: x.Ciphertext, Wraps: x.Wraps, SealedAt: x.SealedAt, SealedBy: x.SealedBy,
			CheckedAt: told.At, Untold: told}
		circle.tidy(&o.doc, circle.recipients(conn.doc))
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case again != "":
		return s.verify(ctx, conn, again)
	case o.doc.Untold == nil:
		return nil
	}
	if o.doc.Candidate == nil {
		s.signalCircle(conn.doc.Agent, circle, o.doc)
	}
	return s.tellUntold(ctx, conn, o)
}

// tellUntold writes what became of a candidate into the audit trail: at least once, whoever crashes.
func (s *Service) tellUntold(ctx context.Context, conn object[connectionDoc], o object[sealedDoc]) error {
	u := o.doc.Untold
	if u == nil {
		return nil
	}
	entry := audit.Entry{Tenant: o.tenant, Actor: "agent:" + u.Agent, Action: u.Action, Reason: u.Reason, Detail: map[string]any{"entered_by": u.SealedBy}}
	ref := connectionRef(conn)
	if entry.Object = &ref; u.Action == "credential.refuse" {
		entry.Outcome = audit.Failed
	}
	if _, err := s.opt.Audit.Write(ctx, entry); err != nil {
		return fmt.Errorf("audit %s: %w", u.Action, err)
	}
	_, err := change(ctx, s, tSealed, o.tenant, o.id, func(o *object[sealedDoc]) error {
		if o.doc.Untold == nil || *o.doc.Untold != *u {
			return errSame
		}
		o.doc.Untold = nil
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// CheckCandidate has a candidate tried again, as after the permissions that it lacked were given.
func (s *Service) CheckCandidate(ctx context.Context, c inventory.Caller, connection string) (rest.SealedCredential, error) {
	conn, err := s.connection(ctx, c, connection)
	if err != nil {
		return rest.SealedCredential{}, err
	}
	asked := false
	o, err := change(ctx, s, tSealed, c.Tenant, sealedID(c.Tenant, connection), func(o *object[sealedDoc]) error {
		asked = false
		if o.doc.Candidate == nil {
			return errNoCandidate
		}
		if o.doc.Candidate.State == candidateChecking {
			return errSame
		}
		next := *o.doc.Candidate
		next.State, next.AskedAt, next.Error, next.Report = candidateChecking, store.At(s.now()), "", ""
		o.doc.Candidate, asked = &next, true
		return nil
	})
	if err != nil {
		return rest.SealedCredential{}, noCandidate(err, connection)
	}
	if asked {
		if err := s.audit(ctx, c, "credential.check", connectionRef(conn), "", nil); err != nil {
			return rest.SealedCredential{}, err
		}
		if err := s.verify(ctx, conn, o.doc.Candidate.name()); err != nil {
			return rest.SealedCredential{}, err
		}
	}
	return s.SealedCredential(ctx, c, connection)
}

var errNoCandidate = errors.New("no candidate")

func noCandidate(err error, connection string) error {
	if errors.Is(err, errNoCandidate) || errors.Is(err, store.ErrNotFound) {
		return &inventory.ConflictError{ResourceID: connection, Problem: "there is no new credential that waits to be used; it was taken, discarded, or never entered"}
	}
	return err
}

// DiscardCandidate forgets a candidate. What is in use stays.
func (s *Service) DiscardCandidate(ctx context.Context, c inventory.Caller, connection string) error {
	conn, err := s.connection(ctx, c, connection)
	if err != nil {
		return err
	}
	o, err := change(ctx, s, tSealed, c.Tenant, sealedID(c.Tenant, connection), func(o *object[sealedDoc]) error {
		if o.doc.Candidate == nil {
			return errNoCandidate
		}
		o.doc.Candidate = nil
		return nil
	})
	if err != nil {
		return noCandidate(err, connection)
	}
	if !o.doc.used() && o.doc.Untold == nil {
		if err := write(ctx, s.opt.Store, tSealed, store.Delete, o); err != nil && !errors.Is(err, errRaced) {
			return err
		}
	}
	return s.audit(ctx, c, "credential.discard", connectionRef(conn), "", nil)
}

// sweepCandidates does what a crash left undone, and asks again where a question was lost or went to an agent that is not the
// connection's any more.
func (s *Service) sweepCandidates(ctx context.Context, pending []object[sealedDoc]) error {
	byTenant := map[string][]object[sealedDoc]{}
	for _, o := range pending {
		byTenant[o.tenant] = append(byTenant[o.tenant], o)
	}
	for tenant, list := range byTenant {
		asked, err := all[commandDoc](ctx, s.opt.Store, tCommands, tenant, eq(text("type"), CommandVerify))
		if err != nil {
			return err
		}
		conns, err := s.liveByID(ctx, tenant)
		if err != nil {
			return err
		}
		for _, o := range list {
			conn, ok := conns[o.doc.Connection]
			if !ok {
				continue // settleOne deletes it
			}
			if u := o.doc.Untold; u != nil && s.now().Sub(u.At.Time) >= askAgain { // else whoever judged it is about to tell
				if err := s.tellUntold(ctx, conn, o); err != nil {
					return err
				}
			}
			if err := s.pursue(ctx, conn, o, asked); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) liveByID(ctx context.Context, tenant string) (map[string]object[connectionDoc], error) {
	list, err := s.live(ctx, tenant, nil)
	out := make(map[string]object[connectionDoc], len(list))
	for _, o := range list {
		out[o.id] = o
	}
	return out, err
}

// pursue sees to it that a candidate that is being checked is asked about, and that the answer is heard.
func (s *Service) pursue(ctx context.Context, conn object[connectionDoc], o object[sealedDoc], asked []object[commandDoc]) error {
	x := o.doc.Candidate
	if x == nil || x.State != candidateChecking || s.now().Sub(x.AskedAt.Time) < askAgain {
		return nil
	}
	name := x.name()
	for _, q := range slices.Backward(asked) {
		if q.doc.Connection != conn.id || q.doc.Candidate != name || q.doc.CreatedAt.Before(x.AskedAt.Time) {
			continue
		}
		if q.doc.State == stateDone || q.doc.State == stateFailed {
			return s.judge(ctx, o.tenant, q.doc)
		}
		if q.doc.Agent == conn.doc.Agent && s.now().Sub(q.doc.CreatedAt.Time) < commandLife {
			return nil // it will be answered
		}
	}
	return s.verify(ctx, conn, name)
}

// candidateView is what people see of a candidate.
func (c circle) candidateView(o object[connectionDoc], d *candidateDoc, away func(agentDoc) bool) (*rest.SealedCandidate, error) {
	if d == nil {
		return nil, nil
	}
	h, err := sealed.ParseHeader(d.Header)
	if err != nil {
		return nil, fmt.Errorf("read new credential of %s: %w", o.id, err)
	}
	out := &rest.SealedCandidate{State: d.State, Variables: h.Variables, SealedAt: d.SealedAt.Time, SealedBy: d.SealedBy, AskedAt: d.AskedAt.Time,
		CheckedAt: d.CheckedAt.Time, Error: d.Error}
	if d.Report != "" {
		var report provider.CheckReport
		if readable(d.Report, &report) {
			out.Report = &report
		}
	}
	if d.State != candidateChecking {
		return out, nil
	}
	agent, ok := c.byID[o.doc.Agent]
	switch {
	case !ok || !agent.doc.RevokedAt.IsZero():
		out.Error = "the connection has no agent that could check it; it is checked when it has one"
	case away(agent.doc):
		out.Error = fmt.Sprintf("the agent %s is not connected; it checks it when it is back", agent.doc.Name)
	}
	return out, nil
}

// ---- how old credentials may become ----

// Rotation is the tenant's reminder.
func (s *Service) Rotation(ctx context.Context, c inventory.Caller) (rest.CredentialRotation, error) {
	d, err := s.rotation(ctx, c.Tenant)
	return rest.CredentialRotation{EveryDays: d.EveryDays, SetAt: d.SetAt.Time, SetBy: d.SetBy}, err
}

func (s *Service) rotation(ctx context.Context, tenant string) (rotationDoc, error) {
	o, err := load[rotationDoc](ctx, s.opt.Store, tSealing, tenant, rotationID(tenant))
	if errors.Is(err, store.ErrNotFound) {
		return rotationDoc{}, nil
	}
	return o.doc, err
}

// SetRotation says after how many days a sealed credential is due to be rotated; 0 for never.
func (s *Service) SetRotation(ctx context.Context, c inventory.Caller, days int) (rest.CredentialRotation, error) {
	if days < 0 || days > maxRotateDays {
		return rest.CredentialRotation{}, &inventory.InvalidError{Pointer: "/every_days", Problem: fmt.Sprintf("want 0 for never, or at most %d", maxRotateDays)}
	}
	doc := rotationDoc{EveryDays: days, SetAt: store.At(s.now()), SetBy: c.Name}
	id := rotationID(c.Tenant)
	err := insert(ctx, s.opt.Store, tSealing, object[rotationDoc]{id: id, tenant: c.Tenant, doc: doc})
	if errors.Is(err, errRaced) {
		_, err = change(ctx, s, tSealing, c.Tenant, id, func(o *object[rotationDoc]) error {
			o.doc = doc
			return nil
		})
	}
	if err != nil {
		return rest.CredentialRotation{}, err
	}
	if err := s.audit(ctx, c, "credential_rotation.set", audit.Ref{ID: c.Tenant, Name: "rotation of credentials", Kind: "credential_rotation"}, "", map[string]any{"every_days": days}); err != nil {
		return rest.CredentialRotation{}, err
	}
	return s.Rotation(ctx, c)
}

// age says when a credential that was sealed then is due.
func (d rotationDoc) age(v *rest.SealedCredential, now time.Time) {
	if v.SealedAt.IsZero() {
		return
	}
	v.AgeDays = max(0, int(now.Sub(v.SealedAt)/(24*time.Hour)))
	if d.EveryDays > 0 {
		v.RotateBy = v.SealedAt.AddDate(0, 0, d.EveryDays)
		v.Due = !now.Before(v.RotateBy)
	}
}
