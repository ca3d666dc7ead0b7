package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// once answers only the first n of an operation's requests.
func firstTimes(operation string, n int32, answer func(http.ResponseWriter)) func(question, http.ResponseWriter) bool {
	var seen atomic.Int32
	return func(q question, w http.ResponseWriter) bool {
		if q.operation != operation || seen.Add(1) > n {
			return false
		}
		answer(w)
		return true
	}
}

func hijack(w http.ResponseWriter, say string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, say)
	_ = conn.Close()
}

// TestFaultsThatPass are troubles that a repetition mends: the scope is complete in the end, and nothing is missing.
func TestFaultsThatPass(t *testing.T) {
	for name, broken := range map[string]func(http.ResponseWriter){
		"throttled": func(w http.ResponseWriter) { xmlError(w, 503, "RequestLimitExceeded", "Request limit exceeded.") },
		"broken":    func(w http.ResponseWriter) { xmlError(w, 500, "InternalError", "An internal error has occurred") },
		"cut in the middle": func(w http.ResponseWriter) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 90000\r\n\r\n<DescribeInstancesResponse><reservationSet><item>")
		},
		"truncated": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/xml")
			_, _ = io.WriteString(w, "<DescribeInstancesResponse><reservationSet><item><instancesSet>")
		},
		"no body": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"hung up": func(w http.ResponseWriter) { hijack(w, "") },
		"gateway": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>bad gateway")
		},
		"rate 429": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "1"); w.WriteHeader(429) },
	} {
		t.Run(name, func(t *testing.T) {
			credential(t)
			f := startFake(t, firstTimes("DescribeInstances", 2, broken))
			c := discover(t, f.settings(nil), "server")
			out := c.outcomes["server{account=123456789012,region=eu-west-1}"]
			if out.Status != resource.StatusComplete || out.Listed != 5 || out.Retries != 2 {
				t.Errorf("%+v, want complete with 5 machines after 2 repetitions", out)
			}
		})
	}
}

// TestFaultsThatStay end their scope with the reason, and no other.
func TestFaultsThatStay(t *testing.T) {
	hour := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		operation     string
		answer        func(http.ResponseWriter)
		status        resource.Status
		error, advice string
	}{
		"denied": {"DescribeVolumes", func(w http.ResponseWriter) {
			xmlError(w, 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
		},
			resource.StatusDenied, "EC2 DescribeVolumes: UnauthorizedOperation: You are not", "allow ec2:DescribeVolumes"},
		"a web page": {"DescribeVolumes", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!DOCTYPE html><html><title>Sign in</title>")
		}, resource.StatusFailed, "web page", "proxy"},
		"the clock": {"DescribeVolumes", func(w http.ResponseWriter) {
			w.Header().Set("Date", hour)
			xmlError(w, 403, "RequestExpired", "Request has expired.")
		}, resource.StatusDenied, "RequestExpired", "the clock of this machine differs by 1h"},
		"expired": {"DescribeVolumes", func(w http.ResponseWriter) {
			xmlError(w, 400, "ExpiredToken", "The security token included in the request is expired")
		},
			resource.StatusDenied, "ExpiredToken", "renew"},
		"region off": {"DescribeVolumes", func(w http.ResponseWriter) {
			xmlError(w, 401, "AuthFailure", "AWS was not able to validate the provided access credentials")
		},
			resource.StatusDenied, "AuthFailure", "not enabled for the account"},
		"unknown operation": {"DescribeVolumes", func(w http.ResponseWriter) { xmlError(w, 400, "InvalidAction", "The action is not valid") },
			resource.StatusUnsupported, "InvalidAction", ""},
	} {
		t.Run(name, func(t *testing.T) {
			credential(t)
			f := startFake(t, firstTimes(tt.operation, 1000, tt.answer))
			c := discover(t, f.settings(nil), "server", "volume")
			out := c.outcomes["volume{account=123456789012,region=eu-west-1}"]
			if out.Status != tt.status || !strings.Contains(out.Error, tt.error) || !strings.Contains(out.Advice, tt.advice) {
				t.Errorf("%+v, want %s, error %q, advice %q", out, tt.status, tt.error, tt.advice)
			}
			if other := c.outcomes["server{account=123456789012,region=eu-west-1}"]; other.Status != resource.StatusComplete || other.Listed == 0 {
				t.Errorf("the other list suffered: %+v", other)
			}
			if n := f.count(tt.operation); n != 1 {
				t.Errorf("asked %d times for what no repetition mends", n)
			}
		})
	}
}

