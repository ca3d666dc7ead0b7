package rest

// OptionList is what forms offer for a field. It guides and does not bind.
type OptionList struct {
	Name   string   `json:"name" example:"environment"`
	Label  string   `json:"label"`
	Fields []string `json:"fields" doc:"Pointers, after the kind if it is for one only: application/attributes/language"`
	Values []string `json:"values"`
	// Changed says that an administrator changed it.
	Changed bool `json:"changed"`
}

// OptionListWrite are the values that it offers from now on; none brings the first ones back.
type OptionListWrite struct {
	Values []string `json:"values" maxItems:"1000"`
}
