package aws

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

type interception = func(question, http.ResponseWriter) bool

// TestFaults is the matrix of docs/providers/aws.md: what goes wrong with Amazon, and what the run says of it.
func TestFaults(t *testing.T) {
	var all []plugintest.Fault
	for _, rows := range [][]plugintest.Fault{credentialFaults(), throttlingFaults(), pageFaults(), serverFaults(), accountFaults()} {
		all = append(all, rows...)
	}
	plugintest.RunFaults(t, "../../docs/providers/aws.md", func() provider.Provider { return New() }, all)
}

// asking starts an Amazon with faults, and a connection with these settings.
func asking(settings map[string]any, faults ...interception) func(*testing.T, *plugintest.Network) json.RawMessage {
	return func(t *testing.T, n *plugintest.Network) json.RawMessage {
		credential(t)
		f := newFake(t, chain(faults...))
		n.Serve(f.Server, "aws.test:80", false)
		return f.settings(settings)
	}
}

// refusing answers an operation with an error, in one region or, without a name, in all.
func refusing(operation, region string, status int, code, message string) interception {
	return func(q question, w http.ResponseWriter) bool {
		return q.operation == operation && (region == "" || q.region == region) && xmlError(w, status, code, message)
	}
}

// volumesOf answers DescribeVolumes with pages of volumes.
func volumesOf(pages, each int) interception {
	return func(q question, w http.ResponseWriter) bool {
		if q.operation != "DescribeVolumes" {
			return false
		}
		page := pageOf(q)
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<DescribeVolumesResponse><volumeSet>")
		for i := range each {
			_, _ = fmt.Fprintf(w, `<item><volumeId>vol-%017x</volumeId><size>8</size><status>in-use</status><volumeType>gp3</volumeType><tagSet><item><key>Name</key><value>v%d</value></item></tagSet></item>`, page*each+i, i)
		}
		_, _ = io.WriteString(w, "</volumeSet>")
		if page+1 < pages {
			_, _ = fmt.Fprintf(w, "<nextToken>%d</nextToken>", page+1)
		}
		_, _ = io.WriteString(w, "</DescribeVolumesResponse>")
		return true
	}
}

func pageOf(q question) (page int) {
	form, _ := url.ParseQuery(q.body)
	_, _ = fmt.Sscan(form.Get("NextToken"), &page)
	return page
}

// onPage spoils one page of volumes, some times.
func onPage(page int, times int32, answer func(http.ResponseWriter)) interception {
	spoil := firstTimes("DescribeVolumes", times, answer)
	return func(q question, w http.ResponseWriter) bool {
		return q.operation == "DescribeVolumes" && pageOf(q) == page && spoil(q, w)
	}
}

const (
	volumesHere = "volume{account=123456789012,region=eu-west-1}"
	serversHere = "server{account=123456789012,region=eu-west-1}"
)

