// Package ansible makes an Ansible inventory of servers. What the inventory knows of a machine was partly said by the machine, or
// by whoever may tag it, and Ansible evaluates variables as templates on the machine that controls all others: so every text that
// could be one is marked as unsafe, names are made harmless, and an address is only taken for one if it is one.
package ansible

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/internal/rest"
)

// Host is a server with what is read of it from elsewhere.
type Host struct {
	rest.Resource
	Systems        []string
	SecurityGroups []string
}

// Address says which of a server's addresses Ansible connects to.
type Address string

// What a server may be reached at.
const (
	Primary Address = "primary"
	Public  Address = "public"
	Name    Address = "name"
)

// Inventory is what Ansible is given.
type Inventory struct {
	// Groups with the names of their hosts, sorted.
	Groups map[string][]string
	// Hosts with their variables.
	Hosts map[string]map[string]any
}

// New names and groups the hosts.
func New(hosts []Host, address Address) *Inventory {
	inv := &Inventory{Groups: map[string][]string{}, Hosts: map[string]map[string]any{}}
	slices.SortFunc(hosts, func(a, b Host) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	count := map[string]int{}
	for _, h := range hosts {
		count[HostName(h.Name)]++
	}
	for _, h := range hosts {
		name := HostName(h.Name)
		if count[name] > 1 || name == "" {
			name = strings.TrimPrefix(name+"_"+short(h.ID), "_") // the same name again: the id tells them apart
		}
		inv.Hosts[name] = variables(h, address)
		for _, g := range groups(h) {
			if members := inv.Groups[g]; len(members) == 0 || members[len(members)-1] != name {
				inv.Groups[g] = append(members, name)
			}
		}
	}
	for _, members := range inv.Groups {
		slices.Sort(members)
	}
	return inv
}

func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:6]
}

var (
	notInHost  = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
	notInGroup = regexp.MustCompile(`[^A-Za-z0-9_]+`)
	dnsName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`)
)

// HostName is a resource's name as a host's: no pattern, no range, no option of a command.
func HostName(name string) string {
	clean := strings.Trim(notInHost.ReplaceAllString(name, "_"), "._-")
	if len(clean) > 200 {
		clean = clean[:200]
	}
	return marked(name, clean, notInHost)
}

// GroupName is the name of a family's group, as Ansible wants groups to be named.
func GroupName(family string, parts ...string) string {
	out := family
	for _, p := range parts {
		clean := strings.Trim(notInGroup.ReplaceAllString(strings.ToLower(p), "_"), "_")
		if len(clean) > 100 {
			clean = clean[:100] + "_" + short(p)
		}
		out += "_" + marked(p, clean, notInGroup)
	}
	return out
}

// marked tells names apart of which letters were lost: those of another script than Latin.
func marked(name, clean string, lost *regexp.Regexp) string {
	for _, part := range lost.FindAllString(name, -1) {
		for _, r := range part {
			if r > 0x7f {
				return strings.TrimPrefix(clean+"_"+short(name), "_")
			}
		}
	}
	if clean == "" {
		return short(name)
	}
	return clean
}

func groups(h Host) []string {
	set := map[string]bool{}
	add := func(family string, parts ...string) {
		if !slices.Contains(parts, "") {
			set[GroupName(family, parts...)] = true
		}
	}
	if h.Datacenter != nil {
		add("datacenter", h.Datacenter.Name)
	}
	add("region", h.Region)
	add("environment", h.Common.Environment)
	os, _ := h.Attributes["os"].(map[string]any)
	for _, k := range []string{"family", "name"} {
		text, _ := os[k].(string)
		add("os", text)
	}
	for _, t := range h.Tags {
		if t.Value == "" {
			add("tag", t.Key)
			continue
		}
		add("tag", t.Key, t.Value)
	}
	for _, s := range h.Systems {
		add("system", s)
	}
	for _, s := range h.SecurityGroups {
		add("security_group", s)
	}
	return slices.Sorted(maps.Keys(set))
}

// variables are those of one host. All of Maestro's own begin with maestro_.
func variables(h Host, address Address) map[string]any {
	v := map[string]any{
		"maestro_id": h.ID, "maestro_name": h.Name, "maestro_state": h.State, "maestro_attributes": plain(h.Attributes),
	}
	if at := reach(h, address); at != "" {
		v["ansible_host"] = at
	}
	set := func(name, value string) {
		if value != "" {
			v[name] = value
		}
	}
	if h.Datacenter != nil {
		set("maestro_datacenter", h.Datacenter.Name)
	}
	set("maestro_region", h.Region)
	set("maestro_zone", h.Zone)
	set("maestro_environment", h.Common.Environment)
	set("maestro_owner", h.Common.Owner.Name)
	set("maestro_client", h.Common.Client)
	tags := map[string]any{}
	for _, t := range h.Tags {
		tags[t.Key] = t.Value
	}
	v["maestro_tags"] = plain(tags)
	if len(h.Systems) > 0 {
		v["maestro_systems"] = sorted(h.Systems)
	}
	if len(h.SecurityGroups) > 0 {
		v["maestro_security_groups"] = sorted(h.SecurityGroups)
	}
	return v
}

// sorted names each once: a server can be part of a system in several ways.
func sorted(texts []string) []any {
	var out []any
	for _, t := range slices.Compact(slices.Sorted(slices.Values(texts))) {
		out = append(out, t)
	}
	return out
}

// reach is what to connect to; "" when nothing fit is known, and then the host's name is tried.
func reach(h Host, address Address) string {
	text := func(name string) string { s, _ := h.Attributes[name].(string); return s }
	addresses, _ := h.Attributes["ip_addresses"].([]any)
	names, _ := h.Attributes["dns_names"].([]any)
	candidates := []string{text("primary_ip"), text("public_ip")}
	switch address {
	case Public:
		candidates = []string{text("public_ip")}
	case Name:
		candidates = nil
	case Primary:
		for _, a := range addresses {
			s, _ := a.(string)
			candidates = append(candidates, s)
		}
	}
	for _, c := range candidates {
		if a, err := netip.ParseAddr(c); err == nil && a.Zone() == "" && !a.IsLinkLocalUnicast() && !a.IsUnspecified() {
			return a.String()
		}
	}
	if address == Public {
		return ""
	}
	for _, n := range append(names, text("hostname")) {
		if s, _ := n.(string); dnsName.MatchString(s) && len(s) < 254 {
			return s
		}
	}
	return ""
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.:/@ +-]{1,200}$`)

