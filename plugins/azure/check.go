package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
)

// roleDefinition is a role to paste: `az role definition create --role-definition @file`.
func roleDefinition(name string, actions []string) string {
	text, err := json.MarshalIndent(map[string]any{
		"Name": name, "IsCustom": true, "Description": "What Maestro needs to read, and nothing that changes anything.",
		"Actions": actions, "NotActions": []string{}, "DataActions": []string{}, "NotDataActions": []string{},
		"AssignableScopes": []string{"/subscriptions/SUBSCRIPTION_ID"},
	}, "", "  ")
	if err != nil {
		panic(err) // strings make JSON
	}
	return string(text)
}

// grant is a set of permissions that Resource Manager says the identity has.
type grant struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// allows says whether some grants allow an action.
func allows(grants []grant, action string) bool {
	for _, g := range grants {
		if matchesAny(g.Actions, action) && !matchesAny(g.NotActions, action) {
			return true
		}
	}
	return false
}

func matchesAny(patterns []string, action string) bool {
	for _, p := range patterns {
		if matchesAction(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matchesAction compares with a pattern in which * stands for anything, slashes included.
func matchesAction(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == action
	}
	if !strings.HasPrefix(action, parts[0]) {
		return false
	}
	action = action[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(action, part)
		if i < 0 {
			return false
		}
		action = action[i+len(part):]
	}
	return strings.HasSuffix(action, parts[len(parts)-1])
}

// Check asks Resource Manager what the identity may do in each subscription: one call for each.
func (s *session) Check(ctx context.Context, kinds []string) (provider.CheckReport, error) {
	e, err := s.enumerate(ctx)
	if err != nil {
		return provider.CheckReport{}, err
	}
	report := provider.CheckReport{Items: []provider.CheckItem{
		{Name: "sign in", OK: true, Message: s.settings.cloud.ActiveDirectoryAuthorityHost},
		s.checkSubscriptions(e),
	}}
	grants, problems, err := s.grants(ctx, e.found)
	if err != nil {
		return report, err
	}
	missing := []string{}
	for _, kind := range kinds {
		item := provider.CheckItem{Kind: kind, Name: strings.Join(permissionsOf(kind), ", "), OK: len(e.found) > 0}
		var lines []string
		for _, sub := range e.found {
			if problem := problems[sub.ID]; problem != nil {
				lines = append(lines, fmt.Sprintf("%s (%s): %v", sub.Name, sub.ID, problem))
				continue
			}
			var lacking []string
			for _, action := range permissionsOf(kind) {
				if !allows(grants[sub.ID], action) {
					lacking = append(lacking, action)
				}
			}
			if len(lacking) > 0 {
				missing = append(missing, lacking...)
				lines = append(lines, fmt.Sprintf("%s (%s) lacks %s", sub.Name, sub.ID, strings.Join(lacking, ", ")))
			}
		}
		if len(lines) > 0 {
			item.OK, item.Message = false, summary(lines)
			item.Advice = "give the identity the role Reader, or the role below, on the subscription or a management group above it"
		}
		report.Items = append(report.Items, item)
	}
	switch {
	case len(missing) > 0:
		report.Policy = roleDefinition("Maestro Reader (missing)", sorted(missing))
	case e.visible == 0:
		report.Policy = roleDefinition("Maestro Reader", permissionsOf(kinds...))
	}
	s.checkDelegation(ctx, e, &report)
	return report, nil
}

func (s *session) checkSubscriptions(e enumeration) provider.CheckItem {
	item := provider.CheckItem{Name: "subscriptions", OK: e.complete && len(e.found) > 0, Message: fmt.Sprintf("%d visible, %d selected", e.visible, len(e.found))}
	if len(e.warnings) > 0 {
		item.Message += "; " + summary(e.warnings)
	}
	switch {
	case e.visible == 0:
		item.Advice = "give the identity the role Reader on a subscription or a management group"
	case len(e.found) == 0:
		item.Advice = "the settings select none of the subscriptions that are visible"
	}
	return item
}

// grants asks for the identity's permissions in every subscription, eight at a time.
func (s *session) grants(ctx context.Context, subs []subscription) (map[string][]grant, map[string]error, error) {
	var mu sync.Mutex
	grants, problems := map[string][]grant{}, map[string]error{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, sub := range subs {
		g.Go(func() error {
			var list []grant
			link := s.client.link("/subscriptions/"+sub.ID+"/providers/Microsoft.Authorization/permissions", "2022-04-01")
			err := pages(gctx, s.client, retry.Do, link, func(string, ...any) {}, func(p []grant) error {
				list = append(list, p...)
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems[sub.ID] = err
			}
			grants[sub.ID] = list
			return gctx.Err()
		})
	}
	return grants, problems, g.Wait()
}

// summary is some lines as one, and how many more there are.
func summary(lines []string) string {
	const most = 10
	if len(lines) > most {
		return strings.Join(lines[:most], "; ") + fmt.Sprintf("; and %d more", len(lines)-most)
	}
	return strings.Join(lines, "; ")
}
