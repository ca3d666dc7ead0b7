// Package ansible reads the facts that Ansible has gathered of machines: servers with their volumes, storage pools,
// network interfaces and software. It is how machines that no provider's API knows in depth come into the inventory
// with what their operating system says of itself.
//
// A host's facts are one JSON file named after it, as "ansible -m setup --tree" and the jsonfile cache write them. They
// come from a folder of the agent's machine, over SFTP, from an S3 bucket, from uploads, or from running Ansible. Each
// way ends in a folder of files, which is then read file by file, so that memory does not grow with their number. A file
// that cannot be read says so by its name, and the others go on.
package ansible

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

// Settings are a connection's settings.
type Settings struct {
	Source string   `json:"source" label:"Where the facts are" enum:"directory,sftp,s3,upload,run" maestro:"required" help:"directory: a folder of the agent's machine. sftp: a folder of another machine. s3: a bucket. upload: files uploaded to this connection. run: ansible gathers them now, with an inventory on the agent's machine."`
	Paths  []string `json:"paths,omitempty" label:"Folders" example:"[\"facts\"]" help:"With directory and sftp. Files of the same name in several folders are one host: facts in one, services or packages in another. On the agent's machine they lie below the folder that its credential allows."`

	Host       string `json:"host,omitempty" label:"SSH server" maestro:"credential-target" help:"With sftp."`
	Port       int    `json:"port,omitempty" label:"SSH port" default:"22"`
	User       string `json:"user,omitempty" label:"SSH user"`
	KnownHosts string `json:"known_hosts,omitempty" label:"SSH host keys" help:"Lines as ssh-keyscan prints them, compared with the server's administrator. A server with another key is refused."`

	Bucket   string `json:"bucket,omitempty" label:"S3 bucket" help:"With s3."`
	Prefix   string `json:"prefix,omitempty" label:"S3 prefix" example:"facts/" help:"Only what lies directly below it is read."`
	Region   string `json:"region,omitempty" label:"S3 region"`
	Endpoint string `json:"endpoint,omitempty" label:"S3 endpoint" format:"uri" maestro:"credential-target" help:"For S3-compatible stores; empty for Amazon's."`

	Inventory string `json:"inventory,omitempty" label:"Ansible inventory" example:"inventories/production" help:"With run: a file or folder below the folder that the credential allows."`

	Hosts    []string `json:"hosts,omitempty" label:"Only these hosts" maestro:"narrows" help:"Names or patterns such as web-*; empty means all."`
	MaxAge   int      `json:"max_age_days,omitempty" label:"Oldest facts (days)" help:"Facts that Ansible gathered longer ago are not believed: the server stays as it was known, and the run names it. 0 or empty believes all."`
	Packages bool     `json:"packages,omitempty" label:"Read packages" maestro:"narrows" help:"As software, where package_facts were gathered: thousands for each host. Services are read in any case."`
}

// The variables of a credential. What an agent does on its own machine is decided there: the collector can make it
// neither read a folder nor run a program.
const (
	envRoot       = "ANSIBLE_MAESTRO_ROOT"
	envRun        = "ANSIBLE_MAESTRO_RUN"
	envKey        = "SSH_PRIVATE_KEY"
	envPassphrase = "SSH_PRIVATE_KEY_PASSPHRASE"
	envPassword   = "SSH_PASSWORD"
)

const transfer = "transfer"

// Provider is the plugin.
type Provider struct{ now func() time.Time }

// New is the provider of Ansible's facts.
func New() *Provider { return &Provider{now: time.Now} }

