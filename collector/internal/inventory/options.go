package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// OptionList is what forms offer for a field whose values are an organisation's own: it guides and does not bind, since what
// discovery or another form says must not be refused for being new.
type OptionList struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	// Fields are where it is offered: pointers, after the kind if it is for one only ("application/attributes/language").
	Fields []string `json:"fields"`
	Values []string `json:"values"`
	// Changed says that an administrator changed it.
	Changed bool `json:"-"`
}

// optionLists are those of a fresh tenant.
func optionLists() []OptionList {
	return []OptionList{
		{Name: "environment", Label: "Environments", Fields: []string{"/common/environment"}, Values: []string{"production", "staging", "development", "test", "acceptance", "training", "sandbox", "disaster recovery"}},
		{Name: "currency", Label: "Currencies", Fields: []string{"/common/monthly_cost/currency"}, Values: []string{"EUR", "USD", "GBP", "CHF", "BRL", "JPY"}},
		{Name: "server_role", Label: "Roles of servers", Fields: []string{"server/attributes/role"}, Values: []string{"application", "cache", "container host", "database", "file", "load balancer", "monitoring", "nat", "proxy", "mail", "vpn", "standard"}},
		{Name: "os", Label: "Operating systems", Fields: []string{"server/attributes/os/name"}, Values: []string{"AlmaLinux", "Amazon Linux", "Debian", "FreeBSD", "macOS", "Oracle Linux", "Red Hat Enterprise Linux", "Rocky Linux", "Solaris", "SUSE Linux Enterprise", "Ubuntu", "VMware ESXi", "Windows Server"}},
		{Name: "service_manager", Label: "Service managers", Fields: []string{"server/attributes/service_manager"}, Values: []string{"systemd", "sysvinit", "upstart", "openrc", "launchd", "windows"}},
		{Name: "language", Label: "Languages", Fields: []string{"application/attributes/language"}, Values: []string{"C", "C#", "C++", "Elixir", "Erlang", "Go", "Java", "JavaScript", "Kotlin", "Perl", "PHP", "PL/SQL", "Python", "Ruby", "Rust", "Scala", "Swift", "TypeScript"}},
		{Name: "application_type", Label: "Types of applications", Fields: []string{"application/attributes/type"}, Values: []string{"web", "api", "worker", "batch", "desktop", "mobile", "library"}},
		{Name: "size", Label: "Sizes", Fields: []string{"application/attributes/size"}, Values: []string{"nano", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "32xlarge"}},
		{Name: "deployment", Label: "Ways to deploy", Fields: []string{"application/attributes/deployments/type"}, Values: []string{"git", "ci_cd", "container", "helm", "package", "ftp", "sftp", "manual", "other"}},
		{Name: "database_engine", Label: "Database engines", Fields: []string{"database/attributes/engine"}, Values: []string{"postgresql", "mysql", "mariadb", "aurora", "oracle", "sqlserver", "db2", "mongodb", "cassandra", "redis", "elasticsearch", "opensearch", "dynamodb", "clickhouse", "influxdb", "neo4j"}},
		{Name: "oracle_release", Label: "Oracle releases", Fields: []string{"database/attributes/oracle/release"}, Values: []string{"10g", "11g", "12c", "18c", "19c", "21c", "23ai"}},
		{Name: "software_family", Label: "Families of software", Fields: []string{"software/attributes/family"}, Values: []string{"application server", "backup", "browser", "cache", "container", "database", "directory", "file", "load balancer", "mail", "message broker", "monitoring", "orchestration", "proxy", "runtime", "scheduler", "search", "security", "version control", "virtualization", "vpn", "web server"}},
		{Name: "contact_channel", Label: "Contact channels", Fields: []string{"client/attributes/contacts/channel"}, Values: []string{"email", "phone", "mobile", "Microsoft Teams", "Slack", "Mattermost", "Rocket.Chat", "Zoom", "Skype", "pager"}},
		{Name: "status", Label: "States", Fields: []string{"system/attributes/status", "application/attributes/status"}, Values: []string{"active", "available", "stopped"}},
	}
}

const mostOptions = 1000

type optionListDoc struct {
	Values []string   `json:"values"`
	At     store.Time `json:"at"`
	By     string     `json:"by"`
}

// OptionLists are the tenant's lists, by name.
func (s *Service) OptionLists(ctx context.Context, tenant string) ([]OptionList, error) {
	out := optionLists()
	ids := make([]string, len(out))
	for i, l := range out {
		ids[i] = store.Key(tenant, l.Name)
	}
	rows, err := getChunks(ctx, s.opt.Store, tOptions, tenant, "", ids)
	if err != nil {
		return nil, fmt.Errorf("read option lists: %w", err)
	}
	for i := range out {
		row, ok := rows[ids[i]]
		if !ok {
			continue
		}
		doc, err := decodeRow[optionListDoc](row)
		if err != nil {
			return nil, err
		}
		out[i].Values, out[i].Changed = doc.Values, true
	}
	return out, nil
}

// SetOptions says what a list offers from now on; without values it offers again what it did at first.
func (s *Service) SetOptions(ctx context.Context, c Caller, name string, values []string) (*OptionList, error) {
	lists := optionLists()
	at := slices.IndexFunc(lists, func(l OptionList) bool { return l.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("option list %s: %w", name, ErrNotFound)
	}
	if len(values) > mostOptions {
		return nil, &InvalidError{Pointer: "/values", Problem: fmt.Sprintf("has more than %d values", mostOptions)}
	}
	clean := []string{}
	for i, v := range values {
		v = strings.TrimSpace(v)
		switch {
		case v == "":
			return nil, &InvalidError{Pointer: fmt.Sprintf("/values/%d", i), Problem: "is empty"}
		case len(v) > 200:
			return nil, &InvalidError{Pointer: fmt.Sprintf("/values/%d", i), Problem: "has more than 200 bytes"}
		case slices.Contains(clean, v):
			return nil, &InvalidError{Pointer: fmt.Sprintf("/values/%d", i), Problem: fmt.Sprintf("is %q again", v)}
		}
		clean = append(clean, v)
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "options.set", Address: c.Address,
		Object: &audit.Ref{ID: name, Name: lists[at].Label, Kind: "option_list"}})
	if err != nil {
		return nil, err
	}
	w := store.Write{Table: tOptions, Op: store.Delete, Row: store.Row{ID: store.Key(c.Tenant, name), Tenant: c.Tenant}}
	if len(clean) > 0 {
		w.Op = store.Put
		w.Row, err = encodeRow(w.Row.ID, c.Tenant, "", 1, optionListDoc{Values: clean, At: store.At(s.now()), By: c.Name})
	}
	if err == nil {
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, w)
			return err
		})
	}
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("set options: %w", err)
	}
	if len(clean) > 0 {
		lists[at].Values, lists[at].Changed = clean, true
	}
	return &lists[at], nil
}
