package azure

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// machine is a virtual machine, alone or in a scale set.
type machine struct {
	ProvisioningState string        `json:"provisioningState"`
	VMID              string        `json:"vmId"`
	TimeCreated       string        `json:"timeCreated"`
	LicenseType       string        `json:"licenseType"`
	Priority          string        `json:"priority"`
	EvictionPolicy    string        `json:"evictionPolicy"`
	AvailabilitySet   ref           `json:"availabilitySet"`
	ProximityGroup    ref           `json:"proximityPlacementGroup"`
	ScaleSet          ref           `json:"virtualMachineScaleSet"`
	Host              ref           `json:"host"`
	InstanceView      *instanceView `json:"instanceView"`
	// Extended is where Resource Graph has the instance view.
	Extended struct {
		InstanceView *graphView `json:"instanceView"`
	} `json:"extended"`
	Hardware struct {
		Size string `json:"vmSize"`
	} `json:"hardwareProfile"`
	Storage struct {
		Image imageReference `json:"imageReference"`
		OS    osDisk         `json:"osDisk"`
		Data  []dataDisk     `json:"dataDisks"`
	} `json:"storageProfile"`
	OS struct {
		ComputerName string    `json:"computerName"`
		User         string    `json:"adminUsername"`
		Windows      *struct{} `json:"windowsConfiguration"`
		Linux        *struct {
			SSH struct {
				Keys []struct {
					Path string `json:"path"`
				} `json:"publicKeys"`
			} `json:"ssh"`
		} `json:"linuxConfiguration"`
	} `json:"osProfile"`
	Network struct {
		NICs []struct {
			ID         string `json:"id"`
			Properties struct {
				Primary *bool `json:"primary"`
			} `json:"properties"`
		} `json:"networkInterfaces"`
	} `json:"networkProfile"`
	Security struct {
		Type string `json:"securityType"`
		Host *bool  `json:"encryptionAtHost"`
		UEFI struct {
			SecureBoot *bool `json:"secureBootEnabled"`
			VTPM       *bool `json:"vTpmEnabled"`
		} `json:"uefiSettings"`
	} `json:"securityProfile"`
	Capabilities struct {
		Ultra *bool `json:"ultraSSDEnabled"`
	} `json:"additionalCapabilities"`
	Diagnostics struct {
		Boot struct {
			Enabled *bool `json:"enabled"`
		} `json:"bootDiagnostics"`
	} `json:"diagnosticsProfile"`
}

type imageReference struct {
	ID           string `json:"id"`
	Publisher    string `json:"publisher"`
	Offer        string `json:"offer"`
	SKU          string `json:"sku"`
	Version      string `json:"version"`
	ExactVersion string `json:"exactVersion"`
	Gallery      string `json:"communityGalleryImageId"`
	Shared       string `json:"sharedGalleryImageId"`
}

type osDisk struct {
	Name    string `json:"name"`
	Type    string `json:"osType"`
	SizeGB  int64  `json:"diskSizeGB"`
	Managed ref    `json:"managedDisk"`
	VHD     struct {
		URI string `json:"uri"`
	} `json:"vhd"`
}

type dataDisk struct {
	SizeGB  int64 `json:"diskSizeGB"`
	Managed ref   `json:"managedDisk"`
}

// instanceView is how a machine is doing.
type instanceView struct {
	ComputerName string `json:"computerName"`
	OSName       string `json:"osName"`
	OSVersion    string `json:"osVersion"`
	Generation   string `json:"hyperVGeneration"`
	Agent        *struct {
		Version  string `json:"vmAgentVersion"`
		Statuses []code `json:"statuses"`
	} `json:"vmAgent"`
	Statuses    []code `json:"statuses"`
	Maintenance *struct {
		Allowed *bool `json:"isCustomerInitiatedMaintenanceAllowed"`
	} `json:"maintenanceRedeployStatus"`
}

type code struct {
	Code    string `json:"code"`
	Display string `json:"displayStatus"`
	Message string `json:"message"`
}

// graphView is the instance view as Resource Graph writes it.
type graphView struct {
	ComputerName string `json:"computerName"`
	OSName       string `json:"osName"`
	OSVersion    string `json:"osVersion"`
	Generation   string `json:"hyperVGeneration"`
	PowerState   *code  `json:"powerState"`
}

// doing is what is kept of an instance view while machines are read.
type doing struct {
	power, status, message           string
	computerName, osName, osVersion  string
	generation, agent, agentVersions string
}

