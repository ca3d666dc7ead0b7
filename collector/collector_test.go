package collector_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/collector"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/internal/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func config(dir string) collector.Config {
	cfg := collector.DefaultConfig()
	cfg.DataDir, cfg.Listen, cfg.AgentListen = dir, "127.0.0.1:0", "127.0.0.1:0"
	cfg.ReadyFile = filepath.Join(dir, "ready.json")
	return cfg
}

// start runs a collector; stop ends it and waits.
func start(t *testing.T, cfg collector.Config, log io.Writer) (c *collector.Collector, stop func()) {
	t.Helper()
	must(t, cfg.Validate())
	c, err := collector.New(t.Context(), cfg, collector.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		must(t, <-ended)
		must(t, c.Close())
	}
	t.Cleanup(stop)
	return c, stop
}

type client struct {
	t    *testing.T
	http *http.Client
	url  string
}

func newClient(t *testing.T, url string) *client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{t: t, url: url, http: &http.Client{Transport: tr, Timeout: 10 * time.Second}}
}

func (c *client) do(method, path, body string, header ...string) (status int, answer []byte, h http.Header) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	must(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	must(c.t, err)
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	must(c.t, err)
	return res.StatusCode, answer, res.Header
}

func readJSON(t *testing.T, path string) map[string]string {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %s", path, info.Mode())
	}
	b, err := os.ReadFile(path)
	must(t, err)
	out := map[string]string{}
	must(t, json.Unmarshal(b, &out))
	return out
}

// token signs in with the first administrator's password and makes an API token.
func (c *client) token(dir string) string {
	c.t.Helper()
	admin := readJSON(c.t, filepath.Join(dir, "initial-admin.json"))
	status, answer, h := c.do("POST", "/api/v1/session", fmt.Sprintf(`{"username":%q,"password":%q}`, admin["username"], admin["password"]))
	if status != http.StatusOK {
		c.t.Fatalf("sign in: %d: %s", status, answer)
	}
	cookie, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	status, answer, _ = c.do("POST", "/api/v1/tokens", `{"name":"test","role":"admin"}`, "Cookie", cookie, "X-Maestro-CSRF", "1")
	if status != http.StatusCreated {
		c.t.Fatalf("make token: %d: %s", status, answer)
	}
	var token rest.Token
	must(c.t, json.Unmarshal(answer, &token))
	return token.Secret
}

// A fresh folder becomes a working collector, and a second start finds everything again; on every engine that is at hand
// (named as for the store's own tests).
func TestCollector(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testCollector(t, config(t.TempDir())) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) {
			cfg := config(t.TempDir())
			cfg.Store = collector.StoreConfig{Engine: "mongo", URI: collector.URI(server.URI), Database: "collector_" + strings.ToLower(rand.Text()[:10])}
			testCollector(t, cfg)
		})
	}
}

func testCollector(t *testing.T, cfg collector.Config) {
	dir, log := cfg.DataDir, &bytes.Buffer{}
	c, stop := start(t, cfg, log)
	api := newClient(t, c.URL())
	var ready map[string]string
	for range 200 {
		if _, err := os.Stat(filepath.Join(dir, "ready.json")); err == nil {
			ready = readJSON(t, filepath.Join(dir, "ready.json"))
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if ready["url"] != c.URL() || ready["agent_address"] != c.AgentAddress() {
		t.Errorf("ready file %v", ready)
	}
	token := api.token(dir)
	bearer := []string{"Authorization", "Bearer " + token}
	for _, ask := range []struct {
		path   string
		header []string
		status int
		text   string
	}{
		{"/healthz", nil, 200, "ok"}, {"/readyz", nil, 200, "ready"}, {"/", nil, 200, "<html"}, {"/inventory/server", []string{"Accept", "text/html"}, 200, "<html"},
		{"/metrics", nil, 401, "token"}, {"/metrics", bearer, 200, "maestro_ingest_sessions"}, {"/api/v1/agents", nil, 401, ""},
		{"/api/v1/agents", bearer, 200, `"items":[]`}, {"/api/v1/nothing", bearer, 404, ""},
	} {
		status, answer, _ := api.do("GET", ask.path, "", ask.header...)
		if status != ask.status || !strings.Contains(string(answer), ask.text) {
			t.Errorf("%s: %d: %.200s", ask.path, status, answer)
		}
	}
	status, answer, _ := api.do("POST", "/api/v1/join-tokens", `{"name":"fra"}`, bearer...)
	var join rest.JoinToken
	must(t, json.Unmarshal(answer, &join))
	if status != 201 || !strings.HasPrefix(join.Token, "mjt_") || !strings.Contains(join.Command, c.AgentAddress()) {
		t.Errorf("join token: %d: %s", status, answer)
	}
	before := readJSON(t, filepath.Join(dir, "initial-admin.json"))
	stop()
	for _, secret := range []string{before["password"], token, join.Token} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("a secret is in the log")
		}
	}

	c, _ = start(t, cfg, io.Discard)
	again := newClient(t, c.URL())
	if status, answer, _ := again.do("GET", "/api/v1/join-tokens", "", bearer...); status != 200 || !strings.Contains(string(answer), join.ID) {
		t.Errorf("after the second start: %d: %s", status, answer)
	}
	if now := readJSON(t, filepath.Join(dir, "initial-admin.json")); now["password"] != before["password"] {
		t.Error("the second start made another administrator")
	}
}

