package rest

// AccountMove asks to have an account, a datacenter or a connection, serve another client.
type AccountMove struct {
	Client     string   `json:"client,omitempty" maxLength:"200" doc:"Id of the client that it is to serve; absent: nobody in particular"`
	KeepGrants bool     `json:"keep_grants,omitempty" doc:"Leave all grants on the account itself, and on what is in it, as they are"`
	Keep       []string `json:"keep,omitempty" maxItems:"1000" doc:"Ids of grants to leave; the others are taken away"`
	DryRun     bool     `json:"dry_run,omitempty" doc:"Say what would be done, and do nothing"`
	Reason     string   `json:"reason,omitempty" maxLength:"1000" doc:"For the audit log"`
}

// AccountMoved is what a move did, or would do.
type AccountMoved struct {
	Account     AccessTarget      `json:"account"`
	Version     int64             `json:"version" doc:"Of the datacenter or connection, afterwards"`
	DryRun      bool              `json:"dry_run,omitempty"`
	From        *Ref              `json:"from,omitempty" doc:"Absent: nobody in particular"`
	To          *Ref              `json:"to,omitempty" doc:"Absent: nobody in particular"`
	Resources   int               `json:"resources" doc:"Not gone, in a datacenter; or seen by a connection"`
	More        bool              `json:"more,omitempty" doc:"There are more resources than this: it was counted up to 10,000"`
	Connections []Ref             `json:"connections" doc:"Move with their datacenter"`
	Loses       []AccessShift     `json:"loses" doc:"Who may do less with the account afterwards"`
	Gains       []AccessShift     `json:"gains" doc:"Who may do more with it"`
	Shifts      int               `json:"shifts" doc:"How many people and tokens lose or gain; the lists are cut at 500"`
	Grants      []AccountGrant    `json:"grants" doc:"On the account itself or on something in it, of those to whom nothing is granted on the new client, neither to them nor to a team of theirs"`
	Systems     []RemainingSystem `json:"systems" doc:"Systems of the old client that have parts in the account: its people keep seeing these parts"`
}

// AccessShift is somebody whose right changes.
type AccessShift struct {
	Subject AccessSubject `json:"subject"`
	Before  string        `json:"before" enum:"none,read,write,admin"`
	After   string        `json:"after" enum:"none,read,write,admin"`
}

// AccountGrant is a grant that a move takes away, unless it is kept.
type AccountGrant struct {
	Grant
	Kept bool `json:"kept" doc:"It stays"`
}

// RemainingSystem is a system with so many parts in an account.
type RemainingSystem struct {
	Ref
	Parts int `json:"parts"`
}
