package rest

import "time"

// User is somebody who signs in.
type User struct {
	Username    string   `json:"username"`
	DisplayName string   `json:"display_name"`
	Email       string   `json:"email"`
	Language    string   `json:"language,omitempty" enum:"en,pt" doc:"Language of letters and notifications; absent: the tenant's"`
	Role        string   `json:"role"`
	Groups      []string `json:"groups,omitempty" doc:"Permission groups in place of those of the role"`
	Disabled    bool     `json:"disabled"`
	Invited     bool     `json:"invited" doc:"No password was set yet"`
	Factor      bool     `json:"second_factor" doc:"Signing in asks for a code"`
	// Providers are the sign-in providers that lead to this user.
	Providers []string  `json:"providers,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// LastSignIn is absent for who never signed in since it is noted.
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
	// LinkUntil is set while a link to set a password was given and not used.
	LinkUntil time.Time `json:"link_until,omitzero"`
	Version   int64     `json:"version"`
}

// UserCreate invites somebody.
type UserCreate struct {
	Username    string   `json:"username" minLength:"1" maxLength:"200" doc:"Unique in the installation; case does not matter"`
	DisplayName string   `json:"display_name,omitempty" maxLength:"200"`
	Email       string   `json:"email,omitempty" maxLength:"254"`
	Role        string   `json:"role" maxLength:"40" doc:"admin, reader, none or one that was made; only what one holds oneself can be given"`
	Groups      []string `json:"groups,omitempty" maxItems:"20" doc:"Permission groups in place of those of the role"`
}

// UserWrite is what an administrator decides of a user.
type UserWrite struct {
	DisplayName string   `json:"display_name" maxLength:"200"`
	Email       string   `json:"email" maxLength:"254"`
	Role        string   `json:"role" maxLength:"40" doc:"admin, reader, none or one that was made; only what one holds oneself can be given"`
	Groups      []string `json:"groups,omitempty" maxItems:"20" doc:"Permission groups in place of those of the role"`
	Disabled    bool     `json:"disabled" doc:"May not sign in; all sessions end"`
}

// UserLink lets a user set a password, once.
type UserLink struct {
	Purpose string `json:"purpose" enum:"invitation,password_reset"`
	Link    string `json:"link" doc:"Shown this once. Only a path when the collector does not know its public address (public_url)"`
	// ExpiresAt is when it ends; making another one or using it ends it too.
	ExpiresAt   time.Time `json:"expires_at"`
	Mailed      bool      `json:"mailed" doc:"It was sent to the user by mail"`
	MailProblem string    `json:"mail_problem,omitempty"`
}

// UserInvited is a user who was just made.
type UserInvited struct {
	User User     `json:"user"`
	Link UserLink `json:"link"`
}

// LinkUse shows a link, and uses it when it brings a password.
type LinkUse struct {
	Token       string `json:"token" maxLength:"1000"`
	NewPassword string `json:"new_password,omitempty" doc:"Absent: only say what the link is for"`
	Code        string `json:"code,omitempty" maxLength:"100" doc:"Of the second factor, when the user has one"`
}

// LinkAnswer says what a link is for.
type LinkAnswer struct {
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	Purpose     string    `json:"purpose" enum:"invitation,password_reset"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	CodeNeeded  bool      `json:"code_needed,omitempty"`
	// Session is set when the link was used: one is signed in.
	Session *Session `json:"session,omitempty"`
}

// Forgotten asks for a link by mail.
type Forgotten struct {
	Who string `json:"who" minLength:"1" maxLength:"254" doc:"User name or e-mail address"`
}

// ForgottenAnswer is the same for everybody.
type ForgottenAnswer struct {
	Detail string `json:"detail"`
}

// Profile is one's own user.
type Profile struct {
	User
	HasPassword bool      `json:"has_password" doc:"Otherwise only a provider signs in, and a recent sign-in stands for the password"`
	FactorSince time.Time `json:"second_factor_since,omitzero"`
	CodesLeft   int       `json:"recovery_codes_left"`
}

// ProfileWrite is what people decide of themselves.
type ProfileWrite struct {
	DisplayName string `json:"display_name" maxLength:"200"`
	Email       string `json:"email" maxLength:"254"`
	Password    string `json:"current_password,omitempty" doc:"Needed for another e-mail address"`
}

// LanguageChoice is the language that somebody chose.
type LanguageChoice struct {
	Language string `json:"language" enum:"en,pt"`
}

// SessionInfo is one of a user's sessions.
type SessionInfo struct {
	ID        string    `json:"id"`
	StartedAt time.Time `json:"started_at"`
	LastUsed  time.Time `json:"last_used" doc:"To the minute"`
	ExpiresAt time.Time `json:"expires_at"`
	Address   string    `json:"address"`
	Browser   string    `json:"browser" doc:"What the browser called itself when signing in"`
	Current   bool      `json:"current,omitempty" doc:"It is the one that asks"`
}

// FactorBegin proves who asks.
type FactorBegin struct {
	Password string `json:"current_password"`
}

// FactorPending waits for its first code.
type FactorPending struct {
	Secret string   `json:"secret" doc:"For typing into an authenticator (base32)"`
	URI    string   `json:"uri" doc:"What the picture says"`
	QR     []string `json:"qr" doc:"Rows of the picture (QR code): 1 is dark"`
}

// FactorConfirm is the first code.
type FactorConfirm struct {
	Code string `json:"code" maxLength:"100"`
}

// FactorCodes are shown once.
type FactorCodes struct {
	RecoveryCodes []string `json:"recovery_codes" doc:"Each signs in once, in place of a code"`
}

// FactorOff proves who turns the own second factor off, or makes fresh recovery codes.
type FactorOff struct {
	Password string `json:"current_password"`
	Code     string `json:"code" maxLength:"100" doc:"Of the authenticator, or a recovery code"`
}

// The types of problems of signing in that a client answers by asking for a code.
const (
	ProblemCodeNeeded = "urn:maestro:problem:code-needed"
	ProblemCodeWrong  = "urn:maestro:problem:code-wrong"
)
