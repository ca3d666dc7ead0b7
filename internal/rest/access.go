package rest

import "time"

// Team is people who get rights together.
type Team struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Email     string       `json:"email"`
	Members   []TeamMember `json:"members"`
	CreatedAt time.Time    `json:"created_at"`
	Version   int64        `json:"version"`
}

// TeamMember is somebody in a team.
type TeamMember struct {
	Username string `json:"username" minLength:"1" maxLength:"200"`
	Role     string `json:"role" enum:"member,lead" doc:"A lead may change the team"`
	// Mapped is the sign-in provider whose groups put somebody here; what a client sends of it does not count.
	Mapped string `json:"mapped,omitempty" maxLength:"20"`
}

// TeamWrite is what people decide of a team.
type TeamWrite struct {
	Name    string       `json:"name" minLength:"1" maxLength:"200"`
	Email   string       `json:"email,omitempty" maxLength:"254"`
	Members []TeamMember `json:"members" maxItems:"1000"`
}

// AccessTarget is what a right is about: the tenant, a datacenter, a connection or a resource.
type AccessTarget struct {
	Kind string `json:"kind" minLength:"1" maxLength:"200" doc:"tenant, datacenter, connection, or the kind of a resource; what is part of a system, or serves a client, inherits its grants"`
	ID   string `json:"id,omitempty" maxLength:"200" doc:"Absent for the tenant"`
	Name string `json:"name,omitempty" maxLength:"500" readOnly:"true"`
	// Through is by what of the object a client leads to it.
	Through *AccessTarget `json:"through,omitempty" readOnly:"true"`
}

// AccessSubject is who has a right.
type AccessSubject struct {
	Type string `json:"type" enum:"user,team,token"`
	ID   string `json:"id" minLength:"1" maxLength:"200" doc:"Username, or id of the team or token"`
	Name string `json:"name,omitempty" maxLength:"500" readOnly:"true"`
}

// Grant gives somebody a right on a target and on whatever inherits from it.
type Grant struct {
	ID        string        `json:"id"`
	Subject   AccessSubject `json:"subject"`
	Right     string        `json:"right" enum:"read,write,admin"`
	Target    AccessTarget  `json:"target"`
	CreatedAt time.Time     `json:"created_at"`
	CreatedBy string        `json:"created_by"`
}

// GrantWrite asks for a grant; what the same subject had on the same target is replaced.
type GrantWrite struct {
	Subject AccessSubject `json:"subject"`
	Right   string        `json:"right" enum:"read,write,admin" doc:"Each includes the ones before it; admin may grant"`
	Target  AccessTarget  `json:"target"`
}

// AccessReason is one of the ways by which somebody has a right.
type AccessReason struct {
	Through string        `json:"through" enum:"role,grant"`
	Right   string        `json:"right" enum:"read,write,admin"`
	Role    string        `json:"role,omitempty"`
	Level   string        `json:"level,omitempty" enum:"user,role,tenant,customer" doc:"Where the permission groups come from: given to the user in place of the role, those of the role, what everybody has, or what everybody of the tenant's group has"`
	Groups  []string      `json:"groups,omitempty" doc:"Permission groups that give it"`
	Grant   string        `json:"grant,omitempty" doc:"Id of the grant"`
	Team    string        `json:"team,omitempty" doc:"Name of the team that it was given to"`
	Target  *AccessTarget `json:"target,omitempty" doc:"What it was given on"`
}

// AccessEntry is what somebody may do with an object, and why.
type AccessEntry struct {
	Subject    AccessSubject  `json:"subject"`
	Right      string         `json:"right" enum:"none,read,write,admin"`
	Role       string         `json:"role"`
	Level      string         `json:"level,omitempty" enum:"user,role,tenant,customer"`
	Groups     []string       `json:"groups,omitempty" doc:"Permission groups in the whole tenant, whether they give something here or not"`
	Off        bool           `json:"off,omitempty" doc:"May do nothing until that changes"`
	OffBecause string         `json:"off_because,omitempty" enum:"disabled,invited,ended" doc:"The account is disabled, no password was set yet, or the token has ended"`
	Reasons    []AccessReason `json:"reasons"`
}

// AccessTo says who may do what with an object.
type AccessTo struct {
	Target AccessTarget `json:"target"`
	// Inherits are what else leads to it.
	Inherits []AccessTarget `json:"inherits"`
	Entries  []AccessEntry  `json:"entries"`
	Grants   []Grant        `json:"grants" doc:"Those on the object itself"`
	MayGrant bool           `json:"may_grant" doc:"The caller may grant and revoke here"`
}

// AccessExplained says why somebody can, or cannot, see an object.
type AccessExplained struct {
	Target   AccessTarget   `json:"target"`
	Entry    AccessEntry    `json:"entry"`
	Inherits []AccessTarget `json:"inherits"`
	Found    string         `json:"found" doc:"For people"`
	Advice   string         `json:"advice,omitempty"`
}
