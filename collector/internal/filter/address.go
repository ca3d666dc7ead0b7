package filter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// AddressKey is an address or a range of addresses as a text whose order puts everything that lies in a range between the
// ends that AddressSpan gives: the family, the address in hexadecimal digits, the length of its prefix. False when the text
// is neither. An address written with the length of its network ("10.0.0.5/24") is the address.
func AddressKey(text string) (string, bool) {
	if strings.ContainsRune(text, '/') {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return "", false
		}
		if p = unmapped(p); p != p.Masked() {
			p = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		}
		return PrefixKey(p), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return "", false
	}
	a = a.Unmap().WithZone("")
	return PrefixKey(netip.PrefixFrom(a, a.BitLen())), true
}

// PrefixKey is like AddressKey for what is parsed already and holds no bits beyond its length.
func PrefixKey(p netip.Prefix) string {
	family := "6"
	if p.Addr().Is4() {
		family = "4"
	}
	return family + hex.EncodeToString(p.Addr().AsSlice()) + fmt.Sprintf("%02x", p.Bits())
}

// KeyPrefix undoes PrefixKey.
func KeyPrefix(key string) (netip.Prefix, bool) {
	if len(key) != 11 && len(key) != 35 {
		return netip.Prefix{}, false
	}
	raw, err := hex.DecodeString(key[1:])
	if err != nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(raw[:len(raw)-1])
	p := netip.PrefixFrom(a, int(raw[len(raw)-1]))
	return p, ok && p.IsValid()
}

// AddressSpan is where the keys of all addresses and ranges within p lie: of two that begin alike, the wider comes first.
func AddressSpan(p netip.Prefix) Span {
	last := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return Span{From: PrefixKey(p.Masked()), To: PrefixKey(netip.PrefixFrom(end, end.BitLen()))}
}

func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// ParsePrefix reads a range as people write it: with its length, or a single address. The error is an *Error.
func ParsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	given, err := netip.ParsePrefix(text)
	if err != nil {
		e := &Error{Message: fmt.Sprintf("%q is no range of addresses", text)}
		return given, e.expecting(`a range such as "10.0.0.0/8" or "2001:db8::/32"`)
	}
	if given = unmapped(given); given != given.Masked() {
		e := &Error{Message: fmt.Sprintf("%s has bits beyond its length of %d", text, given.Bits())}
		return given, e.suggesting(`"` + given.Masked().String() + `"`)
	}
	return given, nil
}

// prefix reads the second argument of cidr().
func (p *parser) prefix(v value) (netip.Prefix, error) {
	if v.star {
		return netip.Prefix{}, p.errorAt(v.at, "a range of addresses is written with its length").expecting(`a range such as "10.0.0.0/8"`)
	}
	given, err := ParsePrefix(v.text)
	var bad *Error
	if errors.As(err, &bad) {
		bad.Offset, bad.Rune = v.at, utf8.RuneCountInString(p.src[:v.at])
	}
	return given, err
}
