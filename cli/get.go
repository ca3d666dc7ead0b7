package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

// listFlags are what every list takes.
type listFlags struct {
	filter, orderBy, asOf string
	limit                 int
	watch                 bool
	every                 time.Duration
	fields                string // those that the collector need not leave out
	// source tells of changes, of which events are those of this list; nil when it is asked for every now and then.
	source *client.Client
	events url.Values
}

func (f *listFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.filter, "filter", "f", "", "`expression`, as in the web UI: memory_bytes > 1e9 AND region = \"fra\"")
	cmd.Flags().StringVar(&f.orderBy, "order-by", "", "`fields` to sort by: \"name\", \"memory_bytes desc, name\"")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "most `items` to print; 0 for all")
}

// addWatch is for lists that somebody may want to keep an eye on.
func (f *listFlags) addWatch(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.watch, "watch", false, "go on and show what changes, until Ctrl-C")
	cmd.Flags().DurationVar(&f.every, "every", 2*time.Second, "`how often` --watch looks when nobody tells of changes")
}

func (f *listFlags) query() url.Values {
	q := url.Values{}
	set := func(k, v string) {
		if v != "" {
			q.Set(k, v)
		}
	}
	set("filter", f.filter)
	set("order_by", f.orderBy)
	set("as_of", f.asOf)
	set("fields", f.fields)
	size := 1000
	if f.limit > 0 {
		size = min(f.limit, size)
	}
	q.Set("page_size", strconv.Itoa(size))
	return q
}

func (a *app) get() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "get KIND [NAME-OR-ID]",
		Short: "Print resources of a kind, or one of them",
		Example: `  maestro get server
  maestro get server -f 'region = "fra" AND memory_bytes > 1e10' --order-by 'memory_bytes desc'
  maestro get server web-1
  maestro get volume 8f0c... -o yaml
  maestro get server --fields name,os.name,tags.env,memory_bytes -o csv
  maestro get server -o template='{{.name}} {{field "tags.env" .}}'
  maestro get server --as-of monday
  maestro get runs --watch
  maestro get changes --limit 20`,
		Long: "Print resources of a kind, or one of them with everything that is known of it.\nBeside the kinds there are: changes, audit, runs, datacenters, removals, reviews, views, kinds.",
		Args: cobra.RangeArgs(1, 2),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := flags.past(a.env.Now()); err != nil {
				return err
			}
			if len(args) == 2 {
				return a.getOne(cmd, c, args[0], args[1], flags)
			}
			if list, ok := a.lists()[args[0]]; ok {
				if flags.asOf != "" {
					return usageError{fmt.Errorf("--as-of: only resources are kept as they were; `maestro get changes` lists what happened")}
				}
				return list(cmd, c, flags)
			}
			return a.getKind(cmd, c, args[0], flags)
		}),
	}
	flags.add(cmd)
	flags.addWatch(cmd)
	flags.addPast(cmd)
	return cmd
}

func (a *app) getKind(cmd *cobra.Command, c *client.Client, kind string, flags listFlags) error {
	info, err := client.Get[rest.KindInfo](cmd.Context(), c, "/kinds/"+url.PathEscape(kind), nil)
	if err != nil {
		return err
	}
	if flags.fields, err = documentFields(info, a.fields); err != nil {
		return usageError{err}
	}
	flags.source, flags.events = c, url.Values{"types": {"resources"}, "kind": {kind}}
	return watched(a, cmd, flags, resourceID, func(ctx context.Context) (rest.List[rest.Resource], func() output.Table, error) {
		list, err := client.All[rest.Resource](ctx, c, "/resources/"+url.PathEscape(kind), flags.query(), flags.limit)
		if err != nil {
			return list, nil, err
		}
		coverage, err := client.Get[rest.Coverage](ctx, c, "/coverage", url.Values{"kind": {kind}})
		return list, func() output.Table {
			t := resourceTable(info, list, coverage, a.env.Now())
			if flags.asOf != "" {
				t.Note = countText(info, list) + ", as it was at " + flags.asOf
			}
			return t
		}, err
	})
}

