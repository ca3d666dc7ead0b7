package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// serverFields are what only Amazon's machines have.
type serverFields struct {
	InstanceType      string `json:"instance_type,omitempty" label:"Instance type" maestro:"indexed,searchable"`
	Lifecycle         string `json:"lifecycle,omitempty" label:"Lifecycle" example:"spot"`
	Tenancy           string `json:"tenancy,omitempty" label:"Tenancy" example:"dedicated"`
	PlacementGroup    string `json:"placement_group,omitempty" label:"Placement group"`
	Hypervisor        string `json:"hypervisor,omitempty" label:"Hypervisor"`
	RootDeviceName    string `json:"root_device_name,omitempty" label:"Root device"`
	RootDeviceType    string `json:"root_device_type,omitempty" label:"Root device type"`
	EBSOptimized      *bool  `json:"ebs_optimized,omitempty" label:"EBS optimized"`
	ENASupport        *bool  `json:"ena_support,omitempty" label:"ENA support"`
	SourceDestCheck   *bool  `json:"source_dest_check,omitempty" label:"Source check"`
	MetadataTokens    string `json:"metadata_tokens,omitempty" label:"Metadata tokens" maestro:"indexed" help:"required means IMDSv2 only."`
	MetadataEndpoint  string `json:"metadata_endpoint,omitempty" label:"Metadata endpoint"`
	Enclave           *bool  `json:"nitro_enclave,omitempty" label:"Nitro enclave"`
	Hibernation       *bool  `json:"hibernation,omitempty" label:"Hibernation"`
	Reservation       string `json:"reservation_id,omitempty" label:"Reservation"`
	CapacityReserved  string `json:"capacity_reservation_id,omitempty" label:"Capacity reservation"`
	SpotRequest       string `json:"spot_request_id,omitempty" label:"Spot request"`
	StateReason       string `json:"state_reason,omitempty" label:"State reason"`
	UsageOperation    string `json:"usage_operation,omitempty" label:"Usage operation" help:"By which the operating system is billed."`
	KernelID          string `json:"kernel_id,omitempty" label:"Kernel"`
	RAMDiskID         string `json:"ramdisk_id,omitempty" label:"RAM disk"`
	Outpost           string `json:"outpost_arn,omitempty" label:"Outpost"`
	AvailabilityZone  string `json:"availability_zone_id,omitempty" label:"Zone id" help:"The zone's name that is the same for all accounts."`
	TPM               string `json:"tpm,omitempty" label:"TPM"`
	IAMProfile        string `json:"instance_profile_arn,omitempty" label:"Instance profile"`
	AutoRecovery      string `json:"auto_recovery,omitempty" label:"Auto recovery"`
	ManagedBy         string `json:"managed_by,omitempty" label:"Managed by" help:"A service of Amazon that runs it for the account."`
	ThreadsPerCore    int    `json:"threads_per_core,omitempty" label:"Threads per core"`
	NetworkInterfaces int    `json:"network_interface_count,omitempty" label:"Interfaces"`
}

