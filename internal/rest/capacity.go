package rest

// Capacity is what a datacenter's active resources of one sort hold together.
type Capacity struct {
	Kind        string `json:"kind"`
	Type        string `json:"type,omitempty" doc:"Tells sorts of one kind apart, such as physical and virtual servers; absent where none is said"`
	Count       int    `json:"count" doc:"How many there are"`
	CPUCount    int64  `json:"cpu_count,omitempty" doc:"Of those that say how many they have"`
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	SizeBytes   int64  `json:"size_bytes,omitempty"`
}
