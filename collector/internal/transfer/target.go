package transfer

import (
	"fmt"
	"strings"

	"maestro.internal/sdk/schema"
)

// what a column may be of.
type what int

const (
	ofField what = iota // a pointer of the resource with a value of its own
	ofID
	ofDatacenter
	ofTags
	ofTag
	ofIdentifier
	ofRelation
	ofNothing // shown by exports and no input
)

// target is what a column's values go to.
type target struct {
	what    what
	name    string // in the filter language
	pointer string
	field   *schema.Field // of a kind's or the common block's leaf
	key     string        // tag, type of identifier
	alias   schema.RelationAlias
}

// shownOnly are columns of exports that say what a person cannot set.
var shownOnly = map[string]bool{"kind": true, "state": true, "state_since": true, "created_at": true, "updated_at": true, "last_seen": true,
	"version": true, "major": true, "connections": true, "provenance": true, "observations": true}

// targetOf finds what a name means for a kind.
func targetOf(k *schema.Kind, name string) (target, bool) {
	plain := strings.TrimSpace(name)
	switch lower := strings.ToLower(strings.ReplaceAll(plain, " ", "_")); lower {
	case "id":
		return target{what: ofID, name: lower}, true
	case "name", "region", "zone", "console_url":
		return target{what: ofField, name: lower, pointer: "/" + lower}, true
	case "datacenter", "datacenter.name":
		return target{what: ofDatacenter, name: "datacenter", pointer: "/datacenter"}, true
	case "datacenter.id":
		return target{what: ofNothing, name: lower}, true
	case "tags":
		return target{what: ofTags, name: lower}, true
	default:
		if shownOnly[lower] {
			return target{what: ofNothing, name: lower}, true
		}
	}
	if key, ok := strings.CutPrefix(plain, "tags."); ok && key != "" {
		return target{what: ofTag, name: plain, key: key, pointer: "/tags/" + escape(key)}, true
	}
	if typ, ok := strings.CutPrefix(plain, "identifiers."); ok && typ != "" {
		return target{what: ofIdentifier, name: plain, key: typ}, true
	}
	if alias, ok := strings.CutPrefix(plain, "relations."); ok {
		for _, r := range k.Relations {
			if r.Alias == alias {
				return target{what: ofRelation, name: plain, alias: r}, true
			}
		}
		return target{}, false
	}
	lower := strings.ToLower(plain)
	if path, ok := strings.CutPrefix(lower, "common."); ok {
		return commonTarget(path)
	}
	if f, ok := k.Field(strings.TrimPrefix(lower, "attributes.")); ok {
		return target{what: ofField, name: "attributes." + f.Path, pointer: f.Pointer, field: f}, true
	}
	if strings.HasPrefix(lower, "attributes.") {
		return target{}, false
	}
	return commonTarget(lower)
}

func commonTarget(path string) (target, bool) {
	f, ok := schema.CommonField(path)
	if !ok {
		return target{}, false
	}
	return target{what: ofField, name: "common." + f.Path, pointer: f.Pointer, field: f}, true
}

func escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// readable says why a column cannot be imported; "" when it can.
func (t target) readable() string {
	if t.field == nil {
		return ""
	}
	switch {
	case t.field.Sensitive:
		return "is sensitive and comes from discovery only"
	case t.field.Volatile:
		return "changes all the time and cannot be set"
	}
	return ""
}

// names are what a column of the kind may be called, for suggestions.
func names(k *schema.Kind) []string {
	out := []string{"id", "name", "region", "zone", "console_url", "datacenter", "tags"}
	for _, f := range k.Fields {
		out = append(out, f.Path)
	}
	for _, f := range schema.CommonFields() {
		out = append(out, f.Path)
	}
	for typ := range k.Ranks {
		out = append(out, "identifiers."+typ)
	}
	for _, r := range k.Relations {
		out = append(out, "relations."+r.Alias)
	}
	return out
}

// suggest is the name nearest to one that is not known, in words; "" when none is near.
func suggest(k *schema.Kind, name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	best, least := "", 4
	for _, n := range names(k) {
		if d := distance(name, n); d < least && d < len(n) {
			best, least = n, d
		}
		// "owner" is near to no field, and what owner.name begins with.
		if _, last, ok := cutLast(n); ok && (last == name || n == name+".name" || strings.HasPrefix(n, name+".") && least > 0) {
			best, least = n, 0
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func cutLast(n string) (string, string, bool) {
	i := strings.LastIndexByte(n, '.')
	if i < 0 {
		return "", "", false
	}
	return n[:i], n[i+1:], true
}

// distance counts the letters to insert, delete or exchange.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}
