package schema

import (
	"slices"
	"strings"
)

// Values that manufacturers, drivers and images give to many machines. One of them as an identifier would make one resource
// of all machines that have it, so they name nothing. They are compared as the type spells its values.

// junkSerials are written where a serial number or an asset tag was never set, in lower case and without final dots.
func junkSerials() []string {
	return []string{
		"none", "n/a", "na", "null", "nil", "unknown", "undefined", "invalid", "empty", "default", "oem", "o.e.m", "filled",
		"default string", "not specified", "not applicable", "not available", "not set", "not settable", "not present", "no enclosure",
		"to be filled by o.e.m", "to be filled by oem", "to be filled", "system serial number", "serial number", "serial", "sernum",
		"chassis serial number", "chassis serial", "base board serial number", "board serial number", "system product name", "system version",
		"no asset tag", "no asset information", "no serial number", "asset tag", "asset-1234567890", "123456789", "0123456789", "1234567890",
		"012345678", "0123456789abcdef", "1234567", "12345678", "sn", "s/n", "vmware", "virtual machine", "kvm", "qemu", "xen",
	}
}

// junkUUIDs are those that whole product lines were shipped with.
func junkUUIDs() []string {
	return []string{
		"01234567-89ab-cdef-0123-456789abcdef", "03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
		"12345678-1234-5678-90ab-cddeefaabbcc", "12345678-1234-1234-1234-123456789abc", "12345678-1234-5678-1234-567812345678",
		"fefefefe-fefe-fefe-fefe-fefefefefefe", "ffffff00-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000001",
	}
}

// junkMachineIDs were left in published images.
func junkMachineIDs() []string {
	return []string{"00000000000000000000000000000001", "0123456789abcdef0123456789abcdef", "deadbeefdeadbeefdeadbeefdeadbeef"}
}

// junkMACs are hardware addresses that software gives to its adapter on every machine.
func junkMACs() []string {
	return []string{
		"00:00:00:00:00:01", "00:05:9a:3c:7a:00", "00:05:9a:3c:78:00", "00:09:0f:fe:00:01", "00:09:0f:aa:00:01", "00:1c:42:00:00:08", "00:1c:42:00:00:09",
		"00:50:56:c0:00:01", "00:50:56:c0:00:08", "00:53:45:00:00:00", "00:ff:aa:bb:cc:dd", "02:00:00:00:00:00", "02:00:4c:4f:4f:50",
		"02:05:85:7f:eb:80", "02:50:41:00:00:01", "02:50:f2:00:00:01", "0a:00:27:00:00:00", "12:34:56:78:9a:bc", "20:41:53:59:4e:ff", "52:54:00:12:34:56",
		"50:50:54:50:30:30", "7a:79:00:00:00:00", "de:ad:be:ef:00:00", "de:ad:be:ef:00:01", "fe:ff:ff:ff:ff:ff",
	}
}

// junkMACPrefixes are of adapters that software makes and counts from one on every machine.
func junkMACPrefixes() []string { return []string{"02:42:ac:11:", "ee:ee:ee:ee:ee:"} }

// junk says whether a value in its type's one spelling is given to many things and so names none.
func junk(typ, value string) bool {
	switch typ {
	case "serial", "asset_tag":
		plain := strings.ToLower(strings.Trim(value, ". "))
		// 0000, xxxx, ....: one character over and over.
		return plain == "" || slices.Contains(junkSerials(), plain) || strings.Trim(value, value[:1]+"-: ") == ""
	case "bios_uuid", "instance_uuid":
		return slices.Contains(junkUUIDs(), value)
	case "machine_id":
		return slices.Contains(junkMachineIDs(), value)
	case "mac":
		return slices.Contains(junkMACs(), value) || slices.ContainsFunc(junkMACPrefixes(), func(p string) bool { return strings.HasPrefix(value, p) })
	}
	return false
}
