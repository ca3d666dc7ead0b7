package rest

import "time"

// SignIn opens a session.
type SignIn struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Code     string `json:"code,omitempty" maxLength:"100" doc:"Of the second factor, or a recovery code; when it was asked for"`
}

// Session is who one is.
type Session struct {
	Username string `json:"username"`
	Tenant   string `json:"tenant"`
	// TenantName is what people call it.
	TenantName string    `json:"tenant_name"`
	Home       string    `json:"home,omitempty" doc:"The tenant whose user one is, when it is another"`
	Language   string    `json:"language,omitempty" enum:"en,pt" doc:"The language that one chose, or asked for when first signing in"`
	Role       string    `json:"role"`
	Actions    []string  `json:"actions" doc:"What the caller may do in the whole tenant; grants may allow more on single objects"`
	Somewhere  []string  `json:"somewhere" doc:"What the caller may do in the whole tenant or on some object; a client offers it, and the collector decides"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	// Server facts the UI shows.
	Version string `json:"version"`
	Engine  string `json:"engine"`
	Demo    bool   `json:"demo,omitempty"`
	// EnrolFirst says that nothing is allowed before a second factor was set up.
	EnrolFirst    bool `json:"enrol_first,omitempty"`
	PasswordGiven bool `json:"password_given,omitempty" doc:"The password was generated, or chosen by somebody else, and was not changed since"`
	// Picture is the id of one's own, when there is one.
	Picture string `json:"picture,omitempty"`
	Logo    string `json:"logo,omitempty" doc:"Path of the tenant's logo, or else of the installation's"`
	// SignOutURL is where a browser ends the session at the sign-in provider, after this one.
	SignOutURL string `json:"sign_out_url,omitempty"`
}

// Token is an API token; its secret is only in the answer to its creation.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	LastUsed  time.Time `json:"last_used,omitzero"`
	Secret    string    `json:"secret,omitempty"`
}

// TokenCreate asks for a token.
type TokenCreate struct {
	Name       string `json:"name" minLength:"1" maxLength:"100"`
	Role       string `json:"role" maxLength:"40" doc:"One that one holds oneself; none sees and does what is granted to the token"`
	TTLSeconds int64  `json:"ttl_seconds,omitempty" minimum:"0" doc:"0: no end"`
}

// PasswordChange sets one's own password.
type PasswordChange struct {
	CurrentPassword string `json:"current_password"`
	NewPassword     string `json:"new_password"`
}
