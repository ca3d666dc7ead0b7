package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestNormalizeIdentifier(t *testing.T) {
	for _, c := range []struct{ typ, in, out string }{
		{"mac", "00-50-56-AB-CD-EF", "00:50:56:ab:cd:ef"},
		{"mac", "0050.56ab.cdef", "00:50:56:ab:cd:ef"},
		{"mac", "00:00:00:00:00:00", ""},
		{"mac", "ff:ff:ff:ff:ff:ff", ""},
		{"mac", "01:00:5e:00:00:01", ""}, // multicast
		{"mac", "00:50:56", ""},
		{"bios_uuid", "4210F2A4-0001-0002-0003-000400050006", "4210f2a4-0001-0002-0003-000400050006"},
		{"bios_uuid", "{4210F2A4000100020003000400050006}", "4210f2a4-0001-0002-0003-000400050006"},
		{"bios_uuid", "00000000-0000-0000-0000-000000000000", ""},
		{"bios_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", ""},
		{"bios_uuid", "03000200-0400-0500-0006-000700080009", ""},
		{"bios_uuid", "Not Settable", ""},
		{"instance_uuid", "urn:uuid:4210f2a4-0001-0002-0003-000400050006", "4210f2a4-0001-0002-0003-000400050006"},
		{"machine_id", "B08DFA6083E7567A1921A715000001FB", "b08dfa6083e7567a1921a715000001fb"},
		{"machine_id", "", ""},
		{"serial", "  CZJ1234  5678 ", "CZJ1234 5678"},
		{"serial", "To Be Filled By O.E.M.", ""},
		{"serial", "None", ""},
		{"serial", "0000000", ""},
		{"serial", "................", ""},
		{"serial", "", ""},
		{"serial", "Default string", ""},
		{"serial", "0123456789", ""},
		{"serial", "System Serial Number", ""},
		{"serial", "N/A", ""},
		{"asset_tag", "Asset-1234567890", ""},
		{"mac", "52:54:00:12:34:56", ""}, // QEMU gives it to every machine that is given none
		{"mac", "52-54-00-12-34-57", "52:54:00:12:34:57"},
		{"mac", "0242.ac11.0002", ""}, // what Docker counts from one on every machine
		{"mac", "02:00:4c:4f:4f:50", ""},
		{"instance_uuid", "00000000-0000-0000-0000-000000000000", ""},
		{"machine_id", "DEADBEEF-DEADBEEF-DEADBEEF-DEADBEEF", ""},
		{"fqdn", "Web-1.Example.ORG.", "web-1.example.org"},
		{"fqdn", "web-1", ""},
		{"fqdn", "10.0.0.1", ""},
		{"fqdn", "localhost.localdomain", ""},
		{"fqdn", "a..b", ""},
		{"fqdn", "a b.c", ""},
		{"wwn", "50:01:43:80:12:34:56:78", "5001438012345678"},
		{"naa", "naa.600508B4000971CA0000900000BD0000", "600508b4000971ca0000900000bd0000"},
		{"iqn", "IQN.1998-01.com.vmware:esx1", "iqn.1998-01.com.vmware:esx1"},
		{"instance_id", " i-0abc ", "i-0abc"},
		{"aws.arn", "arn:aws:x", "arn:aws:x"},
		{"aws.arn", "arn\n", ""},
		{"address", "10.0.0.1", ""}, // an address names nothing on its own
		{"AWS.arn", "x", ""},
		{"serial", strings.Repeat("x", 3000), ""},
	} {
		got, ok := NormalizeIdentifier(c.typ, c.in)
		if !ok {
			got = ""
		}
		if got != c.out || ok != (c.out != "") {
			t.Errorf("%s %q: %q %v, want %q", c.typ, c.in, got, ok, c.out)
		}
		if again, ok := NormalizeIdentifier(c.typ, got); got != "" && (!ok || again != got) {
			t.Errorf("%s %q is no fixed point: %q", c.typ, got, again)
		}
	}
	if !slices.IsSortedFunc(IdentifierTypes(), func(a, b IdentifierType) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the registry is not sorted")
	}
}
