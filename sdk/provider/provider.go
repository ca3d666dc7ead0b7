// Package provider is the contract between Maestro and the author of a provider plugin.
//
// An author implements Provider and Session: Describe says what the plugin can do, Connect turns a
// connection's settings and credential into a session, Discover reads one scope. Everything else is
// optional and is an interface of its own: Planner (which scopes are there), Checker (may I read them),
// io.Closer (end the session), Chooser (what may the settings be). The SDK does the rest: it asks for scopes side by side and fairly, limits,
// retries, batches, and turns errors into outcomes.
//
// # Lifecycle
//
// The agent starts the plugin's process for a run and ends it afterwards. For each call the SDK calls
// Connect once, then Plan or Check once or Discover once for each scope, several at a time, and at last
// Close if the session has one. A session is never used by two calls, and a plugin keeps nothing between
// calls: no globals, no files, no caches.
//
// # Cancellation
//
// Every method must return soon after its context is done, with any error. A process that does not is
// killed after a deadline, and the scopes it had not finished are reported as failed.
//
// # Ownership
//
// What is passed to Emit belongs to the SDK from then on and must not be changed. Emit blocks while the
// agent is busy: that is the back-pressure, so hold no locks across it. Emit may be called from several
// goroutines of one Discover, but not after Discover has returned.
//
// # Honesty
//
// Returning nil from Discover states that every key of the scope was emitted: what is absent is taken for
// gone. When a listing could not be read to its end return an error, made with Denied, Throttled,
// Unreachable, Unsupported or Permanent where one of them fits; what was emitted before it is kept and nothing is
// removed. When only a detail of one item could not be read, emit the item and name the detail in
// Envelope.Unread.
//
// # Log
//
// What is logged with log/slog's default logger appears in the agent's log and, its last lines, beside the run.
// Standard output belongs to the protocol. Never log a credential.
package provider

import (
	"context"
	"encoding/json"

	"maestro.internal/sdk/resource"
)

// Provider is what a plugin's author implements; see the package documentation for the rules.
type Provider interface {
	// Describe is cheap, needs no network and answers the same every time.
	Describe() Description
	// Connect validates settings and makes a session. It may contact the provider. A *SettingsError says
	// which setting is wrong; other errors are classified as those of Discover are.
	Connect(ctx context.Context, conn Connection) (Session, error)
}

// Session reads one connection during one call. If it is an io.Closer, Close is called at its end.
type Session interface {
	// Discover reads one scope to its end and emits what is in it.
	Discover(ctx context.Context, scope resource.Scope, out Emitter) error
}

// Planner is a Session that knows its scopes. Without it every kind asked for is one scope with the empty
// partition.
type Planner interface {
	// Plan answers every scope that is going to be read for the kinds. A plan that could not enumerate
	// everything has Complete false and says why in Warnings; an error means nothing is known.
	Plan(ctx context.Context, kinds []string) (Plan, error)
}

// Checker is a Session that can say beforehand what it may read.
type Checker interface {
	Check(ctx context.Context, kinds []string) (CheckReport, error)
}

// Chooser is a Provider that knows what some settings may be: the regions, projects or datacenters that a credential
// sees. Description.Choices names them. The form offers what it answers; people may type other things all the same.
type Chooser interface {
	// Choices answers for one setting, by JSON pointer. conn has the settings so far, without that one. It makes its own
	// session: some questions are asked before a sign-in could be complete.
	Choices(ctx context.Context, conn Connection, setting string) (Choices, error)
}

// Choices are what a setting may be, in the order in which people should see them.
type Choices struct {
	Items []Choice `json:"items"`
	// More says that there are others, which are not listed.
	More bool `json:"more,omitempty"`
}

// Choice is one of them.
type Choice struct {
	// Value is what the setting would hold.
	Value string `json:"value"`
	// Label is for people; empty where the value speaks for itself.
	Label string `json:"label,omitempty"`
	// Note is a few words that help to choose.
	Note string `json:"note,omitempty"`
}

