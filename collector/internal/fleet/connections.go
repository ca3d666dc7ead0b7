package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/quiet"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// defaultInterval of a kind for which neither a person nor the plugin says one, in seconds.
const defaultInterval = 3600

// minInterval keeps a slip of the hand from asking a provider without pause, in seconds.
const minInterval = 10

type connectionDoc struct {
	Name       string              `json:"name"`
	Provider   string              `json:"provider"`
	Agent      string              `json:"agent,omitempty"`
	Datacenter string              `json:"datacenter,omitempty"`
	Settings   string              `json:"settings"` // JSON as text: its keys are the plugin's
	Credential string              `json:"credential,omitempty"`
	Kinds      []rest.KindSchedule `json:"kinds"`
	Rules      []rest.MappingRule  `json:"rules,omitempty"`
	Paused     bool                `json:"paused,omitempty"`
	Precedence int                 `json:"precedence,omitempty"`
	// Epoch rises at every move, replacement and edit, and is never used twice.
	Epoch int64 `json:"epoch"`
	// Holders are all agents that ever held an epoch: what they still push is superseded, what others push refused.
	Holders []string `json:"holders,omitempty"`
	// Bounds on the provider's load.
	MaxRequestsPerSecond float64  `json:"max_requests_per_second,omitempty"`
	MaxParallel          int      `json:"max_parallel,omitempty"`
	QuietHours           []string `json:"quiet_hours,omitempty"`
	TimeZone             string   `json:"time_zone,omitempty"`
	// ManagedBy is the set of documents that made it. Edits leave it as it is: who made a thing does not change.
	ManagedBy string `json:"managed_by,omitempty"`
	// Laid out for later: agents that may take over.
	StandbyAgents []string `json:"standby_agents,omitempty"`

	CreatedAt store.Time `json:"created_at"`
	UpdatedAt store.Time `json:"updated_at"`
	// Unsettled is work on the inventory that the latest edit made necessary and that was not finished; the sweeper
	// takes it up after a crash.
	Unsettled *unsettled `json:"unsettled,omitempty"`
	// DeletedAt keeps the row: a push that comes late must still be known for what it is.
	DeletedAt store.Time `json:"deleted_at,omitzero"`
	// Whom it serves by itself; usually its datacenter says that.
	serving
}

// unsettled is what the inventory must still be told.
type unsettled struct {
	Actor string `json:"actor"`
	// All that it found becomes unwatched, for Reason; or that of some kinds.
	All    bool     `json:"all,omitempty"`
	Kinds  []string `json:"kinds,omitempty"`
	Reason string   `json:"reason,omitempty"`
	// Remap says that it leads elsewhere than before.
	Remap bool `json:"remap,omitempty"`
}

// settle tells the inventory what an edit means for what was found, and notes that it is done.
func (s *Service) settle(ctx context.Context, o object[connectionDoc]) (object[connectionDoc], error) {
	u := o.doc.Unsettled
	if u == nil {
		return o, nil
	}
	if u.All {
		if err := s.dropFilesOf(ctx, o.tenant, o.id); err != nil {
			return o, fmt.Errorf("delete files of connection %s: %w", o.id, err)
		}
		if err := s.opt.Inventory.UnwatchConnection(ctx, o.tenant, o.id, u.Actor, u.Reason); err != nil {
			return o, fmt.Errorf("unwatch connection %s: %w", o.id, err)
		}
	}
	if !o.doc.DeletedAt.IsZero() {
		if err := s.dropSealed(ctx, o.tenant, o.id); err != nil {
			return o, err
		}
	}
	for _, kind := range u.Kinds {
		if err := s.opt.Inventory.UnwatchKind(ctx, o.tenant, o.id, kind, u.Actor, u.Reason); err != nil {
			return o, fmt.Errorf("unwatch %s of connection %s: %w", kind, o.id, err)
		}
	}
	if u.Remap {
		if err := s.opt.Inventory.Remap(ctx, o.tenant, facts(o), u.Actor); err != nil {
			return o, fmt.Errorf("remap connection %s: %w", o.id, err)
		}
	}
	version := o.version
	return change(ctx, s, tConnections, o.tenant, o.id, func(o *object[connectionDoc]) error {
		if o.version != version || o.doc.Unsettled == nil {
			return errSame // a later edit has work of its own
		}
		o.doc.Unsettled = nil
		return nil
	})
}

