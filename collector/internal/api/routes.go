package api

import (
	"net/http"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
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
	Filter    string `query:"filter" doc:"AIP-160 expression of up to 8 KiB; bare words search the text"`
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
	AsOf time.Time `query:"as_of" doc:"The resources as the collector had them at that moment"`
	Q    string    `query:"q" maxLength:"500" doc:"Words, each the beginning of some word of the resource; or an address, a range or a MAC, which finds who has it"`
}

type kindIn struct {
	Kind string `path:"kind" maxLength:"200"`
}

type idIn struct {
	ID string `path:"id" maxLength:"200"`
}

// countsIn asks for counts of something's resources.
type countsIn struct {
	ID   string    `path:"id" maxLength:"200"`
	AsOf time.Time `query:"as_of" doc:"Of the resources as the collector had them at that moment"`
}

type summaryIn struct {
	AsOf time.Time `query:"as_of" doc:"Resources are counted as the collector had them at that moment; connections, agents and what waits for a decision as they are now"`
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

type relationsIn struct {
	ListIn
	ResourceIn
	AsOf time.Time `query:"as_of" doc:"The relations as the collector had them at that moment"`
}

type bodyIn[T any] struct{ Body T }

type createResourceIn struct {
	Kind    string `path:"kind" maxLength:"200"`
	Body    rest.ResourceCreate
	RawBody []byte
}

type deleteResourceIn struct {
	ResourceIn
	IfMatch string `header:"If-Match" doc:"The version looked at, as in the ETag; required"`
	Reason  string `query:"reason" maxLength:"1000"`
}

type patchResourceIn struct {
	ResourceIn
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.ResourcePatch
	RawBody []byte
}

type decideIn struct {
	ID   string         `path:"id" maxLength:"200"`
	Body *rest.Decision `required:"false"`
}

type recoveryIn struct {
	ID   string              `path:"id" maxLength:"200"`
	Body *rest.RecoveryGrant `required:"false"`
}

type decideKindIn struct {
	Kind string         `path:"kind" maxLength:"200"`
	Body *rest.Decision `required:"false"`
}

type customFieldsIn struct {
	Kind string `path:"kind" maxLength:"200"`
	Body rest.CustomFieldsWrite
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

// FileIn names a file of a connection.
type FileIn struct {
	ID   string `path:"id" maxLength:"200"`
	Name string `path:"name" maxLength:"200"`
}

type uploadIn struct {
	FileIn
	RawBody []byte `contentType:"application/octet-stream"`
}

type uploadManyIn struct {
	ID      string `path:"id" maxLength:"200"`
	RawBody []byte `contentType:"application/x-tar"`
}

type choicesIn struct {
	Provider string `path:"provider" maxLength:"200"`
	Body     rest.ChoicesRequest
}

type providerIn struct {
	Provider string `path:"provider" maxLength:"200"`
}

type coverageIn struct {
	Kind string `query:"kind" maxLength:"200" doc:"Absent: all kinds"`
}

type sessionOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      rest.Session
}

type signOutOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// routes declares every operation. Handlers are in the file of their tag.
func (s *Server) routes() {
	s.sessionRoutes()
	s.peopleRoutes()
	s.teamRoutes()
	s.pictureRoutes()
	s.logoRoutes()
	s.tenantRoutes()
	s.mineRoutes()
	s.providerRoutes()
	s.roleRoutes()
	s.grantRoutes()
	s.accountRoutes()
	s.inventoryRoutes()
	s.identityRoutes()
	s.prefixRoutes()
	s.fleetRoutes()
	s.healthRoutes()
	s.transferRoutes()
	s.eventRoutes()
	s.whyRoutes()
	s.facetRoutes()
	s.markRoutes()
	s.stalenessRoutes()
	s.viewRoutes()
	s.notifyRoutes()
	s.approvalRoutes()
}

func (s *Server) sessionRoutes() {
	const tag = "session"
	handle(s, route{method: "POST", path: "/session", id: "sign-in", tag: tag, public: true,
		summary: "Sign in; the session travels in a cookie"}, s.signIn)
	handle(s, route{method: "GET", path: "/session", id: "get-session", tag: tag, action: access.Self,
		summary: "Who am I"}, s.getSession)
	handle(s, route{method: "DELETE", path: "/session", id: "sign-out", tag: tag, action: access.Self,
		summary: "Sign out"}, s.signOut)
	handle(s, route{method: "POST", path: "/session/password", id: "change-password", tag: tag, action: access.Self,
		summary: "Change one's own password; every other session of the user ends"}, s.changePassword)
	handle(s, route{method: "GET", path: "/tokens", id: "list-tokens", tag: tag, action: access.ManageTokens,
		summary: "API tokens"}, s.listTokens)
	handle(s, route{method: "POST", path: "/tokens", id: "create-token", tag: tag, action: access.ManageTokens, status: 201,
		summary: "Make an API token; its secret is shown this once"}, s.createToken)
	handle(s, route{method: "DELETE", path: "/tokens/{id}", id: "delete-token", tag: tag, action: access.ManageTokens,
		summary: "End an API token"}, s.deleteToken)
}

func (s *Server) inventoryRoutes() {
	tag := "kinds"
	handle(s, route{method: "GET", path: "/kinds", id: "list-kinds", tag: tag, action: access.Read,
		summary: "Kinds with their schemas"}, s.listKinds)
	handle(s, route{method: "GET", path: "/kinds/{kind}", id: "get-kind", tag: tag, action: access.Read,
		summary: "One kind"}, s.getKind)
	handle(s, route{method: "POST", path: "/kinds/{kind}/approve", id: "approve-kind", tag: tag, action: access.ApproveKinds,
		summary: "Let a plugin's kind in"}, s.approveKind)
	handle(s, route{method: "PUT", path: "/kinds/{kind}/custom-fields", id: "put-custom-fields", tag: tag, action: access.DefineKinds,
		summary: "Say which custom fields a kind has"}, s.putCustomFields)
	handle(s, route{method: "POST", path: "/kinds", id: "define-kind", tag: tag, action: access.DefineKinds, status: 201,
		summary: "Define a custom kind, or change it"}, s.defineKind)
	handle(s, route{method: "DELETE", path: "/kinds/{kind}", id: "drop-kind", tag: tag, action: access.DefineKinds,
		summary: "Drop a custom kind that has no records"}, s.dropKind)

	tag = "mapping"
	handle(s, route{method: "GET", path: "/mapping", id: "get-mapping", tag: tag, action: access.ReadSettings,
		summary: "The rules that turn tags, names and accounts into fields and relations"}, s.getMapping)
	handle(s, route{method: "PUT", path: "/mapping", id: "put-mapping", tag: tag, action: access.ManageMapping,
		summary: "Replace the rules; the inventory follows in the background"}, s.putMapping)
	handle(s, route{method: "POST", path: "/mapping/preview", id: "preview-mapping", tag: tag, action: access.ManageMapping,
		summary: "Say what rules would change"}, s.previewMapping)
	handle(s, route{method: "GET", path: "/mapping/history", id: "list-mapping-history", tag: tag, action: access.ReadSettings,
		summary: "Earlier versions of the rules, newest first; put one again to go back"}, s.listMappings)
	handle(s, route{method: "GET", path: "/mapping/compliance", id: "list-tag-compliance", tag: tag, action: access.ReadSettings,
		summary: "How the tag policy is kept, by requirement and kind"}, s.listCompliance)
	// Whoever may write on one thing by a grant fills the same forms, so the lists are no secret within the tenant.
	handle(s, route{method: "GET", path: "/option-lists", id: "list-option-lists", tag: tag, action: access.Read,
		summary: "What forms offer for fields whose values are one's own"}, s.listOptions)
	handle(s, route{method: "PUT", path: "/option-lists/{name}", id: "put-option-list", tag: tag, action: access.ManageOptions,
		summary: "Say what a list offers"}, s.putOptions)

	tag = "resources"
	handle(s, route{method: "GET", path: "/resources", id: "search-resources", tag: tag, action: access.Read,
		summary: "Resources of all kinds, with what all kinds have in common"}, s.searchResources)
	handle(s, route{method: "GET", path: "/resources/{kind}", id: "list-resources", tag: tag, action: access.Read,
		summary: "Resources of a kind"}, s.listResources)
	handle(s, route{method: "POST", path: "/resources/{kind}", id: "create-resource", tag: tag, action: access.EditResources, status: 201,
		summary: "Record a resource by hand"}, s.createResource)
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}", id: "get-resource", tag: tag, action: access.Read,
		summary: "One resource, with provenance and observations"}, s.getResource)
	handle(s, route{method: "PATCH", path: "/resources/{kind}/{id}", id: "patch-resource", tag: tag, action: access.EditCosts,
		summary: "Curate fields, or hand them back to discovery"}, s.patchResource)
	handle(s, route{method: "DELETE", path: "/resources/{kind}/{id}", id: "delete-resource", tag: tag, action: access.EditResources,
		summary: "Remove a record that people made; the operation that is answered can be undone"}, s.deleteResource)
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}/history", id: "list-resource-history", tag: tag, action: access.Read,
		summary: "Changes of a resource, newest first"}, s.listHistory)
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}/relations", id: "list-resource-relations", tag: tag, action: access.Read,
		summary: "What a resource is related to, in both directions"}, s.listRelations)

	tag = "history"
	handle(s, route{method: "GET", path: "/changes", id: "list-changes", tag: tag, action: access.Read,
		summary: "Changes of the inventory, newest first"}, s.listChanges)
	handle(s, route{method: "GET", path: "/audit", id: "list-audit", tag: tag, action: access.ReadAudit,
		summary: "What anyone did, newest first"}, s.listAudit)
	handle(s, route{method: "GET", path: "/changes/compare", id: "compare-moments", tag: tag, action: access.Read,
		summary: "What is different between two moments, by kind and id: everywhere, in a kind, in a datacenter"}, s.compare)
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}/compare", id: "compare-resource", tag: tag, action: access.Read,
		summary: "What is different about one resource between two moments"}, s.compareOne)
	handle(s, route{method: "GET", path: "/audit/export", id: "export-audit", tag: tag, action: access.ReadAudit,
		summary: "What anyone did, newest first, all of it in one answer: CSV, or one JSON document a line"}, s.exportAudit)
	handle(s, route{method: "POST", path: "/audit/verify", id: "verify-audit", tag: tag, action: access.VerifyAudit,
		summary: "Find changes and audit entries that were removed, edited or put in; reads all of them, one such question at a time"}, s.verifyAudit)

	tag = "coverage"
	handle(s, route{method: "GET", path: "/coverage", id: "get-coverage", tag: tag, action: access.Read,
		summary: "How far a list can be trusted"}, s.getCoverage)
	handle(s, route{method: "GET", path: "/summary", id: "get-summary", tag: tag, action: access.Read,
		summary: "The dashboard's counts"}, s.getSummary)
	handle(s, route{method: "GET", path: "/removals", id: "list-removals", tag: tag, action: access.Read,
		summary: "Removals that wait for a person"}, s.listRemovals)
	handle(s, route{method: "GET", path: "/removals/{id}", id: "get-removal", tag: tag, action: access.Read,
		summary: "One held removal, with its resources"}, s.getRemoval)
	handle(s, route{method: "POST", path: "/removals/{id}/approve", id: "approve-removal", tag: tag, action: access.DecideRemovals,
		summary: "Believe the absence"}, s.approveRemoval)
	handle(s, route{method: "POST", path: "/removals/{id}/refuse", id: "refuse-removal", tag: tag, action: access.DecideRemovals,
		summary: "Keep the resources until they are seen again"}, s.refuseRemoval)

	tag = "runs"
	handle(s, route{method: "GET", path: "/runs", id: "list-runs", tag: tag, action: access.Read,
		summary: "Runs, newest first"}, s.listRuns)
	handle(s, route{method: "GET", path: "/runs/{id}", id: "get-run", tag: tag, action: access.Read,
		summary: "One run"}, s.getRun)
	handle(s, route{method: "GET", path: "/runs/{id}/scopes", id: "list-run-scopes", tag: tag, action: access.Read,
		summary: "A run's scopes and how each ended"}, s.listRunScopes)
	handle(s, route{method: "POST", path: "/runs/{id}/cancel", id: "cancel-run", tag: tag, action: access.RequestRuns, status: 202,
		summary: "End a run early; what it has read by then stays"}, s.cancelRun)
}

