package aws

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/serve"
)

// BenchmarkSweep compares a run of the plugin over 20,000 machines with the bare loop that asks the same.
// The server and the library's reading of XML are in both.
func BenchmarkSweep(b *testing.B) {
	const pages, each = 20, 1000
	texts := make([]string, pages)
	for page := range texts {
		var out strings.Builder
		out.WriteString("<DescribeInstancesResponse><reservationSet><item><instancesSet>")
		for i := range each {
			_, _ = fmt.Fprintf(&out, `<item><instanceId>i-%017x</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><keyName>admin</keyName><launchTime>2026-01-02T03:04:05.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone><tenancy>default</tenancy></placement><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.%d.%d</privateIpAddress><architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType><groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet><tagSet><item><key>Name</key><value>m%d</value></item><item><key>team</key><value>web</value></item></tagSet></item>`, page*each+i, i/256, i%256, i)
		}
		out.WriteString("</instancesSet></item></reservationSet>")
		if page+1 < pages {
			_, _ = fmt.Fprintf(&out, "<nextToken>%d</nextToken>", page+1)
		}
		out.WriteString("</DescribeInstancesResponse>")
		texts[page] = out.String()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		w.Header().Set("Content-Type", "text/xml")
		if form.Get("Action") == "GetCallerIdentity" {
			_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		page := 0
		_, _ = fmt.Sscan(form.Get("NextToken"), &page)
		_, _ = io.WriteString(w, texts[page])
	}))
	defer server.Close()
	for name, value := range credentials() {
		b.Setenv(name, value)
	}
	b.Run("plugin", func(b *testing.B) {
		for b.Loop() {
			p, conn := serve.Local(New()), provider.Connection{Settings: []byte(`{"regions":["eu-west-1"],"endpoint":"` + server.URL + `"}`)}
			plan, err := p.Plan(b.Context(), conn, []string{"server"})
			if err != nil {
				b.Fatal(err)
			}
			s := &counting{}
			if err := p.Discover(b.Context(), conn, plan.Scopes, s); err != nil || s.listed != pages*each {
				b.Fatal(err, s.listed, s.out)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		client := ec2.NewFromConfig(sdk.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: whole{http.DefaultTransport}}, Credentials: sdk.AnonymousCredentials{}})
		for b.Loop() {
			n, in := 0, &ec2.DescribeInstancesInput{MaxResults: sdk.Int32(1000)}
			for {
				out, err := client.DescribeInstances(b.Context(), in)
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range out.Reservations {
					n += len(r.Instances)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if n != pages*each {
				b.Fatal(n)
			}
		}
	})
}
