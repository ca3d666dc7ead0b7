package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// reading reads one scope to its end.
type reading func(context.Context, *reader) error

// list is one thing that is read: which kind it fills, what it needs, and how it is read.
type list struct {
	kind string
	// name of the service; the scope's label where several lists fill one kind.
	name string
	// limit is the budget of requests that it shares with other lists of the same API.
	limit string
	// actions that must be allowed.
	actions []string
	// global lists have one address for all regions.
	global bool
	read   reading
}

// labelled says that the scope carries the service's name, because other lists fill the kind as well.
func (l list) labelled() bool {
	n := 0
	for _, other := range lists() {
		if other.kind == l.kind {
			n++
		}
	}
	return n > 1
}

// intervals are how often each kind is read unless its connection says otherwise, in seconds.
func intervals() map[string]int64 {
	const hour, day = 3600, 24 * 3600
	return map[string]int64{
		"server": 300, "volume": 6 * hour, "security_group": 6 * hour, "load_balancer": 6 * hour, "database": day, "backing_service": day,
		"snapshot": 14 * day, "image": 14 * day, "flavor": 14 * day, "key_pair": 14 * day, "network": 14 * day, "subnet": 14 * day,
		"network_acl": 14 * day, "route_table": 14 * day, "network_interface": 14 * day, "address": 14 * day, "gateway": 3 * day,
		"peering": 14 * day, "network_endpoint": 14 * day,
	}
}

// limits are a fraction of what each API allows one account in one region, so that the account's own programs and
// people keep the rest. docs/providers/aws.md has the arithmetic.
func limits() []provider.Limit {
	limit := func(name string, perSecond float64, burst int) provider.Limit {
		return provider.Limit{Name: name, PerSecond: perSecond, Burst: burst, MaxConcurrent: 4, Per: []string{labelAccount, labelRegion}}
	}
	return []provider.Limit{
		limit("ec2", 10, 50), limit("elasticloadbalancing", 5, 10), limit("autoscaling", 3, 10), limit("rds", 5, 10), limit("dynamodb", 5, 10),
		limit("s3", 5, 10), limit("cloudfront", 2, 5), limit("route53", 2, 3), limit("sqs", 10, 20), limit("sns", 10, 20), limit("kafka", 2, 5),
		limit("mq", 2, 5), limit("elasticache", 5, 10), limit("ses", 1, 2), limit("lambda", 5, 10), limit("apigateway", 2, 5), limit("ecs", 5, 10),
		limit("eks", 3, 10), limit("tag", 3, 10),
	}
}

// services are the names of all lists, for settings.
func services() []string {
	var out []string
	for _, l := range lists() {
		out = append(out, l.name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kindSupport is what Describe says of the kinds that the lists fill.
func kindSupport() []provider.KindSupport {
	byKind := map[string][]list{}
	var kinds []string
	for _, l := range lists() {
		if byKind[l.kind] == nil {
			kinds = append(kinds, l.kind)
		}
		byKind[l.kind] = append(byKind[l.kind], l)
	}
	slices.Sort(kinds)
	out := make([]provider.KindSupport, 0, len(kinds))
	for _, kind := range kinds {
		actions := actionsOf(byKind[kind]...)
		out = append(out, provider.KindSupport{
			Kind: kind, Major: 1, GlobalIDs: true, Unstable: true, Schema: ownFields(kind), IntervalSeconds: intervals()[kind],
			Permissions: actions, Policy: policyDocument("aws", actions),
		})
	}
	return out
}

func ownFields(kind string) json.RawMessage {
	if own := extensions()[kind]; own != nil {
		return schema.FieldsOf(own)
	}
	return nil
}

// actionsOf are the actions that lists need, with the one that every plan needs.
func actionsOf(of ...list) []string {
	out := []string{"ec2:DescribeRegions"}
	for _, l := range of {
		out = append(out, l.actions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// policyDocument is an IAM policy that allows the actions and nothing else, in one of Amazon's clouds: aws,
// aws-us-gov, aws-cn.
func policyDocument(partition string, actions []string) string {
	type statement struct {
		Sid      string   `json:"Sid"`
		Effect   string   `json:"Effect"`
		Action   []string `json:"Action"`
		Resource string   `json:"Resource"`
	}
	var plain []string
	for _, a := range actions {
		if a != actionAPIGateway {
			plain = append(plain, a)
		}
	}
	doc := struct {
		Version   string      `json:"Version"`
		Statement []statement `json:"Statement"`
	}{Version: "2012-10-17"}
	if len(plain) > 0 {
		doc.Statement = append(doc.Statement, statement{"MaestroReads", "Allow", plain, "*"})
	}
	if len(plain) < len(actions) {
		// GET on everything would give API keys and the definitions of APIs away as well.
		doc.Statement = append(doc.Statement,
			statement{"MaestroReadsApis", "Allow", []string{actionAPIGateway}, "arn:" + partition + ":apigateway:*::/restapis"},
			statement{"MaestroReadsHttpApis", "Allow", []string{actionAPIGateway}, "arn:" + partition + ":apigateway:*::/apis"})
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

const actionAPIGateway = "apigateway:GET"

// Discover reads one list of one account and region.
func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	account, _ := scope.Partition.Get(labelAccount)
	region, _ := scope.Partition.Get(labelRegion)
	service, _ := scope.Partition.Get(labelService)
	l, ok := listFor(scope.Kind, service)
	if !ok {
		return provider.Unsupported(fmt.Errorf("the plugin aws does not read %s %s", scope.Kind, service))
	}
	if !accountID.MatchString(account) || region == "" {
		return provider.Permanent(fmt.Errorf("the scope %s names no account and region", scope.Key()))
	}
	r := &reader{session: s, list: l, scope: scope, out: out, account: account, region: region}
	err := r.out.Call(ctx, "", func(ctx context.Context) (err error) {
		r.cfg, err = s.config(ctx, account, region)
		return err
	})
	if err != nil {
		return err
	}
	return l.read(ctx, r)
}

// listFor finds the list of a scope. A kind that one list fills has no service label.
func listFor(kind, service string) (list, bool) {
	all := slices.DeleteFunc(lists(), func(l list) bool { return l.kind != kind || service != "" && l.name != service })
	if len(all) != 1 {
		return list{}, false
	}
	return all[0], true
}

// sorted brings lists into the order of documents: by kind, then name.
func sorted(all []list) []list {
	slices.SortFunc(all, func(a, b list) int { return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name)) })
	return all
}
