package inventory

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Some relations are stated by nobody and are yet there: a server runs the service "Oracle Database", and a database of Oracle has
// its endpoint at that server. Neither source knows of the other. These rules, fixed and few, derive such relations.
//
// A rule gives the one end an edge that wants "the server of this name that runs this service"; the other end holds that key as
// long as both are true of it. So the relation needs no row of its own about the pair: it is found from both ends like any other,
// is there as soon as both are, and no longer than its reason. docs/data-model.md lists the rules.

// The names of the rules, as provenance tells them.
const (
	ruleDatabaseService    = "database-service"
	ruleApplicationService = "application-service"
)

// databaseWords are the words by which names of services and of engines are told to be of one database, the longest first.
var databaseWords = []struct{ word, engine string }{
	{"postgresql", "postgresql"}, {"postgres", "postgresql"}, {"mariadb", "mysql"}, {"mysql", "mysql"}, {"oracle", "oracle"}, {"mssql", "sqlserver"},
	{"sqlserver", "sqlserver"}, {"sql server", "sqlserver"}, {"mongodb", "mongodb"}, {"mongod", "mongodb"}, {"cassandra", "cassandra"}, {"db2", "db2"},
	{"redis", "redis"}, {"elasticsearch", "elasticsearch"}, {"opensearch", "opensearch"}, {"influxdb", "influxdb"}, {"couchdb", "couchdb"}, {"neo4j", "neo4j"},
}

// engineOf is the database that a name is about; "" when it is about none. Names of more words than that, such as
// "postgres-exporter", are about it only when they begin with it and go on with a version or what a database is called.
func engineOf(name string) string {
	name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".service")
	for _, e := range databaseWords {
		rest, ok := strings.CutPrefix(name, e.word)
		if !ok {
			continue
		}
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" -_.@:/", r) }) {
			if strings.Trim(word, "0123456789") != "" && !slices.Contains([]string{"database", "db", "server", "service", "main", "c", "g", "xe", "ee", "se"}, strings.Trim(word, "0123456789")) {
				return ""
			}
		}
		return e.engine
	}
	return ""
}

// hostOf is the host that an endpoint names: of a URL, of host:port, or alone. An address is none: it may be another's tomorrow.
func hostOf(endpoint string) string {
	endpoint = strings.TrimSpace(endpoint)
	if strings.Contains(endpoint, "://") {
		u, err := url.Parse(endpoint)
		if err != nil {
			return ""
		}
		endpoint = u.Host
	}
	host, _, _ := strings.Cut(endpoint, "/")
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if _, isAddress := filter.AddressKey(host); isAddress || strings.ContainsAny(host, " []:|") || len(host) > 253 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// wantService is the key by which an edge finds the server of a name that runs a service.
func wantService(service, host string) string { return store.Key("v", service, host) }

// isDerived says that an edge is one of these rules: it may never lead anywhere, and then nobody is told of it.
func isDerived(want string) bool { return strings.HasPrefix(want, "v|") }

// derivedEdges are the edges that the rules give a resource.
func derivedEdges(rev *revision) []edge {
	var rule string
	switch rev.Kind {
	case "database":
		rule = ruleDatabaseService
	case "application":
		rule = ruleApplicationService
	default:
		return nil
	}
	if rev.State != Active || !bytes.Contains(rev.Attributes, []byte(`"endpoint"`)) {
		return nil
	}
	attributes := decodeJSON(rev.Attributes)
	endpoint, _ := scalarAt(attributes, "endpoint")
	host, service := hostOf(endpoint), serviceKey(rev.Name)
	if rule == ruleDatabaseService {
		engine, _ := scalarAt(attributes, "engine")
		service = engineOf(engine)
	}
	if host == "" || service == "" {
		return nil
	}
	return []edge{{Verb: "runs_on", Kind: "server", Want: wantService(service, host), Label: service + " at " + host, Rule: rule}}
}

// serviceKey is what an application and a service of one name have in common; apart from what databases are told by.
func serviceKey(name string) string {
	name = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".service")
	if name == "" {
		return ""
	}
	return "app:" + name
}

