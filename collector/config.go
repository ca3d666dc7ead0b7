package collector

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/feed"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/sdk/schema"
)

// EnvPrefix begins the environment variables of the collector's configuration.
const EnvPrefix = "MAESTRO_COLLECTOR"

// Config is the collector's configuration as its administrator writes it.
type Config struct {
	DataDir string `yaml:"data_dir" help:"Folder of the database, the key file and the first administrator's password."`
	Listen  string `yaml:"listen" help:"Address of the web UI and the REST API."`
	// AgentListen is the machine plane.
	AgentListen    string    `yaml:"agent_listen" help:"Address that agents connect to."`
	AgentAdvertise []string  `yaml:"agent_advertise" help:"Host names and addresses that agents reach the collector by, beside this machine's own; the first one is shown to people."`
	TLS            TLSConfig `yaml:"tls"`

	KeyFile string      `yaml:"key_file" help:"File of the master key, the same for every collector of an installation; master.key in data_dir when empty."`
	Store   StoreConfig `yaml:"store"`

	// ReferenceDir overrides the files that ship.
	ReferenceDir string `yaml:"reference_dir" help:"Folder with end-of-support.yaml and prices.yaml to use instead of those that ship; reference in data_dir when empty."`

	CertificateLife time.Duration `yaml:"certificate_life" help:"How long an agent's certificate is valid."`
	AutoApprove     bool          `yaml:"auto_approve_kinds" help:"Take the kinds that new plugins declare without asking; for development."`
	Demo            bool          `yaml:"demo" help:"Say in the web UI that the data is simulated."`

	PublicURL string       `yaml:"public_url" help:"Address of the web UI as people reach it, for links in letters: https://maestro.example.org."`
	SignIn    SignInConfig `yaml:"sign_in"`
	SMTP      SMTPConfig   `yaml:"smtp"`

	Uploads UploadsConfig `yaml:"uploads"`

	Identity      IdentityConfig      `yaml:"identity"`
	Removals      RemovalsConfig      `yaml:"removals"`
	Retention     RetentionConfig     `yaml:"retention"`
	Past          PastConfig          `yaml:"past"`
	AuditFeed     AuditFeedConfig     `yaml:"audit_feed"`
	Notifications NotificationsConfig `yaml:"notifications"`

	ReadyFile     string        `yaml:"ready_file" help:"File that is written when both ports listen: JSON with url and agent_address."`
	ShutdownAfter time.Duration `yaml:"shutdown_after" help:"How long what is under way may take to end."`
	Log           LogConfig     `yaml:"log"`
}

// TLSConfig is the human plane's certificate.
type TLSConfig struct {
	Cert string `yaml:"cert" help:"Certificate of the web UI and the REST API (PEM, with its chain)."`
	Key  string `yaml:"key" help:"Private key of that certificate (PEM)."`
}

// StoreConfig says where rows are kept.
type StoreConfig struct {
	Engine   string `yaml:"engine" help:"sqlite, in data_dir, or mongo."`
	URI      URI    `yaml:"uri" flag:"-"`
	Database string `yaml:"database" help:"Name of the MongoDB database."`
}

// URI may hold a password, so it does not print.
type URI string

// String hides it.
func (URI) String() string { return "[secret]" }

// GoString hides it.
func (URI) GoString() string { return "[secret]" }

// MarshalText hides it.
func (URI) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// UnmarshalText reads it.
func (u *URI) UnmarshalText(b []byte) error {
	*u = URI(b)
	return nil
}

// IdentityConfig says what joins observations to resources.
type IdentityConfig struct {
	Junk []string `yaml:"junk" help:"Identifiers, as type=value, that many things have and that join nothing, beside those that Maestro knows."`
	// SilentAfter is the staleness rule.
	SilentAfter time.Duration `yaml:"silent_after" help:"A preferred source that was not completely read for so long gives way to the others that see the same resource; 0 is never."`
}

// RemovalsConfig says when removals are held for a person: when they are more than both.
type RemovalsConfig struct {
	HoldItems   int `yaml:"hold_items" help:"Removals of one scope up to this many are never held."`
	HoldPercent int `yaml:"hold_percent" help:"Removals up to this share of a scope are never held."`
}

