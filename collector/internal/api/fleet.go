package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// Fleet is what the human plane asks of agents, connections and datacenters. Its errors are those of the
// inventory: ErrNotFound, *StaleError, *InvalidError with a pointer into the document, and *ConflictError for what
// is in use.
type Fleet interface {
	Agents(ctx context.Context, c inventory.Caller) ([]rest.Agent, error)
	Agent(ctx context.Context, c inventory.Caller, id string) (rest.Agent, error)
	RevokeAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error)
	// GrantRecovery lets an agent come back after its certificate has expired.
	GrantRecovery(ctx context.Context, c inventory.Caller, id string, g rest.RecoveryGrant) (rest.Agent, error)
	// DrainAgent has an agent take no new work, and ResumeAgent takes that back.
	DrainAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error)
	ResumeAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error)
	ReleaseAgent(ctx context.Context, c inventory.Caller, id, keep, reason string) (rest.Agent, error)

	JoinTokens(ctx context.Context, c inventory.Caller) ([]rest.JoinToken, error)
	CreateJoinToken(ctx context.Context, c inventory.Caller, req rest.JoinTokenCreate) (rest.JoinToken, error)
	DeleteJoinToken(ctx context.Context, c inventory.Caller, id string) error

	Plugins(ctx context.Context, c inventory.Caller) ([]rest.Plugin, error)

	// Connections are without LastRun, which the inventory knows, and have no Health but no_agent.
	Connections(ctx context.Context, c inventory.Caller) ([]rest.Connection, error)
	Connection(ctx context.Context, c inventory.Caller, id string) (rest.Connection, error)
	CreateConnection(ctx context.Context, c inventory.Caller, w rest.ConnectionWrite) (rest.Connection, error)
	SameTargets(ctx context.Context, c inventory.Caller, id string, settings json.RawMessage) (bool, error)
	UpdateConnection(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ConnectionWrite) (rest.Connection, error)
	DeleteConnection(ctx context.Context, c inventory.Caller, id string) error
	CheckConnection(ctx context.Context, c inventory.Caller, id string, w rest.ConnectionWrite) error
	// Files are what was uploaded to a connection. Upload refuses with a *fleet.TooLargeError what breaks a limit.
	Files(ctx context.Context, c inventory.Caller, connection string) ([]rest.ConnectionFile, error)
	Upload(ctx context.Context, c inventory.Caller, connection, name string, content []byte) (rest.ConnectionFile, error)
	UploadMany(ctx context.Context, c inventory.Caller, connection string, files []fleet.NewFile) (rest.ConnectionUpload, error)
	DeleteFile(ctx context.Context, c inventory.Caller, connection, name string) error
	// RequestRun queues a run and tells the agent; it answers the run's id.
	RequestRun(ctx context.Context, c inventory.Caller, id string, kinds []string) (runID string, err error)
	// CancelRun ends a run, and Resend has a connection's next run compare everything.
	CancelRun(ctx context.Context, c inventory.Caller, runID, reason string) error
	Resend(ctx context.Context, c inventory.Caller, id, reason string) error
	// Check asks the agent what the credential may read, and waits for its answer for at most wait; the state is
	// pending when it took longer, and the same call again goes on waiting.
	Check(ctx context.Context, c inventory.Caller, id string, kinds []string, wait time.Duration) (rest.CheckResult, error)
	Choices(ctx context.Context, c inventory.Caller, provider string, w rest.ChoicesRequest, wait time.Duration) (rest.ChoicesResult, error)

	SealedCredentials(ctx context.Context, c inventory.Caller) ([]rest.SealedCredential, error)
	SealedCredential(ctx context.Context, c inventory.Caller, connection string) (rest.SealedCredential, error)
	Envelope(ctx context.Context, c inventory.Caller, connection string) (rest.SealedEnvelope, error)
	// Seal keeps what somebody sealed for a connection, Unseal forgets it, and AddWraps lets others open it.
	Seal(ctx context.Context, c inventory.Caller, connection string, e rest.SealedEnvelope) (rest.SealedCredential, error)
	Unseal(ctx context.Context, c inventory.Caller, connection string) error
	AddWraps(ctx context.Context, c inventory.Caller, connection string, w rest.SealedWraps) (rest.SealedCredential, error)
	// Rotate keeps what somebody sealed until the agent has found that it works, and uses it then. Until then it is a candidate.
	Rotate(ctx context.Context, c inventory.Caller, connection string, e rest.SealedEnvelope) (rest.SealedCredential, error)
	CheckCandidate(ctx context.Context, c inventory.Caller, connection string) (rest.SealedCredential, error)
	DiscardCandidate(ctx context.Context, c inventory.Caller, connection string) error
	// Rotation is after how many days credentials are due.
	Rotation(ctx context.Context, c inventory.Caller) (rest.CredentialRotation, error)
	SetRotation(ctx context.Context, c inventory.Caller, days int) (rest.CredentialRotation, error)
	RecoveryKey(ctx context.Context, c inventory.Caller) (rest.RecoveryKey, error)
	SetRecoveryKey(ctx context.Context, c inventory.Caller, key []byte) (rest.RecoveryKey, error)

	// Versions of plugins, and which group of agents runs which.
	GroupAgent(ctx context.Context, c inventory.Caller, id, group string) (rest.Agent, error)
	PluginVersions(ctx context.Context, c inventory.Caller) ([]rest.PluginVersions, error)
	Pin(ctx context.Context, c inventory.Caller, w rest.PluginPin) (rest.PluginVersions, error)
	Rollout(ctx context.Context, c inventory.Caller, w rest.PluginRolloutWrite) (rest.PluginVersions, error)
	PauseRollout(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error)
	ResumeRollout(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error)
	Rollback(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error)

	// Datacenters are without Counts, which the inventory knows.
	Datacenters(ctx context.Context, c inventory.Caller) ([]rest.Datacenter, error)
	Datacenter(ctx context.Context, c inventory.Caller, id string) (rest.Datacenter, error)
	CreateDatacenter(ctx context.Context, c inventory.Caller, w rest.DatacenterWrite) (rest.Datacenter, error)
	UpdateDatacenter(ctx context.Context, c inventory.Caller, id string, version int64, w rest.DatacenterWrite) (rest.Datacenter, error)
	DeleteDatacenter(ctx context.Context, c inventory.Caller, id string) error
}