// Emitter takes what Discover reads.
type Emitter interface {
	// Emit hands over one resource. Its error means that the scope is over (canceled, or an id repeated
	// with other content): return it. What it takes must be of the scope's kind.
	Emit(ctx context.Context, env resource.Envelope) error
	// Page notes one more answer of the provider that was read: evidence, and progress on the screen.
	Page()
	// Warn adds a finding that spoils nothing to the scope's outcome.
	Warn(format string, args ...any)
	// Call runs fn, which makes one request to the provider, under the limiter of the given name (see
	// Description.Limits; "" is none) and repeats it with back-off while its error is Throttled or
	// Unreachable, honouring RetryAfter, for at most four minutes. A permanent error is never repeated.
	Call(ctx context.Context, limit string, fn func(context.Context) error) error
}

// Description is what a plugin says of itself.
type Description struct {
	// Provider is the name of the technology in lower_snake: "vsphere".
	Provider string `json:"provider"`
	// Version of the plugin, as its author counts.
	Version string `json:"version"`
	// Title for people: "VMware vSphere".
	Title string `json:"title"`
	// Summary is one sentence.
	Summary string `json:"summary,omitempty"`
	// Kinds that the plugin reads, built-in and its own.
	Kinds []KindSupport `json:"kinds"`
	// Settings is the JSON Schema (draft 2020-12) of a connection's settings.
	Settings json.RawMessage `json:"settings"`
	// Policy is text to paste at the provider that grants what all kinds need, and nothing that changes
	// anything: an IAM policy document, a role definition.
	Policy string `json:"policy,omitempty"`
	// CredentialEnv lists the environment variables the plugin understands in a credential, with a
	// sentence each.
	CredentialEnv []EnvVar `json:"credential_env,omitempty"`
	// Limits are the author's defaults, by name, for Emitter.Call.
	Limits []Limit `json:"limits,omitempty"`
	// MaxParallelScopes bounds how many scopes are read side by side; 0 means 4.
	MaxParallelScopes int `json:"max_parallel_scopes,omitempty"`
	// StatelessConnections says that one process may serve several connections.
	StatelessConnections bool `json:"stateless_connections,omitempty"`
	// Files says that the plugin reads files that people upload to the connection. The process finds them,
	// by the names they were uploaded under, in the folder that the variable FilesEnv names; it must not
	// write there. The variable is absent where the files were never fetched: a plugin that needs them fails then, since
	// an empty folder would say that everything is gone.
	Files bool `json:"files,omitempty"`
	// FileTypes are what the plugin reads among these files: others are refused when they are uploaded. None takes whatever comes.
	FileTypes []FileType `json:"file_types,omitempty"`
	// Choices are JSON pointers of the settings that the provider, a Chooser then, can say the choices of. Each is text or a
	// list of texts, and may be left out of the settings.
	Choices []string `json:"choices,omitempty"`
}

// FilesEnv is the environment variable that names the folder of the connection's files.
const FilesEnv = "MAESTRO_FILES"

