package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

// transferWithin is for the largest files over a slow line.
const transferWithin = time.Hour

func (a *app) export() *cobra.Command {
	var filter, orderBy, asOf, format, columns, file string
	cmd := &cobra.Command{
		Use: "export KIND", Short: "Write a list to a file: CSV, JSON or Excel", Args: cobra.ExactArgs(1),
		Example: "  maestro export server --file servers.xlsx\n  maestro export server -f 'region = \"fra\"' --columns id,name,memory_bytes,owner.name,relations.clusters > servers.csv",
		Long:    "Write a list to a file, or to the standard output. What it has can be edited and taken back with `maestro import`:\nwith its column id, rows find their resources again whatever else was edited.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if format == "" {
				format = strings.TrimPrefix(filepath.Ext(file), ".")
			}
			if format == "" {
				format = "csv"
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if asOf != "" {
				at, err := moment(asOf, a.env.Now())
				if err != nil {
					return usageError{fmt.Errorf("--as-of: %w", err)}
				}
				asOf = at.UTC().Format(time.RFC3339Nano)
			}
			q := url.Values{"format": {format}}
			for name, v := range map[string]string{"filter": filter, "order_by": orderBy, "as_of": asOf, "columns": columns} {
				if v != "" {
					q.Set(name, v)
				}
			}
			req := client.Request{Method: http.MethodGet, Path: "/exports/" + url.PathEscape(args[0]), Query: q, Within: transferWithin}
			if file == "" || file == "-" {
				return c.Copy(cmd.Context(), req, a.env.Out)
			}
			return writeFile(file, func(w io.Writer) error { return c.Copy(cmd.Context(), req, w) })
		},
	}
	cmd.Flags().StringVarP(&filter, "filter", "f", "", "`expression`, as for get")
	cmd.Flags().StringVar(&orderBy, "order-by", "", "`fields` to sort by")
	cmd.Flags().StringVar(&asOf, "as-of", "", "`moment` to look back to: 2026-11-01, 2026-11-01T08:00:00Z, -3d, monday")
	cmd.Flags().StringVar(&format, "format", "", "csv, json or xlsx; by default what the file's name ends with, or csv")
	cmd.Flags().StringVar(&columns, "columns", "", "`names` of fields, relations.<alias>, identifiers.<type>, separated by commas; by default all")
	cmd.Flags().StringVar(&file, "file", "", "`path` to write to")
	return cmd
}

// writeFile makes the file whole or not at all.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return usageError{fmt.Errorf("write %s: %w", path, err)}
	}
	err = fill(f)
	if e := f.Close(); err == nil && e != nil {
		err = fmt.Errorf("write %s: %w", path, e)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (a *app) importFile() *cobra.Command {
	var kind, mapping, format, encoding, sheet, reason string
	var dryRun, skip, create bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Bring a CSV, JSON or Excel file into the inventory", Args: cobra.ExactArgs(1),
		Example: "  maestro import servers.xlsx --kind server --dry-run\n  maestro import devices.csv --mapping netbox-devices\n  maestro import cmdb.csv --mapping servicenow-servers --encoding windows-1252",
		Long: "Bring a file into the inventory. Every row is checked first; one wrong row refuses the file unless --skip-errors. The same file\n" +
			"again writes nothing. Columns are named as fields are (maestro explain KIND), or a mapping says what they are (maestro import-mappings).\n" +
			"`maestro undo` takes an import back.",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return usageError{fmt.Errorf("read file: %w", err)}
			}
			defer func() { _ = f.Close() }() // only read
			c, err := a.client()
			if err != nil {
				return err
			}
			q := url.Values{"file": {filepath.Base(args[0])}}
			for name, v := range map[string]string{"kind": kind, "mapping": mapping, "format": format, "encoding": encoding, "sheet": sheet, "reason": reason} {
				if v != "" {
					q.Set(name, v)
				}
			}
			q.Set("dry_run", strconv.FormatBool(dryRun))
			q.Set("skip_errors", strconv.FormatBool(skip))
			if create {
				q.Set("create_datacenters", "true")
			}
			var op rest.Operation
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/imports", Query: q, File: f, Within: transferWithin}, &op); err != nil {
				return err
			}
			return a.followOperation(cmd.Context(), c, op)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "`kind` of the rows")
	cmd.Flags().StringVar(&mapping, "mapping", "", "`name` of a mapping of columns to fields")
	cmd.Flags().StringVar(&format, "format", "", "csv, xlsx, json or maestro; by default found out")
	cmd.Flags().StringVar(&encoding, "encoding", "", "of CSV, if it is not UTF-8: windows-1252, iso-8859-1, utf-16le, utf-16be")
	cmd.Flags().StringVar(&sheet, "sheet", "", "`name` of the sheet in a workbook; by default the first")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the history")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and write nothing")
	cmd.Flags().BoolVar(&create, "create-datacenters", false, "record the datacenters that rows name and nobody has recorded")
	cmd.Flags().BoolVar(&skip, "skip-errors", false, "leave wrong rows out and write the others")
	return cmd
}