// checkWait is how long a check waits for the agent before it answers "pending".
const checkWait = 12 * time.Second

func (s *Server) listAgents(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Agent]], error) {
	agents, err := s.opt.Fleet.Agents(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, agents, func(a rest.Agent) string { return a.ID }, "name")
}

func (s *Server) getAgent(ctx context.Context, c access.Caller, in *idIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.Agent(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) revokeAgent(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.RevokeAgent(ctx, domainCaller(c), in.ID, in.reason())
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) drainAgent(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.DrainAgent(ctx, domainCaller(c), in.ID, in.reason())
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) resumeAgent(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.ResumeAgent(ctx, domainCaller(c), in.ID, in.reason())
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) grantRecovery(ctx context.Context, c access.Caller, in *recoveryIn) (*out[rest.Agent], error) {
	var g rest.RecoveryGrant
	if in.Body != nil {
		g = *in.Body
		g.Reason = strings.TrimSpace(g.Reason)
	}
	a, err := s.opt.Fleet.GrantRecovery(ctx, domainCaller(c), in.ID, g)
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) listJoinTokens(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.JoinToken]], error) {
	tokens, err := s.opt.Fleet.JoinTokens(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, tokens, func(t rest.JoinToken) string { return t.ID }, "created_at desc")
}

func (s *Server) createJoinToken(ctx context.Context, c access.Caller, in *bodyIn[rest.JoinTokenCreate]) (*out[rest.JoinToken], error) {
	t, err := s.opt.Fleet.CreateJoinToken(ctx, domainCaller(c), in.Body)
	if err != nil {
		return nil, err
	}
	return &out[rest.JoinToken]{Body: t}, nil
}

func (s *Server) deleteJoinToken(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Fleet.DeleteJoinToken(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "join token")
	}
	return &none{}, nil
}

func (s *Server) listPlugins(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Plugin]], error) {
	plugins, err := s.plugins(ctx, c)
	if err != nil {
		return nil, err
	}
	return small(s, in, plugins, func(p rest.Plugin) string { return p.Provider }, "provider")
}

func (s *Server) getPlugin(ctx context.Context, c access.Caller, in *providerIn) (*out[rest.Plugin], error) {
	plugins, err := s.plugins(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, p := range plugins {
		if p.Provider == in.Provider {
			return &out[rest.Plugin]{Body: p}, nil
		}
	}
	return nil, problem(http.StatusNotFound, "No agent has reported a plugin %q.", in.Provider)
}