func doingOf(v *instanceView) doing {
	d := doing{computerName: v.ComputerName, osName: v.OSName, osVersion: v.OSVersion, generation: v.Generation}
	for _, s := range v.Statuses {
		switch {
		case strings.HasPrefix(s.Code, "PowerState/"):
			d.setPower(s.Code)
		case s.Code == "HibernationState/Hibernated":
			defer func() { d.power, d.status = "suspended", "hibernated" }()
		case strings.HasPrefix(s.Code, "ProvisioningState/failed"):
			d.message = firstLine(s.Message)
		}
	}
	d.agent = "not_running"
	if v.Agent != nil {
		d.agentVersions = v.Agent.Version
		for _, s := range v.Agent.Statuses {
			if s.Code == "ProvisioningState/succeeded" && d.agentVersions != "" && d.agentVersions != "Unknown" {
				d.agent = "running"
			}
		}
	}
	return d
}

func (d *doing) setPower(state string) {
	word := strings.ToLower(strings.TrimPrefix(state, "PowerState/"))
	d.status = word
	switch word {
	case "running", "starting":
		d.power = "on"
	case "stopped", "stopping", "deallocated", "deallocating":
		d.power = "off"
	default:
		d.power = "unknown"
	}
}

// seen is what is kept of a machine's instance view until the machine is read. Most machines are doing alike.
type seen struct {
	*doing
	computerName string
}

// joined is what machines are made of beside what their own list says. Each part may be missing: blind says what
// could not be read then.
type joined struct {
	doing map[idKey]seen
	nics  map[idKey]adapter
	sizes *sizes
	blind []string
}

// readMachines emits virtual machines. How they are doing, their adapters and public addresses are lists of their
// own, so that the number of calls grows with the pages and not with the machines.
func readMachines(ctx context.Context, r *reader, l list) error {
	j := joined{doing: map[idKey]seen{}, sizes: newSizes(r)}
	alike := map[doing]*doing{}
	err := pages(ctx, r.client, r.call, r.client.link(r.path(l.path), l.version, "statusOnly", "true"), r.out.Warn, func(page []item[machine]) error {
		for _, vm := range page {
			if vm.Properties.InstanceView != nil {
				d := doingOf(vm.Properties.InstanceView)
				name := d.computerName
				d.computerName = ""
				if alike[d] == nil {
					alike[d] = &d
				}
				j.doing[keyOf(vm.ID)] = seen{alike[d], name}
			}
		}
		return nil
	})
	if err := j.without(ctx, r, err, "how machines are doing", statusPointers); err != nil {
		return err
	}
	j.nics, err = r.adapters(ctx)
	if err := j.without(ctx, r, err, "network interfaces", networkPointers); err != nil {
		return err
	}
	return each(ctx, r, l, func(vm item[machine]) error {
		env := envelope(r, vm)
		server, own := j.translate(ctx, &env, vm)
		return r.emit(ctx, env, server, fieldsOf(vm, vm.Properties.ProvisioningState), own)
	})
}

var (
	statusPointers  = []string{"/attributes/power_state", "/attributes/status", "/attributes/status_message", "/attributes/guest_agent_status", "/attributes/guest_agent_version"}
	networkPointers = []string{"/attributes/network_adapters", "/attributes/primary_ip", "/attributes/public_ip", "/attributes/ip_addresses", "/attributes/dns_names"}
	sizePointers    = []string{"/attributes/cpu_count", "/attributes/memory_bytes"}
)

// without goes on without a detail that could not be read, which every machine then names.
func (j *joined) without(ctx context.Context, r *reader, err error, what string, pointers []string) error {
	var ended *stop
	switch {
	case err == nil, errors.Is(err, errUnregistered):
		return nil
	case ctx.Err() != nil, errors.As(err, &ended):
		return err
	}
	r.out.Warn("%s could not be read, so the former values are kept: %v", what, err)
	j.blind = append(j.blind, pointers...)
	return nil
}

