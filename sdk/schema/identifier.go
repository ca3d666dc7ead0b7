package schema

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// IdentifierType is a kind of value that names a thing beyond one connection.
type IdentifierType struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Help  string `json:"help"`
	// One says that a thing has one value of the type at a time: two things with different ones are two, whatever else they have
	// in common.
	One bool `json:"one,omitempty"`

	normalize func(string) (string, bool)
}

// IdentifierTypes is the registry, sorted by name. A plugin may use types of its own, "<provider>.<type>".
func IdentifierTypes() []IdentifierType {
	return []IdentifierType{
		{"asset_tag", "Asset tag", "The number that the owner put on it.", false, normalizeSerial},
		{"bios_uuid", "BIOS UUID", "The system UUID in SMBIOS; clones may share it.", true, normalizeUUID},
		{"fqdn", "Domain name", "A fully qualified host name.", false, normalizeFQDN},
		{"instance_id", "Instance id", "The name of the instance in its cloud's API.", true, normalizePlain},
		{"instance_uuid", "Instance UUID", "The UUID by which its manager knows it, unique for each instance.", true, normalizeUUID},
		{"iqn", "iSCSI name", "iqn., eui. or naa. name of an iSCSI node.", false, normalizeIQN},
		{"mac", "MAC address", "The hardware address of a port that belongs to it.", false, normalizeMAC},
		{"machine_id", "Machine id", "systemd's /etc/machine-id, Windows' MachineGuid.", true, normalizeMachineID},
		{"naa", "NAA id", "The NAA name of a disk.", false, normalizeHex("naa.", 16, 32)},
		{"serial", "Serial number", "The manufacturer's serial number.", true, normalizeSerial},
		{"wwn", "World wide name", "Of a Fibre Channel port or a disk.", false, normalizeHex("0x", 16, 32)},
	}
}

// SingleIdentifier says whether a thing has one value of the type at a time.
func SingleIdentifier(typ string) bool {
	return slices.ContainsFunc(IdentifierTypes(), func(t IdentifierType) bool { return t.Name == typ && t.One })
}

// SwapUUID is a UUID with the bytes of its first three parts in the other order, as SMBIOS before 2.6 and Windows write them; ""
// for what is none.
func SwapUUID(s string) string {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' {
		return ""
	}
	return s[6:8] + s[4:6] + s[2:4] + s[0:2] + "-" + s[11:13] + s[9:11] + "-" + s[16:18] + s[14:16] + s[18:]
}

var pluginIdentifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$`)

// KnownIdentifier says whether a type is in the registry, or named as a plugin's own.
func KnownIdentifier(typ string) bool {
	return pluginIdentifier.MatchString(typ) ||
		slices.ContainsFunc(IdentifierTypes(), func(t IdentifierType) bool { return t.Name == typ })
}

// NormalizeIdentifier brings a value into the one spelling by which it is compared. It is false for values
// that name nothing (empty, all zero, a manufacturer's placeholder, what software gives to every machine) or have the
// wrong form, and for types that are neither in the registry nor a plugin's own.
func NormalizeIdentifier(typ, value string) (string, bool) {
	if len(value) > 2048 || strings.ContainsFunc(value, unicode.IsControl) {
		return "", false
	}
	for _, t := range IdentifierTypes() {
		if t.Name == typ {
			out, ok := t.normalize(value)
			return out, ok && !junk(typ, out)
		}
	}
	if pluginIdentifier.MatchString(typ) {
		return normalizePlain(value)
	}
	return "", false
}

func normalizePlain(s string) (string, bool) {
	s = strings.TrimSpace(s)
	return s, s != ""
}

// normalizeSerial keeps the case, which is the manufacturer's.
func normalizeSerial(s string) (string, bool) {
	s = strings.Join(strings.Fields(s), " ")
	return s, s != ""
}

// hexOf is s in lower case without separators, if it is hexadecimal.
func hexOf(s, separators string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte(separators, c) >= 0:
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			out = append(out, c)
		default:
			return "", false
		}
	}
	return string(out), len(out) > 0
}

func uniform(hex string) bool { return strings.Trim(hex, "0") == "" || strings.Trim(hex, "f") == "" }

func normalizeUUID(s string) (string, bool) {
	h, ok := hexOf(strings.TrimPrefix(strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}")), "urn:uuid:"), "- ")
	if !ok || len(h) != 32 || uniform(h) {
		return "", false
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], true
}

func normalizeMachineID(s string) (string, bool) {
	h, ok := hexOf(strings.Trim(strings.TrimSpace(s), "{}"), "-")
	return h, ok && len(h) == 32 && !uniform(h)
}

func normalizeMAC(s string) (string, bool) {
	h, ok := hexOf(s, ":-. ")
	if !ok || len(h) != 12 || uniform(h) {
		return "", false
	}
	// A set group bit is an address that no single port has.
	if strings.IndexByte("13579bdf", h[1]) >= 0 {
		return "", false
	}
	parts := make([]string, 6)
	for i := range parts {
		parts[i] = h[2*i : 2*i+2]
	}
	return strings.Join(parts, ":"), true
}

func normalizeFQDN(s string) (string, bool) {
	s = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".")
	if len(s) > 253 || !strings.Contains(s, ".") {
		return "", false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "", false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}) {
			return "", false
		}
	}
	for _, local := range []string{"localhost.", "localhost4.", "localhost6."} {
		if strings.HasPrefix(s, local) {
			return "", false
		}
	}
	return s, !strings.HasSuffix(s, ".localhost") && !strings.HasSuffix(s, ".localdomain")
}

func normalizeIQN(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, strings.HasPrefix(s, "iqn.") || strings.HasPrefix(s, "eui.") || strings.HasPrefix(s, "naa.")
}

func normalizeHex(prefix string, lengths ...int) func(string) (string, bool) {
	return func(s string) (string, bool) {
		s = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), prefix)
		h, ok := hexOf(s, ":-")
		return h, ok && slices.Contains(lengths, len(h)) && !uniform(h)
	}
}
