package rest

import (
	"encoding/json"
	"time"

	"maestro.internal/sdk/provider"
)

// ConnectionFile is a file that somebody uploaded for a connection's plugin to read.
type ConnectionFile struct {
	Name       string    `json:"name"`
	SizeBytes  int64     `json:"size_bytes"`
	SHA256     string    `json:"sha256" doc:"Lower-case hex"`
	UploadedAt time.Time `json:"uploaded_at"`
	UploadedBy string    `json:"uploaded_by"`
	Lost       bool      `json:"lost,omitempty" doc:"Its content is not where uploads are kept: upload it again"`
}

// ConnectionUpload is what an archive of files did.
type ConnectionUpload struct {
	Uploaded  int `json:"uploaded" doc:"Files that are new or have another content"`
	Unchanged int `json:"unchanged" doc:"Files that were there with the same content"`
	// Refused are not kept; what was there under their names is still there.
	Refused []RefusedFile `json:"refused,omitempty" doc:"Files that the plugin does not read; the others are kept"`
}

// RefusedFile is a file of an archive that was not kept.
type RefusedFile struct {
	Name    string `json:"name"`
	Problem string `json:"problem" doc:"Names the file, and what is wanted"`
}

// Connection is a configured access to a provider.
type Connection struct {
	ID                   string          `json:"id"`
	Version              int64           `json:"version"`
	Name                 string          `json:"name"`
	Provider             string          `json:"provider"`
	Agent                *Ref            `json:"agent,omitempty"`
	Datacenter           *Ref            `json:"datacenter,omitempty"`
	Client               *Ref            `json:"client,omitempty" doc:"Whom it serves: by its own word, else its datacenter; absent for who may not see the client"`
	OwnClient            bool            `json:"own_client,omitempty" doc:"It says so itself, and not its datacenter"`
	Settings             json.RawMessage `json:"settings"`
	Credential           string          `json:"credential,omitempty" doc:"Name of a credential in the agent's own file"`
	Kinds                []KindSchedule  `json:"kinds"`
	Rules                []MappingRule   `json:"rules,omitempty"`
	Paused               bool            `json:"paused"`
	Precedence           int             `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"Whose value is shown where sources differ: 1 to 1000, the lower wins; absent is 500, and among equals the older connection"`
	MaxRequestsPerSecond float64         `json:"max_requests_per_second,omitempty" minimum:"0" doc:"Most requests that the plugin may send to its provider in a second; 0 is without limit"`
	MaxParallelRequests  int             `json:"max_parallel_requests,omitempty" minimum:"0" doc:"Most requests at a time; 0 is without limit"`
	QuietHours           []string        `json:"quiet_hours,omitempty" doc:"When nothing is read by schedule: 22:00-06:00, or mon-fri 08:00-18:00"`
	TimeZone             string          `json:"time_zone,omitempty" doc:"Of cron expressions and quiet hours, such as Europe/Lisbon; UTC when absent"`
	ManagedBy            string          `json:"managed_by,omitempty" doc:"Set of documents that made it and keeps it (maestro apply)"`
	Epoch                int64           `json:"epoch"`
	CreatedAt            time.Time       `json:"created_at"`
	UpdatedAt            time.Time       `json:"updated_at"`
	LastRun              *Run            `json:"last_run,omitempty"`
	// Health is ok, degraded, failing or never, from the latest outcomes; paused; or no_agent, when it has none or a revoked one.
	Health string `json:"health" enum:"ok,degraded,failing,never,paused,no_agent"`
}

// KindSchedule says whether and how often a kind is read. Exactly one of IntervalSeconds and Cron is set.
type KindSchedule struct {
	Kind            string `json:"kind"`
	Enabled         bool   `json:"enabled"`
	IntervalSeconds int64  `json:"interval_seconds,omitempty" minimum:"0"`
	Cron            string `json:"cron,omitempty"`
	Precedence      int    `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"For this kind, instead of the connection's"`
}

// KindScheduleWrite is a KindSchedule that need not say that it is on.
type KindScheduleWrite struct {
	Kind            string `json:"kind"`
	Enabled         *bool  `json:"enabled,omitempty" doc:"Absent is true: a kind that is named is meant to be read"`
	IntervalSeconds int64  `json:"interval_seconds,omitempty" minimum:"0"`
	Cron            string `json:"cron,omitempty"`
	Precedence      int    `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"For this kind, instead of the connection's"`
}

