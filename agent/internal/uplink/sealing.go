package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/sealed"
)

// maxRewraps is how many sealed credentials one message may be about.
const maxRewraps = 200

// rewrap lets other agents open what this one can. What it did is in its log, since it does it because a collector says so.
func (s *session) rewrap(ctx context.Context, items []*uplinkv1.RewrapItem) {
	if len(items) > maxRewraps {
		items = items[:maxRewraps]
	}
	out := &uplinkv1.Rewrapped{}
	for _, it := range items {
		if ctx.Err() != nil {
			return
		}
		var e sealed.Envelope
		answer := &uplinkv1.RewrappedItem{ConnectionId: it.GetConnectionId()}
		wraps, err := s.uplink.cfg.Sealing.Rewrap(it.GetSealed(), s.uplink.cfg.Identity.Tenant(), it.GetRecipients())
		if err == nil {
			err = json.Unmarshal(it.GetSealed(), &e)
		}
		if err != nil {
			s.log.Warn("sealed credential is not shared", "connection", it.GetConnectionId(), "error", err)
			answer.Error = err.Error()
		}
		sum := sha256.Sum256([]byte(e.Header))
		answer.HeaderDigest = sum[:]
		for _, w := range wraps {
			s.log.Info("sealed credential shared", "connection", it.GetConnectionId(), "recipient", w.Recipient)
			answer.Wraps = append(answer.Wraps, &uplinkv1.SealedWrap{Recipient: w.Recipient, Data: w.Data})
		}
		out.Items = append(out.Items, answer)
	}
	s.put(ctx, &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Rewrapped{Rewrapped: out}})
}