// plain leaves out keys that are more than names to Ansible.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if plainKey.MatchString(k) && !strings.HasPrefix(k, "__ansible") {
				out[k] = plain(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	}
	return v
}

// template says whether Ansible would evaluate a text.
func template(s string) bool {
	return strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#")
}

// unsafe marks what could be evaluated, in the way that Ansible's reader of JSON knows.
func unsafe(v any) any {
	switch v := v.(type) {
	case string:
		if template(v) {
			return map[string]any{"__ansible_unsafe": v}
		}
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = unsafe(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = unsafe(e)
		}
		return out
	}
	return v
}

// Host is what a script answers to --host.
func (inv *Inventory) Host(name string) (any, bool) {
	v, ok := inv.Hosts[name]
	if !ok {
		return nil, false
	}
	return unsafe(v), true
}

// List is what a script answers to --list.
func (inv *Inventory) List() map[string]any {
	vars := map[string]any{}
	for name, v := range inv.Hosts {
		vars[name] = unsafe(v)
	}
	out := map[string]any{
		"_meta": map[string]any{"hostvars": vars},
		"all":   map[string]any{"hosts": slices.Sorted(maps.Keys(inv.Hosts)), "children": slices.Sorted(maps.Keys(inv.Groups))},
	}
	for g, members := range inv.Groups {
		out[g] = map[string]any{"hosts": members}
	}
	return out
}

// Static is the inventory as a file in JSON.
func (inv *Inventory) Static() map[string]any {
	hosts, children := map[string]any{}, map[string]any{}
	for name, v := range inv.Hosts {
		hosts[name] = unsafe(v)
	}
	for g, members := range inv.Groups {
		in := map[string]any{}
		for _, m := range members {
			in[m] = map[string]any{}
		}
		children[g] = map[string]any{"hosts": in}
	}
	return map[string]any{"all": map[string]any{"hosts": hosts, "children": children}}
}

// INI is the inventory as a file in INI. There text cannot be marked as unsafe, so what Ansible would evaluate is broken up.
func (inv *Inventory) INI() string {
	var b strings.Builder
	b.WriteString("# Made by `maestro ansible-inventory`.\n")
	for _, name := range slices.Sorted(maps.Keys(inv.Hosts)) {
		b.WriteString(name)
		vars := inv.Hosts[name]
		for _, k := range slices.Sorted(maps.Keys(vars)) {
			fmt.Fprintf(&b, " %s=%s", k, quoteINI(literal(vars[k])))
		}
		b.WriteByte('\n')
	}
	for _, g := range slices.Sorted(maps.Keys(inv.Groups)) {
		fmt.Fprintf(&b, "\n[%s]\n%s\n", g, strings.Join(inv.Groups[g], "\n"))
	}
	return b.String()
}

// quoteINI is one word for the shell-like reader of INI files.
func quoteINI(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// literal is a value as Python writes it, which is how Ansible reads values in INI. All but ASCII is escaped.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return literalText(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = literal(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, literalText(k)+": "+literal(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + " }" // two that close side by side would end a template
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return literalText(fmt.Sprint(v))
}

func literalText(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	opened := false
	for _, r := range s {
		if opened && strings.ContainsRune("{%#", r) {
			b.WriteByte(' ')
		}
		opened = r == '{'
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20 || r > 0x7e && r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r >= 0x10000:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
