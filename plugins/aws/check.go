package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Check asks every list for its first page, in one region, and enters every account.
func (s *session) Check(ctx context.Context, kinds []string) (provider.CheckReport, error) {
	report := provider.CheckReport{Items: []provider.CheckItem{{Name: "sign in", OK: true, Message: "account " + s.own}}}
	accounts, warnings, err := s.accountIDs(ctx)
	if err != nil {
		report.Items = append(report.Items, failed("", "accounts", err))
		return report, nil
	}
	report.Items = append(report.Items, provider.CheckItem{Name: "accounts", OK: true, Message: strings.Join(append([]string{fmt.Sprintf("%d selected", len(accounts))}, warnings...), "; ")})
	open, items := s.enterAll(ctx, accounts)
	report.Items = append(report.Items, items...)
	if len(items) > 0 {
		report.Policy = s.memberRoleText(ctx)
	}
	if len(open) == 0 {
		return report, ctx.Err()
	}
	region, item := s.checkRegions(ctx, open[0])
	report.Items = append(report.Items, item)
	var missing []string
	items, missing = s.probe(ctx, open[0], region, kinds)
	report.Items = append(report.Items, items...)
	if len(missing) > 0 && report.Policy == "" {
		report.Policy = policyDocument(s.settings.partition, missing)
	}
	return report, ctx.Err()
}

func failed(kind, name string, err error) provider.CheckItem {
	item := provider.CheckItem{Kind: kind, Name: name, Message: err.Error()}
	var known *provider.Error
	if errors.As(err, &known) {
		item.Advice, item.Message = known.Advice, known.Err.Error()
	}
	return item
}

// enterAll tries the role of each account. The items are the accounts that cannot be entered.
func (s *session) enterAll(ctx context.Context, accounts []string) (open []string, items []provider.CheckItem) {
	refused := make([]error, len(accounts))
	var g errgroup.Group
	g.SetLimit(16)
	for i, id := range accounts {
		g.Go(func() error {
			refused[i] = insist(ctx, s.account(id).enter)
			return nil
		})
	}
	_ = g.Wait() // each account has its own error
	for i, id := range accounts {
		if refused[i] == nil {
			open = append(open, id)
		} else {
			items = append(items, failed("", "account "+id, refused[i]))
		}
	}
	return open, items
}

// memberRoleText is the role to create where it is missing.
func (s *session) memberRoleText(ctx context.Context) string {
	t := roleText{form: "stackset", partition: s.settings.partition, name: s.settings.MemberRole, external: s.settings.ExternalID, principal: "arn:" + s.settings.partition + ":iam::" + s.own + ":root"}
	if t.external == "" {
		t.external = newExternalID("default")
	}
	if ctx.Err() != nil {
		return ""
	}
	text, err := t.text()
	if err != nil {
		return ""
	}
	return text
}

func (s *session) checkRegions(ctx context.Context, account string) (string, provider.CheckItem) {
	names, ok := s.settings.literalRegions()
	if !ok {
		var err error
		if names, err = s.enabledRegions(ctx, account); err != nil {
			return s.settings.Region, failed("", "regions", err)
		}
	}
	item := provider.CheckItem{Name: "regions", OK: len(names) > 0, Message: fmt.Sprintf("%d selected of account %s: %s", len(names), account, strings.Join(names, ", "))}
	region := s.settings.Region
	if len(names) == 0 {
		item.Advice = "the settings of regions select none that the account has enabled"
	} else if !slices.Contains(names, region) {
		region = names[0]
	}
	return region, item
}

// probe reads the first page of each list. missing are the actions of the lists that were refused.
func (s *session) probe(ctx context.Context, account, region string, kinds []string) (items []provider.CheckItem, missing []string) {
	tried := slices.DeleteFunc(lists(), func(l list) bool { return !slices.Contains(kinds, l.kind) || !s.settings.wants(l) })
	results := make([]error, len(tried))
	var g errgroup.Group
	g.SetLimit(16)
	for i, l := range tried {
		g.Go(func() error {
			results[i] = s.probeOne(ctx, l, account, region)
			return nil
		})
	}
	_ = g.Wait() // each list has its own error
	for i, l := range tried {
		name := strings.Join(l.actions, ", ")
		if results[i] == nil {
			items = append(items, provider.CheckItem{Kind: l.kind, Name: name, OK: true})
			continue
		}
		item := failed(l.kind, name, results[i])
		// That a region does not offer a service is nothing to mend.
		item.OK = provider.StatusOf(results[i]) == resource.StatusUnsupported
		items = append(items, item)
		if !item.OK {
			missing = append(missing, l.actions...)
		}
	}
	slices.Sort(missing)
	return items, slices.Compact(missing)
}

func (s *session) probeOne(ctx context.Context, l list, account, region string) error {
	if l.global {
		region = globalRegion
	}
	cfg, err := s.config(ctx, account, region)
	if err != nil {
		return classify(err)
	}
	p := &probe{}
	scope := resource.Scope{Kind: l.kind, Partition: resource.Partition{{Key: labelAccount, Value: account}, {Key: labelRegion, Value: region}}}
	r := &reader{session: s, list: l, scope: scope, out: p, cfg: cfg, account: account, region: region}
	err = l.read(ctx, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.refused != nil:
		return p.refused
	case p.enough || errors.Is(err, errEnough):
		return nil
	}
	return err
}

// errEnough ends a list that was only tried.
var errEnough = errors.New("enough was read")

// probe is the emitter of a list that is only tried: it takes one thing and remembers a refusal. What is
// throttled is not asked again: somebody waits.
type probe struct {
	mu      sync.Mutex
	enough  bool
	refused error
	calls   int
}

// probeCalls is how many requests one list may make when it is only tried.
const probeCalls = 12

func (p *probe) Emit(context.Context, resource.Envelope) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enough = true
	return errEnough
}
func (p *probe) Page()               {}
func (p *probe) Warn(string, ...any) {}
func (p *probe) Call(ctx context.Context, _ string, fn func(context.Context) error) error {
	p.mu.Lock()
	p.calls++
	over := p.calls > probeCalls
	p.mu.Unlock()
	if over {
		return errEnough
	}
	err := fn(ctx)
	if provider.StatusOf(err) == resource.StatusDenied {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.refused == nil {
			p.refused = err
		}
	}
	return err
}

var _ provider.Emitter = (*probe)(nil)
