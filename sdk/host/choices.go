package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// What is taken of an answer to Choices; it is shown in a form.
const (
	maxChoices     = 1000
	maxChoiceValue = 256
	maxChoiceText  = 200
	maxAsked       = 100
)

// errNoChoices is the answer of a plugin that was made before there was such a question.
var errNoChoices = provider.Unsupported(errors.New("the plugin does not say what this setting may be: type it"))

// checkChoices looks at the settings that a plugin says it knows the choices of.
func checkChoices(d provider.Description) error {
	if len(d.Choices) == 0 {
		return nil
	}
	if len(d.Choices) > maxAsked {
		return fmt.Errorf("choices of %d settings, at most %d", len(d.Choices), maxAsked)
	}
	form, err := schema.ParseSettings(d.Settings)
	if err != nil {
		return err
	}
	for i, pointer := range d.Choices {
		at := slices.IndexFunc(form.Fields, func(f schema.Setting) bool { return f.Pointer == pointer })
		switch {
		case at < 0:
			return fmt.Errorf("choices of %q, which is no setting", pointer)
		case slices.Contains(d.Choices[:i], pointer):
			return fmt.Errorf("choices of %q are declared twice", pointer)
		case form.Fields[at].Required || form.Fields[at].Secret || form.Fields[at].CredentialTarget:
			return fmt.Errorf("choices of %q: a setting that is needed to sign in cannot be asked for", pointer)
		case !form.Fields[at].Text:
			return fmt.Errorf("choices of %q: it is neither text nor a list of texts", pointer)
		}
	}
	return nil
}

// Choices asks for a setting that the description names, with the other settings as they are.
func (g *guard) Choices(ctx context.Context, conn provider.Connection, setting string) (provider.Choices, error) {
	d, err := g.Describe(ctx)
	if err != nil {
		return provider.Choices{}, err
	}
	if !slices.Contains(d.Choices, setting) {
		return provider.Choices{}, errNoChoices
	}
	// What stands in the field now is being chosen anew, and may be half a word.
	if conn.Settings, err = withoutSetting(conn.Settings, setting); err != nil {
		return provider.Choices{}, err
	}
	if err := g.ready(ctx, &conn); err != nil {
		return provider.Choices{}, err
	}
	c, err := g.inner.Choices(ctx, conn, setting)
	if err != nil {
		return provider.Choices{}, g.secret.err(err)
	}
	return g.tidyChoices(c), nil
}

// tidyChoices leaves out what no setting can hold and what repeats, and bounds the rest.
func (g *guard) tidyChoices(c provider.Choices) provider.Choices {
	out := provider.Choices{Items: []provider.Choice{}, More: c.More}
	seen := map[string]bool{}
	for _, i := range c.Items {
		if i.Value == "" || len(i.Value) > maxChoiceValue || seen[i.Value] || plainText(i.Value) != i.Value || g.secret.clean(i.Value) != i.Value {
			continue
		}
		if len(out.Items) == maxChoices {
			out.More = true
			break
		}
		seen[i.Value] = true
		out.Items = append(out.Items, provider.Choice{Value: i.Value, Label: short(g.secret.clean(i.Label)), Note: short(g.secret.clean(i.Note))})
	}
	return out
}

// plainText is s on one line, without what cannot be seen.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

func short(s string) string {
	s = plainText(s)
	if utf8.RuneCountInString(s) > maxChoiceText {
		s = string([]rune(s)[:maxChoiceText]) + "…"
	}
	return s
}

// withoutSetting takes one setting out.
func withoutSetting(settings json.RawMessage, pointer string) (json.RawMessage, error) {
	if len(settings) == 0 || len(settings) > maxSettings {
		return settings, nil // the check says what is wrong with them
	}
	var tree map[string]json.RawMessage
	if err := json.Unmarshal(settings, &tree); err != nil {
		return nil, &provider.SettingsError{Problem: "not a JSON object"}
	}
	name, deeper, nested := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	inner, there := tree[name]
	switch {
	case !there:
		return settings, nil
	case !nested:
		delete(tree, name)
	default:
		rest, err := withoutSetting(inner, "/"+deeper)
		if err != nil {
			return nil, &provider.SettingsError{Pointer: "/" + name, Problem: "not a JSON object"}
		}
		tree[name] = rest
	}
	out, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	return out, nil
}