// Describe says what the plugin can do.
func (*Provider) Describe() provider.Description {
	kind := func(name string, interval int64) provider.KindSupport {
		return provider.KindSupport{Kind: name, Major: 1, IntervalSeconds: interval, Permissions: []string{"read the fact files"}}
	}
	server := kind("server", 300)
	server.Schema = schema.FieldsOf(ServerFields{})
	kinds := []provider.KindSupport{kind("network_interface", 3600), server, kind("software", 43200), kind("storage_pool", 21600), kind("volume", 21600)}
	return provider.Description{
		Provider: "ansible", Version: serve.Version(), Title: "Ansible facts",
		Summary:  "Servers, volumes, interfaces and software as Ansible's facts describe them: Linux, Windows, BSD.",
		Kinds:    kinds,
		Settings: schema.SettingsOf(Settings{}),
		Policy:   policy,
		CredentialEnv: []provider.EnvVar{
			{Name: envRoot, Title: "Folder to read below", Help: "With directory and run: the folder of the agent's machine below which this connection may read."},
			{Name: envRun, Title: "Running ansible is allowed", Help: "With run: 1 allows this connection to run the installed ansible with inventories below " + envRoot + "."},
			{Name: envKey, Title: "Private key", Help: "With sftp: the private key, in PEM form.", Secret: true},
			{Name: envPassphrase, Title: "Passphrase of the key", Help: "With sftp: the passphrase of the key.", Secret: true},
			{Name: envPassword, Title: "Password", Help: "With sftp: the password, where there is no key.", Secret: true},
			{Name: "AWS_ACCESS_KEY_ID", Title: "Access key", Help: "With s3; without it Amazon's usual chain is asked.", Sealable: true},
			{Name: "AWS_SECRET_ACCESS_KEY", Title: "Secret access key", Help: "With s3.", Secret: true},
			{Name: "AWS_SESSION_TOKEN", Title: "Session token", Help: "With s3, for temporary keys.", Secret: true},
			{Name: "AWS_CA_BUNDLE", Title: "File with certificate authorities", Help: "With s3: file with authorities to trust beside the machine's own, in PEM form."},
		},
		Files: true,
		FileTypes: []provider.FileType{{Title: "facts that Ansible gathered of a host", Content: provider.FileJSON, MaxBytes: maxFileBytes,
			Members: []string{"ansible_facts", "ansible_*", "packages", "services", "failed", "unreachable"}}},
		// All kinds go through the files together: a file is decoded once.
		MaxParallelScopes: len(kinds),
		Limits:            []provider.Limit{{Name: transfer, MaxConcurrent: 8}},
	}
}