// TestDeniedDetails are unread, not missing: the queue is there, its attributes keep what they were.
func TestDeniedDetails(t *testing.T) {
	credential(t)
	f := startFake(t, func(q question, w http.ResponseWriter) bool {
		switch q.operation {
		case "GetQueueAttributes", "GetResources":
			return jsonError(w, 403, "AccessDeniedException", "no")
		case "DescribeTargetHealth", "DescribeListeners", "DescribeTags":
			return xmlError(w, 403, "AccessDenied", "no")
		}
		return false
	})
	c := discover(t, f.settings(nil), "backing_service", "load_balancer")
	for key, want := range map[string]string{
		"backing_service arn:aws:sqs:eu-west-1:123456789012:orders":                              "[/tags /attributes/fifo /attributes/retention_seconds /attributes/encrypted /attributes/encryption_key_name /attributes/provisioned_at /attributes/modified_at /attributes/aws /relations]",
		"backing_service arn:aws:lambda:eu-west-1:123456789012:function:resize":                  "[/tags]",
		"load_balancer arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/classic": "[/tags]",
	} {
		env, ok := c.resources[key]
		if strings.Contains(string(env.Attributes), "fifo") || strings.Contains(string(env.Attributes), "target_count\":0") {
			t.Errorf("%s claims what was not read: %s", key, env.Attributes)
		}
		if got := fmt.Sprint(env.Unread); !ok || got != want {
			t.Errorf("%s: there %v, unread %s, want %s", key, ok, got, want)
		}
	}
	for key, out := range c.outcomes {
		if out.Status != resource.StatusComplete {
			t.Errorf("%s: %+v", key, out)
		}
	}
	if out := c.outcomes["load_balancer{account=123456789012,region=eu-west-1,service=elbv2}"]; out.Incomplete != 2 || len(out.Warnings) == 0 {
		t.Errorf("load balancers: %+v, want 2 incomplete and a warning", out)
	}
}

