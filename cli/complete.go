package cli

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/internal/rest"
)

// completeWithin is how long somebody waits for the Tab key.
const completeWithin = 3 * time.Second

// suggest is what may stand somewhere; without a collector that answers in time, nothing is suggested, and nothing is said.
type suggest func(ctx context.Context, c *client.Client, args []string, begun string) ([]string, error)

// complete has the shells complete what the commands' own usage lines name: KIND, CONNECTION, NAME-OR-ID.
func (a *app) complete(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.complete(sub)
	}
	places := strings.Fields(strings.NewReplacer("[", "", "]", "", "...", "").Replace(c.Use))[1:]
	if c.ValidArgsFunction == nil && c.Runnable() && c.HasParent() {
		c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(places) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			switch place := places[len(args)]; place {
			case "KIND":
				return a.suggested(cmd, args, begun, kindNames)
			case "CONNECTION":
				return a.suggested(cmd, args, begun, connectionNames)
			case "NAME-OR-ID":
				return a.suggested(cmd, args, begun, resourceNames)
			case "AGENT":
				return a.suggested(cmd, args, begun, agentNames)
			case "ID":
				if what := idsOf(cmd); what != nil {
					return a.suggested(cmd, args, begun, what)
				}
			case "FILE", "FOLDER", "PATH":
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for flag, what := range map[string]suggest{"kind": kindNames, "connection": connectionNames, "datacenter": datacenterNames, "fields": fieldNames, "columns": fieldNames, "order-by": fieldNames} {
		if c.LocalFlags().Lookup(flag) == nil {
			continue
		}
		err := c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			return a.suggested(cmd, args, begun, what)
		})
		cobra.CheckErr(err) // a flag that was just found
	}
}

func (a *app) suggested(cmd *cobra.Command, args []string, begun string, what suggest) ([]string, cobra.ShellCompDirective) {
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	all, err := what(ctx, c, args, begun)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	var fit []string
	for _, s := range all {
		// A shell takes a line apart at control characters and words at a tab; such a name is typed by hand.
		if strings.HasPrefix(s, begun) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			fit = append(fit, s)
		}
	}
	return fit, directive
}

func kindNames(ctx context.Context, c *client.Client, _ []string, _ string) ([]string, error) {
	list, err := client.All[rest.KindInfo](ctx, c, "/kinds", url.Values{"fields": {"name"}, "page_size": {"1000"}}, 0)
	var names []string
	for _, k := range list.Items {
		names = append(names, k.Name)
	}
	return names, err
}

func connectionNames(ctx context.Context, c *client.Client, _ []string, _ string) ([]string, error) {
	list, err := client.All[rest.Connection](ctx, c, "/connections", nil, 0)
	var names []string
	for _, x := range list.Items {
		names = append(names, x.Name)
	}
	return names, err
}

func datacenterNames(ctx context.Context, c *client.Client, _ []string, _ string) ([]string, error) {
	list, err := client.All[rest.Datacenter](ctx, c, "/datacenters", nil, 0)
	var names []string
	for _, x := range list.Items {
		names = append(names, x.Name)
	}
	return names, err
}

func agentNames(ctx context.Context, c *client.Client, _ []string, _ string) ([]string, error) {
	list, err := client.All[rest.Agent](ctx, c, "/agents", nil, 0)
	var names []string
	for _, x := range list.Items {
		names = append(names, x.Name)
	}
	return names, err
}

// idsOf are the things that a command is about where these have no names: the newest runs, the removals that wait.
func idsOf(cmd *cobra.Command) suggest {
	for ; cmd != nil; cmd = cmd.Parent() {
		switch cmd.Name() {
		case "runs":
			return newest("/runs", "")
		case "removals":
			return newest("/removals", "state = held")
		case "approvals":
			return newest("/approvals", "state = pending")
		}
	}
	return nil
}

func newest(path, filter string) suggest {
	return func(ctx context.Context, c *client.Client, _ []string, _ string) ([]string, error) {
		q := url.Values{"page_size": {"50"}}
		if filter != "" {
			q.Set("filter", filter)
		}
		list, err := client.Get[rest.List[struct {
			ID string `json:"id"`
		}]](ctx, c, path, q)
		var ids []string
		for _, x := range list.Items {
			ids = append(ids, x.ID)
		}
		return ids, err
	}
}

// resourceNames are the first that begin as what was typed does.
func resourceNames(ctx context.Context, c *client.Client, args []string, begun string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	q := url.Values{"fields": {"name"}, "page_size": {"50"}, "order_by": {"name"}}
	if begun != "" {
		q.Set("filter", "name = "+filterText(begun+"*"))
	}
	list, err := client.Get[rest.List[rest.Resource]](ctx, c, "/resources/"+url.PathEscape(args[0]), q)
	var names []string
	for _, r := range list.Items {
		names = append(names, r.Name)
	}
	return names, err
}

// fieldNames are those of the kind that the command names; of a list of names, the last is completed.
func fieldNames(ctx context.Context, c *client.Client, args []string, begun string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	k, err := client.Get[rest.KindInfo](ctx, c, "/kinds/"+url.PathEscape(args[0]), nil)
	if err != nil {
		return nil, err
	}
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	var names []string
	for _, f := range k.FilterFields {
		names = append(names, before+f.Name)
	}
	return names, nil
}