func (a *app) edit() *cobra.Command {
	var filter, reason string
	var set, reset []string
	var dryRun bool
	var expect int
	cmd := &cobra.Command{
		Use: "edit KIND [NAME-OR-ID | --filter EXPRESSION]", Short: "Edit a resource in your editor, or all that a filter finds", Args: cobra.RangeArgs(1, 2),
		Long: "Edit one resource as a YAML document in $VISUAL, $EDITOR or vi; only what you change is written. Where somebody else has changed\n" +
			"the same fields meanwhile, both versions are shown and you go on; what you typed is never lost. With --set and --reset no editor is\n" +
			"opened; with --filter they edit many at once.",
		Example: "  maestro edit server web-1\n  maestro edit server web-1 --set owner.name=anna\n  maestro edit server -f 'region = \"fra\"' --set environment=production --set tags.team=web --dry-run\n  maestro edit server -f 'name : \"old*\"' --reset owner.name --expect 12",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			req := rest.BulkEdit{Kind: args[0], Filter: filter, DryRun: dryRun, Reason: reason}
			if len(args) == 2 {
				for _, name := range []string{"filter", "expect"} {
					if cmd.Flags().Changed(name) {
						return usageError{fmt.Errorf("--%s is for editing all that a filter finds, without a name", name)}
					}
				}
				if len(set)+len(reset) == 0 && !dryRun {
					return a.editNamed(cmd.Context(), c, args[0], args[1], reason)
				}
				id, err := findResource(cmd.Context(), c, args[0], args[1])
				if err != nil {
					return err
				}
				req.IDs = []string{id}
			}
			if err := editFields(cmd.Context(), c, &req, set, reset); err != nil {
				return err
			}
			if cmd.Flags().Changed("expect") {
				req.Expect = &expect
			}
			var op rest.Operation
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/edits", Body: req}, &op); err != nil {
				return err
			}
			return a.followOperation(cmd.Context(), c, op)
		}),
	}
	cmd.Flags().StringVarP(&filter, "filter", "f", "", "`expression`: what to edit")
	cmd.Flags().StringArrayVar(&set, "set", nil, "`field=value`; may be given several times")
	cmd.Flags().StringArrayVar(&reset, "reset", nil, "`field` to hand back to discovery; may be given several times")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and write nothing")
	cmd.Flags().IntVar(&expect, "expect", 0, "`number` of resources that the filter found in the dry run; with another nothing is edited")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the history")
	return cmd
}

// editFields reads what --set and --reset say.
func editFields(ctx context.Context, c *client.Client, req *rest.BulkEdit, set, reset []string) error {
	info, err := client.Get[rest.KindInfo](ctx, c, "/kinds/"+url.PathEscape(req.Kind), nil)
	if err != nil {
		return err
	}
	req.Set = map[string]any{}
	for _, s := range set {
		name, text, ok := strings.Cut(s, "=")
		if !ok {
			return usageError{fmt.Errorf("--set %s: write field=value", s)}
		}
		pointer, field, err := pointerOf(info, name)
		if err != nil {
			return usageError{err}
		}
		if req.Set[pointer], err = fieldValue(field, text); err != nil {
			return usageError{fmt.Errorf("--set %s: %w", name, err)}
		}
		if pointer == "/datacenter" {
			if req.Set[pointer], err = datacenterNamed(ctx, c, text); err != nil {
				return err
			}
		}
	}
	for _, name := range reset {
		pointer, _, err := pointerOf(info, name)
		if err != nil {
			return usageError{err}
		}
		req.Reset = append(req.Reset, pointer)
	}
	return nil
}

