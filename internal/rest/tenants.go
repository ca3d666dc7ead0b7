package rest

import "time"

// Tenant is one of the installation's: nothing in one is seen from another.
type Tenant struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Group is the tenant group that it is in.
	Group       *Ref      `json:"group,omitempty"`
	Disabled    bool      `json:"disabled" doc:"Nobody gets in: neither people nor tokens nor agents. Nothing is lost"`
	Reason      string    `json:"reason,omitempty" doc:"Why it is disabled; those who are kept out read it"`
	DisabledAt  time.Time `json:"disabled_at,omitzero"`
	DisabledBy  string    `json:"disabled_by,omitempty"`
	MailName    string    `json:"mail_name,omitempty" doc:"Name of the sender of its letters"`
	MailReplyTo string    `json:"mail_reply_to,omitempty" doc:"Where answers to its letters go"`
	Language    string    `json:"language,omitempty" enum:"en,pt" doc:"Language of letters to people who chose none"`
	Logo        string    `json:"logo,omitempty" doc:"Path of its own logo"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
	Version     int64     `json:"version"`
}

// TenantCreate makes a tenant with its first administrator.
type TenantCreate struct {
	ID    string `json:"id" minLength:"1" maxLength:"40" doc:"Lower-case letters, digits and hyphens; it stays for good" example:"acme"`
	Name  string `json:"name" minLength:"1" maxLength:"200"`
	Group string `json:"group,omitempty" maxLength:"100" doc:"Id of a tenant group"`
	// Administrator is somebody who is a user already.
	Administrator string `json:"administrator,omitempty" maxLength:"200" doc:"User of any tenant who becomes its first administrator; without it, the one who asks. A token has to name somebody"`
}

// TenantWrite is what is decided of a tenant.
type TenantWrite struct {
	Name     string `json:"name" minLength:"1" maxLength:"200"`
	Group    string `json:"group,omitempty" maxLength:"100" doc:"Id of a tenant group; absent: none"`
	Disabled bool   `json:"disabled,omitempty"`
	Reason   string `json:"reason,omitempty" maxLength:"500" doc:"Needed to disable it"`
	// The letters' address stays the installation's.
	MailName    string `json:"mail_name,omitempty" maxLength:"100" doc:"Name of the sender of its letters; absent: the installation's"`
	MailReplyTo string `json:"mail_reply_to,omitempty" maxLength:"254" doc:"Where answers to its letters go; absent: nowhere else"`
	Language    string `json:"language,omitempty" enum:"en,pt" doc:"Language of letters to people who chose none; absent: that of whoever has them sent, or English"`
}

// TenantMember is a person of another tenant.
type TenantMember struct {
	Username string    `json:"username"`
	Home     string    `json:"home" doc:"The tenant whose user it is: password and second factor are there"`
	Role     string    `json:"role"`
	Group    string    `json:"group,omitempty" doc:"Name of the tenant group that makes a member of the person"`
	AddedAt  time.Time `json:"added_at,omitzero"`
	AddedBy  string    `json:"added_by,omitempty"`
}

// TenantMemberWrite gives a person a role in a tenant.
type TenantMemberWrite struct {
	Role string `json:"role" maxLength:"40" doc:"admin, reader, none or one that the tenant has made"`
}

// TenantGroup is a customer of several tenants.
type TenantGroup struct {
	ID        string              `json:"id"`
	Name      string              `json:"name"`
	Members   []TenantGroupMember `json:"members"`
	Everybody []string            `json:"everybody" doc:"Permission groups of everybody in its tenants who is given none at any other level"`
	Tenants   []Ref               `json:"tenants" doc:"The tenants that are in it"`
	CreatedAt time.Time           `json:"created_at,omitzero"`
	Version   int64               `json:"version"`
}

// TenantGroupMember is a person with a role in each tenant of a group.
type TenantGroupMember struct {
	Username string `json:"username" maxLength:"200"`
	Role     string `json:"role" maxLength:"40"`
}

// TenantGroupWrite is what is decided of a group.
type TenantGroupWrite struct {
	Name      string              `json:"name" minLength:"1" maxLength:"200"`
	Members   []TenantGroupMember `json:"members" maxItems:"1000" nullable:"false"`
	Everybody []string            `json:"everybody,omitempty" maxItems:"10" doc:"Names of built-in permission groups"`
}

// Place is a tenant that one can be in.
type Place struct {
	Tenant   string `json:"tenant"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Group    string `json:"group,omitempty" doc:"Name of the tenant group that leads there"`
	Home     bool   `json:"home,omitempty" doc:"One's own: password and second factor are there"`
	Current  bool   `json:"current,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
}

// TenantChoice is the tenant to be in.
type TenantChoice struct {
	ID string `json:"id" minLength:"1" maxLength:"40"`
}

// PlaceSummary is what there is in one of the tenants that one is in, as far as one may read it.
type PlaceSummary struct {
	Place     Place   `json:"place"`
	Resources int     `json:"resources"`
	Approvals int     `json:"pending_approvals" doc:"What waits for a decision there, as far as one sees it: held removals and new kinds are among it"`
	Summary   Summary `json:"summary"`
}

// Mine is something in one of the tenants that one is in.
type Mine[T any] struct {
	Tenant     string `json:"tenant"`
	TenantName string `json:"tenant_name"`
	Item       T      `json:"item"`
}

// MineList is a list over several tenants, one tenant after the other.
type MineList[T any] struct {
	Items                 []Mine[T] `json:"items"`
	NextPageToken         string    `json:"next_page_token,omitempty" doc:"Pass as page_token for the next page; absent at the end"`
	TotalSize             int       `json:"total_size" doc:"Over all tenants"`
	TotalSizeIsLowerBound bool      `json:"total_size_is_lower_bound,omitempty"`
	Left                  []LeftOut `json:"left_out,omitempty" doc:"Tenants that are not in this list, and why"`
}

// LeftOut is a tenant that could not answer.
type LeftOut struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Why    string `json:"why"`
}
