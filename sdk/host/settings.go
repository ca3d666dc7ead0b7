package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"maestro.internal/sdk/provider"
)

const maxSettings = 256 << 10

// settingsChecker validates a connection's settings against what its plugin declared, before the plugin sees
// them.
type settingsChecker struct{ schema *jsonschema.Schema }

// nowhere keeps a plugin's schema from making the agent read files or addresses.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("a settings schema refers to nothing outside itself: %s", url)
}

func newSettingsChecker(raw json.RawMessage) (*settingsChecker, error) {
	if len(raw) == 0 {
		return nil, errors.New("no settings schema")
	}
	if len(raw) > maxSettings {
		return nil, fmt.Errorf("settings schema of %d bytes, at most %d", len(raw), maxSettings)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("settings schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	const name = "maestro:settings"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("settings schema: %w", err)
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("settings schema: %w", err)
	}
	return &settingsChecker{compiled}, nil
}

func (s *settingsChecker) check(settings json.RawMessage) error {
	if len(settings) > maxSettings {
		return &provider.SettingsError{Problem: fmt.Sprintf("%d bytes, at most %d", len(settings), maxSettings)}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return &provider.SettingsError{Problem: fmt.Sprintf("not JSON: %v", err)}
	}
	if _, ok := doc.(map[string]any); !ok {
		return &provider.SettingsError{Problem: "not a JSON object"}
	}
	var invalid *jsonschema.ValidationError
	if err := s.schema.Validate(doc); errors.As(err, &invalid) {
		return settingsError(invalid)
	} else if err != nil {
		return &provider.SettingsError{Problem: err.Error()}
	}
	return nil
}

// settingsError finds the place that is wrong: the first cause that has no causes of its own.
func settingsError(e *jsonschema.ValidationError) *provider.SettingsError {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	out := &provider.SettingsError{}
	for _, part := range e.InstanceLocation {
		out.Pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
	}
	_, problem, ok := strings.Cut(e.Error(), ": ")
	if !ok {
		problem = e.Error()
	}
	out.Problem = problem
	return out
}
