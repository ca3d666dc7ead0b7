package cli

import (
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
)

var approvalHeader = []string{"id", "state", "kind", "title", "asked by", "asked", "approved", "until"}

func approvalRow(x rest.Approval, now time.Time) []string {
	until := ""
	if !x.ExpiresAt.IsZero() && x.State == "pending" {
		until = x.ExpiresAt.Local().Format("2006-01-02 15:04")
	}
	return []string{x.ID, x.State, x.Kind, x.Title, x.RequestedBy, output.Ago(x.RequestedAt, now), fmt.Sprintf("%d of %d", x.Approvals, x.Needed), until}
}

func (a *app) approvals() *cobra.Command {
	var flags listFlags
	list := func(cmd *cobra.Command, c *client.Client, _ []string) error {
		return printList(a, cmd, c, "/approvals", flags, approvalHeader, approvalRow)
	}
	cmd := &cobra.Command{
		Use: "approvals", Short: "What waits for somebody to decide it: list, show, approve, refuse, withdraw", Args: cobra.NoArgs,
		Long: "Removals that are held, kinds that plugins bring, and, where the tenant's rules say so, bulk edits,\n" +
			"merges, splits and new agents wait here until somebody decides. What was decided is carried out at once, and once.",
		Example: "  maestro approvals -f 'state = pending'\n  maestro approvals show 0190c7f2-...\n  maestro approvals approve 0190c7f2-... --reason 'agreed in the change board'",
		RunE:    a.online(list),
	}
	flags.add(cmd)
	listed := &cobra.Command{Use: "list", Short: "List approvals, newest first", Args: cobra.NoArgs, RunE: a.online(list)}
	flags.add(listed)
	show := &cobra.Command{
		Use: "show ID", Short: "Show one: what would be done, and who has decided", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			x, err := client.Get[rest.Approval](cmd.Context(), c, "/approvals/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return a.print(x, func() output.Table { return approvalTable(x, a.env.Now()) })
		}),
	}
	cmd.AddCommand(listed, show,
		a.decideApproval("approve", "Say yes"),
		a.decideApproval("refuse", "Say no, which ends it"),
		a.decideApproval("withdraw", "Take back what you asked for"),
		a.approvalRules())
	return cmd
}

func approvalTable(x rest.Approval, now time.Time) output.Table {
	t := output.Table{Header: []string{"what", "id", "name"}}
	if x.Edit != nil && len(x.Edit.Changes) > 0 {
		t.Header = []string{"name", "what", "field", "was", "is"}
		for _, row := range changeRows(x.Edit.Changes) {
			t.Rows = append(t.Rows, row[1:]) // without the row of a file
		}
	} else {
		for _, r := range x.Refs {
			t.Rows = append(t.Rows, []string{r.Kind, r.ID, r.Name})
		}
	}
	notes := []string{fmt.Sprintf("%s: %s, asked by %s %s", x.Title, x.State, x.RequestedBy, output.Ago(x.RequestedAt, now))}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if x.Reason != "" {
		add("because: %s", x.Reason)
	}
	if x.Edit != nil {
		add("%s finds %d of kind %s, %d of them change", x.Edit.Filter, x.Edit.Found, x.Edit.Kind, x.Count)
		add("%s", editWords(*x.Edit))
	}
	if e := x.Enrolment; e != nil {
		add("it says that it is %s on %s (%s/%s, version %s), came from %s with the key %s", e.Name, e.Hostname, e.OS, e.Arch, e.Version, e.Address, e.Fingerprint)
	}
	if x.Operation != "" {
		add("maestro operations %s shows how far it is", x.Operation)
	}
	for _, d := range x.Decisions {
		add("%s by %s %s: %s", d.Verdict, d.By, output.Ago(d.At, now), d.Reason)
	}
	if x.State == "pending" {
		add("%d of %d have approved", x.Approvals, x.Needed)
		if x.WhyNot != "" {
			add("you cannot decide it: %s", x.WhyNot)
		}
	}
	if x.Problem != "" {
		add("%s", x.Problem)
	}
	shown := len(x.Refs)
	if x.Edit != nil && len(x.Edit.Changes) > 0 {
		shown = len(x.Edit.Changes)
	}
	if shown > 0 && shown < x.Count {
		add("the first %d of %d are shown", shown, x.Count)
	}
	t.Note = strings.Join(notes, "; ")
	return t
}

