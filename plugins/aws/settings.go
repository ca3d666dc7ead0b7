package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
)

// Settings are a connection's settings.
type Settings struct {
	Region         string   `json:"region,omitempty" label:"Home region" example:"us-east-1" help:"Where the sign-in and the services without a region are asked. It decides between AWS, GovCloud (us-gov-west-1) and China (cn-north-1). Default us-east-1."`
	Regions        []string `json:"regions,omitempty" label:"Only these regions" maestro:"narrows" example:"[\"eu-*\", \"us-east-1\"]" help:"Names or patterns; empty means every region that the account has enabled."`
	ExcludeRegions []string `json:"exclude_regions,omitempty" label:"Not these regions" maestro:"narrows" help:"Names or patterns; global leaves out CloudFront, Route 53 and S3."`
	SkipServices   []string `json:"skip_services,omitempty" label:"Not these services" maestro:"narrows" example:"[\"ses\", \"mq\"]" help:"Lists that are not read, by the name that a scope shows as its service (lambda, sqs, rds, ...)."`

	RoleARN    string `json:"role_arn,omitempty" label:"Role" example:"arn:aws:iam::123456789012:role/maestro" help:"A role to assume before anything else; empty works as the credential itself."`
	ExternalID string `json:"external_id,omitempty" label:"External id" help:"Of the roles; maestro-plugin-aws role prints one together with the roles' text."`

	Accounts     []string     `json:"accounts,omitempty" label:"Accounts" maestro:"narrows" example:"[\"123456789012\"]" help:"Account ids to read by the member role, where there is no organisation to list; empty means the credential's own."`
	MemberRole   string       `json:"member_role,omitempty" label:"Member role" default:"maestro-readonly" help:"The name of the role in each account."`
	Organization Organization `json:"organization,omitzero"`

	Endpoint string `json:"endpoint,omitempty" label:"Endpoint" group:"Network" format:"uri" maestro:"credential-target" example:"https://localstack.example.org:4566" help:"An address that answers for all of AWS: a private gateway or an emulator. Empty means Amazon's own."`
	CA       string `json:"ca_certificate,omitempty" label:"Certificate authority" group:"Network" help:"PEM of an authority to trust beside the machine's own, where a proxy or endpoint has its own."`
}

// Organization says which accounts of an AWS organisation are read.
type Organization struct {
	Enabled         bool     `json:"enabled,omitempty" label:"All accounts of the organisation" group:"Organisation" maestro:"narrows" help:"Lists them by AWS Organizations; the credential must be of the management account or a delegated administrator."`
	IncludeAccounts []string `json:"include_accounts,omitempty" label:"Only these accounts" group:"Organisation" maestro:"narrows" help:"Account ids; empty means all."`
	ExcludeAccounts []string `json:"exclude_accounts,omitempty" label:"Not these accounts" group:"Organisation" maestro:"narrows"`
	IncludeOUs      []string `json:"include_ous,omitempty" label:"Only these units" group:"Organisation" maestro:"narrows" example:"[\"ou-ab12-cdefghij\"]" help:"Ids of organisational units; accounts below them count."`
	ExcludeOUs      []string `json:"exclude_ous,omitempty" label:"Not these units" group:"Organisation" maestro:"narrows"`
	IncludeTags     []string `json:"include_tags,omitempty" label:"Only accounts with these tags" group:"Organisation" maestro:"narrows" example:"[\"environment=production\"]" help:"key=value, or key alone; one of them is enough. Costs one request for each account."`
	ExcludeTags     []string `json:"exclude_tags,omitempty" label:"Not accounts with these tags" group:"Organisation" maestro:"narrows"`
}

const (
	defaultHome       = "us-east-1"
	defaultMemberRole = "maestro-readonly"
)

// settings with what has been made of them.
type settings struct {
	Settings
	// partition of Amazon's clouds: aws, aws-us-gov, aws-cn.
	partition string
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	regionID  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)
	roleName  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_/-]{1,64}$`)
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$`)
	external  = regexp.MustCompile(`^[A-Za-z0-9+=,.@:/_-]+$`)
	unitID    = regexp.MustCompile(`^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$`)
)

// isExternalID knows Amazon's rule for external ids.
func isExternalID(s string) bool { return len(s) >= 2 && len(s) <= 1224 && external.MatchString(s) }

