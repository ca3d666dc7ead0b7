package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// TestMain lets the test binary play the plugin, and the agent that is killed, when it is started under their names.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	switch {
	case strings.HasPrefix(name, "maestro-plugin-"):
		serve.Provider(demo{})
		return
	case name == "doomed-agent":
		doomedAgent()
		return
	}
	goleak.VerifyTestMain(m)
}

// demo reads what its settings say, or misbehaves as they say.
type demo struct{}

type settings struct {
	Count  int    `json:"count"`
	Mode   string `json:"mode"`
	Filter string `json:"filter"`
	URL    string `json:"url"`
}

const settingsSchema = `{"type":"object","additionalProperties":false,"properties":{
	"count":{"type":"integer"},"mode":{"type":"string"},
	"filter":{"type":"string","x-maestro-narrows":true},
	"url":{"type":"string","x-maestro-credential-target":true}}}`

func (demo) Describe() provider.Description {
	thing := json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer"},"load":{"type":"number","x-maestro-volatile":true},"owner":{"type":"string"}}}`)
	version := "1.2"
	if _, label, ok := strings.Cut(filepath.Base(os.Args[0]), "@"); ok {
		version = label
	}
	return provider.Description{Provider: "demo", Version: version, Title: "Demo", Settings: json.RawMessage(settingsSchema), Files: true,
		Kinds:         []provider.KindSupport{{Kind: "demo.thing", Major: 1, Schema: thing}, {Kind: "demo.other", Major: 1, Schema: thing}},
		CredentialEnv: []provider.EnvVar{{Name: "DEMO_PASSWORD", Help: "The password.", Secret: true}}}
}

type session struct{ settings }

// wideRegions are more than one message holds.
const wideRegions = 60_000

func (demo) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	var s session
	if err := json.Unmarshal(conn.Settings, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

func (s *session) Plan(_ context.Context, kinds []string) (provider.Plan, error) {
	if s.Mode == "plan-denied" {
		return provider.Plan{}, provider.Denied(errors.New("no entry"), "grant it")
	}
	plan := provider.Plan{Complete: true}
	for _, k := range kinds {
		regions := []string{"eu", "us"}
		for i := range wideRegions {
			if s.Mode == "wide" {
				regions = append(regions, fmt.Sprintf("r%06d", i))
			}
		}
		for _, region := range regions {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k, Partition: resource.Partition{{Key: "region", Value: region}}})
		}
	}
	return plan, nil
}

func (s *session) Check(context.Context, []string) (provider.CheckReport, error) {
	return provider.CheckReport{Items: []provider.CheckItem{{Name: "login", OK: os.Getenv("DEMO_PASSWORD") != ""}}}, nil
}

func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	region, _ := scope.Partition.Get("region")
	if strings.HasPrefix(region, "r") && !strings.HasSuffix(region, "000") {
		return nil
	}
	if s.Mode == "files" {
		return s.files(ctx, region, out)
	}
	for i := range s.Count {
		env := resource.Envelope{ExternalID: fmt.Sprintf("%s-%s-%d", scope.Kind, region, i), Name: os.Getenv("DEMO_NAME"),
			Attributes: json.RawMessage(fmt.Sprintf(`{"number":%d,"load":%d.5,"owner":"alice"}`, i, time.Now().UnixNano()%100))}
		if err := out.Emit(ctx, env); err != nil {
			return err
		}
		if i == s.Count/2 && region == "us" {
			switch s.Mode {
			case "exit":
				// What was emitted gets its way out first.
				time.Sleep(300 * time.Millisecond)
				os.Exit(7)
			case "panic":
				panic("out of cheese")
			case "hang":
				<-ctx.Done()
				return ctx.Err()
			case "denied":
				return provider.Denied(errors.New("forbidden"), "grant things.list")
			}
		}
		if s.Mode == "slow" {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// files are things by the names of the uploaded files.
func (*session) files(ctx context.Context, region string, out provider.Emitter) error {
	dir := os.Getenv(provider.FilesEnv)
	if dir == "" {
		return errors.New("the files were never fetched")
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for i, f := range list {
		env := resource.Envelope{ExternalID: region + "/" + f.Name(), Name: f.Name(), Attributes: json.RawMessage(fmt.Sprintf(`{"number":%d}`, i))}
		if err := out.Emit(ctx, env); err != nil {
			return err
		}
	}
	return nil
}