// Schedule is what is asked for.
func (k KindScheduleWrite) Schedule() KindSchedule {
	return KindSchedule{Kind: k.Kind, Enabled: k.Enabled == nil || *k.Enabled, IntervalSeconds: k.IntervalSeconds, Cron: k.Cron, Precedence: k.Precedence}
}

// ReadKinds are schedules as they are read.
func ReadKinds(list []KindScheduleWrite) []KindSchedule {
	if list == nil {
		return nil
	}
	out := make([]KindSchedule, len(list))
	for i, k := range list {
		out[i] = k.Schedule()
	}
	return out
}

// WriteKinds are schedules as they are written.
func WriteKinds(list []KindSchedule) []KindScheduleWrite {
	if list == nil {
		return nil
	}
	out := make([]KindScheduleWrite, len(list))
	for i, k := range list {
		out[i] = KindScheduleWrite{Kind: k.Kind, Enabled: &k.Enabled, IntervalSeconds: k.IntervalSeconds, Cron: k.Cron, Precedence: k.Precedence}
	}
	return out
}

// MappingRule sends what was read under a partition label elsewhere than to the default datacenter.
type MappingRule struct {
	Label      string `json:"label"`
	Value      string `json:"value"`
	Datacenter string `json:"datacenter,omitempty"`
	Client     string `json:"client,omitempty"`
}

// ConnectionWrite creates a connection, or replaces what people decide of it.
type ConnectionWrite struct {
	Name                 string              `json:"name" minLength:"1" maxLength:"200"`
	Provider             string              `json:"provider"`
	Agent                string              `json:"agent,omitempty" doc:"Id of the agent that runs it"`
	Datacenter           string              `json:"datacenter,omitempty"`
	Client               string              `json:"client,omitempty" maxLength:"200" doc:"Id of the client that it serves by itself, where its datacenter serves nobody in particular. Absent: as it is. To another client it is moved"`
	Settings             json.RawMessage     `json:"settings,omitempty"`
	Credential           string              `json:"credential,omitempty"`
	Kinds                []KindScheduleWrite `json:"kinds,omitempty" doc:"Absent: all the plugin's kinds, each at its usual interval; else those that are named, and no other"`
	Rules                []MappingRule       `json:"rules,omitempty"`
	Paused               bool                `json:"paused,omitempty"`
	Precedence           int                 `json:"precedence,omitempty" minimum:"0" maximum:"1000" doc:"Whose value is shown where sources differ: 1 to 1000, the lower wins; absent is 500, and among equals the older connection"`
	MaxRequestsPerSecond float64             `json:"max_requests_per_second,omitempty" minimum:"0" doc:"Most requests that the plugin may send to its provider in a second; 0 is without limit"`
	MaxParallelRequests  int                 `json:"max_parallel_requests,omitempty" minimum:"0" doc:"Most requests at a time; 0 is without limit"`
	QuietHours           []string            `json:"quiet_hours,omitempty" doc:"When nothing is read by schedule: 22:00-06:00, or mon-fri 08:00-18:00"`
	TimeZone             string              `json:"time_zone,omitempty" doc:"Of cron expressions and quiet hours, such as Europe/Lisbon; UTC when absent"`
	ManagedBy            string              `json:"managed_by,omitempty" maxLength:"100" doc:"Set of documents that makes it; only looked at when it is made"`
}

// ConnectionsImport is a table of connections.
type ConnectionsImport struct {
	Text   string `json:"text" maxLength:"1048576" doc:"CSV whose first line names columns, or a YAML or JSON list: name, provider, agent, datacenter, credential, kinds, paused, and the provider's settings by name"`
	Format string `json:"format,omitempty" enum:"csv,yaml" doc:"Absent: as it looks"`
	DryRun bool   `json:"dry_run,omitempty" doc:"Say what would be done, and do nothing"`
	Skip   int    `json:"skip,omitempty" minimum:"0" doc:"So many rows of the table were done before"`
	Count  int    `json:"count,omitempty" minimum:"0" doc:"At most so many rows; 0 is all"`
}

