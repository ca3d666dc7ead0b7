package rest

// RoutingDomain is what addresses are unique in: a datacenter by itself, several that share a domain's name, or what a
// connection without a datacenter sees.
type RoutingDomain struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Datacenters []Ref  `json:"datacenters,omitempty"`
	Connections []Ref  `json:"connections,omitempty" doc:"Whose resources are in no datacenter"`
}

// Prefix is a range of addresses in a routing domain, that networks, subnets or prefixes say they are.
type Prefix struct {
	ID     string `json:"id"`
	Domain Ref    `json:"domain"`
	Prefix string `json:"prefix" example:"10.1.0.0/24"`
	// Key orders ranges as a tree: each before those within it.
	Key       string `json:"key"`
	Depth     int    `json:"depth" doc:"How many ranges are around it"`
	Parent    string `json:"parent,omitempty" doc:"The nearest range around it"`
	Children  int    `json:"children"`
	Resources []Ref  `json:"resources"`
	Duplicate bool   `json:"duplicate" doc:"Two resources of one kind are this range"`
	Overlaps  []Ref  `json:"overlaps,omitempty" doc:"Other networks, or subnets, around one of the same kind"`
	// Figures count addresses; beyond 2^53 they are rounded.
	Size      float64 `json:"size"`
	Allocated float64 `json:"allocated" doc:"In ranges within"`
	Used      float64 `json:"used" doc:"That some resource has, here or in ranges within"`
	Free      float64 `json:"free" doc:"In no range within and had by nobody"`
	// UsedIsLowerBound: there are more addresses than were counted.
	UsedIsLowerBound bool `json:"used_is_lower_bound,omitempty"`
}

// PrefixDetail is a range with what is around it and within.
type PrefixDetail struct {
	Prefix
	Around []Prefix `json:"around" doc:"The widest first"`
	Within []Prefix `json:"within"`
	// FreeBlocks are the widest blocks that are free.
	FreeBlocks     []string `json:"free_blocks"`
	MoreFreeBlocks bool     `json:"more_free_blocks,omitempty"`
}

// PrefixAddress is an address in a range, with the resources that have it.
type PrefixAddress struct {
	Address   string `json:"address"`
	Key       string `json:"key" doc:"Orders addresses"`
	Resources []Ref  `json:"resources"`
	Duplicate bool   `json:"duplicate" doc:"Two resources of one kind have it"`
}
