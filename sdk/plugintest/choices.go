package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// choices asks for every setting that the description names, and for one that it does not.
func (s *suite) choices(ctx context.Context) {
	const unknown = "/no_such_setting"
	if _, err := s.plugin.Choices(ctx, s.Connection, unknown); provider.StatusOf(err) != resource.StatusUnsupported {
		s.problem("choices of a setting that is not named end with %v, not as unsupported", err)
	}
	for _, setting := range s.description.Choices {
		// The guard tidies what is wrong; the author is to know of it.
		got, err := s.raw.Choices(ctx, s.Connection, setting)
		if err != nil {
			var classed *provider.Error
			if !slices.Contains(s.NoChoices, setting) || !errors.As(err, &classed) {
				s.problem("choices of %s: %v", setting, err)
			}
			continue
		}
		s.offered = append(s.offered, got)
		s.lookAtChoices(ctx, setting, got)
		s.cancelChoices(ctx, setting)
	}
}

func (s *suite) lookAtChoices(ctx context.Context, setting string, got provider.Choices) {
	if len(got.Items) == 0 && !slices.Contains(s.NoChoices, setting) {
		s.problem("%s has no choices", setting)
	}
	tidied, err := s.plugin.Choices(ctx, s.Connection, setting)
	if err != nil {
		s.problem("choices of %s, asked again: %v", setting, err)
		return
	}
	if len(tidied.Items) != len(got.Items) {
		s.problem("choices of %s: %d of %d are empty, repeated, too long, not printable or more than may be listed", setting, len(got.Items)-len(tidied.Items), len(got.Items))
	}
	if len(tidied.Items) == 0 {
		return
	}
	// The first one stands for all: it has to be something that the setting accepts.
	settings, err := s.choose(setting, tidied.Items[0].Value)
	if err != nil {
		s.problem("choices of %s: %v", setting, err)
		return
	}
	var wrong *provider.SettingsError
	if _, err := s.plugin.Plan(ctx, provider.Connection{ID: s.Connection.ID, Settings: settings}, s.kinds()); errors.As(err, &wrong) {
		s.problem("%q is offered for %s and refused: %v", tidied.Items[0].Value, setting, err)
	}
}

// cancelChoices asks and hangs up.
func (s *suite) cancelChoices(ctx context.Context, setting string) {
	cctx, cancel := context.WithCancel(ctx)
	defer cancel()
	canceled := make(chan time.Time, 1)
	done := make(chan error, 1)
	canceled <- time.Now()
	cancel()
	go func() { // ends with its call; one that never ends is the problem that is reported
		_, err := s.plugin.Choices(cctx, s.Connection, setting)
		done <- err
	}()
	s.returnsSoon(ctx, done, canceled, "before it began (choices of "+setting+")")
}

// choose puts a value, or a list of it, into the case's settings.
func (s *suite) choose(setting, value string) (json.RawMessage, error) {
	var settings map[string]any
	if err := json.Unmarshal(s.Connection.Settings, &settings); err != nil {
		return nil, err
	}
	var form map[string]any
	if err := json.Unmarshal(s.description.Settings, &form); err != nil {
		return nil, err
	}
	at, names := settings, strings.Split(strings.TrimPrefix(setting, "/"), "/")
	for i, name := range names {
		properties, _ := form["properties"].(map[string]any)
		form, _ = properties[name].(map[string]any)
		if i == len(names)-1 {
			if form["type"] == "array" {
				at[name] = []string{value}
			} else {
				at[name] = value
			}
			break
		}
		inner, ok := at[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[name] = inner
		}
		at = inner
	}
	return json.Marshal(settings)
}