// servicesHeld are the keys that a server holds by its names and the services that run on it.
func servicesHeld(rev *revision) []string {
	if rev.Kind != "server" || rev.State != Active || !bytes.Contains(rev.Attributes, []byte(`"services"`)) {
		return nil
	}
	attributes, _ := decodeJSON(rev.Attributes).(map[string]any)
	list, _ := attributes["services"].([]any)
	var services []string
	for _, v := range list {
		s, _ := v.(map[string]any)
		name, _ := s["name"].(string)
		if status, _ := s["status"].(string); status != "" && status != "running" && status != "unknown" {
			continue
		}
		services = append(services, serviceKey(name))
		if engine := engineOf(name); engine != "" {
			services = append(services, engine)
		}
	}
	var out []string
	for _, host := range namesOfServer(rev, attributes) {
		for _, service := range unique(services) {
			if service != "" {
				out = append(out, wantService(service, host))
			}
		}
	}
	return unique(out)
}

// namesOfServer are the names under which an endpoint may speak of a server.
func namesOfServer(rev *revision, attributes map[string]any) []string {
	names := []string{rev.Name}
	hostname, _ := attributes["hostname"].(string)
	names = append(names, hostname)
	names = append(names, textsAt(attributes["dns_names"], nil)...)
	for _, id := range rev.Identifiers {
		if id.Type == "fqdn" {
			names = append(names, id.Value)
		}
	}
	var out []string
	for _, n := range names {
		if host := hostOf(n); host != "" {
			out = append(out, host)
		}
	}
	return unique(out)
}

// resolveServices finds the servers that want keys of services lead to: those of the name, of which it is looked whether they
// hold the key. Names are found by the words of text search, since a server has many.
func (s *Service) resolveServices(ctx context.Context, tenant string, wants []string, out map[string][]string) error {
	asked := map[string]bool{}
	var hosts []string
	for _, w := range wants {
		_, host, _ := strings.Cut(strings.TrimPrefix(w, "v|"), "|")
		asked[w] = true
		hosts = append(hosts, unescapeKey(host))
	}
	for part := range slices.Chunk(unique(hosts), hostsPerQuery) {
		var named filter.Or
		for _, host := range part {
			named = append(named, filter.Text{Field: texts("words"), Words: filter.Words(host)})
		}
		page, err := s.opt.Store.Find(ctx, store.Query{Table: tHeads, Tenant: tenant, Limit: mostAlike * len(part), Where: filter.And{
			eq(text("kind"), "server"), eq(text("state"), string(Active)), named}})
		if err != nil {
			return fmt.Errorf("find servers by name: %w", err)
		}
		ids := make([]string, len(page.Rows))
		for i, row := range page.Rows {
			ids[i] = row.ID
		}
		rows, err := getChunks(ctx, s.opt.Store, tResources, tenant, "server", ids)
		if err != nil {
			return err
		}
		for _, id := range keysOf(rows) {
			doc, err := decodeRow[resourceDoc](rows[id])
			if err != nil {
				return err
			}
			for _, w := range servicesHeld(&doc.revision) {
				if asked[w] && !slices.Contains(out[w], id) {
					out[w] = append(out[w], id)
				}
			}
		}
	}
	return nil
}

// hostsPerQuery bounds how many names are looked for at once.
const hostsPerQuery = 20

// provenanceOf says who states an edge: rule:<name>, a person, or a source.
func provenanceOf(e edge) string {
	switch {
	case e.Rule != "":
		return "rule:" + e.Rule
	case strings.HasPrefix(e.Want, "r|"):
		return SourceCurated
	}
	return SourceDiscovered
}

// The sources of relations beside rules.
const (
	SourceCurated    = "curated"
	SourceDiscovered = "discovered"
)