func (j *joined) translate(ctx context.Context, env *resource.Envelope, vm item[machine]) (schema.Server, ServerFields) {
	p := vm.Properties
	a := schema.Server{
		Type: "virtual", Flavor: p.Hardware.Size, Hostname: p.OS.ComputerName, IAMRole: vm.Identity.identities(),
		ProvisionedAt: moment(p.TimeCreated), VirtualizationType: "hyperv", Manufacturer: "Microsoft Corporation", Model: "Virtual Machine",
	}
	if p.OS.User != "" {
		a.Users = []string{p.OS.User}
	}
	env.Unread = append(env.Unread, j.blind...)
	var d doing
	s, known := j.doing[keyOf(vm.ID)]
	if known {
		d = *s.doing
		d.computerName = s.computerName
	}
	if v := p.Extended.InstanceView; !known && v != nil {
		d, known = doing{computerName: v.ComputerName, osName: v.OSName, osVersion: v.OSVersion, generation: v.Generation}, true
		if v.PowerState != nil {
			d.setPower(v.PowerState.Code)
		}
	} else if !known && p.InstanceView != nil {
		d, known = doingOf(p.InstanceView), true
	}
	a.PowerState, a.Status, a.StatusMessage = d.power, d.status, d.message
	a.GuestAgentStatus, a.GuestAgentVersion = d.agent, d.agentVersions
	if d.computerName != "" {
		a.Hostname = d.computerName
	}
	if !known && !slices.Contains(j.blind, statusPointers[0]) {
		a.PowerState = "unknown"
	}
	if p.ScaleSet.ID != "" {
		relate(env, "member_of", "backing_service", p.ScaleSet.ID)
	}
	a.OS = operatingSystem(p, d)
	a.Image = p.Storage.Image.String()
	if image := p.Storage.Image.ID; strings.Contains(strings.ToLower(image), "/microsoft.compute/images/") {
		relate(env, "created_from", "image", image)
	}
	a.Firmware = firmware(d.generation)
	a.DiskBytes = p.Storage.OS.SizeGB * gib
	for _, disk := range p.Storage.Data {
		a.DiskBytes += disk.SizeGB * gib
	}
	identifyMachine(env, p.VMID)
	if p.Priority == "Spot" || p.Priority == "Low" {
		a.Spot = pointer(true)
	}
	j.network(env, &a, vm)
	j.sizes.apply(ctx, env, &a, vm.Location, p.Hardware.Size)
	return a, ownOf(vm, d)
}

func ownOf(vm item[machine], d doing) ServerFields {
	p := vm.Properties
	return ServerFields{
		ScaleSet:        nameOf(p.ScaleSet.ID),
		AvailabilitySet: nameOf(p.AvailabilitySet.ID), ProximityGroup: nameOf(p.ProximityGroup.ID), HostGroup: nameOf(p.Host.ID),
		Priority: p.Priority, EvictionPolicy: p.EvictionPolicy, LicenseType: p.LicenseType, SecurityType: p.Security.Type,
		SecureBoot: p.Security.UEFI.SecureBoot, VirtualTPM: p.Security.UEFI.VTPM, EncryptionAtHost: p.Security.Host,
		UltraDisks: p.Capabilities.Ultra, BootDiagnostics: p.Diagnostics.Boot.Enabled, Generation: d.generation,
		ImageSKU: p.Storage.Image.SKU, DataDisks: len(p.Storage.Data),
	}
}

// identifyMachine knows a machine by its UUID. Firmware of the first generation shows the UUID's first three
// groups with their bytes turned round, as Linux' dmidecode and Ansible then read it.
func identifyMachine(env *resource.Envelope, id string) {
	uuid, ok := schema.NormalizeIdentifier("instance_uuid", id)
	if !ok {
		return
	}
	identify(env, "instance_uuid", uuid)
	identify(env, "bios_uuid", uuid)
	raw, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil || len(raw) != 16 {
		return
	}
	slices.Reverse(raw[0:4])
	slices.Reverse(raw[4:6])
	slices.Reverse(raw[6:8])
	identify(env, "bios_uuid", hex.EncodeToString(raw))
}

func operatingSystem(p machine, d doing) schema.OperatingSystem {
	os := schema.OperatingSystem{Name: d.osName, Version: d.osVersion}
	if os.Name == "" {
		os.Name = p.Storage.Image.Offer
	}
	switch {
	case strings.EqualFold(p.Storage.OS.Type, "windows"), p.Storage.OS.Type == "" && p.OS.Windows != nil:
		os.Family = "windows"
	case strings.EqualFold(p.Storage.OS.Type, "linux"), p.OS.Linux != nil:
		os.Family = "linux"
		if strings.EqualFold(d.osName, "freebsd") {
			os.Family = "freebsd"
		}
	}
	return os
}

// String is the image as people name it: publisher:offer:sku:version, or the name of one's own.
func (i imageReference) String() string {
	switch {
	case i.Publisher != "":
		version := i.ExactVersion
		if version == "" {
			version = i.Version
		}
		return strings.Join([]string{i.Publisher, i.Offer, i.SKU, version}, ":")
	case i.Gallery != "":
		return i.Gallery
	case i.Shared != "":
		return i.Shared
	case segment(i.ID, "galleries") != "":
		return strings.Trim(strings.Join([]string{segment(i.ID, "galleries"), segment(i.ID, "images"), segment(i.ID, "versions")}, "/"), "/")
	}
	return nameOf(i.ID)
}

// network adds what is known of a machine's adapters.
func (j *joined) network(env *resource.Envelope, a *schema.Server, vm item[machine]) {
	list := vm.Properties.Network.NICs
	for _, n := range list {
		nic, ok := j.nics[keyOf(n.ID)]
		if !ok {
			continue
		}
		nic.first = len(list) == 1 || n.Properties.Primary != nil && *n.Properties.Primary
		nic.add(env, a)
	}
	finishNetwork(a)
}
