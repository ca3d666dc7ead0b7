// Package collector wires the collector: the store, the domain on it, and the two planes above, machines and people.
// It is the only package that knows a store engine by name. End-to-end tests and the binary use the same wiring.
package collector

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/api"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/feed"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/ingest"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/notify"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/reference"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/transfer"
	"maestro.internal/collector/internal/upgrade"
	"maestro.internal/collector/internal/view"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/collector/internal/why"
	"maestro.internal/internal/build"
	"maestro.internal/sdk/schema"
)

// Options are what developers and tests set beside the configuration.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Poll is how often sessions look for news; Sweep how often the sweeper runs (1 minute).
	Poll, Sweep time.Duration
}

// Collector is one collector.
type Collector struct {
	cfg Config
	opt Options
	log *slog.Logger

	store     store.Store
	metrics   *prometheus.Registry
	leases    *lease.Leases
	authority *authority.Authority
	key       authority.Key
	audit     *audit.Log
	inventory *inventory.Service
	ledger    *ledger.Ledger
	fleet     *fleet.Service
	access    *access.Service
	ingest    *ingest.Server
	transfer  *transfer.Service
	notify    *notify.Service
	pictures  *picture.Service
	approvals *approval.Service
	accounts  *account.Service
	server    *api.Server
	// contents keep what people uploaded.
	contents blob.Store
	// closeUploads releases where uploads are kept.
	closeUploads func() error
	handler      http.Handler
	// endStreams ends the live streams of people.
	endStreams func()
	feeds      []*feed.Feed

	people, machines net.Listener
	// certificateEnds is that of the human plane; it is set before anything runs.
	certificateEnds time.Time
}

// tables of all parts.
func tables() []store.Table {
	return slices.Concat(access.Tables(), approval.Tables(), archive.Tables(), audit.Tables(), authority.Tables(), feed.Tables(), fleet.Tables(), inventory.Tables(), lease.Tables(),
		ledger.Tables(), notify.Tables(), picture.Tables(), blob.Tables(), transfer.Tables(), view.Tables(),
		upgrade.Tables())
}

// New opens the store and both ports and serves nothing yet. Whoever makes a Collector closes it.
func New(ctx context.Context, cfg Config, opt Options) (*Collector, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Sweep <= 0 {
		opt.Sweep = time.Minute
	}
	c := &Collector{cfg: cfg, opt: opt, log: opt.Log, metrics: prometheus.NewRegistry()}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Collector) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(c.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	// The ports first: a second collector on the same folder ends here, before it touches anything.
	if c.people, err = listen(c.cfg.Listen); err != nil {
		return err
	}
	if c.machines, err = listen(c.cfg.AgentListen); err != nil {
		return err
	}
	meanwhile, err := beginOpening(c.people, c.secured, c.part("http"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, meanwhile.end()) }()
	return c.openParts(ctx)
}

func (c *Collector) openParts(ctx context.Context) (err error) {
	if c.store, err = openStore(ctx, c.cfg.place(), c.part("store")); err != nil {
		return err
	}
	if err := c.prepareStore(ctx); err != nil {
		return err
	}
	key, err := authority.LoadKey(c.cfg.keyFile(), true)
	if err != nil {
		return err
	}
	if c.authority, err = authority.Open(ctx, c.store, key, c.opt.Now); err != nil {
		return err
	}
	c.key = key
	if c.contents, c.closeUploads, err = c.cfg.contents(c.store); err != nil {
		return err
	}
	if err := c.domain(ctx, key); err != nil {
		return err
	}
	if c.ingest, err = ingest.New(ingest.Options{Authority: c.authority, Fleet: c.fleet, Inventory: c.inventory, Audit: c.audit, Leases: c.leases,
		Clock: c.opt.Now, Log: c.part("ingest"), Metrics: c.metrics, Version: build.Version(), Names: c.cfg.agentNames(),
		AgentLife: c.cfg.CertificateLife, Poll: c.opt.Poll, StopWithin: c.cfg.ShutdownAfter}); err != nil {
		return err
	}
	c.pictures = picture.New(picture.Options{Store: c.store, Contents: c.contents, Audit: c.audit, Clock: c.opt.Now, Log: c.part("pictures")})
	signIn, err := c.cfg.oidc(c.key, c.opt.Now, c.part("sign-in"))
	if err != nil {
		return err
	}
	server, err := api.New(api.Options{SignIn: signIn, BehindTLS: strings.HasPrefix(c.cfg.PublicURL, "https://"), Pictures: c.pictures, Approvals: c.approvals, Accounts: c.accounts, Access: c.access, Audit: c.audit, Inventory: c.inventory, Fleet: c.fleet, Transfer: c.transfer, Notify: c.notify, Views: view.New(c.store, c.audit, c.opt.Now, c.part("views")), Ledger: c.ledger, Clock: c.opt.Now,
		Why: why.New(why.Options{Inventory: c.inventory, Fleet: c.fleet, Clock: c.opt.Now}),
		Log: c.part("api"), Metrics: c.metrics, Version: build.Version(), Engine: c.store.Engine(), Demo: c.cfg.Demo, PublicURL: c.cfg.PublicURL, CertificateEnds: func() time.Time { return c.certificateEnds }})
	if err != nil {
		return err
	}
	c.server, c.endStreams = server, server.EndStreams
	if c.handler, err = c.site(server); err != nil {
		return err
	}
	if err := c.auditRetention(ctx); err != nil {
		return err
	}
	targets, err := c.cfg.AuditFeed.targets(c.opt.Now)
	if err != nil {
		return err
	}
	for _, target := range targets {
		c.feeds = append(c.feeds, feed.New(feed.Options{Store: c.store, Audit: c.audit, Leases: c.leases, Target: target, Clock: c.opt.Now, Log: c.part("feed")}))
	}
	return c.bootstrap(ctx)
}

