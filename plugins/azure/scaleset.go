package azure

import (
	"context"
	"fmt"
	"strings"

	"maestro.internal/sdk/schema"
)

// scaleSet is a virtual machine scale set.
type scaleSet struct {
	ProvisioningState string `json:"provisioningState"`
	Orchestration     string `json:"orchestrationMode"`
	UniqueID          string `json:"uniqueId"`
	Created           string `json:"timeCreated"`
	FaultDomains      int    `json:"platformFaultDomainCount"`
	ZoneBalance       *bool  `json:"zoneBalance"`
	Upgrade           struct {
		Mode string `json:"mode"`
	} `json:"upgradePolicy"`
	Profile struct {
		Priority string `json:"priority"`
		Storage  struct {
			Image imageReference `json:"imageReference"`
		} `json:"storageProfile"`
		Network struct {
			NICs []item[struct {
				NSG ref `json:"networkSecurityGroup"`
				IPs []struct {
					Properties struct {
						Subnet ref `json:"subnet"`
					} `json:"properties"`
				} `json:"ipConfigurations"`
			}] `json:"networkInterfaceConfigurations"`
		} `json:"networkProfile"`
	} `json:"virtualMachineProfile"`
}

// flexible says that the instances are virtual machines like others, and listed among them.
func (s scaleSet) flexible() bool { return strings.EqualFold(s.Orchestration, "Flexible") }

func readScaleSets(ctx context.Context, r *reader, l list) error {
	return each(ctx, r, l, func(i item[scaleSet]) error {
		env, p := envelope(r, i), i.Properties
		identify(&env, "instance_uuid", p.UniqueID)
		b := schema.BackingService{
			Family: "auto_scaling", Type: "scale_set", Status: p.ProvisioningState, Flavor: i.SKU.Name, Zones: sorted(i.Zones), Provisioned: moment(p.Created),
		}
		if i.SKU.Capacity != nil {
			b.NodeCount, b.DesiredCount = int(*i.SKU.Capacity), pointer(int(*i.SKU.Capacity))
		}
		for _, nic := range p.Profile.Network.NICs {
			relate(&env, "uses", "security_group", nic.Properties.NSG.ID)
			for _, ip := range nic.Properties.IPs {
				connect(&env, ip.Properties.Subnet.ID)
			}
		}
		own := ClusterFields{
			Orchestration: strings.ToLower(p.Orchestration), UpgradeMode: strings.ToLower(p.Upgrade.Mode), Priority: p.Profile.Priority, FaultDomains: p.FaultDomains,
			ZoneBalance: p.ZoneBalance, Image: p.Profile.Storage.Image.String(),
		}
		return r.emit(ctx, env, b, fieldsOf(i, p.ProvisioningState), own)
	})
}

// instance is a machine of a uniform scale set.
type instance struct {
	machine
	LatestModel *bool `json:"latestModelApplied"`
}

// The names in Resource Graph of what belongs to uniform scale sets.
const (
	graphInstances  = "microsoft.compute/virtualmachinescalesets/virtualmachines"
	graphInterfaces = graphInstances + "/networkinterfaces"
	graphAddresses  = graphInterfaces + "/ipconfigurations/publicipaddresses"
)

// members reads the machines of uniform scale sets.
type members struct {
	*reader
	version string
	sets    map[string]item[scaleSet]
	order   []string
	sizes   *sizes
}

// readInstances emits the machines of uniform scale sets. Resource Manager lists them by set, Resource Graph all at
// once; a set of which Resource Graph does not show as many as there should be is asked itself.
func readInstances(ctx context.Context, r *reader, l list) error {
	m := &members{reader: r, version: l.version, sets: map[string]item[scaleSet]{}, sizes: newSizes(r)}
	err := each(ctx, r, l, func(i item[scaleSet]) error {
		if i.Properties.flexible() {
			return nil
		}
		m.order = append(m.order, canonical(i.ID))
		m.sets[canonical(i.ID)] = item[scaleSet]{ID: i.ID, Name: i.Name, SKU: i.SKU}
		return nil
	})
	if err != nil {
		return err
	}
	shown := map[string]bool{}
	if len(m.order) >= graphWorth {
		if shown, err = m.fromGraph(ctx); err != nil {
			return err
		}
	}
	var rest []item[scaleSet]
	for _, id := range m.order {
		if !shown[id] {
			rest = append(rest, m.sets[id])
		}
	}
	return parallel(ctx, rest, func(ctx context.Context, set item[scaleSet]) error {
		if err := m.fromSet(ctx, set); err != nil {
			return fmt.Errorf("instances of %s: %w", set.Name, err)
		}
		return nil
	})
}