// ConnectionsImported is what became of the rows.
type ConnectionsImported struct {
	Total int                  `json:"total" doc:"Rows of the whole table"`
	Rows  []ImportedConnection `json:"rows"`
}

// ImportedConnection is one row.
type ImportedConnection struct {
	Row        int      `json:"row" doc:"Line of the file, or position in the list"`
	Name       string   `json:"name"`
	Provider   string   `json:"provider,omitempty"`
	Result     string   `json:"result" enum:"created,changed,same,refused"`
	Connection *Ref     `json:"connection,omitempty"`
	Changes    []string `json:"changes,omitempty" doc:"Columns that are other than before"`
	Column     string   `json:"column,omitempty" doc:"The column that is wrong"`
	Error      string   `json:"error,omitempty"`
}

// CheckResult is what a permission check answered.
type CheckResult struct {
	State  string                `json:"state" enum:"pending,done,failed"`
	Report *provider.CheckReport `json:"report,omitempty"`
	Error  string                `json:"error,omitempty"`
}

// ChoicesRequest asks what a setting of a plugin may be, of a connection that is there or might be.
type ChoicesRequest struct {
	Setting    string          `json:"setting" minLength:"2" maxLength:"500" doc:"JSON pointer of the setting: /regions"`
	Connection string          `json:"connection,omitempty" doc:"Id of a connection: its agent, credentials and settings are used where the request has none"`
	Agent      string          `json:"agent,omitempty" doc:"Id of the agent that is to ask"`
	Credential string          `json:"credential,omitempty" doc:"Name of a credential in the agent's own file"`
	Settings   json.RawMessage `json:"settings,omitempty" doc:"The settings so far"`
}

// ChoicesResult is what a setting may be, as the provider says. Something else may be typed all the same.
type ChoicesResult struct {
	State   string            `json:"state" enum:"pending,done,failed,unsupported"`
	Choices *provider.Choices `json:"choices,omitempty"`
	Error   string            `json:"error,omitempty" doc:"Why there are none"`
	Advice  string            `json:"advice,omitempty" doc:"What to do about it"`
	Setting string            `json:"setting,omitempty" doc:"JSON pointer of another setting that is wrong or missing"`
}

// Datacenter is where resources live.
type Datacenter struct {
	ID          string   `json:"id"`
	Version     int64    `json:"version"`
	Name        string   `json:"name"`
	Provider    string   `json:"provider,omitempty"`
	Description string   `json:"description,omitempty"`
	Regions     []string `json:"regions,omitempty"`
	Zones       []string `json:"zones,omitempty"`
	// RoutingDomain names what its addresses are unique in together with other datacenters of the same name; its own when empty.
	RoutingDomain string    `json:"routing_domain,omitempty"`
	Client        *Ref      `json:"client,omitempty" doc:"Whom it serves; absent for who may not see the client"`
	ManagedBy     string    `json:"managed_by,omitempty" doc:"Set of documents that made it and keeps it (maestro apply)"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	// Counts of active resources by kind.
	Counts map[string]int `json:"counts,omitempty"`
}

// DatacenterWrite creates or edits a datacenter.
type DatacenterWrite struct {
	Name          string   `json:"name" minLength:"1" maxLength:"200"`
	Provider      string   `json:"provider,omitempty"`
	Description   string   `json:"description,omitempty"`
	Regions       []string `json:"regions,omitempty"`
	Zones         []string `json:"zones,omitempty"`
	RoutingDomain string   `json:"routing_domain,omitempty" maxLength:"200" doc:"Datacenters that name the same one share their addresses; absent: its addresses are its own"`
	Client        string   `json:"client,omitempty" maxLength:"200" doc:"Id of the client that it serves. Absent: as it is. To another client it is moved"`
	ManagedBy     string   `json:"managed_by,omitempty" maxLength:"100" doc:"Set of documents that makes it; only looked at when it is made"`
}

// OriginCount counts a kind's active resources in a datacenter by who knows of them.
type OriginCount struct {
	Kind       string `json:"kind"`
	Recorded   int    `json:"recorded" doc:"Only people know of them"`
	Discovered int    `json:"discovered" doc:"Only discovery knows of them"`
	Both       int    `json:"both"`
}
