//go:build unix

package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// benchItems is how many resources one iteration streams.
const benchItems = 20_000

func sample(i int) resource.Envelope {
	return resource.Envelope{
		ExternalID: fmt.Sprintf("thing-%06d", i), Name: fmt.Sprintf("thing number %d", i), Region: "eu-west-2", Zone: "eu-west-2a",
		Tags:        []resource.Tag{{Key: "env", Value: "production"}, {Key: "team", Value: "payments"}},
		Identifiers: []resource.Identifier{{Type: "mac", Value: fmt.Sprintf("00:50:56:%02x:%02x:%02x", i>>16, i>>8&255, i&255)}},
		Relations:   []resource.Relation{{Verb: "runs_on", Kind: "demo.other", ExternalID: "host-1"}},
		Attributes: json.RawMessage(fmt.Sprintf(`{"number":%d,"memory_bytes":17179869184,"cpu_count":8,"os":{"name":"Debian GNU/Linux","version":"12"},`+
			`"power_state":"running","guest":{"hostname":"thing-%06d.example.com","tools":"current"},"addresses":["10.0.0.1","10.0.0.2"]}`, i, i)),
	}
}

// counter is the cheapest sink.
type counter struct{ n int }

func (c *counter) Resources(_ int, batch []resource.Envelope) error { c.n += len(batch); return nil }
func (c *counter) Progress(int, int, int) error                     { return nil }
func (c *counter) ScopeDone(int, resource.Outcome) error            { return nil }

func benchDiscover(b *testing.B, p provider.Plugin) {
	b.Helper()
	settings := provider.Connection{Settings: json.RawMessage(fmt.Sprintf(`{"count":%d}`, benchItems))}
	for b.Loop() {
		c := &counter{}
		if err := p.Discover(b.Context(), settings, scopes("demo.thing"), c); err != nil || c.n != benchItems {
			b.Fatal(c.n, err)
		}
	}
	b.ReportMetric(float64(b.N)*benchItems/b.Elapsed().Seconds(), "resources/s")
}

// BenchmarkStreamChannel is the reference: the same resources over a Go channel, unchecked.
func BenchmarkStreamChannel(b *testing.B) {
	for b.Loop() {
		ch := make(chan resource.Envelope, 500)
		go func() {
			defer close(ch)
			for i := range benchItems {
				ch <- sample(i)
			}
		}()
		n := 0
		for range ch {
			n++
		}
		if n != benchItems {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N)*benchItems/b.Elapsed().Seconds(), "resources/s")
}

// BenchmarkStreamInProcess is the engine without a process: checked, batched, hashed.
func BenchmarkStreamInProcess(b *testing.B) {
	benchDiscover(b, serve.Local(&demo{read: readers["bench"]}))
}

// BenchmarkStreamProcess is a real plugin process with mutual TLS, checked at both ends.
func BenchmarkStreamProcess(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mb")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := host.Launch(b.Context(), host.Config{Path: self, Args: []string{"-plugin", "bench"}, Name: "bench", Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	benchDiscover(b, p)
}

// BenchmarkLaunch starts, describes and ends a plugin.
func BenchmarkLaunch(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "mb")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		p, err := host.Launch(ctx, host.Config{Path: self, Args: []string{"-plugin", "good"}, Name: "good", Dir: dir})
		cancel()
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