// fromGraph emits the sets that Resource Graph shows whole: as many machines as there should be, each with its
// interfaces and its power state. It answers which those are.
func (m *members) fromGraph(ctx context.Context) (map[string]bool, error) {
	shown := map[string]bool{}
	public, nics, once := map[idKey]outside{}, map[idKey]adapter{}, words{}
	if whole, err := graphItems(ctx, m.reader, "computeresources", graphAddresses, func(i item[publicIP]) error {
		ip, _ := address(i.Properties.IP)
		public[keyOf(i.ID)] = outside{ip, i.Properties.DNS.FQDN}
		return nil
	}); err != nil || !whole {
		return shown, err
	}
	if whole, err := graphItems(ctx, m.reader, "computeresources", graphInterfaces, func(i item[nic]) error {
		nics[keyOf(i.ID)] = adapterOf(i, public, once)
		return nil
	}); err != nil || !whole {
		return shown, err
	}
	j := joined{nics: nics, sizes: m.sizes}
	use := func(set string, machines []item[instance]) error {
		// A set of none is asked itself: it may still be taking its last ones away.
		want := m.sets[set].SKU.Capacity
		if want == nil || *want != int64(len(machines)) {
			return nil
		}
		for _, i := range machines {
			if i.Properties.Extended.InstanceView == nil && i.Properties.InstanceView == nil {
				return nil
			}
			for _, n := range i.Properties.Network.NICs {
				if _, ok := nics[keyOf(n.ID)]; !ok {
					return nil
				}
			}
		}
		shown[set] = true
		for _, i := range machines {
			if err := m.emitInstance(ctx, &j, i); err != nil {
				return err
			}
		}
		return nil
	}
	return shown, graphFamilies(ctx, m.reader, "computeresources", graphInstances, use)
}

// fromSet emits what Resource Manager lists of one set.
func (m *members) fromSet(ctx context.Context, set item[scaleSet]) error {
	j := joined{nics: map[idKey]adapter{}, sizes: m.sizes}
	public, once := map[idKey]outside{}, words{}
	var nics []item[nic]
	outward := false
	// These two lists have had no other version since.
	const version = "2018-10-01"
	err := eachAnywhere(ctx, m.reader, m.client.link(set.ID+"/networkInterfaces", version), func(i item[nic]) error {
		for _, c := range i.Properties.Configurations {
			outward = outward || c.Properties.PublicIP.ID != ""
		}
		nics = append(nics, i)
		return nil
	})
	if err == nil && outward {
		err = eachAnywhere(ctx, m.reader, m.client.link(set.ID+"/publicipaddresses", version), func(i item[publicIP]) error {
			ip, _ := address(i.Properties.IP)
			public[keyOf(i.ID)] = outside{ip, i.Properties.DNS.FQDN}
			return nil
		})
	}
	if gone(err) {
		return nil // deleted since its list was read
	}
	if err := j.without(ctx, m.reader, err, "network interfaces of "+set.Name, networkPointers); err != nil {
		return err
	}
	for _, n := range nics {
		j.nics[keyOf(n.ID)] = adapterOf(n, public, once)
	}
	err = eachAnywhere(ctx, m.reader, m.client.link(set.ID+"/virtualMachines", m.version, "$expand", "instanceView"), func(i item[instance]) error {
		return m.emitInstance(ctx, &j, i)
	})
	if gone(err) {
		return nil
	}
	return err
}

func (m *members) emitInstance(ctx context.Context, j *joined, i item[instance]) error {
	vm := item[machine]{
		ID: i.ID, Name: i.Name, Type: i.Type, Location: i.Location, Tags: i.Tags, Zones: i.Zones, SKU: i.SKU, Identity: i.Identity, Properties: i.Properties.machine,
	}
	if vm.Properties.Hardware.Size == "" {
		vm.Properties.Hardware.Size = i.SKU.Name
	}
	// Only what both ways of reading say is kept: a set that is read the one way today and the other tomorrow has
	// not changed.
	if v := vm.Properties.InstanceView; v != nil {
		vm.Properties.InstanceView = &instanceView{ComputerName: v.ComputerName, OSName: v.OSName, OSVersion: v.OSVersion, Statuses: v.Statuses}
	}
	set := parent(canonical(i.ID))
	env := envelope(m.reader, vm)
	server, own := j.translate(ctx, &env, vm)
	relate(&env, "member_of", "backing_service", set)
	server.GuestAgentStatus, server.StatusMessage, server.Firmware, own.Generation = "", "", "", ""
	own.ScaleSet, own.InstanceID, own.LatestModel = m.sets[set].Name, nameOf(i.ID), i.Properties.LatestModel
	return m.emit(ctx, env, server, fieldsOf(vm, vm.Properties.ProvisioningState), own)
}