// RetentionConfig says how long things are kept and believed.
type RetentionConfig struct {
	Gone        time.Duration `yaml:"gone" help:"Forget resources that have been gone for so long; 0 is never."`
	Changes     time.Duration `yaml:"changes" help:"Forget changes, and with them what was before, after so long; 0 is never. The newest revision of everything stays."`
	Audit       time.Duration `yaml:"audit" help:"Forget audit entries after so long; 0 is never."`
	Runs        time.Duration `yaml:"runs" help:"Forget runs after so long; 0 is never. The newest run of every connection stays."`
	Approvals   time.Duration `yaml:"approvals" help:"Forget approvals that ended so long ago; 0 is never. The audit trail keeps who decided."`
	UnreadAfter time.Duration `yaml:"unread_after" help:"What was not completely read for so long becomes unwatched."`
}

// PastConfig says how much one question about a past moment costs at most.
type PastConfig struct {
	ChangesHeld int `yaml:"changes_held" help:"So many changes of resources are held to answer of a past moment; where more lie before and after it, what is stored is gone through."`
	Work        int `yaml:"work" help:"So much is gone through for one answer about such a moment, which then says what was found so far; a hundred thousand and more are done in a second."`
}

// AuditFeedConfig says where audit entries are passed on to. What is empty is off.
type AuditFeedConfig struct {
	Syslog        string `yaml:"syslog" help:"Pass audit entries on to syslog (RFC 5424): udp://, tcp:// or tls://host:port."`
	SyslogCA      string `yaml:"syslog_ca" help:"Certificates to trust for tls:// instead of the system's (PEM)."`
	Webhook       URI    `yaml:"webhook" flag:"-"`
	WebhookSecret string `yaml:"webhook_secret_file" help:"File of the secret that signs what the webhook gets."`
}

// LogConfig says what is logged to stderr.
type LogConfig struct {
	Level  string `yaml:"level" help:"debug, info, warn or error."`
	Format string `yaml:"format" help:"text or json."`
}

// DefaultConfig is what holds without any configuration.
func DefaultConfig() Config {
	return Config{
		DataDir: defaultDataDir(), Listen: "127.0.0.1:7070", AgentListen: "127.0.0.1:7071",
		Store: StoreConfig{Engine: "sqlite", Database: "maestro"}, CertificateLife: 24 * time.Hour,
		Removals: RemovalsConfig{HoldItems: 20, HoldPercent: 20}, Identity: IdentityConfig{SilentAfter: 7 * 24 * time.Hour}, Retention: RetentionConfig{UnreadAfter: 30 * 24 * time.Hour, Runs: 90 * 24 * time.Hour},
		Past:          PastConfig{ChangesHeld: 200_000, Work: 2_000_000},
		Notifications: NotificationsConfig{Lag: time.Minute, Keep: 90 * 24 * time.Hour},
		SignIn:        defaultSignIn(),
		Uploads:       UploadsConfig{Store: "database", S3: S3Config{Region: "us-east-1"}},
		SMTP:          SMTPConfig{Port: 587, TLS: mail.StartTLS}, ShutdownAfter: 10 * time.Second, Log: LogConfig{Level: "info", Format: "text"},
	}
}

func defaultDataDir() string {
	if runtime.GOOS != "windows" && os.Getuid() == 0 {
		return "/var/lib/maestro-collector"
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "maestro-collector"
	}
	return filepath.Join(dir, "maestro-collector")
}