func (c *Collector) part(name string) *slog.Logger { return c.log.With("part", name) }

// listen makes of a port in use one clear line.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func (c *Collector) domain(ctx context.Context, key authority.Key) error {
	c.audit = audit.New(c.store, c.opt.Now)
	known, err := reference.Load(cmp.Or(c.cfg.ReferenceDir, filepath.Join(c.cfg.DataDir, "reference")))
	if err != nil {
		return err
	}
	approvals := func() *approval.Service { return c.approvals }
	c.inventory = inventory.New(inventory.Options{Gate: approval.MergeGate{Approvals: approvals}, Store: c.store, Reference: known, Audit: c.audit, Builtin: schema.Builtin(), Junk: c.cfg.Identity.Junk, SilentAfter: c.cfg.Identity.SilentAfter, AutoApprove: c.cfg.AutoApprove,
		Clock: c.opt.Now, Log: c.part("inventory"), HoldItems: c.cfg.Removals.HoldItems, HoldPercent: c.cfg.Removals.HoldPercent,
		ChangesHeld: c.cfg.Past.ChangesHeld, PastWork: c.cfg.Past.Work, UnreadAfter: c.cfg.Retention.UnreadAfter, Retention: c.cfg.Retention.Gone, HistoryKey: key.Derive("history"),
		Horizon: func(ctx context.Context, tenant string) (time.Time, error) {
			return c.ledger.Horizon(ctx, tenant, inventory.StreamName)
		},
		Accounts: func(ctx context.Context, tenant string) ([]inventory.Account, error) {
			return c.fleet.Accounts(ctx, tenant)
		}})
	if c.ledger, err = newLedger(c.store, key, c.inventory, c.audit, c.opt.Now, c.part("ledger")); err != nil {
		return err
	}
	if err := c.inventory.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare inventory: %w", err)
	}
	c.fleet = fleet.New(fleet.Options{HoldEnrolment: approval.HoldsEnrolment(approvals), Store: c.store, Inventory: c.inventory, Audit: c.audit, Contents: c.contents, Fingerprint: c.authority.Fingerprint(),
		AgentAddress: c.AgentAddress, Closed: c.closed, Clock: c.opt.Now, Log: c.part("fleet")})
	c.transfer = transfer.New(transfer.Options{Gate: approval.Gate{Approvals: approvals}, Store: c.store, Audit: c.audit, Inventory: c.inventory, Datacenters: c.fleet.Datacenters, CreateDatacenter: c.fleet.CreateDatacenter, Clock: c.opt.Now,
		Log: c.part("transfer")})
	letters, err := c.cfg.SMTP.sender(c.opt.Now, func(ctx context.Context, tenant string) (mail.Voice, error) { return c.access.Voice(ctx, tenant) })
	if err != nil {
		return err
	}
	dir, directed, err := c.cfg.directory(c.part("directory"))
	if err != nil {
		return err
	}
	c.access = access.New(access.Options{Store: c.store, Audit: c.audit, Clock: c.opt.Now, Log: c.part("access"), SecretKey: key.Derive("second factor"),
		RequireSecondFactor: c.cfg.SignIn.RequireSecondFactor, Mail: letters, PublicURL: c.cfg.PublicURL,
		Directory: dir, Directed: directed, BreakGlass: c.cfg.SignIn.breakGlass()})
	c.notify = notify.New(notify.Options{Store: c.store, History: c.inventory, Audit: c.audit, Leases: c.leases, Mail: letters, PublicURL: c.cfg.PublicURL,
		Webhooks: webhook.New(webhook.Options{Clock: c.opt.Now, Allow: webhook.Public(c.cfg.Notifications.networks())}), Key: key.Derive("webhooks"), Clock: c.opt.Now,
		Log: c.part("notify"), Lag: c.cfg.Notifications.Lag, Keep: c.cfg.Notifications.Keep})
	c.approvals = newApprovals(c)
	c.accounts = account.New(account.Options{Fleet: c.fleet, Access: c.access, Inventory: c.inventory, Audit: c.audit})
	c.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), c.storeSize())
	return nil
}

