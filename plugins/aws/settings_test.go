package aws

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/serve"
)

func newTLS(f *fake) *httptest.Server {
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

func authority(f *fake) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
}

func TestSettings(t *testing.T) {
	for text, pointer := range map[string]string{
		`{}`: "",
		`{"region":"cn-north-1","regions":["cn-*"],"accounts":["123456789012"],"external_id":"a-b"}`: "",
		`{"region":"somewhere"}`:                                     "/region",
		`{"regions":["["]}`:                                          "/regions",
		`{"skip_services":["fax"]}`:                                  "/skip_services",
		`{"role_arn":"admin"}`:                                       "/role_arn",
		`{"external_id":"x"}`:                                        "/external_id",
		`{"accounts":["1"]}`:                                         "/accounts",
		`{"endpoint":"ftp://x"}`:                                     "/endpoint",
		`{"endpoint":"https://user:pw@x"}`:                           "/endpoint",
		`{"organization":{"include_ous":["finance"]}}`:               "/organization/include_ous",
		`{"organization":{"exclude_accounts":["one"]}}`:              "/organization/exclude_accounts",
		`{"organization":{"include_tags":["=production"]}}`:          "/organization/include_tags",
		`{"member_role":"a role"}`:                                   "/member_role",
		`{"organization":{"enabled":true,"include_ous":["r-ab12"]}}`: "",
	} {
		_, err := readSettings(json.RawMessage(text))
		var bad *provider.SettingsError
		switch {
		case pointer == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case pointer != "" && (!errors.As(err, &bad) || bad.Pointer != pointer):
			t.Errorf("%s: answered %v, want a problem of %s", text, err, pointer)
		}
	}
	for region, want := range map[string]string{"eu-west-1": "aws", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn", "us-iso-east-1": "aws-iso"} {
		if got := partitionOf(region); got != want {
			t.Errorf("%s is of %s, want %s", region, got, want)
		}
	}
}

func TestRegionsOfSettings(t *testing.T) {
	s, err := readSettings(json.RawMessage(`{"regions":["eu-*","us-east-1"],"exclude_regions":["eu-central-2","global"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for region, want := range map[string]bool{"eu-west-1": true, "eu-central-2": false, "us-east-1": true, "us-east-2": false} {
		if s.wantsRegion(region) != want {
			t.Errorf("%s: %v", region, !want)
		}
	}
	if s.wantsGlobal() {
		t.Error("global is excluded and wanted")
	}
	if _, literal := s.literalRegions(); literal {
		t.Error("a pattern is no name")
	}
}

// TestReadOnly holds every permission against what may not be asked for.
func TestReadOnly(t *testing.T) {
	for _, action := range append(actionsOf(lists()...), organizationActions()...) {
		_, verb, ok := strings.Cut(action, ":")
		reads := strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Get") || verb == "GET" || action == "sts:AssumeRole"
		if !ok || !reads {
			t.Errorf("%s changes something", action)
		}
	}
	d := New().Describe()
	for _, k := range d.Kinds {
		var doc struct {
			Statement []struct {
				Effect, Resource string
				Action           []string
			}
		}
		if err := json.Unmarshal([]byte(k.Policy), &doc); err != nil || len(doc.Statement) == 0 || len(k.Permissions) == 0 || k.IntervalSeconds == 0 {
			t.Errorf("%s: policy %v, %d permissions, interval %d", k.Kind, err, len(k.Permissions), k.IntervalSeconds)
		}
	}
	// A managed or inline policy of a role may have 10,240 characters without white space.
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(d.Policy)); err != nil || compact.Len() > 6144 {
		t.Errorf("the policy has %d characters, a managed one may have 6144 (%v)", compact.Len(), err)
	}
}

func TestRole(t *testing.T) {
	for _, form := range []string{"stackset", "terraform", "trust", "policy"} {
		var out bytes.Buffer
		err := PrintRole(&out, []string{"role", "--form", form, "--principal", "arn:aws:iam::123456789012:role/maestro", "--external-id", "maestro-acme-1", "--organization"})
		if err != nil {
			t.Fatal(err)
		}
		path := "testdata/golden/role." + form + ".txt"
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, out.Bytes()) {
			t.Errorf("differs from %s (%v):\n%s", path, err, out.Bytes())
		}
	}
	var one, other bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &other} {
		if err := PrintRole(out, []string{"role", "--form", "trust", "--principal", "arn:aws:iam::123456789012:root", "--tenant", "ACME Ltd"}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(one.String(), "maestro-acmeltd-") || bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Errorf("external ids are to name the tenant and to differ:\n%s%s", one.String(), other.String())
	}
	for _, args := range [][]string{{"help"}, {"role"}, {"role", "--principal", "me"}, {"role", "--principal", "arn:aws:iam::1:root", "--form", "pdf"}, {"role", "--principal", "arn:aws:iam::1:root", "--kinds", "fax"}} {
		if err := PrintRole(io.Discard, args); err == nil {
			t.Errorf("%v: accepted", args)
		}
	}
}

// TestCheck says per list what is missing, and gives the policy for just that.
func TestCheck(t *testing.T) {
	credential(t)
	f := startFake(t, nil)
	report, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: f.settings(nil)}, []string{"server", "volume", "backing_service"})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range report.Items {
		if !item.OK {
			t.Errorf("%+v", item)
		}
	}
	if report.Policy != "" {
		t.Errorf("nothing is missing, and yet: %s", report.Policy)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	credential(t)
	f := startFake(t, chain(assumed("200000000007"), func(q question, w http.ResponseWriter) bool {
		switch q.operation {
		case "DescribeVolumes":
			return xmlError(w, 403, "UnauthorizedOperation", "You are not authorized")
		case "GetQueueAttributes":
			return jsonError(w, 403, "AccessDeniedException", "no")
		case "ListBrokers", "GET /v1/brokers":
			return jsonError(w, 404, "UnknownOperationException", "no")
		}
		return false
	}))
	check := func(settings map[string]any, kinds ...string) (provider.CheckReport, map[string]provider.CheckItem) {
		report, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: f.settings(settings)}, kinds)
		if err != nil {
			t.Fatal(err)
		}
		bad := map[string]provider.CheckItem{}
		for _, item := range report.Items {
			if !item.OK {
				bad[item.Kind+" "+item.Name] = item
			}
		}
		return report, bad
	}
	report, bad := check(nil, "server", "volume", "backing_service")
	if len(bad) != 2 || !strings.Contains(bad["volume ec2:DescribeVolumes"].Advice, "allow ec2:DescribeVolumes") {
		t.Errorf("refused: %+v; want volumes and queues", bad)
	}
	if !strings.Contains(report.Policy, "sqs:GetQueueAttributes") || !strings.Contains(report.Policy, "ec2:DescribeVolumes") || strings.Contains(report.Policy, "DescribeInstances") {
		t.Errorf("the policy is to allow what is missing and no more: %s", report.Policy)
	}
	report, bad = check(map[string]any{"accounts": []string{"123456789012", "200000000007"}, "member_role": "reader", "external_id": "e2e"}, "server")
	if len(bad) != 1 || !strings.Contains(bad[" account 200000000007"].Advice, "external id") {
		t.Errorf("refused: %+v; want one account", bad)
	}
	for _, part := range []string{"AWS::IAM::Role", "RoleName: reader", `"sts:ExternalId": "e2e"`, "arn:aws:iam::123456789012:root"} {
		if !strings.Contains(report.Policy, part) {
			t.Errorf("the role's text lacks %s:\n%s", part, report.Policy)
		}
	}
}
