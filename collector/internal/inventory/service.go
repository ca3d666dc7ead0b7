package inventory

import (
	"context"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/reference"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Options of a Service. Zero values mean the defaults named.
type Options struct {
	Store store.Store
	Audit *audit.Log
	// Builtin kinds; schema.Builtin() in production.
	Builtin []*schema.Kind
	// Gate asks before people merge and split; nil asks nobody.
	Gate Gate
	// AutoApprove approves plugin kinds as they are registered.
	AutoApprove bool
	Clock       func() time.Time
	// firstWait for another writer, for tests whose other writer is dead.
	firstWait time.Duration
	Log       *slog.Logger
	// Removals of a scope are held when they are more than HoldItems (20) and more than HoldPercent (20) of it.
	HoldItems   int
	HoldPercent int
	// BucketRows (500) is how many rows a scope has before its list is asked for in parts: the sums of the parts are as long as a
	// list of a hundred or so.
	BucketRows int
	// UnreadAfter (30 days) without a complete capture turns a scope's observations unwatched.
	UnreadAfter time.Duration
	// SilentAfter (0 is never) without a complete capture lets a scope's observations give way to other connections', where the
	// tenant's own rule says nothing else; staleness.go.
	SilentAfter time.Duration
	// Retention prunes what has been gone for so long; 0 is never.
	Retention time.Duration
	// HistoryKey keys the hashes that stand for sensitive values in the history. It is the same for all collectors of a store.
	HistoryKey []byte
	// Horizon is the earliest moment that history answers for; nil or zero: there is none.
	Horizon func(ctx context.Context, tenant string) (time.Time, error)
	// ChangesHeld (200,000) is how many changes a question about the past holds: of more it goes through what is stored.
	ChangesHeld int
	// PastWork (2,000,000) bounds how much of what is stored one such question goes through before it answers what was found so far.
	PastWork int
	// RunTimeout (6 hours) without news fails a run.
	RunTimeout time.Duration
	// Junk are identifiers, as "type=value", that name nothing beside those that schema knows.
	Junk []string
	// Reference is what is known without any source; nil is nothing.
	Reference *reference.Data
	// Accounts are a tenant's datacenters and connections with whom they serve; nil: there are none.
	Accounts func(ctx context.Context, tenant string) ([]Account, error)
}

// Service is the inventory. It keeps no state but caches and may run in any number of collectors.
type Service struct {
	opt     Options
	builtin map[string]*KindInfo
	kinds   registry
	rules   rulesCache
	wake    chan struct{}
	junk    map[resource.Identifier]bool
}

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Builtin == nil {
		opt.Builtin = schema.Builtin()
	}
	if opt.Audit == nil {
		opt.Audit = audit.New(opt.Store, opt.Clock)
	}
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&opt.HoldItems, 20)
	orInt(&opt.HoldPercent, 20)
	orInt(&opt.BucketRows, 500)
	orInt(&opt.ChangesHeld, 200_000)
	orInt(&opt.PastWork, 2_000_000)
	orTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	orTime(&opt.UnreadAfter, 30*24*time.Hour)
	orTime(&opt.RunTimeout, 6*time.Hour)
	s := &Service{opt: opt, junk: junkSet(opt.Junk), builtin: map[string]*KindInfo{},
		kinds: registry{tenants: map[string]cachedKinds{}, ready: map[string]bool{}}, rules: rulesCache{tenants: map[string]cachedRules{}}, wake: make(chan struct{}, 1)}
	for _, k := range opt.Builtin {
		s.builtin[k.Name] = &KindInfo{Kind: withBelonging(k), Approval: Approved, BuiltIn: true}
	}
	return s
}

// Prepare makes the tables ready for the kinds that are known without any plugin, so that lists of them work before the
// first run. It is called once, after the store was opened.
func (s *Service) Prepare(ctx context.Context) error {
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, AllTenants: true})
	if err != nil {
		return err
	}
	of := byName(docs)
	for name, k := range s.builtin {
		if err := s.ensureIndexes(ctx, k.Kind, of[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) now() time.Time { return store.At(s.opt.Clock()).Time }