// FileType is a sort of files that people upload to a connection.
type FileType struct {
	// Title is what such a file is, for people, in the singular: "a Terraform state".
	Title string `json:"title"`
	// Content is FileJSON, FileText or FileBinary.
	Content string `json:"content"`
	// Endings of the name, one of which it has: ".json". None is every name.
	Endings []string `json:"endings,omitempty"`
	// Members are, with FileJSON, members of the object, one of which is there. One that ends with * stands for all that begin so.
	// None is every object.
	Members []string `json:"members,omitempty"`
	// MaxBytes is the largest that the plugin reads; 0 is as large as the collector takes.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// What is in a file.
const (
	// FileJSON is one JSON object.
	FileJSON = "json"
	// FileText is UTF-8 without control characters but tabs, form feeds and ends of lines.
	FileText = "text"
	// FileBinary is anything, archives included.
	FileBinary = "binary"
)

// KindSupport is a kind that a plugin reads.
type KindSupport struct {
	Kind  string `json:"kind"`
	Major int    `json:"major"`
	// Schema is the kind's JSON Schema when the kind is the plugin's own. For a built-in kind it is the
	// schema of the fields that the plugin adds under its provider's name (schema.FieldsOf); mostly empty.
	Schema json.RawMessage `json:"schema,omitempty"`
	// GlobalIDs says that external ids of this kind are unique in the world (an ARN, an instance UUID),
	// so that the host adds them as identifier "<provider>.id".
	GlobalIDs bool `json:"global_ids,omitempty"`
	// Unstable says that listing is paged without a snapshot: of an id that repeats with other content
	// the later wins with a warning, instead of failing the scope.
	Unstable bool `json:"unstable_listing,omitempty"`
	// Permissions are what the provider must allow for this kind, in its own words.
	Permissions []string `json:"permissions,omitempty"`
	// Policy is text to paste at the provider that grants exactly what this kind needs.
	Policy string `json:"policy,omitempty"`
	// IntervalSeconds is how often this kind is read unless its connection says otherwise; 0 leaves it to
	// the connection.
	IntervalSeconds int64 `json:"interval_seconds,omitempty"`
}

// EnvVar documents one environment variable.
type EnvVar struct {
	Name string `json:"name"`
	// Title is what people call the value: "Password". Empty shows the name.
	Title  string `json:"title,omitempty"`
	Help   string `json:"help"`
	Secret bool   `json:"secret,omitempty"`
	// Sealable says that people may give it through the collector (docs/agent.md). Never of a path or of a permission on the
	// agent's machine: the collector must not be able to make an agent read a file or run a command. Secret ones are
	// sealable without saying so.
	Sealable bool `json:"sealable,omitempty"`
}

// MaySeal says whether people may give the variable through the collector.
func (e EnvVar) MaySeal() bool { return e.Secret || e.Sealable }

// Limit is a limiter's default.
type Limit struct {
	Name string `json:"name"`
	// PerSecond is the sustained rate of calls; 0 is without limit. Burst is at least 1.
	PerSecond float64 `json:"per_second,omitempty"`
	Burst     int     `json:"burst,omitempty"`
	// MaxConcurrent calls at a time; 0 is without limit.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
	// Per names the partition label keys that each have a limiter of their own ("account", "region");
	// empty means one for the connection.
	Per []string `json:"per,omitempty"`
}

// Connection is what a call works on.
type Connection struct {
	// ID is for logs.
	ID string `json:"id"`
	// Settings is one JSON object, already validated against Description.Settings by the host.
	Settings json.RawMessage `json:"settings"`
	// Ceiling bounds the requests that the connection may make. The SDK keeps it for plugins that use
	// package httpclient; others ask package ceiling before each request.
	Ceiling Ceiling `json:"ceiling,omitzero"`
}

// Ceiling is what a site allows a connection to ask of its provider. The zero value allows anything.
type Ceiling struct {
	// PerSecond requests, on average; 0 is without limit.
	PerSecond float64 `json:"per_second,omitempty"`
	// MaxConcurrent requests at a time; 0 is without limit.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
}

// Plan is what a run is going to read.
type Plan struct {
	Scopes []resource.Scope `json:"scopes"`
	// Complete says that the enumeration of scopes itself reached its end. Scopes that a complete plan
	// no longer has become unwatched.
	Complete bool     `json:"complete"`
	Warnings []string `json:"warnings,omitempty"`
}

// CheckReport says what may be read.
type CheckReport struct {
	Items []CheckItem `json:"items"`
	// Policy is text to paste at the provider that would grant what is missing.
	Policy string `json:"policy,omitempty"`
}

// CheckItem is one thing that was checked.
type CheckItem struct {
	// Kind concerned; empty for the connection as a whole.
	Kind string `json:"kind,omitempty"`
	// Name of what was checked: an API action, a privilege, an endpoint.
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"`
	Advice  string `json:"advice,omitempty"`
	// Certificate is one that could be trusted by a setting, where that is what the check fails for.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// Plugin is a provider as its caller sees it: five calls on a running plugin, in this process
// (serve.Local), in a child process (host.Launch) or in any other language. The conformance suite runs on it.
type Plugin interface {
	Describe(ctx context.Context) (Description, error)
	Check(ctx context.Context, conn Connection, kinds []string) (CheckReport, error)
	Plan(ctx context.Context, conn Connection, kinds []string) (Plan, error)
	// Choices are what a setting may be; Unsupported where the plugin does not say.
	Choices(ctx context.Context, conn Connection, setting string) (Choices, error)
	// Discover reads the scopes and hands everything to sink, then returns nil. Its error means that the
	// call itself broke; scopes for which sink saw no ScopeDone are then StatusFailed.
	Discover(ctx context.Context, conn Connection, scopes []resource.Scope, sink Sink) error
}

// Sink takes the stream of a Discover call. Its methods are called one at a time. index is the position of
// the scope in the call. An error from any of them cancels the call.
type Sink interface {
	Resources(index int, batch []resource.Envelope) error
	Progress(index int, listed, pages int) error
	ScopeDone(index int, out resource.Outcome) error
}
