// Package wire turns the SDK's own types into protobuf messages and back, and holds what both ends of the
// plugin protocol must agree on.
//
// It exists so that neither plugin authors nor the agent ever see generated code, and so that a field
// forgotten on the way is found by one property test.
package wire

import (
	"fmt"
	"iter"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// FromDescription makes the answer to Describe.
func FromDescription(d provider.Description) *pluginv1.DescribeResponse {
	out := &pluginv1.DescribeResponse{
		Capability: Capability, Provider: d.Provider, Version: d.Version, Title: d.Title, Summary: d.Summary,
		SettingsSchema: d.Settings, MaxParallelScopes: clamp(d.MaxParallelScopes),
		StatelessConnections: d.StatelessConnections, Policy: d.Policy, Files: d.Files,
		Choices: d.Choices,
	}
	for _, f := range d.FileTypes {
		out.FileTypes = append(out.FileTypes, &pluginv1.FileType{Title: f.Title, Content: f.Content, Endings: f.Endings, Members: f.Members, MaxBytes: f.MaxBytes})
	}
	for _, k := range d.Kinds {
		out.Kinds = append(out.Kinds, &pluginv1.KindSupport{Kind: k.Kind, Major: clamp(k.Major), Schema: k.Schema,
			GlobalIds: k.GlobalIDs, UnstableListing: k.Unstable, Permissions: k.Permissions,
			Policy: k.Policy, IntervalSeconds: k.IntervalSeconds})
	}
	for _, e := range d.CredentialEnv {
		out.CredentialEnv = append(out.CredentialEnv, &pluginv1.EnvVar{Name: e.Name, Title: e.Title, Help: e.Help, Secret: e.Secret, Sealable: e.Sealable})
	}
	for _, l := range d.Limits {
		out.Limits = append(out.Limits, &pluginv1.Limit{Name: l.Name, PerSecond: l.PerSecond, Burst: clamp(l.Burst),
			MaxConcurrent: clamp(l.MaxConcurrent), Per: l.Per})
	}
	return out
}

// ToDescription reads the answer to Describe.
func ToDescription(in *pluginv1.DescribeResponse) provider.Description {
	d := provider.Description{
		Provider: in.GetProvider(), Version: in.GetVersion(), Title: in.GetTitle(), Summary: in.GetSummary(),
		Settings: in.GetSettingsSchema(), MaxParallelScopes: int(in.GetMaxParallelScopes()),
		StatelessConnections: in.GetStatelessConnections(), Policy: in.GetPolicy(), Files: in.GetFiles(),
		Choices: in.GetChoices(),
	}
	for _, f := range in.GetFileTypes() {
		d.FileTypes = append(d.FileTypes, provider.FileType{Title: f.GetTitle(), Content: f.GetContent(), Endings: f.GetEndings(), Members: f.GetMembers(), MaxBytes: f.GetMaxBytes()})
	}
	for _, k := range in.GetKinds() {
		d.Kinds = append(d.Kinds, provider.KindSupport{Kind: k.GetKind(), Major: int(k.GetMajor()), Schema: k.GetSchema(),
			GlobalIDs: k.GetGlobalIds(), Unstable: k.GetUnstableListing(), Permissions: k.GetPermissions(),
			Policy: k.GetPolicy(), IntervalSeconds: k.GetIntervalSeconds()})
	}
	for _, e := range in.GetCredentialEnv() {
		d.CredentialEnv = append(d.CredentialEnv, provider.EnvVar{Name: e.GetName(), Title: e.GetTitle(), Help: e.GetHelp(), Secret: e.GetSecret(), Sealable: e.GetSealable()})
	}
	for _, l := range in.GetLimits() {
		d.Limits = append(d.Limits, provider.Limit{Name: l.GetName(), PerSecond: l.GetPerSecond(), Burst: int(l.GetBurst()),
			MaxConcurrent: int(l.GetMaxConcurrent()), Per: l.GetPer()})
	}
	return d
}

// FromConnection makes the connection of a call.
func FromConnection(c provider.Connection) *pluginv1.Connection {
	out := &pluginv1.Connection{Id: c.ID, Settings: c.Settings}
	if c.Ceiling != (provider.Ceiling{}) {
		out.Ceiling = &pluginv1.Ceiling{PerSecond: c.Ceiling.PerSecond, MaxConcurrent: clamp(c.Ceiling.MaxConcurrent)}
	}
	return out
}

// ToConnection reads the connection of a call.
func ToConnection(in *pluginv1.Connection) provider.Connection {
	return provider.Connection{ID: in.GetId(), Settings: in.GetSettings(), Ceiling: provider.Ceiling{
		PerSecond: in.GetCeiling().GetPerSecond(), MaxConcurrent: int(in.GetCeiling().GetMaxConcurrent())}}
}

// FromCheck makes the answer to Check.
func FromCheck(r provider.CheckReport) *pluginv1.CheckResponse {
	out := &pluginv1.CheckResponse{Policy: r.Policy}
	for _, i := range r.Items {
		out.Items = append(out.Items, &pluginv1.CheckItem{Kind: i.Kind, Name: i.Name, Ok: i.OK, Message: i.Message, Advice: i.Advice, Certificate: fromCertificate(i.Certificate)})
	}
	return out
}

// ToCheck reads the answer to Check.
func ToCheck(in *pluginv1.CheckResponse) provider.CheckReport {
	r := provider.CheckReport{Policy: in.GetPolicy()}
	for _, i := range in.GetItems() {
		r.Items = append(r.Items, provider.CheckItem{Kind: i.GetKind(), Name: i.GetName(), OK: i.GetOk(),
			Message: i.GetMessage(), Advice: i.GetAdvice(), Certificate: toCertificate(i.GetCertificate())})
	}
	return r
}

func fromCertificate(c *provider.Certificate) *pluginv1.Certificate {
	if c == nil {
		return nil
	}
	return &pluginv1.Certificate{Setting: c.Setting, Sha256: c.SHA256, Subject: c.Subject, Issuer: c.Issuer, NotBefore: c.NotBefore.Unix(), NotAfter: c.NotAfter.Unix()}
}

func toCertificate(c *pluginv1.Certificate) *provider.Certificate {
	if c == nil {
		return nil
	}
	return &provider.Certificate{Setting: c.GetSetting(), SHA256: c.GetSha256(), Subject: c.GetSubject(), Issuer: c.GetIssuer(),
		NotBefore: time.Unix(c.GetNotBefore(), 0).UTC(), NotAfter: time.Unix(c.GetNotAfter(), 0).UTC()}
}

// FromChoices makes the answer to Choices.
func FromChoices(c provider.Choices) *pluginv1.ChoicesResponse {
	out := &pluginv1.ChoicesResponse{More: c.More}
	for _, i := range c.Items {
		out.Choices = append(out.Choices, &pluginv1.Choice{Value: i.Value, Label: i.Label, Note: i.Note})
	}
	return out
}

// ToChoices reads the answer to Choices.
func ToChoices(in *pluginv1.ChoicesResponse) provider.Choices {
	c := provider.Choices{More: in.GetMore()}
	for _, i := range in.GetChoices() {
		c.Items = append(c.Items, provider.Choice{Value: i.GetValue(), Label: i.GetLabel(), Note: i.GetNote()})
	}
	return c
}

// FromPlan makes the answer to Plan.
func FromPlan(p provider.Plan) *pluginv1.PlanResponse {
	return &pluginv1.PlanResponse{Scopes: FromScopes(p.Scopes), Complete: p.Complete, Warnings: p.Warnings}
}

// ToPlan reads the answer to Plan.
func ToPlan(in *pluginv1.PlanResponse) provider.Plan {
	return provider.Plan{Scopes: ToScopes(in.GetScopes()), Complete: in.GetComplete(), Warnings: in.GetWarnings()}
}

// FromPlanParts makes the messages of a plan that is streamed.
func FromPlanParts(p provider.Plan) iter.Seq[*pluginv1.PlanResponse] {
	return func(yield func(*pluginv1.PlanResponse) bool) {
		left := p.Scopes
		for {
			part, n := ScopePart(left)
			left = left[n:]
			msg := &pluginv1.PlanResponse{Scopes: part}
			if len(left) == 0 {
				msg.Complete, msg.Warnings = p.Complete, p.Warnings
			}
			if !yield(msg) || len(left) == 0 {
				return
			}
		}
	}
}

// ScopePart makes as much of a list of scopes as one message may hold, and says how many of them those are.
func ScopePart(scopes []resource.Scope) (part []*pluginv1.Scope, n int) {
	size := 0
	for n < len(scopes) && n < ScopeItems {
		msg := &pluginv1.Scope{Kind: scopes[n].Kind, Partition: fromPartition(scopes[n].Partition)}
		if size += proto.Size(msg); size > ScopeBytes && n > 0 {
			break
		}
		part = append(part, msg)
		n++
	}
	return part, n
}

// FromScopes makes a list of scopes.
func FromScopes(scopes []resource.Scope) []*pluginv1.Scope {
	var out []*pluginv1.Scope
	for _, s := range scopes {
		out = append(out, &pluginv1.Scope{Kind: s.Kind, Partition: fromPartition(s.Partition)})
	}
	return out
}

// ToScopes reads a list of scopes.
func ToScopes(in []*pluginv1.Scope) []resource.Scope {
	var out []resource.Scope
	for _, s := range in {
		out = append(out, resource.Scope{Kind: s.GetKind(), Partition: toPartition(s.GetPartition())})
	}
	return out
}

func fromPartition(p resource.Partition) []*pluginv1.Label {
	var out []*pluginv1.Label
	for _, l := range p {
		out = append(out, &pluginv1.Label{Key: l.Key, Value: l.Value})
	}
	return out
}

func toPartition(in []*pluginv1.Label) resource.Partition {
	var out resource.Partition
	for _, l := range in {
		out = append(out, resource.Label{Key: l.GetKey(), Value: l.GetValue()})
	}
	return out
}

// FromEnvelope makes the message of one resource. Withheld has no place in it: only the agent sets it.
func FromEnvelope(env resource.Envelope) *pluginv1.Resource {
	out := &pluginv1.Resource{
		Kind: env.Kind, Major: clamp(env.Major), ExternalId: env.ExternalID, Name: env.Name, Region: env.Region,
		Zone: env.Zone, ConsoleUrl: env.ConsoleURL, Attributes: env.Attributes, Unread: env.Unread,
		Partition: fromPartition(env.Partition), Volatile: env.Volatile,
	}
	for _, t := range env.Tags {
		out.Tags = append(out.Tags, &pluginv1.Tag{Key: t.Key, Value: t.Value})
	}
	for _, id := range env.Identifiers {
		out.Identifiers = append(out.Identifiers, fromIdentifier(id))
	}
	for _, r := range env.Relations {
		rel := &pluginv1.Relation{Verb: r.Verb, Kind: r.Kind, ExternalId: r.ExternalID}
		if r.Selector != nil {
			rel.Selector = fromIdentifier(*r.Selector)
		}
		out.Relations = append(out.Relations, rel)
	}
	return out
}

// ToEnvelope reads the message of one resource.
func ToEnvelope(in *pluginv1.Resource) resource.Envelope {
	env := resource.Envelope{
		Kind: in.GetKind(), Major: int(in.GetMajor()), ExternalID: in.GetExternalId(), Name: in.GetName(),
		Region: in.GetRegion(), Zone: in.GetZone(), ConsoleURL: in.GetConsoleUrl(), Attributes: in.GetAttributes(),
		Unread: in.GetUnread(), Partition: toPartition(in.GetPartition()), Volatile: in.GetVolatile(),
	}
	for _, t := range in.GetTags() {
		env.Tags = append(env.Tags, resource.Tag{Key: t.GetKey(), Value: t.GetValue()})
	}
	for _, id := range in.GetIdentifiers() {
		env.Identifiers = append(env.Identifiers, toIdentifier(id))
	}
	for _, r := range in.GetRelations() {
		rel := resource.Relation{Verb: r.GetVerb(), Kind: r.GetKind(), ExternalID: r.GetExternalId()}
		if r.GetSelector() != nil {
			sel := toIdentifier(r.GetSelector())
			rel.Selector = &sel
		}
		env.Relations = append(env.Relations, rel)
	}
	return env
}

func fromIdentifier(id resource.Identifier) *pluginv1.Identifier {
	return &pluginv1.Identifier{Type: id.Type, Value: id.Value}
}

func toIdentifier(in *pluginv1.Identifier) resource.Identifier {
	return resource.Identifier{Type: in.GetType(), Value: in.GetValue()}
}

// FromOutcome makes the message of a scope's end.
func FromOutcome(o resource.Outcome) *pluginv1.Outcome {
	return &pluginv1.Outcome{
		Status: fromStatus(o.Status), Listed: clamp(o.Listed), ItemsIncomplete: clamp(o.Incomplete),
		Duplicates: clamp(o.Duplicates), Pages: clamp(o.Pages), Retries: clamp(o.Retries),
		Error: o.Error, Advice: o.Advice, Warnings: o.Warnings, DurationMs: o.DurationMS,
	}
}

// ToOutcome reads the message of a scope's end. A status that this version does not know is failed, and the
// text says so: what is not understood proves nothing.
func ToOutcome(in *pluginv1.Outcome) resource.Outcome {
	o := resource.Outcome{
		Listed: int(in.GetListed()), Incomplete: int(in.GetItemsIncomplete()), Duplicates: int(in.GetDuplicates()),
		Pages: int(in.GetPages()), Retries: int(in.GetRetries()), Error: in.GetError(), Advice: in.GetAdvice(),
		Warnings: in.GetWarnings(), DurationMS: in.GetDurationMs(),
	}
	var known bool
	if o.Status, known = toStatus[in.GetStatus()]; !known {
		o.Status = resource.StatusFailed
		o.Warnings = append(o.Warnings, fmt.Sprintf("the plugin ended the scope with the unknown status %d", in.GetStatus()))
		if o.Error == "" {
			o.Error = "unknown status from the plugin"
		}
	}
	return o
}

var toStatus = map[pluginv1.Status]resource.Status{
	pluginv1.Status_STATUS_COMPLETE:    resource.StatusComplete,
	pluginv1.Status_STATUS_PARTIAL:     resource.StatusPartial,
	pluginv1.Status_STATUS_DENIED:      resource.StatusDenied,
	pluginv1.Status_STATUS_THROTTLED:   resource.StatusThrottled,
	pluginv1.Status_STATUS_UNREACHABLE: resource.StatusUnreachable,
	pluginv1.Status_STATUS_UNSUPPORTED: resource.StatusUnsupported,
	pluginv1.Status_STATUS_FAILED:      resource.StatusFailed,
	pluginv1.Status_STATUS_NOT_TRIED:   resource.StatusNotTried,
}

func fromStatus(s resource.Status) pluginv1.Status {
	for wire, status := range toStatus {
		if status == s {
			return wire
		}
	}
	return pluginv1.Status_STATUS_FAILED
}

// clamp keeps a count within what the wire can carry instead of turning it negative.
func clamp(n int) int32 {
	return int32(min(max(n, math.MinInt32), math.MaxInt32))
}

// FromProgress makes the message of where a scope stands.
func FromProgress(listed, pages int) *pluginv1.Progress {
	return &pluginv1.Progress{Listed: clamp(listed), Pages: clamp(pages)}
}
