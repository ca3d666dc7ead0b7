package api

import (
	"context"
	"strings"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

type releaseIn struct {
	ID   string `path:"id" maxLength:"200"`
	Body rest.AgentRelease
}

// releaseAgent decides which of two copies of an agent is the agent.
func (s *Server) releaseAgent(ctx context.Context, c access.Caller, in *releaseIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.ReleaseAgent(ctx, domainCaller(c), in.ID, in.Body.Keep, strings.TrimSpace(in.Body.Reason))
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}