// editWords says what an edit makes of fields.
func editWords(e rest.ApprovalEdit) string {
	var words []string
	for _, pointer := range e.Fields {
		i := slices.IndexFunc(e.Set, func(s rest.ApprovalField) bool { return s.Pointer == pointer })
		switch {
		case i < 0:
			words = append(words, fieldName(pointer)+" becomes what you may not read")
		case e.Set[i].Value == nil:
			words = append(words, fieldName(pointer)+" is hidden")
		case e.Set[i].Name != "":
			words = append(words, fieldName(pointer)+" becomes "+e.Set[i].Name)
		default:
			words = append(words, fieldName(pointer)+" becomes "+output.Value(e.Set[i].Value))
		}
	}
	for _, pointer := range e.Reset {
		words = append(words, fieldName(pointer)+" is handed back to discovery")
	}
	return strings.Join(words, ", ")
}

func (a *app) decideApproval(verb, short string) *cobra.Command {
	return decision(a, "/approvals/", verb, short, "`why`, for who reads it later", approvalHeader, approvalRow)
}

var ruleHeader = []string{"kind", "asked", "over", "persons", "who asked decides", "expires after", "roles", "teams"}

func ruleRow(r rest.ApprovalRule) []string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	over, expires := "", "never"
	if r.Kind == "bulk_edit" {
		over = strconv.Itoa(r.Over)
	}
	if r.ExpiresAfterHours > 0 {
		expires = strconv.Itoa(r.ExpiresAfterHours) + " h"
	}
	return []string{r.Kind, yes(r.Required), over, strconv.Itoa(r.Persons), yes(r.RequesterMayDecide), expires, strings.Join(r.Roles, ", "), strings.Join(r.Teams, ", ")}
}

func (a *app) approvalRules() *cobra.Command {
	var required, own bool
	var over, persons, hours int
	var roles, teams []string
	var reason string
	cmd := &cobra.Command{
		Use: "rules [KIND]", Short: "Show what has to be approved, or say so of one kind", Args: cobra.MaximumNArgs(1),
		Example: "  maestro approvals rules\n  maestro approvals rules bulk_edit --required --over 500 --persons 2\n  maestro approvals rules removal --role oncall\n  maestro approvals rules agent_enrolment --required",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			rules, err := client.Get[rest.ApprovalRules](cmd.Context(), c, "/approval-rules", nil)
			if err != nil {
				return err
			}
			changed := cmd.Flags().Changed
			if len(args) == 1 {
				write, found := rest.ApprovalRulesWrite{Reason: reason}, false
				for _, r := range rules.Items {
					if r.Kind == args[0] {
						found = true
						setIf(changed("required"), &r.Required, required)
						setIf(changed("requester-may-decide"), &r.RequesterMayDecide, own)
						setIf(changed("over"), &r.Over, over)
						setIf(changed("persons"), &r.Persons, persons)
						setIf(changed("expires-after-hours"), &r.ExpiresAfterHours, hours)
						setIf(changed("role"), &r.Roles, roles)
						setIf(changed("team"), &r.Teams, teams)
					}
					write.Items = append(write.Items, r)
				}
				if !found {
					return usageError{fmt.Errorf("there is no kind of approval %q: %s", args[0], strings.Join(kindsOf(rules), ", "))}
				}
				req := client.Request{Method: http.MethodPut, Path: "/approval-rules", Body: write, IfMatch: strconv.FormatInt(rules.Version, 10)}
				if err := c.Do(cmd.Context(), req, &rules); err != nil {
					return err
				}
			}
			return a.print(rules, func() output.Table {
				t := output.Table{Header: ruleHeader}
				for _, r := range rules.Items {
					t.Rows = append(t.Rows, ruleRow(r))
				}
				return t
			})
		}),
	}
	cmd.Flags().BoolVar(&required, "required", false, "ask at all")
	cmd.Flags().BoolVar(&own, "requester-may-decide", false, "who asked may decide")
	cmd.Flags().IntVar(&over, "over", 0, "of bulk edits: `number` of resources that may be edited without asking")
	cmd.Flags().IntVar(&persons, "persons", 1, "how many `people` have to approve: 1 or 2")
	cmd.Flags().IntVar(&hours, "expires-after-hours", 0, "`hours` after which nobody can decide any more; 0 is never")
	cmd.Flags().StringSliceVar(&roles, "role", nil, "`name` of a role that decides; may be given several times")
	cmd.Flags().StringSliceVar(&teams, "team", nil, "`id` of a team that decides; may be given several times")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

func kindsOf(rules rest.ApprovalRules) []string {
	var kinds []string
	for _, r := range rules.Items {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

func setIf[T any](changed bool, to *T, value T) {
	if changed {
		*to = value
	}
}