func readServers(ctx context.Context, r *reader) error {
	client := ec2.NewFromConfig(r.cfg)
	pages := paged(client.DescribeInstances, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000)}, func(in *ec2.DescribeInstancesInput, out *ec2.DescribeInstancesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	blind := false
	return each(ctx, r, pages, func(page *ec2.DescribeInstancesOutput) error {
		sizes, err := r.sizesOf(ctx, client, page)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			if !blind {
				r.out.Warn("memory of machines is left out: %v", err)
			}
			blind = true
		}
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				if i.InstanceId == nil || i.State != nil && i.State.Name == types.InstanceStateNameTerminated {
					continue // what was terminated is listed for an hour more
				}
				env, attributes, own := r.server(i, sizes)
				own.Reservation = aws.ToString(reservation.ReservationId)
				if _, known := sizes[i.InstanceType]; !known && blind {
					env.Unread = append(env.Unread, "/attributes/memory_bytes")
				}
				if err := r.emit(ctx, env, with(attributes, own)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// sizesOf are the instance types of a page; only those that no scope of this call has seen are asked for.
func (r *reader) sizesOf(ctx context.Context, client *ec2.Client, page *ec2.DescribeInstancesOutput) (map[types.InstanceType]types.InstanceTypeInfo, error) {
	wanted := map[types.InstanceType]bool{}
	for _, reservation := range page.Reservations {
		for _, i := range reservation.Instances {
			if i.InstanceType != "" {
				wanted[i.InstanceType] = true
			}
		}
	}
	return r.sizes(ctx, client, wanted)
}

// sizes asks for instance types by name, as many in a request as are allowed.
func (r *reader) sizes(ctx context.Context, client *ec2.Client, wanted map[types.InstanceType]bool) (map[types.InstanceType]types.InstanceTypeInfo, error) {
	out := map[types.InstanceType]types.InstanceTypeInfo{}
	var missing []types.InstanceType
	s := r.session
	s.mu.Lock()
	for name := range wanted {
		if info, ok := s.types[name]; ok {
			out[name] = info
		} else {
			missing = append(missing, name)
		}
	}
	s.mu.Unlock()
	slices.Sort(missing)
	const most = 100
	for len(missing) > 0 {
		n := min(len(missing), most)
		// A filter: asked for by name, one type that the region no longer offers would spoil the answer for all.
		filter := types.Filter{Name: aws.String("instance-type"), Values: make([]string, n)}
		for i, name := range missing[:n] {
			filter.Values[i] = string(name)
		}
		pages := paged(client.DescribeInstanceTypes, &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{filter}, MaxResults: aws.Int32(100)}, func(in *ec2.DescribeInstanceTypesInput, out *ec2.DescribeInstanceTypesOutput) (**string, *string) {
			return &in.NextToken, out.NextToken
		})
		err := each(ctx, r, pages, func(page *ec2.DescribeInstanceTypesOutput) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, info := range page.InstanceTypes {
				s.types[info.InstanceType] = info
				out[info.InstanceType] = info
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		missing = missing[n:]
	}
	return out, nil
}

func (r *reader) server(i types.Instance, sizes map[types.InstanceType]types.InstanceTypeInfo) (resource.Envelope, schema.Server, serverFields) {
	id := aws.ToString(i.InstanceId)
	env := r.envelope(id, "")
	tag(&env, i.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	env.Name = tagNamed(env, "Name")
	env.ConsoleURL = r.console("ec2/home?region={region}#InstanceDetails:instanceId=" + id)
	identify(&env, "instance_id", id)
	a := schema.Server{
		Type: "virtual", Architecture: string(i.Architecture), Flavor: string(i.InstanceType), KeyName: aws.ToString(i.KeyName),
		VirtualizationType: string(i.VirtualizationType), Image: aws.ToString(i.ImageId), PrimaryIP: address(i.PrivateIpAddress),
		PublicIP: address(i.PublicIpAddress), BootedAt: when(i.LaunchTime), StatusMessage: aws.ToString(i.StateTransitionReason),
		DNSNames: texts(i.PrivateDnsName, i.PublicDnsName), OS: osOf(aws.ToString(i.PlatformDetails), string(i.Platform)),
		Spot: aws.Bool(i.InstanceLifecycle == types.InstanceLifecycleTypeSpot), Manufacturer: "Amazon EC2", Model: string(i.InstanceType),
	}
	if i.State != nil {
		a.Status, a.PowerState = string(i.State.Name), powerOf(i.State.Name)
	}
	switch i.CurrentInstanceBootMode {
	case types.InstanceBootModeValuesLegacyBios:
		a.Firmware = "bios"
	case types.InstanceBootModeValuesUefi:
		a.Firmware = "uefi"
	}
	if i.Monitoring != nil {
		a.Monitoring = aws.Bool(i.Monitoring.State == types.MonitoringStateEnabled)
	}
	if i.IamInstanceProfile != nil {
		_, a.IAMRole, _ = strings.Cut(aws.ToString(i.IamInstanceProfile.Arn), "instance-profile/")
	}
	size := sizes[i.InstanceType]
	if c := i.CpuOptions; c != nil {
		a.CPUSocketCount, a.CPUCoresPerSocket = 1, number(c.CoreCount)
		a.CPUCount = number(c.CoreCount) * max(number(c.ThreadsPerCore), 1)
	} else if size.VCpuInfo != nil {
		a.CPUCount = number(size.VCpuInfo.DefaultVCpus)
	}
	if size.MemoryInfo != nil && size.MemoryInfo.SizeInMiB != nil {
		a.MemoryBytes = *size.MemoryInfo.SizeInMiB << 20
	}
	if size.BareMetal != nil && *size.BareMetal {
		a.Type = "physical"
	}
	r.serverNetwork(i, &env, &a)
	if i.Placement != nil {
		env.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	relate(&env, "created_from", "image", aws.ToString(i.ImageId))
	if i.InstanceType != "" {
		relate(&env, "uses", "flavor", r.local(string(i.InstanceType)))
	}
	if i.KeyName != nil {
		relate(&env, "uses", "key_pair", r.local(*i.KeyName))
	}
	return env, a, serverOwn(i)
}

// serverNetwork adds addresses, adapters and what they are connected to.
func (r *reader) serverNetwork(i types.Instance, env *resource.Envelope, a *schema.Server) {
	a.IPAddresses = addIP(a.IPAddresses, i.PrivateIpAddress)
	a.IPAddresses = addIP(a.IPAddresses, i.PublicIpAddress)
	relate(env, "connected_to", "network", aws.ToString(i.VpcId))
	relate(env, "connected_to", "subnet", aws.ToString(i.SubnetId))
	for _, g := range i.SecurityGroups {
		relate(env, "uses", "security_group", aws.ToString(g.GroupId))
	}
	for _, n := range i.NetworkInterfaces {
		if n.NetworkInterfaceId == nil {
			continue
		}
		adapter := schema.ServerNetworkAdapter{
			Name: *n.NetworkInterfaceId, MAC: aws.ToString(n.MacAddress), Type: aws.ToString(n.InterfaceType), Network: aws.ToString(n.SubnetId),
		}
		if n.Status != "" {
			adapter.Connected = aws.Bool(n.Status == types.NetworkInterfaceStatusInUse)
		}
		for _, p := range n.PrivateIpAddresses {
			adapter.IPAddresses = addIP(adapter.IPAddresses, p.PrivateIpAddress)
			a.IPAddresses = addIP(a.IPAddresses, p.PrivateIpAddress)
			if p.Association != nil {
				adapter.IPAddresses = addIP(adapter.IPAddresses, p.Association.PublicIp)
				a.IPAddresses = addIP(a.IPAddresses, p.Association.PublicIp)
			}
		}
		for _, v6 := range n.Ipv6Addresses {
			adapter.IPAddresses = addIP(adapter.IPAddresses, v6.Ipv6Address)
			a.IPAddresses = addIP(a.IPAddresses, v6.Ipv6Address)
		}
		// The first interface is made with the machine; LaunchTime is when it was last started.
		if n.Attachment != nil && n.Attachment.DeviceIndex != nil && *n.Attachment.DeviceIndex == 0 {
			a.ProvisionedAt = when(n.Attachment.AttachTime)
		}
		identify(env, "mac", aws.ToString(n.MacAddress))
		relate(env, "connected_to", "subnet", aws.ToString(n.SubnetId))
		a.NetworkAdapters = append(a.NetworkAdapters, adapter)
	}
}

func serverOwn(i types.Instance) serverFields {
	own := serverFields{
		InstanceType: string(i.InstanceType), Lifecycle: string(i.InstanceLifecycle), Hypervisor: string(i.Hypervisor),
		RootDeviceName: aws.ToString(i.RootDeviceName), RootDeviceType: string(i.RootDeviceType), EBSOptimized: i.EbsOptimized,
		ENASupport: i.EnaSupport, SourceDestCheck: i.SourceDestCheck, CapacityReserved: aws.ToString(i.CapacityReservationId),
		SpotRequest: aws.ToString(i.SpotInstanceRequestId), UsageOperation: aws.ToString(i.UsageOperation), KernelID: aws.ToString(i.KernelId),
		RAMDiskID: aws.ToString(i.RamdiskId), Outpost: aws.ToString(i.OutpostArn), TPM: aws.ToString(i.TpmSupport),
		NetworkInterfaces: len(i.NetworkInterfaces),
	}
	if p := i.Placement; p != nil {
		own.Tenancy, own.PlacementGroup, own.AvailabilityZone = string(p.Tenancy), aws.ToString(p.GroupName), aws.ToString(p.AvailabilityZoneId)
	}
	if m := i.MetadataOptions; m != nil {
		own.MetadataTokens, own.MetadataEndpoint = string(m.HttpTokens), string(m.HttpEndpoint)
	}
	if i.EnclaveOptions != nil {
		own.Enclave = i.EnclaveOptions.Enabled
	}
	if i.HibernationOptions != nil {
		own.Hibernation = i.HibernationOptions.Configured
	}
	if i.StateReason != nil {
		own.StateReason = aws.ToString(i.StateReason.Code)
	}
	if i.IamInstanceProfile != nil {
		own.IAMProfile = aws.ToString(i.IamInstanceProfile.Arn)
	}
	if i.MaintenanceOptions != nil {
		own.AutoRecovery = string(i.MaintenanceOptions.AutoRecovery)
	}
	if i.Operator != nil {
		own.ManagedBy = aws.ToString(i.Operator.Principal)
	}
	if i.CpuOptions != nil {
		own.ThreadsPerCore = number(i.CpuOptions.ThreadsPerCore)
	}
	return own
}

func powerOf(state types.InstanceStateName) string {
	switch state {
	case types.InstanceStateNameRunning, types.InstanceStateNamePending:
		return "on"
	case types.InstanceStateNameStopped, types.InstanceStateNameStopping:
		return "off"
	}
	return "unknown"
}

// osOf reads PlatformDetails, by which Amazon bills: "Red Hat Enterprise Linux with HA", "Windows with SQL Server".
func osOf(details, platform string) schema.OperatingSystem {
	lower := strings.ToLower(details)
	os := schema.OperatingSystem{Name: details}
	switch {
	case strings.HasPrefix(lower, "windows"), strings.EqualFold(platform, "windows"):
		os.Family = "windows"
		if details == "" {
			os.Name = "Windows"
		}
	case strings.Contains(lower, "linux"), strings.Contains(lower, "ubuntu"), strings.Contains(lower, "suse"):
		os.Family = "linux"
	case strings.Contains(lower, "macos"):
		os.Family = "macos"
	}
	return os
}
