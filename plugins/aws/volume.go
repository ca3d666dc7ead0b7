package aws

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// volumeFields are what only Amazon's volumes have.
type volumeFields struct {
	Attachments []attachment `json:"attachments,omitempty" label:"Attachments" key:"instance"`
	FastRestore *bool        `json:"fast_restored,omitempty" label:"Fast restored"`
	Outpost     string       `json:"outpost_arn,omitempty" label:"Outpost"`
}

type attachment struct {
	Instance            string    `json:"instance" label:"Instance"`
	Device              string    `json:"device,omitempty" label:"Device"`
	Status              string    `json:"status,omitempty" label:"Status"`
	DeleteOnTermination *bool     `json:"delete_on_termination,omitempty" label:"Deleted with it"`
	AttachedAt          time.Time `json:"attached_at,omitzero" label:"Attached"`
}

func ec2Tag(t types.Tag) (*string, *string) { return t.Key, t.Value }

// tagged is an envelope with tags and the name that people give by a tag.
func (r *reader) tagged(id string, tags []types.Tag) resource.Envelope {
	env := r.envelope(id, "")
	tag(&env, tags, ec2Tag)
	env.Name = tagNamed(env, "Name")
	return env
}

func (r *reader) ec2Page(anchor, id string) string {
	return r.console("ec2/home?region={region}#" + anchor + id)
}

func (r *reader) vpcPage(anchor, id string) string {
	return r.console("vpcconsole/home?region={region}#" + anchor + id)
}

func readVolumes(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeVolumes, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(500)}, func(in *ec2.DescribeVolumesInput, out *ec2.DescribeVolumesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeVolumesOutput) error {
		for _, v := range page.Volumes {
			if v.VolumeId == nil || v.State == types.VolumeStateDeleted {
				continue
			}
			env, attributes, own := r.volume(v)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) volume(v types.Volume) (resource.Envelope, schema.Volume, volumeFields) {
	id := aws.ToString(v.VolumeId)
	env := r.tagged(id, v.Tags)
	env.Zone, env.ConsoleURL = aws.ToString(v.AvailabilityZone), r.ec2Page("VolumeDetails:volumeId=", id)
	// A guest sees the id, without its hyphen, as the serial number of the NVMe disk.
	identify(&env, "serial", strings.Replace(id, "-", "", 1))
	a := schema.Volume{
		Type: "virtual_disk", Status: string(v.State), SizeBytes: gib(v.Size), PerformanceClass: string(v.VolumeType),
		IOPSLimit: int64(number(v.Iops)), ThroughputLimit: int64(number(v.Throughput)) << 20, Encrypted: v.Encrypted,
		EncryptionKeyName: aws.ToString(v.KmsKeyId), Shareable: v.MultiAttachEnabled, ProvisionedAt: when(v.CreateTime),
	}
	switch v.VolumeType {
	case types.VolumeTypeSt1, types.VolumeTypeSc1, types.VolumeTypeStandard:
		a.Media = "hdd"
	case "":
	default:
		a.Media = "ssd"
	}
	own := volumeFields{FastRestore: v.FastRestored, Outpost: aws.ToString(v.OutpostArn)}
	for _, at := range v.Attachments {
		instance := aws.ToString(at.InstanceId)
		if instance == "" {
			continue
		}
		own.Attachments = append(own.Attachments, attachment{instance, aws.ToString(at.Device), string(at.State), at.DeleteOnTermination, when(at.AttachTime)})
		if a.DeviceName == "" {
			a.DeviceName = aws.ToString(at.Device)
		}
		relate(&env, "attached_to", "server", instance)
	}
	relate(&env, "created_from", "snapshot", aws.ToString(v.SnapshotId))
	return env, a, own
}

// snapshotFields are what only Amazon's snapshots have.
type snapshotFields struct {
	OwnerAlias    string    `json:"owner_alias,omitempty" label:"Owner's alias"`
	DataKey       string    `json:"data_encryption_key_id,omitempty" label:"Data key" help:"Equal for volumes and snapshots of one origin; a name, not the key."`
	RestoreExpiry time.Time `json:"restore_expires_at,omitzero" label:"Restored until"`
	CompletedAt   time.Time `json:"completed_at,omitzero" label:"Completed"`
	Outpost       string    `json:"outpost_arn,omitempty" label:"Outpost"`
}

func readSnapshots(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeSnapshots, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeSnapshotsInput, out *ec2.DescribeSnapshotsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeSnapshotsOutput) error {
		for _, s := range page.Snapshots {
			if s.SnapshotId == nil {
				continue
			}
			env, attributes, own := r.snapshot(s)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) snapshot(s types.Snapshot) (resource.Envelope, schema.Snapshot, snapshotFields) {
	id := aws.ToString(s.SnapshotId)
	env := r.tagged(id, s.Tags)
	env.ConsoleURL = r.ec2Page("SnapshotDetails:snapshotId=", id)
	a := schema.Snapshot{
		Type: "volume", Status: string(s.State), StatusMessage: plain(aws.ToString(s.StateMessage)), TakenAt: when(s.StartTime),
		SizeBytes: gib(s.VolumeSize), Encrypted: s.Encrypted, EncryptionKeyName: aws.ToString(s.KmsKeyId), StorageTier: string(s.StorageTier),
		Account: aws.ToString(s.OwnerId), Description: plain(aws.ToString(s.Description)), Incremental: aws.Bool(s.StorageTier != types.StorageTierArchive),
		StoredBytes: aws.ToInt64(s.FullSnapshotSizeInBytes),
	}
	if percent, err := strconv.Atoi(strings.TrimSuffix(aws.ToString(s.Progress), "%")); err == nil {
		a.ProgressPercent = &percent
	}
	// What a snapshot was copied from is said by an id that names nothing.
	if v := aws.ToString(s.VolumeId); v != "vol-ffffffff" {
		relate(&env, "created_from", "volume", v)
	}
	return env, a, snapshotFields{
		OwnerAlias: aws.ToString(s.OwnerAlias), DataKey: aws.ToString(s.DataEncryptionKeyId), RestoreExpiry: when(s.RestoreExpiryTime),
		CompletedAt: when(s.CompletionTime), Outpost: aws.ToString(s.OutpostArn),
	}
}
