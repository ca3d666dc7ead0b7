package collector_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector"
)

// What people do arrives at a site's syslog, what was done before it was configured included.
func TestAuditFeed(t *testing.T) {
	cfg := config(t.TempDir())
	c, stop := start(t, cfg, io.Discard)
	newClient(t, c.URL()).token(cfg.DataDir) // signs in
	stop()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer pc.Close()
	cfg.AuditFeed.Syslog = "udp://" + pc.LocalAddr().String()
	start(t, cfg, io.Discard)
	must(t, pc.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 64<<10)
	for {
		n, _, err := pc.ReadFrom(b)
		if err != nil {
			t.Fatalf("no sign-in came: %v", err)
		}
		if strings.Contains(string(b[:n]), ` actor="user:admin" outcome="ok"`) {
			return
		}
	}
}

func TestAuditFeedMistakes(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("short"), 0o600))
	for want, feed := range map[string]collector.AuditFeedConfig{
		"audit_feed.syslog":              {Syslog: "example.org"},
		"audit_feed.webhook_secret_file": {Webhook: "https://example.org/"},
		"audit_feed.webhook: the secret": {Webhook: "https://example.org/", WebhookSecret: secret},
	} {
		cfg := config(t.TempDir())
		cfg.AuditFeed = feed
		if c, err := collector.New(t.Context(), cfg, collector.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
			if c != nil {
				must(t, c.Close())
			}
		}
	}
}
