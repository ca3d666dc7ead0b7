package cli

import (
	"slices"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

func TestAMoveNamesWhoAndWhatItIsAbout(t *testing.T) {
	anna := rest.AccessSubject{Type: "user", ID: "anna", Name: "anna"}
	target := rest.AccessTarget{Kind: "server", ID: "1", Name: "web"}
	moved := rest.AccountMoved{DryRun: true, Account: rest.AccessTarget{Kind: "datacenter", ID: "d", Name: "Frankfurt"}, To: &rest.Ref{ID: "b", Name: "Globex"}, Resources: 10_000, More: true,
		Connections: []rest.Ref{{ID: "c", Name: "vcenter"}}, Loses: []rest.AccessShift{{Subject: anna, Before: "write", After: "none"}}, Shifts: 3,
		Grants:  []rest.AccountGrant{{Grant: rest.Grant{ID: "g1", Subject: anna, Right: "read", Target: target}}, {Grant: rest.Grant{ID: "g2", Subject: anna, Right: "read", Target: target}, Kept: true}},
		Systems: []rest.RemainingSystem{{Ref: rest.Ref{ID: "s", Name: "shop"}, Parts: 2}}}
	got := movedTable(moved)
	want := []string{"serves|Frankfurt|nobody in particular|Globex", "connection|vcenter||goes along", "loses|user:anna|write|none", "grant g1|user:anna on the server web|read|taken away",
		"grant g2|user:anna on the server web|read|kept", "system|shop||2 of its parts stay seen by nobody in particular"}
	var rows []string
	for _, r := range got.Rows {
		rows = append(rows, strings.Join(r, "|"))
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if got.Note != "Would move the datacenter Frankfurt with more than 10000 resources. 2 more people and tokens lose or gain." {
		t.Errorf("note %q", got.Note)
	}
}

// What is written in YAML is read as what is written in JSON, and neither takes members that there are not.
func TestDocumentsAreJSONOrYAML(t *testing.T) {
	for text, want := range map[string]string{
		`{"name": "rack", "label": "Rack"}`: "", "name: rack\nlabel: Rack\n": "", "# mine\nname: rack\nlabel: Rack\n": "",
		"name: rack\nlable: Rack\n": `no member "lable"`, "name: [\n": "read -", "rack": "read -",
	} {
		var w rest.CustomKindWrite
		err := (&app{env: Environment{In: strings.NewReader(text)}}).document("-", nil, &w)
		if want == "" && (err != nil || w.Name != "rack" || w.Label != "Rack") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %+v %v", text, w, err)
		}
	}
}
