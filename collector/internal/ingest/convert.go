package ingest

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// verdicts translate one to one; what the inventory may add later must not go out as something else.
func verdict(v inventory.Verdict) uplinkv1.Verdict {
	switch v {
	case inventory.Done:
		return uplinkv1.Verdict_VERDICT_DONE
	case inventory.Send:
		return uplinkv1.Verdict_VERDICT_SEND
	case inventory.List:
		return uplinkv1.Verdict_VERDICT_LIST
	case inventory.Superseded:
		return uplinkv1.Verdict_VERDICT_SUPERSEDED
	case inventory.Refused:
		return uplinkv1.Verdict_VERDICT_REFUSED
	case inventory.Failed:
		return uplinkv1.Verdict_VERDICT_FAILED
	case "":
		return uplinkv1.Verdict_VERDICT_UNSPECIFIED
	}
	return uplinkv1.Verdict_VERDICT_RETRY
}

func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil || t.CheckValid() != nil {
		return time.Time{}
	}
	return t.AsTime()
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func scopeOf(s *uplinkv1.Scope) resource.Scope {
	out := resource.Scope{Kind: s.GetKind()}
	for _, l := range s.GetPartition() {
		out.Partition = append(out.Partition, resource.Label{Key: l.GetKey(), Value: l.GetValue()})
	}
	return out
}

func outcomeOf(o *uplinkv1.Outcome) resource.Outcome {
	return resource.Outcome{Status: resource.Status(o.GetStatus()), Listed: int(o.GetListed()), Incomplete: int(o.GetItemsIncomplete()),
		Duplicates: int(o.GetDuplicates()), Pages: int(o.GetPages()), Retries: int(o.GetRetries()), Error: o.GetError(), Advice: o.GetAdvice(),
		Warnings: o.GetWarnings(), DurationMS: o.GetDurationMs()}
}

func knownStatus(s resource.Status) bool {
	switch s {
	case resource.StatusComplete, resource.StatusPartial, resource.StatusDenied, resource.StatusThrottled, resource.StatusUnreachable,
		resource.StatusUnsupported, resource.StatusFailed, resource.StatusNotTried:
		return true
	}
	return false
}

func captureOf(m *uplinkv1.CaptureOpen) (inventory.Capture, error) {
	digest, err := resource.DigestFromBytes(m.GetDigest(), m.GetCount())
	if err != nil {
		return inventory.Capture{}, err
	}
	c := inventory.Capture{Scope: int(m.GetScope()), Outcome: outcomeOf(m.GetOutcome()), Digest: digest, Fingerprint: m.GetFingerprint(),
		HashFormat: int(m.GetHashFormat()), KindDigest: m.GetKindDigest(), PolicyDigest: m.GetPolicyDigest(), ReadAt: moment(m.GetReadAt())}
	if b := m.GetBaseline(); b != nil {
		base, err := resource.DigestFromBytes(b.GetDigest(), b.GetCount())
		if err != nil {
			return inventory.Capture{}, err
		}
		c.Baseline = &inventory.Baseline{Epoch: b.GetEpoch(), Generation: b.GetGeneration(), Digest: base}
	}
	return c, nil
}

func batchOf(m *uplinkv1.Batch) (inventory.Batch, error) {
	b := inventory.Batch{Scope: int(m.GetScope()), Seq: m.GetSeq(), Removed: m.GetRemoved(), Last: m.GetLast()}
	for _, it := range m.GetUpserts() {
		b.Upserts = append(b.Upserts, inventory.Item{Canonical: it.GetCanonical(), Hash: it.GetHash(), Volatile: it.GetVolatile()})
	}
	for _, row := range m.GetList() {
		b.List = append(b.List, inventory.Row{Key: row.GetKey(), Hash: row.GetHash()})
	}
	if len(m.GetBuckets()) > 0 {
		set, err := resource.BucketSetFromBytes(m.GetBuckets())
		if err != nil {
			return b, err
		}
		b.Buckets = &set
	}
	return b, nil
}

func receiptOf(m *uplinkv1.Batch, res inventory.BatchResult) *uplinkv1.BatchReceipt {
	out := &uplinkv1.BatchReceipt{RunId: m.GetRunId(), Scope: m.GetScope(), Seq: m.GetSeq(), Warnings: res.Warnings, Want: res.Want,
		Verdict: verdict(res.Verdict), Reason: res.Reason}
	for _, r := range res.Rejected {
		out.Rejected = append(out.Rejected, &uplinkv1.Rejection{Key: r.Key, Reason: r.Reason})
	}
	for _, r := range res.Index {
		out.Index = append(out.Index, &uplinkv1.Row{Key: r.Key, Hash: r.Hash})
	}
	return out
}
