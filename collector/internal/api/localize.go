package api

import (
	"context"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

// languageOf is the language that a request asks for; "" is none of those that there are.
func languageOf(ctx context.Context) words.Language { return requestOf(ctx).language }

// inLanguage is a problem as its reader gets it. What it says was worded in English where it was found, so that logs and scripts have one
// language; here it is looked up by its text. Places, values and codes are what programs go by and stay.
func inLanguage(in words.Language, p rest.Problem) rest.Problem {
	if in == "" || in == words.English {
		return p
	}
	if said := in.Say(p.Detail); said != p.Detail {
		p.Detail = said
	} else if len(p.Errors) > 0 && p.Detail == sentence(ofField(p.Errors[0].Location, p.Errors[0].Message)) {
		// A field and what is wrong with it: only the latter is a text.
		said := in.Say(p.Errors[0].Message)
		if name := fieldOf(p.Errors[0].Location); name != "" {
			said = name + ": " + said
		}
		p.Detail = sentence(said)
	}
	p.Title = in.Say(p.Title)
	p.Errors = slices.Clone(p.Errors)
	for i := range p.Errors {
		e := &p.Errors[i]
		if p.Filter != nil && strings.Contains(e.Message, p.Filter.Message) {
			e.Message = strings.Replace(e.Message, p.Filter.Message, in.Say(p.Filter.Message), 1)
			continue
		}
		e.Message = in.Say(e.Message)
	}
	if p.Filter != nil {
		f := *p.Filter
		f.Message, f.Expected = in.Say(f.Message), in.Say(f.Expected)
		p.Filter = &f
	}
	return p
}

// localized puts every problem into the language of the request; other documents pass.
func localized(ctx huma.Context, _ string, v any) (any, error) {
	in := languageOf(ctx.Context())
	switch p := v.(type) {
	case *problemError:
		return &problemError{Problem: inLanguage(in, p.Problem), header: p.header}, nil
	case *rest.Problem:
		said := inLanguage(in, *p)
		return &said, nil
	}
	return v, nil
}