// pointerOf finds what a field is called in documents.
func pointerOf(info rest.KindInfo, name string) (string, *schema.Field, error) {
	switch name {
	case "name", "region", "zone", "datacenter", "console_url":
		return "/" + name, nil, nil
	}
	if key, ok := strings.CutPrefix(name, "tags."); ok && key != "" {
		return "/tags/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key), nil, nil
	}
	for _, part := range []struct {
		base   string
		fields []schema.Field
	}{{"attributes.", info.Fields}, {"common.", info.CommonFields}} {
		for i := range part.fields {
			if f := &part.fields[i]; name == f.Path || name == part.base+f.Path {
				return f.Pointer, f, nil
			}
		}
	}
	return "", nil, fmt.Errorf("%s has no field %q; maestro explain %s lists them", info.Name, name, info.Name)
}

// fieldValue reads a value as the field has it: text as it is, all else as JSON. null hides what was discovered.
func fieldValue(f *schema.Field, text string) (any, error) {
	if f == nil || f.Type == schema.TypeString || f.Type == schema.TypeTime || f.Type == schema.TypeIP {
		return text, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%q should be %s", text, f.Type)
	}
	return json.RawMessage(text), nil
}

func (a *app) undo() *cobra.Command {
	var dryRun bool
	var reason string
	cmd := &cobra.Command{
		Use: "undo OPERATION", Short: "Take an import or a bulk edit back", Args: cobra.ExactArgs(1),
		Long: "Take an import or a bulk edit back: fields go back to what they were before, resources that it made are removed. What somebody\nchanged since stays as it is and is told.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var op rest.Operation
			err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/operations/" + url.PathEscape(args[0]) + "/undo",
				Body: rest.Undo{DryRun: dryRun, Reason: reason}}, &op)
			if err != nil {
				return err
			}
			return a.followOperation(cmd.Context(), c, op)
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and write nothing")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the history")
	return cmd
}

func (a *app) operations() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "operations [ID]", Short: "List imports, bulk edits and what undid them, or show one", Args: cobra.MaximumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if len(args) == 1 {
				op, err := client.Get[rest.Operation](cmd.Context(), c, "/operations/"+url.PathEscape(args[0]), nil)
				if err != nil {
					return err
				}
				return a.print(op, func() output.Table { return operationTable(op) })
			}
			header := []string{"id", "type", "state", "kind", "what", "created", "updated", "removed", "refused", "by", "started"}
			return printList(a, cmd, c, "/operations", flags, header, func(o rest.Operation, now time.Time) []string {
				typ := o.Type
				if o.DryRun {
					typ += " (dry run)"
				}
				return []string{o.ID, typ, o.State, o.Kind, o.File + o.Filter + o.Of, strconv.Itoa(o.Created), strconv.Itoa(o.Updated),
					strconv.Itoa(o.Removed), strconv.Itoa(o.Refused), o.Actor, output.Ago(o.StartedAt, now)}
			})
		}),
	}
	flags.add(cmd)
	return cmd
}

func (a *app) importMappings() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "import-mappings [NAME]", Short: "List mappings of columns to fields for imports, or show one", Args: cobra.MaximumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if len(args) == 0 {
				return printList(a, cmd, c, "/import-mappings", flags, []string{"name", "kind", "key", "columns", "description"}, func(m rest.ImportMapping, _ time.Time) []string {
					return []string{m.Name, m.Kind, m.Key, strconv.Itoa(len(m.Columns)), m.Description}
				})
			}
			m, err := client.Get[rest.ImportMapping](cmd.Context(), c, "/import-mappings/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return a.print(m, func() output.Table {
				t := output.Table{Header: []string{"column", "field", "unit"}, Note: m.Description}
				for _, col := range m.Columns {
					t.Rows = append(t.Rows, []string{col.Column, col.Field, col.Unit})
				}
				return t
			})
		}),
	}
	flags.add(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "save FILE", Short: "Save a mapping from a JSON document, as `maestro import-mappings NAME -o json` prints one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.saveMapping(cmd.Context(), args[0]) },
	}, &cobra.Command{
		Use: "delete NAME", Short: "Forget a mapping", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/import-mappings/" + url.PathEscape(args[0])}, nil)
		}),
	})
	return cmd
}

func (a *app) saveMapping(ctx context.Context, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return usageError{fmt.Errorf("read mapping: %w", err)}
	}
	var w rest.ImportMapping
	if err := json.Unmarshal(b, &w); err != nil {
		return usageError{fmt.Errorf("read mapping %s: %w", path, err)}
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	req := client.Request{Method: http.MethodPost, Path: "/import-mappings", Body: w.ImportMappingWrite}
	known, err := client.Get[rest.ImportMapping](ctx, c, "/import-mappings/"+url.PathEscape(w.Name), nil)
	switch {
	case client.IsStatus(err, http.StatusNotFound):
	case err != nil:
		return err
	default:
		req.Method, req.Path, req.IfMatch = http.MethodPut, req.Path+"/"+url.PathEscape(known.ID), strconv.FormatInt(known.Version, 10)
	}
	var saved rest.ImportMapping
	if err := c.Do(ctx, req, &saved); err != nil {
		return err
	}
	return a.print(saved, func() output.Table { return output.Table{Note: "Saved " + saved.Name + "."} })
}