// What stops the start is one clear line.
func TestProblemsAtTheStart(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	used := config(dir)
	used.Listen = l.Addr().String()
	agents := config(dir)
	agents.AgentListen = l.Addr().String()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	folder := config(filepath.Join(file, "below"))
	for want, cfg := range map[string]collector.Config{
		"listen on " + used.Listen + ": bind: address already in use":  used,
		"listen on " + used.Listen + ": bind: address already in use ": agents,
		"open data folder: mkdir " + file + ": not a directory":        folder,
	} {
		_, err := collector.New(t.Context(), cfg, collector.Options{})
		if err == nil || err.Error() != strings.TrimSpace(want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// Another key file than the one that the store was made with.
	_, stop := start(t, config(dir), io.Discard)
	stop()
	must(t, os.Remove(filepath.Join(dir, "master.key")))
	if _, err := collector.New(t.Context(), config(dir), collector.Options{}); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("with another key: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*collector.Config){
		"":                     func(*collector.Config) {},
		"set tls.cert":         func(c *collector.Config) { c.Listen = "0.0.0.0:7070" },
		"listen":               func(c *collector.Config) { c.Listen = "somewhere" },
		"agent_listen":         func(c *collector.Config) { c.AgentListen = "somewhere" },
		"data_dir":             func(c *collector.Config) { c.DataDir = "" },
		"store.engine":         func(c *collector.Config) { c.Store.Engine = "oracle" },
		"store.uri":            func(c *collector.Config) { c.Store.Engine = "mongo" },
		"both cert and key":    func(c *collector.Config) { c.TLS.Cert = "a.pem" },
		"certificate_life":     func(c *collector.Config) { c.CertificateLife = time.Second },
		"hold_percent":         func(c *collector.Config) { c.Removals.HoldPercent = 200 },
		"unread_after":         func(c *collector.Config) { c.Retention.UnreadAfter = 0 },
		"past":                 func(c *collector.Config) { c.Past.Work = 0 },
		"silent_after":         func(c *collector.Config) { c.Identity.SilentAfter = -1 },
		"identity.junk":        func(c *collector.Config) { c.Identity.Junk = []string{"0123"} },
		"shutdown_after":       func(c *collector.Config) { c.ShutdownAfter = 0 },
		"log.level":            func(c *collector.Config) { c.Log.Level = "loud" },
		"log.format":           func(c *collector.Config) { c.Log.Format = "xml" },
		"agent_advertise: \"a": func(c *collector.Config) { c.AgentAdvertise = []string{"a b"} },
	} {
		cfg := collector.DefaultConfig()
		change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	cfg := collector.DefaultConfig()
	cfg.Store.URI = "mongodb://anna:planted@db"
	b, err := json.Marshal(cfg)
	must(t, err)
	for _, text := range []string{fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), string(b)} {
		if strings.Contains(text, "planted") {
			t.Errorf("the store's password prints: %s", text)
		}
	}
}

// With a certificate the web UI and the API speak TLS.
func TestPeopleMayComeOverTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	cfg := config(dir)
	cfg.TLS = collector.TLSConfig{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	must(t, os.WriteFile(cfg.TLS.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(cfg.TLS.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	c, _ := start(t, cfg, io.Discard)
	if !strings.HasPrefix(c.URL(), "https://") {
		t.Errorf("url %s", c.URL())
	}
	if status, answer, _ := newClient(t, c.URL()).do("GET", "/healthz", ""); status != 200 {
		t.Errorf("%d: %s", status, answer)
	}
}
