package ingest

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/sealed"
)

const (
	// shareAgain is when an agent is asked once more to share a credential that still lacks recipients.
	shareAgain = time.Minute
	maxShares  = 200
)

// share asks the agent to let others open sealed credentials that it can open.
func (se *session) share(ctx context.Context) error {
	s, now := se.s, se.s.opt.Clock()
	list, err := s.opt.Fleet.Unshared(ctx, se.peer, maxShares)
	if err != nil {
		return s.internal(ctx, "read what is to be shared", err)
	}
	msg := &uplinkv1.Rewrap{}
	for _, x := range list {
		key := x.Connection + " " + x.Wanting
		if last, asked := se.shares[key]; asked && now.Sub(last) < shareAgain {
			continue
		}
		if len(se.shares) > 10*maxShares {
			clear(se.shares)
		}
		se.shares[key] = now
		msg.Items = append(msg.Items, &uplinkv1.RewrapItem{ConnectionId: x.Connection, Sealed: x.Envelope, Recipients: x.Recipients})
	}
	if len(msg.Items) == 0 {
		return nil
	}
	return se.send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Rewrap{Rewrap: msg}})
}

// shared takes the keys for other agents. The collector cannot tell whether they are good; who cannot open one says so.
func (se *session) shared(ctx context.Context, items []*uplinkv1.RewrappedItem) error {
	if len(items) > maxShares {
		return status.Error(codes.InvalidArgument, "too many sealed credentials at once")
	}
	for _, it := range items {
		if len(it.GetWraps()) > sealed.MaxWraps {
			return status.Error(codes.InvalidArgument, "too many recipients")
		}
		answer := fleet.Shared{Connection: it.GetConnectionId(), HeaderDigest: it.GetHeaderDigest(), Problem: it.GetError()}
		for _, w := range it.GetWraps() {
			answer.Wraps = append(answer.Wraps, sealed.Wrap{Recipient: w.GetRecipient(), Data: w.GetData()})
		}
		if err := se.s.opt.Fleet.Share(ctx, se.peer, answer); err != nil {
			return se.s.internal(ctx, "take a shared credential", err)
		}
	}
	return nil
}