func (s *Server) fleetRoutes() {
	tag := "agents"
	handle(s, route{method: "GET", path: "/agents", id: "list-agents", tag: tag, action: access.Read,
		summary: "Agents"}, s.listAgents)
	handle(s, route{method: "GET", path: "/agents/{id}", id: "get-agent", tag: tag, action: access.Read,
		summary: "One agent"}, s.getAgent)
	handle(s, route{method: "POST", path: "/agents/{id}/revoke", id: "revoke-agent", tag: tag, action: access.ManageAgents,
		summary: "Never speak with an agent again"}, s.revokeAgent)
	handle(s, route{method: "POST", path: "/agents/{id}/drain", id: "drain-agent", tag: tag, action: access.ManageAgents,
		summary: "Have an agent take no new work; what goes on ends and what was read is sent, and drain says when it is empty"}, s.drainAgent)
	handle(s, route{method: "POST", path: "/agents/{id}/resume", id: "resume-agent", tag: tag, action: access.ManageAgents,
		summary: "Have a drained agent take work again"}, s.resumeAgent)
	handle(s, route{method: "POST", path: "/agents/{id}/recovery", id: "grant-agent-recovery", tag: tag, action: access.ManageAgents,
		summary: "Let an agent whose certificate has expired get another, so many times and until then"}, s.grantRecovery)
	handle(s, route{method: "POST", path: "/agents/{id}/release", id: "release-agent", tag: tag, action: access.ManageAgents,
		summary: "Say which of two copies of an agent is the agent; the other is shut out"}, s.releaseAgent)
	handle(s, route{method: "GET", path: "/join-tokens", id: "list-join-tokens", tag: tag, action: access.ManageAgents,
		summary: "Join tokens"}, s.listJoinTokens)
	handle(s, route{method: "POST", path: "/join-tokens", id: "create-join-token", tag: tag, action: access.ManageAgents, status: 201,
		summary: "Make a token that lets one agent in; it is shown this once"}, s.createJoinToken)
	handle(s, route{method: "DELETE", path: "/join-tokens/{id}", id: "delete-join-token", tag: tag, action: access.ManageAgents,
		summary: "Take a join token back"}, s.deleteJoinToken)
	handle(s, route{method: "GET", path: "/plugins", id: "list-plugins", tag: tag, action: access.Read,
		summary: "Plugins that agents have reported"}, s.listPlugins)
	handle(s, route{method: "GET", path: "/plugins/{provider}", id: "get-plugin", tag: tag, action: access.Read,
		summary: "One plugin, with the schema of its settings"}, s.getPlugin)
	handle(s, route{method: "POST", path: "/plugins/{provider}/choices", id: "list-choices", tag: tag, action: access.ManageConnections,
		summary: "What a setting may be, as the provider says; waits some seconds for the agent's answer"}, s.listChoices)

	tag = "connections"
	handle(s, route{method: "GET", path: "/connections", id: "list-connections", tag: tag, action: access.Read,
		summary: "Connections"}, s.listConnections)
	handle(s, route{method: "POST", path: "/connections", id: "create-connection", tag: tag, action: access.ManageConnections, status: 201,
		summary: "Configure access to a provider"}, s.createConnection)
	handle(s, route{method: "POST", path: "/connections/import", id: "import-connections", tag: tag, action: access.ManageConnections, maxBody: 4 << 20,
		summary: "Make many connections of a table; says of each row how it went, and the same table again changes nothing"}, s.importConnections)
	handle(s, route{method: "GET", path: "/connections/{id}", id: "get-connection", tag: tag, action: access.Read,
		summary: "One connection"}, s.getConnection)
	handle(s, route{method: "PUT", path: "/connections/{id}", id: "update-connection", tag: tag, action: access.EditConnections,
		summary: "Replace what people decide of a connection"}, s.updateConnection)
	handle(s, route{method: "DELETE", path: "/connections/{id}", id: "delete-connection", tag: tag, action: access.ManageConnections,
		summary: "End a connection; what it saw becomes unwatched"}, s.deleteConnection)
	handle(s, route{method: "POST", path: "/connections/{id}/runs", id: "request-run", tag: tag, action: access.RequestRuns, status: 202,
		summary: "Ask for a run now"}, s.requestRun)
	handle(s, route{method: "POST", path: "/connections/{id}/check", id: "check-connection", tag: tag, action: access.RequestRuns,
		summary: "Check what the credential may read; waits some seconds for the agent's answer"}, s.checkConnection)
	handle(s, route{method: "POST", path: "/connections/{id}/resend", id: "resend-connection", tag: tag, action: access.RequestRuns, status: 202,
		summary: "Have everything compared again with the next run"}, s.resendConnection)
	s.rejectedRoutes()
	handle(s, route{method: "GET", path: "/connections/{id}/files", id: "list-connection-files", tag: tag, action: access.Read,
		summary: "Files that were uploaded for a connection's plugin to read"}, s.listFiles)
	handle(s, route{method: "PUT", path: "/connections/{id}/files/{name}", id: "upload-connection-file", tag: tag, action: access.EditConnections,
		maxBody: upload.MaxFile, bodyWithin: uploadWithin, summary: "Upload a file, in place of one of the same name"}, s.uploadFile)
	handle(s, route{method: "POST", path: "/connections/{id}/files", id: "upload-connection-files", tag: tag, action: access.EditConnections,
		maxBody: upload.MaxBatch, bodyWithin: uploadWithin, summary: "Upload many files as a tar archive, each in place of one of the same name"}, s.uploadFiles)
	handle(s, route{method: "DELETE", path: "/connections/{id}/files/{name}", id: "delete-connection-file", tag: tag, action: access.EditConnections,
		summary: "Delete a file"}, s.deleteFile)
	s.sealingRoutes()
	s.versionRoutes()

	tag = "datacenters"
	handle(s, route{method: "GET", path: "/datacenters", id: "list-datacenters", tag: tag, action: access.Read,
		summary: "Datacenters"}, s.listDatacenters)
	handle(s, route{method: "POST", path: "/datacenters", id: "create-datacenter", tag: tag, action: access.ManageDatacenters, status: 201,
		summary: "Record a datacenter"}, s.createDatacenter)
	handle(s, route{method: "GET", path: "/datacenters/{id}", id: "get-datacenter", tag: tag, action: access.Read,
		summary: "One datacenter"}, s.getDatacenter)
	handle(s, route{method: "PUT", path: "/datacenters/{id}", id: "update-datacenter", tag: tag, action: access.ManageDatacenters,
		summary: "Edit a datacenter"}, s.updateDatacenter)
	handle(s, route{method: "DELETE", path: "/datacenters/{id}", id: "delete-datacenter", tag: tag, action: access.ManageDatacenters,
		summary: "Remove a datacenter that nothing uses"}, s.deleteDatacenter)
}
