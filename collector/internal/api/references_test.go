package api

import (
	"net/url"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

// Filters name datacenters, connections and agents as people do, and by id.
func TestFiltersNameThings(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	mine := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("My cloud", k.ID)).is(201))
	src := w.source("My cloud")
	src.connection.ID = mine.ID
	src.sync("server", tagged(3)...)
	made := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "Frankfurt (old)"}).is(201))
	all := w.list("/api/v1/resources/server", url.Values{}).TotalSize
	if all != 3 {
		t.Fatalf("%d servers", all)
	}
	agent := mine.Agent
	for path, filters := range map[string]map[string]int{
		"/api/v1/resources/server": {
			`connection = "my CLOUD"`: 3, `connection = "` + mine.ID + `"`: 3, `connection != "My cloud"`: 0, `connection ~ cloud`: 3,
			`connection = my*`: 3, `datacenter = "frankfurt (old)"`: 0, `datacenter = "` + made.ID + `"`: 0, `NOT datacenter = "Frankfurt (old)"`: 3,
			`connection = (11111111-2222-4333-8444-555555555555 OR "My cloud")`: 3,
		},
		"/api/v1/resources": {`datacenter = "frankfurt (old)"`: 0, `datacenter = null`: 3},
		"/api/v1/connections": {`agent = "` + agent.Name + `"`: 1, `agent = "` + strings.ToUpper(agent.Name) + `"`: 1, `agent = "` + agent.ID + `"`: 1,
			`agent = nobody`: 0, `datacenter = "Frankfurt (old)"`: 0, `agent != nobody`: 1},
		"/api/v1/runs":            {`connection = "my cloud"`: 1, `connection = "` + mine.ID + `"`: 1, `agent = "lab-1"`: 0},
		"/api/v1/changes":         {`connection = "My cloud"`: 3},
		"/api/v1/removals":        {`connection = "My cloud"`: 0},
		"/api/v1/coverage/scopes": {`connection = "My cloud"`: 1},
	} {
		for text, want := range filters {
			if got := documentOf[rest.List[map[string]any]](w.ask(w.reader, "GET", path+"?"+url.Values{"filter": {text}}.Encode(), nil).is(200)).TotalSize; got != want {
				t.Errorf("%s where %s: %d, want %d", path, text, got, want)
			}
		}
	}
	for path, text := range map[string]string{
		"/api/v1/resources/server": `name = a OR connection = "My clod"`, "/api/v1/resources": `datacenter = Frankfrt`, "/api/v1/runs": `connection = "My clod"`,
		"/api/v1/resources/server/facets": `datacenter = "Frankfurt"`, "/api/v1/changes": "connection = nothing",
	} {
		p := w.ask(w.reader, "GET", path+"?"+url.Values{"filter": {text}}.Encode(), nil).problem(400)
		if p.Filter == nil || p.Filter.Position != strings.LastIndex(text, "= ")+2 || p.Filter.Suggestion == "" && p.Filter.Expected == "" {
			t.Errorf("%s where %s: %+v", path, text, p.Filter)
		}
	}
	// What another tenant calls its things is nobody's business.
	p := w.ask(w.stranger, "GET", "/api/v1/resources/server?"+url.Values{"filter": {`connection = "My cloud"`}}.Encode(), nil).problem(400)
	if strings.Contains(p.Filter.Expected, "cloud") || p.Filter.Suggestion != "" {
		t.Errorf("another tenant hears %+v", p.Filter)
	}
}