func readSettings(raw json.RawMessage) (settings, error) {
	var s settings
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s.Settings); err != nil {
		return s, &provider.SettingsError{Problem: err.Error()}
	}
	if s.Region == "" {
		s.Region = defaultHome
	}
	if s.MemberRole == "" {
		s.MemberRole = defaultMemberRole
	}
	s.partition = partitionOf(s.Region)
	return s, s.check()
}

// partitionOf is the cloud that a region belongs to, which stands second in every ARN.
func partitionOf(region string) string {
	for prefix, partition := range map[string]string{"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b", "eusc-": "aws-eusc"} {
		if strings.HasPrefix(region, prefix) {
			return partition
		}
	}
	return "aws"
}

func (s settings) check() error {
	bad := func(pointer, format string, args ...any) error {
		return &provider.SettingsError{Pointer: pointer, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case !regionID.MatchString(s.Region):
		return bad("/region", "is no region such as eu-west-1")
	case s.RoleARN != "" && !roleARN.MatchString(s.RoleARN):
		return bad("/role_arn", "is no ARN of a role such as arn:aws:iam::123456789012:role/maestro")
	case !roleName.MatchString(s.MemberRole):
		return bad("/member_role", "is no name of a role")
	case s.ExternalID != "" && !isExternalID(s.ExternalID):
		return bad("/external_id", "may have 2 to 1224 letters, digits and +=,.@:/_-")
	}
	if s.Endpoint != "" {
		u, err := url.Parse(s.Endpoint)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
			// The parser's own words would repeat the address, and people paste keys into addresses.
			return bad("/endpoint", "is no address such as https://localstack.example.org:4566")
		case u.User != nil:
			return bad("/endpoint", "must not contain a user or password; they belong into the credential")
		}
	}
	patterns := map[string][]string{"/regions": s.Regions, "/exclude_regions": s.ExcludeRegions}
	for pointer, list := range patterns {
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil || p == "" {
				return bad(pointer, "pattern %q is malformed", p)
			}
		}
	}
	known := services()
	for _, name := range s.SkipServices {
		if !slices.Contains(known, name) {
			return bad("/skip_services", "%q is none of %s", name, strings.Join(known, ", "))
		}
	}
	o := s.Organization
	for pointer, list := range map[string][]string{"/accounts": s.Accounts, "/organization/include_accounts": o.IncludeAccounts, "/organization/exclude_accounts": o.ExcludeAccounts} {
		for _, id := range list {
			if !accountID.MatchString(id) {
				return bad(pointer, "%q is no account id of 12 digits", id)
			}
		}
	}
	for pointer, list := range map[string][]string{"/organization/include_ous": o.IncludeOUs, "/organization/exclude_ous": o.ExcludeOUs} {
		for _, id := range list {
			if !unitID.MatchString(id) {
				return bad(pointer, "%q is no id of an organisational unit such as ou-ab12-cdefghij", id)
			}
		}
	}
	for pointer, list := range map[string][]string{"/organization/include_tags": o.IncludeTags, "/organization/exclude_tags": o.ExcludeTags} {
		for _, tag := range list {
			if key, _, _ := strings.Cut(tag, "="); key == "" {
				return bad(pointer, "%q is no key or key=value", tag)
			}
		}
	}
	return nil
}

// literalRegions are the names of regions, if the settings give names and no patterns: then nothing is to be listed.
func (s settings) literalRegions() ([]string, bool) {
	var out []string
	for _, r := range s.Regions {
		if !regionID.MatchString(r) {
			return nil, false
		}
		if s.wantsRegion(r) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, len(s.Regions) > 0
}

// wantsRegion says whether the settings select a region; check has looked at the patterns.
func (s settings) wantsRegion(region string) bool {
	matches := func(p string) bool { ok, _ := path.Match(p, region); return ok }
	return (len(s.Regions) == 0 || slices.ContainsFunc(s.Regions, matches)) && !slices.ContainsFunc(s.ExcludeRegions, matches)
}

// wantsGlobal says whether services without a region are read.
func (s settings) wantsGlobal() bool {
	return !slices.ContainsFunc(s.ExcludeRegions, func(p string) bool { ok, _ := path.Match(p, globalRegion); return ok })
}

func (s settings) wants(l list) bool { return !slices.Contains(s.SkipServices, l.name) }
