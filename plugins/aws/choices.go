package aws

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"maestro.internal/sdk/provider"
)

// choosable are the settings whose choices Amazon knows.
func choosable() []string {
	return []string{"/region", "/regions", "/exclude_regions", "/accounts", "/organization/include_accounts", "/organization/exclude_accounts"}
}

// Choices lists the regions of the credential's own account, or the accounts of its organisation.
func (*Provider) Choices(ctx context.Context, conn provider.Connection, setting string) (provider.Choices, error) {
	settings, err := readSettings(conn.Settings)
	if err != nil {
		return provider.Choices{}, err
	}
	s, err := connect(ctx, settings)
	if err != nil {
		return provider.Choices{}, err
	}
	switch setting {
	case "/region", "/regions", "/exclude_regions":
		return s.regionChoices(ctx, setting)
	}
	return s.accountChoices(ctx)
}

// regionChoices are all regions that there are, those first that the account can be read in.
func (s *session) regionChoices(ctx context.Context, setting string) (provider.Choices, error) {
	var out provider.Choices
	err := insist(ctx, func(ctx context.Context) error {
		cfg, err := s.config(ctx, s.own, s.settings.Region)
		if err != nil {
			return err
		}
		answer, err := ec2.NewFromConfig(cfg).DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
		if err != nil {
			return classify(err)
		}
		for _, r := range answer.Regions {
			c := provider.Choice{Value: aws.ToString(r.RegionName)}
			if aws.ToString(r.OptInStatus) == "not-opted-in" {
				c.Note = "not enabled for account " + s.own
			}
			out.Items = append(out.Items, c)
		}
		return nil
	})
	slices.SortFunc(out.Items, func(a, b provider.Choice) int {
		return cmp.Or(cmp.Compare(a.Note, b.Note), cmp.Compare(a.Value, b.Value))
	})
	if setting == "/exclude_regions" {
		out.Items = append(out.Items, provider.Choice{Value: globalRegion, Note: "CloudFront, Route 53 and S3"})
	}
	return out, err
}

func (s *session) accountChoices(ctx context.Context) (provider.Choices, error) {
	all, err := listMembers(ctx, organizations.NewFromConfig(s.base))
	if err != nil {
		return provider.Choices{}, err
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	var out provider.Choices
	for _, m := range all {
		c := provider.Choice{Value: m.id, Label: m.name}
		if m.closed {
			c.Note = "closed"
		}
		out.Items = append(out.Items, c)
	}
	return out, nil
}
