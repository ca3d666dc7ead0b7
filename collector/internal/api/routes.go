package api

import (
	"net/http"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// out is an answer with a document.
type out[T any] struct{ Body T }

// versioned is an answer with a document that has a version.
type versioned[T any] struct {
	ETag string `header:"ETag" doc:"The version, for If-Match"`
	Body T
}

// none is an answer without a document.
type none struct{}

// empty is a question without parameters.
type empty struct{}

// ListIn are the parameters that every list takes.
type ListIn struct {
	Filter    string `query:"filter" maxLength:"8192" doc:"AIP-160 expression; bare words search the text"`
	OrderBy   string `query:"order_by" maxLength:"1000" example:"name desc, id"`
	PageSize  int    `query:"page_size" minimum:"1" maximum:"1000" default:"50"`
	PageToken string `query:"page_token" maxLength:"4000" doc:"next_page_token of the page before; with it every other parameter must stay the same"`
	Fields    string `query:"fields" maxLength:"2000" example:"name,attributes.os.name" doc:"Only these properties of the items, dotted, separated by commas; id is always there"`
	Count     string `query:"count" enum:"exact" doc:"Count beyond 10,000 too"`
}

type resourcesIn struct {
	ListIn
	Kind string    `path:"kind" maxLength:"200"`
	AsOf time.Time `query:"as_of" doc:"The list as the collector had it at that moment"`
}

type searchIn struct {
	ListIn
	Q string `query:"q" maxLength:"500" doc:"Words, each the beginning of some word of the resource"`
}

type kindIn struct {
	Kind string `path:"kind" maxLength:"200"`
}

type idIn struct {
	ID string `path:"id" maxLength:"200"`
}

type listOfIn struct {
	ListIn
	ID string `path:"id" maxLength:"200"`
}

// ResourceIn names a resource.
type ResourceIn struct {
	Kind string `path:"kind" maxLength:"200"`
	ID   string `path:"id" maxLength:"200"`
}

type resourceAtIn struct {
	ResourceIn
	AsOf time.Time `query:"as_of" doc:"The resource as the collector had it at that moment"`
}

type resourceListIn struct {
	ListIn
	ResourceIn
}

type bodyIn[T any] struct{ Body T }

type createResourceIn struct {
	Kind string `path:"kind" maxLength:"200"`
	Body rest.ResourceCreate
}

type patchResourceIn struct {
	ResourceIn
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.ResourcePatch
}

type decideIn struct {
	ID   string         `path:"id" maxLength:"200"`
	Body *rest.Decision `required:"false"`
}

type decideKindIn struct {
	Kind string         `path:"kind" maxLength:"200"`
	Body *rest.Decision `required:"false"`
}

type putIn[T any] struct {
	ID      string `path:"id" maxLength:"200"`
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    T
}

type runRequestIn struct {
	ID   string           `path:"id" maxLength:"200"`
	Body *rest.RunRequest `required:"false"`
}

type providerIn struct {
	Provider string `path:"provider" maxLength:"200"`
}

type coverageIn struct {
	Kind string `query:"kind" maxLength:"200" doc:"Absent: all kinds"`
}

type sessionOut struct {
	SetCookie    http.Cookie `header:"Set-Cookie"`
	CacheControl string      `header:"Cache-Control"`
	Body         rest.Session
}

type signOutOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// routes declares every operation. Handlers are in the file of their tag.
func (s *Server) routes() {
	s.sessionRoutes()
	s.inventoryRoutes()
	s.fleetRoutes()
}

func (s *Server) sessionRoutes() {
	const tag = "session"
	handle[bodyIn[rest.SignIn], sessionOut](s, route{method: "POST", path: "/session", id: "sign-in", tag: tag, public: true,
		summary: "Sign in; the session travels in a cookie"}, nil)
	handle[empty, out[rest.Session]](s, route{method: "GET", path: "/session", id: "get-session", tag: tag, action: access.Self,
		summary: "Who am I"}, nil)
	handle[empty, signOutOut](s, route{method: "DELETE", path: "/session", id: "sign-out", tag: tag, action: access.Self,
		summary: "Sign out"}, nil)
	handle[ListIn, out[rest.List[rest.Token]]](s, route{method: "GET", path: "/tokens", id: "list-tokens", tag: tag, action: access.ManageTokens,
		summary: "API tokens"}, nil)
	handle[bodyIn[rest.TokenCreate], out[rest.Token]](s, route{method: "POST", path: "/tokens", id: "create-token", tag: tag, action: access.ManageTokens, status: 201,
		summary: "Make an API token; its secret is shown this once"}, nil)
	handle[idIn, none](s, route{method: "DELETE", path: "/tokens/{id}", id: "delete-token", tag: tag, action: access.ManageTokens,
		summary: "End an API token"}, nil)
}

func (s *Server) inventoryRoutes() {
	tag := "kinds"
	handle[ListIn, out[rest.List[rest.KindInfo]]](s, route{method: "GET", path: "/kinds", id: "list-kinds", tag: tag, action: access.Read,
		summary: "Kinds with their schemas"}, nil)
	handle[kindIn, out[rest.KindInfo]](s, route{method: "GET", path: "/kinds/{kind}", id: "get-kind", tag: tag, action: access.Read,
		summary: "One kind"}, nil)
	handle[decideKindIn, out[rest.KindInfo]](s, route{method: "POST", path: "/kinds/{kind}/approve", id: "approve-kind", tag: tag, action: access.ApproveKinds,
		summary: "Let a plugin's kind in"}, nil)

	tag = "resources"
	handle[searchIn, out[rest.List[rest.Resource]]](s, route{method: "GET", path: "/resources", id: "search-resources", tag: tag, action: access.Read,
		summary: "Resources of all kinds, with what all kinds have in common"}, nil)
	handle[resourcesIn, out[rest.List[rest.Resource]]](s, route{method: "GET", path: "/resources/{kind}", id: "list-resources", tag: tag, action: access.Read,
		summary: "Resources of a kind"}, nil)
	handle[createResourceIn, versioned[rest.Resource]](s, route{method: "POST", path: "/resources/{kind}", id: "create-resource", tag: tag, action: access.EditResources, status: 201,
		summary: "Record a resource by hand"}, nil)
	handle[resourceAtIn, versioned[rest.Resource]](s, route{method: "GET", path: "/resources/{kind}/{id}", id: "get-resource", tag: tag, action: access.Read,
		summary: "One resource, with provenance and observations"}, nil)
	handle[patchResourceIn, versioned[rest.Resource]](s, route{method: "PATCH", path: "/resources/{kind}/{id}", id: "patch-resource", tag: tag, action: access.EditResources,
		summary: "Curate fields, or hand them back to discovery"}, nil)
	handle[resourceListIn, out[rest.List[rest.Change]]](s, route{method: "GET", path: "/resources/{kind}/{id}/history", id: "list-resource-history", tag: tag, action: access.Read,
		summary: "Changes of a resource, newest first"}, nil)
	handle[resourceListIn, out[rest.List[rest.RelatedResource]]](s, route{method: "GET", path: "/resources/{kind}/{id}/relations", id: "list-resource-relations", tag: tag, action: access.Read,
		summary: "What a resource is related to, in both directions"}, nil)

	tag = "history"
	handle[ListIn, out[rest.List[rest.Change]]](s, route{method: "GET", path: "/changes", id: "list-changes", tag: tag, action: access.Read,
		summary: "Changes of the inventory, newest first"}, nil)
	handle[ListIn, out[rest.List[rest.AuditEntry]]](s, route{method: "GET", path: "/audit", id: "list-audit", tag: tag, action: access.ReadAudit,
		summary: "What anyone did, newest first"}, nil)

	tag = "coverage"
	handle[coverageIn, out[rest.Coverage]](s, route{method: "GET", path: "/coverage", id: "get-coverage", tag: tag, action: access.Read,
		summary: "How far a list can be trusted"}, nil)
	handle[empty, out[rest.Summary]](s, route{method: "GET", path: "/summary", id: "get-summary", tag: tag, action: access.Read,
		summary: "The dashboard's counts"}, nil)
	handle[ListIn, out[rest.List[rest.HeldRemoval]]](s, route{method: "GET", path: "/removals", id: "list-removals", tag: tag, action: access.Read,
		summary: "Removals that wait for a person"}, nil)
	handle[idIn, out[rest.HeldRemoval]](s, route{method: "GET", path: "/removals/{id}", id: "get-removal", tag: tag, action: access.Read,
		summary: "One held removal, with its resources"}, nil)
	handle[decideIn, out[rest.HeldRemoval]](s, route{method: "POST", path: "/removals/{id}/approve", id: "approve-removal", tag: tag, action: access.DecideRemovals,
		summary: "Believe the absence"}, nil)
	handle[decideIn, out[rest.HeldRemoval]](s, route{method: "POST", path: "/removals/{id}/refuse", id: "refuse-removal", tag: tag, action: access.DecideRemovals,
		summary: "Keep the resources until they are seen again"}, nil)

	tag = "runs"
	handle[ListIn, out[rest.List[rest.Run]]](s, route{method: "GET", path: "/runs", id: "list-runs", tag: tag, action: access.Read,
		summary: "Runs, newest first"}, nil)
	handle[idIn, out[rest.Run]](s, route{method: "GET", path: "/runs/{id}", id: "get-run", tag: tag, action: access.Read,
		summary: "One run"}, nil)
	handle[listOfIn, out[rest.List[rest.RunScope]]](s, route{method: "GET", path: "/runs/{id}/scopes", id: "list-run-scopes", tag: tag, action: access.Read,
		summary: "A run's scopes and how each ended"}, nil)
}

func (s *Server) fleetRoutes() {
	tag := "agents"
	handle[ListIn, out[rest.List[rest.Agent]]](s, route{method: "GET", path: "/agents", id: "list-agents", tag: tag, action: access.Read,
		summary: "Agents"}, nil)
	handle[idIn, out[rest.Agent]](s, route{method: "GET", path: "/agents/{id}", id: "get-agent", tag: tag, action: access.Read,
		summary: "One agent"}, nil)
	handle[decideIn, out[rest.Agent]](s, route{method: "POST", path: "/agents/{id}/revoke", id: "revoke-agent", tag: tag, action: access.ManageAgents,
		summary: "Never speak with an agent again"}, nil)
	handle[ListIn, out[rest.List[rest.JoinToken]]](s, route{method: "GET", path: "/join-tokens", id: "list-join-tokens", tag: tag, action: access.ManageAgents,
		summary: "Join tokens"}, nil)
	handle[bodyIn[rest.JoinTokenCreate], out[rest.JoinToken]](s, route{method: "POST", path: "/join-tokens", id: "create-join-token", tag: tag, action: access.ManageAgents, status: 201,
		summary: "Make a token that lets one agent in; it is shown this once"}, nil)
	handle[idIn, none](s, route{method: "DELETE", path: "/join-tokens/{id}", id: "delete-join-token", tag: tag, action: access.ManageAgents,
		summary: "Take a join token back"}, nil)
	handle[ListIn, out[rest.List[rest.Plugin]]](s, route{method: "GET", path: "/plugins", id: "list-plugins", tag: tag, action: access.Read,
		summary: "Plugins that agents have reported"}, nil)
	handle[providerIn, out[rest.Plugin]](s, route{method: "GET", path: "/plugins/{provider}", id: "get-plugin", tag: tag, action: access.Read,
		summary: "One plugin, with the schema of its settings"}, nil)

	tag = "connections"
	handle[ListIn, out[rest.List[rest.Connection]]](s, route{method: "GET", path: "/connections", id: "list-connections", tag: tag, action: access.Read,
		summary: "Connections"}, nil)
	handle[bodyIn[rest.ConnectionWrite], versioned[rest.Connection]](s, route{method: "POST", path: "/connections", id: "create-connection", tag: tag, action: access.ManageConnections, status: 201,
		summary: "Configure access to a provider"}, nil)
	handle[idIn, versioned[rest.Connection]](s, route{method: "GET", path: "/connections/{id}", id: "get-connection", tag: tag, action: access.Read,
		summary: "One connection"}, nil)
	handle[putIn[rest.ConnectionWrite], versioned[rest.Connection]](s, route{method: "PUT", path: "/connections/{id}", id: "update-connection", tag: tag, action: access.ManageConnections,
		summary: "Replace what people decide of a connection"}, nil)
	handle[idIn, none](s, route{method: "DELETE", path: "/connections/{id}", id: "delete-connection", tag: tag, action: access.ManageConnections,
		summary: "End a connection; what it saw becomes unwatched"}, nil)
	handle[runRequestIn, out[rest.Run]](s, route{method: "POST", path: "/connections/{id}/runs", id: "request-run", tag: tag, action: access.RequestRuns, status: 202,
		summary: "Ask for a run now"}, nil)
	handle[runRequestIn, out[rest.CheckResult]](s, route{method: "POST", path: "/connections/{id}/check", id: "check-connection", tag: tag, action: access.RequestRuns,
		summary: "Check what the credential may read; waits some seconds for the agent's answer"}, nil)

	tag = "datacenters"
	handle[ListIn, out[rest.List[rest.Datacenter]]](s, route{method: "GET", path: "/datacenters", id: "list-datacenters", tag: tag, action: access.Read,
		summary: "Datacenters"}, nil)
	handle[bodyIn[rest.DatacenterWrite], versioned[rest.Datacenter]](s, route{method: "POST", path: "/datacenters", id: "create-datacenter", tag: tag, action: access.ManageDatacenters, status: 201,
		summary: "Record a datacenter"}, nil)
	handle[idIn, versioned[rest.Datacenter]](s, route{method: "GET", path: "/datacenters/{id}", id: "get-datacenter", tag: tag, action: access.Read,
		summary: "One datacenter"}, nil)
	handle[putIn[rest.DatacenterWrite], versioned[rest.Datacenter]](s, route{method: "PUT", path: "/datacenters/{id}", id: "update-datacenter", tag: tag, action: access.ManageDatacenters,
		summary: "Edit a datacenter"}, nil)
	handle[idIn, none](s, route{method: "DELETE", path: "/datacenters/{id}", id: "delete-datacenter", tag: tag, action: access.ManageDatacenters,
		summary: "Remove a datacenter that nothing uses"}, nil)
}
