package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
)

func newLedger(st store.Store, key authority.Key, inv *inventory.Service, log *audit.Log, clock func() time.Time, out *slog.Logger) (*ledger.Ledger, error) {
	return ledger.New(ledger.Options{Store: st, Seed: key.Derive("ledger"), Clock: clock, Log: out,
		Streams: []ledger.Stream{inv.Stream(), log.Stream()}})
}

// keepHistory seals what has settled and purges what the settings say. The sweeper calls it, at one collector at a time.
func (c *Collector) keepHistory(ctx context.Context, now time.Time) error {
	errs := []error{c.ledger.Seal(ctx)}
	for _, p := range []struct {
		stream string
		keep   time.Duration
	}{{inventory.StreamName, c.cfg.Retention.Changes}, {audit.StreamName, c.cfg.Retention.Audit}} {
		if p.keep > 0 {
			errs = append(errs, c.ledger.Purge(ctx, p.stream, now.Add(-p.keep), func(done ledger.Purged) error {
				return c.purged(ctx, done.Tenant, done.Stream, done.Before, done.Entries)
			}))
		}
	}
	if keep := c.cfg.Retention.Runs; keep > 0 {
		before := now.Add(-keep)
		errs = append(errs, c.inventory.PurgeRuns(ctx, before, func(tenant string, n int) error { return c.purged(ctx, tenant, "runs", before, n) }))
	}
	if keep := c.cfg.Retention.Approvals; keep > 0 {
		before := now.Add(-keep)
		errs = append(errs, c.approvals.Purge(ctx, before, func(tenant string, n int) error { return c.purged(ctx, tenant, "approvals", before, n) }))
	}
	return errors.Join(errs...)
}

func (c *Collector) purged(ctx context.Context, tenant, what string, before time.Time, n int) error {
	_, err := c.audit.Write(ctx, audit.Entry{Tenant: orDefault(tenant), Actor: "system", Action: "history.purge",
		Detail: map[string]any{"of": what, "before": before.UTC().Format(time.RFC3339Nano), "deleted": n}})
	return err
}

func orDefault(tenant string) string {
	if tenant == "" {
		return access.HomeTenant
	}
	return tenant
}

// auditRetention writes down how long things are kept, whenever that is not what was written down last.
func (c *Collector) auditRetention(ctx context.Context) error {
	const action = "retention.update"
	text := func(d time.Duration) string {
		if d <= 0 {
			return "for ever"
		}
		return d.String()
	}
	r := c.cfg.Retention
	is := map[string]any{"gone": text(r.Gone), "unread_after": text(r.UnreadAfter), "changes": text(r.Changes), "audit": text(r.Audit), "runs": text(r.Runs), "approvals": text(r.Approvals)}
	page, err := c.audit.List(ctx, access.HomeTenant, audit.Query{Action: action, Limit: 1})
	if err != nil {
		return err
	}
	var was map[string]any
	if len(page.Entries) > 0 {
		was, _ = page.Entries[0].Detail["is"].(map[string]any)
	}
	if maps.Equal(was, is) {
		return nil
	}
	detail := map[string]any{"is": is}
	if was != nil {
		detail["was"] = was
	}
	_, err = c.audit.Write(ctx, audit.Entry{Tenant: access.HomeTenant, Actor: "system", Action: action, Detail: detail})
	return err
}

// ErrTampered says that Verify found something.
var ErrTampered = errors.New("the history is not as it was written")

// Verify reads the whole history and says what was removed, edited or put in. expect are hashes of checkpoints that were kept
// elsewhere.
func (o *Operator) Verify(ctx context.Context, expect []string) (err error) {
	key, err := authority.LoadKey(o.Config.keyFile(), false)
	if err != nil {
		return err
	}
	at, err := o.present()
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	st, err := openStore(ctx, at, quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	log := audit.New(st, o.Now)
	l, err := newLedger(st, key, inventory.New(inventory.Options{Store: st, Audit: log, Clock: o.Now}), log, o.Now, quiet)
	if err != nil {
		return err
	}
	v, err := l.Verify(ctx, nil, expect)
	if err != nil {
		return err
	}
	for _, f := range v.Findings {
		where := f.Stream + " of tenant " + orNobody(f.Tenant)
		if !f.At.IsZero() {
			where += ", " + f.At.Format(time.RFC3339)
		}
		o.say("%s (%s): %s", f.ID, strings.TrimSpace(where), f.Problem)
	}
	if v.More {
		o.say("... and more.")
	}
	for _, h := range slices.SortedFunc(slices.Values(v.Heads), func(a, b ledger.Head) int { return strings.Compare(a.Tenant+a.Stream, b.Tenant+b.Stream) }) {
		o.say("%s of tenant %s: sealed up to %s by checkpoint %d, %s", h.Stream, orNobody(h.Tenant), h.Until.Format(time.RFC3339), h.Number, h.Hash)
	}
	o.say("%d entries read, %d of them sealed by %d checkpoints; %d were purged.", v.Entries, v.Sealed, v.Checkpoints, v.Purged)
	if !v.OK() {
		return fmt.Errorf("%w: %d findings", ErrTampered, len(v.Findings))
	}
	o.say("Nothing was removed, edited or put in.")
	return nil
}

func orNobody(tenant string) string {
	if tenant == "" {
		return "(none)"
	}
	return tenant
}