// live are the connections that were not deleted.
func (s *Service) live(ctx context.Context, tenant string, where filter.Expr) ([]object[connectionDoc], error) {
	list, err := all[connectionDoc](ctx, s.opt.Store, tConnections, tenant, where)
	return slices.DeleteFunc(list, func(o object[connectionDoc]) bool { return !o.doc.DeletedAt.IsZero() }), err
}

// mayReadConnection: tenant-wide readers, those to whom it was granted, and those who may read everywhere that it leads. Half of
// where it leads is not enough: its runs and settings speak of all of it.
func mayReadConnection(c inventory.Caller, o object[connectionDoc]) bool {
	if c.TenantWide || slices.Contains(c.Roots, o.id) || slices.Contains(c.Connections, o.id) {
		return true
	}
	if o.doc.Datacenter == "" || !slices.Contains(c.Roots, o.doc.Datacenter) {
		return false
	}
	return !slices.ContainsFunc(o.doc.Rules, func(r rest.MappingRule) bool { return r.Datacenter != "" && !slices.Contains(c.Roots, r.Datacenter) })
}

// view names what the connection refers to.
func (s *Service) views(ctx context.Context, c inventory.Caller, list []object[connectionDoc]) ([]rest.Connection, error) {
	agents, err := all[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	centers, err := all[datacenterDoc](ctx, s.opt.Store, tDatacenters, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	names, running := map[string]string{}, map[string]bool{}
	for _, a := range agents {
		names[a.id], running[a.id] = a.doc.Name, a.doc.RevokedAt.IsZero()
	}
	for _, d := range centers {
		names[d.id] = d.doc.Name
	}
	ref := func(id string) *rest.Ref {
		if id == "" {
			return nil
		}
		return &rest.Ref{ID: id, Name: names[id]}
	}
	out := make([]rest.Connection, len(list))
	for i, o := range list {
		d := o.doc
		out[i] = rest.Connection{ID: o.id, Version: o.version, Name: d.Name, Provider: d.Provider, Agent: ref(d.Agent), Datacenter: ref(d.Datacenter),
			Settings: json.RawMessage(d.Settings), Credential: d.Credential, Kinds: d.Kinds, Rules: d.Rules, Paused: d.Paused, Precedence: d.Precedence, Epoch: d.Epoch,
			MaxRequestsPerSecond: d.MaxRequestsPerSecond, MaxParallelRequests: d.MaxParallel, QuietHours: d.QuietHours, TimeZone: d.TimeZone, ManagedBy: d.ManagedBy,
			CreatedAt: d.CreatedAt.Time, UpdatedAt: d.UpdatedAt.Time}
		if !running[d.Agent] {
			out[i].Health = "no_agent"
		}
	}
	return out, s.nameClientsOf(ctx, c, out, list, centers)
}

// Connections are those that the caller may know of.
func (s *Service) Connections(ctx context.Context, c inventory.Caller) ([]rest.Connection, error) {
	list, err := s.live(ctx, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	return s.views(ctx, c, slices.DeleteFunc(list, func(o object[connectionDoc]) bool { return !mayReadConnection(c, o) }))
}

func (s *Service) connection(ctx context.Context, c inventory.Caller, id string) (object[connectionDoc], error) {
	o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, c.Tenant, id)
	if err == nil && (!o.doc.DeletedAt.IsZero() || !mayReadConnection(c, o)) {
		err = fmt.Errorf("connection %s: %w", id, store.ErrNotFound)
	}
	return o, err
}

// Connection is one of them.
func (s *Service) Connection(ctx context.Context, c inventory.Caller, id string) (rest.Connection, error) {
	o, err := s.connection(ctx, c, id)
	if err != nil {
		return rest.Connection{}, err
	}
	return s.one(ctx, c, o)
}

func (s *Service) one(ctx context.Context, c inventory.Caller, o object[connectionDoc]) (rest.Connection, error) {
	list, err := s.views(ctx, c, []object[connectionDoc]{o})
	if err != nil {
		return rest.Connection{}, err
	}
	return list[0], nil
}

// CreateConnection adds one and tells its agent.
func (s *Service) CreateConnection(ctx context.Context, c inventory.Caller, w rest.ConnectionWrite) (rest.Connection, error) {
	doc, err := s.checked(ctx, c, w, "")
	if err != nil {
		return rest.Connection{}, err
	}
	id, err := newID()
	if err != nil {
		return rest.Connection{}, err
	}
	doc.ManagedBy = w.ManagedBy
	doc.serve(w.Client, store.At(s.now()))
	doc.Epoch, doc.CreatedAt, doc.UpdatedAt = 1, store.At(s.now()), store.At(s.now())
	doc.hold()
	o := object[connectionDoc]{id: id, tenant: c.Tenant, version: 1, doc: doc}
	if err := insert(ctx, s.opt.Store, tConnections, o); err != nil {
		return rest.Connection{}, err
	}
	if err := s.audit(ctx, c, "connection.create", connectionRef(o), "", with(doc.told(), map[string]any{"provider": doc.Provider, "agent": doc.Agent})); err != nil {
		return rest.Connection{}, err
	}
	s.signal(doc.Agent)
	return s.one(ctx, c, o)
}

// CheckConnection says what is wrong with a connection that might be written; id is empty for a new one.
func (s *Service) CheckConnection(ctx context.Context, c inventory.Caller, id string, w rest.ConnectionWrite) error {
	_, err := s.checked(ctx, c, w, id)
	return err
}

func connectionRef(o object[connectionDoc]) audit.Ref {
	return audit.Ref{ID: o.id, Name: o.doc.Name, Kind: "connection"}
}

func (d *connectionDoc) hold() {
	if d.Agent != "" && !slices.Contains(d.Holders, d.Agent) {
		d.Holders = append(d.Holders, d.Agent)
	}
}

// UpdateConnection replaces what people decide of it. The epoch rises, so that nothing read under the old settings comes in
// any more; kinds that are no longer read become unwatched.
func (s *Service) UpdateConnection(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ConnectionWrite) (rest.Connection, error) {
	if _, err := s.connection(ctx, c, id); err != nil {
		return rest.Connection{}, err
	}
	next, err := s.checked(ctx, c, w, id)
	if err != nil {
		return rest.Connection{}, err
	}
	var before connectionDoc
	var said map[string]any
	o, err := change(ctx, s, tConnections, c.Tenant, id, func(o *object[connectionDoc]) error {
		if !o.doc.DeletedAt.IsZero() {
			return store.ErrNotFound
		}
		if o.version != version {
			return &inventory.StaleError{Current: o.version}
		}
		if o.doc.Provider != next.Provider {
			return &inventory.InvalidError{Pointer: "/provider", Problem: "may not change: what was found belongs to " + o.doc.Provider + "; make another connection"}
		}
		before = o.doc
		doc := next
		doc.Epoch, doc.Holders, doc.CreatedAt, doc.UpdatedAt = before.Epoch+1, before.Holders, before.CreatedAt, store.At(s.now())
		doc.ManagedBy = before.ManagedBy
		doc.serving = before.serving
		if said, err = doc.state(w.Client, store.At(s.now())); err != nil {
			return err
		}
		doc.hold()
		u := &unsettled{Actor: c.Name, Kinds: turnedOff(before, doc), Reason: "the kind was turned off for this connection"}
		u.Remap = before.Datacenter != doc.Datacenter || !slices.Equal(before.Rules, doc.Rules) || before.Precedence != doc.Precedence || !maps.Equal(before.precedences(), doc.precedences())
		u.merge(before.Unsettled)
		if u.Remap || len(u.Kinds) > 0 {
			doc.Unsettled = u
		}
		o.doc = doc
		return nil
	})
	if err != nil {
		return rest.Connection{}, err
	}
	if err := s.audit(ctx, c, "connection.update", connectionRef(o), "", with(said, map[string]any{"epoch": o.doc.Epoch, "agent": o.doc.Agent})); err != nil {
		return rest.Connection{}, err
	}
	// Who asked may go away; what was begun is carried through.
	if o, err = s.settle(context.WithoutCancel(ctx), o); err != nil {
		return rest.Connection{}, err
	}
	if before.Agent != o.doc.Agent {
		if err := s.settleSealed(context.WithoutCancel(ctx), c.Tenant); err != nil {
			return rest.Connection{}, err
		}
	}
	s.signal(before.Agent, o.doc.Agent)
	return s.one(ctx, c, o)
}

// merge takes over what an edit before left undone.
func (u *unsettled) merge(before *unsettled) {
	if before == nil {
		return
	}
	u.Remap = u.Remap || before.Remap
	for _, kind := range before.Kinds {
		if !slices.Contains(u.Kinds, kind) {
			u.Kinds = append(u.Kinds, kind)
		}
	}
}

func turnedOff(before, after connectionDoc) []string {
	var out []string
	for _, k := range before.Kinds {
		still := slices.ContainsFunc(after.Kinds, func(x rest.KindSchedule) bool { return x.Kind == k.Kind && x.Enabled })
		if k.Enabled && !still {
			out = append(out, k.Kind)
		}
	}
	return out
}

// DeleteConnection ends one; what it found becomes unwatched.
func (s *Service) DeleteConnection(ctx context.Context, c inventory.Caller, id string) error {
	if _, err := s.connection(ctx, c, id); err != nil {
		return err
	}
	o, err := change(ctx, s, tConnections, c.Tenant, id, func(o *object[connectionDoc]) error {
		if o.doc.DeletedAt.IsZero() {
			o.doc.DeletedAt = store.At(s.now())
		}
		o.doc.Epoch++
		o.doc.Unsettled = &unsettled{Actor: c.Name, All: true, Reason: "the connection was deleted"}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.audit(ctx, c, "connection.delete", connectionRef(o), "", nil); err != nil {
		return err
	}
	s.signal(o.doc.Agent)
	_, err = s.settle(context.WithoutCancel(ctx), o)
	return err
}

// checked makes a document of what a person wrote, or says what is wrong with it.
func (s *Service) checked(ctx context.Context, c inventory.Caller, w rest.ConnectionWrite, self string) (connectionDoc, error) {
	d := connectionDoc{Provider: w.Provider, Agent: w.Agent, Datacenter: w.Datacenter, Credential: w.Credential, Rules: w.Rules, Paused: w.Paused, Precedence: w.Precedence, Settings: string(w.Settings),
		MaxRequestsPerSecond: w.MaxRequestsPerSecond, MaxParallel: w.MaxParallelRequests, QuietHours: w.QuietHours, TimeZone: w.TimeZone}
	var err error
	if d.Name, err = cleanName(w.Name); err != nil {
		return d, err
	}
	if d.Settings == "" || d.Settings == "null" {
		d.Settings = "{}"
	}
	same, err := s.live(ctx, c.Tenant, eq(text("name"), d.Name))
	if err != nil {
		return d, err
	}
	for _, o := range same {
		if o.id != self {
			return d, &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("another connection is named %q", d.Name)}
		}
	}
	if err := s.checkPlaces(ctx, c, d); err != nil {
		return d, err
	}
	if err := s.checkClient(ctx, c.Tenant, self, w.Client, d); err != nil {
		return d, err
	}
	if err := checkLoad(d); err != nil {
		return d, err
	}
	desc, err := s.describe(ctx, c, d.Provider, d.Agent)
	if err != nil {
		return d, err
	}
	if err := checkSettings(desc, d.Settings); err != nil {
		return d, err
	}
	if err := s.checkCredential(ctx, c, d); err != nil {
		return d, err
	}
	d.Kinds, err = schedules(desc, w.Kinds)
	return d, err
}

// checkLoad looks at how the provider is to be spared.
func checkLoad(d connectionDoc) error {
	if d.MaxRequestsPerSecond < 0 || d.MaxRequestsPerSecond > 0 && d.MaxRequestsPerSecond < 0.01 {
		return &inventory.InvalidError{Pointer: "/max_requests_per_second", Problem: "want at least 0.01, or 0 for no limit"}
	}
	if d.MaxParallel < 0 {
		return &inventory.InvalidError{Pointer: "/max_parallel_requests", Problem: "want at least 1, or 0 for no limit"}
	}
	if _, err := quiet.Parse(nil, d.TimeZone); err != nil {
		return &inventory.InvalidError{Pointer: "/time_zone", Problem: err.Error()}
	}
	for i, text := range d.QuietHours {
		if _, err := quiet.Parse([]string{text}, d.TimeZone); err != nil {
			return &inventory.InvalidError{Pointer: "/quiet_hours/" + strconv.Itoa(i), Problem: err.Error()}
		}
	}
	return nil
}

func (s *Service) checkPlaces(ctx context.Context, c inventory.Caller, d connectionDoc) error {
	check := func(pointer, id string) error {
		if id == "" {
			return nil
		}
		if _, err := s.Datacenter(ctx, c, id); errors.Is(err, store.ErrNotFound) {
			return &inventory.InvalidError{Pointer: pointer, Problem: "there is no such datacenter"}
		} else if err != nil {
			return err
		}
		return nil
	}
	if err := check("/datacenter", d.Datacenter); err != nil {
		return err
	}
	for i, r := range d.Rules {
		if r.Label == "" || r.Value == "" {
			return &inventory.InvalidError{Pointer: "/rules/" + strconv.Itoa(i), Problem: "wants a label and a value"}
		}
		if err := check("/rules/"+strconv.Itoa(i)+"/datacenter", r.Datacenter); err != nil {
			return err
		}
	}
	return nil
}

// describe finds the plugin's description: the agent's own, or for no agent any that was reported.
func (s *Service) describe(ctx context.Context, c inventory.Caller, name, agentID string) (provider.Description, error) {
	if agentID != "" {
		a, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, agentID)
		if errors.Is(err, store.ErrNotFound) || err == nil && !a.doc.RevokedAt.IsZero() {
			return provider.Description{}, &inventory.InvalidError{Pointer: "/agent", Problem: "there is no such agent"}
		}
		if err != nil {
			return provider.Description{}, err
		}
		p, err := s.pins(ctx, c.Tenant)
		if err != nil {
			return provider.Description{}, err
		}
		digest, err := s.digestFor(ctx, c.Tenant, p, a.id, a.doc, name)
		if err != nil {
			return provider.Description{}, err
		}
		if digest != "" {
			return s.description(ctx, c.Tenant, digest)
		}
		return provider.Description{}, &inventory.InvalidError{Pointer: "/provider", Problem: fmt.Sprintf("the agent %q has no plugin %q", a.doc.Name, name)}
	}
	// Whether the caller may write the connection was decided before; what its plugin asks for is no secret from who may.
	list, err := s.Plugins(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true})
	if err != nil {
		return provider.Description{}, err
	}
	for _, p := range list {
		if p.Provider == name {
			return p.Description, nil
		}
	}
	return provider.Description{}, &inventory.InvalidError{Pointer: "/provider", Problem: fmt.Sprintf("no agent has reported a plugin %q", name)}
}

// checkSettings holds them to the plugin's own schema. Secrets are refused: they would lie in the store in clear.
func checkSettings(d provider.Description, settings string) error {
	form, err := schema.ParseSettings(d.Settings)
	if err != nil {
		return fmt.Errorf("read settings schema of %s: %w", d.Provider, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(settings))
	if err != nil {
		return &inventory.InvalidError{Pointer: "/settings", Problem: "are not JSON"}
	}
	for _, f := range form.Fields {
		if f.Secret && has(value, strings.Split(strings.TrimPrefix(f.Pointer, "/"), "/")) {
			return &inventory.InvalidError{Pointer: "/settings" + f.Pointer, Problem: "is a secret, which the collector does not take: put it into the agent's credentials file and name that here"}
		}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Settings))
	if err != nil {
		return fmt.Errorf("read settings schema of %s: %w", d.Provider, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(jsonschema.SchemeURLLoader{}) // loads nothing: a plugin's schema may not point outside
	const name = "urn:maestro:settings"
	if err := compiler.AddResource(name, doc); err != nil {
		return fmt.Errorf("read settings schema of %s: %w", d.Provider, err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return fmt.Errorf("read settings schema of %s: %w", d.Provider, err)
	}
	return invalidSettings(compiled.Validate(value))
}

// invalidSettings names the deepest place that is wrong, in words for a form.
func invalidSettings(err error) error {
	var wrong *jsonschema.ValidationError
	if err == nil || !errors.As(err, &wrong) {
		return err
	}
	for len(wrong.Causes) > 0 {
		wrong = wrong.Causes[0]
	}
	pointer := "/settings"
	for _, step := range wrong.InstanceLocation {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	return &inventory.InvalidError{Pointer: pointer, Problem: wrong.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}

func has(v any, path []string) bool {
	for _, step := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if v, ok = m[step]; !ok {
			return false
		}
	}
	return true
}

func (s *Service) checkCredential(ctx context.Context, c inventory.Caller, d connectionDoc) error {
	if d.Credential == "" || d.Agent == "" {
		return nil
	}
	a, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, d.Agent)
	if err != nil {
		return err
	}
	for _, ref := range a.doc.Credentials {
		if ref.Name == d.Credential {
			if len(ref.Providers) > 0 && !slices.Contains(ref.Providers, d.Provider) {
				return &inventory.InvalidError{Pointer: "/credential", Problem: fmt.Sprintf("the credential %q may not be used for %s", d.Credential, d.Provider)}
			}
			return nil
		}
	}
	return &inventory.InvalidError{Pointer: "/credential", Problem: fmt.Sprintf("the agent %q has no credential named %q in its file", a.doc.Name, d.Credential)}
}

// usualInterval is the plugin's own, in seconds.
func usualInterval(d provider.Description, kind string) int64 {
	for _, k := range d.Kinds {
		if k.Kind == kind && k.IntervalSeconds > 0 {
			return max(k.IntervalSeconds, minInterval)
		}
	}
	return defaultInterval
}

// schedules fills in every kind of the plugin, so that what is off is seen to be off.
func schedules(d provider.Description, given []rest.KindScheduleWrite) ([]rest.KindSchedule, error) {
	byKind := map[string]rest.KindSchedule{}
	for i, write := range given {
		k, at := write.Schedule(), "/kinds/"+strconv.Itoa(i)
		switch {
		case !slices.ContainsFunc(d.Kinds, func(x provider.KindSupport) bool { return x.Kind == k.Kind }):
			return nil, &inventory.InvalidError{Pointer: at, Problem: fmt.Sprintf("the plugin %s does not read the kind %q", d.Provider, k.Kind)}
		case k.Cron != "" && k.IntervalSeconds != 0:
			return nil, &inventory.InvalidError{Pointer: at, Problem: "wants an interval or a cron expression, not both"}
		case k.Cron != "" && !validCron(k.Cron):
			return nil, &inventory.InvalidError{Pointer: at + "/cron", Problem: fmt.Sprintf("%q is not a cron expression", k.Cron)}
		case k.Cron == "" && k.IntervalSeconds == 0:
			k.IntervalSeconds = usualInterval(d, k.Kind)
		case k.Cron == "" && k.IntervalSeconds < minInterval:
			return nil, &inventory.InvalidError{Pointer: at + "/interval_seconds", Problem: fmt.Sprintf("want at least %d", minInterval)}
		}
		byKind[k.Kind] = k
	}
	var out []rest.KindSchedule
	for _, k := range d.Kinds {
		set, ok := byKind[k.Kind]
		if !ok {
			set = rest.KindSchedule{Kind: k.Kind, Enabled: given == nil, IntervalSeconds: usualInterval(d, k.Kind)}
		}
		out = append(out, set)
	}
	return out, nil
}

// precedences are those of single kinds.
func (d *connectionDoc) precedences() map[string]int {
	out := map[string]int{}
	for _, k := range d.Kinds {
		if k.Precedence != 0 {
			out[k.Kind] = k.Precedence
		}
	}
	return out
}

// Facts are what the inventory must know of a connection.
func facts(o object[connectionDoc]) inventory.Connection {
	f := inventory.Connection{ID: o.id, Name: o.doc.Name, Provider: o.doc.Provider, AgentID: o.doc.Agent, Datacenter: o.doc.Datacenter,
		Precedence: o.doc.CreatedAt.UnixMicro(), Preference: o.doc.Precedence, KindPreference: o.doc.precedences()}
	for _, r := range o.doc.Rules {
		f.Rules = append(f.Rules, inventory.MappingRule(r))
	}
	return f
}

// ConnectionNames are what people call the tenant's connections, by id.
func (s *Service) ConnectionNames(ctx context.Context, tenant string) (map[string]string, error) {
	list, err := all[connectionDoc](ctx, s.opt.Store, tConnections, tenant, nil)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, o := range list {
		names[o.id] = o.doc.Name
	}
	return names, nil
}
