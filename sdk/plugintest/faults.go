package plugintest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// Faults are the troubles of which a plugin for a cloud must show how it meets them, as people call them.
func Faults() []string {
	return []string{
		"expired credentials", "wrong credentials", "half-permitted credentials", "one region denied", "throttled for a minute",
		"a page failing three times", "connection cut in a page", "TLS certificate wrong", "clock skew", "HTML instead of the API",
		"unicode and empty names", "100,000 items", "one of fifty denied", "listing itself denied",
	}
}

// Fault is one trouble and what becomes of it.
type Fault struct {
	// Name is one of Faults. A fault may come in several cases.
	Name, Case string
	// Start puts what is broken on the network, and answers the settings that lead there.
	Start func(t *testing.T, n *Network) json.RawMessage
	// Kinds to read.
	Kinds []string
	// Plan is how planning ends; the zero value means with a complete plan.
	Plan Expect
	// Scopes are the outcomes, by the scope's key; "*" is every scope that has no line of its own.
	Scopes map[string]Expect
	// Names are those of the resources that must be there, each with its kind: "volume größe".
	Names []string
	// Between is how long reading takes in the bubble's time, where that matters.
	Between [2]time.Duration
	// Memory bounds what is in use while reading, where that matters; resources are not kept then.
	Memory uint64
}

// Expect is an outcome, or the part of it that matters.
type Expect struct {
	Status resource.Status
	// Error, Advice and Warning are parts of the texts.
	Error, Advice, Warning string
	Listed                 int
	// Retries is the least number of repetitions.
	Retries int
}

// RunFaults runs every fault in a bubble of its own, where waiting takes no time, against a fresh in-memory network. It
// wants a case of each of Faults, and a row for each in the provider's page of the documentation.
func RunFaults(t *testing.T, docs string, newProvider func() provider.Provider, faults []Fault) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Faults() {
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Name == name }) {
			t.Errorf("there is no case of %q", name)
		}
		if !strings.Contains(string(text), "\n| "+name+" | ") {
			t.Errorf("%s has no row for %q", docs, name)
		}
	}
	for _, f := range faults {
		if !slices.Contains(Faults(), f.Name) {
			t.Errorf("%q is none of the faults", f.Name)
		}
		t.Run(strings.TrimSuffix(f.Name+"/"+f.Case, "/"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f.run(t, serve.Local(newProvider())) })
		})
	}
}

func (f Fault) run(t *testing.T, p provider.Plugin) {
	conn := provider.Connection{ID: "test", Settings: f.Start(t, NewNetwork(t))}
	began := time.Now()
	s := &swept{keep: f.Memory == 0, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	plan, err := p.Plan(t.Context(), conn, f.Kinds)
	if f.planned(t, plan, err) {
		s.scopes = plan.Scopes
		if err := p.Discover(t.Context(), conn, plan.Scopes, s); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	for key, out := range s.outcomes {
		want, ok := f.Scopes[key]
		if !ok {
			want, ok = f.Scopes["*"]
		}
		if !ok {
			t.Errorf("%s was not expected: %+v", key, out)
			continue
		}
		want.compare(t, key, out)
	}
	for key := range f.Scopes {
		if _, ok := s.outcomes[key]; !ok && key != "*" {
			t.Errorf("%s did not end", key)
		}
	}
	for _, name := range f.Names {
		if !s.named(name) {
			t.Errorf("no %q", name)
		}
	}
	if f.Between[1] > 0 && (took < f.Between[0] || took > f.Between[1]) {
		t.Errorf("took %s, want %s to %s", took, f.Between[0], f.Between[1])
	}
	if f.Memory > 0 {
		t.Logf("at most %d MiB in use", s.most>>20)
		if s.most > f.Memory {
			t.Errorf("%d MiB in use, want at most %d", s.most>>20, f.Memory>>20)
		}
	}
}

// planned compares how planning ended, and says whether there is something to read.
func (f Fault) planned(t *testing.T, plan provider.Plan, err error) bool {
	t.Helper()
	if err != nil {
		out := resource.Outcome{Status: provider.StatusOf(err), Error: err.Error()}
		var known *provider.Error
		if errors.As(err, &known) {
			out.Advice = known.Advice
		}
		if f.Plan.Status == "" {
			t.Errorf("no plan: %+v", out)
		} else {
			f.Plan.compare(t, "the plan", out)
		}
		return false
	}
	switch {
	case f.Plan.Status != "":
		t.Errorf("the plan stands: %+v", plan)
	case plan.Complete != (f.Plan.Warning == ""):
		t.Errorf("the plan's completeness is %v: %q", plan.Complete, plan.Warnings)
	case !strings.Contains(strings.Join(plan.Warnings, "\n"), f.Plan.Warning):
		t.Errorf("the plan warns of %q, want %q", plan.Warnings, f.Plan.Warning)
	}
	return true
}

func (e Expect) compare(t *testing.T, what string, out resource.Outcome) {
	t.Helper()
	if out.Status != e.Status || out.Listed != e.Listed || out.Retries < e.Retries || !strings.Contains(out.Error, e.Error) ||
		!strings.Contains(out.Advice, e.Advice) || !strings.Contains(strings.Join(out.Warnings, "\n"), e.Warning) {
		t.Errorf("%s: %+v, want %+v", what, out, e)
	}
	// Whoever reads the page of the run must learn what happened.
	if out.Status != resource.StatusComplete && out.Error == "" {
		t.Errorf("%s ended as %s without a word", what, out.Status)
	}
}

// swept is what came of one sweep.
type swept struct {
	scopes []resource.Scope
	keep   bool

	mu        sync.Mutex
	resources map[string]resource.Envelope
	outcomes  map[string]resource.Outcome
	listed    int
	most      uint64
}

// measureEvery is after how many resources memory is measured.
const measureEvery = 10_000

func (s *swept) Resources(_ int, batch []resource.Envelope) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed/measureEvery != (s.listed+len(batch))/measureEvery && !s.keep {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapInuse)
	}
	s.listed += len(batch)
	for _, env := range batch {
		if s.keep {
			s.resources[env.Kind+" "+env.ExternalID] = env
		}
	}
	return nil
}

func (s *swept) Progress(int, int, int) error { return nil }

func (s *swept) ScopeDone(i int, out resource.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[s.scopes[i].Key()] = out
	return nil
}

func (s *swept) named(name string) bool {
	for _, env := range s.resources {
		if env.Kind+" "+env.Name == name {
			return true
		}
	}
	return false
}

// Certificate is one for a host, signed by itself, that is good from one year to another.
func Certificate(t testing.TB, host string, from, to int) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: year(from), NotAfter: year(to),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
