package cli

import (
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// TestRunLogTable: what was not complete comes with the provider's own words and what to do, and nothing foreign begins a line.
func TestRunLogTable(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := runLog{Run: rest.Run{ID: "r1", Connection: rest.Ref{ID: "c1", Name: "aws"}, State: "partial", Trigger: "schedule", StartedAt: now.Add(-time.Minute), FinishedAt: now, ScopesTotal: 3,
		Error: "one\ntwo", Warnings: []string{"slow"}, Log: []string{"hello \x1b[2J"}},
		Scopes: []rest.RunScope{
			{Kind: "server", Outcome: resource.Outcome{Status: resource.StatusComplete, Listed: 5}},
			{Kind: "volume", Partition: resource.Partition{{Key: "account", Value: "1234"}}, Outcome: resource.Outcome{Status: resource.StatusDenied, Error: "AccessDenied", Advice: "grant ec2:DescribeVolumes", DurationMS: 1500}},
			{Kind: "image", Outcome: resource.Outcome{Status: resource.StatusComplete}, Rejected: []rest.Rejection{{ExternalID: "ami-1", Reason: "too large"}}},
		}}
	table := runLogTable(l, false, now)
	text := table.Note
	for _, row := range table.Rows {
		text += "\n" + strings.Join(row, " | ")
	}
	for _, want := range []string{"volume 1234 | denied | 0 |  | 1 s | AccessDenied | grant ec2:DescribeVolumes", "ami-1 | rejected |  |  |  | too large", "2 of 3 scopes complete", "took 60 s", "Error: one�two", "Warning: slow", "  hello �[2J", "could not find out everything"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "server |") || !strings.Contains(strings.Join(runLogTable(l, true, now).Rows[0], " "), "server complete 5") {
		t.Errorf("complete scopes: %s", text)
	}
}