func credentialFaults() []plugintest.Fault {
	expired := func(operation string) interception {
		return refusing(operation, "", 400, "ExpiredToken", "The security token included in the request is expired")
	}
	denied := func(text, advice string) plugintest.Expect {
		return plugintest.Expect{Status: resource.StatusDenied, Error: text, Advice: advice}
	}
	return []plugintest.Fault{
		{Name: "expired credentials", Case: "before the run", Kinds: []string{"volume"},
			Start: asking(nil, expired("GetCallerIdentity")), Plan: denied("STS GetCallerIdentity: ExpiredToken", "session has ended: renew it")},
		{Name: "expired credentials", Case: "in the middle of it", Kinds: []string{"volume", "server"},
			Start: asking(nil, func(q question, w http.ResponseWriter) bool {
				return pageOf(q) == 1 && expired("DescribeVolumes")(q, w)
			}, volumesOf(3, 2)),
			Scopes: map[string]plugintest.Expect{
				volumesHere: {Status: resource.StatusPartial, Error: "ExpiredToken", Advice: "renew it", Listed: 2},
				serversHere: {Status: resource.StatusComplete, Listed: 5},
			}},
		{Name: "wrong credentials", Case: "unknown key", Kinds: []string{"volume"},
			Start: asking(nil, refusing("GetCallerIdentity", "", 403, "InvalidClientTokenId", "The security token included in the request is invalid.")),
			Plan:  denied("InvalidClientTokenId", "the access key is unknown or its secret is wrong")},
		{Name: "wrong credentials", Case: "wrong secret", Kinds: []string{"volume"},
			Start: asking(nil, refusing("GetCallerIdentity", "", 403, "SignatureDoesNotMatch", "The request signature we calculated does not match")),
			Plan:  denied("SignatureDoesNotMatch", "check the credential")},
		{Name: "half-permitted credentials", Kinds: []string{"volume", "server"},
			Start: asking(nil, refusing("DescribeVolumes", "", 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")),
			Scopes: map[string]plugintest.Expect{
				volumesHere: denied("EC2 DescribeVolumes: UnauthorizedOperation: You are not", "allow ec2:DescribeVolumes"),
				serversHere: {Status: resource.StatusComplete, Listed: 5},
			}},
		{Name: "half-permitted credentials", Case: "only details", Kinds: []string{"server"},
			Start:  asking(nil, refusing("DescribeInstanceTypes", "", 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")),
			Scopes: map[string]plugintest.Expect{serversHere: {Status: resource.StatusComplete, Listed: 5, Warning: "UnauthorizedOperation"}}},
		{Name: "clock skew", Case: "at the sign-in", Kinds: []string{"volume"},
			Start: asking(nil, atAnotherTime(refusing("GetCallerIdentity", "", 403, "SignatureDoesNotMatch", "Signature expired"))),
			Plan:  denied("SignatureDoesNotMatch", "the clock of this machine differs by 1h0m0s from Amazon's: set it")},
		{Name: "clock skew", Case: "in a list", Kinds: []string{"volume"},
			Start:  asking(nil, atAnotherTime(refusing("DescribeVolumes", "", 403, "RequestExpired", "Request has expired."))),
			Scopes: map[string]plugintest.Expect{volumesHere: denied("RequestExpired", "the clock of this machine differs by 1h0m0s from Amazon's: set it")}},
	}
}

// atAnotherTime answers as somebody whose clock is an hour behind.
func atAnotherTime(then interception) interception {
	return func(q question, w http.ResponseWriter) bool {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		return then(q, w)
	}
}

// untilThen spoils everything until the bubble's time has come.
func untilThen(after time.Duration, operation string, answer func(http.ResponseWriter)) interception {
	var end time.Time
	return func(q question, w http.ResponseWriter) bool {
		if operation != "" && q.operation != operation {
			return false
		}
		if end.IsZero() {
			end = time.Now().Add(after)
		}
		if time.Now().After(end) {
			return false
		}
		answer(w)
		return true
	}
}

func throttlingFaults() []plugintest.Fault {
	tooOften := func(wait string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if wait != "" {
				w.Header().Set("Retry-After", wait)
			}
			xmlError(w, 503, "RequestLimitExceeded", "Request limit exceeded.")
		}
	}
	minute := [2]time.Duration{time.Minute, 2 * time.Minute}
	mended := map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 4, Retries: 2}}
	fault := func(name string, spoil interception, scopes map[string]plugintest.Expect, between [2]time.Duration) plugintest.Fault {
		return plugintest.Fault{Name: "throttled for a minute", Case: name, Kinds: []string{"volume"}, Start: asking(nil, spoil, volumesOf(2, 2)), Scopes: scopes, Between: between}
	}
	return []plugintest.Fault{
		fault("Amazon does not say for how long", untilThen(time.Minute, "DescribeVolumes", tooOften("")), mended, minute),
		fault("Amazon says for how long", untilThen(time.Minute, "DescribeVolumes", tooOften("25")), mended, [2]time.Duration{75 * time.Second, 80 * time.Second}),
		fault("from the sign-in on", untilThen(time.Minute, "", tooOften("")), map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 4}}, minute),
		fault("and for ever", untilThen(time.Hour, "DescribeVolumes", tooOften("")), map[string]plugintest.Expect{
			volumesHere: {Status: resource.StatusThrottled, Error: "RequestLimitExceeded", Retries: 5}}, [2]time.Duration{3 * time.Minute, 4 * time.Minute}),
	}
}

