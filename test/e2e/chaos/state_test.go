//go:build e2e

package chaos

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"maestro.internal/internal/rest"
)

func (p *plant) resources() []rest.Resource {
	p.t.Helper()
	var out []rest.Resource
	for _, kind := range []string{"server", "volume", "network", "cluster", "storage_pool"} {
		out = append(out, all[rest.Resource](p.t, p.info, "/api/v1/resources/"+kind, url.Values{"filter": {`state = "active" OR state = "gone" OR state = "unwatched"`}})...)
	}
	return out
}

// naturalKey is what a thing is called at the vCenter.
func naturalKey(r rest.Resource) string {
	for _, i := range r.Identifiers {
		if i.Type == "vsphere.id" {
			return r.Kind + " " + i.Value
		}
	}
	return r.Kind + " " + r.Name
}

func (p *plant) inventory() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for _, r := range p.resources() {
		attributes, err := json.Marshal(r.Attributes)
		if err != nil {
			p.t.Fatal(err)
		}
		key := naturalKey(r)
		if out[key] != "" {
			p.t.Errorf("%s is there twice", key)
		}
		out[key] = fmt.Sprintf("%s %s %s/%s %s", r.Name, r.State, r.Region, r.Zone, attributes)
	}
	return out
}

// relations are what each thing is related to, in both directions.
func (p *plant) relations() map[string]string {
	p.t.Helper()
	resources := p.resources()
	keys := map[string]string{}
	for _, r := range resources {
		keys[r.ID] = naturalKey(r)
	}
	out := map[string]string{}
	edges := 0
	for _, r := range resources {
		var lines []string
		for _, x := range all[rest.RelatedResource](p.t, p.info, "/api/v1/resources/"+r.Kind+"/"+r.ID+"/relations", nil) {
			other := "nothing yet: " + x.Wanted
			if x.Resource != nil {
				edges++
				if other = keys[x.Resource.ID]; other == "" {
					p.t.Errorf("%s is related to %s, which is not in the inventory", naturalKey(r), x.Resource.ID)
				}
			}
			lines = append(lines, x.Direction+" "+x.Verb+" "+other+" "+x.Warning)
		}
		slices.Sort(lines)
		out[naturalKey(r)] = strings.Join(lines, "; ")
	}
	if edges == 0 {
		p.t.Error("nothing is related to anything")
	}
	return out
}

// history is each thing's changes in order, with the fields that changed.
func (p *plant) history() map[string]string {
	p.t.Helper()
	keys := map[string]string{}
	for _, r := range p.resources() {
		keys[r.ID] = naturalKey(r)
	}
	changes := all[rest.Change](p.t, p.info, "/api/v1/changes", nil)
	slices.SortFunc(changes, func(a, b rest.Change) int { return int(a.Version - b.Version) })
	out := map[string]string{}
	for _, c := range changes {
		var fields []string
		for _, d := range c.Diff {
			if c.Action == "updated" {
				fields = append(fields, d.Pointer)
			}
		}
		out[keys[c.ResourceID]] += fmt.Sprintf("%d %s %v; ", c.Version, c.Action, fields)
	}
	return out
}

// wasNeverRolledBack finds no entry that says that the store was restored from a backup: nobody did, and kill -9 loses nothing that was
// acknowledged.
func (p *plant) wasNeverRolledBack() {
	p.t.Helper()
	for _, e := range all[rest.AuditEntry](p.t, p.info, "/api/v1/audit", url.Values{"filter": {`action = "store.rolled_back"`}}) {
		p.t.Errorf("%s: the collector says that its store was rolled back: %+v", p.dir, e)
	}
	if len(all[rest.AuditEntry](p.t, p.info, "/api/v1/audit", url.Values{"filter": {`action = "run.request"`}})) == 0 {
		p.t.Error("the audit trail that was searched holds nothing")
	}
}
