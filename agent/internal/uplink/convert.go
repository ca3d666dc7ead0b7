package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/schedule"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Info is what the agent says of itself and its machine.
type Info struct {
	Version   string
	OS        string
	Arch      string
	Hostname  string
	Site      string
	MachineID string
	BootID    string
	// Instance is random and of this process: two copies of one data directory may share machine and boot.
	Instance string
}

// Copy is how the collector names this process among the copies of an agent.
func (i Info) Copy() string { return strings.Trim(i.BootID+"/"+i.Instance, "/") }

func (i Info) proto() *uplinkv1.AgentInfo {
	return &uplinkv1.AgentInfo{Version: i.Version, Os: i.OS, Arch: i.Arch, Hostname: i.Hostname, Site: i.Site,
		MachineId: i.MachineID, BootId: i.BootID, Instance: i.Instance}
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// plain takes gRPC's wrapping off an error for people.
func plain(err error) error {
	if s, ok := status.FromError(err); ok && err != nil {
		return fmt.Errorf("%s (%s)", s.Message(), s.Code())
	}
	return err
}

func assignmentOf(a *uplinkv1.Assignment) dispatch.Assignment {
	out := dispatch.Assignment{
		Tenant: a.GetTenant(), ConnectionID: a.GetConnectionId(), Name: a.GetConnectionName(), Epoch: a.GetEpoch(),
		Provider: a.GetProvider(), Version: a.GetPluginVersion(), Settings: json.RawMessage(a.GetSettings()), Credential: a.GetCredential(), Sealed: a.GetSealed(),
		Plan:    schedule.Plan{Connection: a.GetConnectionId(), Paused: a.GetPaused(), Until: moment(a.GetRunUntil()), Zone: a.GetZone(), Quiet: a.GetQuietHours()},
		Ceiling: provider.Ceiling{PerSecond: a.GetMaxRequestsPerSecond(), MaxConcurrent: int(a.GetMaxParallel())},
	}
	for _, k := range a.GetKinds() {
		out.Plan.Kinds = append(out.Plan.Kinds, schedule.Kind{Name: k.GetKind(), Enabled: k.GetEnabled(),
			Interval: time.Duration(k.GetIntervalSeconds()) * time.Second, Cron: k.GetCron()})
	}
	return out
}

func parseAssignment(b []byte) (*uplinkv1.Assignment, error) {
	var a uplinkv1.Assignment
	if err := proto.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("read assignment: %w", err)
	}
	if a.GetConnectionId() == "" || a.GetProvider() == "" {
		return nil, errors.New("read assignment: it names no connection or no provider")
	}
	return &a, nil
}

func scopeProto(s resource.Scope) *uplinkv1.Scope {
	out := &uplinkv1.Scope{Kind: s.Kind}
	for _, l := range s.Partition {
		out.Partition = append(out.Partition, &uplinkv1.Label{Key: l.Key, Value: l.Value})
	}
	return out
}

func outcomeProto(o resource.Outcome) *uplinkv1.Outcome {
	return &uplinkv1.Outcome{Status: string(o.Status), Listed: int32(o.Listed), ItemsIncomplete: int32(o.Incomplete),
		Duplicates: int32(o.Duplicates), Pages: int32(o.Pages), Retries: int32(o.Retries), Error: o.Error, Advice: o.Advice,
		Warnings: o.Warnings, DurationMs: o.DurationMS}
}

func itemProto(it spool.Item) *uplinkv1.Item {
	return &uplinkv1.Item{Canonical: it.Canonical, Hash: it.Hash.Bytes(), Volatile: it.Volatile}
}

func progressProto(r dispatch.Running) *uplinkv1.RunProgress {
	return &uplinkv1.RunProgress{RunId: r.RunID, ConnectionId: r.ConnectionID, Epoch: r.Epoch,
		ScopesTotal: int32(r.ScopesTotal), ScopesDone: int32(r.ScopesDone), Listed: r.Listed, Phase: r.Phase,
		StartedAt: stamp(r.StartedAt), Trigger: r.Trigger, Kinds: r.Kinds, Log: r.Log}
}
