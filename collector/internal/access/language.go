package access

import (
	"context"

	"maestro.internal/collector/internal/words"
)

// languageOf is the language that somebody is written to in: the own, else the tenant's, else that of whoever has it sent.
func (s *Service) languageOf(ctx context.Context, tenant string, d userDoc, asked words.Language) (words.Language, error) {
	if d.Language.Known() {
		return d.Language, nil
	}
	t, err := s.tenant(ctx, tenant)
	return t.doc.Language.Or(asked), err
}

func (s *Service) letter(ctx context.Context, tenant string, d userDoc, link Link, asked words.Language) (subject, text string, err error) {
	in, err := s.languageOf(ctx, tenant, d, asked)
	if err != nil {
		return "", "", err
	}
	return letter(in, d, link, s.opt.PublicURL)
}

// Speak notes the language that the caller chose.
func (s *Service) Speak(ctx context.Context, c Caller, in words.Language) error {
	if !in.Known() {
		return &InvalidError{Field: "language", Problem: "is none that there are texts in"}
	}
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil || d.Language == in {
		return err
	}
	d.Language = in
	if err := s.replaceUser(ctx, row, d); err != nil {
		return err
	}
	return s.auditUser(ctx, c, "user.update_profile", d, map[string]any{"language": string(in)})
}