// closed says to agents why their tenant lets nobody in.
func (c *Collector) closed(ctx context.Context, tenant string) error {
	err := c.access.Closed(ctx, tenant)
	var disabled *access.DisabledError
	if errors.As(err, &disabled) {
		return &fleet.ClosedError{Why: disabled.Error()}
	}
	return err
}

func (c *Collector) storeSize() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "maestro_store_size_bytes", Help: "Size of the store on disk, as far as known."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n, err := c.store.Size(ctx)
		if err != nil {
			return 0
		}
		return float64(n)
	})
}

// bootstrap writes the usual rules of a new tenant and makes its first administrator. The password is left in a file that only the collector's user can read.
func (c *Collector) bootstrap(ctx context.Context) error {
	if err := c.access.EnsureTenant(ctx, access.HomeTenant, "Default"); err != nil {
		return fmt.Errorf("write the first tenant: %w", err)
	}
	tenants, err := c.access.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants { // also of those whose making was cut short
		if err := c.inventory.SeedMapping(ctx, t.ID); err != nil {
			return fmt.Errorf("write the usual mapping rules: %w", err)
		}
	}
	if err := c.inventory.FollowReference(ctx); err != nil {
		return err
	}
	const username = "admin"
	password, created, err := c.access.Bootstrap(ctx, access.HomeTenant, username)
	if err != nil {
		return fmt.Errorf("make first administrator: %w", err)
	}
	if !created {
		return nil
	}
	path := filepath.Join(c.cfg.DataDir, "initial-admin.json")
	if err := writePrivate(path, map[string]string{"username": username, "password": password.Reveal()}); err != nil {
		return err
	}
	c.log.Info("first administrator made; change the password and remove the file", "username", username, "file", path)
	return nil
}

// writePrivate writes a JSON document that its owner alone can read, all of it or nothing.
func writePrivate(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// URL is where people find the collector.
func (c *Collector) URL() string {
	scheme := "http"
	if c.cfg.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + reachable(c.people.Addr())
}

// AgentAddress is where agents find it: the first advertised name, with the port if none is given.
func (c *Collector) AgentAddress() string {
	at := reachable(c.machines.Addr())
	if len(c.cfg.AgentAdvertise) == 0 {
		return at
	}
	name := c.cfg.AgentAdvertise[0]
	if _, _, err := net.SplitHostPort(name); err == nil {
		return name
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		return name
	}
	return net.JoinHostPort(name, port)
}

// reachable is an address with a host that can be dialled.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}

// Run serves until ctx is done or a part fails.
func (c *Collector) Run(ctx context.Context) error {
	people, err := c.secured(c.people)
	if err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return c.serve(ctx, people) })
	parts.Go(func() error { return c.ingest.Serve(ctx, c.machines) })
	parts.Go(func() error { c.sweep(ctx); return nil })
	parts.Go(func() error { c.access.Run(ctx); return nil })
	parts.Go(func() error { c.notify.Run(ctx, c.server); return nil })
	for _, f := range c.feeds {
		parts.Go(func() error { return f.Run(ctx) })
	}
	if err := c.ready(); err != nil {
		parts.Go(func() error { return err })
	}
	c.log.Info("collector works", "version", build.Version(), "url", c.URL(), "agent_address", c.AgentAddress(), "store", c.store.Engine(), "data_dir", c.cfg.DataDir)
	err = parts.Wait()
	c.log.Info("collector ended")
	return err
}

func (c *Collector) ready() error {
	if c.cfg.ReadyFile == "" {
		return nil
	}
	return writePrivate(c.cfg.ReadyFile, map[string]string{"url": c.URL(), "agent_address": c.AgentAddress()})
}

func (c *Collector) secured(l net.Listener) (net.Listener, error) {
	if c.cfg.TLS.Cert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cfg.TLS.Cert, c.cfg.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("load tls certificate: %w", err)
	}
	c.certificateEnds = pair.Leaf.NotAfter
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// Close releases what New opened. Run has returned before.
func (c *Collector) Close() error {
	var errs []error
	for _, l := range []net.Listener{c.people, c.machines} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close port: %w", err))
		}
	}
	if c.transfer != nil {
		c.transfer.Close()
	}
	if c.closeUploads != nil {
		if err := c.closeUploads(); err != nil {
			errs = append(errs, fmt.Errorf("close uploads: %w", err))
		}
	}
	if c.store != nil {
		if err := c.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close store: %w", err))
		}
	}
	return errors.Join(errs...)
}