// Validate says what is wrong.
func (c *Config) Validate() error {
	switch {
	case c.DataDir == "":
		return errors.New("data_dir is empty")
	case c.Store.Engine != "sqlite" && c.Store.Engine != "mongo":
		return fmt.Errorf("store.engine: %q is neither sqlite nor mongo", c.Store.Engine)
	case c.Store.Engine == "mongo" && c.Store.URI == "":
		return errors.New("store.uri: mongo wants a connection string")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls: want both cert and key")
	case c.CertificateLife < time.Minute:
		return errors.New("certificate_life: want at least a minute")
	case c.Removals.HoldItems < 1 || c.Removals.HoldPercent < 1 || c.Removals.HoldPercent > 100:
		return errors.New("removals: want hold_items of at least 1 and hold_percent of 1 to 100")
	case c.Retention.Gone < 0 || c.Retention.UnreadAfter <= 0:
		return errors.New("retention: want gone of 0 or more, and unread_after of more than 0")
	case slices.ContainsFunc(c.Identity.Junk, func(pair string) bool { return !identifierPair(pair) }):
		return errors.New("identity.junk: want type=value, for example serial=ABC123")
	case tooShort(c.Retention.Changes), tooShort(c.Retention.Audit), tooShort(c.Retention.Runs), tooShort(c.Retention.Approvals):
		return errors.New("retention: want changes, audit, runs and approvals of 0, or at least 24h")
	case c.Identity.SilentAfter < 0:
		return errors.New("identity.silent_after: want 0 or more")
	case c.Past.ChangesHeld < 1 || c.Past.Work < 1:
		return errors.New("past: want changes_held and work of at least 1")
	case c.ShutdownAfter <= 0:
		return errors.New("shutdown_after: want more than 0")
	case c.Log.Format != "text" && c.Log.Format != "json":
		return fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format)
	}
	if _, err := c.Log.level(); err != nil {
		return err
	}
	if err := c.Notifications.check(); err != nil {
		return err
	}
	if err := c.SignIn.check(c.PublicURL); err != nil {
		return err
	}
	if err := c.Uploads.check(); err != nil {
		return err
	}
	if err := c.checkPublicURL(); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(c.AgentListen); err != nil {
		return fmt.Errorf("agent_listen: %q is not host:port", c.AgentListen)
	}
	for _, name := range c.AgentAdvertise {
		if strings.ContainsAny(name, " /") || name == "" {
			return fmt.Errorf("agent_advertise: %q is no host name or address", name)
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not host:port", c.Listen)
	}
	// Passwords and tokens travel here: without TLS they do so only inside this machine.
	if c.TLS.Cert == "" && !loopback(host) {
		return fmt.Errorf("listen: %s can be reached from other machines, so set tls.cert and tls.key, or listen on 127.0.0.1 behind a proxy that has them", c.Listen)
	}
	return nil
}

func identifierPair(pair string) bool {
	typ, value, _ := strings.Cut(pair, "=")
	_, ok := schema.NormalizeIdentifier(typ, value)
	return ok
}

// targets are where audit entries go.
func (c AuditFeedConfig) targets(clock func() time.Time) ([]feed.Target, error) {
	var targets []feed.Target
	if c.Syslog != "" {
		host, err := os.Hostname()
		if err != nil {
			host = ""
		}
		t, err := feed.NewSyslog(feed.SyslogConfig{URL: c.Syslog, CA: c.SyslogCA, Host: host})
		if err != nil {
			return nil, fmt.Errorf("audit_feed.syslog: %w", err)
		}
		targets = append(targets, t)
	}
	if c.Webhook != "" {
		secret, err := os.ReadFile(c.WebhookSecret)
		if err != nil {
			return nil, fmt.Errorf("audit_feed.webhook_secret_file: %w", err)
		}
		t, err := feed.NewWebhook(string(c.Webhook), webhook.Secret(strings.TrimSpace(string(secret))), clock)
		if err != nil {
			return nil, fmt.Errorf("audit_feed.webhook: %w", err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// tooShort finds a retention that is a slip of the pen: what it purges does not come back.
func tooShort(d time.Duration) bool { return d != 0 && d < 24*time.Hour }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *Config) keyFile() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Join(c.DataDir, "master.key")
}

// agentNames are what the certificate for agents is made out to.
func (c *Config) agentNames() []string {
	names := append(slices.Clone(c.AgentAdvertise), "localhost", "127.0.0.1", "::1")
	for i, name := range names {
		if host, _, err := net.SplitHostPort(name); err == nil {
			names[i] = host
		}
	}
	if host, _, err := net.SplitHostPort(c.AgentListen); err == nil && host != "" {
		names = append(names, host)
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return 0, fmt.Errorf("log.level: %q is none of debug, info, warn, error", c.Level)
	}
	return level, nil
}

// Logger makes the logger that a configuration asks for.
func (c LogConfig) Logger(w io.Writer) (*slog.Logger, error) {
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return slog.New(slog.NewTextHandler(w, opt)), nil
}
