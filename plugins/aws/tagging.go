package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"maestro.internal/sdk/resource"
)

// actionTags is needed by the lists of services that do not give tags with what they list.
const actionTags = "tag:GetResources"

// labels are the tags of all resources of a type in one region, by ARN. The services concerned would answer one
// request per resource; this API answers one per hundred.
type labels struct {
	byARN map[string][]resource.Tag
	blind bool // they could not be read
}

// labels reads them. That they may not be read spoils no listing: the tags are then unread.
func (r *reader) labels(ctx context.Context, region string, types ...string) (labels, error) {
	cfg := r.cfg.Copy()
	cfg.Region = region
	out := labels{byARN: map[string][]resource.Tag{}}
	client := resourcegroupstaggingapi.NewFromConfig(cfg)
	pages := paged(client.GetResources, &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: types, ResourcesPerPage: aws.Int32(100)}, func(in *resourcegroupstaggingapi.GetResourcesInput, out *resourcegroupstaggingapi.GetResourcesOutput) (**string, *string) {
		return &in.PaginationToken, out.PaginationToken
	})
	err := eachAs(ctx, r, "tag", pages, func(page *resourcegroupstaggingapi.GetResourcesOutput) error {
		for _, m := range page.ResourceTagMappingList {
			tags := make([]resource.Tag, 0, len(m.Tags))
			for _, t := range m.Tags {
				tags = append(tags, resource.Tag{Key: plain(aws.ToString(t.Key)), Value: plain(aws.ToString(t.Value))})
			}
			out.byARN[aws.ToString(m.ResourceARN)] = tags
		}
		return nil
	})
	if ctx.Err() != nil {
		return out, err
	}
	if err != nil {
		out.blind = true
		r.out.Warn("tags are left out: %v", err)
	}
	return out, nil
}

// globalHome is where the tags of services without a region are kept, whatever the home region of the settings.
func (r *reader) globalHome() string {
	switch r.session.settings.partition {
	case "aws":
		return "us-east-1"
	case "aws-cn":
		return "cn-northwest-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return r.cfg.Region
}

// on adds the tags of an ARN.
func (l labels) on(env *resource.Envelope, arn string) {
	if l.blind {
		env.Unread = append(env.Unread, "/tags")
		return
	}
	for _, t := range l.byARN[arn] {
		addTag(env, t.Key, t.Value)
	}
}
