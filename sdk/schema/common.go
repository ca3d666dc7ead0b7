package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Common is the block of fields that a resource of any kind has beside its attributes. People, imports and
// rules fill it; discovery does not.
type Common struct {
	Owner        Owner     `json:"owner,omitzero" group:"Responsibility"`
	Client       string    `json:"client,omitempty" label:"Client" group:"Responsibility" maestro:"column,indexed,searchable" help:"Whom it serves."`
	Environment  string    `json:"environment,omitempty" label:"Environment" group:"Responsibility" maestro:"column,indexed,searchable" example:"production"`
	Criticality  string    `json:"criticality,omitempty" label:"Criticality" group:"Responsibility" enum:"low,medium,high,critical" maestro:"indexed"`
	CostCenter   string    `json:"cost_center,omitempty" label:"Cost center" group:"Cost" maestro:"indexed,searchable"`
	MonthlyCost  Cost      `json:"monthly_cost,omitzero" group:"Cost"`
	Lifecycle    string    `json:"lifecycle,omitempty" label:"Lifecycle" group:"Lifecycle" enum:"planned,in_service,retiring,retired" maestro:"indexed"`
	EndOfSupport time.Time `json:"end_of_support_at,omitzero" label:"End of support" group:"Lifecycle" maestro:"indexed"`
	Warranty     time.Time `json:"warranty_until,omitzero" label:"Warranty until" group:"Lifecycle" maestro:"indexed"`
	Links        []Link    `json:"links,omitempty" label:"Links" group:"Notes" key:"url"`
	Notes        string    `json:"notes,omitempty" label:"Notes" group:"Notes" maestro:"searchable"`
}

// Owner is who answers for a resource.
type Owner struct {
	Type string `json:"type,omitempty" label:"Owner type" enum:"person,team"`
	Name string `json:"name,omitempty" label:"Owner" maestro:"column,indexed,searchable"`
}

// Cost is what a resource costs in a month.
type Cost struct {
	Amount   float64   `json:"amount,omitempty" label:"Monthly cost" maestro:"indexed"`
	Currency string    `json:"currency,omitempty" label:"Currency" example:"EUR" help:"ISO 4217."`
	Source   string    `json:"source,omitempty" label:"Cost source"`
	At       time.Time `json:"at,omitzero" label:"Cost as of"`
}

// Link leads to more about a resource.
type Link struct {
	Label string `json:"label,omitempty" label:"Label"`
	URL   string `json:"url" label:"Address" format:"uri"`
}

// common is made like the built-in kinds; see builtin.
var common = sync.OnceValue(func() *node {
	d, err := documentOf(reflect.TypeFor[Common]())
	if err == nil {
		b := builder{doc: d}
		var n *node
		if n, err = b.node(d, "", 0); err == nil {
			return n
		}
	}
	panic("common block: " + err.Error())
})

// CommonFields are the leaves of the block that every resource has, whatever its kind. Their paths are
// relative to it ("owner.name") and their pointers to the resource ("/common/owner/name").
func CommonFields() []Field { return common().leaves("/common") }

// CommonField finds a leaf of the common block by its path: "owner.name".
func CommonField(path string) (*Field, bool) {
	fields := CommonFields()
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Path == path }); i >= 0 {
		return &fields[i], true
	}
	return nil, false
}

// CommonSchema is the JSON Schema of the common block.
func CommonSchema() json.RawMessage {
	d, err := documentOf(reflect.TypeFor[Common]())
	if err == nil {
		d.Schema = draft
		var text []byte
		if text, err = marshalCanonical(d); err == nil {
			return text
		}
	}
	panic("common block: " + err.Error())
}

// ValidateCommon is Kind.Validate for the common block.
func ValidateCommon(block []byte) (clean []byte, warnings []string, err error) {
	return validate(common(), "/common", block)
}
