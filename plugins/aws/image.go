package aws

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// imageFields are what only Amazon's images have.
type imageFields struct {
	ENASupport     *bool    `json:"ena_support,omitempty" label:"ENA support"`
	KernelID       string   `json:"kernel_id,omitempty" label:"Kernel"`
	RAMDiskID      string   `json:"ramdisk_id,omitempty" label:"RAM disk"`
	MetadataTokens string   `json:"imds_support,omitempty" label:"Metadata" help:"v2.0 makes machines of it answer to IMDSv2 only."`
	TPM            string   `json:"tpm,omitempty" label:"TPM"`
	ProductCodes   []string `json:"product_codes,omitempty" label:"Product codes" maestro:"set"`
	SourceImage    string   `json:"source_image,omitempty" label:"Copied from"`
	SourceRegion   string   `json:"source_region,omitempty" label:"Copied from region"`
	StateReason    string   `json:"state_reason,omitempty" label:"State reason"`
}

func readImages(ctx context.Context, r *reader) error {
	pages := paged(ec2.NewFromConfig(r.cfg).DescribeImages, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, MaxResults: aws.Int32(500), IncludeDeprecated: aws.Bool(true), IncludeDisabled: aws.Bool(true),
	}, func(in *ec2.DescribeImagesInput, out *ec2.DescribeImagesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *ec2.DescribeImagesOutput) error {
		for _, i := range page.Images {
			if i.ImageId == nil || i.State == types.ImageStateDeregistered {
				continue
			}
			env, attributes, own := r.image(i)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) image(i types.Image) (resource.Envelope, schema.Image, imageFields) {
	id := aws.ToString(i.ImageId)
	env := r.tagged(id, i.Tags)
	env.Name, env.ConsoleURL = plain(aws.ToString(i.Name)), r.ec2Page("ImageDetails:imageId=", id)
	a := schema.Image{
		Type: string(i.ImageType), Status: string(i.State), OS: osOf(aws.ToString(i.PlatformDetails), string(i.Platform)),
		Architecture: string(i.Architecture), RootDeviceName: aws.ToString(i.RootDeviceName), RootDeviceType: string(i.RootDeviceType),
		Hypervisor: string(i.Hypervisor), Virtualization: string(i.VirtualizationType), Public: i.Public, Location: plain(aws.ToString(i.ImageLocation)),
		Account: aws.ToString(i.OwnerId), Publisher: aws.ToString(i.ImageOwnerAlias), Description: plain(aws.ToString(i.Description)),
		Provisioned: moment(i.CreationDate), DeprecatedAt: moment(i.DeprecationTime),
	}
	switch i.BootMode {
	case types.BootModeValuesLegacyBios:
		a.Firmware = "bios"
	case types.BootModeValuesUefi:
		a.Firmware = "uefi"
	}
	if p := aws.ToString(i.DeregistrationProtection); p != "" {
		a.Protected = aws.Bool(strings.HasPrefix(p, "enabled"))
	}
	for _, m := range i.BlockDeviceMappings {
		if m.DeviceName == nil {
			continue
		}
		disk := schema.ImageDisk{DeviceName: *m.DeviceName, VirtualName: aws.ToString(m.VirtualName)}
		if e := m.Ebs; e != nil {
			disk.SizeBytes, disk.PerformanceClass, disk.IOPSLimit = gib(e.VolumeSize), string(e.VolumeType), int64(number(e.Iops))
			disk.Encrypted, disk.Snapshot = e.Encrypted, aws.ToString(e.SnapshotId)
			a.SizeBytes += disk.SizeBytes
			relate(&env, "uses", "snapshot", disk.Snapshot)
		}
		a.Disks = append(a.Disks, disk)
	}
	relate(&env, "created_from", "server", aws.ToString(i.SourceInstanceId))
	own := imageFields{
		ENASupport: i.EnaSupport, KernelID: aws.ToString(i.KernelId), RAMDiskID: aws.ToString(i.RamdiskId), MetadataTokens: string(i.ImdsSupport),
		TPM: string(i.TpmSupport), SourceImage: aws.ToString(i.SourceImageId), SourceRegion: aws.ToString(i.SourceImageRegion),
	}
	for _, c := range i.ProductCodes {
		own.ProductCodes = append(own.ProductCodes, texts(c.ProductCodeId)...)
	}
	if i.StateReason != nil {
		own.StateReason = aws.ToString(i.StateReason.Code)
	}
	return env, a, own
}

// moment reads a time that Amazon gives as text.
func moment(s *string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999-0700"} {
		if t, err := time.Parse(layout, aws.ToString(s)); err == nil {
			return when(&t)
		}
	}
	return time.Time{}
}

func readKeyPairs(ctx context.Context, r *reader) error {
	var answer *ec2.DescribeKeyPairsOutput
	client := ec2.NewFromConfig(r.cfg)
	err := r.call(ctx, func(ctx context.Context) (err error) {
		answer, err = client.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{})
		return err
	})
	if err != nil {
		return err
	}
	r.out.Page()
	for _, k := range answer.KeyPairs {
		// Machines name their key, not its id.
		if k.KeyName == nil {
			continue
		}
		env := r.envelope(r.local(*k.KeyName), *k.KeyName)
		tag(&env, k.Tags, ec2Tag)
		env.ConsoleURL = r.ec2Page("KeyPairs:keyPairId=", aws.ToString(k.KeyPairId))
		a := schema.KeyPair{Type: string(k.KeyType), Fingerprint: aws.ToString(k.KeyFingerprint), Account: r.account, Provisioned: when(k.CreateTime)}
		if err := r.emit(ctx, env, a); err != nil {
			return err
		}
	}
	return nil
}

