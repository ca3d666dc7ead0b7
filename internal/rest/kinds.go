package rest

import "maestro.internal/sdk/schema"

// KindInfo is a kind with its standing at this collector.
type KindInfo struct {
	schema.Kind
	// Approval is approved or pending; built-in kinds are approved.
	Approval string `json:"approval" enum:"approved,pending"`
	BuiltIn  bool   `json:"built_in"`
	// FilterFields are the names a filter may use, with their types.
	FilterFields []FilterField `json:"filter_fields"`
	// CommonFields are the leaves of the block that every kind has; their pointers begin with /common.
	CommonFields []schema.Field `json:"common_fields"`
	// Extensions are the fields that plugins add to a built-in kind, at /attributes/<provider>.
	Extensions []KindExtension `json:"extensions,omitempty"`
	// CustomFields are those that an administrator gave it: at /attributes/custom/<name>, of a custom kind at
	// /attributes/<name>. They are among the kind's fields.
	CustomFields []CustomField `json:"custom_fields,omitempty"`
}

// CustomField is a field that an administrator defines.
type CustomField struct {
	Name       string   `json:"name" maxLength:"63" doc:"In lower_snake" example:"rack_unit"`
	Label      string   `json:"label,omitempty" maxLength:"100"`
	Help       string   `json:"help,omitempty" maxLength:"1000"`
	Type       string   `json:"type" enum:"text,integer,number,boolean,moment,address,choice,list" doc:"list is of texts; moment is a date and time"`
	Choices    []string `json:"choices,omitempty" maxItems:"500" doc:"Of type choice"`
	Unit       string   `json:"unit,omitempty" maxLength:"30" doc:"Of numbers"`
	Column     bool     `json:"column,omitempty" doc:"Shown in lists"`
	Indexed    bool     `json:"indexed,omitempty" doc:"Filters by it are fast; at most 8 of a kind"`
	Searchable bool     `json:"searchable,omitempty" doc:"Text search finds its words"`
	Sensitive  bool     `json:"sensitive,omitempty" doc:"Needs its own permission to read; never filtered or exported"`
}

// CustomFieldsWrite are all custom fields that a kind has from now on.
type CustomFieldsWrite struct {
	Fields []CustomField `json:"fields" maxItems:"100"`
}

// CustomKindWrite defines a kind without a plugin, or changes it.
type CustomKindWrite struct {
	Name        string         `json:"name" maxLength:"63" doc:"In lower_snake and without a prefix: rack makes the kind custom.rack" example:"rack"`
	Label       string         `json:"label" maxLength:"100" example:"Rack"`
	Plural      string         `json:"plural,omitempty" maxLength:"100" example:"Racks"`
	Group       string         `json:"group,omitempty" enum:"compute,storage,network,data,business,other" doc:"Its place in the navigation"`
	Icon        string         `json:"icon,omitempty" maxLength:"60"`
	Summary     string         `json:"summary,omitempty" maxLength:"500"`
	Fields      []CustomField  `json:"fields,omitempty" maxItems:"100"`
	Identifiers map[string]int `json:"identifiers,omitempty" doc:"Types of identifiers with their ranks, such as serial: 1"`
	// Relations are named as filters, columns of files and forms call them.
	Relations []CustomRelation `json:"relations,omitempty" maxItems:"20"`
}

// CustomRelation is what records of a custom kind are related to. The other kind has the way back under this kind's plural.
type CustomRelation struct {
	Alias     string `json:"alias" maxLength:"63" example:"servers"`
	Verb      string `json:"verb" maxLength:"63" example:"contains"`
	Direction string `json:"direction,omitempty" enum:"out,in" doc:"Absent: out, from this kind to the other"`
	Target    string `json:"target" maxLength:"200" doc:"The other kind" example:"server"`
}

// KindExtension is the fields that one provider's plugin adds to a built-in kind. They are among the kind's fields.
type KindExtension struct {
	Provider string `json:"provider"`
	// PluginVersion declared them.
	PluginVersion string `json:"plugin_version"`
	// Approval is approved or pending; what waits has no index, no column and is not searched.
	Approval string `json:"approval" enum:"approved,pending"`
}

// FilterField is a name of the filter language.
type FilterField struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Enum []string `json:"enum,omitempty"`
	Sort bool     `json:"sortable"`
}
