package mail

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestLettersOfATenantIntroduceThemselves: the name and where answers go are the tenant's, the address stays the installation's; letters
// that are for no tenant, and those of a tenant that has decided nothing, are the installation's alone.
func TestLettersOfATenantIntroduceThemselves(t *testing.T) {
	voices := map[string]Voice{"acme": {Name: `Acme "Ops", Ltd`, ReplyTo: "ops@acme.example"}, "evil": {Name: "x\r\nBcc: all@example.org"}}
	s, err := New(Options{Address: "127.0.0.1:25", Security: None, From: "Maestro <maestro@example.org>", Voice: func(_ context.Context, tenant string) (Voice, error) {
		if tenant == "gone" {
			return Voice{}, errors.New("no store")
		}
		return voices[tenant], nil
	}})
	must(t, err)
	head := func(ctx context.Context) string {
		t.Helper()
		letter, _, err := s.letter(ctx, "anna@example.org", "Hello", "text")
		must(t, err)
		head, _, _ := strings.Cut(string(letter), "\r\n\r\n")
		return head
	}
	for name, tc := range map[string]struct {
		ctx  context.Context
		has  []string
		lack string
	}{
		"a tenant's":             {For(t.Context(), "acme"), []string{`From: "Acme \"Ops\", Ltd" <maestro@example.org>`, "Reply-To: <ops@acme.example>"}, ""},
		"of one without a voice": {For(t.Context(), "birch"), []string{`From: "Maestro" <maestro@example.org>`}, "Reply-To"},
		"the installation's":     {t.Context(), []string{`From: "Maestro" <maestro@example.org>`}, "Reply-To"},
		"a stored one that lies": {For(t.Context(), "evil"), []string{`From: "Maestro" <maestro@example.org>`}, "Bcc"},
	} {
		h := head(tc.ctx)
		for _, want := range tc.has {
			if !strings.Contains(h, want) {
				t.Errorf("%s: no %s in\n%s", name, want, h)
			}
		}
		if tc.lack != "" && strings.Contains(h, tc.lack) {
			t.Errorf("%s: %s in\n%s", name, tc.lack, h)
		}
	}
	if _, _, err := s.letter(For(t.Context(), "gone"), "anna@example.org", "Hello", "text"); err == nil {
		t.Error("a letter went out though nobody knows whose it is")
	}
	for _, v := range []Voice{{Name: strings.Repeat("x", 101)}, {Name: "a\nb"}, {ReplyTo: "nobody"}, {ReplyTo: "A <a@example.org>"}} {
		if field, problem := v.Check(); field == "" || problem == "" {
			t.Errorf("%+v is fine", v)
		}
	}
}