func pageFaults() []plugintest.Fault {
	internal := func(w http.ResponseWriter) { xmlError(w, 500, "InternalError", "An internal error has occurred") }
	cut := func(w http.ResponseWriter) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 90000\r\n\r\n<DescribeVolumesResponse><volumeSet><item>")
	}
	page := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><title>Sign in</title>")
	}
	fault := func(name, which string, spoil interception, want plugintest.Expect) plugintest.Fault {
		return plugintest.Fault{Name: name, Case: which, Kinds: []string{"volume"}, Start: asking(nil, spoil, volumesOf(4, 2)), Scopes: map[string]plugintest.Expect{volumesHere: want}}
	}
	whole := plugintest.Expect{Status: resource.StatusComplete, Listed: 8, Retries: 3}
	return []plugintest.Fault{
		fault("a page failing three times", "and then coming", onPage(2, 3, internal), whole),
		fault("a page failing three times", "and for ever", onPage(2, 1e6, internal), plugintest.Expect{Status: resource.StatusPartial, Listed: 4, Error: "InternalError", Retries: 5}),
		fault("connection cut in a page", "three times", onPage(2, 3, cut), whole),
		fault("connection cut in a page", "each time", onPage(2, 1e6, cut), plugintest.Expect{Status: resource.StatusPartial, Listed: 4, Error: "unexpected EOF", Retries: 5}),
		fault("HTML instead of the API", "in the middle of a list", onPage(2, 1e6, page), plugintest.Expect{
			Status: resource.StatusFailed, Listed: 4, Error: "answers with a web page, not as AWS does", Advice: "whether a proxy or sign-in page is in between"}),
		{Name: "HTML instead of the API", Case: "at the sign-in", Kinds: []string{"volume"}, Start: asking(nil, firstTimes("GetCallerIdentity", 1e6, page)),
			Plan: plugintest.Expect{Status: resource.StatusFailed, Error: "answers with a web page", Advice: "check the endpoint"}},
	}
}

func serverFaults() []plugintest.Fault {
	secure := func(c tls.Certificate) func(*testing.T, *plugintest.Network) json.RawMessage {
		return func(t *testing.T, n *plugintest.Network) json.RawMessage {
			credential(t)
			f := newFake(t, nil)
			f.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
			n.Serve(f.Server, "aws.test:443", true)
			return f.settings(map[string]any{"ca_certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))})
		}
	}
	certificate := func(host string, from, to int) func(*testing.T, *plugintest.Network) json.RawMessage {
		return func(t *testing.T, n *plugintest.Network) json.RawMessage {
			return secure(plugintest.Certificate(t, host, from, to))(t, n)
		}
	}
	refused := func(advice string) plugintest.Expect {
		return plugintest.Expect{Status: resource.StatusFailed, Error: "certificate", Advice: advice}
	}
	named := func(q question, w http.ResponseWriter) bool {
		if q.operation != "DescribeVolumes" {
			return false
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<DescribeVolumesResponse><volumeSet>")
		for i, name := range []string{"größe ☃ 数据", "", "   ", strings.Repeat("x", 256), "a&lt;b&gt;&#x9;c", "\u202eetirw"} {
			_, _ = fmt.Fprintf(w, `<item><volumeId>vol-%d</volumeId><size>8</size><tagSet><item><key>Name</key><value>%s</value></item><item><key>prüfung</key><value>ünïcode</value></item><item><key></key><value>x</value></item></tagSet></item>`, i, name)
		}
		_, _ = io.WriteString(w, "<item><volumeId>vol-9</volumeId></item></volumeSet></DescribeVolumesResponse>")
		return true
	}
	return []plugintest.Fault{
		{Name: "TLS certificate wrong", Case: "nobody has signed it", Kinds: []string{"volume"}, Plan: refused("put its authority or its fingerprint into the settings"),
			Start: func(t *testing.T, n *plugintest.Network) json.RawMessage {
				credential(t)
				f := newFake(t, nil)
				n.Serve(f.Server, "example.com:443", true)
				return f.settings(nil)
			}},
		{Name: "TLS certificate wrong", Case: "of another name", Kinds: []string{"volume"}, Plan: refused("is for another name"), Start: certificate("other.test", 1999, 2100)},
		{Name: "TLS certificate wrong", Case: "out of date", Kinds: []string{"volume"}, Plan: refused("out of date, or the clock of this machine is off"), Start: certificate("aws.test", 1990, 1999)},
		{Name: "unicode and empty names", Kinds: []string{"volume"}, Start: asking(nil, named), Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 7}},
			Names: []string{"volume größe ☃ 数据", "volume ", "volume " + strings.Repeat("x", 256)}},
		{Name: "100,000 items", Kinds: []string{"volume"}, Start: asking(nil, volumesOf(200, 500)), Memory: 64 << 20,
			Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 100_000}}},
	}
}