// followOperation waits until an operation is over, and tells how it went.
func (a *app) followOperation(ctx context.Context, c *client.Client, op rest.Operation) error {
	wait := 50 * time.Millisecond
	bar := a.progress()
	defer bar.Done("") // when we leave before it has ended
	for op.State == "running" {
		bar.Set(fmt.Sprintf("%s: %d rows", op.Phase, op.Rows), 0, 0)
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operation %s goes on without us; maestro operations %s shows it: %w", op.ID, op.ID, ctx.Err())
		case <-time.After(wait):
		}
		wait = min(2*wait, 2*time.Second)
		var err error
		if op, err = client.Get[rest.Operation](ctx, c, "/operations/"+url.PathEscape(op.ID), nil); err != nil {
			return err
		}
	}
	bar.Done("")
	if err := a.print(op, func() output.Table { return operationTable(op) }); err != nil {
		return err
	}
	switch {
	case op.State == "refused":
		if op.Refused == 1 {
			return errors.New("1 row is wrong; nothing was written")
		}
		return fmt.Errorf("%d rows are wrong; nothing was written", op.Refused)
	case op.State != "done" && op.State != "undone" && op.State != "asked":
		return fmt.Errorf("the operation %s %s: %s", op.ID, op.State, op.Error)
	}
	return nil
}

// rowText is a row of a file; a bulk edit has none.
func rowText(row int) string {
	if row == 0 {
		return ""
	}
	return strconv.Itoa(row)
}

// operationTable is what an operation did, resource by resource, and what is wrong.
func operationTable(op rest.Operation) output.Table {
	t := output.Table{Header: []string{"row", "name", "what", "field", "was", "is"}, Rows: changeRows(op.Sample)}
	for _, e := range op.Errors {
		t.Rows = append(t.Rows, []string{rowText(e.Row), "", "wrong", strings.TrimPrefix(e.List+" "+e.Column, " "), e.Message, ""})
	}
	if op.State != "failed" || op.Created+op.Updated+op.Removed+op.Refused > 0 {
		t.Note = output.Clean(operationNote(op))
	}
	return t
}

// changeRows are the fields that an operation changes of each resource.
func changeRows(changes []rest.OperationChange) (rows [][]string) {
	for _, s := range changes {
		first := []string{rowText(s.Row), s.Resource.Name, s.Action}
		for _, d := range s.Diff {
			rows = append(rows, append(first, fieldName(d.Pointer), output.Value(d.Was()), output.Value(d.Is())))
			first = []string{"", "", ""}
		}
		for _, p := range s.Conflicts {
			rows = append(rows, append(first, p, "changed since", "left as it is"))
			first = []string{"", "", ""}
		}
		if first[1] != "" {
			rows = append(rows, append(first, "", "", ""))
		}
	}
	return rows
}

// operationNote counts what an operation did; or would do, where it wrote nothing.
func operationNote(op rest.Operation) string {
	would, begins := "", op.ID
	switch {
	case op.State == "asked":
		would, begins = "would be ", "Nothing was written yet"
	case op.State == "dropped":
		would, begins = "would have been ", op.ID+": nothing was written"
	case op.DryRun:
		would, begins = "would be ", "Dry run"
	}
	parts := []string{fmt.Sprintf("%s: %d %screated, %d %supdated, %d unchanged", begins, op.Created, would, op.Updated, would, op.Unchanged)}
	if op.Removed > 0 {
		parts = append(parts, fmt.Sprintf("%d %sremoved", op.Removed, would))
	}
	if op.State == "refused" {
		parts = []string{op.ID + ": nothing was written"}
	}
	if op.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d wrong", op.Refused))
	}
	if len(op.NewDatacenters) > 0 {
		parts = append(parts, "datacenters "+would+"recorded: "+strings.Join(op.NewDatacenters, ", "))
	}
	if len(op.Ignored) > 0 {
		parts = append(parts, "not looked at: "+strings.Join(op.Ignored, ", "))
	}
	if op.State == "asked" {
		parts = append(parts, "waits for approval "+op.Approval+" (maestro approvals show "+op.Approval+")")
	}
	return strings.Join(parts, " · ")
}
