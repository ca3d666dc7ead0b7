package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// chooser answers with what a test wants, and remembers what it was asked.
type chooser struct {
	settings string
	announce []string
	answer   provider.Choices
	err      error
	asked    []string
}

func (c *chooser) Describe() provider.Description {
	return provider.Description{Provider: "demo", Version: "1", Title: "Demo", Choices: c.announce,
		Kinds: []provider.KindSupport{{Kind: "server", Major: 1}}, Settings: json.RawMessage(c.settings)}
}

func (*chooser) Connect(context.Context, provider.Connection) (provider.Session, error) {
	return nil, errors.New("not asked for")
}

func (c *chooser) Choices(_ context.Context, conn provider.Connection, setting string) (provider.Choices, error) {
	c.asked = append(c.asked, setting+" "+string(conn.Settings))
	return c.answer, c.err
}

const choosing = `{"type":"object","additionalProperties":false,"required":["url"],"properties":{
	"url":{"type":"string"},"password":{"type":"string","x-maestro-secret":true},"count":{"type":"integer"},
	"regions":{"type":"array","items":{"type":"string"}},
	"org":{"type":"object","additionalProperties":false,"properties":{"units":{"type":"array","items":{"type":"string"}}}}}}`

func TestChoicesAreTidied(t *testing.T) {
	c := &chooser{settings: choosing, announce: []string{"/regions", "/org/units"}}
	c.answer.Items = []provider.Choice{{Value: "b", Label: "B\x1b[31m\n", Note: strings.Repeat("x", 5000)}, {Value: ""}, {Value: "b"}, {Value: "a\nb"}, {Value: "\xff"}, {Value: strings.Repeat("v", 300)}}
	for i := range 1500 {
		c.answer.Items = append(c.answer.Items, provider.Choice{Value: fmt.Sprint("r-", i)})
	}
	p := host.Guard(serve.Local(c))
	got, err := p.Choices(t.Context(), provider.Connection{Settings: json.RawMessage(`{"url":"x","regions":[7],"org":{"units":["ou-"]}}`)}, "/regions")
	if err != nil || len(got.Items) != 1000 || !got.More {
		t.Fatalf("%d choices, more %v, %v", len(got.Items), got.More, err)
	}
	if first := got.Items[0]; first.Value != "b" || first.Label != "B[31m" || len([]rune(first.Note)) != 201 {
		t.Errorf("the first is %+v", first)
	}
	if got.Items[1].Value != "r-0" {
		t.Errorf("the second is %+v: what no setting holds was to be left out", got.Items[1])
	}
	// What stands in the field is left out, whatever it is; the rest stays and is checked.
	if want := `/regions {"org":{"units":["ou-"]},"url":"x"}`; len(c.asked) != 1 || c.asked[0] != want {
		t.Errorf("the plugin was asked %q, want %q", c.asked, want)
	}
	var wrong *provider.SettingsError
	if _, err := p.Choices(t.Context(), provider.Connection{Settings: json.RawMessage(`{"regions":[]}`)}, "/regions"); !errors.As(err, &wrong) {
		t.Errorf("without the address the answer is %v", err)
	}
	if _, err := p.Choices(t.Context(), provider.Connection{Settings: json.RawMessage(`{"url":"x","org":{"units":["ou-"]}}`)}, "/org/units"); err != nil || c.asked[1] != `/org/units {"org":{},"url":"x"}` {
		t.Errorf("asked %q, %v", c.asked, err)
	}
	if _, err := p.Choices(t.Context(), provider.Connection{Settings: json.RawMessage(`{"url":"x"}`)}, "/count"); provider.StatusOf(err) != resource.StatusUnsupported || len(c.asked) != 2 {
		t.Errorf("a setting that is not named: %v, asked %d times", err, len(c.asked))
	}
}

func TestChoicesThatCannotBeAskedForAreRefused(t *testing.T) {
	for announce, want := range map[string]string{"/nothing": "no setting", "/url": "needed to sign in", "/password": "needed to sign in", "/count": "neither text"} {
		_, err := host.Guard(serve.Local(&chooser{settings: choosing, announce: []string{announce}})).Describe(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("choices of %s: %v, want %q", announce, err, want)
		}
	}
	if _, err := host.Guard(serve.Local(&chooser{settings: choosing, announce: []string{"/regions", "/regions"}})).Describe(t.Context()); err == nil {
		t.Error("a setting is declared twice")
	}
}