func resourceID(r rest.Resource) string { return r.ID }

// documentFields says which parts of the documents the fields need, and finds names that the kind has not.
func documentFields(info rest.KindInfo, fields []string) (string, error) {
	var parts []string
	for _, name := range fields {
		first, _, _ := strings.Cut(name, ".")
		if slices.Contains(resourceParts, first) {
			parts = append(parts, first)
			continue
		}
		pointer, _, err := pointerOf(info, name)
		switch {
		case err != nil && isObject(info, name):
			pointer = "/attributes"
		case err != nil:
			return "", fmt.Errorf("--fields: %w", err)
		}
		part, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		parts = append(parts, part)
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), ","), nil
}

// isObject says whether fields of the kind lie below the name.
func isObject(info rest.KindInfo, name string) bool {
	return slices.ContainsFunc(info.Fields, func(f schema.Field) bool { return strings.HasPrefix(f.Path, name+".") })
}

// resourceParts are what a resource's document is made of.
var resourceParts = []string{"id", "kind", "version", "state", "state_since", "state_reason", "redirect_to", "name", "region", "zone", "datacenter", "tags", "labels",
	"identifiers", "console_url", "attributes", "common", "volatile", "stale", "withheld", "conflicts", "warnings", "origin", "created_at", "updated_at", "last_seen"}

// resourceTable has the columns that the kind's schema marks.
func resourceTable(info rest.KindInfo, list rest.List[rest.Resource], cov rest.Coverage, now time.Time) output.Table {
	t := output.Table{Header: []string{"id", "name"}}
	columns := slices.DeleteFunc(slices.Clone(info.Fields), func(f schema.Field) bool { return !f.Column })
	for _, f := range columns {
		t.Header = append(t.Header, f.Path)
	}
	t.Header = append(t.Header, "region", "state", "last seen")
	for _, r := range list.Items {
		row := []string{r.ID, r.Name}
		for _, f := range columns {
			row = append(row, fieldText(r.Attributes, f))
		}
		t.Rows = append(t.Rows, append(row, r.Region, r.State, output.Ago(r.LastSeen, now)))
	}
	t.Note = coverageLine(info, list, cov, now)
	return t
}

// countText says how many there are, and how many of them are printed.
func countText(info rest.KindInfo, list rest.List[rest.Resource]) string {
	count := strconv.Itoa(list.TotalSize)
	if list.TotalSizeIsLowerBound {
		count = "more than " + count
	}
	noun := info.Plural
	if list.TotalSize == 1 {
		noun = info.Label
	}
	text := count + " " + strings.ToLower(noun)
	if len(list.Items) < list.TotalSize {
		text = fmt.Sprintf("%d of %s", len(list.Items), text)
	}
	return text
}

// coverageLine says how far the list can be trusted.
func coverageLine(info rest.KindInfo, list rest.List[rest.Resource], cov rest.Coverage, now time.Time) string {
	parts := []string{countText(info, list)}
	switch {
	case info.Approval == "pending":
		parts = append(parts, "the kind waits for approval, nothing of it is taken until then: maestro kinds approve "+info.Name)
	case cov.Scopes == 0:
		parts = append(parts, "no connection reads this kind")
	case cov.Complete == cov.Scopes:
		parts = append(parts, "complete as of "+output.Ago(cov.AsOf, now))
	default:
		parts = append(parts, fmt.Sprintf("%d of %d scopes complete", cov.Complete, cov.Scopes))
	}
	for _, e := range cov.Exceptions {
		where := e.Connection.Name
		for _, l := range e.Partition {
			where += " " + l.Value
		}
		parts = append(parts, fmt.Sprintf("%s: %s", where, e.Status))
	}
	if cov.Unwatched > 0 {
		parts = append(parts, fmt.Sprintf("%d unwatched", cov.Unwatched))
	}
	if cov.Held > 0 {
		parts = append(parts, fmt.Sprintf("%d removals held", cov.Held))
	}
	return output.Clean(strings.Join(parts, " · "))
}

