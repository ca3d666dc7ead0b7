package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/sdk/resource"
)

// kindRun is a run of one kind, read completely.
func (l *lab) kindRun(a *agent, kind string, items ...resource.Envelope) {
	l.t.Helper()
	scope := scopeOf(kind)
	for i := range items {
		items[i].Kind, items[i].Partition = kind, scope.Partition
	}
	l.push(a, a.build([]string{kind}, l.clock.now(), complete(scope, items...)))
}

func (l *lab) only(kind string) Resource {
	l.t.Helper()
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: kind})
	if err != nil || len(list.Items) != 1 {
		l.t.Fatalf("%d of %s: %v", len(list.Items), kind, err)
	}
	return list.Items[0]
}

func (l *lab) relatedTo(r Resource) []string {
	l.t.Helper()
	list, err := l.s.RelatedTo(l.ctx, everyone, r.Kind, r.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprintf("%s %s %s %q by %s%s", x.Direction, x.Verb, x.Kind, x.Name, x.Source, x.Warning))
	}
	return out
}

// A server that runs the service of a database, and a database whose endpoint is at that server, are related by a rule as long as
// both are so, whichever came first, and from both ends.
func TestADatabaseAndTheServerThatRunsIt(t *testing.T) {
	l := newLab(t)
	vms, dbs := newAgent(l.s, "vms", 1), newAgent(l.s, "dbs", 2)
	machine := func(services string) {
		l.kindRun(vms, "server", thing(scopeOf("server"), "s1", named("ora-17"), attrs(`{"hostname":"ora-17.example.net","services":[%s]}`, services)))
	}
	l.kindRun(dbs, "database", thing(scopeOf("database"), "d1", named("ERP"), attrs(`{"engine":"oracle","endpoint":"ora-17.example.net:1521"}`)))
	l.want(l.relatedTo(l.only("database")))
	machine(`{"name":"Oracle Database 19c","status":"running"},{"name":"sshd","status":"running"}`)
	db, server := l.only("database"), l.only("server")
	out := fmt.Sprintf(`out runs_on server "ora-17" by rule:%s`, ruleDatabaseService)
	l.want(l.relatedTo(db), out)
	l.want(l.relatedTo(server), fmt.Sprintf(`in runs_on database "ERP" by rule:%s`, ruleDatabaseService))
	then := l.clock.now()
	l.clock.add(time.Minute)

	machine(`{"name":"Oracle Database 19c","status":"stopped"}`)
	l.want(l.relatedTo(db))
	l.want(l.relatedTo(server))
	was, err := l.s.RelatedAsOf(l.ctx, everyone, "database", db.ID, then)
	if err != nil || len(was) != 1 || was[0].ID != server.ID || was[0].Source != "rule:"+ruleDatabaseService {
		t.Errorf("what it was related to then: %+v %v", was, err)
	}
	machine(`{"name":"oracle-xe-21c","status":"running"}`)
	l.want(l.relatedTo(db), out)

	l.kindRun(dbs, "database", thing(scopeOf("database"), "d1", named("ERP"), attrs(`{"engine":"postgresql","endpoint":"ora-17.example.net:5432"}`)))
	l.want(l.relatedTo(db))
	l.kindRun(dbs, "database", thing(scopeOf("database"), "d1", named("ERP"), attrs(`{"engine":"oracle","endpoint":"ora-17"}`)))
	l.want(l.relatedTo(db), out)
	l.kindRun(vms, "server", thing(scopeOf("server"), "s1", named("ora-17"), attrs(`{"services":[{"name":"Oracle Database"}]}`)),
		thing(scopeOf("server"), "s2", named("ORA-17"), attrs(`{"services":[{"name":"Oracle Database"}]}`)))
	l.want(l.relatedTo(db), fmt.Sprintf(`out runs_on server "" by rule:%s2 resources have oracle at ora-17`, ruleDatabaseService))
	l.kindRun(vms, "server")
	l.want(l.relatedTo(db))
}

func TestAnApplicationAndTheServiceOfItsName(t *testing.T) {
	l := newLab(t)
	vms, apps := newAgent(l.s, "vms", 1), newAgent(l.s, "apps", 2)
	l.kindRun(vms, "server", thing(scopeOf("server"), "s1", named("web-1"), has("fqdn", "web-1.example.net"), attrs(`{"services":[{"name":"Shop.service"},{"name":"nginx"}]}`)))
	l.kindRun(apps, "application", thing(scopeOf("application"), "a1", named("shop"), attrs(`{"endpoint":"https://WEB-1.example.net:8443/shop"}`)))
	l.want(l.relatedTo(l.only("application")), fmt.Sprintf(`out runs_on server "web-1" by rule:%s`, ruleApplicationService))
	if got := l.history(l.only("server").ID); !slices.Equal(got, []string{"created"}) {
		t.Errorf("a derived relation is no change of either end: %q", got)
	}
}

func TestEngineOf(t *testing.T) {
	for name, want := range map[string]string{"Oracle Database": "oracle", "OracleServiceXE": "", "oracle-xe-21c": "oracle", "oracle database 19c": "oracle",
		"postgresql@16-main.service": "postgresql", "postgres": "postgresql", "postgres-exporter": "", "PostgreSQL": "postgresql", "mysqld": "", "mysql.service": "mysql",
		"mariadb": "mysql", "mssql-server": "sqlserver", "mongod": "mongodb", "nginx": "", "": "", "my postgres": ""} {
		if got := engineOf(name); got != want {
			t.Errorf("engineOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestHostOf(t *testing.T) {
	for endpoint, want := range map[string]string{"db-1:5432": "db-1", "DB-1.Example.net.": "db-1.example.net", "https://shop.example.net:8443/x?y=1": "shop.example.net",
		"10.0.0.1:5432": "", "[2001:db8::1]:5432": "", "": "", "a b": "", "jdbc:oracle:thin:@db": "", "http://[::1": ""} {
		if got := hostOf(endpoint); got != want {
			t.Errorf("hostOf(%q) = %q, want %q", endpoint, got, want)
		}
	}
}

// Whatever the two ends are called, an edge leads to a server exactly when the server holds its key.
func TestDerivedEdgesMeet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		host := rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9-]{0,10}(\.[a-z]{1,5})?`).Draw(r, "host")
		other := rapid.StringMatching(`[a-z][a-z0-9-]{0,10}`).Draw(r, "other")
		engine := rapid.SampledFrom([]string{"oracle", "postgresql", "mysql", "unknown"}).Draw(r, "engine")
		service := rapid.SampledFrom([]string{"Oracle Database", "postgresql", "mariadb", "nginx"}).Draw(r, "service")
		running := rapid.Bool().Draw(r, "running")
		status := map[bool]string{true: "running", false: "stopped"}[running]
		server := &revision{Kind: "server", State: Active, Name: rapid.SampledFrom([]string{host, other}).Draw(r, "name"),
			Attributes: encodeJSON(map[string]any{"services": []any{map[string]any{"name": service, "status": status}}})}
		db := &revision{Kind: "database", State: Active, Name: "d", Attributes: encodeJSON(map[string]any{"engine": engine, "endpoint": host + ":1521"})}
		held := servicesHeld(server)
		meet := slices.ContainsFunc(derivedEdges(db), func(e edge) bool { return slices.Contains(held, e.Want) })
		want := running && hostOf(server.Name) == hostOf(host) && engineOf(engine) != "" && engineOf(engine) == engineOf(service)
		if meet != want {
			r.Fatalf("they meet: %v, want %v", meet, want)
		}
	})
}
