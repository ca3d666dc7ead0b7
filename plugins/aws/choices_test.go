package aws

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// choosing answers what is asked for a form only.
func choosing(q question, w http.ResponseWriter) bool {
	switch {
	case q.operation == "DescribeRegions" && strings.Contains(q.body, "AllRegions=true"):
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<DescribeRegionsResponse><regionInfo><item><regionName>af-south-1</regionName><optInStatus>not-opted-in</optInStatus></item>`+
			`<item><regionName>us-east-1</regionName><optInStatus>opt-in-not-required</optInStatus></item><item><regionName>eu-west-1</regionName><optInStatus>opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>`)
	case q.operation == "GetCallerIdentity" && q.region != defaultHome: // the home region was chosen
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
	case q.operation == "ListAccounts":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"Accounts":[{"Id":"222222222222","Name":"web","Status":"ACTIVE"},{"Id":"111111111111","Name":"old","Status":"SUSPENDED"}]}`)
	default:
		return false
	}
	return true
}

func TestChoices(t *testing.T) {
	for name, value := range credentials() {
		t.Setenv(name, value)
	}
	f := startFake(t, choosing)
	ask := func(setting string) []provider.Choice {
		t.Helper()
		got, err := New().Choices(t.Context(), provider.Connection{Settings: f.settings(nil)}, setting)
		if err != nil {
			t.Fatal(err)
		}
		return got.Items
	}
	regions := []provider.Choice{{Value: "eu-west-1"}, {Value: "us-east-1"}, {Value: "af-south-1", Note: "not enabled for account 123456789012"}}
	if got := ask("/regions"); !reflect.DeepEqual(got, regions) {
		t.Errorf("regions %+v", got)
	}
	if got := ask("/exclude_regions"); len(got) != 4 || got[3].Value != globalRegion {
		t.Errorf("regions to leave out %+v", got)
	}
	if got, want := ask("/accounts"), []provider.Choice{{Value: "111111111111", Label: "old", Note: "closed"}, {Value: "222222222222", Label: "web"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("accounts %+v", got)
	}
}

func TestChoicesThatAreRefused(t *testing.T) {
	for name, value := range credentials() {
		t.Setenv(name, value)
	}
	f := startFake(t, func(q question, w http.ResponseWriter) bool {
		return q.operation == "DescribeRegions" && xmlError(w, 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
	})
	_, err := New().Choices(t.Context(), provider.Connection{Settings: f.settings(nil)}, "/regions")
	var known *provider.Error
	if !errors.As(err, &known) || known.Status != resource.StatusDenied || !strings.Contains(known.Advice, "ec2:DescribeRegions") {
		t.Errorf("a refusal ends as %v", err)
	}
}
