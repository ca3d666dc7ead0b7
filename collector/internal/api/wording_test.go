package api

import "testing"

func TestWording(t *testing.T) {
	for _, tt := range []struct{ location, finding, want string }{
		{"body.name", "expected length >= 1", "name must not be empty."},
		{"body.password", "expected length >= 12", "password needs at least 12 characters."},
		{"query.as_of", "invalid date/time for format 2006-01-02T15:04:05.999999999Z07:00", "as_of must be a moment such as 2026-11-21T10:00:00Z."},
		{"query.page_size", "expected number <= 1000", "page_size must be at most 1000."},
		{"body", "expected required property name to be present", "The body needs a value for name."},
		{"body.kinds[0].kind", "unexpected property", "kinds[0].kind is not a known field."},
		{"body.role", `expected value to be one of "admin, reader"`, "role must be one of admin, reader."},
		{"/settings/url", "is missing", "settings.url is missing."},
		{"current_password", "a token has no password", "current_password: a token has no password."},
		{"", "more than 100 fields set by hand", "More than 100 fields set by hand."},
		{"", "cidr() is not known here", "cidr() is not known here."},
		{"", "unknown field cpu_cout", "Unknown field cpu_cout."},
		{"", "it was merged into another resource", "It was merged into another resource."},
		{"", "éa va", "Éa va."},
		{"body.name", "expected string to be lower-case letters, digits and underscores, the first a letter", "name needs lower-case letters, digits and underscores, the first a letter."},
	} {
		if got := sentence(ofField(tt.location, inWords(tt.finding))); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.location, tt.finding, got, tt.want)
		}
	}
}

func TestWaitsAreToldInTheUnitThatFits(t *testing.T) {
	for seconds, want := range map[int]string{90: "90 seconds", 120: "2 minutes", 899: "15 minutes", 7199: "120 minutes", 7201: "3 hours"} {
		if got := tooMany(seconds).Detail; got != "Too many attempts failed. Try again in "+want+"." {
			t.Errorf("%d: %q, want %q", seconds, got, want)
		}
	}
}
