package rest

// SignInWays is what the sign-in page offers.
type SignInWays struct {
	// Passwords says that a user name and a password may be typed: one's own, or one of the directory.
	Passwords bool             `json:"passwords"`
	Forgotten bool             `json:"forgotten" doc:"A link to set a password can be asked for by mail"`
	Directory string           `json:"directory,omitempty" doc:"What people call the directory whose passwords are taken"`
	Logo      string           `json:"logo,omitempty" doc:"Path of the installation's logo"`
	Providers []SignInProvider `json:"providers"`
}

// SignInProvider is somebody else who signs people in.
type SignInProvider struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Start is where a browser is sent; it takes path, the page to end at.
	Start string `json:"start"`
}

// SignInCode brings the code of the second factor after a provider has proven who it is.
type SignInCode struct {
	Code string `json:"code" minLength:"1" maxLength:"100"`
}