// assumed answers AssumeRole with keys that carry the account, and refuses the accounts named.
func assumed(refused ...string) func(question, http.ResponseWriter) bool {
	return func(q question, w http.ResponseWriter) bool {
		if q.operation != "AssumeRole" {
			return false
		}
		form, _ := url.ParseQuery(q.body)
		parts := strings.Split(form.Get("RoleArn"), ":")
		account := parts[4]
		for _, id := range refused {
			if id == account {
				return xmlError(w, 403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole on resource: "+form.Get("RoleArn"))
			}
		}
		if form.Get("ExternalId") != "e2e" || parts[5] != "role/reader" {
			return xmlError(w, 403, "AccessDenied", "wrong external id or role")
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ACCOUNT%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			account, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		return true
	}
}

// organizationOf lists accounts.
func organizationOf(ids ...string) func(question, http.ResponseWriter) bool {
	return func(q question, w http.ResponseWriter) bool {
		if q.operation != "ListAccounts" {
			return false
		}
		var in struct{ NextToken string }
		_ = json.Unmarshal([]byte(q.body), &in)
		from := 0
		_, _ = fmt.Sscan(in.NextToken, &from)
		out := map[string]any{}
		var page []map[string]string
		for i := from; i < min(from+20, len(ids)); i++ {
			page = append(page, map[string]string{"Id": ids[i], "Name": "n" + ids[i], "State": "ACTIVE"})
		}
		if out["Accounts"] = page; from+20 < len(ids) {
			out["NextToken"] = fmt.Sprint(from + 20)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(out)
		return true
	}
}

// machinesOf answers DescribeInstances with one machine of the account that asks, and DescribeRegions with two.
func machinesOf(q question, w http.ResponseWriter) bool {
	switch q.operation {
	case "DescribeInstances":
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-%s-%s</instanceId><instanceState><name>running</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`, q.account, q.region)
	case "DescribeRegions":
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<DescribeRegionsResponse><regionInfo><item><regionName>eu-west-1</regionName><optInStatus>opted-in</optInStatus></item><item><regionName>eu-west-2</regionName></item></regionInfo></DescribeRegionsResponse>`)
	default:
		return false
	}
	return true
}

func chain(all ...func(question, http.ResponseWriter) bool) func(question, http.ResponseWriter) bool {
	return func(q question, w http.ResponseWriter) bool {
		for _, fn := range all {
			if fn(q, w) {
				return true
			}
		}
		return false
	}
}

// TestOneAccountOfFiftyDenied: its scopes say so, all others are complete, and the plan does not claim to know what the
// denied account has.
func TestOneAccountOfFiftyDenied(t *testing.T) {
	credential(t)
	var ids []string
	for i := range 50 {
		ids = append(ids, fmt.Sprintf("2%011d", i))
	}
	const denied = "200000000007"
	f := startFake(t, chain(organizationOf(ids...), assumed(denied), machinesOf))
	c := discover(t, f.settings(map[string]any{"regions": []string{"eu-*"}, "external_id": "e2e", "member_role": "reader", "organization": map[string]any{"enabled": true}}), "server")
	if len(c.plan.Scopes) != 100 || c.plan.Complete || len(c.plan.Warnings) != 1 || !strings.Contains(c.plan.Warnings[0], denied) {
		t.Fatalf("%d scopes, complete %v, warnings %q; want 100, not complete, one about %s", len(c.plan.Scopes), c.plan.Complete, c.plan.Warnings, denied)
	}
	for key, out := range c.outcomes {
		want := resource.StatusComplete
		if strings.Contains(key, denied) {
			want = resource.StatusDenied
			if !strings.Contains(out.Advice, "external id") {
				t.Errorf("advice %q", out.Advice)
			}
		}
		if out.Status != want {
			t.Errorf("%s: %+v, want %s", key, out, want)
		}
	}
	if len(c.resources) != 98 {
		t.Errorf("%d machines, want one of each account and region but the denied: 98", len(c.resources))
	}
	// Once to plan and once to read, for each account; a refusal is not asked for again in each region.
	if n := f.count("AssumeRole"); n != 100 {
		t.Errorf("%d AssumeRole, want 100", n)
	}
}

// TestCallBudget counts what a run over 200 accounts and 17 regions asks, which docs/providers/aws.md does its sums with.
func TestCallBudget(t *testing.T) {
	credential(t)
	var ids []string
	for i := range 200 {
		ids = append(ids, fmt.Sprintf("3%011d", i))
	}
	var regions strings.Builder
	for i := range 17 {
		_, _ = fmt.Fprintf(&regions, "<item><regionName>eu-west-%d</regionName></item>", i)
	}
	f := startFake(t, chain(organizationOf(ids...), assumed(), func(q question, w http.ResponseWriter) bool {
		if q.operation != "DescribeRegions" {
			return machinesOf(q, w)
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<DescribeRegionsResponse><regionInfo>"+regions.String()+"</regionInfo></DescribeRegionsResponse>")
		return true
	}))
	began := time.Now()
	c := discover(t, f.settings(map[string]any{"regions": []string{}, "external_id": "e2e", "member_role": "reader", "organization": map[string]any{"enabled": true}}), "server")
	if len(c.resources) != 3400 || !c.plan.Complete {
		t.Fatalf("%d machines, plan complete %v; want 3400 of a complete plan", len(c.resources), c.plan.Complete)
	}
	for operation, want := range map[string]int{"ListAccounts": 10, "DescribeRegions": 200, "AssumeRole": 400, "GetCallerIdentity": 2, "DescribeInstances": 3400} {
		if n := f.count(operation); n != want {
			t.Errorf("%s was asked %d times, want %d", operation, n, want)
		}
	}
	t.Logf("3400 scopes in %s", time.Since(began).Round(time.Millisecond))
}

// TestNothingIsKnown: where the organisation or the regions cannot be listed at all, the plan is an error, so that
// nothing is taken for unwatched.
func TestNothingIsKnown(t *testing.T) {
	for name, tt := range map[string]struct {
		settings map[string]any
		refuse   string
		advice   string
	}{
		"organisation": {map[string]any{"organization": map[string]any{"enabled": true}}, "ListAccounts", "organizations:ListAccounts"},
		"regions":      {map[string]any{"regions": []string{"eu-*"}}, "DescribeRegions", "ec2:DescribeRegions"},
		"sign in":      {nil, "GetCallerIdentity", "check the credential"},
	} {
		t.Run(name, func(t *testing.T) {
			credential(t)
			f := startFake(t, func(q question, w http.ResponseWriter) bool {
				switch {
				case q.operation != tt.refuse:
					return false
				case q.service == "organizations":
					return jsonError(w, 400, "AccessDeniedException", "You don't have permissions to access this resource.")
				case q.service == "sts":
					return xmlError(w, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
				}
				return xmlError(w, 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
			})
			_, err := serve.Local(New()).Plan(t.Context(), provider.Connection{Settings: f.settings(tt.settings)}, []string{"server"})
			var known *provider.Error
			if !errors.As(err, &known) || known.Status != resource.StatusDenied || !strings.Contains(known.Advice, tt.advice) {
				t.Errorf("answered %#v, want denied with advice %q", err, tt.advice)
			}
			if err != nil && strings.Contains(err.Error(), testSecret) {
				t.Error("the error has the secret")
			}
		})
	}
}

func TestNoCredential(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "")
	}
	f := startFake(t, nil)
	_, err := New().Connect(t.Context(), provider.Connection{Settings: f.settings(nil)})
	var known *provider.Error
	if !errors.As(err, &known) || known.Status != resource.StatusDenied || !strings.Contains(known.Advice, "AWS_ACCESS_KEY_ID") {
		t.Errorf("answered %v", err)
	}
}

// TestTLS: a certificate that nobody trusts is said to be that, and the setting of its authority mends it.
func TestTLS(t *testing.T) {
	credential(t)
	f := startFake(t, nil)
	f.Close()
	secure := startFake(t, nil)
	secure.Close()
	secure.Server = newTLS(secure)
	t.Cleanup(secure.Close)
	_, err := New().Connect(t.Context(), provider.Connection{Settings: secure.settings(nil)})
	var known *provider.Error
	if !errors.As(err, &known) || known.Temporary() || !strings.Contains(known.Advice, "authority") {
		t.Errorf("answered %v", err)
	}
	if _, err := New().Connect(t.Context(), provider.Connection{Settings: secure.settings(map[string]any{"ca_certificate": authority(secure)})}); err != nil {
		t.Errorf("with its authority: %v", err)
	}
}

// TestManyMachines: 50,000 machines are read in 50 pages, and what the plugin holds meanwhile stays small.
func TestManyMachines(t *testing.T) {
	credential(t)
	const pages, each = 50, 1000
	f := startFake(t, func(q question, w http.ResponseWriter) bool {
		if q.operation != "DescribeInstances" {
			return false
		}
		form, _ := url.ParseQuery(q.body)
		page := 0
		_, _ = fmt.Sscan(form.Get("NextToken"), &page)
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<DescribeInstancesResponse><reservationSet><item><instancesSet>")
		for i := range each {
			_, _ = fmt.Fprintf(w, `<item><instanceId>i-%017x</instanceId><instanceState><name>running</name></instanceState><privateIpAddress>10.0.%d.%d</privateIpAddress><tagSet><item><key>Name</key><value>m%d</value></item></tagSet></item>`, page*each+i, i/256, i%256, i)
		}
		_, _ = io.WriteString(w, "</instancesSet></item></reservationSet>")
		if page+1 < pages {
			_, _ = fmt.Fprintf(w, "<nextToken>%d</nextToken>", page+1)
		}
		_, _ = io.WriteString(w, "</DescribeInstancesResponse>")
		return true
	})
	p, conn := serve.Local(New()), provider.Connection{Settings: f.settings(nil)}
	plan, err := p.Plan(t.Context(), conn, []string{"server"})
	if err != nil {
		t.Fatal(err)
	}
	s := &counting{}
	if err := p.Discover(t.Context(), conn, plan.Scopes, s); err != nil {
		t.Fatal(err)
	}
	if s.listed != pages*each || s.out.Status != resource.StatusComplete || f.count("DescribeInstances") != pages {
		t.Errorf("%d machines in %d requests, %+v", s.listed, f.count("DescribeInstances"), s.out)
	}
	t.Logf("most memory in use: %d MiB", s.most>>20)
	if s.most > 96<<20 {
		t.Errorf("%d MiB in use, want less than 96", s.most>>20)
	}
}

// counting is a sink that keeps nothing.
type counting struct {
	mu     sync.Mutex
	listed int
	most   uint64
	out    resource.Outcome
}

func (c *counting) Resources(_ int, batch []resource.Envelope) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listed += len(batch); c.listed%5000 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.most = max(c.most, m.HeapInuse)
	}
	return nil
}
func (c *counting) Progress(int, int, int) error { return nil }
func (c *counting) ScopeDone(_ int, out resource.Outcome) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
	return nil
}

// TestEndlessListing: a page that points to itself ends the scope instead of going round for ever.
func TestEndlessListing(t *testing.T) {
	credential(t)
	f := startFake(t, func(q question, w http.ResponseWriter) bool {
		if q.operation != "DescribeVolumes" {
			return false
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<DescribeVolumesResponse><volumeSet/><nextToken>again</nextToken></DescribeVolumesResponse>`)
		return true
	})
	c := discover(t, f.settings(nil), "volume")
	if out := c.outcomes["volume{account=123456789012,region=eu-west-1}"]; out.Status != resource.StatusFailed || !strings.Contains(out.Error, "points to itself") {
		t.Errorf("%+v", out)
	}
}