func fieldText(attrs map[string]any, f schema.Field) string {
	var v any = attrs
	for _, name := range strings.Split(f.Path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return "-"
		}
		v = m[name]
	}
	if n, ok := v.(float64); ok && f.Unit != "" {
		return output.Quantity(n, f.Unit)
	}
	return output.Value(v)
}

func (a *app) getOne(cmd *cobra.Command, c *client.Client, kind, id string, flags listFlags) error {
	q := url.Values{}
	if flags.asOf != "" {
		q.Set("as_of", flags.asOf)
	}
	found, err := findResource(cmd.Context(), c, kind, id)
	switch {
	case err == nil:
		id = found
	case flags.asOf == "" || !client.IsStatus(err, http.StatusNotFound): // then it was there, under its id
		return err
	}
	path := resourcePath(kind, id)
	flags.source, flags.events = c, url.Values{"types": {"resources"}, "kind": {kind}}
	return watched(a, cmd, flags, resourceID, func(ctx context.Context) (rest.List[rest.Resource], func() output.Table, error) {
		r, err := client.Get[rest.Resource](ctx, c, path, q)
		return rest.List[rest.Resource]{Items: []rest.Resource{r}, TotalSize: -1}, func() output.Table { return onePage(r, a.env.Now()) }, err
	})
}

func onePage(r rest.Resource, now time.Time) output.Table {
	t := output.Table{Header: []string{"field", "value", "from"}}
	row := func(pointer, name, value string) {
		t.Rows = append(t.Rows, []string{name, value, sourceText(r.Provenance[pointer], now)})
	}
	row("/name", "name", r.Name)
	row("", "id", r.ID)
	row("", "state", r.State+" since "+output.Ago(r.StateSince, now))
	for _, p := range [][2]string{{"region", r.Region}, {"zone", r.Zone}} {
		if p[1] != "" {
			row("/"+p[0], p[0], p[1])
		}
	}
	if r.Datacenter != nil {
		row("/datacenter", "datacenter", r.Datacenter.Name)
	}
	for _, i := range r.Identifiers {
		row("", "identifier "+i.Type, i.Value)
	}
	for _, tag := range r.Tags {
		row("/tags/"+tag.Key, "tag "+tag.Key, tag.Value)
	}
	for _, o := range r.Observations {
		source := "another source"
		if o.Connection != nil {
			source = nameOf(o.Connection) + "/" + o.ExternalID
		}
		row("", "seen by "+source, o.Match)
	}
	for _, x := range r.Absorbed {
		row("", "merged into it", nameOf(&x)+" "+x.ID)
	}
	for _, w := range r.Warnings {
		row("", "warning", w)
	}
	for _, label := range r.Labels {
		row("/tags/"+label.Key, "label "+label.Key, label.Value)
	}
	leaves("/common", "", commonOf(r), func(pointer, name string, v any) { row(pointer, name, output.Value(v)) })
	leaves("/attributes", "", r.Attributes, func(pointer, name string, v any) { row(pointer, name, output.Value(v)) })
	return t
}

// commonOf is the block that every kind has, as the document says it.
func commonOf(r rest.Resource) any {
	block := map[string]any{}
	if b, err := json.Marshal(r.Common); err != nil || json.Unmarshal(b, &block) != nil {
		return map[string]any{}
	}
	return block
}

// leaves visits the leaves of a JSON object in the order of their names.
func leaves(pointer, name string, v any, visit func(pointer, name string, v any)) {
	m, ok := v.(map[string]any)
	if !ok {
		visit(pointer, name, v)
		return
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		leaves(pointer+"/"+k, strings.TrimPrefix(name+"."+k, "."), m[k], visit)
	}
}

func sourceText(s rest.Source, now time.Time) string {
	switch {
	case s.Actor != "":
		return s.Actor + ", " + output.Ago(s.At, now)
	case s.Connection != nil:
		text := s.Connection.Name + ", " + output.Ago(s.At, now)
		if s.Stale {
			text += " (stale)"
		}
		return text
	case s.Type == "discovered":
		return "another source"
	}
	return ""
}