// readFlavors reads the sizes that machines have, not the hundreds that are on offer.
func readFlavors(ctx context.Context, r *reader) error {
	client := ec2.NewFromConfig(r.cfg)
	used := map[types.InstanceType]bool{}
	pages := paged(client.DescribeInstances, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeInstancesInput, out *ec2.DescribeInstancesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	err := each(ctx, r, pages, func(page *ec2.DescribeInstancesOutput) error {
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				if i.InstanceType != "" && (i.State == nil || i.State.Name != types.InstanceStateNameTerminated) {
					used[i.InstanceType] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	sizes, err := r.sizes(ctx, client, used)
	if err != nil {
		return err
	}
	for name := range used {
		env, a := r.flavor(string(name), sizes[name])
		if err := r.emit(ctx, env, a); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) flavor(name string, t types.InstanceTypeInfo) (resource.Envelope, schema.Flavor) {
	env := r.envelope(r.local(name), name)
	env.ConsoleURL = r.ec2Page("InstanceTypeDetails:instanceType=", name)
	a := schema.Flavor{Hypervisor: string(t.Hypervisor), BareMetal: t.BareMetal, Burstable: t.BurstablePerformanceSupported, Current: t.CurrentGeneration}
	a.Family, _, _ = strings.Cut(name, ".")
	if c := t.VCpuInfo; c != nil {
		a.CPUCount, a.CPUCoreCount = number(c.DefaultVCpus), number(c.DefaultCores)
	}
	if t.MemoryInfo != nil {
		a.MemoryBytes = aws.ToInt64(t.MemoryInfo.SizeInMiB) << 20
	}
	if p := t.ProcessorInfo; p != nil {
		a.CPUModel, a.CPUMHz = aws.ToString(p.Manufacturer), int(aws.ToFloat64(p.SustainedClockSpeedInGhz)*1000+0.5)
		for _, arch := range p.SupportedArchitectures {
			a.Architectures = append(a.Architectures, string(arch))
		}
	}
	if s := t.InstanceStorageInfo; s != nil {
		// Amazon counts these, unlike volumes, in powers of ten.
		a.EphemeralDiskBytes = aws.ToInt64(s.TotalSizeInGB) * 1_000_000_000
	}
	if n := t.NetworkInfo; n != nil {
		a.NetworkPerformance, a.MaxInterfaces = aws.ToString(n.NetworkPerformance), number(n.MaximumNetworkInterfaces)
		a.MaxIPs = number(n.Ipv4AddressesPerInterface) * a.MaxInterfaces
	}
	if t.GpuInfo != nil {
		for _, g := range t.GpuInfo.Gpus {
			a.GPUCount += number(g.Count)
			a.GPUModel = strings.TrimSpace(aws.ToString(g.Manufacturer) + " " + aws.ToString(g.Name))
		}
	}
	return env, a
}
