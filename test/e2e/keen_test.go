//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	sdk "maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// keen is a plugin that brings a kind of its own and a typed field for servers.
type keen struct{}

const lampSchema = `{"type": "object", "title": "Lamp", "x-maestro-label": "Lamp", "x-maestro-plural": "Lamps", "x-maestro-group": "other", "x-maestro-icon": "plug",
 "x-maestro-summary": "Something that gives light.",
 "properties": {
  "brightness": {"type": "integer", "x-maestro-label": "Brightness", "x-maestro-unit": "lm", "x-maestro-column": true, "x-maestro-indexed": true},
  "colour": {"type": "string", "x-maestro-label": "Colour", "x-maestro-column": true, "x-maestro-searchable": true}}}`

type keenFields struct {
	Watts int `json:"watts" label:"Watts" maestro:"indexed,column"`
}

func (keen) Describe() provider.Description {
	return provider.Description{Provider: "keen", Version: "1.0.0", Title: "Keen", Settings: json.RawMessage(`{"type":"object","additionalProperties":false}`),
		Kinds: []provider.KindSupport{{Kind: "keen.lamp", Major: 1, Schema: json.RawMessage(lampSchema)}, {Kind: "server", Major: 1, Schema: schema.FieldsOf(keenFields{})}}}
}

func (keen) Connect(context.Context, provider.Connection) (provider.Session, error) {
	return keen{}, nil
}

func (keen) Discover(ctx context.Context, scope sdk.Scope, out provider.Emitter) error {
	if scope.Kind == "server" {
		return out.Emit(ctx, sdk.Envelope{Kind: "server", Major: 1, ExternalID: "s1", Name: "lit server", Attributes: []byte(`{"keen":{"watts":60}}`)})
	}
	for i, colour := range []string{"amber", "white", "violet"} {
		if err := out.Emit(ctx, sdk.Envelope{Kind: "keen.lamp", Major: 1, ExternalID: fmt.Sprint(i), Name: colour + " lamp",
			Attributes: fmt.Appendf(nil, `{"brightness":%d,"colour":%q}`, 300*(i+1), colour)}); err != nil {
			return err
		}
	}
	return nil
}

// What a plugin declares needs nothing else to be listed, filtered, searched, explained and shown, with its own name and icon.
func TestAPluginsKindAndFieldAreLikeAnyOther(t *testing.T) {
	work := workshop(t)
	me, err := os.Executable()
	if err == nil {
		err = os.Symlink(me, filepath.Join(work, "bin", "maestro-plugin-keen"))
	}
	if err != nil {
		t.Fatal(err)
	}
	d := startDev(t, work, 5)
	var agent string
	eventually(t, "the agent has told of the plugin", 20*time.Second, func() bool {
		for _, p := range list[rest.Plugin](d.api, "/plugins") {
			if p.Provider == "keen" {
				agent = p.Agents[0].ID
			}
		}
		return agent != ""
	})
	d.call("POST", "/connections", rest.ConnectionWrite{Name: "keen", Provider: "keen", Agent: agent, Settings: json.RawMessage(`{}`)}, nil)
	env := []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}
	if stdout, stderr, code := d.cli(env, "run", "keen", "--wait"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}

	var kind rest.KindInfo
	d.get("/kinds/keen.lamp", &kind)
	if kind.Label != "Lamp" || kind.Plural != "Lamps" || kind.Icon != "plug" || kind.Approval != "approved" {
		t.Errorf("%+v", kind)
	}
	for _, ask := range []struct{ kind, filter, want string }{
		{"keen.lamp", `brightness > 400`, "violet lamp, white lamp"}, {"keen.lamp", `colour = "amber"`, "amber lamp"}, {"keen.lamp", `violet`, "violet lamp"},
		{"server", `keen.watts = 60`, "lit server"}, {"server", `keen.watts > 60`, ""},
	} {
		var p page[resource]
		d.get("/resources/"+ask.kind+"?order_by=name&filter="+url.QueryEscape(ask.filter), &p)
		var names []string
		for _, r := range p.Items {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, ", "); got != ask.want {
			t.Errorf("%s %s: %q, want %q", ask.kind, ask.filter, got, ask.want)
		}
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"get", "keen.lamp", "-f", "brightness >= 900"}, []string{"BRIGHTNESS", "COLOUR", "violet lamp", "1 lamp"}},
		{[]string{"explain", "keen.lamp"}, []string{"brightness", "Something that gives light."}},
		{[]string{"get", "server", "-f", "keen.watts = 60", "--fields", "name,keen.watts"}, []string{"KEEN.WATTS", "lit server", "60"}},
	} {
		stdout, stderr, code := d.cli(env, c.args...)
		for _, want := range c.want {
			if code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("%v: exit code %d, no %q in:\n%s%s", c.args, code, want, stdout, stderr)
			}
		}
	}
	t.Run("in the browser", func(t *testing.T) {
		for _, needed := range []string{"/usr/bin/chromium", "../../web/node_modules"} {
			if _, err := os.Stat(needed); err != nil {
				t.Skipf("%s is not here", needed)
			}
		}
		cmd := exec.CommandContext(t.Context(), "node", "--test", "e2e/core.test.mjs")
		cmd.Dir = "../../web"
		cmd.Env = environment("MAESTRO_E2E_DEV_JSON="+filepath.Join(d.data, "dev.json"), "MAESTRO_E2E_KIND=keen.lamp")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("node --test: %v\n%s", err, out)
		}
	})
	d.stop()
}
