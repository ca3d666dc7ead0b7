package ingest

import (
	"context"

	"google.golang.org/protobuf/proto"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
)

// remember has the fleet compare what the agent was told and acknowledged with what the store knows. Only what carries our own
// signature and is for this agent counts: a position without it says nothing.
func (se *session) remember(ctx context.Context, hello *uplinkv1.Hello) error {
	reached := map[string]*uplinkv1.Position{}
	for _, p := range hello.GetPositions() {
		reached[p.GetConnectionId()] = p
	}
	var stated []fleet.Stated
	for _, signed := range hello.GetAssignments() {
		if protocol.VerifyAssignment(se.s.opt.Authority.Certificates(), signed.GetAssignment(), signed.GetSignature()) != nil {
			continue
		}
		var a uplinkv1.Assignment
		if proto.Unmarshal(signed.GetAssignment(), &a) != nil || a.GetTenant() != se.peer.Tenant || a.GetAgentId() != se.peer.ID {
			continue
		}
		at := reached[a.GetConnectionId()]
		stated = append(stated, fleet.Stated{Connection: a.GetConnectionId(), Name: a.GetConnectionName(), Provider: a.GetProvider(),
			Settings: string(a.GetSettings()), Credential: a.GetCredential(), Epoch: a.GetEpoch(), AtEpoch: at.GetEpoch(), AtGeneration: at.GetGeneration()})
	}
	return se.s.opt.Fleet.Remember(ctx, se.peer, stated)
}
