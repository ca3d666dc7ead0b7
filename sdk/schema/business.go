package schema

import "time"

// businessKinds are what people know of their systems: discovery finds software, the rest is theirs.
func businessKinds() []definition {
	return []definition{
		{name: "application", attrs: Application{}, minor: 1, root: document{
			Label: "Application", Plural: "Applications", Group: "business", Icon: "app-window",
			Summary:     "A program that serves a purpose, with what it runs on and depends on.",
			Identifiers: map[string]int{"instance_uuid": 1, "fqdn": 2},
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "runs_on", Direction: "out", Target: "server"},
				{Alias: "system", Verb: "part_of", Direction: "out", Target: "system"},
				{Alias: "applications", Verb: "uses", Direction: "out", Target: "application"},
				{Alias: "used_by", Verb: "uses", Direction: "in", Target: "application"},
				{Alias: "databases", Verb: "uses", Direction: "out", Target: "database"},
				{Alias: "backing_services", Verb: "uses", Direction: "out", Target: "backing_service"},
				{Alias: "load_balancers", Verb: "routes_to", Direction: "in", Target: "load_balancer"},
			},
		}},
		{name: "software", attrs: Software{}, root: document{
			Label: "Software", Plural: "Software", Group: "business", Icon: "package",
			Summary: "What runs or is installed on a server: a service, a package.",
			Relations: []RelationAlias{
				{Alias: "servers", Verb: "runs_on", Direction: "out", Target: "server"},
			},
		}},
		{name: "system", attrs: System{}, root: document{
			Label: "System", Plural: "Systems", Group: "business", Icon: "topology-star-3",
			Summary: "Applications that serve one purpose together, for clients.",
			Relations: []RelationAlias{
				{Alias: "applications", Verb: "part_of", Direction: "in", Target: "application"},
				{Alias: "clients", Verb: "uses", Direction: "in", Target: "client"},
			},
		}},
		{name: "client", attrs: Client{}, root: document{
			Label: "Client", Plural: "Clients", Group: "business", Icon: "briefcase",
			Summary: "Whom systems serve: a customer, a department.",
			Relations: []RelationAlias{
				{Alias: "systems", Verb: "uses", Direction: "out", Target: "system"},
			},
		}},
	}
}

// Application is the attributes of the kind "application".
type Application struct {
	Type        string       `json:"type,omitempty" label:"Type" maestro:"column,indexed"`
	Role        string       `json:"role,omitempty" label:"Role" enum:"application,worker,jobs,testing,standard" maestro:"column,indexed"`
	Status      string       `json:"status,omitempty" label:"Status" maestro:"column,indexed"`
	Language    string       `json:"language,omitempty" label:"Language" maestro:"column,indexed,searchable"`
	Version     string       `json:"version,omitempty" label:"Version" maestro:"searchable"`
	Provider    string       `json:"provider,omitempty" label:"Provider" maestro:"searchable" help:"Who runs it, where that is somebody else: a cloud, a vendor."`
	Managed     *bool        `json:"managed,omitempty" label:"Managed" maestro:"indexed" help:"Somebody else runs it."`
	Size        string       `json:"size,omitempty" label:"Size" example:"medium"`
	Clustering  string       `json:"clustering,omitempty" label:"Clustering" enum:"none,master_slave,master_master,twelve_factor,zookeeper,leader_election"`
	Endpoint    string       `json:"endpoint,omitempty" label:"Endpoint" group:"Runtime" maestro:"searchable"`
	Path        string       `json:"path,omitempty" label:"Path" group:"Runtime"`
	Command     string       `json:"command,omitempty" label:"Command" group:"Runtime"`
	HealthCheck string       `json:"health_check,omitempty" label:"Health check" group:"Runtime"`
	Deploys     []Deployment `json:"deployments,omitempty" label:"Deployments" group:"Runtime" key:"type"`
	Description string       `json:"description,omitempty" label:"Description" maestro:"searchable"`
}

// Deployment is a way by which an application gets to where it runs.
type Deployment struct {
	Type     string `json:"type" label:"Type" example:"git"`
	Provider string `json:"provider,omitempty" label:"Provider"`
	Notes    string `json:"notes,omitempty" label:"Notes"`
}

// Software is the attributes of the kind "software".
type Software struct {
	Type        string    `json:"type,omitempty" label:"Type" enum:"service,package,program,container" maestro:"column,indexed"`
	Family      string    `json:"family,omitempty" label:"Family" maestro:"column,indexed" help:"What it is for: database, web_server, monitoring."`
	Version     string    `json:"version,omitempty" label:"Version" maestro:"column,indexed,searchable"`
	Release     string    `json:"release,omitempty" label:"Release"`
	Arch        string    `json:"architecture,omitempty" label:"Architecture"`
	Vendor      string    `json:"vendor,omitempty" label:"Vendor" maestro:"searchable"`
	Source      string    `json:"source,omitempty" label:"Source" maestro:"indexed" example:"apt" help:"Who manages it: apt, rpm, systemd."`
	Status      string    `json:"status,omitempty" label:"Status" enum:"running,stopped,failed,installed,unknown" maestro:"column,indexed"`
	Startup     string    `json:"startup,omitempty" label:"Startup" enum:"enabled,disabled,static,masked,manual,unknown" maestro:"indexed"`
	Path        string    `json:"path,omitempty" label:"Path" maestro:"searchable"`
	InstalledAt time.Time `json:"installed_at,omitzero" label:"Installed"`
	Description string    `json:"description,omitempty" label:"Description" maestro:"searchable"`
}

// System is the attributes of the kind "system".
type System struct {
	Status      string       `json:"status,omitempty" label:"Status" maestro:"column,indexed"`
	Links       []SystemLink `json:"endpoints,omitempty" label:"Endpoints" key:"url"`
	Description string       `json:"description,omitempty" label:"Description" maestro:"column,searchable"`
}

// SystemLink is a way into a system.
type SystemLink struct {
	Type string `json:"type,omitempty" label:"Type" enum:"public_url,private_url,admin,web_socket,tcp,unix_socket,health_check"`
	URL  string `json:"url" label:"Address"`
}

// Client is the attributes of the kind "client".
type Client struct {
	Contacts    []Contact `json:"contacts,omitempty" label:"Contacts" key:"value"`
	Description string    `json:"description,omitempty" label:"Description" maestro:"column,searchable"`
}

// Contact is how a client is reached.
type Contact struct {
	Channel string `json:"channel,omitempty" label:"Channel" example:"email"`
	Value   string `json:"value" label:"Contact"`
}
