// Package access knows who is asking and what they may do: users and their passwords, sessions, API tokens,
// and the one function that decides. Everything that reaches the human plane goes through it, so that no
// handler has an opinion of its own about rights.
package access

// Caller is who asks, proven by a session or a token.
type Caller struct {
	Tenant string
	// Name for the audit trail: "user:anna", "token:ci".
	Name string
	// Username, or the token's name.
	Username string
	Role     Role
	// Roots are the access roots granted to a caller whose role is not tenant-wide.
	Roots []string
	// Address that the request came from.
	Address string
}

// TenantWide says that the caller's role covers the whole tenant, so that lists need no access roots.
func (c Caller) TenantWide() bool { return c.Role == RoleAdmin || c.Role == RoleReader }
