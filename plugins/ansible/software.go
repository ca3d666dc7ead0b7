package ansible

import (
	"context"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// program is a service of a host.
type program struct {
	name, state, status, source string
}

// programs are the services that service_facts found, on Windows those of win_service_facts, by name.
func programs(f facts) []program {
	var out []program
	for key, raw := range sortedObjects(f, "services") {
		out = append(out, program{name: firstOf(raw.text("name"), key), state: raw.text("state"), status: raw.text("status"), source: raw.text("source")})
	}
	for _, raw := range f.objects("ansible_services") {
		if name := raw.text("name"); name != "" {
			out = append(out, program{name: name, state: firstOf(raw.text("state"), raw.text("status")), status: raw.text("start_mode"), source: "windows"})
		}
	}
	slices.SortStableFunc(out, func(a, b program) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(out, func(a, b program) bool { return a.name == b.name })
}

func (p program) running() string {
	switch strings.ToLower(p.state) {
	case "running", "started":
		return "running"
	case "stopped", "inactive", "dead", "exited":
		return "stopped"
	case "failed":
		return "failed"
	}
	return "unknown"
}

func (p program) startup() string {
	switch s := strings.ToLower(p.status); s {
	case "enabled", "disabled", "static", "masked", "manual":
		return s
	case "auto", "automatic", "delayed":
		return "enabled"
	}
	return "unknown"
}

// runningServices are those that a server's page shows.
func runningServices(f facts) []schema.ServerService {
	var out []schema.ServerService
	for _, p := range programs(f) {
		if p.running() == "running" {
			out = append(out, schema.ServerService{Name: strings.TrimSuffix(p.name, ".service"), Status: "running"})
		}
	}
	slices.SortStableFunc(out, func(a, b schema.ServerService) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(out, func(a, b schema.ServerService) bool { return a.Name == b.Name })
}

func (s *session) software(ctx context.Context, out provider.Emitter, h *host) error {
	on := []resource.Relation{{Verb: "runs_on", Kind: "server", ExternalID: h.name}}
	for _, p := range programs(h.facts) {
		if p.status == "not-found" {
			continue // systemd knows the name from another's file; there is no such service
		}
		env := resource.Envelope{Kind: "software", ExternalID: h.name + "/service/" + p.name, Name: strings.TrimSuffix(p.name, ".service"), Relations: on}
		if err := emit(ctx, out, env, schema.Software{Type: "service", Source: p.source, Status: p.running(), Startup: p.startup()}); err != nil {
			return err
		}
	}
	if !s.settings.Packages {
		return nil
	}
	packages := h.facts.object("packages")
	names := make([]string, 0, len(packages))
	for name := range packages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		emitted := map[string]bool{}
		for _, raw := range packages.objects(name) { // several versions of a kernel, several architectures
			key := strings.Join([]string{name, raw.text("epoch"), raw.text("version"), raw.text("release"), raw.text("arch")}, "/")
			if emitted[key] {
				continue
			}
			emitted[key] = true
			env := resource.Envelope{Kind: "software", ExternalID: h.name + "/package/" + key, Name: name, Relations: on}
			if err := emit(ctx, out, env, schema.Software{Type: "package", Version: raw.text("version"), Release: raw.text("release"),
				Arch: raw.text("arch"), Source: raw.text("source"), Vendor: raw.text("vendor"), Status: "installed"}); err != nil {
				return err
			}
		}
	}
	return nil
}