func accountFaults() []plugintest.Fault {
	var ids []string
	for i := range 50 {
		ids = append(ids, fmt.Sprintf("2%011d", i))
	}
	const denied = "200000000007"
	organization := map[string]any{"regions": []string{"eu-*"}, "external_id": "e2e", "member_role": "reader", "organization": map[string]any{"enabled": true}}
	notAssumed := plugintest.Expect{Status: resource.StatusDenied, Error: "STS AssumeRole: AccessDenied", Advice: "its trust names this credential, and the external id"}
	inRegion := func(name string) string { return "server{account=123456789012,region=" + name + "}" }
	return []plugintest.Fault{
		{Name: "one region denied", Case: "by a policy of the organisation", Kinds: []string{"server"},
			Start: asking(map[string]any{"regions": []string{"eu-west-1", "eu-west-2", "eu-west-3"}},
				refusing("DescribeInstances", "eu-west-2", 403, "UnauthorizedOperation", "You are not authorized to perform this operation. with an explicit deny in a service control policy"), machinesOf),
			Scopes: map[string]plugintest.Expect{
				inRegion("eu-west-2"): {Status: resource.StatusDenied, Error: "explicit deny in a service control policy", Advice: "allow ec2:DescribeInstances"},
				"*":                   {Status: resource.StatusComplete, Listed: 1},
			}},
		{Name: "one region denied", Case: "because it is not enabled", Kinds: []string{"server"},
			Start: asking(map[string]any{"regions": []string{"eu-west-1", "ap-east-1"}},
				refusing("DescribeInstances", "ap-east-1", 401, "AuthFailure", "AWS was not able to validate the provided access credentials"), machinesOf),
			Scopes: map[string]plugintest.Expect{
				inRegion("ap-east-1"): {Status: resource.StatusDenied, Error: "AuthFailure", Advice: "the region is not enabled for the account"},
				"*":                   {Status: resource.StatusComplete, Listed: 1},
			}},
		{Name: "one of fifty denied", Kinds: []string{"server"}, Start: asking(organization, organizationOf(ids...), assumed(denied), machinesOf),
			Plan: plugintest.Expect{Warning: denied},
			Scopes: map[string]plugintest.Expect{
				"server{account=" + denied + ",region=eu-west-1}": notAssumed, "server{account=" + denied + ",region=eu-west-2}": notAssumed,
				"*": {Status: resource.StatusComplete, Listed: 1},
			}},
		{Name: "listing itself denied", Case: "of accounts", Kinds: []string{"server"},
			Start: asking(organization, func(q question, w http.ResponseWriter) bool {
				return q.operation == "ListAccounts" && jsonError(w, 400, "AccessDeniedException", "You don't have permissions to access this resource.")
			}),
			Plan: plugintest.Expect{Status: resource.StatusDenied, Error: "Organizations ListAccounts: AccessDeniedException", Advice: "organizations:ListAccounts"}},
		{Name: "listing itself denied", Case: "of regions", Kinds: []string{"server"},
			Start: asking(map[string]any{"regions": []string{"eu-*"}}, refusing("DescribeRegions", "", 403, "UnauthorizedOperation", "You are not authorized to perform this operation.")),
			Plan:  plugintest.Expect{Status: resource.StatusDenied, Error: "EC2 DescribeRegions: UnauthorizedOperation", Advice: "allow ec2:DescribeRegions"}},
	}
}
