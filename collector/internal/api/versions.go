package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type groupIn struct {
	ID   string `path:"id" maxLength:"200"`
	Body rest.AgentGroup
}

// versionRoutes are about which version of a plugin which agents run.
func (s *Server) versionRoutes() {
	const tag = "plugins"
	handle(s, route{method: "PUT", path: "/agents/{id}/group", id: "group-agent", tag: "agents", action: access.ManageAgents,
		summary: "Put an agent into a group"}, s.groupAgent)
	handle(s, route{method: "GET", path: "/plugin-versions", id: "list-plugin-versions", tag: tag, action: access.Read,
		summary: "Versions of plugins by group of agents: at hand, pinned, running, being rolled out"}, s.listVersions)
	handle(s, route{method: "PUT", path: "/plugin-pins", id: "pin-plugin", tag: tag, action: access.ManageAgents,
		summary: "Have a group of agents run one version of a plugin"}, s.pinPlugin)
	handle(s, route{method: "POST", path: "/plugin-rollouts", id: "begin-plugin-rollout", tag: tag, action: access.ManageAgents,
		summary: "Have some agents of a group run a version first, and the others once it has worked"}, s.beginRollout)
	for _, x := range []struct {
		path, id, summary string
		do                func(Fleet, context.Context, inventory.Caller, rest.PluginDecision) (rest.PluginVersions, error)
	}{
		{"/plugin-rollouts/pause", "pause-plugin-rollout", "Leave a rollout as it is until it is resumed", Fleet.PauseRollout},
		{"/plugin-rollouts/resume", "resume-plugin-rollout", "Go on with a rollout that was paused", Fleet.ResumeRollout},
		{"/plugin-rollouts/rollback", "rollback-plugin", "Take a rollout back; without one, pin the version that was pinned before", Fleet.Rollback},
	} {
		handle(s, route{method: "POST", path: x.path, id: x.id, tag: tag, action: access.ManageAgents, summary: x.summary},
			func(ctx context.Context, c access.Caller, in *bodyIn[rest.PluginDecision]) (*out[rest.PluginVersions], error) {
				return versionsAnswer(x.do(s.opt.Fleet, ctx, domainCaller(c), in.Body))
			})
	}
}

func versionsAnswer(x rest.PluginVersions, err error) (*out[rest.PluginVersions], error) {
	if err != nil {
		return nil, err
	}
	return &out[rest.PluginVersions]{Body: x}, nil
}

func (s *Server) groupAgent(ctx context.Context, c access.Caller, in *groupIn) (*out[rest.Agent], error) {
	a, err := s.opt.Fleet.GroupAgent(ctx, domainCaller(c), in.ID, in.Body.Group)
	if err != nil {
		return nil, orNotFound(err, "agent")
	}
	return &out[rest.Agent]{Body: a}, nil
}

func (s *Server) listVersions(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.PluginVersions]], error) {
	list, err := s.opt.Fleet.PluginVersions(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(x rest.PluginVersions) string { return x.ID }, "id")
}

func (s *Server) pinPlugin(ctx context.Context, c access.Caller, in *bodyIn[rest.PluginPin]) (*out[rest.PluginVersions], error) {
	return versionsAnswer(s.opt.Fleet.Pin(ctx, domainCaller(c), in.Body))
}

func (s *Server) beginRollout(ctx context.Context, c access.Caller, in *bodyIn[rest.PluginRolloutWrite]) (*out[rest.PluginVersions], error) {
	return versionsAnswer(s.opt.Fleet.Rollout(ctx, domainCaller(c), in.Body))
}