// policy is what the S3 way needs; the other ways need to read files and nothing more.
const policy = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::BUCKET", "Condition": {"StringLike": {"s3:prefix": "PREFIX*"}}},
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::BUCKET/PREFIX*"}
  ]
}
`

// Connect reads the settings; what they name is looked at when it is read.
func (p *Provider) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	var s Settings
	if err := json.Unmarshal([]byte(cmp.Or(string(conn.Settings), "{}")), &s); err != nil {
		return nil, &provider.SettingsError{Problem: err.Error()}
	}
	for _, pattern := range s.Hosts {
		if _, err := path.Match(pattern, "x"); err != nil {
			return nil, &provider.SettingsError{Pointer: "/hosts", Problem: fmt.Sprintf("the pattern %q is malformed", pattern)}
		}
	}
	from, err := sourceOf(s)
	if err != nil {
		return nil, err
	}
	if s.MaxAge < 0 {
		return nil, &provider.SettingsError{Pointer: "/max_age_days", Problem: "must not be below 0"}
	}
	return &session{settings: s, from: from, feed: newFeed(ageLimit{days: s.MaxAge, now: p.now()})}, nil
}

type session struct {
	settings Settings
	from     source
	feed     *feed

	mu      sync.Mutex
	fetched *folder
	failed  error
}

// Close removes what was fetched.
func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetched == nil {
		return nil
	}
	return s.fetched.remove()
}

// folder fetches the files once for all scopes of a call.
func (s *session) folder(ctx context.Context, out caller) (*folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetched == nil && s.failed == nil {
		s.fetched, s.failed = s.from.fetch(ctx, out, s.wanted)
		if ctx.Err() != nil {
			s.failed = nil // this scope was ended; another may still try
			return nil, ctx.Err()
		}
	}
	return s.fetched, s.failed
}

// wanted says whether a host is to be read.
func (s *session) wanted(host string) bool {
	return len(s.settings.Hosts) == 0 || slices.ContainsFunc(s.settings.Hosts, func(pattern string) bool {
		ok, err := path.Match(pattern, host)
		return err == nil && ok
	})
}

// Plan reads every kind of all hosts at once. A connection to which nothing was uploaded yet has nothing to read: that is
// no failure, and as little a proof that there are no machines, so the plan is empty and says that it is not complete.
func (s *session) Plan(ctx context.Context, kinds []string) (provider.Plan, error) {
	if s.settings.Source == "upload" {
		files, err := s.folder(ctx, direct{})
		if err == nil && len(files.hosts()) == 0 && len(s.settings.Hosts) == 0 {
			return provider.Plan{Warnings: []string{waiting}}, nil
		}
		// Otherwise each scope says what is wrong.
	}
	plan := provider.Plan{Complete: true}
	for _, kind := range kinds {
		plan.Scopes = append(plan.Scopes, resource.Scope{Kind: kind})
	}
	return plan, nil
}

// waiting is what a run says before the first upload.
const waiting = "waiting for the first upload: upload fact files on the connection's page, or with maestro connections upload CONNECTION FOLDER"

// Discover reads one kind of all hosts.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	read, ok := map[string]func(context.Context, provider.Emitter, *host) error{
		"server": s.server, "volume": s.volumes, "storage_pool": s.storagePools, "network_interface": s.networkInterfaces, "software": s.software,
	}[scope.Kind]
	if !ok {
		return provider.Unsupported(errors.New("the plugin ansible does not read " + scope.Kind))
	}
	// Joined before the files are there, so that all kinds set off together.
	reader := s.feed.join()
	defer reader.leave()
	files, err := s.folder(ctx, out)
	if err != nil {
		return err
	}
	if len(files.hosts()) == 0 {
		// A folder that is not mounted, a prefix that was moved: no proof that all machines are gone.
		return permanent(errors.New("there are no fact files"), "gather facts, or check where they are looked for")
	}
	var bad []string
	for i, name := range files.hosts() {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := reader.read(ctx, files, i)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			out.Warn("%s: %v", name, err)
			bad = append(bad, name)
			if scope.Kind != "server" {
				continue // its keys are unknown
			}
			// The host is there, only what it is like is unknown.
			if err := emit(ctx, out, resource.Envelope{Kind: "server", ExternalID: name, Name: name, Unread: []string{"/attributes", "/identifiers"}}, struct{}{}); err != nil {
				return err
			}
			continue
		}
		if err := read(ctx, out, h); err != nil {
			return err
		}
		out.Page()
	}
	if len(bad) > 0 && scope.Kind != "server" {
		shown := strings.Join(bad[:min(len(bad), 5)], ", ")
		return &provider.Error{Status: resource.StatusPartial, Err: fmt.Errorf("%d of %d hosts could not be read: %s", len(bad), len(files.hosts()), shown),
			Advice: "gather their facts again; until then nothing is taken for gone"}
	}
	return nil
}

// Check fetches the files and reads a few of them.
func (s *session) Check(ctx context.Context, kinds []string) (provider.CheckReport, error) {
	item := provider.CheckItem{Name: "fact files"}
	files, err := s.folder(ctx, direct{})
	if err != nil {
		var classed *provider.Error
		item.Message = err.Error()
		if errors.As(err, &classed) {
			item.Message, item.Advice = classed.Err.Error(), classed.Advice
		}
		return provider.CheckReport{Items: []provider.CheckItem{item}}, nil
	}
	hosts := files.hosts()
	item.OK, item.Message = len(hosts) > 0, fmt.Sprintf("%d hosts", len(hosts))
	if !item.OK {
		item.Advice = "gather facts: ansible -m setup --tree FOLDER all"
	}
	report := provider.CheckReport{Items: []provider.CheckItem{item}}
	seen := map[string]bool{}
	for _, name := range hosts[:min(len(hosts), 20)] {
		h, err := files.read(name)
		if err != nil {
			report.Items = append(report.Items, provider.CheckItem{Name: name, Message: err.Error()})
			continue
		}
		seen["server"], seen["network_interface"] = true, true
		seen["volume"] = seen["volume"] || h.facts.has("ansible_devices") || h.facts.has("ansible_mounts") || h.facts.has("ansible_disks")
		seen["storage_pool"] = seen["storage_pool"] || h.facts.has("ansible_lvm")
		seen["software"] = seen["software"] || h.facts.has("services") || h.facts.has("packages")
	}
	advice := map[string]string{"software": "gather service_facts or package_facts too", "volume": "gather the hardware subset of facts",
		"storage_pool": "only hosts with LVM have them; Ansible needs root to see it"}
	for _, kind := range []string{"network_interface", "server", "software", "storage_pool", "volume"} {
		if len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		i := provider.CheckItem{Kind: kind, Name: "facts", OK: seen[kind]}
		if !i.OK {
			i.Message, i.Advice = "none of the hosts looked at has them", advice[kind]
		}
		report.Items = append(report.Items, i)
	}
	return report, nil
}

// direct makes requests outside a scope, where nothing limits and repeats them.
type direct struct{}

func (direct) Call(ctx context.Context, _ string, fn func(context.Context) error) error {
	return fn(ctx)
}

// emit hands over one resource with its attributes.
func emit(ctx context.Context, out provider.Emitter, env resource.Envelope, attributes any) error {
	text, err := json.Marshal(attributes)
	if err != nil {
		return fmt.Errorf("encode attributes: %w", err)
	}
	env.Major, env.Attributes = 1, text
	return out.Emit(ctx, env)
}

// identify appends a value that names something, and leaves out what means nothing.
func identify(list []resource.Identifier, typ, value string) []resource.Identifier {
	if v, ok := schema.NormalizeIdentifier(typ, value); ok {
		if id := (resource.Identifier{Type: typ, Value: v}); !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}
