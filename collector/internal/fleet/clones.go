package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// A disk that was copied makes two agents of one: both hold the key, and each session of one ends the other's. Who they are
// is told by the machine's boot and the process (a copy in a container has its neighbour's boot). A process that ended never
// comes back, so one that does come back after another has spoken means that there are two. Three such takeovers within ten minutes hold
// both: they go on discovering, and what they push waits until a person has said which of them is the agent.
const (
	cloneWindow    = 10 * time.Minute
	cloneTakeovers = 3
	// mostVoices bounds how many are remembered.
	mostVoices = 20
)

// voiceDoc is a process that spoke as the agent.
type voiceDoc struct {
	Boot      string     `json:"boot,omitempty"`
	Instance  string     `json:"instance,omitempty"`
	Machine   string     `json:"machine,omitempty"`
	Hostname  string     `json:"hostname,omitempty"`
	Address   string     `json:"address,omitempty"`
	Since     store.Time `json:"since"`
	LastHeard store.Time `json:"last_heard"`
}

// key tells voices apart; it is empty where an agent does not say enough.
func (v voiceDoc) key() string {
	if v.Boot == "" && v.Instance == "" {
		return ""
	}
	return strings.Trim(v.Boot+"/"+v.Instance, "/")
}

// ErrCopy says that the one who speaks was found to be a copy of the agent.
var ErrCopy = errors.New("this is a copy of an agent, and a person chose the other one; delete the copy's data directory and enroll it with a join token of its own")

// shutOut says whether a person decided that this voice is not the agent.
func (d *agentDoc) shutOut(v voiceDoc) bool {
	return slices.ContainsFunc(d.Shut, func(s voiceDoc) bool {
		return s.Boot != "" && s.Boot == v.Boot || s.Instance != "" && s.Instance == v.Instance
	})
}

// speak notes who speaks now, and answers whether that just showed that there are two.
func (d *agentDoc) speak(v voiceDoc, now time.Time) (copies bool) {
	if v.key() == "" {
		return false
	}
	v.Since, v.LastHeard = store.At(now), store.At(now)
	if n := len(d.Voices); n > 0 && d.Voices[n-1].key() == v.key() {
		v.Since = d.Voices[n-1].Since
		d.Voices[n-1] = v
		return false
	}
	for i := 0; i < len(d.Voices)-1; { // the last one is who spoke so far, however long ago
		if now.Sub(d.Voices[i].LastHeard.Time) > cloneWindow {
			d.Voices = slices.Delete(d.Voices, i, i+1)
			continue
		}
		i++
	}
	d.Voices = append(d.Voices, v)
	if over := len(d.Voices) - mostVoices; over > 0 {
		d.Voices = slices.Delete(d.Voices, 0, over)
	}
	takeovers, seen, back := 0, map[string]bool{}, false
	for i, x := range d.Voices {
		if i > 0 && now.Sub(x.Since.Time) <= cloneWindow {
			takeovers++
		}
		back = back || seen[x.key()]
		seen[x.key()] = true
	}
	if !back || takeovers < cloneTakeovers || !d.HeldSince.IsZero() {
		return false
	}
	d.HeldSince = store.At(now)
	return true
}

// heardVoice notes a sign of life of whoever speaks.
func (d *agentDoc) heardVoice(now time.Time) {
	if n := len(d.Voices); n > 0 {
		d.Voices[n-1].LastHeard = store.At(now)
	}
}

// distinct are the voices by key, each as it was heard last.
func (d *agentDoc) distinct() []voiceDoc {
	var out []voiceDoc
	for _, v := range slices.Backward(d.Voices) {
		if !slices.ContainsFunc(out, func(x voiceDoc) bool { return x.key() == v.key() }) {
			out = append(out, v)
		}
	}
	return out
}

func (d *agentDoc) hold() *rest.AgentHold {
	if d.HeldSince.IsZero() {
		return nil
	}
	h := &rest.AgentHold{Since: d.HeldSince.Time, Reason: "Two copies of this agent take turns: its disk or data directory was copied. Both go on reading; nothing they read is taken.",
		Advice: "Say which one is the agent (`maestro agents release ID --keep COPY`). Then delete the data directory of the other and enroll it with a join token of its own."}
	for _, v := range d.distinct() {
		h.Copies = append(h.Copies, rest.AgentCopy{ID: v.key(), Hostname: v.Hostname, MachineID: v.Machine, BootID: v.Boot, Address: v.Address, LastHeard: v.LastHeard.Time})
	}
	return h
}

// Held says whether what the agent pushes has to wait for a person.
func (s *Service) Held(ctx context.Context, k Known) (bool, error) {
	o, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return !o.doc.HeldSince.IsZero(), err
}

// ReleaseAgent says which of the copies is the agent. The other is shut out, and the epochs of the agent's connections rise, since
// both counted their runs on from the same number.
func (s *Service) ReleaseAgent(ctx context.Context, c inventory.Caller, id, keep, reason string) (rest.Agent, error) {
	var kept voiceDoc
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		d := &o.doc
		if d.HeldSince.IsZero() {
			return &inventory.ConflictError{ResourceID: id, Problem: "the agent is not held"}
		}
		voices := d.distinct()
		at := slices.IndexFunc(voices, func(v voiceDoc) bool { return v.key() == keep })
		if at < 0 {
			return &inventory.InvalidError{Pointer: "/keep", Problem: "is not one of the copies; the agent's page lists them"}
		}
		kept = voices[at]
		d.Shut = nil
		for i, v := range voices {
			if i == at {
				continue
			}
			if v.Boot == kept.Boot {
				v.Boot = "" // the same machine, or a container beside it: only the process tells them apart
			}
			d.Shut = append(d.Shut, v)
		}
		d.HeldSince, d.Voices = store.Time{}, []voiceDoc{kept}
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	if err := s.raiseAll(ctx, c.Tenant, id); err != nil {
		return rest.Agent{}, err
	}
	if err := s.audit(ctx, c, "agent.release", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, reason,
		map[string]any{"kept": kept.key(), "hostname": kept.Hostname, "shut_out": len(o.doc.Shut)}); err != nil {
		return rest.Agent{}, err
	}
	s.signal(id)
	return s.agentView(ctx, o)
}

// raiseAll raises the epochs of all of an agent's connections.
func (s *Service) raiseAll(ctx context.Context, tenant, agent string) error {
	conns, err := s.live(ctx, tenant, eq(text("agent"), agent))
	if err != nil {
		return err
	}
	for _, x := range conns {
		if _, err := s.raise(ctx, tenant, x.id); err != nil {
			return fmt.Errorf("raise epoch: %w", err)
		}
	}
	return nil
}

// auditHold notes that an agent is held.
func (s *Service) auditHold(ctx context.Context, k Known, o object[agentDoc]) error {
	var who []string
	for _, v := range o.doc.distinct() {
		who = append(who, fmt.Sprintf("%s at %s (%s)", v.Hostname, v.Address, v.key()))
	}
	c := inventory.Caller{Tenant: k.Tenant, Name: "agent:" + k.ID}
	return s.audit(ctx, c, "agent.hold", audit.Ref{ID: k.ID, Name: k.Name, Kind: "agent"},
		"two copies of the agent took turns; what both push waits until a person says which one is the agent", map[string]any{"copies": who})
}
