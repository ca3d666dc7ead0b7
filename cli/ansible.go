package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/ansible"
	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// scriptName is what a link to this program is called that Ansible runs as an inventory script.
const scriptName = "maestro-ansible-inventory"

// Arguments are those of the command line. Under the name of an inventory script it is one.
func Arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if strings.TrimSuffix(filepath.Base(argv[0]), ".exe") == scriptName {
		return append([]string{"ansible-inventory"}, argv[1:]...)
	}
	return argv[1:]
}

func (a *app) ansibleInventory() *cobra.Command {
	var list bool
	var host, static, filter, address, file string
	cmd := &cobra.Command{
		Use: "ansible-inventory --list | --host NAME | --static json|ini", Short: "Give Ansible the servers: as an inventory script, or as a file", Args: cobra.NoArgs,
		Long: `Give Ansible the servers: as an inventory script, or as a file.

A link named ` + scriptName + ` is an inventory script; so is a file of one line and a half:
  #!/bin/sh
  exec maestro ansible-inventory "$@"

Hosts are in groups by datacenter_, region_, environment_, os_, tag_<key>_<value>, system_ and security_group_. Their variables
begin with maestro_; ansible_host is the address. What the inventory says is never evaluated as a template: such text is
marked unsafe in JSON, and broken up in INI, which cannot mark it. --filter, or MAESTRO_ANSIBLE_FILTER for scripts, narrows it.`,
		Example: `  ln -s "$(command -v maestro)" ` + scriptName + ` && ansible -i ./` + scriptName + ` region_fra -m ping
  maestro ansible-inventory --static ini -f 'power_state = "on"' --file hosts.ini`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n := len(nonEmpty(host, static)); n > 1 || n == 1 && list || n == 0 && !list {
				return usageError{errors.New("want one of --list, --host and --static")}
			}
			if static != "" && static != "json" && static != "ini" {
				return usageError{fmt.Errorf("--static %s: want json or ini", static)}
			}
			at := ansible.Address(address)
			if at != ansible.Primary && at != ansible.Public && at != ansible.Name {
				return usageError{fmt.Errorf("--address %s: want primary, public or name", address)}
			}
			if filter == "" {
				filter = a.env.Getenv("MAESTRO_ANSIBLE_FILTER")
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			hosts, err := ansibleHosts(cmd.Context(), c, filter)
			if err != nil {
				return err
			}
			inv := ansible.New(hosts, at)
			write := func(w io.Writer) error { return writeInventory(w, inv, host, static) }
			if file != "" && file != "-" {
				return writeFile(file, write)
			}
			return write(a.env.Out)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "print all hosts and groups, as Ansible asks a script")
	cmd.Flags().StringVar(&host, "host", "", "print the variables of the host of that `name`")
	cmd.Flags().StringVar(&static, "static", "", "print a file: `json` or ini")
	cmd.Flags().StringVarP(&filter, "filter", "f", "", "`expression`: which servers, as for get")
	cmd.Flags().StringVar(&address, "address", "primary", "what to connect to: `primary`, public or name")
	cmd.Flags().StringVar(&file, "file", "", "`path` to write to")
	return cmd
}

func nonEmpty(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

func writeInventory(w io.Writer, inv *ansible.Inventory, host, static string) error {
	style := output.Style{Format: "json"}
	switch {
	case host != "":
		vars, ok := inv.Host(host)
		if !ok {
			return &client.Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no host %q", host)}
		}
		return output.Print(w, style, vars, nil)
	case static == "ini":
		if _, err := io.WriteString(w, inv.INI()); err != nil {
			return fmt.Errorf("write inventory: %w", err)
		}
		return nil
	case static == "json":
		return output.Print(w, style, inv.Static(), nil)
	}
	return output.Print(w, style, inv.List(), nil)
}

// ansibleHosts reads the servers, and which systems and security groups they belong to.
func ansibleHosts(ctx context.Context, c *client.Client, filter string) ([]ansible.Host, error) {
	q := url.Values{"page_size": {"1000"}}
	if filter != "" {
		q.Set("filter", filter)
	}
	servers, err := client.All[rest.Resource](ctx, c, "/resources/server", q, 0)
	if err != nil {
		return nil, err
	}
	secured, err := securityGroups(ctx, c, filter)
	if err != nil {
		return nil, err
	}
	hosts := make([]ansible.Host, len(servers.Items))
	at := map[string]int{}
	for i, r := range servers.Items {
		hosts[i] = ansible.Host{Resource: r, SecurityGroups: secured[r.ID]}
		at[r.ID] = i
	}
	err = eachSystem(ctx, c, func(system, server string) {
		if i, ok := at[server]; ok {
			hosts[i].Systems = append(hosts[i].Systems, system)
		}
	})
	return hosts, err
}

// securityGroups are the names of each server's, by its id: one answer for all of them.
func securityGroups(ctx context.Context, c *client.Client, filter string) (map[string][]string, error) {
	q := url.Values{"format": {"json"}, "columns": {"id,relations.security_groups"}}
	if filter != "" {
		q.Set("filter", filter)
	}
	in, out := io.Pipe()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		out.CloseWithError(c.Copy(ctx, client.Request{Method: http.MethodGet, Path: "/exports/server", Query: q, Within: transferWithin}, out))
	}()
	defer func() {
		_ = in.Close() // what is not read any more need not be sent
		<-sent
	}()
	var rows []struct {
		ID        string `json:"id"`
		Relations struct {
			Names any `json:"security_groups"`
		} `json:"relations"`
	}
	if err := json.NewDecoder(in).Decode(&rows); err != nil {
		return nil, fmt.Errorf("read security groups: %w", err)
	}
	found := map[string][]string{}
	for _, r := range rows {
		switch names := r.Relations.Names.(type) {
		case string:
			found[r.ID] = []string{names}
		case []any:
			for _, n := range names {
				if s, ok := n.(string); ok {
					found[r.ID] = append(found[r.ID], s)
				}
			}
		}
	}
	return found, nil
}

// eachSystem tells of every server that is part of a system: itself, or by an application that runs on it.
func eachSystem(ctx context.Context, c *client.Client, visit func(system, server string)) error {
	systems, err := client.All[rest.Resource](ctx, c, "/resources/system", url.Values{"page_size": {"1000"}, "fields": {"id,name"}}, 0)
	if err != nil {
		return err
	}
	for _, s := range systems.Items {
		parts, err := client.All[rest.RelatedResource](ctx, c, resourcePath("system", s.ID)+"/relations",
			url.Values{"filter": {`verb = part_of AND direction = in`}, "page_size": {"1000"}}, 0)
		if err != nil {
			return err
		}
		applications := false
		for _, p := range parts.Items {
			if p.Resource == nil {
				continue
			}
			switch p.Resource.Kind {
			case "server":
				visit(s.Name, p.Resource.ID)
			case "application":
				applications = true
			}
		}
		if !applications {
			continue
		}
		q := url.Values{"filter": {"applications.system.id = " + filterText(s.ID)}, "page_size": {"1000"}, "fields": {"id"}}
		servers, err := client.All[rest.Resource](ctx, c, "/resources/server", q, 0)
		if err != nil {
			return err
		}
		for _, r := range servers.Items {
			visit(s.Name, r.ID)
		}
	}
	return nil
}
